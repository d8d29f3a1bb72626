"""Comparing a month: each kind of difference, and none where all agree."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from billing.models import Invoice, InvoiceLine, RateCard, Subscription, UnmappedUsage, UsageRecord
from common.errors import DomainError
from common.periods import Period
from provisioning.models import VendorReport
from reconciliation import operations
from reconciliation.exports import discrepancies_csv
from reconciliation.models import Discrepancy, ReconciliationRun
from tests import factories

OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
AT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
GIB = 1024**3


@pytest.fixture
def subscription(db: None) -> Subscription:
    factories.msp()
    subscription = factories.SubscriptionFactory()
    rate_card(
        subscription,
        ("pg_base_storage", "pck_per_gigabyte", "GiB", "last"),
        ("pg_base_servers", "pck_per_gigabyte", "unit", "max"),
        ("pg_base_vms", "", "unit", "average"),
        ("compute_points", "pck_per_gigabyte", "hour", "sum"),
    )
    return subscription


def rate_card(subscription: Subscription, *rates: tuple[str, str, str, str], month: date = OCTOBER.start) -> None:
    group = subscription.plan.product_group
    card = RateCard.objects.create(
        product_group=group,
        month=month,
        version=RateCard.objects.filter(product_group=group, month=month).count() + 1,
        currency="EUR",
        base_currency="EUR",
        exchange_rate=1,
        file_name="card.xlsx",
        file_sha256="0" * 64,
        imported_at=AT,
    )
    for line, (item, edition, unit, aggregation) in enumerate(rates, start=2):
        card.rates.create(item=item, edition=edition, unit=unit, cost=1, price=2, aggregation=aggregation, line=line)


def use(subscription: Subscription, item: str, *readings: tuple[int, int], unit: str = "bytes", **fields: Any) -> None:
    """Keep (day of October, amount) as readings; for what is used up the amount is what the day added."""
    tenant = subscription.service.tenant
    report = VendorReport.objects.filter(service_manager=tenant.service_manager).first() or VendorReport.objects.create(
        service_manager=tenant.service_manager,
        period_start=OCTOBER.start,
        period_end=OCTOBER.end,
        status="loaded",
        next_try_at=AT,
        created_at=AT,
    )
    is_range = fields.pop("is_range", False)
    for day, amount in readings:
        UsageRecord.objects.create(
            **{"tenant": tenant, "item": item, "edition": "pck_per_gigabyte", **fields},
            day=OCTOBER.start + timedelta(days=day - 1),
            is_range=is_range,
            measurement_unit=unit,
            absolute=0 if is_range else amount,
            delta=amount if is_range else 0,
            report=report,
            report_line=2,
        )


def bill(subscription: Subscription, item: str, quantity: str, unit: str = "GiB", **fields: Any) -> Invoice:
    """Put a line on a draft of the MSP, or of the seller given."""
    seller = fields.pop("seller", factories.msp())
    invoice, _ = Invoice.objects.get_or_create(
        seller=seller,
        buyer=subscription.consumer,
        venture=subscription.plan.venture,
        currency="EUR",
        period_start=OCTOBER.start,
        period_end=OCTOBER.end,
        status="draft",
        defaults={"created_at": AT},
    )
    InvoiceLine.objects.create(
        **{"edition": "pck_per_gigabyte", "period_start": OCTOBER.start, "period_end": OCTOBER.end, **fields},
        invoice=invoice,
        subscription=subscription,
        position=invoice.lines.count() + 1,
        item=item,
        description=item,
        quantity=Decimal(quantity),
        unit=unit,
        unit_price=2,
        net=0,
        tax_percent=19,
        working={},
    )
    return invoice


def compare(subscription: Subscription, *, period: Period = OCTOBER) -> ReconciliationRun:
    return operations.compare(service_manager_id=subscription.service.service_manager_id, period=period, by=None, at=AT)


def found(run: ReconciliationRun) -> list[tuple[str, str, Decimal | None, Decimal | None, str]]:
    return list(run.discrepancies.values_list("kind", "item", "used", "billed", "unit"))


# --- The quantities -----------------------------------------------------------------------------------------------------


def test_where_all_agree_nothing_is_found(subscription: Subscription) -> None:
    use(subscription, "pg_base_storage", (1, 5 * GIB), (30, 7 * GIB), (31, GIB * 13 // 2))
    use(subscription, "pg_base_servers", (1, 3), (15, 9), (31, 4), unit="quantity")
    use(subscription, "pg_base_vms", (1, 31), (2, 62), unit="quantity")
    use(subscription, "compute_points", (1, 1800), (2, 5400), unit="seconds", is_range=True)
    bill(subscription, "pg_base_storage", "6.5")
    bill(subscription, "pg_base_servers", "9", "unit")
    bill(subscription, "pg_base_vms", "3", "unit")
    bill(subscription, "compute_points", "2", "hour")

    run = compare(subscription)

    assert found(run) == []
    assert run.compared == 4
    assert (run.service_manager, run.period, run.started_at) == (subscription.service.service_manager, OCTOBER, AT)


def test_quantities_are_rounded_once_as_billing_does(subscription: Subscription) -> None:
    measured = 123_456_789_012
    use(subscription, "pg_base_storage", (31, measured))
    exact = Decimal(measured) / Decimal(GIB)
    bill(subscription, "pg_base_storage", str(exact.quantize(Decimal("1e-10"), rounding="ROUND_HALF_UP")))

    assert found(compare(subscription)) == []


def test_storages_of_an_item_are_added_up_day_by_day(subscription: Subscription) -> None:
    use(subscription, "pg_base_storage", (30, 5 * GIB), (31, 2 * GIB), infra_id=str(uuid4()))
    use(subscription, "pg_base_storage", (31, 3 * GIB), infra_id=str(uuid4()))
    bill(subscription, "pg_base_storage", "5")

    assert found(compare(subscription)) == []


def test_days_outside_the_subscription_do_not_count(subscription: Subscription) -> None:
    Subscription.objects.update(started_on=date(2026, 10, 10), ended_on=date(2026, 10, 20))
    use(subscription, "pg_base_servers", (9, 99), (10, 2), (19, 3), (20, 99), unit="quantity")
    bill(subscription, "pg_base_servers", "3", "unit", period_start=date(2026, 10, 10), period_end=date(2026, 10, 20))

    assert found(compare(subscription)) == []


def test_an_adjustment_on_another_invoice_counts_with_the_first(subscription: Subscription) -> None:
    use(subscription, "pg_base_storage", (31, 8 * GIB))
    first = bill(subscription, "pg_base_storage", "5")
    Invoice.objects.filter(pk=first.pk).update(status="issued", number="INV-1", issued_on=AT, due_on=AT)
    bill(subscription, "pg_base_storage", "3")

    assert found(compare(subscription)) == []


def test_what_a_reseller_invoices_is_not_the_msps(subscription: Subscription) -> None:
    use(subscription, "pg_base_storage", (31, 8 * GIB))
    bill(subscription, "pg_base_storage", "8")
    bill(subscription, "pg_base_storage", "8", seller=factories.ResellerFactory())

    assert found(compare(subscription)) == []


# --- What differs -------------------------------------------------------------------------------------------------------


def test_usage_that_was_not_billed_is_found(subscription: Subscription) -> None:
    use(subscription, "pg_base_storage", (31, 8 * GIB))

    run = compare(subscription)

    assert found(run) == [("not_billed", "pg_base_storage", 8, None, "GiB")]
    [row] = run.discrepancies.all()
    tenant = subscription.service.tenant
    assert (row.organization, row.vendor_tenant_id, row.tenant_name) == (
        subscription.consumer,
        str(tenant.vendor_id),
        subscription.consumer.name,
    )


def test_usage_that_no_rate_is_for_is_not_found(subscription: Subscription) -> None:
    use(subscription, "vm_storage", (31, 8 * GIB))

    assert found(compare(subscription)) == []


def test_a_line_without_usage_is_found(subscription: Subscription) -> None:
    bill(subscription, "pg_base_storage", "8")

    assert found(compare(subscription)) == [("billed_without_usage", "pg_base_storage", None, 8, "GiB")]


def test_a_quantity_that_differs_is_found_even_where_the_rate_is_gone(subscription: Subscription) -> None:
    use(subscription, "pg_base_storage", (31, 8 * GIB))
    bill(subscription, "pg_base_storage", "7.5")
    rate_card(subscription, ("pg_base_servers", "pck_per_gigabyte", "unit", "max"))

    assert found(compare(subscription)) == [("quantity", "pg_base_storage", 8, Decimal("7.5"), "GiB")]


def test_trial_usage_is_not_missing_on_invoices(subscription: Subscription) -> None:
    use(subscription, "pg_base_storage", (31, 0))
    UsageRecord.objects.update(trial_absolute=8 * GIB)

    assert found(compare(subscription)) == []


def test_days_of_a_free_trial_are_compared_as_they_are_billed(subscription: Subscription) -> None:
    Subscription.objects.update(trial_ends_on=date(2026, 10, 22))  # ten days are billed
    use(subscription, "pg_base_vms", (20, 900), (22, 40), unit="quantity")
    bill(subscription, "pg_base_vms", "4", unit="unit")

    assert found(compare(subscription)) == []


def test_what_is_used_in_a_month_of_free_trial_is_paid_by_nobody(subscription: Subscription) -> None:
    Subscription.objects.update(trial_ends_on=date(2026, 11, 1))
    use(subscription, "pg_base_storage", (31, 8 * GIB))

    assert found(compare(subscription)) == [("not_billed", "pg_base_storage", 8, None, "GiB")]


def test_a_fixed_price_pays_for_what_is_used(subscription: Subscription) -> None:
    Subscription.objects.filter(pk=subscription.pk).update(billing_model="postpaid_fixed")
    use(subscription, "pg_base_storage", (31, 100 * GIB))
    bill(subscription, "subscription", "1", unit="unit", edition="")

    run = compare(subscription)

    assert (run.discrepancies.count(), run.compared) == (0, 0)


def test_a_tenant_that_nobody_pays_for_is_found(subscription: Subscription) -> None:
    Subscription.objects.update(started_on=date(2026, 8, 1), ended_on=date(2026, 9, 15))
    use(subscription, "pg_base_storage", (30, 5 * GIB), (31, 8 * GIB))

    assert found(compare(subscription)) == [("not_billed", "pg_base_storage", 8, None, "GiB")]


def test_a_tenant_that_is_not_ours_is_found(subscription: Subscription) -> None:
    use(subscription, "pg_base_storage", (31, 0))
    for day, item, absolute in ((30, "pg_base_storage", GIB), (31, "pg_base_storage", 2 * GIB), (31, "pg_base_vms", 0)):
        UnmappedUsage.objects.create(
            service_manager=subscription.service.service_manager,
            vendor_tenant_id="someone",
            tenant_name="Someone, Inc.",
            item=item,
            day=date(2026, 10, day),
            measurement_unit="bytes",
            absolute=absolute,
            delta=0,
            report=VendorReport.objects.get(),
            report_line=3,
        )

    run = compare(subscription)

    assert found(run) == [("unmapped_tenant", "pg_base_storage", 2, None, "GiB")]
    assert run.compared == 3


def test_other_months_and_service_managers_are_left_alone(subscription: Subscription) -> None:
    use(subscription, "pg_base_storage", (31, 8 * GIB))
    elsewhere = factories.SubscriptionFactory()

    assert found(compare(elsewhere)) == []
    assert found(compare(subscription, period=Period.parse_month("2026-11"))) == []


# --- Runs, exports, the command -----------------------------------------------------------------------------------------


def test_comparing_again_is_a_new_run_and_changes_nothing_else(subscription: Subscription) -> None:
    use(subscription, "pg_base_storage", (31, 8 * GIB))
    before = list(UsageRecord.objects.values())

    first, second = compare(subscription), compare(subscription)

    assert first.pk != second.pk
    assert found(first) == found(second)
    assert list(UsageRecord.objects.values()) == before
    assert not InvoiceLine.objects.exists()


def test_only_calendar_months_are_compared(subscription: Subscription) -> None:
    with pytest.raises(DomainError, match="is none"):
        compare(subscription, period=Period(date(2026, 10, 2), date(2026, 11, 2)))

    assert not ReconciliationRun.objects.exists()


def test_the_export_has_exact_numbers_and_no_formulas(subscription: Subscription) -> None:
    subscription.consumer.name = "=HYPERLINK(1), Inc."
    subscription.consumer.save()
    use(subscription, "pg_base_storage", (31, 100 * GIB))
    bill(subscription, "pg_base_storage", "7.5")

    rows = list(csv.DictReader(discrepancies_csv(compare(subscription))))

    assert [(row["Kind"], row["Organization"], row["Used"], row["Billed"]) for row in rows] == [
        ("Quantity differs", "'=HYPERLINK(1), Inc.", "100", "7.5")
    ]


def test_a_month_is_compared_by_command(subscription: Subscription) -> None:
    use(subscription, "pg_base_storage", (31, 8 * GIB))
    out, table = io.StringIO(), io.StringIO()
    name = subscription.service.service_manager.name

    call_command("reconcile", period="2026-10", stdout=out)
    call_command("reconcile", period="2026-10", service_manager=name, csv=True, stdout=table)

    assert f"{name} 2026-10: 1 compared, 1 discrepancies." in out.getvalue()
    assert "Used, not billed" in table.getvalue()
    assert Discrepancy.objects.count() == 2


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"period": "October"}, "is not a month"),
        ({"period": "2026-10", "service_manager": "Nobody"}, "There is no service manager"),
    ],
)
def test_the_command_says_what_is_wrong(subscription: Subscription, given: dict[str, str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        call_command("reconcile", **given)
