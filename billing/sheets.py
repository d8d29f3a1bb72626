"""
The Excel sheet of a rate card: how a filled one is read. Plain values in, plain values out; `sheet_format` writes the empty one.

A sheet comes from a person's computer, so nothing in it is believed: size, packing and XML are looked at before openpyxl sees the
file, then every cell. All that is wrong is told at once, by row and column. Columns are known by their names in the first row, in
whatever order they stand; one that is missing, unknown or there twice is refused.
"""

import re
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import IO, Any

from openpyxl import load_workbook
from openpyxl.utils import column_index_from_string, get_column_letter

from billing import tiers
from billing.tiers import NOTHING, TierCells
from common.sheets import (
    RowError,
    SheetRefused,
    WrongCell,
    bounded,
    checked_workbook,
    damaged,
    either,
    is_blank,
    refuse_formula,
    refused,
    shown,
)

HEADER = ("Item", "Edition", "Unit", "Cost", "Price", "Tier from", "Tier to", "Tier mode", "Aggregation")
REQUIRED = HEADER[:5]
UNITS = ("GiB", "unit", "hour")
AGGREGATIONS = ("last", "max", "average", "sum")

LONGEST_SHEET = 20_000
WIDEST_SHEET = 26
MOST_ERRORS = 100
MOST_DECIMALS = 10
MOST_INTEGER_DIGITS = 14  # what the columns `cost` and `price` hold

CARD_TITLE = "Rate card"
OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"  # .xls, and .xlsx behind a password
MERGED_CELLS = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})\d{1,7}"')


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

    `item` is the offering item's name, whichever of its two names the sheet uses. With an empty `tier_mode` it is the item's only
    row; else it holds from `tier_from` up to and including `tier_to`, None being no end.
    """

    line: int
    item: str
    edition: str
    unit: str
    cost: Decimal
    price: Decimal
    aggregation: str
    tier_from: Decimal = NOTHING
    tier_to: Decimal | None = None
    tier_mode: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a sheet says. Rows with neither cost nor price are no rates: `left_out` of them were found."""

    rows: list[SheetRow]
    left_out: int


@dataclass(slots=True)
class Examined:
    """
    A sheet as far as it can be read: the rates that are right, and all that is wrong.

    :param unknown: the errors that are about an item or edition which the vendor does not have; they are in `errors` too.
    :param mentioned: item and edition of every row whose item is known, right or not.
    :param is_cut: there were so many errors that the rest was not looked at.
    """

    rows: list[SheetRow] = field(default_factory=list)
    left_out: int = 0
    errors: list[RowError] = field(default_factory=list)
    unknown: list[RowError] = field(default_factory=list)
    mentioned: set[tuple[str, str]] = field(default_factory=set)
    is_cut: bool = False


class RowsRefused(SheetRefused):
    """Some rows are not right; ``examined`` tells what the others say."""

    def __init__(self, examined: Examined) -> None:
        super().__init__(examined.errors)
        self.examined = examined


# --- Reading ------------------------------------------------------------------------------------------------------------


def read_sheet(file: IO[bytes], *, known_items: Collection[KnownItem], limit_bytes: int) -> Sheet:
    """
    Read a filled sheet from its first byte. Numbers come as Decimal: what the cell shows, not what binary makes of it.

    :raises SheetRefused: too big, no workbook, wrong header, or no rates; with every reason found.
    :raises RowsRefused: any cell is not right.
    """
    examined = examine_sheet(file, known_items=known_items, limit_bytes=limit_bytes)
    if examined.errors:
        raise RowsRefused(examined)
    return Sheet(examined.rows, examined.left_out)


def examine_sheet(file: IO[bytes], *, known_items: Collection[KnownItem], limit_bytes: int) -> Examined:
    """
    Read a sheet as far as it can be read, wrong cells and all.

    :raises SheetRefused: too big, no workbook, merged cells, wrong header, or no rates at all: no row of it can be trusted.
    """
    content = bounded(file, limit_bytes=limit_bytes)
    if content.startswith(OLD_WORKBOOK):
        raise refused(
            "It is an old Excel file (.xls), or it has a password. Save it again as “Excel workbook” (.xlsx), without one."
        )
    rows = _rows(checked_workbook(content, what=f"a rate card of {LONGEST_SHEET:,} rows"))
    columns = _read_header(next(rows, []))
    reader = _RowReader(known_items)
    for line, row in enumerate(rows, start=2):
        if line > LONGEST_SHEET + 1:
            raise refused(f"The sheet has more than {LONGEST_SHEET:,} rows. Delete empty rows at its end, or split it.")
        reader.take(line, columns.cells(row), columns.beside(row))
        if len(reader.found.errors) >= MOST_ERRORS:
            return reader.cut()
    examined = reader.finish()
    if not examined.rows and not examined.errors:
        raise refused("The sheet has no row with a cost and a price.")
    return examined


