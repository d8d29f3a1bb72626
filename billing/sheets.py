"""
The Excel sheet of a rate card: how an empty one is written, and how a filled one is read. Plain values in, plain values out.

A sheet comes from a person's computer, so nothing in it is believed: size, packing and XML are looked at before openpyxl sees the
file, then every cell. All that is wrong is told at once, by row and column.
"""

import io
import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import IO, Any

from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from common.sheets import (
    RowError,
    SheetRefused,
    WrongCell,
    bounded,
    checked_workbook,
    damaged,
    dress_heading,
    either,
    is_blank,
    refuse_formula,
    refused,
    shown,
    watch,
    write_notes,
)

HEADER = ("Item", "Edition", "Unit", "Cost", "Price", "Aggregation")
REQUIRED_COLUMNS = 5  # the last one may be left out
UNITS = ("GiB", "unit", "hour")
AGGREGATIONS = ("last", "max", "average", "sum")

LONGEST_SHEET = 20_000
MOST_ERRORS = 100
MOST_DECIMALS = 10
MOST_INTEGER_DIGITS = 14  # what the columns `cost` and `price` hold

CARD_TITLE = "Rate card"
NOTES_TITLE = "Notes"
LISTS_TITLE = "Lists"


@dataclass(frozen=True, slots=True, order=True)
class KnownItem:
    """
    What can be rated: an offering item of the vendor by its name, or by the name its usage goes by, in one edition.

    :param edition: empty where the item belongs to none.
    :param unit: one of `UNITS`.
    :param aggregation: what holds where the sheet says nothing; one of `AGGREGATIONS`.
    """

    edition: str
    name: str
    usage_name: str
    unit: str
    aggregation: str


@dataclass(frozen=True, slots=True)
class SheetRow:
    """
    One rate. `line` is the row of the sheet, the header being row 1; `cost` and `price` are per `unit`.

    `item` is the offering item's name, whichever of its two names the sheet uses.
    """

    line: int
    item: str
    edition: str
    unit: str
    cost: Decimal
    price: Decimal
    aggregation: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a sheet says. Rows with neither cost nor price are no rates: `left_out` of them were found."""

    rows: list[SheetRow]
    left_out: int


# --- Reading ------------------------------------------------------------------------------------------------------------


def read_sheet(file: IO[bytes], *, known_items: Collection[KnownItem], limit_bytes: int) -> Sheet:
    """
    Read a filled sheet from its first byte. Numbers come as Decimal: what the cell shows, not what binary makes of it.

    :raises SheetRefused: too big, no workbook, wrong header, no rates, or any cell that is not right; with every reason found.
    """
    cells = _rows(checked_workbook(bounded(file, limit_bytes=limit_bytes), what="a rate card"))
    has_aggregation = _check_header(next(cells, []))
    reader = _RowReader(known_items)
    for line, row in enumerate(cells, start=2):
        if line > LONGEST_SHEET + 1:
            raise refused(f"The sheet has more than {LONGEST_SHEET:,} rows. Delete empty rows at its end, or split it.")
        width = len(HEADER) if has_aggregation else REQUIRED_COLUMNS
        reader.take(line, row[:width] + [None] * (len(HEADER) - width))
        if len(reader.errors) >= MOST_ERRORS:
            raise SheetRefused([*reader.errors[:MOST_ERRORS], RowError(0, "", "Further rows were not looked at.")])
    if reader.errors:
        raise SheetRefused(reader.errors)
    if not reader.rows:
        raise refused("The sheet has no row with a cost and a price.")
    return Sheet(reader.rows, reader.left_out)


def _rows(packed: IO[bytes]) -> Iterator[list[Any]]:
    """Yield the values of the rate card's rows. A workbook that openpyxl stumbles over, anywhere, is refused."""
    try:
        book = load_workbook(packed, read_only=True, data_only=False, keep_links=False)
        page = book[CARD_TITLE] if CARD_TITLE in book.sheetnames else book.worksheets[0]
        page.reset_dimensions()  # the size a file claims may be wrong
        # One column more than we know shows a header that is too long.
        for row in page.iter_rows(max_col=len(HEADER) + 1, values_only=True):
            yield [*row, *[None] * (len(HEADER) + 1 - len(row))]
    except SheetRefused:
        raise
    except Exception as error:  # it raises whatever the broken XML leads to, from KeyError to its own
        raise damaged() from error


