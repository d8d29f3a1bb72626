"""What a quote says: read from a draft, as plain JSON that the quote's row keeps."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from accounts.models import Organization, local_date
from billing.document_words import words_in
from billing.documents.reading import note_of
from billing.models import Invoice
from billing.operations.draft_rows import taxes_on
from billing.operations.drafts import treatment_of
from billing.queries.rating_inputs import price_book
from billing.queries.sellers import seller_as_printed
from billing.rating import plain
from billing.taxing import Treatment
from catalog.pricing import Level
from catalog.queries.offers import SoldPrice
from common.money import round_money
from common.periods import Period
from ordering.models import Order, OrderLine
from ordering.module_wishes import included
from ordering.queries.checkouts import newest_terms


def facts_of_draft(order: Order, *, valid_until: date, at: datetime) -> dict[str, Any]:
    """
    Return all that stands on a quote of ``order``, which has only lines of fixed price: what the MSP would invoice its buyer.

    Amounts are decimal strings in the order's currency, days ISO dates; ``number`` is still empty. Taxed as an invoice of that day.
    """
    msp = Organization.objects.get(kind=Organization.Kind.MSP)
    today = local_date(at, msp)
    lines = list(order.lines.select_related("plan__venture__logo").order_by("pk"))
    treated = treatment_of(msp, order.buyer)
    taxes = price_book({line.plan.product_group_id for line in lines}, Period.month_of(today)).taxes
    told = [one for line in lines for one in _lines(order, line, treated, taxes)]
    totals = taxes_on(((Decimal(one["net"]), one["taxes"]) for one in told), _currency(order, lines[0]))
    net = sum((Decimal(one["net"]) for one in told), Decimal(0))
    tax = sum((Decimal(one["tax"]) for one in totals), Decimal(0))
    buyer = order.buyer.billing_snapshot()
    paper = Invoice(
        seller=msp,
        buyer=order.buyer,
        venture=lines[0].plan.venture,
        tax_category=treated.category,
        tax_note=treated.reason,
    )
    return {
        "number": None,
        "order": order.number,
        "purchase_order": order.purchase_order,
        "quoted_on": today.isoformat(),
        "valid_until": valid_until.isoformat(),
        "currency": _currency(order, lines[0]),
        "language": words_in(buyer["language"]).language,
        "seller": seller_as_printed(paper),
        "buyer": buyer,
        "lines": told,
        "taxes": totals,
        "net": plain(net),
        "tax": plain(tax),
        "gross": plain(net + tax),
        "category": treated.category,
        "note": note_of(paper, buyer["language"]),
        "plans": [_plan(line) for line in lines],
        "terms": [str(document) for document in newest_terms(order.buyer, at)],
    }


def _lines(order: Order, line: OrderLine, treated: Treatment, taxes: Any) -> Iterator[dict[str, Any]]:
    """Give the term and, where there is one, the setup fee of a line, as its first invoices would bill them in all."""
    price = msp_price(line)
    charged = [[tax.name, plain(tax.percent)] for tax in treated.taxes(taxes.get(line.plan.product_group_id, ()))]
    amounts = {"term": price.amounts.price, "setup_fee": price.amounts.setup_fee}
    for kind, unit_price in amounts.items():
        if kind == "setup_fee" and not unit_price:
            continue
        yield {
            "kind": kind,
            "consumer": order.consumer.name,
            "plan": line.plan_name,
            "term_months": line.term_months,
            "quantity": line.quantity,
            "unit_price": plain(unit_price),
            "net": plain(round_money(unit_price * line.quantity, price.currency)),
            "taxes": charged,
        }


def msp_price(line: OrderLine) -> SoldPrice:
    """Return what the MSP invoices its own buyer at for ``line``: a direct customer, or the reseller."""
    prices = [SoldPrice.from_json(price) for price in line.prices]
    return next(price for price in prices if price.level is not Level.RETAIL)


def _plan(line: OrderLine) -> dict[str, Any]:
    overage = msp_price(line).amounts.overage_price
    return {
        "plan": line.plan_name,
        "billing_model": line.billing_model,
        "trial_days": line.module_wish.get("trial_days"),
        "overage_price": None if overage is None else plain(overage),
        "included": [[one.label, one.amount, one.above] for one in included(line.module_wish, quantity=line.quantity)],
    }


def _currency(order: Order, line: OrderLine) -> str:
    return msp_price(line).currency
