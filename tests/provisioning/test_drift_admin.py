"""Differences and inspections in the back office."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from provisioning.models import Drift, Inspection, Tenant
from provisioning.operations import inspecting
from tests import factories
from tests.factories import AT, ResellerFactory
from tests.provisioning.drifting import Portal, customer, inspect, night

LIST = "admin:provisioning_drift_changelist"
INSPECTIONS = "admin:provisioning_inspection_changelist"


def url(name: str, row: object) -> str:
    return reverse(f"admin:provisioning_{row._meta.model_name}_{name}", args=[row.pk])


def drift(tenant: Tenant | None = None, **facts) -> Drift:
    tenant = tenant or factories.ServiceFactory().tenant
    facts = {"kind": "enable_item", "subject": "notarizations", "sentence": "Enable notarizations", **facts}
    return Drift.objects.create(tenant=tenant, wished="on, no quota", found="off", first_seen_at=AT, last_seen_at=AT, **facts)


def inspection(**facts) -> Inspection:
    manager = facts.pop("service_manager", None) or factories.ServiceManagerFactory()
    return Inspection.objects.create(service_manager=manager, started_at=AT, **facts)


def listed(client, **query) -> list[Drift]:
    return list(client.get(reverse(LIST), query).context["cl"].result_list)


def sentences(page) -> list[str]:
    return [str(message) for message in page.context["messages"]]


# --- The list -------------------------------------------------------------------------------------------------------------


def test_the_list_shows_what_is_open_and_who_is_affected(personas):
    tenant = factories.TenantFactory(organization=personas.resellers_customer)
    factories.ServiceFactory(tenant=tenant)
    row = drift(tenant)
    drift(status="adopted")

    page = personas.client("mira").get(reverse(LIST))

    assert list(page.context["cl"].result_list) == [row]
    text = page.content.decode()
    for words in ("Café Carol", "1 live service, of Alster IT", "Enable notarizations", "on, no quota", "To be decided"):
        assert words in text
    for name in ("change", "repair", "adopt"):
        assert url(name, row) in text


def test_of_a_reseller_the_services_below_are_affected(personas):
    partner = factories.TenantFactory(organization=personas.reseller, kind="partner")
    for _ in range(2):
        factories.ServiceFactory(tenant=factories.TenantFactory(parent=partner, service_manager=partner.service_manager))
    drift(partner)

    assert "2 live services" in personas.client("mira").get(reverse(LIST)).content.decode()


def test_the_list_can_be_narrowed(personas):
    of_reseller = drift(factories.TenantFactory(organization=personas.resellers_customer))
    failing = drift(factories.TenantFactory(last_error="Acronis answered 403."), status="repairing", kind="limit_item")
    settled = drift(status="vanished")
    client = personas.client("mira")

    assert listed(client, reseller=personas.reseller.pk) == [of_reseller]
    assert listed(client, reseller="direct") == [failing]
    assert listed(client, kind="limit_item") == [failing]
    assert listed(client, state="failing") == [failing]
    assert listed(client, state="undecided") == [of_reseller]
    assert listed(client, state="vanished") == [settled]
    assert len(listed(client, state="all")) == 3
    assert listed(client, manager=failing.tenant.service_manager_id) == [failing]
    assert listed(client, manager="nonsense") == []


def test_it_is_found_by_what_people_quote(personas):
    row = drift(factories.TenantFactory(organization__name="Dora & Daughters", vendor_name="Dora at Acronis"))
    factories.TenantUserFactory(tenant=row.tenant, login="dora.herself")
    drift(subject="pg_base_servers")
    client = personas.client("mira")

    quoted = (row.tenant.organization.number, "daughters", "dora at", str(row.tenant.vendor_id), "notari", "dora.herself")
    for words in quoted:
        assert listed(client, q=words) == [row], words


def test_where_nothing_is_open_the_page_says_so(personas):
    client = personas.client("mira")

    never = client.get(reverse(LIST)).content.decode()
    inspection(status="finished")
    looked = client.get(reverse(LIST)).content.decode()

    assert "Nobody has looked yet" in never
    assert "Nothing waits to be decided" in looked


def test_the_list_costs_the_same_however_long_it_is(personas, django_assert_num_queries, django_assert_max_num_queries):
    client = personas.client("mira")
    drift()
    client.get(reverse(LIST))
    with django_assert_max_num_queries(24) as few:
        client.get(reverse(LIST))

    for _ in range(8):
        drift(factories.TenantFactory(organization=factories.OrganizationFactory(parent=ResellerFactory())))

    with django_assert_num_queries(len(few)):
        client.get(reverse(LIST))


def test_it_is_exported_as_it_is_filtered(personas):
    drift(factories.TenantFactory(organization__name="=Evil GmbH"))
    drift(status="adopted", kind="rename_tenant", decided_by=personas.mira, decided_at=AT)
    client = personas.client("mira")

    open_ones = b"".join(client.get(reverse("admin:provisioning_drift_export"))).decode().splitlines()
    adopted = b"".join(client.get(reverse("admin:provisioning_drift_export"), {"state": "adopted"})).decode().splitlines()

    assert len(open_ones) == len(adopted) == 2
    assert open_ones[1].startswith("Item off,'=Evil GmbH,")
    assert f"Adopted,2026-10-01 09:00:00,2026-10-01 09:00:00,{personas.mira}," in adopted[1]


# --- Deciding -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def found(acronis, personas) -> Drift:
    portal = Portal(acronis, customer(acronis, name="Ede Elektro"))
    portal.switch("notarizations", on=False)
    portal.update(name="Somebody else")
    inspect(acronis)
    return Drift.objects.get(kind="enable_item")


def test_before_repairing_the_page_says_what_is_repaired_along(personas, found):
    asked = personas.client("mira").get(url("repair", found)).content.decode()

    assert "At Acronis, for Ede Elektro: Enable notarizations." in asked
    assert "Rename the tenant to “Ede Elektro”" in asked


def test_repairing_is_begun_and_who_did_it_is_kept(personas, found):
    page = personas.client("mira").post(url("repair", found), follow=True)

    found.refresh_from_db()
    assert (found.status, found.decided_by) == ("repairing", personas.mira)
    assert "Ede Elektro: Acronis is told to put it right" in sentences(page)[0]
    assert "by Mira" in page.content.decode()


def test_a_repair_that_failed_says_why_on_the_page(personas, found):
    Drift.objects.filter(pk=found.pk).update(status="repairing")
    Tenant.objects.update(last_error="Acronis answered 403 to PUT /tenants: not allowed.", next_try_at=None)

    page = personas.client("mira").get(url("change", found)).content.decode()

    assert "Acronis answered 403 to PUT /tenants" in page
    assert "Repair failed" in page
    assert url("repair", found) in page


def test_adopting_asks_first_and_says_what_was_done(personas, found):
    client = personas.client("mira")

    asked = client.get(url("adopt", found)).content.decode()
    page = client.post(url("adopt", found), follow=True)

    assert "Nothing is changed at Acronis" in asked
    assert sentences(page) == ["Ede Elektro: notarizations stays off."]
    assert url("adopt", found) not in page.content.decode()


def test_many_are_decided_each_by_itself_and_refusals_are_said(personas, acronis, found):
    Portal(acronis, found.tenant).update(language="fr")
    inspect(acronis, nights=2)
    chosen = {"action": "adopt_selected", "_selected_action": list(Drift.objects.values_list("pk", flat=True))}

    page = personas.client("mira").post(reverse(LIST), chosen, follow=True)

    said = sentences(page)
    assert said[0] == "2 differences were adopted."
    assert len(said) == 2
    assert "Billing data are kept on the organization" in said[1]


def test_more_than_somebody_can_wait_for_are_not_adopted_at_once(personas, acronis, found, monkeypatch):
    monkeypatch.setattr("provisioning.admin.drift.ADOPTED_AT_ONCE", 0)

    page = personas.client("mira").post(reverse(LIST), {"action": "adopt_selected", "_selected_action": [found.pk]}, follow=True)

    found.refresh_from_db()
    assert found.status == "open"
    assert sentences(page) == ["Adopt at most 0 at a time: Acronis is asked about each of them again."]


def test_only_who_may_decide_decides(personas, found):
    client = personas.client("bert")
    personas.bert.groups.get().permissions.add(*_permissions("view_drift"))

    assert client.get(url("change", found)).status_code == 200
    assert url("repair", found) not in client.get(reverse(LIST)).content.decode()
    assert url("repair", found) not in client.get(url("change", found)).content.decode()
    for move in ("repair", "adopt"):
        assert client.post(url(move, found)).status_code == 403
    client.post(reverse(LIST), {"action": "repair_selected", "_selected_action": [found.pk]})
    assert client.post(reverse("admin:provisioning_inspection_inspect")).status_code == 403
    found.refresh_from_db()
    assert found.status == "open"


def _permissions(*names):
    return Permission.objects.filter(codename__in=names)


# --- Inspections ----------------------------------------------------------------------------------------------------------


def test_the_button_only_asks_and_shows_the_page_that_keeps_itself_up_to_date(personas, acronis):
    page = personas.client("mira").post(reverse("admin:provisioning_inspection_inspect"), follow=True)

    asked = Inspection.objects.get()
    assert (asked.status, asked.asked_by) == ("waiting", personas.mira)
    assert "The worker begins in a moment" in page.content.decode()
    assert url("progress", asked) in page.content.decode()


def test_the_progress_loads_the_page_anew_once_it_has_ended(personas):
    row = inspection(status="running", tenants_total=1000, tenants_checked=120, differences=3)
    client = personas.client("mira")

    running = client.get(url("progress", row))
    Inspection.objects.update(status="finished", ended_at=AT)
    ended = client.get(url("progress", row))

    assert "120 of 1000 tenants looked at, 3 differences found" in running.content.decode()
    assert "HX-Refresh" not in running
    assert ended["HX-Refresh"] == "true"


def test_a_try_that_failed_says_when_the_next_one_is(personas):
    row = inspection(status="waiting", error="Acronis answered 503.", next_try_at=AT + timedelta(minutes=5))

    page = personas.client("mira").get(url("change", row)).content.decode()

    assert "Acronis answered 503." in page
    assert "It is tried again at 1 Oct 2026, 11:05 CEST" in page


def test_an_inspection_says_who_is_affected(personas, acronis):
    below = customer(acronis, name="Below", login="below", parent=personas.reseller)
    direct = customer(acronis, name="Direct", login="direct")
    for tenant in (below, below.parent, direct):
        Portal(acronis, tenant).update(name=f"{tenant.vendor_name} x")
    Portal(acronis, direct).switch("notarizations", on=False)
    row = inspect(acronis)
    client = personas.client("mira")

    page = client.get(url("change", row))

    resellers = {name: numbers for name, *numbers, _ in page.context["resellers"]}
    assert resellers == {"Alster IT": [2, 1, 2], "Direct customers": [1, 1, 2]}
    assert [(name, number) for name, number, _ in page.context["kinds"]] == [("Name", 3), ("Item off", 1)]
    for *_, address in page.context["resellers"]:
        assert len(client.get(address).context["cl"].result_list) == 2
    [kind, _] = page.context["kinds"]
    assert len(client.get(kind[2]).context["cl"].result_list) == 3


def test_the_next_inspection_does_not_show_what_was_gone_before_it(personas, acronis):
    portal = Portal(acronis, customer(acronis))
    portal.switch("notarizations", on=False)
    first = inspect(acronis)
    portal.switch("notarizations", on=True)
    second = inspecting.inspect(acronis.service_manager.pk, clock=night(2))

    found = [list(Drift.objects.found_by(one).values_list("kind", flat=True)) for one in (first, second)]

    assert found == [["enable_item"], []]


def test_the_dashboard_and_the_sidebar_count_what_is_open(personas):
    drift()
    drift(status="vanished")

    page = personas.client("mira").get(reverse("admin:index")).content.decode()

    assert "difference at the vendor" in page
    assert f'href="{reverse(LIST)}"' in page


def test_inspections_are_listed_with_how_far_they_are(personas):
    inspection(status="running", tenants_total=1000, tenants_checked=120)

    assert "120 of 1000" in personas.client("mira").get(reverse(INSPECTIONS)).content.decode()
