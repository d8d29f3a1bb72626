"""A service's page in the back office: licensing models, quotas, from trial to production."""

import pytest
from django.urls import reverse

from common import clock
from provisioning.forms.services import QuotasForm
from provisioning.models import Service, ServiceItem
from provisioning.operations import services
from provisioning.planning.choosing import ItemWish
from provisioning.planning.values import GIB, POINT, Limit
from provisioning.queries import QuotaRow, quota_rows
from tests import factories
from tests.factories import AT
from tests.provisioning.world import converge, served, staff_with, url

OTHER = {"protection_model": "per_workload", "file_sync_model": "per_user"}


@pytest.fixture
def service(personas, acronis):
    items = {"pg_base_storage": ItemWish(limit=Limit(50 * GIB, 10 * GIB))}
    return served(acronis, personas.direct_customer, pricing_mode="trial", items=items)


def said(answer):
    return [str(message) for message in answer.context["messages"]]


# --- The page ---------------------------------------------------------------------------------------------------------


def test_the_page_says_what_the_service_has_and_where_it_is_ended(personas, service):
    page = personas.client("mira").get(url("change", service)).content.decode()

    assert "soft quota 50 GB, hard at 60 GB" in page
    assert "Cloud storage" in page
    assert "Free trial" in page
    assert "choose “Terminate”" in page


def test_a_terminated_service_offers_nothing(personas):
    service = factories.ServiceFactory(ended_at=AT, pricing_mode="trial")
    client = personas.client("mira")

    page = client.get(url("change", service)).content.decode()

    assert "Terminated" in page
    for name in ("licensing", "quotas", "to_production"):
        assert url(name, service) not in page
    assert client.post(url("licensing", service), OTHER).status_code == 403
    assert client.post(url("quotas", service), {"quantity": "1"}).status_code == 403


# --- Licensing models -------------------------------------------------------------------------------------------------


def test_other_models_are_tried_first_and_changed_once_that_was_seen(personas, service):
    client = personas.client("mira")

    tried = client.post(url("licensing", service), OTHER)
    service.refresh_from_db()
    model_after_trying = service.protection_model
    client.post(url("licensing", service), {**OTHER, "confirm": "1"})

    service.refresh_from_db()
    assert "Switch from Protection per gigabyte to Protection per workload" in tried.content.decode()
    assert 'name="confirm"' in tried.content.decode()
    assert (model_after_trying, service.protection_model) == ("per_gigabyte", "per_workload")


def test_what_blocks_the_change_is_shown_and_there_is_nothing_to_confirm(personas, service, acronis):
    acronis.fault(path=".*/edition$", status=409, times=10)

    page = personas.client("mira").post(url("licensing", service), OTHER).content.decode()

    assert "Acronis refuses the change" in page
    assert 'name="confirm"' not in page


def test_confirming_what_is_blocked_by_now_is_a_sentence(personas, service, acronis):
    acronis.fault(path=".*/edition$", status=409, times=10)

    page = personas.client("mira").post(url("licensing", service), {**OTHER, "confirm": "1"}).content.decode()

    service.refresh_from_db()
    assert "Acronis refuses the change." in page
    assert service.protection_model == "per_gigabyte"


@pytest.mark.parametrize("fault", [{"status": 503}, {"reset": True}, {"garbage": True}], ids=["down", "cut", "garbage"])
@pytest.mark.parametrize("answer", [OTHER, {**OTHER, "confirm": "1"}], ids=["trying", "confirming"])
def test_a_vendor_that_does_not_answer_is_a_sentence_and_changes_nothing(personas, service, acronis, fault, answer):
    acronis.fault(path=".*", times=100, **fault)

    page = personas.client("mira").post(url("licensing", service), answer)

    service.refresh_from_db()
    assert page.status_code == 200
    assert page.context["form"].non_field_errors()
    assert service.protection_model == "per_gigabyte"


