"""Every operation of the vendor's description is served, and answers as described: once in success, once refused."""

import base64
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any

import httpx
import pytest

from sandbox import definitions
from sandbox.app import CLIENT_ID, CLIENT_SECRET, LOGIN, PASSWORD
from sandbox.definitions import BACKUP, FRANKFURT, PROVIDER_TENANT, ROOT_TENANT
from tests.sandbox.conftest import Caller
from tests.sandbox.contract import hold, operations, responses_of
from tests.sandbox.test_users import policy

# Operations the sandbox leaves out, with the reason. Empty: it serves them all.
NOT_SERVED: dict[tuple[str, str], str] = {}

OTHER = "00000000-0000-4000-8000-000000000000"
SECRET_PAIR = (CLIENT_ID, CLIENT_SECRET)
Names = dict[str, Any]


@dataclass(frozen=True)
class Try:
    """One call and the status it must have; bodies may be made from the names of the furnished sandbox."""

    status: int
    body: Any = None
    query: dict[str, str] = field(default_factory=dict)
    form: dict[str, str] | None = None
    path: dict[str, str] = field(default_factory=dict)
    auth: tuple[str, str] | None = None
    anonymous: bool = False


def make(call: Caller, method: str, path: str, names: Names, attempt: Try) -> httpx.Response:
    known = {**names, **attempt.path}
    body = attempt.body(known) if callable(attempt.body) else attempt.body
    form = None if attempt.form is None else {name: value.format(**known) for name, value in attempt.form.items()}
    return call.http.request(
        method.upper(),
        "/api/2" + path.format(**known),
        params={name: value.format(**known) for name, value in attempt.query.items()},
        json=body,
        data=form,
        headers=None if attempt.anonymous or attempt.auth else call.headers,
        auth=attempt.auth,
    )


def ordered_report(tenant_id: str, **parameters: Any) -> dict[str, Any]:
    return {
        "recipients": [],
        "result_action": "save",
        "parameters": {
            "tenant_id": tenant_id,
            "level": "accounts",
            "kind": "usage_daily",
            "formats": ["csv_v2_0"],
            "period": {"start": "2026-10-01", "end": "2026-10-01"},
            **parameters,
        },
        "schedule": {"type": "once"},
    }


def new_client(tenant_id: str, **more: Any) -> dict[str, Any]:
    fields = {"type": "api_client", "tenant_id": tenant_id, "token_endpoint_auth_method": "client_secret_basic"}
    return {**fields, "data": {"client_name": "Other"}, **more}


@pytest.fixture
def names(call: Caller) -> Names:
    """A sandbox with one of everything; the names of it fill paths and queries."""
    tenant_id = call.tenant("Customer", customer_id="C-1", contact={"email": "info@example.com"})
    call.equip(tenant_id)
    call.produce(tenant_id)
    user_id = call.user(tenant_id, "jane.doe")["id"]
    call("PUT", f"/users/{user_id}/access_policies", {"items": [policy(user_id, tenant_id, "company_admin")]})
    location = call("POST", "/locations", {"owner_tenant_id": PROVIDER_TENANT, "name": "Basel"}).json()
    storage = {"owner_tenant_id": PROVIDER_TENANT, "name": "Own", "url": "amazon+s3://own.example/b", "capabilities": ["backup"]}
    user = call.http.post("/api/2/idp/token", data={"grant_type": "password", "username": LOGIN, "password": PASSWORD}).json()
    scoped = {"grant_type": "password", "username": LOGIN, "password": PASSWORD, "scope": "offline_access"}
    scheduled = ordered_report(PROVIDER_TENANT, kind="usage_summary")
    scheduled["schedule"]["type"] = "monthly"
    del scheduled["parameters"]["period"]
    report_id = call("POST", "/reports", ordered_report(PROVIDER_TENANT)).json()["id"]
    call.http.post("/sandbox/clock", json={"now": "2026-10-01T08:30:00Z"})
    stored = [call("GET", f"/reports/{report_id}/stored") for _ in range(2)][-1].json()["items"][0]
    return {
        "tenant_id": tenant_id,
        "user_id": user_id,
        "client_id": call("POST", "/clients", new_client(tenant_id, origin_id="app")).json()["client_id"],
        "application_id": BACKUP,
        "infra_id": call("POST", "/infra", storage).json()["id"],
        "location_id": location["id"],
        "report_id": report_id,
        "stored_report_id": stored["id"],
        "scheduled_id": call("POST", "/reports", scheduled).json()["id"],
        "pricing_version": call("GET", f"/tenants/{tenant_id}/pricing").json()["version"],
        "ott": call("POST", "/idp/ott", {"purpose": "user_login", "login": "jane.doe"}).json()["ott"],
        "user_token": user["access_token"],
        "refresh_token": call.http.post("/api/2/idp/token", data=scoped).json()["refresh_token"],
        "gone_tenant_id": _deleted_tenant(call),
        "gone_user_id": _deleted_user(call, tenant_id),
        "off_tenant_id": _disabled_tenant(call, "Off"),
        "off_user_id": _disabled_user(call, tenant_id, "off.user"),
        "application_client": call("POST", "/clients", new_client(PROVIDER_TENANT, origin_id="app")).json(),
    }


