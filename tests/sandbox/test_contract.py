"""Every answer is held against the vendor's own description of its API."""

from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from jsonschema import Draft4Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

import sandbox
from sandbox import definitions
from sandbox.app import CLIENT_ID, CLIENT_SECRET, LOGIN
from sandbox.definitions import BACKUP
from tests.sandbox.conftest import Caller
from tests.sandbox.test_users import policy

PROVIDER = definitions.PROVIDER_TENANT
NAME = "urn:contract"
SPEC = Path(sandbox.__file__).with_name("acronis-openapi.yaml")


@cache
def contract() -> tuple[dict[str, Any], Registry[Any]]:
    """The description as JSON schema: nullable spelt out, and `infra_id: null` allowed, which real answers carry."""
    described = yaml.safe_load(SPEC.read_text())
    described["components"]["schemas"]["offeringItem"]["properties"]["infra_id"] = {"$ref": "#/components/schemas/uuidOrNull"}
    _spell_out_null(described)
    return described, Registry().with_resource(NAME, Resource(contents=described, specification=DRAFT4))


def _spell_out_null(node: Any) -> None:
    if isinstance(node, dict):
        if node.pop("nullable", False) is True and isinstance(node.get("type"), str):
            node["type"] = [node["type"], "null"]
        for child in node.values():
            _spell_out_null(child)
    elif isinstance(node, list):
        for child in node:
            _spell_out_null(child)


def _absolute(schema: dict[str, Any]) -> dict[str, Any]:
    """A reference into the description, as seen from outside of it."""
    return {"$ref": f"{NAME}{schema['$ref']}"}