def test_the_present_models_are_refused(personas, service):
    answer = {"protection_model": "per_gigabyte", "file_sync_model": "per_user"}

    page = personas.client("mira").post(url("licensing", service), answer).content.decode()

    assert "These are the present licensing models." in page


@pytest.mark.parametrize("answer", [{}, {"protection_model": "x", "file_sync_model": "per_user"}], ids=["empty", "invented"])
def test_an_invented_model_is_refused_beside_its_field(personas, service, answer):
    page = personas.client("mira").post(url("licensing", service), answer)

    assert page.context["form"].errors["protection_model"]


# --- Quotas -----------------------------------------------------------------------------------------------------------


def filled(service, **changes):
    """Return the form of quotas as the page shows it, with some fields typed over."""
    form = QuotasForm(None, rows=quota_rows(service), quantity=service.quantity)
    return {**{name: form[name].value() for name in form.fields}, **changes}


def test_quotas_are_typed_in_gigabytes_and_pieces_and_reach_the_vendor(personas, service, acronis):
    typed = {"soft-pg_base_storage": "200", "hard-pg_base_storage": "", "soft-pg_base_servers": " 7 ", "quantity": "2"}

    answer = personas.client("mira").post(url("quotas", service), filled(service, **typed), follow=True)
    converge(service, clock=clock.now)

    said_now = {item.name: (item.soft_quota, item.overage) for item in service.items.all()}
    assert said(answer) == ["The quotas are saved and on their way to Acronis."]
    assert said_now == {"pg_base_storage": (200 * GIB, None), "pg_base_servers": (7, None)}
    service.tenant.refresh_from_db()
    assert service.tenant.agrees


def test_what_was_not_changed_is_not_written(personas, service):
    personas.client("mira").post(url("quotas", service), filled(service))

    assert list(service.items.values_list("name", flat=True)) == ["pg_base_storage"]


@pytest.mark.parametrize("unlimited", ["", "-1", " -1 "])
def test_empty_and_minus_one_are_unlimited(personas, service, unlimited):
    typed = {"soft-pg_base_storage": unlimited, "hard-pg_base_storage": unlimited}

    personas.client("mira").post(url("quotas", service), filled(service, **typed))

    item = service.items.get()
    assert (item.soft_quota, item.overage) == (None, None)


@pytest.mark.parametrize("typed", ["abc", "1.5", "1,000", "-2", "²", "1e3", "0x10", "9" * 19])
def test_what_is_no_whole_number_is_refused_beside_the_field_and_kept(personas, service, typed):
    answer = filled(service, **{"soft-pg_base_servers": typed, "soft-pg_base_vms": "4"})

    page = personas.client("mira").post(url("quotas", service), answer)

    form = page.context["form"]
    assert form.errors["soft-pg_base_servers"]
    assert form["soft-pg_base_servers"].value() == typed
    assert form["soft-pg_base_vms"].value() == "4"
    assert not service.items.filter(name="pg_base_vms").exists()


def test_a_hard_quota_without_a_soft_one_is_refused_beside_the_field(personas, service):
    page = personas.client("mira").post(url("quotas", service), filled(service, **{"hard-pg_base_servers": "5"}))

    assert "needs a soft quota" in page.context["form"].errors["hard-pg_base_servers"][0]


def billed(service, quantity=1, **facts):
    """Let a subscription bill the service."""
    return factories.SubscriptionFactory(service=service, quantity=quantity, **{"billing_model": "postpaid_fixed", **facts})


