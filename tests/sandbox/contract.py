"""The vendor's description as a judge: holds a request and its answer against it, with openapi-core."""

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import yaml
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import Headers, ImmutableMultiDict

import sandbox
from tests.sandbox.conftest import BASE

SPEC = Path(sandbox.__file__).with_name("acronis-openapi.yaml")
METHODS = ("get", "post", "put", "delete")

# Statuses the description leaves out for an operation, while the vendor has them: in its guide's lists, articles and codes.
BESIDE = {
    ("post", "/tenants"): ("400", "409"),
    ("post", "/users"): ("400", "409"),
    ("put", "/tenants/{tenant_id}/offering_items"): ("426",),
    ("post", "/infra"): ("409",),
    ("post", "/locations"): ("409",),
}


def operations() -> list[tuple[str, str]]:
    """Method and path of everything described."""
    return [(method, path) for path, entry in published()["paths"].items() for method in METHODS if method in entry]


@cache
def published() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(SPEC.read_text())
    return found


def responses_of(method: str, path: str) -> dict[str, Any]:
    found: dict[str, Any] = published()["paths"][path][method]["responses"]
    return found


@cache
def judge() -> OpenAPI:
    """The description as published, but for the host, and where recorded answers of the vendor contradict it."""
    described = deepcopy(published())
    described["servers"] = [{"url": f"{BASE}/api/2"}]
    schemas, paths = described["components"]["schemas"], described["paths"]
    schemas["offeringItem"]["properties"]["infra_id"] = {"$ref": "#/components/schemas/uuidOrNull"}  # real payloads carry null
    schemas["tokenError"]["properties"]["error"]["enum"].append("invalid_client")  # recorded
    for path in ("/idp/token", "/idp/revoke_token"):
        for parameter in paths[path]["post"]["parameters"]:
            parameter["schema"].pop("pattern")  # allows for one "=" at the end of a base 64 word, which may have two or none
    for (method, path), statuses in BESIDE.items():
        for status in statuses:
            paths[path][method]["responses"].setdefault(status, {"$ref": "#/components/responses/Conflict"})
    # A token of OAuth 2 travels as a bearer; openapi-core knows that scheme, and of the other it can only warn.
    described["components"]["securitySchemes"]["oauth2"] = {"type": "http", "scheme": "bearer"}
    return OpenAPI.from_dict(described)


class _Asked:
    """A request as openapi-core wants to see it."""

    def __init__(self, request: httpx.Request) -> None:
        self.host_url = BASE
        self.path = request.url.path
        self.method = request.method.lower()
        self.body = request.content or None
        self.content_type = request.headers.get("Content-Type", "").split(";")[0]
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(list(request.url.params.multi_items())),
            header=Headers(list(request.headers.items())),
            cookie=ImmutableMultiDict(),
        )


class _Answered:
    def __init__(self, answer: httpx.Response) -> None:
        self.status_code = answer.status_code
        self.content_type = answer.headers.get("Content-Type", "").split(";")[0]
        self.headers = Headers(list(answer.headers.items()))
        self.data = answer.content or None


def hold(answer: httpx.Response) -> None:
    """
    Assert that the answer is described for its request, and if it is a success, the request too.

    :raises Exception: of openapi-core, which says what differs.
    """
    asked = _Asked(answer.request)
    if answer.is_success:
        judge().validate_request(asked)
    judge().validate_response(asked, _Answered(answer))
