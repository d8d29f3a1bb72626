"""The pages from basket to order: what they show, keep, refuse, and to whom."""

import re
from uuid import uuid4

import pytest
from django.urls import reverse
from post_office.models import Email

from accounts.models import Membership, Organization
from catalog.models import Plan, TermsDocument
from common.errors import FieldRefused
from ordering.models import Basket, Order, OrderLine, TermsAcceptance
from ordering.operations import execution
from provisioning.acronis.errors import TransportFailed
from provisioning.models import Activation, ServiceManager, VendorAction
from provisioning.operations import converging, logins
from tests import factories
from tests.ordering.conftest import AT

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_worker", "every_login_is_free")]

BASKET, TERMS, BILLING = "/basket/", "/checkout/terms/", "/checkout/billing/"
SERVICE, REVIEW = "/checkout/service/", "/checkout/review/"


@pytest.fixture
def dora(shop):
    return shop.personas.client("dora")


@pytest.fixture
def alice(shop):
    return shop.personas.client("alice")


def text_of(response):
    assert response.status_code == 200
    return response.content.decode()


def settings_of(basket, **changes):
    line = basket.lines.get()
    answer = {"quantity": "1", "protection_model": "per_gigabyte", "file_sync_model": "per_user"}
    return {f"{line.pk}-{name}": value for name, value in {**answer, **changes}.items()}


def error_at(page, field_id):
    """The sentences beside the field of this id."""
    return re.findall(rf'class="field-error" id="{re.escape(field_id)}_error">([^<]+)<', page)


# The whole way


def test_a_direct_customer_goes_from_the_product_to_its_order(shop, dora):
    assert dora.post(f"/basket/add/{shop.plan.number}/", {"quantity": "1"}).url == BASKET
    basket = Basket.objects.get()
    page = text_of(dora.get(BASKET))
    assert "Product Settings" in page
    assert "Protection service that is getting enabled based on the “per gigabyte” licensing model." in page
    assert "File Sync &amp; Share service that is getting enabled based on the “per workload” licensing model." in page
    assert "Proceed to checkout" in page

    assert dora.post(BASKET, {"action": "proceed", **settings_of(basket)}).url == TERMS
    assert "You use the service as agreed." in text_of(dora.get(TERMS))
    assert dora.post(TERMS, {f"document-{shop.terms.pk}": "on"}).url == BILLING
    assert "Hauptstraße 1" in text_of(dora.get(BILLING))
    assert dora.post(BILLING, {"action": "confirm"}).url == SERVICE
    page = text_of(dora.get(SERVICE))
    assert "Login Username" in page
    assert "dora@example.com" in page
    assert dora.post(SERVICE, {"login": "jane.doe", "email": "jane@example.com"}).url == REVIEW
    page = text_of(dora.get(REVIEW))
    assert "jane.doe" in page
    assert ">Checkout</button>" in page
    answer = dora.post(REVIEW, {"basket": basket.key, "purchase_order": "PO 1"})

    order = Order.objects.get()
    assert answer.url == f"/orders/{order.number}/"
    assert order.lines.get().login == "jane.doe"
    assert order.placed_from == "127.0.0.1"
    assert "Order received" in text_of(dora.get(answer.url))
    assert "Your basket is empty" in text_of(dora.get(BASKET))


def test_a_reseller_adds_a_new_customer_on_the_way(shop, alice):
    alice.post(f"/basket/add/{shop.plan.number}/")
    basket = Basket.objects.get()
    answer = alice.post(
        BASKET, {"action": "new_customer", **settings_of(basket, file_sync_model="", protection_model="per_workload")}
    )
    assert answer.url == "/basket/customer/"
    customer = {
        "name": "Elbe Optik",
        "billing_email": "elbe@example.com",
        "address_line1": "Elbchaussee 1",
        "postcode": "22765",
        "city": "Hamburg",
        "country": "DE",
    }
    assert alice.post("/basket/customer/", customer).url == BASKET

    page = text_of(alice.get(BASKET))
    made = Organization.objects.get(name="Elbe Optik")
    assert f'value="{made.number}" selected' in page
    assert 'value="per_workload" selected' in page
    assert alice.post(BASKET, {"action": "proceed", "consumer": made.number, **settings_of(basket)}).url == TERMS


