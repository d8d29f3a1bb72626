"""
Invented requests to every operation of the vendor's description, and what the sandbox may answer.

The suite takes a few of them per operation (`test_fuzz.py`). A longer run, with other requests each time:

    python -m tests.sandbox.fuzz --examples 500
    python -m tests.sandbox.fuzz --examples 5000 --only "PUT /tenants/{tenant_id}" --seed 7

Each request meets the same furnished sandbox: its storage is put back before every one. Some requests follow the description, some
go against it, and some would succeed but for a few strange values, so that they get past the first check. Of the former, many of
the values that name something are replaced by what the sandbox holds. An exception travels up with its traceback.
"""

import argparse
import random
import re
import sqlite3
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import schemathesis
import yaml
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from schemathesis import APIOperation, BaseSchema, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance
from werkzeug.test import TestResponse

import sandbox
from sandbox import definitions
from sandbox.app import API, CLIENT_ID, LOGIN
from sandbox.storage import Storage
from tests.sandbox.conftest import BASE, NOW, Caller

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
SPEC = Path(sandbox.__file__).with_name("acronis-openapi.yaml")
METHODS = ("get", "post", "put", "delete")
NAME_IN_PATH = re.compile(r"{(\w+)}")

# Statuses an operation may answer with beside those the description names for it. The description lists only some of them, while
# the vendor's guide has one list for all operations ("HTTP status response codes"): malformed, forbidden, not found, wrong type.
ANYWHERE = {"400", "401", "403", "404", "413", "415"}
BESIDE: dict[str, set[str]] = {
    "POST /tenants": {"409"},  # the name is taken, code 1004: integrators handle it
    "POST /users": {"409"},  # the login is taken
    "POST /clients": {"409"},
    "PUT /clients/{client_id}": {"409"},
    "DELETE /tenants/{tenant_id}": {"409"},  # stale versions, code 1001: the status is ours
    "DELETE /users/{user_id}": {"409"},
    "DELETE /reports/{report_id}": {"409"},
    "PUT /reports/{report_id}": {"409"},
    "PUT /tenants/{tenant_id}/pricing": {"409"},
    "PUT /tenants/{tenant_id}/offering_items/pricing": {"409"},
    "PUT /tenants/{tenant_id}/edition": {"409"},
    "PUT /tenants/{tenant_id}/offering_items": {"426"},  # stale quotas: the vendor's article; the description has it under GET
    "PUT /tenants/{tenant_id}/mfa/status": {"409"},
}

GUIDES_REPORT_FORMATS = ["json_v2_0"]  # in the vendor's guide, not in the description
# Words of the token endpoint that are recorded or of the OAuth standard; the description lists those of the second factor only.
RECORDED_TOKEN_ERRORS = ["invalid_client", "invalid_grant", "invalid_scope", "unsupported_grant_type", "unauthorized_client"]


@cache
def published() -> dict[str, Any]:
    """The vendor's description as it is."""
    found: dict[str, Any] = yaml.safe_load(SPEC.read_text())
    return found


@cache
def described() -> dict[str, Any]:
    """The vendor's description, with the statuses and words above and `infra_id: null`, which real answers carry."""
    found = deepcopy(published())
    schemas = found["components"]["schemas"]
    schemas["offeringItem"]["properties"]["infra_id"] = {"$ref": "#/components/schemas/uuidOrNull"}
    schemas["report"]["properties"]["parameters"]["properties"]["formats"]["items"]["enum"] += GUIDES_REPORT_FORMATS
    schemas["tokenError"]["properties"]["error"]["enum"] += RECORDED_TOKEN_ERRORS
    envelope = {
        "description": "Refused.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/errorScheme"}}},
    }
    for path, method in operations():
        responses = found["paths"][path][method.lower()]["responses"]
        for status in ANYWHERE | BESIDE.get(f"{method} {path}", set()):
            responses.setdefault(status, envelope)
    return found


@cache
def operations() -> tuple[tuple[str, str], ...]:
    """Path and method of every operation described, in the order of the description."""
    return tuple(
        (path, method.upper()) for path, methods in published()["paths"].items() for method in methods if method in METHODS
    )


