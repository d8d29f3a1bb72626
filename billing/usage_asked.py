"""Which usage a page was asked for: the service, month and item in its address, and what is wrong with them in a sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from billing.models import Subscription
from common.periods import MalformedPeriod, Period, add_months

SUMMARY, DAYS = "summary", "days"
LONGEST = 100
MOST_MONTHS = 60


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be shown: all of ``services``, or the one chosen."""

    services: Sequence[Subscription]
    service: str
    period: Period
    months: list[date]
    item: str
    report: str
    refusal: str

    @property
    def is_by_day(self) -> bool:
        return self.report == DAYS

    @property
    def chosen(self) -> Sequence[Subscription]:
        return [one for one in self.services if one.number == self.service] if self.service else self.services

    @property
    def is_narrowed(self) -> bool:
        return bool(self.service or self.item)


def read(words: Mapping[str, str], services: Sequence[Subscription], *, today: date) -> Asked:
    """Read what the filters say; what they say wrongly is told, and narrows nothing."""
    months = _months(services, today)
    period, wrong_month = _period(words.get("month", ""), today)
    service = words.get("service", "").strip()[:LONGEST]
    is_known = not service or any(one.number == service for one in services)
    wrong_service = "" if is_known else f"There is no service “{service}” here. Choose one by its number."
    return Asked(
        services=services,
        service=service if is_known else "",
        period=period,
        months=months,
        item=words.get("item", "").strip()[:LONGEST],
        report=DAYS if words.get("report") == DAYS else SUMMARY,
        refusal=wrong_month or wrong_service,
    )


def _period(text: str, today: date) -> tuple[Period, str]:
    if not text:
        return Period.month_of(today), ""
    try:
        return Period.parse_month(text), ""
    except MalformedPeriod as refused:
        return Period.month_of(today), str(refused)


def _months(services: Sequence[Subscription], today: date) -> list[date]:
    """The months in which one of ``services`` may have been used, the newest first."""
    this = today.replace(day=1)
    first = min((one.started_on for one in services), default=this).replace(day=1)
    months = [add_months(this, -back) for back in range(MOST_MONTHS)]
    return [month for month in months if month >= first] or [this]
