"""What belongs to the request being answered: storage, time, caller."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from flask import current_app, g

from sandbox.storage import Storage


@dataclass(frozen=True)
class Caller:
    """Who asks: an API client or a user, and the tenant whose subtree it may see."""

    id: str
    tenant_id: str
    is_client: bool
    by_token: bool
    may_write: bool


def storage() -> Storage:
    found: Storage = current_app.extensions["sandbox"]
    return found


def db() -> sqlite3.Connection:
    """The thread's connection; inside a request that changes something, its one transaction is open."""
    return storage().connection()


def now() -> datetime:
    """The sandbox's time, the same throughout a request."""
    if "now" not in g:
        g.now = storage().now()
    moment: datetime = g.now
    return moment


def caller() -> Caller:
    found: Caller = g.caller
    return found
