"""The empty sheet of a rate card: a row for each known item, lists to choose from, an example to look at, and notes."""

import io
import itertools
from collections.abc import Collection, Sequence
from typing import Any

from openpyxl import Workbook
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from billing.sheets import AGGREGATIONS, CARD_TITLE, HEADER, LONGEST_SHEET, MOST_DECIMALS, UNITS, KnownItem
from billing.tiers import GRADUATED, MODES, VOLUME
from common.sheets import dress_heading, watch, write_notes

EXAMPLE_TITLE = "Example"
NOTES_TITLE = "Notes"
LISTS_TITLE = "Lists"
WIDTHS = (42, 22, 8, 14, 14, 12, 12, 13, 14)
NUMBERS = "DEFG"  # cost, price, tier from, tier to

NOTES = (
    "How to fill in the rate card",
    "",
    "Fill in the page “Rate card”. The page “Example” shows how filled rows look; it is not read.",
    "The columns may stand in any order, but their titles in row 1 stay as they are. "
    "Tier from, Tier to, Tier mode and Aggregation may be left out.",
    "Item: the vendor's offering item, or the name of its usage. The list in the cell shows the items of your service managers.",
    "Edition: the licensing model the item belongs to; leave it empty where there is none.",
    "Unit: GiB (1024³ bytes) for storage, hour for compute points, unit for everything that is counted.",
    "Cost: what one unit costs you in a month, in the currency of the card. Price: what you sell it for.",
    f"Both are numbers, not text, dates or formulas, not negative, with at most {MOST_DECIMALS} decimals.",
    "Tier from and Tier to: leave both empty where one price holds for every quantity. For tiers, write one row for each: "
    "the first begins at 0, each begins where the one before ends, the last has no end. "
    "A tier holds up to and including its Tier to, for the quantity of one subscription in a month.",
    "Tier mode: graduated: each part of the quantity is charged at the price of the tier it lies in. "
    "volume: the whole quantity is charged at the price of the tier that its total lies in. "
    "Left empty it is graduated. One for all tiers of an item.",
    "Aggregation: how a month's daily readings become one quantity. last: the level on the last day. max: the highest level.",
    "average: the average of the daily levels. sum: the sum of what the days added.",
    "Left empty it is last for levels, and sum for what is used up. One for all tiers of an item.",
    "Rows with neither a cost nor a price are left out. An item that is not on the card is not billed. No merged cells.",
    f"At most {LONGEST_SHEET:,} rows. After the upload you see what would change and confirm it; "
    "a card that is confirmed never changes: a correction is a new version.",
)


def write_format(known_items: Collection[KnownItem]) -> bytes:
    """Return an .xlsx to fill in: the header, a row for each known item without cost and price, lists, an example, notes."""
    items = sorted(known_items)
    book = Workbook()
    card = book.active
    assert isinstance(card, Worksheet)
    card.title = CARD_TITLE
    card.append(HEADER)
    for item in items:
        card.append((item.name, item.edition or None, item.unit, None, None, None, None, None, item.aggregation))
    _dress(card)
    _write_example(book.create_sheet(EXAMPLE_TITLE), items)
    write_notes(book.create_sheet(NOTES_TITLE), NOTES)
    _offer_choices(card, book.create_sheet(LISTS_TITLE), items)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _write_example(page: Worksheet, items: Sequence[KnownItem]) -> None:
    """Show one price for every quantity, graduated tiers and volume tiers, of the group's own items where it has such."""
    page.append(HEADER)
    flat = _item_like(items, KnownItem("pck_per_gigabyte", "pg_base_storage", "storage", "GiB", "last"))
    counted = _item_like(items, KnownItem("pck_per_workload", "pw_base_servers", "servers", "unit", "last"))
    used_up = _item_like(items, KnownItem("", "notarizations", "notarizations", "unit", "sum"))
    page.append(_example(flat, 0.03, 0.07))
    page.append(_example(counted, 4, 9, 0, 10, GRADUATED))
    page.append(_example(counted, 4, 8, 10, 50, GRADUATED))
    page.append(_example(counted, 4, 7.5, 50, None, GRADUATED))
    page.append(_example(used_up, 0.05, 0.1, 0, 1000, VOLUME))
    page.append(_example(used_up, 0.05, 0.08, 1000, None, VOLUME))
    _dress(page)


def _item_like(items: Sequence[KnownItem], usual: KnownItem) -> KnownItem:
    """Return an item of the group that is measured as ``usual`` is, or else that one."""
    return next((one for one in items if (one.unit, one.aggregation) == (usual.unit, usual.aggregation)), usual)


def _example(
    item: KnownItem, cost: float, price: float, begin: float | None = None, end: float | None = None, mode: str | None = None
) -> tuple[Any, ...]:
    return (item.name, item.edition or None, item.unit, cost, price, begin, end, mode, item.aggregation)


def _dress(page: Worksheet) -> None:
    dress_heading(page, WIDTHS)
    for row in page.iter_rows(min_row=2, min_col=4, max_col=5):
        for cell in row:
            cell.number_format = "0.00########"


def _offer_choices(card: Worksheet, lists: Worksheet, items: Sequence[KnownItem]) -> None:
    """Put the choices on a hidden sheet and let the card's columns point at them; Excel checks what is typed."""
    lists.sheet_state = "hidden"
    choices = {
        "A": list(dict.fromkeys(name for item in items for name in (item.name, item.usage_name))),
        "B": sorted({item.edition for item in items if item.edition}),
        "C": list(UNITS),
        "H": list(MODES),
        "I": list(AGGREGATIONS),
    }
    for row in itertools.zip_longest(*choices.values()):
        lists.append(row)
    for place, (column, values) in zip("ABCDE", choices.items(), strict=True):
        if values:
            choice = DataValidation("list", formula1=f"{LISTS_TITLE}!${place}$1:${place}${len(values)}", allow_blank=True)
            watch(card, choice, column, "Choose one of the list.", rows=LONGEST_SHEET)
    for column in NUMBERS:
        rule = DataValidation("decimal", operator="greaterThanOrEqual", formula1="0", allow_blank=True)
        watch(card, rule, column, "A number, 0 or more.", rows=LONGEST_SHEET)