def _disabled_tenant(call: Caller, name: str) -> str:
    tenant_id = call.tenant(name)
    call("PUT", f"/tenants/{tenant_id}", {"version": 1, "enabled": False})
    return tenant_id


def _deleted_tenant(call: Caller) -> str:
    tenant_id = _disabled_tenant(call, "Gone")
    call("DELETE", f"/tenants/{tenant_id}", version=2)
    return tenant_id


def _disabled_user(call: Caller, tenant_id: str, login: str) -> str:
    user_id: str = call.user(tenant_id, login)["id"]
    call("PUT", f"/users/{user_id}", {"version": 1, "enabled": False})
    return user_id


def _deleted_user(call: Caller, tenant_id: str) -> str:
    user_id = _disabled_user(call, tenant_id, "gone.user")
    call("DELETE", f"/users/{user_id}", version=2)
    return user_id


ROOT, UNKNOWN = {"tenant_id": ROOT_TENANT}, {"tenant_id": OTHER}
SUBTREE, NOWHERE = {"subtree_root_id": PROVIDER_TENANT}, {"subtree_root_id": OTHER}
NO_USER, ITEM = {"user_id": OTHER}, {"application_id": BACKUP, "name": "pg_base_servers"}
SWITCH = {"application_id": BACKUP, "target_edition": "pck_per_workload"}
NONSENSE = {**SWITCH, "target_edition": "nonsense"}
GRANT = {"grant_type": "client_credentials"}
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LEAKED = sha1(b"password", usedforsecurity=False).hexdigest()


def made_policy(names: Names) -> dict[str, Any]:
    """As the answer of the vendor looks like; what integrators send has neither times nor a real id."""
    times = {"created_at": "2026-10-01T08:00:00+00:00", "updated_at": "2026-10-01T08:00:00+00:00", "deleted_at": None}
    items = [{**policy(names["user_id"], names["tenant_id"], "company_admin"), **times}]
    return {"timestamp": "2026-10-01T08:00:00+00:00", "items": items}


def new_user(names: Names) -> dict[str, Any]:
    return {"tenant_id": names["tenant_id"], "login": "new.user", "contact": {"email": "new@example.com"}}


def new_pricing(names: Names) -> dict[str, Any]:
    return {"version": names["pricing_version"], "mode": "production", "currency": "USD"}


def new_storage(_names: Names) -> dict[str, Any]:
    place = {"owner_tenant_id": PROVIDER_TENANT, "location_id": FRANKFURT.id}
    return {**place, "name": "Second", "url": "acronis+fes://host:44445", "capabilities": ["backup"], "backend_type": "acronis"}


