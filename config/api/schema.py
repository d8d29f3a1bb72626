"""What the OpenAPI document says beyond what the views themselves do."""

from typing import Any

from drf_standardized_errors.openapi import AutoSchema

from accounts.api.views import ScopedView

_ANSWERS = {
    "200": "As asked.",
    "201": "Made, or made before by the same request.",
    "400": "A parameter or the body is not what it should be; `attr` names it.",
    "401": "No API token, or one that is unknown, revoked or expired.",
    "403": "The token has not got the scope, or the person not the role.",
    "404": "It is not there, or not yours.",
    "406": "JSON is all there is.",
    "409": "It does not go with how things stand, or the same request is being done at this moment.",
    "413": "The body is too long.",
    "415": "The body is not JSON.",
    "422": "The Idempotency-Key was sent before with another request.",
    "429": "Too many requests in a minute.",
    "500": "Our fault; we are told of it.",
}
_RETRY_AFTER = {"description": "How many seconds to wait.", "schema": {"type": "integer"}}


class ScopedSchema(AutoSchema):
    """Says with every operation which scope it needs."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation: Any = super().get_operation(*args, **kwargs)
        assert isinstance(self.view, ScopedView)
        scope = self.view.scopes[self.method]
        operation["description"] = f"{operation['description']}\n\nNeeds the scope {scope.value}."
        return operation


def describe_answers(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Put words beside every status; a hook of drf-spectacular, run over the finished document."""
    for methods in result["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                answer["description"] = answer["description"] or _ANSWERS[status]
                if status >= "400":  # an error is JSON, where a document is asked for, too
                    answer["content"] = {"application/json": answer["content"]["application/json"]}
                if status in ("409", "429"):
                    answer["headers"] = {"Retry-After": _RETRY_AFTER}
    return result
