"""
The seed text 004 in a real browser, from “Create a new product” to “Order Product”: its click paths, in its words.

Each test is one section of the text. Staff have the permissions of the role that does this work, no more; what the browser's
console complains about fails the test.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect
from post_office.models import Email, EmailTemplate

from accounts.models import User
from catalog.models import ActionMail, Marketplace, ModuleSettings, OrderUrl, PartnerPrice, Plan, PlanPrice, ProductGroup
from config.roles import ensure_roles
from ordering.models import Basket
from provisioning.models import ServiceManager, VendorOfferingItem
from sandbox.app import LOGIN, PASSWORD
from tests import factories
from tests.browser.chromium import fits
from tests.catalog.module_world import draft
from tests.conftest import Personas

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
OPENS_AT_ONCE = 10_000  # milliseconds; a page that takes longer has failed

Open = Callable[..., Page]


@pytest.fixture
def open_window(chromium: Browser, live_server) -> Iterator[Open]:
    """
    Opens a browser of its own for a person, signed in, or for nobody (None).

    `viewport` and `java_script_enabled` go to the browser as they are. What any of the consoles complained about fails the test.
    """
    complaints: list[str] = []
    contexts = []

    def open_it(person: User | None, **options) -> Page:
        context = chromium.new_context(**{"viewport": DESKTOP, "base_url": live_server.url, **options})
        context.set_default_timeout(OPENS_AT_ONCE)
        contexts.append(context)
        if person is not None:
            client = Client()
            client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
            context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert complaints == []


@dataclass(frozen=True)
class Staff:
    """pia manages products, bill sends invoices: each with the permissions of the role."""

    pia: User
    bill: User


@pytest.fixture
def staff(personas: Personas) -> Staff:
    ensure_roles()

    def of_role(first_name: str, role: str) -> User:
        user = factories.UserFactory(first_name=first_name, email=f"{first_name.lower()}@northwind.example", is_staff=True)
        user.groups.set([Group.objects.get(name=role)])
        return user

    return Staff(pia=of_role("Pia", "Product managers"), bill=of_role("Bill", "Billing managers"))


def packages(page: Page) -> None:
    """Home >> Settings >> Products/Services >> Packages, by clicking."""
    page.goto(reverse("admin:index"))
    page.get_by_role("link", name="Packages").click()
    expect(page.get_by_role("heading", name="Packages")).to_be_visible()


def step(page: Page, words: str) -> None:
    """Open a step of a plan from the plan's own page."""
    page.get_by_label("Steps to the storefront").get_by_role("link", name=words, exact=True).click()


def plan_page(plan: Plan) -> str:
    return reverse("admin:catalog_plan_change", args=[plan.pk])


def pricing_page(plan: Plan) -> str:
    return reverse("admin:catalog_plan_pricing", args=[plan.pk])


def amount(page: Page, currency: str, term: str, what: str):
    """Return the box of the price grid for a currency, a term and one of: Setup fee, Price, Overage Price (/GB)."""
    return page.get_by_label(f"{what}, {currency}, {term}", exact=True)


# --- Create a new product in Automation Platform --------------------------------------------------------------------------


