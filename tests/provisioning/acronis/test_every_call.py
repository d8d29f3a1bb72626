"""
Every public function of the client: what its docstring has to say, and that it calls the operation it cites.

The operations are those of the vendor's OpenAPI description, `sandbox/acronis-openapi.yaml`.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
import yaml

import provisioning.acronis
from provisioning.acronis import (
    Acronis,
    AcronisError,
    ItemPrice,
    OfferingItemChange,
    external_login_url,
    find_data_centre,
)
from provisioning.acronis.resources.base import Resource
from tests.provisioning.acronis.conftest import BASE

DESCRIPTION = yaml.safe_load((Path(__file__).parents[3] / "sandbox" / "acronis-openapi.yaml").read_text())
OPERATIONS: dict[str, tuple[str, str]] = {
    operation["operationId"]: (method.upper(), path)
    for path, methods in DESCRIPTION["paths"].items()
    for method, operation in methods.items()
    if method in ("get", "post", "put", "delete")
}

ID = "aaaaaaaa-0000-4000-8000-000000000001"
DAY = date(2026, 10, 1)
PRICE = ItemPrice(ID, "pg_base_vms", None, Decimal("0.05"), 1)

# One call of every function, so that the wire can be compared with what the docstring says.
CALLS: dict[str, Callable[[Acronis], object]] = {
    "applications.list": lambda a: a.applications.list(),
    "applications.of_tenant": lambda a: a.applications.of_tenant(ID),
    "applications.of_tenants": lambda a: list(a.applications.of_tenants([ID])),
    "applications.turn_off": lambda a: a.applications.turn_off(ID, ID),
    "applications.turn_on": lambda a: a.applications.turn_on(ID, ID),
    "clients.by_ids": lambda a: list(a.clients.by_ids([ID])),
    "clients.create": lambda a: a.clients.create(tenant_id=ID, name="Till"),
    "clients.delete": lambda a: a.clients.delete(ID),
    "clients.get": lambda a: a.clients.get(ID),
    "clients.update": lambda a: a.clients.update(ID, enabled=False),
    "idp.one_time_token": lambda a: a.idp.one_time_token("ann"),
    "infra.by_ids": lambda a: a.infra.by_ids([ID]),
    "infra.of_location": lambda a: a.infra.of_location(ID),
    "locations.by_ids": lambda a: a.locations.by_ids([ID]),
    "locations.of_tenant": lambda a: a.locations.of_tenant(ID),
    "offering_items.available_for_child": lambda a: a.offering_items.available_for_child(ID, kind="customer"),
    "offering_items.in_subtree": lambda a: list(a.offering_items.in_subtree(ID)),
    "offering_items.list": lambda a: a.offering_items.list(ID),
    "offering_items.prices": lambda a: a.offering_items.prices(ID),
    "offering_items.set": lambda a: a.offering_items.set(ID, [OfferingItemChange(ID, "pg_base_vms", enabled=True)]),
    "offering_items.set_prices": lambda a: a.offering_items.set_prices(ID, [PRICE]),
    "reports.create": lambda a: a.reports.create(
        tenant_id=ID, level="accounts", kind="usage_daily", period_start=DAY, period_end=DAY
    ),
    "reports.delete": lambda a: a.reports.delete(ID, version=1),
    "reports.get": lambda a: a.reports.get(ID),
    "reports.lines": lambda a: list(a.reports.lines(ID, ID)),
    "reports.pieces": lambda a: list(a.reports.pieces(ID, ID)),
    "reports.of_tenant": lambda a: a.reports.of_tenant(ID),
    "reports.rows": lambda a: list(a.reports.rows(ID, ID)),
    "reports.stored": lambda a: a.reports.stored(ID),
    "reports.table": lambda a: list(a.reports.table(ID, ID)),
    "tenants.by_ids": lambda a: list(a.tenants.by_ids([ID])),
    "tenants.by_parent": lambda a: list(a.tenants.by_parent(ID)),
    "tenants.check_edition": lambda a: a.tenants.check_edition(ID, application_id=ID, edition="pck_per_workload"),
    "tenants.children": lambda a: a.tenants.children(ID),
    "tenants.create": lambda a: a.tenants.create(name="Bakery", parent_id=ID, kind="customer"),
    "tenants.delete": lambda a: a.tenants.delete(ID, version=1),
    "tenants.get": lambda a: a.tenants.get(ID),
    "tenants.in_subtree": lambda a: list(a.tenants.in_subtree(ID)),
    "tenants.mfa": lambda a: a.tenants.mfa(ID),
    "tenants.pricing": lambda a: a.tenants.pricing(ID),
    "tenants.restore": lambda a: a.tenants.restore(ID),
    "tenants.search": lambda a: a.tenants.search("bak", under=ID),
    "tenants.set_mfa": lambda a: a.tenants.set_mfa(ID, enabled=True),
    "tenants.set_pricing": lambda a: a.tenants.set_pricing(ID, version=1, mode="production", currency="EUR"),
    "tenants.switch_edition": lambda a: a.tenants.switch_edition(ID, application_id=ID, edition="pck_per_workload"),
    "tenants.update": lambda a: a.tenants.update(ID, version=1, enabled=False),
    "tenants.user_ids": lambda a: a.tenants.user_ids(ID),
    "usages.of_tenant": lambda a: a.usages.of_tenant(ID),
    "usages.of_tenants": lambda a: list(a.usages.of_tenants([ID])),
    "users.access_policies": lambda a: a.users.access_policies(ID),
    "users.by_ids": lambda a: list(a.users.by_ids([ID])),
    "users.check_login": lambda a: a.users.check_login("ann"),
    "users.create": lambda a: a.users.create(tenant_id=ID, login="ann", email="ann@bakery.example"),
    "users.delete": lambda a: a.users.delete(ID, version=1),
    "users.get": lambda a: a.users.get(ID),
    "users.in_subtree": lambda a: list(a.users.in_subtree(ID)),
    "users.me": lambda a: a.users.me(),
    "users.of_tenant": lambda a: a.users.of_tenant(ID),
    "users.restore": lambda a: a.users.restore(ID),
    "users.send_activation_email": lambda a: a.users.send_activation_email(ID),
    "users.set_access_policies": lambda a: a.users.set_access_policies(ID, [(ID, "company_admin")]),
    "users.set_mfa": lambda a: a.users.set_mfa(ID, enabled=True),
    "users.set_password": lambda a: a.users.set_password(ID, "a long enough password"),
    "users.update": lambda a: a.users.update(ID, version=1, enabled=False),
}

# What the vendor's guide has and its OpenAPI description lacks; the docstring then names method and path itself.
BESIDE_THE_DESCRIPTION = {"users.set_mfa": ("PUT", "/users/{user_id}/mfa/status")}


class NobodyHome(httpx.BaseTransport):
    """Gives tokens and finds nothing; remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/2")
        if path == "/idp/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 7200})
        self.asked.append((request.method, path))
        return httpx.Response(404)


