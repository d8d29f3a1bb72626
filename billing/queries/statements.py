"""The statement of account: what one buyer was invoiced, credited and paid in a period, and what it owed before and after."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from django.db.models import Q

from accounts.models import Organization, local_date
from billing.models import CreditNote, Invoice, Payment
from common.templatetags import show

NOTHING = Decimal(0)


class Kind(StrEnum):
    """What moves an account."""

    INVOICE = "Invoice"
    CREDIT_NOTE = "Credit note"
    PAYMENT = "Payment"
    TAKEN_BACK = "Payment taken back"


_ORDER = {kind: place for place, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Movement:
    """One thing that moves an account: ``amount`` is what is owed by it, below nothing where it is what was given or paid."""

    day: date
    kind: Kind
    words: str
    amount: Decimal
    document: str = ""
    """Number of the invoice or credit note."""
    id: int = 0
    """Of movements of one kind and day the smaller comes first."""
    due_on: date | None = None
    """Of an invoice that is to be paid."""
    about: str = ""
    """Number of the invoice that a credit note credits; reference of a payment."""
    method: str = ""
    """Of a payment, see `Payment.Method`."""

    @property
    def charge(self) -> Decimal | None:
        """What is owed by it; None where it lowers what is owed."""
        return self.amount if self.amount >= 0 else None

    @property
    def settled(self) -> Decimal | None:
        """What it lowers what is owed by; None where it does not."""
        return -self.amount if self.amount < 0 else None


@dataclass(frozen=True, slots=True)
class Line:
    """A movement, and what was owed after it; below nothing where the buyer had credit."""

    movement: Movement
    balance: Decimal


@dataclass(frozen=True, slots=True)
class Running:
    """Movements of a period with the balance before, after each, and in the end."""

    opening: Decimal
    lines: list[Line] = field(default_factory=list)

    @property
    def closing(self) -> Decimal:
        return self.lines[-1].balance if self.lines else self.opening

    def total(self, *kinds: Kind) -> Decimal:
        """Return the sum of the period's movements of ``kinds``."""
        return sum((line.movement.amount for line in self.lines if line.movement.kind in kinds), NOTHING)


@dataclass(frozen=True, slots=True)
class AccountStatement:
    """The account of ``buyer`` with ``seller`` in one currency, from ``first`` to ``last``, both included, in the seller's days."""

    seller: Organization
    buyer: Organization
    currency: str
    first: date
    last: date
    running: Running

    @property
    def invoiced(self) -> Decimal:
        return self.running.total(Kind.INVOICE)

    @property
    def credited(self) -> Decimal:
        return -self.running.total(Kind.CREDIT_NOTE)

    @property
    def paid(self) -> Decimal:
        """What came in, less what was taken back."""
        return -self.running.total(Kind.PAYMENT, Kind.TAKEN_BACK)


def run(movements: Iterable[Movement], first: date, last: date) -> Running:
    """
    Put ``movements`` in order and add them up from ``first`` to ``last``; what came before is the opening balance.

    Pure: the closing balance is the sum of all movements up to ``last``, wherever the period begins.
    """
    ordered = sorted(movements, key=lambda one: (one.day, _ORDER[one.kind], one.id))
    balance = sum((one.amount for one in ordered if one.day < first), NOTHING)
    running = Running(balance)
    for one in ordered:
        if first <= one.day <= last:
            balance += one.amount
            running.lines.append(Line(one, balance))
    return running


def account_statement(seller: Organization, buyer: Organization, currency: str, *, first: date, last: date) -> AccountStatement:
    """
    Return the statement of account. The closing balance of today is what is open less the credit that is left.

    A credit from an invoice below nothing is that invoice; it is not told a second time as a payment.
    """
    between = {"seller": seller, "buyer": buyer, "currency": currency}
    movements: list[Movement] = []
    for invoice in Invoice.objects.issued().filter(issued_on__lte=last, **between).only("number", "issued_on", "due_on", "gross"):
        assert invoice.number and invoice.issued_on and invoice.due_on  # noqa: PT018  it is issued
        words = f"Due {show.day(invoice.due_on)}" if invoice.gross > 0 else "In favour of the buyer"
        due_on = invoice.due_on if invoice.gross > 0 else None
        movements.append(Movement(invoice.issued_on, Kind.INVOICE, words, invoice.gross, invoice.number, invoice.pk, due_on))
    for credit in CreditNote.objects.filter(issued_on__lte=last, **between).select_related("invoice"):
        of = credit.invoice.number or ""
        movements.append(
            Movement(credit.issued_on, Kind.CREDIT_NOTE, f"For {of}", -credit.gross, credit.number, credit.pk, about=of)
        )
    for payment in Payment.objects.filter(received_on__lte=last, **between).exclude(method=Payment.Method.CREDIT):
        movements += _of_payment(payment, seller)
    return AccountStatement(seller, buyer, currency, first, last, run(movements, first, last))


def currencies_between(seller: Organization, buyer: Organization) -> list[str]:
    """Return the currencies in which there is anything between the two; the buyer's own where there is nothing yet."""
    between = {"seller": seller, "buyer": buyer}
    of_invoices = Invoice.objects.issued().filter(**between).order_by().values_list("currency", flat=True)
    of_payments = Payment.objects.filter(**between).order_by().values_list("currency", flat=True)
    return sorted({*of_invoices.distinct(), *of_payments.distinct()}) or [buyer.currency]


def sellers_to(buyer: Organization) -> list[Organization]:
    """Return who ever invoiced ``buyer`` or was paid by it, and whose customer it is."""
    of_invoices = Invoice.objects.issued().filter(buyer=buyer).order_by().values("seller").distinct()
    of_payments = Payment.objects.filter(buyer=buyer).order_by().values("seller").distinct()
    own = Organization.objects.filter(children=buyer).order_by().values("pk")
    return list(Organization.objects.filter(Q(pk__in=of_invoices) | Q(pk__in=of_payments) | Q(pk__in=own)).order_by("name", "pk"))


def buyers_of(seller: Organization) -> list[Organization]:
    """Return whom ``seller`` ever invoiced or was paid by, and its customers, by name."""
    of_invoices = Invoice.objects.issued().filter(seller=seller).order_by().values("buyer").distinct()
    of_payments = Payment.objects.filter(seller=seller).order_by().values("buyer").distinct()
    found = Organization.objects.filter(Q(pk__in=of_invoices) | Q(pk__in=of_payments) | Q(parent=seller))
    return list(found.order_by("name", "pk"))


def _of_payment(payment: Payment, seller: Organization) -> list[Movement]:
    words = payment.get_method_display()
    if payment.reference:
        words = f"{words}: {payment.reference}"
    method, about = payment.method, payment.reference
    told = [Movement(payment.received_on, Kind.PAYMENT, words, -payment.amount, id=payment.pk, method=method, about=about)]
    if payment.reversed_at is not None:
        words = f"{payment.get_method_display()} of {show.day(payment.received_on)}"
        day = local_date(payment.reversed_at, seller)
        told.append(Movement(day, Kind.TAKEN_BACK, words, payment.amount, id=payment.pk, method=method, about=about))
    return told
