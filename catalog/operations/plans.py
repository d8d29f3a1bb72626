"""Every write to a plan: added, set up for sale, published, archived, duplicated; and the numbers people quote it by."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, models, transaction
from django.db.models import Q
from sequences import get_next_value

from accounts.models import User
from catalog.models import (
    UNLIMITED_STORAGE,
    ActionMail,
    ModuleItem,
    ModuleSettings,
    PartnerTerms,
    Plan,
    PlanAllowance,
    PlanCommitment,
    PlanPrice,
    ProductGroup,
    Venture,
)
from catalog.operations import order_urls
from catalog.operations.module_settings import no_longer_fits
from catalog.queries.readiness import missing_to_sell
from common.errors import DomainError, FieldRefused


class CannotBeSold(DomainError):
    """The plan lacks something without which an order for it would fail."""


class PlanRefused(FieldRefused):
    """What was asked of a plan contradicts what it is; ``field`` is name, billing_model or quantity_is_enabled."""


@transaction.atomic(durable=True)
def create_plan(*, venture: Venture, product_group: ProductGroup, name: str, at: datetime) -> Plan:
    """
    Add a draft with a number of its own; module setting and pricing come next.

    :raises PlanRefused: the product group has a plan of this name already.
    """
    return _added(product_group, name, lambda: add_plan(venture=venture, product_group=product_group, name=name, at=at))


@transaction.atomic(durable=True)
def publish_plan(*, plan_id: int, today: date, at: datetime) -> Plan:
    """
    Put a plan into the storefront.

    :raises CannotBeSold: settings or prices are missing, its service manager is switched off or does not offer any more what the
        module setting says.
    :raises IllegalTransition: it is published already.
    """
    plan = _locked(plan_id)
    if missing := missing_to_sell(plan, on=today) or no_longer_fits(plan):
        raise CannotBeSold(" ".join(missing))
    order_urls.make_order_urls(plan, on=today, at=at)
    return _moved(plan, Plan.Status.PUBLISHED)


@transaction.atomic(durable=True)
def archive_plan(*, plan_id: int) -> Plan:
    """
    Take a plan out of the storefront. What was sold of it runs on and is billed.

    :raises IllegalTransition: it is archived already.
    """
    return _moved(_locked(plan_id), Plan.Status.ARCHIVED)


@transaction.atomic(durable=True)
def set_selling_options(
    *,
    plan_id: int,
    billing_model: str,
    quantity_is_enabled: bool,
    applicable_on_partner_website: bool,
    today: date,
    at: datetime,
) -> Plan:
    """
    Say how a plan is billed, whether buyers may order more than one, and whether partners may sell it. Order URLs are made.

    A draft that becomes pay-as-you-go loses the quotas and the edition of its module setting, one that becomes fixed its free units
    and minimums: it has none. Repeated, nothing.

    :raises PlanRefused: the billing model of a plan that is or was sold would change; a plan with prices would become
        pay-as-you-go; or the quantity of one that has no quota to multiply is to be enabled (seed text, 004: “Enable Quantity”).
    """
    plan = _locked(plan_id)
    if billing_model != plan.billing_model:
        _check_billing_model(plan, billing_model, today)
    settings = ModuleSettings.objects.filter(plan=plan).first()
    if quantity_is_enabled and (reason := why_no_quantity(billing_model, settings)):
        raise PlanRefused("quantity_is_enabled", reason)
    plan.billing_model = billing_model
    plan.quantity_is_enabled = quantity_is_enabled
    plan.applicable_on_partner_website = applicable_on_partner_website
    plan.save(update_fields=["billing_model", "quantity_is_enabled", "applicable_on_partner_website"])
    if plan.is_fixed:
        _drop_terms_of_use(plan)
    else:
        _drop_quotas(plan)
    order_urls.make_order_urls(plan, on=today, at=at)
    return plan


@transaction.atomic(durable=True)
def duplicate_plan(*, plan_id: int, name: str, today: date, by: User | None, at: datetime) -> Plan:
    """
    Add a draft of another name that is set up as a plan is now: module setting and items, action mails, partner terms, prices,
    free units and minimums.

    Of the prices, those valid today begin today, planned ones on their day. What partners take for the plan is theirs and is not
    copied. Return the draft.

    :raises PlanRefused: the product group has a plan of this name already.
    """
    plan = _locked(plan_id)
    facts = _facts(plan, without=("id", "number", "name", "status"))
    copy = _added(plan.product_group, name, lambda: Plan.objects.create(number=next_plan_number(), name=name, **facts))
    _copy_module_settings(plan, copy)
    _copy_prices(plan, copy, today=today, by=by, at=at)
    for row in ActionMail.objects.filter(plan=plan):
        ActionMail.objects.create(plan=copy, **_facts(row, without=("id", "plan")))
    for terms in PartnerTerms.objects.filter(plan=plan):
        PartnerTerms.objects.create(plan=copy, **_facts(terms, without=("id", "plan")))
    for kind in (PlanAllowance, PlanCommitment):
        for agreed in kind._default_manager.filter(plan=plan):
            kind._default_manager.create(plan=copy, **_facts(agreed, without=("id", "plan")))
    order_urls.make_order_urls(copy, on=today, at=at)
    return copy


# Steps: inside the caller's transaction


def add_plan(*, at: datetime, **facts: Any) -> Plan:
    """Add a draft with a number of its own and an empty module setting; its order URLs come with settings and price."""
    plan = Plan.objects.create(number=next_plan_number(), **facts)
    ModuleSettings.objects.create(plan=plan)
    order_urls.make_order_urls(plan, on=at.date(), at=at)
    return plan


def next_plan_number() -> str:
    """Take the next number for a plan: P1001, P1002…; given back if the transaction does not commit."""
    return f"P{get_next_value('plan', initial_value=1001)}"


# What a plan may be, for forms to say beforehand


def why_no_quantity(billing_model: str, settings: ModuleSettings | None) -> str:
    """Return the sentence that says why nobody can order more than one; empty where they can."""
    if billing_model == Plan.BillingModel.PAY_AS_YOU_GO:
        return "Pay-as-you-go is ordered once: what is used is what is paid."
    if settings is not None and settings.storage_quota == UNLIMITED_STORAGE:
        return "The Storage Quota in the Module Setting is -1, unlimited; there is nothing to multiply by a quantity."
    return ""


def why_no_other_billing_model(plan: Plan) -> str:
    """Return the sentence that says why the billing model stays; empty for a draft, of which nothing was ever sold."""
    if plan.status == Plan.Status.DRAFT:
        return ""
    return "The billing model is settled once a plan was published. Duplicate the plan to sell it in another way."


def _added(group: ProductGroup, name: str, add: Callable[[], Plan]) -> Plan:
    """Add a plan unless ``group`` has one of that name; the constraint decides where two are at it at once."""
    taken = PlanRefused("name", f"{group} has a plan of this name already.")
    if Plan.objects.filter(product_group=group, name=name).exists():
        raise taken
    try:
        with transaction.atomic():
            return add()
    except IntegrityError as error:
        raise taken from error


def _check_billing_model(plan: Plan, billing_model: str, today: date) -> None:
    if billing_model not in Plan.BillingModel.values:
        raise PlanRefused("billing_model", "Choose prepaid, fixed postpaid or pay-as-you-go postpaid.")
    if reason := why_no_other_billing_model(plan):
        raise PlanRefused("billing_model", reason)
    if billing_model == Plan.BillingModel.PAY_AS_YOU_GO and _present_prices(plan, today).exists():
        raise PlanRefused("billing_model", "Withdraw the prices of this plan first; pay-as-you-go is priced by the rate card.")


def _present_prices(plan: Plan, today: date) -> models.QuerySet[PlanPrice]:
    return PlanPrice.objects.filter(Q(valid_until__isnull=True) | Q(valid_until__gt=today), plan=plan)


def _drop_quotas(plan: Plan) -> None:
    nothing: dict[str, Any] = {"storage_quota": None, "overage": None, "protection_model": "", "file_sync_model": ""}
    ModuleSettings.objects.filter(plan=plan).update(**nothing)
    ModuleItem.objects.filter(settings__plan=plan).update(soft_quota=None, overage=None)


def _drop_terms_of_use(plan: Plan) -> None:
    """Free units and minimums are for what is billed by use."""
    PlanAllowance.objects.filter(plan=plan).delete()
    PlanCommitment.objects.filter(plan=plan).delete()


def _copy_module_settings(plan: Plan, copy: Plan) -> None:
    present = ModuleSettings.objects.filter(plan=plan).first()
    if present is None:
        ModuleSettings.objects.create(plan=copy)
        return
    settings = ModuleSettings.objects.create(plan=copy, **_facts(present, without=("id", "plan")))
    for item in present.items.all():
        ModuleItem.objects.create(settings=settings, **_facts(item, without=("id", "settings")))


def _copy_prices(plan: Plan, copy: Plan, *, today: date, by: User | None, at: datetime) -> None:
    for row in _present_prices(plan, today):
        facts = _facts(row, without=("id", "plan", "valid_from", "created_at", "created_by"))
        PlanPrice.objects.create(plan=copy, valid_from=max(row.valid_from, today), created_at=at, created_by=by, **facts)


def _facts(row: models.Model, *, without: tuple[str, ...]) -> dict[str, Any]:
    """Return every column of ``row`` but those, whatever columns it has by now."""
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields if field.name not in without}


def _locked(plan_id: int) -> Plan:
    return Plan.objects.locked().select_related("service_manager", "product_group").get(pk=plan_id)


def _moved(plan: Plan, status: str) -> Plan:
    plan.move_to(status)
    plan.save(update_fields=["status"])
    return plan
