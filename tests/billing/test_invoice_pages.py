"""The pages of invoices: who sees which, and what an explanation tells whom."""

import csv
from datetime import date
from decimal import Decimal
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.urls import reverse

from accounts.models import Organization
from billing.models import Invoice, Payment, PaymentAllocation
from billing.operations.invoices import issue_invoice
from billing.operations.runs import run_billing
from tests import factories
from tests.billing.by_hand import credited, issued, line
from tests.billing.making import GIB, NOVEMBER_1, OCTOBER, SERVERS, STORAGE, STORAGE_RATE, rate_card, subscribe, use
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

HTMX = {"HTTP_HX_REQUEST": "true"}


def issue(seller: Organization, buyer: Organization) -> Invoice:
    draft = Invoice.objects.get(seller=seller, buyer=buyer)
    return issue_invoice(invoice_id=draft.pk, on=date(2026, 11, 2), by=None)


@pytest.fixture
def direct(personas: Personas) -> Invoice:
    """What the MSP invoiced to its direct customer."""
    subscription = subscribe(personas.direct_customer)
    rate_card(subscription.plan.product_group, {STORAGE: STORAGE_RATE, SERVERS: ("4.5", "unit", "max")})
    use(subscription, 100 * GIB)
    use(subscription, 3, item=SERVERS, unit="")
    run_billing(seller_id=personas.msp.pk, period=OCTOBER, at=NOVEMBER_1)
    return issue(personas.msp, personas.direct_customer)


@pytest.fixture
def two_levels(personas: Personas) -> tuple[Invoice, Invoice]:
    """What the MSP invoiced to the reseller, and the reseller to its customer: 100 GiB at 0.0561 and at 0.06732."""
    terms = {"partner_discount_percent": 15, "retail_markup_percent": 20}
    plan = factories.PlanFactory(product_group=factories.ProductGroupFactory(name="For partners"))
    subscription = subscribe(personas.resellers_customer, plan, **terms)
    rate_card(subscription.plan.product_group, {STORAGE: ("0.066", "GiB", "last")})
    use(subscription, 100 * GIB)
    for seller in (personas.msp, personas.reseller):
        run_billing(seller_id=seller.pk, period=OCTOBER, at=NOVEMBER_1)
    return issue(personas.msp, personas.reseller), issue(personas.reseller, personas.resellers_customer)


def urls(invoice: Invoice) -> list[str]:
    return [
        reverse("billing:invoice", args=[invoice.number]),
        reverse("billing:invoice_pdf", args=[invoice.number]),
        reverse("billing:explain", args=[invoice.number, 1]),
    ]


def test_a_buyer_opens_its_invoice_its_pdf_and_its_explanations(personas: Personas, direct: Invoice) -> None:
    for name in ("dora", "vic"):
        for url in urls(direct):
            assert personas.client(name).get(url).status_code == 200


@pytest.mark.parametrize("name", ["alice", "carol", "bob"])
def test_to_others_the_invoice_does_not_exist(personas: Personas, direct: Invoice, name: str) -> None:
    for url in urls(direct):
        assert personas.client(name).get(url).status_code == 404


def test_without_organization_or_sign_in_nobody_enters(personas: Personas, direct: Invoice) -> None:
    for url in [reverse("billing:invoices"), *urls(direct)]:
        assert personas.client("stranger").get(url).status_code == 403
        assert personas.client("nobody").get(url).status_code == 302


def test_a_resellers_customer_sees_its_own_invoice_and_not_the_wholesale_one(
    personas: Personas, two_levels: tuple[Invoice, Invoice]
) -> None:
    wholesale, retail = two_levels

    for url in urls(retail):
        assert personas.client("carol").get(url).status_code == 200
    for url in urls(wholesale):
        assert personas.client("carol").get(url).status_code == 404
        assert personas.client("bob").get(url).status_code == 404


