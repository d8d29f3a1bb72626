"""The pages of credit notes in the storefront: who sees which, and how a reseller gives one."""

import csv
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Membership
from billing import credit_note_forms
from billing.models import CreditNote, Invoice
from billing.operations.credit_notes import issue_credit_note
from common import clock
from tests import factories
from tests.billing.invoicing import Billed, invoiced
from tests.billing.making import subscribe
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
LIST = "billing:credit_notes"


@pytest.fixture(autouse=True)
def november(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: AT)


def give(invoice: Invoice, amount: str = "10", reason: str = "Service was down") -> CreditNote:
    line = invoice.lines.order_by("position").values_list("pk", flat=True)[0]
    return issue_credit_note(
        invoice_id=invoice.pk, lines={line: Decimal(amount)}, reason=reason, bills_again=False, on=AT.date(), by=None, at=AT
    )


@pytest.fixture
def wholesale(personas: Personas) -> Invoice:
    """From the MSP to alice's reseller: 100 GiB at 1.00 EUR, 119.00 EUR gross."""
    return invoiced(personas.resellers_customer)


@pytest.fixture
def retail(personas: Personas) -> Invoice:
    """From alice's reseller to carol's: 100 GiB at 1.00 EUR and 3 at 4.50, 135.07 EUR gross."""
    return invoiced(subscribe(personas.resellers_customer), Billed("100", "1"), Billed("3", "4.5"), seller=personas.reseller)


# --- Who sees what ------------------------------------------------------------

WHO = ("alice", "carol", "bob", "dora", "stranger", "nobody")
SEEN = {"wholesale": (200, 404, 404, 404, 403, 302), "retail": (200, 200, 404, 404, 403, 302)}


@pytest.mark.parametrize("which", SEEN)
def test_a_credit_note_is_seen_by_its_buyer_and_its_seller_alone(
    request: pytest.FixtureRequest, personas: Personas, which: str
) -> None:
    credit_note = give(request.getfixturevalue(which))

    for name in ("billing:credit_note", "billing:credit_note_pdf"):
        url = reverse(name, args=[credit_note.number])
        assert tuple(personas.client(who).get(url).status_code for who in WHO) == SEEN[which], name


def test_lists_hold_ones_own_and_a_reseller_has_both_sides(personas: Personas, wholesale: Invoice, retail: Invoice) -> None:
    received, given = give(wholesale), give(retail)

    def numbers(who: str, **query: str) -> list[str]:
        return [one.number for one in personas.client(who).get(reverse(LIST), query).context["page"]]

    assert numbers("alice") == [received.number]
    assert numbers("alice", sold="1") == [given.number]
    assert numbers("carol") == [given.number]
    assert numbers("carol", sold="1") == [given.number]
    assert numbers("bob") == numbers("dora") == numbers("bob", sold="1") == []


def test_a_list_is_searched_filtered_and_exported(personas: Personas, retail: Invoice) -> None:
    credit_note = give(retail, reason="=1+1")
    client, url = personas.client("carol"), reverse(LIST)

    for query in ({"q": credit_note.number[-8:]}, {"q": str(retail.number)}, {"month": "2026-11"}):
        assert client.get(url, query).context["page"].paginator.count == 1, query
    for query in ({"q": "CN-1999"}, {"month": "2026-10"}):
        assert "No credit note matches" in client.get(url, query).text, query
    assert "is not a month" in client.get(url, {"month": "soon"}).text
    (row,) = csv.DictReader(StringIO("".join(part.decode() for part in client.get(url, {"export": "csv"}))))
    assert (row["number"], row["invoice"], row["gross"], row["reason"]) == (credit_note.number, retail.number, "11.90", "'=1+1")


def test_a_page_tells_why_of_which_invoice_and_how_much(personas: Personas, retail: Invoice) -> None:
    credit_note = give(retail)

    page = personas.client("carol").get(reverse("billing:credit_note", args=[credit_note.number])).text

    for words in ("Service was down", str(retail.number), "10 GiB", "VAT 19 % on 10.00 EUR", "11.90 EUR", "not billed again"):
        assert words in page


def test_the_invoice_leads_to_its_credit_notes_and_its_seller_to_another_one(personas: Personas, retail: Invoice) -> None:
    credit_note = give(retail)
    another = reverse("billing:credit", args=[retail.number])

    of_buyer, of_seller = (
        personas.client(who).get(reverse("billing:invoice", args=[retail.number])).text for who in ("carol", "alice")
    )

    for page in (of_buyer, of_seller):
        assert reverse("billing:credit_note", args=[credit_note.number]) in page
    assert another in of_seller
    assert another not in of_buyer


# --- Giving one ------------------------------------------------------------


def filled(**changes: str) -> dict[str, str]:
    return {"scope": "whole", "reason": "Wrong price", "bills_again": "never", "step": "preview", **changes}


