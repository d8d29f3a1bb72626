"""“Acronis” on a reseller's organization, and the data centre of a service manager."""

import pytest
from django.urls import reverse

from provisioning.models import ServiceManager, Tenant, TenantUser
from provisioning.operations import converging
from tests import factories
from tests.provisioning.world import later, staff_with, url

WHO = {"role": "readonly_admin", "login": "alice.falk", "email": "alice@example.com"}
SYNCHRONIZE = "provisioning.change_tenant"


def page_of(organization):
    return reverse("admin:provisioning_tenant_reseller", args=[organization.number])


def filled(acronis, **changes):
    return {"service_manager": acronis.service_manager.pk, "parent": "", **WHO, **changes}


def test_a_resellers_page_leads_to_acronis_and_a_customers_does_not(personas):
    client = personas.client("mira")

    reseller = client.get(reverse("admin:accounts_organization_change", args=[personas.reseller.pk])).content.decode()
    customer = client.get(reverse("admin:accounts_organization_change", args=[personas.direct_customer.pk])).content.decode()

    assert page_of(personas.reseller) in reseller
    assert page_of(personas.direct_customer) not in customer
    assert client.get(page_of(personas.direct_customer)).status_code == 404


def test_the_page_begins_with_the_only_service_manager_and_the_read_only_role(personas, acronis):
    page = personas.client("mira").get(page_of(personas.reseller))

    form = page.context["form"]
    assert form["service_manager"].value() == acronis.service_manager.pk
    assert form["role"].value() == "readonly_admin"
    assert "has no tenant yet" in page.content.decode()


def test_save_and_synchronize_provisions_at_once_and_shows_the_steps(personas, acronis, django_capture_on_commit_callbacks):
    client = personas.client("mira")

    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(page_of(personas.reseller), filled(acronis))

    page = client.get(answer["Location"]).content.decode()
    tenant = Tenant.objects.get()
    assert (tenant.organization, tenant.kind, tenant.agrees) == (personas.reseller, "partner", True)
    for words in ("Create the partner tenant “Alster IT”", "Make alice.falk read-only administrator", "As wished"):
        assert words in page


def test_saving_twice_is_one_tenant_one_user_one_mail(personas, acronis, django_capture_on_commit_callbacks):
    client = personas.client("mira")

    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            client.post(page_of(personas.reseller), filled(acronis))

    assert (Tenant.objects.count(), TenantUser.objects.count()) == (1, 1)
    assert len(acronis.seen("mails")) == 1
    assert len([one for one in acronis.seen("users") if one["login"] == "alice.falk"]) == 1


def test_what_would_be_done_is_shown_on_demand_and_nothing_is_written(personas, acronis):
    page = personas.client("mira").post(page_of(personas.reseller), filled(acronis, preview="1"))

    assert "Create the partner tenant “Alster IT”" in page.content.decode()
    assert page.context["form"]["login"].value() == "alice.falk"
    assert not Tenant.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"login": "msp-admin"}, "login", "msp-admin is taken"),
        ({"login": "no spaces"}, "login", "Use a name such as JohnDoe"),
        ({"login": ""}, "login", "Enter a login user name"),
        ({"email": ""}, "email", "Enter the e-mail address"),
        ({"email": "nonsense"}, "email", "Enter an e-mail address"),
        ({"role": "invented"}, "role", "invented"),
        ({"service_manager": "abc"}, "service_manager", "Choose one of the service managers"),
        ({"service_manager": "9" * 30}, "service_manager", "Choose one of the service managers"),
        ({"service_manager": ""}, "service_manager", "Choose the service manager"),
        ({"parent": "abc"}, "parent", "Choose a partner tenant"),
    ],
    ids=["taken", "spaces", "no-login", "no-email", "email", "role", "manager", "huge-manager", "no-manager", "parent"],
)
def test_what_cannot_be_is_refused_beside_its_field_with_what_was_typed(personas, acronis, changes, field, sentence):
    page = personas.client("mira").post(page_of(personas.reseller), filled(acronis, **changes))

    form = page.context["form"]
    assert sentence in " ".join(form.errors[field])
    assert form["email"].value() == changes.get("email", WHO["email"])
    assert not Tenant.objects.exists()


def test_a_customers_tenant_is_no_parent(personas, acronis):
    customer = factories.TenantFactory(service_manager=acronis.service_manager)

    page = personas.client("mira").post(page_of(personas.reseller), filled(acronis, parent=customer.pk))

    assert page.context["form"].errors["parent"]


def test_a_user_the_vendor_has_made_is_shown_and_not_changed_here(personas, acronis):
    client = personas.client("mira")
    client.post(page_of(personas.reseller), filled(acronis))
    converging.converge(Tenant.objects.get().pk, clock=later)

    page = client.get(page_of(personas.reseller))
    client.post(page_of(personas.reseller), filled(acronis, login="somebody.else"))

    assert page.context["form"].fields["login"].disabled
    assert TenantUser.objects.get().login == "alice.falk"


