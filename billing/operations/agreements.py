"""
What is agreed with a subscriber beside the rate card: free units of an item, and a minimum to pay, each from a month on.

The rows are dated and never edited. What a subscription starts with is its plan's; what is negotiated later is a new row from a
month on that nothing was invoiced for yet. 0 ends an agreement.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from django.db import transaction

from accounts.models import Organization, User
from billing.models import Invoice, InvoiceLine, Subscription, SubscriptionAllowance, SubscriptionCommitment
from catalog.models import Plan, PlanAllowance, PlanCommitment
from catalog.operations.agreements import check_amount, check_quantity
from catalog.queries.metered_items import require_metered
from common.errors import FieldRefused
from common.money import is_currency

NOTHING = Decimal(0)
_Dated = TypeVar("_Dated", SubscriptionAllowance, SubscriptionCommitment)


class AgreementRefused(FieldRefused):
    """An agreement that cannot be made; ``field`` is item, quantity, currency, amount or valid_from."""


@transaction.atomic(durable=True)
def set_allowance(
    *, subscription_id: int, item: str, edition: str, quantity: Decimal, valid_from: date, by: User | None, at: datetime
) -> SubscriptionAllowance:
    """
    Let every month from ``valid_from`` on include ``quantity`` of an item at no charge, in the item's unit; 0 ends it.

    Repeated, it is the row there is, and so it is where that many are included already. Rows planned for later stay.

    :param edition: empty: of any edition that has no allowance of its own.
    :raises AgreementRefused: the subscription is not billed by use, the item is none that is metered for it, the quantity cannot
        be meant, or the day is not the first of a month that nothing was invoiced for yet.
    :raises FieldRefused: likewise, of item or quantity.
    """
    subscription = _locked(subscription_id)
    require_metered(subscription.plan, item, edition)
    check_quantity(quantity, least=Decimal(0))
    _check_month(subscription, valid_from)
    rows = SubscriptionAllowance.objects.filter(subscription=subscription, item=item, edition=edition).order_by("-valid_from")
    present = rows.filter(valid_from__lte=valid_from).first()
    if present is not None and present.quantity == quantity:
        return present
    if present is None and quantity == 0:
        raise AgreementRefused("quantity", "Nothing of it is included then, so there is nothing to end.")
    if present is not None and present.valid_from == valid_from:
        raise AgreementRefused("valid_from", _said_already(f"{present.quantity.normalize():f} included", valid_from))
    return SubscriptionAllowance.objects.create(
        subscription=subscription,
        item=item,
        edition=edition,
        quantity=quantity,
        valid_from=valid_from,
        created_at=at,
        created_by=by,
    )


@transaction.atomic(durable=True)
def set_commitment(
    *, subscription_id: int, currency: str, amount: Decimal, valid_from: date, by: User | None, at: datetime
) -> SubscriptionCommitment:
    """
    Let every month from ``valid_from`` on cost at least ``amount``, excluding VAT, at the MSP's price; 0 ends it.

    Repeated, it is the row there is, and so it is where the minimum is that already. Rows planned for later stay.

    :raises AgreementRefused: the subscription is not billed by use, the currency is none, or the day is not the first of a month
        that nothing was invoiced for yet.
    :raises FieldRefused: the amount cannot be meant in its currency.
    """
    subscription = _locked(subscription_id)
    if not is_currency(currency):
        raise AgreementRefused("currency", f"“{currency:.10}” is no currency. Use the three letters of ISO 4217, such as EUR.")
    check_amount(amount, currency, least=Decimal(0))
    _check_month(subscription, valid_from)
    rows = SubscriptionCommitment.objects.filter(subscription=subscription).order_by("-valid_from")
    present = rows.filter(valid_from__lte=valid_from).first()
    if present is not None and (present.amount, present.currency) == (amount, currency):
        return present
    if amount == 0 and (present is None or present.amount == 0):
        raise AgreementRefused("amount", "No minimum is agreed then, so there is nothing to end.")
    if present is not None and present.valid_from == valid_from:
        raise AgreementRefused("valid_from", _said_already(f"a minimum of {present.amount:.2f} {present.currency}", valid_from))
    return SubscriptionCommitment.objects.create(
        subscription=subscription, currency=currency, amount=amount, valid_from=valid_from, created_at=at, created_by=by
    )


# Steps: inside the caller's transaction


def copy_plan_terms(subscription: Subscription, *, at: datetime) -> None:
    """
    Give a subscription that is billed by use what its plan includes and asks for at least, from its first day on.

    The minimum is the one in the currency of the MSP's buyer (the reseller, or a direct customer), else in the MSP's own, else the
    first there is. Repeated, nothing: what was copied stays, whatever the plan says by then.
    """
    if subscription.billing_model != Plan.BillingModel.PAY_AS_YOU_GO:
        return
    if subscription.allowances.exists() or subscription.commitments.exists():
        return
    SubscriptionAllowance.objects.bulk_create(
        SubscriptionAllowance(
            subscription=subscription,
            item=row.item,
            edition=row.edition,
            quantity=row.quantity,
            valid_from=subscription.started_on,
            created_at=at,
        )
        for row in PlanAllowance.objects.filter(plan=subscription.plan_id)
    )
    if (minimum := _minimum_for(subscription)) is not None:
        SubscriptionCommitment.objects.create(
            subscription=subscription,
            currency=minimum.currency,
            amount=minimum.amount,
            valid_from=subscription.started_on,
            created_at=at,
        )


def change_plan_terms(subscription: Subscription, *, valid_from: date, at: datetime) -> None:
    """
    Let what its new plan includes and asks for take the place of what the old one did, in a subscription that is billed by use.

    The rows begin with the change, or on the next day where others begin then, so that they count from the first month on that
    begins after it. What was negotiated stays, and so does what is planned.

    :param subscription: locked, and under its new plan already.
    """
    if subscription.billing_model != Plan.BillingModel.PAY_AS_YOU_GO:
        return
    wanted = {(row.item, row.edition): row.quantity for row in PlanAllowance.objects.filter(plan=subscription.plan_id)}
    rows: dict[tuple[str, str], list[SubscriptionAllowance]] = {key: [] for key in wanted}
    for row in subscription.allowances.order_by("valid_from", "pk"):
        rows.setdefault((row.item, row.edition), []).append(row)
    for (item, edition), begun in rows.items():
        quantity = wanted.get((item, edition), NOTHING)
        present = _valid(begun, valid_from)
        if _is_negotiated(present) or quantity == (present.quantity if present else NOTHING):
            continue
        day = _free_day(begun, valid_from)
        facts = {"item": item, "edition": edition, "quantity": quantity, "valid_from": day, "created_at": at}
        SubscriptionAllowance.objects.create(subscription=subscription, **facts)
    _change_minimum(subscription, valid_from, at)


def _change_minimum(subscription: Subscription, valid_from: date, at: datetime) -> None:
    begun = list(subscription.commitments.order_by("valid_from", "pk"))
    present, minimum = _valid(begun, valid_from), _minimum_for(subscription)
    if _is_negotiated(present):
        return
    amount = minimum.amount if minimum else NOTHING
    currency = minimum.currency if minimum else present.currency if present else ""
    if (amount, currency) != ((present.amount, present.currency) if present else (NOTHING, "")):
        facts = {"currency": currency, "amount": amount, "valid_from": _free_day(begun, valid_from), "created_at": at}
        SubscriptionCommitment.objects.create(subscription=subscription, **facts)


def _valid(rows: Sequence[_Dated], day: date) -> _Dated | None:
    """Return which of ``rows``, in the order of their days, is valid on ``day``, or was copied from a plan on it for the next."""
    valid = [row for row in rows if row.valid_from <= day or not _is_negotiated(row)]
    return valid[-1] if valid else None


def _is_negotiated(row: SubscriptionAllowance | SubscriptionCommitment | None) -> bool:
    return row is not None and row.created_by_id is not None


def _free_day(rows: Sequence[SubscriptionAllowance | SubscriptionCommitment], day: date) -> date:
    """Return the first day from ``day`` on on which none of ``rows`` begins."""
    taken = {row.valid_from for row in rows}
    while day in taken:
        day += timedelta(days=1)
    return day


def _minimum_for(subscription: Subscription) -> PlanCommitment | None:
    by_currency = {row.currency: row for row in PlanCommitment.objects.filter(plan=subscription.plan_id)}
    if not by_currency:
        return None
    buyer = subscription.consumer.reseller or subscription.consumer
    own = Organization.objects.get(kind=Organization.Kind.MSP).currency
    return by_currency.get(buyer.currency) or by_currency.get(own) or by_currency[min(by_currency)]


def _locked(subscription_id: int) -> Subscription:
    """:raises AgreementRefused: the subscription is not billed by use."""
    subscription = Subscription.objects.locked().select_related("plan").get(pk=subscription_id)
    if subscription.billing_model != Plan.BillingModel.PAY_AS_YOU_GO:
        raise AgreementRefused("valid_from", f"{subscription} has a fixed price; this is for what is billed by use.")
    return subscription


def _check_month(subscription: Subscription, valid_from: date) -> None:
    """:raises AgreementRefused: ``valid_from`` begins no month of ``subscription`` that nothing was invoiced for yet."""
    if valid_from.day != 1 and valid_from != subscription.started_on:
        raise AgreementRefused("valid_from", "It holds for whole months; choose the first day of one.")
    if valid_from < subscription.started_on:
        raise AgreementRefused(
            "valid_from", f"{subscription} began on {subscription.started_on}; choose that day or a later month."
        )
    if subscription.ended_on is not None and valid_from >= subscription.ended_on:
        raise AgreementRefused("valid_from", f"{subscription} ended before that month; nothing is billed for it.")
    issued = InvoiceLine.objects.filter(invoice__status=Invoice.Status.ISSUED, subscription=subscription, period_end__gt=valid_from)
    if (last := issued.order_by("-period_end").select_related("invoice").first()) is not None:
        billed = f"Invoice {last.invoice.number} covers {subscription} up to {last.period_end}"
        raise AgreementRefused("valid_from", f"{billed}; choose a month that nothing was invoiced for yet.")


def _said_already(what: str, valid_from: date) -> str:
    return f"From {valid_from} on there is {what} already, and that is never edited. Choose a later month."