# Every page tells what, for whom, how it is metered, what is due and when it is billed


@pytest.mark.parametrize("path", [BASKET, TERMS, BILLING, SERVICE, REVIEW])
def test_the_summary_stands_beside_every_step(shop, dora, path):
    shop.complete()

    page = text_of(dora.get(path))

    for fact in (shop.plan.name, "Dora Design", "Acronis meters the gigabytes that are stored.", "0.00 EUR", "1 Nov 2026"):
        assert fact in page


def test_the_stepper_shows_only_the_steps_this_buyer_has(shop, dora):
    shop.confirmed()
    assert ">Service details</li>" in text_of(dora.get(SERVICE))

    tenant = factories.TenantFactory(organization=shop.personas.direct_customer, service_manager=shop.plan.service_manager)
    factories.TenantUserFactory(tenant=tenant)

    assert dora.get(SERVICE).url == REVIEW
    assert "Service details" not in text_of(dora.get(REVIEW))


@pytest.mark.parametrize(
    ("done", "missing"), [("basket", BASKET), ("configured", TERMS), ("accepted", BILLING), ("confirmed", SERVICE)]
)
def test_no_step_can_be_skipped(shop, dora, done, missing):
    getattr(shop, done)()
    later = [
        path
        for path in (TERMS, BILLING, SERVICE, REVIEW)
        if [BASKET, TERMS, BILLING, SERVICE, REVIEW].index(path) > [BASKET, TERMS, BILLING, SERVICE, REVIEW].index(missing)
    ]

    for path in later:
        assert dora.get(path).url == missing
    assert text_of(dora.get(missing))


def test_without_a_basket_every_step_leads_to_the_empty_basket(shop, dora):
    for path in (TERMS, BILLING, SERVICE, REVIEW):
        assert dora.get(path).url == BASKET


def test_going_back_finds_what_was_typed(shop, dora):
    shop.complete()

    assert 'value="per_gigabyte" selected' in text_of(dora.get(BASKET))
    assert "checked" in text_of(dora.get(TERMS))
    page = text_of(dora.get(SERVICE))
    assert 'value="jane.doe"' in page
    assert 'value="jane@example.com"' in page


# Refusals stand beside their field, and nothing is half done


@pytest.mark.parametrize("quantity", ["2", "0", "-1", "", "one", "1.5"])
def test_a_quantity_other_than_one_is_refused_beside_the_field(shop, dora, quantity):
    basket = shop.basket()

    page = text_of(dora.post(BASKET, {"action": "proceed", **settings_of(basket, quantity=quantity)}))

    assert error_at(page, f"id_{basket.lines.get().pk}-quantity") == ["Pay-as-you-go products are ordered with quantity 1."]
    assert f'href="#id_{basket.lines.get().pk}-quantity"' in page
    assert basket.lines.get().quantity == 1


@pytest.mark.parametrize("quantity", ["2", "x", "99999999999999"])
def test_a_product_page_that_asks_for_more_than_one_is_refused(shop, dora, quantity):
    answer = dora.post(f"/basket/add/{shop.plan.number}/", {"quantity": quantity}, follow=True)

    assert "Pay-as-you-go products are ordered with quantity 1." in text_of(answer)
    assert not Basket.objects.exists()


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ("protection_model", "Choose a Protection Licensing Model."),
        ("file_sync_model", "Choose a File Sync &amp; Share Licensing Model."),
    ],
)
@pytest.mark.parametrize("sent", ["", "per_sheep"])
def test_a_missing_or_invented_licensing_model_is_refused_beside_the_field(shop, dora, field, sentence, sent):
    basket = shop.basket()

    page = text_of(dora.post(BASKET, {"action": "proceed", **settings_of(basket, **{field: sent})}))

    assert error_at(page, f"id_{basket.lines.get().pk}-{field}") == [sentence]
    assert basket.lines.get().protection_model == ""


