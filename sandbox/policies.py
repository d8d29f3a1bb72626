"""Access policies: which roles a user has, and where."""

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response

from sandbox import current, offering_items, tree, users
from sandbox.answers import answer, stamp
from sandbox.definitions import BACKUP
from sandbox.errors import (
    BACKUP_UNAVAILABLE,
    SYNC_SHARE_EMAIL_CONFLICT,
    SYNC_SHARE_QUOTA_EXCEEDED,
    Refusal,
    bad_request,
    broken_rule,
)
from sandbox.incoming import json_body, listing, mapping, one_of, required, text, uuid

routes = Blueprint("policies", __name__)

_ANY = ("partner", "folder", "customer", "unit")
_PARTNER = ("partner", "folder")
_CUSTOMER = ("customer", "unit")
# Role -> the service it belongs to, and the kinds of tenant it can be given on.
ROLES = {
    "root_admin": ("platform", ("root",)),
    "partner_admin": ("platform", _PARTNER),
    "company_admin": ("platform", ("customer",)),
    "unit_admin": ("platform", ("unit",)),
    "readonly_admin": ("platform", _ANY),
    "accounts_admin": ("platform", _ANY),
    "accounts_ro_admin": ("platform", _ANY),
    "protection_admin": ("backup", _CUSTOMER),
    "protection_ro_admin": ("backup", _ANY),
    "cyber_admin": ("backup", _ANY),
    "security_analyst": ("backup", _ANY),
    "restore_operator": ("backup", _CUSTOMER),
    "backup_user": ("backup", _CUSTOMER),
    "sync_share_admin": ("files_cloud", _CUSTOMER),
    "sync_share_user": ("files_cloud", _CUSTOMER),
    "sync_share_guest": ("files_cloud", _CUSTOMER),
    "notary_admin": ("notary", _CUSTOMER),
    "notary_user": ("notary", _CUSTOMER),
    "pds_operator": ("physical_data_shipping", _ANY),
    "pds_support": ("physical_data_shipping", _ANY),
    "hci_admin": ("hci", _PARTNER),
    "omnivoice_admin": ("omnivoice", _ANY),
    "omnivoice_user": ("omnivoice", _ANY),
    "greathorn_admin": ("greathorn", _ANY),
    "greathorn_user": ("greathorn", _ANY),
    "greathorn_analyst": ("greathorn", _ANY),
    "greathorn_client_manager": ("greathorn", _ANY),
}
SEATED_ROLES = ("sync_share_admin", "sync_share_user")  # a guest takes no seat
PROTECTION_ROLES = ("protection_admin", "restore_operator", "backup_user")


@routes.get("/users/<user_id>/access_policies")
def get_policies(user_id: str) -> Response:
    users.find_user(user_id)
    return answer({"timestamp": stamp(current.now()), "items": policies_of(user_id)})


def policies_of(user_id: str) -> list[dict[str, Any]]:
    rows = current.db().execute("SELECT details FROM access_policies WHERE user_id = ? ORDER BY rowid", (user_id,))
    return [json.loads(row["details"]) for row in rows]


@routes.put("/users/<user_id>/access_policies")
def change_policies(user_id: str) -> Response:
    """
    Replace the whole list; an empty one takes all roles away.

    400/1027 for a role that does not fit the tenant or a second role of one service, 400/1019 for a protection role where there
    is no protection, 409/1010 for a second File Sync & Share user of one e-mail address, 400/1030 without a free seat.
    """
    sent = listing(required(json_body(), "items"), "items")
    user = users.find_user(user_id)
    policies = [_policy(user, mapping(entry, "items")) for entry in sent]
    _refuse_two_roles_of_one_service(policies)
    save_policies(current.db(), user_id, policies)
    return answer({"timestamp": stamp(current.now()), "items": policies})


def save_policies(db: sqlite3.Connection, user_id: str, policies: list[dict[str, Any]]) -> None:
    db.execute("DELETE FROM access_policies WHERE user_id = ?", (user_id,))
    for policy in policies:
        db.execute(
            "INSERT INTO access_policies VALUES (?, ?, ?, ?, ?)",
            (policy["id"], user_id, policy["tenant_id"], policy["role_id"], json.dumps(policy)),
        )


