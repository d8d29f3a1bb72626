"""API clients: making them, reading, disabling, deleting."""

import json
import secrets
import sqlite3
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response, request

from sandbox import auth, current, tree
from sandbox.answers import answer, nothing, stamp
from sandbox.errors import not_found
from sandbox.incoming import json_body, listing, mapping, one_of, query_uuids, required, text, uuid, wants
from sandbox.storage import insert, update

routes = Blueprint("clients", __name__)

TYPES = ("api_client", "managed_client")
OLD_TYPE = "agent"  # what the vendor's first samples send; shown as an API client
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")
STATUSES = ("enabled", "disabled")


@routes.post("/clients")
def create_client() -> Response:
    """201; the secret is in this answer only. The client may do in its tenant and below what an administrator there may."""
    body, at = json_body(), current.now()
    kind = one_of(required(body, "type"), "type", (*TYPES, OLD_TYPE))
    tenant = tree.find_open_tenant(uuid(required(body, "tenant_id"), "tenant_id"))
    method = one_of(required(body, "token_endpoint_auth_method"), "token_endpoint_auth_method", AUTH_METHODS)
    client_id, secret = str(uuid4()), "" if method == "none" else secrets.token_urlsafe(36)
    insert(
        current.db(),
        "clients",
        {
            "id": client_id,
            "tenant_id": tenant["id"],
            "secret_hash": auth.hashed_secret(secret),
            "created_at": stamp(at),
            "created_by": current.caller().id,
            "type": TYPES[0] if kind == OLD_TYPE else kind,
            "auth_method": method,
            "name": "",
            **_columns(body),
        },
    )
    shown = _client_object(_row_of(client_id))
    for name in ("last_access_at", "last_access_from_ip"):
        del shown[name]
    return answer({**shown, "client_secret": secret, "registration_access_token": secrets.token_urlsafe(36)}, 201)


def _columns(body: Mapping[str, Any]) -> dict[str, Any]:
    """What may be sent when a client is made and when it is changed."""
    found: dict[str, Any] = {}
    if body.get("data") is not None:
        sent = mapping(body["data"], "data")
        found["details"] = json.dumps(sent)
        found["name"] = text(sent.get("client_name") or "", "data.client_name")
    if body.get("redirect_uris") is not None:
        uris = listing(body["redirect_uris"], "redirect_uris")
        found["redirect_uris"] = json.dumps([text(one, "redirect_uris") for one in uris])
    if body.get("origin_id") is not None:
        found["origin_id"] = text(body["origin_id"], "origin_id")
    if body.get("status") is not None:
        found["status"] = one_of(body["status"], "status", STATUSES)
    return found


def _row_of(client_id: str) -> sqlite3.Row:
    row: sqlite3.Row = current.db().execute("SELECT * FROM clients WHERE id = ?", (client_id,)).fetchone()
    return row


def _find(client_id: str) -> sqlite3.Row:
    """:raises Refusal: 404 for a client that does not exist any more, 403/1002 outside the caller's subtree."""
    row = _row_of(client_id)
    if row is None or row["deleted_at"]:
        raise not_found()
    tree.find_tenant(row["tenant_id"])
    return row


@routes.get("/clients")
def get_clients() -> Response:
    """Clients by ids or origin, else all of the caller's tenant and below."""
    where, values = "t.path >= ? AND t.path < ?", _own_subtree()
    if request.args.get("uuids"):
        ids = query_uuids("uuids")
        where, values = f"{where} AND c.id IN ({','.join('?' * len(ids))})", [*values, *ids]
    if request.args.get("origin_id"):
        where, values = f"{where} AND c.origin_id = ?", [*values, request.args["origin_id"]]
    if not wants("allow_deleted"):
        where += " AND c.deleted_at IS NULL"
    rows = current.db().execute(
        f"SELECT c.* FROM clients c JOIN tenants t ON t.id = c.tenant_id WHERE {where} ORDER BY c.created_at, c.id",  # noqa: S608
        values,
    )
    return answer({"items": [_client_object(row) for row in rows]})


def _own_subtree() -> list[str]:
    path = tree.row_of(current.caller().tenant_id)["path"]
    return [path, f"{path}~"]


@routes.get("/clients/<client_id>")
def get_client(client_id: str) -> Response:
    """How an integration learns its own tenant: `tenant_id` of its own client."""
    return answer(_client_object(_find(client_id)))


@routes.put("/clients/<client_id>")
def change_client(client_id: str) -> Response:
    """200; only what was sent changes. A disabled client's tokens stop working at once."""
    columns = _columns(json_body())
    _find(client_id)
    if columns:
        update(current.db(), "clients", client_id, **columns)
    return answer(_client_object(_row_of(client_id)))


@routes.delete("/clients/<client_id>")
def delete_client(client_id: str) -> Response:
    """204; its tokens stop working at once."""
    _find(client_id)
    update(current.db(), "clients", client_id, deleted_at=stamp(current.now()))
    return nothing()


def note_access(client_id: str) -> None:
    """A client counts as used whenever it gets a token; single calls are not noted."""
    update(
        current.db(),
        "clients",
        client_id,
        last_access_at=stamp(current.now()),
        last_access_from_ip=request.remote_addr,
    )


def _client_object(row: sqlite3.Row) -> dict[str, Any]:
    found = {
        "client_id": row["id"],
        "tenant_id": row["tenant_id"],
        "client_secret_expires_at": 0,
        "type": row["type"],
        "data": {"client_name": row["name"], **json.loads(row["details"])},
        "token_endpoint_auth_method": row["auth_method"],
        "created_at": row["created_at"],
        "created_by": row["created_by"],
        "last_access_at": row["last_access_at"],
        "last_access_from_ip": row["last_access_from_ip"],
        "status": row["status"],
        "redirect_uris": json.loads(row["redirect_uris"]),
    }
    return found | ({"origin_id": row["origin_id"]} if row["origin_id"] else {})
