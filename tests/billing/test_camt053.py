"""What is read from a bank's XML, and what is not believed."""

from datetime import date
from decimal import Decimal

import pytest

from billing.bank_statements import camt053
from billing.bank_statements.entries import MOST_ENTRIES, Entry
from common.sheets import SheetRefused
from tests.billing.statement_files import camt053 as file
from tests.billing.statement_files import entry, transaction


def read(*entries: str, version: int = 8) -> list[Entry]:
    return camt053.read(file(*entries, version=version)).entries


@pytest.mark.parametrize("version", [2, 3, 4, 6, 8, 10, 13])
def test_a_payment_is_read_from_every_version(version: int) -> None:
    details = transaction(reference="Invoice INV-2026-00001", amount="119.00", version=version)

    (found,) = read(entry(details, version=version), version=version)

    assert (found.row, found.booked_on, found.amount, found.currency) == (1, date(2026, 11, 10), Decimal("119.00"), "EUR")
    assert (found.payer, found.account) == ("Dora Design GmbH", "DE89370400440532013000")
    assert (found.reference, found.remark, found.is_payment) == ("Invoice INV-2026-00001", "", True)


def test_structured_and_unstructured_references_are_read_in_one_line() -> None:
    details = transaction(
        creditor_reference="RF18539007547034", reference=["INV-2026-\n00001", "thank  you"], end_to_end="NOTPROVIDED"
    )

    (found,) = read(entry(details))

    assert found.reference == "RF18539007547034 INV-2026- 00001 thank you"


def test_the_value_date_stands_in_where_the_booking_date_is_missing_and_a_time_keeps_its_day() -> None:
    value = entry(transaction(), booked_on="<ValDt><Dt>2026-11-12</Dt></ValDt>")
    late = entry(transaction(), booked_on="<BookgDt><DtTm>2026-11-13T23:59:59+01:00</DtTm></BookgDt>")

    assert [one.booked_on for one in read(value, late)] == [date(2026, 11, 12), date(2026, 11, 13)]


def test_a_batch_gives_an_entry_for_each_of_its_parts() -> None:
    parts = [
        transaction(amount="100.00", reference="INV-2026-00001", payer="One"),
        transaction(amount="19.00", reference="INV-2026-00002", payer="Two"),
    ]

    found = read(entry(*parts, bank_reference="B77"))

    assert [(one.row, one.amount, one.payer) for one in found] == [(1, Decimal(100), "One"), (1, Decimal(19), "Two")]
    assert len({one.bank_key for one in found}) == 2


@pytest.mark.parametrize("amount", ["", "20.00"])
def test_a_batch_that_does_not_add_up_is_one_entry_and_says_so(amount: str) -> None:
    parts = [transaction(amount="100.00", payer="One"), transaction(amount=amount, payer="Two")]

    (found,) = read(entry(*parts))

    assert (found.amount, found.payer, found.is_payment) == (Decimal(119), "One Two", True)
    assert "do not add up" in found.remark or "no amounts that add up" in found.remark


def test_money_that_went_out_and_what_is_only_pending_are_left_out_and_counted() -> None:
    statement = camt053.read(file(entry(direction="DBIT"), entry(status="PDNG"), entry(amount="0.00"), entry(transaction())))

    assert (len(statement.entries), statement.left_out) == (1, 3)


@pytest.mark.parametrize(
    ("direction", "reversal", "more", "words"),
    [
        ("DBIT", "true", "", "took this back"),
        ("DBIT", "", "<RtrInf><Rsn><Cd>MD06</Cd></Rsn></RtrInf>", "took this back"),
        ("CRDT", "1", "", "no payment of a customer"),
        ("CRDT", "", "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>", "no payment of a customer"),
    ],
)
def test_what_was_taken_back_is_told_and_is_no_payment(direction: str, reversal: str, more: str, words: str) -> None:
    (found,) = read(entry(transaction(more=more), direction=direction, reversal=reversal))

    assert not found.is_payment
    assert words in found.remark


def test_the_same_booking_has_the_same_key_in_every_file_and_no_other_has_it() -> None:
    with_reference = entry(transaction(reference="a"), bank_reference="REF1")
    plain, twin, other = entry(transaction(reference="b")), entry(transaction(reference="b")), entry(transaction(reference="c"))

    first = [one.bank_key for one in read(with_reference, plain, twin, other)]
    second = [one.bank_key for one in read(other, plain, twin, with_reference)]

    assert len(set(first)) == 4
    assert set(first) == set(second)


def test_a_reference_of_the_bank_counts_per_account() -> None:
    keys = {camt053.read(file(entry(bank_reference="1"), account=account)).entries[0].bank_key for account in ("DE1", "DE2")}

    assert len(keys) == 2


WRONG = {
    "no currency": (entry(currency="XXL"), "“XXL” is not a currency"),
    "no amount": (entry(amount="a lot"), "“a lot” is not an amount"),
    "negative": (entry(amount="-5.00"), "is not an amount"),
    "an exponent": (entry(amount="1E5"), "is not an amount"),
    "many digits": (entry(amount="9" * 40), "is not an amount"),
    "three decimals of the euro": (entry(amount="1.005"), "has more decimals than EUR"),
    "no date": (entry(booked_on=""), "neither a booking date nor a value date"),
    "a wrong date": (entry(booked_on="<BookgDt><Dt>2026-13-01</Dt></BookgDt>"), "“2026-13-01” is not a date"),
    "another century": (entry(booked_on="<BookgDt><Dt>0001-01-01</Dt></BookgDt>"), "not a date of this century"),
    "no direction": (entry(direction="SIDE"), "neither CRDT nor DBIT"),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_entry_that_is_not_right_is_named_and_nothing_is_read(case: str) -> None:
    wrong, sentence = WRONG[case]

    with pytest.raises(SheetRefused, match=sentence) as refused:
        read(entry(transaction()), wrong)

    assert [error.row for error in refused.value.errors] == [2]


BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]><Document>&c;</Document>'
NO_STATEMENT = {
    "nothing": b"",
    "text": b"Date;Amount",
    "torn": file(entry(transaction()))[:-40],
    "entities": BOMB,
    "another file": b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.03"/>',
    "no namespace": b"<Document><BkToCstmrStmt/></Document>",
    "of the running day": file(namespace="urn:iso:std:iso:20022:tech:xsd:camt.052.001.08"),
    "a notification": file(namespace="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"),
    "a version to come": file(namespace="urn:iso:std:iso:20022:tech:xsd:camt.053.001.99"),
    "empty": b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"></Document>',
    "deep": b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">' + b"<a>" * 100,
    "an unknown encoding": b'<?xml version="1.0" encoding="klingon"?><a/>',
    "bytes": bytes(range(256)),
}


@pytest.mark.parametrize("case", NO_STATEMENT)
def test_what_is_no_statement_is_refused_in_a_sentence(case: str) -> None:
    with pytest.raises(SheetRefused) as refused:
        camt053.read(NO_STATEMENT[case])

    assert str(refused.value).endswith(".")


def test_more_bookings_than_anybody_has_are_refused() -> None:
    with pytest.raises(SheetRefused, match=f"more than {MOST_ENTRIES:,} bookings"):
        read(*[entry()] * (MOST_ENTRIES + 1))


def test_an_entry_survives_being_kept_as_json() -> None:
    (found,) = read(entry(transaction(reference="INV-2026-00001")))

    assert Entry.from_json(found.as_json()) == found
