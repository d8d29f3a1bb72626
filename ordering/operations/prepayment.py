"""
Orders that are paid before they are carried out: invoiced when they are to be executed, executed when that is paid.

The MSP executes when its own invoice is paid: by the direct customer, or by the reseller. What a reseller's customer owes the
reseller is theirs to settle; the reseller's invoice is made at the same time. A cancelled order's invoices are credited, whole, so
that what was paid is the buyer's credit. Rows decide: a paid invoice rings, and `sweep` looks after whoever missed the bell.
"""

import logging
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import CharField, Exists, F, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Concat

from accounts.models import Organization, local_date
from billing.crediting import NothingToCredit
from billing.models import Invoice, InvoiceLine
from billing.operations.credit_notes import issue_credit_note
from billing.operations.renewals import AdvanceLine, invoice_change_in_advance, invoice_in_advance
from catalog.models import Plan
from catalog.queries.offers import SoldPrice
from common.dispatch import after_commit
from common.errors import DomainError
from ordering.models import Order, OrderLine
from ordering.queries.amendments import change_of

logger = logging.getLogger(__name__)

SWEEP_LIMIT = 200


def advance_invoices(order: Order) -> list[Any]:
    """Return the invoices and drafts that were made for ``order`` before it is executed, the MSP's first."""
    found = (
        Invoice.objects.with_open().filter(kind=Invoice.Kind.ADVANCE, pk__in=_documents(order)).select_related("seller", "buyer")
    )
    return sorted(found, key=lambda invoice: (invoice.seller.kind != Organization.Kind.MSP, invoice.pk))


def go_on(*, order_id: int, at: datetime) -> None:
    """
    Take a waiting order as far as it goes now: invoiced, and once the MSP's invoice is paid, executed. Repeated, nothing.

    An order that was cancelled while it waited gets its invoices credited. Opens transactions of its own.
    """
    order = Order.objects.select_related("consumer__parent", "buyer").get(pk=order_id)
    if order.status == Order.Status.CANCELLED:
        _give_back(order, at=at)
    if order.status != Order.Status.AWAITING_PAYMENT:
        return
    lines = paid_first(order.lines.select_related("plan"))
    if new := [_advance(order, line) for line in lines if line.kind == OrderLine.Kind.NEW]:
        invoice_in_advance(new, at=at, by=None)
    for line in lines:
        if line.kind != OrderLine.Kind.NEW and line.subscription_id is not None:
            change, key = change_of(line), order_key(order, line)
            invoice_change_in_advance(subscription_id=line.subscription_id, order_key=key, change=change, at=at, by=None)
    if _is_settled(_invoices_of_msp(order)):
        _execute(order_id, at=at)


def sweep(*, at: datetime) -> int:
    """
    Go on with the orders that wait for nothing any more, and with cancelled ones whose invoices are not credited; tell how many.

    Those whose invoice is simply not paid are left out, so that they keep nobody else from being looked at.
    """
    due = [*_ready_to_go_on()[:SWEEP_LIMIT], *_to_credit()[:SWEEP_LIMIT]]
    for order_id in due:
        try:
            go_on(order_id=order_id, at=at)
        except DomainError as refusal:
            logger.warning("order not invoiced", extra={"order": order_id, "reason": str(refusal)})
    return len(due)


def ring(invoice_id: int) -> None:
    """Ring the orders that wait for an invoice that was paid just now."""
    keys = InvoiceLine.objects.filter(invoice=invoice_id).exclude(order_key="").values_list("order_key", flat=True).distinct()
    numbers = {key.split("/")[0] for key in keys}
    waiting = Order.objects.filter(number__in=numbers, status=Order.Status.AWAITING_PAYMENT)
    for order_id in waiting.values_list("pk", flat=True):
        after_commit("ordering.go_on_with_payment", order_id=order_id)


# Steps: inside the caller's transaction


def must_be_paid_first(order: Order, lines: Iterable[OrderLine]) -> bool:
    """Say whether ``lines``, all of ``order``, are to be paid before they are carried out, and that is not done."""
    if not paid_first(lines):
        return False
    made = _invoices_of_msp(order)
    is_to_invoice = not made and order.status != Order.Status.FAILED  # one that failed was invoiced, where there was anything
    return is_to_invoice or not _is_settled(made)


