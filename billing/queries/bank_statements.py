"""What an uploaded bank statement would become: each row with its match, what was chosen for it, and what it would pay."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from accounts.models import Organization
from billing.allocating import spread
from billing.bank_statements.entries import Entry
from billing.bank_statements.matching import Buyer, Kind, Match, Matcher, Open
from billing.models import BankStatement, Invoice, Payment
from billing.queries.statements import buyers_of
from common.templatetags import show

NOTHING = Decimal(0)
_NEAR = timedelta(days=4)


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to be done with a row: paid for by ``buyer_id``, for ``invoices`` or whatever is due first; or left out."""

    buyer_id: int | None
    invoices: tuple[int, ...] | None = None

    @property
    def is_left_out(self) -> bool:
        return self.buyer_id is None

    def as_json(self) -> dict[str, Any]:
        return {"buyer": self.buyer_id, "invoices": None if self.invoices is None else list(self.invoices)}

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "Choice":
        invoices = told["invoices"]
        return cls(told["buyer"], None if invoices is None else tuple(invoices))


@dataclass(slots=True)
class Row:
    """A row as the preview shows it: ``shares`` would be paid, by number of the invoice, and ``rest`` is kept as credit."""

    index: int
    entry: Entry
    match: Match
    choice: Choice | None
    is_imported: bool
    payment: Payment | None = None
    """What the entry was recorded as, where it is imported."""
    buyer: Organization | None = None
    shares: list[tuple[str, Decimal]] = field(default_factory=list)
    rest: Decimal = NOTHING
    warning: str = ""
    options: list[tuple[str, str]] = field(default_factory=list)
    """What can be chosen for it: a value to be sent, and its words."""

    @property
    def state(self) -> str:
        """How sure its match is, in a word; or why there is nothing to choose."""
        if self.is_imported:
            return "imported"
        return self.match.kind.value if self.entry.is_payment else "no payment"

    @property
    def is_recorded(self) -> bool:
        """Whether confirming records a payment for it."""
        return self.can_be_chosen and self.choice is not None and not self.choice.is_left_out

    @property
    def can_be_chosen(self) -> bool:
        return self.entry.is_payment and not self.is_imported

    @property
    def is_undecided(self) -> bool:
        return self.can_be_chosen and self.choice is None


@dataclass(frozen=True, slots=True)
class Preview:
    """All rows, and a fingerprint of all that confirming would do."""

    rows: list[Row]
    fingerprint: str
    left_out: int

    @property
    def recorded(self) -> list[Row]:
        return [row for row in self.rows if row.is_recorded]

    @property
    def undecided(self) -> list[Row]:
        return [row for row in self.rows if row.is_undecided]

    def totals(self) -> dict[str, Decimal]:
        """Return what would be recorded, by currency."""
        found: dict[str, Decimal] = defaultdict(Decimal)
        for row in self.recorded:
            found[row.entry.currency] += row.entry.amount
        return dict(sorted(found.items()))


def matcher(seller: Organization) -> Matcher:
    """Return what matches entries with everything ``seller`` has issued and everybody it may be paid by. Four queries."""
    unpaid: Any = Invoice.objects.filter(seller=seller).unpaid()
    opens = dict(unpaid.values_list("pk", "open_amount"))
    rows = Invoice.objects.filter(seller=seller).issued().order_by("due_on", "pk")
    facts: Any = rows.values_list("pk", "number", "buyer_id", "currency", "due_on")
    invoices = [
        Open(pk, number, buyer, currency, opens.get(pk, NOTHING), due_on)
        for pk, number, buyer, currency, due_on in facts.iterator(chunk_size=5000)
    ]
    return Matcher(invoices, (Buyer(one.pk, one.number, one.name) for one in buyers_of(seller)))


def as_row(entry: Entry, match: Match) -> dict[str, Any]:
    """Return a row as a statement keeps it, plain JSON. Only what is certain is chosen already."""
    certain = entry.is_payment and match.kind == Kind.EXACT
    return {
        **entry.as_json(),
        "match": {
            "kind": match.kind.value,
            "buyer": match.buyer_id,
            "invoices": list(match.invoices),
            "candidates": list(match.candidates),
            "why": match.why,
        },
        "choice": Choice(match.buyer_id, match.invoices).as_json() if certain else None,
    }


def preview(statement: BankStatement) -> Preview:
    """
    Return what confirming ``statement`` would do now, row after row: a later row finds open what the earlier ones leave.

    A handful of queries, whatever the number of rows. Of a confirmed statement everything is imported.
    """
    rows = [_row(index, told) for index, told in enumerate(statement.rows["entries"])]
    keys = [row.entry.bank_key for row in rows]
    payments = Payment.objects.filter(seller=statement.seller_id, bank_key__in=keys).select_related("buyer")
    imported = {payment.bank_key: payment for payment in payments}
    for row in rows:
        row.payment = imported.get(row.entry.bank_key)
        row.is_imported = row.payment is not None
    buyers = _buyers(rows)
    invoices = _open_invoices(statement, buyers)
    _fill(rows, buyers, invoices)
    _warn(statement, rows)
    for row in rows:
        if row.can_be_chosen:
            row.options = _options(row, buyers, {one.pk: one for one in invoices})
    return Preview(rows, _fingerprint(rows), statement.rows["left_out"])


def _row(index: int, told: dict[str, Any]) -> Row:
    match = told["match"]
    found = Match(Kind(match["kind"]), match["buyer"], tuple(match["invoices"]), tuple(match["candidates"]), match["why"])
    choice = None if told["choice"] is None else Choice.from_json(told["choice"])
    return Row(index, Entry.from_json(told), found, choice, is_imported=False)


