"""
Every way to order, in the system's Chromium on a desktop and on a phone, and no page of it that keeps somebody out.

Changes of a running service have tests of their own beside this file.
"""

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from accounts.models import Organization
from catalog.models import OrderUrl, Plan
from ordering.models import Basket, Order
from tests import factories
from tests.browser.accessible import looked_at
from tests.browser.keyboard import choose_by_key, press_on, reach
from tests.browser.windows import signed_in, window
from tests.conftest import LocalAcronis, Personas

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def plan(acronis: LocalAcronis, personas: Personas) -> Plan:
    """On sale by the MSP and by Alice."""
    factories.TermsDocumentFactory()
    plan: Plan = factories.PlanFactory(service_manager=acronis.service_manager, name="Cyber Protect")
    factories.PartnerTermsFactory(reseller=personas.reseller, plan=plan)
    factories.PartnerPriceFactory(reseller=personas.reseller, plan=plan)
    return plan


def into_basket(page: Page, plan: Plan) -> None:
    page.goto(f"/products/{plan.number}/")
    page.click("form[action^='/basket/add/'] button")


def choose_settings(page: Page) -> None:
    page.select_option("select[name$=protection_model]", label="Per gigabyte")
    page.select_option("select[name$=file_sync_model]", label="Per user")


def proceed(page: Page) -> None:
    page.locator("button:has-text('Proceed to checkout')").last.click()


def accept_and_confirm(page: Page) -> None:
    page.check("main input[type=checkbox]")
    page.click("text=Accept and continue")
    page.click("text=Confirm and continue")


def give_service_details(page: Page, login: str) -> None:
    page.fill("[name=login]", login)
    expect(page.locator("#login-answer")).to_contain_text(f"{login} is free")
    page.fill("[name=email]", f"{login}@example.com")
    page.locator("button:has-text('Continue')").last.click()


def checkout(page: Page) -> None:
    page.locator("button:has-text('Checkout')").last.click()


def test_a_direct_customer_orders_first_and_every_page_lets_everybody_in(dora: Page, plan: Plan) -> None:
    found: list[str] = []
    dora.goto("/basket/")
    looked_at(dora, found)
    into_basket(dora, plan)
    looked_at(dora, found)
    proceed(dora)
    expect(dora.locator("[data-error-summary]")).to_be_focused()
    looked_at(dora, found)
    choose_settings(dora)
    proceed(dora)
    looked_at(dora, found)
    dora.check("main input[type=checkbox]")
    dora.click("text=Accept and continue")
    looked_at(dora, found)
    dora.click("text=Change billing information")
    looked_at(dora, found)
    dora.click("text=Back without saving")
    dora.click("text=Confirm and continue")
    dora.fill("[name=login]", "msp-admin")
    expect(dora.locator("#login-answer")).to_contain_text("msp-admin is taken")
    looked_at(dora, found)
    dora.click("#login-answer button:has-text('msp-admin.dora')")
    expect(dora.locator("[name=login]")).to_have_value("msp-admin.dora")
    expect(dora.locator("#login-answer")).to_contain_text("msp-admin.dora is free")
    dora.fill("[name=email]", "dora@example.com")
    dora.locator("button:has-text('Continue')").last.click()
    looked_at(dora, found)
    checkout(dora)

    expect(dora.locator("#progress")).to_contain_text("Your service is ready")
    looked_at(dora, found)
    dora.locator("a[href*='/terms/']").first.click()
    looked_at(dora, found)
    dora.goto("/orders/")
    looked_at(dora, found)
    dora.goto("/services/")
    looked_at(dora, found)
    dora.click("main table a")
    looked_at(dora, found)
    dora.click("summary:has-text('Actions')")
    expect(dora.get_by_role("link", name="Update username/password").first).to_be_visible()
    assert found == []
    assert Order.objects.get().status == Order.Status.COMPLETED


