"""A tenant's page in the back office: its state, suspending it, and the people there."""

import re

import pytest
from django.urls import reverse

from provisioning.models import Hold, Tenant, TenantUser, VendorAccess, VendorAction
from provisioning.operations import holds, users
from tests import factories
from tests.factories import AT
from tests.provisioning.world import LATER, converge, served, staff_with, url


@pytest.fixture
def service(personas, acronis):
    return served(acronis, personas.direct_customer, activation="password")


@pytest.fixture
def tenant(service):
    return service.tenant


@pytest.fixture
def user(tenant):
    return tenant.users.get()


def said(answer):
    return [str(message) for message in answer.context["messages"]]


# --- The page ---------------------------------------------------------------------------------------------------------


def test_the_page_says_where_the_tenant_stands_and_what_was_done_in_detail(personas, tenant):
    page = personas.client("mira").get(url("change", tenant)).content.decode()

    assert "As wished" in page
    assert "Create the customer tenant “Dora Design”" in page
    assert "enable pg_base_storage" in page
    assert "none is due" in page


def test_a_failure_says_what_to_do_and_that_nothing_is_tried_by_itself(personas):
    tenant = factories.TenantFactory(last_error="The login jane.doe is taken at Acronis. Choose another and try again.")

    page = personas.client("mira").get(url("change", tenant)).content.decode()

    assert "Failing" in page
    assert "Choose another and try again." in page
    assert "not tried again by itself" in page


def test_while_something_is_due_the_page_asks_again_and_then_loads_itself_anew(personas):
    client = personas.client("mira")
    moving = factories.TenantFactory(next_try_at=AT)
    resting = factories.TenantFactory()

    first = client.get(url("progress", moving))
    second = client.get(url("progress", resting))

    assert "every 2s" in first.content.decode()
    assert "HX-Refresh" not in first
    assert second["HX-Refresh"] == "true"


def test_the_page_asks_the_same_number_of_questions_however_much_was_done(personas, django_assert_max_num_queries):
    tenant = factories.TenantFactory()
    for number in range(30):
        VendorAction.objects.create(tenant=tenant, kind="set_items", sentence=f"Step {number}", started_at=AT, status="done")
    for _ in range(5):
        factories.TenantUserFactory(tenant=tenant)
    client = personas.client("mira")

    with django_assert_max_num_queries(40):
        client.get(url("change", tenant))


# --- Suspending and resuming ------------------------------------------------------------------------------------------


def test_staff_suspend_with_a_note_and_resume(personas, tenant, acronis, service, django_capture_on_commit_callbacks):
    client = personas.client("mira")

    with django_capture_on_commit_callbacks(execute=True):
        client.post(url("suspend", tenant), {"note": "Asked for until January"})
    suspended = client.get(url("change", tenant)).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(url("resume", tenant), follow=True)

    assert "Suspended" in suspended
    assert "Asked for until January" in suspended
    assert "runs again" in said(answer)[0]
    assert Hold.objects.get().released_at is not None
    assert "As wished" in client.get(url("change", tenant)).content.decode()


def test_a_suspension_without_a_reason_is_refused_beside_the_field(personas, tenant):
    page = personas.client("mira").post(url("suspend", tenant), {"note": " "}).content.decode()

    assert "Say why" in page
    assert not Hold.objects.exists()


def test_suspending_twice_is_one_hold(personas, tenant):
    client = personas.client("mira")

    client.post(url("suspend", tenant), {"note": "once"})
    client.post(url("suspend", tenant), {"note": "twice"})

    assert Hold.objects.get().note == "once"


def test_suspending_a_tenant_that_is_to_be_deleted_is_a_sentence(personas):
    tenant = factories.TenantFactory(retired_at=AT)

    page = personas.client("mira").post(url("suspend", tenant), {"note": "x"}).content.decode()

    assert "was terminated" in page


def test_a_hold_of_dunning_is_not_lifted_by_hand_and_says_who_lifts_it(personas, tenant):
    holds.place_hold(tenant_id=tenant.pk, reason=Hold.Reason.DUNNING, at=LATER)
    client = personas.client("mira")

    page = client.get(url("change", tenant)).content.decode()
    client.post(url("resume", tenant))

    assert "Lifted by itself once the overdue invoices are paid." in page
    assert url("resume", tenant) not in page
    assert Hold.objects.get().released_at is None


