"""The partner panel in Chromium, with JavaScript and on a phone: worked out while typing, copied with a click."""

from decimal import Decimal

import pytest
from playwright.sync_api import expect

from catalog.models import OrderUrl, PartnerPrice
from catalog.operations import order_urls
from tests import factories
from tests.browser.chromium import fits

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def plan(personas):
    """Dora looks after Alice's prices too; by name, Alster IT is the first she acts for."""
    factories.MembershipFactory(user=personas.dora, organization=personas.reseller)
    plan = factories.FixedPlanFactory(number="P100", name="Backup 50")
    factories.PartnerTermsFactory(reseller=personas.reseller, plan=plan)
    order_urls.make_order_urls(plan, on=factories.AT.date(), at=factories.AT)
    return plan


@pytest.fixture
def panel(plan, page):
    page.goto("/partner/plans/")
    return page


def test_prices_are_worked_out_while_typing_and_saved(panel, personas):
    panel.click("text=Backup 50")
    panel.fill("[name=markup_percent]", "50")
    expect(panel.locator("#worked-out")).to_contain_text("24.00 EUR")
    assert "csrfmiddlewaretoken" not in panel.url
    assert fits(panel)

    panel.fill("[name=discount_percent]", "50")
    expect(panel.locator("#worked-out")).to_contain_text("Your customers would pay less than you do")
    panel.check("[name=accepts_loss]")
    panel.click("text=Save prices")

    expect(panel.locator(".notice-success")).to_contain_text("Backup 50 is saved")
    price = PartnerPrice.objects.get()
    assert (price.reseller, price.markup_percent, price.discount_percent) == (personas.reseller, Decimal(50), Decimal(50))


def test_amounts_are_asked_for_only_where_they_count(panel):
    panel.click("text=Backup 50")
    expect(panel.locator("[name=amount-EUR-1]")).to_be_hidden()

    panel.check("[name=markup_kind][value=amount]")
    expect(panel.locator("[name=markup_percent]")).to_be_hidden()
    panel.fill("[name=amount-EUR-1]", "4.50")

    expect(panel.locator("#worked-out")).to_contain_text("20.50 EUR")


def test_an_order_url_is_copied_with_a_click(panel, personas):
    panel.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panel.goto("/partner/plans/P100/order-urls/")
    path = OrderUrl.objects.get(reseller=personas.reseller, term_months=1).path

    panel.locator("button[data-copy]").first.click()

    expect(panel.locator("body")).to_contain_text("Copied")
    assert panel.evaluate("navigator.clipboard.readText()").endswith(path)
    assert fits(panel)