def test_what_a_subscription_bills_is_not_typed_here_but_upgraded_with_its_quote(personas, service):
    subscription = billed(service)
    mira = personas.client("mira")
    upgrade = reverse("admin:ordering_order_amend", args=[subscription.number, "quantity"])

    page = mira.get(url("quotas", service)).text
    refused = mira.post(url("quotas", service), {**filled(service), "quantity": "5"})
    saved = mira.post(url("quotas", service), filled(service, **{"soft-pg_base_servers": "7", "quantity": "1"}), follow=True)

    assert f'href="{upgrade}">Upgrade Quantity</a>' in page
    assert 'name="quantity"' not in page
    assert "changed with “Upgrade Quantity”" in refused.context["form"].non_field_errors()[0]
    assert said(saved) == ["The quotas are saved and on their way to Acronis."]
    service.refresh_from_db()
    assert (service.quantity, service.items.get(name="pg_base_servers").soft_quota) == (1, 7)


@pytest.mark.parametrize(("typed", "has"), [("3", 3), ("1", 1), ("4", 3)], ids=["left", "brought back", "refused"])
def test_a_quantity_that_is_not_what_is_billed_can_only_be_brought_back(personas, service, acronis, typed, has):
    services.change_quotas(service_id=service.pk, limits={}, quantity=3, at=clock.now())
    converge(service, clock=clock.now)
    billed(service)
    mira = personas.client("mira")

    page = mira.get(url("quotas", service)).text
    answer = mira.post(url("quotas", service), {**filled(service), "quantity": typed})

    assert "Quantity 3, but 1 is billed" in page
    assert 'name="quantity"' in page
    service.refresh_from_db()
    assert service.quantity == has
    assert (answer.status_code == 200) == (typed == "4")


def test_while_the_service_is_being_changed_its_quantity_cannot_be_typed(personas, service):
    billed(service)
    services.change_quotas(service_id=service.pk, limits={}, quantity=2, at=clock.now())

    assert 'name="quantity"' not in personas.client("mira").get(url("quotas", service)).text


@pytest.mark.parametrize(
    ("facts", "labels"),
    [
        ({}, {"Upgrade Quantity", "Upgrade Service"}),
        ({"billing_model": "pay_as_you_go"}, {"Upgrade Service"}),
        ({"status": "ended", "ended_on": AT.date()}, set()),
    ],
    ids=["fixed", "by use", "ended"],
)
def test_a_service_is_upgraded_from_its_own_page_where_a_subscription_runs(personas, service, facts, labels):
    billed(service, **facts)
    offered = {"Upgrade Quantity", "Upgrade Service"}

    page = personas.client("mira").get(url("change", service))
    quotas = personas.client("mira").get(url("quotas", service)).text
    of_others = staff_with(SEE, CHANGE).get(url("change", service))

    assert {move["label"] for move in page.context["moves"]} & offered == labels
    assert ("Upgrade Quantity</a>" in quotas) == ("Upgrade Quantity" in labels)
    assert not {move["label"] for move in of_others.context["moves"]} & offered


@pytest.mark.parametrize("typed", ["", "0", "-1", "1.5", "abc", "100001", "9" * 12])
def test_a_quantity_that_cannot_be_is_refused_beside_the_field(personas, service, typed):
    page = personas.client("mira").post(url("quotas", service), filled(service, quantity=typed))

    service.refresh_from_db()
    assert page.context["form"].errors["quantity"]
    assert service.quantity == 1


def test_the_preview_says_what_would_change_and_keeps_what_was_typed(personas, service):
    answer = filled(service, **{"soft-pg_base_servers": "7"}, preview="1")

    page = personas.client("mira").post(url("quotas", service), answer)

    assert "Set pg_base_servers to soft quota 7" in page.content.decode()
    assert page.context["form"]["soft-pg_base_servers"].value() == "7"
    assert list(service.items.values_list("name", flat=True)) == ["pg_base_storage"]


def test_a_preview_the_vendor_does_not_answer_is_a_sentence(personas, service, acronis):
    acronis.fault(path=".*", status=503, times=100)

    page = personas.client("mira").post(url("quotas", service), filled(service, preview="1"))

    assert page.status_code == 200
    assert page.context["form"].non_field_errors()


