"""Converging against the sandbox: the real client, the real contract, every way the vendor can fail."""

from datetime import timedelta

import pytest

from common.errors import DomainError, FieldRefused
from provisioning import vendor
from provisioning.acronis.errors import AcronisError
from provisioning.models import FileSyncModel, Hold, ProtectionModel, ServiceManager, Tenant
from provisioning.observing import NothingWished
from provisioning.operations import connection, converging, converging_users, logins, preview, users, wishes
from tests.factories import AT, OrganizationFactory, ResellerFactory, TenantFactory, TenantUserFactory

pytestmark = pytest.mark.django_db

WISH = wishes.ServiceWish(ProtectionModel.PER_GIGABYTE, FileSyncModel.PER_USER, login="jane.doe", email="jane@example.com")


def clock():
    return AT + timedelta(minutes=1)


def wished(acronis, consumer=None, wish=WISH) -> Tenant:
    consumer = consumer or OrganizationFactory(name="Dora Design")
    return wishes.wish_service(consumer=consumer, service_manager=acronis.service_manager, wish=wish, at=AT).tenant


def vendor_tenant(acronis, tenant: Tenant):
    tenant.refresh_from_db()
    return vendor.connect(acronis.service_manager).tenants.get(str(tenant.vendor_id))


def enabled_items(acronis, tenant: Tenant):
    tenant.refresh_from_db()
    return [item for item in vendor.connect(acronis.service_manager).offering_items.list(str(tenant.vendor_id)) if item.enabled]


# --- A new customer ---------------------------------------------------------------------------------------------------


def test_a_direct_customer_stands_under_the_msp_with_one_edition_each_one_storage_per_type_and_no_quota(acronis):
    tenant = wished(acronis)

    converging.converge(tenant.pk, clock=clock)

    found = vendor_tenant(acronis, tenant)
    items = enabled_items(acronis, tenant)
    assert (found.kind, found.parent_id, found.enabled) == ("customer", str(acronis.service_manager.root_tenant_id), True)
    assert (found.pricing_mode, found.customer_id) == ("production", tenant.key)
    assert {item.edition for item in items} == {"pck_per_gigabyte", "fss_per_user", None}
    assert {"notarizations", "drives_shipped_to_cloud", "pg_base_storage", "pu_base_fc_seats"} <= {item.name for item in items}
    assert len([item for item in items if item.name == "pg_base_storage"]) == 1
    assert all(item.quota is None or item.quota.value is None for item in items)
    assert tenant.agrees


def test_its_user_is_company_administrator_and_gets_one_activation_mail(acronis):
    tenant = wished(acronis)

    converging.converge(tenant.pk, clock=clock)

    [user] = vendor.connect(acronis.service_manager).users.of_tenant(str(Tenant.objects.get(pk=tenant.pk).vendor_id))
    assert user.login == "jane.doe"
    assert [policy.role_id for policy in user.access_policies] == ["company_admin"]
    assert [(mail["to"], mail["login"]) for mail in acronis.seen("mails")] == [("jane@example.com", "jane.doe")]
    assert tenant.users.get().activation_mail_confirmed_at == clock()


def test_each_step_is_recorded_and_converging_again_only_looks(acronis):
    tenant = wished(acronis)
    converging.converge(tenant.pk, clock=clock)
    done = list(tenant.actions.values_list("kind", "status"))

    converging.converge(tenant.pk, clock=clock)

    assert done == [
        ("create_tenant", "done"),
        ("set_items", "done"),
        ("set_pricing_mode", "done"),
        ("create_user", "done"),
        ("grant_role", "done"),
        ("send_activation_mail", "done"),
    ]
    assert tenant.actions.count() == 6


def test_a_new_customer_costs_at_most_sixteen_calls(acronis):
    tenant = wished(acronis)
    before = len(acronis.seen("calls"))
    vendor.forget_connections()

    converging.converge(tenant.pk, clock=clock)

    assert len(acronis.seen("calls")) - before <= 16


def test_a_resellers_customer_stands_under_its_partner_tenant_which_has_everything(acronis):
    customer = OrganizationFactory(name="Café Carol", parent=ResellerFactory(name="Alster IT"))
    tenant = wished(acronis, customer)

    converging.converge(tenant.pk, clock=clock)

    partner = Tenant.objects.get(organization=customer.parent)
    assert (partner.kind, vendor_tenant(acronis, partner).kind) == ("partner", "partner")
    assert vendor_tenant(acronis, tenant).parent_id == str(partner.vendor_id)
    editions = {item.edition for item in enabled_items(acronis, partner)}
    assert {"pck_per_gigabyte", "pck_per_workload", "fss_per_user", "fss_per_gigabyte"} <= editions
    assert {item.edition for item in enabled_items(acronis, tenant)} == {"pck_per_gigabyte", "fss_per_user", None}


