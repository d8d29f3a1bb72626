"""Overage: the month's high-water mark above the quota, billed at every moment and never twice."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from billing.models import Invoice, InvoiceLine, Subscription
from billing.operations import overage
from billing.operations.overage import Moment, bill_overage
from billing.operations.phases import begin_phase
from billing.operations.runs import run_billing
from billing.overage import QuotaDays, charges
from catalog.pricing import Level
from common.periods import Period
from provisioning.models import VendorOfferingItem
from tests.billing.making import EDITION, GIB, NOVEMBER_1, OCTOBER, STORAGE, sold_at, subscribe_fixed, use
from tests.conftest import Personas

FIRST, MIDDLE, END = date(2026, 10, 1), date(2026, 10, 16), date(2026, 11, 1)


def quota(gib: int | None, first: date = FIRST, end: date = END, overage_price: str | None = "0.50") -> QuotaDays:
    price = None if overage_price is None else Decimal(overage_price)
    return QuotaDays(Period(first, end), None if gib is None else Decimal(gib), price, "EUR")


def billed(levels: dict[int, int], *stretches: QuotaDays) -> list[tuple[str, Decimal, Decimal]]:
    """Levels in GiB by day of October."""
    in_bytes = {date(2026, 10, day): Decimal(gib * GIB) for day, gib in levels.items()}
    return [(one.part, one.quantity, one.net_unrounded) for one in charges(in_bytes, stretches, level="msp", readings="")]


def test_the_highest_day_above_the_quota_is_billed() -> None:
    assert billed({1: 40, 9: 72, 20: 60}, quota(50)) == [("", 22, Decimal(11))]


@pytest.mark.parametrize(
    "stretch", [quota(None), quota(50, overage_price=None), quota(80)], ids=["unlimited", "no price", "inside"]
)
def test_nothing_is_billed_without_quota_or_price_or_inside_it(stretch: QuotaDays) -> None:
    assert billed({9: 72}, stretch) == []


def test_a_larger_quota_does_not_bill_again_what_was_billed_under_the_smaller() -> None:
    under_both = [quota(50, end=MIDDLE), quota(100, first=MIDDLE, overage_price="0.40")]

    assert billed({9: 72, 20: 110}, *under_both) == [("", 22, Decimal(11))]  # 10 above 100: below the mark of 22
    assert billed({9: 72, 20: 130}, *under_both) == [("", 22, Decimal(11)), ("2026-10-16", 8, Decimal("3.2"))]


# --- In the database --------------------------------------------------------------------------------------------------------


def at(day: int) -> datetime:
    return datetime(2026, 10, day, 12, tzinfo=UTC)


def sold_with_quota(personas: Personas) -> Subscription:
    """50 GB at 20 EUR a month, 0.50 EUR a GB above it."""
    subscription = subscribe_fixed(
        personas.direct_customer, sold_at("20", overage_price="0.50"), first_phase__quota_gib=Decimal(50)
    )
    VendorOfferingItem.objects.create(
        service_manager=subscription.service.service_manager,
        application_id="6e6d758d-8e74-3ae3-ac84-50eb0dff12eb",
        name=STORAGE,
        usage_name="storage",
        edition=EDITION,
        measurement_unit="bytes",
    )
    return subscription


def overage_lines() -> list[tuple[str, Decimal]]:
    lines = InvoiceLine.objects.filter(item="overage").select_related("invoice").order_by("pk")
    return [(line.invoice.kind, line.net) for line in lines]


@pytest.mark.django_db
def test_each_moment_bills_what_was_used_since_and_the_run_bills_the_rest(personas: Personas) -> None:
    subscription = sold_with_quota(personas)
    facts = {"subscription_id": subscription.pk, "by": None}
    use(subscription, 60 * GIB, days=[FIRST + timedelta(days=n) for n in range(9)])

    bill_overage(**facts, moment=Moment.UPGRADE, at=at(10))
    bill_overage(**facts, moment=Moment.GENERATE_INVOICE, at=at(10))
    use(subscription, 64 * GIB, days=[date(2026, 10, 12)])
    bill_overage(**facts, moment=Moment.QUANTITY, at=at(13))
    use(subscription, 70 * GIB, days=[date(2026, 10, 31)])
    run_billing(seller_id=personas.msp.pk, period=OCTOBER, at=NOVEMBER_1)
    run_billing(seller_id=personas.msp.pk, period=OCTOBER, at=NOVEMBER_1)

    assert overage_lines() == [("overage", Decimal(5)), ("overage", Decimal(2)), ("monthly", Decimal(3))]
    assert set(Invoice.objects.filter(kind="overage").values_list("status", flat=True)) == {"issued"}


@pytest.mark.django_db
def test_a_second_unit_doubles_the_quota_from_its_day_on(personas: Personas) -> None:
    subscription = sold_with_quota(personas)
    use(subscription, 60 * GIB, days=[date(2026, 10, 9)])
    bill_overage(subscription_id=subscription.pk, moment=Moment.QUANTITY, at=at(10), by=None)
    begin_phase(subscription_id=subscription.pk, valid_from=date(2026, 10, 10), quantity=2, at=at(10), by=None)
    use(subscription, 105 * GIB, days=[date(2026, 10, 20)])

    run_billing(seller_id=personas.msp.pk, period=OCTOBER, at=NOVEMBER_1)

    assert overage_lines() == [("overage", Decimal(5))]  # 5 above 100 is below the 10 that were billed


@pytest.mark.django_db
def test_both_sellers_bill_overage_at_their_own_price(personas: Personas) -> None:
    prices = [sold_at("16", level=Level.WHOLESALE, overage_price="0.40"), sold_at("20", level=Level.RETAIL, overage_price="0.50")]
    subscription = sold_with_quota(personas)
    retail = subscribe_fixed(personas.resellers_customer, *prices, plan=subscription.plan, first_phase__quota_gib=Decimal(50))
    use(retail, 60 * GIB, days=[FIRST])

    invoices = bill_overage(subscription_id=retail.pk, moment=Moment.GENERATE_INVOICE, at=at(3), by=None)

    assert [(one.buyer.name, one.net) for one in invoices] == [
        (personas.reseller.name, Decimal(4)),
        (personas.resellers_customer.name, Decimal(5)),
    ]


@pytest.mark.django_db
def test_what_a_killed_process_left_a_draft_is_issued_the_next_time(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    subscription = sold_with_quota(personas)
    use(subscription, 60 * GIB, days=[FIRST])
    facts = {"subscription_id": subscription.pk, "moment": Moment.GENERATE_INVOICE, "by": None}
    with monkeypatch.context() as killed:
        killed.setattr(overage, "issue_all", lambda drafts, **_ignored: list(drafts))
        bill_overage(**facts, at=at(3))
    assert Invoice.objects.get().status == "draft"

    assert bill_overage(**facts, at=at(4)) == []

    assert Invoice.objects.get().status == "issued"
