"""
Invented requests to every operation of the vendor's description, and what the sandbox may answer.

The suite takes a few of them per operation (`test_fuzz.py`). A longer run, with other requests each time:

    python -m tests.sandbox.fuzz --examples 500
    python -m tests.sandbox.fuzz --examples 5000 --only "PUT /tenants/{tenant_id}" --seed 7

Each request meets the same furnished sandbox: its storage is put back before every one. Many of the values that name something
are replaced by what the sandbox holds, so that requests get past the 404. An exception travels up with its traceback.
"""

import argparse
import random
import re
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable
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
from schemathesis import APIOperation, Case, GenerationMode
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

# Words of the token endpoint that are recorded or of the OAuth standard; the description lists those of the second factor only.
RECORDED_TOKEN_ERRORS = ["invalid_client", "invalid_grant", "invalid_scope", "unsupported_grant_type", "unauthorized_client"]


def published() -> dict[str, Any]:
    """The vendor's description as it is."""
    found: dict[str, Any] = yaml.safe_load(SPEC.read_text())
    return found


@cache
def described() -> dict[str, Any]:
    """The vendor's description, with the statuses and errors above and `infra_id: null`, which real answers carry."""
    found = published()
    schemas = found["components"]["schemas"]
    schemas["offeringItem"]["properties"]["infra_id"] = {"$ref": "#/components/schemas/uuidOrNull"}
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
        self._pristine = sqlite3.connect(":memory:", check_same_thread=False)
        self._storage.connection().backup(self._pristine)

    @property
    def _storage(self) -> Storage:
        found: Storage = self.app.extensions["sandbox"]
        return found

    def put_back(self) -> None:
        self._pristine.backup(self._storage.connection())

    def send(self, method: str, path: str, **request: Any) -> TestResponse:
        """A request with the ids of what there is in the path."""
        filled = NAME_IN_PATH.sub(lambda found: str(self.known[found[1]][0]), path)
        headers = {**self.call.headers, **request.pop("headers", {})}
        return self.app.test_client().open(f"{API}{filled}", method=method, headers=headers, **request)

    def sign_in_again(self) -> None:
        """A long run outlives a token."""
        self.put_back()
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


# Requests


@st.composite
def requests(draw: st.DrawFn, operation: APIOperation, known: dict[str, list[Any]]) -> Case:
    """A request by the description or against it, with some of its values from what there is."""
    case: Case = draw(st.one_of(*(operation.as_strategy(mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE))))
    with_known = draw(st.sampled_from((True, True, True, False)))
    if with_known:
        for part in (case.path_parameters, case.query, case.body):
            _fill_in(part, known, draw)
    return case


def _fill_in(part: Any, known: dict[str, list[Any]], draw: st.DrawFn) -> None:
    if isinstance(part, dict):
        for name, value in part.items():
            if name in known and draw(st.integers(0, 3)):
                part[name] = draw(st.sampled_from(known[name]))
            else:
                _fill_in(value, known, draw)
    elif isinstance(part, list):
        for value in part:
            _fill_in(value, known, draw)


def cases_of(path: str, method: str) -> APIOperation:
    return schemathesis.openapi.from_dict(described())[path][method]


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
    @given(case=requests(cases_of(path, method), world.known))
    def answers_as_described(case: Case) -> None:
        world.put_back()
        answer = case.call(base_url=f"{BASE}{API}", headers=world.call.headers, app=world.app)
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
            print(f"{'FAILED' if name in failed else 'ok':6} {name}  {time.monotonic() - began:.1f} s", flush=True)
    print(f"{len(failed)} failed; repeat with --examples {arguments.examples} --seed {seed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