TRIES: dict[tuple[str, str], list[Try]] = {
    ("get", "/.well-known/openid-configuration"): [Try(200, anonymous=True)],
    ("get", "/applications"): [Try(200)],
    ("get", "/applications/{application_id}"): [Try(200), Try(404, path={"application_id": OTHER})],
    ("post", "/applications/{application_id}/bindings/tenants/{tenant_id}"): [Try(204), Try(404, path=UNKNOWN)],
    ("delete", "/applications/{application_id}/bindings/tenants/{tenant_id}"): [
        Try(204),
        Try(403, path={"application_id": definitions.PLATFORM}),
    ],
    ("post", "/clients"): [
        Try(201, new_client(PROVIDER_TENANT)),
        Try(201, new_client(PROVIDER_TENANT, token_endpoint_auth_method="none"), auth=(LOGIN, PASSWORD)),
        Try(403, new_client(ROOT_TENANT)),
    ],
    ("get", "/clients"): [Try(200), Try(200, query={"uuids": "{client_id}"}), Try(200, query={"origin_id": "app"})],
    ("get", "/clients/{client_id}"): [Try(200), Try(404, path={"client_id": OTHER})],
    ("put", "/clients/{client_id}"): [Try(200, {"status": "disabled"}), Try(404, {}, path={"client_id": OTHER})],
    ("delete", "/clients/{client_id}"): [Try(204), Try(404)],
    ("post", "/idp/token"): [
        Try(200, form=GRANT, auth=SECRET_PAIR),
        Try(200, form={**GRANT, "scope": "openid"}, auth=SECRET_PAIR),
        Try(200, form={"grant_type": "password", "username": LOGIN, "password": PASSWORD}, anonymous=True),
        Try(200, form={"grant_type": "refresh_token", "refresh_token": "{refresh_token}"}, anonymous=True),
        Try(200, form={"grant_type": TOKEN_EXCHANGE, "assertion": "{user_token}"}, anonymous=True),
        Try(400, form={"grant_type": "authorization_code", "code": "x"}, anonymous=True),
        Try(401, form=GRANT, auth=(CLIENT_ID, "wrong")),
        Try(403, form={**GRANT, "scope": f"urn:acronis.com:tenant-id:{ROOT_TENANT}"}, auth=SECRET_PAIR),
    ],
    ("post", "/idp/revoke_token"): [
        Try(200, form={"token": "{refresh_token}"}, anonymous=True),
        Try(200, form={"token": "never was one"}, auth=SECRET_PAIR),
        Try(400, form={}, anonymous=True),
        Try(401, form={"token": "x"}, auth=(CLIENT_ID, "wrong")),
    ],
    ("post", "/idp/introspect_token"): [Try(200, form={"token": "{user_token}"}), Try(200, form={"token": "x"}), Try(400, form={})],
    ("post", "/idp/ott"): [
        Try(200, {"purpose": "user_login", "login": "jane.doe"}),
        Try(400, {"purpose": "user_login", "login": "nobody.here"}),
        Try(403, {"purpose": "user_login", "login": "jane.doe"}, auth=(LOGIN, PASSWORD)),
    ],
    ("post", "/idp/ott/login"): [Try(200, lambda names: {"ott": names["ott"]}, anonymous=True), Try(401, {"ott": "x"})],
    ("get", "/idp/logout"): [Try(200, anonymous=True)],
    ("get", "/idp/external-login"): [Try(200, query={"ott": "x", "targetURI": "/mc/"}, anonymous=True)],
    ("get", "/infra"): [Try(200, query={"uuids": "{infra_id}"})],
    ("post", "/infra"): [Try(201, new_storage), Try(409, new_storage)],
    ("get", "/infra/{infra_id}"): [Try(200), Try(404, path={"infra_id": OTHER})],
    ("put", "/infra/{infra_id}"): [Try(200, {"version": 1, "name": "New"}), Try(409, {"version": 1, "name": "Newer"})],
    ("delete", "/infra/{infra_id}"): [Try(409, query={"version": "7"}), Try(204, query={"version": "1", "force": "true"})],
    ("get", "/locations"): [Try(200, query={"uuids": "{location_id}"})],
    ("post", "/locations"): [
        Try(201, {"owner_tenant_id": PROVIDER_TENANT, "name": "Bern"}),
        Try(409, {"owner_tenant_id": PROVIDER_TENANT, "name": "Bern"}),
        Try(403, {"owner_tenant_id": ROOT_TENANT, "name": "Bern"}),
    ],
    ("get", "/locations/{location_id}"): [Try(200), Try(404, path={"location_id": OTHER})],
    ("put", "/locations/{location_id}"): [Try(200, {"version": 1, "name": "New"}), Try(409, {"version": 1, "name": "Newer"})],
    ("delete", "/locations/{location_id}"): [Try(409, query={"version": "7"}), Try(204, query={"version": "1"})],
    ("get", "/locations/{location_id}/infra"): [Try(200), Try(404, path={"location_id": OTHER})],
    ("post", "/reports"): [
        Try(200, ordered_report(PROVIDER_TENANT)),
        Try(400, ordered_report(PROVIDER_TENANT, kind="nonsense")),
        Try(403, ordered_report(ROOT_TENANT)),
    ],
    ("get", "/reports/{report_id}"): [Try(200), Try(404, path={"report_id": OTHER})],
    ("put", "/reports/{report_id}"): [Try(404, {}, path={"report_id": OTHER})],
    ("delete", "/reports/{report_id}"): [Try(204, query={"version": "1"})],
    ("get", "/reports/{report_id}/stored"): [Try(200)],
    ("get", "/reports/{report_id}/stored/{stored_report_id}"): [Try(200)],
    ("get", "/search"): [
        Try(200, query={"tenant": PROVIDER_TENANT, "text": "customer"}),
        Try(200, query={"tenant": PROVIDER_TENANT, "text": "jane"}),
        Try(404, query={"tenant": OTHER, "text": "jane"}),
    ],
    ("get", "/tenants"): [
        Try(200, query=SUBTREE),
        Try(200, query={**SUBTREE, "lod": "basic", "limit": "1"}),
        Try(200, query={**SUBTREE, "lod": "stamps", "allow_deleted": "true"}),
        Try(200, query={"uuids": "{tenant_id}", "with_contacts": "true", "with_offering_items": "true"}),
        Try(200, query={"parent_id": PROVIDER_TENANT, "with_infra_offering_items": "true", "include_relative_path": "true"}),
        Try(400),
        Try(404, query=NOWHERE),
    ],
    ("post", "/tenants"): [
        Try(201, {"name": "P", "kind": "partner", "parent_id": PROVIDER_TENANT}),
        Try(409, {"name": "p", "kind": "partner", "parent_id": PROVIDER_TENANT}),
        Try(403, {"name": "Q", "kind": "partner", "parent_id": ROOT_TENANT}),
    ],
    ("get", "/tenants/applications"): [Try(200, query={"tenants": "{tenant_id}"}), Try(403, query={"tenants": ROOT_TENANT})],
    ("get", "/tenants/offering_items"): [
        Try(200, query={"subtree_root_tenant_id": "{tenant_id}"}),
        Try(200, query={"subtree_root_tenant_id": PROVIDER_TENANT, "limit": "3", "allow_deleted": "true"}),
        Try(400),
        Try(404, query={"subtree_root_tenant_id": OTHER}),
    ],
    ("get", "/tenants/usages"): [Try(200, query={"tenants": "{tenant_id}"}), Try(403, query={"tenants": ROOT_TENANT})],
    ("put", "/tenants/usages"): [Try(403, {"items": [{"usage_value": 1}]})],
    ("get", "/tenants/{tenant_id}"): [
        Try(200),
        Try(200, query={"embed_path": "true"}),
        Try(403, path=ROOT),
        Try(404, path=UNKNOWN),
    ],
    ("put", "/tenants/{tenant_id}"): [
        Try(200, {"version": 1, "name": "Other"}),
        Try(409, {"version": 1}),
        Try(404, {"version": 1}, path=UNKNOWN),
    ],
    ("delete", "/tenants/{tenant_id}"): [
        Try(204, query={"version": "2"}, path={"tenant_id": "{off_tenant_id}"}),
        Try(404, query={"version": "1"}, path=UNKNOWN),
    ],
    ("get", "/tenants/{tenant_id}/offering_items"): [
        Try(200, query={"edition": "*"}),
        Try(200, query={"type": "infra", "status": "1", "edition": "*", "usage_names": "storage", "available_only": "true"}),
        Try(400, query={"status": "9"}),
    ],
    ("put", "/tenants/{tenant_id}/offering_items"): [
        Try(200, {"offering_items": [{**ITEM, "status": 1, "quota": {"value": 5, "overage": 0, "version": 0}}]}),
        Try(400, {"offering_items": [{**ITEM, "name": "nothing"}]}),
        Try(404, {"offering_items": []}, path=UNKNOWN),
        Try(426, {"offering_items": [{**ITEM, "quota": {"value": 6, "overage": 0, "version": 0}}]}),
    ],
    ("get", "/tenants/{tenant_id}/offering_items/available_for_child"): [Try(200, query={"edition": "*"}), Try(403, path=ROOT)],
    ("get", "/tenants/{tenant_id}/offering_items/pricing"): [Try(200), Try(404, path=UNKNOWN)],
    ("put", "/tenants/{tenant_id}/offering_items/pricing"): [
        Try(200, {"items": [{**ITEM, "price": "1.5"}]}),
        Try(404, {"items": []}, path=UNKNOWN),
    ],
    ("get", "/tenants/{tenant_id}/edition"): [Try(200, query=SWITCH), Try(400, query=NONSENSE)],
    ("put", "/tenants/{tenant_id}/edition"): [Try(200, SWITCH), Try(400, NONSENSE)],
    ("get", "/tenants/{tenant_id}/applications"): [Try(200), Try(404, path=UNKNOWN)],
    ("get", "/tenants/{tenant_id}/users"): [
        Try(200, query={"include_grand_children": "true", "include_hidden": "true", "order": "-name"}),
        Try(404, path=UNKNOWN),
    ],
    ("get", "/tenants/{tenant_id}/children"): [
        Try(200, path={"tenant_id": PROVIDER_TENANT}, query={"order": "-usage.storage"}),
        Try(404, path=UNKNOWN),
    ],
    ("get", "/tenants/{tenant_id}/reports"): [Try(200, path={"tenant_id": PROVIDER_TENANT}), Try(404, path=UNKNOWN)],
    ("get", "/tenants/{tenant_id}/locations"): [Try(200), Try(404, path=UNKNOWN)],
    ("get", "/tenants/{tenant_id}/usages"): [Try(200), Try(403, path=ROOT)],
    ("get", "/tenants/{tenant_id}/pricing"): [Try(200), Try(404, path=UNKNOWN)],
    ("put", "/tenants/{tenant_id}/pricing"): [Try(200, new_pricing), Try(404, new_pricing, path=UNKNOWN)],
    ("get", "/tenants/{tenant_id}/mfa/status"): [Try(200), Try(404, path=UNKNOWN)],
    ("put", "/tenants/{tenant_id}/mfa/status"): [
        Try(200, {"enabled": True}),
        Try(400, {}),
        Try(404, {"enabled": True}, path=UNKNOWN),
    ],
    ("post", "/tenants/{tenant_id}/restore"): [Try(204, path={"tenant_id": "{gone_tenant_id}"}), Try(404)],
    ("get", "/users"): [
        Try(200, query={"subtree_root_tenant_id": PROVIDER_TENANT, "with_access_policies": "true"}),
        Try(200, query={"subtree_root_tenant_id": PROVIDER_TENANT, "lod": "basic", "limit": "1"}),
        Try(200, query={"subtree_root_tenant_id": PROVIDER_TENANT, "inside_organization": "true", "tenant_kinds": "partner"}),
        Try(200, query={"uuids": "{user_id}", "lod": "stamps"}),
        Try(400),
        Try(404, query={"subtree_root_tenant_id": OTHER}),
    ],
    ("post", "/users"): [Try(200, new_user), Try(409, new_user)],
    ("get", "/users/check_login"): [
        Try(204, query={"username": "free.login"}),
        Try(406, query={"username": "!"}),
        Try(409, query={"username": "jane.doe"}),
    ],
    ("post", "/users/check_password"): [
        Try(200, {"password": LEAKED}, anonymous=True),
        Try(400, {"password": "plain"}, anonymous=True),
    ],
    ("get", "/users/me"): [Try(200), Try(200, auth=(LOGIN, PASSWORD))],
    ("get", "/users/{user_id}"): [Try(200), Try(200, path={"user_id": "{gone_user_id}"}, query={"allow_deleted": "true"})],
    ("put", "/users/{user_id}"): [
        Try(200, {"version": 1, "language": "de", "disable_after": "2027-01-01T00:00:00+00:00"}),
        Try(409, {"version": 1}),
    ],
    ("delete", "/users/{user_id}"): [
        Try(204, query={"version": "2"}, path={"user_id": "{off_user_id}"}),
        Try(404, query={"version": "1"}, path=NO_USER),
    ],
    ("get", "/users/{user_id}/access_policies"): [Try(200), Try(404, path=NO_USER)],
    ("put", "/users/{user_id}/access_policies"): [Try(200, made_policy)],
    ("post", "/users/{user_id}/password"): [Try(204, {"password": "long enough"}), Try(404, {"password": "x"}, path=NO_USER)],
    ("post", "/users/{user_id}/send-activation-email"): [Try(204), Try(404, path=NO_USER)],
    ("post", "/users/{user_id}/restore"): [Try(204, path={"user_id": "{gone_user_id}"}, query={"enable": "true"}), Try(404)],
}
SCHEDULED = Try(200, {"schedule": {"enabled": False}}, path={"report_id": "{scheduled_id}"})
TRIES["put", "/reports/{report_id}"].insert(0, SCHEDULED)
# Without credentials these do their work, or refuse in another way than with 401.
OPEN = {
    ("post", "/idp/token"),
    ("post", "/idp/revoke_token"),
    ("post", "/idp/ott/login"),
}


