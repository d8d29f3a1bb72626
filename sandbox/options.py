"""The options of `python -m sandbox`, each checked before anything is started: one clear sentence for what is wrong."""

import argparse
import os
import socket
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from errno import EADDRINUSE
from pathlib import Path
from typing import NoReturn

from sandbox.app import CLIENT_ID, CLIENT_SECRET, LOGIN, PASSWORD, moment
from sandbox.population import MOST

LONGEST_LATENCY_MS = 60_000
OUR_TABLES = frozenset({"settings", "tenants", "offering_items"})
WAITING_CONNECTIONS = 128


class UnusableOption(Exception):
    """What was asked for cannot be done; the text says what and why."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def parser() -> Parser:
    parser = Parser(
        prog="python -m sandbox",
        description="A local Acronis for development and tests. sandbox/README.md says what it does and how to make it fail.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    add("--port", metavar="N", type=_whole(most=65_535), default=8010, help="0 takes a free one (%(default)s)")
    add("--data", metavar="FILE", type=Path, default=Path("var/sandbox.sqlite3"), help="where everything is kept (%(default)s)")
    # Secrets may come by the environment: a command line is read by everybody on the machine.
    client_id, client_secret = os.environ.get("SANDBOX_CLIENT_ID"), os.environ.get("SANDBOX_CLIENT_SECRET")
    add("--client-id", metavar="ID", type=_filled, default=client_id or CLIENT_ID, help="the API client (%(default)s)")
    add(
        "--client-secret",
        metavar="SECRET",
        type=_filled,
        default=client_secret or CLIENT_SECRET,
        help=f"its secret ({CLIENT_SECRET}); both also by SANDBOX_CLIENT_ID and SANDBOX_CLIENT_SECRET",
    )
    add("--login", type=_filled, default=LOGIN, help="the provider's administrator (%(default)s)")
    add("--password", type=_filled, default=PASSWORD, help="of the administrator and of invented users (%(default)s)")
    add("--latency-ms", metavar="MS", type=_whole(most=LONGEST_LATENCY_MS), default=0, help="what each call takes at least")
    add("--legacy-standard", action="store_true", help="offer the legacy edition `standard` as well; once offered it stays")
    add("--partners", metavar="N", type=_whole(most=MOST), default=0, help="invent so many resellers")
    add("--customers", metavar="N", type=_whole(most=MOST), default=0, help="invent so many customers, spread over the resellers")
    add("--now", metavar="TIME", type=_moment, help="what the clock shows first, as 2026-10-01T08:00:00Z (the real time)")
    return parser


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options of the command line; what is wrong with them ends the process with status 2."""
    return parser().parse_args(arguments)


def _whole(*, most: int) -> Callable[[str], int]:
    def whole(word: str) -> int:
        if not (word.isascii() and word.isdigit()) or len(word) > 9 or int(word) > most:
            raise argparse.ArgumentTypeError(f"{word!r} is not a whole number from 0 to {most}.")
        return int(word)

    return whole


def _filled(word: str) -> str:
    if not word.strip():
        raise argparse.ArgumentTypeError("it must not be empty.")
    return word


def _moment(word: str) -> datetime:
    try:
        found = moment(word)
    except ValueError:
        found = None
    if found is None:
        raise argparse.ArgumentTypeError(f"{word!r} is not a time with a zone, as 2026-10-01T08:00:00Z.")
    return found


def check_data_file(path: Path) -> None:
    """
    A file that is not there yet, or is empty, is fine.

    :raises UnusableOption: the file cannot be read or written, or was not made by the sandbox.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            return
        with path.open("r+b") as file:
            is_empty = not file.read(1)
    except (FileExistsError, NotADirectoryError):
        raise UnusableOption(f"argument --data: {path.parent} is not a folder.") from None
    except OSError as error:
        raise UnusableOption(f"argument --data: {path} cannot be used: {error.strerror}.") from None
    if not is_empty and not _tables(path) >= OUR_TABLES:
        raise UnusableOption(f"argument --data: {path} is not a file of the sandbox.")


def _tables(path: Path) -> set[str]:
    """The tables of a SQLite file; none of a file of any other kind."""
    try:
        with closing(sqlite3.connect(path)) as db:
            return {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.DatabaseError:
        return set()


def listening_socket(host: str, port: int) -> socket.socket:
    """:raises UnusableOption: nobody can listen there, or somebody does already."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(WAITING_CONNECTIONS)
    except OSError as error:
        listening.close()
        if error.errno == EADDRINUSE:
            raise UnusableOption(f"argument --port: port {port} of {host} is in use.") from None
        raise UnusableOption(f"argument --host: cannot listen on port {port} of {host}: {error.strerror}.") from None
    return listening
