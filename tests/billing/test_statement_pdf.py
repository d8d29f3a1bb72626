"""The statement of account as PDF: every movement between two balances, in the buyer's language and formats."""

from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest
from django.urls import reverse
from pypdf import PdfReader

from billing.documents.statement import statement_pdf
from billing.queries.statements import AccountStatement, Kind, Movement, account_statement, run
from tests.billing.paying import credited, issued, pay
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)


def pages(pdf: bytes) -> list[str]:
    return [" ".join(page.extract_text().split()) for page in PdfReader(BytesIO(pdf)).pages]


@pytest.fixture
def statement(personas: Personas) -> AccountStatement:
    """Dora's November: 1,190 invoiced, 119 credited, 1,200 paid; 129 is in her favour."""
    invoice = issued(personas.msp, personas.direct_customer, "1190", number="INV-2026-00901")
    credited(invoice, "119")
    pay(personas.msp, personas.direct_customer, "1200", reference="thanks")
    return account_statement(personas.msp, personas.direct_customer, "EUR", first=FIRST, last=LAST)


def test_every_movement_stands_between_the_two_balances(statement: AccountStatement) -> None:
    (page,) = pages(statement_pdf(statement))

    for expected in (
        "Statement of account",
        statement.buyer.number,
        statement.seller.name,
        "1–30 Nov 2026",
        "Opening balance 0.00",
        "Invoice INV-2026-00901",
        "For invoice INV-2026-00901",
        "Credit note",
        "Bank transfer: thanks",
        "1,190.00",
        "119.00",
        "1,200.00",
        "Closing balance, in your favour -129.00",
        "Page 1 of 1",
    ):
        assert expected in page, expected


def test_it_is_written_as_the_buyer_reads(statement: AccountStatement) -> None:
    statement.buyer.language, statement.buyer.country = "de", "DE"

    (page,) = pages(statement_pdf(statement))

    assert "Kontoauszug" in page
    assert "Überweisung: thanks" in page
    assert "Endsaldo zu Ihren Gunsten -129,00" in page
    assert "1.190,00" in page


def test_every_kind_of_movement_has_its_words_and_many_go_on_on_more_sheets(personas: Personas) -> None:
    told = {Kind.INVOICE: {"due_on": LAST}, Kind.CREDIT_NOTE: {"about": "INV-1"}}
    movements = [
        Movement(FIRST, kind, "", Decimal(10), document=f"N-{number}", id=number, **told.get(kind, {"method": "cash"}))  # type: ignore[arg-type]
        for number in range(30)
        for kind in Kind
    ]
    statement = AccountStatement(personas.msp, personas.direct_customer, "EUR", FIRST, LAST, run(movements, FIRST, LAST))

    found = pages(statement_pdf(statement))

    assert len(found) > 2
    assert all("Balance" in page and "Movement" in page for page in found)
    assert sum(page.count("Payment taken back N-") for page in found) == 30
    assert "Closing balance 1,200.00" in found[-1]
    assert statement_pdf(statement) == statement_pdf(statement)


def test_without_movements_it_says_so(personas: Personas) -> None:
    nothing = account_statement(personas.msp, personas.direct_customer, "EUR", first=FIRST, last=LAST)

    (page,) = pages(statement_pdf(nothing))

    assert "No movements" in page


@pytest.mark.parametrize(("who", "name"), [("dora", "billing:statement"), ("bert", "admin:billing_account_statement")], ids=str)
def test_the_page_leads_to_the_pdf_of_what_it_shows(statement: AccountStatement, personas: Personas, who: str, name: str) -> None:
    address = reverse(name, args=[personas.direct_customer.number] if who == "bert" else [])
    asked = {"first": "2026-11-01", "last": "2026-11-30"}
    client = personas.client(who)

    page, file = client.get(address, asked), client.get(address, {**asked, "export": "pdf"})

    assert "export=pdf" in page.text
    assert file["Content-Disposition"] == f'attachment; filename="statement-M1-{personas.direct_customer.number}.pdf"'
    assert "Closing balance, in your favour -129.00" in pages(file.content)[0]