def test_product_and_product_group_and_plan_are_created_from_packages(open_window, staff) -> None:
    factories.ProductTypeFactory(name="Backup")
    factories.VentureFactory(name="Cloud")
    factories.VentureFactory(name="Security", invoice_series="SEC")
    factories.TaxFactory(name="VAT 19 %")
    factories.TaxFactory(name="City levy", percent=Decimal(2))
    page = open_window(staff.pia)

    # Create Product under the Product Type
    packages(page)
    page.get_by_role("link", name="Add Product", exact=True).first.click()
    expect(page.get_by_role("heading", name="Add Product", exact=True)).to_be_visible()
    page.get_by_label("Product Type").select_option(label="Backup")
    page.get_by_label("Name").fill("Acronis Backup")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("is saved. Next: its product group.")).to_be_visible()

    # Create the Product Group
    packages(page)
    page.get_by_role("link", name="Product Group", exact=True).first.click()
    expect(page.get_by_role("heading", name="Add Product Group", exact=True)).to_be_visible()
    page.get_by_label("Product Name").select_option(label="Acronis Backup")
    page.get_by_role("textbox", name="Product Group").fill("Backup 50")
    page.get_by_label("Module name").select_option(label="Acronis")
    page.get_by_label("VAT 19 %").check()
    page.get_by_label("City levy").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("is saved. Next: a plan in it.")).to_be_visible()
    assert ProductGroup.objects.get().taxes.count() == 2

    # Create the product plan
    packages(page)
    page.get_by_role("link", name="Create a new Plan").first.click()
    expect(page.get_by_role("heading", name="Create a New Plan")).to_be_visible()
    page.get_by_label("Venture").select_option(label="Security")
    page.get_by_label("Product Type").select_option(label="Backup")
    page.get_by_label("Product Name").select_option(label="Acronis Backup")
    page.get_by_label("Product Group").select_option(label="Backup 50")
    page.get_by_label("Plan name").fill("Backup 50 GB")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("is created as a draft. Next: its Module Setting.")).to_be_visible()
    assert str(Plan.objects.get().venture) == "Security"


def test_acronis_rate_card_opens_from_a_product_group_whose_module_is_acronis(open_window, staff) -> None:
    group = factories.ProductGroupFactory()
    page, desk_of_billing = open_window(staff.pia), open_window(staff.bill)

    # Editing an existing product group, the button is visible.
    packages(page)
    page.get_by_role("link", name="Product groups").click()
    page.get_by_role("link", name=group.name, exact=True).click()
    expect(page.get_by_label("Module name")).to_have_value("acronis")
    page.get_by_role("link", name="Acronis Rate Card", exact=True).click()

    # Filter on month and year basis, and the “Import” button for those who may.
    page.locator("#changelist a", has_text="Filters").first.click()
    expect(page.get_by_text("By month")).to_be_visible()
    expect(page.get_by_text("By year")).to_be_visible()
    expect(page.get_by_role("link", name="Import", exact=True)).to_have_count(0)
    desk_of_billing.goto(page.url)
    desk_of_billing.get_by_role("link", name="Import", exact=True).click()
    expect(desk_of_billing.get_by_label("Product group")).to_have_value(str(group.pk))


# --- Module Setting -------------------------------------------------------------------------------------------------------


def test_module_setting_of_an_own_account_says_each_rule_at_its_field(open_window, staff, acronis) -> None:
    plan = draft(acronis)
    page = open_window(staff.pia)

    # Click on Module Setting; username and password of the account, and the Datacenter.
    page.goto(plan_page(plan))
    step(page, "Module Setting")
    expect(page.get_by_text("Module name")).to_be_visible()
    page.get_by_role("link", name="Use an account of its own").click()
    page.get_by_label("Username", exact=True).fill(LOGIN)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Datacenter").fill("http://acronis.test")
    page.get_by_role("button", name="Connect the account").click()
    expect(page.get_by_text("the password was not kept")).to_be_visible()
    own = ServiceManager.objects.exclude(pk=acronis.service_manager.pk).get()
    expect(page.get_by_label("Service manager")).to_have_value(str(own.pk))

    # Edition, Backup Location, and a component that the service provider has not.
    VendorOfferingItem.objects.filter(service_manager=own, name="pg_base_nas").update(is_offered=False)
    page.get_by_label("Edition", exact=True).select_option(label="Per gigabyte")
    page.get_by_label("File Sync & Share edition").select_option(label="Per user")
    expect(page.get_by_role("table", name="Protection")).to_contain_text("Servers")
    expect(page.get_by_role("heading", name="Common Application")).to_be_visible()
    expect(page.get_by_role("heading", name="Independent Application")).to_be_visible()
    page.get_by_label("Backup Location").select_option(index=1)
    page.get_by_role("combobox", name="Free Trial").select_option(label="YES")

    save = page.get_by_role("button", name="Save the module setting")

    def refused(label: str, value: str, sentence: str) -> None:
        page.get_by_label(label, exact=True).fill(value)
        save.click()
        expect(page.get_by_role("alert").get_by_text(sentence)).to_be_visible()

    refused("Days of the free trial", "0", "A free trial lasts from 1 to 365 days.")
    page.get_by_role("combobox", name="Free Trial").select_option(label="NO")
    page.get_by_label("Days of the free trial").fill("30")
    refused("Storage Quota (GB)", "1.5", "Only whole numbers can be entered here; “1.5” is none.")
    page.get_by_label("Storage Quota (GB)").fill("")
    refused("Overage (GB)", "10", "Enter the Storage Quota")
    page.get_by_label("Storage Quota (GB)").fill("-1")
    refused("Overage (GB)", "10", "An unlimited Storage Quota makes the hard quota unlimited too")
    page.get_by_label("Storage Quota (GB)").fill("50")
    refused("Servers, Hard Quota", "1", "A hard quota needs a soft quota")
    page.get_by_label("Network storage devices", exact=True).check()
    refused("Servers, Soft Quota", "3", "offering items not available")
    page.get_by_label("Network storage devices", exact=True).uncheck()

    # What a customer would get; then it is saved, and the order URL is there at once.
    page.get_by_role("button", name="Show the preview").click()
    expect(page.locator("#ms-preview tr", has_text="pg_base_servers")).to_contain_text("soft quota 6, hard at 8")
    save.click()
    expect(page.get_by_text("is saved. 1 order URL made.")).to_be_visible()
    settings = ModuleSettings.objects.get(plan=plan)
    assert (settings.storage_quota, settings.overage, settings.is_free_trial) == (50, 10, False)
    assert settings.backup_storage is not None


