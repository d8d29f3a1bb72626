"""Who of the house may see and change the catalogue: each page × role × answer, and that looking changes nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from catalog.models import ActionMail, ModuleSettings, OrderUrl, PartnerTerms, Plan, PlanPrice
from config.roles import ensure_roles
from tests import factories

LOOKING = {"Product managers": 200, "Account managers": 200, "Billing managers": 200, "": 403}
CHANGING = {"Product managers": 200, "Account managers": 403, "Billing managers": 403, "": 403}
SENT = {
    "part": "selling",
    "billing_model": "prepaid",
    "action": "save",
    "name": "Taken over",
    "is_active": "0",
    "valid_until": "2030-01-01",
    "discount_percent": "5",
    "takes_all_found": "on",
}
SEEN = (
    "catalog_plan_changelist",
    "catalog_plan_export",
    "catalog_packages",
    "catalog_plan_change",
    "catalog_plan_history",
    "catalog_plan_pricing",
    "catalog_plan_module_setting",
    "catalog_plan_order_urls",
    "catalog_plan_action_mails",
    "catalog_productgroup_action_mails",
    "catalog_plan_partners",
    "catalog_partnerterms_of_reseller",
    "catalog_partnerprice_changelist",
)
CHANGED = (
    "catalog_plan_add",
    "catalog_plan_import",
    "catalog_plan_import_format",
    "catalog_plan_withdraw_price",
    "catalog_plan_account",
    "catalog_plan_duplicate",
    "catalog_plan_archive",
    "catalog_product_add",
    "catalog_productgroup_add",
    "catalog_producttype_add",
    "catalog_venture_add",
    "catalog_tax_add",
    "catalog_partnerterms_add",
    "catalog_termsdocument_add",
    "post_office_emailtemplate_changelist",
)
ONLY_POSTED = (
    "catalog_plan_publish",
    "catalog_plan_cancel_price",
    "catalog_plan_sell_again",
    "catalog_plan_follow_group",
    "catalog_orderurl_switch",
    "post_office_emailtemplate_preview",
    "post_office_emailtemplate_send_test",
)


@pytest.fixture
def plan(db: None) -> Plan:
    ensure_roles()
    plan: Plan = factories.FixedPlanFactory.create(applicable_on_partner_website=True)
    OrderUrl.objects.create(code="abcdef1234", plan=plan, term_months=1, created_at=factories.AT)
    factories.PartnerTermsFactory.create(plan=plan)
    return plan


def address(name: str, plan: Plan) -> str:
    owners = {
        "catalog_productgroup_action_mails": plan.product_group_id,
        "catalog_orderurl_switch": OrderUrl.objects.get().pk,
        "catalog_partnerterms_of_reseller": PartnerTerms.objects.get().reseller_id,
    }
    is_of_none = name.endswith(("_changelist", "_add", "_packages", "_import", "_export", "_format", "_preview", "_send_test"))
    url = reverse(f"admin:{name}", args=[] if is_of_none else [owners.get(name, plan.pk)])
    return f"{url}?currency=EUR&term=1" if name.endswith("withdraw_price") else url


def staff_of(role: str) -> Client:
    user = factories.UserFactory.create(is_staff=True)
    user.groups.set(Group.objects.filter(name=role))
    browser = Client()
    browser.force_login(user)
    return browser


def rows() -> Iterator[list[Any]]:
    for model in (Plan, PlanPrice, ModuleSettings, OrderUrl, ActionMail, PartnerTerms):
        yield list(model._default_manager.order_by("pk").values())


@pytest.mark.parametrize("role", LOOKING)
def test_each_role_sees_what_is_its_own_and_looking_changes_nothing(plan: Plan, role: str) -> None:
    browser, before = staff_of(role), list(rows())

    seen = {name: browser.get(address(name, plan)).status_code for name in (*SEEN, *CHANGED)}

    assert seen == dict.fromkeys(SEEN, LOOKING[role]) | dict.fromkeys(CHANGED, CHANGING[role])
    assert not {browser.get(address(name, plan)).status_code for name in ONLY_POSTED} - {403, 405}
    assert list(rows()) == before


@pytest.mark.parametrize("role", [role for role, answer in CHANGING.items() if answer == 403])
def test_who_may_only_look_changes_nothing_by_any_page(plan: Plan, role: str) -> None:
    browser, before = staff_of(role), list(rows())

    for name in (*SEEN, *CHANGED, *ONLY_POSTED):
        browser.post(address(name, plan), SENT)

    assert list(rows()) == before


def test_who_is_no_staff_is_sent_to_sign_in_by_every_page(plan: Plan) -> None:
    customer = Client()
    customer.force_login(factories.UserFactory.create())

    for browser in (customer, Client()):
        answers = [browser.post(address(name, plan), SENT) for name in (*SEEN, *CHANGED, *ONLY_POSTED)]
        assert {answer.status_code for answer in answers} == {302}
