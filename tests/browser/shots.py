"""
`make shots`: start everything with demo data, walk through the pages in Chromium, desktop and phone, and keep what they look like.

The pictures land in `<state>/pictures`, to be looked at by people; nothing is compared.
"""

import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, sync_playwright

from config.demo.people import ALICE, BERT, DORA, MIRA, PASSWORD, PAUL, Person
from config.demo.story import Story, last_month, set_clock
from config.processes import ROOT, Stack
from tests.browser.chromium import LAUNCH

WIDTHS = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
# Pictures may take their time: the machine may be busy with tests, and nobody measures anything here.
PATIENCE_MS = 120_000
NEXT = "main form button.btn-primary"
BY_USE = "/?billing=pay_as_you_go"
FIXED = "/?billing=postpaid_fixed"


def main() -> int:
    state = Path(os.environ.get("CLOUDTILL_STATE") or ROOT / "var" / "shots").resolve()
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    begin, end = last_month(datetime.now(UTC).date())
    set_clock(state / "clock", begin)
    env = {"STAFF_MFA_REQUIRED": "false", "CLOCK_FILE": str(state / "clock"), "SANDBOX_NOW": begin.isoformat()}
    with Stack(state=state, env=env) as stack, sync_playwright() as playwright:
        Story(stack, folder=state, begin=begin, end=end, second_factors=False).tell()
        browser = playwright.chromium.launch(**LAUNCH)
        for device, viewport in WIDTHS.items():
            folder = state / "pictures" / device
            folder.mkdir(parents=True, exist_ok=True)
            for walk in (_visitor, _storefront, _partner, _back_office, _catalogue):
                context = browser.new_context(viewport=viewport)
                context.set_default_timeout(PATIENCE_MS)
                walk(context, stack.web_url, folder)
        browser.close()
    print(f"Pictures are in {os.path.relpath(state / 'pictures')}.")
    return 0


def _visitor(context: BrowserContext, url: str, folder: Path) -> None:
    """What a stranger sees: a marketplace, and signing up there."""
    page = context.new_page()
    page.goto(f"{url}/m/alster/")
    _keep(page, folder, "07-marketplace-stranger")
    page.locator("main .cards a").first.click()
    _keep(page, folder, "08-marketplace-plan")
    page.goto(f"{url}/sign-up/")
    _keep(page, folder, "09-sign-up")
    context.close()


def _storefront(context: BrowserContext, url: str, folder: Path) -> None:
    page = context.new_page()
    page.goto(f"{url}/accounts/login/")
    _keep(page, folder, "01-sign-in")
    _sign_in(page, url, DORA)
    _keep(page, folder, "02-products")
    for name, shelf in (("03-product", BY_USE), ("03-product-fixed", FIXED)):
        page.goto(f"{url}{shelf}")
        page.click("a[href^='/products/']")
        _keep(page, folder, name)
    for name in (
        "services",
        "usage",
        "usage/report",
        "orders",
        "invoices",
        "organization",
        "organization/people",
        "organization/api-tokens",
    ):
        page.goto(f"{url}/{name}/")
        _keep(page, folder, f"04-{name.replace('/', '-')}")
    page.goto(f"{url}/invoices/")
    page.click("main table a")
    _keep(page, folder, "05-invoice")
    page.locator("main a[href*='/lines/']").first.click()
    page.wait_for_timeout(800)
    _keep(page, folder, "06-explain")
    _service(page, url, folder)
    context.close()


def _service(page: Page, url: str, folder: Path) -> None:
    """The service page and what is done from it; each step at the vendor is waited for."""
    page.goto(f"{url}/services/")
    page.click("main table a")
    address = page.url
    _keep(page, folder, "22-service")
    page.goto(f"{address}sign-in/")
    page.fill("[name=login]", "msp-admin")
    page.fill("[name=password]", "short")
    page.wait_for_timeout(1500)
    page.click(NEXT)
    _keep(page, folder, "23-username-refused")
    page.goto(f"{address}reset-password/")
    _keep(page, folder, "24-reset-password")
    page.click(NEXT)
    _keep(page, folder, "25-service-moving")
    page.wait_for_selector("text=Show password", timeout=PATIENCE_MS)
    page.click("text=Show password")
    page.wait_for_selector("output")
    _keep(page, folder, "26-service-password")
    with page.expect_popup() as opened:
        page.click("text=Login to your panel")
    opened.value.wait_for_url("**/mc/")
    opened.value.close()
    page.goto(address)
    _keep(page, folder, "27-service-history")


