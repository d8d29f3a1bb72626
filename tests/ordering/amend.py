"""Short ways to a subscription that runs at the vendor in process, and through a change of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

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
from provisioning.models import Tenant
from provisioning.operations import converging
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

    def uses(self, amount: int, item: str = "pg_base_storage") -> None:
        """Let the vendor say that so much is in use."""
        report_use(self.acronis, str(self.tenant.vendor_id), item, amount)

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


def running(shop: Shop, acronis: LocalAcronis, *, consumer: Organization | None = None, **facts: Any) -> Running:
    """Order and carry out what the shop sells; dora for herself, or alice for her customer where ``consumer`` is given."""
    p = shop.personas
    for_whom = {} if consumer is None else {"owner": p.alice, "buyer": p.reseller, "consumer": consumer}
    line = execute(shop.line(**for_whom, **facts), at=AT)
    assert (line.status, line.error) == (OrderLine.Status.COMPLETED, "")
    assert line.subscription is not None
    reader, by = (p.direct_customer, p.dora) if consumer is None else (p.reseller, p.alice)
    return Running(shop, acronis, line.subscription, reader, by)


def execute(line: OrderLine, *, at: datetime = LATER) -> OrderLine:
    execution.execute_line(line_id=line.pk, clock=lambda: at)
    line.refresh_from_db()
    line.order.refresh_from_db()
    return line


def report_use(acronis: LocalAcronis, vendor_id: str, item: str, amount: int) -> None:
    """Say at the vendor what is used of an item, in its unit."""
    token = acronis.http.post("/api/2/idp/token", data={"grant_type": "client_credentials"}, auth=("till", "s3cret"))
    answer = acronis.http.put(
        "/api/2/tenants/usages",
        json={"items": [{"tenant_id": vendor_id, "offering_item": item, "usage_value": amount}]},
        headers={"Authorization": f"Bearer {token.json['access_token']}"},
    )
    assert answer.status_code == 200, answer.text
    assert not [one for one in answer.json["items"] if "error" in one], answer.text


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
    today = local_date(AT, consumer)
    prices = sold_prices(plan, term_months=term_months, consumer=consumer, on=today) if plan.is_fixed else []
    return start_subscription(
        service=service, plan=plan, order_number="O5000", quantity=quantity, term_months=term_months, prices=prices, at=AT
    )