def paid_first(lines: Iterable[OrderLine]) -> list[OrderLine]:
    """Return the prepaid ones of ``lines`` that cost something beforehand: not a free trial's, nor a change for less."""
    return [line for line in lines if line.billing_model == Plan.BillingModel.PREPAID and _costs(line)]


def order_key(order: Order, line: OrderLine) -> str:
    """Return what the lines of an advance invoice call an order line."""
    return f"{order.number}/{line.pk}"


def _costs(line: OrderLine) -> bool:
    """Whether a prepaid line costs something before it is carried out, at any end of the sale."""
    if line.kind != OrderLine.Kind.NEW:
        return any(Decimal(cost["due_now"]) for cost in line.quote["costs"])
    if line.module_wish.get("trial_days"):
        return False
    prices = [SoldPrice.from_json(told) for told in line.prices]
    return any(price.amounts.price or price.amounts.setup_fee for price in prices)


def _advance(order: Order, line: OrderLine) -> AdvanceLine:
    return AdvanceLine(
        order_key=order_key(order, line),
        consumer=order.consumer,
        plan=line.plan,
        plan_name=line.plan_name,
        quantity=line.quantity,
        term_months=line.term_months,
        prices=[SoldPrice.from_json(price) for price in line.prices],
    )


def _documents(order: Order) -> Any:
    lines = InvoiceLine.objects.filter(order_key__in=[order_key(order, line) for line in order.lines.all()])
    return lines.order_by().values("invoice")


def _invoices_of_msp(order: Order) -> list[Any]:
    return [invoice for invoice in advance_invoices(order) if invoice.seller.kind == Organization.Kind.MSP]


def _is_settled(invoices: list[Any]) -> bool:
    """Say whether nothing of ``invoices`` is open. One that was credited as a whole was given back, not paid."""
    return all(
        invoice.status == Invoice.Status.ISSUED
        and not invoice.open_amount
        and (invoice.credited < invoice.gross or not invoice.gross)
        for invoice in invoices
    )


def _ready_to_go_on() -> QuerySet[Any]:
    """Return the waiting orders of which no issued invoice of the MSP is open: not invoiced yet, or paid."""
    lines = InvoiceLine.objects.filter(
        invoice__in=Invoice.objects.unpaid().filter(kind=Invoice.Kind.ADVANCE, seller__kind=Organization.Kind.MSP).values("pk")
    )
    unpaid = {key.split("/")[0] for key in lines.exclude(order_key="").order_by().values_list("order_key", flat=True).distinct()}
    waiting = Order.objects.filter(status=Order.Status.AWAITING_PAYMENT).exclude(number__in=unpaid)
    return waiting.order_by("pk").values_list("pk", flat=True)


def _to_credit() -> QuerySet[Any]:
    """Return the cancelled orders of which an invoice stands, paid or not."""
    standing = Invoice.objects.issued().with_open().filter(kind=Invoice.Kind.ADVANCE, gross__gt=F("credited"))
    lines = OrderLine.objects.filter(order__status=Order.Status.CANCELLED, billing_model=Plan.BillingModel.PREPAID)
    keyed = lines.annotate(key=Concat("order__number", Value("/"), Cast("pk", CharField())))
    found = keyed.filter(Exists(standing.filter(lines__order_key=OuterRef("key"))))
    return found.order_by("order").values_list("order", flat=True).distinct()


@transaction.atomic(durable=True)
def _execute(order_id: int, *, at: datetime) -> None:
    from ordering.operations import orders  # which asks this module whether an order has to wait

    order = Order.objects.locked().select_related("buyer", "consumer__parent", "executed_by").get(pk=order_id)
    if order.status == Order.Status.AWAITING_PAYMENT:
        orders.begin(order, order.lines.locked(), by=order.executed_by, at=at)


def _give_back(order: Order, *, at: datetime) -> None:
    """Credit the whole of what was invoiced for a cancelled order; what is credited already is left alone."""
    for invoice in advance_invoices(order):
        if invoice.status != Invoice.Status.ISSUED or invoice.credited >= invoice.gross:
            continue
        try:
            issue_credit_note(
                invoice_id=invoice.pk,
                lines=None,
                reason=f"Order {order.number} was cancelled.",
                bills_again=False,
                on=local_date(at, invoice.seller),
                by=None,
                at=at,
            )
        except NothingToCredit:
            continue
