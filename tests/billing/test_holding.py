"""Which buyers stand out and which drafts are held: plain values in, words out."""

import json
from decimal import Decimal
from typing import Any

import pytest

from billing.holding import USUAL, Facts, Flag, Rules, RulesMalformed, change_percent, flags, reason_to_hold


def facts(net: str = "100", *, last: str | None = "100", now: str | None = None, **others: Any) -> Facts:
    told = {"currency": "EUR", "is_new": False, "has_adjustments": False, "has_unrated": False, **others}
    return Facts(net=Decimal(net), now=Decimal(now or net), last=None if last is None else Decimal(last), **told)


@pytest.mark.parametrize(
    ("rules", "draft", "reason"),
    [
        (Rules(), facts("-1", last="9999", is_new=True, has_adjustments=True, has_unrated=True), ""),
        (Rules(above={"EUR": Decimal(1000)}), facts("1000"), ""),
        (Rules(above={"EUR": Decimal(1000)}), facts("1000.01"), "Net 1,000.01 EUR is more than 1,000.00 EUR."),
        (Rules(above={"USD": Decimal(1000)}), facts("5000"), ""),
        (Rules(below={"JPY": Decimal(500)}), facts("499", currency="JPY"), "Net 499 JPY is less than 500 JPY."),
        (Rules(not_positive=True), facts("0"), "Net 0.00 EUR is not more than nothing."),
        (Rules(not_positive=True), facts("0.01"), ""),
        (Rules(change_percent=Decimal(30)), facts("130"), ""),
        (
            Rules(change_percent=Decimal(30)),
            facts("131"),
            "The month comes to 131.00 EUR after 100.00 EUR: +31 % where 30 % are allowed.",
        ),
        (
            Rules(change_percent=Decimal(30)),
            facts("10", now="60"),
            "The month comes to 60.00 EUR after 100.00 EUR: -40 % where 30 % are allowed.",
        ),
        (Rules(change_percent=Decimal(30)), facts("131", last=None), ""),
        (Rules(new_customers=True), facts(is_new=True), "It is the first invoice of this buyer."),
        (Rules(adjustments=True), facts(has_adjustments=True), "It corrects what was billed before."),
        (Rules(unrated=True), facts(has_unrated=True), "Something was used that the rate card has no rate for."),
    ],
)
def test_a_rule_holds_what_breaks_it_and_says_why(rules: Rules, draft: Facts, reason: str) -> None:
    assert reason_to_hold(rules, draft) == reason


def test_every_broken_rule_is_told() -> None:
    rules = Rules(below={"EUR": Decimal(5)}, not_positive=True, new_customers=True)

    assert reason_to_hold(rules, facts("-1", is_new=True)) == (
        "Net -1.00 EUR is less than 5.00 EUR. Net -1.00 EUR is not more than nothing. It is the first invoice of this buyer."
    )


@pytest.mark.parametrize(
    ("now", "last", "found"),
    [
        ("5", None, {Flag.NEW}),
        (None, "5", {Flag.GONE}),
        ("0", "5", {Flag.CHANGED, Flag.ZERO}),
        ("130", "100", {Flag.CHANGED}),
        ("129.99", "100", set()),
        ("70", "100", {Flag.CHANGED}),
        ("-70", "-100", {Flag.CHANGED}),
        ("5", "0", set()),
        (None, None, set()),
    ],
)
def test_what_stands_out_is_flagged(now: str | None, last: str | None, found: set[Flag]) -> None:
    told = {"threshold": Decimal(30), "has_unrated": False, "is_parked": False, "is_held": False}

    amounts = [None if amount is None else Decimal(amount) for amount in (now, last)]

    assert flags(now=amounts[0], last=amounts[1], **told) == found  # type: ignore[arg-type]


def test_use_without_rate_a_parked_account_and_a_held_draft_are_flagged() -> None:
    found = flags(now=Decimal(1), last=Decimal(1), threshold=Decimal(30), has_unrated=True, is_parked=True, is_held=True)

    assert found == {Flag.UNRATED, Flag.PARKED, Flag.HELD}


def test_a_change_is_told_in_percent_of_what_was() -> None:
    assert change_percent(Decimal(150), Decimal(-100)) == Decimal(250)
    assert change_percent(Decimal(1), Decimal(0)) is None
    assert change_percent(None, Decimal(1)) is None


@pytest.mark.parametrize("rules", [Rules(), USUAL, Rules({"EUR": Decimal("12.50")}, {"JPY": Decimal(-3)}, Decimal("0.5"), True)])
def test_rules_survive_json(rules: Rules) -> None:
    assert Rules.from_json(json.loads(json.dumps(rules.as_json()))) == rules


def test_rules_know_whether_they_can_hold_anything() -> None:
    assert Rules(flag_percent=Decimal(5)).holds_nothing
    for rules in (USUAL, Rules(above={"EUR": Decimal(1)}), Rules(change_percent=Decimal(0)), Rules(adjustments=True)):
        assert not rules.holds_nothing


def test_what_is_not_told_is_as_it_usually_is() -> None:
    assert Rules.from_json({}) == Rules()


@pytest.mark.parametrize(
    "told",
    [
        [],
        "above",
        {"over": {}},
        {"above": 5},
        {"above": {"eur": "5"}},
        {"above": {"EURO": "5"}},
        {"above": {"EUR": "much"}},
        {"above": {"EUR": 5.5}},
        {"above": {"EUR": "NaN"}},
        {"below": {"EUR": "1e30"}},
        {"change_percent": "-1"},
        {"flag_percent": None},
    ],
    ids=str,
)
def test_what_are_no_rules_is_refused(told: Any) -> None:
    with pytest.raises(RulesMalformed):
        Rules.from_json(told)