def test_every_described_operation_is_served_or_named_with_a_reason() -> None:
    assert sorted(operations()) == sorted([*TRIES, *NOT_SERVED])
    assert not set(TRIES) & set(NOT_SERVED)


def test_every_served_operation_is_tried_in_success_and_refused() -> None:
    for (method, path), tries in TRIES.items():
        statuses = [attempt.status for attempt in tries]
        can_refuse = any(status >= "400" for status in responses_of(method, path))

        assert any(status < 300 for status in statuses) or (method, path) == ("put", "/tenants/usages")
        assert not can_refuse or "401" in responses_of(method, path) or any(status >= 400 for status in statuses)


def _ids(operation: tuple[str, str]) -> str:
    return f"{operation[0].upper()} {operation[1]}"


@pytest.mark.parametrize("operation", list(TRIES), ids=_ids)
def test_operation_answers_as_described(operation: tuple[str, str], call: Caller, names: Names) -> None:
    method, path = operation
    tries = list(TRIES[operation])
    if "401" in responses_of(method, path) and operation not in OPEN:
        tries.append(Try(401, anonymous=True))

    for attempt in tries:
        given = {name: value.format(**names) for name, value in attempt.path.items()}
        answer = make(call, method, path, {**names, **given}, Try(**{**vars(attempt), "path": given}))

        assert answer.status_code == attempt.status, answer.text
        hold(answer)


