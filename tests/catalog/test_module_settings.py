"""Saving the module setting of a plan, and what a new tenant of it would get."""

from datetime import date
from typing import Any

import pytest

from catalog.models import ModuleItem, OrderUrl, Plan, PlanPrice
from catalog.module_rules import ItemValues
from catalog.operations.module_preview import preview_settings
from catalog.operations.module_settings import NewSettings, Saved, SettingsRefused, save_module_settings
from catalog.operations.plans import CannotBeSold, publish_plan
from catalog.provisioned import wish_of_plan
from common.errors import FieldRefused
from provisioning import vendor
from provisioning.models import Service, VendorOfferingItem, VendorStorage
from tests import factories
from tests.catalog.module_world import OFF, ON, draft, overage_price, wanted
from tests.factories import AT
from tests.provisioning.world import served

TODAY = date(2026, 10, 1)


def save(plan: Plan, settings: NewSettings) -> Saved:
    saved = save_module_settings(plan_id=plan.pk, settings=settings, today=TODAY, at=AT)
    plan.refresh_from_db()
    plan.module_settings.refresh_from_db()
    return saved


def said(plan: Plan) -> dict[str, tuple[bool, int | None, int | None]]:
    return {item.name: (item.is_enabled, item.soft_quota, item.overage) for item in plan.module_settings.items.all()}


def refused(plan: Plan, settings: NewSettings) -> list[tuple[str, str]]:
    with pytest.raises(SettingsRefused) as refusal:
        save(plan, settings)
    return [(one.field, one.sentence) for one in refusal.value.refusals]


# --- Saving ---------------------------------------------------------------------------------------------------------------


def test_settings_are_kept_and_order_urls_made_where_there_is_a_price(acronis: Any) -> None:
    zurich = VendorStorage.objects.get(name="Backup storage Zurich")
    plan = draft(acronis)

    saved = save(plan, wanted(acronis, backup_storage_id=zurich.pk, is_free_trial=True, trial_days=14))

    settings = plan.module_settings
    assert plan.service_manager == acronis.service_manager
    assert (settings.storage_quota, settings.overage) == (50, 10)
    assert (settings.protection_model, settings.file_sync_model) == ("per_gigabyte", "per_user")
    assert (settings.backup_storage, settings.is_free_trial, settings.trial_days) == (zurich, True, 14)
    assert said(plan) == {"pg_base_servers": (True, 3, 1)}
    assert saved == Saved(order_urls=1, notes=())
    assert OrderUrl.objects.get(plan=plan).term_months == 1


def test_saving_twice_changes_nothing(acronis: Any) -> None:
    plan = draft(acronis)
    save(plan, wanted(acronis))
    rows = list(ModuleItem.objects.values())

    assert save(plan, wanted(acronis)) == Saved(0, ())
    assert list(ModuleItem.objects.values()) == rows


def test_without_a_price_there_is_no_order_url_yet(acronis: Any) -> None:
    plan = draft(acronis)
    PlanPrice.objects.filter(plan=plan).delete()

    assert save(plan, wanted(acronis)).order_urls == 0


def test_pay_as_you_go_keeps_service_manager_location_and_trial_alone(acronis: Any) -> None:
    plan = factories.PlanFactory(service_manager=None, status=Plan.Status.DRAFT)

    saved = save(plan, wanted(acronis, is_free_trial=True))

    settings = plan.module_settings
    assert (settings.storage_quota, settings.overage, settings.protection_model) == (None, None, "")
    assert said(plan) == {}
    assert settings.is_free_trial
    assert saved.order_urls == 1


def test_unlimited_storage_makes_the_hard_quota_unlimited_and_switches_quantity_off(acronis: Any) -> None:
    plan = draft(acronis)

    saved = save(plan, wanted(acronis, storage_quota=-1, overage=-1))

    assert (plan.module_settings.storage_quota, plan.module_settings.overage) == (-1, None)
    assert plan.quantity_is_enabled is False
    assert saved.notes == ("“Enable Quantity” is off now: an unlimited Storage Quota cannot be multiplied.",)


def test_minus_one_of_an_item_is_unlimited(acronis: Any) -> None:
    plan = draft(acronis)

    save(plan, wanted(acronis, items=(("pg_base_servers", ItemValues(True, -1, -1)),)))

    assert said(plan) == {"pg_base_servers": (True, None, None)}


def test_overage_prices_that_no_longer_apply_are_told(acronis: Any) -> None:
    plan = draft(acronis)
    save(plan, wanted(acronis))
    overage_price(plan)

    saved = save(plan, wanted(acronis, overage=None))

    assert len(saved.notes) == 1
    assert "the Overage Price (/GB) no longer applies: EUR, " in saved.notes[0]