# --- Pricing ----------------------------------------------------------------------------------------------------------------


def test_overage_price_and_enable_quantity_follow_the_module_setting(open_window, staff, acronis) -> None:
    plan = factories.FixedPlanFactory(service_manager=acronis.service_manager, monthly=None, yearly=None, status=Plan.Status.DRAFT)
    ModuleSettings.objects.filter(plan=plan).update(overage=None)
    page = open_window(staff.pia)

    # Overage Price (/GB) is enabled when the overage quota of the module setting has a value.
    page.goto(plan_page(plan))
    step(page, "Pricing")
    expect(amount(page, "EUR", "12 months", "Overage Price (/GB)")).to_be_disabled()
    ModuleSettings.objects.filter(plan=plan).update(overage=10)
    page.reload()
    expect(amount(page, "EUR", "12 months", "Overage Price (/GB)")).to_be_enabled()

    # Prices by currency and billing frequency.
    page.get_by_label("Another currency").select_option("USD")
    page.get_by_role("button", name="Add currency").click()
    for currency, price in (("EUR", "200.00"), ("USD", "220.00")):
        amount(page, currency, "12 months", "Setup fee").fill("10")
        amount(page, currency, "12 months", "Price").fill(price)
        amount(page, currency, "12 months", "Overage Price (/GB)").fill("0.10")
    page.get_by_role("button", name="Save prices").click()
    expect(page.get_by_text("2 prices are valid from")).to_be_visible()
    assert set(PlanPrice.objects.values_list("currency", "term_months", "price", "overage_price")) == {
        ("EUR", 12, Decimal(200), Decimal("0.10")),
        ("USD", 12, Decimal(220), Decimal("0.10")),
    }

    # Pre-paid, fixed post-paid and pay-as-you-go post-paid: what has prices of its own cannot be paid by the rate card.
    for model, answer in (
        ("Prepaid", f"How {plan} is sold is saved."),
        ("Pay-as-you-go postpaid", "Withdraw the prices of this plan first"),
        ("Fixed postpaid", f"How {plan} is sold is saved."),
    ):
        page.get_by_label("Billing Model").select_option(label=model)
        page.get_by_role("button", name="Save how it is sold").click()
        expect(page.get_by_text(answer).first).to_be_visible()

    # Enable Quantity is disabled when the storage quota is -1.
    expect(page.get_by_label("Enable Quantity")).to_be_enabled()
    ModuleSettings.objects.filter(plan=plan).update(storage_quota=-1, overage=None)
    page.reload()
    expect(page.get_by_label("Enable Quantity")).to_be_disabled()


