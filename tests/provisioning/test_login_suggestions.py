"""Logins suggested to somebody whose login is taken."""

import pytest

from provisioning.acronis.errors import TransportFailed
from provisioning.login_names import alternatives
from provisioning.operations import logins
from tests import factories

CHECKS = "/check_login"


@pytest.mark.parametrize(
    ("login", "organization", "begins"),
    [
        ("jane.doe", "Dora Design GmbH", ["jane.doe.dora", "doe.jane", "j.doe", "janedoe", "jane.doe2"]),
        ("JohnDoe", "", ["JohnDoe2", "JohnDoe3"]),
        ("jane@example.com", "", ["jane+acronis@example.com", "jane+2@example.com"]),
        ("jane+x@example.com", "Café Söhne", ["jane+acronis@example.com", "jane+cafe@example.com", "jane.cafe"]),
        ("jane.doe", "GmbH & Co. KG", ["jane.doe.co", "doe.jane"]),
        ("jane.doe", "東京", ["doe.jane", "j.doe"]),
    ],
)
def test_alternatives_keep_to_the_name_that_was_typed(login, organization, begins):
    assert alternatives(login, organization=organization)[: len(begins)] == begins


@pytest.mark.parametrize("login", ["", "@", "a", "a.a", "..", "x" * 200, f"{'x' * 190}@example.com", "jane.doe.", "ab@", "+@+"])
def test_no_alternative_is_the_login_itself_too_short_or_too_long_and_none_comes_twice(login):
    made = alternatives(login, organization="Dora")

    assert all(3 <= len(one) <= 200 and one.casefold() != login.casefold() for one in made)
    assert len({one.casefold() for one in made}) == len(made)


@pytest.mark.django_db
def test_what_the_vendor_our_users_and_the_caller_know_of_is_not_suggested(acronis):
    manager = acronis.service_manager
    factories.TenantUserFactory(service_manager=manager, login="MSP-Admin2")
    acronis.fault(path="/users/check_login", status=409, times=1)  # “admin.msp” is taken by somebody we do not know

    found = logins.suggestions("msp-admin", service_managers=[manager], known=lambda lower: {"m.admin"} & lower)

    assert found == ["mspadmin", "msp-admin3", "msp-admin7"]
    assert len(_checks(acronis)) == 4


@pytest.mark.django_db
def test_the_vendor_is_asked_a_few_times_at_most(acronis):
    acronis.fault(path="/users/check_login", status=409, times=50)

    assert logins.suggestions("jane.doe", service_managers=[acronis.service_manager], organization="Dora") == []
    assert len(_checks(acronis)) == logins.MOST_ASKED


@pytest.mark.django_db
def test_what_was_free_before_the_vendor_fell_silent_is_suggested(acronis, monkeypatch):
    asked = []

    def answers(login, service_manager):
        asked.append(login)
        if len(asked) == 2:
            raise TransportFailed("The connection was lost.")
        return True

    monkeypatch.setattr(logins, "_is_free", answers)

    assert logins.suggestions("jane.doe", service_managers=[acronis.service_manager]) == ["doe.jane"]
    assert len(asked) == 2


def _checks(acronis):
    return [call for call in acronis.seen("calls") if call["path"].endswith(CHECKS)]
