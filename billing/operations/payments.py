"""
Payments: recorded once, spread over invoices, taken back with a reason.

Every use case locks the buyer first, as billing runs and issuing do; so two of them never spread the same money. What is kept as
credit is used on the next invoice that is issued. Triggers refuse what would exceed a payment or an invoice, whoever writes it.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

import pghistory
from django.db import transaction

from accounts.models import Organization, User, local_date
from billing.allocating import spread
from billing.models import Invoice, Payment, PaymentAllocation
from billing.queries.payments import credited_as_payment, open_invoices
from billing.signals import invoice_paid
from common.errors import DomainError, FieldRefused
from common.money import is_currency, round_money
from common.templatetags import show

logger = logging.getLogger(__name__)

NOTHING = Decimal(0)
LARGEST = Decimal(10_000_000_000)
EARLIEST = date(2000, 1, 1)
BY_HAND = tuple(method for method in Payment.Method if method != Payment.Method.CREDIT)


class PaymentReversed(DomainError):
    """The payment was taken back; nothing can be paid with it."""


class NothingLeft(DomainError):
    """Of the payment, or of the invoice, nothing is left to allocate."""


class ChangedMeanwhile(DomainError):
    """What the page showed is not so any more; somebody else was first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """
    Money that came in, as it is recorded.

    :param invoices: what it is for, the first first; nothing of it goes to others. None: whatever is due first.
    """

    amount: Decimal
    currency: str
    received_on: date
    method: str
    reference: str = ""
    note: str = ""
    invoices: Sequence[int] | None = None


# --- Use cases ------------------------------------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def record_payment(
    *,
    seller: Organization,
    buyer: Organization,
    currency: str,
    amount: Decimal,
    received_on: date,
    method: str,
    reference: str,
    note: str,
    by: User | None,
    at: datetime,
    invoices: Sequence[int] | None = None,
    key: UUID | None = None,
) -> Payment:
    """
    Record what ``buyer`` paid ``seller`` and allocate it: to ``invoices`` in their order, or to what is due first.

    What is more than is open is kept as credit, in its own currency; nothing is converted. ``key`` is the form's own: sent again
    with it, the same payment is returned and nothing is written.

    :raises FieldRefused: naming amount, currency, received_on, method, buyer or invoices.
    :raises DomainError: ``key`` is of another customer's payment.
    """
    buyer = Organization.objects.locked().get(pk=buyer.pk)
    if key is not None and (done := Payment.objects.filter(key=key).first()) is not None:
        return _same(done, seller, buyer)
    _check_buyer(seller, buyer)
    incoming = Incoming(
        amount=amount,
        currency=currency,
        received_on=received_on,
        method=method,
        reference=reference,
        note=note,
        invoices=invoices,
    )
    check_incoming(incoming, seller, at)
    payment = record(seller, buyer, incoming, key=key or uuid4(), by=by, at=at)
    logger.info("payment recorded", extra={"payment": payment.pk, "seller": seller.pk, "buyer": buyer.pk})
    return payment


@transaction.atomic(durable=True)
def allocate(
    *,
    payment_id: int,
    by: User | None,
    at: datetime,
    invoice_id: int | None = None,
    amount: Decimal | None = None,
    seen_rest: Decimal | None = None,
) -> list[PaymentAllocation]:
    """
    Pay with what is left of a payment: ``amount`` of it, or as much as fits, to one invoice; without one to what is due first.

    ``seen_rest`` is what the page said was left: where that changed, for example by a double click, nothing is done.

    :raises PaymentReversed: it was taken back.
    :raises NothingLeft: nothing is left of the payment, or nothing is open.
    :raises ChangedMeanwhile: something else is left than was shown.
    :raises FieldRefused: naming amount or invoice: more than is left or open, or another currency.
    """
    payment = _locked(payment_id)
    if payment.reversed_at is not None:
        raise PaymentReversed("This payment was taken back; nothing can be paid with it.")
    rest = _rest(payment)
    if seen_rest is not None and rest != seen_rest:
        raise ChangedMeanwhile(f"Meanwhile {show.money(rest, payment.currency)} is left of this payment. Look at it again.")
    if rest == 0:
        raise NothingLeft("Nothing is left of this payment; take back an allocation first.")
    if amount is not None:
        _check_amount(amount, payment.currency)
        if amount > rest:
            raise FieldRefused("amount", f"Of this payment {show.money(rest, payment.currency)} is left.")
    if invoice_id is not None:
        wanted = [(_payable(payment, invoice_id, amount), invoice_id)]
    else:
        wanted = [(one.open_amount, one.pk) for one in _due_first(payment)]  # type: ignore[attr-defined]
    made = _allocate(payment, [(pk, open_amount) for open_amount, pk in wanted], rest if amount is None else amount, by=by, at=at)
    if not made:
        raise NothingLeft(f"{payment.buyer} has nothing open in {payment.currency}.")
    return made