def test_applicable_on_partner_website_opens_and_closes_a_plan_to_partners(open_window, staff, personas, acronis) -> None:
    plan = factories.FixedPlanFactory(service_manager=acronis.service_manager, applicable_on_partner_website=False)
    page, partner = open_window(staff.pia), open_window(personas.alice)

    page.goto(plan_page(plan))
    page.get_by_role("link", name="Allow for partners").click()
    page.get_by_label("Alster IT").check()
    page.get_by_label("Discount").fill("20")
    page.get_by_role("button", name="Allow at this discount").click()
    expect(page.get_by_text("1 agreement is saved, with their order URLs.")).to_be_visible()
    partner.goto(reverse("catalog:partner_plans"))
    expect(partner.get_by_role("link", name=plan.name)).to_be_visible()

    page.goto(pricing_page(plan))
    page.get_by_label("Applicable on Partner Website").uncheck(force=True)
    page.get_by_role("button", name="Save how it is sold").click()
    expect(page.get_by_text(f"How {plan} is sold is saved.")).to_be_visible()
    partner.reload()
    expect(partner.get_by_text("No plan is open to you yet")).to_be_visible()


# --- Notification and Action Mail -------------------------------------------------------------------------------------------


def test_action_mails_are_written_previewed_tested_and_set_by_days(open_window, staff) -> None:
    plan = factories.FixedPlanFactory()
    page = open_window(staff.pia)

    # The e-mail templates
    page.goto(reverse("admin:post_office_emailtemplate_add"))
    page.get_by_label("Name").fill("Pay, or we suspend")
    page.get_by_label("Subject").fill("Invoice {{ invoice_number }} is due")
    page.get_by_label("Text").fill("Please pay, {{ buyer_name }}.")
    expect(page.locator("#preview dd").first).to_contain_text("Invoice")
    expect(page.locator("#preview dd").first).not_to_contain_text("{{")
    page.get_by_role("button", name="Send test mail").click()
    expect(page.get_by_text(f"On its way to {staff.pia.email}.")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/emailtemplate/")
    assert EmailTemplate.objects.filter(name="Pay, or we suspend").count() == 1
    assert Email.objects.get().to == [staff.pia.email]

    # Go to Notification & Action Mails; set number of days, select email templates for suspension and termination.
    page.goto(plan_page(plan))
    step(page, "Notification & Action Mails")
    page.get_by_role("link", name="Use own settings").click()
    for action, days in (("Suspension", "14"), ("Termination", "30")):
        line = page.get_by_role("group", name=action)
        line.get_by_label("Days").fill(days)
        line.get_by_label("Mail template").select_option(label="Pay, or we suspend")
    page.get_by_role("button", name="Save mails").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert set(ActionMail.objects.values_list("action", "days", "plan")) == {
        ("suspension", 14, plan.pk),
        ("termination", 30, plan.pk),
    }


# --- Order Flow -------------------------------------------------------------------------------------------------------------


def test_a_published_plan_is_ordered_by_its_order_url_in_the_customers_currency(open_window, staff, personas, acronis) -> None:
    personas.direct_customer.currency = "USD"
    personas.direct_customer.save(update_fields=["currency"])
    plan = factories.FixedPlanFactory(service_manager=acronis.service_manager, status=Plan.Status.DRAFT)
    factories.PlanPriceFactory(plan=plan, currency="USD", term_months=12, price=Decimal(220))
    page, visitor = open_window(staff.pia, permissions=["clipboard-read", "clipboard-write"]), open_window(None)

    # The order URLs are generated as soon as the module settings are saved; the plan is published.
    page.goto(plan_page(plan))
    step(page, "Module Setting")
    page.get_by_role("button", name="Save the module setting").click()
    expect(page.get_by_text("2 order URLs made.")).to_be_visible()
    page.goto(plan_page(plan))
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text(f"{plan} is in the storefront.")).to_be_visible()
    yearly = page.locator("#order-urls tr", has_text="12 months")
    yearly.get_by_role("button", name="Copy").click()
    expect(yearly.get_by_role("button", name="Copied")).to_be_visible()
    address = page.evaluate("navigator.clipboard.readText()")
    path = OrderUrl.objects.get(plan=plan, term_months=12).path
    assert address.endswith(path)

    # Your customer can place the order directly from your website.
    visitor.goto(path)
    visitor.get_by_label("Email").fill(personas.dora.email)
    visitor.get_by_label("Password", exact=True).fill("correct horse battery")
    visitor.get_by_role("button", name="Sign in").click()
    expect(visitor.get_by_role("complementary", name="Your order")).to_contain_text("220.00 USD for 12 months")
    assert Basket.objects.get(owner=personas.dora).lines.get().term_months == 12

    # Switched off, the order URL says so; archived, the plan is not sold; its duplicate is a draft.
    yearly.get_by_role("button", name="Switch off").click()
    expect(page.get_by_text("is switched off; who follows it is told so.")).to_be_visible()
    assert visitor.request.get(path).status == 410
    page.get_by_role("link", name="Duplicate").click()
    page.get_by_role("button", name="Duplicate the plan").click()
    expect(page.get_by_text(f"is a draft set up like {plan}.")).to_be_visible()
    page.goto(plan_page(plan))
    page.get_by_role("link", name="Archive").click()
    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_text(f"{plan} is archived. Its subscriptions go on.")).to_be_visible()


