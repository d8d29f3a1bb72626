"""What an account manager reads: one case for every platform code of the vendor, and for every status without one."""

import re

import httpx
import pytest

from provisioning.acronis import Acronis, StatusError
from provisioning.acronis.sentences import HTTP_STATUSES, PLATFORM_CODES, UNKNOWN
from tests.provisioning.acronis.conftest import ScriptedVendor, envelope

# Code, what happened, what to do: the sentences as they are shown, so that changing one is a decision.
SENTENCES = [
    (1001, "it was changed meanwhile", "Try again"),
    (1002, "access denied", "support access"),
    (1003, "the parent tenant is disabled", "release its holds"),
    (1004, "another tenant has this name", "Give the tenant another name."),
    (1005, "the tenant was not found", "Look in the portal"),
    (1006, "an enabled tenant cannot be deleted", "Suspend it first"),
    (1007, "a tenant cannot move under its own child", "Choose another parent."),
    (1008, "a tenant cannot move within its customer", "Choose a partner or folder"),
    (1009, "the storage is in use", "Move or delete the backups"),
    (1010, "another File Sync & Share user has this e-mail address", "Use another e-mail address."),
    (1011, "the service is still being removed", "Wait until"),
    (1012, "the tenant is locked by its owner", "Ask its owner"),
    (1013, "a tenant cannot move under a disabled tenant", "Resume the new parent"),
    (1014, "the new parent does not offer all the items", "Turn the missing items on"),
    (1015, "the storage conflicts with another one", "one storage of each type"),
    (1016, "a child tenant still uses the storage", "Take the storage from the tenants below"),
    (1017, "the default storage cannot be turned off", "Make another storage the default"),
    (1018, "the user is disabled", "Enable the user"),
    (1019, "the backup service is not available", "try again in a few minutes"),
    (1020, "the machine was not registered", "register the machine again"),
    (1021, "the offering item is not available from the parent tenant", "Turn it on for the parent"),
    (1022, "the hard quota is exceeded", "Raise the quota"),
    (1023, "an offering item depends on another one", "Correct the plan"),
    (1024, "the address is on the list of forbidden addresses", "Use another e-mail address."),
    (1025, "the mail server settings are wrong", "Correct the mail server settings"),
    (1026, "the service cannot be enabled", "Turn it on for the parent"),
    (1027, "it breaks one of Acronis' business rules", "Check the plan"),
    (1028, "a guest user with this name exists", "Choose another login"),
    (1029, "the storage is still being removed", "Wait until"),
    (1030, "the quota of File Sync & Share users is exceeded", "Raise the quota of users"),
    (1031, "the location conflicts with another one", "Choose another location."),
    (1032, "the new parent is outside the tenant that holds the lock", "lift the lock"),
    (1033, "the login is not acceptable", "Choose another login"),
    (1034, "the legal document is not published", "Publish it"),
    (1035, "an item is blocked for legal reasons", "Choose a plan without it"),
    (1037, "multi-factor authentication is required", "Set up the second factor"),
]
VAGUE = {1009, 1014, 1015, 1021, 1022, 1023, 1027}


def refused(vendor: ScriptedVendor, acronis: Acronis, answer: httpx.Response) -> StatusError:
    vendor.answers("PUT", "/tenants/t1", answer)
    with pytest.raises(StatusError) as refusal:
        acronis.tenants.update("t1", version=1)
    return refusal.value


@pytest.mark.parametrize(("code", "happened", "to_do"), SENTENCES)
def test_a_platform_code_says_what_happened_and_what_to_do(
    vendor: ScriptedVendor, acronis: Acronis, code: int, happened: str, to_do: str
) -> None:
    error = refused(vendor, acronis, envelope(400, code, "E_SOMETHING"))

    assert re.match(rf"Acronis answered 400 to PUT /tenants/t1: {re.escape(happened)}.* \(code {code}\)\. ", str(error))
    assert to_do in error.to_do
    assert str(error).endswith(error.to_do)


def test_the_table_has_every_code_of_the_vendors_list() -> None:
    # 1000 says nothing and comes with every 401; 1036 was never published.
    assert [code for code, *_ in SENTENCES] == sorted(PLATFORM_CODES)
    assert set(PLATFORM_CODES) == set(range(1001, 1038)) - {1036}


@pytest.mark.parametrize("code", sorted(PLATFORM_CODES))
def test_vague_codes_and_only_they_come_with_the_vendors_details(vendor: ScriptedVendor, acronis: Acronis, code: int) -> None:
    details = {"info": "Quota of pg_base_vms: 5.", "addition": []}
    body = {"error": {"code": code, "message": "E_SOMETHING", "details": details, "domain": "Platform"}}

    error = refused(vendor, acronis, httpx.Response(400, json=body))

    assert (" It says: Quota of pg_base_vms: 5. " in str(error)) == (code in VAGUE)


def test_every_sentence_is_one_and_reads_like_one() -> None:
    for meaning in [*PLATFORM_CODES.values(), *HTTP_STATUSES.values()]:
        assert re.fullmatch(r"[^.\n]+", meaning.happened)
        assert re.fullmatch(r"[A-Z][^\n]+\.", meaning.to_do)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 406, 409, 415, 418, 426, 429])
def test_a_status_without_a_code_says_what_to_do_too(vendor: ScriptedVendor, acronis: Acronis, status: int) -> None:
    error = refused(vendor, acronis, httpx.Response(status, headers={"Retry-After": "999"}))

    happened = HTTP_STATUSES.get(status, UNKNOWN).happened
    assert str(error) == f"Acronis answered {status} to PUT /tenants/t1: {happened}. {error.to_do}"
    assert error.to_do


@pytest.mark.parametrize("status", [400, 409])
def test_a_refusal_without_a_code_quotes_the_vendor_and_says_where_to_look(
    vendor: ScriptedVendor, acronis: Acronis, status: int
) -> None:
    details = {"info": "The field 'customer_id' is too long.", "addition": []}
    body = {"error": {"code": status, "message": "Not done", "details": details, "domain": "PlatformAccountServer"}}

    error = refused(vendor, acronis, httpx.Response(status, json=body))

    assert str(error) == (
        f"Acronis answered {status} to PUT /tenants/t1: Not done. It says: The field 'customer_id' is too long. {error.to_do}"
    )
    assert "portal" in error.to_do


def test_code_1000_leaves_the_word_to_the_status(vendor: ScriptedVendor, acronis: Acronis) -> None:
    error = refused(vendor, acronis, envelope(401, 1000, "An error has occurred."))

    assert str(error).startswith("Acronis answered 401 to PUT /tenants/t1: the API client's access was not accepted. Check ")
