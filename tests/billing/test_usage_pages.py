"""Usage by item and day, and the two reports: who sees which, what they say, what their files hold."""

import csv
from datetime import date, timedelta
from io import StringIO

import pytest
import time_machine
from django.urls import reverse

from billing.models import Subscription, UsageRecord
from billing.queries import metered
from common.periods import Period
from tests import factories
from tests.billing.making import GIB, OCTOBER, SERVERS, report, subscribe, use
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

POINTS = "pg_base_adv_dr_compute_points"
REPORT, OCTOBERS = reverse("billing:usage_report"), {"month": "2026-10"}


@pytest.fixture(autouse=True)
def _in_october() -> object:
    with time_machine.travel("2026-10-29T09:00:00Z", tick=False):
        yield


@pytest.fixture
def used(personas: Personas) -> Subscription:
    """A direct customer's service: storage grows by 1 GiB a day from 100, one server, 2 hours of computing on two days."""
    subscription = subscribe(personas.direct_customer)
    for number, day in enumerate(OCTOBER):
        use(subscription, (100 + number) * GIB, days=[day])
    use(subscription, 1, item=SERVERS, unit="")
    use(subscription, 7200, item=POINTS, unit="seconds", days=[date(2026, 10, 5), date(2026, 10, 6)], is_range=True, delta=7200)
    return subscription


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text)))


def test_the_summary_says_first_last_highest_average_and_added(personas: Personas, used: Subscription) -> None:
    page = personas.client("dora").get(REPORT, OCTOBERS).text
    export = personas.client("dora").get(REPORT, {**OCTOBERS, "export": "csv"})

    assert "Summary for period" in page
    storage = next(row for row in rows_of(export.getvalue().decode()) if row["unit"] == "GiB")
    told = [storage[name] for name in ("days_with_readings", "first_level", "last_level", "highest_level", "average_level")]
    assert told == ["31", "100", "130", "130", "115"]
    for expected in ("130 GiB", "115", "1 unit", "4", "Disaster recovery compute points"):
        assert expected in page


def test_day_by_day_gives_every_reading_with_its_report_line(personas: Personas, used: Subscription) -> None:
    asked = {**OCTOBERS, "report": "days", "export": "csv", "service": used.number, "item": POINTS}

    export = personas.client("dora").get(REPORT, asked)

    rows = rows_of(export.getvalue().decode())
    assert [(row["day"], row["added"], row["unit"], row["vendor_report_line"]) for row in rows] == [
        ("2026-10-05", "2", "hour", "2"),
        ("2026-10-06", "2", "hour", "3"),
    ]
    assert rows[0]["vendor_report"] == str(report(used).pk)
    assert export["Content-Disposition"] == f'attachment; filename="usage-day-by-day-{used.number}-2026-10.csv"'


def test_a_name_that_begins_like_a_formula_is_harmless_in_a_file(personas: Personas, used: Subscription) -> None:
    personas.direct_customer.name = "=cmd()"
    personas.direct_customer.save()

    export = personas.client("dora").get(REPORT, {**OCTOBERS, "export": "csv"})

    assert {row["customer"] for row in rows_of(export.getvalue().decode())} == {"'=cmd()"}


def test_more_readings_than_a_file_may_have_are_refused_in_a_sentence(
    personas: Personas, used: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metered, "MOST_ROWS", 10)

    page = personas.client("dora").get(REPORT, {**OCTOBERS, "report": "days", "export": "csv"})

    assert "Choose one service, then export again." in page.text


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"month": "2026-13"}, "is not a month"),
        ({"service": "S999999"}, "There is no service “S999999” here"),
        ({"month": "2026-09"}, "Nothing was metered in September 2026"),
        ({"page": "99", **OCTOBERS}, "130 GiB"),
        ({"report": "days", **OCTOBERS, "page": "x"}, "Report and line"),
    ],
)
def test_what_is_asked_wrongly_is_told(personas: Personas, used: Subscription, asked: dict[str, str], told: str) -> None:
    assert told in personas.client("dora").get(REPORT, asked).text