@transaction.atomic(durable=True)
def deallocate(*, allocation_id: int, payment_id: int, by: User | None, at: datetime) -> Payment:
    """Take back that a payment pays an invoice: it is open again, and the money is credit. Taken back again, nothing."""
    payment = _locked(payment_id)
    with pghistory.context(operation="deallocate", user=by.pk if by else None, at=at.isoformat()):
        PaymentAllocation.objects.filter(pk=allocation_id, payment=payment).delete()
    return payment


@transaction.atomic(durable=True)
def reverse_payment(*, payment_id: int, reason: str, by: User | None, at: datetime) -> Payment:
    """
    Take a payment back, because it was a mistake or the bank took it back: what it paid is open again. Repeated, nothing.

    :raises FieldRefused: no reason is given.
    :raises DomainError: it is no money that came in, but a credit from an invoice.
    """
    payment = _locked(payment_id)
    if payment.reversed_at is not None:
        return payment
    if not reason.strip():
        raise FieldRefused("reason", "Say why; it stays with the payment.")
    if payment.method == Payment.Method.CREDIT:
        raise DomainError("This credit comes from an invoice; it stays as long as the invoice does.")
    with pghistory.context(operation="reverse_payment", user=by.pk if by else None):
        payment.allocations.all().delete()
        payment.reversed_at, payment.reversed_by, payment.reversal_reason = at, by, reason.strip()[:500]
        payment.save(update_fields=["reversed_at", "reversed_by", "reversal_reason"])
    logger.info("payment reversed", extra={"payment": payment.pk})
    return payment


# --- Steps: inside the caller's transaction, which has locked the buyer -----------------------------------------------------


def settle(*, invoice_id: int, at: datetime) -> None:
    """
    Use the credit its buyer has on an invoice that was just issued, the oldest first; ring where nothing is left to pay.

    What an invoice stands below nothing becomes a credit, and pays what is due first.
    """
    invoice = Invoice.objects.issued().with_open().select_related("seller", "buyer").get(pk=invoice_id)
    _keep_credit(invoice, at=at)
    if invoice.gross < 0:
        return
    left: Decimal = invoice.open_amount  # type: ignore[attr-defined]
    if left == 0:
        _ring(invoice.pk)
        return
    for payment in _with_credit(invoice):
        made = _allocate(payment, [(invoice.pk, left)], payment.rest, by=None, at=at)
        left -= sum((one.amount for one in made), NOTHING)
        if left == 0:
            return


def free_excess(invoice: Invoice) -> None:
    """
    Bring an invoice's payments to what is left of it after a credit note: what was paid above it is credit again.

    The newest allocations are freed first. Where more was credited than the invoice comes to, the difference is a credit too.
    Repeated, nothing.
    """
    invoice = Invoice.objects.issued().with_open().select_related("seller", "buyer").get(pk=invoice.pk)
    newest = invoice.credit_notes.order_by("-pk").first()
    if newest is None:
        return
    left = max(invoice.gross - invoice.credited, NOTHING)  # type: ignore[attr-defined]
    excess: Decimal = invoice.allocated - left  # type: ignore[attr-defined]
    for allocation in invoice.allocations.order_by("-pk") if excess > 0 else ():
        taken = min(excess, allocation.amount)
        _reduce(allocation, taken)
        excess -= taken
        if excess == 0:
            break
    _keep_credit(invoice, at=newest.created_at)
    if invoice.open_amount == 0 and invoice.credited < invoice.gross:  # type: ignore[attr-defined]
        _ring(invoice.pk)


