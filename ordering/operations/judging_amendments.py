"""
Whether a running subscription can be changed as somebody wishes, and into what.

Judged twice by the same functions: for the quote, which is shown, and under the subscription's lock as it is ordered.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime

from accounts.models import Organization, local_date
from billing.models import Subscription
from billing.price_list import price_list
from billing.queries.amendment_costs import Change
from billing.queries.paid_terms import term_end
from catalog.models import Plan
from catalog.provisioned import QuantityTooLarge
from catalog.queries.offers import offers, sold_prices
from common.errors import DomainError, FieldRefused
from common.templatetags.show import day, money
from ordering.amendment_terms import AmendmentWish, RunsUnder, term_words
from ordering.models import OrderLine, largest_quantity
from ordering.operations import fitting, refusals, selling
from ordering.queries import amendments as subject
from provisioning.acronis.errors import AcronisError
from provisioning.models import FileSyncModel, ProtectionModel
from provisioning.operations import services

NOT_ASKED = "Acronis could not be asked whether it takes the change; it is asked again before anything is changed."


class AmendmentRefused(DomainError):
    """The subscription cannot be changed so; the text says why."""


@dataclass(frozen=True)
class Asked:
    """
    A wish that can be fulfilled, as far as our rows say.

    :param change: the same as `billing` is asked about it.
    :param warnings: what is to be said before it is ordered.
    """

    subscription: Subscription
    wish: AmendmentWish
    plan: Plan
    before: RunsUnder
    after: RunsUnder
    change: Change
    warnings: list[str] = field(default_factory=list)


def judged(subscription: Subscription, wish: AmendmentWish, *, reader: Organization | None, at: datetime) -> Asked:
    """Refuse what cannot be, by our rows; what the vendor says to it is asked apart."""
    under_way = subject.amendment_under_way(subscription)
    if (why := subject.closed_because(subscription, under_way)) and not _ends_what_is_to_end(subscription, wish, under_way):
        raise AmendmentRefused(why)
    today = local_date(at, subject.msp())
    if subscription.phases.filter(valid_from__gt=today).exists():
        raise AmendmentRefused(f"Subscription {subscription} is changed for a later day already.")
    before = subject.runs_under(subscription, at=at)
    match wish.kind:
        case OrderLine.Kind.QUANTITY:
            return _quantity(subscription, wish, before, reader=reader, at=at)
        case OrderLine.Kind.PLAN:
            return _plan(subscription, wish, before, reader=reader, at=at)
        case OrderLine.Kind.TERM:
            return _term(subscription, wish, before, reader=reader, at=at)
        case OrderLine.Kind.CANCEL:
            return _cancel(subscription, wish, before, today)
    raise AmendmentRefused("Choose what to change.")


def _ends_what_is_to_end(subscription: Subscription, wish: AmendmentWish, under_way: OrderLine | None) -> bool:
    """Say whether the end is only planned and is wished for now instead."""
    is_planned = subscription.cancels_on is not None and subscription.status == Subscription.Status.ACTIVE
    ends_now = (wish.kind, wish.ends) == (OrderLine.Kind.CANCEL, OrderLine.Ends.NOW)
    return is_planned and under_way is None and subscription.service.ended_at is None and ends_now


def _quantity(
    subscription: Subscription, wish: AmendmentWish, before: RunsUnder, *, reader: Organization | None, at: datetime
) -> Asked:
    quantity = wish.quantity or 0
    refusals.check_quantity(subscription.plan, quantity)
    if quantity == before.quantity:
        raise FieldRefused("quantity", f"The quantity is {quantity:,} already. Enter another one.")
    buyer = subject.buyer_of(subscription, reader)
    if quantity > before.quantity and not subject.sold_plans(subscription, buyer, at=at).filter(pk=subscription.plan_id).exists():
        raise refusals.NotForSale(f"{subscription.plan_name} is not sold any more: its quantity can only be made smaller.")
    items = before.module_wish["items"].values()
    if any(((item["soft"] or 0) + (item["overage"] or 0)) * quantity > services.LARGEST_QUOTA for item in items):
        raise QuantityTooLarge(f"The quotas of {quantity:,} units are more than Acronis can count. Order fewer.")
    return Asked(
        subscription,
        wish,
        subscription.plan,
        before,
        after=replace(before, quantity=quantity),
        change=Change(OrderLine.Kind.QUANTITY, quantity=quantity),
    )


def _plan(
    subscription: Subscription, wish: AmendmentWish, before: RunsUnder, *, reader: Organization | None, at: datetime
) -> Asked:
    plan = _sold_plan(subscription, wish, reader=reader, at=at)
    warnings = []
    quantity = wish.quantity or before.quantity
    if wish.quantity is None and quantity > largest_quantity(plan):
        quantity = 1
        warnings.append(f"{plan} is ordered with quantity 1.")
    refusals.check_quantity(plan, quantity)
    term = wish.term_months or before.term_months
    on = local_date(at, subject.buyer_of(subscription, reader))
    refusals.check_term(plan, term, offers([plan], subscription.consumer, on=on).get(plan.pk, []))
    protection, file_sync = _models(plan, wish, before)
    if plan.pk == subscription.plan_id and (protection, file_sync) == (before.protection_model, before.file_sync_model):
        raise FieldRefused("plan", f"The plan is {plan} already. Choose another one.")
    sale = selling.sale_of(
        plan,
        consumer=subscription.consumer,
        quantity=quantity,
        term_months=term,
        protection_model=protection,
        file_sync_model=file_sync,
        on=on,
    )
    # Whether it is a trial, and where its data lies, belongs to the service: neither begins again, nor moves.
    kept = {name: before.module_wish[name] for name in ("pricing_mode", "trial_days", "backup_storage")}
    after = RunsUnder(
        plan_name=plan.name,
        billing_model=plan.billing_model,
        quantity=quantity,
        term_months=term,
        prices=sale.prices,
        module_wish={**sale.module_wish, **kept},
        protection_model=sale.wish.protection_model,
        file_sync_model=sale.wish.file_sync_model,
    )
    if not plan.is_fixed and plan.pk != subscription.plan_id:
        warnings += _use_terms(subscription, plan, reader=reader, on=on)
    change = Change(OrderLine.Kind.PLAN, quantity=quantity, plan=plan, term_months=term, prices=sale.prices, plan_name=plan.name)
    return Asked(subscription, wish, plan, before, after, change, warnings)


def _use_terms(subscription: Subscription, plan: Plan, *, reader: Organization | None, on: date) -> list[str]:
    """Say what months under a new plan by use include and cost at least, at the reader's end of the chain of prices."""
    words = []
    if subscription.allowances.exists() or subscription.commitments.exists():
        words.append(f"What {subscription.plan_name} includes each month, and asks for at least, ends unless it was agreed apart.")
    found = price_list(plan=plan, buyer=subject.buyer_of(subscription, reader), today=on)
    if found is None:
        return words
    words += [f"Each month that begins then or later includes {included}." for included in found.terms.included]
    if found.terms.minimum:
        amount = money(found.terms.minimum, found.terms.currency)
        words.append(f"Each month that begins then or later costs at least {amount}, excl. VAT.")
    return words


