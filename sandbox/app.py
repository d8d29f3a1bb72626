"""The application: puts the parts together, opens one transaction per change, turns refusals into envelopes."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from uuid import uuid4

from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule

from sandbox import (
    app_settings,
    auth,
    catalogue,
    clients,
    console,
    control,
    current,
    editions,
    errors,
    identity,
    infra,
    item_changes,
    item_prices,
    logins,
    mfa,
    offering_items,
    pages,
    passwords,
    policies,
    pricing,
    reports,
    restoring,
    search,
    tenant_lists,
    tenants,
    tokens,
    usages,
    user_lists,
    users,
)
from sandbox.answers import stamp
from sandbox.contacts import blank_contact
from sandbox.definitions import PROVIDER_TENANT
from sandbox.faults import FaultGate
from sandbox.latency import Latency
from sandbox.population import populate
from sandbox.seed import seed
from sandbox.storage import Storage

CLIENT_ID = "0b8f7c1e-5a44-4c7e-9a57-2f1d8a6c3e90"
CLIENT_SECRET = "sandbox-client-secret"
LOGIN = "msp-admin"
PASSWORD = "sandbox-password"
EMAIL = "admin@provider.example"
API = "/api/2"
PARTS = (
    app_settings,
    catalogue,
    clients,
    editions,
    identity,
    infra,
    item_changes,
    item_prices,
    logins,
    mfa,
    offering_items,
    passwords,
    policies,
    pricing,
    reports,
    restoring,
    search,
    tenant_lists,
    tenants,
    tokens,
    usages,
    user_lists,
    users,
)
LARGEST_BODY = 2 * 1024 * 1024


class LateRule(Rule):
    """
    A route whose address is compiled when it is first asked for.

    Few ever are. Compiling all of them takes longer than the rest of a start, and tests start hundreds of sandboxes.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        @cache
        def compiled() -> Callable[..., tuple[str, str]]:
            return super(LateRule, self)._compile_builder(append_unknown)

        return lambda rule, **values: compiled()(rule, **values)


def create_app(
    *,
    storage_path: str | Path | None = None,
    client_id: str = CLIENT_ID,
    client_secret: str = CLIENT_SECRET,
    login: str = LOGIN,
    password: str = PASSWORD,
    now: datetime | str | None = None,
    latency_ms: int = 0,
    legacy_standard: bool = False,
    partners: int = 0,
    customers: int = 0,
) -> Flask:
    """
    Make the sandbox, ready to serve or to be called in process.

    Starting again on the same storage goes on where it ended; client and administrator get the secrets given now.

    :param storage_path: the SQLite file; without one a temporary file that goes away with the application.
    :param now: what the clock of a new storage shows first, with a time zone; it ticks on from there. On a later start the
        clock moves forward to it but never back.
    :param latency_ms: what each call of the API takes at least.
    :param legacy_standard: offer the legacy edition `standard` as well.
    :param partners: so many invented resellers below the provider, and likewise
    :param customers: so many invented customers, spread over these resellers and the provider.
    """
    app = Flask(__name__)
    app.url_rule_class = LateRule
    storage = Storage(storage_path)
    app.extensions["sandbox"] = storage
    storage.start_clock(moment(now))
    _ensure_settings(storage)
    with app.app_context(), storage.writing() as db:
        seed(db, storage.now(), legacy_standard=legacy_standard)
        infra.seed_storages(db)
        _ensure_client(storage, client_id, client_secret)
        _ensure_administrator(storage, login, password)
    populate(storage, partners=partners, customers=customers, password=password, at=storage.now())
    app.secret_key = storage.setting("session_key")
    app.config["SESSION_COOKIE_NAME"] = "sandbox_session"  # must not push out the cookie of a neighbour on the same host
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    _register(app)
    app.wsgi_app = FaultGate(app.wsgi_app, storage)  # type: ignore[method-assign]
    if latency_ms:
        app.wsgi_app = Latency(app.wsgi_app, latency_ms / 1000)  # type: ignore[method-assign]
    return app


