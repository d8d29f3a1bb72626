"""What is still to be billed, after something was issued."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing.adjusting import Billed, Kind, lines_due
from billing.printed import printed_quantity
from billing.rating import Charge, exact_product
from common.money import round_money

quantities = st.decimals(min_value=0, max_value=10**6, places=10)
prices = st.decimals(min_value=0, max_value=1000, places=10)


def charge(quantity: str | Decimal, price: str | Decimal) -> Charge:
    quantity, price = Decimal(quantity), Decimal(price)
    return Charge("storage", "", quantity, "GiB", price, exact_product(quantity, price), None, {})


def test_where_nothing_was_issued_the_charge_is_due() -> None:
    (due,) = lines_due(charge("100", "0.07"), [], "EUR")

    assert (due.kind, due.quantity, due.net) == (Kind.CHARGE, Decimal(100), Decimal("7.00"))


def test_what_was_issued_is_not_due_again() -> None:
    assert lines_due(charge("100", "0.07"), [Billed(Decimal(100), "GiB", Decimal("0.07"), Decimal("7.00"), ())], "EUR") == []


def test_more_usage_at_the_same_price_is_one_line_with_the_difference() -> None:
    billed = Billed(Decimal(100), "GiB", Decimal("0.07"), Decimal("7.00"), ("INV-2026-00001",))

    (due,) = lines_due(charge("150", "0.07"), [billed], "EUR")

    assert (due.kind, due.quantity, due.unit_price, due.net) == (Kind.DIFFERENCE, Decimal(50), Decimal("0.07"), Decimal("3.50"))
    assert due.working["billed"][0]["invoices"] == ["INV-2026-00001"]


def test_another_price_takes_back_what_was_issued_and_bills_it_again() -> None:
    billed = Billed(Decimal(100), "GiB", Decimal("0.07"), Decimal("7.00"), ("INV-2026-00001",))

    due = lines_due(charge("100", "0.08"), [billed], "EUR")

    assert [(one.quantity, one.unit_price, one.net) for one in due] == [
        (Decimal(-100), Decimal("0.07"), Decimal("-7.00")),
        (Decimal(100), Decimal("0.08"), Decimal("8.00")),
    ]


def test_usage_that_turned_out_to_be_none_is_taken_back() -> None:
    (due,) = lines_due(None, [Billed(Decimal(100), "GiB", Decimal("0.07"), Decimal("7.00"), ())], "EUR")

    assert (due.kind, due.quantity, due.net) == (Kind.TAKEN_BACK, Decimal(-100), Decimal("-7.00"))


@given(steps=st.lists(st.tuples(quantities, prices), min_size=1, max_size=4), currency=st.sampled_from(["EUR", "JPY", "KWD"]))
def test_whatever_was_issued_before_the_sum_is_what_should_be(steps: list[tuple[Decimal, Decimal]], currency: str) -> None:
    by_price: dict[Decimal, Billed] = {}

    for quantity, price in steps:
        should = charge(quantity, price)
        for due in lines_due(should, list(by_price.values()), currency):
            assert due.net == round_money(exact_product(due.quantity, due.unit_price), currency)
            before = by_price.get(due.unit_price, Billed(Decimal(0), "GiB", due.unit_price, Decimal(0), ()))
            by_price[due.unit_price] = Billed(
                before.quantity + due.quantity, "GiB", due.unit_price, before.net + due.net, ("INV-2026-00001",)
            )

        assert sum((one.net for one in by_price.values()), Decimal(0)) == round_money(should.net_unrounded, currency)
        assert lines_due(should, list(by_price.values()), currency) == []


@given(quantity=quantities, price=prices, currency=st.sampled_from(["EUR", "JPY", "KWD"]))
def test_a_printed_quantity_still_multiplies_out_to_the_printed_amount(quantity: Decimal, price: Decimal, currency: str) -> None:
    net = round_money(exact_product(quantity, price), currency)

    printed = printed_quantity(quantity, price, net, currency)

    assert round_money(exact_product(printed, price), currency) == net
