"""Every write to the prices of a plan. A price begins on a day; what was sold before stays at the price it was sold at."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from accounts.models import User
from catalog.models import ModuleSettings, Plan, PlanPrice, Term
from catalog.operations import order_urls
from common.errors import DomainError, FieldRefused
from common.money import is_currency, minor_unit

HIGHEST_PRICE = Decimal(10_000_000)


class PriceRefused(FieldRefused):
    """
    A price that cannot be meant.

    ``field`` is currency, term_months, price, setup_fee, overage_price, valid_from or valid_until.
    """


@dataclass(frozen=True, slots=True)
class NewPrice:
    """What one unit of a plan is to cost for one term, excluding VAT; ``overage_price`` per GB above the quota, and month."""

    currency: str
    term_months: int
    price: Decimal
    setup_fee: Decimal = Decimal(0)
    overage_price: Decimal | None = None


@transaction.atomic(durable=True)
def set_prices(
    *, plan_id: int, prices: Sequence[NewPrice], valid_from: date, today: date, by: User | None, at: datetime
) -> list[PlanPrice]:
    """
    Let each of ``prices`` be valid from ``valid_from`` on; others of the plan stay as they are. Order URLs are made.

    Return the prices that changed. Repeated, nothing: a price that is the same already stays the row it is.

    :raises PriceRefused: a price is negative, absurd, finer than the currency, in an unknown currency or term, dated before
        ``today``, or it says something else about overage than the module setting.
    :raises DomainError: the plan is pay-as-you-go, which is priced by the rate card.
    """
    plan = Plan.objects.locked().get(pk=plan_id)
    changed = write_prices(plan, prices, valid_from=valid_from, today=today, by=by, at=at)
    order_urls.make_order_urls(plan, on=today, at=at)
    return changed


@transaction.atomic(durable=True)
def withdraw_price(*, plan_id: int, currency: str, term_months: int, valid_until: date, today: date) -> None:
    """
    Sell nothing more of a plan for this currency and term from ``valid_until`` on; planned later prices are dropped.

    What was sold stays at its price. Repeated, nothing.

    :raises PriceRefused: ``valid_until`` lies before ``today``.
    """
    _check_day(valid_until, today, field="valid_until")
    Plan.objects.locked().get(pk=plan_id)
    rows = PlanPrice.objects.filter(plan=plan_id, currency=currency, term_months=term_months)
    rows.filter(valid_from__gte=valid_until).delete()
    for row in rows.in_force(valid_until):
        _ending(row, valid_until)


@transaction.atomic(durable=True)
def cancel_planned_price(*, plan_id: int, price_id: int, today: date) -> None:
    """
    Drop a price before it becomes valid; what was to end that day goes on. Repeated, nothing.

    :raises PriceRefused: it is valid already, so something may have been sold at it.
    """
    Plan.objects.locked().get(pk=plan_id)
    planned = PlanPrice.objects.filter(plan=plan_id, pk=price_id).first()
    if planned is None:
        return
    if planned.valid_from <= today:
        raise PriceRefused("valid_from", "This price is valid already. Set another one, or withdraw it.")
    planned.delete()
    same = PlanPrice.objects.filter(plan=plan_id, currency=planned.currency, term_months=planned.term_months)
    for before in same.filter(valid_until=planned.valid_from):
        _ending(before, planned.valid_until)


# Steps: inside the caller's transaction


def write_prices(
    plan: Plan,
    prices: Iterable[NewPrice],
    *,
    valid_from: date,
    today: date,
    by: User | None,
    at: datetime,
    keeps_end: bool = False,
) -> list[PlanPrice]:
    """
    Check and write the prices of a locked plan; return those that changed. Refuses as `set_prices` does.

    :param keeps_end: a price that was to be withdrawn still is; otherwise setting it anew means that it is sold on.
    """
    if not plan.is_fixed:
        raise DomainError(f"{plan} is pay-as-you-go; its prices are on the rate card of {plan.product_group}.")
    _check_day(valid_from, today, field="valid_from")
    settings = ModuleSettings.objects.filter(plan=plan).first()
    has_overage = settings is not None and settings.has_overage_quota
    wanted = list(prices)
    if len({(new.currency, new.term_months) for new in wanted}) < len(wanted):
        raise PriceRefused("term_months", "The same currency and term stands there twice.")
    for new in wanted:
        check_price(new, has_overage_quota=has_overage)
    present: dict[tuple[str, int], list[PlanPrice]] = {}
    for row in PlanPrice.objects.filter(plan=plan).order_by("valid_from"):
        present.setdefault((row.currency, row.term_months), []).append(row)
    written = (
        _write(
            plan,
            new,
            present.get((new.currency, new.term_months), []),
            valid_from=valid_from,
            by=by,
            at=at,
            keeps_end=keeps_end,
        )
        for new in wanted
    )
    return [row for row in written if row is not None]


def check_price(new: NewPrice, *, has_overage_quota: bool) -> None:
    """
    Refuse a price that cannot be meant.

    :raises PriceRefused: naming the field.
    """
    if not is_currency(new.currency):
        raise PriceRefused("currency", f"“{new.currency}” is no currency. Use the three letters of ISO 4217, such as EUR.")
    if new.term_months not in Term.values:
        raise PriceRefused("term_months", "Choose a term of 1, 3, 6, 12, 24 or 36 months.")
    for field, label in (("price", "The price"), ("setup_fee", "The setup fee")):
        amount: Decimal = getattr(new, field)
        _check_amount(field, label, amount)
        if amount != amount.quantize(minor_unit(new.currency)):
            unit = minor_unit(new.currency)
            raise PriceRefused(field, f"{label} is finer than {new.currency} can be paid; its smallest amount is {unit}.")
    if new.overage_price is None:
        if has_overage_quota:
            raise PriceRefused("overage_price", "Enter the Overage Price (/GB): the module setting has an overage quota.")
        return
    if not has_overage_quota:
        raise PriceRefused("overage_price", "The module setting has no overage quota, so there is no Overage Price (/GB).")
    _check_amount("overage_price", "The Overage Price (/GB)", new.overage_price)
    if -new.overage_price.normalize().as_tuple().exponent > 10:  # type: ignore[operator]
        raise PriceRefused("overage_price", "The Overage Price (/GB) has more than ten decimals.")


def _check_amount(field: str, label: str, amount: Decimal) -> None:
    if not amount.is_finite():
        raise PriceRefused(field, f"{label} is no amount.")
    if amount < 0:
        raise PriceRefused(field, f"{label} cannot be less than nothing.")
    if amount > HIGHEST_PRICE:
        raise PriceRefused(field, f"{label} cannot be more than {HIGHEST_PRICE:,}. Look for a misplaced comma.")


def _check_day(day: date, today: date, *, field: str) -> None:
    if day < today:
        raise PriceRefused(field, "A price cannot change in the past; choose today or a later day.")
    if day > date(today.year + 5, 12, 31):
        raise PriceRefused(field, "Choose a day within the next five years.")


def _write(
    plan: Plan,
    new: NewPrice,
    rows: list[PlanPrice],
    *,
    valid_from: date,
    by: User | None,
    at: datetime,
    keeps_end: bool,
) -> PlanPrice | None:
    """
    Put ``new`` among ``rows``, which are in the order of their days, until the next of them begins; it is sold again where it was
    to be withdrawn, unless it ``keeps_end``. None where all that is so already.
    """
    amounts = {"price": new.price, "setup_fee": new.setup_fee, "overage_price": new.overage_price}
    before = next((row for row in rows if row.valid_from <= valid_from and not _is_over(row, valid_from)), None)
    after = next((row.valid_from for row in rows if row.valid_from > valid_from), None)
    if keeps_end and before is not None:
        after = before.valid_until
    if before is not None and all(getattr(before, name) == amount for name, amount in amounts.items()):
        return _ending(before, after)
    if before is not None and before.valid_from == valid_from:  # a correction within the day: its row says who had the last word
        told = {**amounts, "valid_until": after, "created_at": at, "created_by": by}
        for name, value in told.items():
            setattr(before, name, value)
        before.save(update_fields=list(told))
        return before
    if before is not None:
        _ending(before, valid_from)
    return PlanPrice.objects.create(
        plan=plan,
        currency=new.currency,
        term_months=new.term_months,
        **amounts,
        valid_from=valid_from,
        valid_until=after,
        created_at=at,
        created_by=by,
    )


def _ending(row: PlanPrice, day: date | None) -> PlanPrice | None:
    """Let ``row`` be valid until ``day``; None where it ends then already."""
    if row.valid_until == day:
        return None
    row.valid_until = day
    row.save(update_fields=["valid_until"])
    return row


def _is_over(row: PlanPrice, day: date) -> bool:
    return row.valid_until is not None and row.valid_until <= day
