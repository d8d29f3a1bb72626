"""Credit notes, held drafts and the accounting export in the back office."""

import csv
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from billing.models import BillingRun, CreditNote, Invoice
from billing.operations import hold_rules, payments
from billing.operations.credit_notes import issue_credit_note
from catalog.models import ProductGroup, Tax
from common import clock
from config.roles import ensure_roles
from tests import factories
from tests.billing.invoicing import Billed, drafted, invoiced
from tests.billing.making import NOVEMBER_1, OCTOBER, subscribe
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
INVOICES = "admin:billing_invoice_changelist"
ACCOUNTING = "admin:billing_invoice_accounting"


@pytest.fixture(autouse=True)
def november(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: AT)


@pytest.fixture
def invoice(personas: Personas) -> Invoice:
    """100 GiB at 1.00 EUR to dora's organization: 119.00 EUR gross."""
    return invoiced(personas.direct_customer)


def give(invoice: Invoice, amount: str | None = None) -> CreditNote:
    lines = None if amount is None else {invoice.lines.get().pk: Decimal(amount)}
    return issue_credit_note(invoice_id=invoice.pk, lines=lines, reason="Too much", bills_again=True, on=AT.date(), by=None, at=AT)


def listed(personas: Personas, url_name: str, **query: str) -> list[object]:
    return list(personas.client("bert").get(reverse(url_name), query).context["cl"].result_list)


# --- Credit notes ------------------------------------------------------------


def test_a_billing_manager_credits_from_the_invoice_after_a_preview(personas: Personas, invoice: Invoice) -> None:
    client, url = personas.client("bert"), reverse("admin:billing_creditnote_of", args=[invoice.pk])
    asked = {"scope": "lines", f"units_{invoice.lines.get().pk}": "25", "reason": "Too much", "bills_again": "again"}

    offered = client.get(reverse("admin:billing_invoice_change", args=[invoice.pk])).text
    form = client.get(url).text
    preview = client.post(url, {**asked, "step": "preview"})
    shown = preview.context
    sent = {**dict(shown["form"].sent()), "key": str(shown["key"]), "agreed": shown["agreed"], "step": "confirm"}
    pages = [client.post(url, sent, follow=True).text for _ in range(2)]

    assert url in offered
    assert "All that is left: 119.00 EUR including tax" in form
    for words in ("25 GiB", "VAT 19 % on 25.00 EUR", "29.75 EUR", "89.25 EUR of 119.00 EUR"):
        assert words in preview.text
    credit_note = CreditNote.objects.get()
    assert (credit_note.gross, credit_note.created_by) == (Decimal("29.75"), personas.bert)
    for page in pages:
        assert f"Credit note {credit_note.number} is issued: 29.75 EUR to Dora Design." in page


def test_over_crediting_is_said_beside_the_line(personas: Personas, invoice: Invoice) -> None:
    line = invoice.lines.get().pk
    asked = {"scope": "lines", f"amount_{line}": "100.01", "reason": "Too much", "bills_again": "never", "step": "preview"}

    page = personas.client("bert").post(reverse("admin:billing_creditnote_of", args=[invoice.pk]), asked)

    assert "100.00 EUR is left to credit, not 100.01 EUR" in page.context["form"].errors[f"amount_{line}"][0]
    assert not CreditNote.objects.exists()


def test_credit_notes_are_found_filtered_shown_and_exported(personas: Personas, invoice: Invoice) -> None:
    credit_note = give(invoice, "10")
    client, name = personas.client("bert"), "admin:billing_creditnote_changelist"

    for query in (
        {"q": credit_note.number},
        {"q": str(invoice.number)},
        {"q": "Dora"},
        {"month": "2026-11"},
        {"seller": "M1"},
        {"bills_again__exact": "1"},
    ):
        assert listed(personas, name, **query) == [credit_note], query
    for query in ({"q": "CN-1999"}, {"month": "2026-10"}, {"seller": personas.reseller.number}):
        assert listed(personas, name, **query) == [], query
    page = client.get(reverse("admin:billing_creditnote_change", args=[credit_note.pk])).text
    for words in ("Too much", str(invoice.number), "10 GiB", "11.90 EUR", "a billing run bills these lines anew"):
        assert words in page
    assert client.get(reverse("admin:billing_creditnote_pdf", args=[credit_note.pk])).content.startswith(b"%PDF")
    sent = client.get(reverse("admin:billing_creditnote_export"), {"q": "Dora"})
    (row,) = csv.DictReader(StringIO("".join(part.decode() for part in sent)))
    assert (row["number"], row["buyer"], row["gross"], row["billed_again"]) == (credit_note.number, "Dora Design", "11.90", "yes")