def moment(now: datetime | str | None) -> datetime | None:
    """
    A time given by a person or a test, in UTC.

    :raises ValueError: it is not a time, or has no time zone.
    """
    given = datetime.fromisoformat(now) if isinstance(now, str) else now
    if given is not None and given.tzinfo is None:
        raise ValueError("now needs a time zone, as in 2026-10-01T08:00:00Z")
    return None if given is None else given.astimezone(UTC)


def _ensure_settings(storage: Storage) -> None:
    with storage.writing():
        if storage.setting("session_key") is None:
            storage.set_setting("session_key", secrets.token_hex(32))
        auth.ensure_key(storage)


def _ensure_client(storage: Storage, client_id: str, client_secret: str) -> None:
    storage.connection().execute(
        "INSERT INTO clients (id, tenant_id, secret_hash, name, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET secret_hash = excluded.secret_hash, status = 'enabled', deleted_at = NULL",
        (
            client_id,
            PROVIDER_TENANT,
            auth.hashed_secret(client_secret),
            "Integration",
            stamp(storage.now()),
            PROVIDER_TENANT,
        ),
    )


def _ensure_administrator(storage: Storage, login: str, password: str) -> None:
    db, at = storage.connection(), stamp(storage.now())
    hashed = auth.hashed_password(password)
    if db.execute(
        "UPDATE users SET password_hash = ? WHERE login_key = ? AND deleted_at IS NULL", (hashed, login.casefold())
    ).rowcount:
        return
    user_id = str(uuid4())
    contact = {**blank_contact(at=storage.now()), "email": EMAIL, "firstname": "Provider", "lastname": "Administrator"}
    details = {
        "contact": contact,
        "language": "en",
        "business_types": [],
        "notifications": users.DEFAULT_NOTIFICATIONS,
    }
    users.insert_user(
        db,
        at=at,
        id=user_id,
        tenant_id=PROVIDER_TENANT,
        login=login,
        password_hash=hashed,
        activated=1,
        details=details,
    )
    policy = users.new_policy(user_id, PROVIDER_TENANT, "partner_admin", issuer_id=user_id, at=at)
    policies.save_policies(db, user_id, [policy])


def _register(app: Flask) -> None:
    app.before_request(_begin)
    app.after_request(_finish)
    app.teardown_request(_roll_back)
    for part in PARTS:
        app.register_blueprint(part.routes, url_prefix=API)
    app.register_blueprint(identity.routes_v1, url_prefix="/api/1")
    app.register_blueprint(control.routes, url_prefix="/sandbox")
    app.register_blueprint(mfa.switchboard, url_prefix="/sandbox")
    app.register_blueprint(reports.switchboard, url_prefix="/sandbox")
    app.register_blueprint(console.routes)
    app.register_blueprint(pages.routes)
    app.register_blueprint(reports.pages)
    app.register_error_handler(errors.Refusal, errors.answer_refusal)
    app.register_error_handler(errors.TokenRefusal, errors.answer_token_refusal)
    app.register_error_handler(HTTPException, errors.answer_http_error)


def _begin() -> None:
    """Open the transaction of a change, then find out who asks."""
    if request.method not in auth.READING:
        current.db().execute("BEGIN IMMEDIATE")
    view = current_app.view_functions.get(request.endpoint or "")
    if view is not None and request.path.startswith(f"{API}/"):
        auth.identify(view)


def _finish(response: Response) -> Response:
    """Keep what was done, if it was not refused, before the answer leaves."""
    if current.db().in_transaction:
        current.db().execute("COMMIT" if response.status_code < 400 else "ROLLBACK")
    return response


def _roll_back(_error: BaseException | None) -> None:
    if current.db().in_transaction:
        current.db().execute("ROLLBACK")
    g.pop("caller", None)
