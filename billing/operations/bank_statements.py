"""
Bank statements: read, looked at, corrected, and then recorded as payments: all of them or none, and once.

An entry of the bank comes in once per seller, whatever files it stands in. What is left out can be imported later from the same
file.
"""

import hashlib
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from django.db import transaction

from accounts.models import Organization, User, local_date
from billing.bank_statements import camt053, csv_rows
from billing.bank_statements.entries import Entry, Statement
from billing.models import BankStatement, Invoice, Payment
from billing.operations.payments import Incoming, check_incoming, record
from billing.queries import bank_statements as queries
from billing.queries.bank_statements import Choice, Row
from common.errors import DomainError

logger = logging.getLogger(__name__)

LONGEST_TYPED = 500
_TOO_EARLY = "It is booked on a day to come; import it once that day is over."


class AlreadyImported(DomainError):
    """The same file was imported before; ``statement`` is what it became."""

    def __init__(self, statement: BankStatement) -> None:
        super().__init__("This very file was imported before.")
        self.statement = statement


class PreviewOutdated(DomainError):
    """Between preview and confirmation something was paid, issued, credited or chosen."""


class NothingChosen(DomainError):
    """No row of the statement is to be recorded."""


class ChoiceRefused(DomainError):
    """What was chosen for rows cannot be; ``sentences`` says why, by row."""

    def __init__(self, sentences: dict[int, str]) -> None:
        super().__init__("Nothing was saved; look at the rows that are marked.")
        self.sentences = sentences


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person chose for a row: one of its options, or, before that, the numbers that were typed."""

    option: str
    typed: str = ""


@transaction.atomic(durable=True)
def read_statement(
    *, seller: Organization, content: bytes, file_name: str, currency: str, by: User | None, at: datetime, again: bool = False
) -> BankStatement:
    """
    Read a file of the bank, CSV or CAMT.053, and keep what it would become. Nothing is recorded yet.

    :param currency: of the account, for CSV files that do not say it.
    :param again: read a file that was imported before once more, for what was left out then.
    :raises SheetRefused: the file cannot be read; says all that is wrong with it, by row and column.
    :raises AlreadyImported: it was imported before; the same file that still waits to be confirmed is returned instead.
    """
    Organization.objects.locked().get(pk=seller.pk)  # of the same file chosen twice at once the second finds the first
    digest = hashlib.sha256(content).hexdigest()
    before = BankStatement.objects.filter(seller=seller, file_sha256=digest)
    if (waiting := before.filter(confirmed_at__isnull=True).first()) is not None:
        return waiting
    if not again and (done := before.first()) is not None:
        raise AlreadyImported(done)
    is_xml = content.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n").startswith(b"<")
    found = camt053.read(content) if is_xml else csv_rows.read(content, currency=currency)
    statement = BankStatement.objects.create(
        seller=seller,
        file_name=file_name[:255],
        file_sha256=digest,
        format=BankStatement.Format.CAMT053 if is_xml else BankStatement.Format.CSV,
        rows=_rows(seller, found, at),
        created_at=at,
        created_by=by,
    )
    logger.info("bank statement read", extra={"statement": statement.pk, "entries": len(found.entries)})
    return statement


@transaction.atomic(durable=True)
def choose(*, statement_id: int, wishes: Mapping[int, Wish]) -> BankStatement:
    """
    Keep what a person chose for rows, by their index; those that are not named stay as they are.

    :raises ChoiceRefused: a number that was typed is none, or numbers are of different customers; nothing is kept then.
    :raises PreviewOutdated: the statement was confirmed.
    """
    statement = _waiting(statement_id)
    rows = {row.index: row for row in queries.preview(statement).rows if row.can_be_chosen}
    sentences: dict[int, str] = {}
    for index, wish in wishes.items():
        if index not in rows:
            continue
        try:
            choice = _choice(statement.seller, rows[index], wish)
        except DomainError as refusal:
            sentences[index] = str(refusal)
        else:
            statement.rows["entries"][index]["choice"] = None if choice is None else choice.as_json()
    if sentences:
        raise ChoiceRefused(sentences)
    statement.save(update_fields=["rows"])
    return statement


@transaction.atomic(durable=True)
def confirm(*, statement_id: int, fingerprint: str, by: User | None, at: datetime) -> BankStatement:
    """
    Record a payment for every row that is chosen, exactly as the preview with ``fingerprint`` showed: all of them, or none.

    Confirmed again, nothing. Rows that are left out or undecided stay out; the same file can be read again for them.

    :raises PreviewOutdated: it would do something else now.
    :raises NothingChosen: there is nothing to record.
    """
    statement = BankStatement.objects.locked().select_related("seller").get(pk=statement_id)
    if statement.confirmed_at is not None:
        return statement
    chosen = {row.choice.buyer_id for row in queries.preview(statement).recorded if row.choice}
    # The seller too: of two statements with the same entry the second sees what the first has recorded.
    buyers = Organization.objects.locked().filter(pk__in={statement.seller_id, *filter(None, chosen)})
    by_id = {buyer.pk: buyer for buyer in buyers}
    shown = queries.preview(statement)
    if shown.fingerprint != fingerprint:
        raise PreviewOutdated("Something changed since this preview was made. Look at what would happen now, then confirm again.")
    if not shown.recorded:
        raise NothingChosen("No row is chosen, so there is nothing to record.")
    for row in shown.recorded:
        _record(statement, row, by_id, by=by, at=at)
    statement.confirmed_at, statement.confirmed_by = at, by
    statement.save(update_fields=["confirmed_at", "confirmed_by"])
    logger.info("bank statement imported", extra={"statement": statement.pk, "payments": len(shown.recorded)})
    return statement


@transaction.atomic(durable=True)
def discard(*, statement_id: int) -> None:
    """
    Throw away a statement that was not confirmed. Thrown away again, nothing.

    :raises PreviewOutdated: it was confirmed; its payments stay.
    """
    if BankStatement.objects.filter(pk=statement_id).exists():
        _waiting(statement_id).delete()


# --- Steps: inside the caller's transaction ---------------------------------------------------------------------------------


def _waiting(statement_id: int) -> BankStatement:
    statement = BankStatement.objects.locked().select_related("seller").get(pk=statement_id)
    if statement.confirmed_at is not None:
        raise PreviewOutdated("This statement was imported already.")
    return statement


def _rows(seller: Organization, found: Statement, at: datetime) -> dict[str, object]:
    today = local_date(at, seller)
    matcher = queries.matcher(seller)
    entries = []
    for entry in found.entries:
        told = entry.as_json()
        if entry.is_payment and entry.booked_on > today:
            told |= {"is_payment": False, "remark": _TOO_EARLY}
        entries.append(queries.as_row(Entry.from_json(told), matcher.match(entry)))
    return {"entries": entries, "left_out": found.left_out}


def _choice(seller: Organization, row: Row, wish: Wish) -> Choice | None:
    """
    Return what ``wish`` means for ``row``; None leaves it undecided.

    :raises DomainError: it means nothing.
    """
    if wish.typed.strip():
        return _typed(seller, wish.typed[:LONGEST_TYPED], row.entry)
    if wish.option == "typed":
        return row.choice
    if wish.option not in dict(row.options):
        raise DomainError("Choose one of the options, or type numbers.")
    kind, _, number = wish.option.partition(":")
    match = row.match
    if kind == "leave":
        return Choice(None)
    if kind == "match":
        return Choice(match.buyer_id, match.invoices)
    if kind == "invoice":
        return _for(Invoice.objects.filter(pk=int(number)), row.entry)
    return Choice(int(number)) if kind == "buyer" else None


def _typed(seller: Organization, text: str, entry: Entry) -> Choice:
    """
    Read the number of a customer, or numbers of invoices of one customer, with commas or blanks between them.

    :raises DomainError: there is none of that number, or they do not belong together.
    """
    numbers = [one for one in re.split(r"[,;\s]+", text.strip().upper()) if one]
    invoices = {str(one.number).upper(): one for one in Invoice.objects.issued().filter(seller=seller, number__in=_cases(numbers))}
    if not invoices and len(numbers) == 1:
        buyer = next((one for one in queries.buyers_of(seller) if one.number.upper() == numbers[0]), None)
        if buyer is not None:
            return Choice(buyer.pk)
    unknown = [number for number in numbers if number not in invoices]
    if unknown:
        raise DomainError(f"“{unknown[0]:.40}” is neither an invoice of {seller} nor the number of a customer.")
    return _for([invoices[number] for number in dict.fromkeys(numbers)], entry)


def _for(invoices: Iterable[Invoice], entry: Entry) -> Choice:
    """:raises DomainError: they are of different customers, or in another currency than the payment."""
    named = list(invoices)
    if len({one.buyer_id for one in named}) > 1:
        raise DomainError("These invoices are of different customers; one payment is of one.")
    foreign = next((one for one in named if one.currency != entry.currency), None)
    if foreign is not None:
        told = f"{foreign.number} is in {foreign.currency}, the payment in {entry.currency}, and nothing is converted."
        raise DomainError(f"{told} Type the customer's number to keep it as credit in {entry.currency}.")
    return Choice(named[0].buyer_id, tuple(one.pk for one in named))


def _cases(numbers: list[str]) -> list[str]:
    return [*numbers, *(number.lower() for number in numbers)]


def _record(statement: BankStatement, row: Row, buyers: Mapping[int, Organization], *, by: User | None, at: datetime) -> Payment:
    entry, choice = row.entry, row.choice
    assert choice is not None and choice.buyer_id is not None  # noqa: PT018  it is recorded
    incoming = Incoming(
        amount=entry.amount,
        currency=entry.currency,
        received_on=entry.booked_on,
        method=Payment.Method.BANK_TRANSFER,
        reference=entry.reference,
        note=" ".join(filter(None, [entry.payer, entry.account])),
        invoices=choice.invoices,
    )
    check_incoming(incoming, statement.seller, at)
    key = uuid5(NAMESPACE_URL, f"bank:{statement.seller_id}:{entry.bank_key}")
    return record(
        statement.seller,
        buyers[choice.buyer_id],
        incoming,
        key=key,
        by=by,
        at=at,
        statement=statement,
        bank_key=entry.bank_key,
    )