def test_other_edition_takes_what_was_said_along_and_tells_what_is_given_up(acronis: Any) -> None:
    plan = draft(acronis)
    save(plan, wanted(acronis, items=(("pg_base_servers", ON), ("pg_base_vms", ON))))

    saved = save(plan, wanted(acronis, protection_model="per_workload", items=(("pw_base_servers", ItemValues(True, 3)),)))

    assert said(plan) == {"pw_base_servers": (True, 3, None)}
    assert saved.notes == ("No longer in the plan: Virtual machines.",)


def test_quotas_of_an_unticked_item_are_kept(acronis: Any) -> None:
    plan = draft(acronis)

    save(plan, wanted(acronis, items=(("pg_base_servers", ItemValues(False, 3, 1)), ("pg_base_vms", OFF))))

    assert said(plan) == {"pg_base_servers": (False, 3, 1)}


def test_published_plan_says_what_is_missing_now(acronis: Any) -> None:
    plan = draft(acronis)
    save(plan, wanted(acronis, overage=None))
    Plan.objects.filter(pk=plan.pk).update(status=Plan.Status.PUBLISHED)

    saved = save(plan, wanted(acronis))

    assert any("The plan is published." in note and "Overage Price (/GB)" in note for note in saved.notes)


def test_what_was_sold_keeps_its_service_as_it_was(acronis: Any) -> None:
    plan = draft(acronis)
    save(plan, wanted(acronis))
    service = served(acronis)
    factories.SubscriptionFactory(service=service, plan=plan)
    before = Service.objects.filter(pk=service.pk).values().get()

    save(plan, wanted(acronis, storage_quota=500, overage=None))

    assert Service.objects.filter(pk=service.pk).values().get() == before


# --- Refusing -------------------------------------------------------------------------------------------------------------


def test_every_refusal_comes_at_once_and_nothing_is_written(acronis: Any) -> None:
    plan = draft(acronis)

    found = refused(plan, wanted(acronis, storage_quota=-5, trial_days=0, items=(("pg_base_servers", ItemValues(True, None, 1)),)))

    assert {field for field, _ in found} == {"storage_quota", "trial_days", "hard-pg_base_servers"}
    assert plan.module_settings.storage_quota is None
    assert plan.service_manager is None
    assert said(plan) == {}


def test_item_the_provider_lacks_is_refused_with_the_words_of_a_purchase(acronis: Any) -> None:
    VendorOfferingItem.objects.filter(name="pg_base_servers").update(is_offered=False)

    assert refused(draft(acronis), wanted(acronis)) == [
        ("on-pg_base_servers", "offering items not available: Servers (pg_base_servers)")
    ]


def test_more_than_the_default_location_holds_is_refused(acronis: Any) -> None:
    frankfurt = VendorStorage.objects.get(name="Backup storage Frankfurt")
    VendorStorage.objects.filter(pk=frankfurt.pk).update(capacity=55)

    assert [field for field, _ in refused(draft(acronis), wanted(acronis))] == ["overage"]


def test_location_of_another_service_manager_is_refused(acronis: Any) -> None:
    elsewhere = VendorStorage.objects.create(
        service_manager=factories.ServiceManagerFactory(), infra_id="00000000-0000-0000-0000-000000000001", capabilities=["backup"]
    )

    assert [field for field, _ in refused(draft(acronis), wanted(acronis, backup_storage_id=elsewhere.pk))] == ["backup_storage"]


@pytest.mark.parametrize("what", ["unknown", "switched_off", "not_fetched", "published"])
def test_service_manager_that_cannot_deliver_is_refused(acronis: Any, what: str) -> None:
    plan, manager = draft(acronis), acronis.service_manager
    sentence = {
        "unknown": "Choose the service manager",
        "switched_off": "switched off",
        "not_fetched": "Get services definition",
        "published": "Duplicate the plan",
    }[what]
    settings = wanted(acronis)
    if what == "unknown":
        settings = wanted(acronis, service_manager_id=0)
    elif what == "switched_off":
        type(manager).objects.update(is_active=False)
    elif what == "not_fetched":
        type(manager).objects.update(definition_fetched_at=None)
    else:
        other = factories.ServiceManagerFactory()
        Plan.objects.filter(pk=plan.pk).update(status=Plan.Status.PUBLISHED, service_manager=other)

    with pytest.raises(FieldRefused, match=sentence) as refusal:
        save(plan, settings)

    assert refusal.value.field == "service_manager"


def test_queries_do_not_grow_with_the_items(acronis: Any, django_assert_max_num_queries: Any) -> None:
    plan = draft(acronis)
    items = tuple((f"pg_base_{stem}", ON) for stem in ("servers", "vms", "workstations", "nas", "mobiles", "websites"))
    save(plan, wanted(acronis, items=items))

    with django_assert_max_num_queries(20):
        save_module_settings(plan_id=plan.pk, settings=wanted(acronis, items=items), today=TODAY, at=AT)


