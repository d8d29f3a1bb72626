"""What a plan provisions, down to the quotas at the vendor."""

from typing import Any

import pytest
from django.db import transaction

from catalog.models import ModuleItem, ModuleSettings, Plan
from catalog.provisioned import NotSetUp, QuantityTooLarge, wish_of_plan
from provisioning import vendor
from provisioning.models import Service, VendorStorage
from provisioning.operations import wishes
from provisioning.planning.choosing import ItemsNotAvailable, ItemWish
from provisioning.planning.values import GIB, UNLIMITED, Limit
from tests import factories
from tests.provisioning.world import converge

BOUGHT = {"protection_model": "per_workload", "file_sync_model": "per_workload"}


def fixed_plan(acronis: Any, *, items: tuple[tuple[str, int | None, int | None], ...] = (), **settings: Any) -> Plan:
    plan = factories.FixedPlanFactory(service_manager=acronis.service_manager)
    ModuleSettings.objects.filter(plan=plan).update(**settings)
    plan.module_settings.refresh_from_db()
    for name, soft, overage in items:
        ModuleItem.objects.create(settings=plan.module_settings, name=name, soft_quota=soft, overage=overage)
    return plan


def wished(acronis: Any, plan: Plan, **facts: Any) -> Service:
    """Return the service of an order of the plan, converged at the vendor."""
    wish = wish_of_plan(plan, **BOUGHT, login="jane.doe", email="jane@example.com", **facts)
    consumer = factories.OrganizationFactory(name="Dora Design")
    with transaction.atomic():
        service = wishes.wish_service(consumer=consumer, service_manager=acronis.service_manager, wish=wish, at=factories.AT)
    converge(service)
    return Service.objects.select_related("tenant").get(pk=service.pk)


def at_vendor(acronis: Any, service: Service) -> dict[str, tuple[int | None, int | None]]:
    """Return the items that are on at the vendor → soft quota and overage; features have neither."""
    items = vendor.connect(acronis.service_manager).offering_items.list(str(service.tenant.vendor_id))
    return {item.name: (item.quota.value, item.quota.overage) if item.quota else (None, None) for item in items if item.enabled}


# --- Pay-as-you-go --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_pay_as_you_go_covers_everything_under_the_licensing_models_the_buyer_chose() -> None:
    plan = factories.PlanFactory()

    wish = wish_of_plan(plan, **BOUGHT, login="jane.doe", email="jane@example.com")

    assert (wish.protection_model, wish.file_sync_model) == ("per_workload", "per_workload")
    assert (wish.covers, wish.items, wish.quantity) == (Service.Covers.EVERYTHING, {}, 1)
    assert (wish.login, wish.email, wish.role) == ("jane.doe", "jane@example.com", "company_admin")
    assert wish.pricing_mode == Service.PricingMode.PRODUCTION


@pytest.mark.django_db
def test_pay_as_you_go_without_a_module_setting_is_provisioned_too() -> None:
    plan = factories.PlanFactory(module_settings=None)

    wish = wish_of_plan(plan, **BOUGHT)

    assert (wish.covers, wish.backup_storage) == (Service.Covers.EVERYTHING, None)


def test_backup_location_and_trial_of_the_module_setting_count_for_pay_as_you_go_too(acronis: Any) -> None:
    zurich = VendorStorage.objects.get(name="Backup storage Zurich")
    plan = factories.PlanFactory(service_manager=acronis.service_manager)
    ModuleSettings.objects.filter(plan=plan).update(backup_storage=zurich, is_free_trial=True)

    wish = wish_of_plan(plan, **BOUGHT)

    assert wish.backup_storage == zurich
    assert wish.pricing_mode == Service.PricingMode.TRIAL


# --- Fixed plans ----------------------------------------------------------------------------------------------------------


def test_quotas_are_turned_into_the_vendors_units(acronis: Any) -> None:
    plan = fixed_plan(
        acronis,
        items=(("pg_base_servers", 3, 1), ("local_storage", 20, None), ("pg_base_adv_dr_compute_points", 5, 0)),
    )

    wish = wish_of_plan(plan, **BOUGHT, quantity=2)

    assert (wish.protection_model, wish.file_sync_model) == ("per_gigabyte", "per_user")
    assert wish.covers == Service.Covers.CHOSEN
    assert wish.quantity == 2
    assert wish.items == {
        "pg_base_storage": ItemWish(limit=Limit(50 * GIB, 10 * GIB)),
        "pg_base_servers": ItemWish(limit=Limit(3, 1)),
        "local_storage": ItemWish(limit=Limit(20 * GIB)),
        "pg_base_adv_dr_compute_points": ItemWish(limit=Limit(5 * 3600, 0)),
    }


