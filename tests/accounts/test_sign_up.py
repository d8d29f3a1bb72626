"""Signing up: what a visitor types, the code, what it makes, where it leads, and what it tells strangers (nothing)."""

import re
import threading
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.db import connections
from django.test import Client, RequestFactory
from django.urls import reverse
from post_office.models import Email

from accounts import operations
from accounts.arriving import SESSION_KEY, arrive_at, arrived_at, way_back
from accounts.models import Membership, Organization, User
from accounts.operations.sign_ups import AddressKnown, SignUpClosed
from tests import factories
from tests.conftest import Personas
from tests.factories import AT

pytestmark = pytest.mark.django_db
CODE = re.compile(r"^[A-Z]{4}-[A-Z]{4}$", re.MULTILINE)
TYPED = {
    "organization_name": "  Elbe   Bakery ",
    "country": "AT",
    "currency": "CHF",
    "first_name": "Nina",
    "last_name": "Neu",
    "email": "nina@example.com",
    "password": "a long way to Tipperary",
}
FACTS = {
    **{name: value for name, value in TYPED.items() if name != "password"},
    "organization_name": "Elbe Bakery",
    "password_hash": "md5$salt$0123",
}


@pytest.fixture(autouse=True)
def _no_limits_from_before() -> None:
    cache.clear()


@pytest.fixture
def msp() -> Organization:
    return factories.msp()


def visitor(seller: Organization | None = None) -> Client:
    """Return a browser that came by the door of ``seller``."""
    client = Client()
    if seller is not None:
        session = client.session
        session[SESSION_KEY] = seller.number
        session.save()
    return client


def typed(client: Client, back: str = "", **other: str):
    return client.post(reverse("accounts:sign_up"), {**TYPED, **({"next": back} if back else {}), **other})


def mailed_code() -> str:
    return CODE.search(Email.objects.latest("pk").email_message().body)[0]


def confirmed(client: Client, code: str):
    return client.post(reverse("accounts:confirm_sign_up"), {"code": code}, follow=True)


# --- The whole way ---------------------------------------------------------------------------------------------------------------


def test_a_visitor_signs_up_confirms_the_address_and_comes_back_to_where_the_visit_began(msp):
    client = visitor()
    back = "/organization/?from=order%20url"

    asked = typed(client, back)
    nobody_yet = User.objects.exists()
    done = confirmed(client, mailed_code())

    user = User.objects.get()
    organization = user.memberships.get().organization
    assert asked["Location"] == reverse("accounts:confirm_sign_up")
    assert not nobody_yet
    assert done.redirect_chain == [(back, 302)]
    assert done.context["acting"].organization == organization
    assert "Elbe Bakery is a customer of Northwind Cloud GmbH now." in done.content.decode()
    assert user.get_full_name() == "Nina Neu"
    assert user.check_password(TYPED["password"])
    assert user.memberships.get().role == Membership.Role.ADMINISTRATOR
    assert (organization.name, organization.country, organization.currency) == ("Elbe Bakery", "AT", "CHF")
    assert (organization.kind, organization.parent, organization.billing_email) == ("customer", msp, "nina@example.com")
    assert not organization.orders_execute_automatically
    assert organization.number.startswith("C")


def test_who_came_by_a_resellers_door_becomes_the_resellers_customer(personas: Personas):
    client = visitor(personas.reseller)

    page = client.get(reverse("accounts:sign_up")).content.decode()
    typed(client)
    subject = Email.objects.latest("pk").email_message().subject
    confirmed(client, mailed_code())

    assert "Sign up with Alster IT" in page
    assert "is your code for Alster IT" in subject
    assert Organization.objects.get(name="Elbe Bakery").parent == personas.reseller
    assert SESSION_KEY not in client.session


def test_the_seller_is_the_one_of_the_moment_of_typing(personas: Personas):
    client = visitor(personas.reseller)
    typed(client)
    session = client.session
    session[SESSION_KEY] = personas.other_reseller.number  # another tab, another order URL
    session.save()

    confirmed(client, mailed_code())

    assert Organization.objects.get(name="Elbe Bakery").parent == personas.reseller


def test_a_customer_of_the_same_name_does_not_stand_in_the_way_nor_show(personas: Personas):
    client = visitor(personas.reseller)
    typed(client, organization_name="Café Carol")

    confirmed(client, mailed_code())

    assert personas.reseller.children.filter(name="Café Carol").count() == 2


