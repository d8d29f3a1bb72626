"""What a bulk change of prices would do: every price old and new, every running subscription that it would move."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from billing.models import Subscription, SubscriptionPrice
from billing.queries import paid_terms
from billing.repricing import Change, changed
from catalog.models import ModuleSettings, Plan, PlanPrice
from catalog.operations.prices import NewPrice, check_price
from catalog.pricing import Amounts, Level, Markup, Step, walk
from catalog.queries.offers import SoldPrice, listed_amounts
from common.errors import DomainError
from common.periods import Period
from common.templatetags import show

PriceKey = tuple[int, str, int]


@dataclass(frozen=True, slots=True)
class Wish:
    """
    Which prices are to be changed, how and from when. Empty ``currencies`` or ``terms`` are all there are.

    ``moves_from`` None leaves running subscriptions at what they were sold at; ``left`` are those that are left there anyway.
    """

    plans: tuple[int, ...]
    currencies: tuple[str, ...]
    terms: tuple[int, ...]
    change: Change
    valid_from: date
    moves_from: date | None = None
    left: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One list price, old → new; ``refusal`` says why it stays as it is, ``note`` what else is to be known."""

    plan: Plan
    currency: str
    term_months: int
    old: Amounts | None
    old_valid_from: date | None
    new: Amounts | None
    refusal: str = ""
    note: str = ""

    @property
    def key(self) -> PriceKey:
        return self.plan.pk, self.currency, self.term_months

    @property
    def is_changed(self) -> bool:
        return not self.refusal and self.new is not None and self.new != self.old

    @property
    def difference(self) -> Amounts | None:
        return self.new.less(self.old) if self.new is not None and self.old is not None else None


@dataclass(frozen=True, slots=True)
class MovedPrice:
    """What one level of a subscription is invoiced at, and would be."""

    present: SubscriptionPrice
    new: SoldPrice

    @property
    def is_changed(self) -> bool:
        old = Amounts(self.present.price, self.present.setup_fee, self.present.overage_price)
        return old != self.new.amounts


@dataclass(frozen=True, slots=True)
class MoveRow:
    """A running subscription that the change affects. ``is_moved`` is whether it would follow; ``refusal`` why it cannot."""

    subscription: Subscription
    prices: list[MovedPrice]
    is_moved: bool
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """Everything that confirming would do, and what it would not and why."""

    rows: list[PriceRow]
    moves: list[MoveRow]
    sentences: list[str] = field(default_factory=list)
    """Of plans that have no prices to change."""
    fingerprint: str = ""

    @property
    def changed_rows(self) -> list[PriceRow]:
        return [row for row in self.rows if row.is_changed]

    @property
    def moved(self) -> list[MoveRow]:
        return [move for move in self.moves if move.is_moved and not move.refusal]


def preview(wish: Wish, *, today: date) -> Preview:
    """
    Return what ``wish`` would do on ``today``, in a number of queries that does not depend on how many prices or subscriptions.

    Two previews with the same fingerprint show the same, to the last digit.
    """
    plans = list(Plan.objects.filter(pk__in=wish.plans).select_related("product_group"))
    fixed = [plan for plan in plans if plan.is_fixed]
    sentences = [
        f"{plan} is pay-as-you-go: it has no prices to change. Its prices are on the rate card of {plan.product_group}."
        for plan in plans
        if not plan.is_fixed
    ]
    rows = _price_rows(wish, fixed)
    priced = {row.plan.pk for row in rows}
    sentences += [f"{plan} has no prices yet; set them on its Pricing page." for plan in fixed if plan.pk not in priced]
    new = {row.key: row for row in rows if row.is_changed}
    day = wish.moves_from or _first_move_day(wish.valid_from, today)
    moves = _move_rows(_running(new), day, new=new, today=today)
    moves = [_decided(move, wish) for move in moves]
    return Preview(rows, moves, sentences, _fingerprint(wish, rows, moves))