def _sold_plan(subscription: Subscription, wish: AmendmentWish, *, reader: Organization | None, at: datetime) -> Plan:
    plan = wish.plan
    if plan is None:
        raise FieldRefused("plan", "Choose a plan.")
    if plan.billing_model != subscription.billing_model:
        raise refusals.NotForSale(f"{plan} is billed another way than {subscription.plan_name}. Cancel this one and order anew.")
    if plan.product_group.product_id != subscription.plan.product_group.product_id:
        raise refusals.NotForSale(f"{plan} is another product than {subscription.plan_name}. Cancel this one and order anew.")
    if plan.service_manager_id != subscription.service.service_manager_id:
        raise refusals.NotForSale(f"{plan} runs elsewhere than {subscription.plan_name}. Cancel this one and order anew.")
    if plan.billing_model == Plan.BillingModel.PREPAID and plan.venture_id != subscription.plan.venture_id:
        raise refusals.NotForSale(
            f"{plan} is invoiced by {plan.venture}, not {subscription.plan.venture}. Cancel this one and order anew."
        )
    buyer = subject.buyer_of(subscription, reader)
    if not subject.sold_plans(subscription, buyer, at=at).filter(pk=plan.pk).exists():
        raise refusals.NotForSale(f"{plan} is not sold to {buyer}.")
    return plan


