"""Converging while somebody wishes for something else, failures that must not hide a newer wish, and our own share of it."""

from collections.abc import Callable
from typing import Any

import pytest

from common.locks import Busy
from provisioning import vendor
from provisioning.acronis.resources.users import Users
from provisioning.models import Tenant
from provisioning.operations import converging, due, users
from tests.factories import TenantFactory
from tests.provisioning.served import AT, LATER, MUCH_LATER, Served, wished

pytestmark = pytest.mark.django_db

Meanwhile = Callable[[str, Callable[[], Any]], None]


@pytest.fixture
def it(acronis) -> Served:
    return wished(acronis.service_manager)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Have something done once, just before the first action of a kind is carried out."""
    carried_out = converging._Convergence._carry_out
    waiting: dict[str, Callable[[], Any]] = {}

    def carry_out(convergence, action):
        waiting.pop(action.kind, lambda: None)()
        carried_out(convergence, action)

    monkeypatch.setattr(converging._Convergence, "_carry_out", carry_out)
    return waiting.__setitem__


def mails(acronis) -> list[str]:
    return [mail["to"] for mail in acronis.seen("mails") if mail["kind"] == "activation"]


# --- People who change their mind -------------------------------------------------------------------------------------------


def test_a_login_corrected_while_the_user_is_made_makes_no_second_user(it, acronis, meanwhile):
    correction = {"login": "jane.right", "email": "jane@example.com", "role": "company_admin"}
    meanwhile("create_user", lambda: users.change_user(tenant_id=it.tenant.pk, at=LATER, **correction))

    it.converge()
    it.converge()

    assert [user.login for user in it.users] == ["jane.right"]
    assert mails(acronis) == ["jane@example.com"]


def test_an_address_corrected_just_before_the_mail_gets_the_only_one(it, acronis, meanwhile):
    meanwhile(
        "send_activation_mail",
        lambda: users.change_email(tenant_user_id=it.user.pk, email="right@example.com", at=LATER),
    )

    it.converge()
    it.converge()

    assert mails(acronis) == ["right@example.com"]
    assert it.user.activation_mail_confirmed_at is not None


def test_an_address_corrected_while_the_mail_goes_out_gets_one_of_its_own(it, acronis, monkeypatch):
    send_mail = Users.send_activation_email

    def send(resource, user_id):
        send_mail(resource, user_id)
        users.change_email(  # the same again changes nothing
            tenant_user_id=it.user.pk, email="right@example.com", at=LATER
        )

    monkeypatch.setattr(Users, "send_activation_email", send)
    it.converge()
    it.converge()

    assert sorted(mails(acronis)) == ["jane@example.com", "right@example.com"]


# --- Failures ---------------------------------------------------------------------------------------------------------------


def test_the_failure_of_an_old_wish_does_not_stop_the_new_one(it, meanwhile):
    it.tenant.users.update(login="msp-admin")  # taken at the vendor

    def correct() -> None:
        users.change_login(tenant_user_id=it.user.pk, login="jane.right", at=MUCH_LATER)

    meanwhile("create_user", correct)
    it.converge_by_itself()
    assert (it.tenant.last_error, it.tenant.next_try_at) == ("", MUCH_LATER)

    it.converge_by_itself()

    assert [user.login for user in it.users] == ["jane.right"]
    assert (it.tenant.last_error, it.tenant.next_try_at) == ("", None)


def test_what_is_gone_does_not_become_due_by_a_worker_that_came_too_late(monkeypatch):
    tenant = TenantFactory(retired_at=AT, gone_at=AT, next_try_at=None)

    def busy(tenant_id, *, clock):
        raise Busy("Another worker is on it at this moment.")

    monkeypatch.setattr(converging, "converge", busy)
    converging.converge_due(tenant.pk, clock=lambda: LATER)

    assert not Tenant.objects.due(MUCH_LATER).exists()


def test_a_fault_of_ours_is_a_sentence_on_the_row_and_tried_again_after_a_pause(it, monkeypatch):
    due.look_again(tenant_id=it.tenant.pk, at=AT)

    def broken(service_manager):
        raise KeyError("a bug")

    monkeypatch.setattr(vendor, "connect", broken)
    with pytest.raises(KeyError):
        converging.converge_due(it.tenant.pk, clock=lambda: LATER)

    it.tenant.refresh_from_db()
    assert it.tenant.last_error == converging.UNEXPECTED
    assert it.tenant.next_try_at == LATER + converging.BACKOFF[0]


# --- Our own share ----------------------------------------------------------------------------------------------------------


def test_a_new_customer_costs_no_more_queries_than_it_has_to(it, acronis, django_assert_max_num_queries):
    converging.converge(wished(acronis.service_manager).tenant.pk, clock=lambda: AT)  # the token, and what a process keeps

    with django_assert_max_num_queries(58):  # 24 of them are slots for calls, 12 the six actions that are recorded
        converging.converge(it.tenant.pk, clock=lambda: AT)
