"""Payments in the back office: found, recorded, allocated, taken back; what is open; bank statements from file to payment."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from billing.models import BankStatement, Invoice, Payment, PaymentAllocation
from billing.queries.bank_statements import preview
from common import clock
from config.roles import ensure_roles
from tests import factories
from tests.billing.paying import NOVEMBER_20, issued, left, paid_with, pay
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

HEAD = "Date;Amount;Currency;Payer;Reference\n"


@pytest.fixture(autouse=True)
def november(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOVEMBER_20)


@pytest.fixture
def invoice(personas: Personas) -> Invoice:
    return issued(personas.msp, personas.direct_customer, "100", number="INV-2026-00801")


@pytest.fixture
def payment(personas: Personas, invoice: Invoice) -> Payment:
    """120 EUR: 100 for the invoice, 20 kept as credit."""
    return pay(personas.msp, personas.direct_customer, "120", reference="=thanks", note="ours")


def url(name: str, *args: object, **query: object) -> str:
    told = "&".join(f"{key}={value}" for key, value in query.items())
    return reverse(f"admin:billing_{name}", args=args) + (f"?{told}" if told else "")


# --- Looking ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "is_found"),
    [
        ({"q": "INV-2026-00801"}, True),
        ({"q": "thanks"}, True),
        ({"q": "nothing"}, False),
        ({"is": "credit"}, True),
        ({"is": "allocated"}, False),
        ({"is": "reversed"}, False),
        ({"month": "2026-11"}, True),
        ({"month": "2026-10"}, False),
        ({"method": "cash"}, False),
        ({"seller": "M1"}, True),
    ],
)
def test_payments_are_found_by_what_people_ask_for(
    personas: Personas, payment: Payment, asked: dict[str, str], is_found: bool
) -> None:
    client = personas.client("bert")

    page = client.get(url("payment_changelist"), asked).text
    file = b"".join(client.get(url("payment_export"), asked).streaming_content).decode()  # type: ignore[attr-defined]

    assert ("20.00 EUR" in page) is is_found
    assert ("'=thanks" in file) is is_found
    assert file.startswith("received_on,seller,buyer_number")


def test_a_payment_shows_what_it_pays_and_what_is_left(personas: Personas, payment: Payment) -> None:
    page = personas.client("bert").get(url("payment_change", payment.pk)).text

    for told in ("Payment of 120.00 EUR by Dora Design", "INV-2026-00801", "100.00 EUR", "20.00 EUR kept as credit"):
        assert told in page


def test_open_items_are_told_by_age_with_totals_per_currency(personas: Personas, invoice: Invoice) -> None:
    msp, dora = personas.msp, personas.direct_customer
    issued(msp, dora, "7", due_on=date(2026, 12, 1))
    issued(msp, dora, "30", due_on=date(2026, 8, 1), currency="CHF")
    issued(msp, personas.reseller, "50", due_on=date(2026, 9, 30))
    client = personas.client("bert")

    page = client.get(url("open_items"))
    of_dora = client.get(url("open_items", buyer=dora.number, seller="M1")).text
    file = b"".join(client.get(url("open_items", export="csv")).streaming_content).decode()  # type: ignore[attr-defined]

    assert [(total.currency, total.open_amount) for total in page.context["totals"]] == [("CHF", 30), ("EUR", 157)]
    assert [[int(amount) for amount in one.buckets] for one in page.context["balances"]] == [
        [0, 0, 50, 0, 0],
        [0, 0, 0, 0, 30],
        [7, 100, 0, 0, 0],
    ]
    assert "INV-2026-00801" in of_dora
    assert f"{dora.number},Dora Design,EUR,INV-2026-00801,2026-11-01,2026-11-15,5,1–30 days,100.00,100.00" in file


def test_the_statement_of_account_is_a_page_and_a_file(personas: Personas, payment: Payment) -> None:
    client, dora = personas.client("bert"), personas.direct_customer
    asked = {"first": "2026-11-02", "last": "2026-11-30"}

    page = client.get(url("account_statement", dora.number, **asked)).text
    file = b"".join(
        client.get(url("account_statement", dora.number, **asked, export="csv")).streaming_content  # type: ignore[attr-defined]
    ).decode()

    assert "Closing balance, in favour of Dora Design" in page
    assert file.splitlines()[1:] == [
        "2026-11-02,Opening balance,,,EUR,,,100.00",
        "2026-11-18,Payment,,Bank transfer: =thanks,EUR,,120.00,-20.00",
        "2026-11-30,Closing balance,,,EUR,,,-20.00",
    ]


@pytest.mark.parametrize("asked", [{"first": "2026-11-30", "last": "2026-11-01"}, {"first": "x"}, {"currency": "ABC"}])
def test_a_period_that_is_none_is_said(personas: Personas, payment: Payment, asked: dict[str, str]) -> None:
    page = personas.client("bert").get(url("account_statement", personas.direct_customer.number, **asked))

    assert page.status_code == 200
    assert "to be put right" in page.text


# --- By hand ----------------------------------------------------------------------------------------------------------------


def record(client: Client, dora: Any, **changes: Any) -> Any:
    told = {
        "key": "7e4ba5d4-63c4-4a05-a3a5-14e4c2e6d001",
        "amount": "40",
        "currency": "eur",
        "received_on": "2026-11-19",
        "method": "cash",
        "reference": "",
        "note": "",
        **changes,
    }
    return client.post(url("payment_record", buyer=dora.number), told, follow=True)


def test_a_payment_is_recorded_once_however_often_the_form_is_sent(personas: Personas, invoice: Invoice) -> None:
    for _ in range(2):
        page = record(personas.client("bert"), personas.direct_customer)

    payment = Payment.objects.get()
    assert (payment.amount, payment.method, payment.recorded_by) == (40, "cash", personas.bert)
    assert paid_with(payment) == {"INV-2026-00801": Decimal(40)}
    assert "40.00 EUR recorded; 40.00 EUR for INV-2026-00801." in page.text


def test_from_an_invoice_the_form_begins_with_what_is_open(personas: Personas, invoice: Invoice) -> None:
    query = {"buyer": personas.direct_customer.number, "seller": "M1", "invoice": invoice.pk}

    form = personas.client("bert").get(url("payment_record", **query)).context["form"]

    assert (str(form["amount"].value()), form["currency"].value(), form["invoices"].value()) == ("100.00", "EUR", [invoice.pk])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": "0"}, "amount"),
        ({"amount": "1.234"}, "amount"),
        ({"amount": "much"}, "amount"),
        ({"currency": "XYZ"}, "currency"),
        ({"received_on": "2026-11-21"}, "received_on"),
        ({"method": "credit"}, "method"),
        ({"invoices": "99999"}, "invoices"),
        ({"key": "x"}, "key"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(personas: Personas, invoice: Invoice, changes: dict[str, str], field: str) -> None:
    page = record(personas.client("bert"), personas.direct_customer, **changes)

    assert field in page.context["form"].errors
    assert not Payment.objects.exists()


def test_an_unknown_customer_is_asked_for_again(personas: Personas) -> None:
    page = personas.client("bert").get(url("payment_record", buyer="C9"))

    assert "No customer has this number." in page.text


def test_what_is_left_is_allocated_by_hand_and_taken_back(personas: Personas, payment: Payment) -> None:
    client = personas.client("bert")
    other = issued(personas.msp, personas.direct_customer, "50", number="INV-2026-00802")
    told = {"seen_rest": "20.000", "invoice": other.pk, "amount": "15"}

    for _ in range(2):  # a double click allocates once
        client.post(url("payment_allocate", payment.pk), told)
    assert left(other) == 35

    allocation = PaymentAllocation.objects.get(invoice=other)
    client.post(url("payment_deallocate", payment.pk, allocation.pk))
    assert left(other) == 50


def test_more_than_is_open_is_refused_beside_the_field(personas: Personas, payment: Payment) -> None:
    other = issued(personas.msp, personas.direct_customer, "5")

    page = personas.client("bert").post(
        url("payment_allocate", payment.pk), {"seen_rest": "20", "invoice": other.pk, "amount": "6"}
    )

    assert "5.00 EUR is open" in page.context["form"].errors["amount"][0]


def test_a_payment_is_taken_back_with_a_reason(personas: Personas, invoice: Invoice, payment: Payment) -> None:
    client = personas.client("bert")
    asked = client.get(url("payment_reverse", payment.pk)).text
    without = client.post(url("payment_reverse", payment.pk), {"reason": ""})
    page = client.post(url("payment_reverse", payment.pk), {"reason": "Bounced"}, follow=True).text

    assert "It pays INV-2026-00801, which will be open again." in asked
    assert "reason" in without.context["form"].errors
    assert "Bounced" in page
    assert left(invoice) == 100


# --- Bank statements ----------------------------------------------------------------------------------------------------------


def upload(client: Client, personas: Personas, *rows: str, **changes: Any) -> Any:
    content = (HEAD + "".join(f"{row}\n" for row in rows)).encode()
    file = SimpleUploadedFile("november.csv", content)
    told = {"seller": personas.msp.pk, "file": file, "currency": "EUR", **changes}
    return client.post(url("bankstatement_import"), told, follow=True)


def test_a_statement_goes_from_file_to_payments(personas: Personas, invoice: Invoice) -> None:
    client = personas.client("bert")

    shown = upload(client, personas, "2026-11-10;60.00;EUR;Dora;INV-2026-00801", "2026-11-11;9.00;EUR;?;?").text
    statement = BankStatement.objects.get()
    saved = client.post(
        url("bankstatement_choose", statement.pk),
        {"choice-0": "match", "choice-1": "", "typed-1": personas.direct_customer.number},
        follow=True,
    ).text
    asked = client.get(url("bankstatement_confirm", statement.pk))
    for _ in range(2):
        done = client.post(
            url("bankstatement_confirm", statement.pk), {"fingerprint": asked.context["preview"].fingerprint}, follow=True
        ).text

    assert "The reference names INV-2026-00801." in shown
    assert "Import 1 payment…" in shown
    assert "Import 2 payments…" in saved
    assert "2 payments of 69.00 EUR together are recorded" in asked.text
    assert "2 payments are recorded." in done
    assert "Payment of 60.00 EUR by" in done
    assert (left(invoice), Payment.objects.count()) == (31, 2)
    assert "november.csv" in client.get(url("bankstatement_changelist")).text


def test_what_was_typed_wrongly_is_said_beside_its_row_and_kept(personas: Personas, invoice: Invoice) -> None:
    client = personas.client("bert")
    upload(client, personas, "2026-11-11;9.00;EUR;?;?")
    statement = BankStatement.objects.get()

    page = client.post(url("bankstatement_choose", statement.pk), {"choice-0": "", "typed-0": "INV-77"}).text

    assert "“INV-77” is neither an invoice" in page
    assert 'value="INV-77"' in page
    assert preview(statement).undecided


def test_the_same_file_again_says_so(personas: Personas, invoice: Invoice) -> None:
    client, row = personas.client("bert"), "2026-11-10;60.00;EUR;Dora;INV-2026-00801"
    upload(client, personas, row)
    statement = BankStatement.objects.get()
    client.post(url("bankstatement_confirm", statement.pk), {"fingerprint": preview(statement).fingerprint})

    page = upload(client, personas, row).text

    assert "This very file was imported" in page
    assert BankStatement.objects.count() == 1
    assert "This entry of the bank is recorded already." in upload(client, personas, row, again="on").text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"file": SimpleUploadedFile("a.csv", b"Date;Amount;Reference\n2026-11-10;x;y\n")}, "“x” is not an amount."),
        ({"file": SimpleUploadedFile("a.xml", b"<a/>")}, "not a bank statement in the format camt.053"),
        ({"file": ""}, "Choose the file."),
        ({"currency": "XYZ"}, "three letters"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_words(personas: Personas, changes: dict[str, Any], told: str) -> None:
    page = upload(personas.client("bert"), personas, **changes)

    assert told in page.text
    assert not BankStatement.objects.exists()


def test_a_statement_that_waits_is_thrown_away(personas: Personas) -> None:
    client = personas.client("bert")
    upload(client, personas, "2026-11-11;9.00;EUR;?;?")

    client.post(url("bankstatement_discard", BankStatement.objects.get().pk))

    assert not BankStatement.objects.exists()


# --- Who may ------------------------------------------------------------------------------------------------------------------

SEEN = ("payment_changelist", "payment_export", "payment_change", "open_items", "account_statement")
STATEMENTS = ("bankstatement_changelist", "bankstatement_change")
FORMS = ("payment_record", "payment_reverse", "bankstatement_import", "bankstatement_confirm")
ONLY_POSTED = ("payment_allocate", "payment_deallocate", "bankstatement_choose")
ROLES = {  # who sees payments, who sees statements, who records
    "Billing managers": (200, 200, 200),
    "Account managers": (200, 403, 403),
    "Product managers": (403, 403, 403),
    "": (403, 403, 403),
}


@pytest.mark.parametrize("role", ROLES)
def test_each_role_sees_what_is_its_own_and_looking_changes_nothing(personas: Personas, payment: Payment, role: str) -> None:
    upload(personas.client("root"), personas, "2026-11-11;9.00;EUR;?;INV-2026-00801")
    client, statement = _staff_of(role), BankStatement.objects.get()
    args: dict[str, list[object]] = {
        "account_statement": [personas.direct_customer.number],
        "payment_deallocate": [payment.pk, payment.allocations.get().pk],
    }
    for name in (*SEEN, *STATEMENTS, *FORMS, *ONLY_POSTED):
        if name.startswith(("payment_", "bankstatement_")) and not name.endswith(("list", "export", "record", "import")):
            args.setdefault(name, [statement.pk if name.startswith("bank") else payment.pk])

    answers = {name: client.get(url(name, *args.get(name, []))).status_code for name in (*SEEN, *STATEMENTS, *FORMS)}
    as_pdf = client.get(url("account_statement", personas.direct_customer.number, export="pdf"))
    posted = {client.post(url(name, *args.get(name, [])), {"reason": "x"}).status_code for name in (*FORMS, *ONLY_POSTED)}

    payments, statements, recording = ROLES[role]
    expected = dict.fromkeys(SEEN, payments) | dict.fromkeys(STATEMENTS, statements) | dict.fromkeys(FORMS, recording)
    assert answers == expected
    assert (as_pdf.status_code, as_pdf["Content-Type"] == "application/pdf") == (payments, payments == 200)
    if recording == 403:
        assert posted == {403}
        assert (Payment.objects.get().reversed_at, payment.allocations.count()) == (None, 1)


def _staff_of(role: str) -> Client:
    ensure_roles()
    user = factories.UserFactory(is_staff=True)
    user.groups.set(Group.objects.filter(name=role))
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_lists_ask_few_queries_however_much_they_show(personas: Personas, django_assert_max_num_queries: Any) -> None:
    for _ in range(8):
        issued(personas.msp, personas.direct_customer, "10")
        pay(personas.msp, personas.direct_customer, "12")
    client = personas.client("bert")
    client.get(url("payment_changelist"))

    for name in ("payment_changelist", "open_items"):
        with django_assert_max_num_queries(30):
            client.get(url(name))
    with django_assert_max_num_queries(15):
        b"".join(client.get(url("payment_export")).streaming_content)  # type: ignore[attr-defined]


def test_an_open_invoice_leads_to_recording_its_payment_and_a_paid_one_does_not(personas: Personas, invoice: Invoice) -> None:
    client = personas.client("bert")
    address = reverse("admin:billing_invoice_change", args=[invoice.pk])
    told = f"{url('payment_record')}?buyer={personas.direct_customer.number}&amp;seller=M1&amp;invoice={invoice.pk}"

    before = client.get(address).text
    pay(personas.msp, personas.direct_customer, "100")

    assert told in before
    assert told not in client.get(address).text
