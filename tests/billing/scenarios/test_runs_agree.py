"""Runs in whatever order, in one lane or two, and the database beside plain functions: always one result."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing.measuring import Reading, levels_by_day, measured_of, readings_of, told
from billing.models import BillingRun, Invoice, InvoiceLine, ParkedAccount, UsageRecord
from billing.operations import runs
from billing.operations.invoices import issue_invoice
from billing.queries.measuring import MeteredDays, measured
from common.periods import Period
from tests import factories
from tests.billing.making import (
    EDITION,
    GIB,
    OCTOBER,
    SERVERS,
    STORAGE,
    STORAGE_RATE,
    rate_card,
    report,
    sold_at,
    subscribe,
    subscribe_fixed,
    use,
)
from tests.billing.scenarios.figures import half_up, total
from tests.billing.scenarios.scenes import DECEMBER_1, NOVEMBER, bill, forgotten, mark, rows
from tests.conftest import Personas

LAST_DAYS = {OCTOBER: date(2026, 10, 31), NOVEMBER: date(2026, 11, 30)}
SHARED = [HealthCheck.function_scoped_fixture]


# --- Whatever happens, and in whatever order ----------------------------------------------------------------------------------

EVENTS = st.one_of(
    st.tuples(st.just("use"), st.sampled_from([OCTOBER, NOVEMBER]), st.integers(0, 300)),
    st.tuples(st.just("run"), st.sampled_from([OCTOBER, NOVEMBER]), st.none()),
    st.tuples(st.just("issue"), st.none(), st.none()),
)


@pytest.mark.django_db
@settings(max_examples=5, deadline=None, suppress_health_check=SHARED, phases=[Phase.generate])
@given(events=st.lists(EVENTS, min_size=3, max_size=7))
def test_readings_runs_and_issuing_in_any_order_bill_each_month_what_it_used(personas: Personas, events: list[Any]) -> None:
    with forgotten():
        subscription = subscribe(personas.direct_customer)
        rate_card(subscription.plan.product_group)
        at = DECEMBER_1
        used = {OCTOBER: 100, NOVEMBER: 50}
        for period, gib in used.items():
            use(subscription, gib * GIB, days=[LAST_DAYS[period]])
        bill(personas.msp, at=at)
        for name, period, gib in events:
            at += timedelta(hours=1)
            _happen(name, period, gib, subscription, personas, used, at)

        for period in (NOVEMBER, OCTOBER, NOVEMBER):
            bill(personas.msp, period, at=at + timedelta(hours=1))
        settled = rows()
        for period in (OCTOBER, NOVEMBER):
            bill(personas.msp, period, at=at + timedelta(hours=2))

        for period, gib in used.items():
            lines = InvoiceLine.objects.filter(period_start=period.start).values_list("net", flat=True)
            assert sum(lines) == half_up(gib * 7, 2) / 100
        assert rows() == settled
        for invoice in Invoice.objects.all():
            nets = invoice.lines.values_list("net", flat=True)
            assert (invoice.net, invoice.tax, invoice.gross) == total(nets, "EUR")


def _happen(
    name: str, period: Period, gib: int, subscription: Any, personas: Personas, used: dict[Period, int], at: datetime
) -> None:
    if name == "use":
        used[period] = gib
        use(subscription, gib * GIB, days=[LAST_DAYS[period]])
        mark(subscription, period, at=at)
    elif name == "run":
        bill(personas.msp, period, at=at)
    else:
        for draft in list(Invoice.objects.drafts().values_list("pk", flat=True)):
            issue_invoice(invoice_id=draft, on=at.date(), by=None)


# --- The database and plain functions -----------------------------------------------------------------------------------------

LEVELS = st.integers(min_value=-(10**6), max_value=10**18)
READINGS = st.dictionaries(st.integers(1, 31), st.tuples(LEVELS, LEVELS), min_size=1, max_size=6)


@pytest.mark.django_db
@settings(max_examples=20, deadline=None, suppress_health_check=SHARED)
@given(
    storages=st.dictionaries(st.sampled_from(["", "one", 'a "two"', "drei-ß"]), READINGS, min_size=1),
    first=st.integers(1, 31),
    length=st.integers(1, 31),
)
def test_the_database_measures_what_the_plain_functions_do(
    personas: Personas, storages: dict[str, dict[int, tuple[int, int]]], first: int, length: int
) -> None:
    start = date(2026, 10, first)
    days = Period(start, start + timedelta(days=length))
    with forgotten():
        subscription = subscribe(personas.direct_customer)
        readings = {storage: _write(subscription, storage, levels) for storage, levels in storages.items()}
        inside = {storage: [one for one in several if one.day in days] for storage, several in readings.items()}
        plain = [
            measured_of(several, item=STORAGE, edition=EDITION, storage=storage) for storage, several in inside.items() if several
        ]

        found = measured([MeteredDays(1, subscription.service.tenant_id, days)]).get(1, [])

        assert sorted(one[:-1] for one in found) == sorted(one[:-1] for one in plain)
        assert levels_by_day(found) == levels_by_day(plain)
        for aggregation in ("last", "sum"):
            assert readings_of(told(found), aggregation) == readings_of(told(plain), aggregation)


def _write(subscription: Any, storage: str, levels: dict[int, tuple[int, int]]) -> list[Reading]:
    source = report(subscription)
    UsageRecord.objects.bulk_create(
        UsageRecord(
            tenant=subscription.service.tenant,
            item=STORAGE,
            edition=EDITION,
            infra_id=storage,
            day=date(2026, 10, day),
            is_range=False,
            measurement_unit="bytes",
            absolute=level,
            delta=delta,
            report=source,
            report_line=day,
        )
        for day, (level, delta) in levels.items()
    )
    return [Reading(date(2026, 10, day), Decimal(level), Decimal(delta), source.pk, day) for day, (level, delta) in levels.items()]


# --- Lanes --------------------------------------------------------------------------------------------------------------------


def _said() -> list[tuple[Any, ...]]:
    """What all drafts say, whichever lane wrote them first."""
    columns = [field.attname for field in InvoiceLine._meta.fields if field.attname not in ("id", "invoice_id")]
    lines = InvoiceLine.objects.order_by("invoice__buyer", "position")
    totals = Invoice.objects.order_by("buyer").values_list("buyer", "net", "tax", "gross", "taxes", "period_start", "created_at")
    return [*totals, *lines.values_list("invoice__buyer", *columns)]


@pytest.mark.django_db(transaction=True)
def test_two_lanes_write_what_one_does_and_stop_together(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "SUBSCRIPTIONS_PER_BATCH", 1)
    plan = factories.PlanFactory()
    rate_card(plan.product_group, {STORAGE: STORAGE_RATE, SERVERS: ("4.5", "unit", "max")})
    for number, consumer in enumerate(factories.OrganizationFactory.create_batch(3), start=1):
        subscription = subscribe(consumer, plan)
        use(subscription, number * 100 * GIB, days=[OCTOBER.last_day])
        use(subscription, number, item=SERVERS, unit="", days=[OCTOBER.last_day])
    subscribe_fixed(personas.direct_customer, sold_at("20"))
    without_card = factories.PlanFactory(product_group=factories.ProductGroupFactory(name="No card"))
    use(subscribe(personas.resellers_customer, without_card), GIB, days=[OCTOBER.last_day])
    bill(personas.msp)
    one_lane, parked = _said(), list(ParkedAccount.objects.values_list("buyer", "reason"))
    Invoice.objects.all().delete()
    ParkedAccount.objects.all().delete()

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bill(personas.msp, lanes=2, after_batch=stop)
    assert BillingRun.objects.get().status == BillingRun.Status.RUNNING
    seen: list[tuple[int, int]] = []
    run = bill(personas.msp, lanes=2, after_batch=lambda done, total: seen.append((done, total)))

    assert (_said(), list(ParkedAccount.objects.values_list("buyer", "reason"))) == (one_lane, parked)
    assert sorted(seen) == [(number, 5) for number in range(1, 6)]
    assert (run.status, run.accounts_done, run.rate_cards) == ("finished", 5, ["Cyber Protect 2026-10, version 1"])