@pytest.mark.parametrize("spelled", [str.lower, lambda code: code.replace("-", " "), lambda code: f" {code.replace('-', '')} "])
def test_the_code_may_be_typed_as_people_type(msp, spelled):
    client = visitor()
    typed(client)

    confirmed(client, spelled(mailed_code()))

    assert User.objects.count() == 1


def test_the_pages_link_to_each_other_and_keep_the_way_back(msp):
    client = Client()
    back = "/order/abc/?q=a%26b"

    sign_in = client.get(reverse("account_login"), {"next": back}).content.decode()
    sign_up = client.get(reverse("accounts:sign_up"), {"next": back}).content.decode()

    assert 'href="/sign-up/?next=%2Forder%2Fabc%2F%3Fq%3Da%2526b"' in sign_in
    assert 'href="/accounts/login/?next=%2Forder%2Fabc%2F%3Fq%3Da%2526b"' in sign_up
    assert 'name="next" value="/order/abc/?q=a%26b"' in sign_up


def test_a_person_signed_in_goes_on_to_where_it_wanted(personas: Personas):
    client = personas.client("dora")

    assert client.get(reverse("accounts:sign_up"), {"next": "/orders/"})["Location"] == "/orders/"
    assert client.get(reverse("accounts:sign_up"))["Location"] == reverse("catalog:home")
    assert client.get(reverse("accounts:confirm_sign_up"))["Location"] == reverse("catalog:home")


def test_without_anything_typed_there_is_no_code_to_ask_for(msp):
    assert Client().get(reverse("accounts:confirm_sign_up"))["Location"] == reverse("accounts:sign_up")


# --- Where it leads back to -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "kept"),
    [
        ("/order/abc/", "/order/abc/"),
        ("/order/abc/?a=b#c", "/order/abc/?a=b#c"),
        ("https://evil.example/", ""),
        (f"/order/{'x' * 1000}/", ""),
        ("//evil.example/", ""),
        ("/\\evil.example/", ""),
        ("http:///evil.example", ""),
        ("javascript:alert(1)", ""),
        ("order/abc/", ""),
        ("http://testserver/order/abc/", ""),
        ("", ""),
    ],
)
def test_only_paths_of_this_host_are_a_way_back(named, kept):
    assert way_back(RequestFactory().get("/sign-up/", {"next": named})) == kept


def test_a_strangers_address_in_next_leads_to_the_products(msp):
    client = visitor()
    typed(client, "https://evil.example/")

    assert confirmed(client, mailed_code()).redirect_chain[0][0] == reverse("catalog:home")


# --- By whose door ----------------------------------------------------------------------------------------------------------------


def request_of(user=None):
    request = RequestFactory().get("/")
    request.session, request.user = Client().session, user or AnonymousUser()
    return request


def test_the_door_entered_last_counts(personas: Personas):
    request = request_of()

    arrive_at(request, personas.reseller)
    arrive_at(request, personas.msp)

    assert request.session[SESSION_KEY] == personas.msp.number
    assert arrived_at(request) == personas.msp


def test_without_a_door_it_is_the_msp(personas: Personas):
    assert arrived_at(request_of()) == personas.msp


def test_for_who_is_signed_in_no_door_is_remembered(personas: Personas):
    request = request_of(personas.carol)

    arrive_at(request, personas.reseller)

    assert SESSION_KEY not in request.session


def test_customers_have_no_door(personas: Personas):
    with pytest.raises(ValueError, match="sells nothing"):
        arrive_at(request_of(), personas.direct_customer)


def test_a_number_of_a_customer_or_of_nobody_in_the_session_means_the_msp(personas: Personas):
    for number in (personas.direct_customer.number, "X1"):
        request = request_of()
        request.session[SESSION_KEY] = number

        assert arrived_at(request) == personas.msp


# --- Closed -----------------------------------------------------------------------------------------------------------------------


