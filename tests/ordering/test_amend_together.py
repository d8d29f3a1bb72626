"""Many at once: one change of a subscription at a time, whoever comes first."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest
from django.db import connection

from common.errors import DomainError
from ordering.amendment_terms import AmendmentWish
from ordering.models import OrderLine
from ordering.operations import amendments
from tests.ordering.amend import LATER, subscribed


@pytest.mark.django_db(transaction=True)
def test_twenty_orders_at_the_same_moment_make_one_change(shop):
    subscription = subscribed(shop.fixed_plan(), shop.personas.direct_customer)
    wish, by = AmendmentWish("quantity", quantity=2), shop.personas.dora
    facts = {"subscription_id": subscription.pk, "wish": wish, "reader": subscription.consumer, "at": LATER}
    seen = amendments.quote_amendment(**facts).fingerprint
    start = Barrier(20)

    def place(_):
        start.wait()
        try:
            return amendments.place_amendment(quote_seen=seen, source="storefront", key=uuid4(), by=by, **facts).number
        except DomainError as refusal:
            return str(refusal)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as buyers:
        said = list(buyers.map(place, range(20)))

    (line,) = OrderLine.objects.filter(kind="quantity")
    assert said.count(line.order.number) == 1
    assert all("changes subscription" in sentence for sentence in said if sentence != line.order.number)


@pytest.mark.django_db(transaction=True)
def test_a_double_click_is_one_order(shop):
    subscription = subscribed(shop.fixed_plan(), shop.personas.direct_customer)
    wish, by, key = AmendmentWish("quantity", quantity=2), shop.personas.dora, uuid4()
    facts = {"subscription_id": subscription.pk, "wish": wish, "reader": subscription.consumer, "at": LATER}
    seen = amendments.quote_amendment(**facts).fingerprint
    start = Barrier(2)

    def place(_):
        start.wait()
        try:
            return amendments.place_amendment(quote_seen=seen, source="storefront", key=key, by=by, **facts).number
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as clicks:
        numbers = set(clicks.map(place, range(2)))

    assert numbers == {OrderLine.objects.get(kind="quantity").order.number}
