"""A fresh sandbox for each test, and a caller that speaks HTTP to it in process."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox import create_app, definitions
from sandbox.app import CLIENT_ID, CLIENT_SECRET

NOW = "2026-10-01T08:00:00Z"
BASE = "http://sandbox.test"


class Caller:
    """An integration that signed in with its client credentials; paths are below `/api/2`."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        token = http.post("/api/2/idp/token", data={"grant_type": "client_credentials"}, auth=(CLIENT_ID, CLIENT_SECRET)).json()
        self.headers = {"Authorization": f"Bearer {token['access_token']}"}

    def __call__(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        return self.http.request(method, f"/api/2{path}", json=body, params=query or None, headers=self.headers)

    def tenant(self, name: str, kind: str = "customer", parent_id: str = definitions.PROVIDER_TENANT, **more: Any) -> str:
        made = self("POST", "/tenants", {"name": name, "kind": kind, "parent_id": parent_id, **more})
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    def user(self, tenant_id: str, login: str) -> dict[str, Any]:
        made = self("POST", "/users", {"tenant_id": tenant_id, "login": login, "contact": {"email": f"{login}@example.com"}})
        assert made.status_code == 200, made.text
        found: dict[str, Any] = made.json()
        return found

    def offered(self, parent_id: str = definitions.PROVIDER_TENANT, edition: str = "*") -> list[dict[str, Any]]:
        found = self("GET", f"/tenants/{parent_id}/offering_items/available_for_child", edition=edition)
        items: list[dict[str, Any]] = found.json()["items"]
        return items

    def equip(self, tenant_id: str, *, prefix: str = "pg", files: str = "pu", parent_id: str | None = None) -> None:
        """Give a customer everything in one edition per application, on the first storage of each type."""
        items = one_of_each(self.offered(parent_id or definitions.PROVIDER_TENANT), prefix=prefix, files=files)
        answer = self("PUT", f"/tenants/{tenant_id}/offering_items", {"offering_items": items})
        assert answer.status_code == 200, answer.text

    def produce(self, tenant_id: str) -> None:
        version = self("GET", f"/tenants/{tenant_id}/pricing").json()["version"]
        answer = self("PUT", f"/tenants/{tenant_id}/pricing", {"version": version, "mode": "production", "currency": "EUR"})
        assert answer.status_code == 200, answer.text

    def move_clock(self, now: str) -> None:
        assert self.http.post("/sandbox/clock", json={"now": now}).status_code == 200


def one_of_each(items: list[dict[str, Any]], *, prefix: str, files: str) -> list[dict[str, Any]]:
    """Of what is offered: one edition per application, and for each item the first storage it comes with."""
    editions = {
        None,
        {"pg": "pck_per_gigabyte", "pw": "pck_per_workload"}[prefix],
        {"pu": "fss_per_user", "pg": "fss_per_gigabyte"}[files],
    }
    chosen: dict[str, dict[str, Any]] = {}
    for item in items:
        if item["edition"] in editions:
            chosen.setdefault(item["name"], item)
    return list(chosen.values())


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., httpx.Client]]:
    """Start a sandbox on the test's storage file; calling it again is a restart."""
    opened: list[httpx.Client] = []

    def begin(**options: Any) -> httpx.Client:
        app = create_app(**{"storage_path": tmp_path / "sandbox.sqlite3", "now": NOW, **options})
        http = httpx.Client(transport=httpx.WSGITransport(app=app), base_url=BASE)
        opened.append(http)
        return http

    yield begin
    for http in opened:
        http.close()


@pytest.fixture
def http(start: Callable[..., httpx.Client]) -> httpx.Client:
    return start()


@pytest.fixture
def call(http: httpx.Client) -> Caller:
    return Caller(http)
