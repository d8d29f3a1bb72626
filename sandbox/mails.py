"""The mails the sandbox "sends": kept in the storage, shown on its page, with links that work."""

import secrets
import sqlite3
from typing import Literal

from sandbox import current
from sandbox.answers import stamp
from sandbox.storage import insert

SUBJECTS = {"activation": "Activate your account", "email_change": "Confirm your new e-mail address"}


def send(user: sqlite3.Row, *, kind: Literal["activation", "email_change"], to: str) -> None:
    """Keep a mail to the user; its token is the secret part of the link."""
    insert(
        current.db(),
        "mails",
        {
            "kind": kind,
            "user_id": user["id"],
            "sent_to": to,
            "login": user["login"],
            "subject": SUBJECTS[kind],
            "sent_at": stamp(current.now()),
            "token": secrets.token_urlsafe(24),
        },
    )


def find(token: str) -> sqlite3.Row | None:
    """The mail whose link was followed, unless the link was used before."""
    row: sqlite3.Row | None = current.db().execute("SELECT * FROM mails WHERE token = ? AND used_at IS NULL", (token,)).fetchone()
    return row


def mark_used(token: str) -> None:
    current.db().execute("UPDATE mails SET used_at = ? WHERE token = ?", (stamp(current.now()), token))
