"""The statement of account as PDF: set like an invoice, in the buyer's language and formats, one line a movement."""

from datetime import date
from decimal import Decimal
from typing import Any

from billing.document_facts import DocumentFacts
from billing.documents.fonts import BOLD, PLAIN
from billing.documents.layout import Column, Layout, Row
from billing.documents.sheets import INK, LEADING, LEFT, QUIET, RIGHT, SMALL, TEXT, Sheets, wrap
from billing.models import Invoice
from billing.queries.statements import AccountStatement, Kind, Movement

DAY = Column(LEFT, 122, is_number=False)
WHAT = Column(128, 238, is_number=False)
DETAILS = Column(244, 350, is_number=False)
CHARGED = Column(354, 414, is_number=True)
SETTLED = Column(418, 476, is_number=True)
BALANCE = Column(480, RIGHT, is_number=True)

_ROW = 1.35
_KINDS = {
    Kind.INVOICE: "invoice",
    Kind.CREDIT_NOTE: "credit_note_short",
    Kind.PAYMENT: "payment",
    Kind.TAKEN_BACK: "payment_taken_back",
}


def statement_pdf(statement: AccountStatement) -> bytes:
    """Return ``statement`` as a PDF, seller and buyer as they are now. The same movements give the same bytes."""
    return StatementLayout(statement).set().finished()


class StatementLayout(Layout):
    """One statement on its way to the paper: an invoice's sheets, with movements between two balances."""

    buyer_key = "customer"

    def __init__(self, statement: AccountStatement) -> None:
        super().__init__(_facts(statement))
        self.statement = statement

    def set(self) -> Sheets:
        self._head()
        self._parties()
        self._table()
        self._feet()
        return self.sheets

    def _told(self) -> list[tuple[str, str]]:
        statement = self.statement
        days = self.formats.days(statement.first, statement.last)
        return [("number", statement.buyer.number), ("days", days), ("currency", statement.currency)]

    def _table(self) -> None:
        """Set the opening balance, the movements and the closing balance; a sheet that is full is followed by another."""
        running = self.statement.running
        self._table_head()
        self._balance("opening_balance", self.statement.first, running.opening)
        for line in running.lines:
            amounts = [self._amount(one) for one in (line.movement.charge, line.movement.settled, line.balance)]
            self._set([self.formats.day(line.movement.day), self._what(line.movement), self._details(line.movement), *amounts])
        if not running.lines:
            self._set(["", self.words["nothing_moved"], "", "", "", ""])
        name = "closing_balance" if running.closing >= 0 else "closing_in_your_favour"
        self._balance(name, self.statement.last, running.closing)

    def _table_head(self) -> None:
        sheets, words = self.sheets, self.words
        sheets.y -= SMALL * LEADING
        named = ((DAY, "date"), (WHAT, "movement"), (CHARGED, "charged"), (SETTLED, "settled"), (BALANCE, "balance"))
        for column, name in named:
            x = column.right if column.is_number else column.left
            sheets.text(x, words[name], face=BOLD, size=SMALL, colour=QUIET, from_right=column.is_number)
        sheets.y -= 6
        sheets.rule(colour=QUIET)

    def _set(self, cells: list[str]) -> None:
        columns = (DAY, WHAT, DETAILS, CHARGED, SETTLED, BALANCE)
        row: Row = [(column, wrap(words, PLAIN, TEXT, column.width)) for column, words in zip(columns, cells, strict=True) if words]
        height = max(len(lines) for _, lines in row) * TEXT * _ROW + 7
        self._make_room(height)
        self._put(row, height)

    def _balance(self, name: str, day: date, amount: Decimal) -> None:
        height = TEXT * _ROW + 9
        self._make_room(height)
        sheets, baseline = self.sheets, self.sheets.y - TEXT * _ROW
        sheets.ground(height)
        sheets.text(DAY.left, self.formats.day(day), y=baseline)
        sheets.text(WHAT.left, self.words[name], face=BOLD, y=baseline)
        sheets.text(BALANCE.right, self._amount(amount), face=BOLD, from_right=True, y=baseline)
        sheets.y -= height
        sheets.rule(colour=INK if name != "opening_balance" else QUIET)

    def _make_room(self, height: float) -> None:
        if not self.sheets.fits(height):
            self.sheets.turn()
            self._table_head()

    def _amount(self, amount: Decimal | None) -> str:
        return "" if amount is None else self.formats.amount(amount, self.statement.currency)

    def _what(self, movement: Movement) -> str:
        return f"{self.words[_KINDS[movement.kind]]} {movement.document}".strip()

    def _details(self, movement: Movement) -> str:
        """Say of an invoice when it is due, of a credit note what it is for, of a payment how it came in and its reference."""
        words = self.words
        if movement.kind == Kind.INVOICE:
            return f"{words['due']} {self.formats.day(movement.due_on)}" if movement.due_on else words["in_your_favour"]
        if movement.kind == Kind.CREDIT_NOTE:
            return f"{words['for_invoice']} {movement.about}"
        method = words[f"by_{movement.method}"]
        return f"{method}: {movement.about}" if movement.about else method


def _facts(statement: AccountStatement) -> DocumentFacts:
    buyer = statement.buyer.billing_snapshot()
    return DocumentFacts(
        kind="statement",
        number=statement.buyer.number,
        issued_on=None,
        due_on=None,
        period=(statement.first, statement.last),
        currency=statement.currency,
        language=buyer["language"] or "en",
        seller=_seller(statement),
        buyer=buyer,
        lines=[],
        taxes=[],
        net=Decimal(0),
        tax=Decimal(0),
        gross=Decimal(0),
        category="",
        note="",
    )


def _seller(statement: AccountStatement) -> dict[str, Any]:
    """Return the seller as it is now, under the logo of its newest invoice to the buyer."""
    between = {"seller": statement.seller, "buyer": statement.buyer}
    newest = Invoice.objects.issued().filter(**between).order_by("-issued_on", "-pk").values_list("seller_copy", flat=True).first()
    logo = {"logo": newest["logo"]} if newest and "logo" in newest else {}
    return {**statement.seller.billing_snapshot(), **logo}
