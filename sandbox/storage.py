"""
The sandbox's storage: one SQLite file in write-ahead mode.

Every request that changes something is one transaction, so a killed process leaves either all of a request or nothing of it.
"""

import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sandbox.answers import stamp
from sandbox.errors import bad_request

BUSY_SECONDS = 30

# The token is the secret part of the mail's link; attachments are ids of stored reports, separated by commas.
MAILS = """
CREATE TABLE IF NOT EXISTS mails (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('activation', 'password_reset', 'email_change', 'report')),
    user_id TEXT NOT NULL, sent_to TEXT NOT NULL, login TEXT NOT NULL, subject TEXT NOT NULL, sent_at TEXT NOT NULL,
    token TEXT NOT NULL UNIQUE, used_at TEXT, attachments TEXT NOT NULL DEFAULT ''
)
"""
SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tenants (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    parent_id TEXT NOT NULL,
    path TEXT NOT NULL,
    level INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('root', 'partner', 'folder', 'customer', 'unit')),
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    customer_id TEXT,
    internal_tag TEXT,
    enabled INTEGER NOT NULL,
    owner_id TEXT,
    pricing_mode TEXT NOT NULL CHECK (pricing_mode IN ('trial', 'production', 'suspended')),
    production_from TEXT,
    currency TEXT,
    pricing_version INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    deleted_at TEXT,
    details TEXT NOT NULL,
    search_text TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS one_live_tenant_per_name ON tenants (name_key)
    WHERE deleted_at IS NULL AND owner_id IS NULL;