def check(answer: httpx.Response, method: str, path: str) -> Any:
    """Assert that the status is described for the operation and the body has the described shape."""
    described, registry = contract()
    response = described["paths"][path][method]["responses"][str(answer.status_code)]
    if "$ref" in response:
        response = described["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
    content = response.get("content", {})
    if not content:
        assert answer.content == b""
        return None
    assert answer.headers["Content-Type"].split(";")[0] in content
    reference = _absolute(content["application/json"]["schema"])
    problems = list(Draft4Validator(reference, registry=registry).iter_errors(answer.json()))
    assert not problems, [(problem.message, list(problem.path)) for problem in problems]
    return answer.json()


@pytest.fixture
def furnished(call: Caller) -> dict[str, str]:
    """A customer with everything, a user with a role, a report."""
    tenant_id = call.tenant("Customer", customer_id="C-1", contact={"email": "info@example.com"})
    call.equip(tenant_id)
    call.produce(tenant_id)
    user_id = call.user(tenant_id, "jane.doe")["id"]
    call("PUT", f"/users/{user_id}/access_policies", {"items": [policy(user_id, tenant_id, "company_admin")]})
    parameters = {
        "tenant_id": PROVIDER,
        "level": "accounts",
        "kind": "usage_daily",
        "formats": ["csv_v2_0"],
        "period": {"start": "2026-10-01", "end": "2026-10-01"},
    }
    asked = {"recipients": [], "result_action": "save", "parameters": parameters, "schedule": {"type": "once"}}
    report_id = check(call("POST", "/reports", asked), "post", "/reports")["id"]
    storages = [item["infra_id"] for item in call.offered() if item["infra_id"]]
    return {
        "tenant_id": tenant_id,
        "user_id": user_id,
        "report_id": report_id,
        "client_id": CLIENT_ID,
        "application_id": BACKUP,
        "infra_id": storages[0],
        "location_id": definitions.ZURICH.id,
    }


READS: list[tuple[str, dict[str, Any]]] = [
    ("/.well-known/openid-configuration", {}),
    ("/applications", {}),
    ("/applications/{application_id}", {}),
    ("/clients/{client_id}", {}),
    ("/infra", {"uuids": "{infra_id}"}),
    ("/infra/{infra_id}", {}),
    ("/locations", {"uuids": "{location_id}"}),
    ("/locations/{location_id}", {}),
    ("/locations/{location_id}/infra", {}),
    ("/reports/{report_id}", {}),
    ("/reports/{report_id}/stored", {}),
    ("/search", {"tenant": PROVIDER, "text": "customer"}),
    ("/search", {"tenant": PROVIDER, "text": "jane"}),
    ("/tenants", {"subtree_root_id": PROVIDER}),
    ("/tenants", {"subtree_root_id": PROVIDER, "lod": "basic", "limit": "1"}),
    ("/tenants", {"subtree_root_id": PROVIDER, "lod": "stamps"}),
    ("/tenants", {"uuids": "{tenant_id}", "with_contacts": "true", "with_offering_items": "1"}),
    ("/tenants", {}),
    ("/tenants/applications", {"tenants": "{tenant_id}"}),
    ("/tenants/offering_items", {"subtree_root_tenant_id": "{tenant_id}"}),
    ("/tenants/usages", {"tenants": "{tenant_id}"}),
    ("/tenants/{tenant_id}", {}),
    ("/tenants/{tenant_id}/applications", {}),
    ("/tenants/{tenant_id}/children", {}),
    ("/tenants/{tenant_id}/edition", {"target_edition": "pck_per_workload", "application_id": BACKUP}),
    ("/tenants/{tenant_id}/edition", {"target_edition": "nonsense", "application_id": BACKUP}),
    ("/tenants/{tenant_id}/locations", {}),
    ("/tenants/{tenant_id}/offering_items", {"edition": "*"}),
    ("/tenants/{tenant_id}/offering_items/available_for_child", {"edition": "*"}),
    ("/tenants/{tenant_id}/offering_items/pricing", {}),
    ("/tenants/{tenant_id}/pricing", {}),
    ("/tenants/{tenant_id}/reports", {}),
    ("/tenants/{tenant_id}/usages", {}),
    ("/tenants/{tenant_id}/users", {}),
    ("/users", {"subtree_root_tenant_id": PROVIDER, "with_access_policies": "true"}),
    ("/users", {"subtree_root_tenant_id": PROVIDER, "lod": "basic"}),
    ("/users", {"uuids": "{user_id}", "lod": "stamps"}),
    ("/users/check_login", {"username": "jane.doe"}),
    ("/users/check_login", {"username": "free.login"}),
    ("/users/check_login", {"username": "!"}),
    ("/users/me", {}),
    ("/users/{user_id}", {}),
    ("/users/{user_id}/access_policies", {}),
]


def test_reads_answer_as_described(call: Caller, furnished: dict[str, str]) -> None:
    for path, query in READS:
        answer = call("GET", path.format(**furnished), **{name: value.format(**furnished) for name, value in query.items()})

        check(answer, "get", path)


def test_writes_answer_as_described(call: Caller, furnished: dict[str, str]) -> None:
    tenant_id, user_id = furnished["tenant_id"], furnished["user_id"]
    made = check(call("POST", "/tenants", {"name": "P", "kind": "partner", "parent_id": PROVIDER}), "post", "/tenants")
    switch = {"target_edition": "pck_per_workload", "application_id": BACKUP}
    item = {"application_id": BACKUP, "name": "pg_base_servers"}
    pricing = call("GET", f"/tenants/{tenant_id}/pricing").json()
    binding = "/applications/{application_id}/bindings/tenants/{tenant_id}"
    writes: list[tuple[str, str, Any]] = [
        ("put", "/tenants/{tenant_id}", {"version": 1, "name": "Other"}),
        ("put", "/tenants/{tenant_id}", {"version": 1}),
        ("put", "/tenants/{tenant_id}/pricing", pricing),
        ("put", "/tenants/{tenant_id}/offering_items", {"offering_items": [{**item, "status": 1}]}),
        ("put", "/tenants/{tenant_id}/offering_items", {"offering_items": [{**item, "name": "nothing"}]}),
        ("put", "/tenants/{tenant_id}/offering_items/pricing", {"items": [{**item, "price": "1.5"}]}),
        ("put", "/tenants/{tenant_id}/edition", switch),
        ("post", binding, None),
        ("delete", binding, None),
        ("put", "/users/{user_id}/access_policies", {"items": [policy(user_id, tenant_id, "company_admin")]}),
        ("put", "/users/{user_id}", {"version": 1, "enabled": False}),
        ("post", "/users/{user_id}/password", {"password": "long enough"}),
        ("post", "/users/{user_id}/send-activation-email", None),
    ]
    for method, path, body in writes:
        check(call(method.upper(), path.format(**furnished), body), method, path)

    new_user = {"tenant_id": made["id"], "login": "reseller", "contact": {"email": "r@example.com"}}
    check(call("POST", "/users", new_user), "post", "/users")
    ott = check(call("POST", "/idp/ott", {"purpose": "user_login", "login": "reseller"}), "post", "/idp/ott")
    check(call("POST", "/idp/ott/login", {"ott": ott["ott"]}), "post", "/idp/ott/login")
    check(call("DELETE", f"/users/{user_id}", version=2), "delete", "/users/{user_id}")
    call("PUT", f"/tenants/{tenant_id}", {"version": 2, "enabled": False})
    check(call("DELETE", f"/tenants/{tenant_id}", version=3), "delete", "/tenants/{tenant_id}")


def test_tokens_and_refusals_answer_as_described(call: Caller, http: httpx.Client) -> None:
    granted = http.post("/api/2/idp/token", data={"grant_type": "client_credentials"}, auth=(CLIENT_ID, CLIENT_SECRET))
    nonsense = http.post("/api/2/idp/token", data={"grant_type": "nonsense"})

    check(granted, "post", "/idp/token")
    check(nonsense, "post", "/idp/token")
    check(http.get("/api/2/applications"), "get", "/applications")
    check(call("GET", f"/tenants/{definitions.ROOT_TENANT}"), "get", "/tenants/{tenant_id}")
    check(call("GET", f"/tenants/{BACKUP}"), "get", "/tenants/{tenant_id}")
    check(http.get("/api/2/users/me", auth=(LOGIN, "wrong")), "get", "/users/me")
