"""An order placed at the moment at which its price is changed: it is sold at what its buyer saw, or not at all."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Event
from uuid import uuid4

import pytest
from django.db import connection

from billing.operations import price_changes
from billing.queries.price_changes import Wish, preview
from billing.repricing import Change, Kind, Part
from catalog.queries.offers import SoldPrice
from ordering.models import Order
from ordering.operations import orders, refusals
from ordering.queries import checkouts
from tests.ordering.conftest import ADDRESS, AT

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_worker")]
TODAY = AT.date()


@pytest.fixture
def fixed(shop):
    """The shop, whose plan costs 20 EUR a month."""
    shop.plan = shop.fixed_plan()
    return shop


@pytest.fixture
def held(monkeypatch):
    """A change of prices stops when it has written them and has not committed; `held.written` says so, `held.go` lets it end."""

    class Held:
        written, go = Event(), Event()

    def wait(*args, **facts) -> None:
        Held.written.set()
        assert Held.go.wait(30)

    monkeypatch.setattr(price_changes, "_write_moves", wait)
    return Held


def change_prices(plan) -> None:
    wish = Wish((plan.pk,), (), (), Change(Kind.PERCENT, Decimal(10), frozenset({Part.PRICE})), TODAY)
    try:
        shown = preview(wish, today=TODAY)
        price_changes.change_prices(wish=wish, fingerprint=shown.fingerprint, key=uuid4(), today=TODAY, by=None, at=AT)
    finally:
        connection.close()


def submit(basket, seen: str) -> Order:
    at = AT + timedelta(seconds=1)
    return orders.submit_order(basket_id=basket.pk, by=basket.owner, address=ADDRESS, at=at, prices_seen=seen)


def test_while_the_change_is_written_the_price_that_was_seen_is_sold_and_nobody_waits(fixed, held):
    basket = fixed.complete()
    seen = checkouts.summary(basket, at=AT).prices_seen

    with ThreadPoolExecutor(1) as staff:
        change = staff.submit(change_prices, fixed.plan)
        assert held.written.wait(30)
        order = submit(basket, seen)
        held.go.set()
        change.result(30)

    assert [SoldPrice.from_json(told).amounts.price for told in order.lines.get().prices] == [Decimal(20)]


def test_once_the_change_is_done_the_old_price_is_not_sold_any_more(fixed):
    basket = fixed.complete()
    seen = checkouts.summary(basket, at=AT).prices_seen
    change_prices(fixed.plan)

    with pytest.raises(refusals.PricesChanged):
        submit(basket, seen)

    order = submit(basket, checkouts.summary(basket, at=AT).prices_seen)
    assert [SoldPrice.from_json(told).amounts.price for told in order.lines.get().prices] == [Decimal(22)]
