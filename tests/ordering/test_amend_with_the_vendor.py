"""Changes carried out at the vendor in process."""

import pytest

from tests import factories
from tests.ordering.amend import running
from tests.ordering.conftest import Shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(personas, acronis):
    """50 GB and 10 above, whose storage item the service manager mirrors from the vendor."""
    plan = factories.FixedPlanFactory(service_manager=acronis.service_manager, name="Backup 50 GB")
    made = Shop(personas=personas, plan=plan, terms=factories.TermsDocumentFactory())
    made.sells_through(personas.reseller)
    return made


def test_a_quantity_of_two_has_twice_the_quota_at_the_vendor(shop, acronis):
    service = running(shop, acronis)

    line = service.changed("quantity", quantity=2)

    assert service.storage() == (100, 20)
    assert service.sold() == ("Backup 50 GB", 2, 1)
    assert line.order.status == "completed"
