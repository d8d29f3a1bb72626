"""What only a browser shows of the back office's pages about the vendor: the live check, and leaving for the portal."""

from collections.abc import Iterator

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from provisioning.models import Tenant, VendorAccess
from tests.browser.windows import signed_in
from tests.provisioning.world import served, url

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def desk(chromium: Browser, live_server, personas) -> Iterator[Page]:
    """A desktop at which Mira is signed in; what the console complains about fails the test."""
    with signed_in(chromium, live_server.url, personas.mira, width=1280, height=900) as page:
        yield page


def test_a_reseller_is_synchronized_with_a_live_check_of_the_login(desk, personas, acronis):
    desk.goto(reverse("admin:accounts_organization_change", args=[personas.reseller.pk]))
    desk.click(".bss-moves a:has-text('Acronis')")

    desk.fill("[name=login]", "msp-admin")
    expect(desk.locator("#login-answer")).to_contain_text("msp-admin is taken")
    desk.fill("[name=login]", "alice.falk")
    expect(desk.locator("#login-answer")).to_contain_text("alice.falk is free")
    desk.fill("[name=email]", "alice@example.com")
    desk.click("text=Save & synchronize")

    expect(desk.locator("main, #content").first).to_contain_text("Send the activation mail to alice@example.com")
    assert Tenant.objects.get().agrees


def test_login_to_panel_leaves_for_the_data_centre_in_a_tab_of_its_own(desk, personas, acronis):
    service = served(acronis, personas.direct_customer)
    asked: list[str] = []
    desk.context.on("request", lambda request: asked.append(request.url))

    desk.goto(url("change", service.tenant))
    with desk.context.expect_page() as opened:
        desk.click("text=Login to panel")
    opened.value.wait_for_timeout(1500)

    assert any(address.startswith("http://acronis.test/api/2/idp/external-login") for address in asked)
    assert VendorAccess.objects.get().person == personas.mira


def test_the_back_office_shows_its_pages_without_script(chromium, live_server, personas, client):
    client.force_login(personas.mira, backend="django.contrib.auth.backends.ModelBackend")
    context = chromium.new_context(java_script_enabled=False, base_url=live_server.url)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    page = context.new_page()

    page.goto(reverse("admin:provisioning_hold_changelist"))

    expect(page.locator("text=No holds here")).to_be_visible()
    expect(page.locator("[x-show=openCommandResults]").first).to_be_hidden()
    context.close()
