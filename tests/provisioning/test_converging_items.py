"""Converging what a customer may use: storages, quotas, editions, trial and production."""

import pytest

from provisioning.acronis.types import OfferingItemChange, Quota
from provisioning.models import FileSyncModel, ProtectionModel, ServiceItem
from provisioning.operations import preview, services, wishes
from provisioning.planning.choosing import ItemsNotAvailable, ItemWish
from provisioning.planning.values import GIB, Limit
from tests.factories import OrganizationFactory, ResellerFactory
from tests.provisioning.served import LATER, served, wished

pytestmark = pytest.mark.django_db

STORAGE = "pg_base_storage"
CHOSEN = {STORAGE: ItemWish(limit=Limit(50 * GIB, 10 * GIB)), "pg_base_servers": ItemWish(limit=Limit(3))}


def set_in_portal(it, name: str, *, enabled: bool | None = None, quota: Quota | None = None) -> None:
    item = next(item for item in it.api.offering_items.list(it.vendor_id) if item.name == name)
    change = OfferingItemChange(application_id=item.application_id, name=name, infra_id=item.infra_id, enabled=enabled, quota=quota)
    it.api.offering_items.set(it.vendor_id, [change])


# --- Storages -------------------------------------------------------------------------------------------------------------


def test_the_storage_chosen_for_a_service_goes_before_the_default(acronis):
    manager = acronis.service_manager
    zurich, other = manager.storages.get(name="Backup storage Zurich"), manager.storages.exclude(name="Backup storage Zurich")
    manager.default_backup_storage = other.filter(capabilities__contains=["backup"]).first()
    manager.save()

    it = served(manager, backup_storage=zurich)

    assert {item.infra_id for item in it.items if item.name == STORAGE} == {str(zurich.infra_id)}


def test_there_is_one_storage_of_each_type(acronis):
    it = served(acronis.service_manager)

    for name in {item.name for item in it.items if item.infra_id}:
        assert len([item for item in it.items if item.name == name]) == 1, name


def test_another_default_storage_moves_nobody_who_is_served_already(acronis):
    manager = acronis.service_manager
    it = served(manager)
    [before] = [item.infra_id for item in it.items if item.name == STORAGE]
    manager.default_backup_storage = manager.storages.filter(capabilities__contains=["backup"]).exclude(infra_id=before).get()
    manager.save()

    it.converge()

    assert [item.infra_id for item in it.items if item.name == STORAGE] == [before]
    assert it.done.count("set_items") == 1
    assert str(it.service.backup_storage.infra_id) == before


# --- Quotas ---------------------------------------------------------------------------------------------------------------


def test_only_the_chosen_items_are_on_with_their_quotas(acronis):
    it = served(acronis.service_manager, covers="chosen", items=CHOSEN)

    assert it.quotas[STORAGE] == (50 * GIB, 10 * GIB)
    assert it.quotas["pg_base_servers"] == (3, None)
    assert {item.name for item in it.items} == set(CHOSEN)


def test_quotas_are_multiplied_by_the_quantity(acronis):
    it = served(acronis.service_manager, covers="chosen", items=CHOSEN, quantity=2)
    assert it.quotas[STORAGE] == (100 * GIB, 20 * GIB)

    services.change_quotas(service_id=it.service.pk, limits={}, quantity=3, at=LATER)
    it.converge()

    assert it.quotas[STORAGE] == (150 * GIB, 30 * GIB)
    assert it.quotas["pg_base_servers"] == (9, None)


def test_a_quota_goes_up_and_down_and_away(acronis):
    it = served(acronis.service_manager)

    for limit in (Limit(10 * GIB, 0), Limit(20 * GIB), Limit(0, 0), Limit()):
        services.change_quotas(service_id=it.service.pk, limits={STORAGE: limit}, at=LATER)
        it.converge()
        assert it.quotas[STORAGE] == (limit.soft, limit.overage)


def test_a_quota_that_was_changed_in_the_portal_is_put_right(acronis):
    it = served(acronis.service_manager, covers="chosen", items=CHOSEN)
    set_in_portal(it, STORAGE, quota=Quota(GIB, None, next(i for i in it.items if i.name == STORAGE).quota.version))

    it.converge()

    assert it.quotas[STORAGE] == (50 * GIB, 10 * GIB)


def test_a_quota_changed_between_look_and_change_is_read_again(acronis, monkeypatch):
    it = served(acronis.service_manager, covers="chosen", items=CHOSEN)
    ServiceItem.objects.filter(service=it.service, name=STORAGE).update(soft_quota=70 * GIB)
    unspoilt, interfered = type(it.api.offering_items).set, []

    def change(items, tenant_id, changes):
        if not interfered:
            interfered.append(True)
            set_in_portal(it, STORAGE, quota=Quota(GIB, None, next(i for i in it.items if i.name == STORAGE).quota.version))
        return unspoilt(items, tenant_id, changes)

    monkeypatch.setattr(type(it.api.offering_items), "set", change)

    it.converge()

    assert it.quotas[STORAGE] == (70 * GIB, 10 * GIB)
    assert "426" in it.tenant.actions.get(status="failed").error


