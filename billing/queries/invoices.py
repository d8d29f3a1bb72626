"""What the invoice pages show: lines by end customer, and how an amount came about, told to the one who reads it."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.db.models import F
from django.db.models.fields.json import KT

from accounts.models import Organization, User
from billing import fixed
from billing.models import Invoice, InvoiceLine
from billing.printed import days_text, printed_quantity, quantity_text, unit_text
from billing.rating import Aggregation, Level
from common.templatetags import show

CHART_WIDTH, CHART_HEIGHT = 620, 120


@dataclass(frozen=True, slots=True)
class PrintedLine:
    """A line with its quantity and unit as they are printed: the quantity still multiplies out to the net."""

    line: InvoiceLine
    quantity: str
    period: str


@dataclass(frozen=True, slots=True)
class CustomerLines:
    """The lines of one subscription of one end customer."""

    consumer: str
    subscription: str
    plan: str
    lines: list[PrintedLine]
    net: Decimal


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One step of the chain of prices in words, with the price after it."""

    words: str
    factor: str
    amount: Decimal
    currency: str
    per: str
    """What the price is for, as in “per unit and month”."""


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """One reading of the vendor's report, in the vendor's unit and in the billed one."""

    day: date
    measured: Decimal
    quantity: Decimal
    storage: str
    report: int
    report_line: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A day of the chart, in the units of its viewBox."""

    day: date
    quantity: Decimal
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class BilledBefore:
    """What an earlier invoice billed of the same thing."""

    quantity: str
    unit: str
    unit_price: Decimal
    net: Decimal
    invoices: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a line came about, as far as its reader may know. Prices before the reader's own end of the chain are not in it."""

    line: InvoiceLine
    consumer: str
    plan: str
    quantity: str
    made_of: str
    """Of a fixed price: the units and the share of the month that make the quantity."""
    rule: str
    measured: str
    measurement_unit: str
    divisor: str
    should_be: str
    billed_before: list[BilledBefore]
    prices: list[PriceRow]
    rate_card: str
    cost: Decimal | None
    cost_currency: str
    readings: list[ReadingRow]
    has_storages: bool
    bars: list[Bar]


_RULES = {
    Aggregation.LAST: "The level of the last day with a reading counts.",
    Aggregation.MAX: "The highest daily level counts.",
    Aggregation.AVERAGE: "The average of the daily levels counts, over all days of the period.",
    Aggregation.SUM: "What the days added counts, taken together.",
}
_STEPS = {
    "list_price": "Price on the rate card",
    "card_exchange_rate": "Exchange rate of the rate card",
    "exchange_rate": "Exchange rate",
    "partner_discount": "Less partner discount",
    "retail_markup": "Plus markup",
    "retail_markup_amount": "Plus markup",
    "retail_discount": "Less discount",
    "rounded": "Sold at, rounded",
    "sold_price": "Sold at",
    "month_of_term": "Each month of the term",
}
_PERCENT_STEPS = {"partner_discount", "retail_markup", "retail_discount"}


def lines_by_customer(invoice: Invoice) -> list[CustomerLines]:
    """Return the lines in their order, grouped by subscription, under the names they were billed with. One query for all."""
    lines = (
        invoice.lines.annotate(consumer=KT("working__consumer"), plan=KT("working__plan"), number=F("subscription__number"))
        .defer("working")
        .order_by("position")
    )
    grouped = [(key, list(group)) for key, group in groupby(lines, key=lambda line: (line.consumer, line.number, line.plan))]
    return [
        CustomerLines(
            consumer, number, plan, [_printed(line, invoice) for line in group], sum((line.net for line in group), Decimal(0))
        )
        for (consumer, number, plan), group in grouped
    ]


def explain(line: InvoiceLine, reader: User) -> Explanation:
    """
    Tell how ``line`` came about, with what ``reader`` may know.

    Cost is for the MSP's staff. A reseller's customer is told the unit price, not what came before it; whoever sold the line
    or buys from the MSP itself sees the chain.
    """
    working = line.working
    invoice = line.invoice
    knows_chain = working.get("level") != Level.RETAIL or reader.is_staff or _acts_for(reader, invoice.seller)
    divisor = Decimal(working.get("divisor", 1))
    readings = [_reading(row, divisor) for row in working.get("readings", [])]
    cost = working.get("cost") if reader.is_staff else None
    return Explanation(
        line=line,
        consumer=working["consumer"],
        plan=working["plan"],
        quantity=_printed(line, invoice).quantity,
        made_of=_made_of(working),
        rule=_rule(line),
        measured=quantity_text(Decimal(working["measured"])) if "measured" in working else "",
        measurement_unit=working.get("measurement_unit") or "",
        divisor=quantity_text(divisor),
        should_be=quantity_text(Decimal(working["quantity"])) if "billed" in working and "quantity" in working else "",
        billed_before=[_billed(one) for one in working.get("billed", [])],
        prices=[_price(step, line) for step in _steps(working, knows_chain=knows_chain)],
        rate_card=working["rate"]["sentence"] if knows_chain and "rate" in working else "",
        cost=Decimal(cost["amount"]) if cost else None,
        cost_currency=cost["amount_currency"] if cost else "",
        readings=readings,
        has_storages=len({reading.storage for reading in readings}) > 1,
        bars=_bars(readings),
    )