def test_resuming_says_what_still_keeps_the_tenant_suspended(personas, tenant):
    for reason in (Hold.Reason.MANUAL, Hold.Reason.DUNNING):
        holds.place_hold(tenant_id=tenant.pk, reason=reason, at=LATER)

    answer = personas.client("mira").post(url("resume", tenant), follow=True)

    assert said(answer) == ["Your hold is lifted. The tenant stays suspended: invoice overdue."]


def test_suspending_a_reseller_says_how_many_customers_stop_with_it(personas, acronis):
    service = served(acronis, personas.resellers_customer)

    page = personas.client("mira").get(url("suspend", service.tenant.parent)).content.decode()

    assert "1 customer tenant below it stops with it." in page


# --- Login to panel ---------------------------------------------------------------------------------------------------


def test_staff_are_sent_to_the_panel_on_behalf_and_it_is_recorded(personas, user):
    answer = personas.client("mira").post(url("panel", user))

    access = VendorAccess.objects.get()
    assert answer.status_code == 302
    assert re.match(r"http://acronis\.test/api/2/idp/external-login#ott=.+", answer["Location"])
    assert "no-store" in answer["Cache-Control"]
    assert answer["Referrer-Policy"] == "no-referrer"
    assert (access.kind, access.person, access.tenant_user) == ("panel_opened", personas.mira, user)


def test_forms_of_the_tenants_page_may_leave_for_its_data_centre_and_nowhere_else(personas, tenant):
    answer = personas.client("mira").get(url("change", tenant))

    policy = answer["Content-Security-Policy"]
    assert re.search(r"form-action ([^;]*)", policy).group(1).split() == ["'self'", "http://acronis.test"]
    assert 'target="_blank"' in answer.content.decode()


@pytest.mark.parametrize("fault", [{"status": 503}, {"reset": True}, {"garbage": True}], ids=["down", "cut", "garbage"])
def test_a_vendor_that_lets_nobody_in_is_a_sentence_and_nothing_is_recorded(personas, user, acronis, fault):
    acronis.fault(path=".*", times=100, **fault)

    answer = personas.client("mira").post(url("panel", user), follow=True)

    assert said(answer)[0].startswith("Acronis does not let jane.doe in now")
    assert not VendorAccess.objects.exists()


def test_nobody_goes_to_the_panel_of_a_suspended_tenant(personas, tenant, user):
    holds.place_hold(tenant_id=tenant.pk, reason=Hold.Reason.MANUAL, at=LATER)

    answer = personas.client("mira").post(url("panel", user), follow=True)

    assert said(answer) == ["The service is suspended, so Acronis lets nobody in."]


# --- Passwords --------------------------------------------------------------------------------------------------------


def test_a_generated_password_is_shown_kept_nowhere_and_recorded(personas, user):
    answer = personas.client("mira").post(url("password", user))

    assert user.password in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert (VendorAccess.objects.get().kind, VendorAccess.objects.get().person) == ("password_shown", personas.mira)


def test_the_password_is_on_no_other_page(personas, tenant, user):
    client = personas.client("mira")

    for address in (url("change", tenant), reverse("admin:provisioning_tenantuser_changelist"), url("login", user)):
        assert user.password not in client.get(address).content.decode()


def test_a_password_the_person_set_is_not_ours_to_show(personas, acronis):
    user = served(acronis, personas.direct_customer).tenant.users.get()

    answer = personas.client("mira").post(url("password", user), follow=True)

    assert said(answer) == ["We keep no password of jane.doe: it was set by the activation mail of Acronis."]
    assert not VendorAccess.objects.exists()


def test_a_password_is_reset_after_asking(personas, service, user):
    client = personas.client("mira")

    asked = client.get(url("reset_password", user)).content.decode()
    client.post(url("reset_password", user))
    not_yet = client.post(url("password", user), follow=True)
    converge(service)
    shown = client.post(url("password", user)).content.decode()

    before = user.password
    user.refresh_from_db()
    assert "gets a new generated password" in asked
    assert "is being set at Acronis" in said(not_yet)[-1]
    assert user.password != before
    assert user.password in shown


# --- Login, e-mail, activation mail -----------------------------------------------------------------------------------


def test_login_and_email_are_changed_at_the_vendor(personas, service, user, acronis):
    client = personas.client("mira")

    answer = client.post(url("login", user), {"login": "jane.kern", "email": "kern@example.com"}, follow=True)
    converge(service)

    (there,) = [one for one in acronis.seen("users") if one["login"] == "jane.kern"]
    assert said(answer) == ["The login becomes jane.kern at Acronis within a minute. Acronis is told of kern@example.com."]
    assert there["login"] == "jane.kern"