def test_an_item_that_had_a_quota_once_is_turned_on_again_with_another(acronis):
    it = served(acronis.service_manager, covers="chosen", items=CHOSEN)
    for soft in (60, 61, 62):
        services.change_quotas(service_id=it.service.pk, limits={STORAGE: Limit(soft * GIB)}, at=LATER)
        it.converge()
    set_in_portal(it, STORAGE, enabled=False)

    it.converge()

    assert it.quotas[STORAGE] == (62 * GIB, None)
    assert it.tenant.agrees


def test_what_the_parent_lacks_is_named_and_nothing_is_created(acronis):
    wish = {"pg_base_gold": ItemWish(), STORAGE: ItemWish(), "fancy_item": ItemWish(limit=Limit(3))}
    it = wished(acronis.service_manager, covers="chosen", items=wish)

    with pytest.raises(ItemsNotAvailable) as refusal:
        it.converge()

    assert str(refusal.value) == "offering items not available: fancy_item, pg_base_gold"
    assert [tenant for tenant in acronis.seen("tenants") if tenant["kind"] == "customer"] == []


def test_what_a_reseller_lost_is_named(acronis):
    reseller = ResellerFactory()
    it = served(acronis.service_manager, OrganizationFactory(parent=reseller), covers="chosen", items=CHOSEN)
    partner = reseller.tenants.get()
    for item in it.api.offering_items.list(str(partner.vendor_id)):
        if item.name == "pg_base_servers":
            off = OfferingItemChange(application_id=item.application_id, name=item.name, infra_id=item.infra_id, enabled=False)
            it.api.offering_items.set(str(partner.vendor_id), [off])

    it.converge_by_itself()

    assert it.tenant.last_error == "offering items not available: pg_base_servers"
    assert it.tenant.next_try_at is None


# --- Trial and editions -----------------------------------------------------------------------------------------------------


def test_a_trial_stays_a_trial_until_it_becomes_production_for_good(acronis):
    it = served(acronis.service_manager, pricing_mode="trial")
    assert (it.at_vendor.pricing_mode, "set_pricing_mode" in it.done) == ("trial", False)

    services.switch_to_production(service_id=it.service.pk, at=LATER)
    it.converge()
    it.converge()

    assert (it.at_vendor.pricing_mode, it.done.count("set_pricing_mode")) == ("production", 1)


def test_an_edition_is_changed_by_the_vendors_switch_and_keeps_quotas(acronis):
    it = served(acronis.service_manager, items={STORAGE: ItemWish(limit=Limit(50 * GIB, 10 * GIB))})
    acronis.http.delete("/sandbox/calls")

    services.change_licensing(
        service_id=it.service.pk, protection_model=ProtectionModel.PER_WORKLOAD, file_sync_model=FileSyncModel.PER_USER, at=LATER
    )
    it.converge()

    assert it.quotas["pw_base_storage"] == (50 * GIB, 10 * GIB)
    assert not any(name.startswith("pg_") for name in it.quotas)
    assert "pu_base_fc_seats" in it.quotas
    switches = [call for call in acronis.seen("calls") if call["method"] == "PUT" and call["path"].endswith("/edition")]
    assert len(switches) == it.done.count("switch_edition") == 1


def test_both_editions_are_changed_there_and_back_with_another_quota_and_it_settles(acronis):
    it = served(acronis.service_manager, items={STORAGE: ItemWish(limit=Limit(50 * GIB))})
    for protection, file_sync, name, soft in (
        (ProtectionModel.PER_WORKLOAD, FileSyncModel.PER_WORKLOAD, "pw_base_storage", 70),
        (ProtectionModel.PER_GIGABYTE, FileSyncModel.PER_USER, STORAGE, 80),
    ):
        services.change_licensing(service_id=it.service.pk, protection_model=protection, file_sync_model=file_sync, at=LATER)
        services.change_quotas(service_id=it.service.pk, limits={name: Limit(soft * GIB)}, at=LATER)
        it.converge()

        assert it.quotas[name] == (soft * GIB, None)
        assert it.tenant.agrees
    wish = wishes.ServiceWish("per_gigabyte", "per_user", items={STORAGE: ItemWish(limit=Limit(80 * GIB))})
    assert preview.what_would_change(consumer=it.tenant.organization, service_manager=it.manager, wish=wish) == []