def move_to_list_price(subscription: Subscription, *, moves_from: date, today: date) -> MoveRow:
    """Return what moving one subscription to the price its plan has on ``moves_from`` would do."""
    (move,) = _move_rows([subscription], moves_from, new={}, today=today)
    return move


def earliest_move(today: date) -> date:
    """Return the first day on which a running subscription can be moved: the 1st of the next month."""
    return Period.month_of(today).end


def move_day(subscription: Subscription, today: date) -> date:
    """
    Return the first day on which ``subscription`` can move by itself: the 1st of the next month.

    A prepaid one moves with its first term that is not invoiced yet: what is paid keeps its price until it ends.
    """
    is_prepaid = subscription.billing_model == Plan.BillingModel.PREPAID
    return paid_terms.first_unpaid(subscription, on=today) if is_prepaid else earliest_move(today)


def _first_move_day(valid_from: date, today: date) -> date:
    return max(earliest_move(today), valid_from)


# --- List prices --------------------------------------------------------------------------------------------------------------


def _price_rows(wish: Wish, plans: list[Plan]) -> list[PriceRow]:
    prices = PlanPrice.objects.filter(plan__in=plans).order_by("plan__name", "plan", "currency", "term_months", "valid_from")
    by_key: dict[PriceKey, list[PlanPrice]] = defaultdict(list)
    for price in prices:
        by_key[price.plan_id, price.currency, price.term_months].append(price)
    has_overage = {one.plan_id: one.has_overage_quota for one in ModuleSettings.objects.filter(plan__in=plans)}
    return [
        _price_row(wish, plan, key, by_key.get(key, []), has_overage_quota=has_overage.get(plan.pk, False))
        for plan in sorted(plans, key=lambda plan: (plan.name, plan.pk))
        for key in sorted(_wanted_keys(wish, plan, by_key))
    ]


def _wanted_keys(wish: Wish, plan: Plan, by_key: dict[PriceKey, list[PlanPrice]]) -> set[PriceKey]:
    """Return the plan's prices that were asked for; what was asked for by name and is not there is in it too."""
    own = {key for key, prices in by_key.items() if key[0] == plan.pk and not _is_over(prices[-1], wish.valid_from)}
    currencies = set(wish.currencies) or {key[1] for key in own}
    terms = set(wish.terms) or {key[2] for key in own}
    found = {key for key in own if key[1] in currencies and key[2] in terms}
    missing = set(wish.currencies) - {key[1] for key in own}
    named = {(plan.pk, currency, months) for currency in wish.currencies for months in wish.terms}
    return found | named | {(plan.pk, currency, min(terms, default=1)) for currency in missing}


def _price_row(wish: Wish, plan: Plan, key: PriceKey, prices: list[PlanPrice], *, has_overage_quota: bool) -> PriceRow:
    _, currency, months = key
    present = next((one for one in prices if _is_in_force(one, wish.valid_from)), None)
    if present is None:
        return PriceRow(plan, currency, months, None, None, None, f"No price is valid on {show.day(wish.valid_from)}.")
    old = listed_amounts(present)
    new = changed(old, wish.change, currency)
    row = PriceRow(plan, currency, months, old, present.valid_from, new, note=_note(present, prices))
    try:
        check_price(NewPrice(currency, months, new.price, new.setup_fee, new.overage_price), has_overage_quota=has_overage_quota)
    except DomainError as refusal:
        return replace(row, refusal=str(refusal))
    return row


def _note(present: PlanPrice, prices: list[PlanPrice]) -> str:
    """Say what ends the price: another that is planned, or that it is to be withdrawn; the change leaves both as they are."""
    if present.valid_until is None:
        return ""
    if any(one.valid_from == present.valid_until for one in prices):
        return f"A planned price begins on {show.day(present.valid_until)} and stays."
    return f"It is sold until {show.day(present.valid_until)} only, and that stays."


def _is_in_force(price: PlanPrice, day: date) -> bool:
    return price.valid_from <= day and not _is_over(price, day)