def _partner(context: BrowserContext, url: str, folder: Path) -> None:
    """The whole checkout, once per device: a reseller has a customer left each time."""
    page = context.new_page()
    _sign_in(page, url, ALICE)
    page.goto(f"{url}{FIXED}")
    page.click("a[href^='/products/']")
    _keep(page, folder, "10-product-fixed-reseller")
    page.goto(f"{url}{BY_USE}")
    page.click("a[href^='/products/']")
    _keep(page, folder, "10-product-reseller")
    page.click("form[action^='/basket/add/'] button")
    page.goto(f"{url}/basket/customer/")
    _keep(page, folder, "11-new-customer")
    facts = {
        "name": f"Kiosk {folder.name}",
        "billing_email": "kiosk@example.com",
        "address_line1": "Am Markt 1",
        "postcode": "20095",
    }
    for name, value in {**facts, "city": "Hamburg"}.items():
        page.fill(f"[name={name}]", value)
    page.click(NEXT)
    page.select_option("select[name$=protection_model]", "per_gigabyte")
    page.select_option("select[name$=file_sync_model]", "per_user")
    _keep(page, folder, "12-basket")
    page.locator("button:has-text('Proceed to checkout')").last.click()
    page.click(NEXT)  # nothing is ticked
    _keep(page, folder, "13-terms-refused")
    for box in page.locator("main input[type=checkbox]").all():  # the vendor's terms and the seller's
        box.check()
    page.click(NEXT)
    _keep(page, folder, "14-billing")
    page.click(NEXT)
    page.fill("[name=login]", "msp-admin")
    page.wait_for_timeout(1500)
    _keep(page, folder, "15-login-taken")
    page.fill("[name=login]", f"kiosk.{folder.name}")
    page.fill("[name=email]", "kiosk@example.com")
    page.wait_for_timeout(1500)
    _keep(page, folder, "16-login-free")
    page.click(NEXT)
    _keep(page, folder, "17-review")
    page.click(NEXT)
    _keep(page, folder, "18-order-in-progress")
    page.wait_for_selector("text=Manage Your Service", timeout=PATIENCE_MS)
    _keep(page, folder, "19-order-completed")
    page.goto(f"{url}/customers/")
    _keep(page, folder, "20-customers")
    page.goto(f"{url}/margins/")
    _keep(page, folder, "20-margins")
    _panel(page, url, folder)
    page.goto(f"{url}/services/")
    page.click("main table a, main a[href^='/services/']")
    _keep(page, folder, "21-service")
    context.close()


def _panel(page: Page, url: str, folder: Path) -> None:
    """The partner panel, and the marketplace that it makes."""
    page.goto(f"{url}/partner/plans/")
    _keep(page, folder, "60-partner-plans")
    page.locator("main table a").first.click()
    page.fill("[name=discount_percent]", "90")
    page.wait_for_selector("text=Tick that this is meant", timeout=PATIENCE_MS)
    _keep(page, folder, "61-partner-plan-loss")
    page.click("text=Order URLs")
    _keep(page, folder, "62-partner-order-urls")
    page.goto(f"{url}/partner/marketplace/")
    page.fill("[name=slug]", "alster")
    page.fill("[name=intro]", "Backup and security for craft and trade between Elbe and Alster.")
    page.fill("[name=accent]", "#7a1f5c")
    page.check("[name=shows_prices]")
    page.click(NEXT)
    _keep(page, folder, "63-marketplace-set-up")
    page.goto(f"{url}/m/alster/")
    _keep(page, folder, "64-marketplace")


def _back_office(context: BrowserContext, url: str, folder: Path) -> None:
    page = context.new_page()
    _sign_in(page, url, MIRA)
    _keep(page, folder, "30-bss-dashboard")
    page.goto(f"{url}/bss/ordering/order/create/")
    _keep(page, folder, "31-bss-create-order")
    page.goto(f"{url}/bss/accounts/organization/?q=Carol")
    number = page.inner_text("#result_list tbody a")
    if folder.name == "desktop":
        page.goto(f"{url}/bss/ordering/order/create/?consumer={number}")
        by_use = page.locator("select[name=plan] option", has_text="pay-as-you-go").first.get_attribute("value")
        page.select_option("select[name=plan]", by_use)
        page.select_option("select[name=protection_model]", "per_gigabyte")
        page.select_option("select[name=file_sync_model]", "per_user")
        page.fill("[name=login]", "carol.blum")
        page.fill("[name=email]", "carol@cafe-carol.example")
        page.click("form:has(select[name=protection_model]) button[type=submit]")
        page.wait_for_timeout(2500)
        _keep(page, folder, "32-bss-order")
    page.goto(f"{url}/bss/ordering/ordertoexecute/")
    _keep(page, folder, "33-bss-orders-to-execute")
    page.goto(f"{url}/bss/ordering/order/")
    _keep(page, folder, "34-bss-orders")
    _vendor_pages(page, url, folder)
    page.goto(f"{url}/bss/billing/subscription/")
    page.locator("#result_list tbody a").first.click()
    _keep(page, folder, "38-bss-subscription")
    terminate = page.locator("a:has-text('Terminate')")
    if terminate.count():
        terminate.first.click()
        _keep(page, folder, "39-bss-terminate")
    context.clear_cookies()
    _sign_in(page, url, BERT)
    page.goto(f"{url}/bss/")
    _keep(page, folder, "35-bss-dashboard-billing")
    for name in ("ratecard", "ratecard/import", "billingrun", "invoice", "usagerecord"):
        page.goto(f"{url}/bss/billing/{name}/")
        _keep(page, folder, f"36-bss-{name.replace('/', '-')}")
        if name in ("ratecard", "billingrun", "invoice"):
            page.locator("#result_list tbody a").first.click()
            _keep(page, folder, f"37-bss-{name}-one")
    context.close()


