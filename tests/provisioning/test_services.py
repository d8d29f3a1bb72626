"""The life of a service, against the sandbox: licensing models, quotas, trial, end."""

import pytest

from common.errors import DomainError, FieldRefused
from provisioning import vendor
from provisioning.acronis.errors import AcronisError
from provisioning.models import ServiceItem
from provisioning.operations import preview, services
from provisioning.planning.choosing import ItemsNotAvailable, ItemWish
from provisioning.planning.values import GIB, Limit
from tests import factories
from tests.factories import AT
from tests.provisioning.world import LATER, converge, served

pytestmark = pytest.mark.django_db

OTHER = {"protection_model": "per_workload", "file_sync_model": "per_user"}


def items_there(acronis, service):
    service.tenant.refresh_from_db()
    found = vendor.connect(acronis.service_manager).offering_items.list(str(service.tenant.vendor_id))
    return {item.name: item for item in found if item.enabled}


def quota_there(acronis, service, name):
    quota = items_there(acronis, service)[name].quota
    return quota.value, quota.overage


# --- Licensing models -------------------------------------------------------------------------------------------------


def test_trying_other_models_says_what_would_be_done_and_changes_nothing(acronis):
    service = served(acronis)

    trial = services.try_licensing(service_id=service.pk, **OTHER)

    service.refresh_from_db()
    assert trial.is_possible
    assert trial.steps == ["Switch from Protection per gigabyte to Protection per workload"]
    assert service.protection_model == "per_gigabyte"
    assert "pg_base_storage" in items_there(acronis, service)


def test_changing_the_models_switches_the_edition_and_takes_quotas_along(acronis):
    service = served(acronis, items={"pg_base_storage": ItemWish(limit=Limit(50 * GIB, 10 * GIB))})

    services.change_licensing(service_id=service.pk, at=LATER, **OTHER)
    converge(service)

    assert [item.name for item in service.items.all()] == ["pw_base_storage"]
    assert quota_there(acronis, service, "pw_base_storage") == (50 * GIB, 10 * GIB)
    assert "pg_base_storage" not in items_there(acronis, service)


def test_changing_to_the_present_models_changes_nothing(acronis):
    service = served(acronis)

    services.change_licensing(service_id=service.pk, protection_model="per_gigabyte", file_sync_model="per_user", at=LATER)

    service.tenant.refresh_from_db()
    assert service.tenant.wished_at == AT


def test_changing_twice_is_changing_once(acronis):
    service = served(acronis)

    services.change_licensing(service_id=service.pk, at=LATER, **OTHER)
    converge(service)
    services.change_licensing(service_id=service.pk, at=LATER, **OTHER)

    service.refresh_from_db()
    service.tenant.refresh_from_db()
    assert service.protection_model == "per_workload"
    assert service.tenant.agrees


def test_an_item_without_a_counterpart_is_given_up_with_a_warning(acronis):
    service = served(acronis)
    acronis.service_manager.offering_items.filter(name="pw_base_servers").delete()
    ServiceItem.objects.create(service=service, name="pg_base_servers", soft_quota=3)

    trial = services.try_licensing(service_id=service.pk, **OTHER)
    services.change_licensing(service_id=service.pk, at=LATER, **OTHER)

    assert "pg_base_servers has no counterpart; what the service says about it is given up." in trial.warnings
    assert not service.items.exists()


def test_what_the_service_says_about_the_counterpart_itself_counts(acronis):
    service = served(acronis)
    ServiceItem.objects.create(service=service, name="pg_base_servers", soft_quota=3)
    ServiceItem.objects.create(service=service, name="pw_base_servers", soft_quota=9)

    services.change_licensing(service_id=service.pk, at=LATER, **OTHER)

    assert list(service.items.values_list("name", "soft_quota")) == [("pw_base_servers", 9)]


def test_of_two_items_with_one_counterpart_the_first_by_name_counts(acronis):
    service = served(acronis)
    acronis.service_manager.offering_items.filter(name="pg_base_servers").update(usage_name="servers")
    acronis.service_manager.offering_items.filter(name="pg_base_workstations").update(usage_name="servers")
    acronis.service_manager.offering_items.filter(name="pw_base_servers").update(usage_name="servers")
    ServiceItem.objects.create(service=service, name="pg_base_servers", soft_quota=3)
    ServiceItem.objects.create(service=service, name="pg_base_workstations", soft_quota=9)

    services.change_licensing(service_id=service.pk, at=LATER, **OTHER)

    assert list(service.items.values_list("name", "soft_quota")) == [("pw_base_servers", 3)]


def test_another_model_is_written_down_also_where_it_is_the_same_edition_at_the_vendor(acronis):
    service = served(acronis)
    type(acronis.service_manager).objects.update(fss_per_workload_edition="fss_per_user")

    services.change_licensing(service_id=service.pk, protection_model="per_gigabyte", file_sync_model="per_workload", at=LATER)

    service.refresh_from_db()
    assert service.file_sync_model == "per_workload"


def test_a_change_the_vendor_blocks_is_refused_and_nothing_is_written(acronis):
    service = served(acronis)
    acronis.fault(path=".*/editions?.*", status=409, times=10)

    trial = services.try_licensing(service_id=service.pk, **OTHER)
    with pytest.raises(services.EditionBlocked, match="Acronis refuses the change"):
        services.change_licensing(service_id=service.pk, at=LATER, **OTHER)

    service.refresh_from_db()
    assert not trial.is_possible
    assert service.protection_model == "per_gigabyte"


