"""
What was billed on two levels is told to each end of the sale alone: on pages, in files, documents and to programs.

The MSP sells to Alice at 20 % off, Alice to Carol at 50 % on top; the vendor takes half the list price. Each has amounts of its own
that occur nowhere else, so what an answer tells is told by the amounts in it.
"""

import io
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client
from pypdf import PdfReader

from accounts.models import Organization
from billing.models import Invoice, Subscription
from billing.operations.credit_notes import issue_credit_note
from billing.operations.invoices import issue_invoice
from billing.operations.runs import run_billing
from common.periods import Period
from tests.billing.making import GIB, NOVEMBER_1, OCTOBER, STORAGE, rate_card, subscribe, use
from tests.billing.programs import Programs
from tests.conftest import Personas

LIST, WHOLESALE, RETAIL, COST = "list price", "wholesale", "retail", "cost"
# Of each: one GiB, and the 100 GiB that were used.
AMOUNTS = {LIST: ("7.09", "709.00"), WHOLESALE: ("5.672", "567.20"), RETAIL: ("8.508", "850.80"), COST: ("3.545", "354.50")}
AUDIENCE_OF = {Decimal(amount): audience for audience, amounts in AMOUNTS.items() for amount in amounts}
NOVEMBER = Period(date(2026, 11, 1), date(2026, 12, 1))


@pytest.fixture(autouse=True)
def _in_november() -> Iterator[None]:
    with time_machine.travel("2026-11-03T09:00:00Z", tick=False):
        yield


@pytest.fixture
def sold(personas: Personas) -> Subscription:
    """Carol's service, billed for October by both sellers and used in November; each invoice is credited, too."""
    terms = {"partner_discount_percent": 20, "retail_markup_percent": 50}
    subscription = subscribe(personas.resellers_customer, **terms)
    rate_card(subscription.plan.product_group, {STORAGE: ("7.09", "GiB", "last")})
    use(subscription, 100 * GIB)
    for seller in (personas.msp, personas.reseller):
        run_billing(seller_id=seller.pk, period=OCTOBER, at=NOVEMBER_1, allows_unknown_cost=True)
        draft = Invoice.objects.get(seller=seller)
        issue_invoice(invoice_id=draft.pk, on=date(2026, 11, 2), by=None)
    use(subscription, 100 * GIB, days=[date(2026, 11, 1), date(2026, 11, 2)])
    return subscription


def expected(*readers: str) -> dict[str, set[str]]:
    """Return what each reader may be told; who is no end of the sale, nothing."""
    told = {"carol": {RETAIL}, "alice": {LIST, WHOLESALE, RETAIL}}
    return {who: told.get(who, set()) for who in readers}


def by(seller: Organization) -> Invoice:
    return Invoice.objects.get(seller=seller)


def seen(answer: Any) -> set[str]:
    """Return whose amounts stand in an answer; of one that is refused, nothing may."""
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    if answer.get("Content-Type") == "application/pdf":
        text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)
        files = PdfReader(io.BytesIO(content)).attachments.values()
        text += " ".join(one.decode() for several in files for one in several)
    else:
        text = content.decode()
    amounts = {Decimal(number.replace(",", "")) for number in re.findall(r"\d[\d,]*\.\d+", text)}
    found = {AUDIENCE_OF[amount] for amount in amounts & AUDIENCE_OF.keys()}
    assert answer.status_code == 200 or not found
    return found


def everything(client: Client, subscription: Subscription, invoices: list[Invoice], base: str = "") -> set[str]:
    """Return whose amounts a reader comes to see who asks for all there is."""
    paths = [
        "usage/",
        "usage/summary/",
        "usage/report/",
        "margins/",
        "margins/?export=csv",
        "payments/",
        "statement/",
        "open-items/",
    ]
    paths += ["invoices/", "invoices/?sold=1", "invoices/?export=csv", "invoices/?sold=1&export=csv", "statement/?export=csv"]
    paths += ["invoices/to-issue/?month=2026-10", "open-items/?export=csv", f"usage/{subscription.number}/", "credit-notes/"]
    paths += [f"usage/{subscription.number}/panel/", f"services/{subscription.number}/", "credit-notes/?export=csv&sold=1"]
    for invoice in invoices:
        paths += [f"invoices/{invoice.number}/{part}" for part in ("", "pdf/", "lines/1/", "credit/")]
        paths += [f"credit-notes/{note.number}/{part}" for note in invoice.credit_notes.all() for part in ("", "pdf/")]
    htmx = {"HX-Request": "true"}
    return {who for path in paths for headers in ({}, htmx) for who in seen(client.get(f"/{path}", headers=headers))}


@pytest.fixture
def invoices(sold: Subscription, personas: Personas) -> list[Invoice]:
    found = [by(personas.msp), by(personas.reseller)]
    for invoice in found:
        line = invoice.lines.get()
        issue_credit_note(
            invoice_id=invoice.pk,
            lines={line.pk: Decimal(1)},
            reason="Goodwill",
            bills_again=False,
            on=date(2026, 11, 3),
            by=None,
            at=NOVEMBER_1,
        )
    return found


def test_pages_files_and_documents_tell_each_end_its_own(personas: Personas, sold: Subscription, invoices: list[Invoice]) -> None:
    readers = ("carol", "alice", "dora", "bob", "stranger", "nobody")

    told = {who: everything(personas.client(who), sold, invoices) for who in readers}

    assert told == expected(*readers)


def test_programs_are_told_what_their_organization_is(personas: Personas, sold: Subscription, invoices: list[Invoice]) -> None:
    programs = Programs(personas)
    numbers = [invoice.number for invoice in invoices]
    notes = [note.number for invoice in invoices for note in invoice.credit_notes.all()]
    paths = ["usage?month=2026-11", "estimates", "payments", "statement", "credit-notes", "invoices", "invoices?role=sold"]
    paths += [f"invoices/{number}{part}" for number in numbers for part in ("", "/explain", "/pdf")]
    paths += [f"credit-notes/{number}{part}" for number in notes for part in ("", "/pdf")]

    def told(who: str) -> set[str]:
        return {audience for path in paths for audience in seen(programs.client(who).get(f"/api/v1/{path}"))}

    readers = ("carol", "alice", "dora", "bob", "cousin", "no scope", "revoked", "nobody")
    assert {who: told(who) for who in readers} == expected(*readers)


def test_only_staff_are_told_what_it_costs(personas: Personas, sold: Subscription, invoices: list[Invoice]) -> None:
    page = f"/bss/billing/invoice/{invoices[0].pk}/lines/1/"

    assert COST in seen(personas.client("bert").get(page))
    assert personas.client("mira").get(page).status_code == 403
    assert personas.client("alice").get(page).status_code == 302