def test_a_reseller_must_choose_one_of_its_own_customers(shop, alice):
    basket = shop.basket(owner=shop.personas.alice, buyer=shop.personas.reseller)

    for number, sentence in (
        ("", "Choose the customer this is for."),
        (shop.personas.direct_customer.number, "Choose one of your own customers."),
    ):
        page = text_of(alice.post(BASKET, {"action": "proceed", "consumer": number, **settings_of(basket)}))
        assert error_at(page, "id_consumer") == [sentence]


def test_a_consumer_with_a_subscription_is_refused_beside_the_field(shop, alice):
    basket = shop.basket(owner=shop.personas.alice, buyer=shop.personas.reseller)
    consumer = shop.personas.resellers_customer
    factories.ServiceFactory(tenant=factories.TenantFactory(organization=consumer, service_manager=shop.plan.service_manager))

    page = text_of(alice.post(BASKET, {"action": "proceed", "consumer": consumer.number, **settings_of(basket)}))

    assert "Café Carol has one already" in error_at(page, "id_consumer")[0]


def test_a_direct_customer_with_a_subscription_is_told_so(shop, dora):
    basket = shop.configured()
    factories.ServiceFactory(tenant=factories.TenantFactory(organization=basket.buyer, service_manager=shop.plan.service_manager))

    assert "Dora Design has one already" in text_of(dora.get(BASKET))
    assert "Dora Design has one already" in text_of(dora.post(BASKET, {"action": "proceed", **settings_of(basket)}))
    assert dora.get(TERMS).url == BASKET


def test_terms_that_are_not_accepted_are_refused_beside_the_tick(shop, dora):
    shop.configured()

    page = text_of(dora.post(TERMS, {}))

    assert error_at(page, f"id_document-{shop.terms.pk}") == ["Accept the Acronis Terms of Use to go on."]
    assert not TermsAcceptance.objects.exists()


def test_terms_that_are_not_published_stop_the_checkout_with_a_sentence(shop, dora):
    shop.configured()
    TermsDocument.objects.all().delete()

    assert "not published yet" in text_of(dora.get(TERMS))
    assert "not published yet" in text_of(dora.post(TERMS, {}))


def test_a_malformed_login_is_refused_beside_the_field_and_kept(shop, dora):
    shop.confirmed()

    page = text_of(dora.post(SERVICE, {"login": "jane doe", "email": "jane@example.com"}))

    assert "no spaces" in error_at(page, "id_login")[0]
    assert 'value="jane doe"' in page
    assert not Basket.objects.get().login


def test_a_login_taken_at_the_vendor_is_refused_beside_the_field(shop, dora, monkeypatch):
    def taken(*, service_manager, login):
        raise FieldRefused("login", f"{login} is taken. Choose another.")

    monkeypatch.setattr(logins, "check_login", taken)
    shop.confirmed()

    page = text_of(dora.post(SERVICE, {"login": "jane.doe", "email": "jane@example.com"}))

    assert error_at(page, "id_login") == ["jane.doe is taken. Choose another."]
    assert not Basket.objects.get().login


def test_a_silent_vendor_lets_the_buyer_go_on_with_a_warning(shop, dora, monkeypatch):
    def silent(*, service_manager, login):
        raise logins.CannotCheck("Acronis could not tell.")

    monkeypatch.setattr(logins, "check_login", silent)
    shop.confirmed()

    page = text_of(dora.post(SERVICE, {"login": "jane.doe", "email": "jane@example.com"}, follow=True))

    assert "Acronis could not tell. You can go on" in page
    assert Basket.objects.get().login == "jane.doe"