def test_where_sign_up_is_closed_the_page_says_whom_to_ask(personas: Personas):
    Organization.objects.filter(pk=personas.reseller.pk).update(sign_up_is_open=False)
    client = visitor(personas.reseller)

    page = client.get(reverse("accounts:sign_up")).content.decode()
    sign_in = client.get(reverse("account_login")).content.decode()
    typed(client)

    assert "Alster IT adds its customers itself" in page
    assert reverse("accounts:sign_up") not in sign_in
    assert "your account manager at Alster IT" in " ".join(sign_in.split())
    assert not Email.objects.exists()
    assert visitor().get(reverse("accounts:sign_up")).context["form"] is not None  # the MSP's own door stays open


def test_a_door_closed_between_typing_and_code_is_closed(msp):
    client = visitor()
    typed(client)
    Organization.objects.update(sign_up_is_open=False)

    done = confirmed(client, mailed_code())

    assert "adds its customers itself" in done.content.decode()
    assert not User.objects.exists()


def test_allauths_own_page_makes_nobody(msp):
    client = Client()

    shown = client.post(reverse("account_signup"), {"email": "n@example.com", "password1": "x" * 20, "password2": "x" * 20})

    assert reverse("accounts:sign_up") in shown.content.decode()
    assert not User.objects.exists()


# --- What strangers learn --------------------------------------------------------------------------------------------------------


def test_nobody_can_tell_by_the_pages_whether_an_address_is_known(personas: Personas):
    def shown(email: str) -> list[tuple[int, str]]:
        client = visitor()
        pages = [client.get(reverse("accounts:sign_up")), typed(client, email=email)]
        pages += [confirmed(client, "WRNG-CODE") for _ in range(6)]
        pages.append(client.post(reverse("accounts:confirm_sign_up"), {"again": "yes"}, follow=True))
        pages.append(confirmed(client, "WRNG-CODE"))
        words = [re.sub(r'(csrfmiddlewaretoken" value=|CSRFToken": )"\w+"', "", page.content.decode()) for page in pages]
        return [(page.status_code, text.replace(email, "E")) for page, text in zip(pages, words, strict=True)]

    assert shown("bob@example.com") == shown("nil@example.com")


def test_who_has_an_account_is_told_so_by_mail_only(personas: Personas, settings):
    client = visitor()

    typed(client, "/order/abc/", email="BOB@example.com")

    mail = Email.objects.get().email_message()
    assert mail.subject == "You have an account with Northwind Cloud GmbH already"
    assert f"{settings.SITE_URL}/accounts/login/?next=%2Forder%2Fabc%2F" in mail.body
    assert reverse("account_reset_password") in mail.alternatives[0][0]
    assert CODE.search(mail.body) is None


def test_the_mail_says_the_code_and_how_long_it_is_good(msp):
    typed(visitor())

    mail = Email.objects.get().email_message()
    assert Email.objects.get().to == ["nina@example.com"]
    assert mailed_code() in mail.subject
    assert mailed_code() in mail.alternatives[0][0]
    assert "15 minutes" in mail.body


def test_the_session_keeps_neither_password_nor_code(msp):
    client = visitor()
    typed(client)

    kept = str(dict(client.session))

    assert TYPED["password"] not in kept
    assert mailed_code() not in kept
    assert mailed_code().replace("-", "") not in kept


# --- Codes and tries --------------------------------------------------------------------------------------------------------------


def test_after_five_wrong_codes_even_the_right_one_is_refused_until_a_new_one_is_mailed(msp):
    client = visitor()
    typed(client)
    old = mailed_code()
    for _ in range(5):
        confirmed(client, "WRNG-CODE")

    refused = confirmed(client, old).content.decode()
    client.post(reverse("accounts:confirm_sign_up"), {"again": "yes"})
    old_again = confirmed(client, old).content.decode()
    confirmed(client, mailed_code())

    assert "Too many wrong codes. Ask for a new one." in refused
    assert "This is not the code we sent last." in old_again
    assert User.objects.count() == 1


@pytest.mark.parametrize(("after", "people"), [(timedelta(minutes=14, seconds=59), 1), (timedelta(minutes=15), 0)])
def test_a_code_is_good_for_fifteen_minutes(msp, after, people):
    client = visitor()
    with time_machine.travel(AT, tick=False):
        typed(client)
    with time_machine.travel(AT + after, tick=False):
        confirmed(client, mailed_code())

    assert User.objects.count() == people


