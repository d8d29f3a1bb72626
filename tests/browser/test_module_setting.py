"""The module setting in a real browser: choices follow the service manager and edition, on a desk and on a phone."""

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from provisioning.models import VendorOfferingItem
from tests.browser.windows import signed_in
from tests.catalog.module_world import draft

pytestmark = pytest.mark.browser


@pytest.fixture(params=[(1280, 900), (390, 844)], ids=["desk", "phone"])
def desk(request: Any, chromium: Browser, live_server: Any, personas: Any) -> Any:
    """A back office, signed in; what the console complains about fails the test."""
    width, height = request.param
    with signed_in(chromium, live_server.url, personas.root, width=width, height=height) as page:
        yield page


def is_inside_the_window(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def test_module_setting_is_set_up_by_choosing(desk: Page, acronis: Any) -> None:
    plan = draft(acronis)
    VendorOfferingItem.objects.filter(name="pg_base_nas").update(is_offered=False)
    desk.goto(reverse("admin:catalog_plan_module_setting", args=[plan.pk]))

    desk.get_by_label("Service manager").select_option(label="Acronis sandbox (http://acronis.test)")
    desk.get_by_label("Storage Quota (GB)").fill("1.5")
    desk.get_by_label("Edition", exact=True).select_option("per_gigabyte")
    expect(desk.get_by_text("pg_base_servers", exact=True)).to_be_visible()
    desk.get_by_label("File Sync & Share edition").select_option("per_user")
    expect(desk.get_by_text("pu_base_fc_seats", exact=True)).to_be_visible()
    expect(desk.get_by_label("Storage Quota (GB)")).to_have_value("1.5")
    expect(desk.get_by_label("Workstations", exact=True)).to_be_checked()
    desk.get_by_role("button", name="Save the module setting").click()

    expect(desk.get_by_text("“1.5” is none.").first).to_be_visible()
    desk.get_by_label("Storage Quota (GB)").fill("50")
    desk.get_by_label("Servers, Soft Quota", exact=True).fill("3")
    desk.get_by_role("button", name="Show the preview").click()

    expect(desk.get_by_text("soft quota 100 GB", exact=True)).to_be_visible()
    assert is_inside_the_window(desk)
    desk.get_by_role("button", name="Save the module setting").click()

    expect(desk.get_by_text("is saved. 1 order URL made.")).to_be_visible()
    expect(desk.get_by_label("Servers, Soft Quota", exact=True)).to_have_value("3")
    assert is_inside_the_window(desk)


def test_account_of_its_own_is_asked_for_on_a_page_that_fits(desk: Page, acronis: Any) -> None:
    desk.goto(reverse("admin:catalog_plan_account", args=[draft(acronis).pk]))

    expect(desk.get_by_label("Username", exact=True)).to_be_visible()
    expect(desk.get_by_role("button", name="Connect the account")).to_be_visible()
    assert is_inside_the_window(desk)
