"""
Changes of a running subscription, from the quote to the order: quantity, plan, term, cancellation.

What can be changed is judged twice by the same functions: for the quote, which is shown, and under the subscription's lock as it is
ordered. The vendor is asked only outside of transactions, so what is in use is looked at once more when the change is carried out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import ApiToken, Organization, User, local_date
from billing.models import Subscription
from billing.operations import subscriptions
from billing.price_list import price_list
from billing.queries.amendment_costs import Change, ChangeCost, cost_of_change, levels_seen
from billing.queries.paid_terms import term_end
from catalog.models import Plan
from catalog.provisioned import QuantityTooLarge
from catalog.queries.offers import offers, sold_prices
from common.errors import DomainError, FieldRefused
from common.templatetags.show import day, money
from ordering import emails, notifications
from ordering.amendment_quotes import AmendmentQuote, EndCost, Part
from ordering.amendment_terms import AmendmentWish, Row, RunsUnder, compared, heading, term_words
from ordering.costs import fingerprint
from ordering.models import Order, OrderLine, largest_quantity
from ordering.operations import fitting, gates, orders, refusals, selling
from ordering.queries import amendments as subject
from provisioning.acronis.errors import AcronisError
from provisioning.models import FileSyncModel, ProtectionModel
from provisioning.operations import services

SWEEP_LIMIT = 200

ONE_AT_A_TIME = "orderline_one_amendment_at_a_time"
"""The constraint that judges where two were ordered at the same moment."""

NOT_ASKED = "Acronis could not be asked whether it takes the change; it is asked again before anything is changed."


class AmendmentRefused(DomainError):
    """The subscription cannot be changed so; the text says why."""


def quote_amendment(*, subscription_id: int, wish: AmendmentWish, reader: Organization | None, at: datetime) -> AmendmentQuote:
    """
    Return what ``wish`` would change and cost if it were carried out now. Nothing is written; no transaction may be open.

    :param reader: the organization that asks: the consumer or its reseller; None is staff, who are told both ends of a sale.
    :raises AmendmentRefused: it has ended or is to end, is being changed already, or was changed for a later
        day.
    :raises NotForSale: the other plan is not sold to this buyer, or is of another product, service manager or billing model.
    :raises FieldRefused: a quantity, term or licensing model it cannot have; less than what is in use (`fitting.BelowUse`).
    :raises DomainError: the plan cannot be provisioned, or its cost is not known.
    """
    subscription = _read(subscription_id)
    asked = _judged(subscription, wish, reader=reader, at=at)
    return replace(_quoted(asked, reader=reader, at=at), warnings=[*_asked_of_vendor(asked, at=at), *asked.warnings])


def place_amendment(
    *,
    subscription_id: int,
    wish: AmendmentWish,
    quote_seen: str,
    reader: Organization | None,
    source: str,
    key: UUID,
    by: User | None,
    at: datetime,
    address: str | None = None,
    api_token: ApiToken | None = None,
    purchase_order: str = "",
) -> Order:
    """
    Order what was quoted: an order with one line. The same ``key`` twice gives the same order. No transaction may be open.

    An order from the storefront or a program goes on by itself under the same rules as one for a new service; one of the BSS waits
    for “Execute”. What costs a prepaid subscription more is paid first.

    :param quote_seen: the fingerprint of the quote that was confirmed.
    :param reader: whose quote that was; it is also who orders. None: staff order for whoever the MSP invoices.
    :raises PricesChanged: the quote is not what it was; nothing is ordered.
    :raises AmendmentRefused: and whatever `quote_amendment` raises.
    """
    subscription = _read(subscription_id)
    if (order := _same(subscription, key)) is not None:
        return order
    facts = {"source": source, "placed_by": by, "api_token": api_token, "placed_from": address, "purchase_order": purchase_order}
    try:
        _asked_of_vendor(_judged(subscription, wish, reader=reader, at=at), at=at)
        return _place(subscription_id, wish, quote_seen=quote_seen, reader=reader, key=key, facts=facts, at=at)
    except (AmendmentRefused, IntegrityError) as error:
        if (order := _same(subscription, key)) is not None:  # the other click of two was faster
            return order
        if isinstance(error, AmendmentRefused) or ONE_AT_A_TIME not in str(error):
            raise
        raise AmendmentRefused(f"Another change of subscription {subscription} has been ordered at this moment.") from None


@transaction.atomic(durable=True)
def take_back_cancellation(*, subscription_id: int, by: User | None, at: datetime) -> Subscription:
    """
    Let a subscription go on whose end was planned. Repeated, nothing.

    :raises DomainError: it has ended meanwhile.
    """
    return subscriptions.keep(subscription_id=subscription_id, by=by, at=at)


def give_up_outlived(*, at: datetime) -> int:
    """
    Cancel the orders that wait, or failed, although what they were to change has ended; tell how many. Repeated, nothing.

    What was invoiced for them in advance is credited.
    """
    waiting = [Order.Status.PLACED, Order.Status.HELD, Order.Status.AWAITING_PAYMENT, Order.Status.FAILED]
    unfinished = OrderLine.objects.amendments().unfinished()
    ended = unfinished.filter(order__status__in=waiting, subscription__status=Subscription.Status.ENDED)
    found = list(ended.order_by("order").values_list("order", flat=True)[:SWEEP_LIMIT])
    return sum(_give_up(order_id, waiting, at=at) for order_id in found)


@transaction.atomic(durable=True)
def _give_up(order_id: int, waiting: Sequence[str], *, at: datetime) -> bool:
    order = Order.objects.locked().select_related("buyer", "consumer__parent").get(pk=order_id)
    if order.status not in waiting:
        return False
    orders.give_up(order, because="The subscription has ended before it could be changed.", at=at)
    return True


@transaction.atomic(durable=True)
def _place(
    subscription_id: int,
    wish: AmendmentWish,
    *,
    quote_seen: str,
    reader: Organization | None,
    key: UUID,
    facts: dict[str, Any],
    at: datetime,
) -> Order:
    gates.lock_consumer(_read(subscription_id).consumer)  # as everybody does who orders for it
    Subscription.objects.locked().get(pk=subscription_id)
    subscription = _read(subscription_id)
    if (order := _same(subscription, key)) is not None:
        return order
    asked = _judged(subscription, wish, reader=reader, at=at)
    quote = _quoted(asked, reader=reader, at=at)
    if quote.fingerprint != quote_seen:
        raise refusals.PricesChanged("What this change costs has changed since you saw it. Nothing is ordered yet.")
    order = orders.new_order(
        key=key, buyer=subject.buyer_of(subscription, reader), consumer=subscription.consumer, placed_at=at, **facts
    )
    OrderLine.objects.create(order=order, **_line_facts(order, asked, quote, at=at))
    notifications.order_placed(order, at=at)
    if order.source != Order.Source.BSS:
        gates.receive(order, by=order.placed_by, at=at)
        emails.amendment_ordered(order)  # which says what happens next
    return order


# --- Judging --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Asked:
    """A wish that can be fulfilled, as far as our rows say."""

    subscription: Subscription
    wish: AmendmentWish
    plan: Plan
    before: RunsUnder
    after: RunsUnder
    change: Change
    warnings: list[str] = field(default_factory=list)


def _read(subscription_id: int) -> Subscription:
    related = ("consumer__parent", "plan__product_group", "plan__service_manager", "service__service_manager", "service__tenant")
    return Subscription.objects.select_related(*related).get(pk=subscription_id)


def _same(subscription: Subscription, key: UUID) -> Order | None:
    """
    Return the order that was made of the form with this ``key`` before.

    :raises AmendmentRefused: it was sent for something else.
    """
    order = Order.objects.filter(key=key).first()
    if order is not None and not order.lines.filter(subscription=subscription).exists():
        raise AmendmentRefused("This form was sent for something else already. Open the page of the service anew.")
    return order


def _judged(subscription: Subscription, wish: AmendmentWish, *, reader: Organization | None, at: datetime) -> _Asked:
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
) -> _Asked:
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
    return _Asked(
        subscription,
        wish,
        subscription.plan,
        before,
        after=replace(before, quantity=quantity),
        change=Change(OrderLine.Kind.QUANTITY, quantity=quantity),
    )


def _plan(
    subscription: Subscription, wish: AmendmentWish, before: RunsUnder, *, reader: Organization | None, at: datetime
) -> _Asked:
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
    return _Asked(subscription, wish, plan, before, after, change, warnings)


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
) -> _Asked:
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
    return _Asked(
        subscription,
        wish,
        plan,
        before,
        after=replace(before, term_months=term, prices=prices),
        change=Change(OrderLine.Kind.TERM, term_months=term, prices=prices),
    )


def _cancel(subscription: Subscription, wish: AmendmentWish, before: RunsUnder, today: date) -> _Asked:
    if wish.ends not in OrderLine.Ends.values:
        raise FieldRefused("ends", "Choose when it ends.")
    warnings = ["All backups, files and users of the service are deleted at Acronis when it ends."]
    ends_on = None
    if wish.ends == OrderLine.Ends.AT_END_OF_TERM:
        ends_on = term_end(subscription, on=today)
        warnings.append(f"It can be taken back until {day(subject.last_day(ends_on))}.")
    change = Change(OrderLine.Kind.CANCEL, ends_on=ends_on)
    return _Asked(subscription, wish, subscription.plan, before, before, change, warnings)


# --- The vendor -----------------------------------------------------------------------------------------------------------------


def _asked_of_vendor(asked: _Asked, *, at: datetime) -> list[str]:
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


# --- The quote ------------------------------------------------------------------------------------------------------------------


def _quoted(asked: _Asked, *, reader: Organization | None, at: datetime) -> AmendmentQuote:
    seen = levels_seen(asked.subscription, subject.buyer_of(asked.subscription, reader))
    found = [cost_of_change(asked.subscription, change=asked.change, level=level, at=at) for level in seen]
    costs = [end_cost(cost) for cost in found]
    is_staff = reader is None or reader.kind == Organization.Kind.MSP
    rows = compared(asked.before, asked.after, whose=subject.reader_level(asked.subscription, reader), is_staff=is_staff)
    told = heading(asked.wish.kind, asked.before, asked.after, ends=asked.wish.ends)
    first_day = found[0].first_day
    return AmendmentQuote(
        wish=asked.wish,
        heading=told,
        before=asked.before,
        after=asked.after,
        rows=rows,
        first_day=first_day,
        costs=costs if asked.after.is_fixed else [],
        warnings=asked.warnings,
        fingerprint=fingerprint([*_agreed_to(told, first_day, rows, costs), list(asked.warnings)]),
    )


def _agreed_to(told: str, first_day: date, rows: Sequence[Row], costs: Sequence[EndCost]) -> list[list[Any]]:
    """Return everything the reader agrees to. What was used above the quota is owed whatever is agreed, so it may go on growing."""
    return [
        [told, first_day.isoformat()],
        *([row.label, row.before, row.after] for row in rows),
        *([cost.level, {**cost.as_json(), "overage_first": ""}] for cost in costs),
    ]


def end_cost(cost: ChangeCost) -> EndCost:
    """Return what the change costs at one end of the sale, in words and figures that can be kept."""
    return EndCost(
        level=cost.level,
        currency=cost.currency,
        parts=[
            Part(
                f"{part.quantity:,} × {part.plan_name}, {day(part.days.start)} to {day(part.days.last_day)}:"
                f" {part.days.days} of {part.of.days} days",
                part.net,
                part.is_new,
            )
            for part in cost.parts
        ],
        more=cost.difference.charged,
        less=cost.difference.given_back,
        due_now=cost.due_now,
        credited=cost.credited,
        overage_first=cost.overage_due,
        next_invoice_on=cost.next_invoice_on,
        next_invoice=cost.next_invoice,
        until_end=cost.until_end,
    )


def _line_facts(order: Order, asked: _Asked, quote: AmendmentQuote, *, at: datetime) -> dict[str, Any]:
    """Return what the order line copies: what is to be, what was before, and what it was quoted at on every level of the sale."""
    subscription, after = asked.subscription, asked.after
    levels = levels_seen(subscription, None)
    costs = [end_cost(cost_of_change(subscription, change=asked.change, level=level, at=at)) for level in levels]
    percents = ("partner_discount_percent", "retail_markup_percent", "retail_discount_percent")
    facts: dict[str, Any] = {name: getattr(subscription, name) for name in percents}
    if asked.wish.kind == OrderLine.Kind.PLAN:
        facts = selling.agreed_terms(order, asked.plan)
    return {
        **facts,
        "kind": asked.wish.kind,
        "plan": asked.plan,
        "plan_name": after.plan_name,
        "billing_model": after.billing_model,
        "quantity": after.quantity,
        "term_months": after.term_months,
        "prices": [price.as_json() for price in after.prices],
        "module_wish": after.module_wish,
        "protection_model": after.protection_model,
        "file_sync_model": after.file_sync_model,
        "ends": asked.wish.ends,
        "subscription": subscription,
        "service": subscription.service,
        "role": "",
        "quote": {
            "before": asked.before.as_json(),
            "first_day": quote.first_day.isoformat(),
            "costs": [cost.as_json() for cost in costs] if after.is_fixed else [],
            "fingerprint": quote.fingerprint,
        },
    }
