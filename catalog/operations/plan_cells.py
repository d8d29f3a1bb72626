"""
How the cells of a sheet of plans and prices are read and written, as widgets of django-import-export.

A widget refuses with a sentence (`WrongCell`); the resource puts it beside the column.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from import_export.widgets import Widget

from catalog.models import Term
from catalog.plan_sheets import NO, YES
from common.sheets import WrongCell, either, is_blank, refuse_formula, shown, unguarded

PLAIN_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")


class Text(Widget):
    """A text of at most so many characters, without the spaces around it."""

    def __init__(self, *, longest: int, is_required: bool = False) -> None:
        super().__init__()
        self.longest, self.is_required = longest, is_required

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str:
        text = text_of(value)
        if self.is_required and not text:
            raise WrongCell("It is missing.")
        if len(text) > self.longest:
            raise WrongCell(f"It has {len(text):,} characters; at most {self.longest:,} are possible.")
        return text

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return str(value or "")


class OneOf(Widget):
    """One of the things known by their names. ``missing`` is the sentence for a name that is not among them, with {} for it."""

    def __init__(self, known: Mapping[str, Any], *, missing: str) -> None:
        super().__init__()
        self.known, self.missing = known, missing

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        name = text_of(value)
        if not name:
            raise WrongCell("It is missing.")
        if name not in self.known:
            raise WrongCell(self.missing.format(f"“{name:.100}”"))
        return self.known[name]


class Switch(Widget):
    """Yes or No; empty says nothing (None)."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> bool | None:
        if isinstance(value, bool):
            return value
        text = text_of(value)
        if not text:
            return None
        found = {"yes": True, "true": True, "no": False, "false": False}.get(text.casefold())
        if found is None:
            raise WrongCell(f"“{text:.50}” is neither Yes nor No.")
        return found

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return YES if value else NO


class Amount(Widget):
    """An exact amount that is not negative. Of a float it is its shortest text: what the person typed."""

    def __init__(self, *, empty: Decimal | None = None, is_required: bool = False) -> None:
        super().__init__()
        self.empty, self.is_required = empty, is_required

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Decimal | None:
        if is_blank(value):
            if self.is_required:
                raise WrongCell("It is missing.")
            return self.empty
        amount = number_of(value)
        if amount < 0:
            raise WrongCell(f"{amount:f} is negative.")
        return amount

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return None if value is None else value.normalize() + 0


class Months(Widget):
    """A term in months."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> int:
        if is_blank(value):
            raise WrongCell("It is missing.")
        plain = re.sub(r"\s*months?$", "", value.strip(), flags=re.IGNORECASE) if isinstance(value, str) else value
        months = number_of(plain)
        if months not in Term.values:
            raise WrongCell(f"{shown(value)} is not a term; write {either([str(term) for term in Term.values])} months.")
        return int(months)

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> int:
        return int(value)


class Day(Widget):
    """A day, from a date cell or as 2027-01-31; empty says nothing (None)."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> date | None:
        if is_blank(value):
            return None
        if isinstance(value, datetime):
            return value.date()
        if isinstance(value, date):
            return value
        try:
            return datetime.strptime(text_of(value), "%Y-%m-%d").date()  # noqa: DTZ007  a day has no time zone
        except ValueError as error:
            raise WrongCell(f"{shown(value)} is not a day; write it as 2027-01-31.") from error

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return value


def text_of(value: Any) -> str:
    """:raises WrongCell: the cell holds a formula, a date or an error instead of a text."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise WrongCell(f"{shown(value)} is not text.")
    text = str(value).strip()
    if "\0" in text:
        raise WrongCell("It holds a character that is no text.")
    refuse_formula(text)
    return unguarded(text)


def number_of(value: Any) -> Decimal:
    """:raises WrongCell: the cell holds no plain number."""
    if isinstance(value, bool):
        raise WrongCell(f"{shown(value)} is not a number.")
    if isinstance(value, str):
        text = text_of(value)
        if not PLAIN_NUMBER.fullmatch(text):
            hint = " with a decimal point" if "," in text else ""
            raise WrongCell(f"“{text:.50}” is not a number{hint}.")
        return Decimal(text)
    if not isinstance(value, (int, float)):
        raise WrongCell(f"{shown(value)} is not a number.")
    number = Decimal(repr(value))
    if not number.is_finite():
        raise WrongCell(f"{shown(value)} is not a number.")
    return number
