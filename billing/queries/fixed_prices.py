"""The prices that subscriptions of fixed price were sold at, read for many of them at once."""

from collections import defaultdict
from collections.abc import Collection

from billing.fixed import DatedPrice
from billing.models import Subscription, SubscriptionPrice
from common.errors import DomainError
from common.periods import Period


class FixedPriceMissing(DomainError):
    """A subscription of fixed price has no price for a level of its sale."""


class SoldInTwoCurrencies(DomainError):
    """The prices of one level of a sale are not all in one currency."""


def prices_by_subscription(subscriptions: Collection[int], period: Period) -> dict[tuple[int, str], list[DatedPrice]]:
    """Read, by subscription and level, the prices that begin before ``period`` ends, in the order of their days. One query."""
    found: dict[tuple[int, str], list[DatedPrice]] = defaultdict(list)
    if not subscriptions:
        return found
    rows = SubscriptionPrice.objects.standing().filter(subscription__in=subscriptions, valid_from__lt=period.end)
    for row in rows.order_by("valid_from"):
        steps = row.working.get("steps", [])
        found[row.subscription_id, row.level].append(DatedPrice(row.valid_from, row.currency, row.price, row.setup_fee, steps))
    return found


def check_prices(prices: list[DatedPrice], subscription: Subscription) -> None:
    """
    Refuse prices that cannot be billed.

    :raises FixedPriceMissing: none is valid from the subscription's first day on.
    :raises SoldInTwoCurrencies: what was sold is never converted, so it stays in one.
    """
    if not prices or prices[0].valid_from > subscription.started_on:
        raise FixedPriceMissing(f"{subscription} has a fixed price, but none that is valid from {subscription.started_on} on.")
    if len(currencies := sorted({price.currency for price in prices})) > 1:
        raise SoldInTwoCurrencies(
            f"{subscription} has prices in {' and '.join(currencies)}; end it and sell it anew in one of them."
        )
