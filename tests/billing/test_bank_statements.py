"""A bank statement: previewed, corrected, and recorded once, all of it or nothing."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from billing.models import BankStatement, Invoice, Payment
from billing.operations import bank_statements
from billing.operations.bank_statements import AlreadyImported, ChoiceRefused, NothingChosen, PreviewOutdated, Wish
from billing.queries.bank_statements import Preview, Row, preview
from billing.queries.payments import credit_left
from common.sheets import SheetRefused
from tests.billing.paying import NOVEMBER_20, issued, left, pay
from tests.billing.statement_files import camt053, entry
from tests.billing.statement_files import transaction as details
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

HEAD = "Date;Amount;Currency;Payer;Reference\n"


@pytest.fixture
def invoice(personas: Personas) -> Invoice:
    return issued(personas.msp, personas.direct_customer, "100.00", number="INV-2026-00701")


def upload(personas: Personas, *rows: str, content: bytes = b"", again: bool = False) -> BankStatement:
    return bank_statements.read_statement(
        seller=personas.msp,
        content=content or (HEAD + "".join(f"{row}\n" for row in rows)).encode(),
        file_name="november.csv",
        currency="",
        by=personas.bert,
        at=NOVEMBER_20,
        again=again,
    )


def confirm(statement: BankStatement, shown: Preview | None = None) -> BankStatement:
    statement.refresh_from_db()
    fingerprint = (shown or preview(statement)).fingerprint
    return bank_statements.confirm(statement_id=statement.pk, fingerprint=fingerprint, by=None, at=NOVEMBER_20)


def choose(statement: BankStatement, index: int, option: str = "", typed: str = "") -> Row:
    chosen = bank_statements.choose(statement_id=statement.pk, wishes={index: Wish(option, typed)})
    return preview(chosen).rows[index]


EXACT = "2026-11-10;60.00;EUR;Dora;INV-2026-00701"


def test_an_exact_match_is_chosen_and_recorded_with_the_whole_statement(personas: Personas, invoice: Invoice) -> None:
    statement = upload(personas, EXACT, "2026-11-11;70.00;EUR;Dora;inv 2026 00701 rest")
    shown = preview(statement)

    confirm(statement, shown)

    assert [(row.state, row.shares, row.rest) for row in shown.rows] == [
        ("exact", [("INV-2026-00701", Decimal(60))], 0),
        ("exact", [("INV-2026-00701", Decimal(40))], 30),
    ]
    assert left(invoice) == 0
    assert credit_left(personas.msp, personas.direct_customer, "EUR") == 30
    first = Payment.objects.order_by("pk")[0]
    assert (first.received_on, first.method, first.statement, first.note) == (
        date(2026, 11, 10),
        "bank_transfer",
        statement,
        "Dora",
    )


def test_nothing_is_recorded_before_it_is_confirmed_and_confirming_twice_records_once(personas: Personas, invoice: Invoice) -> None:
    statement = upload(personas, EXACT)
    assert not Payment.objects.exists()
    shown = preview(statement)

    for _ in range(2):
        confirm(statement, shown)

    assert Payment.objects.count() == 1


def test_a_suggestion_is_not_chosen_until_somebody_agrees(personas: Personas, invoice: Invoice) -> None:
    statement = upload(personas, "2026-11-10;100.00;EUR;Dora Design;thanks")
    (row,) = preview(statement).rows
    assert (row.state, row.is_undecided, row.is_recorded) == ("suggested", True, False)

    row = choose(statement, 0, "match")

    assert (row.is_recorded, row.shares) == (True, [("INV-2026-00701", Decimal(100))])


def test_what_is_undecided_or_left_out_stays_out_and_can_be_imported_later(personas: Personas, invoice: Invoice) -> None:
    statement = upload(personas, EXACT, "2026-11-11;5.00;EUR;Nobody;x")
    confirm(statement)

    with pytest.raises(AlreadyImported) as done:
        upload(personas, EXACT, "2026-11-11;5.00;EUR;Nobody;x")
    again = upload(personas, EXACT, "2026-11-11;5.00;EUR;Nobody;x", again=True)

    assert done.value.statement == statement
    assert [row.state for row in preview(again).rows] == ["imported", "unknown"]
    choose(again, 1, typed=personas.direct_customer.number)
    confirm(again)
    assert Payment.objects.count() == 2


def test_the_same_file_that_waits_is_shown_again(personas: Personas) -> None:
    assert upload(personas, EXACT) == upload(personas, EXACT)


def test_an_entry_that_came_in_by_another_file_is_not_recorded_twice(personas: Personas, invoice: Invoice) -> None:
    confirm(upload(personas, EXACT))

    shown = preview(upload(personas, "2026-11-12;7.00;EUR;Dora;INV-2026-00701", EXACT))

    assert [row.state for row in shown.rows] == ["exact", "imported"]
    assert len(shown.recorded) == 1


def test_a_payment_recorded_by_hand_is_pointed_out(personas: Personas, invoice: Invoice) -> None:
    pay(personas.msp, personas.direct_customer, "60", received_on=date(2026, 11, 9))

    (row,) = preview(upload(personas, EXACT)).rows

    assert row.warning == "The same amount was recorded by hand, received on 9 Nov 2026."


@pytest.mark.parametrize("typed", ["INV-2026-00701", "inv-2026-00701, INV-2026-00701"])
def test_numbers_of_invoices_can_be_typed(personas: Personas, invoice: Invoice, typed: str) -> None:
    row = choose(upload(personas, "2026-11-10;5.00;EUR;?;?"), 0, typed=typed)

    assert row.shares == [("INV-2026-00701", Decimal(5))]


def test_the_number_of_a_customer_pays_what_is_due_first(personas: Personas, invoice: Invoice) -> None:
    row = choose(upload(personas, "2026-11-10;5.00;EUR;?;?"), 0, typed=personas.direct_customer.number.lower())

    assert (row.buyer, row.shares) == (personas.direct_customer, [("INV-2026-00701", Decimal(5))])


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("INV-9", "“INV-9” is neither an invoice of Northwind Cloud GmbH nor the number of a customer"),
        ("INV-2026-00701 INV-2026-00702", "of different customers"),
        ("INV-2026-00703", "INV-2026-00703 is in CHF, the payment in EUR, and nothing is converted"),
        ("R-2026-00704", "is neither an invoice"),
    ],
)
def test_what_was_typed_wrongly_is_said_and_nothing_is_saved(
    personas: Personas, invoice: Invoice, typed: str, sentence: str
) -> None:
    issued(personas.msp, personas.reseller, "10", number="INV-2026-00702")
    issued(personas.msp, personas.direct_customer, "10", number="INV-2026-00703", currency="CHF")
    issued(personas.reseller, personas.resellers_customer, "10", number="R-2026-00704")
    statement = upload(personas, "2026-11-10;5.00;EUR;?;?", EXACT)

    with pytest.raises(ChoiceRefused) as refused:
        bank_statements.choose(statement_id=statement.pk, wishes={1: Wish("leave"), 0: Wish("", typed)})

    assert sentence in refused.value.sentences[0]
    assert [row.is_recorded for row in preview(BankStatement.objects.get()).rows] == [False, True]


def test_an_option_that_was_not_offered_is_refused(personas: Personas, invoice: Invoice) -> None:
    statement = upload(personas, "2026-11-10;5.00;EUR;?;?")

    for option in ("match", f"invoice:{invoice.pk}", "buyer:1", "nonsense"):
        with pytest.raises(ChoiceRefused):
            choose(statement, 0, option)


def test_a_preview_that_is_outdated_is_not_confirmed(personas: Personas, invoice: Invoice) -> None:
    statement = upload(personas, EXACT)
    shown = preview(statement)
    pay(personas.msp, personas.direct_customer, "90")

    with pytest.raises(PreviewOutdated):
        confirm(statement, shown)

    assert Payment.objects.count() == 1
    assert preview(statement).rows[0].rest == 50


def test_all_or_nothing_is_recorded(personas: Personas, invoice: Invoice, monkeypatch: pytest.MonkeyPatch) -> None:
    statement = upload(personas, EXACT, "2026-11-11;7.00;EUR;Dora;INV-2026-00701")
    record, calls = bank_statements.record, []

    def fails_second(*args: Any, **kwargs: Any) -> Payment:
        calls.append(args)
        if len(calls) == 2:
            raise ConnectionError
        return record(*args, **kwargs)

    monkeypatch.setattr(bank_statements, "record", fails_second)
    with pytest.raises(ConnectionError):
        confirm(statement)

    statement.refresh_from_db()
    assert (Payment.objects.count(), statement.confirmed_at, left(invoice)) == (0, None, 100)


def test_without_a_chosen_row_there_is_nothing_to_confirm(personas: Personas) -> None:
    with pytest.raises(NothingChosen):
        confirm(upload(personas, "2026-11-10;5.00;EUR;?;?"))


def test_a_camt_file_is_told_by_its_content_and_what_was_taken_back_cannot_be_chosen(personas: Personas, invoice: Invoice) -> None:
    file = camt053(
        entry(details(reference="INV-2026-00701", payer="Dora"), amount="100.00"),
        entry(details(), direction="DBIT", reversal="true"),
        entry(details(reference="INV-2026-00701"), booked_on="<BookgDt><Dt>2026-11-21</Dt></BookgDt>"),
    )

    statement = upload(personas, content=b"\xef\xbb\xbf" + file)

    assert statement.format == "camt053"
    assert [row.state for row in preview(statement).rows] == ["exact", "no payment", "no payment"]
    assert "booked on a day to come" in preview(statement).rows[2].entry.remark
    choose(statement, 1, typed="INV-2026-00701")
    confirm(statement)
    assert left(invoice) == 0


def test_a_file_that_cannot_be_read_leaves_nothing(personas: Personas) -> None:
    for content in (b"<a/>", b"nothing"):
        with pytest.raises(SheetRefused):
            upload(personas, content=content)

    assert not BankStatement.objects.exists()


def test_a_statement_that_waits_can_be_thrown_away_and_one_that_was_imported_cannot(personas: Personas, invoice: Invoice) -> None:
    statement, other = upload(personas, EXACT), upload(personas, "2026-11-11;5.00;EUR;?;?")
    confirm(statement)

    for _ in range(2):
        bank_statements.discard(statement_id=other.pk)
    with pytest.raises(PreviewOutdated):
        bank_statements.discard(statement_id=statement.pk)

    assert list(BankStatement.objects.all()) == [statement]


def test_the_database_takes_an_entry_of_the_bank_once_per_seller(personas: Personas, invoice: Invoice) -> None:
    confirm(upload(personas, EXACT))
    twin = Payment.objects.get()
    twin.pk, twin.key = None, "00000000-0000-0000-0000-000000000001"

    with pytest.raises(IntegrityError, match="payment_bank_entry_once"), transaction.atomic():
        twin.save(force_insert=True)


def test_a_preview_asks_the_same_few_queries_for_many_rows(
    personas: Personas, invoice: Invoice, django_assert_max_num_queries: Any
) -> None:
    statement = upload(personas, *(f"2026-11-10;{n}.00;EUR;Dora Design;INV-2026-00701" for n in range(1, 100)))

    with django_assert_max_num_queries(6):
        assert len(preview(statement).rows) == 99