def test_a_malformed_email_is_refused_beside_the_field(shop, dora):
    shop.confirmed()

    page = text_of(dora.post(SERVICE, {"login": "jane.doe", "email": "jane@"}))

    assert error_at(page, "id_email") == ["Enter an e-mail address like jane.doe@example.com."]


@pytest.mark.parametrize("path", [BASKET, TERMS, BILLING, SERVICE, REVIEW])
def test_a_plan_withdrawn_meanwhile_leaves_with_a_notice(shop, dora, path):
    shop.complete()
    Plan.objects.filter(pk=shop.plan.pk).update(status=Plan.Status.ARCHIVED)

    page = text_of(dora.get(path, follow=True))

    assert "is not sold any more. We took it out of your basket." in page
    assert "Your basket is empty" in page


def test_a_plan_withdrawn_at_the_last_moment_is_not_ordered(shop, dora):
    basket = shop.complete()
    Plan.objects.filter(pk=shop.plan.pk).update(status=Plan.Status.ARCHIVED)

    page = text_of(dora.post(REVIEW, {"basket": basket.key}, follow=True))

    assert "We took it out of your basket." in page
    assert not Order.objects.exists()


def test_a_login_taken_at_the_last_moment_leads_back_to_it(shop, dora):
    basket = shop.complete()
    factories.TenantUserFactory(tenant__service_manager=shop.plan.service_manager, login="jane.doe")

    page = text_of(dora.post(REVIEW, {"basket": basket.key}, follow=True))

    assert "jane.doe is taken" in page
    assert "Login Username" in page
    assert not Order.objects.exists()


def test_a_second_plan_of_the_same_service_manager_is_refused_on_its_page(shop, dora):
    shop.basket()
    other = factories.PlanFactory(service_manager=shop.plan.service_manager)

    page = text_of(dora.post(f"/basket/add/{other.number}/", follow=True))

    assert "Only one Acronis subscription is allowed per service manager." in page


def test_a_new_customer_with_gaps_is_refused_beside_the_fields(shop, alice):
    shop.basket(owner=shop.personas.alice, buyer=shop.personas.reseller)

    page = text_of(alice.post("/basket/customer/", {"name": "Elbe", "billing_email": "elbe", "country": "XX"}))

    assert error_at(page, "id_billing_email") == ["Enter an e-mail address like jane.doe@example.com."]
    assert error_at(page, "id_city") == ["Enter the city."]
    assert error_at(page, "id_country")
    assert not Organization.objects.filter(name="Elbe").exists()


def test_a_customer_in_hong_kong_has_no_postcode(shop, alice):
    shop.basket(owner=shop.personas.alice, buyer=shop.personas.reseller)
    customer = {"name": "Victoria", "billing_email": "v@example.com", "address_line1": "1 Peak Road", "city": "Hong Kong"}

    page = text_of(alice.post("/basket/customer/", {**customer, "country": "DE"}))
    assert error_at(page, "id_postcode") == ["Enter the postcode."]

    assert alice.post("/basket/customer/", {**customer, "country": "HK"}).url == BASKET
    assert Organization.objects.get(name="Victoria").postcode == ""


# Billing information


def test_an_administrator_changes_the_billing_information(shop, dora):
    shop.accepted()
    assert "Change billing information" in text_of(dora.get(BILLING))
    address = {
        "billing_email": "new@example.com",
        "address_line1": "Neue Straße 2",
        "postcode": "20457",
        "city": "Hamburg",
        "country": "DE",
    }

    assert dora.post(BILLING, {"action": "save", **address}).url == BILLING

    page = text_of(dora.get(BILLING))
    assert "Neue Straße 2" in page
    assert Basket.objects.get().billing_confirmed_at is None


def test_a_buyer_who_is_no_administrator_only_looks(shop, dora):
    shop.accepted()
    Membership.objects.filter(user=shop.personas.dora).update(role=Membership.Role.BUYER)

    assert "Change billing information" not in text_of(dora.get(f"{BILLING}?edit=1"))
    assert dora.post(BILLING, {"action": "save", "city": "Bonn"}).status_code == 403


