"""The way from the shop page to a service, in the system's Chromium, with JavaScript and on a phone."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from catalog.models import Plan
from ordering.models import Order
from tests import factories
from tests.browser.chromium import LAUNCH

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Playwright's loop makes Django think that this thread is asynchronous; the test itself is not.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not Path(LAUNCH["executable_path"]).exists():
        pytest.fail("Browser tests need Chromium at /usr/bin/chromium; on Debian: apt-get install chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**LAUNCH)
        yield browser
        browser.close()


@pytest.fixture
def plan(acronis) -> Plan:
    factories.TermsDocumentFactory()
    return factories.PlanFactory(service_manager=acronis.service_manager, name="Cyber Protect")


@pytest.fixture
def page(chromium: Browser, live_server, personas, client) -> Iterator[Page]:
    """A phone on which Dora is signed in; what the console complains about fails the test."""
    complaints: list[str] = []
    client.force_login(personas.dora, backend="django.contrib.auth.backends.ModelBackend")
    context = chromium.new_context(viewport={"width": 390, "height": 844}, base_url=live_server.url)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


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
    page.click("text=Continue")
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


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))