def test_a_draft_and_an_invoice_that_is_not_there_are_not_credited(personas: Personas) -> None:
    draft = drafted(subscribe(personas.direct_customer), Billed("1", "1"))
    client = personas.client("bert")

    for pk in (draft.pk, 987654):
        assert client.get(reverse("admin:billing_creditnote_of", args=[pk])).status_code == 404


def test_who_may_only_look_gives_none(personas: Personas, invoice: Invoice) -> None:
    credit_note = give(invoice, "10")
    permissions = personas.bert.groups.get().permissions
    permissions.remove(*permissions.filter(codename="add_creditnote"))
    url = reverse("admin:billing_creditnote_of", args=[invoice.pk])

    assert personas.client("bert").get(url).status_code == 403
    assert personas.client("bert").post(url, {"step": "confirm"}).status_code == 403
    assert url not in personas.client("bert").get(reverse("admin:billing_invoice_change", args=[invoice.pk])).text
    for person, status in (("mira", 403), ("dora", 404), ("nobody", 200)):
        for name, args in (("of", [invoice.pk]), ("change", [credit_note.pk]), ("pdf", [credit_note.pk]), ("export", [])):
            answer = personas.client(person).get(reverse(f"admin:billing_creditnote_{name}", args=args), follow=True)
            assert answer.status_code == status, (person, name)
            assert credit_note.number not in answer.text


# --- Invoices by what was paid and credited ------------------------------------------------------------


