"""
What every view of the API shares: bodies and parameters that are looked at closely, pages by cursor, money and numbers as text.

Errors have one shape, that of drf-standardized-errors: `{"type": …, "errors": [{"code", "detail", "attr"}]}`.
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import IO, Any

from rest_framework import serializers
from rest_framework.exceptions import APIException, NotFound, ParseError, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import JSONParser
from rest_framework.request import Request

from common.money import round_money

LONGEST_BODY = 64 * 1024
"""Bytes; what this API takes are a few fields."""

PAGE_SIZE = 50
LARGEST_PAGE = 200


class BodyTooLong(APIException):
    status_code = 413
    default_detail = f"The body is longer than {LONGEST_BODY} bytes."
    default_code = "body_too_long"


class BoundedJSONParser(JSONParser):
    """JSON of at most `LONGEST_BODY` bytes. Nesting deeper than Python goes is malformed, not our fault."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        context = {**(parser_context or {}), "encoding": "utf-8"}  # what JSON is, whatever the header says
        if int(context["request"].META.get("CONTENT_LENGTH") or 0) > LONGEST_BODY:
            raise BodyTooLong
        try:
            parsed: dict[str, Any] = super().parse(stream, media_type, context)
            json.dumps(parsed, ensure_ascii=False).encode()
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.") from error
        except UnicodeEncodeError as error:  # half a character, such as \ud800, which no answer could name again
            raise ParseError("The JSON has text that is no Unicode.") from error
        return parsed


# --- What comes in ------------------------------------------------------------------------------------------------------


class Strict(serializers.Serializer[Any]):
    """Input that may hold only what is asked for; a misspelt name is an error, not silence."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = sorted(set(data) - set(self.fields))
            if unknown:
                raise ValidationError({name: [f"There is nothing named “{name}” here."] for name in unknown}, code="unknown")
        return super().to_internal_value(data)


class PageQuery(Strict):
    """Which page of a list, and how long."""

    cursor = serializers.CharField(required=False, max_length=200, help_text="As in next or previous of another page.")
    page_size = serializers.IntegerField(
        required=False, default=PAGE_SIZE, min_value=1, max_value=LARGEST_PAGE, help_text="How many on a page."
    )


def asked(query: type[Strict], request: Request) -> dict[str, Any]:
    """
    Return the parameters behind the question mark.

    :raises ValidationError: an unknown parameter, or a value that is none.
    """
    parameters = query(data=request.query_params.dict())
    parameters.is_valid(raise_exception=True)
    valid: dict[str, Any] = parameters.validated_data
    return valid


# --- What goes out ------------------------------------------------------------------------------------------------------


class DecimalText(serializers.DecimalField):
    """
    An exact number, as text in both directions: `"12.5"`.

    A JSON number is refused, because most programs keep it as a float.
    """

    default_error_messages = {"not_text": "Send the number as text, for example “12.5”."}
    _plain = re.compile(r"-?[0-9]+(\.[0-9]+)?")

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        """Take an empty text for no number, where Django REST framework takes it for null."""
        return serializers.Field.validate_empty_values(self, data)

    def to_internal_value(self, data: Any) -> Decimal:
        if not isinstance(data, str) or not self._plain.fullmatch(data):
            self.fail("not_text")
        number: Decimal = super().to_internal_value(data)
        return number

    def to_representation(self, value: Any) -> str:
        return plain(value)


class MoneySerializer(serializers.Serializer[Any]):
    """An amount with its currency."""

    amount = serializers.CharField(help_text="A decimal number; a price of one unit has up to ten decimals.")
    currency = serializers.CharField(help_text="ISO 4217.", min_length=3, max_length=3)


def money(amount: Decimal, currency: str) -> dict[str, str]:
    """Write an amount, rounded half up to the minor unit of ``currency``."""
    return {"amount": f"{round_money(amount, currency):f}", "currency": currency}


def unit_price(price: Decimal, currency: str) -> dict[str, str]:
    """Write the price of one unit with all its decimals, but no fewer than ``currency`` has."""
    rounded = round_money(price, currency)
    return {"amount": f"{rounded:f}" if rounded == price else plain(price), "currency": currency}


def plain(number: Decimal) -> str:
    """Write a number without exponent and needless zeros."""
    written = f"{number:f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


class ErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="What went wrong, for programs.")
    detail = serializers.CharField(help_text="What went wrong, for people.")
    attr = serializers.CharField(allow_null=True, help_text="The field or parameter it is about.")


class ErrorsSerializer(serializers.Serializer[Any]):
    """The one shape of every answer that is an error."""

    type = serializers.ChoiceField(choices=["validation_error", "client_error", "server_error"])
    errors = ErrorSerializer(many=True)  # type: ignore[assignment]  # a field; the metaclass takes it away


# --- Pages --------------------------------------------------------------------------------------------------------------


class CursorPages(CursorPagination):
    """
    Pages of rows in the order they were made. A cursor names the row a page begins after, so that rows added meanwhile move
    nothing.
    """

    ordering = "pk"
    page_size = PAGE_SIZE
    page_size_query_param = "page_size"
    max_page_size = LARGEST_PAGE
    template = None

    def decode_cursor(self, request: Request) -> Any:
        """:raises ValidationError: no page ever had this cursor."""
        try:
            cursor = super().decode_cursor(request)
        except NotFound as error:
            raise _no_cursor() from error
        # The library hands the position to the database as it came, and takes what it cannot read for the first page.
        if cursor is not None and not re.fullmatch("[0-9]{1,18}", str(cursor.position)):
            raise _no_cursor()
        return cursor


class PageSerializer(serializers.Serializer[Any]):
    """A page of a list; a subclass adds its `results`."""

    next = serializers.URLField(allow_null=True, help_text="The page after this one.")
    previous = serializers.URLField(allow_null=True, help_text="The page before this one.")


def _no_cursor() -> ValidationError:
    return ValidationError({"cursor": ["This is no cursor of a page."]}, code="invalid")
