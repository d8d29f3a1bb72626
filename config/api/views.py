"""The description of the API, for programs and for people, and what answers where the API has nothing."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.access import public
from common.api import LARGEST_PAGE, PAGE_SIZE


@public
@require_safe
def openapi_json(request: HttpRequest) -> HttpResponse:
    """Answer with the OpenAPI document as JSON."""
    return HttpResponse(_written(OpenApiJsonRenderer), content_type="application/json")


@public
@require_safe
def openapi_yaml(request: HttpRequest) -> HttpResponse:
    """Answer with the OpenAPI document as YAML."""
    return HttpResponse(_written(OpenApiYamlRenderer), content_type="application/yaml")


@public
@require_safe
def docs(request: HttpRequest) -> TemplateResponse:
    """Show the OpenAPI document to people: a page without script, so that the content security policy stays strict."""
    context = {"document": document(), "operations": operations(), "page_size": PAGE_SIZE, "largest_page": LARGEST_PAGE}
    return TemplateResponse(request, "config/api_docs.html", context)


class _NothingHere(APIView):
    """Answers 404 in the shape of the API's errors, to everybody and every method."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound("There is nothing at this address of the API.")


nothing_here = public(csrf_exempt(_NothingHere.as_view()))


# --- The document ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address, as the page for people shows it."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    parameters: list[dict[str, Any]]
    takes: list["Field"]
    answers: list["Field"]

    @property
    def bodies(self) -> list[tuple[list["Field"], str]]:
        """What is sent, if anything, and what comes back."""
        return [(fields, title) for fields, title in ((self.takes, "What you send"), (self.answers, "What you get")) if fields]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body, with its place in it: `results[].product.name`."""

    name: str
    kind: str
    text: str


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document, made from the views once per process."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return made


@cache
def operations() -> list[Operation]:
    """Return the operations of the document in its order."""
    return [
        Operation(
            id=operation["operationId"],
            method=method.upper(),
            path=path,
            summary=operation.get("summary", ""),
            description=operation.get("description", ""),
            parameters=operation.get("parameters", []),
            takes=_fields(_body(operation.get("requestBody", {}))),
            answers=_fields(_body(_answer(operation))),
        )
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    ]


@cache
def _written(renderer: type[OpenApiJsonRenderer] | type[OpenApiYamlRenderer]) -> bytes:
    written: bytes = renderer().render(document(), renderer_context={})
    return written


def _answer(operation: dict[str, Any]) -> dict[str, Any]:
    """Return what an operation answers where nothing is wrong."""
    answer: dict[str, Any] = next(answer for status, answer in operation["responses"].items() if status < "300")
    return answer


def _body(holder: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = holder.get("content", {}).get("application/json", {}).get("schema", {})
    return schema


def _fields(schema: dict[str, Any], place: str = "") -> list[Field]:
    schema = _resolved(schema)
    if schema.get("type") == "array":
        return _fields(schema["items"], f"{place}[]")
    found: list[Field] = []
    for name, described in schema.get("properties", {}).items():
        here = f"{place}.{name}".lstrip(".")
        found.append(Field(here, _kind(described), described.get("description", "")))
        found += [] if _is_money(described) else _fields(described, here)
    return found


def _kind(schema: dict[str, Any]) -> str:
    """Say what a value is: text, number, true or false, list, object, money, one of some; and whether it may be null."""
    whole = _resolved(schema)
    names = {"string": "text", "integer": "number", "boolean": "true or false", "array": "list"}
    types = whole.get("type", "object")
    kinds = [f"“{choice}”" if isinstance(choice, str) else str(choice) for choice in whole.get("enum", []) if choice]
    if _is_money(schema):
        kinds = ["money"]
    elif not kinds:
        kinds = [names.get(str(one), str(one)) for one in (types if isinstance(types, list) else [types]) if one != "null"]
    if "null" in types or any(option.get("type") == "null" for option in [*schema.get("oneOf", []), *schema.get("anyOf", [])]):
        kinds.append("null")
    return " or ".join(kinds)


def _is_money(schema: dict[str, Any]) -> bool:
    """Whether it is an amount with its currency, whose two fields the page explains once for all."""
    return set(_resolved(schema).get("properties", {})) == {"amount", "currency"}


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """Follow references, and the wrappings that a description or a null beside a reference makes necessary."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return _resolved(document()["components"]["schemas"][name])
    for key in ("allOf", "oneOf", "anyOf"):
        if options := [option for option in schema.get(key, []) if option.get("type") != "null"]:
            return _resolved(options[0])
    return schema
