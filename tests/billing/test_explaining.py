"""How an amount came about: every word a line's working may say, in words a bookkeeper follows, and lines of any age."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing.models import Invoice, InvoiceLine
from billing.queries.explaining import Explanation, explain
from tests.billing.making import GIB
from tests.conftest import Personas

pytestmark = pytest.mark.django_db


def told(personas: Personas, working: dict[str, Any], *, reader: str = "root", **facts: Any) -> Explanation:
    """Explain a line of ``working`` that is never saved: all that is told stands on the line itself."""
    known = {"item": "pg_base_storage", "description": "Cloud storage", "unit": "GiB", "quantity": 20, "unit_price": 1, "net": 20}
    said = {**known, **facts}
    line = InvoiceLine(
        **{**said, **{name: Decimal(str(said[name])) for name in ("quantity", "unit_price", "net")}},
        invoice=Invoice(seller=personas.msp, buyer=personas.direct_customer, currency="EUR"),
        working={"consumer": "Dora", "plan": "Backup", **working},
        period_start=date(2026, 10, 1),
        period_end=date(2026, 11, 1),
    )
    return explain(line, getattr(personas, reader))


def words(why: Explanation) -> dict[str, str]:
    return {fact.label: fact.words for fact in why.facts}


def test_included_units_come_off_first(personas: Personas) -> None:
    why = told(
        personas,
        {
            "aggregation": "last",
            "measured": str(70 * GIB),
            "measurement_unit": "bytes",
            "divisor": str(GIB),
            "used": "70",
            "included": "50",
            "quantity": "20",
            "unit": "GiB",
        },
    )

    assert words(why)["Measured"] == "75,161,927,680 bytes ÷ 1,073,741,824 = 70 GiB"
    assert words(why)["Less what is included"] == "70 GiB − 50 GiB free of charge = 20 GiB"


@pytest.mark.parametrize(
    ("tier", "expected"),
    [
        (
            {"mode": "graduated", "from": "100", "to": "500"},
            "What lies above 100 GiB up to 500 GiB, at the price of this tier; 20 GiB lie in it",
        ),
        (
            {"mode": "graduated", "from": "0", "to": "100"},
            "What lies from nothing up to 100 GiB, at the price of this tier; 20 GiB lie in it",
        ),
        (
            {"mode": "volume", "from": "10", "to": None},
            "All of it at the price of the tier above 10 GiB, which the quantity reaches",
        ),
    ],
    ids=["graduated", "first tier", "volume"],
)
def test_a_tier_says_its_bounds_and_what_lies_in_it(personas: Personas, tier: dict[str, Any], expected: str) -> None:
    assert words(told(personas, {"tier": tier, "quantity": "20", "unit": "GiB"}))["Tier"] == expected


def test_a_plan_for_a_part_of_the_month_says_its_share(personas: Personas) -> None:
    why = told(
        personas, {"aggregation": "last", "measured": "40", "divisor": "1", "share": [16, 31], "quantity": "20", "unit": "GiB"}
    )

    assert words(why)["Share of the month"].startswith("× 16 ÷ 31")
    assert words(why)["Measured"] == "40 GiB"


def test_a_minimum_says_what_was_charged_and_what_is_left_of_it(personas: Personas) -> None:
    working = {
        "commitment": {"minimum": "50", "billed": "30", "days": 15, "days_of_month": 30},
        "steps": [{"step": "minimum", "amount": "100", "currency": "EUR"}],
        "currency": "EUR",
    }

    why = told(personas, working, item="minimum_commitment", unit="unit", quantity=1, unit_price=20)

    assert words(why)["Minimum agreed"] == "50.00 EUR, for 15 of 30 days"
    assert words(why)["Up to the minimum"] == "50.00 EUR − 30.00 EUR"
    assert (why.prices[0].words, why.prices[0].per) == ("Minimum a month", "month")


def test_overage_says_quota_highest_level_and_what_was_billed_in_the_month(personas: Personas) -> None:
    working = {
        "overage": {"quota": "50", "day": "2026-10-12", "highest": "62.5", "above": "12.5", "billed_above": "10"},
        "measurement_unit": "bytes",
        "divisor": str(GIB),
        "unit": "GiB",
        "readings": [["2026-10-11", str(40 * GIB), 7, 3, ""], ["2026-10-12", str(62 * GIB), 7, 4, ""]],
    }

    why = told(personas, working, item="overage", quantity="2.5", net="2.5")

    assert words(why)["Quota"] == "50 GiB"
    assert words(why)["Highest level"] == "62.5 GiB on 12 Oct 2026"
    assert words(why)["Billed in this month already"] == "10 GiB above the quota, so that 2.5 GiB remain"
    assert why.chart is not None
    assert (why.chart.rule, [bar.day.day for bar in why.chart.bars]) == (50, [11, 12])


def test_a_term_in_advance_says_which_and_how_many_of_its_days(personas: Personas) -> None:
    working = {
        "units": 2,
        "days": 100,
        "days_of_term": 365,
        "term_number": 2,
        "term": ["2026-10-01", "2027-10-01"],
        "term_months": 12,
        "term_price": "200",
        "price_from": "2026-10-01",
        "steps": [{"step": "list_price", "amount": "200", "currency": "EUR"}],
        "quantity": "0.5479452055",
    }

    why = told(personas, working, item="term", unit="unit")

    assert words(why)["Term 2"] == "1 Oct 2026 to 30 Sep 2027, 12 months, invoiced in advance"
    assert words(why)["Quantity"] == "2 units × 100 of 365 days = 0.5479452055"
    assert (why.prices[0].words, why.prices[0].per) == ("List price", "unit and 12 months")


def test_what_is_taken_back_names_the_invoices(personas: Personas) -> None:
    before = {"quantity": "1", "unit": "hour", "unit_price": "2", "net": "2", "invoices": ["INV-1", "INV-2"]}

    why = told(personas, {"kind": "taken_back", "billed": [before]}, quantity=-1, unit="hour", unit_price=2, net=-2)

    assert "taken back" in words(why)["What counts"]
    assert (why.billed_before[0].unit, why.billed_before[0].invoices) == ("hour", "INV-1, INV-2")


@pytest.mark.parametrize(
    "working",
    [
        {},
        {"aggregation": "median", "measured": "3", "share": None},
        {"tier": {}, "overage": {}, "commitment": {}, "included": "1", "term": []},
        {"steps": [{"step": "new_year_gift", "amount": "1", "currency": "EUR", "factor": "5"}], "from_the_future": {"a": [1]}},
        {"rate": {"card": "old"}, "cost": {"amount": "1", "amount_currency": "EUR"}, "level": "retail"},
    ],
    ids=["nothing", "unknown aggregation", "empty parts", "unknown step", "old cost"],
)
def test_a_working_of_another_age_is_told_as_far_as_it_goes(personas: Personas, working: dict[str, Any]) -> None:
    for reader in ("root", "dora", "carol"):
        why = told(personas, working, reader=reader)

        assert why.line.description == "Cloud storage"
        assert {price.words for price in why.prices} <= {"New year gift"}


def test_cost_is_for_staff_alone(personas: Personas) -> None:
    cost = {"unit_cost": "0.03", "currency": "USD", "exchange_rate": "0.9", "amount": "0.54", "amount_currency": "EUR"}

    staff, buyer = told(personas, {"cost": cost}), told(personas, {"cost": cost}, reader="dora")

    assert staff.cost_words == "20 GiB × 0.03 USD × 0.9"
    assert (buyer.cost, buyer.cost_words) == (None, "")
