"""For whom people act, billing information, and a reseller's customers."""

from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.test import Client
from django.urls import reverse

from accounts.forms import BillingInformationForm, countries, currencies
from accounts.models import Membership, Organization
from tests import factories
from tests.conftest import Personas

FACTS = {
    "billing_email": "invoices@example.com",
    "address_line1": "Deichstraße 4",
    "address_line2": "",
    "postcode": "20459",
    "city": "Hamburg",
    "country": "DE",
    "tax_id": "de 129.273-398",
}
CUSTOMER = {**FACTS, "name": "Elbe  Bakery ", "currency": "EUR"}


# --- Who may open what --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "answers"),
    [
        (
            "accounts:organization",
            {"dora": 200, "vic": 200, "alice": 200, "carol": 200, "stranger": 403, "bert": 403, "nobody": 302},
        ),
        ("accounts:edit_organization", {"dora": 200, "vic": 403, "alice": 200, "stranger": 403, "nobody": 302}),
        ("accounts:customers", {"alice": 200, "bob": 200, "dora": 404, "carol": 404, "stranger": 403, "mira": 403, "nobody": 302}),
        ("accounts:add_customer", {"alice": 200, "bob": 200, "dora": 404, "vic": 403, "carol": 404, "nobody": 302}),
    ],
)
def test_each_page_is_open_to_those_it_is_for(personas: Personas, url: str, answers: dict[str, int]) -> None:
    assert {who: personas.client(who).get(reverse(url)).status_code for who in answers} == answers


@pytest.mark.parametrize(
    ("who", "status"), [("alice", 200), ("bob", 404), ("carol", 404), ("dora", 404), ("stranger", 403), ("nobody", 302)]
)
def test_a_customer_is_shown_to_its_reseller_only(personas: Personas, who: str, status: int) -> None:
    url = reverse("accounts:customer", args=[personas.resellers_customer.number])

    assert personas.client(who).get(url).status_code == status


# --- Acting for --------------------------------------------------------------------------------------------------------------


def test_a_person_of_two_organizations_acts_for_the_one_chosen(personas: Personas) -> None:
    factories.MembershipFactory(user=personas.dora, organization=personas.other_reseller)
    client = personas.client("dora")
    before = client.get(reverse("catalog:home")).context["acting"].organization

    response = client.post(reverse("accounts:act_for", args=[personas.direct_customer.number]), follow=True)

    assert before == personas.other_reseller  # the first by name
    assert response.context["acting"].organization == personas.direct_customer
    assert "You now act for Dora Design." in response.content.decode()


@pytest.mark.parametrize("who", ["dora", "carol"])
def test_nobody_acts_for_an_organization_of_others(personas: Personas, who: str) -> None:
    client = personas.client(who)

    response = client.post(reverse("accounts:act_for", args=[personas.reseller.number]))

    assert response.status_code == 404
    assert client.get(reverse("accounts:organization")).context["acting"].organization != personas.reseller


def test_a_link_cannot_change_for_whom_a_person_acts(personas: Personas) -> None:
    assert personas.client("dora").get(reverse("accounts:act_for", args=[personas.direct_customer.number])).status_code == 405


# --- Billing information ------------------------------------------------------------------------------------------------------


def test_an_administrator_changes_the_billing_information(personas: Personas) -> None:
    response = personas.client("dora").post(reverse("accounts:edit_organization"), FACTS, follow=True)

    row = Organization.objects.get(pk=personas.direct_customer.pk)
    assert (row.city, row.tax_id, row.billing_email) == ("Hamburg", "DE129273398", "invoices@example.com")
    assert row.name == "Dora Design"
    assert "Billing information is saved." in response.content.decode()


def test_a_viewer_changes_nothing(personas: Personas) -> None:
    response = personas.client("vic").post(reverse("accounts:edit_organization"), FACTS)

    assert response.status_code == 403
    assert Organization.objects.get(pk=personas.direct_customer.pk).city == "Berlin"


def test_a_refused_change_keeps_what_was_typed_and_the_row_as_it_was(personas: Personas) -> None:
    typed = {**FACTS, "billing_email": "no address", "city": "Kiel"}

    response = personas.client("dora").post(reverse("accounts:edit_organization"), typed)

    shown = response.content.decode()
    assert response.status_code == 200
    assert 'value="Kiel"' in shown
    assert 'href="#id_billing_email"' in shown
    assert Organization.objects.get(pk=personas.direct_customer.pk).city == "Berlin"


