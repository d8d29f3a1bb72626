"""
The database of a test run: a copy of one that was migrated before, put back as it was after each test that commits.

Migrating from nothing takes most of a minute, copying a migrated database a moment. So the first run after a migration
has changed leaves a template in the server, and every later one copies it. Django's own `migrate` runs over the copy.
"""

import hashlib
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

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
            self._rows = {table: _rows_of(cursor, table) for table in self._filled(cursor)}

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
            for table in self._filled(cursor) | self._rows.keys():
                fresh = self._rows.get(table, b"")
                if not fresh or _rows_of(cursor, table) != fresh:
                    cursor.execute(f"DELETE FROM {table}")  # noqa: S608
                    _fill(cursor, table, fresh)
        ContentType.objects.clear_cache()

    def _filled(self, cursor: CursorWrapper) -> set[str]:
        cursor.execute(self._question)
        return {row[0] for row in cursor.fetchall()}


def _rows_of(cursor: CursorWrapper, table: str) -> bytes:
    with cursor.copy(f"COPY {table} TO STDOUT") as copy:
        return b"".join(bytes(part) for part in copy)


def _fill(cursor: CursorWrapper, table: str, rows: bytes) -> None:
    if rows:
        with cursor.copy(f"COPY {table} FROM STDIN") as copy:
            copy.write(rows)