def test_invoices_are_filtered_by_what_was_paid_and_credited(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    unpaid, overdue, paid, credited, part = (invoiced(subscription, Billed(str(n), "1")) for n in range(1, 6))
    draft = drafted(subscription, Billed("1", "1"))
    draft.held_for = "By hand: look"
    draft.save()
    payments.record_payment(
        seller=personas.msp,
        buyer=personas.direct_customer,
        currency="EUR",
        amount=paid.gross,
        received_on=AT.date(),
        method="cash",
        reference="",
        note="",
        by=None,
        at=AT,
        invoices=[paid.pk],
    )
    give(credited)
    give(part, "1")

    def found(state: str) -> set[object]:
        return set(listed(personas, INVOICES, **{"is": state}))

    assert found("open") == {unpaid, overdue, part}
    assert found("overdue") == {unpaid, overdue, part}
    assert found("paid") == {paid}
    assert found("credited") == {credited, part}
    assert found("held") == {draft}
    page = personas.client("bert").get(reverse("admin:billing_invoice_change", args=[part.pk])).text
    for words in ("4.76 EUR</strong> of 5.95 EUR", "1.19 EUR credited", "INV-CN-2026-00002", "overdue"):
        assert words in page


def test_the_page_of_an_invoice_shows_the_payments_that_pay_it(personas: Personas, invoice: Invoice) -> None:
    payments.record_payment(
        seller=personas.msp,
        buyer=personas.direct_customer,
        currency="EUR",
        amount=Decimal(100),
        received_on=AT.date(),
        method="bank_transfer",
        reference="Thank you",
        note="",
        by=None,
        at=AT,
    )

    page = personas.client("bert").get(reverse("admin:billing_invoice_change", args=[invoice.pk])).text

    for words in ("Thank you", "Bank transfer", "100.00 EUR paid", "19.00 EUR</strong> of 119.00 EUR"):
        assert words in page


# --- Held drafts ------------------------------------------------------------


@pytest.fixture
def draft(personas: Personas) -> Invoice:
    """A draft of a run."""
    run = BillingRun.objects.create(
        seller=personas.msp, period_start=OCTOBER.start, period_end=OCTOBER.end, status="finished", started_at=NOVEMBER_1
    )
    found = drafted(subscribe(personas.direct_customer), Billed("100", "1"))
    found.run = run
    found.save()
    return found


def test_a_draft_is_held_with_a_reason_and_released(personas: Personas, draft: Invoice) -> None:
    client = personas.client("bert")
    hold, release, page, issue = (
        reverse(f"admin:billing_invoice_{name}", args=[draft.pk]) for name in ("hold", "release", "change", "issue")
    )

    nameless = client.post(hold, {"reason": ""})
    client.post(hold, {"reason": "Ask Dora first"})
    held = client.get(page).text
    asked = client.get(release).text
    client.post(issue)
    draft.refresh_from_db()
    state_while_held = draft.status
    client.post(release)
    released = client.get(page).text

    assert "Say why" in nameless.text
    assert "Ask Dora first" in held
    assert issue not in held
    assert "Ask Dora first" in asked
    assert state_while_held == "draft"
    assert "Held:" in held
    assert "Held:" not in released
    assert issue in released
    draft.refresh_from_db()
    assert draft.held_for == ""


def test_who_may_not_issue_neither_holds_nor_releases(personas: Personas, draft: Invoice) -> None:
    hold_rules.hold_draft(invoice_id=draft.pk, reason="Look", by=personas.bert)
    permissions = personas.bert.groups.get().permissions
    permissions.remove(*permissions.filter(codename="issue_invoice"))
    client = personas.client("bert")

    assert client.post(reverse("admin:billing_invoice_hold", args=[draft.pk]), {"reason": "x"}).status_code == 403
    assert client.post(reverse("admin:billing_invoice_release", args=[draft.pk])).status_code == 403
    draft.refresh_from_db()
    assert draft.held_for == "By hand: Look"


# --- Accounting ------------------------------------------------------------


def test_the_export_names_missing_accounts_and_sends_the_file_all_the_same(personas: Personas, invoice: Invoice) -> None:
    client, url = personas.client("root"), reverse(ACCOUNTING)
    asked = {"seller": str(personas.msp.pk), "month": "2026-11", "file_format": "comma"}

    empty = client.get(url).text
    checked = client.get(url, asked).text
    sent = client.get(url, {**asked, "download": "1"})
    ProductGroup.objects.update(ledger_code="8400")
    Tax.objects.update(ledger_code="1776")
    mended = client.get(url, asked).text

    assert "Accounting export" in empty
    assert "2 accounts missing." in checked
    assert reverse("admin:catalog_tax_change", args=[Tax.objects.get().pk]) in checked
    assert reverse("admin:catalog_productgroup_change", args=[ProductGroup.objects.get().pk]) in checked
    assert sent["Content-Disposition"] == 'attachment; filename="accounting-M1-2026-11-01-2026-11-30.csv"'
    revenue, tax = csv.DictReader(StringIO("".join(part.decode() for part in sent)))
    assert (revenue["document"], revenue["gross"], tax["gross"]) == (invoice.number, "100.00", "19.00")
    assert "has its account" in mended


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"seller": "0"}, "seller"),
        ({"month": ""}, "month"),
        ({"month": "1999-01"}, "month"),
        ({"first": "2026-11-02"}, "last"),
        ({"first": "2026-11-02", "last": "2026-11-01"}, "last"),
        ({"file_format": "pdf"}, "file_format"),
    ],
    ids=["seller", "no month", "old month", "no end", "backwards", "format"],
)
def test_what_is_wrong_with_the_export_is_said_beside_its_field(personas: Personas, changes: dict[str, str], field: str) -> None:
    asked = {"seller": str(personas.msp.pk), "month": "2026-11", "file_format": "comma", "download": "1", **changes}

    page = personas.client("bert").get(reverse(ACCOUNTING), asked)

    assert field in page.context["form"].errors


@pytest.mark.parametrize(
    ("role", "status"), [("Billing managers", 200), ("Account managers", 403), ("Product managers", 403)], ids=str
)
def test_of_the_roles_only_billing_managers_export(client: Client, personas: Personas, role: str, status: int) -> None:
    ensure_roles()
    person = factories.UserFactory(is_staff=True)
    person.groups.add(Group.objects.get(name=role))
    client.force_login(person)

    page, tools = client.get(reverse(ACCOUNTING)), client.get(reverse(INVOICES))

    assert page.status_code == status
    assert (reverse(ACCOUNTING) in tools.content.decode()) is (status == 200)


def test_who_may_not_see_payments_does_not_export(personas: Personas) -> None:
    permissions = personas.bert.groups.get().permissions
    permissions.remove(*permissions.filter(codename="view_payment"))

    assert [personas.client(who).get(reverse(ACCOUNTING)).status_code for who in ("bert", "mira", "dora")] == [403, 403, 302]
