"""What a new sandbox holds: the vendor's root tenant and below it the provider, who is offered everything."""

import sqlite3
from datetime import datetime

from sandbox import definitions
from sandbox.answers import stamp
from sandbox.definitions import LEGACY_EDITION, PROVIDER_TENANT, ROOT_TENANT
from sandbox.tree import insert_tenant


def seed(db: sqlite3.Connection, at: datetime, *, legacy_standard: bool = False) -> None:
    """
    Does nothing the second time, but for the legacy edition, which may be offered later than the rest.

    :param legacy_standard: offer the legacy edition `standard` as well; once offered it stays.
    """
    if not db.execute("SELECT 1 FROM tenants WHERE id = ?", (ROOT_TENANT,)).fetchone():
        _insert_tenants(db, at)
        for tenant_id in (ROOT_TENANT, PROVIDER_TENANT):
            for application_id in definitions.OFFERED_APPLICATIONS:
                db.execute("INSERT INTO bindings VALUES (?, ?, 1)", (tenant_id, application_id))
            _offer(db, tenant_id, at, legacy=False)
    if legacy_standard:
        for tenant_id in (ROOT_TENANT, PROVIDER_TENANT):
            _offer(db, tenant_id, at, legacy=True)


def _insert_tenants(db: sqlite3.Connection, at: datetime) -> None:
    root, provider = f"/{ROOT_TENANT}/", f"/{ROOT_TENANT}/{PROVIDER_TENANT}/"
    insert_tenant(db, id=ROOT_TENANT, parent_id=ROOT_TENANT, path=root, level=0, kind="root", name="Vendor root", at=at)
    insert_tenant(
        db,
        id=PROVIDER_TENANT,
        parent_id=ROOT_TENANT,
        path=provider,
        level=1,
        kind="partner",
        name="Example Managed Services",
        at=at,
    )


def _offer(db: sqlite3.Connection, tenant_id: str, at: datetime, *, legacy: bool) -> None:
    """Switch on the items of the legacy edition, or all the others; what was switched on or off before is left as it is."""
    for item in definitions.ITEMS.values():
        if (item.edition == LEGACY_EDITION) is not legacy:
            continue
        for infra_id in definitions.storages_for(item):
            db.execute(
                "INSERT INTO offering_items (tenant_id, name, infra_id, status, quota_version, enabled_at, updated_at)"
                " VALUES (?, ?, ?, 1, 0, ?, ?) ON CONFLICT (tenant_id, name, infra_id) DO NOTHING",
                (tenant_id, item.name, infra_id, stamp(at), stamp(at)),
            )