def test_a_second_subscription_is_refused_and_a_second_order_asks_for_no_service_details(
    dora: Page, plan: Plan, personas: Personas
) -> None:
    tenant = factories.TenantFactory(organization=personas.direct_customer, service_manager=plan.service_manager)
    factories.TenantUserFactory(tenant=tenant)
    into_basket(dora, plan)
    choose_settings(dora)
    proceed(dora)
    expect(dora.locator(".stepper")).not_to_contain_text("Service details")
    accept_and_confirm(dora)
    expect(dora.locator("h1")).to_have_text("Review your order")
    factories.ServiceFactory(tenant=tenant)  # somebody else got one meanwhile

    checkout(dora)

    expect(dora.locator("main")).to_contain_text("Only one Acronis subscription is allowed per service manager.")
    assert not Order.objects.exists()


def test_a_reseller_orders_for_a_customer_it_adds_on_the_way_and_for_one_it_has(alice: Page, plan: Plan) -> None:
    into_basket(alice, plan)
    choose_settings(alice)
    alice.click("text=Add a new customer")
    for name, value in {
        "name": "Neu GmbH",
        "billing_email": "neu@example.com",
        "address_line1": "Weg 1",
        "postcode": "10115",
        "city": "Berlin",
    }.items():
        alice.fill(f"[name={name}]", value)
    found: list[str] = []
    looked_at(alice, found)
    alice.click("text=Add customer")
    expect(alice.locator("select[name$=protection_model]")).to_have_value("per_gigabyte")
    proceed(alice)
    accept_and_confirm(alice)
    give_service_details(alice, "neu.chef")
    checkout(alice)
    expect(alice.locator("#progress")).to_contain_text("Your service is ready")

    into_basket(alice, plan)
    choose_settings(alice)
    alice.select_option("select[name=consumer]", label="Café Carol")
    proceed(alice)
    accept_and_confirm(alice)
    give_service_details(alice, "carol.cafe")
    checkout(alice)

    expect(alice.locator("#progress")).to_contain_text("Your service is ready")
    assert found == []
    assert set(Order.objects.values_list("consumer__name", "status")) == {("Neu GmbH", "completed"), ("Café Carol", "completed")}


def test_an_order_url_followed_signed_out_leads_through_the_sign_in_to_the_order(
    chromium: Browser, live_server, personas: Personas, plan: Plan, size: dict[str, int]
) -> None:
    OrderUrl.objects.create(code="cyber", plan=plan, reseller=personas.reseller, term_months=1, created_at=factories.AT)
    found: list[str] = []
    with window(chromium, live_server.url, **size) as page:
        page.goto("/order/cyber/")
        expect(page.locator(".messages")).to_contain_text("Cyber Protect waits in your basket")
        looked_at(page, found)
        page.click("a.basket-link")
        expect(page.locator("h2")).to_have_text("Cyber Protect")
        looked_at(page, found)
        page.click("text=Sign in to order")
        page.fill("[name=login]", personas.carol.email)
        page.fill("[name=password]", "correct horse battery")
        page.locator("main button[type=submit]").click()

        expect(page.locator(".messages")).to_contain_text("is in your basket")
        choose_settings(page)
        proceed(page)
        accept_and_confirm(page)
        give_service_details(page, "carol.cafe")
        checkout(page)
        expect(page.locator("#progress")).to_contain_text("Your service is ready")
    assert found == []
    assert Order.objects.get().buyer == personas.resellers_customer


def test_an_order_that_failed_says_why_and_is_mended_and_retried(dora: Page, plan: Plan, acronis: LocalAcronis) -> None:
    into_basket(dora, plan)
    choose_settings(dora)
    proceed(dora)
    accept_and_confirm(dora)
    acronis.fault(path="/users/check_login", status=204, times=1)  # free, says the vendor; then it is not
    dora.fill("[name=login]", "msp-admin")
    expect(dora.locator("#login-answer")).to_contain_text("is free")
    acronis.fault(path="/users/check_login", status=204, times=1)
    dora.fill("[name=email]", "dora@example.com")
    dora.locator("button:has-text('Continue')").last.click()
    checkout(dora)
    expect(dora.locator("#progress")).to_contain_text("This could not be finished.")
    found: list[str] = []
    looked_at(dora, found)

    dora.click("text=Change login or email")
    looked_at(dora, found)
    dora.fill("[name=login]", "dora.kern")
    expect(dora.locator("#login-answer")).to_contain_text("dora.kern is free")
    dora.click("text=Save service details")
    dora.click("button:has-text('Retry')")

    expect(dora.locator("#progress")).to_contain_text("Your service is ready")
    assert found == []
    assert Order.objects.get().status == Order.Status.COMPLETED


