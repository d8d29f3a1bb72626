"""
How an amount came about, told to the one who reads it: every line of every invoice, from the net down to the vendor's report row.

All of it is read from the line itself: what it was made from was written with it. Lines of any age are told; what a line does not
say is left out, and a word it uses that is not known here is shown as it is.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from accounts.models import Organization, User
from billing import fixed
from billing.charts import BarChart, bar_chart
from billing.models import InvoiceLine
from billing.printed import printed_quantity, quantity_text, unit_text
from billing.rating import TEN_DECIMALS, Level
from common.periods import Period
from common.templatetags import show

TERM, OVERAGE, COMMITMENT = "term", "overage", "minimum_commitment"
AT_A_PRICE = frozenset({*fixed.ITEMS, TERM})
"""Items of a fixed price: a month, a term, and what is paid once."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the reckoning: what it is called, and what it says."""

    label: str
    words: str


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
class BilledBefore:
    """What an earlier invoice billed of the same thing."""

    quantity: str
    unit: str
    unit_price: Decimal
    net: Decimal
    invoices: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """
    How a line came about, as far as its reader may know. Prices before the reader's own end of the chain are not in it.

    ``facts`` lead from what was measured or agreed to the quantity, ``prices`` to the unit price; both together give the net.
    """

    line: InvoiceLine
    consumer: str
    plan: str
    quantity: str
    facts: list[Fact]
    billed_before: list[BilledBefore]
    prices: list[PriceRow]
    steps: list[dict[str, str]]
    """The same as the line says it: step, factor, amount, currency."""
    rate_card: str
    cost: Decimal | None
    cost_currency: str
    cost_words: str
    readings: list[ReadingRow]
    measurement_unit: str
    shown_unit: str
    has_storages: bool
    chart: BarChart | None

    @property
    def has_price_to_tell(self) -> bool:
        return bool(self.prices or self.rate_card)


_RULES = {
    "last": "The level of the last day with a reading counts.",
    "max": "The highest daily level counts.",
    "average": "The average of the daily levels counts, over all days of the period.",
    "sum": "What the days added counts, taken together.",
}
_STEPS = {
    "list_price": "Price on the rate card",
    "minimum": "Minimum a month",
    "card_exchange_rate": "Exchange rate of the rate card",
    "exchange_rate": "Exchange rate",
    "partner_discount": "Less partner discount",
    "override": "Agreed for this order",
    "retail_markup": "Plus markup",
    "retail_markup_amount": "Plus markup",
    "retail_discount": "Less discount",
    "rounded": "Sold at, rounded",
    "sold_price": "Sold at",
    "month_of_term": "Each month of the term",
}
_PERCENT_STEPS = {"partner_discount", "retail_markup", "retail_discount"}


def explain(line: InvoiceLine, reader: User) -> Explanation:
    """
    Tell how ``line`` came about, with what ``reader`` may know.

    Cost is for the MSP's staff. A reseller's customer is told the unit price, not what came before it; whoever sold the line
    or buys from the MSP itself sees the chain.
    """
    knows_chain = line.working.get("level") != Level.RETAIL or reader.is_staff or _acts_for(reader, line.invoice.seller)
    return _told(line, knows_chain=knows_chain, knows_cost=reader.is_staff)


def explain_to(line: InvoiceLine, organization: Organization) -> Explanation:
    """Tell how ``line`` came about, with what everybody who acts for ``organization`` may know: as `explain`, never the cost."""
    knows_chain = line.working.get("level") != Level.RETAIL or line.invoice.seller_id == organization.pk
    return _told(line, knows_chain=knows_chain, knows_cost=False)


