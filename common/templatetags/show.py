"""How pages, mails and documents write money, quantities, dates and states. Reads nothing but the value it is given."""

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal
from django import template
from django.forms import BoundField
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from common.money import minor_unit, round_money

register = template.Library()

LOCALE = "en"
QUANTITY_DECIMALS = 4
UNIT_PRICE_DECIMALS = 10

# The colour only repeats what the word says.
TONES = {
    "good": {"active", "completed", "done", "finished", "issued", "loaded", "published", "ready"},
    "busy": {"executing", "requested", "running", "started"},
    "attention": {"awaiting_payment", "held", "placed", "suspended", "waiting", "wished"},
    "bad": {"failed", "parked"},
}


@register.filter
def money(amount: Decimal, currency: str) -> str:
    """Write ``amount`` as 1,234.50 EUR, rounded half up to the minor unit of ``currency``."""
    return f"{_grouped(round_money(amount, currency), _minor_decimals(currency))} {currency}"


@register.filter
def unit_price(price: Decimal, currency: str) -> str:
    """Write the price of one unit with the decimals it has, at least those of ``currency``: 0.07 EUR, 0.0325 EUR."""
    least = _minor_decimals(currency)
    return f"{_grouped(price, least, max(least, UNIT_PRICE_DECIMALS))} {currency}"


@register.filter
def quantity(value: Decimal | int) -> str:
    """Write a quantity without needless zeros, to four decimals; what is less than they can show is said to be so."""
    exact = Decimal(value)
    least = Decimal(1).scaleb(-QUANTITY_DECIMALS)
    if 0 < abs(exact) < least:
        return f"less than {least}"
    return _grouped(exact, 0, QUANTITY_DECIMALS)


@register.filter
def percent(value: Decimal) -> str:
    """Write a percentage without needless zeros: 19 %, 7.5 %."""
    return f"{_grouped(Decimal(value), 0, 3)} %"


@register.filter
def day(value: date) -> str:
    """Write a date as 21 Nov 2026."""
    return format_date(value, "d MMM y", locale=LOCALE)


@register.filter
def month(value: date) -> str:
    """Write the month a date lies in as November 2026."""
    return format_date(value, "MMMM y", locale=LOCALE)


@register.filter
def moment(value: datetime, zone: str = "") -> str:
    """Write an aware moment as 21 Nov 2026, 14:05 CET in ``zone`` (an IANA name), else in the current time zone."""
    local = timezone.localtime(value, ZoneInfo(zone) if zone else None)
    return f"{format_datetime(local, 'd MMM y, HH:mm', locale=LOCALE)} {local.tzname()}"


@register.filter
def pill(row: Any) -> SafeString:
    """Show the state of ``row`` (its ``status`` and ``get_status_display``) as a word on a coloured ground."""
    tone = next((tone for tone, states in TONES.items() if row.status in states), "quiet")
    return format_html('<span class="pill pill-{}">{}</span>', tone, row.get_status_display())


@register.filter
def control(field: BoundField) -> SafeString:
    """Show the control of a form field in the look of the house, marked where it was refused."""
    look = {"checkbox": "form-check-input", "select": "form-select"}.get(field.widget_type, "form-control")
    classes = [field.field.widget.attrs.get("class", ""), look, "is-invalid" if field.errors else ""]
    return field.as_widget(attrs={"class": " ".join(filter(None, classes))})


def _minor_decimals(currency: str) -> int:
    return -int(minor_unit(currency).as_tuple().exponent)


@lru_cache(maxsize=10_000)  # a page of prices writes the same few amounts again and again
def _grouped(value: Decimal, least: int, most: int | None = None) -> str:
    pattern = f"#,##0.{'0' * least}{'#' * ((least if most is None else most) - least)}".rstrip(".")
    return format_decimal(_half_up(value, least if most is None else most), format=pattern, locale=LOCALE)


def _half_up(value: Decimal, decimals: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
