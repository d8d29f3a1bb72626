"""The vendor in the back office, with the real client on the sandbox."""

from uuid import uuid4

import pytest
from django.urls import reverse

from provisioning.models import ServiceManager, VendorStorage
from provisioning.operations import logins, wishes
from tests import factories
from tests.factories import AT
from tests.provisioning.world import staff_with


def url(name, row):
    return reverse(f"admin:provisioning_{row._meta.model_name}_{name}", args=[row.pk])


def filled(manager, **changes):
    return {
        "name": manager.name,
        "base_url": manager.base_url,
        "client_id": manager.client_id,
        "client_secret": "",
        "vendor_currency": "EUR",
        "fss_per_workload_edition": "fss_per_gigabyte",
        "activation": "mail",
        "max_parallel_calls": "8",
        "is_active": "on",
        "storages-TOTAL_FORMS": "0",
        "storages-INITIAL_FORMS": "0",
        **changes,
    }


def test_the_connection_is_tested_and_the_services_are_fetched(personas, acronis):
    manager = acronis.service_manager
    ServiceManager.objects.update(root_tenant_id=None)
    VendorStorage.objects.all().delete()
    client = personas.client("mira")

    tested = client.post(url("test_connection", manager), follow=True).content.decode()
    fetched = client.post(url("fetch_services_definition", manager), follow=True).content.decode()

    manager.refresh_from_db()
    assert manager.root_tenant_id is not None
    assert "Connected to the tenant" in tested
    assert "offering items" in fetched
    assert manager.storages.exists()


def test_a_vendor_that_refuses_is_a_sentence_and_no_error(personas, acronis):
    manager = acronis.service_manager
    acronis.fault(path=".*", status=500, times=100)

    page = personas.client("mira").post(url("fetch_services_definition", manager), follow=True)

    assert page.status_code == 200
    assert [str(message.level_tag) for message in page.context["messages"]] == ["error"]


def test_the_secret_is_never_shown_and_an_empty_field_keeps_it(personas):
    manager = factories.ServiceManagerFactory(client_secret="s3cret-of-ours")
    client = personas.client("mira")

    page = client.get(url("change", manager)).content.decode()
    answer = client.post(url("change", manager), filled(manager, name="Renamed"))

    assert answer.status_code == 302
    assert "s3cret-of-ours" not in page
    manager.refresh_from_db()
    assert (manager.name, manager.client_secret) == ("Renamed", "s3cret-of-ours")


def test_whoever_may_only_look_does_not_see_the_secret(personas):
    manager = factories.ServiceManagerFactory(client_secret="s3cret-of-ours")

    page = staff_with("provisioning.view_servicemanager").get(url("change", manager)).content.decode()

    assert str(manager.client_id) in page
    assert "s3cret-of-ours" not in page
    assert "Client secret" not in page


def test_a_secret_that_is_typed_replaces_the_old_one(personas):
    manager = factories.ServiceManagerFactory()

    personas.client("mira").post(url("change", manager), filled(manager, client_secret="another"))

    manager.refresh_from_db()
    assert manager.client_secret == "another"


def test_a_new_service_manager_needs_a_secret(personas):
    form = {
        "name": "EU2",
        "base_url": "https://eu2-cloud.acronis.com",
        "client_id": "x",
        "client_secret": "",
        "vendor_currency": "EUR",
    }

    page = personas.client("mira").post(reverse("admin:provisioning_servicemanager_add"), form)

    assert "client_secret" in page.context["adminform"].form.errors
    assert not ServiceManager.objects.exists()


def test_a_new_service_manager_is_added(personas):
    form = {
        "name": "EU2",
        "base_url": "https://eu2-cloud.acronis.com",
        "client_id": "x",
        "client_secret": "hush",
        "vendor_currency": "eur",
        "activation": "mail",
        "max_parallel_calls": "8",
        "is_active": "on",
        "storages-TOTAL_FORMS": "0",
        "storages-INITIAL_FORMS": "0",
    }

    personas.client("mira").post(reverse("admin:provisioning_servicemanager_add"), form)

    manager = ServiceManager.objects.get()
    assert (manager.client_secret, manager.vendor_currency, manager.fss_per_workload_edition) == ("hush", "EUR", "fss_per_gigabyte")


@pytest.fixture
def tenant(personas, acronis):
    wish = wishes.ServiceWish("per_gigabyte", "per_user", login="jane.doe", email="jane@example.com")
    consumer = personas.direct_customer
    return wishes.wish_service(consumer=consumer, service_manager=acronis.service_manager, wish=wish, at=AT).tenant


