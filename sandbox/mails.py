"""The mails the sandbox "sends": kept in the storage, shown on its page, with links that work."""

import json
import secrets
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sandbox import current
from sandbox.answers import stamp
from sandbox.storage import insert

Kind = Literal["activation", "password_reset", "email_change"]
SUBJECTS: dict[Kind, str] = {
    "activation": "Activate your account",
    "password_reset": "Reset your password",
    "email_change": "Confirm your new e-mail address",
}


def send(user: sqlite3.Row, *, kind: Kind, to: str) -> None:
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


def send_report(db: sqlite3.Connection, user: sqlite3.Row, *, subject: str, stored_ids: Sequence[str], at: datetime) -> None:
    """Keep a mail with a report to the user's own address; it carries the stored files."""
    row = {
        "kind": "report",
        "user_id": user["id"],
        "sent_to": json.loads(user["details"])["contact"]["email"],
        "login": user["login"],
        "subject": subject,
        "sent_at": stamp(at),
        "token": secrets.token_urlsafe(24),
        "attachments": ",".join(stored_ids),
    }
    insert(db, "mails", row)


def find(token: str) -> sqlite3.Row | None:
    """The mail whose link was followed, unless the link was used before; mails with reports have links of another kind."""
    return _found("token = ? AND used_at IS NULL AND kind <> 'report'", token)


def find_report(token: str) -> sqlite3.Row | None:
    """The mail with a report whose link was followed, as often as one likes."""
    return _found("token = ? AND kind = 'report'", token)


def _found(condition: str, token: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = current.db().execute(f"SELECT * FROM mails WHERE {condition}", (token,)).fetchone()  # noqa: S608
    return row


def mark_used(token: str) -> None:
    current.db().execute("UPDATE mails SET used_at = ? WHERE token = ?", (stamp(current.now()), token))