def test_a_vendor_that_is_down_is_told_by_the_steps_and_tried_again(personas, acronis, django_capture_on_commit_callbacks):
    acronis.fault(path=".*", status=503, times=1000)
    client = personas.client("mira")

    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(page_of(personas.reseller), filled(acronis))

    page = client.get(answer["Location"]).content.decode()
    assert "Failing" in page
    assert "It is tried again by itself at" in page


@pytest.mark.parametrize("fault", [{"status": 503}, {"reset": True}, {"garbage": True}], ids=["down", "cut", "garbage"])
def test_a_preview_the_vendor_does_not_answer_is_a_sentence(personas, acronis, fault):
    acronis.fault(path=".*", times=100, **fault)

    page = personas.client("mira").post(page_of(personas.reseller), filled(acronis, preview="1"))

    assert page.status_code == 200
    assert page.context["form"].non_field_errors()


def test_the_page_is_open_to_its_permission_alone(personas, acronis):
    address = page_of(personas.reseller)

    assert personas.client("nobody").post(address, filled(acronis)).status_code == 302
    assert personas.client("alice").post(address, filled(acronis), follow=True).status_code == 404
    assert staff_with("provisioning.view_tenant", "accounts.change_organization").post(address, filled(acronis)).status_code == 403
    assert not Tenant.objects.exists()
    assert staff_with(SYNCHRONIZE).post(address, filled(acronis)).status_code == 302
    assert Tenant.objects.exists()


# --- The data centre --------------------------------------------------------------------------------------------------


def test_the_data_centre_of_a_new_service_manager_is_found_by_a_login_and_filled_in(personas, acronis, settings):
    settings.ACRONIS_ENTRY_URL = "https://entry.example"
    client = personas.client("mira")

    answer = client.post(reverse("admin:provisioning_servicemanager_find"), {"login": "msp-admin"})
    form = client.get(answer["Location"]).context["adminform"].form

    assert form["base_url"].value() == "https://entry.example"  # the sandbox says: where you asked


def test_the_data_centre_of_a_service_manager_is_changed_once_that_was_agreed_to(personas, acronis, settings):
    settings.ACRONIS_ENTRY_URL = "https://entry.example"
    manager = acronis.service_manager
    client = personas.client("mira")

    found = client.post(url("find_again", manager), {"login": "msp-admin"}).content.decode()
    address_before = ServiceManager.objects.get().base_url
    client.post(url("find_again", manager), {"login": "msp-admin", "confirm": "https://entry.example"})

    manager.refresh_from_db()
    assert "msp-admin lives at" in found
    assert address_before == "http://acronis.test"
    assert (manager.base_url, manager.tested_at) == ("https://entry.example", None)


def test_an_address_that_was_not_found_is_not_taken(personas, acronis):
    personas.client("mira").post(
        url("find_again", acronis.service_manager), {"login": "msp-admin", "confirm": "https://evil.example"}
    )

    assert ServiceManager.objects.get().base_url == "http://acronis.test"


def test_a_login_nobody_has_is_refused_beside_its_field(personas, acronis):
    page = personas.client("mira").post(url("find_again", acronis.service_manager), {"login": "nobody.at.all"})

    assert page.context["form"].errors["login"] == ["Acronis knows no login nobody.at.all."]


def test_a_vendor_that_does_not_say_where_a_login_lives_is_a_sentence(personas, acronis):
    acronis.fault(path=".*", status=503, times=100)

    page = personas.client("mira").post(url("find_again", acronis.service_manager), {"login": "msp-admin"})

    assert page.context["form"].non_field_errors()


def test_finding_the_data_centre_is_for_those_who_may_change_it(personas, acronis):
    manager = acronis.service_manager
    see = "provisioning.view_servicemanager"

    assert personas.client("dora").post(url("find_again", manager), {"login": "msp-admin"}, follow=True).status_code == 404
    assert staff_with(see).post(url("find_again", manager), {"login": "msp-admin"}).status_code == 403
    assert staff_with(see, "provisioning.change_servicemanager").get(url("find_again", manager)).status_code == 200
    new = reverse("admin:provisioning_servicemanager_find")
    assert staff_with(see, "provisioning.change_servicemanager").get(new).status_code == 403
    assert staff_with(see, "provisioning.add_servicemanager").get(new).status_code == 200


def test_what_is_typed_stays_when_the_steps_at_acronis_are_done(personas, acronis, django_capture_on_commit_callbacks):
    client = personas.client("mira")
    with django_capture_on_commit_callbacks(execute=True):
        client.post(page_of(personas.reseller), filled(acronis))
    page = client.get(page_of(personas.reseller)).content.decode()
    tenant = Tenant.objects.get()
    progress = reverse("admin:provisioning_tenant_progress", args=[tenant.pk])

    beside_form = client.get(f"{progress}?beside=form")
    alone = client.get(progress)

    assert f'id="state-{tenant.pk}"' in page
    assert "HX-Refresh" not in beside_form
    assert 'hx-swap-oob="true">As wished<' in beside_form.content.decode()
    assert alone["HX-Refresh"] == "true"
    assert "hx-swap-oob" not in alone.content.decode()
