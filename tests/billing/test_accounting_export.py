"""The accounting export: rows that sum to their documents, in files that no spreadsheet misreads."""

import csv
from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Organization
from billing import accounting_export
from billing.accounting_export import Format, MissingCode, Row, export, missing_codes, rows
from billing.models import Payment
from billing.operations import payments
from billing.operations.credit_notes import issue_credit_note
from billing.operations.invoices import issue_invoice
from catalog.models import ProductGroup, Tax
from common.periods import Period
from tests import factories
from tests.billing.invoicing import Billed, drafted, invoiced
from tests.billing.making import subscribe
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

NOVEMBER = Period(date(2026, 11, 1), date(2026, 12, 1))
AT = datetime.fromisoformat("2026-11-20T09:00:00+00:00")
LEVY = ("Levy 2.5 %", Decimal("2.5"))
VAT = ("VAT 19 %", Decimal(19))


def paid(seller: Organization, buyer: Organization, amount: str, **facts: str) -> Payment:
    told = {"method": "bank_transfer", "reference": "", "note": "", **facts}
    return payments.record_payment(
        seller=seller, buyer=buyer, currency="EUR", amount=Decimal(amount), received_on=date(2026, 11, 18), by=None, at=AT, **told
    )


def sums(found: list[Row]) -> dict[str, tuple[Decimal, Decimal, Decimal]]:
    """Net, tax and gross of each document, added up from its rows."""
    nothing = Decimal(0)
    totals: dict[str, tuple[Decimal, Decimal, Decimal]] = defaultdict(lambda: (nothing, nothing, nothing))
    for row in found:
        net, tax, gross = totals[row.document]
        totals[row.document] = (net + row.net, tax + row.tax, gross + row.gross)
    return totals


def parsed(lines: list[str], delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO("".join(lines).removeprefix("\ufeff")), delimiter=delimiter))


def test_the_rows_of_every_document_sum_to_it_and_name_their_accounts(personas: Personas) -> None:
    group = factories.ProductGroupFactory(ledger_code="8400")
    Tax.objects.update(ledger_code="1776")
    plan = factories.PlanFactory(product_group=group)
    other = factories.PlanFactory(product_group=factories.ProductGroupFactory(name="Untaxed"), service_manager=plan.service_manager)
    personas.direct_customer.ledger_code = "10042"
    personas.direct_customer.save()
    invoice = invoiced(subscribe(personas.direct_customer, plan), Billed("100", "1", (LEVY, VAT)), Billed("3", "4.5"))
    untaxed = invoiced(subscribe(factories.OrganizationFactory(tax_id="ATU12345675", country="AT"), other), Billed("10", "1", ()))
    part = {invoice.lines.get(position=1).pk: Decimal("33.33")}
    credit_note = issue_credit_note(
        invoice_id=invoice.pk, lines=part, reason="Too much", bills_again=False, on=date(2026, 11, 5), by=None, at=AT
    )
    payment = paid(personas.msp, personas.direct_customer, "60", reference="INV-2026-00001")

    found = list(rows(personas.msp, NOVEMBER))

    assert sums(found) == {
        invoice.number: (invoice.net, invoice.tax, invoice.gross),
        untaxed.number: (10, 0, 10),
        credit_note.number: (-credit_note.net, -credit_note.tax, -credit_note.gross),
        f"PAY-{payment.pk}": (0, 0, -60),
    }
    assert [
        (row.posting, row.ledger_code, row.tax_name, row.tax_base, row.gross) for row in found if row.document == invoice.number
    ] == [
        ("revenue", "8400", "VAT 19 %", None, Decimal("13.5")),
        ("revenue", "8400", "Levy 2.5 % + VAT 19 %", None, 100),
        ("tax", "", "Levy 2.5 %", 100, Decimal("2.50")),
        ("tax", "1776", "VAT 19 %", Decimal("113.5"), Decimal("21.57")),
    ]
    assert {(row.debtor_code, row.debtor) for row in found if row.kind == "credit note"} == {("10042", "Dora Design")}
    assert {(row.related_document, row.text) for row in found if row.kind == "credit note"} == {(invoice.number, "Too much")}
    assert {(row.vat_id, row.country) for row in found if row.document == untaxed.number} == {("ATU12345675", "AT")}
    assert [row.related_document for row in found if row.kind == "payment"] == [invoice.number]
    assert [row.date for row in found] == sorted(row.date for row in found)


def test_a_payment_that_was_taken_back_comes_again_with_the_other_sign(personas: Personas) -> None:
    payment = paid(personas.msp, personas.direct_customer, "60")
    payments.reverse_payment(payment_id=payment.pk, reason="Charged back", by=None, at=AT)

    found = list(rows(personas.msp, NOVEMBER))

    assert [(row.kind, row.gross, row.text) for row in found] == [
        ("payment", -60, "Bank transfer"),
        ("payment taken back", 60, "Charged back"),
    ]


