"""What is read from a bank's CSV, and what is not believed."""

from datetime import date
from decimal import Decimal

import pytest

from billing.bank_statements import csv_rows
from billing.bank_statements.entries import MOST_ENTRIES, Entry
from common.sheets import SheetRefused

ENGLISH = "Date,Amount,Currency,Payer,IBAN,Reference\n"
GERMAN = "Buchungstag;Betrag;Währung;Begünstigter/Zahlungspflichtiger;Verwendungszweck\n"


def read(text: str, *, encoding: str = "utf-8", currency: str = "") -> list[Entry]:
    return csv_rows.read(text.encode(encoding), currency=currency).entries


def test_an_english_file_is_read() -> None:
    (found,) = read(ENGLISH + "2026-11-10,119.00,EUR,Dora Design,DE89 3704,Invoice INV-2026-00001\n")

    assert (found.row, found.booked_on, found.amount, found.currency) == (2, date(2026, 11, 10), Decimal("119.00"), "EUR")
    assert (found.payer, found.account, found.reference) == ("Dora Design", "DE89 3704", "Invoice INV-2026-00001")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_a_german_file_is_read_in_each_encoding_after_lines_of_greeting(encoding: str) -> None:
    greeting = "Kontoauszug;Müller\nSaldo am 10.11.2026;1,00\n\n"

    (found,) = read(greeting + GERMAN + "10.11.2026;1.119,50;EUR;Müller & Söhne;RE 1\n", encoding=encoding)

    assert (found.row, found.amount, found.payer) == (5, Decimal("1119.50"), "Müller & Söhne")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("10,50", "10.50"),
        ("10.50", "10.50"),
        ("1.234,50", "1234.50"),
        ("1,234.50", "1234.50"),
        ("1'234.50", "1234.50"),
        ("1 234,50", "1234.50"),
        ("1234567.8", "1234567.80"),
        ("+12,00", "12.00"),
        ("12,00 EUR", "12.00"),
        ("€ 12.00", "12.00"),
        ("100", "100.00"),
    ],
)
def test_an_amount_is_read_as_it_is_meant(written: str, expected: str) -> None:
    (found,) = read(f"Date;Amount;Currency;Reference\n2026-11-10;{written};EUR;x\n")

    assert str(found.amount) == expected


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        (["1.234", "10,50"], ["1234.00", "10.50"]),
        (["1,234", "10.50"], ["1234.00", "10.50"]),
        (["7", "1.000,00"], ["7.00", "1000.00"]),
    ],
)
def test_all_amounts_of_a_file_tell_together_what_a_dot_means(amounts: list[str], expected: list[str]) -> None:
    rows = "".join(f"2026-11-10;{amount};EUR;x{amount}\n" for amount in amounts)

    assert [str(one.amount) for one in read(f"Date;Amount;Currency;Reference\n{rows}")] == expected


@pytest.mark.parametrize("written", ["1.234", "1,234"])
def test_a_file_whose_amounts_can_be_read_in_two_ways_is_refused(written: str) -> None:
    with pytest.raises(SheetRefused, match=r"may be .*1\.234"):
        read(f"Date;Amount;Currency;Reference\n2026-11-10;{written};EUR;x\n")


def test_a_yen_has_no_decimals_and_a_dinar_three() -> None:
    found = read("Date;Amount;Currency;Reference\n2026-11-10;12,000;JPY;x\n2026-11-10;1.234;KWD;y\n2026-11-10;0.5;KWD;z\n")

    assert [str(one.amount) for one in found] == ["12000", "1.234", "0.500"]


@pytest.mark.parametrize("written", ["-5,00", "5,00-", "−5,00", "0,00"])
def test_what_went_out_or_is_nothing_is_left_out_and_counted(written: str) -> None:
    statement = csv_rows.read(f"Date;Amount;Currency;Reference\n2026-11-10;{written};EUR;x\n".encode())

    assert (statement.entries, statement.left_out) == ([], 1)


def test_a_column_may_say_what_came_in() -> None:
    found = read("Datum;Betrag;Währung;S/H;Verwendungszweck\n10.11.26;5,00;EUR;S;out\n10.11.26;6,00;EUR;H;in\n")

    assert [(one.amount, one.reference) for one in found] == [(Decimal(6), "in")]


