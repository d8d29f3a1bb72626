"""The service page in the system's Chromium, with the vendor on loopback: the panel, the password, with and without script."""

import re
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from billing.models import Subscription
from provisioning.models import Activation, VendorAccess
from tests.billing.serving import person_of, served
from tests.browser.chromium import fits

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def subscription(personas, acronis) -> Iterator[Subscription]:
    """Dora's service, whose user got a generated password; the browser reaches the sandbox, too."""
    server = make_server("127.0.0.1", 0, acronis.http.application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    acronis.service_manager.base_url = f"http://127.0.0.1:{server.server_port}"
    acronis.service_manager.save()
    yield served(acronis, personas.direct_customer, activation=Activation.PASSWORD)
    server.shutdown()
    thread.join()
    server.server_close()


def test_login_to_your_panel_opens_the_vendor_signed_in_in_a_new_tab(page: Page, subscription: Subscription) -> None:
    page.goto(f"/services/{subscription.number}/")
    with page.expect_popup() as opened:
        page.click("text=Login to your panel")
    panel = opened.value

    panel.wait_for_url("**/mc/")
    expect(panel.locator("body")).to_contain_text("jane.doe")
    assert panel.evaluate("window.opener") is None
    assert panel.evaluate("document.referrer").find("/services/") == -1
    expect(page.get_by_role("button", name="Login to your panel")).to_be_enabled()  # for the next time
    with page.expect_popup() as again:
        page.click("text=Login to your panel")
    again.value.wait_for_url("**/mc/")
    assert VendorAccess.objects.filter(kind="panel_opened").count() == 2


def test_the_password_is_shown_in_place_and_hidden_again(page: Page, subscription: Subscription) -> None:
    password = person_of(subscription).password
    page.goto(f"/services/{subscription.number}/")
    assert password not in page.content()

    page.click("text=Show password")

    expect(page.locator("#password output")).to_have_text(password)
    assert page.url.endswith(f"/services/{subscription.number}/")
    assert fits(page)
    page.click("text=Hide it")
    expect(page.get_by_role("button", name="Show password")).to_be_visible()
    assert password not in page.content()


def test_a_new_username_is_checked_while_it_is_typed(page: Page, subscription: Subscription) -> None:
    page.goto(f"/services/{subscription.number}/")
    page.click("aside >> text=Update username/password")
    page.fill("[name=login]", "msp-admin")
    expect(page.locator("#login-answer")).to_contain_text("msp-admin is taken. Choose another.")
    page.fill("[name=login]", "jane.kern")
    expect(page.locator("#login-answer")).to_contain_text("jane.kern is free.")
    assert fits(page)
    page.get_by_role("button", name="Save username and password").click()

    expect(page.locator(".messages")).to_contain_text("the login becomes jane.kern")
    expect(page.locator(".summary")).to_contain_text("jane.kern")


def test_everything_works_without_script(chromium: Browser, live_server, personas, client, subscription: Subscription) -> None:
    client.force_login(personas.dora, backend="django.contrib.auth.backends.ModelBackend")
    context = chromium.new_context(java_script_enabled=False, base_url=live_server.url)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"/services/{subscription.number}/")

    page.click("text=Show password")
    expect(page.locator("h1")).to_have_text("Password of jane.doe")
    before = page.inner_text("output")
    page.click("text=Hide it")
    page.click("text=Reset password")
    page.click("main button:has-text('Reset password')")
    expect(page.locator(".messages")).to_contain_text("Acronis is told the new password of jane.doe")
    page.click("text=Show password")
    assert page.inner_text("output") not in ("", before)
    page.goto(f"/services/{subscription.number}/")
    with page.expect_popup() as opened:
        page.click("text=Login to your panel")
    opened.value.wait_for_url(re.compile("/external-login#ott=."))  # the vendor's own page needs script from here on
    context.close()
