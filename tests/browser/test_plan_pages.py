"""What only a browser shows of mail templates and of the import of plans: the live preview, the sandbox, and pages that fit."""

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect
from post_office.models import Email, EmailTemplate

from catalog.models import ActionMail, Plan
from tests import factories
from tests.browser.chromium import fits
from tests.browser.windows import signed_in
from tests.catalog.plan_sheet_files import plan_row, price_row, workbook

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WIDTHS = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


@pytest.fixture(params=WIDTHS)
def desk(request: pytest.FixtureRequest, chromium: Browser, live_server, personas) -> Iterator[Page]:
    """A desktop and a phone at which Root is signed in; what the console complains about fails the test."""
    with signed_in(chromium, live_server.url, personas.root, **WIDTHS[request.param]) as page:
        yield page


@pytest.fixture
def templates(db) -> list[EmailTemplate]:
    importlib.import_module("catalog.migrations.0004_action_mail_templates").add(apps, None)
    return list(EmailTemplate.objects.order_by("name"))


def test_a_template_is_previewed_as_it_is_typed_and_tested(desk: Page, templates, personas):
    desk.goto(reverse("admin:post_office_emailtemplate_change", args=[templates[0].pk]))
    preview = desk.frame_locator("iframe.bss-mail-frame")
    expect(preview.locator("h1")).to_contain_text("Please pay invoice INV-2026-000042")
    expect(preview.locator("a")).to_have_css("background-color", "rgb(15, 118, 110)")

    desk.fill("[name=subject]", "Now: {{ amount_due }}")
    expect(preview.locator("h1")).to_have_text("Now: 1,234.50 EUR")
    desk.fill("[name=subject]", "Now: {{ amount }}")
    expect(desk.locator("#preview")).to_contain_text("“amount” is not a variable of these mails")
    desk.fill("[name=subject]", "Now: {{ amount_due }}")
    expect(preview.locator("h1")).to_have_text("Now: 1,234.50 EUR")

    desk.click("text=Send test mail")
    expect(desk.locator("#test-mail")).to_contain_text(f"On its way to {personas.root.email}")
    assert Email.objects.get().to == [personas.root.email]
    assert fits(desk)


def test_the_mails_of_a_group_are_set_and_followed_by_its_plan(desk: Page, templates):
    plan = factories.PlanFactory()
    desk.goto(reverse("admin:catalog_productgroup_change", args=[plan.product_group_id]))
    desk.click('.bss-moves a:has-text("Notification & Action Mails")')
    for prefix, days in (("reminder-0", "3"), ("suspension", "14"), ("termination", "10")):
        desk.fill(f"[name={prefix}-days]", days)
        desk.select_option(f"[name={prefix}-template]", label="Reminder")
    desk.click("text=Save mails")
    expect(desk.locator(".bss-problems")).to_contain_text("Terminate after the service was suspended")
    assert fits(desk)

    desk.fill("[name=termination-days]", "30")
    desk.click("text=Save mails")
    expect(desk.locator("body")).to_contain_text("Saved.")
    desk.goto(reverse("admin:catalog_plan_action_mails", args=[plan.pk]))
    expect(desk.locator(".bss-note")).to_contain_text("This plan follows its product group")
    assert fits(desk)
    assert ActionMail.objects.count() == 3


def test_a_sheet_is_uploaded_looked_at_and_imported(desk: Page, tmp_path: Path):
    factories.VentureFactory()
    factories.ProductGroupFactory()
    wrong, good = tmp_path / "wrong.xlsx", tmp_path / "good.xlsx"
    wrong.write_bytes(workbook([plan_row(plan_name=f"Plan {n}", venture="Nobody") for n in range(70)]))
    good.write_bytes(workbook([plan_row(number="NEW-1", description="Long words " * 30)], [price_row()]))

    desk.goto(reverse("admin:catalog_plan_changelist"))
    desk.click('.bss-moves a:has-text("Import")')
    desk.set_input_files("[name=file]", wrong)
    desk.click("text=Show what would change")
    expect(desk.locator(".bss-problems")).to_contain_text("70 things have to be put right")
    assert fits(desk)
    desk.click("text=Upload the mended file")
    desk.set_input_files("[name=file]", good)
    desk.click("text=Show what would change")
    assert fits(desk)
    desk.click("text=Import 2 changes")

    expect(desk.locator("body")).to_contain_text("This file has been imported.")
    assert Plan.objects.get().status == Plan.Status.DRAFT