def test_only_who_issues_invoices_says_how_they_are_paid(personas: Personas) -> None:
    personas.client("alice").post(reverse("accounts:edit_organization"), {**FACTS, "payment_details": "IBAN DE02"})
    personas.client("dora").post(reverse("accounts:edit_organization"), {**FACTS, "payment_details": "IBAN DE99"})

    assert Organization.objects.get(pk=personas.reseller.pk).payment_details == "IBAN DE02"
    assert Organization.objects.get(pk=personas.direct_customer.pk).payment_details == ""


@pytest.mark.parametrize(
    ("country", "tax_id", "sentence"),
    [
        ("DE", "DE129273398", ""),
        ("GR", "EL094259216", ""),
        ("GR", "GR094259216", "A VAT number of Greece begins with EL."),
        ("DE", "129273398", "A VAT number of Germany begins with DE."),
        ("DE", "DE129273399", "A sign of this VAT number is mistyped: its check digit does not fit."),
        ("AT", "ATU57194903", ""),
        ("FR", "FR!!", "This is not how a VAT number of France is written. Look for a missing or additional sign."),
        ("CH", "CHE-107.787.577 MWST", ""),
        ("GB", "XI 980 7806 84", ""),
        ("US", "<script>", "A VAT number has 2 to 28 letters and digits."),
        ("DE", "", ""),
    ],
)
def test_a_vat_number_has_the_form_of_its_country(db: None, country: str, tax_id: str, sentence: str) -> None:
    form = BillingInformationForm({**FACTS, "country": country, "tax_id": tax_id}, instance=factories.OrganizationFactory())

    assert form.is_valid() is (sentence == "")
    assert form.errors.get("tax_id", [""])[0] == sentence


def test_countries_and_currencies_are_those_of_today() -> None:
    countries_by_code, currencies_by_code = dict(countries()), dict(currencies())

    assert countries_by_code["DE"] == "Germany"
    assert "EU" not in countries_by_code
    assert currencies_by_code["EUR"] == "EUR: Euro"
    assert "DEM" not in currencies_by_code
    assert len(currencies_by_code) > 140


# --- A reseller's customers -----------------------------------------------------------------------------------------------------


def test_a_reseller_adds_a_customer_of_its_own(personas: Personas) -> None:
    response = personas.client("alice").post(reverse("accounts:add_customer"), CUSTOMER, follow=True)

    added = Organization.objects.get(name="Elbe Bakery")
    assert (added.parent, added.kind, added.tax_id) == (personas.reseller, Organization.Kind.CUSTOMER, "DE129273398")
    assert response.redirect_chain[-1][0] == reverse("accounts:customer", args=[added.number])
    assert f"Elbe Bakery is your customer {added.number} now." in response.content.decode()


def test_a_viewer_of_a_reseller_adds_nobody(personas: Personas) -> None:
    Membership.objects.filter(user=personas.alice).update(role=Membership.Role.VIEWER)

    response = personas.client("alice").post(reverse("accounts:add_customer"), CUSTOMER)

    assert response.status_code == 403
    assert not Organization.objects.filter(name="Elbe Bakery").exists()


def test_the_second_click_adds_no_second_customer(personas: Personas) -> None:
    client = personas.client("alice")
    client.post(reverse("accounts:add_customer"), CUSTOMER)

    response = client.post(reverse("accounts:add_customer"), {**CUSTOMER, "name": "ELBE bakery"})

    assert "You have a customer of this name already" in response.content.decode()
    assert Organization.objects.filter(name__iexact="Elbe Bakery").count() == 1


def test_two_resellers_may_have_a_customer_of_the_same_name(personas: Personas) -> None:
    for who in ("alice", "bob"):
        personas.client(who).post(reverse("accounts:add_customer"), CUSTOMER)

    assert Organization.objects.filter(name="Elbe Bakery").count() == 2


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("name", ""),
        ("billing_email", "nobody"),
        ("address_line1", " "),
        ("city", ""),
        ("country", "XX"),
        ("currency", "DEM"),
        ("tax_id", "FR12345678901"),
        ("name", "x" * 201),
        ("name", "a\0b"),
    ],
)
def test_each_wrong_field_is_told_and_nothing_is_added(personas: Personas, field: str, typed: str) -> None:
    before = Organization.objects.count()

    response = personas.client("alice").post(reverse("accounts:add_customer"), {**CUSTOMER, field: typed})

    assert response.status_code == 200
    assert list(response.context["form"].errors) == [field]
    assert "This field" not in response.content.decode()  # the summary names what is missing
    assert Organization.objects.count() == before


