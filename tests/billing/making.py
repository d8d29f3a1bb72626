"""Usage, rate cards and sold services for the tests of billing."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from accounts.models import Organization
from billing.models import Rate, RateCard, Subscription, UsageRecord
from billing.operations.subscriptions import price_row
from catalog.models import Plan, ProductGroup
from catalog.pricing import Amounts, Level, Step
from catalog.queries.offers import SoldPrice
from common.periods import Period
from provisioning.models import VendorReport
from tests import factories

OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
NOVEMBER_1 = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
GIB = 1024**3
STORAGE, SERVERS = "pg_base_storage", "pg_base_servers"
EDITION = "pck_per_gigabyte"
STORAGE_RATE = ("0.07", "GiB", "last")


def subscribe(consumer: Organization, plan: Plan | None = None, **facts: Any) -> Subscription:
    """A running service of ``consumer`` from 1 October on, with a tenant of its own."""
    plan = plan or factories.PlanFactory()
    tenant = factories.TenantFactory(organization=consumer, service_manager=plan.service_manager)
    return factories.SubscriptionFactory(service=factories.ServiceFactory(tenant=tenant), plan=plan, **facts)


def report(subscription: Subscription) -> VendorReport:
    found, _ = VendorReport.objects.get_or_create(
        service_manager=subscription.service.service_manager,
        period_start=OCTOBER.start,
        period_end=OCTOBER.end,
        status=VendorReport.Status.LOADED,
        defaults={"next_try_at": NOVEMBER_1, "created_at": NOVEMBER_1},
    )
    return found


def use(
    subscription: Subscription,
    amount: int,
    *,
    item: str = STORAGE,
    unit: str = "bytes",
    days: Iterable[date] = OCTOBER,
    is_range: bool = False,
    delta: int = 0,
    edition: str = EDITION,
) -> None:
    """Write the same reading for each of ``days``; what was there before is replaced."""
    source = report(subscription)
    for number, day in enumerate(days, start=2):
        UsageRecord.objects.update_or_create(
            tenant=subscription.service.tenant,
            item=item,
            edition=edition,
            infra_id="",
            day=day,
            defaults={
                "is_range": is_range,
                "measurement_unit": unit,
                "absolute": amount,
                "delta": delta,
                "report": source,
                "report_line": number,
            },
        )


def rate_card(
    group: ProductGroup,
    rates: dict[str, tuple[str, str, str]] | None = None,
    *,
    month: date = OCTOBER.start,
    version: int = 1,
    currency: str = "EUR",
    exchange_rate: str = "1",
    imported_at: datetime = NOVEMBER_1,
) -> RateCard:
    """A card with a price, unit and aggregation per item; each costs half its price."""
    card = RateCard.objects.create(
        product_group=group,
        month=month,
        version=version,
        currency=currency,
        base_currency="EUR",
        exchange_rate=Decimal(exchange_rate),
        file_name="card.xlsx",
        file_sha256="0" * 64,
        imported_at=imported_at,
    )
    for line, (item, (price, unit, aggregation)) in enumerate((rates or {STORAGE: STORAGE_RATE}).items(), start=2):
        Rate.objects.create(
            rate_card=card,
            item=item,
            unit=unit,
            cost=Decimal(price) / 2,
            price=Decimal(price),
            aggregation=aggregation,
            line=line,
        )
    return card


def sold_at(
    price: str,
    *,
    level: Level = Level.MSP,
    currency: str = "EUR",
    setup_fee: str = "0",
    overage_price: str | None = None,
) -> SoldPrice:
    """What one level of a sale is invoiced at, sold at the list price."""
    amounts = Amounts(Decimal(price), Decimal(setup_fee), Decimal(overage_price) if overage_price else None)
    return SoldPrice(level, currency, amounts, [Step("list_price", None, amounts)])


def subscribe_fixed(
    consumer: Organization, *prices: SoldPrice, plan: Plan | None = None, started_on: date = OCTOBER.start, **facts: Any
) -> Subscription:
    """A running service of fixed price, 20 EUR a month unless told otherwise."""
    plan = plan or factories.FixedPlanFactory()
    subscription = subscribe(consumer, plan, billing_model="postpaid_fixed", started_on=started_on, **facts)
    move(subscription, *(prices or [sold_at("20")]), valid_from=started_on)
    return subscription


def move(subscription: Subscription, *prices: SoldPrice, valid_from: date) -> None:
    """Let ``subscription`` be invoiced at ``prices`` from that day on."""
    for sold in prices:
        price_row(subscription, sold, valid_from=valid_from, at=NOVEMBER_1).save()
