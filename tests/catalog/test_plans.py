"""Plans: how they are sold, published, archived and duplicated; and what is still missing."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from catalog.models import ActionMail, ModuleItem, ModuleSettings, OrderUrl, PartnerTerms, Plan, PlanPrice
from catalog.operations import plans
from catalog.operations.plans import CannotBeSold, PlanRefused
from catalog.queries.readiness import Stage, missing_to_sell, stages, stages_of
from common.errors import IllegalTransition
from tests import factories
from tests.factories import AT

TODAY = date(2026, 10, 1)
pytestmark = pytest.mark.django_db
PREPAID, FIXED, BY_USE = Plan.BillingModel.PREPAID, Plan.BillingModel.POSTPAID_FIXED, Plan.BillingModel.PAY_AS_YOU_GO


def draft(**facts: Any) -> Plan:
    return factories.FixedPlanFactory(status=Plan.Status.DRAFT, **facts)


def publish(plan: Plan) -> Plan:
    return plans.publish_plan(plan_id=plan.pk, today=TODAY, at=AT)


def sell(plan: Plan, **options: Any) -> Plan:
    present = {
        "billing_model": plan.billing_model,
        "quantity_is_enabled": plan.quantity_is_enabled,
        "applicable_on_partner_website": plan.applicable_on_partner_website,
    }
    return plans.set_selling_options(plan_id=plan.pk, **{**present, **options}, today=TODAY, at=AT)


def duplicate(plan: Plan, name: str = "Copy") -> Plan:
    return plans.duplicate_plan(plan_id=plan.pk, name=name, today=TODAY, by=None, at=AT)


# --- Created, published, archived -----------------------------------------------------------------------------------------


def test_a_new_plan_is_a_draft_with_a_number_and_an_empty_module_setting() -> None:
    plan = plans.create_plan(
        venture=factories.VentureFactory(), product_group=factories.ProductGroupFactory(), name="Cyber Protect", at=AT
    )

    assert (plan.status, plan.service_manager, plan.number[0]) == (Plan.Status.DRAFT, None, "P")
    assert plan.module_settings.storage_quota is None
    assert OrderUrl.objects.count() == 0


def test_a_second_plan_of_the_same_name_is_refused_and_takes_no_number() -> None:
    facts: dict[str, Any] = {"venture": factories.VentureFactory(), "product_group": factories.ProductGroupFactory(), "at": AT}
    first = plans.create_plan(**facts, name="One")

    with pytest.raises(PlanRefused, match="has a plan of this name already") as refusal:
        plans.create_plan(**facts, name="One")

    assert refusal.value.field == "name"
    assert int(plans.create_plan(**facts, name="Two").number[1:]) == int(first.number[1:]) + 1


def test_publishing_makes_the_order_urls() -> None:
    plan = publish(draft())

    assert plan.status == Plan.Status.PUBLISHED
    assert set(OrderUrl.objects.values_list("term_months", flat=True)) == {1, 12}


@pytest.mark.parametrize(
    ("facts", "settings", "sentence"),
    [
        ({"service_manager": None}, {}, "Choose the service manager"),
        ({"service_manager__is_active": False}, {}, "is switched off"),
        ({}, {"storage_quota": None, "overage": None}, "Enter the Storage Quota"),
        ({}, {"file_sync_model": ""}, "Choose the Edition"),
        ({"monthly": None, "yearly": None}, {}, "Enter a price that is valid today"),
        ({"monthly__valid_from": date(2027, 1, 1), "yearly": None}, {}, "Enter a price that is valid today"),
        ({"yearly__overage_price": None}, {}, r"Overage Price \(/GB\) for EUR, 12 months"),
        ({"quantity_is_enabled": True}, {"storage_quota": -1, "overage": None}, "Switch Enable Quantity off"),
    ],
    ids=["no manager", "manager off", "no quota", "no edition", "no price", "planned only", "overage", "quantity"],
)
def test_what_an_order_would_fail_for_is_said_instead_of_publishing(
    facts: dict[str, Any], settings: dict[str, Any], sentence: str
) -> None:
    plan = draft(**facts)
    ModuleSettings.objects.filter(plan=plan).update(**settings or {"trial_days": 30})

    with pytest.raises(CannotBeSold, match=sentence):
        publish(plan)

    plan.refresh_from_db()
    assert plan.status == Plan.Status.DRAFT


def test_a_planned_price_without_overage_price_is_missing_before_its_day_comes() -> None:
    plan = draft()
    facts = {"plan": plan, "term_months": 6, "overage_price": None, "valid_from": date(2027, 1, 1)}
    factories.PlanPriceFactory(**facts)

    with pytest.raises(CannotBeSold, match=r"Overage Price \(/GB\) for EUR, 6 months from 1 Jan 2027"):
        publish(plan)


def test_everything_that_is_missing_is_said_at_once() -> None:
    plan = draft(service_manager=None, monthly=None, yearly=None)

    assert len(missing_to_sell(plan, on=TODAY)) == 2


@pytest.mark.parametrize("status", [Plan.Status.DRAFT, Plan.Status.PUBLISHED])
def test_drafts_and_published_plans_are_archived_and_come_back(status: str) -> None:
    plan = factories.FixedPlanFactory(status=status)

    assert plans.archive_plan(plan_id=plan.pk).status == Plan.Status.ARCHIVED
    with pytest.raises(IllegalTransition):
        plans.archive_plan(plan_id=plan.pk)
    assert publish(plan).status == Plan.Status.PUBLISHED


# --- How it is sold -------------------------------------------------------------------------------------------------------


def test_a_draft_changes_its_billing_model() -> None:
    plan = draft()

    assert sell(plan, billing_model=PREPAID).billing_model == PREPAID


@pytest.mark.parametrize("status", [Plan.Status.PUBLISHED, Plan.Status.ARCHIVED])
def test_the_billing_model_is_settled_once_published(status: str) -> None:
    plan = factories.FixedPlanFactory(status=status)

    with pytest.raises(PlanRefused, match="settled") as refusal:
        sell(plan, billing_model=PREPAID)

    assert refusal.value.field == "billing_model"


def test_a_plan_with_prices_does_not_become_pay_as_you_go() -> None:
    with pytest.raises(PlanRefused, match="Withdraw the prices"):
        sell(draft(), billing_model=BY_USE, quantity_is_enabled=False)


def test_a_draft_that_becomes_pay_as_you_go_has_no_quotas_any_more() -> None:
    plan = draft(monthly=None, yearly=None)
    settings = plan.module_settings
    ModuleItem.objects.create(settings=settings, name="pg_base_servers", soft_quota=5, overage=1)

    sell(plan, billing_model=BY_USE, quantity_is_enabled=False)

    settings.refresh_from_db()
    assert (settings.storage_quota, settings.overage, settings.protection_model, settings.file_sync_model) == (None, None, "", "")
    assert ModuleItem.objects.values_list("soft_quota", "overage", "is_enabled").get() == (None, None, True)


def test_quantity_is_refused_where_the_storage_quota_is_unlimited() -> None:
    plan = draft(quantity_is_enabled=False)
    ModuleSettings.objects.filter(plan=plan).update(storage_quota=-1, overage=None)

    with pytest.raises(PlanRefused, match="-1, unlimited") as refusal:
        sell(plan, quantity_is_enabled=True)

    assert refusal.value.field == "quantity_is_enabled"


def test_quantity_is_refused_for_pay_as_you_go() -> None:
    with pytest.raises(PlanRefused, match="ordered once"):
        sell(factories.PlanFactory(), quantity_is_enabled=True)


def test_saving_what_is_so_already_changes_nothing() -> None:
    plan = factories.FixedPlanFactory()

    sell(plan)
    before = OrderUrl.objects.count()
    sell(plan)

    assert OrderUrl.objects.count() == before == 2


# --- Duplicated -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def sold_plan() -> Plan:
    """A published plan with everything a plan can have."""
    from post_office.models import EmailTemplate

    plan = factories.FixedPlanFactory(summary="Fifty", description="Words")
    ModuleItem.objects.create(settings=plan.module_settings, name="pg_base_servers", soft_quota=5, overage=1)
    factories.PlanPriceFactory(plan=plan, term_months=3, valid_from=date(2025, 1, 1), valid_until=date(2026, 1, 1))
    factories.PlanPriceFactory(plan=plan, term_months=6, valid_from=date(2027, 1, 1))
    factories.PartnerTermsFactory(plan=plan, discount_percent=Decimal(25))
    factories.PartnerPriceFactory(plan=plan)
    template = EmailTemplate.objects.create(name="reminder-of-a-test")
    ActionMail.objects.create(plan=plan, action=ActionMail.Action.REMINDER, days=7, template=template)
    return plan


def test_a_copy_is_a_draft_set_up_alike(sold_plan: Plan) -> None:
    copy = duplicate(sold_plan)

    assert (copy.status, copy.name, copy.summary, copy.description) == (Plan.Status.DRAFT, "Copy", "Fifty", "Words")
    assert copy.number != sold_plan.number
    assert copy.service_manager == sold_plan.service_manager
    settings = copy.module_settings
    assert (settings.storage_quota, settings.overage) == (50, 10)
    assert settings.items.values_list("name", "soft_quota", "overage").get() == ("pg_base_servers", 5, 1)
    assert copy.action_mails.values_list("action", "days").get() == ("reminder", 7)
    assert copy.partner_terms.values_list("discount_percent", "is_allowed").get() == (Decimal(25), True)


def test_a_copy_has_present_and_planned_prices_and_not_the_past(sold_plan: Plan) -> None:
    copy = duplicate(sold_plan)

    prices = PlanPrice.objects.filter(plan=copy).order_by("term_months").values_list("term_months", "valid_from", "created_at")
    assert list(prices) == [(1, TODAY, AT), (6, date(2027, 1, 1), AT), (12, TODAY, AT)]


def test_a_copy_has_order_urls_of_its_own_and_nothing_that_partners_said(sold_plan: Plan) -> None:
    copy = duplicate(sold_plan)

    codes = [set(plan.order_urls.values_list("code", flat=True)) for plan in (sold_plan, copy)]
    assert len(codes[1]) == 6  # three terms, for the storefront and for the partner
    assert not codes[0] & codes[1]
    assert not copy.partner_prices.exists()


def test_changing_a_copy_leaves_the_plan_as_it_was(sold_plan: Plan) -> None:
    copy = duplicate(sold_plan)

    ModuleSettings.objects.filter(plan=copy).update(storage_quota=100)
    PartnerTerms.objects.filter(plan=copy).delete()

    assert ModuleSettings.objects.get(plan=sold_plan).storage_quota == 50
    assert sold_plan.partner_terms.count() == 1


def test_a_copy_needs_a_name_of_its_own(sold_plan: Plan) -> None:
    with pytest.raises(PlanRefused, match="has a plan of this name already"):
        duplicate(sold_plan, sold_plan.name)

    assert Plan.objects.count() == 1


# --- Readiness ------------------------------------------------------------------------------------------------------------


def test_the_steps_of_a_new_plan_say_what_comes_next() -> None:
    plan = plans.create_plan(
        venture=factories.VentureFactory(), product_group=factories.ProductGroupFactory(), name="Cyber Protect", at=AT
    )

    states = {one.stage: one.missing for one in stages(plan, on=TODAY)}

    assert list(states) == list(Stage)
    assert states[Stage.PRODUCT] == states[Stage.PRODUCT_GROUP] == states[Stage.PLAN] == states[Stage.PRICING] == ""
    assert states[Stage.MODULE_SETTING] == "Choose the service manager in the Module Setting."
    assert states[Stage.PUBLISH] == "Finish the steps above first."


def test_the_steps_of_a_sold_plan_say_what_is_there(sold_plan: Plan) -> None:
    publish(plans.archive_plan(plan_id=sold_plan.pk))
    sold_plan.refresh_from_db()

    facts = {one.stage: one.facts for one in stages(sold_plan, on=TODAY) if one.is_done}

    assert facts[Stage.PRICING] == "EUR; 1, 12 months"
    assert facts[Stage.MODULE_SETTING].endswith(", 50 GB")
    assert facts[Stage.ACTION_MAILS] == "1 of its own"
    assert facts[Stage.ORDER_URLS] == "6 in use"
    assert Stage.PUBLISH in facts


def test_the_steps_of_many_plans_take_five_queries(django_assert_num_queries: Any) -> None:
    factories.FixedPlanFactory.create_batch(8)
    found = list(Plan.objects.select_related("service_manager", "product_group__product"))

    with django_assert_num_queries(5):
        states = stages_of(found, on=TODAY)

    assert len(states) == 8