def _told(line: InvoiceLine, *, knows_chain: bool, knows_cost: bool) -> Explanation:
    working: dict[str, Any] = line.working
    divisor = _number(working.get("divisor")) or Decimal(1)
    readings = _readings(line, divisor)
    cost = working.get("cost") if knows_cost else None
    steps = _steps(working, knows_chain=knows_chain)
    return Explanation(
        line=line,
        consumer=str(working.get("consumer", "")),
        plan=str(working.get("plan", "")),
        quantity=_quantity(line),
        facts=[fact for tell in _FACTS for fact in tell(line, working)],
        billed_before=[_billed(one) for one in working.get("billed", [])],
        prices=[_price(step, line) for step in steps],
        steps=steps,
        rate_card=working["rate"].get("sentence", "") if knows_chain and "rate" in working else "",
        cost=Decimal(cost["amount"]) if cost else None,
        cost_currency=cost["amount_currency"] if cost else "",
        cost_words=_cost_words(line, cost) if cost else "",
        readings=readings,
        measurement_unit=working.get("measurement_unit") or "",
        shown_unit=working.get("unit") or line.unit,
        has_storages=len({reading.storage for reading in readings}) > 1,
        chart=_chart(readings, _number(working.get("overage", {}).get("quota"))),
    )


def _acts_for(reader: User, organization: Organization) -> bool:
    return reader.memberships.filter(organization=organization).exists()


def _quantity(line: InvoiceLine) -> str:
    exact = printed_quantity(line.quantity, line.unit_price, line.net, line.invoice.currency)
    return f"{quantity_text(exact)} {unit_text(exact, line.unit)}"


# --- The quantity: one function per thing a working may say -----------------------------------------------------------------


def _what_counts(line: InvoiceLine, working: Mapping[str, Any]) -> list[Fact]:
    if "aggregation" in working:
        aggregation = str(working["aggregation"])
        return [Fact("What counts", _RULES.get(aggregation, aggregation))]
    if OVERAGE in working:
        return [Fact("What counts", "The most that was used above the quota on any day of the month, once.")]
    if line.item == COMMITMENT:
        return [Fact("What counts", "The month costs at least what was agreed; what its charges leave of it is charged here.")]
    if working.get("kind") == "taken_back":
        return [Fact("What counts", "What was invoiced before is taken back; what it is now stands on a line of its own.")]
    if "price_from" not in working:
        return []
    sold_from = show.day(date.fromisoformat(working["price_from"]))
    if line.item == fixed.SETUP_FEE:
        return [Fact("What counts", f"Once, when it starts, at the price of {sold_from}.")]
    rule = f"A fixed price, whatever is used within the quota; sold at it from {sold_from} on."
    return [Fact("What counts", f"{rule}{_months_together(working)}")]


def _months_together(working: Mapping[str, Any]) -> str:
    if (together := working.get("together")) is None:
        return ""
    amount, before = (show.money(Decimal(together[name]), working["currency"]) for name in ("amount", "before"))
    return f" {together['months']} months cost {amount} together, {before} of it was for those before."


def _measured(line: InvoiceLine, working: Mapping[str, Any]) -> list[Fact]:
    if (measured := _number(working.get("measured"))) is None:
        return []
    divisor = _number(working.get("divisor")) or Decimal(1)
    goes_on = any(name in working for name in ("used", "share", "tier", "billed"))
    in_unit = (measured / divisor).quantize(TEN_DECIMALS, rounding=ROUND_HALF_UP)
    result = _with_unit(in_unit, working.get("unit") or line.unit) if goes_on else _quantity(line)
    if divisor == 1:
        return [Fact("Measured", result)]
    of = f"{quantity_text(measured)} {working.get('measurement_unit') or ''}"
    return [Fact("Measured", f"{of} ÷ {quantity_text(divisor)} = {result}")]


def _share(line: InvoiceLine, working: Mapping[str, Any]) -> list[Fact]:
    share = working.get("share")
    if not share:
        return []
    part, whole = share
    return [Fact("Share of the month", f"× {part} ÷ {whole}: the days under this plan, of all days that are billed in the month")]


