"""Sets what a document says onto sheets: head, parties, the lines under a head that every sheet repeats, totals, how to pay."""

from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple

from babel import Locale

from billing.document_facts import DocumentFacts, Kind, LineFacts
from billing.document_formats import Formats, formats_of
from billing.document_words import Words, words_in
from billing.documents.fonts import BOLD, PLAIN
from billing.documents.sheets import (
    ACCENT,
    HUGE,
    INK,
    LARGE,
    LEADING,
    LEFT,
    QR_SIZE,
    QUIET,
    RIGHT,
    SMALL,
    TEXT,
    TOP,
    Sheets,
    picture_of,
    wrap,
)
from billing.payment_code import payment_code
from billing.queries.sellers import logo_of

LOGO_BOX = 180.0, 52.0
POINTS_PER_PIXEL = 72 / 96
MIDDLE = 330.0
_ROW = 1.35


class Column(NamedTuple):
    """A column of the table: ``left`` to ``right`` in points, numbers stand at its right."""

    left: float
    right: float
    is_number: bool

    @property
    def width(self) -> float:
        return self.right - self.left


ITEM = Column(LEFT, 228, is_number=False)
PERIOD = Column(236, 322, is_number=False)
QUANTITY = Column(326, 408, is_number=True)
UNIT_PRICE = Column(414, 474, is_number=True)
AMOUNT = Column(480, RIGHT, is_number=True)

Row = list[tuple[Column, tuple[str, ...]]]

_LAST_SUM: dict[Kind, str] = {
    "invoice": "amount_due",
    "correction": "in_your_favour",
    "credit_note": "credited",
    "quote": "total",
    "statement": "closing_balance",
}
"""What the amount that all leads to is called."""