def test_per_workload_of_file_sync_is_the_edition_the_service_manager_names(acronis):
    wish = wishes.ServiceWish(ProtectionModel.PER_WORKLOAD, FileSyncModel.PER_WORKLOAD, login="joe.bloggs", email="joe@example.com")
    tenant = wished(acronis, wish=wish)

    converging.converge(tenant.pk, clock=clock)

    assert {item.edition for item in enabled_items(acronis, tenant)} == {"pck_per_workload", "fss_per_gigabyte", None}


def test_the_backup_location_of_the_service_manager_is_taken(acronis):
    manager = acronis.service_manager
    manager.default_backup_storage = manager.storages.get(name="Backup storage Zurich")
    manager.save()
    tenant = wished(acronis)

    converging.converge(tenant.pk, clock=clock)

    [storage] = [item.infra_id for item in enabled_items(acronis, tenant) if item.name == "pg_base_storage"]
    assert storage == str(manager.default_backup_storage.infra_id)


def test_a_name_somebody_else_has_gets_our_number(acronis):
    api = vendor.connect(acronis.service_manager)
    api.tenants.create(name="Dora Design", parent_id=str(acronis.service_manager.root_tenant_id), kind="customer")
    tenant = wished(acronis)

    converging.converge(tenant.pk, clock=clock)

    assert vendor_tenant(acronis, tenant).name == f"Dora Design ({tenant.organization.number})"


def test_what_was_changed_in_the_portal_is_put_right(acronis):
    tenant = wished(acronis)
    converging.converge(tenant.pk, clock=clock)
    found = vendor_tenant(acronis, tenant)
    vendor.connect(acronis.service_manager).tenants.update(found.id, version=found.version, enabled=False)

    converging.converge(tenant.pk, clock=clock)

    assert vendor_tenant(acronis, tenant).enabled is True


def test_a_hold_disables_the_tenant(acronis):
    tenant = wished(acronis)
    converging.converge(tenant.pk, clock=clock)
    Hold.objects.create(tenant=tenant, reason=Hold.Reason.MANUAL, opened_at=AT)

    converging.converge(tenant.pk, clock=clock)

    assert vendor_tenant(acronis, tenant).enabled is False


# --- Lost answers and faults --------------------------------------------------------------------------------------------

STEPS = [
    ("POST", "^/api/2/tenants$"),
    ("PUT", "/offering_items$"),
    ("PUT", "/pricing$"),
    ("POST", "^/api/2/users$"),
    ("PUT", "/access_policies$"),
    ("POST", "/send-activation-email$"),
]


def everything_once(acronis) -> None:
    """One customer tenant, one user, one mail."""
    assert len([tenant for tenant in acronis.seen("tenants") if tenant["kind"] == "customer"]) == 1
    assert len([user for user in acronis.seen("users") if user["login"] == "jane.doe"]) == 1
    assert len(acronis.seen("mails")) == 1


@pytest.mark.parametrize(("method", "path"), STEPS)
def test_an_answer_lost_on_the_way_doubles_nothing(acronis, method, path):
    tenant = wished(acronis)
    acronis.fault(method=method, path=path, times=1, lose_answer=True)

    converging.converge(tenant.pk, clock=clock)

    everything_once(acronis)
    tenant.refresh_from_db()
    assert tenant.agrees


def test_a_mail_whose_answer_was_lost_is_shown_as_unconfirmed_and_can_be_asked_for_again(
    acronis, django_capture_on_commit_callbacks
):
    tenant = wished(acronis)
    acronis.fault(method="POST", path="/send-activation-email$", times=1, lose_answer=True)
    converging.converge(tenant.pk, clock=clock)
    user = tenant.users.get()
    assert (user.activation_mail_asked_at, user.activation_mail_confirmed_at) == (clock(), None)

    with django_capture_on_commit_callbacks(execute=True):
        users.ask_activation_mail_again(tenant_user_id=user.pk, at=clock() + users.MAIL_PAUSE)

    user.refresh_from_db()
    assert user.activation_mail_confirmed_at is not None
    assert len(acronis.seen("mails")) == 2


def failure_of(tenant: Tenant) -> AcronisError | None:
    """Converge; return what the vendor did to us, if it did."""
    try:
        converging.converge(tenant.pk, clock=clock)
    except AcronisError as error:
        return error
    return None


