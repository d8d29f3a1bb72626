"""An integration as others write them: it knows the address of the vendor's entry host, a client and a login, and nothing else."""

import http.client
import time
from base64 import b64encode
from typing import Any
from urllib.parse import urlsplit

import httpx

from sandbox.app import CLIENT_ID, CLIENT_SECRET, LOGIN

NOBODY = "00000000-0000-0000-0000-000000000000"

Items = list[dict[str, Any]]


class Program:
    """An integration that finds its data centre by a login, takes a token, and learns from its client which tenant is its own."""

    def __init__(self, entry: str) -> None:
        self.url = httpx.get(f"{entry}/api/1/accounts", params={"login": LOGIN}).json()["server_url"]
        self.http = httpx.Client(base_url=f"{self.url}/api/2", headers={"User-Agent": "till/1.0", "X-Acronis-API": "1"})
        basic = b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        form, header = {"grant_type": "client_credentials"}, {"Authorization": f"Basic {basic}"}
        self.token = self.http.post("/idp/token", data=form, headers=header).raise_for_status().json()
        self.http.headers["Authorization"] = f"Bearer {self.token['access_token']}"
        self.root: str = self.get(f"/clients/{CLIENT_ID}")["tenant_id"]

    def get(self, path: str, **query: Any) -> Any:
        return self.http.get(path, params=query).raise_for_status().json()

    def post(self, path: str, body: Any) -> Any:
        return self.http.post(path, json=body).raise_for_status().json()

    def put(self, path: str, body: Any, **query: Any) -> Any:
        return self.http.put(path, json=body, params=query).raise_for_status().json()

    def tenant(self, name: str, *, kind: str = "customer", parent_id: str | None = None, **more: Any) -> str:
        made = self.http.post("/tenants", json={"name": name, "kind": kind, "parent_id": parent_id or self.root, **more})
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    def user(self, tenant_id: str, login: str, role: str) -> str:
        contact = {"email": f"{login}@example.com", "firstname": "Jane", "lastname": "Doe"}
        user_id: str = self.post("/users", {"tenant_id": tenant_id, "login": login, "contact": contact})["id"]
        self.put(f"/users/{user_id}/access_policies", {"items": [policy(user_id, tenant_id, role)]})
        return user_id

    def sellable(self, *editions: str, parent_id: str | None = None) -> Items:
        """What a customer may be given: of the parent's items those of the editions, on the first storage of each capability."""
        found: Items = []
        for edition in editions:
            path = f"/tenants/{parent_id or self.root}/offering_items/available_for_child"
            offered = self.get(path, kind="customer", edition=edition)["items"]
            found += [item for item in offered if item["edition"] == edition]
        ids = list(dict.fromkeys(item["infra_id"] for item in found if item["infra_id"]))
        storages: dict[str, str] = {}
        for infra in self.get("/infra", uuids=",".join(ids))["items"]:
            storages.setdefault(infra["capabilities"][0], infra["id"])
        return [item for item in found if item["infra_id"] in (None, *storages.values())]

    def switch_on(self, tenant_id: str, items: Items) -> Items:
        found: Items = self.put(f"/tenants/{tenant_id}/offering_items", {"offering_items": items})["items"]
        return found

    def produce(self, tenant_id: str) -> None:
        pricing = self.get(f"/tenants/{tenant_id}/pricing")
        self.put(f"/tenants/{tenant_id}/pricing", {**pricing, "mode": "production", "currency": "EUR"})

    def customer(self, name: str, **more: Any) -> str:
        """A customer with Protection per workload."""
        tenant_id = self.tenant(name, **more)
        self.switch_on(tenant_id, self.sellable("pck_per_workload"))
        return tenant_id

    def stored_report(self, parameters: dict[str, Any]) -> str:
        """Ask for a report and poll until it is there; the path of its first file."""
        report = self.post("/reports", {"parameters": parameters, "schedule": {"type": "once"}, "result_action": "save"})
        path = f"/reports/{report['id']}/stored"
        for _ in range(50):
            stored = self.get(path)["items"][0]  # programs read the first entry, also right after they have asked
            if stored["status"] == "saved":
                return f"{path}/{stored['id']}"
            time.sleep(0.05)
        raise AssertionError("the report was never made")

    def exchange(self, method: str, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        """One call with these headers only, and its answer as it came over the wire."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=20)
        bearer = {"Authorization": f"Bearer {self.token['access_token']}"}
        connection.request(method, f"/api/2{path}", headers={**bearer, **headers})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer, content


def policy(user_id: str, tenant_id: str, role: str) -> dict[str, Any]:
    """As every published example sends it."""
    return {
        "id": NOBODY,
        "issuer_id": NOBODY,
        "version": 0,
        "trustee_type": "user",
        "trustee_id": user_id,
        "tenant_id": tenant_id,
        "role_id": role,
    }