def test_the_list_is_searched_and_paged(personas: Personas, django_assert_max_num_queries: Any) -> None:
    for n in range(60):
        factories.OrganizationFactory(parent=personas.reseller, name=f"Shop {n:02}")
    factories.OrganizationFactory(parent=personas.other_reseller, name="Shop of others")
    client = personas.client("alice")

    with django_assert_max_num_queries(8):
        first = client.get(reverse("accounts:customers"))
    last = client.get(reverse("accounts:customers"), {"page": "2"})
    found = client.get(reverse("accounts:customers"), {"q": "shop 07"})

    assert first.context["page"].paginator.count == 61  # with Café Carol
    assert len(last.context["page"].object_list) == 11
    assert [row.name for row in found.context["page"]] == ["Shop 07"]


@pytest.mark.parametrize(
    ("who", "query", "sentence"),
    [("bob", "", "You have no customers yet"), ("alice", "?q=zzz", "No customer matches “zzz”")],
)
def test_an_empty_list_says_how_to_begin(personas: Personas, who: str, query: str, sentence: str) -> None:
    assert sentence in personas.client(who).get(reverse("accounts:customers") + query).content.decode()


# --- Sign-in pages ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("account_login", "No account yet?"),
        ("account_signup", "Go to sign-up"),
        ("accounts:sign_up", "Sign up with Northwind Cloud GmbH"),
        ("account_reset_password", "Set a new password"),
        ("account_reset_password_done", "Look into your mail"),
        ("account_reset_password_from_key_done", "Your password is set"),
    ],
)
def test_the_doors_before_sign_in_have_the_look_of_the_house(db: None, client: Client, url: str, sentence: str) -> None:
    factories.msp()

    shown = client.get(reverse(url)).content.decode()

    assert sentence in shown
    assert "Northwind Cloud GmbH" in shown
    assert "theme.css" in shown


def test_staff_set_up_a_second_factor_and_then_enter_the_back_office(personas: Personas, client: Client, settings: Any) -> None:
    settings.STAFF_MFA_REQUIRED = True
    password = "correct horse battery"
    client.post(reverse("account_login"), {"login": personas.bert.email, "password": password})
    asked_again = client.get(reverse("admin:index"), follow=True)
    setup = client.post(asked_again.redirect_chain[-1][0], {"password": password}, follow=True)
    code = totp_code(setup.context["form"].secret)

    done = client.post(reverse("mfa_activate_totp"), {"code": code}, follow=True)

    assert "Confirm that it is you" in asked_again.content.decode()
    assert "The back office opens once this is done." in setup.content.decode()
    assert "theme.css" in done.content.decode()
    assert client.get(reverse("admin:index")).status_code == 200


def totp_code(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time()))))


def test_signing_in_leads_to_the_products_and_wrong_words_to_a_sentence(personas: Personas, client: Client) -> None:
    refused = client.post(reverse("account_login"), {"login": personas.dora.email, "password": "wrong"})
    accepted = client.post(reverse("account_login"), {"login": personas.dora.email, "password": "correct horse battery"})

    assert "There is a problem" in refused.content.decode()
    assert accepted["Location"] == reverse("catalog:home")


def test_a_reseller_says_how_it_taxes_a_customer_and_in_which_language_it_writes(personas: Personas) -> None:
    customer = personas.resellers_customer
    url = reverse("accounts:edit_customer", args=[customer.number])
    typed = {**FACTS, "name": customer.name, "language": "fr", "tax_treatment": "exempt"}

    refused = personas.client("alice").post(url, typed)
    personas.client("alice").post(url, {**typed, "tax_exemption_reason": "Embassy, certificate 12"})

    assert list(refused.context["form"].errors) == ["tax_exemption_reason"]
    customer.refresh_from_db()
    assert (customer.language, customer.tax_treatment) == ("fr", "exempt")
    assert customer.tax_exemption_reason == "Embassy, certificate 12"


def test_a_customer_does_not_choose_how_it_is_taxed(personas: Personas) -> None:
    personas.client("dora").post(reverse("accounts:edit_organization"), {**FACTS, "tax_treatment": "exempt"})

    assert Organization.objects.get(pk=personas.direct_customer.pk).tax_treatment == "automatic"