def test_the_whole_way_works_by_keyboard_alone(chromium: Browser, live_server, personas: Personas, plan: Plan) -> None:
    with signed_in(chromium, live_server.url, personas.dora, width=1280, height=900) as page:
        page.goto(f"/products/{plan.number}/")
        press_on(page, "form[action^='/basket/add/'] button")
        expect(page).to_have_url(f"{live_server.url}/basket/")
        choose_by_key(page, "select[name$=protection_model]", "Per g")
        choose_by_key(page, "select[name$=file_sync_model]", "Per u")
        press_on(page, "button:has-text('Proceed to checkout'):not([tabindex])")
        page.wait_for_url("**/checkout/terms/")
        press_on(page, "main input[type=checkbox]", "Space")
        press_on(page, "button:has-text('Accept and continue')")
        page.wait_for_url("**/checkout/billing/")
        press_on(page, "button:has-text('Confirm and continue')")
        page.wait_for_url("**/checkout/service/")
        reach(page, "[name=login]")
        page.keyboard.type("msp-admin")
        expect(page.locator("#login-answer")).to_contain_text("is taken")
        press_on(page, "#login-answer button >> nth=1", "Space")
        expect(page.locator("[name=login]")).to_be_focused()
        expect(page.locator("#login-answer")).to_contain_text("is free")
        reach(page, "[name=email]")
        page.keyboard.press("Control+A")
        page.keyboard.type("dora@example.com")
        page.keyboard.press("Enter")
        page.wait_for_url("**/checkout/review/")
        press_on(page, "main button:has-text('Checkout')")

        expect(page.locator("#progress")).to_contain_text("Your service is ready")
    assert Order.objects.get().lines.get().login == "admin.msp"


def test_back_refresh_and_a_double_click_lose_and_double_nothing(dora: Page, plan: Plan, personas: Personas) -> None:
    into_basket(dora, plan)
    choose_settings(dora)
    proceed(dora)
    accept_and_confirm(dora)
    give_service_details(dora, "dora.kern")
    dora.go_back()
    expect(dora.locator("[name=login]")).to_have_value("dora.kern")
    dora.go_forward()
    dora.reload()
    expect(dora.locator("main")).to_contain_text("dora.kern")

    dora.locator("button:has-text('Checkout')").last.dblclick()
    expect(dora.locator("#progress")).to_contain_text("Your service is ready")
    dora.go_back()

    expect(dora.locator("#progress")).to_contain_text("Your service is ready")
    assert Order.objects.count() == 1
    assert not Basket.objects.open().filter(buyer__in=Organization.objects.filter(pk=personas.direct_customer.pk)).exists()


def test_an_account_manager_orders_on_behalf_of_a_customer_and_executes(
    chromium: Browser, live_server, personas: Personas, plan: Plan, size: dict[str, int]
) -> None:
    with signed_in(chromium, live_server.url, personas.mira, **size) as page:
        page.goto(f"{reverse('admin:ordering_order_create')}?find=Dora")
        page.click("main a:has-text('Dora Design'), #content a:has-text('Dora Design')")
        page.select_option("[name=plan]", value=str(plan.pk))
        page.select_option("[name=protection_model]", label="Per gigabyte")
        page.select_option("[name=file_sync_model]", label="Per user")
        page.click("button:has-text('Place order')")
        order = Order.objects.get()
        assert order.status == Order.Status.PLACED
        expect(page.locator("body")).to_contain_text("Login Username is missing: Acronis needs it")
        page.fill("[name=login]", "dora.kern")
        page.fill("[name=email]", "dora@example.com")
        page.click("text=Save service details")
        expect(page.locator("body")).not_to_contain_text("What is missing before it can be executed")
        page.get_by_role("button", name="Execute", exact=True).first.click()

        expect(page.locator("body")).to_contain_text("Send the activation mail to dora@example.com")
    order.refresh_from_db()
    assert order.status == Order.Status.COMPLETED
