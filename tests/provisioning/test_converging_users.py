"""Converging the people of a tenant: how they get in, and how that changes."""

import pytest

from provisioning.models import Activation, Tenant, TenantUser
from provisioning.operations import converging, users
from tests.factories import AT, OrganizationFactory, ResellerFactory
from tests.provisioning.served import LATER, MUCH_LATER, served, wished

pytestmark = pytest.mark.django_db


@pytest.fixture
def it(acronis):
    return served(acronis.service_manager)


def activation_mails(acronis) -> list[str]:
    return sorted(mail["to"] for mail in acronis.seen("mails") if mail["kind"] == "activation")


def signs_in(acronis, login: str, password: str | None) -> bool:
    answer = acronis.http.post("/api/2/idp/token", data={"grant_type": "password", "username": login, "password": password or ""})
    return answer.status_code == 200


# --- Several people -------------------------------------------------------------------------------------------------------


def test_each_of_several_users_is_created_with_its_role_and_one_mail(acronis):
    it = wished(acronis.service_manager)
    for name in ("max", "eva"):
        users.add_user(it.tenant, login=f"{name}.x", email=f"{name}@example.com", role="company_admin", at=AT)

    it.converge()
    it.converge()

    assert sorted(user.login for user in it.users) == sorted([it.tenant.users.order_by("pk")[0].login, "eva.x", "max.x"])
    assert all([policy.role_id for policy in user.access_policies] == ["company_admin"] for user in it.users)
    assert activation_mails(acronis) == ["eva@example.com", "jane@example.com", "max@example.com"]


def test_a_lost_mail_of_one_user_keeps_no_other_from_its_own(acronis):
    it = wished(acronis.service_manager)
    users.add_user(it.tenant, login="max.x", email="max@example.com", role="company_admin", at=AT)
    acronis.fault(method="POST", path="/send-activation-email$", times=1, lose_answer=True)

    it.converge()

    assert activation_mails(acronis) == ["jane@example.com", "max@example.com"]
    assert it.tenant.users.filter(activation_mail_confirmed_at__isnull=True).count() == 1


def test_a_resellers_user_is_read_only_administrator(acronis):
    reseller = ResellerFactory()
    it = wished(acronis.service_manager, OrganizationFactory(parent=reseller))
    partner = Tenant.objects.get(organization=reseller)
    users.add_user(partner, login="alice.x", email="alice@example.com", role=TenantUser.Role.READ_ONLY_ADMINISTRATOR, at=AT)

    it.converge()

    partner.refresh_from_db()
    [alice] = it.api.users.of_tenant(str(partner.vendor_id))
    assert [policy.role_id for policy in alice.access_policies] == ["readonly_admin"]


def test_people_and_roles_from_the_portal_are_left_alone(it):
    it.api.users.create(tenant_id=it.vendor_id, login="portal.person", email="p@example.com")
    before = len(it.done)

    it.converge()

    assert "portal.person" in [user.login for user in it.users]
    assert len(it.done) == before


# --- Getting in by a generated password -----------------------------------------------------------------------------------


