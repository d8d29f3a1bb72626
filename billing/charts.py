"""
Charts as plain numbers: what a template needs to draw bars and gauges as SVG, without script and without style of its own.

Decimals in, whole numbers or short decimal strings out, never a float. A chart says nothing that the text beside it does not say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from common.periods import Period

WIDTH, HEIGHT = 620, 120
GAP = 3
_STEPS = tuple(map(Decimal, ("1", "1.5", "2", "2.5", "3", "4", "5", "6", "8", "10")))

_NOTHING, _HUNDRED, _ROOM = Decimal(0), Decimal(100), Decimal("1.1")


@dataclass(frozen=True, slots=True)
class Bar:
    """A day of the chart, in the units of its viewBox; a day without a value has no bar."""

    day: date
    value: Decimal
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class BarChart:
    """A bar for each day with a value; ``top`` is what the upper edge stands for. ``rule`` is a line across, at ``rule_y``."""

    bars: list[Bar]
    top: Decimal
    first: date
    last: date
    width: int = WIDTH
    height: int = HEIGHT
    rule: Decimal | None = None
    rule_y: int = 0

    @property
    def middle(self) -> Decimal:
        return self.top / 2


@dataclass(frozen=True, slots=True)
class Gauge:
    """
    An arc from nothing to ``top``. ``filled`` and ``expected`` are percent of it as SVG writes them, ``mark`` a place on it.

    ``mark`` is empty where there is nothing to compare with. ``is_over``: what is filled goes beyond the mark.
    """

    top: Decimal
    filled: str
    expected: str
    mark: str
    is_over: bool


def bar_chart(values: Mapping[date, Decimal], days: Period, rule: Decimal | None = None) -> BarChart | None:
    """
    Return a bar per day of ``days`` that has a value, and a line at ``rule``; None where there is nothing to draw.

    Every day has its place, so that a gap is seen as one. Below nothing is drawn as nothing.
    """
    highest = max(values.values(), default=_NOTHING)
    if highest <= 0:
        return None
    top = round_top(max(highest, rule or _NOTHING))
    slot = max(WIDTH // days.days, 1)
    bars = [
        _bar(day, values[day], top, x=number * slot, width=max(slot - GAP, 1)) for number, day in enumerate(days) if day in values
    ]
    width = max(slot * days.days - GAP, 1)
    return BarChart(bars, top, days.start, days.last_day, width, rule=rule, rule_y=HEIGHT - _height(rule or _NOTHING, top))


def gauge(filled: Decimal, expected: Decimal, mark: Decimal | None) -> Gauge:
    """Return the gauge of an amount so far, what is expected of it, and another one to compare with; some room is left above."""
    top = round_top(max(filled, expected, mark or _NOTHING) * _ROOM)
    return Gauge(
        top,
        _percent(filled, top),
        _percent(expected, top),
        "" if mark is None or mark <= 0 else _percent(mark, top),
        mark is not None and filled > mark,
    )


def quota_gauge(used: Decimal, quota: Decimal) -> Gauge:
    """Return the gauge of what is used of a quota; beyond it the arc goes on, and the quota becomes the mark."""
    top = quota if used <= quota else round_top(used)
    return Gauge(top, _percent(used, top), _percent(used, top), "" if used <= quota else _percent(quota, top), used > quota)


def round_top(highest: Decimal) -> Decimal:
    """Return the least round number (1, 1.5, 2, 2.5, 3 … times a power of ten) that is not below ``highest``; 1 for nothing."""
    if highest <= 0:
        return Decimal(1)
    power = Decimal(1).scaleb(highest.adjusted())
    return next(step * power for step in _STEPS if step * power >= highest)


def _bar(day: date, value: Decimal, top: Decimal, *, x: int, width: int) -> Bar:
    height = _height(value, top)
    if value > 0:
        height = max(height, 1)  # a little is not nothing
    return Bar(day, value, x, HEIGHT - height, width, height)


def _height(value: Decimal, top: Decimal) -> int:
    return int((max(value, _NOTHING) / top * HEIGHT).to_integral_value(rounding=ROUND_HALF_UP))


def _percent(part: Decimal, whole: Decimal) -> str:
    share = min(max(part, _NOTHING) / whole * _HUNDRED, _HUNDRED)
    return str(share.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP))
