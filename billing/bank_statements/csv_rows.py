"""
The bank's list of bookings as CSV, as banks and people write it.

English or German column names in any order, after any lines of greeting; commas, semicolons or tabs; UTF-8 or Latin. Whether a
comma or a dot stands before the cents is decided once for the file, by all of its amounts: where they allow both and mean
different money by it, the file is refused rather than guessed.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing.bank_statements.entries import LARGEST_AMOUNT, MOST_ENTRIES, MOST_ERRORS, Entry, Keys, Statement, tidy
from common.money import is_currency, minor_unit, round_money
from common.sheets import RowError, SheetRefused, WrongCell, refused, unguarded

# The first name that is found counts: where there is a booking date, the value date does not matter.
COLUMNS: dict[str, tuple[str, ...]] = {
    "date": (
        *("booking date", "booked on", "date", "received on", "buchungstag", "buchungsdatum", "buchung", "datum"),
        *("value date", "valuta", "valutadatum", "wertstellung"),
    ),
    "amount": ("amount", "betrag", "umsatz"),
    "currency": ("currency", "ccy", "währung", "waehrung"),
    "direction": ("credit/debit", "debit/credit", "direction", "soll/haben", "s/h", "soll/haben-kennzeichen"),
    "payer": (
        *("payer", "payer name", "debtor", "sender", "from", "name", "auftraggeber", "zahler", "zahlungspflichtiger"),
        *("zahlungspflichtige*r", "name zahlungsbeteiligter", "auftraggeber/zahlungsempfänger", "auftraggeber/begünstigter"),
        *("auftraggeber / begünstigter", "begünstigter/zahlungspflichtiger", "beguenstigter/zahlungspflichtiger"),
    ),
    "account": ("iban", "payer iban", "payer account", "account", "kontonummer/iban", "iban zahlungsbeteiligter", "kontonummer"),
    "reference": ("reference", "payment reference", "remittance information", "purpose", "description", "verwendungszweck"),
    "key": ("transaction id", "id", "bank reference", "bankreferenz", "umsatz-id"),
}
NEEDED = {"date": "date", "amount": "amount", "reference": "reference"}
MOST_GREETING_LINES = 30
_SEPARATORS = (";", ",", "\t")
_NAMED_CURRENCY = re.compile(r"(?P<name>.+?)\s*(?:\(|in )\s*(?P<currency>[a-z]{3})\)?")
_INCOMING, _OUTGOING = {"h", "c", "crdt", "credit", "haben", "in"}, {"s", "d", "dbit", "debit", "soll", "out"}
_AMOUNT = re.compile(r"(?P<before>[+\-−]?)\s*(?P<digits>[0-9](?:[0-9.,'’\s]*[0-9])?)\s*(?P<after>[+\-−]?)")
LONGEST_AMOUNT = 40
_CURRENCY_SIGNS = {"€": "EUR", "£": "GBP", "$": ""}


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the file as it was written, cells by what they mean."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Table:
    rows: list[_Row]
    titles: dict[str, str]
    """What each column is called in the file, for the sentences."""
    currency: str
    """Of the whole file, where a column's name says it."""


def read(content: bytes, *, currency: str = "") -> Statement:
    """
    Return what came in by the rows of the file.

    :param currency: of the account, for files that do not say it.
    :raises SheetRefused: no header with date, amount and reference, a row that is not right, or amounts that can be read in
        two ways; says all that is wrong, by row and column.
    """
    table = _table(_decoded(content))
    errors: list[RowError] = []
    written = _written_amounts(table, currency, errors)
    mark = _decimal_mark(written, table, errors)
    if errors:
        raise SheetRefused(errors[:MOST_ERRORS])
    return _statement(table, written, mark)


# --- The file -----------------------------------------------------------------------------------------------------------


def _decoded(content: bytes) -> str:
    """:raises SheetRefused: it is no text."""
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise refused("This is an Excel workbook or an archive. Save it as CSV, or unpack it.")
    if b"\0" in content:
        raise refused("The file is not a text file (CSV).")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _table(text: str) -> _Table:
    """
    Find the header and return the rows below it.

    :raises SheetRefused: there is none, or the file is too long or torn.
    """
    missing: list[str] = list(NEEDED.values())
    for separator in _SEPARATORS:
        lines = _lines(text, separator)
        for _, cells in zip(range(MOST_GREETING_LINES), lines, strict=False):
            meanings, currency = _meanings(cells[1])
            still = [words for name, words in NEEDED.items() if name not in meanings.values()]
            if not still:
                titles = {meaning: cells[1][index].strip() for index, meaning in meanings.items()}
                return _Table(_rows(lines, meanings), titles, currency)
            missing = min(missing, still, key=len)
    raise refused(
        f"No header was found with the columns it needs; missing: {', '.join(missing)}. "
        "The columns are called, for example, Date, Amount, Currency, Payer, IBAN, Reference."
    )