@pytest.mark.parametrize("header", ["Date;Amount (EUR);Reference", "Buchungstag;Betrag in EUR;Verwendungszweck"])
def test_the_name_of_the_column_may_say_the_currency(header: str) -> None:
    assert read(f"{header}\n2026-11-10;5.50;x\n")[0].currency == "EUR"


def test_the_currency_of_the_account_counts_where_the_file_says_none() -> None:
    file = "Date;Amount;Reference\n2026-11-10;5.50;x\n"

    assert read(file, currency="CHF")[0].currency == "CHF"
    with pytest.raises(SheetRefused, match="Choose the currency of the account"):
        read(file)


def test_the_booking_date_counts_where_there_are_two() -> None:
    (found,) = read("Valuta;Amount;Currency;Buchungstag;Reference\n2026-11-09;5.50;EUR;2026-11-10;x\n")

    assert found.booked_on == date(2026, 11, 10)


def test_the_same_row_has_the_same_key_in_every_file_and_no_other_has_it() -> None:
    rows = [f"2026-11-10,5.00,EUR,A,,{reference}\n" for reference in ("x", "x", "y")]

    first = [one.bank_key for one in read(ENGLISH + "".join(rows))]
    second = [one.bank_key for one in read("Greeting\n" + ENGLISH + "".join(reversed(rows)))]

    assert len(set(first)) == 3
    assert set(first) == set(second)


def test_what_spreadsheets_and_control_characters_do_to_texts_is_undone() -> None:
    (found,) = read(ENGLISH + '2026-11-10,5.00,EUR,\'=A,,"two\nlines\x07"\n')

    assert (found.payer, found.reference) == ("=A", "two lines")


HEAD = "Date;Amount;Currency;Reference\n"
WRONG = {
    "a word for an amount": ("2026-11-10;a lot;EUR;x", "Amount", "“a lot” is not an amount"),
    "no amount": ("2026-11-10;;EUR;x", "Amount", "The amount is missing"),
    "two signs": ("2026-11-10;-5-;EUR;x", "Amount", "is not an amount"),
    "too many decimals": ("2026-11-10;5.505;EUR;x\n2026-11-10;5.55;EUR;x", "Amount", "has more decimals than EUR"),
    "more than can be": ("2026-11-10;999999999999999999.00;EUR;x", "Amount", "larger than can be kept"),
    "wrong groups": ("2026-11-10;12,34,56;EUR;x\n2026-11-10;5.55;EUR;x", "Amount", "does not fit"),
    "another currency in the amount": ("2026-11-10;5.00 USD;EUR;x", "Amount", "The amount is in USD, the row says EUR"),
    "no currency": ("2026-11-10;5.00;;x", "Currency", "does not say the currency"),
    "a currency that is none": ("2026-11-10;5.00;ABC;x", "Currency", "“ABC” is not a currency"),
    "no date": (";5.00;EUR;x", "Date", "The date is missing"),
    "a date with slashes": ("11/12/2026;5.00;EUR;x", "Date", "write 2026-11-21 or 21.11.2026"),
    "a date that is none": ("2026-02-30;5.00;EUR;x", "Date", "“2026-02-30” is not a date"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_cell_that_is_not_right_is_named_by_row_and_column(case: str) -> None:
    row, column, sentence = WRONG[case]

    with pytest.raises(SheetRefused, match=sentence) as refused:
        read(HEAD + row + "\n")

    assert (refused.value.errors[0].row, refused.value.errors[0].column) == (2, column)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(SheetRefused) as refused:
        read(HEAD + "2026-11-10;x;EUR;x\n2026-11-10;5.00;EUR;x\n2026-11-10;y;EUR;x\n")

    assert [error.row for error in refused.value.errors] == [2, 4]


NO_STATEMENT = {
    "a workbook": b"PK\x03\x04abc",
    "bytes": b"\x00\x01\x02",
    "no header": b"1;2;3\n4;5;6\n",
    "half a header": b"Date;Amount\n2026-11-10;5.00\n",
    "an open quotation mark": HEAD.encode() + b'2026-11-10;5.00;EUR;"' + b"x" * 200_000,
    "too many": HEAD.encode() + b"2026-11-10;5.00;EUR;x\n" * (MOST_ENTRIES + 1),
}


@pytest.mark.parametrize("case", NO_STATEMENT)
def test_what_is_no_statement_is_refused_in_a_sentence(case: str) -> None:
    with pytest.raises(SheetRefused) as refused:
        csv_rows.read(NO_STATEMENT[case])

    assert str(refused.value).endswith(".")
