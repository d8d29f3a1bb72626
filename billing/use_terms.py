"""
What a plan by use includes each month, and what a month of it costs at least: read along with its rate card, for one buyer.

Like the price list it tells a buyer only its own end of the chain of prices.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, Subquery, TextField
from django.db.models.functions import Cast, JSONObject

from accounts.models import Organization
from billing.models import ExchangeRate
from billing.printed import quantity_text, unit_text
from billing.rating import PriceChain, RateTerms, price_steps
from catalog.item_names import edition_label, item_label
from catalog.models import Plan, PlanAllowance, PlanCommitment
from catalog.queries.metered_items import UNITS
from common.money import round_money
from provisioning.models import VendorOfferingItem


@dataclass(frozen=True, slots=True)
class UseTerms:
    """
    Free units a month, in words, and the least that a month costs, excluding VAT; ``minimum`` None: nothing.

    ``currency`` is the buyer's, unless no exchange rate leads there.
    """

    included: list[str]
    minimum: Decimal | None
    currency: str


def annotations(plan: Plan, currency: str, today: date) -> dict[str, Any]:
    """Return what a query of anything is annotated with, so that `use_terms` needs none of its own."""
    units = VendorOfferingItem.objects.filter(service_manager=plan.service_manager_id, name=OuterRef("item"))
    allowances = PlanAllowance.objects.filter(plan=plan).annotate(measured=Subquery(units.values("measurement_unit")[:1]))
    rates = ExchangeRate.objects.filter(base=OuterRef("currency"), quote=currency, valid_from__lte=today)
    commitments = PlanCommitment.objects.filter(plan=plan).annotate(rate=Subquery(rates.order_by("-valid_from").values("rate")[:1]))
    told = {"item": "item", "edition": "edition", "quantity": Cast("quantity", TextField()), "measured": F("measured")}
    minimum = {"currency": "currency", "amount": Cast("amount", TextField()), "rate": Cast("rate", TextField())}
    own = Organization.objects.filter(kind=Organization.Kind.MSP)
    return {
        "plan_allowances": ArraySubquery(allowances.values(told=JSONObject(**told))),
        "plan_commitments": ArraySubquery(commitments.values(told=JSONObject(**minimum))),
        "msps_currency": Subquery(own.values("currency")[:1]),
    }


def use_terms(row: Any, buyer: Organization, chain: PriceChain) -> UseTerms:
    """Return the terms of a row that was read with `annotations`; ``chain`` is the buyer's, for the percentages in it."""
    included = [_words(**told) for told in row.plan_allowances]
    minimum = _chosen(row.plan_commitments, buyer, row.msps_currency)
    return UseTerms(included, None, buyer.currency) if minimum is None else _at_its_end(included, minimum, buyer, chain)


def _words(item: str, edition: str, quantity: str, measured: str | None) -> str:
    """Write 5 servers, or 100 GB of cloud storage; with the edition where it is for one alone."""
    unit = UNITS.get(measured or "", "unit")
    name, number = _in_a_sentence(item_label(item)), Decimal(quantity)
    words = f"{quantity_text(number)} {name}" if unit == "unit" else f"{_amount(number, unit)} of {name}"
    return f"{words} ({edition_label(edition)})" if edition else words


def _in_a_sentence(label: str) -> str:
    """Write a label small unless it is a name, which has more than one capital or a figure: servers, but Microsoft 365 seats."""
    is_name = any(letter.isupper() or letter.isdigit() for letter in label[1:])
    return label if is_name else label[:1].lower() + label[1:]


def _amount(quantity: Decimal, unit: str) -> str:
    return f"{quantity_text(quantity)} {'GB' if unit == 'GiB' else unit_text(quantity, unit)}"


def _chosen(rows: Sequence[dict[str, Any]], buyer: Organization, own_currency: str) -> dict[str, Any] | None:
    """Return the minimum that a subscription starts with, as `agreements.copy_plan_terms` chooses it."""
    by_currency = {row["currency"]: row for row in rows}
    if not by_currency:
        return None
    msps_buyer = buyer.reseller or buyer
    return by_currency.get(msps_buyer.currency) or by_currency.get(own_currency) or by_currency[min(by_currency)]


def _at_its_end(included: list[str], minimum: dict[str, Any], buyer: Organization, chain: PriceChain) -> UseTerms:
    """Walk the chain from the MSP's minimum to the buyer's."""
    currency: str = minimum["currency"]
    rate = "1" if currency == buyer.currency else minimum["rate"]
    to_buyer = replace(
        chain,
        base_currency=currency,
        invoice_currency=currency if rate is None else buyer.currency,
        exchange_rate=Decimal(1 if rate is None else rate),
    )
    terms = RateTerms("minimum", "", "unit", Decimal(0), Decimal(minimum["amount"]), "", "", currency, Decimal(1), currency)
    last = price_steps(terms, to_buyer)[-1]
    return UseTerms(included, round_money(last.amount, to_buyer.invoice_currency), to_buyer.invoice_currency)