def _rows(packed: IO[bytes]) -> Iterator[list[Any]]:
    """Yield the values of the rate card's rows, all of one width. A workbook that openpyxl stumbles over, anywhere, is refused."""
    width = WIDEST_SHEET + 1  # one column more than may be used shows a sheet that is too wide
    try:
        book = load_workbook(packed, read_only=True, data_only=False, keep_links=False)
        page = book[CARD_TITLE] if CARD_TITLE in book.sheetnames else book.worksheets[0]
        _refuse_merged(packed, page)
        page.reset_dimensions()  # the size a file claims may be wrong
        for row in page.iter_rows(max_col=width, values_only=True):
            yield [*row, *[None] * (width - len(row))]
    except SheetRefused:
        raise
    except Exception as error:  # it raises whatever the broken XML leads to, from KeyError to its own
        raise damaged() from error


def _refuse_merged(packed: IO[bytes], page: Any) -> None:
    """:raises SheetRefused: cells are merged; only the first of them has a value, so the others would seem to be empty."""
    with zipfile.ZipFile(packed) as archive:
        xml = archive.read(page._worksheet_path)  # openpyxl tells merged cells only when it holds the whole sheet
    found = [(int(row), left.decode(), right.decode()) for left, row, right in MERGED_CELLS.findall(xml)]
    used = [(row, left, right) for row, left, right in found if column_index_from_string(left) <= WIDEST_SHEET]
    if used:
        told = "Cells are merged here. Take them apart and fill in each of them."
        errors = [RowError(row, left if left == right else f"{left} to {right}", told) for row, left, right in sorted(used)]
        raise SheetRefused(errors[:MOST_ERRORS])


class _Columns:
    """Where each column of a rate card stands in this sheet."""

    def __init__(self, place: Mapping[str, int]) -> None:
        self._place = place
        self._beside = [index for index in range(WIDEST_SHEET + 1) if index not in place.values()]

    def cells(self, row: Sequence[Any]) -> dict[str, Any]:
        return {title: row[self._place[title]] if title in self._place else None for title in HEADER}

    def beside(self, row: Sequence[Any]) -> str:
        """Return the letter of the first column without a title that has a value all the same, else nothing."""
        return next(
            (get_column_letter(index + 1) for index in self._beside if row[index] is not None and not is_blank(row[index])), ""
        )


def _read_header(row: Sequence[Any]) -> _Columns:
    """
    Find the columns by their names, in whatever order; upper and lower case are the same.

    :raises SheetRefused: one is missing, unknown, or there twice.
    """
    titles = {title.casefold(): title for title in HEADER}
    found: dict[str, int] = {}
    errors = []
    for index, value in enumerate(row):
        if is_blank(value):
            continue
        title = titles.get(" ".join(str(value).split()).casefold())
        if title is None:
            errors.append(RowError(1, get_column_letter(index + 1), f"“{value!s:.50}” is no column of a rate card."))
        elif title in found:
            first = get_column_letter(found[title] + 1)
            errors.append(RowError(1, get_column_letter(index + 1), f"“{title}” is the title of column {first} already."))
        else:
            found[title] = index
    missing = [title for title in REQUIRED if title not in found]
    if missing:
        errors.append(RowError(1, "", f"The header has no {' and no '.join(f'“{title}”' for title in missing)}."))
    if errors:
        may = f"The header is made of {', '.join(REQUIRED)} and, if you like, {', '.join(HEADER[len(REQUIRED) :])}, in any order."
        raise SheetRefused([*errors, RowError(1, "", may)])
    return _Columns(found)


@dataclass(slots=True)
class _Group:
    """The rows of one item and edition: their tiers, and the rates of those that are right."""

    known: KnownItem
    tiers: list[TierCells] = field(default_factory=list)
    rows: list[SheetRow] = field(default_factory=list)
    has_wrong_tiers: bool = False