def test_an_administrator_of_the_reseller_previews_and_gives_one_once(personas: Personas, retail: Invoice) -> None:
    client, url = personas.client("alice"), reverse("billing:credit", args=[retail.number])
    first, second = retail.lines.order_by("position").values_list("pk", flat=True)
    asked = filled(scope="lines", bills_again="again", **{f"amount_{first}": "50", f"units_{second}": "2"})

    preview = client.post(url, asked)
    shown = preview.context
    sent = {**dict(shown["form"].sent()), "key": str(shown["key"]), "agreed": shown["agreed"], "step": "confirm"}
    nothing_yet = CreditNote.objects.count()
    given = [client.post(url, sent, follow=True) for _ in range(2)]

    for words in ("50.00 EUR", "2 GiB", "VAT 19 % on 59.00 EUR", "70.21 EUR", "Wrong price"):
        assert words in preview.text
    assert nothing_yet == 0
    credit_note = CreditNote.objects.get()
    assert (credit_note.gross, credit_note.bills_again, credit_note.created_by) == (Decimal("70.21"), True, personas.alice)
    assert credit_note.issued_on == date(2026, 11, 20)
    for answer in given:
        assert answer.redirect_chain[-1][0] == reverse("billing:credit_note", args=[credit_note.number])


def test_what_was_typed_stays_when_somebody_goes_back(personas: Personas, retail: Invoice) -> None:
    line = retail.lines.order_by("position").values_list("pk", flat=True)[0]
    asked = filled(scope="lines", step="edit", **{f"amount_{line}": "12.34"})

    page = personas.client("alice").post(reverse("billing:credit", args=[retail.number]), asked)

    assert page.context["form"][f"amount_{line}"].value() == "12.34"
    assert "Wrong price" in page.text


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"reason": ""}, "reason", "Say why"),
        ({"bills_again": ""}, "bills_again", "whether it is billed again"),
        ({"scope": "lines"}, "__all__", "Nothing is chosen"),
        ({"scope": "lines", "amount": "100.01"}, "amount", "100.00 EUR is left to credit"),
        ({"scope": "lines", "amount": "-1"}, "amount", "100.00 EUR is left to credit"),
        ({"scope": "lines", "amount": "1.005"}, "amount", "more decimals than EUR has"),
        ({"scope": "lines", "amount": "a lot"}, "amount", "number"),
        ({"scope": "lines", "units": "101"}, "units", "of 100 GiB left"),
        ({"scope": "lines", "amount": "1", "units": "1"}, "units", "not both"),
    ],
    ids=["reason", "again", "nothing", "too much", "negative", "decimals", "words", "units", "both"],
)
def test_what_is_wrong_is_said_where_it_is(
    personas: Personas, retail: Invoice, changes: dict[str, str], field: str, sentence: str
) -> None:
    line = retail.lines.order_by("position").values_list("pk", flat=True)[0]
    named = {f"{name}_{line}" if name in ("amount", "units") else name: value for name, value in changes.items()}

    page = personas.client("alice").post(reverse("billing:credit", args=[retail.number]), filled(**named))

    name = f"{field}_{line}" if field in ("amount", "units") else field
    assert sentence in " ".join(page.context["form"].errors[name])
    assert not CreditNote.objects.exists()


def test_what_was_credited_meanwhile_is_said_and_nothing_is_given(personas: Personas, retail: Invoice) -> None:
    give(retail)

    page = personas.client("alice").post(
        reverse("billing:credit", args=[retail.number]), filled(step="confirm", key=str(uuid4()), agreed="135.07")
    )

    assert "would come to 123.17 EUR, not to 135.07 EUR as shown" in page.text
    assert CreditNote.objects.count() == 1


def test_of_a_long_invoice_some_lines_are_asked_for_and_the_rest_is_found(
    personas: Personas, retail: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credit_note_forms, "SHOWN_LINES", 1)
    client, url = personas.client("alice"), reverse("billing:credit", args=[retail.number])

    everything, found = client.get(url), client.get(url, {"find": "item 2"})

    assert "1 more lines are not listed" in everything.text
    assert [line.position for line in everything.context["form"].lines] == [1]
    assert [line.position for line in found.context["form"].lines] == [2]


def test_of_what_is_credited_whole_nothing_is_asked(personas: Personas, wholesale: Invoice, retail: Invoice) -> None:
    issue_credit_note(invoice_id=retail.pk, lines=None, reason="All", bills_again=False, on=AT.date(), by=None, at=AT)

    page = personas.client("alice").get(reverse("billing:credit", args=[retail.number]))

    assert "Nothing is left of this invoice: it has been credited." in page.text


def test_only_administrators_of_the_seller_give_credit_notes(personas: Personas, wholesale: Invoice, retail: Invoice) -> None:
    buyer = factories.UserFactory(email="buyer@example.com")
    factories.MembershipFactory(user=buyer, organization=personas.reseller, role=Membership.Role.BUYER)
    other = Client()
    other.force_login(buyer, backend="django.contrib.auth.backends.ModelBackend")
    clients = {**{who: personas.client(who) for who in WHO}, "buyer": other}
    url = reverse("billing:credit", args=[retail.number])

    for method in ("get", "post"):
        answers = {who: getattr(client, method)(url, filled()).status_code for who, client in clients.items()}
        assert answers == {"alice": 200, "carol": 404, "bob": 404, "dora": 404, "stranger": 403, "nobody": 302, "buyer": 403}
    assert clients["alice"].get(reverse("billing:credit", args=[wholesale.number])).status_code == 404
    assert not CreditNote.objects.exists()