def functions() -> Iterator[tuple[str, Callable[..., object]]]:
    """Every public function of every group of calls, by the name it is called by."""
    with Acronis(BASE, client_id="c", client_secret="s", transport=NobodyHome()) as acronis:
        for group_name, group in sorted(vars(acronis).items()):
            if isinstance(group, Resource):
                for name, function in inspect.getmembers(type(group), inspect.isfunction):
                    if not name.startswith("_"):
                        yield f"{group_name}.{name}", function


FUNCTIONS = dict(functions())
ALL_PUBLIC = {
    **FUNCTIONS,
    "find_data_centre": find_data_centre,
    "external_login_url": external_login_url,
    "Acronis": Acronis,
    "Acronis.close": Acronis.close,
}


def cited(function: Callable[..., object]) -> list[str]:
    return re.findall(r"\(([A-Z][A-Za-z]+)[):]", inspect.getdoc(function) or "")


def parameters(function: Callable[..., object]) -> set[str]:
    # A transport and a clock are for tests; the class says so.
    return set(inspect.signature(function).parameters) - {"self", "transport", "sleep"}


def test_the_walk_sees_every_group_and_every_function_has_a_call() -> None:
    assert len(FUNCTIONS) > 60
    assert set(CALLS) == set(FUNCTIONS)


@pytest.mark.parametrize("name", sorted(ALL_PUBLIC))
def test_a_docstring_names_every_parameter(name: str) -> None:
    function = ALL_PUBLIC[name]
    documentation = inspect.getdoc(function) or ""

    assert re.match(r"[A-Z*].{20,}", documentation), "it says what it does"
    assert set(re.findall(r"^:param (\w+): \S", documentation, re.MULTILINE)) == parameters(function)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_docstring_names_errors_that_exist(name: str) -> None:
    raised = re.findall(r"^:raises (\w+): \S", inspect.getdoc(FUNCTIONS[name]) or "", re.MULTILINE)

    assert raised
    for error in set(raised) - {"ValueError"}:
        assert issubclass(getattr(provisioning.acronis, error), AcronisError)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_cites_the_operation_it_calls(name: str) -> None:
    vendor = NobodyHome()
    with Acronis(BASE, client_id="c", client_secret="s", transport=vendor) as acronis, pytest.raises(AcronisError):
        CALLS[name](acronis)

    [(method, path)] = vendor.asked
    if name in BESIDE_THE_DESCRIPTION:
        expected = BESIDE_THE_DESCRIPTION[name]
        assert f"{expected[0]} {expected[1]}" in (inspect.getdoc(FUNCTIONS[name]) or "")
        assert expected not in OPERATIONS.values()
    else:
        [operation] = cited(FUNCTIONS[name])
        expected = OPERATIONS[operation]
    assert method == expected[0]
    assert re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", expected[1]), path)
    assert (method, path) not in OPERATIONS.values() or expected == (method, path), "a more exact path would be another operation"
