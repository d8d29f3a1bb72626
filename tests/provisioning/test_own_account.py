"""From a login and password, or an API client, to a service manager that is ready."""

import json
from typing import Any

import pytest

from common.errors import DomainError, FieldRefused
from provisioning import vendor
from provisioning.models import ServiceManager
from provisioning.operations import own_account
from sandbox.app import LOGIN, PASSWORD
from sandbox.definitions import PROVIDER_TENANT
from tests.factories import AT

PERSON = {
    "name": "Our own",
    "base_url": "http://acronis.test",
    "username": LOGIN,
    "password": PASSWORD,
    "vendor_currency": "CHF",
}
CLIENT = {
    "name": "Our own",
    "base_url": "http://acronis.test",
    "client_id": "till",
    "client_secret": "s3cret",
    "vendor_currency": "EUR",
}


@pytest.fixture
def clerk(acronis: Any) -> None:
    """Somebody with a password who may only read."""
    vendor_client = vendor.connect(acronis.service_manager)
    tenant = vendor_client.tenants.create(name="Alster IT", kind="partner", parent_id=PROVIDER_TENANT)
    person = vendor_client.users.create(tenant_id=tenant.id, login="clerk", email="clerk@example.com")
    vendor_client.users.set_access_policies(person.id, [(tenant.id, "readonly_admin")])
    vendor_client.users.set_password(person.id, PASSWORD)


def test_login_and_password_become_a_service_manager_that_is_ready(acronis: Any) -> None:
    made = own_account.connect_person(**PERSON, at=AT)

    manager = ServiceManager.objects.get(name="Our own")
    assert made.service_manager == manager
    assert made.problem == ""
    assert made.done == (
        "Made the API client “Cloudtill” at http://acronis.test; the password was not kept.",
        "Connected to the tenant “Example Managed Services”.",
        made.done[2],
    )
    assert made.done[2].startswith("Found ")
    assert str(manager.root_tenant_id) == PROVIDER_TENANT
    assert manager.vendor_currency == "CHF"
    assert manager.offering_items.filter(is_offered=True).exists()
    assert manager.definition_fetched_at == AT


def test_password_is_kept_nowhere(acronis: Any, caplog: Any) -> None:
    own_account.connect_person(**PERSON, at=AT)

    manager = ServiceManager.objects.get(name="Our own")
    assert PASSWORD not in str(vars(manager))
    assert PASSWORD not in caplog.text
    assert manager.client_secret
    assert manager.client_id not in (LOGIN, "till")


def test_data_centre_is_found_by_the_login(acronis: Any, settings: Any) -> None:
    settings.ACRONIS_ENTRY_URL = "http://acronis.test"

    made = own_account.connect_person(**{**PERSON, "base_url": ""}, at=AT)

    assert made.service_manager.base_url.startswith("http://")
    assert made.problem == ""


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"username": " "}, "username", "Enter the username"),
        ({"password": ""}, "password", "Enter the password"),
        ({"password": "wrong"}, "password", "does not accept this username and password"),
        ({"username": "nobody"}, "password", "does not accept this username and password"),
        ({"username": "nobody", "base_url": ""}, "username", "knows no login nobody"),
        ({"base_url": "ftp://acronis.test"}, "base_url", "address of a data centre"),
        ({"name": "Acronis sandbox"}, "name", "Choose it, or another name"),
        ({"username": "clerk"}, "username", "no administrator"),
    ],
    ids=["no_user", "no_password", "wrong_password", "unknown", "found_nowhere", "bad_address", "taken_name", "no_administrator"],
)
def test_person_who_cannot_connect_is_told_why_and_nothing_is_made(
    acronis: Any, clerk: None, settings: Any, change: dict[str, str], field: str, sentence: str
) -> None:
    settings.ACRONIS_ENTRY_URL = "http://acronis.test"

    with pytest.raises(FieldRefused, match=sentence) as refusal:
        own_account.connect_person(**{**PERSON, **change}, at=AT)

    assert refusal.value.field == field
    assert ServiceManager.objects.count() == 1


def test_person_with_a_second_factor_is_sent_to_the_api_client(acronis: Any) -> None:
    acronis.fault(
        path="/api/2/users/me",
        status=401,
        body=json.dumps({"error": {"code": 1037, "message": "Multi-Factor Authentication is required", "details": {}}}),
    )

    with pytest.raises(FieldRefused, match=r"second factor[.] Enter an API client instead"):
        own_account.connect_person(**PERSON, at=AT)


def test_vendor_that_does_not_answer_is_a_sentence_and_nothing_is_made(acronis: Any) -> None:
    acronis.fault(path="/api/2/clients", status=500)

    with pytest.raises(DomainError, match="Acronis answered 500"):
        own_account.connect_person(**PERSON, at=AT)

    assert ServiceManager.objects.count() == 1


def test_api_client_becomes_a_service_manager_that_is_ready(acronis: Any) -> None:
    ServiceManager.objects.update(base_url="http://other.test")

    made = own_account.connect_client(**CLIENT, at=AT)

    assert made.problem == ""
    assert made.done[0] == "Kept the API client of http://acronis.test."
    assert made.service_manager.offering_items.filter(is_offered=True).exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"base_url": ""}, "base_url"),
        ({"client_id": " "}, "client_id"),
        ({"client_secret": ""}, "client_secret"),
        ({"name": "Acronis sandbox"}, "name"),
        ({}, "client_id"),
    ],
    ids=["no_address", "no_id", "no_secret", "taken_name", "used_already"],
)
def test_api_client_that_cannot_be_kept_is_told_why(acronis: Any, change: dict[str, str], field: str) -> None:
    with pytest.raises(FieldRefused) as refusal:
        own_account.connect_client(**{**CLIENT, **change}, at=AT)

    assert refusal.value.field == field
    assert ServiceManager.objects.count() == 1


def test_wrong_secret_leaves_a_service_manager_that_says_what_is_wrong(acronis: Any) -> None:
    made = own_account.connect_client(**{**CLIENT, "client_id": "other"}, at=AT)

    assert "not accepted" in made.problem
    assert made.service_manager.offering_items.count() == 0
    assert "not accepted" in ServiceManager.objects.get(name="Our own").test_result
