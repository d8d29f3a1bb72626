"""What goes out: JSON on one line without a newline, truly empty 204s, time stamps with a zone."""

import json
from datetime import UTC, datetime
from typing import Any

from flask import Response


def answer(body: Any, status: int = 200) -> Response:
    """Shell clients of the vendor read exactly one line of body, so it has neither line breaks nor a final newline."""
    return Response(json.dumps(body, separators=(",", ":"), ensure_ascii=False), status=status, mimetype="application/json")


def nothing() -> Response:
    """A 204 without body and without content type."""
    response = Response(status=204)
    response.headers.pop("Content-Type", None)
    return response


def stamp(at: datetime) -> str:
    """`2026-10-01T08:00:00.123456+00:00`; strict clients fail on a time without zone."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
