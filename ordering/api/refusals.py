"""What this API answers where an order cannot be placed or moved."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

from rest_framework.exceptions import APIException, ValidationError

from common.api import ErrorsSerializer
from common.errors import DomainError, FieldRefused
from ordering.operations.refusals import PricesChanged

T = TypeVar("T")

REFUSALS = {
    HTTPStatus.CONFLICT.value: ErrorsSerializer,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE.value: ErrorsSerializer,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE.value: ErrorsSerializer,
    HTTPStatus.UNPROCESSABLE_ENTITY.value: ErrorsSerializer,
}


class Refused(APIException):
    """What is asked for does not go with how things stand."""

    status_code = HTTPStatus.CONFLICT
    default_code = "refused"


class QuoteChanged(Refused):
    """What was agreed to is not what it costs any more."""

    default_code = "quote_changed"


def obeyed(use_case: Callable[[], T]) -> T:
    """
    Run ``use_case``, and turn its refusal into an error of this API.

    :raises ValidationError: of a field, by its place in the body.
    :raises QuoteChanged: of another price than was agreed to.
    :raises Refused: of how things stand.
    """
    try:
        return use_case()
    except FieldRefused as refusal:
        raise ValidationError(_placed_in_body(refusal.field, str(refusal)), code="refused") from None
    except PricesChanged as refusal:
        raise QuoteChanged(str(refusal)) from None
    except DomainError as refusal:
        raise Refused(str(refusal)) from None


def _placed_in_body(path: str, sentence: str) -> Any:
    """Return the error of a path such as ``lines.1.plan`` as Django REST framework nests it."""
    detail: Any = [sentence]
    for part in reversed(path.split(".")):
        detail = [{}] * int(part) + [detail] if part.isdigit() else {part: detail}
    return detail
