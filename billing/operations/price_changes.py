"""
Prices changed in bulk, and running subscriptions moved to another price on purpose.

What is confirmed is exactly what was previewed: the preview's fingerprint is compared with what would be done now, under the locks
of the plans. Everything is one transaction: all of it happens, or nothing.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID, uuid4

from django.db import transaction

from accounts.models import User
from billing.models import PriceChange, PriceChangeRow, Subscription, SubscriptionPrice
from billing.operations.subscriptions import price_row
from billing.queries import price_changes as queries
from billing.queries.price_changes import MoveRow, Preview, PriceRow, Wish
from catalog.models import Plan, PlanPrice
from catalog.operations import prices
from catalog.operations.prices import NewPrice
from common.errors import DomainError, FieldRefused
from common.templatetags import show

logger = logging.getLogger(__name__)


class PreviewOutdated(DomainError):
    """Between preview and confirmation a price, a subscription or the day changed."""


class NothingChanges(DomainError):
    """The change leaves every price and every subscription as it is."""


class TooLate(DomainError):
    """The day from which the change counts has come; it stays."""


@transaction.atomic(durable=True)
def change_prices(*, wish: Wish, fingerprint: str, key: UUID, today: date, by: User | None, at: datetime) -> PriceChange:
    """
    Do what the preview with ``fingerprint`` showed: plan the new prices, and move the subscriptions that are to follow.

    ``key`` is the preview's own; confirmed again with it, the same change is returned and nothing is written.

    :raises PreviewOutdated: it would do something else now.
    :raises NothingChanges: it would do nothing at all.
    :raises FieldRefused: a day lies in the past, or subscriptions would move too early.
    """
    plans = {plan.pk: plan for plan in Plan.objects.locked().filter(pk__in=wish.plans)}
    if (done := PriceChange.objects.filter(key=key).first()) is not None:
        return done
    check_days(wish, today)
    shown = queries.preview(wish, today=today)
    if shown.fingerprint != fingerprint:
        raise PreviewOutdated("Something changed since this preview was made. Look at what would happen now, then confirm again.")
    if not shown.changed_rows:
        raise NothingChanges("No price would change, so there is nothing to confirm.")
    change = PriceChange.objects.create(
        key=key,
        fingerprint=fingerprint,
        words=wish.change.words(),
        valid_from=wish.valid_from,
        moves_from=wish.moves_from if shown.moved else None,
        created_at=at,
        created_by=by,
    )
    _write_prices(change, plans, shown, today=today, by=by, at=at)
    _write_moves(change, shown.moved, by=by, at=at)
    logger.info("prices changed", extra={"change": change.pk, "prices": len(shown.changed_rows), "moves": len(shown.moved)})
    return change


@transaction.atomic(durable=True)
def move_to_present_price(*, subscription_id: int, moves_from: date, today: date, by: User | None, at: datetime) -> PriceChange:
    """
    Let one running subscription be invoiced from ``moves_from`` on at what its plan costs then, at the percentages it was sold at.

    :raises NothingChanges: it is at that price already.
    :raises DomainError: it has ended, is billed by use, already has a planned move, or its plan has no price to move to.
    :raises FieldRefused: ``moves_from`` comes before the 1st of the next month, or is not the day on which the first term begins
        that a prepaid one is not invoiced for yet.
    """
    plan_id = Subscription.objects.values_list("plan_id", flat=True).get(pk=subscription_id)
    Plan.objects.locked().get(pk=plan_id)  # as a bulk change does: of two at once the second sees what the first has planned
    subscription = Subscription.objects.locked().get(pk=subscription_id)
    check_movable(subscription)
    _check_move_day(moves_from, today, prepaid=subscription if subscription.billing_model == Plan.BillingModel.PREPAID else None)
    move = queries.move_to_list_price(subscription, moves_from=moves_from, today=today)
    if move.refusal:
        raise DomainError(move.refusal)
    if not any(price.is_changed for price in move.prices):
        raise NothingChanges(f"{subscription} is at the present price already.")
    change = PriceChange.objects.create(
        key=uuid4(),
        fingerprint="",
        words=f"{subscription} to the present price",
        moves_from=moves_from,
        created_at=at,
        created_by=by,
    )
    _write_moves(change, [move], by=by, at=at)
    return change


@transaction.atomic(durable=True)
def call_off(*, change_id: int, today: date, by: User | None, at: datetime) -> str:
    """
    Withdraw what of a change has not begun: planned prices go back to what they were, planned moves are withdrawn.

    Return what was done, as a sentence. Called off again, nothing. A price that somebody changed since is left as it is now.

    :raises TooLate: everything of it has begun.
    """
    change = PriceChange.objects.locked().get(pk=change_id)
    if change.withdrawn_at is not None:
        return f"It was called off on {show.moment(change.withdrawn_at)} already."
    takes_prices = change.valid_from is not None and today < change.valid_from
    takes_moves = change.moves_from is not None and today < change.moves_from
    if not takes_prices and not takes_moves:
        raise TooLate("Its day has come: what is valid stays. Change the prices again instead.")
    told = []
    if takes_moves:
        moves = SubscriptionPrice.objects.standing().filter(change=change)
        count = moves.values("subscription").distinct().count()
        moves.update(withdrawn_at=at, withdrawn_by=by)
        told.append(f"{_counted(count, 'subscription')} will not move")
    if takes_prices:
        restored, left = _restore_prices(change)
        told.append(f"{_counted(restored, 'planned price')} withdrawn")
        if left:
            told.append(f"{_counted(left, 'price')} left, because changed since")
    elif change.valid_from is not None:
        told.append(f"the list prices stay: they are valid since {show.day(change.valid_from)}")
    change.withdrawn_at, change.withdrawn_by = at, by
    change.save(update_fields=["withdrawn_at", "withdrawn_by"])
    sentence = "; ".join(told)
    return f"{sentence[:1].upper()}{sentence[1:]}."


def is_open(change: PriceChange, today: date) -> bool:
    """Whether something of ``change`` can still be called off."""
    return change.withdrawn_at is None and any(day is not None and today < day for day in (change.valid_from, change.moves_from))


def check_days(wish: Wish, today: date) -> None:
    """
    Refuse days on which a change cannot count.

    :raises FieldRefused: naming valid_from or moves_from.
    """
    if wish.valid_from < today:
        raise FieldRefused("valid_from", "A price cannot change in the past; choose today or a later day.")
    if wish.valid_from > date(today.year + 5, 12, 31):
        raise FieldRefused("valid_from", "Choose a day within the next five years.")
    if wish.moves_from is None:
        return
    _check_move_day(wish.moves_from, today)
    if wish.moves_from < wish.valid_from:
        sentence = f"The new prices are valid from {show.day(wish.valid_from)}; subscriptions cannot move before."
        raise FieldRefused("moves_from", sentence)


def check_movable(subscription: Subscription) -> None:
    """
    Refuse a subscription that has no price to move.

    :raises DomainError: it is billed by use, or has ended.
    """
    if subscription.billing_model == Plan.BillingModel.PAY_AS_YOU_GO:
        raise DomainError(f"{subscription} is pay-as-you-go: it follows the rate card of each month by itself.")
    if subscription.status != Subscription.Status.ACTIVE:
        raise DomainError(f"{subscription} has ended; it is not billed any more.")


# --- Steps: inside the caller's transaction ---------------------------------------------------------------------------------


def _check_move_day(moves_from: date, today: date, prepaid: Subscription | None = None) -> None:
    if prepaid is not None:
        if moves_from != (begins := queries.move_day(prepaid, today)):
            sentence = f"What is paid keeps its price until it ends. The next term, not invoiced yet, begins on {show.day(begins)}."
            raise FieldRefused("moves_from", f"{sentence} It can move on that day.")
        return
    earliest = queries.earliest_move(today)
    if moves_from < earliest:
        raise FieldRefused("moves_from", f"A running subscription can move from {show.day(earliest)} on, the 1st of next month.")
    if moves_from > date(today.year + 5, 12, 31):
        raise FieldRefused("moves_from", "Choose a day within the next five years.")


def _write_prices(
    change: PriceChange, plans: dict[int, Plan], shown: Preview, *, today: date, by: User | None, at: datetime
) -> None:
    by_plan: dict[int, list[PriceRow]] = defaultdict(list)
    for row in shown.changed_rows:
        by_plan[row.plan.pk].append(row)
    for plan_id, rows in by_plan.items():
        new = [_new_price(row) for row in rows]
        prices.write_prices(plans[plan_id], new, valid_from=_day(change), today=today, by=by, at=at, keeps_end=True)
    PriceChangeRow.objects.bulk_create([_change_row(change, row) for row in shown.changed_rows])


def _new_price(row: PriceRow) -> NewPrice:
    assert row.new is not None  # a changed row has both
    return NewPrice(row.currency, row.term_months, row.new.price, row.new.setup_fee, row.new.overage_price)


def _change_row(change: PriceChange, row: PriceRow) -> PriceChangeRow:
    assert row.old is not None and row.new is not None and row.old_valid_from is not None  # noqa: PT018  a changed row has all
    return PriceChangeRow(
        change=change,
        plan=row.plan,
        currency=row.currency,
        term_months=row.term_months,
        old_valid_from=row.old_valid_from,
        old_price=row.old.price,
        old_setup_fee=row.old.setup_fee,
        old_overage_price=row.old.overage_price,
        new_price=row.new.price,
        new_setup_fee=row.new.setup_fee,
        new_overage_price=row.new.overage_price,
    )


def _write_moves(change: PriceChange, moves: Sequence[MoveRow], *, by: User | None, at: datetime) -> None:
    """Write the new prices of ``moves``, each told level, also one that stays the same: the chain is told as it is then."""
    day = change.moves_from
    if day is None:
        return
    rows = [
        price_row(move.subscription, price.new, valid_from=day, at=at, by=by, change=change)
        for move in moves
        for price in move.prices
    ]
    SubscriptionPrice.objects.bulk_create(rows, batch_size=2000)


def _restore_prices(change: PriceChange) -> tuple[int, int]:
    """Bring the list prices back to what they were; return how many were, and how many were changed since and are left."""
    restored = left = 0
    list(Plan.objects.locked().filter(pk__in=change.rows.values("plan")))
    for row in change.rows.all():
        planned = PlanPrice.objects.filter(
            plan=row.plan_id, currency=row.currency, term_months=row.term_months, valid_from=_day(change)
        ).first()
        if planned is None or _amounts(planned) != (row.new_price, row.new_setup_fee, row.new_overage_price):
            left += 1
            continue
        _restore(planned, row)
        restored += 1
    return restored, left


def _restore(planned: PlanPrice, row: PriceChangeRow) -> None:
    if row.old_valid_from == planned.valid_from:
        planned.price, planned.setup_fee, planned.overage_price = row.old_price, row.old_setup_fee, row.old_overage_price
        planned.save(update_fields=["price", "setup_fee", "overage_price"])
        return
    before = PlanPrice.objects.filter(
        plan=row.plan_id, currency=row.currency, term_months=row.term_months, valid_until=planned.valid_from
    )
    until = planned.valid_until
    planned.delete()
    for price in before:  # one by one, so that the history keeps each
        price.valid_until = until
        price.save(update_fields=["valid_until"])


def _amounts(price: PlanPrice) -> tuple[object, object, object]:
    return price.price, price.setup_fee, price.overage_price


def _day(change: PriceChange) -> date:
    assert change.valid_from is not None  # a change of list prices has it
    return change.valid_from


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
