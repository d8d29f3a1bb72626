"""Usage and estimates for programs: exact readings in a fixed order, and the running month at the reader's own price."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models import RateCard, Subscription, UsageEstimate, UsageRecord
from common.periods import Period
from tests import factories
from tests.billing.making import EDITION, GIB, STORAGE, STORAGE_RATE, rate_card, sold_at, subscribe, subscribe_fixed, use
from tests.billing.programs import REFUSED, Programs, eur
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

POINTS = "pg_base_adv_dr_compute_points"
RATES = {STORAGE: STORAGE_RATE, POINTS: ("1", "hour", "sum")}
TEN_DAYS = Period(date(2026, 10, 1), date(2026, 10, 11))
EVERYBODY = {"dora": 200, "alice": 200, "carol": 200, "bob": 200, "cousin": 200, **REFUSED}


@pytest.fixture(autouse=True)
def _on_the_eleventh() -> Iterator[None]:
    cache.clear()
    with time_machine.travel("2026-10-11T09:00:00Z", tick=False):
        yield


@pytest.fixture
def programs(personas: Personas) -> Programs:
    return Programs(personas)


@pytest.fixture
def used(personas: Personas) -> Subscription:
    """Dora's service: 100.5 GiB and 1,000 seconds a day on ten days of October."""
    subscription = subscribe(personas.direct_customer)
    rate_card(subscription.plan.product_group, RATES)
    use(subscription, 100 * GIB + GIB // 2, days=TEN_DAYS)
    use(subscription, 0, item=POINTS, unit="seconds", days=TEN_DAYS, is_range=True, delta=1000)
    return subscription


@pytest.fixture
def resold(personas: Personas) -> Subscription:
    """Carol's service, which alice buys at 20 % less and sells at 50 % more."""
    subscription = subscribe(personas.resellers_customer, partner_discount_percent=20, retail_markup_percent=50)
    if not RateCard.objects.exists():
        rate_card(subscription.plan.product_group, RATES)
    use(subscription, 100 * GIB, days=TEN_DAYS)
    return subscription


def queries_of(programs: Programs, who: str, path: str) -> int:
    """Count what one answer asks the database, the use of the token written down already."""
    programs.get(who, path)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        programs.get(who, path)
    return len(captured)


# --- Usage --------------------------------------------------------------------------------------------------------------------


def test_usage_and_estimates_are_open_to_tokens_with_the_scope_alone(programs: Programs) -> None:
    assert programs.statuses("usage", EVERYBODY) == EVERYBODY
    assert programs.statuses("estimates", EVERYBODY) == EVERYBODY


def test_a_reading_is_told_in_the_vendors_unit_and_in_the_priced_one(
    programs: Programs, personas: Personas, used: Subscription
) -> None:
    points, storage = programs.results("dora", "usage?to=2026-10-01")

    assert storage == {
        "service": used.number,
        "consumer": {"number": personas.direct_customer.number, "name": "Dora Design"},
        "tenant": str(used.service.tenant.vendor_id) if used.service.tenant.vendor_id else None,
        "day": "2026-10-01",
        "item": STORAGE,
        "item_name": storage["item_name"],
        "edition": EDITION,
        "edition_name": storage["edition_name"],
        "storage": "",
        "is_used_up": False,
        "measured": {"unit": "bytes", "level": str(100 * GIB + GIB // 2), "added": "0", "trial": "0"},
        "shown": {"unit": "GiB", "level": "100.5", "added": "0", "trial": "0"},
        "report": storage["report"],
        "report_line": 2,
    }
    assert storage["item_name"]
    assert points["is_used_up"]
    assert points["measured"] == {"unit": "seconds", "level": "0", "added": "1000", "trial": "0"}
    assert points["shown"] == {"unit": "hour", "level": "0", "added": "0.2777777778", "trial": "0"}


def test_readings_come_by_service_and_day_on_pages_that_meet_without_gap(programs: Programs, used: Subscription) -> None:
    UsageRecord.objects.filter(day=date(2026, 10, 1)).delete()
    use(used, GIB, days=[date(2026, 10, 1)])  # comes in last, and stands first

    pages = programs.walked("dora", "usage", size=3)

    found = [(one["day"], one["item"]) for page in pages for one in page]
    assert [len(page) for page in pages] == [3, 3, 3, 3, 3, 3, 1]
    assert found == sorted(found)
    assert len(set(found)) == 19


def test_days_are_given_with_both_ends_and_begin_with_a_month_by_themselves(programs: Programs, used: Subscription) -> None:
    use(used, GIB, days=[date(2026, 11, 1)])  # as if reports of another month were there

    def days(query: str) -> list[int]:
        return [int(one["day"][-2:]) for one in programs.results("dora", f"usage?item={STORAGE}&{query}")]

    assert days("from=2026-10-03&to=2026-10-05") == [3, 4, 5]
    assert days("to=2026-10-02") == [1, 2]
    assert days("from=2026-10-09") == [9, 10, 1]
    assert days("from=2026-11-01") == [1]


def test_days_on_which_no_service_ran_are_nobodys(programs: Programs, used: Subscription) -> None:
    Subscription.objects.update(started_on=date(2026, 10, 3), ended_on=date(2026, 10, 5))

    assert {one["day"] for one in programs.results("dora", "usage")} == {"2026-10-03", "2026-10-04"}


def test_a_reseller_reads_its_customers_usage_and_nobody_elses(
    programs: Programs, used: Subscription, resold: Subscription
) -> None:
    def services(who: str) -> set[str]:
        return {one["service"] for one in programs.results(who, "usage")}

    assert {who: services(who) for who in ("dora", "alice", "carol", "bob", "cousin")} == {
        "dora": {used.number},
        "alice": {resold.number},
        "carol": {resold.number},
        "bob": set(),
        "cousin": set(),
    }


@pytest.mark.parametrize("path", ["usage", "estimates"])
def test_a_service_of_somebody_else_is_as_unknown_as_one_that_is_not_there(
    programs: Programs, used: Subscription, resold: Subscription, path: str
) -> None:
    assert len(programs.results("alice", f"{path}?service={resold.number}")) > 0
    assert programs.refused("alice", f"{path}?service={used.number}") == (400, "service")
    assert programs.refused("alice", f"{path}?service=S0") == (400, "service")


@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ("from=yesterday", "from"),
        ("to=2026-02-30", "to"),
        ("from=2026-10-02&to=2026-10-01", "to"),
        ("day=2026-10-01", "day"),
        ("page_size=201", "page_size"),
        ("cursor=cD0xMjM=", "cursor"),  # a row that is not among those asked for
    ],
)
def test_a_parameter_of_usage_that_is_none_is_named(programs: Programs, query: str, attr: str) -> None:
    assert programs.refused("dora", f"usage?{query}") == (400, attr)


def test_more_services_and_readings_ask_no_more_of_the_database(
    programs: Programs, personas: Personas, resold: Subscription
) -> None:
    few = {path: queries_of(programs, "alice", path) for path in ("usage", "estimates")}
    for _ in range(3):
        other = subscribe(factories.OrganizationFactory(parent=personas.reseller), resold.plan)
        use(other, 10 * GIB, days=TEN_DAYS)
        use(other, 5, item="pg_base_servers", unit="quantity", days=TEN_DAYS)

    assert {path: queries_of(programs, "alice", path) for path in few} == few


# --- Estimates ----------------------------------------------------------------------------------------------------------------


def test_the_running_month_is_told_by_service_and_item(programs: Programs, used: Subscription) -> None:
    (found,) = programs.results("dora", "estimates")

    assert found["service"] == used.number
    assert found["period"] == {"from": "2026-10-01", "to": "2026-10-31"}
    assert (found["as_of"], found["read_until"]) == ("2026-10-11T00:00:00Z", "2026-10-10")
    # 100.5 GiB at 0.07; 10 × 1,000 s are 2.7777777778 hours at 1, and 31 of those days 8.6111111111.
    assert (found["so_far"], found["forecast"]) == (eur("9.82"), eur("15.65"))
    told = {one["item"]: one for one in found["items"]}
    assert told[STORAGE] == {
        "item": STORAGE,
        "edition": EDITION,
        "name": told[STORAGE]["name"],
        "quantity": "100.5",
        "unit": "GiB",
        "unit_price": eur("0.07"),
        "so_far": eur("7.04"),
        "forecast": eur("7.04"),
    }
    assert (told[POINTS]["so_far"], told[POINTS]["forecast"]) == (eur("2.78"), eur("8.61"))
    assert found["resold"] is None


def test_a_newer_estimate_of_the_vendor_is_as_of_its_moment_for_its_service_alone(
    programs: Programs, personas: Personas, used: Subscription
) -> None:
    other = subscribe(personas.direct_customer)
    use(other, GIB, days=TEN_DAYS)
    facts: dict[str, Any] = {"item": STORAGE, "edition": EDITION, "is_range": False, "measurement_unit": "bytes"}
    as_of = datetime(2026, 10, 11, 6, 0, tzinfo=UTC)
    UsageEstimate.objects.create(tenant=used.service.tenant, absolute=200 * GIB, as_of=as_of, **facts)

    first, second = programs.results("dora", "estimates")

    assert first["as_of"] == "2026-10-11T06:00:00Z"
    assert {one["item"]: one["quantity"] for one in first["items"]}[STORAGE] == "200"
    assert second["as_of"] == "2026-10-11T00:00:00Z"


def test_a_reseller_is_told_both_sides_and_its_customer_its_own_alone(programs: Programs, resold: Subscription) -> None:
    ((alices,), (carols,)) = (programs.results(who, "estimates") for who in ("alice", "carol"))

    assert alices["so_far"] == eur("5.60")
    assert alices["resold"] == {"so_far": eur("8.40"), "forecast": eur("8.40")}
    assert (carols["so_far"], carols["resold"]) == (eur("8.40"), None)
    assert "5.6" not in programs.get("carol", "estimates").text
    assert "0.07" not in programs.get("carol", "estimates").text


def test_without_a_price_of_the_month_nothing_is_estimated(programs: Programs, personas: Personas) -> None:
    use(subscribe(personas.direct_customer), GIB, days=TEN_DAYS)

    (found,) = programs.results("dora", "estimates")

    assert not found["is_known"]
    assert (found["so_far"], found["forecast"], found["items"], found["resold"]) == (None, None, [], None)


def test_a_fixed_price_counts_by_its_days_and_estimates_come_in_pages(programs: Programs, personas: Personas) -> None:
    for _ in range(3):
        subscribe_fixed(personas.direct_customer, sold_at("31"))

    pages = programs.walked("dora", "estimates", size=2)

    assert [len(page) for page in pages] == [2, 1]
    for found in (one for page in pages for one in page):
        assert (found["so_far"], found["forecast"], found["as_of"]) == (eur("11.00"), eur("31.00"), None)
        assert [(one["item"], one["quantity"]) for one in found["items"]] == [("subscription", None)]
        assert Decimal(found["items"][0]["forecast"]["amount"]) == 31