CREATE INDEX IF NOT EXISTS tenants_by_parent ON tenants (parent_id);
CREATE INDEX IF NOT EXISTS tenants_by_path ON tenants (path);
CREATE TABLE IF NOT EXISTS users (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    login TEXT NOT NULL,
    login_key TEXT NOT NULL,
    password_hash TEXT,
    activated INTEGER NOT NULL,
    enabled INTEGER NOT NULL,
    personal_tenant_id TEXT,
    external_id TEXT,
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    deleted_at TEXT,
    details TEXT NOT NULL,
    search_text TEXT NOT NULL,
    origin_id TEXT,
    origin_external_id TEXT,
    disable_after TEXT,
    totp_secret TEXT,
    mfa_waived INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS one_live_user_per_login ON users (login_key) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS users_by_tenant ON users (tenant_id);
CREATE INDEX IF NOT EXISTS users_by_external_id ON users (external_id) WHERE external_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS access_policies (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    tenant_id TEXT NOT NULL,
    role_id TEXT NOT NULL,
    details TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS policies_by_user ON access_policies (user_id);
CREATE INDEX IF NOT EXISTS policies_by_tenant ON access_policies (tenant_id);
CREATE INDEX IF NOT EXISTS policies_by_role ON access_policies (role_id);
CREATE TABLE IF NOT EXISTS bindings (
    tenant_id TEXT NOT NULL, application_id TEXT NOT NULL, bound INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, application_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS offering_items (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    infra_id TEXT NOT NULL,
    status INTEGER NOT NULL CHECK (status IN (0, 1)),
    quota_value INTEGER,
    quota_overage INTEGER,
    quota_version INTEGER NOT NULL,
    enabled_at TEXT,
    disabled_at TEXT,
    updated_at TEXT NOT NULL,
    UNIQUE (tenant_id, name, infra_id)
);
CREATE TABLE IF NOT EXISTS reported_usages (
    tenant_id TEXT NOT NULL, name TEXT NOT NULL, infra_id TEXT NOT NULL, value INTEGER NOT NULL, reported_at TEXT NOT NULL,
    PRIMARY KEY (tenant_id, name, infra_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS locations (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE, owner_tenant_id TEXT NOT NULL, platform_owned INTEGER NOT NULL, name TEXT NOT NULL,
    version INTEGER NOT NULL, deleted_at TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS one_live_location_per_name ON locations (owner_tenant_id, name) WHERE deleted_at IS NULL;
CREATE TABLE IF NOT EXISTS infra (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE, owner_tenant_id TEXT NOT NULL, location_id TEXT NOT NULL REFERENCES locations (id),
    platform_owned INTEGER NOT NULL, name TEXT NOT NULL, url TEXT NOT NULL, capabilities TEXT NOT NULL,
    content_url TEXT, content_mobile_url TEXT, backend_type TEXT, version INTEGER NOT NULL, deleted_at TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS one_live_infra_per_name ON infra (owner_tenant_id, name) WHERE deleted_at IS NULL;
CREATE TABLE IF NOT EXISTS application_settings (
    tenant_id TEXT NOT NULL, application_id TEXT NOT NULL, name TEXT NOT NULL,
    value TEXT NOT NULL, locked INTEGER NOT NULL, exclusive INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, application_id, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS prices (
    tenant_id TEXT NOT NULL, name TEXT NOT NULL, infra_id TEXT NOT NULL, price TEXT NOT NULL, version INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, name, infra_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clients (
    id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, secret_hash TEXT NOT NULL, name TEXT NOT NULL,
    created_at TEXT NOT NULL, created_by TEXT NOT NULL,
    type TEXT NOT NULL DEFAULT 'api_client',
    auth_method TEXT NOT NULL DEFAULT 'client_secret_basic',
    status TEXT NOT NULL DEFAULT 'enabled' CHECK (status IN ('enabled', 'disabled')),
    details TEXT NOT NULL DEFAULT '{}',
    redirect_uris TEXT NOT NULL DEFAULT '[]',
    origin_id TEXT,
    last_access_at TEXT,
    last_access_from_ip TEXT,
    deleted_at TEXT
);
CREATE INDEX IF NOT EXISTS clients_by_tenant ON clients (tenant_id);
CREATE TABLE IF NOT EXISTS refresh_tokens (
    token_hash TEXT PRIMARY KEY, user_id TEXT NOT NULL, tenant_id TEXT NOT NULL, access_jti TEXT NOT NULL, expires_on REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS revoked_tokens (jti TEXT PRIMARY KEY, expires_on REAL NOT NULL);
CREATE TABLE IF NOT EXISTS reports (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE, tenant_id TEXT NOT NULL, version INTEGER NOT NULL, details TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS stored_reports (
    id TEXT PRIMARY KEY,
    report_id TEXT NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
    report_format TEXT NOT NULL,
    created_at TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('in_progress', 'saved', 'failed')),
    size INTEGER,
    seen INTEGER NOT NULL DEFAULT 0,
    period_start TEXT,
    period_end TEXT
);
CREATE TABLE IF NOT EXISTS report_schedules (
    report_id TEXT PRIMARY KEY REFERENCES reports (id) ON DELETE CASCADE, due_at TEXT NOT NULL, enabled INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS one_time_tokens (ott TEXT PRIMARY KEY, user_id TEXT NOT NULL, expires_on REAL NOT NULL);
CREATE TABLE IF NOT EXISTS faults (
    number INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL, to_skip INTEGER NOT NULL, times_left INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS calls (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, query TEXT NOT NULL, status INTEGER NOT NULL, fault TEXT
);
"""

# Columns that came after the first files were written; `CREATE TABLE IF NOT EXISTS` leaves an old table as it is.
ADDED_COLUMNS = {
    "stored_reports": {"period_start": "TEXT", "period_end": "TEXT"},
    "users": {
        "origin_id": "TEXT",
        "origin_external_id": "TEXT",
        "disable_after": "TEXT",
        "totp_secret": "TEXT",
        "mfa_waived": "INTEGER NOT NULL DEFAULT 0",
    },
    "clients": {
        "type": "TEXT NOT NULL DEFAULT 'api_client'",
        "auth_method": "TEXT NOT NULL DEFAULT 'client_secret_basic'",
        "status": "TEXT NOT NULL DEFAULT 'enabled' CHECK (status IN ('enabled', 'disabled'))",
        "details": "TEXT NOT NULL DEFAULT '{}'",
        "redirect_uris": "TEXT NOT NULL DEFAULT '[]'",
        "origin_id": "TEXT",
        "last_access_at": "TEXT",
        "last_access_from_ip": "TEXT",
        "deleted_at": "TEXT",
    },
}


class Storage:
    """
    Opens the file, one connection per thread, and keeps the sandbox's clock.

    Without a path the file lies in a temporary directory that goes away with the object.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        if path is None:
            self._directory = tempfile.TemporaryDirectory(prefix="sandbox-")
            path = Path(self._directory.name) / "sandbox.sqlite3"
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._of_thread = threading.local()
        self.connection().executescript(SCHEMA)
        self._make_mails()
        self._add_missing_columns()

    def _add_missing_columns(self) -> None:
        """Bring a file of an earlier sandbox up to date; a new one lacks nothing."""
        connection = self.connection()
        for table, columns in ADDED_COLUMNS.items():
            present = {row["name"] for row in connection.execute(f"PRAGMA table_info({table})")}
            for name, kind in columns.items():
                if name not in present:
                    connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")

    def _make_mails(self) -> None:
        """Make the table of mails; one of an earlier sandbox knows fewer kinds, and is made anew with its rows."""
        with self.writing() as db:
            found = db.execute("SELECT sql FROM sqlite_master WHERE name = 'mails'").fetchone()
            if found is None or "'password_reset'" in found["sql"]:
                db.execute(MAILS)
                return
            db.execute("ALTER TABLE mails RENAME TO mails_before")
            db.execute(MAILS)
            columns = ", ".join(row["name"] for row in db.execute("PRAGMA table_info(mails_before)"))
            db.execute(f"INSERT INTO mails ({columns}) SELECT {columns} FROM mails_before")  # noqa: S608
            db.execute("DROP TABLE mails_before")

    def connection(self) -> sqlite3.Connection:
        """This thread's connection. Outside `writing` every statement stands for itself."""
        connection: sqlite3.Connection | None = getattr(self._of_thread, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.path, isolation_level=None, timeout=BUSY_SECONDS)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")  # a killed process loses nothing; only a power cut could
            connection.execute("PRAGMA foreign_keys = ON")
            self._of_thread.connection = connection
        return connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One write transaction; takes the lock at once, so that what is read inside cannot change before it is written."""
        connection = self.connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    @property
    def reports_directory(self) -> Path:
        """Where finished report files lie: beside the storage file, named after it."""
        return self.path.with_name(f"{self.path.name}-reports")

    def setting(self, name: str) -> str | None:
        row = self.connection().execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row["value"])

    def set_setting(self, name: str, value: str) -> None:
        self.connection().execute(
            "INSERT INTO settings VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value)
        )

    # The clock: the machine's own, shifted. It ticks on while the sandbox is down and never goes back.

    def now(self) -> datetime:
        shift = float(self.setting("clock_shift_seconds") or 0)
        return datetime.fromtimestamp(time.time(), UTC) + timedelta(seconds=shift)

    def start_clock(self, now: datetime | None) -> None:
        """Set the clock of a new storage, by default to the real time; a later start never sets it back."""
        is_new = self.setting("clock_shift_seconds") is None
        if is_new:
            self.set_setting("clock_shift_seconds", "0")
        if now is not None and (is_new or now > self.now()):
            self._shift_to(now)

    def move_clock(self, now: datetime) -> None:
        """:raises Refusal: the time lies before the clock's present time."""
        if now < self.now():
            raise bad_request(f"The clock only moves forward; it shows {stamp(self.now())}.")
        self._shift_to(now)

    def _shift_to(self, now: datetime) -> None:
        self.set_setting("clock_shift_seconds", str(now.timestamp() - time.time()))


def insert(db: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    """Table and column names come from this package only, never from a request."""
    names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
    db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", row)  # noqa: S608


def update(db: sqlite3.Connection, table: str, row_id: str, **columns: Any) -> None:
    """As `insert`: names are ours."""
    changes = ", ".join(f"{name} = :{name}" for name in columns)
    db.execute(f"UPDATE {table} SET {changes} WHERE id = :row_id", {**columns, "row_id": row_id})  # noqa: S608


def milliseconds(at: datetime) -> int:
    """Versions of quotas and prices look like milliseconds since 1970."""
    return int(at.timestamp() * 1000)