def test_the_same_login_and_email_change_nothing(personas, tenant, user):
    answer = personas.client("mira").post(url("login", user), {"login": user.login, "email": user.email}, follow=True)

    tenant.refresh_from_db()
    assert said(answer) == ["Nothing was changed."]
    assert tenant.agrees


@pytest.mark.parametrize(
    ("answer", "field", "sentence"),
    [
        ({"login": "msp-admin", "email": "a@example.com"}, "login", "msp-admin is taken"),
        ({"login": "no spaces", "email": "a@example.com"}, "login", "Use a name such as JohnDoe"),
        ({"login": "", "email": "a@example.com"}, "login", "Enter a login"),
        ({"login": "jane.kern", "email": "nonsense"}, "email", "Enter an e-mail address"),
        ({"login": "j" * 201, "email": "a@example.com"}, "login", "at most 200"),
    ],
    ids=["taken", "spaces", "empty", "email", "long"],
)
def test_what_cannot_be_is_refused_beside_its_field_with_what_was_typed(personas, user, answer, field, sentence):
    page = personas.client("mira").post(url("login", user), answer)

    user.refresh_from_db()
    assert sentence in " ".join(page.context["form"].errors[field])
    assert user.login == "jane.doe"
    assert page.context["form"]["login"].value() == answer["login"]


def test_a_vendor_that_does_not_say_whether_a_login_is_free_keeps_nobody_from_changing_it(personas, user, acronis):
    acronis.fault(path=".*", status=503, times=100)

    answer = personas.client("mira").post(url("login", user), {"login": "jane.kern", "email": user.email}, follow=True)

    user.refresh_from_db()
    assert "could not tell whether jane.kern is free" in said(answer)[0]
    assert user.login == "jane.kern"


def test_the_activation_mail_is_sent_again_after_asking(personas, acronis):
    service = served(acronis, personas.direct_customer)
    user = service.tenant.users.get()
    client = personas.client("mira")

    asked = client.get(url("send_activation_mail", user)).content.decode()
    client.post(url("send_activation_mail", user))
    converge(service)

    assert "jane@example.com" in asked
    assert len(acronis.seen("mails")) == 2


def test_an_active_user_gets_no_activation_mail(personas, user):
    TenantUser.objects.update(activated_at=AT)
    client = personas.client("mira")

    answer = client.post(url("send_activation_mail", user), follow=True)

    assert "is active at Acronis already" in said(answer)[0]
    assert url("send_activation_mail", user) not in answer.content.decode()


@pytest.mark.parametrize("name", ["panel", "password", "reset_password", "send_activation_mail", "login"])
def test_nothing_is_done_about_a_user_who_is_gone_with_the_tenant(personas, tenant, user, name):
    TenantUser.objects.update(gone_at=AT)
    Tenant.objects.filter(pk=tenant.pk).update(retired_at=AT, gone_at=AT)
    client = personas.client("mira")

    answer = client.post(url(name, user), {"login": "jane.kern", "email": "k@example.com"}, follow=True)

    assert answer.status_code == 200
    assert "Deleted with the tenant" in client.get(url("change", tenant)).content.decode()
    assert not VendorAccess.objects.exists()
    assert TenantUser.objects.get().login == "jane.doe"


# --- The live check ---------------------------------------------------------------------------------------------------

CHECK = "admin:provisioning_tenantuser_check_login"


@pytest.mark.parametrize(
    ("login", "sentence"),
    [
        ("jane.kern", "jane.kern is free"),
        ("msp-admin", "msp-admin is taken. Choose another."),
        ("x", "at least 3 characters"),
        ("", "Enter a login user name."),
    ],
    ids=["free", "taken", "short", "empty"],
)
def test_the_live_check_says_whether_a_login_is_free(personas, acronis, login, sentence):
    answer = personas.client("mira").post(reverse(CHECK), {"login": login, "service_manager": acronis.service_manager.pk})

    assert sentence in answer.content.decode()


def test_the_live_check_knows_the_users_own_login(personas, user):
    answer = personas.client("mira").post(reverse(CHECK) + f"?user={user.pk}", {"login": "Jane.Doe"})

    assert "jane.doe is the present login." in answer.content.decode()


