"""Changes of a running service in the system's Chromium, on a desktop and on a phone, and the pages beside them."""

from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from accounts.models import Organization, WebhookDelivery, WebhookEndpoint
from catalog.models import Plan
from common import clock
from ordering.models import Order
from tests import factories
from tests.browser.accessible import looked_at
from tests.browser.keyboard import press_on, reach
from tests.browser.windows import signed_in
from tests.conftest import LocalAcronis, Personas
from tests.ordering.amend import GB, LATER, Running, bigger_plan, let_use, running
from tests.ordering.conftest import AT, Shop

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def shop(acronis: LocalAcronis, personas: Personas) -> Shop:
    """50 GB and 10 above; its storage item is known."""
    plan = factories.FixedPlanFactory(service_manager=acronis.service_manager, name="Backup 50 GB")
    made = Shop(personas=personas, plan=plan, terms=factories.TermsDocumentFactory())
    made.sells_through(personas.reseller)
    return made


@pytest.fixture(autouse=True)
def uses(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Say how many bytes of storage the vendor counts."""
    return let_use(monkeypatch)


@pytest.fixture
def service(shop: Shop, acronis: LocalAcronis, monkeypatch: pytest.MonkeyPatch) -> Running:
    """One unit, dora's, at the vendor since the 1st; today is the 15th."""
    monkeypatch.setattr(clock, "now", lambda: AT)
    made = running(shop, acronis)
    monkeypatch.setattr(clock, "now", lambda: LATER)
    return made


@pytest.fixture
def bigger(shop: Shop) -> Plan:
    return bigger_plan(shop)


def act(page: Page, service: Running, action: str) -> None:
    """Open the service and choose one of its actions."""
    page.goto(f"/services/{service.subscription.number}/")
    page.click("summary:has-text('Actions')")
    page.click(f".menu-sheet a:text-is('{action}')")


def test_an_upgrade_of_the_quantity_and_then_of_the_plan(dora: Page, service: Running, bigger: Plan) -> None:
    found: list[str] = []
    dora.goto(f"/services/{service.subscription.number}/")
    dora.click("summary:has-text('Actions')")
    looked_at(dora, found)
    dora.click(".menu-sheet a:text-is('Upgrade Quantity')")
    looked_at(dora, found)
    dora.fill("[name=quantity]", "2")
    dora.click("text=Show what it costs")
    expect(dora.locator("#quote")).to_contain_text("50 GB, and up to 10 GB above it")
    expect(dora.locator("#quote")).to_contain_text("100 GB, and up to 20 GB above it")
    dora.click("text=By days")
    expect(dora.locator("#quote")).to_contain_text("Setup fee, 10.00 EUR")
    looked_at(dora, found)
    assert dora.locator("text=Back to the service").last.get_attribute("href") == f"/services/{service.subscription.number}/"
    dora.click("text=Order this quantity")
    expect(dora.locator("#progress")).to_contain_text("It is done.")
    looked_at(dora, found)
    assert (service.storage(), service.sold()) == ((100, 20), ("Backup 50 GB", 2, 1))

    act(dora, service, "Upgrade Service")
    looked_at(dora, found)
    dora.click("text=Choose Backup 200 GB")
    looked_at(dora, found)
    dora.click("text=Order this plan")

    expect(dora.locator("#progress")).to_contain_text("It is done.")
    assert (service.storage(), service.sold()) == ((400, 40), ("Backup 200 GB", 2, 1))
    assert found == []


def test_a_downgrade_is_refused_with_figures_while_more_is_in_use_and_goes_through_after(
    dora: Page, service: Running, bigger: Plan, uses: Callable[[int], None]
) -> None:
    service.changed("plan", plan=bigger, quantity=2)
    uses(250 * GB)
    found: list[str] = []
    act(dora, service, "Upgrade Quantity")
    dora.fill("[name=quantity]", "1")
    dora.click("text=Show what it costs")

    expect(dora.locator("main")).to_contain_text("250 GB of Cloud storage are in use; 1 × Backup 200 GB has 200 GB")
    expect(dora.locator("[name=quantity]")).to_have_attribute("aria-invalid", "true")
    looked_at(dora, found)
    assert dora.locator("#quote").count() == 0

    uses(30 * GB)
    dora.click("text=Show what it costs")
    dora.click("text=Order this quantity")
    expect(dora.locator("#progress")).to_contain_text("It is done.")
    act(dora, service, "Upgrade Service")
    expect(dora.locator(".cards")).to_contain_text("Downgrade")
    dora.click("text=Choose Backup 50 GB")
    dora.click("text=Order this plan")
    expect(dora.locator("#progress")).to_contain_text("It is done.")
    assert (service.storage(), service.sold()) == ((50, 10), ("Backup 50 GB", 1, 1))
    assert found == []


def test_another_term_is_quoted_by_days_and_the_service_goes_on_under_it(dora: Page, service: Running) -> None:
    found: list[str] = []
    act(dora, service, "Change term")
    looked_at(dora, found)
    dora.select_option("[name=term_months]", "12")
    dora.click("text=Show what it costs")
    expect(dora.locator("#quote")).to_contain_text("Term 1 month → 12 months")
    # 14 days of 20.00, 17 of a twelfth of 200.00, and the setup fee of the month in which it began.
    invoiced = "This month is invoiced from 1 Nov 2026 on: 28.17 EUR excl. VAT, 10.00 EUR of it setup fee"
    expect(dora.locator("#quote")).to_contain_text(invoiced)
    dora.click("text=By days")
    expect(dora.locator("#quote")).to_contain_text("9.14 EUR")
    looked_at(dora, found)

    dora.click("text=Order this term")

    expect(dora.locator("#progress")).to_contain_text("It is done.")
    looked_at(dora, found)
    assert (service.storage(), service.sold()) == ((50, 10), ("Backup 50 GB", 1, 12))
    dora.goto(f"/services/{service.subscription.number}/")
    expect(dora.locator("main")).to_contain_text("200.00 EUR for 12 months")
    expect(dora.locator("main")).to_contain_text("28.17 EUR expected, excl. VAT")
    looked_at(dora, found)
    dora.goto(f"/services/{service.subscription.number}/term/")
    assert dora.locator("[name=term_months] option").all_inner_texts() == ["1 month: 20.00 EUR"]
    assert found == []


def test_a_cancellation_at_the_end_of_the_term_is_taken_back_and_one_now_ends_the_service(dora: Page, service: Running) -> None:
    found: list[str] = []
    act(dora, service, "Cancel")
    looked_at(dora, found)
    dora.check("[name=ends][value=at_end_of_term]")
    dora.click("text=Show what that means")
    expect(dora.locator("#quote")).to_contain_text("31 Oct 2026")
    looked_at(dora, found)
    dora.click("button:text-is('Cancel the service')")
    expect(dora.locator("#progress")).to_contain_text("The service is going to end.")
    dora.goto(f"/services/{service.subscription.number}/")
    looked_at(dora, found)
    dora.click("text=Keep it, or end it now")
    looked_at(dora, found)
    dora.click("button:text-is('Take the cancellation back')")
    expect(dora.locator(".messages")).to_contain_text("The cancellation is taken back")

    act(dora, service, "Cancel")
    dora.check("[name=ends][value=now]")
    dora.click("text=Show what that means")
    dora.click("button:text-is('Cancel the service')")

    expect(dora.locator("#progress")).to_contain_text("The service has ended.")
    looked_at(dora, found)
    service.subscription.refresh_from_db()
    assert service.subscription.status == "ended"
    assert found == []


def test_an_account_manager_changes_a_subscription_and_executes_it(
    chromium: Browser, live_server, service: Running, personas: Personas, size: dict[str, int]
) -> None:
    with signed_in(chromium, live_server.url, personas.mira, **size) as page:
        page.goto(reverse("admin:ordering_order_changes", args=[service.subscription.number]))
        page.click("text=Upgrade Quantity")
        page.fill("[name=quantity]", "3")
        page.click("text=Show what it costs")
        expect(page.locator("body")).to_contain_text("Quantity 1 → 3")
        page.click("text=Order this quantity")
        order = Order.objects.get()
        assert order.status == Order.Status.PLACED
        page.get_by_role("button", name="Execute", exact=True).first.click()

        expect(page.locator("body")).to_contain_text("Completed")
    order.refresh_from_db()
    assert order.status == Order.Status.COMPLETED
    assert (service.storage(), service.sold()) == ((150, 30), ("Backup 50 GB", 3, 1))


def test_a_quantity_is_changed_by_keyboard_alone(chromium: Browser, live_server, service: Running, personas: Personas) -> None:
    with signed_in(chromium, live_server.url, personas.dora, width=1280, height=900) as page:
        page.goto(f"/services/{service.subscription.number}/")
        press_on(page, "summary:has-text('Actions')")
        press_on(page, ".menu-sheet a:text-is('Upgrade Quantity')")
        page.wait_for_url("**/quantity/")
        reach(page, "[name=quantity]")
        page.keyboard.press("Control+A")
        page.keyboard.type("2")
        page.keyboard.press("Enter")
        expect(page.locator("#quote")).to_contain_text("Quantity 1 → 2")
        press_on(page, "#quote form button")

        expect(page.locator("#progress")).to_contain_text("It is done.")
    assert service.sold() == ("Backup 50 GB", 2, 1)


def test_a_reseller_approves_a_held_order_and_its_pages_let_everybody_in(
    alice: Page, shop: Shop, acronis: LocalAcronis, personas: Personas
) -> None:
    Organization.objects.filter(pk=personas.reseller.pk).update(approves_customer_orders=True)
    order = shop.order(owner=personas.carol, buyer=Organization.objects.get(pk=personas.resellers_customer.pk))
    found: list[str] = []
    alice.goto("/approvals/")
    looked_at(alice, found)
    alice.click(f"main a:has-text('{order.number}')")
    looked_at(alice, found)
    alice.click("main a:has-text('Decline')")
    looked_at(alice, found)
    alice.go_back()
    alice.click("button:has-text('Approve')")
    expect(alice.locator(".messages")).to_contain_text("approved")
    alice.goto(f"/orders/{order.number}/")
    looked_at(alice, found)
    assert found == []


def test_the_pages_of_webhooks_let_everybody_in(dora: Page, personas: Personas) -> None:
    endpoint = WebhookEndpoint.objects.create(
        organization=personas.direct_customer,
        url=f"https://hooks.example.com/{'very-long-' * 9}address",
        secret="whsec_s",
        told_of=["order.completed", "subscription.changed"],
        created_at=factories.AT,
    )
    delivery = WebhookDelivery.objects.create(
        endpoint=endpoint,
        event="order.completed",
        payload={"data": {"order": "O77"}},
        status="failed",
        error="Oh no",
        answered_with=500,
        attempts=7,
        created_at=factories.AT,
    )
    found: list[str] = []

    for path in ("", "add/", f"{endpoint.pk}/", f"{endpoint.pk}/edit/", f"{endpoint.pk}/delete/", f"deliveries/{delivery.pk}/"):
        dora.goto(f"/organization/webhooks/{path}")
        looked_at(dora, found)

    assert found == []