class _RowReader:
    """Takes row after row; keeps the rates, and what was wrong."""

    def __init__(self, known_items: Collection[KnownItem]) -> None:
        self.found = Examined()
        self._groups: dict[KnownItem, _Group] = {}
        self._names = {name for item in known_items for name in (item.name, item.usage_name)}
        self._editions = {item.edition for item in known_items}
        self._known = {(item.usage_name, item.edition): item for item in known_items}
        self._known |= {(item.name, item.edition): item for item in known_items}

    def take(self, line: int, cells: Mapping[str, Any], beside: str) -> None:
        """Read one row. ``beside`` names a column without a title that has a value in this row."""
        if beside:
            self._wrong(line, beside, "There is a value, but the column has no title in row 1.")
        if all(map(is_blank, cells.values())):
            return
        errors = len(self.found.errors)
        item = self._attempt(line, "Item", _text, cells["Item"])
        edition = self._attempt(line, "Edition", _optional_text, cells["Edition"])
        known = None if item is None or edition is None else self._known_item(line, item, edition)
        if is_blank(cells["Cost"]) and is_blank(cells["Price"]) and len(self.found.errors) == errors:
            self.found.left_out += 1
            return
        unit = self._attempt(line, "Unit", _unit, cells["Unit"], known)
        cost = self._attempt(line, "Cost", _number, cells["Cost"])
        price = self._attempt(line, "Price", _number, cells["Price"])
        tier = self._tier(line, cells)
        if known is None:
            return
        group = self._groups.setdefault(known, _Group(known))
        if tier is None:
            group.has_wrong_tiers = True
            return
        group.tiers.append(tier)
        if unit is not None and cost is not None and price is not None and len(self.found.errors) == errors:
            row = SheetRow(line, known.name, known.edition, unit, cost, price, tier.aggregation, tier.begin, tier.end, tier.mode)
            group.rows.append(row)

    def finish(self) -> Examined:
        """Judge the tiers, which are right only together, and give all rates in the order of the sheet."""
        for group in self._groups.values():
            if group.has_wrong_tiers:
                continue
            errors = tiers.tier_errors(group.tiers)
            self.found.errors += errors
            if not errors:
                self._keep(group)
        self.found.rows.sort(key=lambda row: row.line)
        self.found.errors.sort(key=lambda error: error.row)
        return self._counted()

    def cut(self) -> Examined:
        """Give what was found so far, and say that the rest was not looked at."""
        self.found.is_cut = True
        del self.found.errors[MOST_ERRORS:]
        return self._counted()

    def _counted(self) -> Examined:
        if len(self.found.errors) > MOST_ERRORS:
            self.found.is_cut = True
            del self.found.errors[MOST_ERRORS:]
        if self.found.is_cut:
            self.found.errors.append(RowError(0, "", "Further rows were not looked at."))
        return self.found

    def _keep(self, group: _Group) -> None:
        mode = tiers.shared_mode(group.tiers)
        aggregation = tiers.shared_aggregation(group.tiers, group.known.aggregation)
        self.found.rows += [replace(row, tier_mode=mode, aggregation=aggregation) for row in group.rows]

    def _wrong(self, line: int, column: str, sentence: str) -> RowError:
        error = RowError(line, column, sentence)
        self.found.errors.append(error)
        return error

    def _attempt(self, line: int, column: str, read: Any, *values: Any) -> Any:
        try:
            return read(*values)
        except WrongCell as wrong:
            self._wrong(line, column, str(wrong))
            return None

    def _tier(self, line: int, cells: Mapping[str, Any]) -> TierCells | None:
        """Read what a row says of its tier; None where one of these cells is wrong."""
        errors = len(self.found.errors)
        begin = self._attempt(line, "Tier from", _bound, cells["Tier from"])
        end = self._attempt(line, "Tier to", _bound, cells["Tier to"])
        mode = self._attempt(line, "Tier mode", _mode, cells["Tier mode"])
        aggregation = self._attempt(line, "Aggregation", _aggregation, cells["Aggregation"])
        if len(self.found.errors) > errors:
            return None
        begin = NOTHING if begin is None else begin
        if end is not None and end <= begin:
            self._wrong(line, "Tier to", f"It is {end:f}, but must be more than Tier from, which is {begin:f}.")
            return None
        return TierCells(line, begin, end, mode, aggregation)

    def _known_item(self, line: int, item: str, edition: str) -> KnownItem | None:
        known = self._known.get((item, edition))
        if known is not None:
            self.found.mentioned.add((known.name, known.edition))
        elif item not in self._names:
            self._unknown(line, "Item", f"“{item:.100}” is not an item of the vendor that we know.")
        elif edition not in self._editions:
            self._unknown(line, "Edition", f"“{edition:.50}” is not an edition that we know.")
        else:
            words = f"edition “{edition}”" if edition else "an empty edition"
            self._unknown(line, "Edition", f"“{item}” does not exist with {words}.")
        return known

    def _unknown(self, line: int, column: str, sentence: str) -> None:
        self.found.unknown.append(self._wrong(line, column, sentence))


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


def _aggregation(value: Any) -> str:
    text = _optional_text(value).casefold()
    if text and text not in AGGREGATIONS:
        raise WrongCell(f"“{text:.50}” is not an aggregation; write {either(AGGREGATIONS)}, or leave it empty.")
    return text


def _mode(value: Any) -> str:
    text = _optional_text(value).casefold()
    if text and text not in tiers.MODES:
        raise WrongCell(f"“{text:.50}” is not a tier mode; write {either(tiers.MODES)}, or leave it empty.")
    return text


def _bound(value: Any) -> Decimal | None:
    return None if is_blank(value) else _number(value)


def _number(value: Any) -> Decimal:
    """Read a cost, a price or a quantity. Of a float take its shortest text: that is what the person typed."""
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
