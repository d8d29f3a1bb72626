"""How amounts, quantities, dates and states are written."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.template import Context, Template

from common.templatetags import show


@dataclass
class Row:
    status: str
    label: str

    def get_status_display(self) -> str:
        return self.label


def rendered(source: str, **context: object) -> str:
    return Template("{% load show %}" + source).render(Context(context))


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        ("1234.5", "EUR", "1,234.50 EUR"),
        ("0.125", "EUR", "0.13 EUR"),
        ("-12.3", "EUR", "-12.30 EUR"),
        ("1234.5", "JPY", "1,235 JPY"),
        ("1.2345", "KWD", "1.235 KWD"),
        ("0", "EUR", "0.00 EUR"),
    ],
)
def test_money_has_the_minor_unit_of_its_currency(amount: str, currency: str, written: str) -> None:
    assert rendered("{{ amount|money:currency }}", amount=Decimal(amount), currency=currency) == written


@pytest.mark.parametrize(
    ("price", "currency", "written"),
    [
        ("0.0700000000", "EUR", "0.07 EUR"),
        ("2", "EUR", "2.00 EUR"),
        ("0.0325", "EUR", "0.0325 EUR"),
        ("0.0123456789", "USD", "0.0123456789 USD"),
        ("1500.5", "EUR", "1,500.50 EUR"),
        ("12", "JPY", "12 JPY"),
        ("12.5", "JPY", "12.5 JPY"),
    ],
)
def test_a_unit_price_keeps_every_decimal_it_has(price: str, currency: str, written: str) -> None:
    assert rendered("{{ price|unit_price:currency }}", price=Decimal(price), currency=currency) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("10.0000000000"), "10"),
        (Decimal("12.3450"), "12.345"),
        (Decimal("1234.56785"), "1,234.5679"),
        (Decimal("0.00001"), "less than 0.0001"),
        (Decimal(0), "0"),
        (3, "3"),
    ],
)
def test_a_quantity_has_no_needless_zeros(value: Decimal, written: str) -> None:
    assert rendered("{{ value|quantity }}", value=value) == written


def test_a_percentage_has_no_needless_zeros() -> None:
    assert rendered("{{ value|percent }}", value=Decimal("19.000")) == "19 %"


def test_days_and_months_are_written_with_the_name_of_the_month() -> None:
    assert rendered("{{ on|day }}, {{ on|month }}", on=date(2026, 11, 1)) == "1 Nov 2026, November 2026"


def test_a_moment_says_in_which_time_zone_it_is_told() -> None:
    at = datetime(2026, 11, 21, 13, 5, tzinfo=UTC)

    assert rendered("{{ at|moment:'Europe/Berlin' }}", at=at) == "21 Nov 2026, 14:05 CET"
    assert rendered("{{ at|moment }}", at=at) == "21 Nov 2026, 13:05 UTC"


@pytest.mark.parametrize(
    ("status", "tone"),
    [("active", "good"), ("executing", "busy"), ("placed", "attention"), ("failed", "bad"), ("cancelled", "quiet")],
)
def test_a_state_is_a_word_on_its_colour(status: str, tone: str) -> None:
    shown = rendered("{{ row|pill }}", row=Row(status, "As <people> say"))

    assert shown == f'<span class="pill pill-{tone}">As &lt;people&gt; say</span>'


def test_no_state_has_two_colours() -> None:
    states = [state for tone in show.TONES.values() for state in tone]

    assert len(states) == len(set(states))
