"""Claims about the house as a whole."""

import pytest

from tests import factories

pytestmark = pytest.mark.django_db


def test_the_smallest_subscription_stands_on_every_floor(personas):
    subscription = factories.SubscriptionFactory(service__tenant__organization=personas.direct_customer)

    assert subscription.consumer == personas.direct_customer
    assert subscription.plan.service_manager == subscription.service.service_manager
