"""Short ways to a subscription that runs at the vendor in process, and through a change of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from accounts.models import Organization, User, local_date
from billing.models import Subscription
from billing.operations.subscriptions import start_subscription
from catalog.models import Plan
from catalog.provisioned import wish_of_plan
from catalog.queries.offers import sold_prices
from ordering.amendment_quotes import AmendmentQuote
from ordering.amendment_terms import AmendmentWish
from ordering.models import Order, OrderLine
from ordering.operations import amendments, execution
from provisioning import vendor
from provisioning.models import Service, Tenant
from provisioning.operations import converging, wishes
from tests import factories
from tests.conftest import LocalAcronis
from tests.ordering.conftest import AT, Shop

GB = 1024**3
LATER = AT + timedelta(days=14)
"""When most tests change what was ordered at `AT`: 15 October 2026."""


@dataclass
class Running:
    """A subscription at the vendor, and whoever changes it."""

    shop: Shop
    acronis: LocalAcronis
    subscription: Subscription
    reader: Organization
    by: User

    @property
    def tenant(self) -> Tenant:
        return self.subscription.service.tenant

    def wish(self, kind: str, **facts: Any) -> AmendmentWish:
        return AmendmentWish(kind, **facts)

    def quote(self, kind: str, *, at: datetime = LATER, **facts: Any) -> AmendmentQuote:
        return amendments.quote_amendment(
            subscription_id=self.subscription.pk, wish=self.wish(kind, **facts), reader=self.reader, at=at
        )

    def order(self, kind: str, *, at: datetime = LATER, key: UUID | None = None, source: str = "storefront", **facts: Any) -> Order:
        """Order what is quoted at this moment."""
        return amendments.place_amendment(
            subscription_id=self.subscription.pk,
            wish=self.wish(kind, **facts),
            quote_seen=self.quote(kind, at=at, **facts).fingerprint,
            reader=self.reader,
            source=source,
            key=key or uuid4(),
            by=self.by,
            at=at,
        )

    def line(self, kind: str, **facts: Any) -> OrderLine:
        return self.order(kind, **facts).lines.get()

    def changed(self, kind: str, *, at: datetime = LATER, **facts: Any) -> OrderLine:
        """Order and carry out; nothing may go wrong."""
        line = execute(self.line(kind, at=at, **facts), at=at)
        assert (line.status, line.error) == (OrderLine.Status.COMPLETED, "")
        self.subscription.refresh_from_db()
        return line

    def storage(self) -> tuple[int | None, int | None]:
        """The storage quota at the vendor, soft and above it, in GB."""
        found = vendor.connect(self.acronis.service_manager).offering_items.list(str(self.tenant.vendor_id))
        quota = next(item.quota for item in found if item.name.endswith("base_storage") and item.enabled)
        assert quota is not None
        return tuple(None if part is None else part // GB for part in (quota.value, quota.overage))  # type: ignore[return-value]

    def follow(self, *, at: datetime = LATER) -> None:
        """Let the vendor follow what was put back, as the sweep does."""
        converging.converge_due(self.tenant.pk, clock=lambda: at)

    def sold(self) -> tuple[str, int, int]:
        """What the subscription runs under: plan, quantity, term."""
        self.subscription.refresh_from_db()
        return self.subscription.plan_name, self.subscription.quantity, self.subscription.term_months


def running(shop: Shop, acronis: LocalAcronis, *, consumer: Organization | None = None) -> Running:
    """Carry one unit of what the shop sells to the vendor: dora's, or for the ``consumer`` of alice, who changes it then."""
    p = shop.personas
    whom = consumer or p.direct_customer
    wish = wish_of_plan(
        shop.plan, protection_model="per_gigabyte", file_sync_model="per_user", login="jane.doe", email="jane@example.com"
    )
    with transaction.atomic():
        service = wishes.wish_service(consumer=whom, service_manager=acronis.service_manager, wish=wish, at=AT)
    converging.converge(service.tenant_id, clock=lambda: AT)
    service = Service.objects.select_related("tenant__parent", "service_manager").get(pk=service.pk)
    reader, by = (p.direct_customer, p.dora) if consumer is None else (p.reseller, p.alice)
    return Running(shop, acronis, started(service, shop.plan), reader, by)


def execute(line: OrderLine, *, at: datetime = LATER) -> OrderLine:
    execution.execute_line(line_id=line.pk, clock=lambda: at)
    line.refresh_from_db()
    line.order.refresh_from_db()
    return line


def let_use(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let nothing be in use at the vendor, instead of what the sandbox invents; return what sets so many bytes of storage."""
    storage = {"bytes": 0}

    def amounts(row: Any, today: date) -> tuple[int, int]:
        amount = storage["bytes"] if row["name"].endswith("base_storage") else 0
        return amount, amount

    monkeypatch.setattr("sandbox.usages._amounts_of", amounts)
    return lambda amount: storage.update(bytes=amount)


def bigger_plan(shop: Shop, **facts: Any) -> Plan:
    """200 GB and 20 above, of the same product: 60 EUR a month, 600 EUR a year, 0.10 EUR per GB above."""
    plan: Plan = factories.FixedPlanFactory(
        service_manager=shop.plan.service_manager,
        name="Backup 200 GB",
        monthly__price=60,
        yearly__price=600,
        module_settings__storage_quota=200,
        module_settings__overage=20,
        **facts,
    )
    return plan


def subscribed(plan: Plan, consumer: Organization, *, quantity: int = 1, term_months: int = 1) -> Subscription:
    """Return a subscription that runs since `AT`, of a tenant that the vendor does not have: nothing is in use."""
    tenant = factories.TenantFactory(organization=consumer, service_manager=plan.service_manager, vendor_id=None)
    wish = wish_of_plan(plan, protection_model="per_gigabyte", file_sync_model="per_user", quantity=quantity)
    service = wish.service(organization=consumer, service_manager=plan.service_manager, tenant=tenant, wished_at=AT)
    service.save()
    for name, item in wish.items.items():
        service.items.create(name=name, soft_quota=item.limit.soft, overage=item.limit.overage)
    return started(service, plan, quantity=quantity, term_months=term_months)


def started(service: Service, plan: Plan, *, quantity: int = 1, term_months: int = 1) -> Subscription:
    """Return the subscription of a service, sold at `AT` at the prices of then."""
    consumer = service.organization
    today = local_date(AT, consumer)
    prices = sold_prices(plan, term_months=term_months, consumer=consumer, on=today) if plan.is_fixed else []
    with transaction.atomic():
        return start_subscription(
            service=service, plan=plan, order_number="O5000", quantity=quantity, term_months=term_months, prices=prices, at=AT
        )
