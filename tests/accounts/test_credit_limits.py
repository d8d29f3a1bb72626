"""Who sets credit limits and asks for approvals, and where they are read."""

from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from accounts.models import Membership, Organization
from tests import factories
from tests.billing.paying import issued
from tests.conftest import Personas
from tests.ordering.pages import text_of

pytestmark = pytest.mark.django_db

FACTS = {
    "billing_email": "invoices@example.com",
    "address_line1": "Deichstraße 4",
    "postcode": "20459",
    "city": "Hamburg",
    "country": "DE",
}


def edit(personas: Personas, limit: str, person: str = "alice") -> Any:
    url = reverse("accounts:edit_customer", args=[personas.resellers_customer.number])
    return personas.client(person).post(url, {**FACTS, "name": "Café Carol", "credit_limit": limit})


def limit_of(organization: Organization) -> Decimal | None:
    return Organization.objects.get(pk=organization.pk).credit_limit


@pytest.mark.parametrize(("typed", "kept"), [("1500.50", Decimal("1500.50")), ("0", Decimal(0)), ("", None)])
def test_a_resellers_administrator_sets_a_customers_limit(personas: Personas, typed: str, kept: Decimal | None) -> None:
    answer = edit(personas, typed)

    assert answer.status_code == 302
    assert limit_of(personas.resellers_customer) == kept


@pytest.mark.parametrize(
    ("currency", "typed", "sentence"),
    [
        ("EUR", "-1", "greater than or equal to 0"),
        ("EUR", "10.005", "EUR has 2 decimal places."),
        ("JPY", "10.5", "JPY has no decimal places."),
        ("KWD", "0.0001", "no more than 3 decimal places"),
        ("EUR", "much", "Enter a number."),
        ("EUR", "1" * 20, "no more than"),
    ],
)
def test_a_limit_that_cannot_be_is_refused(personas: Personas, currency: str, typed: str, sentence: str) -> None:
    Organization.objects.filter(pk=personas.resellers_customer.pk).update(currency=currency)

    answer = edit(personas, typed)

    assert sentence in text_of(answer)
    assert limit_of(personas.resellers_customer) is None


@pytest.mark.parametrize(("person", "status"), [("bob", 404), ("dora", 404), ("carol", 404), ("vic", 404)])
def test_nobody_else_sets_it(personas: Personas, person: str, status: int) -> None:
    assert edit(personas, "1", person).status_code == status
    assert limit_of(personas.resellers_customer) is None


def test_a_resellers_buyer_reads_it_and_does_not_set_it(personas: Personas) -> None:
    Membership.objects.filter(user=personas.alice).update(role=Membership.Role.BUYER)
    Organization.objects.filter(pk=personas.resellers_customer.pk).update(credit_limit=250)
    issued(personas.reseller, personas.resellers_customer, "300")

    page = text_of(personas.client("alice").get(reverse("accounts:customer", args=[personas.resellers_customer.number])))

    assert "250.00 EUR" in page
    assert "Exceeded: 300.00 EUR unpaid" in page
    assert "-50.00 EUR left" in page
    assert edit(personas, "1").status_code == 403


def test_a_reseller_asks_for_approvals_on_its_own_page(personas: Personas) -> None:
    alice, url = personas.client("alice"), reverse("accounts:edit_organization")

    alice.post(url, {**FACTS, "approves_customer_orders": "on"})

    assert Organization.objects.get(pk=personas.reseller.pk).approves_customer_orders
    assert "Waits until you approve it" in text_of(alice.get(reverse("accounts:organization")))
    alice.post(url, FACTS)
    assert not Organization.objects.get(pk=personas.reseller.pk).approves_customer_orders


@pytest.mark.parametrize("person", ["dora", "carol"])
def test_a_customer_cannot_raise_its_own_limit(personas: Personas, person: str) -> None:
    Organization.objects.update(credit_limit=None)
    mine = {"dora": personas.direct_customer, "carol": personas.resellers_customer}[person]
    Organization.objects.filter(pk=mine.pk).update(credit_limit=5)

    personas.client(person).post(
        reverse("accounts:edit_organization"), {**FACTS, "credit_limit": "9999", "approves_customer_orders": "on"}
    )

    mine.refresh_from_db()
    assert (mine.credit_limit, mine.approves_customer_orders) == (5, False)


def test_a_reseller_cannot_raise_its_own_limit(personas: Personas) -> None:
    Organization.objects.filter(pk=personas.reseller.pk).update(credit_limit=5)

    personas.client("alice").post(reverse("accounts:edit_organization"), {**FACTS, "credit_limit": "9999"})

    assert limit_of(personas.reseller) == 5


# The back office


def change(organization: Organization) -> str:
    return reverse("admin:accounts_organization_change", args=[organization.pk])


def posted(client: Any, organization: Organization, **facts: str) -> Any:
    form = client.get(change(organization)).context["adminform"].form
    present = {name: form.initial.get(name) for name in form.fields}
    sent = {name: value for name, value in present.items() if value not in (None, False)}
    prefixes = ("memberships", "acted_as", "actingas_set")
    inlines = {f"{prefix}-{name}": "0" for prefix in prefixes for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    return client.post(change(organization), {**sent, **inlines, **facts})


def test_staff_set_a_limit_and_read_how_much_of_it_is_used(personas: Personas) -> None:
    buyer = factories.OrganizationFactory(name="Elbe Bakery")
    issued(personas.msp, buyer, "120")
    root = personas.client("root")

    answer = posted(root, buyer, credit_limit="100")
    page = text_of(root.get(change(buyer)))

    assert answer.status_code == 302
    assert limit_of(buyer) == 100
    assert "The credit limit is exceeded: new orders are held." in page
    assert "120.00 EUR" in page


def test_staff_without_a_right_to_invoices_do_not_read_what_is_used(personas: Personas) -> None:
    Organization.objects.filter(pk=personas.direct_customer.pk).update(credit_limit=100)

    page = text_of(personas.client("mira").get(change(personas.direct_customer)))

    assert "Credit with" not in page


def test_a_limit_has_the_decimals_of_the_currency_in_the_back_office_too(personas: Personas) -> None:
    buyer = factories.OrganizationFactory(currency="JPY")

    answer = posted(personas.client("root"), buyer, credit_limit="10.5")

    assert "JPY has no decimal places." in text_of(answer)
    assert limit_of(buyer) is None


@pytest.mark.parametrize(
    ("whose", "fields"), [("msp", (False, False)), ("reseller", (True, True)), ("direct_customer", (True, False))]
)
def test_each_kind_of_organization_shows_what_it_has(personas: Personas, whose: str, fields: tuple[bool, bool]) -> None:
    form = personas.client("root").get(change(getattr(personas, whose))).context["adminform"].form

    assert ("credit_limit" in form.fields, "approves_customer_orders" in form.fields) == fields
