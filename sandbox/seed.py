"""What a new sandbox holds: the vendor's root tenant and below it the provider, who is offered everything."""

import sqlite3
from datetime import datetime

from sandbox import definitions
from sandbox.answers import stamp
from sandbox.tree import insert_tenant


def seed(db: sqlite3.Connection, at: datetime) -> None:
    """Does nothing the second time."""
    root, provider = definitions.ROOT_TENANT, definitions.PROVIDER_TENANT
    if db.execute("SELECT 1 FROM tenants WHERE id = ?", (root,)).fetchone():
        return
    insert_tenant(db, id=root, parent_id=root, path=f"/{root}/", level=0, kind="root", name="Vendor root", at=at)
    insert_tenant(
        db,
        id=provider,
        parent_id=root,
        path=f"/{root}/{provider}/",
        level=1,
        kind="partner",
        name="Example Managed Services",
        at=at,
    )
    for tenant_id in (root, provider):
        _offer_everything(db, tenant_id, at)


def _offer_everything(db: sqlite3.Connection, tenant_id: str, at: datetime) -> None:
    for application_id in definitions.OFFERED_APPLICATIONS:
        db.execute("INSERT INTO bindings VALUES (?, ?, 1)", (tenant_id, application_id))
    for item in definitions.ITEMS.values():
        for infra_id in definitions.storages_for(item):
            db.execute(
                "INSERT INTO offering_items (tenant_id, name, infra_id, status, quota_version, enabled_at, updated_at)"
                " VALUES (?, ?, ?, 1, 0, ?, ?)",
                (tenant_id, item.name, infra_id, stamp(at), stamp(at)),
            )
