"""Subscriptions as billing sees them, with all that was agreed from which day on: read for many at once, six queries at most."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from django.db.models import QuerySet

from billing.fixed import DatedPrice
from billing.models import (
    SubscriptionAllowance,
    SubscriptionCommitment,
    SubscriptionPhase,
    SubscriptionPrice,
)
from catalog.models import FIXED_MODELS, Plan
from catalog.queries.offers import SoldPrice
from common.errors import DomainError
from common.periods import Period


class FixedPriceMissing(DomainError):
    """A subscription of fixed price has no price for a level of its sale."""


class SoldInTwoCurrencies(DomainError):
    """The prices of one level of a sale are not all in one currency."""


class Phase(NamedTuple):
    """Under which plan a subscription runs from a day on; see `SubscriptionPhase`."""

    valid_from: date
    plan_name: str
    product_group: int
    quantity: int
    term_months: int
    quota_gib: Decimal | None
    partner_discount_percent: Decimal
    retail_markup_percent: Decimal
    retail_discount_percent: Decimal
    order_key: str = ""


class Commitment(NamedTuple):
    valid_from: date
    currency: str
    amount: Decimal


class Allowance(NamedTuple):
    valid_from: date
    item: str
    edition: str
    quantity: Decimal


@dataclass(slots=True)
class Sold:
    """One subscription; ``buyer_id`` is whom the seller invoices for it, ``ends_on`` its first unbilled day, also a planned one."""

    pk: int
    number: str
    billing_model: str
    tenant_id: int
    service_manager_id: int
    consumer_id: int
    consumer_name: str
    buyer_id: int
    venture_id: int
    started_on: date
    charged_from: date
    ends_on: date | None
    order_key: str
    phases: list[Phase] = field(default_factory=list)
    prices: dict[str, list[DatedPrice]] = field(default_factory=dict)
    """By level, each with the quantity and term of its days."""
    allowances: list[Allowance] = field(default_factory=list)
    commitments: list[Commitment] = field(default_factory=list)

    @property
    def is_metered(self) -> bool:
        return self.billing_model == Plan.BillingModel.PAY_AS_YOU_GO

    @property
    def product_group(self) -> int:
        """The group of its newest plan; by it, what is not of one plan is taxed."""
        return self.phases[-1].product_group

    @property
    def order_keys(self) -> set[str]:
        """What its lines in advance are known by: the order line it began with, and those that changed it."""
        return {key for key in (self.order_key, *(phase.order_key for phase in self.phases)) if key}

    def billed_part(self, period: Period) -> Period | None:
        """Return the days of ``period`` on which it ran and was no free trial any more."""
        start = max(self.charged_from, period.start)
        end = min(self.ends_on or period.end, period.end)
        return Period(start, end) if start < end else None

    def by_phase(self, part: Period) -> list[tuple[Phase, Period]]:
        """Return each phase that lasts on days of ``part``, with its own of them."""
        found = []
        for number, phase in enumerate(self.phases):
            after = self.phases[number + 1].valid_from if number + 1 < len(self.phases) else date.max
            start, end = max(phase.valid_from, part.start), min(after, part.end)
            if start < end:
                found.append((phase, Period(start, end)))
        return found

    def fixed_prices(self, level: str) -> list[DatedPrice]:
        """
        Return what it is invoiced at on one level.

        :raises FixedPriceMissing: none is valid from the subscription's first day on.
        :raises SoldInTwoCurrencies: what was sold is never converted, so it stays in one.
        """
        prices = self.prices.get(level, [])
        if not prices or prices[0].valid_from > self.started_on:
            raise FixedPriceMissing(f"{self.number} has a fixed price, but none that is valid from {self.started_on} on.")
        if len(currencies := sorted({price.currency for price in prices})) > 1:
            raise SoldInTwoCurrencies(
                f"{self.number} has prices in {' and '.join(currencies)}; end it and sell it anew in one of them."
            )
        return prices

    def included_on(self, day: date) -> dict[tuple[str, str], Decimal]:
        """Return the free units of the month whose first billed day ``day`` is."""
        newest = {(one.item, one.edition): one.quantity for one in self.allowances if one.valid_from <= day}
        return {key: quantity for key, quantity in newest.items() if quantity}

    def commitment_on(self, day: date) -> Commitment | None:
        """Return the minimum of the month whose first billed day ``day`` is."""
        valid = [one for one in self.commitments if one.valid_from <= day]
        return valid[-1] if valid and valid[-1].amount else None


_FACTS = (
    "pk",
    "number",
    "billing_model",
    "service__tenant_id",
    "service__service_manager_id",
    "consumer_id",
    "consumer__name",
    "buyer",
    "plan__venture_id",
    "started_on",
    "trial_ends_on",
    "ended_on",
    "cancels_on",
    "order_key",
)


def read(subscriptions: "QuerySet[Any]", before: date) -> list[Sold]:
    """
    Read ``subscriptions``, each annotated with its ``buyer``, by end customer, with what was agreed from days before ``before`` on.
    """
    ordered = subscriptions.order_by("consumer__name", "consumer_id", "pk")
    found = [_sold(*facts) for facts in ordered.values_list(*_FACTS)]
    _read_agreements(found, before)
    return found


def _sold(*facts: Any) -> Sold:
    *first, started_on, trial_ends_on, ended_on, cancels_on, order_key = facts
    ends_on = min((day for day in (ended_on, cancels_on) if day is not None), default=None)
    return Sold(*first, started_on, trial_ends_on or started_on, ends_on, order_key)  # type: ignore[call-arg]


def _read_agreements(found: list[Sold], before: date) -> None:
    phases = _by_subscription(
        SubscriptionPhase.objects.filter(subscription__in=[one.pk for one in found], valid_from__lt=before),
        ("plan_name", "plan__product_group_id", "quantity", "term_months", "quota_gib", *_PERCENTS, "order_key"),
        Phase,
    )
    metered = [one.pk for one in found if one.is_metered]
    commitments = _by_subscription(_dated(SubscriptionCommitment, metered, before), ("currency", "amount"), Commitment)
    allowances = _by_subscription(_dated(SubscriptionAllowance, metered, before), ("item", "edition", "quantity"), Allowance)
    for one in found:
        one.phases = phases[one.pk]
        one.commitments, one.allowances = commitments[one.pk], allowances[one.pk]
    _read_prices([one for one in found if one.billing_model in FIXED_MODELS], before)


_PERCENTS = ("partner_discount_percent", "retail_markup_percent", "retail_discount_percent")
_Row = TypeVar("_Row")


def _dated(model: Any, subscriptions: Collection[int], before: date) -> Any:
    return model.objects.filter(subscription__in=subscriptions, valid_from__lt=before)


def _by_subscription(rows: Any, columns: tuple[str, ...], kind: type[_Row]) -> dict[int, list[_Row]]:
    found: dict[int, list[_Row]] = defaultdict(list)
    for subscription, *facts in rows.order_by("valid_from", "pk").values_list("subscription_id", "valid_from", *columns):
        found[subscription].append(kind(*facts))
    return found


def _read_prices(sold: list[Sold], before: date) -> None:
    if not sold:
        return
    rows: dict[tuple[int, str], list[SubscriptionPrice]] = defaultdict(list)
    prices = SubscriptionPrice.objects.standing().filter(subscription__in=[one.pk for one in sold], valid_from__lt=before)
    for row in prices.order_by("valid_from", "pk"):
        rows[row.subscription_id, row.level].append(row)
    by_pk = {one.pk: one for one in sold}
    for (subscription, level), of_level in rows.items():
        one = by_pk[subscription]
        one.prices[level] = list(_joined(of_level, one.phases))


def dated(sold: SoldPrice, *, valid_from: date, quantity: int, term_months: int, plan_name: str) -> DatedPrice:
    """Return what ``quantity`` units sold at ``sold`` cost from that day on, as it is read again once it is written down."""
    return DatedPrice(
        valid_from=valid_from,
        currency=sold.currency,
        price=sold.amounts.price,
        setup_fee=sold.amounts.setup_fee,
        steps=sold.as_json()["steps"],
        quantity=quantity,
        term_months=term_months,
        plan_name=plan_name,
        overage_price=sold.amounts.overage_price,
    )


def _joined(prices: list[SubscriptionPrice], phases: list[Phase]) -> Iterable[DatedPrice]:
    """Give a price for each day on which price, quantity, plan or term changes."""
    starts = sorted({row.valid_from for row in prices} | {phase.valid_from for phase in phases})
    for start in starts:
        price = next((row for row in reversed(prices) if row.valid_from <= start), None)
        phase = next((one for one in reversed(phases) if one.valid_from <= start), None)
        if price is None or phase is None:
            continue  # what begins first waits for the other; `fixed_prices` refuses a gap
        yield DatedPrice(
            valid_from=start,
            currency=price.currency,
            price=price.price,
            setup_fee=price.setup_fee,
            steps=price.working.get("steps", []),
            quantity=phase.quantity,
            term_months=phase.term_months,
            plan_name=phase.plan_name,
            overage_price=price.overage_price,
        )