def _check_header(row: Sequence[Any]) -> bool:
    """Say whether the sheet has the last, optional column."""
    found = [str(value).strip() if value is not None else "" for value in row]
    while found and not found[-1]:
        found.pop()
    wanted = [title.casefold() for title in HEADER]
    if [title.casefold() for title in found] not in (wanted, wanted[:REQUIRED_COLUMNS]):
        have = ", ".join(title or "(empty)" for title in found) or "nothing"
        raise SheetRefused([RowError(1, "", f"The header must be {', '.join(HEADER)}, in this order; it is {have:.200}.")])
    return len(found) == len(HEADER)


class _RowReader:
    """Takes row after row; keeps the rates, and what was wrong."""

    def __init__(self, known_items: Collection[KnownItem]) -> None:
        self.rows: list[SheetRow] = []
        self.errors: list[RowError] = []
        self.left_out = 0
        self._line_of: dict[KnownItem, int] = {}
        self._names = {name for item in known_items for name in (item.name, item.usage_name)}
        self._editions = {item.edition for item in known_items}
        self._known = {(item.usage_name, item.edition): item for item in known_items}
        self._known |= {(item.name, item.edition): item for item in known_items}

    def take(self, line: int, row: Sequence[Any]) -> None:
        cells = dict(zip(HEADER, row, strict=True))
        if all(is_blank(value) for value in row):
            return
        errors = len(self.errors)
        item = self._attempt(line, "Item", _text, cells["Item"])
        edition = self._attempt(line, "Edition", _optional_text, cells["Edition"])
        known = None if item is None or edition is None else self._known_item(line, item, edition)
        if is_blank(cells["Cost"]) and is_blank(cells["Price"]) and len(self.errors) == errors:
            self.left_out += 1
            return
        unit = self._attempt(line, "Unit", _unit, cells["Unit"], known)
        cost = self._attempt(line, "Cost", _number, cells["Cost"])
        price = self._attempt(line, "Price", _number, cells["Price"])
        aggregation = self._attempt(line, "Aggregation", _aggregation, cells["Aggregation"], known)
        if known is None or unit is None or cost is None or price is None or aggregation is None or len(self.errors) > errors:
            return
        self.rows.append(SheetRow(line, known.name, known.edition, unit, cost, price, aggregation))

    def _attempt(self, line: int, column: str, read: Any, *values: Any) -> Any:
        try:
            return read(*values)
        except WrongCell as wrong:
            self.errors.append(RowError(line, column, str(wrong)))
            return None

    def _known_item(self, line: int, item: str, edition: str) -> KnownItem | None:
        known = self._known.get((item, edition))
        if known is not None:
            first = self._line_of.setdefault(known, line)
            if first != line:
                self.errors.append(RowError(line, "Item", f"“{item}” stands in row {first} already, with the same edition."))
        elif item not in self._names:
            self.errors.append(RowError(line, "Item", f"“{item:.100}” is not an item of the vendor that we know."))
        elif edition not in self._editions:
            self.errors.append(RowError(line, "Edition", f"“{edition:.50}” is not an edition that we know."))
        else:
            words = f"edition “{edition}”" if edition else "an empty edition"
            self.errors.append(RowError(line, "Edition", f"“{item}” does not exist with {words}."))
        return known


def _optional_text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise WrongCell(f"{shown(value)} is not text.")
    refuse_formula(value)
    return value.strip()


def _text(value: Any) -> str:
    text = _optional_text(value)
    if not text:
        raise WrongCell("It is missing.")
    return text


def _unit(value: Any, known: KnownItem | None) -> str:
    text = _text(value)
    unit = {unit.casefold(): unit for unit in UNITS}.get(text.casefold())
    if unit is None:
        raise WrongCell(f"“{text:.50}” is not a unit; write {either(UNITS)}.")
    if known is not None and unit != known.unit:
        raise WrongCell(f"“{known.name}” is metered per {known.unit}, not per {unit}.")
    return unit