def serves(app: Flask, path: str, method: str) -> bool:
    """Has the sandbox a route of exactly this shape?"""
    wanted = API + NAME_IN_PATH.sub("<>", path)
    return any(
        re.sub(r"<[^>]+>", "<>", rule.rule) == wanted and method in (rule.methods or ()) for rule in app.url_map.iter_rules()
    )


class World:
    """A furnished sandbox that can be put back to how it was, and the words that mean something in it."""

    def __init__(self, directory: str | Path) -> None:
        self.app = sandbox.create_app(storage_path=Path(directory) / "fuzz.sqlite3", now=NOW)
        self.app.config["PROPAGATE_EXCEPTIONS"] = True
        with httpx.Client(transport=httpx.WSGITransport(app=self.app), base_url=BASE) as http:
            self.call = Caller(http)
            self.known = _furnish(self.call)
            self.sound = _sound_requests(self.call, self.known)
        self.answered: Counter[int] = Counter()
        """How often each status was answered since the last sign-in."""
        self._pristine = sqlite3.connect(":memory:", check_same_thread=False)
        self._storage.connection().backup(self._pristine)
        self._files = {path: path.read_bytes() for path in self._storage.reports_directory.iterdir()}

    @property
    def _storage(self) -> Storage:
        found: Storage = self.app.extensions["sandbox"]
        return found

    def put_back(self) -> None:
        self._pristine.backup(self._storage.connection())
        for path, content in self._files.items():
            if not path.exists():
                path.write_bytes(content)

    def send(self, method: str, path: str, **request: Any) -> TestResponse:
        """A request with the ids of what there is in the path."""
        filled = NAME_IN_PATH.sub(lambda found: str(self.known[found[1]][0]), path)
        headers = {**self.call.headers, **request.pop("headers", {})}
        return self.app.test_client().open(f"{API}{filled}", method=method, headers=headers, **request)

    def sign_in_again(self) -> None:
        """A long run outlives a token."""
        self.put_back()
        self.answered.clear()
        with httpx.Client(transport=httpx.WSGITransport(app=self.app), base_url=BASE) as http:
            self.call = Caller(http)


def _furnish(call: Caller) -> dict[str, list[Any]]:
    """One of each, and the ids by the names under which requests carry them."""
    provider = definitions.PROVIDER_TENANT
    partner = call.tenant("Reseller", kind="partner", customer_id="R-1")
    customer = call.tenant("Customer", customer_id="C-1", contact={"email": "info@example.com"})
    idle = call.tenant("Idle", customer_id="C-2", enabled=False)
    unit = call.tenant("Unit", kind="unit", parent_id=customer)
    call.equip(customer)
    user, reader = call.user(customer, "jane.doe")["id"], call.user(partner, "reseller.admin")["id"]
    sleeper = call.user(customer, "sleeper")["id"]
    call("PUT", f"/users/{sleeper}", {"version": 1, "enabled": False})
    parameters = {"tenant_id": provider, "level": "accounts", "kind": "usage_daily", "formats": ["csv_v2_0"]}
    period = {"start": "2026-10-01", "end": "2026-10-01"}
    asked = {"result_action": "save", "parameters": {**parameters, "period": period}, "schedule": {"type": "once"}}
    report = call("POST", "/reports", asked).json()["id"]
    stored = call("GET", f"/reports/{report}/stored").json()["items"][0]["id"]
    for _ in range(3):  # the first looks find it in progress
        call("GET", f"/reports/{report}/stored")
    ott = call("POST", "/idp/ott", {"purpose": "user_login", "login": "jane.doe"}).json()["ott"]
    tenants, users = [customer, partner, idle, unit, provider, definitions.ROOT_TENANT], [user, reader, sleeper]
    items = call.offered()
    applications = sorted({item["application_id"] for item in items})
    storages = sorted({item["infra_id"] for item in items if item["infra_id"]})
    token = call.headers["Authorization"].removeprefix("Bearer ")
    of_tenants = ("tenant_id", "parent_id", "subtree_root_id", "subtree_root_tenant_id", "tenant", "target_tenant_id", "tenants")
    return {
        **dict.fromkeys(of_tenants, tenants),
        "user_id": users,
        "trustee_id": users,
        "client_id": [CLIENT_ID],
        "report_id": [report],
        "stored_report_id": [stored],
        "application_id": applications,
        "infra_id": storages,
        "infra_uuid": storages,
        "location_id": [definitions.ZURICH.id],
        "uuids": [*tenants, *users, *storages, definitions.ZURICH.id, CLIENT_ID],
        "version": [1, 2, 0, "1"],
        "name": [*sorted({item["name"] for item in items}), "Customer"],
        "login": ["jane.doe", "free.login", LOGIN],
        "username": ["jane.doe", "free.login"],
        "edition": ["*", "pck_per_gigabyte", "pck_per_workload"],
        "editions": ["*", "pck_per_gigabyte"],
        "target_edition": ["pck_per_workload", "fss_per_gigabyte", "pck_per_gigabyte"],
        "text": ["customer", "jane"],
        "period": [period],
        "ott": [ott],
        "token": [token],
        "assertion": [token],
        "external_ids": ["e-1"],
        "after": ["nonsense"],
        "enabled": [True, False, "false"],
    }