def test_incomplete_billing_information_cannot_be_confirmed(shop, dora):
    shop.accepted()
    Organization.objects.filter(pk=shop.personas.direct_customer.pk).update(city="")

    assert 'name="city"' in text_of(dora.get(BILLING))
    assert 'name="city"' in text_of(dora.post(BILLING, {"action": "confirm"}))
    assert dora.get(REVIEW).url == BILLING

    Membership.objects.filter(user=shop.personas.dora).update(role=Membership.Role.BUYER)
    assert "Ask an administrator" in text_of(dora.get(BILLING))


# Ordering


def test_checkout_pressed_twice_shows_the_same_order(shop, dora):
    basket = shop.complete()

    first = dora.post(REVIEW, {"basket": basket.key})
    second = dora.post(REVIEW, {"basket": basket.key})

    assert first.url == second.url
    assert Order.objects.count() == 1
    assert Email.objects.count() == 1


@pytest.mark.parametrize("key", ["", "x", "9d8aaaa5-8640-43bb-bb48-4ffecfe67633"])
def test_a_basket_that_is_not_there_orders_nothing(shop, dora, key):
    shop.complete()

    answer = dora.post(REVIEW, {"basket": key})

    assert answer.status_code in (302, 404)
    assert not Order.objects.exists()


def test_nobody_orders_somebody_elses_basket(shop, alice):
    basket = shop.complete()

    assert alice.post(REVIEW, {"basket": basket.key}).status_code == 404
    assert not Order.objects.exists()


# The live check of the login


def test_the_live_check_says_that_a_login_is_free(shop, dora):
    shop.confirmed()

    fragment = text_of(dora.post("/login-check/", {"login": "jane.doe"}, headers={"HX-Request": "true"}))

    assert "jane.doe is free" in fragment
    assert "<html" not in fragment
    assert dora.post("/login-check/", {"login": "jane.doe"}).json() == {
        "login": "jane.doe",
        "free": True,
        "sentence": "jane.doe is free.",
    }


def test_the_live_check_says_why_not(shop, dora):
    shop.confirmed()

    assert dora.post("/login-check/", {"login": "a"}).json()["free"] is False
    assert "at least 3 characters" in text_of(dora.post("/login-check/", {"login": "a"}, headers={"HX-Request": "true"}))


# The order page


def working(order, *, status="done", error="", sentence="Create the tenant Dora Design"):
    """Let something have been done at the vendor for the order."""
    line = order.lines.get()
    if line.service is None:
        tenant = factories.TenantFactory(organization=order.consumer, service_manager=line.plan.service_manager)
        line.service = factories.ServiceFactory(tenant=tenant)
        line.save()
    VendorAction.objects.create(
        tenant=line.service.tenant, kind="create_tenant", sentence=sentence, status=status, error=error, started_at=AT, ended_at=AT
    )
    return line


def test_an_order_in_progress_polls_and_shows_each_step(shop, dora):
    order = shop.order()
    working(order)
    working(order, sentence="Create the user jane.doe", status="started")

    page = text_of(dora.get(f"/orders/{order.number}/"))

    assert 'hx-trigger="every 1500ms"' in page
    assert '<li class="done">Create the tenant Dora Design' in page
    assert '<li class="started">Create the user jane.doe' in page
    assert "Refresh</a>" in page


def test_the_fragment_is_the_part_the_page_includes(shop, dora):
    order = shop.order()
    working(order)

    page = text_of(dora.get(f"/orders/{order.number}/"))
    fragment = text_of(dora.get(f"/orders/{order.number}/progress/", headers={"HX-Request": "true"}))

    assert fragment.strip().startswith('<section id="progress"')
    assert re.sub(r'csrfmiddlewaretoken" value="\w+"', "", fragment).strip() in re.sub(
        r'csrfmiddlewaretoken" value="\w+"', "", page
    )
    assert dora.get(f"/orders/{order.number}/progress/").url == f"/orders/{order.number}/"


