"""Crediting: worked out by hand, and rules that hold for every invoice in every currency."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.crediting import (
    Credit,
    Creditable,
    InvoicedLine,
    LineOverCredited,
    NothingToCredit,
    OverCredited,
    Tax,
    Units,
    credit,
    net_of,
)
from billing.rating import exact_product
from common.money import minor_unit, round_money

VAT, LEVY = Tax("VAT 19 %", Decimal(19)), Tax("Levy 2.5 %", Decimal("2.5"))


def line(position: int, quantity: str, unit_price: str, *taxes: Tax, currency: str = "EUR") -> InvoicedLine:
    figures = Decimal(quantity), Decimal(unit_price)
    net = round_money(exact_product(*figures), currency)
    return InvoicedLine(100 + position, position, f"Item {position}", figures[0], "GiB", figures[1], net, taxes or (VAT,))


def invoice(*lines: InvoicedLine, currency: str = "EUR") -> Creditable:
    """What can be credited of an invoice on the day it is issued."""
    nets: dict[Tax, Decimal] = defaultdict(Decimal)
    for one in lines:
        for tax in one.taxes:
            nets[tax] += one.net
    taxes = {tax: round_money(net * tax.percent / 100, currency) for tax, net in nets.items()}
    return Creditable(currency, lines, taxes)


def less(before: Creditable, credited: Credit) -> Creditable:
    """What is left after ``credited`` has been issued."""
    parts = {one.line.id: one for one in credited.lines}
    taxes = {Tax(tax.name, tax.percent): tax.tax for tax in credited.taxes}
    return Creditable(
        before.currency,
        tuple(
            replace(
                one,
                credited_quantity=one.credited_quantity + parts[one.id].quantity,
                credited_net=one.credited_net + parts[one.id].net,
            )
            if one.id in parts
            else one
            for one in before.lines
        ),
        {tax: left - taxes.get(tax, 0) for tax, left in before.taxes_left.items()},
    )


# --- Worked examples ----------------------------------------------------------------------------------------------------------


def test_the_whole_of_an_invoice_is_its_lines_and_its_taxes() -> None:
    found = credit(invoice(line(1, "100", "0.07"), line(2, "3", "4.5")), None)

    assert [(one.quantity, one.unit_price, one.net) for one in found.lines] == [
        (100, Decimal("0.07"), 7),
        (3, Decimal("4.5"), Decimal("13.5")),
    ]
    assert found.taxes == ((*VAT, Decimal("20.5"), Decimal("3.90")),)
    assert (found.net, found.tax, found.gross) == (Decimal("20.5"), Decimal("3.90"), Decimal("24.40"))


def test_an_amount_of_one_line_is_taxed_by_itself_and_told_as_a_quantity_at_the_invoiced_price() -> None:
    (only,) = (found := credit(invoice(line(1, "100", "0.07"), line(2, "3", "4.5")), {101: Decimal("3.00")})).lines

    assert (only.quantity, only.unit_price, only.net) == (Decimal("42.9"), Decimal("0.07"), 3)
    assert found.taxes == ((*VAT, 3, Decimal("0.57")),)


def test_units_of_a_line_cost_what_they_were_invoiced_at() -> None:
    found = credit(invoice(line(1, "3", "4.5")), {101: Units(Decimal(2))})

    assert (found.net, found.tax, found.lines[0].quantity) == (9, Decimal("1.71"), 2)


def test_the_last_of_a_quantity_takes_the_last_of_the_amount_with_it() -> None:
    thirds = invoice(line(1, "1", "10"))
    for _ in range(2):
        thirds = less(thirds, credit(thirds, {101: Decimal("3.33")}))

    rest = thirds.lines[0]
    assert net_of(rest, rest.quantity_left, "EUR") == Decimal("3.34")


def test_several_taxes_are_each_taken_on_their_own_lines() -> None:
    found = credit(invoice(line(1, "1", "100", VAT, LEVY), line(2, "1", "50", VAT)), {101: Decimal(40), 102: Decimal(50)})

    assert found.taxes == ((*LEVY, 40, Decimal("1.00")), (*VAT, 90, Decimal("17.10")))


def test_without_tax_only_the_net_is_credited() -> None:
    untaxed = replace(line(1, "1", "100"), taxes=())

    assert (found := credit(invoice(untaxed), None)).gross == 100
    assert found.taxes == ()


def test_parts_that_round_up_leave_no_less_than_nothing_of_the_tax_and_the_last_takes_the_rest() -> None:
    left = invoice(line(1, "3", "0.03"))  # 0.09, and 0.02 of it tax: three thirds would be 0.01 each
    taxes = []

    for _ in range(3):
        part = credit(left, {101: Decimal("0.03")})
        taxes.append(part.tax)
        left = less(left, part)

    assert taxes == [Decimal("0.01"), Decimal("0.01"), 0]
    assert (left.net_left, left.gross_left) == (0, 0)


def test_a_negative_line_is_credited_with_its_own_sign_and_no_further() -> None:
    adjusted = invoice(line(1, "100", "1"), line(2, "-10", "1"))

    found = credit(adjusted, {101: Decimal(50), 102: Decimal(-10)})

    assert (found.net, found.tax) == (40, Decimal("7.60"))
    for wish in (Decimal(-11), Decimal(10), Units(Decimal(-11)), Units(Decimal(1))):
        with pytest.raises(LineOverCredited, match=r"Line 2 \(Item 2\): ") as refusal:
            credit(adjusted, {101: Decimal(50), 102: wish})
        assert refusal.value.line_id == 102


# --- Refusals -----------------------------------------------------------------------------------------------------------------


def test_more_than_is_left_of_a_line_is_refused_with_what_is_left() -> None:
    left = invoice(line(1, "100", "0.07"))
    left = less(left, credit(left, {101: Decimal(4)}))

    with pytest.raises(LineOverCredited, match=r"Line 1 \(Item 1\): 3\.00 EUR is left to credit, not 3\.01 EUR\."):
        credit(left, {101: Decimal("3.01")})
    with pytest.raises(LineOverCredited, match=r"Line 1 \(Item 1\): of 42\.9 GiB left, 43 cannot be credited\."):
        credit(left, {101: Units(Decimal(43))})


def test_a_charge_that_a_negative_line_lowered_is_credited_no_further_without_it() -> None:
    adjusted = invoice(line(1, "100", "1"), line(2, "-10", "1"))

    with pytest.raises(OverCredited, match=r"VAT 19 % was taken on lines of which 90\.00 EUR is left in all, not 90\.01 EUR"):
        credit(adjusted, {101: Decimal("90.01")})
    assert credit(adjusted, {101: Decimal(90)}).gross == adjusted.gross_left


def test_lines_of_another_tax_that_lowered_the_invoice_count_as_well() -> None:
    adjusted = invoice(line(1, "100", "1", VAT), line(2, "-10", "1", LEVY))

    with pytest.raises(OverCredited, match=r"come to 119\.00 EUR including tax, and only 108\.75 EUR is left of the invoice"):
        credit(adjusted, {101: Decimal(100)})


@pytest.mark.parametrize(
    ("wishes", "sentence"),
    [
        ({}, "Nothing is chosen"),
        ({101: Decimal(0)}, "Nothing is chosen"),
        ({101: Units(Decimal(0))}, "Nothing is chosen"),
        ({101: Decimal(10), 102: Decimal(-10)}, r"come to 0\.00 EUR"),
    ],
    ids=["nothing", "an amount of nothing", "no units", "a sum of nothing"],
)
def test_a_credit_note_over_nothing_is_refused(wishes: Mapping[int, Decimal | Units], sentence: str) -> None:
    with pytest.raises(NothingToCredit, match=sentence):
        credit(invoice(line(1, "100", "1"), line(2, "-10", "1")), wishes)


@pytest.mark.parametrize(
    ("quantity", "sentence"), [("-100", "in the buyer's favour"), ("-10", "comes to nothing")], ids=["negative", "zero"]
)
def test_an_invoice_that_charges_nothing_cannot_be_credited(quantity: str, sentence: str) -> None:
    with pytest.raises(NothingToCredit, match=sentence):
        credit(invoice(line(1, "10", "1"), line(2, quantity, "1")), None)


def test_what_was_credited_whole_is_not_credited_again() -> None:
    before = invoice(line(1, "100", "0.07"))
    after = less(before, credit(before, None))

    with pytest.raises(NothingToCredit, match="it has been credited"):
        credit(after, None)


@pytest.mark.parametrize(("currency", "amount"), [("EUR", "1.005"), ("JPY", "1.5"), ("KWD", "1.0005")], ids=["EUR", "JPY", "KWD"])
def test_an_amount_that_the_currency_cannot_pay_is_refused(currency: str, amount: str) -> None:
    with pytest.raises(LineOverCredited, match=f"has more decimals than {currency} has"):
        credit(invoice(line(1, "100", "1", currency=currency), currency=currency), {101: Decimal(amount)})


def test_a_line_of_another_invoice_is_refused() -> None:
    with pytest.raises(LineOverCredited, match="not on this invoice"):
        credit(invoice(line(1, "100", "1")), {999: Decimal(1)})


# --- For every invoice ---------------------------------------------------------------------------------------------------------

CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD"])
TAXES = st.sampled_from([(), (VAT,), (LEVY,), (LEVY, VAT), (Tax("Zero-rated", Decimal(0)),)])


@st.composite
def invoices(draw: st.DrawFn) -> Creditable:
    """Invoices of charges and adjustments, with quantities and prices of ten decimals, which come to more than nothing."""
    currency = draw(CURRENCIES)
    lines = []
    for position in range(1, draw(st.integers(1, 5)) + 1):
        quantity = draw(st.decimals("-50", "2000", places=10))
        unit_price = draw(st.decimals("0", "30", places=draw(st.sampled_from([2, 10]))))
        lines.append(line(position, str(quantity), str(unit_price), currency=currency))
        lines[-1] = replace(lines[-1], taxes=draw(TAXES))
    found = invoice(*lines, currency=currency)
    charge = line(9, "1", str(1 + max(-found.gross_left, Decimal(0)).quantize(Decimal(1))), VAT, currency=currency)
    return found if found.gross_left > 0 else invoice(*lines, charge, currency=currency)


@st.composite
def parts(draw: st.DrawFn, left: Creditable) -> dict[int, Decimal | Units]:
    """Amounts and quantities of some lines, up to what is left of each."""
    wishes: dict[int, Decimal | Units] = {}
    for one in left.lines:
        share = draw(st.sampled_from([Decimal(0), Decimal("0.1"), Decimal("0.5"), Decimal("0.99"), Decimal(1)]))
        if draw(st.booleans()):
            wishes[one.id] = Units((one.quantity_left * share).quantize(Decimal("1e-10"), rounding="ROUND_DOWN"))
        else:
            wishes[one.id] = (one.net_left * share).quantize(minor_unit(left.currency), rounding="ROUND_DOWN")
    return wishes


@given(st.data())
def test_an_invoice_and_its_credit_notes_are_zero_in_every_line_every_tax_and_in_all(data: st.DataObject) -> None:
    billed = data.draw(invoices())
    left, issued = billed, []

    for _ in range(data.draw(st.integers(0, 4))):
        try:
            issued.append(credit(left, data.draw(parts(left))))
        except (OverCredited, NothingToCredit):
            continue
        left = less(left, issued[-1])
    if left.gross_left:
        issued.append(credit(left, None))
        left = less(left, issued[-1])
        assert not any(one.net_left for one in left.lines)
        assert not any(left.taxes_left.values())

    assert left.gross_left == 0
    assert sum(one.gross for one in issued) == billed.gross_left


@given(st.data())
def test_no_credit_goes_beyond_what_is_left_and_every_figure_can_be_recalculated(data: st.DataObject) -> None:
    left = data.draw(invoices())

    for _ in range(3):
        try:
            found = credit(left, data.draw(parts(left)))
        except (OverCredited, NothingToCredit):
            continue
        assert 0 < found.gross <= left.gross_left
        for one in found.lines:
            assert one.net == round_money(exact_product(one.quantity, one.unit_price), left.currency)
            assert one.net * one.line.net > 0
            assert abs(one.net) <= abs(one.line.net_left)
        for tax in found.taxes:
            tax_left = left.taxes_left[Tax(tax.name, tax.percent)]
            assert tax.tax * tax_left >= 0
            assert abs(tax.tax) <= abs(tax_left)
            assert tax.net == sum(one.net for one in found.lines if Tax(tax.name, tax.percent) in one.line.taxes)
        left = less(left, found)


@given(invoices())
def test_the_whole_at_once_says_what_the_invoice_said(billed: Creditable) -> None:
    found = credit(billed, None)

    assert {one.line.id: (one.quantity, one.unit_price, one.net) for one in found.lines} == {
        one.id: (one.quantity, one.unit_price, one.net) for one in billed.lines if one.net
    }
    assert found.gross == billed.gross_left