def test_at_most_five_mails_go_to_one_address_an_hour_whoever_asks(msp):
    for _ in range(4):
        typed(visitor())
    client = visitor()
    typed(client)

    more = client.post(reverse("accounts:confirm_sign_up"), {"again": "yes"}, follow=True)
    refused = typed(visitor(), email="NINA@example.com")

    assert "No more codes for now." in more.content.decode()
    assert refused.status_code == 429
    assert TYPED["password"] not in refused.content.decode()
    assert Email.objects.count() == 5


def test_sign_ups_from_one_network_are_limited(msp, settings):
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "sign_up": "2/h/ip"}

    statuses = [typed(visitor(), email=f"n{n}@example.com").status_code for n in range(3)]

    assert statuses == [302, 302, 429]


def test_tries_of_codes_from_one_network_are_limited(msp, settings):
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "sign_up_code": "1/h/ip"}
    client = visitor()
    typed(client)

    statuses = [confirmed(client, "WRNG-CODE").status_code for _ in range(2)]

    assert statuses == [200, 429]


# --- What is typed ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("organization_name", "  ", "Name of your organization is missing."),
        ("organization_name", "x" * 201, "at most 200 characters"),
        ("organization_name", "Prizes at https://evil.example", "without a web address"),
        ("first_name", "WWW.evil.example", "without a web address"),
        ("country", "XX", "Select a valid choice."),
        ("currency", "eur", "Select a valid choice."),
        ("first_name", "", "First name is missing."),
        ("email", "no address", "Enter a valid email address."),
        ("password", "short", "too short"),
        ("password", "nina@example.com", "too similar"),
        ("password", "password1234", "too common"),
        ("email", "nina\x00@example.com", "Null characters are not allowed."),
    ],
)
def test_a_refused_form_says_why_keeps_what_was_typed_and_mails_nothing(msp, field, value, sentence):
    refused = typed(visitor(), **{field: value, "last_name": "Kept <b>"})

    shown = refused.content.decode()
    assert sentence in shown
    assert 'value="Kept &lt;b&gt;"' in shown
    assert TYPED["password"] not in shown
    assert not Email.objects.exists()


# --- The operation ----------------------------------------------------------------------------------------------------------------


def test_the_second_submit_returns_the_same_person(msp):
    first = operations.sign_up(seller=msp, at=AT, **FACTS)

    second = operations.sign_up(seller=msp, at=AT, **FACTS)

    assert second == first
    assert Organization.objects.filter(name="Elbe Bakery").count() == 1


def test_an_address_taken_meanwhile_is_refused_and_makes_no_organization(msp):
    factories.UserFactory(email="NINA@example.com")

    with pytest.raises(AddressKnown):
        operations.sign_up(seller=msp, at=AT, **FACTS)

    assert not Organization.objects.filter(name="Elbe Bakery").exists()


def test_an_address_taken_between_mail_and_code_leads_to_sign_in(msp):
    client = visitor()
    typed(client)
    factories.UserFactory(email="nina@example.com")

    done = confirmed(client, mailed_code())

    assert done.redirect_chain[-1][0] == reverse("account_login")
    assert "You have an account with this e-mail address already. Sign in with it." in done.content.decode()
    assert "_auth_user_id" not in client.session


def test_nobody_signs_up_under_a_customer(msp):
    with pytest.raises(SignUpClosed):
        operations.sign_up(seller=factories.OrganizationFactory(), at=AT, **FACTS)


@pytest.mark.django_db(transaction=True)
def test_two_submits_at_once_make_one_person_and_one_organization(msp):
    both_ready, people = threading.Barrier(2), []

    def work() -> None:
        both_ready.wait()
        people.append(operations.sign_up(seller=msp, at=AT, **FACTS))
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(people) == 2
    assert people[0] == people[1]
    assert Organization.objects.filter(name="Elbe Bakery").count() == 1


# --- The back office --------------------------------------------------------------------------------------------------------------


def test_the_back_office_opens_and_closes_sign_up_for_sellers_only(personas: Personas):
    client = personas.client("root")

    def page(organization: Organization) -> str:
        return client.get(reverse("admin:accounts_organization_change", args=[organization.pk])).content.decode()

    assert 'name="sign_up_is_open"' in page(personas.msp)
    assert 'name="sign_up_is_open"' in page(personas.reseller)
    assert 'name="sign_up_is_open"' not in page(personas.direct_customer)