def test_a_tenant_is_converged_by_hand(personas, tenant, django_capture_on_commit_callbacks):
    client = personas.client("mira")

    with django_capture_on_commit_callbacks(execute=True):
        client.post(url("converge_now", tenant))

    page = client.get(url("change", tenant)).content.decode()
    tenant.refresh_from_db()
    assert tenant.vendor_id is not None
    assert "As wished" in page
    assert str(tenant.vendor_id) in page
    assert "jane.doe" in page


def test_a_vendor_that_is_down_is_told_on_the_page_with_the_next_try(personas, tenant, acronis, django_capture_on_commit_callbacks):
    acronis.fault(path=".*", status=503, times=100)
    client = personas.client("mira")

    with django_capture_on_commit_callbacks(execute=True):
        client.post(url("converge_now", tenant))

    page = client.get(url("change", tenant)).content.decode()
    assert "Failing" in page
    assert "It is tried again by itself at" in page


def test_tenants_whose_mail_is_not_confirmed_can_be_listed(personas):
    waiting = factories.TenantUserFactory(activation_mail_asked_at=AT).tenant
    confirmed = factories.TenantUserFactory(activation_mail_asked_at=AT, activation_mail_confirmed_at=AT).tenant

    page = personas.client("mira").get(reverse("admin:provisioning_tenant_changelist"), {"mail": "unconfirmed"}).content.decode()

    assert str(waiting.vendor_id) in page
    assert str(confirmed.vendor_id) not in page


def test_a_tenant_is_found_by_the_id_people_copy_from_the_portal(personas):
    tenant, _ = factories.TenantFactory(), factories.TenantFactory()

    page = personas.client("mira").get(reverse("admin:provisioning_tenant_changelist"), {"q": str(tenant.vendor_id)})

    assert list(page.context["cl"].result_list) == [tenant]


@pytest.mark.parametrize(
    "address", ["ftp://eu2-cloud.acronis.com", "https://me:secret@eu2-cloud.acronis.com", "https://eu2-cloud.acronis.com/?a=b"]
)
def test_an_address_that_is_no_data_centre_is_refused_beside_its_field(personas, address):
    manager = factories.ServiceManagerFactory()

    page = personas.client("mira").post(url("change", manager), filled(manager, base_url=address)).content.decode()

    manager.refresh_from_db()
    assert "Enter the address of a data centre" in page
    assert manager.base_url == "http://acronis.test"


def test_a_wrong_address_in_the_database_is_a_sentence_for_whoever_asks(db):
    manager = factories.ServiceManagerFactory(base_url="junk")

    with pytest.raises(logins.CannotCheck, match="cannot be asked: 'junk' is not the web address of a data centre"):
        logins.check_login(service_manager=manager, login="jane.doe")


def test_each_default_storage_is_chosen_among_those_that_can_do_it(personas, acronis):
    manager = acronis.service_manager
    capabilities = {"default_backup_storage": "backup", "default_file_storage": "files_cloud"}
    elsewhere = VendorStorage.objects.create(
        service_manager=factories.ServiceManagerFactory(),
        infra_id=uuid4(),
        name="Elsewhere",
        capabilities=["backup", "files_cloud"],
    )
    withdrawn = VendorStorage.objects.create(
        service_manager=manager, infra_id=uuid4(), name="Withdrawn", capabilities=["backup", "files_cloud"], is_offered=False
    )

    form = personas.client("mira").get(url("change", manager)).context["adminform"].form

    for field, capability in capabilities.items():
        offered = list(form.fields[field].queryset)
        assert offered
        assert all(capability in storage.capabilities for storage in offered)
        assert not {elsewhere, withdrawn} & set(offered)


def test_a_storage_that_cannot_do_it_is_refused_beside_its_field(personas, acronis):
    manager = acronis.service_manager
    tapes = VendorStorage.objects.create(service_manager=manager, infra_id=uuid4(), name="Tapes", capabilities=["tapes"])

    page = personas.client("mira").post(url("change", manager), filled(manager, default_backup_storage=tapes.pk))

    assert page.context["adminform"].form.errors["default_backup_storage"]


@pytest.mark.parametrize("calls", ["0", "65", "abc", ""])
def test_a_number_of_calls_at_a_time_that_cannot_be_is_refused(personas, calls):
    manager = factories.ServiceManagerFactory()

    page = personas.client("mira").post(url("change", manager), filled(manager, max_parallel_calls=calls))

    assert page.context["adminform"].form.errors["max_parallel_calls"]
