"""Who owes what: open invoices, credit that is left, and how long what is open has been due."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import F, Q, Sum

from accounts.models import Organization
from billing.allocating import PaymentState, payment_state
from billing.models import Invoice, InvoiceQuerySet, Payment

NOTHING = Decimal(0)
BUCKETS = ("Not due", "1–30 days", "31–60 days", "61–90 days", "Over 90 days")
_LAST_DAYS = (0, 30, 60, 90)


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """An issued invoice of which something is open, and how many days it has been due; negative before its day."""

    id: int
    number: str
    issued_on: date
    due_on: date
    gross: Decimal
    open_amount: Decimal
    days_overdue: int

    @property
    def bucket(self) -> int:
        """The index into `BUCKETS`."""
        return bucket_of(self.days_overdue)


@dataclass(slots=True)
class Balance:
    """What one buyer owes one seller in one currency: open invoices by their age, and the credit it has."""

    buyer: Organization
    currency: str
    invoices: list[OpenInvoice] = field(default_factory=list)
    buckets: list[Decimal] = field(default_factory=lambda: [NOTHING] * len(BUCKETS))
    credit: Decimal = NOTHING

    @property
    def open_amount(self) -> Decimal:
        """What is left to pay, before credit."""
        return sum(self.buckets, NOTHING)

    @property
    def by_age(self) -> list[tuple[str, Decimal]]:
        """What is open, by how long it has been due."""
        return list(zip(BUCKETS, self.buckets, strict=True))


@dataclass(frozen=True, slots=True)
class Total:
    """The sums of one currency."""

    currency: str
    buckets: list[Decimal]
    open_amount: Decimal
    credit: Decimal

    @property
    def by_age(self) -> list[tuple[str, Decimal]]:
        """What is open, by how long it has been due."""
        return list(zip(BUCKETS, self.buckets, strict=True))


def open_invoices(seller: Organization, buyer: Organization, currency: str) -> InvoiceQuerySet:
    """Return what ``buyer`` has left to pay, annotated as `with_open` does: first what is due first, then what was issued first."""
    found = Invoice.objects.filter(seller=seller, buyer=buyer, currency=currency).unpaid()
    return found.order_by("due_on", "issued_on", "pk")


def credit_left(seller: Organization, buyer: Organization, currency: str) -> Decimal:
    """Return what of the buyer's payments in ``currency`` is not allocated to invoices."""
    return sum((payment.rest for payment in _with_rest(seller, buyer=buyer, currency=currency)), NOTHING)


def paid(invoices: InvoiceQuerySet) -> InvoiceQuerySet:
    """
    Narrow ``invoices`` to those that are paid: what `billing.signals.invoice_paid` rings for, told by their rows.

    What was credited to its end is not paid; what costs nothing is.
    """
    settled: Any = invoices.issued().with_open()
    found: InvoiceQuerySet = settled.filter(Q(gross__lte=0) | Q(credited__lt=F("gross")), open_amount=0)
    return found


def state_of(invoice: Invoice, today: date) -> PaymentState:
    """Tell how an issued invoice, annotated by `with_open`, stands on ``today`` of its seller's calendar."""
    assert invoice.due_on is not None  # it is issued
    return payment_state(
        gross=invoice.gross,
        credited=invoice.credited,  # type: ignore[attr-defined]
        open_amount=invoice.open_amount,  # type: ignore[attr-defined]
        is_overdue=invoice.due_on < today,
    )


def bucket_of(days_overdue: int) -> int:
    """Return the index into `BUCKETS` for what has been due for so many days; on its day nothing is overdue yet."""
    return next((index for index, last in enumerate(_LAST_DAYS) if days_overdue <= last), len(_LAST_DAYS))


def balances(seller: Organization, *, today: date, buyers: Iterable[Organization] | None = None) -> list[Balance]:
    """
    Return who owes ``seller`` something on ``today``, or has credit with it, by name and currency; of ``buyers`` alone where given.

    Two queries, whatever the number of buyers.
    """
    narrowed: dict[str, Any] = {} if buyers is None else {"buyer__in": list(buyers)}
    found: dict[tuple[int, str], Balance] = {}
    names: dict[int, Organization] = {}

    def of(buyer: Organization, currency: str) -> Balance:
        return found.setdefault((buyer.pk, currency), Balance(names.setdefault(buyer.pk, buyer), currency))

    unpaid = (
        Invoice.objects.filter(seller=seller, **narrowed).unpaid().select_related("buyer").order_by("due_on", "issued_on", "pk")
    )
    for invoice in unpaid:
        balance = of(invoice.buyer, invoice.currency)
        one = _open_invoice(invoice, today)
        balance.invoices.append(one)
        balance.buckets[one.bucket] += one.open_amount
    for payment in _with_rest(seller, **narrowed).select_related("buyer"):
        of(payment.buyer, payment.currency).credit += payment.rest
    return sorted(found.values(), key=lambda balance: (balance.buyer.name.casefold(), balance.buyer.pk, balance.currency))


def totals(of: Iterable[Balance]) -> list[Total]:
    """Return the sums of ``of``, one per currency: currencies are never added together."""
    by_currency: dict[str, list[Balance]] = defaultdict(list)
    for balance in of:
        by_currency[balance.currency].append(balance)
    return [
        Total(
            currency,
            [sum(bucket, NOTHING) for bucket in zip(*(one.buckets for one in group), strict=True)],
            sum((one.open_amount for one in group), NOTHING),
            sum((one.credit for one in group), NOTHING),
        )
        for currency, group in sorted(by_currency.items())
    ]


def credits_of(seller: Organization, buyer: Organization) -> dict[str, Decimal]:
    """Return the credit ``buyer`` has with ``seller``, by currency; only what is more than nothing."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for payment in _with_rest(seller, buyer=buyer).order_by("currency"):
        found[payment.currency] += payment.rest
    return dict(found)


def credited_as_payment(invoice: Invoice) -> Decimal:
    """Return what became a credit of the buyer because the invoice stands below nothing."""
    credit = Payment.objects.filter(seller=invoice.seller_id, buyer=invoice.buyer_id, method=Payment.Method.CREDIT)
    return credit.filter(reference=invoice.number).aggregate(total=Sum("amount"))["total"] or NOTHING


def _with_rest(seller: Organization, **narrowed: Any) -> Any:
    """Return the payments to ``seller`` of which something is left, annotated with their ``rest``."""
    payments: Any = Payment.objects.standing().filter(seller=seller, **narrowed)
    return payments.with_rest().filter(rest__gt=0)


def _open_invoice(invoice: Invoice, today: date) -> OpenInvoice:
    assert invoice.number and invoice.issued_on and invoice.due_on  # noqa: PT018  it is issued
    left = invoice.open_amount  # type: ignore[attr-defined]
    days = (today - invoice.due_on).days
    return OpenInvoice(invoice.pk, invoice.number, invoice.issued_on, invoice.due_on, invoice.gross, left, days)