def _lines(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Give the number of each line that says something and its cells."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise SheetRefused([RowError(line, "", "The row cannot be read; a quotation mark may be missing.")]) from error
        if any(cell.strip() for cell in cells):
            yield line, cells


def _meanings(cells: list[str]) -> tuple[dict[int, str], str]:
    """Return what each column means by its name, and the currency that the name of the amount says, “Betrag (EUR)”."""
    names: dict[str, int] = {}
    currency = ""
    for index, cell in enumerate(cells[:100]):
        name = " ".join(cell.casefold().split())
        if (found := _NAMED_CURRENCY.fullmatch(name)) is not None and found["name"] in COLUMNS["amount"]:
            name, currency = found["name"], found["currency"].upper()
        names.setdefault(name, index)
    meanings = {}
    for meaning, known in COLUMNS.items():
        found_at = next((names[name] for name in known if name in names), None)
        if found_at is not None:
            meanings[found_at] = meaning
    return meanings, currency


def _rows(lines: Iterator[tuple[int, list[str]]], meanings: dict[int, str]) -> list[_Row]:
    rows: list[_Row] = []
    for line, cells in lines:
        told = {meaning: unguarded(cells[index].strip()) if index < len(cells) else "" for index, meaning in meanings.items()}
        if not any(told.values()):
            continue  # a line of greeting below the table has nothing in our columns
        rows.append(_Row(line, told))
        if len(rows) > MOST_ENTRIES:
            raise refused(f"The file holds more than {MOST_ENTRIES:,} bookings. Export fewer days at once.")
    return rows


# --- Amounts: one decimal mark for the whole file --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Written:
    """An amount as it was written: without sign and currency, both told apart."""

    digits: str
    is_negative: bool
    currency: str


def _written_amounts(table: _Table, currency: str, errors: list[RowError]) -> dict[int, _Written]:
    """Return what each row says as its amount, by line; what is wrong with one is added to ``errors``."""
    written = {}
    for row in table.rows:
        try:
            written[row.line] = _written(row, table, currency)
        except _ColumnWrong as wrong:
            errors.append(RowError(row.line, table.titles.get(wrong.meaning, wrong.meaning.capitalize()), str(wrong)))
    return written


class _ColumnWrong(WrongCell):
    """A cell is not right, and which column it stands in."""

    def __init__(self, meaning: str, sentence: str) -> None:
        super().__init__(sentence)
        self.meaning = meaning


def _written(row: _Row, table: _Table, currency: str) -> _Written:
    """:raises _ColumnWrong: there is no amount, no currency, or the row says neither in nor out."""
    text = row.cells["amount"]
    told = (row.cells.get("currency") or table.currency).upper()
    text, of_amount = _without_currency(text)
    if told and of_amount and told != of_amount:
        raise _ColumnWrong("amount", f"The amount is in {of_amount}, the row says {told}.")
    code = _CURRENCY_SIGNS.get(told, told) or of_amount or currency
    if not code:
        raise _ColumnWrong("currency", "The file does not say the currency. Choose the currency of the account.")
    if not is_currency(code):
        raise _ColumnWrong("currency", f"“{code:.10}” is not a currency.")
    found = _AMOUNT.fullmatch(text) if len(text) <= LONGEST_AMOUNT else None
    if found is None or (found["before"] and found["after"]):
        shown = f"“{row.cells['amount']:.30}” is not an amount." if row.cells["amount"] else "The amount is missing."
        raise _ColumnWrong("amount", shown)
    is_negative = (found["before"] or found["after"]) in ("-", "−")
    return _Written(re.sub(r"['’\s]", "'", found["digits"]), _goes_out(row, is_negative=is_negative), code)


def _without_currency(text: str) -> tuple[str, str]:
    """Take a currency off an amount: 12,50 EUR, EUR 12.50, € 12,50; a dollar may be of many countries and says none."""
    for sign, currency in _CURRENCY_SIGNS.items():
        if sign in text:
            return text.replace(sign, "", 1).strip(), currency
    found = re.fullmatch(r"(?P<first>[A-Za-z]{3})?\s*(?P<rest>[^A-Za-z]*?)\s*(?P<last>[A-Za-z]{3})?", text)
    if found is None or (found["first"] and found["last"]):
        return text, ""
    return found["rest"], (found["first"] or found["last"] or "").upper()


def _goes_out(row: _Row, *, is_negative: bool) -> bool:
    word = row.cells.get("direction", "").casefold()
    if not word:
        return is_negative
    if word not in _INCOMING | _OUTGOING:
        raise _ColumnWrong("direction", f"“{word:.20}” says neither in nor out; H or S, CRDT or DBIT do.")
    return (word in _OUTGOING) != is_negative


def _decimal_mark(written: dict[int, _Written], table: _Table, errors: list[RowError]) -> str:
    """
    Return the mark before the cents, which all amounts share. What cannot be is added to ``errors``.

    An amount that both marks can read, and as different money, leaves it to the others; where all do, nobody knows.
    """
    title = table.titles["amount"]
    comma = {line: _value(one, ",") for line, one in written.items()}
    dot = {line: _value(one, ".") for line, one in written.items()}
    for mark, values, others in ((".", dot, comma), (",", comma, dot)):
        if all(value is not None for value in values.values()):
            unclear = next((line for line, value in values.items() if others[line] != value), None)
            if unclear is not None and all(value is not None for value in others.values()):
                both = f"“{written[unclear].digits}” may be {values[unclear]} or {others[unclear]}"
                errors.append(RowError(unclear, title, f"{both}. Write every amount with its decimals."))
            return mark
    mark = "." if sum(value is None for value in dot.values()) <= sum(value is None for value in comma.values()) else ","
    values = dot if mark == "." else comma
    named = "dot" if mark == "." else "comma"
    told = f"Most amounts have a {named} before the decimals; this one does not fit, or has too many decimals."
    errors += [RowError(line, title, told) for line, value in values.items() if value is None]
    return mark


def _value(written: _Written, mark: str) -> Decimal | None:
    """Read an amount with ``mark`` before its decimals; None where it cannot be read so. At most three, or none but zeros."""
    group = "[.']" if mark == "," else "[,']"
    found = re.fullmatch(
        rf"(?P<whole>[0-9]+|[0-9]{{1,3}}(?P<group>{group})[0-9]{{3}}(?:(?P=group)[0-9]{{3}})*)(?:{re.escape(mark)}(?P<part>[0-9]{{1,3}}))?",
        written.digits,
    )
    if found is None:
        return None
    value = Decimal(re.sub(r"[^0-9]", "", found["whole"]) + "." + (found["part"] or "0"))
    if minor_unit(written.currency) == 1 and value != value.to_integral_value():
        return None
    return value


# --- Entries ------------------------------------------------------------------------------------------------------------


def _statement(table: _Table, written: dict[int, _Written], mark: str) -> Statement:
    """:raises SheetRefused: a date or an amount is not right; says all of them."""
    entries: list[Entry] = []
    errors: list[RowError] = []
    keys = Keys()
    left_out = 0
    for row in table.rows:
        amount = written[row.line]
        try:
            entry = _entry(row, amount, mark, keys.key)
        except _ColumnWrong as wrong:
            errors.append(RowError(row.line, table.titles[wrong.meaning], str(wrong)))
            continue
        if amount.is_negative or entry.amount == 0:
            left_out += 1
        else:
            entries.append(entry)
    if errors:
        raise SheetRefused(errors[:MOST_ERRORS])
    return Statement(entries, left_out)


def _entry(row: _Row, written: _Written, mark: str, key: Callable[..., str]) -> Entry:
    booked_on = _day(row.cells["date"])
    value = _value(written, mark)
    assert value is not None  # the mark was chosen so that it reads every amount
    if value > LARGEST_AMOUNT:
        raise _ColumnWrong("amount", "The amount is larger than can be kept.")
    if value != round_money(value, written.currency):
        raise _ColumnWrong("amount", f"{value} has more decimals than {written.currency}.")
    amount = round_money(value, written.currency)
    payer, account = tidy(row.cells.get("payer"), "payer"), tidy(row.cells.get("account"), "account")
    reference = tidy(row.cells["reference"], "reference")
    bank_reference = tidy(row.cells.get("key"), "account")
    told = ("id", bank_reference) if bank_reference else ("row", payer, account.replace(" ", ""), reference)
    bank_key = key(*told, booked_on, amount, written.currency, written.is_negative)
    return Entry(row.line, booked_on, amount, written.currency, payer, account, reference, bank_key)


def _day(text: str) -> date:
    """Read 2026-11-21, 21.11.2026 or 21.11.26; others, like 11/12/2026, mean different days to different people."""
    if found := re.fullmatch(r"(20[0-9]{2})-([0-9]{2})-([0-9]{2})(?:[T ].*)?", text):
        year, month, day = (int(part) for part in found.groups())
    elif found := re.fullmatch(r"([0-9]{1,2})\.([0-9]{1,2})\.((?:20)?[0-9]{2})", text):
        day, month, year = (int(part) for part in found.groups())
        year += 2000 if year < 100 else 0
    else:
        shown = f"“{text:.30}” is not a date" if text else "The date is missing"
        raise _ColumnWrong("date", f"{shown}; write 2026-11-21 or 21.11.2026.")
    try:
        return date(year, month, day)
    except ValueError:
        raise _ColumnWrong("date", f"“{text:.30}” is not a date; write 2026-11-21 or 21.11.2026.") from None