def _aggregation(value: Any, known: KnownItem | None) -> str | None:
    text = _optional_text(value)
    if not text:
        return known.aggregation if known is not None else None
    if text.casefold() not in AGGREGATIONS:
        raise WrongCell(f"“{text:.50}” is not an aggregation; write {either(AGGREGATIONS)}, or leave it empty.")
    return text.casefold()


def _number(value: Any) -> Decimal:
    """Read a cost or a price. Of a float take its shortest text: that is what the person typed."""
    if is_blank(value):
        raise WrongCell("It is missing.")
    if isinstance(value, str):
        refuse_formula(value)
        hint = " with a decimal point" if "," in value else ""
        raise WrongCell(f"“{value.strip():.50}” is text. Enter a number{hint}, and format the cell as a number.")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise WrongCell(f"{shown(value)} is not a number.")
    number = Decimal(repr(value))
    if not number.is_finite():
        raise WrongCell(f"{shown(value)} is not a number.")
    if number < 0:
        raise WrongCell(f"{number:f} is negative.")
    exponent = number.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > MOST_DECIMALS:
        raise WrongCell(f"{number:f} has more than {MOST_DECIMALS} decimals.")
    if number.adjusted() >= MOST_INTEGER_DIGITS:
        raise WrongCell(f"{number:f} is too large.")
    return number


# --- Writing ------------------------------------------------------------------------------------------------------------

NOTES = (
    "How to fill in the rate card",
    "",
    "Item: the vendor's offering item, or the name of its usage. The list in the cell shows the items of your service managers.",
    "Edition: the licensing model the item belongs to; leave it empty where there is none.",
    "Unit: GiB (1024³ bytes) for storage, hour for compute points, unit for everything that is counted.",
    "Cost: what one unit costs you in a month, in the currency of the card. Price: what you sell it for.",
    f"Both are numbers, not text or formulas, not negative, with at most {MOST_DECIMALS} decimals.",
    "Aggregation: how a month's daily readings become one quantity. last: the level on the last day. max: the highest level.",
    "average: the average of the daily levels. sum: the sum of what the days added.",
    "Left empty it is last for levels, and sum for what is used up.",
    "Rows with neither a cost nor a price are left out. Every pair of item and edition may stand here once.",
    "The header in row 1 must stay as it is. A card that was imported never changes: a correction is a new version.",
)


def write_format(known_items: Collection[KnownItem]) -> bytes:
    """Return an .xlsx to fill in: the header, a row for each known item without cost and price, lists to choose from, notes."""
    items = sorted(known_items)
    book = Workbook()
    card = book.active
    assert isinstance(card, Worksheet)
    card.title = CARD_TITLE
    card.append(HEADER)
    for item in items:
        card.append((item.name, item.edition or None, item.unit, None, None, item.aggregation))
    _dress(card)
    write_notes(book.create_sheet(NOTES_TITLE), NOTES)
    _offer_choices(card, book.create_sheet(LISTS_TITLE), items)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _dress(card: Worksheet) -> None:
    dress_heading(card, (42, 22, 8, 14, 14, 14))
    for row in card.iter_rows(min_row=2, min_col=4, max_col=5):
        for cell in row:
            cell.number_format = "0.00########"


def _offer_choices(card: Worksheet, lists: Worksheet, items: Sequence[KnownItem]) -> None:
    """Put the choices on a hidden sheet and let the card's columns point at them; Excel checks what is typed."""
    lists.sheet_state = "hidden"
    choices = {
        "A": list(dict.fromkeys(name for item in items for name in (item.name, item.usage_name))),
        "B": sorted({item.edition for item in items if item.edition}),
        "C": list(UNITS),
        "F": list(AGGREGATIONS),
    }
    for row in itertools.zip_longest(*choices.values()):
        lists.append(row)
    for place, (column, values) in zip("ABCD", choices.items(), strict=True):
        if values:
            choice = DataValidation("list", formula1=f"{LISTS_TITLE}!${place}$1:${place}${len(values)}", allow_blank=True)
            watch(card, choice, column, "Choose one of the list.", rows=LONGEST_SHEET)
    for column in "DE":
        rule = DataValidation("decimal", operator="greaterThanOrEqual", formula1="0")
        watch(card, rule, column, "A number, 0 or more.", rows=LONGEST_SHEET)
