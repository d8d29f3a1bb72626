"""Periods of dates, half-open, and the arithmetic of months."""

import re
from calendar import monthrange
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

from common.errors import DomainError


class MalformedPeriod(DomainError):
    """A month was not written as YYYY-MM."""


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """
    Dates from ``start`` up to, and not including, ``end``, in the seller's billing time zone.

    :raises ValueError: the end does not come after the start.
    """

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"A period ends after it starts: {self.start} to {self.end}.")

    @classmethod
    def month_of(cls, day: date) -> Self:
        """Return the calendar month that holds ``day``."""
        start = day.replace(day=1)
        return cls(start, add_months(start, 1))

    @classmethod
    def parse_month(cls, text: str) -> Self:
        """
        Read a month written as YYYY-MM.

        :raises MalformedPeriod: the text is no month.
        """
        if not re.fullmatch(r"2[0-9]{3}-(0[1-9]|1[0-2])", text):  # of this millennium: \d takes digits of every script
            raise MalformedPeriod(f"“{text}” is not a month; write it as YYYY-MM, for example 2026-10.")
        year, month = map(int, text.split("-"))
        return cls.month_of(date(year, month, 1))

    @property
    def days(self) -> int:
        """How many dates the period holds."""
        return (self.end - self.start).days

    @property
    def last_day(self) -> date:
        """The last date inside; what people write as “to”."""
        return self.end - timedelta(days=1)

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end

    def __iter__(self) -> Iterator[date]:
        return (self.start + timedelta(days=n) for n in range(self.days))

    def intersect(self, other: "Period") -> "Period | None":
        """Return what both share, or None where they share no date."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Period(start, end) if start < end else None

    def __str__(self) -> str:
        if self == Period.month_of(self.start):
            return self.start.strftime("%Y-%m")
        if self.days == 1:
            return self.start.isoformat()
        return f"{self.start.isoformat()} to {self.last_day.isoformat()}"


def add_months(anchor: date, months: int) -> date:
    """
    Return the date ``months`` after ``anchor``, at the latest the last of its month.

    Count from the anchor, never step by step: 31 Jan + 1 is 28 Feb, 31 Jan + 2 is 31 Mar.
    """
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    return date(year, month + 1, min(anchor.day, monthrange(year, month + 1)[1]))


def joined(days: Iterable[date]) -> list[Period]:
    """Join sorted days that follow each other into periods."""
    periods: list[Period] = []
    for day in days:
        begin = periods.pop().start if periods and periods[-1].end == day else day
        periods.append(Period(begin, day + timedelta(days=1)))
    return periods