def test_a_generated_password_is_set_once_kept_encrypted_and_no_mail_is_sent(acronis):
    from django.db import connection

    it = served(acronis.service_manager, activation=Activation.PASSWORD)
    it.converge()

    user = it.user
    assert signs_in(acronis, user.login, user.password)
    assert it.done.count("set_password") == 1
    assert activation_mails(acronis) == []
    assert user.password_set_at == AT
    assert user.password not in " ".join(it.tenant.actions.values_list("sentence", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM provisioning_tenantuser WHERE id = %s", [user.pk])
        assert user.password not in cursor.fetchone()[0]


def test_a_reset_sets_another_password_and_the_old_one_is_out(acronis):
    it = served(acronis.service_manager, activation=Activation.PASSWORD)
    old = it.user.password

    users.reset_password(tenant_user_id=it.user.pk, at=LATER)
    assert it.user.password_is_due
    it.converge()

    assert it.user.password not in (None, old)
    assert signs_in(acronis, it.user.login, it.user.password)
    assert not signs_in(acronis, it.user.login, old)


def test_a_password_wished_for_while_another_is_sent_is_sent_too(acronis, monkeypatch):
    it = wished(acronis.service_manager, activation=Activation.PASSWORD)
    unspoilt, wished_meanwhile = type(it.api.users).set_password, []

    def set_password(resource, user_id, password):
        unspoilt(resource, user_id, password)
        if not wished_meanwhile:
            wished_meanwhile.append(True)
            users.update_password(tenant_user_id=it.user.pk, password="another-Passw0rd", at=LATER)

    monkeypatch.setattr(type(it.api.users), "set_password", set_password)

    it.converge()
    it.converge()

    assert signs_in(acronis, it.user.login, "another-Passw0rd")
    assert it.tenant.agrees


# --- Login and address ------------------------------------------------------------------------------------------------------


def test_a_login_is_changed_and_the_old_one_is_free(it):
    old = it.user.login

    users.change_login(tenant_user_id=it.user.pk, login="jane.new", at=LATER)
    it.converge()

    assert [user.login for user in it.users] == ["jane.new"]
    assert it.api.users.check_login(old).name == "FREE"


def test_a_login_taken_at_the_vendor_is_a_sentence_and_another_helps(it):
    users.change_login(tenant_user_id=it.user.pk, login="msp-admin", at=LATER)
    it.converge_by_itself()
    assert it.tenant.last_error == "The login msp-admin is taken at Acronis. Choose another and try again."
    assert it.tenant.next_try_at is None

    users.change_login(tenant_user_id=it.user.pk, login="jane.other", at=LATER)
    it.converge_by_itself()

    assert (it.tenant.last_error, [user.login for user in it.users]) == ("", ["jane.other"])


def test_another_case_of_the_login_is_the_same_login(it):
    users.change_login(tenant_user_id=it.user.pk, login=it.user.login.upper(), at=LATER)

    it.converge()

    assert it.tenant.agrees
    assert len(it.users) == 1
    assert it.done.count("create_user") == 1


def test_a_login_changed_in_the_portal_is_put_right(it):
    [user] = it.users
    it.api.users.update(user.id, version=it.api.users.get(user.id).version, login="portal.login")

    it.converge()

    assert [user.login for user in it.users] == [it.user.login]
    assert len(it.users) == 1


def test_the_address_of_an_activated_user_waits_for_consent_and_is_asked_for_once(acronis):
    it = served(acronis.service_manager, activation=Activation.PASSWORD)

    users.change_email(tenant_user_id=it.user.pk, email="new@example.com", at=LATER)
    it.converge()
    it.converge()

    assert [user.contact.email for user in it.users] == ["jane@example.com"]
    assert [mail["to"] for mail in acronis.seen("mails") if mail["kind"] == "email_change"] == ["new@example.com"]
    assert (it.tenant.agrees, it.user.email_asked_at) == (True, LATER)


def changes_mailed(acronis) -> list[str]:
    return [mail["to"] for mail in acronis.seen("mails") if mail["kind"] == "email_change"]


def test_a_lost_answer_about_a_new_address_sends_no_second_mail(acronis):
    it = served(acronis.service_manager, activation=Activation.PASSWORD)
    acronis.fault(method="PUT", path="^/api/2/users/[^/]+$", times=1, lose_answer=True)

    users.change_email(tenant_user_id=it.user.pk, email="new@example.com", at=LATER)
    it.converge()
    it.converge()

    assert changes_mailed(acronis) == ["new@example.com"]
    assert it.tenant.agrees


def test_an_unconfirmed_address_is_asked_for_again_when_it_is_saved_again(acronis):
    it = served(acronis.service_manager, activation=Activation.PASSWORD)
    acronis.fault(method="PUT", path="^/api/2/users/[^/]+$", times=1, status=500)
    mailed = []

    for _ in range(3):
        users.change_email(tenant_user_id=it.user.pk, email="new@example.com", at=LATER)
        it.converge()
        mailed.append(len(changes_mailed(acronis)))

    # The vendor said that something broke, so it may have sent a mail, or none; then it sent one, and was not asked again.
    assert mailed == [0, 1, 1]


def test_the_address_of_a_user_who_is_not_active_is_changed_in_spite_of_a_lost_answer(it, acronis):
    acronis.fault(method="PUT", path="^/api/2/users/[^/]+$", times=1, reset=True)

    users.change_email(tenant_user_id=it.user.pk, email="new@example.com", at=LATER)
    it.converge()

    assert [user.contact.email for user in it.users] == ["new@example.com"]
    assert it.tenant.agrees


def test_a_user_deleted_in_the_portal_is_made_anew_with_a_mail_of_its_own(it, acronis):
    [user] = it.users
    it.api.users.update(user.id, version=it.api.users.get(user.id).version, enabled=False)
    it.api.users.delete(user.id, version=it.api.users.get(user.id).version)

    it.converge()

    [anew] = it.users
    assert (anew.login, str(it.user.vendor_id)) == (user.login, anew.id)
    assert activation_mails(acronis) == ["jane@example.com", "jane@example.com"]


def test_a_user_made_anew_whose_answer_was_lost_is_recognized(it, acronis):
    [user] = it.users
    it.api.users.update(user.id, version=it.api.users.get(user.id).version, enabled=False)
    it.api.users.delete(user.id, version=it.api.users.get(user.id).version)
    acronis.fault(method="POST", path="^/api/2/users$", times=1, lose_answer=True)

    it.converge()

    assert [anew.id for anew in it.users] == [str(it.user.vendor_id)]
    assert len(activation_mails(acronis)) == 2


def test_a_user_moved_out_of_the_tenant_is_told_and_not_doubled(it):
    user = it.user
    TenantUser.objects.filter(pk=user.pk).update(login="msp-admin", vendor_id=None)

    it.converge_by_itself()

    assert "msp-admin is taken" in it.tenant.last_error


def test_an_activated_user_is_seen_and_gets_no_mail_any_more(it, acronis):
    [user] = it.users
    it.api.users.set_password(user.id, "Set-by-hand-1")
    it.converge()
    assert it.user.activated_at == LATER

    with pytest.raises(users.UserExists):
        users.ask_activation_mail_again(tenant_user_id=it.user.pk, at=MUCH_LATER)

    converging.converge(it.tenant.pk, clock=lambda: MUCH_LATER)
    assert len(activation_mails(acronis)) == 1