def _sound_requests(call: Caller, known: dict[str, list[Any]]) -> dict[str, dict[str, Any]]:
    """By operation: a request that succeeds, where the path alone does not make one."""
    provider, customer, application = definitions.PROVIDER_TENANT, known["tenant_id"][0], definitions.BACKUP
    user, storage_at = known["user_id"][0], definitions.ZURICH.id
    gone, left = call.tenant("Gone", enabled=False), call.user(customer, "left.us")["id"]
    call("DELETE", f"/tenants/{gone}", version=1)
    call("PUT", f"/users/{left}", {"version": 1, "enabled": False})
    call("DELETE", f"/users/{left}", version=2)
    idle = call("GET", f"/tenants/{known['tenant_id'][2]}").json()
    pricing = {**call("GET", f"/tenants/{customer}/pricing").json(), "mode": "production", "currency": "EUR"}
    item = {"application_id": application, "name": "pg_base_servers"}
    parameters = {"tenant_id": provider, "level": "accounts", "kind": "usage_daily", "formats": ["csv_v2_0", "json_v2_0"]}
    asked = {"recipients": [], "result_action": "save", "parameters": {**parameters, "period": known["period"][0]}}
    policy = {"trustee_type": "user", "trustee_id": user, "tenant_id": customer, "role_id": "company_admin", "version": 0}
    zero = "00000000-0000-0000-0000-000000000000"
    storage = {
        "location_id": storage_at,
        "owner_tenant_id": provider,
        "name": "S",
        "url": "acronis+fes://h:1",
        "capabilities": ["backup"],
    }
    client = {"type": "api_client", "tenant_id": provider, "token_endpoint_auth_method": "client_secret_basic"}
    quota = {"value": 5, "overage": None, "version": 0}
    return {
        "POST /tenants": {"body": {"name": "New", "kind": "customer", "parent_id": provider, "customer_id": "C-9"}},
        "PUT /tenants/{tenant_id}": {"body": {"version": 1, "name": "Other", "contact": {"email": "a@example.com"}}},
        "DELETE /tenants/{tenant_id}": {"path": {"tenant_id": idle["id"]}, "query": {"version": idle["version"]}},
        "POST /tenants/{tenant_id}/restore": {"path": {"tenant_id": gone}},
        "GET /tenants": {"query": {"subtree_root_id": provider, "limit": 3, "lod": "full", "with_contacts": "true"}},
        "GET /tenants/offering_items": {"query": {"subtree_root_tenant_id": provider, "limit": 10}},
        "GET /tenants/usages": {"query": {"tenants": customer, "usage_names": "storage", "editions": "*"}},
        "GET /tenants/applications": {"query": {"tenants": customer}},
        "GET /tenants/{tenant_id}/offering_items": {"query": {"edition": "*", "status": 1, "type": "count"}},
        "PUT /tenants/{tenant_id}/offering_items": {"body": {"offering_items": [{**item, "status": 1, "quota": quota}]}},
        "PUT /tenants/{tenant_id}/offering_items/pricing": {"body": {"items": [{**item, "price": "0.05"}]}},
        "PUT /tenants/{tenant_id}/pricing": {"body": pricing},
        "GET /tenants/{tenant_id}/edition": {"query": {"target_edition": "pck_per_workload", "application_id": application}},
        "PUT /tenants/{tenant_id}/edition": {"body": {"target_edition": "pck_per_workload", "application_id": application}},
        "PUT /tenants/{tenant_id}/mfa/status": {"body": {"mfa_status": "enabled", "enabled": True}},
        "GET /tenants/{tenant_id}/children": {"path": {"tenant_id": provider}, "query": {"order": "-name"}},
        "POST /users": {
            "body": {"tenant_id": customer, "login": "new.user", "contact": {"email": "n@example.com"}, "language": "de"}
        },
        "GET /users": {"query": {"subtree_root_tenant_id": provider, "limit": 2, "lod": "full", "with_access_policies": "true"}},
        "PUT /users/{user_id}": {"body": {"version": 1, "contact": {"firstname": "J"}, "notifications": ["quota"]}},
        "DELETE /users/{user_id}": {"path": {"user_id": known["user_id"][2]}, "query": {"version": 2}},
        "POST /users/{user_id}/restore": {"path": {"user_id": left}},
        "POST /users/{user_id}/password": {"body": {"password": "a long enough password"}},
        "POST /users/check_password": {"body": {"password": "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8"}},
        "GET /users/check_login": {"query": {"username": "free.login"}},
        "PUT /users/{user_id}/access_policies": {"body": {"items": [{"id": zero, "issuer_id": zero, **policy}]}},
        "POST /reports": {"body": {**asked, "schedule": {"type": "once"}}},
        "DELETE /reports/{report_id}": {"query": {"version": 1}},
        "GET /search": {"query": {"tenant": provider, "text": "customer", "limit": 5}},
        "POST /infra": {"body": storage},
        "POST /locations": {"body": {"owner_tenant_id": provider, "name": "Here"}},
        "GET /infra": {"query": {"uuids": known["infra_id"][0]}},
        "GET /locations": {"query": {"uuids": storage_at}},
        "GET /clients": {"query": {"uuids": CLIENT_ID}},
        "POST /clients": {"body": {**client, "data": {"client_name": "Fuzz"}}},
        "PUT /clients/{client_id}": {"body": {**client, "data": {"client_name": "Fuzz"}}},
        "POST /idp/ott": {"body": {"purpose": "user_login", "login": "jane.doe"}},
        "POST /idp/ott/login": {"body": {"ott": known["ott"][0]}},
    }