def record(
    seller: Organization,
    buyer: Organization,
    incoming: Incoming,
    *,
    key: UUID,
    by: User | None,
    at: datetime,
    **of_statement: object,
) -> Payment:
    """
    Write a payment and allocate it; see `record_payment`. ``of_statement`` are statement and bank key of one that was imported.

    :raises FieldRefused: naming invoices: one is another's, not issued, or in another currency.
    """
    payment = Payment.objects.create(
        key=key,
        seller=seller,
        buyer=buyer,
        currency=incoming.currency,
        amount=incoming.amount,
        received_on=incoming.received_on,
        method=incoming.method,
        reference=incoming.reference[:300],
        note=incoming.note[:500],
        recorded_at=at,
        recorded_by=by,
        **of_statement,
    )
    wanted = _due_first(payment) if incoming.invoices is None else _chosen(payment, incoming.invoices)
    shares = [(one.pk, one.open_amount) for one in wanted]  # type: ignore[attr-defined]
    _allocate(payment, shares, incoming.amount, by=by, at=at)
    return payment


def check_incoming(incoming: Incoming, seller: Organization, at: datetime) -> None:
    """
    Refuse what cannot have come in.

    :raises FieldRefused: naming amount, currency, received_on or method.
    """
    if not is_currency(incoming.currency):
        raise FieldRefused("currency", f"“{incoming.currency:.10}” is not a currency; write its three letters, for example EUR.")
    _check_amount(incoming.amount, incoming.currency)
    if incoming.received_on > local_date(at, seller):
        raise FieldRefused("received_on", "A payment is recorded once it has come in; choose today or an earlier day.")
    if incoming.received_on < EARLIEST:
        raise FieldRefused("received_on", "Choose a day of this century.")
    if incoming.method not in BY_HAND:
        raise FieldRefused("method", "Choose how it was paid.")


def _locked(payment_id: int) -> Payment:
    """Lock the buyer of a payment, then the payment itself."""
    buyer_id = Payment.objects.values_list("buyer_id", flat=True).get(pk=payment_id)
    Organization.objects.locked().get(pk=buyer_id)
    return Payment.objects.locked().select_related("seller", "buyer").get(pk=payment_id)


def _same(done: Payment, seller: Organization, buyer: Organization) -> Payment:
    if (done.seller_id, done.buyer_id) != (seller.pk, buyer.pk):
        raise DomainError("This form has been sent already, for another customer. Open it again.")
    return done


def _check_buyer(seller: Organization, buyer: Organization) -> None:
    if buyer.parent_id != seller.pk and not Invoice.objects.issued().filter(seller=seller, buyer=buyer).exists():
        raise FieldRefused("buyer", f"{buyer} is no customer of {seller}.")


def _check_amount(amount: Decimal, currency: str) -> None:
    if not 0 < amount <= LARGEST:
        raise FieldRefused("amount", f"Enter more than 0 and at most {LARGEST:,}.")
    if amount != round_money(amount, currency):
        raise FieldRefused("amount", f"{currency} has fewer decimals than that.")


def _rest(payment: Payment) -> Decimal:
    return payment.amount - sum(payment.allocations.values_list("amount", flat=True), NOTHING)


def _due_first(payment: Payment) -> list[Invoice]:
    return list(open_invoices(payment.seller, payment.buyer, payment.currency))


def _chosen(payment: Payment, invoices: Sequence[int]) -> list[Invoice]:
    """:raises FieldRefused: one of them cannot be paid by this payment."""
    found = Invoice.objects.issued().filter(seller=payment.seller, buyer=payment.buyer, pk__in=invoices).with_open()
    by_id = {invoice.pk: invoice for invoice in found}
    if len(by_id) != len(set(invoices)):
        raise FieldRefused("invoices", f"Choose invoices that {payment.seller} issued to {payment.buyer}.")
    foreign = next((one for one in by_id.values() if one.currency != payment.currency), None)
    if foreign is not None:
        told = f"{foreign.number} is in {foreign.currency}; a payment in {payment.currency} cannot pay it."
        raise FieldRefused("invoices", f"{told} Leave it out, and the payment is kept as credit in {payment.currency}.")
    return [by_id[pk] for pk in dict.fromkeys(invoices)]