def _models(plan: Plan, wish: AmendmentWish, before: RunsUnder) -> tuple[str, str]:
    """Return the licensing models: those of a fixed plan, else the chosen ones, else what they are."""
    if plan.is_fixed:
        return selling.editions_of(plan)
    protection, file_sync = wish.protection_model or before.protection_model, wish.file_sync_model or before.file_sync_model
    if protection not in ProtectionModel.values:
        raise FieldRefused("protection_model", "Choose a Protection Licensing Model.")
    if file_sync not in FileSyncModel.values:
        raise FieldRefused("file_sync_model", "Choose a File Sync & Share Licensing Model.")
    return protection, file_sync


def _term(
    subscription: Subscription, wish: AmendmentWish, before: RunsUnder, *, reader: Organization | None, at: datetime
) -> Asked:
    plan, term = subscription.plan, wish.term_months or 0
    if not plan.is_fixed:
        raise FieldRefused("term_months", refusals.ONE_MONTH_SENTENCE)
    if term == before.term_months:
        raise FieldRefused("term_months", f"The term is {term_words(term)} already. Choose another one.")
    buyer = subject.buyer_of(subscription, reader)
    if not subject.sold_plans(subscription, buyer, at=at).filter(pk=plan.pk).exists():
        raise refusals.NotForSale(f"{subscription.plan_name} is not sold any more: its term stays.")
    on = local_date(at, buyer)
    refusals.check_term(plan, term, offers([plan], subscription.consumer, on=on).get(plan.pk, []))
    prices = sold_prices(plan, term_months=term, consumer=subscription.consumer, on=on)
    return Asked(
        subscription,
        wish,
        plan,
        before,
        after=replace(before, term_months=term, prices=prices),
        change=Change(OrderLine.Kind.TERM, term_months=term, prices=prices),
    )


def _cancel(subscription: Subscription, wish: AmendmentWish, before: RunsUnder, today: date) -> Asked:
    if wish.ends not in OrderLine.Ends.values:
        raise FieldRefused("ends", "Choose when it ends.")
    warnings = ["All backups, files and users of the service are deleted at Acronis when it ends."]
    ends_on = None
    if wish.ends == OrderLine.Ends.AT_END_OF_TERM:
        ends_on = term_end(subscription, on=today)
        warnings.append(f"It can be taken back until {day(subject.last_day(ends_on))}.")
    change = Change(OrderLine.Kind.CANCEL, ends_on=ends_on)
    return Asked(subscription, wish, subscription.plan, before, before, change, warnings)


# --- The vendor -----------------------------------------------------------------------------------------------------------------


def asked_of_vendor(asked: Asked, *, at: datetime) -> list[str]:
    """
    Return what is to be said before the change, by what is in use and what the vendor says to other editions.

    :raises BelowUse: more is in use than is left.
    :raises AmendmentRefused: the vendor would not switch the edition.
    """
    if asked.wish.kind not in (OrderLine.Kind.QUANTITY, OrderLine.Kind.PLAN):
        return []
    service = asked.subscription.service
    warnings = fitting.check_fits(service, asked.after, field=asked.wish.kind, at=at)
    models = (asked.after.protection_model, asked.after.file_sync_model)
    if models == (asked.before.protection_model, asked.before.file_sync_model) or service.tenant.vendor_id is None:
        return warnings
    try:
        trial = services.try_licensing(service_id=service.pk, protection_model=models[0], file_sync_model=models[1])
    except AcronisError:
        return [*warnings, NOT_ASKED]
    if not trial.is_possible:
        raise AmendmentRefused(f"Acronis refuses the change. {' '.join(trial.blockers)}")
    return [*warnings, *trial.steps]