def _catalogue(context: BrowserContext, url: str, folder: Path) -> None:
    """What the product manager works with: from Packages to prices, mails and sheets."""
    page = context.new_page()
    _sign_in(page, url, PAUL)
    page.goto(f"{url}/bss/catalog/plan/packages/")
    _keep(page, folder, "50-bss-packages")
    page.goto(f"{url}/bss/catalog/plan/add/")
    _keep(page, folder, "51-bss-create-plan")
    page.goto(f"{url}/bss/catalog/plan/packages/?q=Backup+50")
    page.locator(".pkg-plan a").first.click()
    plan = page.url.partition("change/")[0]
    _keep(page, folder, "52-bss-plan")
    page.goto(f"{plan}module-setting/")
    _keep(page, folder, "53-bss-module-setting")
    page.click("button[value=preview]")
    page.wait_for_selector("#ms-preview table", timeout=PATIENCE_MS)
    _keep(page, folder, "54-bss-module-setting-preview")
    page.goto(f"{plan}module-setting/account/")
    _keep(page, folder, "55-bss-own-account")
    for name in ("pricing", "order-urls", "duplicate"):
        page.goto(f"{plan}{name}/")
        _keep(page, folder, f"56-bss-{name}")
    page.goto(plan + "change/")
    page.click(".pkg-steps a:has-text('Notification & Action Mails')")
    _keep(page, folder, "57-bss-action-mails-of-the-group")
    page.click("a:has-text('Use own settings')")
    _keep(page, folder, "57-bss-action-mails")
    page.goto(plan + "change/")
    page.click("a:has-text('Allow for partners')")
    _keep(page, folder, "58-bss-partners")
    for name in ("catalog/plan/import", "billing/pricechange/new", "post_office/emailtemplate/add"):
        page.goto(f"{url}/bss/{name}/")
        _keep(page, folder, f"59-bss-{name.replace('/', '-')}")
    context.close()


def _vendor_pages(page: Page, url: str, folder: Path) -> None:
    """A reseller's synchronization, a tenant, its service and the moves of each."""
    page.goto(f"{url}/bss/accounts/organization/?kind__exact=reseller")
    page.locator("#result_list tbody a").first.click()
    page.click(".bss-moves a:has-text('Acronis')")
    _keep(page, folder, "40-bss-reseller")
    page.click("button[name=preview]")
    _keep(page, folder, "41-bss-reseller-preview")
    page.goto(f"{url}/bss/provisioning/tenant/?kind__exact=customer")
    page.locator("#result_list tbody a").first.click()
    tenant = page.url.partition("change/")[0]
    _keep(page, folder, "42-bss-tenant")
    page.goto(f"{tenant}suspend/")
    _keep(page, folder, "43-bss-suspend")
    page.goto(f"{url}/bss/provisioning/tenantuser/")
    _keep(page, folder, "44-bss-logins")
    page.goto(f"{url}/bss/provisioning/service/?ended_at__isempty=1")
    page.locator("#result_list tbody a").first.click()
    service = page.url.partition("change/")[0]
    _keep(page, folder, "45-bss-service")
    page.goto(f"{service}licensing/")
    page.select_option("[name=protection_model]", "per_workload")
    page.click("form.bss-form button[type=submit]")
    _keep(page, folder, "46-bss-licensing")
    page.goto(f"{service}quotas/")
    page.locator("input[name^='hard-']").nth(1).fill("5")
    page.click("button:has-text('Save quotas')")
    _keep(page, folder, "47-bss-quotas")
    page.goto(f"{url}/bss/provisioning/vendoraccess/")
    _keep(page, folder, "48-bss-accesses")


def _sign_in(page: Page, url: str, person: Person) -> None:
    page.goto(f"{url}/accounts/login/")
    page.fill("[name=login]", person.email)
    page.fill("[name=password]", PASSWORD)
    page.click("form:has([name=password]) button")
    page.wait_for_load_state()


def _keep(page: Page, folder: Path, name: str) -> None:
    page.wait_for_timeout(250)
    page.screenshot(path=str(folder / f"{name}.png"), full_page=True)


if __name__ == "__main__":
    sys.exit(main())