def test_steps_of_an_earlier_order_are_not_shown(shop, dora):
    order = shop.order()
    line = working(order)
    VendorAction.objects.update(started_at=AT.replace(year=2025))

    assert "Create the tenant" not in text_of(dora.get(f"/orders/{order.number}/"))
    assert line.service.tenant.actions.count() == 1


def test_a_silent_vendor_is_explained_with_the_time_of_the_next_try(shop, dora, monkeypatch):
    def silent(tenant_id, *, clock):
        raise TransportFailed("Acronis did not answer POST /tenants in time.", retryable=True)

    monkeypatch.setattr(converging, "converge", silent)
    order = shop.order()
    execution.execute_line(line_id=order.lines.get().pk, clock=lambda: AT)

    page = text_of(dora.get(f"/orders/{order.number}/"))

    assert "Acronis does not answer as it should at the moment." in page
    assert "We try again at 1 Oct 2026, 14:00 CEST; what is done already stays." in page
    assert "What happened</summary>Acronis did not answer POST /tenants in time." in page
    assert "hx-trigger" in page


def fail(order, sentence="The login jane.doe is taken at Acronis."):
    order.lines.update(status=OrderLine.Status.FAILED, error=sentence, next_try_at=None)
    Order.objects.filter(pk=order.pk).update(status=Order.Status.FAILED)


def test_a_failed_order_says_why_and_offers_retry(shop, dora):
    order = shop.order()
    fail(order)

    page = text_of(dora.get(f"/orders/{order.number}/"))
    assert "The login jane.doe is taken at Acronis." in page
    assert "hx-trigger" not in page
    assert ">Retry</button>" in page

    assert dora.post(f"/orders/{order.number}/retry/").url == f"/orders/{order.number}/"
    order.refresh_from_db()
    assert order.status == Order.Status.EXECUTING


def test_a_login_taken_meanwhile_is_changed_and_retried(shop, dora):
    order = shop.order()
    fail(order)
    path = f"/orders/{order.number}/service/"
    assert path in text_of(dora.get(f"/orders/{order.number}/"))

    refused = text_of(dora.post(path, {"login": "x", "email": "jane@example.com"}))
    assert error_at(refused, "id_login")
    assert dora.post(path, {"login": "jane2", "email": "jane@example.com"}).url == f"/orders/{order.number}/"

    assert order.lines.get().login == "jane2"


def test_a_completed_order_leads_to_the_portal(shop, dora, monkeypatch):
    monkeypatch.setattr(converging, "converge", lambda tenant_id, *, clock: None)
    order = shop.order()
    execution.execute_line(line_id=order.lines.get().pk, clock=lambda: AT)

    page = text_of(dora.get(f"/orders/{order.number}/"))

    assert 'href="http://acronis.test/mc/" target="_blank" rel="noopener">' in page
    assert "Manage Your Service" in page
    assert "activation email to jane@example.com" in page
    assert "hx-trigger" not in page
    assert order.lines.get().subscription.number in page


def test_who_gets_a_password_of_ours_is_led_to_it_and_waits_for_no_mail(shop, dora, monkeypatch):
    monkeypatch.setattr(converging, "converge", lambda tenant_id, *, clock: None)
    ServiceManager.objects.update(activation=Activation.PASSWORD)
    order = shop.order()
    execution.execute_line(line_id=order.lines.get().pk, clock=lambda: AT)

    page, mail = text_of(dora.get(f"/orders/{order.number}/")), Email.objects.order_by("pk").last().email_message().body

    assert "Sign in at Acronis as jane.doe with the password we made." in page
    assert "activation email" not in page
    assert "jane.doe signs in at Acronis with the password on the page of the service." in mail
    assert "activation email" not in mail


