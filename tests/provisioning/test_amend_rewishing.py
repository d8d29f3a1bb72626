"""A service is told otherwise for a while, and put back to what it was."""

import pytest
from django.db import transaction

from provisioning.models import Service
from provisioning.operations import rewishing, services
from provisioning.operations.wishes import ServiceWish
from provisioning.planning.choosing import ItemWish
from provisioning.planning.values import Limit
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db


@pytest.fixture
def service():
    made = factories.ServiceFactory(covers="chosen", quantity=3, pricing_mode="trial")
    made.items.create(name="pg_base_storage", soft_quota=50, overage=10)
    made.items.create(name="pg_base_servers", is_enabled=False)
    return made


OTHER = ServiceWish(
    protection_model="per_workload",
    file_sync_model="per_workload",
    covers="everything",
    items={"pw_base_storage": ItemWish(limit=Limit(200, None))},
    quantity=1,
    pricing_mode="production",
)


def facts(service):
    row = Service.objects.get(pk=service.pk)
    items = list(row.items.order_by("name").values_list("name", "is_enabled", "soft_quota", "overage"))
    return row.protection_model, row.file_sync_model, row.covers, row.quantity, row.pricing_mode, items


def test_a_plan_replaces_what_it_settles_and_is_put_back_whole(service):
    before = facts(service)

    kept = rewishing.rewish_plan(service_id=service.pk, wish=OTHER, at=AT)
    told = facts(service)
    rewishing.put_back(service_id=service.pk, before=kept, at=AT)

    assert told == ("per_workload", "per_workload", "everything", 1, "trial", [("pw_base_storage", True, 200, None)])
    assert facts(service) == before


def test_what_changed_meanwhile_and_is_not_of_the_plan_stays(service):
    kept = rewishing.rewish_quantity(service_id=service.pk, quantity=5, at=AT)
    services.switch_to_production(service_id=service.pk, at=AT)

    rewishing.put_back(service_id=service.pk, before=kept, at=AT)

    row = Service.objects.get(pk=service.pk)
    assert (row.quantity, row.pricing_mode) == (3, "production")


def test_a_service_that_has_ended_is_neither_told_nor_put_back(service):
    kept = rewishing.rewish_quantity(service_id=service.pk, quantity=5, at=AT)
    with transaction.atomic():
        services.terminate_service(service_id=service.pk, at=AT)

    rewishing.put_back(service_id=service.pk, before=kept, at=AT)

    assert Service.objects.get(pk=service.pk).quantity == 5
    with pytest.raises(services.ServiceEnded):
        rewishing.rewish_plan(service_id=service.pk, wish=OTHER, at=AT)