class Layout:
    """One document on its way to the paper. What stands under its names is for the kinds of documents; a kind may say otherwise."""

    buyer_key = "bill_to"
    period_key = "period"

    def __init__(self, facts: DocumentFacts) -> None:
        self.facts = facts
        self.words: Words = words_in(facts.language)
        self.formats: Formats = formats_of(facts.language, facts.buyer.get("country", ""))
        self.title = f"{self.words[facts.kind]} {facts.number or ''}".strip()
        self.sheets = Sheets(title=self.title, author=facts.seller["name"], language=self.words.language)

    def set(self) -> Sheets:
        """Set everything and return the sheets, ready to be drawn."""
        self._head()
        self._parties()
        self._reason()
        self._table()
        self._totals()
        self._note()
        self._payment()
        self._feet()
        if self.facts.is_draft:
            self.sheets.mark(self.words["draft"])
        return self.sheets

    def _head(self) -> None:
        """Set the seller's logo and name, and beside it what this is, its number and dates."""
        sheets = self.sheets
        self._logo()
        sheets.write(self.facts.seller["name"], width=MIDDLE - LEFT - 20, face=BOLD, size=LARGE, colour=ACCENT)
        left, sheets.y = sheets.y, TOP
        sheets.write(self.words[self.facts.kind], x=MIDDLE, width=RIGHT - MIDDLE, face=BOLD, size=HUGE)
        sheets.y -= 4
        for key, value in self._told():
            sheets.y -= TEXT * 1.5
            sheets.text(MIDDLE, self.words[key], colour=QUIET)
            sheets.text(RIGHT, value, face=BOLD if key == "number" else PLAIN, from_right=True)
        sheets.y = min(left, sheets.y) - 24

    def _told(self) -> list[tuple[str, str]]:
        facts = self.facts
        told = [("number", facts.number or self.words["not_issued"]), ("date", self._day(facts.issued_on))]
        if facts.kind != "credit_note":
            told.append(("due", self._day(facts.due_on)))
        if facts.reference:
            told.append(("for_invoice", facts.reference.number))
        return [*told, ("period", self.formats.days(*facts.period))]

    def _day(self, day: date | None) -> str:
        return self.formats.day(day) if day else "—"

    def _logo(self) -> None:
        """Set the logo above the seller's name, as large as its box allows and not larger than it is at 96 pixels an inch."""
        logo = logo_of(self.facts.seller)
        if logo is None:
            return
        scale = min(LOGO_BOX[0] / logo.width, LOGO_BOX[1] / logo.height, POINTS_PER_PIXEL)
        width, height = logo.width * scale, logo.height * scale
        self.sheets.y -= height
        self.sheets.picture(picture_of(logo.sha256, bytes(logo.png)), width, height)
        self.sheets.y -= 6

    def _parties(self) -> None:
        """Set seller and buyer side by side."""
        sheets, facts, words = self.sheets, self.facts, self.words
        top = bottom = sheets.y
        parties = ((self.buyer_key, facts.buyer, LEFT, MIDDLE - LEFT - 20), ("from", facts.seller, MIDDLE, RIGHT - MIDDLE))
        for key, party, x, width in parties:
            sheets.y = top
            sheets.write(words[key], x=x, width=width, size=SMALL, colour=QUIET)
            sheets.write(party["name"], x=x, width=width, face=BOLD)
            for line in address_lines(party, words.language):
                sheets.write(line, x=x, width=width)
            if party["tax_id"]:
                sheets.write(f"{words['vat_id']} {party['tax_id']}", x=x, width=width)
            last = f"{words['customer_number']} {party['number']}" if key == self.buyer_key else party["billing_email"]
            sheets.write(last, x=x, width=width, colour=QUIET)
            bottom = min(bottom, sheets.y)
        sheets.y = bottom - 26

    def _reason(self) -> None:
        if self.facts.reason:
            self.sheets.y += 8
            self.sheets.write(f"{self.words['reason']}: {self.facts.reason}")
            self.sheets.y -= 18

    def _table(self) -> None:
        """Set the lines by end customer; a customer's heading never stands alone at a sheet's foot."""
        self._table_head()
        present = ""
        for line in self.facts.lines:
            row = self._row(line)
            height = max(len(lines) for _, lines in row) * TEXT * _ROW + 7
            heading = () if line.heading == present else _heading(line.heading)
            if not self.sheets.fits(height + len(heading) * TEXT * LEADING + 12):
                self.sheets.turn()
                self._table_head()
                is_same = line.heading == present
                heading = _heading(f"{line.heading} {self.words['continued']}" if is_same else line.heading)
            self._customer(heading)
            present = line.heading
            self._put(row, height)

    def _table_head(self) -> None:
        sheets, words = self.sheets, self.words
        sheets.y -= SMALL * LEADING
        named = (
            (ITEM, words["item"]),
            (PERIOD, words[self.period_key]),
            (QUANTITY, words["quantity"]),
            (UNIT_PRICE, words["unit_price"]),
            (AMOUNT, words.say("net_in", currency=self.facts.currency)),
        )
        for column, name in named:
            x = column.right if column.is_number else column.left
            sheets.text(x, name, face=BOLD, size=SMALL, colour=QUIET, from_right=column.is_number)
        sheets.y -= 6
        sheets.rule(colour=QUIET)

    def _customer(self, lines: tuple[str, ...]) -> None:
        if not lines:
            return
        height = len(lines) * TEXT * LEADING + 6
        self.sheets.ground(height)
        for number, words in enumerate(lines, start=1):
            self.sheets.text(LEFT + 4, words, face=BOLD, y=self.sheets.y - number * TEXT * LEADING)
        self.sheets.y -= height

    def _row(self, line: LineFacts) -> Row:
        formats, currency = self.formats, self.facts.currency
        unit = self.words.unit(line.unit, is_one=abs(line.quantity) == 1)
        cells = (
            (ITEM, line.description),
            (PERIOD, self._days(line)),
            (QUANTITY, f"{formats.quantity(line.quantity)} {unit}"),
            (UNIT_PRICE, formats.unit_price(line.unit_price, currency)),
            (AMOUNT, formats.amount(line.net, currency)),
        )
        return [(column, wrap(words, PLAIN, TEXT, column.width)) for column, words in cells]

    def _days(self, line: LineFacts) -> str:
        return self.formats.days(line.period_start, date.fromordinal(line.period_end.toordinal() - 1))

    def _put(self, row: Row, height: float) -> None:
        sheets = self.sheets
        for column, lines in row:
            x = column.right if column.is_number else column.left
            for number, words in enumerate(lines, start=1):
                sheets.text(x, words, from_right=column.is_number, y=sheets.y - number * TEXT * _ROW)
        sheets.y -= height
        sheets.rule()

    def _totals(self) -> None:
        """Set the net, each tax with what it was taken on, and the amount due; all on one sheet."""
        sheets, named = self.sheets, self._sums()
        if not sheets.fits(len(named) * TEXT * 1.7 + 60):
            sheets.turn()
        sheets.y -= 8
        for name, amount in named:
            for words in wrap(name, PLAIN, TEXT, 200):
                sheets.y -= TEXT * 1.7
                sheets.text(PERIOD.left, words, colour=QUIET)
            sheets.text(RIGHT, amount, from_right=True)
        sheets.y -= 10
        sheets.rule(colour=INK, left=PERIOD.left)
        sheets.y -= LARGE * 1.5
        sheets.text(PERIOD.left, self.words[_LAST_SUM[self.facts.kind]], face=BOLD, size=11)
        sheets.text(RIGHT, self._money(self.facts.due), face=BOLD, size=LARGE, from_right=True)
        sheets.y -= 24

    def _sums(self) -> list[tuple[str, str]]:
        facts, words = self.facts, self.words
        sums = [(words["net"], self._money(facts.net))]
        sums += [(words.say("tax_on", tax=tax.name, base=self._money(tax.net)), self._money(tax.tax)) for tax in facts.taxes]
        if facts.paid:
            sums.append((words["total"], self._money(facts.gross)))
            sums.append((words["paid_from_credit"], self._money(-facts.paid)))
        return sums

    @property
    def _money(self) -> Callable[[Any], str]:
        return lambda amount: self.formats.money(amount, self.facts.currency)

    def _note(self) -> None:
        """Say why there is no tax."""
        if not self.facts.note:
            return
        if not self.sheets.fits(len(wrap(self.facts.note, PLAIN, TEXT, RIGHT - LEFT)) * TEXT * LEADING):
            self.sheets.turn()
        self.sheets.write(self.facts.note)
        self.sheets.y -= 18

    def _payment(self) -> None:
        """Set how to pay, with a code for banking apps where one can be made; nothing where nothing is due."""
        facts, sheets, words = self.facts, self.sheets, self.words
        if facts.kind != "invoice" or facts.number is None or facts.due_on is None or facts.due <= 0:
            return
        details = facts.seller["payment_details"]
        code = payment_code(
            payee=facts.seller["name"],
            payment_details=details,
            amount=facts.due,
            currency=facts.currency,
            reference=facts.number,
        )
        asked = words.say("please_pay", amount=self._money(facts.due), day=self._day(facts.due_on), number=facts.number)
        width = RIGHT - LEFT - (QR_SIZE + 20 if code else 0)
        lines = [line for part in (asked, *details.splitlines()) for line in wrap(part, PLAIN, TEXT, width)]
        if not sheets.fits(max(len(lines) * TEXT * LEADING + 24, QR_SIZE + 20 if code else 0)):
            sheets.turn()
        if code:
            sheets.code(code)
            sheets.text(RIGHT, words["scan"], size=SMALL, colour=QUIET, from_right=True, y=sheets.y - QR_SIZE - 11)
        sheets.write(words["how_to_pay"], face=BOLD, size=11)
        for line in lines:
            sheets.write(line, width=width)

    def _feet(self) -> None:
        """Say on every sheet whose it is, of which document, and which of how many."""
        facts, words, sheets = self.facts, self.words, self.sheets
        tax_id = f" · {words['vat_id']} {facts.seller['tax_id']}" if facts.seller["tax_id"] else ""
        whose = wrap(f"{facts.seller['name']}{tax_id}", PLAIN, SMALL, 300)[0]
        for number, sheet in enumerate(sheets.sheets, start=1):
            counted = words.say("page_of", page=number, pages=len(sheets.sheets))
            sheets.rule(y=52, sheet=sheet)
            sheets.text(LEFT, whose, size=SMALL, colour=QUIET, y=40, sheet=sheet)
            sheets.text(
                RIGHT,
                f"{facts.number or words['not_issued']} · {counted}",
                size=SMALL,
                colour=QUIET,
                from_right=True,
                y=40,
                sheet=sheet,
            )


def address_lines(party: dict[str, Any], language: str) -> list[str]:
    """Return the postal address of a copied party, its country named in ``language``; older copies have only the lines."""
    if "line1" not in party:
        return list(party["address"])
    country = str(Locale(language).territories.get(party["country"], party["country"]))
    lines = [party["line1"], party["line2"], f"{party['postcode']} {party['city']}".strip(), country]
    return [line for line in lines if line]


def _heading(words: str) -> tuple[str, ...]:
    return wrap(words, BOLD, TEXT, RIGHT - LEFT - 12)