def _acts_for(reader: User, organization: Organization) -> bool:
    return reader.memberships.filter(organization=organization).exists()


def _printed(line: InvoiceLine, invoice: Invoice) -> PrintedLine:
    exact = printed_quantity(line.quantity, line.unit_price, line.net, invoice.currency)
    quantity = f"{quantity_text(exact)} {unit_text(exact, line.unit)}"
    return PrintedLine(line, quantity, days_text(line.period_start, line.last_day))


def _reading(row: list[Any], divisor: Decimal) -> ReadingRow:
    day, measured, report, report_line, storage = row
    return ReadingRow(date.fromisoformat(day), Decimal(measured), Decimal(measured) / divisor, storage, report, report_line)


def _rule(line: InvoiceLine) -> str:
    working = line.working
    if "aggregation" in working:
        return _RULES[Aggregation(working["aggregation"])]
    if "price_from" not in working:
        return ""
    sold_from = show.day(date.fromisoformat(working["price_from"]))
    if line.item == fixed.SETUP_FEE:
        return f"Once, in the month it starts, at the price of {sold_from}."
    rule = f"A fixed price, whatever is used within the quota; sold at it from {sold_from} on."
    if (together := working.get("together")) is None:
        return rule
    amount, before = (show.money(Decimal(together[name]), working["currency"]) for name in ("amount", "before"))
    return f"{rule} {together['months']} months cost {amount} together, {before} of it was for those before."


def _made_of(working: dict[str, Any]) -> str:
    if "units" not in working or "days" not in working:
        return ""
    units = f"{working['units']} {unit_text(Decimal(working['units']), fixed.UNIT)}"
    if working["days"] == working["days_of_month"]:
        return f"{units}, the whole month of {working['days']} days"
    return f"{units} × {working['days']} of {working['days_of_month']} days = {quantity_text(Decimal(working['quantity']))}"


def _steps(working: dict[str, Any], *, knows_chain: bool) -> list[dict[str, str]]:
    """Return the chain of prices as far as the reader may know: without the chain, what it was sold at and the share of a month."""
    steps: list[dict[str, str]] = working.get("steps", [])
    if knows_chain:
        return steps
    if "term_price" not in working:
        return []
    sold = {"step": "sold_price", "amount": working["term_price"], "currency": working["currency"]}
    return [sold, *(step for step in steps if step["step"] == "month_of_term")]


def _price(step: dict[str, str], line: InvoiceLine) -> PriceRow:
    is_fixed = line.item in fixed.ITEMS
    words = "List price" if is_fixed and step["step"] == "list_price" else _STEPS[step["step"]]
    per = _per(step, line) if is_fixed else line.unit
    return PriceRow(words, _factor(step), Decimal(step["amount"]), step["currency"], per)


def _per(step: dict[str, str], line: InvoiceLine) -> str:
    if line.item == fixed.SETUP_FEE:
        return f"{fixed.UNIT}, once"
    months = line.working["term_months"]
    return f"{fixed.UNIT} and month" if months == 1 or step["step"] == "month_of_term" else f"{fixed.UNIT} and {months} months"


def _factor(step: dict[str, str]) -> str:
    if "factor" not in step:
        return ""
    number = quantity_text(Decimal(step["factor"]))
    if step["step"] == "retail_markup_amount":
        return f"{number} {step['currency']}"
    if step["step"] == "month_of_term":
        return f"÷ {number}"
    return f"{number} %" if step["step"] in _PERCENT_STEPS else f"× {number}"


def _billed(one: dict[str, Any]) -> BilledBefore:
    return BilledBefore(
        quantity_text(Decimal(one["quantity"])),
        one["unit"],
        Decimal(one["unit_price"]),
        Decimal(one["net"]),
        ", ".join(one["invoices"]),
    )


def _bars(readings: list[ReadingRow]) -> list[Bar]:
    """Return a bar per day, all storages together, the highest as high as the chart; below nothing is drawn as nothing."""
    days: dict[date, Decimal] = defaultdict(Decimal)
    for reading in readings:
        days[reading.day] += reading.quantity
    highest = max(days.values(), default=Decimal(0))
    if highest <= 0:
        return []
    step = CHART_WIDTH // len(days)
    heights = {day: int(max(quantity, Decimal(0)) / highest * CHART_HEIGHT) for day, quantity in days.items()}
    return [
        Bar(day, quantity, n * step, CHART_HEIGHT - heights[day], max(step - 3, 1), heights[day])
        for n, (day, quantity) in enumerate(sorted(days.items()))
    ]
