"""What tests of differences share: a customer that agrees with the vendor, and somebody who changes things in the portal."""

from datetime import timedelta
from typing import Any

from django.db import transaction

from provisioning import vendor
from provisioning.acronis.client import Acronis
from provisioning.acronis.types import OfferingItem, OfferingItemChange, Quota
from provisioning.models import Drift, FileSyncModel, Inspection, ProtectionModel, Tenant
from provisioning.operations import converging, inspecting, wishes
from tests.factories import AT, OrganizationFactory

GIB = 1024**3


def clock():
    return AT + timedelta(minutes=1)


def night(number: int = 1):
    """Return the clock of the `number`th night after."""
    return lambda: AT + timedelta(days=number)


def customer(acronis, *, name="Dora Design", login="jane.doe", parent=None, **wish) -> Tenant:
    """Return a customer's tenant that the vendor has exactly as it should be."""
    consumer = OrganizationFactory(name=name, **({"parent": parent} if parent else {}))
    wished = wishes.ServiceWish(
        ProtectionModel.PER_GIGABYTE, FileSyncModel.PER_USER, login=login, email=f"{login}@example.com", **wish
    )
    with transaction.atomic():
        tenant = wishes.wish_service(consumer=consumer, service_manager=acronis.service_manager, wish=wished, at=AT).tenant
    converging.converge(tenant.pk, clock=clock)
    tenant.refresh_from_db()
    return tenant


def inspect(acronis, nights: int = 1) -> Inspection:
    return inspecting.inspect(acronis.service_manager.pk, clock=night(nights))


def open_kinds() -> list[tuple[str, str]]:
    return sorted(Drift.objects.open().values_list("kind", "subject"))


class Portal:
    """Somebody at work in the vendor's own portal, on one tenant."""

    def __init__(self, acronis, tenant: Tenant) -> None:
        tenant.refresh_from_db()
        self.api: Acronis = vendor.connect(acronis.service_manager)
        self.id = str(tenant.vendor_id)

    def update(self, **fields: Any) -> None:
        self.api.tenants.update(self.id, version=self.api.tenants.get(self.id).version, **fields)

    def delete(self) -> None:
        self.update(enabled=False)
        self.api.tenants.delete(self.id, version=self.api.tenants.get(self.id).version)

    def item(self, name: str, infra_id: str = "", *, on: bool = False) -> OfferingItem:
        """Return the tenant's item, in that storage if one is given; ``on``: the one that is enabled."""
        items = self.api.offering_items.list(self.id)
        return next(one for one in items if one.name == name and infra_id in ("", one.infra_id) and (one.enabled or not on))

    def switch(self, name: str, *, on: bool, infra_id: str = "") -> None:
        item = self.item(name, infra_id)
        self.api.offering_items.set(
            self.id, [OfferingItemChange(item.application_id, item.name, infra_id=item.infra_id, enabled=on)]
        )

    def limit(self, name: str, soft: int | None, overage: int | None = None) -> None:
        item = self.item(name)
        version = item.quota.version if item.quota else 0
        quota = Quota(soft, overage, version)
        self.api.offering_items.set(
            self.id, [OfferingItemChange(item.application_id, item.name, infra_id=item.infra_id, quota=quota)]
        )

    def move_to_storage(self, infra_id: str, *, away_from: str) -> None:
        items = self.api.offering_items.list(self.id)
        off = [one for one in items if one.enabled and one.infra_id == away_from]
        on = [one for one in items if one.infra_id == infra_id and one.name in {item.name for item in off}]
        changes = [
            OfferingItemChange(item.application_id, item.name, infra_id=item.infra_id, enabled=item in on) for item in [*off, *on]
        ]
        self.api.offering_items.set(self.id, changes)

    def switch_edition(self, edition: str) -> None:
        item = self.item("pg_base_storage")
        self.api.tenants.switch_edition(self.id, application_id=item.application_id, edition=edition)

    def set_pricing(self, mode: str) -> None:
        pricing = self.api.tenants.pricing(self.id)
        self.api.tenants.set_pricing(self.id, version=pricing.version, mode=mode, currency=pricing.currency)

    def user_id(self) -> str:
        [user] = self.api.users.of_tenant(self.id)
        return user.id

    def update_user(self, **fields: Any) -> None:
        user = self.api.users.get(self.user_id())
        self.api.users.update(user.id, version=user.version, **fields)

    def delete_user(self) -> None:
        user_id = self.user_id()
        self.update_user(enabled=False)
        self.api.users.delete(user_id, version=self.api.users.get(user_id).version)

    def grant(self, *roles: str) -> None:
        self.api.users.set_access_policies(self.user_id(), [(self.id, role) for role in roles])
