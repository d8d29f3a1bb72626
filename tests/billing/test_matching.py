"""Whose payment it is: certain only by the number of an invoice, else for a person to say."""

from datetime import date
from decimal import Decimal

import pytest

from billing.bank_statements.entries import Entry
from billing.bank_statements.matching import Buyer, Kind, Match, Matcher, Open

DORA, CAROL, NAMESAKE = (
    Buyer(1, "C1001", "Dora Design GmbH"),
    Buyer(2, "C1002", "Café Carol"),
    Buyer(3, "C1003", "Müller & Söhne KG"),
)
INVOICES = [
    Open(11, "INV-2026-00001", 1, "EUR", Decimal("119.00"), date(2026, 11, 14)),
    Open(12, "INV-2026-00002", 1, "EUR", Decimal("50.00"), date(2026, 12, 14)),
    Open(13, "INV-2026-00003", 1, "EUR", Decimal(0), date(2026, 10, 14)),
    Open(14, "INV-2026-00004", 1, "CHF", Decimal("70.00"), date(2026, 11, 14)),
    Open(21, "INV-2026-00005", 2, "EUR", Decimal("80.00"), date(2026, 11, 14)),
    Open(22, "INV-2026-100001", 2, "EUR", Decimal("81.00"), date(2026, 11, 14)),
    Open(23, "INV-2026-10000", 2, "EUR", Decimal("82.00"), date(2026, 11, 14)),
    Open(31, "R1-2026-00001", 3, "EUR", Decimal("90.00"), date(2026, 11, 14)),
    Open(32, "R1-2026-00002", 3, "EUR", Decimal("90.00"), date(2026, 11, 15)),
]
MATCHER = Matcher(INVOICES, [DORA, CAROL, NAMESAKE])


def match(reference: str, *, payer: str = "", amount: str = "1.00", currency: str = "EUR") -> Match:
    return MATCHER.match(Entry(1, date(2026, 11, 10), Decimal(amount), currency, payer, "", reference, "key"))


@pytest.mark.parametrize(
    "reference",
    [
        "INV-2026-00001",
        "inv202600001",
        "Invoice INV 2026 00001, thank you",
        "INV-2026-000 01",
        "RE: INV/2026/00001.",
        "KD 4711 INV–2026–00001 EREF 12",
    ],
)
def test_a_number_is_found_however_it_is_written(reference: str) -> None:
    found = match(reference)

    assert (found.kind, found.buyer_id, found.invoices) == (Kind.EXACT, 1, (11,))


def test_several_numbers_are_paid_in_the_order_they_are_written() -> None:
    found = match("INV-2026-00002 + INV-2026-00001")

    assert (found.kind, found.invoices) == (Kind.EXACT, (12, 11))


@pytest.mark.parametrize(("reference", "invoice"), [("INV-2026-100001", 22), ("INV-2026-10000", 23), ("INV-2026-10000, 17", 23)])
def test_a_number_is_not_taken_for_the_beginning_of_a_longer_one(reference: str, invoice: int) -> None:
    assert match(reference).invoices == (invoice,)


@pytest.mark.parametrize("reference", ["INV-2026-000011", "9INV-2026-0000", "12026-00001", "INV-2026-9"])
def test_what_only_resembles_a_number_is_none(reference: str) -> None:
    assert match(reference).kind == Kind.UNKNOWN


@pytest.mark.parametrize("reference", ["RECHNUNGINV-2026-00001", "INV-2026-00001A", "INV-2026-10000 1"])
def test_what_may_be_something_else_is_only_suggested(reference: str) -> None:
    assert match(reference).kind == Kind.SUGGESTED


def test_numbers_of_different_customers_are_for_a_person() -> None:
    found = match("INV-2026-00001 INV-2026-00005")

    assert (found.kind, found.buyer_id, found.candidates) == (Kind.AMBIGUOUS, None, (11, 21))


@pytest.mark.parametrize(
    ("reference", "currency", "words"),
    [
        ("INV-2026-00003", "EUR", "INV-2026-00003 is paid already"),
        ("INV-2026-00004", "EUR", "INV-2026-00004 is in CHF, the payment in EUR"),
    ],
)
def test_what_cannot_be_paid_by_it_is_told_and_left_to_a_person(reference: str, currency: str, words: str) -> None:
    found = match(reference, currency=currency)

    assert (found.kind, found.buyer_id, found.invoices, found.candidates) == (Kind.AMBIGUOUS, 1, (), (11, 12))
    assert words in found.why


def test_of_an_open_and_a_paid_number_the_open_one_is_suggested() -> None:
    found = match("INV-2026-00003 INV-2026-00002")

    assert (found.kind, found.invoices) == (Kind.SUGGESTED, (12,))


@pytest.mark.parametrize("payer", ["Dora Design GmbH", "DORA DESIGN", "Design, Dora", "Dora Design Berlin GmbH"])
def test_amount_and_payer_together_are_a_suggestion(payer: str) -> None:
    found = match("thank you", payer=payer, amount="119.00")

    assert (found.kind, found.buyer_id, found.invoices) == (Kind.SUGGESTED, 1, (11,))


def test_umlauts_may_be_spelled_in_either_way() -> None:
    assert match("", payer="Mueller und Soehne", amount="1.00").buyer_id == 3


def test_all_that_is_open_together_is_a_suggestion() -> None:
    found = match("", payer="Dora Design", amount="169.00")

    assert (found.kind, found.invoices) == (Kind.SUGGESTED, (11, 12))


def test_a_customers_number_says_who_and_the_amount_what_for() -> None:
    assert match("Customer C1001", amount="50.00").invoices == (12,)
    assert match("Customer C1001", amount="51.00") == Match(
        Kind.AMBIGUOUS,
        1,
        candidates=(11, 12),
        why="The reference names the customer, C1001, but no invoice. The amount fits no invoice.",
    )


def test_a_short_number_and_a_name_of_common_words_are_found_among_many() -> None:
    many = [Buyer(n, f"C{n}", f"Number{n} Consulting GmbH") for n in range(1, 40)]
    matcher = Matcher([Open(1, "7A", 7, "EUR", Decimal(5), date(2026, 11, 1))], many)

    def matched(reference: str, payer: str) -> int | None:
        return matcher.match(Entry(1, date(2026, 11, 1), Decimal(6), "EUR", payer, "", reference, "k")).buyer_id

    assert (matched("for 7a", ""), matched("C3", ""), matched("", "Consulting Number31"), matched("", "Number31 AG")) == (
        7,
        3,
        31,
        31,
    )
    assert matched("", "Consulting") is None


def test_two_invoices_that_fit_alike_are_for_a_person() -> None:
    found = match("", payer="Müller & Söhne", amount="90.00")

    assert (found.kind, found.buyer_id, found.candidates) == (Kind.AMBIGUOUS, 3, (31, 32))


def test_the_amount_alone_says_nothing() -> None:
    found = match("", payer="Somebody Else", amount="119.00")

    assert (found.kind, found.buyer_id, found.invoices, found.candidates) == (Kind.AMBIGUOUS, None, (), (11,))


def test_amounts_of_another_currency_do_not_fit() -> None:
    found = match("", payer="Dora Design", amount="119.00", currency="CHF")

    assert (found.kind, found.candidates) == (Kind.AMBIGUOUS, (14,))


@pytest.mark.parametrize("payer", ["", "GmbH", "Do", "AG & Co. KG", "Unknown Ltd"])
def test_who_is_not_known_is_unknown(payer: str) -> None:
    found = match("no reference", payer=payer)

    assert (found.kind, found.buyer_id) == (Kind.UNKNOWN, None)