# Requests

STRANGE: list[Any] = [
    None,
    "",
    " ",
    "\0",
    "ü😀",
    "x" * 3000,
    -1,
    0,
    10**17,
    10**30,
    1.5,
    True,
    "true",
    [],
    [None],
    {},
    {"a": {}},
    "*",
    "a,b",
]
STRANGE += ["2026-13-45", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "00000000-0000-0000-0000-000000000000"]


@st.composite
def requests(draw: st.DrawFn, operation: APIOperation, world: "World") -> Case:
    """A request by the description, one against it, or one that succeeds but for a few strange values."""
    kind = draw(st.sampled_from(("sound", GenerationMode.POSITIVE, GenerationMode.NEGATIVE)))
    return draw(_bent(operation, world)) if kind == "sound" else draw(_invented(operation, kind, world.known))


@st.composite
def _bent(draw: st.DrawFn, operation: APIOperation, world: "World") -> Case:
    sound = world.sound.get(operation.label, {})
    ids = {name: str(world.known[name][0]) for name in NAME_IN_PATH.findall(operation.path)} | sound.get("path", {})
    query, body = deepcopy(sound.get("query", {})), deepcopy(sound.get("body"))
    for _ in range(draw(st.integers(0, 2))):
        found = [*places(query), *places(body)]
        if found:
            place, name = draw(st.sampled_from(found))
            bend(place, name, world.known, draw)
    return operation.Case(
        path_parameters=ids, query=query, **({} if body is None else {"body": body, "media_type": "application/json"})
    )