def _included(line: InvoiceLine, working: Mapping[str, Any]) -> list[Fact]:
    free, used = _number(working.get("included")), _number(working.get("used"))
    if free is None:
        return []
    unit = working.get("unit") or line.unit
    if used is None:
        return [Fact("Included free of charge", _with_unit(free, unit))]
    rest = _with_unit(used - free, unit)
    return [Fact("Less what is included", f"{_with_unit(used, unit)} − {_with_unit(free, unit)} free of charge = {rest}")]


def _tier(line: InvoiceLine, working: Mapping[str, Any]) -> list[Fact]:
    if not (tier := working.get("tier")):
        return []
    lower, upper = _number(tier.get("from")) or Decimal(0), _number(tier.get("to"))
    unit = working.get("unit") or line.unit
    bounds = f"above {_with_unit(lower, unit)}" if lower else "from nothing"
    bounds += f" up to {_with_unit(upper, unit)}" if upper is not None else ""
    if tier.get("mode") == "volume":
        return [Fact("Tier", f"All of it at the price of the tier {bounds}, which the quantity reaches")]
    quantity = _number(working.get("quantity"))
    lies = f"; {_with_unit(quantity, unit)} lie in it" if quantity is not None else ""
    return [Fact("Tier", f"What lies {bounds}, at the price of this tier{lies}")]


def _overage(line: InvoiceLine, working: Mapping[str, Any]) -> list[Fact]:
    if not (overage := working.get(OVERAGE)):
        return []
    unit = working.get("unit") or line.unit
    quota, highest, above, before = (_number(overage.get(name)) for name in ("quota", "highest", "above", "billed_above"))
    day = f" on {show.day(date.fromisoformat(overage['day']))}" if overage.get("day") else ""
    facts = []
    if quota is not None:
        facts.append(Fact("Quota", _with_unit(quota, unit)))
    if highest is not None:
        facts.append(Fact("Highest level", f"{_with_unit(highest, unit)}{day}"))
    if above is not None:
        facts.append(Fact("Above the quota", _with_unit(above, unit)))
    if before and above is not None:
        rest = _with_unit(above - before, unit)
        facts.append(Fact("Billed in this month already", f"{_with_unit(before, unit)} above the quota, so that {rest} remain"))
    return facts


def _commitment(line: InvoiceLine, working: Mapping[str, Any]) -> list[Fact]:
    if not (agreed := working.get("commitment")):
        return []
    currency = str(working.get("currency") or line.invoice.currency)
    least, billed = _number(agreed.get("minimum")), _number(agreed.get("billed"))
    facts = []
    if least is not None:
        days, of_month = agreed.get("days"), agreed.get("days_of_month")
        by_days = f", for {days} of {of_month} days" if days != of_month else ""
        facts.append(Fact("Minimum agreed", f"{show.money(least, currency)}{by_days}"))
    if billed is not None:
        facts.append(Fact("Charged for this month", show.money(billed, currency)))
    if least is not None and billed is not None:
        facts.append(Fact("Up to the minimum", f"{show.money(least, currency)} − {show.money(billed, currency)}"))
    return facts


def _term(line: InvoiceLine, working: Mapping[str, Any]) -> list[Fact]:
    if not (term := working.get("term")):
        return []
    start, end = map(date.fromisoformat, term)
    last = end - timedelta(days=1)
    number, months = working.get("term_number"), working.get("term_months")
    name = f"Term {number}" if number else "Term"
    length = f", {months} {'month' if months == 1 else 'months'}" if months else ""
    return [Fact(name, f"{show.day(start)} to {show.day(last)}{length}, invoiced in advance")]


