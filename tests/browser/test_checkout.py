"""The way from the shop page to a service, in the system's Chromium, with JavaScript and on a phone."""

import pytest
from playwright.sync_api import expect

from catalog.models import Plan
from ordering.models import Order
from tests import factories
from tests.browser.chromium import fits

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def plan(acronis) -> Plan:
    factories.TermsDocumentFactory()
    return factories.PlanFactory(service_manager=acronis.service_manager, name="Cyber Protect")


def test_a_direct_customer_orders_on_a_phone_and_sees_each_step_at_acronis(page, plan, acronis):
    page.goto("/")
    page.click(f"a[href='/products/{plan.number}/']")
    page.click("form[action^='/basket/add/'] button")
    page.select_option("select[name$=protection_model]", label="Per gigabyte")
    page.select_option("select[name$=file_sync_model]", label="Per user")
    page.locator("button:has-text('Proceed to checkout')").last.click()
    page.check("main input[type=checkbox]")
    page.click("text=Accept and continue")
    page.click("text=Confirm and continue")
    page.fill("[name=login]", "msp-admin")
    expect(page.locator("#login-answer")).to_contain_text("msp-admin is taken. Choose another.")
    page.fill("[name=login]", "dora.kern")
    expect(page.locator("#login-answer")).to_contain_text("dora.kern is free")
    page.fill("[name=email]", "dora@example.com")
    page.get_by_role("button", name="Continue").click()
    page.locator("button:has-text('Checkout')").last.click()

    expect(page.locator("#progress")).to_contain_text("Send the activation mail to dora@example.com")
    expect(page.get_by_role("link", name="Manage Your Service")).to_have_attribute("href", "http://acronis.test/mc/")
    assert Order.objects.get().status == Order.Status.COMPLETED
    assert [mail["to"] for mail in acronis.seen("mails")] == ["dora@example.com"]


def test_no_page_of_the_checkout_is_wider_than_the_phone(page, plan):
    page.goto("/")
    assert fits(page)
    page.goto(f"/products/{plan.number}/")
    assert fits(page)
    page.click("form[action^='/basket/add/'] button")
    assert fits(page)