def _buyers(rows: Iterable[Row]) -> dict[int, Organization]:
    wanted = {row.match.buyer_id for row in rows} | {row.choice.buyer_id for row in rows if row.choice}
    named = {pk for row in rows for pk in row.match.candidates}
    of_candidates = Invoice.objects.filter(pk__in=named).order_by().values_list("buyer_id", flat=True)
    wanted |= set(of_candidates.distinct()) if named else set()
    return Organization.objects.in_bulk([pk for pk in wanted if pk is not None])


def _open_invoices(statement: BankStatement, buyers: dict[int, Organization]) -> list[Any]:
    unpaid = Invoice.objects.filter(seller=statement.seller_id, buyer__in=list(buyers)).unpaid()
    return list(unpaid.order_by("due_on", "issued_on", "pk"))


def _fill(rows: Iterable[Row], buyers: dict[int, Organization], invoices: list[Any]) -> None:
    """Say of each row that is to be recorded what it would pay, after those before it."""
    left = {one.pk: one.open_amount for one in invoices}
    numbers = {one.pk: one.number for one in invoices}
    due_first: dict[tuple[int, str], list[int]] = defaultdict(list)
    for one in invoices:
        due_first[one.buyer_id, one.currency].append(one.pk)
    for row in rows:
        choice = row.choice
        if not row.is_recorded or choice is None or choice.buyer_id is None:
            continue
        row.buyer = buyers[choice.buyer_id]
        payable = due_first[choice.buyer_id, row.entry.currency]
        wanted = payable if choice.invoices is None else [pk for pk in choice.invoices if pk in payable]
        shares = spread(row.entry.amount, [(pk, left[pk]) for pk in wanted])
        for pk, share in shares:
            left[pk] -= share
        row.shares = [(numbers[pk], share) for pk, share in shares]
        row.rest = row.entry.amount - sum((share for _, share in shares), NOTHING)


def _warn(statement: BankStatement, rows: list[Row]) -> None:
    """Point out what looks like a payment that somebody has recorded by hand already."""
    days = [row.entry.booked_on for row in rows]
    if not days:
        return
    by_hand: dict[tuple[int, str, Decimal], list[Payment]] = defaultdict(list)
    near = Payment.objects.standing().filter(seller=statement.seller_id, bank_key="").exclude(method=Payment.Method.CREDIT)
    for payment in near.filter(received_on__range=(min(days) - _NEAR, max(days) + _NEAR)):
        by_hand[payment.buyer_id, payment.currency, payment.amount].append(payment)
    for row in rows:
        buyer_id = row.choice.buyer_id if row.choice else row.match.buyer_id
        if not row.can_be_chosen or buyer_id is None:
            continue
        for payment in by_hand[buyer_id, row.entry.currency, row.entry.amount]:
            if abs(payment.received_on - row.entry.booked_on) <= _NEAR:
                row.warning = f"The same amount was recorded by hand, received on {show.day(payment.received_on)}."


def _options(row: Row, buyers: dict[int, Organization], invoices: dict[int, Any]) -> list[tuple[str, str]]:
    match = row.match
    options = [("", "Choose…"), ("leave", "Leave out")]
    if match.invoices and match.buyer_id is not None:
        named = ", ".join(invoices[pk].number for pk in match.invoices if pk in invoices)
        options.append(("match", f"{named or 'The invoices it names'}, {buyers[match.buyer_id]}"))
    candidates = [invoices[pk] for pk in match.candidates if pk in invoices]
    options += [
        (f"invoice:{one.pk}", f"{one.number}, {buyers[one.buyer_id]}, {show.money(one.open_amount, one.currency)} open")
        for one in candidates
    ]
    if match.buyer_id is not None:
        options.append((f"buyer:{match.buyer_id}", f"What is due first, {buyers[match.buyer_id]}"))
    if row.choice is not None and _value(row) not in dict(options):
        options.append(("typed", _typed(row, buyers, invoices)))
    return options


def chosen_value(row: Row) -> str:
    """Return which of its options is chosen for ``row``."""
    value = _value(row)
    return value if value in dict(row.options) else "typed"


def _value(row: Row) -> str:
    choice, match = row.choice, row.match
    if choice is None:
        return ""
    if choice.is_left_out:
        return "leave"
    if choice.invoices is None:
        return f"buyer:{choice.buyer_id}"
    if choice.buyer_id == match.buyer_id and choice.invoices == match.invoices:
        return "match"
    return f"invoice:{choice.invoices[0]}" if len(choice.invoices) == 1 else "typed"


def _typed(row: Row, buyers: dict[int, Organization], invoices: dict[int, Any]) -> str:
    assert row.choice is not None and row.choice.buyer_id is not None  # noqa: PT018  else one of the options is it
    buyer = buyers[row.choice.buyer_id]
    if row.choice.invoices is None:
        return f"What is due first, {buyer}"
    return f"{', '.join(invoices[pk].number for pk in row.choice.invoices if pk in invoices) or 'Kept as credit'}, {buyer}"


def _fingerprint(rows: Iterable[Row]) -> str:
    """Return a hash of all that would be recorded, with what each payment would pay."""
    told = [
        [
            row.index,
            row.entry.bank_key,
            row.choice.as_json() if row.choice else None,
            [[number, str(share)] for number, share in row.shares],
        ]
        for row in rows
        if row.is_recorded
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
