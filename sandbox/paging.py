"""Cursor pages: a signed, opaque word that carries every filter and the place to go on from."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from flask import current_app, request
from itsdangerous import BadSignature, URLSafeSerializer

from sandbox.errors import bad_request


def page_of(rows: list[sqlite3.Row], limit: int) -> tuple[list[sqlite3.Row], bool]:
    """Of rows fetched one more than the limit: the page, and whether another one follows."""
    return rows[:limit], len(rows) > limit


def cursor_of(batch: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The `paging` object of a page that is followed by another."""
    return {"cursors": {"after": _signer(batch).dumps(dict(asked))}}


def opened_cursor(batch: str) -> dict[str, Any]:
    """:raises Refusal: 400 for a word that is not a cursor of this batch."""
    try:
        asked: dict[str, Any] = _signer(batch).loads(request.args["after"])
    except BadSignature:
        raise bad_request("after is not a cursor of this batch.") from None
    return asked


def _signer(batch: str) -> URLSafeSerializer:
    return URLSafeSerializer(str(current_app.secret_key), salt=f"cursor-{batch}")
