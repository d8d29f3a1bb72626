"""
The database of a test run: a copy of one that was migrated before, put back as it was after each test that commits. Rows that
very many tests begin with are made once and put in again.

Migrating from nothing takes many seconds, copying a migrated database a moment. So the first run after a migration
has changed leaves a template in the server, and every later one copies it. Django's own `migrate` runs over the copy.
"""

import hashlib
import subprocess
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Generic, TypeVar

from django.apps import apps
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg.sql import Literal

from config import embedded
from config.keeper import Postgres

Made = TypeVar("Made")
TEMPLATES = "cloudtill_migrated_"
DRAFT = f"{TEMPLATES}draft"
LOCK = 6_120_517  # an advisory lock in the server's database “postgres”, where the application locks nothing


# --- The template ----------------------------------------------------------------------------------------------------------


def migrated_template() -> str:
    """
    Return the name of a database that all present migrations have made; make it if the server has none.

    Several processes may ask at once: one makes it, the others wait. What was left half made is made again, and templates
    of other migrations are dropped.
    """
    name = f"{TEMPLATES}{_fingerprint()}"
    with connection.creation._nodb_cursor() as server:
        server.execute("SELECT pg_advisory_lock(%s)", [LOCK])  # until the connection ends
        server.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [TEMPLATES])
        found = [row[0] for row in server.fetchall()]
        if name not in found:
            for outdated in found:
                server.execute(f"DROP DATABASE {outdated}")
            server.execute(f"CREATE DATABASE {DRAFT}")
            _migrate(DRAFT)
            server.execute(f"ALTER DATABASE {DRAFT} RENAME TO {name}")
    return name


def _migrate(database: str) -> None:
    own_name = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = database
    try:
        call_command("migrate", verbosity=0, interactive=False)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = own_name


def _fingerprint() -> str:
    """What stands for the present migrations: a digest of the apps' names and all text in their folders of migrations."""
    digest = hashlib.sha256(repr((settings.INSTALLED_APPS, settings.MIGRATION_MODULES)).encode())
    for app in apps.get_app_configs():
        folder = Path(app.path) / "migrations"
        for file in sorted(folder.glob("*.py")):
            digest.update(f"{app.label} {file.name}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def move_in(state: Path) -> None:
    """
    Start the server of a state folder, with a copy of this run's database in it: migrated, and empty but for what that adds.

    For tests of a whole house that look at what happens in it later. That a house also migrates an empty database of its own is
    proved by the demonstration (`tests/config/test_demo.py`).
    """
    programs, ours = Postgres(state).programs, connection.settings_dict
    url = f"postgresql://{ours['USER']}:{ours['PASSWORD']}@{ours['HOST']}:{ours['PORT']}/{ours['NAME']}"
    dump = subprocess.run([programs / "pg_dump", "--no-owner", url], check=True, capture_output=True).stdout
    load = [programs / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", embedded.database_url(state, durable=False)]
    subprocess.run(load, input=dump, check=True, capture_output=True)


# --- After a test that commits ---------------------------------------------------------------------------------------------


class FreshRows:
    """
    The rows a test database begins with, and a quick way back to them.

    Django's own way empties every table, whether anything is in it or not, and makes content types and permissions anew;
    what the migrations have added is gone from then on. Here a table that is as it was is not touched.
    """

    def __init__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT oid::regclass::text FROM pg_class"
                " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'django_migrations'"
            )
            tables = [row[0] for row in cursor.fetchall()]
            self._question = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in tables)  # noqa: S608
            self._rows = {table: _rows_of(cursor, table) for table in self.filled(cursor)}

    @staticmethod
    def can_be_restored() -> bool:
        """Whether we may pass by triggers, which protect ledgers from deletion, and foreign keys: a superuser may."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT has_parameter_privilege('session_replication_role', 'SET')")
            allowed: bool = cursor.fetchone()[0]
            return allowed

    def restore(self) -> None:
        """Delete every row that was not there and bring back each that was. Sequences go on, as after Django's flush."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            for table in self.filled(cursor) | self._rows.keys():
                fresh = self._rows.get(table, b"")
                if not fresh or _rows_of(cursor, table) != fresh:
                    cursor.execute(f"DELETE FROM {table}")  # noqa: S608
                    _fill(cursor, table, fresh)
        ContentType.objects.clear_cache()

    def filled(self, cursor: CursorWrapper) -> set[str]:
        """The tables that have a row."""
        cursor.execute(self._question)
        return {row[0] for row in cursor.fetchall()}


def _rows_of(cursor: CursorWrapper, table: str) -> bytes:
    with cursor.copy(f"COPY {table} TO STDOUT") as copy:
        return b"".join(bytes(part) for part in copy)


def _fill(cursor: CursorWrapper, table: str, rows: bytes) -> None:
    if rows:
        with cursor.copy(f"COPY {table} FROM STDIN") as copy:
            copy.write(rows)


# --- Rows that many tests begin with ---------------------------------------------------------------------------------------


class Remembered(Generic[Made]):
    """
    What `make` returns, and the rows it adds: made once, for each later test there again as they were.

    `make` may lean on nothing but a fresh database. The rows keep their keys, which nobody else gets, as sequences never go
    back. Where a test has rows in these tables already, they are made as ever.
    """

    def __init__(self, make: Callable[[], Made]) -> None:
        self._make = make
        self._made: Made | None = None
        self._question = ""
        self._statements = ""

    def again(self, fresh: FreshRows | None) -> Made:
        """
        Return what `make` would, once its rows are there.

        :param fresh: what a fresh database holds; None where rows cannot be put in past triggers: they are made each time.
        """
        if fresh is None:
            return self._make()
        if self._made is None:
            return self._make_and_remember(fresh)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(self._question)
            if cursor.fetchone()[0]:
                return self._make()
            cursor.execute(self._statements)
        return deepcopy(self._made)

    def _make_and_remember(self, fresh: FreshRows) -> Made:
        with connection.cursor() as cursor:
            before = {table: _records_of(cursor, table) for table in fresh.filled(cursor)}
            made = self._make()
            after = {table: _records_of(cursor, table) for table in sorted(fresh.filled(cursor))}
            changed = [table for table, rows in after.items() if rows != before.get(table)]
            if not any(table in before for table in changed):
                inserts = [_insertion(cursor, table, after[table]) for table in changed]
                past_triggers, as_ever = (f"SET LOCAL session_replication_role = {role}" for role in ("replica", "origin"))
                self._statements = "; ".join([past_triggers, *inserts, as_ever])
                self._question = "SELECT " + " OR ".join(f"EXISTS (SELECT FROM {table})" for table in changed)  # noqa: S608
                self._made = deepcopy(made)
        return made


def _records_of(cursor: CursorWrapper, table: str) -> list[str]:
    """The rows of a table, each as PostgreSQL writes a record."""
    cursor.execute(f"SELECT {table}::text FROM {table}")  # noqa: S608
    return [row[0] for row in cursor.fetchall()]


def _insertion(cursor: CursorWrapper, table: str, records: list[str]) -> str:
    values = Literal(records).as_string(cursor.connection)
    return f"INSERT INTO {table} SELECT (row).* FROM unnest({values}::{table}[]) AS row"  # noqa: S608