def test_usage_reporters_may_report_and_failures_are_told_per_item(call: Caller, names: Names) -> None:
    client = names["application_client"]
    word = base64.b64encode(f"{client['client_id']}:{client['client_secret']}".encode()).decode()
    token = call.http.post("/api/2/idp/token", data=GRANT, headers={"Authorization": f"Basic {word}"}).json()["access_token"]
    items = [
        {"tenant_id": names["tenant_id"], "offering_item": "pg_base_servers", "usage_value": 17},
        {"tenant_id": names["tenant_id"], "usage_type": "teapots", "usage_value": 1},
    ]

    answer = call.http.put("/api/2/tenants/usages", json={"items": items}, headers={"Authorization": f"Bearer {token}"})

    hold(answer)
    assert "error" not in answer.json()["items"][0]
    assert answer.json()["items"][1]["error"]["error"]["code"] == 1021
    found = call("GET", f"/tenants/{names['tenant_id']}/usages", usage_names="servers").json()["items"]
    assert [one["absolute_value"] for one in found if one["name"] == "pg_base_servers"] == [17]


@pytest.mark.parametrize("read", ["HEAD", "OPTIONS"])
def test_head_and_options_are_answered_where_get_is(read: str, call: Caller, names: Names) -> None:
    answer = call.http.request(read, f"/api/2/tenants/{names['tenant_id']}", headers=call.headers)

    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("path", [path for method, path in TRIES if "415" in responses_of(method, path) and method != "get"])
def test_bodies_of_another_type_are_refused_with_415(path: str, call: Caller, names: Names) -> None:
    for method in (method for method, other in TRIES if other == path and "415" in responses_of(method, path) and method != "get"):
        answer = call.http.request(
            method, "/api/2" + path.format(**names), content="a=b", headers={**call.headers, "Content-Type": "text/plain"}
        )

        assert (answer.status_code, answer.json()["error"]["code"]) == (415, 415)
        hold(answer)