@pytest.mark.parametrize(("method", "path"), STEPS)
@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 503},
        {"status": 429, "headers": {"Retry-After": "600"}},
        {"status": 200, "body": "<html>maintenance</html>"},
        {"reset": True},
    ],
    ids=["500", "503", "429", "garbage", "reset"],
)
def test_a_fault_at_any_step_ends_in_agreement_after_at_most_one_more_try(acronis, method, path, fault):
    tenant = wished(acronis)
    acronis.fault(method=method, path=path, times=6, **fault)

    failure = failure_of(tenant)
    acronis.no_more_faults()
    converging.converge(tenant.pk, clock=clock)

    assert failure is None or failure.retryable
    assert failure is None or str(failure) in set(tenant.actions.filter(status="failed").values_list("error", flat=True))
    assert len([found for found in acronis.seen("tenants") if found["kind"] == "customer"]) == 1
    assert len([user for user in acronis.seen("users") if user["login"] == "jane.doe"]) == 1
    assert len(acronis.seen("mails")) <= 1
    tenant.refresh_from_db()
    assert tenant.agrees


def test_wrong_credentials_are_said_and_not_tried_again(acronis):
    tenant = wished(acronis)
    ServiceManager.objects.filter(pk=acronis.service_manager.pk).update(client_id="nobody")

    with pytest.raises(AcronisError) as refusal:
        converging.converge(tenant.pk, clock=clock)

    assert not refusal.value.retryable
    assert "s3cret" not in str(refusal.value)


def test_a_login_taken_meanwhile_is_a_sentence_and_another_one_helps(acronis):
    tenant = wished(
        acronis, wish=wishes.ServiceWish(WISH.protection_model, WISH.file_sync_model, login="msp-admin", email="a@example.com")
    )
    with pytest.raises(converging_users.LoginTaken, match="The login msp-admin is taken at Acronis"):
        converging.converge(tenant.pk, clock=clock)

    users.change_user(tenant_id=tenant.pk, login="jane.doe", email="jane@example.com", role=WISH.role, at=AT)
    converging.converge(tenant.pk, clock=clock)

    everything_once(acronis)


def test_a_tenant_somebody_deleted_is_not_quietly_made_anew(acronis):
    tenant = wished(acronis)
    converging.converge(tenant.pk, clock=clock)
    api = vendor.connect(acronis.service_manager)
    found = vendor_tenant(acronis, tenant)
    api.tenants.delete(found.id, version=api.tenants.update(found.id, version=found.version, enabled=False).version)

    with pytest.raises(converging.TenantDeleted):
        converging.converge(tenant.pk, clock=clock)


# --- Wishes, logins, preview, connection ----------------------------------------------------------------------------------


def test_a_second_live_service_is_refused(acronis):
    tenant = wished(acronis)

    with pytest.raises(wishes.AlreadyServed, match="already has an Acronis subscription"):
        wished(acronis, tenant.organization)


def test_a_login_another_tenant_wishes_for_is_refused_without_regard_to_case(acronis):
    TenantUserFactory(tenant=TenantFactory(service_manager=acronis.service_manager), login="Jane.Doe")

    with pytest.raises(FieldRefused, match=r"jane\.doe is taken"):
        wished(acronis)


@pytest.mark.parametrize("login", ["", "  ", "ab", "jané", "jane doe", "jane;doe", "x" * 201])
def test_malformed_logins_are_refused_before_the_vendor_is_asked(acronis, login):
    before = len(acronis.seen("calls"))

    with pytest.raises(FieldRefused):
        logins.check_login(service_manager=acronis.service_manager, login=login)

    assert len(acronis.seen("calls")) == before


@pytest.mark.parametrize("login", ["JohnDoe", "johndoe@gmail.com", " jane.doe+till "])
def test_names_and_addresses_are_free(acronis, login):
    logins.check_login(service_manager=acronis.service_manager, login=login)


def test_a_login_taken_at_the_vendor_is_refused(acronis):
    with pytest.raises(FieldRefused, match="msp-admin is taken"):
        logins.check_login(service_manager=acronis.service_manager, login="msp-admin")


def test_a_vendor_that_is_down_does_not_call_a_login_taken(acronis):
    acronis.fault(method="GET", path="/check_login", times=9, status=503)

    with pytest.raises(logins.CannotCheck, match=r"could not tell whether jane\.doe is free"):
        logins.check_login(service_manager=acronis.service_manager, login="jane.doe")