def test_a_services_page_draws_each_item_and_the_days_of_the_chosen_one(personas: Personas, used: Subscription) -> None:
    url = reverse("billing:usage_service", args=[used.number])

    overview = personas.client("vic").get(url, OCTOBERS).text
    chosen = personas.client("vic").get(url, {**OCTOBERS, "item": POINTS, "edition": "pck_per_gigabyte"}).text

    assert overview.count("<svg") == 3
    assert "used up this month" in overview
    assert "Together" in chosen
    assert "4 hours" in chosen
    assert f"{report(used).pk}, line 2" in chosen


def test_storages_of_an_item_are_added_up_day_by_day(used: Subscription) -> None:
    reading = UsageRecord.objects.get(item="pg_base_storage", day=date(2026, 10, 31))
    UsageRecord.objects.create(
        tenant=reading.tenant,
        item=reading.item,
        edition=reading.edition,
        infra_id="second",
        day=reading.day,
        is_range=False,
        measurement_unit="bytes",
        absolute=20 * GIB,
        delta=0,
        report=reading.report,
        report_line=99,
    )
    parts = metered.parts([used], OCTOBER)

    storage = next(one for one in metered.summaries(parts) if one.unit == "GiB")
    by_day = next(one for one in metered.items_by_day(parts[0]) if one.unit == "GiB")

    assert (storage.last, storage.days) == (150, 31)
    assert by_day.last.level == 150
    assert by_day.last.reports.endswith("line 99")


def test_days_before_the_start_and_after_the_end_are_nobodys(used: Subscription) -> None:
    used.started_on, used.ended_on = date(2026, 10, 10), date(2026, 10, 20)
    used.save()
    parts = metered.parts([used], OCTOBER)

    storage = next(one for one in metered.summaries(parts) if one.unit == "GiB")

    assert (storage.first_day, storage.last_day, storage.days) == (date(2026, 10, 10), date(2026, 10, 19), 10)
    assert {row.day for row in metered.DayRows(parts)} == set(Period(date(2026, 10, 10), date(2026, 10, 20)))
    assert metered.parts([used], Period(date(2026, 11, 1), date(2026, 12, 1))) == []


def test_use_of_a_free_trial_is_told_apart(personas: Personas, used: Subscription) -> None:
    UsageRecord.objects.filter(item=SERVERS).update(absolute=0, trial_absolute=3)

    page = personas.client("dora").get(REPORT, {**OCTOBERS, "report": "days", "item": SERVERS}).text

    assert "Free trial" in page
    assert "3 units" in page


@pytest.mark.parametrize(("name", "sees"), [("dora", True), ("vic", True), ("alice", False), ("carol", False), ("bob", False)])
def test_only_the_customer_and_its_reseller_see_a_service(personas: Personas, used: Subscription, name: str, sees: bool) -> None:
    client = personas.client(name)

    assert client.get(reverse("billing:usage_service", args=[used.number])).status_code == (200 if sees else 404)
    for which in ("summary", "days"):
        assert (used.number in client.get(REPORT, {**OCTOBERS, "report": which}).text) is sees


def test_a_reseller_sees_its_customers_usage_and_without_any_is_told_what_comes(personas: Personas) -> None:
    subscription = subscribe(personas.resellers_customer)
    use(subscription, 5 * GIB)

    assert subscription.number in personas.client("alice").get(REPORT, OCTOBERS).text
    assert "No service, no usage yet" in personas.client("bob").get(REPORT).text


def test_the_pages_ask_as_few_queries_for_many_services_as_for_one(
    personas: Personas, django_assert_max_num_queries: object
) -> None:
    plan = factories.PlanFactory()
    for _ in range(4):
        customer = factories.OrganizationFactory(parent=personas.reseller)
        use(subscribe(customer, plan), GIB, days=[OCTOBER.start + timedelta(days=n) for n in range(3)])
    subscription = Subscription.objects.latest("pk")
    client = personas.client("alice")

    for url, most in ((REPORT, 7), (f"{REPORT}?report=days", 9), (reverse("billing:usage_service", args=[subscription.number]), 7)):
        with django_assert_max_num_queries(most):  # type: ignore[operator]
            assert client.get(url).status_code == 200