def test_only_documents_of_the_seller_and_the_days_are_exported(personas: Personas) -> None:
    subscription = subscribe(personas.resellers_customer)
    wholesale, retail = invoiced(subscription), invoiced(subscription, seller=personas.reseller)
    paid(personas.reseller, personas.resellers_customer, "5")

    assert {row.document for row in rows(personas.msp, NOVEMBER)} == {wholesale.number}
    assert {row.kind for row in rows(personas.reseller, NOVEMBER)} == {"invoice", "payment"}
    assert {row.document for row in rows(personas.reseller, Period(date(2026, 11, 2), date(2026, 11, 3)))} == {retail.number}
    assert list(rows(personas.msp, Period(date(2026, 11, 3), date(2026, 12, 1)))) == []


def test_older_lines_are_posted_to_the_group_of_their_plan(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    ProductGroup.objects.update(ledger_code="8400")
    draft = drafted(subscription, Billed("100", "1"))
    draft.lines.update(product_group=None)
    issue_invoice(invoice_id=draft.pk, on=NOVEMBER.start, by=None)

    revenue, _ = rows(personas.msp, NOVEMBER)

    assert (revenue.ledger_code, revenue.product_group) == ("8400", subscription.plan.product_group.name)


def test_what_has_no_account_is_named_and_exported_all_the_same(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    invoiced(subscription, Billed("100", "1", (VAT, LEVY)))
    group, vat = subscription.plan.product_group, Tax.objects.get(name="VAT 19 %")

    assert missing_codes(personas.msp, NOVEMBER) == [
        MissingCode("productgroup", group.pk, group.name),
        MissingCode("tax", None, "Levy 2.5 %"),
        MissingCode("tax", vat.pk, "VAT 19 %"),
    ]
    ProductGroup.objects.update(ledger_code="8400")
    Tax.objects.update(ledger_code="1776")
    assert missing_codes(personas.msp, NOVEMBER) == [MissingCode("tax", None, "Levy 2.5 %")]
    assert len(list(rows(personas.msp, NOVEMBER))) == 3


@pytest.mark.parametrize(
    ("form", "delimiter", "amount"),
    [(Format.COMMA, ",", "1234.50"), (Format.SEMICOLON, ";", "1234,50")],
    ids=["comma", "semicolon"],
)
def test_both_formats_say_the_same_and_run_nothing(personas: Personas, form: Format, delimiter: str, amount: str) -> None:
    customer = factories.OrganizationFactory(name='=HYPERLINK(1);\n"x",y')
    invoiced(customer, Billed("1", "1234.5"))

    lines = list(export(personas.msp, NOVEMBER, form=form))

    revenue, tax = parsed(lines, delimiter)
    assert (revenue["net"], revenue["debtor"], revenue["date"]) == (amount, '\'=HYPERLINK(1); "x",y', "2026-11-02")
    assert (tax["tax_name"], tax["tax_percent"]) == ("VAT 19 %", "19")
    assert lines[0].startswith("\ufeff") is (form is Format.SEMICOLON)


def test_amounts_have_the_decimals_of_their_currency(personas: Personas) -> None:
    for currency in ("JPY", "KWD"):
        invoiced(factories.OrganizationFactory(currency=currency), Billed("1", "1000"), currency=currency)

    found = parsed(list(export(personas.msp, NOVEMBER, form=Format.COMMA)))

    assert {(row["currency"], row["gross"]) for row in found} == {
        ("JPY", "1000"),
        ("JPY", "190"),
        ("KWD", "1000.000"),
        ("KWD", "190.000"),
    }


def test_many_documents_are_read_in_pieces(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounting_export, "CHUNK", 2)
    subscription = subscribe(personas.direct_customer)
    numbers = [invoiced(subscription).number for _ in range(5)]

    found = list(rows(personas.msp, NOVEMBER))

    assert [row.document for row in found] == [number for number in numbers for _ in ("revenue", "tax")]


# --- The command -------------------------------------------------------------------------------------------------------------


def test_the_command_writes_the_file_and_names_what_has_no_account(personas: Personas, tmp_path: Path) -> None:
    invoice = invoiced(personas.direct_customer)
    said, warned, file = StringIO(), StringIO(), tmp_path / "november.csv"

    call_command("export_accounting", "--period", "2026-11", stdout=said, stderr=warned)
    call_command(
        "export_accounting",
        "--from",
        "2026-11-02",
        "--to",
        "2026-11-02",
        "--format",
        "semicolon",
        "--out",
        str(file),
        stderr=warned,
    )

    assert [row["document"] for row in parsed([said.getvalue()])] == [invoice.number, invoice.number]
    assert parsed([file.read_text(encoding="utf-8")], ";")[0]["gross"] == "100,00"
    assert "The tax VAT 19 % has no account yet" in warned.getvalue()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--period", "2026-13"],
        ["--period", "2026-11", "--from", "2026-11-01", "--to", "2026-11-02"],
        ["--from", "2026-11-02"],
        ["--from", "2026-11-02", "--to", "2026-11-01"],
        ["--period", "2026-11", "--seller", "R0"],
    ],
    ids=["nothing", "no month", "both", "no end", "backwards", "no seller"],
)
def test_the_command_refuses_what_it_does_not_understand(personas: Personas, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("export_accounting", *arguments)