def test_a_draft_is_not_shown_to_its_buyer(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    rate_card(subscription.plan.product_group)
    use(subscription, 100 * GIB)
    run_billing(seller_id=personas.msp.pk, period=OCTOBER, at=NOVEMBER_1)

    page = personas.client("dora").get(reverse("billing:invoices"))

    assert Invoice.objects.drafts().exists()
    assert "No invoices yet" in page.text


@pytest.mark.parametrize("odd", ["nothing", "%00", "1%0d%0a", "'--", "x" * 500])
def test_a_number_that_is_none_is_not_found(personas: Personas, odd: str) -> None:
    assert personas.client("dora").get(f"/invoices/{odd}/").status_code == 404


def test_a_line_that_is_none_is_not_found(personas: Personas, direct: Invoice) -> None:
    assert personas.client("dora").get(reverse("billing:explain", args=[direct.number, 3])).status_code == 404


def test_an_invoice_shows_lines_by_customer_and_totals_by_tax(personas: Personas, direct: Invoice) -> None:
    page = personas.client("dora").get(urls(direct)[0]).text

    for expected in (
        "Dora Design · ",
        "100 GiB",
        "0.07 EUR",
        "7.00 EUR",
        "3 units",
        "13.50 EUR",
        "VAT 19 % on 20.50 EUR",
        "24.40 EUR",
    ):
        assert expected in page


def test_an_explanation_is_a_page_without_script_and_a_fragment_with_it(personas: Personas, direct: Invoice) -> None:
    client, url = personas.client("dora"), reverse("billing:explain", args=[direct.number, 2])

    page, fragment = client.get(url).text, client.get(url, **HTMX).text

    assert "<html" in page
    assert "<html" not in fragment
    for told in (page, fragment):
        for expected in ("107,374,182,400 bytes ÷ 1,073,741,824 = 100 GiB", "<svg", "1 Oct 2026", "31 readings", "7.00 EUR"):
            assert expected in told


def test_cost_is_told_to_no_buyer(personas: Personas, direct: Invoice, two_levels: tuple[Invoice, Invoice]) -> None:
    wholesale, retail = two_levels

    for name, invoice in (("dora", direct), ("alice", wholesale), ("alice", retail), ("carol", retail)):
        for position in range(1, invoice.lines.count() + 1):
            page = personas.client(name).get(reverse("billing:explain", args=[invoice.number, position])).text
            assert "Cost" not in page
            assert "0.033 EUR" not in page


def test_a_reseller_reads_the_whole_chain_of_both_its_invoices(personas: Personas, two_levels: tuple[Invoice, Invoice]) -> None:
    wholesale, retail = (personas.client("alice").get(urls(invoice)[2]).text for invoice in two_levels)

    for expected in ("Price on the rate card", "0.066 EUR", "Less partner discount", "15 %", "0.0561 EUR"):
        assert expected in wholesale
        assert expected in retail
    assert "Plus markup" not in wholesale
    assert "Plus markup" in retail
    assert "0.06732 EUR" in retail


def test_a_resellers_customer_reads_only_its_own_price(personas: Personas, two_levels: tuple[Invoice, Invoice]) -> None:
    _, retail = two_levels

    for url in (urls(retail)[0], urls(retail)[2]):
        page = personas.client("carol").get(url).text
        assert "0.06732 EUR" in page
        for secret in ("0.0561", "0.066 EUR", "discount", "markup", "rate card", "Northwind"):
            assert secret not in page


def test_a_reseller_chooses_between_what_it_got_and_what_it_sent(personas: Personas, two_levels: tuple[Invoice, Invoice]) -> None:
    wholesale, retail = two_levels
    client = personas.client("alice")

    got = client.get(reverse("billing:invoices")).text
    sent = client.get(reverse("billing:invoices"), {"sold": "1"}).text

    assert (str(wholesale.number) in got, str(retail.number) in got) == (True, False)
    assert (str(wholesale.number) in sent, str(retail.number) in sent) == (False, True)
    assert "Café Carol" in sent


def test_a_customer_cannot_ask_for_what_was_sold(personas: Personas, direct: Invoice) -> None:
    page = personas.client("dora").get(reverse("billing:invoices"), {"sold": "1"}).text

    assert str(direct.number) in page


@pytest.mark.parametrize(
    ("asked", "is_found"),
    [
        ({"q": "2026-00001"}, True),
        ({"q": "99999"}, False),
        ({"month": "2026-10"}, True),
        ({"month": "2026-09"}, False),
        ({"page": "17"}, True),
        ({"page": "x"}, True),
    ],
)
def test_the_list_finds_by_number_and_month(personas: Personas, direct: Invoice, asked: dict[str, str], is_found: bool) -> None:
    page = personas.client("dora").get(reverse("billing:invoices"), asked).text

    assert (str(direct.number) in page) is is_found
    assert ("No invoice matches" in page) is not is_found


def test_a_month_that_is_none_is_refused_in_a_sentence(personas: Personas, direct: Invoice) -> None:
    page = personas.client("dora").get(reverse("billing:invoices"), {"month": "yesterday"}).text

    assert "“yesterday” is not a month" in page


def test_the_list_is_exported_with_plain_numbers_and_no_formulas(personas: Personas, direct: Invoice) -> None:
    personas.direct_customer.name = "=cmd()"
    personas.direct_customer.save()
    subscription = personas.direct_customer.subscriptions.get()
    use(subscription, 200 * GIB)
    run_billing(seller_id=personas.msp.pk, period=OCTOBER, at=NOVEMBER_1)
    issue_invoice(invoice_id=Invoice.objects.drafts().get().pk, on=date(2026, 11, 3), by=None)

    answer = personas.client("dora").get(reverse("billing:invoices"), {"export": "csv"})

    newest, oldest = csv.DictReader(StringIO(answer.text))
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert (oldest["number"], oldest["net"], oldest["tax"], oldest["gross"], oldest["currency"]) == (
        "INV-2026-00001",
        "20.50",
        "3.90",
        "24.40",
        "EUR",
    )
    assert (newest["buyer"], newest["net"]) == ("'=cmd()", "7.00")


def test_an_adjustment_names_what_was_billed_before(personas: Personas, direct: Invoice) -> None:
    use(personas.direct_customer.subscriptions.get(), 150 * GIB)
    run_billing(seller_id=personas.msp.pk, period=OCTOBER, at=NOVEMBER_1)
    adjustment = issue_invoice(invoice_id=Invoice.objects.drafts().get().pk, on=date(2026, 11, 3), by=None)

    page = personas.client("dora").get(urls(adjustment)[2]).text

    for expected in ("Billed before, INV-2026-00001", "150 GiB", "50 GiB × 0.07 EUR = 3.50 EUR"):
        assert expected in page


def test_pages_ask_few_queries_however_much_they_show(personas: Personas, django_assert_max_num_queries: object) -> None:
    plan = factories.PlanFactory()
    rate_card(plan.product_group)
    for _ in range(5):
        customer = factories.OrganizationFactory(parent=personas.reseller)
        use(subscribe(customer, plan), 100 * GIB, days=[date(2026, 10, 31)])
    for seller in (personas.msp, personas.reseller):
        run_billing(seller_id=seller.pk, period=OCTOBER, at=NOVEMBER_1)
    for draft in Invoice.objects.drafts():
        issue_invoice(invoice_id=draft.pk, on=date(2026, 11, 2), by=None)
    wholesale = Invoice.objects.get(buyer=personas.reseller)
    client = personas.client("alice")

    for url, most in (
        (reverse("billing:invoices") + "?sold=1", 11),
        (urls(wholesale)[0], 9),
        (urls(wholesale)[1], 5),
        (urls(wholesale)[2], 10),
    ):
        with django_assert_max_num_queries(most):  # type: ignore[operator]
            assert client.get(url).status_code == 200


# --- How an invoice stands ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paid", "today", "pill", "left"),
    [
        ("0", "2026-11-05", "Unpaid", "11.90 EUR"),
        ("5", "2026-11-05", "Partly paid", "6.90 EUR"),
        ("5", "2026-12-05", "Overdue", "6.90 EUR"),
        ("11.90", "2026-12-05", "Paid", ""),
    ],
    ids=["unpaid", "partly paid", "overdue", "paid"],
)
def test_an_invoice_shows_its_state_what_is_left_and_its_payments(
    personas: Personas, paid: str, today: str, pill: str, left: str
) -> None:
    subscription = subscribe(personas.direct_customer)
    found = issued(personas.msp, personas.direct_customer, [line(subscription, "10.00")], number="INV-1")
    if Decimal(paid):
        pays(found, paid)

    with time_machine.travel(f"{today}T09:00:00Z", tick=False):
        page = personas.client("dora").get(urls(found)[0]).text
        listed = personas.client("dora").get(reverse("billing:invoices")).text

    for text in (page, listed):
        assert f">{pill}</span>" in text
        assert left in text
    assert ("Bank transfer" in page) is bool(Decimal(paid))


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("open", {"INV-OPEN", "INV-LATE"}),
        ("overdue", {"INV-LATE"}),
        ("paid", {"INV-PAID", "INV-BACK"}),
        ("credited", {"INV-GONE"}),
        ("odd", {"INV-OPEN", "INV-LATE", "INV-PAID", "INV-GONE", "INV-BACK"}),
    ],
)
def test_the_list_is_narrowed_by_state_and_its_file_says_it(personas: Personas, state: str, found: set[str]) -> None:
    subscription = subscribe(personas.direct_customer)
    made = {
        name: issued(personas.msp, personas.direct_customer, [line(subscription, net)], number=f"INV-{name}", due_on=due)
        for name, net, due in (
            ("OPEN", "10.00", date(2026, 12, 30)),
            ("LATE", "10.00", date(2026, 11, 16)),
            ("PAID", "10.00", date(2026, 11, 16)),
            ("GONE", "10.00", date(2026, 11, 16)),
            ("BACK", "-10.00", date(2026, 11, 16)),
        )
    }
    pays(made["PAID"], "11.90")
    credited(made["GONE"], "10.00")

    with time_machine.travel("2026-12-05T09:00:00Z", tick=False):
        export = personas.client("dora").get(reverse("billing:invoices"), {"state": state, "export": "csv"}).text

    assert {row["number"] for row in csv.DictReader(StringIO(export))} == found


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, "October 2026"),
        ({"kind": "overage", "period_end": date(2026, 10, 16)}, "Above the quota, 1–15 Oct 2026"),
        ({"kind": "overage", "period_end": date(2026, 10, 2)}, "Above the quota, 1 Oct 2026"),
        ({"kind": "advance", "period_end": date(2027, 10, 1)}, "In advance, 1 Oct 2026 – 30 Sep 2027"),
        ({"kind": "renewal"}, "Renewal, October 2026"),
    ],
    ids=["month", "overage", "overage of a day", "advance", "renewal"],
)
def test_an_invoice_says_what_it_is_for(personas: Personas, facts: dict[str, Any], words: str) -> None:
    subscription = subscribe(personas.direct_customer)
    found = issued(personas.msp, personas.direct_customer, [line(subscription, "10.00")], number="INV-1", **facts)

    assert words in personas.client("dora").get(urls(found)[0]).text
    assert words in personas.client("dora").get(reverse("billing:invoices")).text


def test_what_was_invoiced_before_its_service_started_and_an_exempt_one_are_shown(personas: Personas) -> None:
    advance = [line(None, "50.00", consumer="Dora Design", order_key="O1/1")]
    note = "Reverse charge: VAT is due by the recipient."
    found = issued(personas.msp, personas.direct_customer, advance, number="INV-1", kind="advance", tax_note=note)

    page = personas.client("dora").get(urls(found)[0]).text

    assert "Dora Design · Backup</th>" in page
    assert note in page


def pays(invoice: Invoice, amount: str) -> None:
    """A bank transfer of so much, for this invoice."""
    payment = Payment.objects.create(
        key=uuid4(),
        seller=invoice.seller,
        buyer=invoice.buyer,
        currency=invoice.currency,
        amount=Decimal(amount),
        received_on=date(2026, 11, 4),
        reference="Thank you",
        recorded_at=NOVEMBER_1,
    )
    PaymentAllocation.objects.create(payment=payment, invoice=invoice, amount=Decimal(amount), allocated_at=NOVEMBER_1)
