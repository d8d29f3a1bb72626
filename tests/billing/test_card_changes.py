"""What a rate card would change beside another one."""

from decimal import Decimal
from typing import Any

import pytest

from billing.card_changes import CardTerms, Comparison, compare, percent_of
from billing.sheets import SheetRow

EUR = CardTerms("EUR", Decimal(1), "EUR")


def rate(item: str = "storage", cost: str = "0.03", price: str = "0.07", **changes: Any) -> SheetRow:
    given: dict[str, Any] = {"line": 2, "edition": "pck_per_gigabyte", "unit": "GiB", "aggregation": "last", **changes}
    return SheetRow(item=item, cost=Decimal(cost), price=Decimal(price), **given)


def between(old: list[SheetRow], new: list[SheetRow], old_terms: CardTerms = EUR, new_terms: CardTerms = EUR) -> Comparison:
    return compare(old, new, old_terms=old_terms, new_terms=new_terms)


def test_the_same_rates_in_other_rows_and_with_other_zeros_are_unchanged() -> None:
    found = between([rate(), rate("servers", line=3)], [rate("servers", line=2), rate(cost="0.0300", line=9)])

    assert found.is_the_same
    assert found.unchanged == 2


def test_new_changed_and_removed_rates_are_told_apart() -> None:
    found = between([rate(), rate("servers")], [rate(cost="0.04"), rate("vms")])

    assert [row.item for row in found.new] == ["vms"]
    assert [(one.cost_percent, one.price_percent) for one in found.changed] == [(Decimal("33.33"), Decimal(0))]
    assert [row.item for row in found.removed] == ["servers"]


def test_another_edition_is_another_rate() -> None:
    found = between([rate()], [rate(edition="pck_per_workload")])

    assert (len(found.new), len(found.removed)) == (1, 1)


def test_a_tier_is_known_by_where_it_begins() -> None:
    old = [rate(tier_to=Decimal(10), tier_mode="graduated"), rate(tier_from=Decimal(10), tier_mode="graduated")]
    new = [
        rate(tier_to=Decimal("10.0"), tier_mode="volume"),
        rate(tier_from=Decimal("10.00"), tier_to=Decimal(50), tier_mode="volume"),
        rate(tier_from=Decimal(50), tier_mode="volume"),
    ]

    found = between(old, new)

    assert [one.other_words for one in found.changed] == [
        [("tier mode", "graduated", "volume")],
        [("tier to", "no end", "50"), ("tier mode", "graduated", "volume")],
    ]
    assert [row.tier_from for row in found.new] == [50]


def test_cards_of_two_currencies_are_compared_in_the_base_currency() -> None:
    dollars = CardTerms("USD", Decimal("0.5"), "EUR")

    same = between([rate(cost="1", price="2")], [rate(cost="2", price="4")], new_terms=dollars)
    dearer = between([rate(cost="1", price="2")], [rate(cost="2", price="5")], new_terms=dollars)

    assert same.is_the_same
    assert [one.price_percent for one in dearer.changed] == [Decimal(25)]


def test_a_new_exchange_rate_alone_changes_no_rate() -> None:
    old, new = CardTerms("USD", Decimal("0.9"), "EUR"), CardTerms("USD", Decimal("0.95"), "EUR")

    assert between([rate()], [rate()], old, new).is_the_same


def test_cards_that_share_no_currency_are_not_compared_in_percent() -> None:
    [change] = between([rate()], [rate()], EUR, CardTerms("USD", Decimal("0.9"), "CHF")).changed

    assert (change.cost_percent, change.price_percent) == (None, None)


def test_without_a_card_before_every_rate_is_new() -> None:
    assert len(compare([], [rate(), rate("servers")], old_terms=None, new_terms=EUR).new) == 2


@pytest.mark.parametrize(
    ("old", "new", "percent"),
    [
        ("1", "1.005", "0.50"),
        ("3", "1", "-66.67"),
        ("0", "0", "0"),
        ("0", "1", None),
        ("200", "200.05", "0.03"),
        ("5", "0", "-100"),
    ],
)
def test_percentages_have_two_decimals_half_up(old: str, new: str, percent: str | None) -> None:
    assert percent_of(Decimal(old), Decimal(new)) == (None if percent is None else Decimal(percent))