def _is_over(price: PlanPrice, day: date) -> bool:
    return price.valid_until is not None and price.valid_until <= day


# --- Running subscriptions ----------------------------------------------------------------------------------------------------


def _running(new: dict[PriceKey, PriceRow]) -> list[Subscription]:
    """Return the running subscriptions of the changed plans and terms, in whatever currencies they were sold."""
    plans_and_terms = {(plan, months) for plan, _, months in new}
    running = Subscription.objects.filter(
        plan__in={plan for plan, _ in plans_and_terms},
        status=Subscription.Status.ACTIVE,
        billing_model=Plan.BillingModel.POSTPAID_FIXED,
    )
    ordered = running.select_related("consumer__parent", "plan").order_by("plan__name", "consumer__name", "pk")
    return [one for one in ordered if (one.plan_id, one.term_months) in plans_and_terms]


def _move_rows(subscriptions: list[Subscription], day: date, *, new: dict[PriceKey, PriceRow], today: date) -> list[MoveRow]:
    """
    Return what each of ``subscriptions`` would be invoiced at from ``day`` on.

    With ``new`` a level moves only in a currency whose price changes, and who would not change is left out: a change of the prices
    in EUR moves nobody in CHF. Without, every level moves.
    """
    listed = _list_prices({one.plan_id for one in subscriptions}, day, new)
    sold: dict[int, list[SubscriptionPrice]] = defaultdict(list)
    rows = SubscriptionPrice.objects.standing().filter(subscription__in=subscriptions).order_by("level", "valid_from")
    for row in rows:
        sold[row.subscription_id].append(row)
    if not new:
        return [_move_row(one, sold[one.pk], listed, day, today) for one in subscriptions]
    asked = [one for one in subscriptions if any(_key(one, price) in new for price in sold[one.pk])]
    found = [_without(_move_row(one, sold[one.pk], listed, day, today), new) for one in asked]
    return [move for move in found if move.refusal or any(price.is_changed for price in move.prices)]


def _list_prices(plans: Collection[int], day: date, new: dict[PriceKey, PriceRow]) -> dict[PriceKey, Amounts]:
    """Return the list prices as they will be on ``day``: those in force, with the changes that are still in force then."""
    found: dict[PriceKey, Amounts] = {}
    for price in PlanPrice.objects.in_force(day).filter(plan__in=plans):
        key = price.plan_id, price.currency, price.term_months
        row = new.get(key)
        is_replaced = row is not None and row.new is not None and price.valid_from == row.old_valid_from
        found[key] = row.new if is_replaced and row is not None and row.new is not None else listed_amounts(price)
    return found


def _move_row(
    subscription: Subscription, sold: list[SubscriptionPrice], listed: dict[PriceKey, Amounts], day: date, today: date
) -> MoveRow:
    if subscription.ends_on is not None and subscription.ends_on <= day:
        last_day = show.day(subscription.ends_on - timedelta(days=1))
        return MoveRow(subscription, [], False, f"Its end is planned: {last_day} is its last day, so it does not move any more.")
    planned = next((one for one in sold if one.valid_from > today and one.valid_from != subscription.started_on), None)
    present = [rows[-1] for rows in _by_level(sold, day)]
    prices = []
    for one in present:
        amounts = listed.get(_key(subscription, one))
        if amounts is None:
            term = "1 month" if subscription.term_months == 1 else f"{subscription.term_months} months"
            return MoveRow(subscription, [], False, f"The plan has no price in {one.currency} for {term} on {show.day(day)}.")
        prices.append(MovedPrice(one, _resold(one, amounts, subscription)))
    if planned is not None:
        refusal = f"Its price already moves on {show.day(planned.valid_from)}; call that off first."
        return MoveRow(subscription, prices, False, refusal)
    return MoveRow(subscription, prices, True)


def _without(move: MoveRow, new: dict[PriceKey, PriceRow]) -> MoveRow:
    """Leave levels where they are whose list price does not change."""
    return replace(move, prices=[price for price in move.prices if _key(move.subscription, price.present) in new])