def _policy(user: sqlite3.Row, sent: Mapping[str, Any]) -> dict[str, Any]:
    tenant = tree.find_tenant(uuid(required(sent, "tenant_id"), "items.tenant_id"))
    role_id = one_of(required(sent, "role_id"), "items.role_id", tuple(ROLES))
    if sent.get("trustee_id", user["id"]) != user["id"] or sent.get("trustee_type", "user") != "user":
        raise bad_request("items.trustee_id must be the user.")
    if tenant["kind"] not in ROLES[role_id][1]:
        raise broken_rule(f"The role {role_id} cannot be given on a {tenant['kind']}.", role_id=role_id)
    _refuse_unserved(user, _served_tenant(tenant), role_id)
    policy = users.new_policy(user["id"], tenant["id"], role_id, issuer_id=current.caller().id, at=stamp(current.now()))
    optional = ("resource_server_id", "resource_namespace", "resource_path")
    return policy | {name: text(sent[name], name) for name in optional if sent.get(name) is not None}


def _served_tenant(tenant: sqlite3.Row) -> sqlite3.Row:
    """The tenant whose services count: a personal tenant has those of the tenant it lies in."""
    return tree.parent_of(tenant) if tenant["owner_id"] else tenant


def _refuse_unserved(user: sqlite3.Row, tenant: sqlite3.Row, role_id: str) -> None:
    if role_id in PROTECTION_ROLES and BACKUP not in offering_items.applications_of(tenant):
        raise Refusal(400, "The backup service is not available.", code=BACKUP_UNAVAILABLE, context={"role_id": role_id})
    if role_id in SEATED_ROLES:
        _refuse_shared_email(user)
        _refuse_without_seat(user, tenant)


def _refuse_shared_email(user: sqlite3.Row) -> None:
    """File Sync & Share knows people by their e-mail address, all over the data centre."""
    email = json.loads(user["details"])["contact"]["email"]
    taken = current.db().execute(
        "SELECT 1 FROM users u JOIN access_policies a ON a.user_id = u.id WHERE u.id <> ? AND u.deleted_at IS NULL"
        " AND lower(json_extract(u.details, '$.contact.email')) = ? AND a.role_id IN (?, ?)",
        (user["id"], email.lower(), *SEATED_ROLES),
    )
    if taken.fetchone():
        raise Refusal(
            409,
            "Another File Sync & Share user has this e-mail address.",
            code=SYNC_SHARE_EMAIL_CONFLICT,
            context={"email": email},
        )


def _refuse_without_seat(user: sqlite3.Row, tenant: sqlite3.Row) -> None:
    quotas = [
        holding.quota
        for (name, _), holding in offering_items.holdings(tenant["id"]).items()
        if holding.status and offering_items.ITEMS[name].usage_name == "fc_seats"
    ]
    seated = current.db().execute(
        "SELECT count(DISTINCT a.user_id) AS seats FROM access_policies a JOIN users u ON u.id = a.user_id"
        " WHERE a.tenant_id = ? AND a.role_id IN (?, ?) AND a.user_id <> ? AND u.deleted_at IS NULL",
        (tenant["id"], *SEATED_ROLES, user["id"]),
    )
    seats = seated.fetchone()["seats"]
    for quota in quotas:
        if quota.most is not None and seats >= quota.most:
            raise Refusal(
                400,
                "The user quota of File Sync & Share is exceeded.",
                code=SYNC_SHARE_QUOTA_EXCEEDED,
                context={"quota": quota.most},
            )


def _refuse_two_roles_of_one_service(policies: list[dict[str, Any]]) -> None:
    services = Counter((policy["tenant_id"], ROLES[policy["role_id"]][0]) for policy in policies)
    for (tenant_id, service), count in services.items():
        if count > 1:
            raise broken_rule("A user can have one role per service.", tenant_id=tenant_id, service=service)
