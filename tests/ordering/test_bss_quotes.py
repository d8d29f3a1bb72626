"""Quotes: the document in the buyer's language, as an invoice would tax it; the mail that brings it; and its pages."""

import io
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import ProgrammingError, transaction
from django.urls import reverse
from post_office.models import Email
from pypdf import PdfReader

from accounts.models import Organization
from catalog.models import PlanPrice
from common import clock
from common.errors import FieldRefused
from ordering.models import Order, Quote
from ordering.operations import drafts, quotes
from ordering.operations.drafts import Wanted
from ordering.operations.quotes import NothingToQuote
from ordering.operations.selling import OtherPrice
from ordering.quote_document import quote_pdf
from tests import factories
from tests.ordering.conftest import AT

pytestmark = pytest.mark.usefixtures("no_worker")


@pytest.fixture
def plan(shop):
    return shop.fixed_plan(name="Backup 50 GB")


def draft(shop, plan, /, *, consumer=None, **facts):
    consumer = consumer or shop.personas.direct_customer
    return drafts.save_draft(key=uuid4(), consumer=consumer, wanted=Wanted(plan, **facts), by=shop.personas.mira, at=AT)


def send(shop, order, **facts):
    facts = {"sent_to": "dora@example.com", "valid_days": 30, "message": "", "after": "", "at": AT, **facts}
    return quotes.send_quote(order_id=order.pk, by=shop.personas.mira, **facts)


def text_of(pdf):
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def page_of(order, what="change"):
    return reverse(f"admin:ordering_order_{what}", args=[order.pk])


def test_a_quote_says_all_a_buyer_needs_to_decide(shop, plan):
    order = draft(shop, plan, quantity=3, term_months=12, purchase_order="PO 77")

    text = text_of(quote_pdf(send(shop, order).facts))

    for words in (
        "Quote",
        "Q10001",
        "1 Oct 2026",
        "31 Oct 2026",  # thirty days on
        order.number,
        "PO 77",
        "Northwind Cloud GmbH",
        "DE129273398",
        "Dora Design",
        "12 months",
        "3 units",
        "200.00",
        "600.00",
        "setup fee",
        "30.00",
        "630.00 EUR",
        "VAT 19 % on 630.00 EUR",
        "119.70 EUR",
        "749.70 EUR",
        "150 GB, and up to 30 GB above it",
        "0.10 EUR per GB and month",
        "until 31 Oct 2026, quoting Q10001",
        str(shop.terms),
    ):
        assert words in text, words


def test_it_is_in_the_buyers_language_and_formats(shop, plan):
    customer = shop.personas.direct_customer
    Organization.objects.filter(pk=customer.pk).update(language="de", country="DE")
    PlanPrice.objects.filter(plan=plan, term_months=12).update(price=Decimal("1234.50"))

    text = text_of(quote_pdf(send(shop, draft(shop, plan, term_months=12)).facts))

    for words in ("Angebot", "Gültig bis", "31.10.2026", "12 Monate", "1.234,50", "Einrichtungsgebühr", "Nutzungsbedingungen"):
        assert words in text, words


@pytest.mark.parametrize(
    ("country", "tax_id", "gross", "words"),
    [
        ("DE", "", "35.70", "VAT 19 %"),
        ("AT", "ATU13585627", "30.00", "Reverse charge"),
        ("CH", "", "30.00", "Not subject to VAT in the EU"),
    ],
    ids=["at home", "in the EU", "outside"],
)
def test_it_is_taxed_as_an_invoice_would_be(shop, plan, country, tax_id, gross, words):
    Organization.objects.filter(pk=shop.personas.direct_customer.pk).update(country=country, tax_id=tax_id)

    quote = send(shop, draft(shop, plan))

    assert Decimal(quote.facts["gross"]) == Decimal(gross)
    assert words in text_of(quote_pdf(quote.facts))


def test_a_reseller_is_quoted_what_it_pays_and_nothing_of_what_its_customer_does(shop, plan):
    factories.PartnerTermsFactory(reseller=shop.personas.reseller, plan=plan)
    factories.PartnerPriceFactory(reseller=shop.personas.reseller, plan=plan)
    other = OtherPrice(Decimal("15.00"), None, "Won against a competitor")

    text = text_of(quote_pdf(send(shop, draft(shop, plan, consumer=shop.personas.resellers_customer, other_price=other)).facts))

    assert "Alster IT" in text
    assert "Café Carol · Backup 50 GB" in text
    assert "15.00" in text
    assert "19.50" not in text
    assert "competitor" not in text


def test_a_sent_quote_stays_as_it_was_sent(shop, plan):
    quote = send(shop, draft(shop, plan))
    before = quote_pdf(quote.facts)
    PlanPrice.objects.filter(plan=plan).update(price=99)
    Organization.objects.filter(pk=quote.order.buyer_id).update(name="Another Name")

    assert quote_pdf(Quote.objects.get().facts) == before
    with pytest.raises(ProgrammingError, match="Cannot update"), transaction.atomic():
        Quote.objects.update(sent_to="else@example.com")