def places(part: Any) -> Iterator[tuple[Any, Any]]:
    """Every value inside, as the container and its name or number there."""
    entries = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for name, value in entries:
        yield part, name
        yield from places(value)


def bend(place: Any, name: Any, known: dict[str, list[Any]], draw: st.DrawFn) -> None:
    """Take a value out, or put a strange one in its place, or one of ``known`` under its name."""
    if isinstance(place, dict) and draw(st.integers(0, 4)) == 0:
        del place[name]
    else:
        place[name] = deepcopy(draw(st.sampled_from([*STRANGE, *known.get(name, [])])))  # the next may bend what is inside


@st.composite
def _invented(draw: st.DrawFn, operation: APIOperation, mode: GenerationMode, known: dict[str, list[Any]]) -> Case:
    case: Case = draw(operation.as_strategy(mode))
    with_known = draw(st.sampled_from((True, True, True, False)))
    if with_known:
        for part in (case.path_parameters, case.query, case.body):
            _fill_in(part, known, draw)
    return case


def _fill_in(part: Any, known: dict[str, list[Any]], draw: st.DrawFn) -> None:
    if isinstance(part, dict):
        for name, value in part.items():
            if name in known and draw(st.integers(0, 3)):
                part[name] = deepcopy(draw(st.sampled_from(known[name])))
            else:
                _fill_in(value, known, draw)
    elif isinstance(part, list):
        for value in part:
            _fill_in(value, known, draw)


@cache
def _schema() -> BaseSchema:
    return schemathesis.openapi.from_dict(described())


def cases_of(path: str, method: str) -> APIOperation:
    return _schema()[path][method]


def attempt(world: World, path: str, method: str, *, examples: int, seed: int | None = None) -> None:
    """
    Send so many requests to one operation and hold every answer against the description.

    :param seed: without one the requests are the same each time.
    :raises Exception: what the sandbox raised, or the failed checks, with the smallest request that shows it.
    """

    @settings(
        max_examples=examples,
        derandomize=seed is None,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(case=requests(cases_of(path, method), world))
    def answers_as_described(case: Case) -> None:
        world.put_back()
        answer = case.call(base_url=f"{BASE}{API}", headers=world.call.headers, app=world.app)
        world.answered[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    test: Callable[[], None] = answers_as_described if seed is None else seeded(seed)(answers_as_described)
    test()


# By hand


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox.fuzz", description="Send invented requests to the sandbox.")
    parser.add_argument("--examples", type=int, default=200, help="requests per operation")
    parser.add_argument("--only", default="", help='part of an operation\'s name, as "PUT /tenants"')
    parser.add_argument("--seed", type=int, help="repeat a run; default another one each time")
    arguments = parser.parse_args()
    seed = random.randrange(2**32) if arguments.seed is None else arguments.seed
    failed = []
    with TemporaryDirectory(prefix="fuzz-") as directory:
        world = World(directory)
        for path, method in operations():
            name = f"{method} {path}"
            if arguments.only not in name or not serves(world.app, path, method):
                continue
            world.sign_in_again()
            began = time.monotonic()
            try:
                attempt(world, path, method, examples=arguments.examples, seed=seed)
            except (Exception, BaseExceptionGroup):  # failed checks come as a group
                failed.append(name)
                traceback.print_exc()
            statuses = ", ".join(f"{count} × {status}" for status, count in sorted(world.answered.items()))
            print(f"{'FAILED' if name in failed else 'ok':6} {name}: {statuses}; {time.monotonic() - began:.1f} s", flush=True)
    print(f"{len(failed)} failed; repeat with --examples {arguments.examples} --seed {seed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
