"""Payments, open items and statements of account as files for people and spreadsheets. Amounts are plain decimals, dates ISO."""

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from accounts.models import Organization
from billing.models import Payment
from billing.queries.payments import BUCKETS, Balance
from billing.queries.statements import AccountStatement
from common.money import round_money
from common.sheets import guarded

PAYMENT_COLUMNS = (
    *("received_on", "seller", "buyer_number", "buyer", "currency", "amount", "kept_as_credit", "method", "reference"),
    *("invoices", "note", "reversed_on", "recorded_at"),
)
_NOTES = {"note"}
OPEN_ITEM_COLUMNS = ("buyer_number", "buyer", "currency", "invoice", "issued_on", "due_on", "days_overdue", "age", "gross", "open")
STATEMENT_COLUMNS = ("date", "what", "number", "description", "currency", "charged", "settled", "balance")


class _Line:
    """What csv writes to: gives each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def payments_csv(payments: Iterable[Any], *, with_notes: bool) -> Iterator[str]:
    """
    Yield the lines of ``payments``, the header first. They are annotated by `with_rest`, their allocations' invoices are at hand.

    :param with_notes: also what the seller's people noted for themselves.
    """
    columns = [name for name in PAYMENT_COLUMNS if with_notes or name not in _NOTES]
    writer = csv.writer(_Line())
    yield writer.writerow(columns)
    for payment in payments:
        told = _payment(payment)
        yield writer.writerow([told[name] for name in columns])


def _payment(payment: Any) -> dict[str, object]:
    invoices = ", ".join(one.invoice.number for one in payment.allocations.all())
    reversed_on = payment.reversed_at.date() if payment.reversed_at else ""
    return {
        "received_on": payment.received_on,
        "seller": guarded(payment.seller.name),
        "buyer_number": payment.buyer.number,
        "buyer": guarded(payment.buyer.name),
        "currency": payment.currency,
        "amount": round_money(payment.amount, payment.currency),
        "kept_as_credit": round_money(payment.rest, payment.currency),
        "method": Payment.Method(payment.method).label,
        "reference": guarded(payment.reference),
        "invoices": invoices,
        "note": guarded(payment.note),
        "reversed_on": reversed_on,
        "recorded_at": payment.recorded_at.isoformat(timespec="seconds"),
    }


def open_items_csv(balances: Iterable[Balance]) -> Iterator[str]:
    """Yield the lines of all open invoices, the header first; credit is a line of its own, below nothing."""
    writer = csv.writer(_Line())
    yield writer.writerow(OPEN_ITEM_COLUMNS)
    for balance in balances:
        who = (balance.buyer.number, guarded(balance.buyer.name), balance.currency)
        for one in balance.invoices:
            age = BUCKETS[one.bucket]
            amounts = (round_money(one.gross, balance.currency), round_money(one.open_amount, balance.currency))
            yield writer.writerow([*who, one.number, one.issued_on, one.due_on, max(one.days_overdue, 0), age, *amounts])
        if balance.credit:
            yield writer.writerow([*who, "", "", "", "", "Credit", "", -round_money(balance.credit, balance.currency)])


def statement_csv(statement: AccountStatement) -> Iterator[str]:
    """Yield the lines of a statement of account, the header first, between the opening and the closing balance."""
    currency = statement.currency
    writer = csv.writer(_Line())
    yield writer.writerow(STATEMENT_COLUMNS)
    yield writer.writerow(
        [statement.first, "Opening balance", "", "", currency, "", "", round_money(statement.running.opening, currency)]
    )
    for line in statement.running.lines:
        one = line.movement
        amounts = ("" if amount is None else round_money(amount, currency) for amount in (one.charge, one.settled))
        balance = round_money(line.balance, currency)
        yield writer.writerow([one.day, one.kind.value, one.document, guarded(one.words), currency, *amounts, balance])
    yield writer.writerow(
        [statement.last, "Closing balance", "", "", currency, "", "", round_money(statement.running.closing, currency)]
    )


def file_name(what: str, *organizations: Organization, kind: str = "csv") -> str:
    """Return a name for a file about ``organizations``."""
    return "-".join([what, *(organization.number for organization in organizations)]) + f".{kind}"