def test_the_mail_brings_the_document_and_the_message(shop, plan, mailoutbox):
    send(shop, draft(shop, plan), message="Dear Dora, as agreed {% now 'Y' %}")

    row = Email.objects.get()
    assert (row.to, row.subject) == (["dora@example.com"], "Quote Q10001 from Northwind Cloud GmbH")
    row.dispatch()

    (mail,) = mailoutbox
    ((name, content, kind),) = mail.attachments
    assert (name, kind) == ("Q10001.pdf", "application/pdf")
    assert "35.70 EUR" in text_of(content)
    assert "as agreed {% now 'Y' %}" in mail.body
    assert "valid until 31 Oct 2026" in mail.body


def test_the_same_form_sent_twice_is_one_quote_and_one_mail_and_a_later_one_another(shop, plan):
    order = draft(shop, plan)

    first = send(shop, order)
    again = send(shop, order)
    later = send(shop, order, after=first.number)

    assert (again, later.number) == (first, "Q10002")
    assert Email.objects.count() == 2


def test_metered_plans_and_placed_orders_have_nothing_to_quote(shop, plan):
    metered = draft(shop, shop.plan, protection_model="per_gigabyte", file_sync_model="per_user")
    with pytest.raises(NothingToQuote, match="billed by use"):
        send(shop, metered)

    placed = draft(shop, plan)
    seen = drafts.outlook(placed, at=AT).seen
    drafts.place_draft(order_id=placed.pk, seen=seen, by=shop.personas.mira, at=AT)
    with pytest.raises(NothingToQuote, match="not a draft"):
        send(shop, placed)


@pytest.mark.parametrize(
    ("facts", "field"), [({"sent_to": "nobody"}, "sent_to"), ({"valid_days": 0}, "valid_days"), ({"valid_days": 366}, "valid_days")]
)
def test_a_quote_to_nowhere_or_for_no_time_is_refused(shop, plan, facts, field):
    with pytest.raises(FieldRefused) as refused:
        send(shop, draft(shop, plan), **facts)

    assert refused.value.field == field
    assert not Quote.objects.exists()


# --- Pages --------------------------------------------------------------------------------------------------------------------


def test_a_quote_is_looked_at_sent_and_opened_again_from_the_draft(shop, plan, monkeypatch):
    order = draft(shop, plan)
    mira = shop.personas.client("mira")

    form = mira.get(page_of(order, "quote"))
    assert form.context["form"]["sent_to"].value() == order.buyer.billing_email
    assert form.context["form"]["valid_days"].value() == 30
    preview = mira.post(page_of(order, "quote_preview"), {"valid_days": "10"})
    assert "DRAFT" in text_of(preview.content)
    assert "11 Oct 2026" in text_of(preview.content)
    assert not Quote.objects.exists()

    sent = {"sent_to": "boss@example.com", "valid_days": "10", "message": "", "after": ""}
    page = mira.post(page_of(order, "quote"), sent, follow=True).text
    quote = Quote.objects.get()
    assert "Q10001" in page
    assert "boss@example.com" in page
    pdf = mira.get(reverse("admin:ordering_order_quote_pdf", args=[order.pk, quote.pk]))
    assert pdf["Content-Type"] == "application/pdf"
    assert "Q10001" in text_of(pdf.content)

    monkeypatch.setattr(clock, "now", lambda: AT + timedelta(days=11))
    assert "past" in mira.get(page_of(order)).text


def test_what_is_wrong_with_a_quote_is_said_beside_its_field(shop, plan):
    order = draft(shop, plan)

    page = shop.personas.client("mira").post(page_of(order, "quote"), {"sent_to": "x", "valid_days": "900", "message": "kept"})

    assert set(page.context["form"].errors) == {"sent_to", "valid_days"}
    assert "kept" in page.text


def test_a_quote_is_opened_only_under_its_own_order(shop, plan):
    quote = send(shop, draft(shop, plan))
    other = draft(shop, plan)

    url = reverse("admin:ordering_order_quote_pdf", args=[other.pk, quote.pk])

    assert shop.personas.client("root").get(url).status_code == 404
    assert Order.objects.count() == 2


def test_metered_drafts_are_not_offered_to_be_quoted(shop):
    order = draft(shop, shop.plan, protection_model="per_gigabyte", file_sync_model="per_user")
    mira = shop.personas.client("mira")

    assert "Send quote" not in mira.get(page_of(order)).text
    assert "billed by use" in mira.get(page_of(order, "quote"), follow=True).text
    assert "billed by use" in mira.post(page_of(order, "quote_preview"), {"valid_days": "3"}, follow=True).text