def _key(subscription: Subscription, price: SubscriptionPrice) -> PriceKey:
    return subscription.plan_id, price.currency, subscription.term_months


def _by_level(sold: Iterable[SubscriptionPrice], day: date) -> list[list[SubscriptionPrice]]:
    levels: dict[str, list[SubscriptionPrice]] = defaultdict(list)
    for one in sold:
        if one.valid_from <= day:
            levels[one.level].append(one)
    return [levels[level.value] for level in Level if level.value in levels]


def _resold(present: SubscriptionPrice, listed: Amounts, subscription: Subscription) -> SoldPrice:
    """Walk the chain again from the new list price, with the percentages and amounts the subscription was sold at."""
    sold = SoldPrice.from_json(present.working)
    level = Level(present.level)
    discount = _factor(sold.steps, "partner_discount", subscription.partner_discount_percent)
    markup = _markup(sold.steps, subscription) if level is Level.RETAIL else None
    steps = walk(listed, level, partner_discount_percent=discount, markup=markup)
    return SoldPrice(level, present.currency, steps[-1].amounts.rounded(present.currency), steps)


def _markup(steps: list[Step], subscription: Subscription) -> Markup:
    discount = _factor(steps, "retail_discount", subscription.retail_discount_percent)
    for before, step in pairwise(steps):
        if step.name == "retail_markup_amount" and step.factor is not None:
            old, new = before.amounts.overage_price, step.amounts.overage_price
            overage = new - old if old is not None and new is not None else Decimal(0)
            return Markup(amount=step.factor, overage_amount=overage, discount_percent=discount)
        if step.name == "retail_markup" and step.factor is not None:
            return Markup(percent=step.factor, overage_percent=_overage_percent(before, step), discount_percent=discount)
    percent = Decimal(0) if any(_is_something(step.amounts) for step in steps) else subscription.retail_markup_percent
    return Markup(percent=percent, discount_percent=discount)


def _overage_percent(before: Step, step: Step) -> Decimal | None:
    """Return the markup on the overage price where one was sold; None is the same as on the price."""
    old, new = before.amounts.overage_price, step.amounts.overage_price
    return (new / old - 1) * 100 if old and new is not None else None


def _factor(steps: list[Step], name: str, otherwise: Decimal) -> Decimal:
    """Return the factor of a step; a chain leaves out what changed nothing, which of a price of nothing says nothing."""
    found = next((step.factor for step in steps if step.name == name), None)
    return otherwise if found is None else found


def _is_something(amounts: Amounts) -> bool:
    return bool(amounts.price or amounts.setup_fee or amounts.overage_price)


def _decided(move: MoveRow, wish: Wish) -> MoveRow:
    follows = wish.moves_from is not None and not move.refusal and move.subscription.pk not in wish.left
    return replace(move, is_moved=follows)


# --- The same to the last digit -----------------------------------------------------------------------------------------------


def _fingerprint(wish: Wish, rows: list[PriceRow], moves: list[MoveRow]) -> str:
    """Return one number for all that is shown but the ticks: who is left where it is may still be chosen on the page."""
    told: dict[str, Any] = {
        "change": wish.change.words(),
        "days": [wish.valid_from, wish.moves_from],
        "rows": [[*row.key, _told(row.old), _told(row.new), row.refusal, row.note] for row in rows],
        "moves": [
            [
                move.subscription.pk,
                move.refusal,
                [[price.present.pk, price.new.level, price.new.currency, _told(price.new.amounts)] for price in move.prices],
            ]
            for move in moves
        ],
    }
    return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()


def _told(amounts: Amounts | None) -> list[str] | None:
    if amounts is None:
        return None
    overage = "" if amounts.overage_price is None else f"{amounts.overage_price.normalize():f}"
    return [f"{amounts.price.normalize():f}", f"{amounts.setup_fee.normalize():f}", overage]