# --- Preview --------------------------------------------------------------------------------------------------------------


def test_preview_shows_items_with_quotas_for_one_and_for_more(acronis: Any) -> None:
    found = preview_settings(plan=draft(acronis), manager=acronis.service_manager, settings=wanted(acronis), quantity=3)

    assert found.problem == ""
    assert found.editions == ("Protection, per gigabyte",)
    assert found.pricing_mode == "Production"
    assert {(item.name, item.storage, item.one, item.many) for item in found.items} == {
        (
            "pg_base_storage",
            "Backup storage Frankfurt",
            "soft quota 50 GB, hard at 60 GB",
            "soft quota 150 GB, hard at 180 GB",
        ),
        ("pg_base_servers", "", "soft quota 3, hard at 4", "soft quota 9, hard at 12"),
    }
    assert found.steps[0].sentence == "Create the customer tenant “New customer”"


def test_preview_is_what_a_purchase_brings(acronis: Any) -> None:
    plan = draft(acronis)
    save(plan, wanted(acronis))
    found = preview_settings(plan=plan, manager=acronis.service_manager, settings=wanted(acronis), quantity=2)

    wish = wish_of_plan(plan, protection_model="per_workload", file_sync_model="per_user", quantity=2)
    service = served(acronis, **{name: getattr(wish, name) for name in ("protection_model", "covers", "items", "quantity")})

    items = vendor.connect(acronis.service_manager).offering_items.list(str(service.tenant.vendor_id))
    assert {item.name for item in items if item.enabled} == {item.name for item in found.items}


def test_preview_of_pay_as_you_go_shows_everything_the_provider_has(acronis: Any) -> None:
    plan = factories.PlanFactory(service_manager=None, status=Plan.Status.DRAFT)

    found = preview_settings(plan=plan, manager=acronis.service_manager, settings=wanted(acronis))

    assert {item.one for item in found.items} == {"no quota"}
    assert {"pg_base_storage", "notarizations", "drives_shipped_to_cloud"} <= {item.name for item in found.items}
    assert found.features


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"storage_quota": None, "overage": None}, "Enter the Storage Quota in the Module Setting."),
        ({"protection_model": ""}, "Choose the Edition in the Module Setting."),
        ({"items": (("pg_base_toasters", ON),)}, "offering items not available: pg_base_toasters"),
    ],
    ids=["quota", "edition", "item"],
)
def test_preview_says_the_error_of_a_purchase(acronis: Any, change: dict[str, Any], sentence: str) -> None:
    found = preview_settings(plan=draft(acronis), manager=acronis.service_manager, settings=wanted(acronis, **change))

    assert found.problem == sentence


def test_preview_of_an_item_that_was_withdrawn_says_the_error_of_a_purchase(acronis: Any) -> None:
    VendorOfferingItem.objects.filter(name="pg_base_servers").update(is_offered=False)

    found = preview_settings(plan=draft(acronis), manager=acronis.service_manager, settings=wanted(acronis))

    assert found.problem == "offering items not available: pg_base_servers"


def test_preview_for_a_customer_that_is_served_already_says_so(acronis: Any) -> None:
    consumer = factories.OrganizationFactory(name="Dora Design")
    served(acronis, consumer)

    found = preview_settings(plan=draft(acronis), manager=acronis.service_manager, settings=wanted(acronis), consumer=consumer)

    assert "already has an Acronis subscription" in found.problem


def test_preview_asks_the_vendor_nothing(acronis: Any) -> None:
    before = len(acronis.seen("calls"))

    preview_settings(plan=draft(acronis), manager=acronis.service_manager, settings=wanted(acronis), quantity=2)

    assert len(acronis.seen("calls")) == before


# --- What was saved long ago ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [Plan.Status.DRAFT, Plan.Status.ARCHIVED])
def test_a_plan_is_not_published_once_the_vendor_dropped_an_item_of_it(acronis: Any, status: str) -> None:
    plan = draft(acronis)
    save(plan, wanted(acronis))
    overage_price(plan)
    Plan.objects.filter(pk=plan.pk).update(status=status)
    gone = VendorOfferingItem.objects.filter(service_manager=acronis.service_manager, name="pg_base_servers")
    gone.update(is_offered=False)

    with pytest.raises(CannotBeSold, match=r"offering items not available: .*pg_base_servers"):
        publish_plan(plan_id=plan.pk, today=TODAY, at=AT)
    gone.update(is_offered=True)

    assert publish_plan(plan_id=plan.pk, today=TODAY, at=AT).status == Plan.Status.PUBLISHED