def test_the_hint_at_the_email_says_what_acronis_sends_there(shop, dora):
    shop.confirmed()

    by_mail = text_of(dora.get(SERVICE))
    ServiceManager.objects.update(activation=Activation.PASSWORD)
    by_password = text_of(dora.get(SERVICE))

    assert "Acronis sends the activation email here." in by_mail
    assert "We generate the password; the page of the service shows it." in by_password
    assert "activation email" not in by_password


def test_a_waiting_order_can_be_cancelled_by_its_buyer(shop, dora):
    Organization.objects.update(orders_execute_automatically=False)
    order = shop.order()
    assert "Cancel order" in text_of(dora.get(f"/orders/{order.number}/"))

    dora.post(f"/orders/{order.number}/cancel/")

    assert "This order was cancelled." in text_of(dora.get(f"/orders/{order.number}/"))


def test_a_begun_order_is_cancelled_and_the_page_says_that_it_is_deleted_at_the_vendor(shop, dora):
    order = shop.order()
    tenant = factories.TenantFactory(organization=order.consumer, service_manager=shop.plan.service_manager)
    fail(order)
    order.lines.update(service=factories.ServiceFactory(tenant=tenant))
    assert "Cancel order" in text_of(dora.get(f"/orders/{order.number}/"))

    dora.post(f"/orders/{order.number}/cancel/")

    assert "What was begun at Acronis is deleted there again." in text_of(dora.get(f"/orders/{order.number}/"))


def test_a_refused_move_is_told_on_the_order_page(shop, dora):
    order = shop.order()

    page = text_of(dora.post(f"/orders/{order.number}/cancel/", follow=True))

    assert "cannot become Cancelled" in page


# The list


def test_the_list_is_searched_and_narrowed(shop, dora, alice):
    order = shop.order()
    fail(order)

    assert order.number in text_of(dora.get("/orders/"))
    for found in ({"q": order.number.lower()}, {"q": "dora"}, {"q": shop.plan.name[:12]}, {"status": "failed"}):
        assert f"/orders/{order.number}/" in text_of(dora.get("/orders/", found))
    for missed in ({"q": "nothing like it"}, {"status": "completed"}):
        assert "No order matches" in text_of(dora.get("/orders/", missed))
    assert "No orders yet" in text_of(alice.get("/orders/"))


def test_the_list_has_pages(shop, dora):
    first = shop.order()
    rows = [
        Order(
            number=f"O9{n:03}",
            source="bss",
            buyer=first.buyer,
            consumer=first.consumer,
            placed_by=first.placed_by,
            currency="EUR",
            placed_at=AT,
            key=uuid4(),
        )
        for n in range(30)
    ]
    Order.objects.bulk_create(rows)

    assert "Page 1 of 2" in text_of(dora.get("/orders/"))
    assert first.number in text_of(dora.get("/orders/", {"page": 2}))
    assert "Page 2 of 2" in text_of(dora.get("/orders/", {"page": "999"}))


# Who may


def paths(order):
    number = order.number
    return {
        "order": ("get", f"/orders/{number}/"),
        "progress": ("get", f"/orders/{number}/progress/"),
        "retry": ("post", f"/orders/{number}/retry/"),
        "cancel": ("post", f"/orders/{number}/cancel/"),
        "change": ("post", f"/orders/{number}/service/"),
    }


@pytest.mark.parametrize(
    ("person", "answers"),
    [
        ("nobody", {"order": 302, "progress": 302, "retry": 302, "cancel": 302, "change": 302}),
        ("stranger", {"order": 403, "progress": 403, "retry": 403, "cancel": 403, "change": 403}),
        ("bob", {"order": 404, "progress": 404, "retry": 404, "cancel": 404, "change": 404}),
        ("dora", {"order": 404, "progress": 404, "retry": 404, "cancel": 404, "change": 404}),
        ("carol", {"order": 200, "progress": 200, "retry": 403, "cancel": 403, "change": 403}),
        ("alice", {"order": 200, "progress": 200, "retry": 302, "cancel": 302, "change": 302}),
    ],
)
def test_who_may_see_and_move_a_resellers_order(shop, person, answers):
    p = shop.personas
    order = shop.order(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer)
    client = p.client(person)

    found = {
        name: getattr(client, method)(path, headers={"HX-Request": "true"}).status_code
        for name, (method, path) in paths(order).items()
    }

    assert found == answers


