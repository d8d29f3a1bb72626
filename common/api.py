"""
What every view of the API shares: bodies and parameters that are looked at closely, pages by cursor, money and numbers as text.

Errors have one shape, that of drf-standardized-errors: `{"type": …, "errors": [{"code", "detail", "attr"}]}`.
"""

import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import IO, Any

from django.db.models import Q, QuerySet
from rest_framework import serializers
from rest_framework.exceptions import APIException, NotFound, ParseError, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.parsers import JSONParser
from rest_framework.request import Request

from common.money import round_money
from common.periods import Period

LONGEST_BODY = 64 * 1024
"""Bytes; what this API takes are a few fields."""

PAGE_SIZE = 50
LARGEST_PAGE = 200


class BodyTooLong(APIException):
    status_code = 413
    default_detail = f"The body is longer than {LONGEST_BODY} bytes."
    default_code = "body_too_long"


def check_length(request: Request) -> None:
    """:raises BodyTooLong: the request says that its body is longer than `LONGEST_BODY`."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > LONGEST_BODY:
        raise BodyTooLong


class BoundedJSONParser(JSONParser):
    """JSON of at most `LONGEST_BODY` bytes. Nesting deeper than Python goes is malformed, not our fault."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        context = {**(parser_context or {}), "encoding": "utf-8"}  # what JSON is, whatever the header says
        check_length(context["request"])
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


class DaysQuery(PageQuery):
    """A list of what belongs to days. ``from`` is a word of Python, so both are named here."""

    days_of = ""
    """What the days are of, for the description."""

    def get_fields(self) -> dict[str, Any]:
        words = (f"The first day{self.days_of}, as YYYY-MM-DD.", f"The last day{self.days_of}, itself included.")
        named = ("from", "to")
        days = {name: serializers.DateField(required=False, help_text=text) for name, text in zip(named, words, strict=True)}
        return {**super().get_fields(), **days}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "from" in attrs and "to" in attrs and attrs["to"] < attrs["from"]:
            raise ValidationError({"to": ["The last day comes before the first."]}, code="invalid")
        return attrs


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


class DaysSerializer(serializers.Serializer[Any]):
    """Days from the first to the last, both included."""

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.DateField(), "to": serializers.DateField(help_text="Itself included.")}


def days(period: Period) -> dict[str, date]:
    """Write the days of ``period``, the last one included."""
    return {"from": period.start, "to": period.last_day}


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


class NewestFirst(CursorPages):
    """Pages of rows, the one that was made last first."""

    ordering = "-pk"


class KeyedPages(CursorPages):
    """
    Pages in the order of several columns, which together are unique and never change.

    The cursor names the row that the page begins after or ends before, so that its place is looked up and never told.
    """

    ordering: tuple[str, ...]  # type: ignore[assignment]  # CursorPagination takes both; CursorPages has one

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """:raises ValidationError: the row of the cursor is not among those asked for."""
        self.request, self.base_url = request, request.build_absolute_uri()
        self.page_size = self.get_page_size(request) or PAGE_SIZE
        cursor = self.decode_cursor(request)
        goes_back = cursor is not None and cursor.reverse
        rows = queryset.order_by(*(f"-{name}" if goes_back else name for name in self.ordering))
        if cursor is not None:
            rows = rows.filter(self._beyond(queryset, cursor))
        found = list(rows[: self.page_size + 1])
        more, page = len(found) > self.page_size, found[: self.page_size]
        self.page = page[::-1] if goes_back else page
        self.has_next, self.has_previous = (True, more) if goes_back else (more, cursor is not None)
        return self.page

    def get_next_link(self) -> str | None:
        return self._link(self.page[-1], reverse=False) if self.page and self.has_next else None

    def get_previous_link(self) -> str | None:
        return self._link(self.page[0], reverse=True) if self.page and self.has_previous else None

    def _link(self, row: Any, *, reverse: bool) -> str:
        return str(self.encode_cursor(Cursor(offset=0, reverse=reverse, position=row.pk)))

    def _beyond(self, queryset: QuerySet[Any], cursor: Any) -> Q:
        """Narrow to what lies beyond the cursor's row; the first condition repeats a part of the rest for the index."""
        place = queryset.filter(pk=cursor.position).values_list(*self.ordering).first()
        if place is None:
            raise _no_cursor()
        side = "lt" if cursor.reverse else "gt"
        beyond = Q()
        for depth, (name, value) in enumerate(zip(self.ordering, place, strict=True)):
            same = dict(zip(self.ordering[:depth], place[:depth], strict=True))
            beyond |= Q(**same, **{f"{name}__{side}": value})
        return Q(**{f"{self.ordering[0]}__{side}e": place[0]}) & beyond


class PageSerializer(serializers.Serializer[Any]):
    """A page of a list; a subclass adds its `results`."""

    next = serializers.URLField(allow_null=True, help_text="The page after this one.")
    previous = serializers.URLField(allow_null=True, help_text="The page before this one.")


def _no_cursor() -> ValidationError:
    return ValidationError({"cursor": ["This is no cursor of a page."]}, code="invalid")