@pytest.mark.parametrize(
    ("settings", "limit"),
    [
        ({"storage_quota": -1, "overage": None}, UNLIMITED),
        ({"storage_quota": 0, "overage": None}, Limit(0)),
        ({"storage_quota": 50, "overage": None}, Limit(50 * GIB)),
        ({"storage_quota": 50, "overage": 0}, Limit(50 * GIB, 0)),
    ],
    ids=["unlimited", "nothing", "soft_only", "blocked_at_soft"],
)
def test_storage_quota_is_the_quota_of_the_backup_storage(acronis: Any, settings: dict[str, Any], limit: Limit) -> None:
    plan = fixed_plan(acronis, **settings)

    wish = wish_of_plan(plan, **BOUGHT)

    assert wish.items == {"pg_base_storage": ItemWish(limit=limit)}


def test_storage_quota_is_that_of_the_edition(acronis: Any) -> None:
    plan = fixed_plan(acronis, protection_model="per_workload")

    assert list(wish_of_plan(plan, **BOUGHT).items) == ["pw_base_storage"]


def test_item_that_is_not_ticked_is_not_wished(acronis: Any) -> None:
    plan = fixed_plan(acronis)
    ModuleItem.objects.create(settings=plan.module_settings, name="pg_base_servers", is_enabled=False, soft_quota=3)

    assert list(wish_of_plan(plan, **BOUGHT).items) == ["pg_base_storage"]


def test_customer_gets_exactly_what_the_plan_says_at_the_vendor(acronis: Any) -> None:
    zurich = VendorStorage.objects.get(name="Backup storage Zurich")
    plan = fixed_plan(
        acronis,
        items=(
            ("pg_base_servers", 3, 1),
            ("pg_base_workstations", None, None),
            ("pu_base_fc_seats", 10, None),
            ("pu_base_fc_storage", 100, 20),
            ("notarizations", 50, None),
            ("drives_shipped_to_cloud", 1, None),
        ),
        backup_storage=zurich,
    )

    service = wished(acronis, plan, quantity=3)

    assert at_vendor(acronis, service) == {
        "pg_base_storage": (150 * GIB, 30 * GIB),
        "pg_base_servers": (9, 3),
        "pg_base_workstations": (None, None),
        "pu_base_fc_seats": (30, None),
        "pu_base_fc_storage": (300 * GIB, 60 * GIB),
        "notarizations": (150, None),
        "drives_shipped_to_cloud": (3, None),
    }
    assert service.backup_storage == zurich
    assert service.pricing_mode == Service.PricingMode.PRODUCTION


def test_free_trial_is_a_trial_at_the_vendor(acronis: Any) -> None:
    plan = fixed_plan(acronis, is_free_trial=True)

    service = wished(acronis, plan)

    pricing = vendor.connect(acronis.service_manager).tenants.pricing(str(service.tenant.vendor_id))
    assert pricing.mode == "trial"


# --- What cannot be provisioned -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"storage_quota": None, "overage": None}, "Enter the Storage Quota in the Module Setting."),
        ({"protection_model": ""}, "Choose the Edition in the Module Setting."),
        ({"file_sync_model": ""}, "Choose the Edition in the Module Setting."),
    ],
    ids=["quota", "protection", "file_sync"],
)
def test_fixed_plan_that_is_not_set_up_says_what_is_missing(acronis: Any, settings: dict[str, Any], sentence: str) -> None:
    plan = fixed_plan(acronis, **settings)

    with pytest.raises(NotSetUp) as refusal:
        wish_of_plan(plan, **BOUGHT)

    assert str(refusal.value) == sentence


def test_item_the_vendor_never_told_of_is_refused_by_name(acronis: Any) -> None:
    plan = fixed_plan(acronis, items=(("pg_base_toasters", 3, None),))

    with pytest.raises(ItemsNotAvailable, match=r"^offering items not available: pg_base_toasters$"):
        wish_of_plan(plan, **BOUGHT)


def test_edition_without_backup_storage_is_refused_by_name(acronis: Any) -> None:
    acronis.service_manager.offering_items.filter(edition="pck_per_gigabyte").delete()
    plan = fixed_plan(acronis)

    with pytest.raises(ItemsNotAvailable, match=r"^offering items not available: pck_per_gigabyte$"):
        wish_of_plan(plan, **BOUGHT)


def test_quantity_whose_quotas_the_vendor_cannot_count_is_refused(acronis: Any) -> None:
    plan = fixed_plan(acronis, storage_quota=1_000_000, overage=None)

    assert wish_of_plan(plan, **BOUGHT, quantity=8).quantity == 8
    with pytest.raises(QuantityTooLarge, match="Order fewer"):
        wish_of_plan(plan, **BOUGHT, quantity=9)


def test_a_wish_takes_four_queries_whatever_the_plan_says(acronis: Any, django_assert_max_num_queries: Any) -> None:
    plan = fixed_plan(acronis, items=tuple((name, 1, None) for name in ("pg_base_servers", "pg_base_vms", "pg_base_nas")))

    with django_assert_max_num_queries(4):
        wish_of_plan(Plan.objects.select_related("service_manager").get(pk=plan.pk), **BOUGHT)