# --- For Tier 2 -------------------------------------------------------------------------------------------------------------


def test_a_partner_sets_its_markup_and_its_customer_orders_from_its_marketplace(open_window, personas, acronis) -> None:
    allowed = factories.FixedPlanFactory(service_manager=acronis.service_manager, name="Backup 50 GB")
    factories.FixedPlanFactory(service_manager=acronis.service_manager, name="Backup 500 GB")
    factories.PartnerTermsFactory(plan=allowed, reseller=personas.reseller, discount_percent=Decimal(20))
    factories.TermsDocumentFactory()
    page, customer = open_window(personas.alice, permissions=["clipboard-read", "clipboard-write"]), open_window(None)

    # The partner can sell only those plans which the service provider allows him to sell.
    page.goto("/")
    page.get_by_role("link", name="Partner panel").first.click()
    expect(page.get_by_role("link", name="Backup 50 GB")).to_be_visible()
    expect(page.get_by_text("Backup 500 GB")).to_have_count(0)

    # The edit icon in front of the plan; the Markup textbox under the pricing tab.
    page.get_by_role("link", name="Backup 50 GB").click()
    expect(page.get_by_role("link", name="Pricing", exact=True)).to_have_attribute("aria-current", "page")
    expect(page.get_by_label("Markup on the Overage Price (/GB)").first).to_be_visible()
    page.get_by_label("Markup", exact=True).fill("25")
    page.get_by_label("Discount").fill("10")
    expect(page.locator("#worked-out")).to_contain_text("180.00 EUR")  # 200, less 20 %, plus 25 %, less 10 %
    page.get_by_label("Published").check()
    page.get_by_role("button", name="Save prices").click()
    expect(page.get_by_text("is saved. Your customers order it at these prices")).to_be_visible()
    assert PartnerPrice.objects.get().markup_percent == 25

    # Its order URLs, and its marketplace
    page.get_by_role("link", name="Order URLs", exact=True).click()
    page.get_by_role("row", name="12 months").get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    path = OrderUrl.objects.get(plan=allowed, reseller=personas.reseller, term_months=12).path
    assert page.evaluate("navigator.clipboard.readText()").endswith(path)
    page.goto(reverse("catalog:partner_plans"))
    page.get_by_role("link", name="Marketplace", exact=True).click()
    page.get_by_role("textbox", name="Address").fill("alster")
    page.get_by_label("Open: everybody").check()
    page.get_by_role("button", name="Save marketplace").click()
    expect(page.get_by_text("is saved and open.")).to_be_visible()

    # The partner's end customer goes to the partner's marketplace and places the order from there.
    customer.goto(reverse("catalog:marketplace", args=[Marketplace.objects.get().slug]))
    customer.get_by_role("link", name="Sign in").first.click()
    customer.get_by_label("Email").fill(personas.carol.email)
    customer.get_by_label("Password", exact=True).fill("correct horse battery")
    customer.get_by_role("button", name="Sign in").click()
    customer.get_by_role("link", name="Order Backup 50 GB, 12 months").click()
    expect(customer.get_by_role("complementary", name="Your order")).to_contain_text("180.00 EUR for 12 months")
    customer.goto(path)
    customer.get_by_role("button", name="Proceed to checkout").last.click()
    expect(customer.get_by_role("heading", name="Acronis Terms of Use")).to_be_visible()