def test_a_quota_that_is_no_whole_number_of_gigabytes_is_shown_exactly_and_stays(db):
    rows = [QuotaRow("pg_base_storage", "pck_per_gigabyte", "bytes", Limit(GIB + GIB // 2))]
    shown = QuotasForm(None, rows=rows, quantity=1)["soft-pg_base_storage"].value()

    form = QuotasForm({"quantity": "1", "soft-pg_base_storage": shown}, rows=rows, quantity=1)

    assert shown == "1.5"
    assert form.is_valid()
    assert form.cleaned_data["limits"] == {}


def test_compute_points_are_typed_in_points_and_kept_in_seconds(db):
    rows = [QuotaRow("adv_dr_compute_points", "", "seconds", Limit())]

    form = QuotasForm({"quantity": "1", "soft-adv_dr_compute_points": "10"}, rows=rows, quantity=1)

    assert form.is_valid()
    assert form.cleaned_data["limits"] == {"adv_dr_compute_points": Limit(10 * POINT)}


def test_only_what_the_service_has_on_and_can_be_counted_is_listed(service):
    ServiceItem.objects.create(service=service, name="pg_base_servers", is_enabled=False)

    names = [row.name for row in quota_rows(service)]

    assert "pg_base_storage" in names
    assert "notarizations" in names
    assert "pg_base_servers" not in names
    assert not any(name.startswith("pw_") for name in names)
    assert len(names) == len(set(names))


def test_of_a_service_with_chosen_items_only_those_are_listed(service):
    Service.objects.update(covers=Service.Covers.CHOSEN)
    service.refresh_from_db()

    assert [row.name for row in quota_rows(service)] == ["pg_base_storage"]


# --- Trial ------------------------------------------------------------------------------------------------------------


def test_a_trial_goes_to_production_after_asking_and_only_once(personas, service):
    client = personas.client("mira")

    asked = client.get(url("to_production", service)).content.decode()
    client.post(url("to_production", service))
    client.post(url("to_production", service))

    service.refresh_from_db()
    assert "There is no way back." in asked
    assert "bills the whole month" in asked
    assert service.pricing_mode == "production"
    assert url("to_production", service) not in client.get(url("change", service)).content.decode()


# --- Who may ----------------------------------------------------------------------------------------------------------

CHANGE = "provisioning.change_service"
SEE = "provisioning.view_service"


@pytest.mark.parametrize(
    ("name", "answer"),
    [("licensing", {**OTHER, "confirm": "1"}), ("quotas", {"quantity": "3"}), ("to_production", {})],
    ids=["licensing", "quotas", "production"],
)
def test_changing_a_service_is_open_to_its_permission_alone(personas, service, name, answer):
    address = url(name, service)

    def state():
        return Service.objects.values_list("protection_model", "quantity", "pricing_mode", "wished_at").get()

    before = state()
    assert personas.client("nobody").post(address, answer).status_code == 302
    assert personas.client("dora").post(address, answer, follow=True).status_code == 404
    assert staff_with(SEE, "provisioning.terminate_service", "provisioning.change_tenant").post(address, answer).status_code == 403
    assert state() == before
    assert staff_with(SEE, CHANGE).post(address, answer).status_code == 302
    assert state() != before


def test_whoever_may_only_look_is_offered_no_change(personas, service):
    page = staff_with(SEE).get(url("change", service)).content.decode()

    assert "Change quotas" not in page
    assert "Switch to production" not in page


def test_a_service_that_ended_meanwhile_is_refused_in_a_sentence(personas, service, monkeypatch):
    """Somebody terminates between the page's look and the operation's lock."""
    change = services.change_quotas

    def ended_meanwhile(**facts):
        Service.objects.update(ended_at=AT)
        change(**facts)

    monkeypatch.setattr(services, "change_quotas", ended_meanwhile)

    page = personas.client("mira").post(url("quotas", service), filled(service, quantity="2")).content.decode()

    assert "The service was terminated." in page