def test_nobody_at_a_page_waits_as_long_as_a_worker_does(acronis, monkeypatch):
    waited = []
    monkeypatch.setattr(vendor, "sleep", waited.append)
    acronis.fault(method="GET", path="/check_login", times=9, status=429, headers={"Retry-After": "15"})

    with pytest.raises(logins.CannotCheck):
        logins.check_login(service_manager=acronis.service_manager, login="jane.doe")

    assert waited == []
    assert len([call for call in acronis.seen("calls") if call["path"].endswith("/check_login")]) == 1


def test_the_preview_is_the_plan_and_changes_nothing(acronis):
    consumer = OrganizationFactory(name="Café Carol", parent=ResellerFactory(name="Alster IT"))
    tenants = len(acronis.seen("tenants"))

    sentences = preview.what_would_change(consumer=consumer, service_manager=acronis.service_manager, wish=WISH)

    assert sentences[0] == "For Alster IT: Create the partner tenant “Alster IT”"
    assert "Create the customer tenant “Café Carol”" in sentences
    assert sentences[-1] == "Send the activation mail to jane@example.com"
    assert len(acronis.seen("tenants")) == tenants


def test_the_preview_of_what_agrees_is_empty(acronis):
    tenant = wished(acronis)
    converging.converge(tenant.pk, clock=clock)

    assert preview.what_would_change(consumer=tenant.organization, service_manager=acronis.service_manager, wish=WISH) == []


def test_services_definition_is_mirrored_and_fetching_again_doubles_nothing(acronis):
    manager = acronis.service_manager
    items = manager.offering_items.count()

    sentence = connection.fetch_services_definition(service_manager_id=manager.pk, at=AT)

    assert items > 50
    assert manager.offering_items.count() == items
    assert manager.storages.filter(capabilities__contains=["backup"]).count() == 2
    assert sentence.startswith(f"Found {items} offering items in ")


def test_a_connection_that_fails_says_why_and_keeps_it(acronis):
    manager = acronis.service_manager
    ServiceManager.objects.filter(pk=manager.pk).update(client_id="nobody")

    with pytest.raises(connection.ConnectionFailed, match="client id and secret were not accepted"):
        connection.test_connection(service_manager_id=manager.pk, at=AT)

    manager.refresh_from_db()
    assert manager.test_result.startswith("Failed: ")


def test_what_was_never_connected_says_so(acronis):
    ServiceManager.objects.update(root_tenant_id=None)

    with pytest.raises(DomainError, match="use “Test connection” first"):
        preview.what_would_change(consumer=OrganizationFactory(), service_manager=ServiceManager.objects.get(), wish=WISH)


def test_the_secret_is_not_in_the_database_as_it_is(acronis):
    from django.db import connection as database

    with database.cursor() as cursor:
        cursor.execute("SELECT client_secret FROM provisioning_servicemanager")
        stored = cursor.fetchone()[0]

    assert "s3cret" not in stored
    assert ServiceManager.objects.get().client_secret == "s3cret"


# --- Outside orders ---------------------------------------------------------------------------------------------------


def test_a_tenant_due_by_itself_keeps_its_failure_and_comes_back(acronis):
    tenant = wished(acronis)
    acronis.fault(method="POST", path="^/api/2/tenants$", times=9, status=503)

    converging.converge_due(tenant.pk, clock=clock)

    tenant.refresh_from_db()
    assert tenant.next_try_at == clock() + converging.BACKOFF[0]
    assert "503" in tenant.last_error
    acronis.no_more_faults()
    converging.converge_due(tenant.pk, clock=clock)
    tenant.refresh_from_db()
    assert (tenant.agrees, tenant.next_try_at, tenant.last_error) == (True, None, "")


def test_a_refusal_waits_for_a_person(acronis):
    tenant = wished(
        acronis, wish=wishes.ServiceWish(WISH.protection_model, WISH.file_sync_model, login="msp-admin", email="a@example.com")
    )

    converging.converge_due(tenant.pk, clock=clock)

    tenant.refresh_from_db()
    assert tenant.next_try_at is None
    assert "msp-admin is taken" in tenant.last_error


def test_a_tenant_without_a_live_service_is_left_as_it_is(acronis):
    tenant = wished(acronis)
    converging.converge(tenant.pk, clock=clock)
    tenant.services.update(ended_at=clock())

    with pytest.raises(NothingWished, match="has no live service"):
        converging.converge(tenant.pk, clock=clock)

    assert len(enabled_items(acronis, tenant)) > 20


def test_an_open_transaction_never_waits_for_the_vendor(acronis):
    from django.db import transaction

    with transaction.atomic(), pytest.raises(RuntimeError, match="transaction is open"):
        vendor.connect(acronis.service_manager)
