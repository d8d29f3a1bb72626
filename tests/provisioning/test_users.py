"""The people at the vendor, against the sandbox: how they get in, and how that changes."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.db.models import QuerySet

from accounts.models import User
from common.errors import DomainError, FieldRefused
from provisioning import vendor
from provisioning.acronis.types import VendorUser
from provisioning.models import Activation, FileSyncModel, Hold, ProtectionModel, TenantUser, VendorAccess, VendorAction
from provisioning.operations import converging, holds, logins, services, users, wishes
from tests import factories
from tests.conftest import LocalAcronis
from tests.factories import AT

pytestmark = pytest.mark.django_db

LATER = AT + timedelta(minutes=5)
WISH = wishes.ServiceWish(ProtectionModel.PER_GIGABYTE, FileSyncModel.PER_USER, login="jane.doe", email="jane@example.com")


def clock() -> datetime:
    return AT + timedelta(minutes=1)


def later() -> datetime:
    return LATER + timedelta(seconds=5)


def served(acronis: LocalAcronis, *, activation: str = Activation.MAIL, login: str = "jane.doe") -> TenantUser:
    """A customer whose user is at the vendor."""
    wish = replace(WISH, login=login, activation=activation)
    service = wishes.wish_service(
        consumer=factories.OrganizationFactory(), service_manager=acronis.service_manager, wish=wish, at=AT
    )
    converging.converge(service.tenant_id, clock=clock)
    return service.tenant.users.get()


def at_vendor(acronis: LocalAcronis, user: TenantUser) -> VendorUser:
    return vendor.connect(acronis.service_manager).users.get(str(user.vendor_id))


def converged(user: TenantUser) -> TenantUser:
    """Carry the wish out; a failure stays on the tenant."""
    converging.converge_due(user.tenant_id, clock=later)
    return TenantUser.objects.select_related("tenant").get(pk=user.pk)


def done(user: TenantUser) -> QuerySet[VendorAction, str]:
    return VendorAction.objects.filter(tenant=user.tenant_id, started_at__gte=LATER).values_list("sentence", flat=True)


@pytest.fixture
def reader(db: None) -> User:
    return factories.UserFactory()


# --- Login and e-mail --------------------------------------------------------------------------------------------------


def test_a_changed_login_is_changed_at_the_vendor_and_nothing_else(acronis: LocalAcronis) -> None:
    user = served(acronis)

    users.change_login(tenant_user_id=user.pk, login=" jane.kern ", at=LATER)
    user = converged(user)

    assert at_vendor(acronis, user).login == "jane.kern"
    assert list(done(user)) == ["Change the login jane.doe to jane.kern"]
    assert user.tenant.agrees


def test_the_same_login_again_asks_the_vendor_nothing(acronis: LocalAcronis) -> None:
    user = served(acronis)

    users.change_login(tenant_user_id=user.pk, login="jane.doe", at=LATER)

    user.tenant.refresh_from_db()
    assert (user.tenant.next_try_at, user.tenant.agrees) == (None, True)


@pytest.mark.parametrize("login", ["", "x", "jäne", "jane doe", "jane\0doe", "j" * 201])
def test_a_malformed_login_changes_nothing(acronis: LocalAcronis, login: str) -> None:
    user = served(acronis)

    with pytest.raises(FieldRefused) as refusal:
        users.change_sign_in(tenant_user_id=user.pk, login=login, email="new@example.com", password="long enough", at=LATER)

    assert refusal.value.field == "login"
    user.refresh_from_db()
    assert (user.login, user.email, user.password) == ("jane.doe", "jane@example.com", None)


def test_a_login_of_another_user_of_ours_changes_nothing(acronis: LocalAcronis) -> None:
    user = served(acronis)
    served(acronis, login="joe.bloggs")

    with pytest.raises(FieldRefused, match="taken"):
        users.change_sign_in(tenant_user_id=user.pk, login="JOE.Bloggs", email="new@example.com", at=LATER)

    user.refresh_from_db()
    assert (user.login, user.email) == ("jane.doe", "jane@example.com")


def test_a_login_taken_meanwhile_stays_as_a_sentence_until_it_is_corrected(acronis: LocalAcronis) -> None:
    user = served(acronis)
    users.change_login(tenant_user_id=user.pk, login="msp-admin", at=LATER)
    user = converged(user)
    assert (user.tenant.next_try_at, "msp-admin is taken at Acronis" in user.tenant.last_error) == (None, True)

    users.change_login(tenant_user_id=user.pk, login="jane.kern", at=later())
    user = converged(user)

    assert at_vendor(acronis, user).login == "jane.kern"
    assert user.tenant.last_error == ""


def test_saving_the_same_again_after_a_refusal_has_it_tried_again(acronis: LocalAcronis) -> None:
    user = served(acronis)
    users.change_login(tenant_user_id=user.pk, login="jane.kern", at=LATER)
    acronis.fault(method="PUT", path="/users/", status=403, times=20)
    assert converged(user).tenant.last_error
    acronis.no_more_faults()

    changed = users.change_sign_in(tenant_user_id=user.pk, login="jane.kern", email="jane@example.com", at=later())

    assert changed == frozenset()
    assert converged(user).tenant.agrees
    assert at_vendor(acronis, user).login == "jane.kern"


def test_another_address_gets_the_activation_mail_that_went_astray(acronis: LocalAcronis) -> None:
    user = served(acronis)

    users.change_email(tenant_user_id=user.pk, email="doe@example.com", at=LATER)
    converged(user)

    assert {mail["to"] for mail in acronis.seen("mails")} == {"jane@example.com", "doe@example.com"}
    assert at_vendor(acronis, user).contact.email == "doe@example.com"


def test_an_active_user_gets_no_activation_mail_at_another_address(acronis: LocalAcronis) -> None:
    user = served(acronis, activation=Activation.PASSWORD)

    users.change_email(tenant_user_id=user.pk, email="doe@example.com", at=LATER)
    user = converged(user)

    assert "Send the activation mail to doe@example.com" not in done(user)
    assert user.email_asked_at is not None


def test_login_email_and_password_change_in_one_go(acronis: LocalAcronis, reader: User) -> None:
    user = served(acronis)

    changed = users.change_sign_in(
        tenant_user_id=user.pk, login="jane.kern", email="kern@example.com", password="correct horse", at=LATER
    )
    user = converged(user)

    assert changed == {"login", "email", "password"}
    assert at_vendor(acronis, user).login == "jane.kern"
    assert may_sign_in(acronis, "jane.kern", "correct horse")
    assert users.show_password(tenant_user_id=user.pk, by=reader, at=later()) == "correct horse"


# --- Is a login free ----------------------------------------------------------------------------------------------------


def test_what_the_user_has_already_is_free_for_it(acronis: LocalAcronis) -> None:
    user = served(acronis)
    users.change_login(tenant_user_id=user.pk, login="msp-admin", at=LATER)
    user = converged(user)

    logins.check_login(service_manager=acronis.service_manager, login="jane.doe", but_for=user)  # the one it has at the vendor
    with pytest.raises(FieldRefused, match="msp-admin is taken"):
        logins.check_login(service_manager=acronis.service_manager, login="msp-admin", but_for=user)


def test_what_another_user_of_ours_has_is_not_free(acronis: LocalAcronis) -> None:
    user, other = served(acronis), served(acronis, login="joe.bloggs")

    with pytest.raises(FieldRefused, match="taken"):
        logins.check_login(service_manager=acronis.service_manager, login=other.login, but_for=user)


def test_a_silent_vendor_cannot_tell(acronis: LocalAcronis) -> None:
    user = served(acronis)
    acronis.fault(method="GET", path="/users/", status=503, times=50)

    with pytest.raises(logins.CannotCheck, match=r"could not tell whether jane\.kern is free"):
        logins.check_login(service_manager=acronis.service_manager, login="jane.kern", but_for=user)


# --- Passwords -------------------------------------------------------------------------------------------------------------


def test_a_generated_password_lets_its_user_in_and_is_shown_to_who_asks(acronis: LocalAcronis, reader: User) -> None:
    user = served(acronis, activation=Activation.PASSWORD)

    password = users.show_password(tenant_user_id=user.pk, by=reader, at=LATER)

    assert may_sign_in(acronis, "jane.doe", password)
    [access] = VendorAccess.objects.all()
    assert (access.tenant_user, access.kind, access.person, access.at) == (user, "password_shown", reader, LATER)


def test_a_password_we_do_not_know_is_not_shown_and_nothing_is_recorded(acronis: LocalAcronis, reader: User) -> None:
    user = served(acronis)

    with pytest.raises(users.NoPassword, match="set by the activation mail"):
        users.show_password(tenant_user_id=user.pk, by=reader, at=LATER)

    assert not VendorAccess.objects.exists()


def test_a_password_is_shown_only_once_the_vendor_has_it(acronis: LocalAcronis, reader: User) -> None:
    user = served(acronis)

    users.reset_password(tenant_user_id=user.pk, at=LATER)
    with pytest.raises(users.NoPassword, match="being set"):
        users.show_password(tenant_user_id=user.pk, by=reader, at=LATER)
    converged(user)

    assert may_sign_in(acronis, "jane.doe", users.show_password(tenant_user_id=user.pk, by=reader, at=later()))


def test_reset_twice_the_last_password_counts(acronis: LocalAcronis, reader: User) -> None:
    user = served(acronis, activation=Activation.PASSWORD)
    first = users.show_password(tenant_user_id=user.pk, by=reader, at=LATER)

    users.reset_password(tenant_user_id=user.pk, at=LATER)
    users.reset_password(tenant_user_id=user.pk, at=LATER)
    converged(user)

    password = users.show_password(tenant_user_id=user.pk, by=reader, at=later())
    assert may_sign_in(acronis, "jane.doe", password)
    assert not may_sign_in(acronis, "jane.doe", first)


@pytest.mark.parametrize(
    ("password", "sentence"), [("short", "at least 9"), ("x" * 129, "at most 128"), ("correct horse ", "ends with a space")]
)
def test_an_unfit_password_is_refused(acronis: LocalAcronis, password: str, sentence: str) -> None:
    user = served(acronis)

    with pytest.raises(FieldRefused, match=sentence) as refusal:
        users.update_password(tenant_user_id=user.pk, password=password, at=LATER)

    assert refusal.value.field == "password"


def test_a_password_stands_encrypted_in_the_row_and_nowhere_in_what_is_kept(acronis: LocalAcronis, reader: User) -> None:
    user = served(acronis)
    users.update_password(tenant_user_id=user.pk, password="correct horse", at=LATER)
    converged(user)
    users.show_password(tenant_user_id=user.pk, by=reader, at=later())

    assert "correct horse" not in str(list(VendorAction.objects.values())) + str(list(VendorAccess.objects.values()))
    assert "correct horse" not in stored_password(user)


def test_generated_passwords_differ_and_have_every_kind_of_sign() -> None:
    made = {users.generated_password() for _ in range(200)}

    assert len(made) == 200
    assert {len(password) for password in made} == {users.PASSWORD_LENGTH}
    for kind in (str.isupper, str.islower, str.isdigit, lambda sign: not sign.isalnum()):
        assert all(any(map(kind, password)) for password in made)


# --- The activation mail ----------------------------------------------------------------------------------------------------


def test_the_activation_mail_goes_out_once_more(acronis: LocalAcronis) -> None:
    user = served(acronis)

    users.ask_activation_mail_again(tenant_user_id=user.pk, at=LATER)
    users.ask_activation_mail_again(tenant_user_id=user.pk, at=LATER)
    converged(user)

    assert [mail["to"] for mail in acronis.seen("mails")] == ["jane@example.com"] * 2


def test_a_double_click_after_the_mail_went_out_sends_no_third(acronis: LocalAcronis) -> None:
    user = served(acronis)

    with pytest.raises(users.MailOnItsWay, match="has just sent"):
        users.ask_activation_mail_again(tenant_user_id=user.pk, at=clock() + timedelta(seconds=59))


def test_a_double_click_while_the_mail_is_under_way_sends_no_second(acronis: LocalAcronis) -> None:
    user = served(acronis)
    TenantUser.objects.filter(pk=user.pk).update(activation_mail_asked_at=LATER, activation_mail_confirmed_at=None)

    with pytest.raises(users.MailOnItsWay, match="has just sent"):
        users.ask_activation_mail_again(tenant_user_id=user.pk, at=LATER + timedelta(seconds=59))

    users.ask_activation_mail_again(tenant_user_id=user.pk, at=LATER + timedelta(seconds=60))


def test_an_active_user_gets_no_activation_mail(acronis: LocalAcronis) -> None:
    user = served(acronis, activation=Activation.PASSWORD)

    with pytest.raises(users.UserExists, match="Reset the password"):
        users.ask_activation_mail_again(tenant_user_id=user.pk, at=LATER)


# --- The panel ----------------------------------------------------------------------------------------------------------------


def test_the_panel_opens_for_the_user_once_and_that_is_recorded(acronis: LocalAcronis, reader: User) -> None:
    user = served(acronis)

    url = users.panel_url(tenant_user_id=user.pk, by=reader, at=LATER)

    token = token_in(url)
    assert url.partition("#")[0] == "http://acronis.test/api/2/idp/external-login"
    assert signed_in(acronis, token) == "jane.doe"
    assert signed_in(acronis, token) == ""
    [access] = VendorAccess.objects.all()
    assert (access.kind, access.person) == ("panel_opened", reader)
    assert token not in str(list(VendorAccess.objects.values()))


def test_the_panel_opens_while_another_login_waits_to_be_set(acronis: LocalAcronis, reader: User) -> None:
    user = served(acronis)
    users.change_login(tenant_user_id=user.pk, login="jane.kern", at=LATER)

    url = users.panel_url(tenant_user_id=user.pk, by=reader, at=LATER)

    assert signed_in(acronis, token_in(url)) == "jane.doe"


@pytest.mark.parametrize(
    ("obstacle", "sentence"),
    [("not there", "still setting up"), ("suspended", "suspended"), ("terminated", "terminated"), ("silent", "does not let")],
)
def test_the_panel_stays_closed_with_a_sentence_and_nothing_is_recorded(
    acronis: LocalAcronis, reader: User, obstacle: str, sentence: str
) -> None:
    user = served(acronis)
    match obstacle:
        case "not there":
            TenantUser.objects.update(vendor_id=None)
        case "suspended":
            holds.place_hold(tenant_id=user.tenant_id, reason=Hold.Reason.MANUAL, at=LATER)
        case "terminated":
            services.terminate_service(service_id=user.tenant.services.get().pk, at=LATER)
        case "silent":
            acronis.fault(path="/idp/ott", status=503, times=50)

    with pytest.raises(users.CannotOpenPanel, match=sentence):
        users.panel_url(tenant_user_id=user.pk, by=reader, at=LATER)

    assert not VendorAccess.objects.exists()


# --- After the end ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize(
    ("use_case", "arguments"),
    [
        ("change_login", {"login": "jane.kern"}),
        ("change_email", {"email": "kern@example.com"}),
        ("change_sign_in", {"login": "jane.kern", "email": "kern@example.com"}),
        ("reset_password", {}),
        ("update_password", {"password": "correct horse"}),
        ("show_password", {"by": None}),
        ("ask_activation_mail_again", {}),
    ],
)
def test_nothing_changes_any_more_once_the_service_is_terminated(
    db: None, use_case: str, arguments: dict[str, Any], gone: bool
) -> None:
    user = factories.TenantUserFactory(tenant__retired_at=AT, password="correct horse", password_set_at=AT)
    if gone:
        TenantUser.objects.update(gone_at=AT, password=None)

    with pytest.raises(DomainError, match="was terminated"):
        getattr(users, use_case)(tenant_user_id=user.pk, at=LATER, **arguments)

    assert TenantUser.objects.get().login == user.login
    assert not VendorAccess.objects.exists()


def may_sign_in(acronis: LocalAcronis, login: str, password: str) -> bool:
    """Try the vendor's own sign-in form."""
    return acronis.http.post("/mc/login", data={"login": login, "password": password}).status_code in (302, 303)


def token_in(url: str) -> str:
    return parse_qs(urlsplit(url).fragment)["ott"][0]


def signed_in(acronis: LocalAcronis, token: str) -> str:
    """Use a one-time token as the vendor's page does; return who is in, or nothing."""
    answer = acronis.http.post("/api/2/idp/ott/login", json={"ott": token})
    return answer.json["login"] if answer.status_code == 200 else ""


def stored_password(user: TenantUser) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM provisioning_tenantuser WHERE id = %s", [user.pk])
        return str(cursor.fetchone()[0])