# --- Every way of looking ---------------------------------------------------------------------------------------------------


def test_no_page_of_the_catalogue_is_wider_than_a_phone(open_window, staff, personas, acronis) -> None:
    plan = factories.FixedPlanFactory(service_manager=acronis.service_manager, name="Cyber Protect with a rather long name, 50 GB")
    factories.PartnerTermsFactory(plan=plan, reseller=personas.reseller)
    factories.PartnerPriceFactory(plan=plan, reseller=personas.reseller, is_published=True)
    Marketplace.objects.create(reseller=personas.reseller, slug="alster", title="Alster IT", is_open=True)
    of_staff = [
        reverse("admin:catalog_packages"),
        reverse("admin:catalog_product_add"),
        reverse("admin:catalog_productgroup_add"),
        reverse("admin:catalog_plan_add"),
        plan_page(plan),
        *(reverse(f"admin:catalog_plan_{name}", args=[plan.pk]) for name in STEPS),
        reverse("admin:post_office_emailtemplate_add"),
    ]
    of_partner = [
        reverse("catalog:partner_plans"),
        reverse("catalog:partner_plan", args=[plan.number]),
        reverse("catalog:partner_order_urls", args=[plan.number]),
        reverse("catalog:edit_marketplace"),
    ]
    of_customer = [reverse("catalog:marketplace", args=["alster"]), reverse("catalog:plan", args=[plan.number]), "/basket/"]

    wide = [
        address
        for person, addresses in ((staff.pia, of_staff), (personas.alice, of_partner), (personas.carol, of_customer))
        for address in too_wide(open_window(person, viewport=PHONE), addresses)
    ]

    assert wide == []


STEPS = ("module_setting", "pricing", "action_mails", "order_urls", "partners")


def too_wide(page: Page, addresses: list[str]) -> list[str]:
    """Return those of the pages that are wider than the window."""
    found = []
    for address in addresses:
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200, address
        if not fits(page):
            found.append(address)
    return found


def test_a_plan_is_created_set_up_and_priced_without_script(open_window, staff, acronis) -> None:
    factories.VentureFactory()
    group = factories.ProductGroupFactory()
    factories.ProductGroupFactory(product=group.product, name="Another")
    page = open_window(staff.pia, java_script_enabled=False)

    page.goto(reverse("admin:catalog_plan_add"))
    page.get_by_role("button", name="Show what fits the choice above").click()
    page.get_by_label("Product Group").select_option(label=group.name)
    page.get_by_label("Plan name").fill("Backup 50 GB")
    page.get_by_role("button", name="Save", exact=True).click()
    plan = Plan.objects.get()
    page.goto(pricing_page(plan))
    page.get_by_label("Billing Model").select_option(label="Fixed postpaid")
    page.get_by_role("button", name="Save how it is sold").click()

    page.goto(reverse("admin:catalog_plan_module_setting", args=[plan.pk]))
    page.get_by_label("Service manager").select_option(str(acronis.service_manager.pk))
    page.get_by_role("button", name="Show what it offers").click()
    page.get_by_label("Edition", exact=True).select_option(label="Per gigabyte")
    page.get_by_label("File Sync & Share edition").select_option(label="Per user")
    page.get_by_role("button", name="Show the offering items of these editions").click()
    page.get_by_label("Storage Quota (GB)").fill("50")
    page.get_by_role("button", name="Save the module setting").click()
    expect(page.get_by_text(f"The Module Setting of {plan} is saved.")).to_be_visible()

    page.goto(pricing_page(plan))
    amount(page, "EUR", "1 month", "Price").fill("20")
    page.get_by_role("button", name="Save prices").click()
    expect(page.get_by_text("1 price is valid from")).to_be_visible()
    page.goto(plan_page(plan))
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text(f"{plan} is in the storefront.")).to_be_visible()
