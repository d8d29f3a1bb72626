"""The page of the module setting: what it shows, keeps, refuses and saves."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from catalog.models import ModuleItem, OrderUrl, Plan
from provisioning.models import ServiceManager, VendorOfferingItem, VendorStorage
from sandbox.app import LOGIN, PASSWORD
from tests import factories
from tests.catalog.module_world import draft
from tests.conftest import Personas
from tests.provisioning.world import staff_with

MAY = ("catalog.view_plan", "catalog.change_plan")


def page(plan: Plan) -> str:
    return reverse("admin:catalog_plan_module_setting", args=[plan.pk])


def account(plan: Plan) -> str:
    return reverse("admin:catalog_plan_account", args=[plan.pk])


def entered(acronis: Any, **typed: str) -> dict[str, Any]:
    """Return what a browser sends: 50 GB and 10 above, servers on, each listed item by name."""
    names = [
        *VendorOfferingItem.objects.filter(edition__in=["pck_per_gigabyte", "fss_per_user", ""]).values_list("name", flat=True)
    ]
    return {
        "action": "save",
        "service_manager": str(acronis.service_manager.pk),
        "is_free_trial": "no",
        "trial_days": "30",
        "storage_quota": " 50 ",
        "overage": "10",
        "protection_model": "per_gigabyte",
        "file_sync_model": "per_user",
        "backup_storage": "",
        "item": sorted(set(names) - {"pg_base_storage"}),
        "on-pg_base_servers": "on",
        "soft-pg_base_servers": "3",
        **typed,
    }


def told(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


@pytest.fixture
def browser(acronis: Any) -> Client:
    return staff_with(*MAY, "provisioning.change_servicemanager", "provisioning.add_servicemanager")


# --- What it shows --------------------------------------------------------------------------------------------------------


def test_new_plan_begins_with_the_service_manager_alone(acronis: Any, browser: Client) -> None:
    shown = browser.get(page(draft(acronis))).text

    assert "Service manager" in shown
    assert "Storage Quota" not in shown
    assert "Use an account of its own" in shown


def test_chosen_service_manager_and_editions_show_their_items(acronis: Any, browser: Client) -> None:
    shown = browser.post(page(draft(acronis)), entered(acronis, action="reload")).text

    for words in ("Storage Quota (GB)", "Overage (GB)", "Backup storage Zurich", "Common Application", "Independent Application"):
        assert words in shown
    for words in ("pg_base_servers", "Notarizations", "drives_shipped_to_cloud", "File Sync &amp; Share users", "pieces", "hours"):
        assert words in shown
    assert "pw_base_servers" not in shown
    assert 'name="on-pg_base_storage"' not in shown  # it has the Storage Quota


def test_reload_saves_nothing_and_keeps_what_was_typed(acronis: Any, browser: Client) -> None:
    plan = draft(acronis)

    shown = browser.post(page(plan), entered(acronis, action="reload", storage_quota="1.5")).text

    assert 'value="1.5"' in shown
    assert "Only whole numbers" not in shown
    plan.refresh_from_db()
    assert plan.service_manager is None


def test_another_edition_carries_ticks_and_quotas_over(acronis: Any, browser: Client) -> None:
    shown = browser.post(page(draft(acronis)), entered(acronis, action="reload", protection_model="per_workload")).text

    assert re.search(r'name="on-pw_base_servers"[^>]*checked', shown)
    assert re.search(r'value="3"[^>]*name="soft-pw_base_servers"|name="soft-pw_base_servers"[^>]*value="3"', shown)
    assert not re.search(r'name="on-pw_base_vms"[^>]*checked', shown)


def test_plan_nobody_set_up_begins_with_what_protection_protects(acronis: Any, browser: Client) -> None:
    sent = entered(acronis, action="reload", item=[])  # the browser had no items yet

    shown = browser.post(page(draft(acronis)), {key: value for key, value in sent.items() if not key.startswith("on-")}).text

    assert re.search(r'name="on-pg_base_workstations"[^>]*checked', shown)
    assert not re.search(r'name="on-pg_pack_adv_security"[^>]*checked', shown)
    assert not re.search(r'name="on-notarizations"[^>]*checked', shown)


def test_item_the_provider_lacks_is_flagged(acronis: Any, browser: Client) -> None:
    VendorOfferingItem.objects.filter(name="pg_base_servers").update(is_offered=False)

    shown = browser.post(page(draft(acronis)), entered(acronis, action="reload")).text

    assert "not available to you" in shown


def test_pay_as_you_go_asks_for_location_and_trial_alone_and_says_why(acronis: Any, browser: Client) -> None:
    plan = factories.PlanFactory(service_manager=acronis.service_manager)

    shown = browser.get(page(plan)).text

    assert "the buyer chooses the licensing models" in shown
    assert "Backup Location" in shown
    assert "Free Trial" in shown
    assert 'name="storage_quota"' not in shown
    assert 'name="protection_model"' not in shown


def test_running_services_are_counted(acronis: Any, browser: Client) -> None:
    plan = factories.PlanFactory(service_manager=acronis.service_manager)
    tenant = factories.TenantFactory(service_manager=acronis.service_manager)
    factories.SubscriptionFactory(plan=plan, service=factories.ServiceFactory(tenant=tenant))

    assert "1 service of this plan runs" in browser.get(page(plan)).text


# --- Saving and refusing --------------------------------------------------------------------------------------------------


def test_saving_keeps_the_settings_and_makes_order_urls(acronis: Any, browser: Client) -> None:
    plan = draft(acronis)

    answer = browser.post(page(plan), entered(acronis))

    assert answer.status_code == 302
    assert told(answer) == [f"The Module Setting of {plan} is saved. 1 order URL made."]
    assert LogEntry.objects.get(object_id=str(plan.pk)).change_message == (
        f"Module Setting: {acronis.service_manager}, Free Trial NO, Storage Quota 50 GB, Overage 10 GB, "
        "Per gigabyte, Per user, pg_base_servers 3."
    )
    plan.refresh_from_db()
    plan.module_settings.refresh_from_db()
    assert (plan.module_settings.storage_quota, plan.module_settings.overage) == (50, 10)
    assert list(ModuleItem.objects.values_list("name", "soft_quota", "overage")) == [("pg_base_servers", 3, None)]
    assert OrderUrl.objects.filter(plan=plan).count() == 1
    assert re.search(r'name="on-pg_base_servers"[^>]*checked', browser.get(page(plan)).text)


def test_items_the_browser_had_not_shown_are_shown_before_anything_is_saved(acronis: Any, browser: Client) -> None:
    plan = draft(acronis)

    answer = browser.post(page(plan), entered(acronis, item=[]))  # saved before the items of the edition had arrived

    assert told(answer) == ["Nothing is saved yet: look through the offering items of this edition first."]
    assert re.search(r'name="on-pg_base_workstations"', answer.text)
    plan.refresh_from_db()
    assert plan.service_manager is None


BAD: dict[str, tuple[dict[str, str], str, str]] = {
    "half": ({"storage_quota": "1.5"}, "storage_quota", "Only whole numbers can be entered here; “1.5” is none."),
    "exponent": ({"overage": "1e3"}, "overage", "Only whole numbers can be entered here; “1e3” is none."),
    "negative": ({"storage_quota": "-5"}, "storage_quota", "only -1 is unlimited"),
    "nothing": ({"storage_quota": "", "overage": ""}, "storage_quota", "Enter the Storage Quota"),
    "hard_alone": ({"storage_quota": "", "overage": "5"}, "storage_quota", "Enter the Storage Quota"),
    "hard_of_unlimited": ({"storage_quota": "-1", "overage": "5"}, "overage", "makes the hard quota unlimited too"),
    "hard_negative": ({"overage": "-1"}, "overage", "cannot be less than nothing"),
    "absurd": ({"storage_quota": "9" * 15, "overage": ""}, "storage_quota", "more than Acronis can count"),
    "too_long": ({"storage_quota": "9" * 60}, "storage_quota", "at most 40 characters"),
    "item_half": ({"soft-pg_base_servers": "2.5"}, "soft-pg_base_servers", "Only whole numbers"),
    "item_hard_alone": ({"soft-pg_base_servers": "", "hard-pg_base_servers": "1"}, "hard-pg_base_servers", "needs a soft quota"),
    "needs": ({"on-pg_base_m365_seats": "on"}, "on-pg_base_m365_seats", "works only together with"),
    "no_edition": ({"protection_model": ""}, "protection_model", "Choose the edition"),
    "edition": ({"file_sync_model": "per_moon"}, "file_sync_model", "You are not offered this edition"),
    "location": ({"backup_storage": "999999"}, "backup_storage", "no such backup location"),
    "location_word": ({"backup_storage": "x'; --"}, "backup_storage", "no such backup location"),
    "trial": ({"is_free_trial": "yes", "trial_days": "0"}, "trial_days", "from 1 to 365 days"),
    "trial_word": ({"trial_days": "a month"}, "trial_days", "Only whole numbers"),
    "trial_choice": ({"is_free_trial": "maybe"}, "is_free_trial", "not one of the available choices"),
}


@pytest.mark.parametrize("case", BAD, ids=list(BAD))
def test_bad_input_is_refused_at_its_field_and_nothing_is_saved(acronis: Any, browser: Client, case: str) -> None:
    typed, field, sentence = BAD[case]
    plan = draft(acronis)

    answer = browser.post(page(plan), entered(acronis, **typed))

    assert answer.status_code == 200
    assert any(sentence in str(error) for error in answer.context["form"].errors[field])
    plan.refresh_from_db()
    assert plan.service_manager is None
    assert not ModuleItem.objects.exists()


@pytest.mark.parametrize("sent", ["", "0", "999999", "x", "1" * 40, "-1", "\x00"])
def test_service_manager_that_cannot_be_is_refused(acronis: Any, browser: Client, sent: str) -> None:
    answer = browser.post(page(draft(acronis)), entered(acronis, service_manager=sent))

    assert answer.status_code == 200
    assert told(answer) == ["Choose the service manager."]


def test_item_nobody_knows_is_shown_so_that_it_can_be_unticked(acronis: Any, browser: Client) -> None:
    plan = draft(acronis)
    browser.post(page(plan), entered(acronis))
    ModuleItem.objects.create(settings=plan.module_settings, name="pg_base_toasters")

    assert "pg_base_toasters" in browser.get(page(plan)).text
    refused = browser.post(
        page(plan), entered(acronis, item=["pg_base_servers", "pg_base_toasters"], **{"on-pg_base_toasters": "on"})
    )
    assert "offering items not available: pg_base_toasters" in refused.text


# --- Preview --------------------------------------------------------------------------------------------------------------


def test_preview_shows_what_a_tenant_would_get_and_saves_nothing(acronis: Any, browser: Client) -> None:
    plan = draft(acronis)

    shown = browser.post(page(plan), entered(acronis, action="preview", preview_quantity="3")).text

    assert "soft quota 50 GB, hard at 60 GB" in shown
    assert "soft quota 150 GB, hard at 180 GB" in shown
    assert "Create the customer tenant" in shown
    plan.refresh_from_db()
    assert plan.service_manager is None


def test_preview_for_a_chosen_customer(acronis: Any, browser: Client) -> None:
    customer = factories.OrganizationFactory(name="Dora Design")

    shown = browser.post(page(draft(acronis)), entered(acronis, action="preview", preview_customer=customer.number.lower())).text

    assert "Create the customer tenant “Dora Design”" in shown


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"preview_customer": "C0"}, "There is no customer C0."),
        ({"preview_customer": "\x00"}, "There is no customer"),
        ({"on-local_storage": "on", "soft-local_storage": "x"}, "Only whole numbers"),
        ({"storage_quota": "", "overage": ""}, "Enter the Storage Quota in the Module Setting."),
    ],
    ids=["unknown", "nul", "not_whole", "unfinished"],
)
def test_preview_says_what_is_wrong(acronis: Any, browser: Client, typed: dict[str, str], sentence: str) -> None:
    answer = browser.post(page(draft(acronis)), entered(acronis, action="preview", **typed))

    assert answer.status_code == 200
    assert sentence in answer.text


@pytest.mark.parametrize("quantity", ["", "0", "-1", "x", "9" * 30, "1.5"])
def test_quantity_that_cannot_be_is_shown_as_one(acronis: Any, browser: Client, quantity: str) -> None:
    answer = browser.post(page(draft(acronis)), entered(acronis, action="preview", preview_quantity=quantity))

    assert answer.context["preview"].quantity == 1


# --- The services definition and an account of its own --------------------------------------------------------------------


def test_services_definition_is_got_again_and_what_was_typed_stays(acronis: Any, browser: Client) -> None:
    ServiceManager.objects.update(definition_fetched_at=None)

    answer = browser.post(page(draft(acronis)), entered(acronis, action="fetch", storage_quota="77"))

    assert any(message.startswith("Found ") for message in told(answer))
    assert 'value="77"' in answer.text


def test_vendor_that_does_not_answer_is_a_sentence(acronis: Any, browser: Client) -> None:
    acronis.fault(path="/applications", status=500, times=10)

    answer = browser.post(page(draft(acronis)), entered(acronis, action="fetch"))

    assert answer.status_code == 200
    assert "Acronis answered 500" in told(answer)[0]


def test_account_by_username_and_password_is_connected_and_chosen(acronis: Any, browser: Client) -> None:
    plan = draft(acronis)
    typed = {"name": "Own", "kind": "person", "base_url": "http://acronis.test", "vendor_currency": "eur"}

    answer = browser.post(account(plan), {**typed, "username": LOGIN, "password": PASSWORD})

    own = ServiceManager.objects.get(name="Own")
    assert answer.status_code == 302
    assert answer["Location"] == f"{page(plan)}?service_manager={own.pk}"
    assert [message.split(" ")[0] for message in told(answer)] == ["Made", "Connected", "Found"]
    assert "Storage Quota (GB)" in browser.get(answer["Location"]).text


def test_refused_account_says_why_and_shows_no_secret(acronis: Any, browser: Client) -> None:
    typed = {"name": "Own", "kind": "person", "base_url": "http://acronis.test", "vendor_currency": "EUR"}

    answer = browser.post(account(draft(acronis)), {**typed, "username": LOGIN, "password": "sesam4711"})

    assert "does not accept this username and password" in answer.text
    assert "sesam4711" not in answer.text


def test_api_client_that_does_not_work_is_kept_with_the_reason(acronis: Any, browser: Client) -> None:
    typed = {"name": "Own", "kind": "client", "base_url": "http://acronis.test", "vendor_currency": "EUR"}

    answer = browser.post(account(draft(acronis)), {**typed, "client_id": "x", "client_secret": "sesam4711"}, follow=True)

    assert "Own is kept, but:" in answer.text
    assert "sesam4711" not in answer.text


def test_find_fills_in_the_data_centre_and_keeps_the_rest(acronis: Any, browser: Client, settings: Any) -> None:
    settings.ACRONIS_ENTRY_URL = "http://acronis.test"

    answer = browser.post(account(draft(acronis)), {"find": "1", "name": "Own", "username": LOGIN, "password": "sesam4711"})

    assert answer.context["form"].initial["base_url"].startswith("http://")
    assert 'value="Own"' in answer.text
    assert "sesam4711" not in answer.text


# --- Who may ----------------------------------------------------------------------------------------------------------------


def test_who_may_only_look_sees_and_changes_nothing(acronis: Any) -> None:
    plan, browser = draft(acronis), staff_with("catalog.view_plan")

    shown = browser.get(page(plan))

    assert shown.status_code == 200
    assert "Use an account of its own" not in shown.text
    for action in ("save", "reload", "preview", "fetch"):
        assert browser.post(page(plan), entered(acronis, action=action)).status_code == 403
    assert browser.get(account(plan)).status_code == 403


def test_product_manager_without_the_integration_cannot_ask_the_vendor(acronis: Any) -> None:
    assert staff_with(*MAY).post(page(draft(acronis)), entered(acronis, action="fetch")).status_code == 403


def test_strangers_do_not_get_in(acronis: Any, personas: Personas) -> None:
    plan = draft(acronis)

    for name in ("nobody", "stranger", "alice", "dora"):
        for address in (page(plan), account(plan)):
            assert personas.client(name).get(address).status_code in (302, 403, 404)
    assert staff_with().get(page(plan)).status_code == 403
    assert personas.client("root").get(reverse("admin:catalog_plan_module_setting", args=[0])).status_code == 404


def test_page_takes_the_same_queries_whatever_the_plan_says(
    acronis: Any, browser: Client, django_assert_max_num_queries: Any
) -> None:
    plan = draft(acronis)
    browser.post(page(plan), entered(acronis))
    VendorStorage.objects.update(capacity=5000)

    with django_assert_max_num_queries(16):
        browser.get(page(plan))
