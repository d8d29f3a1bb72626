"""
What a change of a running subscription of fixed price costs. Plain values in, plain values out; no database, no clock.

The prices as they would be after the change go through the very rules that bill (`fixed`, `prepaid`), so what is quoted is what is
invoiced. Nothing is worked out a second way.

A change bears no setup fee: that was charged once, as the subscription was sold. Changed on its very first day, it is as if it had
been sold so, setup fee included.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from billing import fixed
from billing.fixed import SETUP_FEE, DatedPrice, FixedCharge, rounded
from common.money import round_money
from common.periods import Period

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Running:
    """
    What runs on a day, and what it costs again and again: excluding VAT, ``unit_price`` of one unit, the others of all units.

    ``per_month`` is rounded, as it is shown; of a term of several months the amounts of single months may differ by a minor unit.
    """

    plan_name: str
    quantity: int
    term_months: int
    unit_price: Decimal
    per_term: Decimal
    per_month: Decimal
    overage_price: Decimal | None


@dataclass(frozen=True, slots=True)
class DaysCost:
    """
    What some days under one price come to, excluding VAT and rounded as their invoice line is.

    They are days of ``of``, a calendar month or a paid term; ``is_new``: they lie after the change.
    """

    days: Period
    of: Period
    plan_name: str
    quantity: int
    term_months: int
    net: Decimal
    is_new: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """
    What a change costs more (``charged``) and what it gives back of what was charged without it; both are at least nothing.

    ``setup_fee`` is what of both together is setup fee; nothing but on the first day.
    """

    charged: Decimal
    given_back: Decimal
    setup_fee: Decimal

    @property
    def net(self) -> Decimal:
        """What is to be paid more; below nothing: what is given back."""
        return self.charged - self.given_back


def changed(
    prices: Sequence[DatedPrice], day: date, *, quantity: int | None, term_months: int | None, new: DatedPrice | None
) -> list[DatedPrice]:
    """
    Return ``prices`` as they are once quantity, plan or term change on ``day``, as `operations.phases.begin_phase` writes it.

    :param new: what is invoiced from that day on, where the change brings a price; what was planned for later is withdrawn then.
    :raises ValueError: no price is valid on ``day``.
    """
    before = [one for one in prices if one.valid_from < day]
    if new is not None:
        return [*before, replace(new, valid_from=day)]
    present = [one for one in prices if one.valid_from <= day]
    if not present:
        raise ValueError(f"No price is valid on {day}.")
    after = [replace(present[-1], valid_from=day), *(one for one in prices if one.valid_from > day)]
    return [
        *before,
        *(replace(one, quantity=quantity or one.quantity, term_months=term_months or one.term_months) for one in after),
    ]


def running(prices: Sequence[DatedPrice], day: date) -> Running:
    """
    Return what runs on ``day``.

    :raises ValueError: no price is valid on ``day``.
    """
    valid = [one for one in prices if one.valid_from <= day]
    if not valid:
        raise ValueError(f"No price is valid on {day}.")
    price = valid[-1]
    whole = price.quantity * Fraction(price.price)
    return Running(
        plan_name=price.plan_name,
        quantity=price.quantity,
        term_months=price.term_months,
        unit_price=price.price,
        per_term=rounded(whole, price.currency),
        per_month=rounded(whole / price.term_months, price.currency),
        overage_price=price.overage_price,
    )


def month_charges(terms: fixed.Terms, month: Period, ends_on: date | None) -> list[FixedCharge]:
    """Return what is billed of a calendar month, up to ``ends_on`` where it ends; nothing where no day of it is billed."""
    start, end = max(terms.charged_from, month.start), min(ends_on or month.end, month.end)
    return fixed.charges(terms, Period(start, end)) if start < end else []


# --- Told ---------------------------------------------------------------------------------------------------------------------


def days_costs(charges: Iterable[FixedCharge], currency: str, first_day: date) -> list[DaysCost]:
    """Tell what the days of ``charges`` come to, setup fees left out."""
    return [_days_cost(one, currency, first_day) for one in charges if one.charge.item != SETUP_FEE]


def _days_cost(one: FixedCharge, currency: str, first_day: date) -> DaysCost:
    told = one.charge.working
    days = day_range(one)
    return DaysCost(
        days=days,
        of=_period(told["term"]) if "term" in told else Period.month_of(days.start),
        plan_name=told.get("plan_name", ""),
        quantity=told["units"],
        term_months=told["term_months"],
        net=round_money(one.charge.net_unrounded, currency),
        is_new=days.start >= first_day,
    )


def _period(told: Sequence[str]) -> Period:
    start, end = map(date.fromisoformat, told)
    return Period(start, end)


def day_range(one: FixedCharge) -> Period:
    """Return the days a charge is for."""
    return _period(one.charge.working["period"])


def difference(before: Iterable[FixedCharge], after: Iterable[FixedCharge], currency: str) -> Difference:
    """Hold what is charged with the change against what is charged without it, item by item."""
    without, changed_to = _nets(before, currency), _nets(after, currency)
    nets = {key: changed_to.get(key, NOTHING) - without.get(key, NOTHING) for key in {*without, *changed_to}}
    return Difference(
        charged=sum((net for net in nets.values() if net > 0), NOTHING),
        given_back=-sum((net for net in nets.values() if net < 0), NOTHING),
        setup_fee=sum((net for (item, *_), net in nets.items() if item == SETUP_FEE), NOTHING),
    )


def total(charges: Iterable[FixedCharge], currency: str) -> Decimal:
    """Add up ``charges``, each rounded as its line is."""
    return sum((round_money(one.charge.net_unrounded, currency) for one in charges), NOTHING)


def _nets(charges: Iterable[FixedCharge], currency: str) -> dict[tuple[str, str, str], Decimal]:
    """By item, part and first day: where terms are counted anew, another one bears the number of one that is given back."""
    return {
        (one.charge.item, one.key, one.charge.working["period"][0]): round_money(one.charge.net_unrounded, currency)
        for one in charges
    }
