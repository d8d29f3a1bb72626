"""
Prepaid: what a term costs that is invoiced before it begins. Plain values in, charges out; no database, no clock.

A term begins on the first billed day and lasts the months that were agreed; the next begins when it ends. Ends are counted from the
first day, never step by step, so that a month that began on the 31st ends at the ends of months. A change of the term begins a new
one on its day, and the old one ends there.

A term costs quantity × price. Where quantity, plan or price change inside it, or it ends early, each stretch costs its share of the
term's days; what was invoiced above that is given back, as far as credit notes did not give it away before. The setup fee comes
with the first term.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise

from billing.adjusting import Due
from billing.fixed import SETUP_FEE, DatedPrice, FixedCharge, Terms, charge_of, rounded, steps_of
from billing.rating import Charge, plain
from common.periods import Period, add_months

TERM = "term"
TEN_DECIMALS = Decimal("1E-10")


@dataclass(frozen=True, slots=True)
class PaidTerm:
    """The ``number``-th term, from 1: ``days`` it was agreed for, ``used`` up to where it was cut short."""

    number: int
    days: Period
    used: Period

    @property
    def part(self) -> str:
        """What its invoice lines are known by."""
        return f"term:{self.number}"


def terms(prices: Sequence[DatedPrice], charged_from: date, until: date) -> Iterator[PaidTerm]:
    """
    Give the terms that begin before ``until``, in their order.

    :param prices: in the order of their days, the first valid on ``charged_from`` or before.
    """
    number, anchor, months = 1, charged_from, 0
    while (start := add_months(anchor, months)) < until:
        length = _valid_on(prices, start).term_months
        end = add_months(anchor, months + length)
        changed = _change_of_term(prices, start, end, length)
        yield PaidTerm(number, Period(start, end), Period(start, changed or end))
        number += 1
        anchor, months = (changed, 0) if changed else (anchor, months + length)


def charges(term: PaidTerm, prices: Sequence[DatedPrice], *, level: str, ended_on: date | None = None) -> list[FixedCharge]:
    """
    Return what ``term`` costs; what rounds to nothing is left out.

    :param ended_on: the first day after the subscription, where it ended. Ended before it was billed, it has no setup fee either.
    """
    used = term.used if ended_on is None else term.used.intersect(Period(date.min, ended_on))
    found: list[FixedCharge] = []
    if used is not None:
        for number, (price, days) in enumerate(_stretches(prices, used)):
            found.append(FixedCharge(_part(term, days, is_first=number == 0), _of_days(term, price, days, level)))
    if term.number == 1 and used is not None:
        price = prices[0]
        quantity, fee = Fraction(price.quantity), Fraction(price.setup_fee)
        figures = (quantity, fee, rounded(quantity * fee, price.currency))
        working = {"steps": steps_of(price, "setup_fee", 1)}
        found.append(FixedCharge(term.part, charge_of(SETUP_FEE, level, price, figures, term.days, working)))
    return [one for one in found if one.charge.net_unrounded]


def owed(
    sold: Terms, *, until: date, invoiced: Mapping[int, Collection[date]], ends_on: date | None
) -> Iterator[tuple[PaidTerm, list[FixedCharge]]]:
    """
    Give the terms to look at, with what each costs: those that begin before ``until``, and those that were invoiced ahead.

    What was invoiced for a term that is not to be, or begins on another day by now and is not near yet, costs nothing: it is given
    back.

    :param invoiced: by its number, from which days on a term was invoiced.
    :param ends_on: the first day it does not run, where it ended or its end is planned.
    """
    last, stop = max(invoiced, default=0), min(until, ends_on or until)
    for term in terms(sold.prices, sold.charged_from, date.max):
        if term.days.start >= stop and term.number > last:
            return
        is_due = term.days.start < until or term.days.start in invoiced.get(term.number, ())
        yield term, charges(term, sold.prices, level=sold.level, ended_on=ends_on) if is_due else []


def given_back_within(dues: Sequence[Due], most: Decimal) -> list[Due]:
    """
    Return ``dues`` of one term, in their order, with so much less given back that together they give back ``most`` at most.

    What is left of one has the quantity that multiplies out to it, and its working says how much is not given back a second time.
    """
    short = -sum((due.net for due in dues), most)
    found = []
    for due in dues:
        less = max(min(short, -due.net), Decimal(0))
        short -= less
        found.append(_lowered(due, less) if less else due)
    return found


def _lowered(due: Due, less: Decimal) -> Due:
    net = due.net + less
    quantity = (net / due.unit_price).quantize(TEN_DECIMALS, rounding=ROUND_HALF_UP) if net else Decimal(0)
    return due._replace(net=net, quantity=quantity, working={**due.working, "credited_before": plain(less)})


def _of_days(term: PaidTerm, price: DatedPrice, days: Period, level: str) -> Charge:
    share = Fraction(days.days, term.days.days)
    quantity, unit_price = price.quantity * share, Fraction(price.price)
    working = {
        "days": days.days,
        "days_of_term": term.days.days,
        "term_number": term.number,
        "term": [term.days.start.isoformat(), term.days.end.isoformat()],
        "term_months": price.term_months,
        "term_price": plain(price.price),
        "steps": steps_of(price, "price", 1),
    }
    amount = rounded(quantity * unit_price, price.currency)
    return charge_of(TERM, level, price, (quantity, unit_price, amount), days, working)


def _part(term: PaidTerm, days: Period, *, is_first: bool) -> str:
    return term.part if is_first else f"{term.part} {days.start.isoformat()}"


def _valid_on(prices: Sequence[DatedPrice], day: date) -> DatedPrice:
    valid = [price for price in prices if price.valid_from <= day]
    if not valid:
        raise ValueError(f"No price is valid on {day}.")
    return valid[-1]


def _change_of_term(prices: Sequence[DatedPrice], start: date, end: date, length: int) -> date | None:
    """Return the day inside a term on which another length was agreed."""
    return next((price.valid_from for price in prices if start < price.valid_from < end and price.term_months != length), None)


def _stretches(prices: Sequence[DatedPrice], days: Period) -> Iterator[tuple[DatedPrice, Period]]:
    """Give each price that counts on ``days`` with its own of them."""
    starts = [price.valid_from for price in prices]
    for price, (start, end) in zip(prices, pairwise([*starts, date.max]), strict=True):
        if start < end and (part := Period(start, end).intersect(days)) is not None:
            yield price, part