@pytest.mark.parametrize("chosen", ["", "abc", "²", "9" * 30, "-1"])
def test_the_live_check_survives_an_invented_service_manager(personas, chosen):
    answer = personas.client("mira").post(reverse(CHECK), {"login": "jane.kern", "service_manager": chosen})

    assert "Choose the service manager first." in answer.content.decode()


def test_the_live_check_says_when_the_vendor_does_not(personas, acronis):
    acronis.fault(path=".*", status=503, times=100)

    answer = personas.client("mira").post(reverse(CHECK), {"login": "jane.kern", "service_manager": acronis.service_manager.pk})

    assert "You can go on" in answer.content.decode()


# --- Who may ----------------------------------------------------------------------------------------------------------

SEE = ("provisioning.view_tenant", "provisioning.view_tenantuser")
DOORS = [
    ("tenant", "converge_now", {}, "provisioning.change_tenant"),
    ("tenant", "suspend", {"note": "x"}, "provisioning.place_hold"),
    ("tenant", "resume", {}, "provisioning.place_hold"),
    ("user", "panel", {}, "provisioning.open_panel"),
    ("user", "password", {}, "provisioning.show_password"),
    ("user", "reset_password", {}, "provisioning.change_tenantuser"),
    ("user", "send_activation_mail", {}, "provisioning.change_tenantuser"),
    ("user", "login", {"login": "jane.kern", "email": "k@example.com"}, "provisioning.change_tenantuser"),
]


def _trace(tenant):
    """Everything a move could have changed."""
    tenant.refresh_from_db()
    facts = list(TenantUser.objects.values_list("login", "email", "password_wished_at", "activation_mail_asked_at"))
    return facts, tenant.next_try_at, tenant.wished_at, Hold.objects.count(), VendorAccess.objects.count()


@pytest.mark.parametrize(("row", "name", "answer", "permission"), DOORS, ids=[door[1] for door in DOORS])
def test_a_move_is_open_to_its_permission_alone(personas, tenant, user, row, name, answer, permission):
    address = url(name, {"tenant": tenant, "user": user}[row])
    if name == "send_activation_mail":
        TenantUser.objects.update(activated_at=None, password=None, password_wished_at=None, password_set_at=None)
    if name == "resume":
        holds.place_hold(tenant_id=tenant.pk, reason=Hold.Reason.MANUAL, at=LATER)
    before = _trace(tenant)

    others = [other for _, _, _, other in DOORS if other != permission]
    assert personas.client("nobody").post(address, answer).status_code == 302
    assert personas.client("dora").post(address, answer, follow=True).status_code == 404
    assert staff_with(*SEE).post(address, answer).status_code == 403
    assert staff_with(*SEE, *others).post(address, answer).status_code == 403
    assert _trace(tenant) == before
    assert staff_with(*SEE, permission).post(address, answer).status_code in (200, 302)
    assert _trace(tenant) != before


@pytest.mark.parametrize("name", ["panel", "password"])
def test_what_lets_in_or_shows_a_secret_answers_to_post_alone(personas, user, name):
    assert personas.client("mira").get(url(name, user)).status_code == 405
    assert not VendorAccess.objects.exists()


def test_the_live_check_is_for_those_who_may_change_logins(personas, acronis):
    answer = {"login": "jane.kern", "service_manager": acronis.service_manager.pk}

    assert personas.client("dora").post(reverse(CHECK), answer, follow=True).status_code == 404
    assert staff_with(*SEE).post(reverse(CHECK), answer).status_code == 403
    assert staff_with(*SEE, "provisioning.change_tenantuser").post(reverse(CHECK), answer).status_code == 200
    assert staff_with(*SEE, "provisioning.change_tenantuser").get(reverse(CHECK)).status_code == 405


def test_the_page_offers_only_what_may_be_done(personas, tenant, user):
    page = staff_with(*SEE).get(url("change", tenant)).content.decode()

    assert "Login to panel" not in page
    assert "Show password" not in page
    assert "Suspend" not in page
    assert "Bring in line now" not in page


def test_accesses_are_listed_and_can_be_found_by_login(personas, user):
    users.show_password(tenant_user_id=user.pk, by=personas.root, at=AT)

    page = personas.client("mira").get(reverse("admin:provisioning_vendoraccess_changelist"), {"q": "jane.doe"}).content.decode()

    assert "Saw the password" in page
    assert "root@northwind.example" in page or "Root" in page