def test_a_viewer_looks_and_changes_nothing(shop):
    order = shop.order()
    vic = shop.personas.client("vic")

    page = text_of(vic.get(f"/orders/{order.number}/"))
    fail(order)

    assert "Retry" not in page
    assert "Retry" not in text_of(vic.get(f"/orders/{order.number}/"))
    for path in ("retry", "cancel", "service"):
        assert vic.post(f"/orders/{order.number}/{path}/").status_code == 403
    for path in (
        f"/basket/add/{shop.plan.number}/",
        f"/basket/remove/{shop.plan.number}/",
        BASKET,
        TERMS,
        BILLING,
        SERVICE,
        REVIEW,
        "/login-check/",
    ):
        assert vic.post(path).status_code == 403
    order.refresh_from_db()
    assert order.status == Order.Status.FAILED


def test_a_person_of_two_organizations_sees_the_orders_of_the_one_acted_for(shop):
    order = shop.order()
    factories.MembershipFactory(user=shop.personas.bob, organization=shop.personas.direct_customer, role=Membership.Role.VIEWER)
    client = shop.personas.client("bob")

    assert client.get(f"/orders/{order.number}/").status_code == 404

    session = client.session
    session["acting_for"] = shop.personas.direct_customer.pk
    session.save()
    assert client.get(f"/orders/{order.number}/").status_code == 200


def test_moves_are_posts(shop, dora):
    order = shop.order()

    for path in (
        f"/orders/{order.number}/retry/",
        f"/orders/{order.number}/cancel/",
        f"/basket/add/{shop.plan.number}/",
        "/login-check/",
    ):
        assert dora.get(path).status_code == 405


def test_a_plan_that_is_not_for_sale_to_me_is_not_there(shop):
    assert shop.personas.client("bob").post(f"/basket/add/{shop.plan.number}/").status_code == 404


# How much is read


@pytest.mark.parametrize("path", [BASKET, TERMS, BILLING, SERVICE, REVIEW])
def test_pages_of_the_checkout_read_at_most_eight_times(shop, dora, path, django_assert_max_num_queries):
    shop.complete()
    dora.get(path)

    with django_assert_max_num_queries(8):
        dora.get(path)


def test_the_basket_of_a_reseller_reads_at_most_eight_times(shop, alice, django_assert_max_num_queries):
    factories.OrganizationFactory.create_batch(5, parent=shop.personas.reseller)
    shop.basket(owner=shop.personas.alice, buyer=shop.personas.reseller)

    with django_assert_max_num_queries(8):
        alice.get(BASKET)


def test_the_list_of_orders_reads_no_more_with_more_orders(shop, alice, django_assert_max_num_queries):
    p = shop.personas
    for n in range(4):
        shop.order(login=f"user{n}", owner=p.alice, buyer=p.reseller, consumer=factories.OrganizationFactory(parent=p.reseller))

    with django_assert_max_num_queries(8):
        assert text_of(alice.get("/orders/")).count("<tr>") == 5


def test_the_order_page_reads_no_more_with_more_steps(shop, dora, django_assert_max_num_queries):
    order = shop.order()
    for n in range(10):
        working(order, sentence=f"Step {n}")

    with django_assert_max_num_queries(8):
        dora.get(reverse("ordering:order", args=[order.number]))


def test_pages_hold_no_inline_script_or_style(shop, dora):
    order = shop.order(login="first")
    OrderLine.objects.update(status="cancelled")
    shop.complete()

    for path in (BASKET, TERMS, BILLING, SERVICE, REVIEW, "/orders/", f"/orders/{order.number}/"):
        page = text_of(dora.get(path))
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page), path