def _days(line: InvoiceLine, working: Mapping[str, Any]) -> list[Fact]:
    """Of a fixed price: the units and the share of the month or term that make the quantity."""
    whole, name = working.get("days_of_month"), "month"
    if "days_of_term" in working:
        whole, name = working["days_of_term"], "term"
    if "units" not in working or "days" not in working or whole is None:
        return []
    units = f"{working['units']} {unit_text(Decimal(working['units']), fixed.UNIT)}"
    if working["days"] == whole:
        return [Fact("Quantity", f"{units}, the whole {name} of {working['days']} days")]
    came_to = quantity_text(Decimal(working["quantity"]))
    return [Fact("Quantity", f"{units} × {working['days']} of {whole} days = {came_to}")]


def _should_be(line: InvoiceLine, working: Mapping[str, Any]) -> list[Fact]:
    quantity = _number(working.get("quantity"))
    if "billed" not in working or quantity is None:
        return []
    return [Fact("It should be", _with_unit(quantity, working.get("unit") or line.unit))]


def _credited_before(line: InvoiceLine, working: Mapping[str, Any]) -> list[Fact]:
    if (credited := _number(working.get("credited_before"))) is None:
        return []
    amount = show.money(credited, line.invoice.currency)
    return [Fact("Credited before", f"{amount} of what is not used was given back by a credit note; not a second time.")]


_FACTS: list[Callable[[InvoiceLine, Mapping[str, Any]], list[Fact]]] = [
    _what_counts,
    _measured,
    _share,
    _included,
    _tier,
    _overage,
    _commitment,
    _term,
    _days,
    _should_be,
    _credited_before,
]


# --- The price -----------------------------------------------------------------------------------------------------------------


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
    name = step["step"]
    words = _STEPS.get(name) or name.replace("_", " ").capitalize()
    if name == "list_price" and (line.item in AT_A_PRICE or line.item == OVERAGE):
        words = "Overage price of the plan" if line.item == OVERAGE else "List price"
    return PriceRow(words, _factor(step), Decimal(step["amount"]), step["currency"], _per(step, line))


def _per(step: dict[str, str], line: InvoiceLine) -> str:
    if line.item == COMMITMENT:
        return "month"
    if line.item == OVERAGE:
        return f"{line.unit} and month"
    if line.item not in AT_A_PRICE:
        return line.unit
    if line.item == fixed.SETUP_FEE:
        return f"{fixed.UNIT}, once"
    months = line.working.get("term_months", 1)
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
    quantity = Decimal(one["quantity"])
    return BilledBefore(
        quantity_text(quantity),
        unit_text(quantity, one["unit"]),
        Decimal(one["unit_price"]),
        Decimal(one["net"]),
        ", ".join(one["invoices"]),
    )


def _cost_words(line: InvoiceLine, cost: Mapping[str, str]) -> str:
    if "unit_cost" not in cost:
        return ""
    quantity = _number(line.working.get("quantity"))
    billed = _with_unit(line.quantity if quantity is None else quantity, line.unit)
    rate = _number(cost.get("exchange_rate"))
    converted = f" × {quantity_text(rate)}" if rate is not None and rate != 1 else ""
    return f"{billed} × {quantity_text(Decimal(cost['unit_cost']))} {cost['currency']}{converted}"


# --- The readings ---------------------------------------------------------------------------------------------------------------


def _readings(line: InvoiceLine, divisor: Decimal) -> list[ReadingRow]:
    return [
        ReadingRow(date.fromisoformat(str(day)), Decimal(measured), Decimal(measured) / divisor, storage, report, report_line)
        for day, measured, report, report_line, storage in line.readings_used
    ]


def _chart(readings: list[ReadingRow], quota: Decimal | None) -> BarChart | None:
    """Draw a bar per day, all storages together."""
    if not readings:
        return None
    days: dict[date, Decimal] = defaultdict(Decimal)
    for reading in readings:
        days[reading.day] += reading.quantity
    return bar_chart(days, Period(min(days), max(days) + timedelta(days=1)), quota)


def _number(text: Any) -> Decimal | None:
    return None if text is None else Decimal(str(text))


def _with_unit(quantity: Decimal, unit: str) -> str:
    return f"{quantity_text(quantity)} {unit_text(quantity, unit)}"
