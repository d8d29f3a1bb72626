"""
What comes in: JSON bodies and query arguments.

The vendor tolerates strings for numbers and booleans and ignores unknown keys, and its own examples rely on that.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import request

from sandbox.answers import stamp
from sandbox.errors import Refusal, bad_request

UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
EMAIL = re.compile(r"\S+@\S+")
UUIDS_AT_MOST = 100
TRUE, FALSE = {"true", "1"}, {"false", "0"}


def json_body() -> dict[str, Any]:
    """
    The request's JSON object; an empty body counts as an empty object.

    :raises Refusal: 415 for a body of another type, 400 for one that is not a JSON object.
    """
    raw = request.get_data()
    if not raw:
        return {}
    if not request.is_json:
        raise Refusal(415, "Unsupported Media Type", info="Content-Type must be application/json.")
    try:
        body = json.loads(raw, parse_constant=_no_number)
        if b"\\u" in raw:
            json.dumps(body, ensure_ascii=False).encode()  # half a character, as in "\\ud800", could be neither stored nor answered
    except (ValueError, RecursionError):
        raise bad_request("The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise bad_request("The body must be a JSON object.")
    return body


def _no_number(word: str) -> None:
    """:raises ValueError: always, as NaN and Infinity are Python's words, not JSON's."""
    raise ValueError(word)


def boolean(value: Any, name: str) -> bool:
    """True, "true", 1 and "1" are true, as PHP and Python clients send them."""
    word = str(value).lower()
    if word not in TRUE | FALSE:
        raise bad_request(f"{name} must be true or false.")
    return word in TRUE


def integer(value: Any, name: str) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"-?\d{1,18}", str(value)):
        raise bad_request(f"{name} must be an integer.")
    return int(value)


def text(value: Any, name: str, *, required: bool = False, longest: int = 1024) -> str:
    if not isinstance(value, str) or len(value) > longest or (required and not value.strip()):
        raise bad_request(f"{name} must be a text of {1 if required else 0} to {longest} characters.")
    return value.strip()


def verbatim(value: Any, name: str, *, shortest: int = 0, longest: int = 1024) -> str:
    """A text exactly as it was sent: blanks at the ends of a password, for example, belong to it."""
    if not isinstance(value, str) or not shortest <= len(value) <= longest:
        raise bad_request(f"{name} must be a text of {shortest} to {longest} characters.")
    return value


def uuid(value: Any, name: str) -> str:
    if not isinstance(value, str) or not UUID.fullmatch(value):
        raise bad_request(f"{name} must be a UUID in lower case.")
    return value


def moment(value: Any, name: str) -> str:
    """A time as a stamp that compares with stored ones; without a zone it counts as UTC."""
    try:
        given = datetime.fromisoformat(value)
        return stamp(given if given.tzinfo else given.replace(tzinfo=UTC))
    except (TypeError, ValueError, OverflowError):
        raise bad_request(f"{name} must be a time like 2026-10-01T08:00:00Z.") from None


def mapping(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise bad_request(f"{name} must be an object.")
    return value


def listing(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise bad_request(f"{name} must be a list.")
    return value


def one_of(value: Any, name: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise bad_request(f"{name} must be one of {', '.join(allowed)}.")
    return str(value)


def required(body: Mapping[str, Any], name: str) -> Any:
    if body.get(name) is None:
        raise bad_request(f"{name} is required.")
    return body[name]


# Query arguments


def wants(name: str, *, default: bool = False) -> bool:
    value = request.args.get(name)
    return default if not value else boolean(value, name)


def query(name: str) -> str:
    """:raises Refusal: 400 when the argument is missing or empty."""
    value = request.args.get(name, "")
    if not value:
        raise bad_request(f"{name} is required.")
    return value


def query_version() -> int:
    return integer(query("version"), "version")


def query_uuids(name: str) -> list[str]:
    """A comma-separated list of at most a hundred UUIDs, without repetitions and in the order given."""
    ids = [uuid(part, name) for part in query(name).split(",")]
    if len(ids) > UUIDS_AT_MOST:
        raise bad_request(f"{name} may hold at most {UUIDS_AT_MOST} UUIDs.")
    return list(dict.fromkeys(ids))


def query_names(name: str) -> set[str] | None:
    """A comma-separated list of words, or None when the argument is absent."""
    value = request.args.get(name)
    return None if not value else {part.strip() for part in value.split(",")}


def query_limit(*, default: int, most: int) -> int:
    """At least 1, or 400. More than the most is the most: the reference names no bound, and a page says that more follow."""
    limit = integer(request.args.get("limit", default), "limit")
    if limit < 1:
        raise bad_request("limit must be at least 1.")
    return min(limit, most)


def query_moment(name: str) -> str | None:
    """An RFC 3339 time as a stamp that compares with stored ones; without a zone it counts as UTC."""
    value = request.args.get(name)
    return moment(value.replace(" ", "+"), name) if value else None  # an unescaped "+" arrives as a blank


def query_identifiers(name: str) -> list[str]:
    """Comma-separated words of at most a hundred, in the order given."""
    words = [part.strip() for part in query(name).split(",") if part.strip()]
    if len(words) > UUIDS_AT_MOST:
        raise bad_request(f"{name} may hold at most {UUIDS_AT_MOST} values.")
    return words