def _payable(payment: Payment, invoice_id: int, amount: Decimal | None) -> Decimal:
    """
    Return what is open of the invoice a payment is to pay.

    :raises FieldRefused: naming invoice or amount.
    """
    try:
        (invoice,) = _chosen(payment, [invoice_id])
    except FieldRefused as refusal:
        raise FieldRefused("invoice", str(refusal)) from None
    left: Decimal = invoice.open_amount  # type: ignore[attr-defined]
    if left == 0:
        raise FieldRefused("invoice", f"Nothing is open on {invoice.number}.")
    if amount is not None and amount > left:
        raise FieldRefused("amount", f"On {invoice.number} {show.money(left, payment.currency)} is open.")
    return left


def _with_credit(invoice: Invoice) -> Iterable[Any]:
    """Return the payments its buyer has something left of, in the invoice's currency, the oldest first."""
    payments: Any = Payment.objects.standing().filter(seller=invoice.seller, buyer=invoice.buyer, currency=invoice.currency)
    return payments.with_rest().filter(rest__gt=0).order_by("received_on", "pk")


def _allocate(
    payment: Payment, wanted: Sequence[tuple[int, Decimal]], amount: Decimal, *, by: User | None, at: datetime
) -> list[PaymentAllocation]:
    """Spread ``amount`` of ``payment`` over what is open; ring for what is paid by it."""
    still_open = dict(wanted)
    made = []
    for invoice_id, share in spread(amount, wanted):
        allocation = PaymentAllocation(payment=payment, invoice_id=invoice_id, amount=share, allocated_at=at, allocated_by=by)
        allocation.save()
        made.append(allocation)
        if still_open[invoice_id] == share:
            _ring(invoice_id)
    return made


def _reduce(allocation: PaymentAllocation, taken: Decimal) -> None:
    """Free ``taken`` of an allocation. Allocations are never edited: what stays of it is a new one, of the same moment."""
    allocation_id, stays = allocation.pk, allocation.amount - taken
    with pghistory.context(operation="free_excess"):
        PaymentAllocation.objects.filter(pk=allocation_id).delete()
        if stays > 0:
            PaymentAllocation.objects.create(
                payment_id=allocation.payment_id,
                invoice_id=allocation.invoice_id,
                amount=stays,
                allocated_at=allocation.allocated_at,
                allocated_by_id=allocation.allocated_by_id,
            )


def _keep_credit(invoice: Invoice, *, at: datetime) -> None:
    """
    Keep as a credit of the buyer what the invoice, less what was credited of it, stands below nothing; it pays what is due first.

    The first such credit of an invoice points to it; one that a later credit note adds is told by the invoice's number.
    """
    assert invoice.number and invoice.issued_on  # noqa: PT018  it is issued
    below = -(invoice.gross - invoice.credited)  # type: ignore[attr-defined]
    known = credited_as_payment(invoice) if below > 0 else NOTHING
    if below <= known:
        return
    credit = Payment.objects.create(
        key=uuid5(NAMESPACE_URL, f"credit:{invoice.number}:{below}"),
        seller=invoice.seller,
        buyer=invoice.buyer,
        currency=invoice.currency,
        amount=below - known,
        received_on=local_date(at, invoice.seller) if known else invoice.issued_on,
        method=Payment.Method.CREDIT,
        reference=invoice.number,
        source_invoice=None if known else invoice,
        recorded_at=at,
    )
    shares = [(one.pk, one.open_amount) for one in _due_first(credit)]  # type: ignore[attr-defined]
    _allocate(credit, shares, credit.amount, by=None, at=at)


def _ring(invoice_id: int) -> None:
    transaction.on_commit(partial(invoice_paid.send_robust, sender=Invoice, invoice_id=invoice_id), robust=True)
