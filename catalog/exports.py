"""What the catalogue gives people as files for spreadsheets."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from catalog.models import OrderUrl
from catalog.pricing import Amounts
from catalog.queries.partner_panel import PanelRow
from catalog.queries.partner_prices import RetailRow

PRICE_LIST_COLUMNS = (
    "Number",
    "Plan",
    "Product",
    "Billing model",
    "Published",
    "Markup, percent",
    "Discount, percent",
    "Currency",
    "Term, months",
    "Cost",
    "Retail price",
    "Margin",
    "Margin, percent",
    "Setup fee, cost",
    "Setup fee, retail",
    "Overage per GB and month, cost",
    "Overage per GB and month, retail",
    "Order URL",
)


def price_list_csv(by_currency: Iterable[Sequence[PanelRow]], order_urls: Mapping[tuple[int, int], OrderUrl], root: str) -> str:
    """
    Return a reseller's own price list: a line per plan, currency and term, excluding VAT; what is priced by use has no amounts.

    :param order_urls: the reseller's own, by plan and term; one that is switched off is left out.
    :param root: scheme and host before the path of an order URL.
    """
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(PRICE_LIST_COLUMNS)
    for number, rows in enumerate(by_currency):
        for row in rows:
            if row.plan.is_fixed:
                writer.writerows(_line(row, term, order_urls, root) for term in row.rows)
            elif number == 0:  # the same in every currency
                writer.writerow(_line(row, None, order_urls, root))
    return file.getvalue()


def _line(row: PanelRow, term: RetailRow | None, order_urls: Mapping[tuple[int, int], OrderUrl], root: str) -> list[str]:
    months = 1 if term is None else term.term_months
    found = order_urls.get((row.plan.pk, months))
    by_percent = row.wish.markup_kind == "percent"
    facts = [
        row.plan.number,
        _harmless(row.plan.name),
        _harmless(row.plan.product_group.product.name),
        row.plan.get_billing_model_display(),
        "yes" if row.wish.is_published else "no",
        _text(row.wish.markup_percent) if by_percent else "",
        _text(row.wish.discount_percent),
    ]
    address = root + found.path if found is not None and found.is_active else ""
    return [*facts, *_amounts(row, term, months), address]


def _amounts(row: PanelRow, term: RetailRow | None, months: int) -> list[str]:
    if term is None:
        return ["", str(months), "", "", "", _text(row.margin_percent), "", "", "", ""]
    cost, retail = term.cost, term.retail or Amounts(Decimal(0))
    sold = term.retail is not None
    margin = _text(retail.price - cost.price) if sold else ""
    money = [_text(cost.price), _text(retail.price) if sold else "", margin, _text(term.margin_percent)]
    setup = [_text(cost.setup_fee), _text(retail.setup_fee) if sold else ""]
    overage = [_text(cost.overage_price), _text(retail.overage_price) if sold else ""]
    return [term.currency, str(months), *money, *setup, *overage]


def _text(number: Decimal | None) -> str:
    return "" if number is None else f"{number:f}"


def _harmless(cell: str) -> str:
    """Keep a spreadsheet from taking a name for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