def test_a_vendor_that_is_down_changes_nothing(acronis):
    service = served(acronis)
    acronis.fault(path=".*", status=503, times=100)

    with pytest.raises(AcronisError):
        services.change_licensing(service_id=service.pk, at=LATER, **OTHER)

    service.refresh_from_db()
    assert service.protection_model == "per_gigabyte"


def test_a_service_that_is_not_at_the_vendor_yet_cannot_be_tried(acronis):
    service = factories.ServiceFactory(tenant__vendor_id=None, tenant__service_manager=acronis.service_manager)

    with pytest.raises(DomainError, match="not at Acronis yet"):
        services.try_licensing(service_id=service.pk, **OTHER)


# --- Quotas -----------------------------------------------------------------------------------------------------------


def test_quotas_are_set_at_the_vendor_times_the_quantity(acronis):
    service = served(acronis)

    services.change_quotas(service_id=service.pk, limits={"pg_base_storage": Limit(50 * GIB, 5 * GIB)}, quantity=2, at=LATER)
    converge(service)

    assert quota_there(acronis, service, "pg_base_storage") == (100 * GIB, 10 * GIB)


def test_a_quota_taken_away_is_unlimited_again(acronis):
    service = served(acronis, items={"pg_base_servers": ItemWish(limit=Limit(3))})

    services.change_quotas(service_id=service.pk, limits={"pg_base_servers": Limit()}, at=LATER)
    converge(service)

    assert quota_there(acronis, service, "pg_base_servers") == (None, None)


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        (Limit(None, 5), "needs a soft quota"),
        (Limit(-5), "not negative"),
        (Limit(5, -1), "not negative"),
        (Limit(services.LARGEST_QUOTA, 1), "more than the vendor can count"),
    ],
    ids=["hard-without-soft", "negative-soft", "negative-hard", "too-large"],
)
def test_a_quota_that_cannot_be_is_refused_by_the_name_of_its_item(acronis, limit, sentence):
    service = served(acronis)

    with pytest.raises(FieldRefused, match=sentence) as refused:
        services.change_quotas(service_id=service.pk, limits={"pg_base_storage": limit}, at=LATER)

    assert refused.value.field == "pg_base_storage"
    assert not service.items.exists()


@pytest.mark.parametrize("quantity", [0, -1, services.LARGEST_QUANTITY + 1, 10**15])
def test_a_quantity_that_cannot_be_is_refused(acronis, quantity):
    service = served(acronis)

    with pytest.raises(FieldRefused, match="whole number from 1") as refused:
        services.change_quotas(service_id=service.pk, limits={}, quantity=quantity, at=LATER)

    assert refused.value.field == "quantity"


def test_a_quantity_that_makes_a_kept_quota_too_large_is_refused(acronis):
    service = served(acronis, items={"pg_base_storage": ItemWish(limit=Limit(services.LARGEST_QUOTA // 2))})

    with pytest.raises(FieldRefused, match="more than the vendor can count") as refused:
        services.change_quotas(service_id=service.pk, limits={}, quantity=3, at=LATER)

    assert refused.value.field == "quantity"


@pytest.mark.parametrize("name", ["invented", "pw_base_storage"])
def test_an_item_the_service_cannot_have_is_refused_exactly_as_the_vendor_would(acronis, name):
    service = served(acronis)

    with pytest.raises(ItemsNotAvailable, match=f"^offering items not available: {name}$"):
        services.change_quotas(service_id=service.pk, limits={name: Limit(1)}, at=LATER)


def test_the_preview_of_quotas_says_what_saving_them_does(acronis):
    service = served(acronis)

    steps = preview.steps_of_quotas(service_id=service.pk, limits={"pg_base_servers": Limit(10)}, quantity=2)

    assert [step.sentence for step in steps] == ["Set pg_base_servers to soft quota 20"]
    assert not service.items.exists()


def test_the_preview_of_the_present_quotas_is_empty(acronis):
    service = served(acronis, items={"pg_base_servers": ItemWish(limit=Limit(3))})

    assert preview.steps_of_quotas(service_id=service.pk, limits={}, quantity=1) == []


# --- Trial and end ----------------------------------------------------------------------------------------------------


def test_a_trial_goes_to_production_once(acronis):
    service = served(acronis, pricing_mode="trial")
    api = vendor.connect(acronis.service_manager)
    before = api.tenants.pricing(str(service.tenant.vendor_id)).mode

    services.switch_to_production(service_id=service.pk, at=LATER)
    converge(service)
    services.switch_to_production(service_id=service.pk, at=LATER)

    service.tenant.refresh_from_db()
    assert (before, api.tenants.pricing(str(service.tenant.vendor_id)).mode) == ("trial", "production")
    assert service.tenant.agrees


def test_a_terminated_service_is_deleted_at_the_vendor_with_its_users(acronis):
    service = served(acronis)

    services.terminate_service(service_id=service.pk, at=LATER)
    services.terminate_service(service_id=service.pk, at=LATER)
    converge(service)

    service.tenant.refresh_from_db()
    assert service.tenant.gone_at == LATER
    assert not service.tenant.users.live().exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda pk: services.change_licensing(service_id=pk, at=LATER, **OTHER),
        lambda pk: services.try_licensing(service_id=pk, **OTHER),
        lambda pk: services.change_quotas(service_id=pk, limits={}, at=LATER),
        lambda pk: services.switch_to_production(service_id=pk, at=LATER),
    ],
    ids=["licensing", "trying", "quotas", "production"],
)
def test_nothing_about_a_terminated_service_changes(db, change):
    service = factories.ServiceFactory(ended_at=AT)

    with pytest.raises(services.ServiceEnded, match="was terminated"):
        change(service.pk)
