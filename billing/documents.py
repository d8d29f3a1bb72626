"""
The invoice as a PDF: A4, one column, with the fonts inside, so that every name looks the same everywhere.

Two passes: first the lines, totals and payment details are set onto as many sheets as they need, then the sheets are drawn, each
with its number and the number of all. The same issued invoice gives the same bytes.

Streams are written as bytes, not as text of base 85: that is for channels of seven bits, and makes a document larger and slower.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache, partial
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from django.db.models import F
from django.db.models.fields.json import KT
from PIL import Image
from reportlab import rl_config
from reportlab.graphics.barcode.qrencoder import QRCode, QRErrorCorrectLevel
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from billing.models import Invoice
from billing.payment_code import payment_code
from billing.printed import days_text, printed_quantity, quantity_text, unit_text
from billing.queries.sellers import logo_of, seller_as_printed
from common.templatetags import show

rl_config.useA85 = 0

_FONTS = Path(__file__).with_name("fonts")
PLAIN, BOLD = "Cloudtill", "Cloudtill-Bold"
pdfmetrics.registerFont(TTFont(PLAIN, _FONTS / "DejaVuSansCondensed.ttf"))
pdfmetrics.registerFont(TTFont(BOLD, _FONTS / "DejaVuSansCondensed-Bold.ttf"))

WIDTH, HEIGHT = A4
LEFT, RIGHT = 57.0, WIDTH - 57.0
TOP, BOTTOM = HEIGHT - 57.0, 71.0
INK, QUIET, LINE, ACCENT, WASH, MARK, BLACK = "#1b2126", "#545d66", "#d9dee2", "#0f766e", "#f6f7f8", "#a61b1b", "#000000"
SMALL, TEXT, LARGE, HUGE = 8.0, 9.0, 14.0, 20.0
_ONE_DAY = timedelta(days=1)
QR_SIZE = 92.0
LOGO_BOX = 180.0, 52.0
POINTS_PER_PIXEL = 72 / 96


class Column(NamedTuple):
    """A column of the table: ``left`` to ``right`` in points, numbers stand at its right."""

    left: float
    right: float
    is_number: bool

    @property
    def width(self) -> float:
        return self.right - self.left


ITEM = Column(LEFT, 232, is_number=False)
PERIOD = Column(240, 322, is_number=False)
QUANTITY = Column(326, 410, is_number=True)
UNIT_PRICE = Column(416, 474, is_number=True)
AMOUNT = Column(480, RIGHT, is_number=True)


class Text(NamedTuple):
    """One line of text, its baseline at ``y``."""

    x: float
    y: float
    words: str
    font: str = PLAIN
    size: float = TEXT
    colour: str = INK
    from_right: bool = False


class Rule(NamedTuple):
    y: float
    colour: str = LINE
    left: float = LEFT


class Ground(NamedTuple):
    y: float
    height: float


class Picture(NamedTuple):
    """The seller's logo, its lower left corner at ``x``, ``y``."""

    x: float
    y: float
    width: float
    height: float
    image: ImageReader


class Code(NamedTuple):
    x: float
    y: float
    words: str


@dataclass(slots=True)
class Sheets:
    """The sheets that are being set, and how far down the present one is filled."""

    sheets: list[list[Any]] = field(default_factory=lambda: [[]])
    y: float = TOP

    def put(self, *parts: Any) -> None:
        self.sheets[-1].extend(parts)

    def fits(self, height: float) -> bool:
        return self.y - height >= BOTTOM

    def turn(self) -> None:
        self.sheets.append([])
        self.y = TOP

    def write(
        self,
        words: str,
        *,
        x: float = LEFT,
        width: float = RIGHT - LEFT,
        font: str = PLAIN,
        size: float = TEXT,
        colour: str = INK,
    ) -> None:
        """Write a paragraph, wrapped to ``width``, and go below it."""
        for line in wrap(words, font, size, width):
            self.y -= size * 1.4
            self.put(Text(x, self.y, line, font, size, colour))


@dataclass(frozen=True, slots=True)
class PrintedLine:
    heading: str
    description: str
    period: str
    quantity: str
    unit_price: str
    amount: str


def invoice_pdf(invoice: Invoice) -> bytes:
    """Return ``invoice`` as a PDF; a draft shows who sells and buys as they are now and is marked DRAFT on every sheet."""
    is_draft = invoice.status == Invoice.Status.DRAFT
    seller = seller_as_printed(invoice) if is_draft else invoice.seller_copy
    buyer = invoice.buyer.billing_snapshot() if is_draft else invoice.buyer_copy
    sheets = Sheets()
    _head(sheets, invoice, seller, buyer)
    _table(sheets, invoice)
    _totals(sheets, invoice)
    _payment(sheets, invoice, seller)
    return _draw(sheets, invoice, seller, is_draft=is_draft)


# --- Setting ----------------------------------------------------------------------------------------------------------------


def _head(sheets: Sheets, invoice: Invoice, seller: dict[str, Any], buyer: dict[str, Any]) -> None:
    """Set the seller's name, number and dates, then seller and buyer side by side."""
    middle = 330.0
    title = "Invoice" if invoice.gross >= 0 else "Invoice correction"
    facts = [
        ("Number", invoice.number or "Draft, not issued"),
        ("Date", show.day(invoice.issued_on) if invoice.issued_on else "—"),
        ("Due", show.day(invoice.due_on) if invoice.due_on else "—"),
        ("Period", days_text(invoice.period_start, invoice.period.last_day)),
    ]
    left = Sheets(y=TOP)
    _logo(left, seller)
    left.write(seller["name"], width=middle - LEFT - 20, font=BOLD, size=LARGE, colour=ACCENT)
    right = Sheets(y=TOP)
    right.write(title, x=middle, width=RIGHT - middle, font=BOLD, size=HUGE)
    right.y -= 4
    for name, value in facts:
        right.y -= TEXT * 1.5
        font = BOLD if name == "Number" else PLAIN
        right.put(Text(middle, right.y, name, colour=QUIET), Text(RIGHT, right.y, value, font, from_right=True))
    sheets.put(*left.sheets[0], *right.sheets[0])
    sheets.y = min(left.y, right.y) - 24
    _parties(sheets, middle, seller, buyer)


def _logo(column: Sheets, seller: dict[str, Any]) -> None:
    """Set the logo above the seller's name, as large as its box allows and not larger than it is at 96 pixels an inch."""
    logo = logo_of(seller)
    if logo is None:
        return
    scale = min(LOGO_BOX[0] / logo.width, LOGO_BOX[1] / logo.height, POINTS_PER_PIXEL)
    width, height = logo.width * scale, logo.height * scale
    column.y -= height
    column.put(Picture(LEFT, column.y, width, height, _image(logo.sha256, bytes(logo.png))))
    column.y -= 6


@lru_cache(maxsize=64)
def _image(sha256: str, png: bytes) -> ImageReader:
    """Read a logo once for all its invoices; what is see-through becomes the white of the paper."""
    picture = Image.open(BytesIO(png)).convert("RGBA")
    paper = Image.new("RGB", picture.size, "white")
    paper.paste(picture, mask=picture.getchannel("A"))
    return ImageReader(paper)


def _parties(sheets: Sheets, middle: float, seller: dict[str, Any], buyer: dict[str, Any]) -> None:
    bottom = sheets.y
    for heading, party, x, width in (("Bill to", buyer, LEFT, middle - LEFT - 20), ("From", seller, middle, RIGHT - middle)):
        column = Sheets(y=sheets.y)
        column.write(heading, x=x, width=width, size=SMALL, colour=QUIET)
        column.write(party["name"], x=x, width=width, font=BOLD)
        for line in party["address"]:
            column.write(line, x=x, width=width)
        if party["tax_id"]:
            column.write(f"VAT id {party['tax_id']}", x=x, width=width)
        last = f"Customer number {party['number']}" if party is buyer else party["billing_email"]
        column.write(last, x=x, width=width, colour=QUIET)
        sheets.put(*column.sheets[0])
        bottom = min(bottom, column.y)
    sheets.y = bottom - 26


def _table(sheets: Sheets, invoice: Invoice) -> None:
    """Set the lines under a head that every sheet repeats; a customer's heading never stands alone at a sheet's foot."""
    _table_head(sheets, invoice)
    present = ""
    for line in _lines(invoice):
        rows = _rows(line)
        height = _height(rows)
        heading = [] if line.heading == present else wrap(line.heading, BOLD, TEXT, RIGHT - LEFT - 12)
        if not sheets.fits(height + len(heading) * TEXT * 1.4 + 12):
            sheets.turn()
            _table_head(sheets, invoice)
            continued = f"{line.heading} (continued)" if line.heading == present else line.heading
            heading = wrap(continued, BOLD, TEXT, RIGHT - LEFT - 12)
        _customer(sheets, heading)
        present = line.heading
        _row(sheets, rows, height)


def _table_head(sheets: Sheets, invoice: Invoice) -> None:
    sheets.y -= SMALL * 1.4
    named = [
        (ITEM, "Item"),
        (PERIOD, "Period"),
        (QUANTITY, "Quantity"),
        (UNIT_PRICE, "Unit price"),
        (AMOUNT, f"Net {invoice.currency}"),
    ]
    for column, name in named:
        sheets.put(Text(column.right if column.is_number else column.left, sheets.y, name, BOLD, SMALL, QUIET, column.is_number))
    sheets.y -= 6
    sheets.put(Rule(sheets.y, QUIET))


def _customer(sheets: Sheets, lines: list[str]) -> None:
    if not lines:
        return
    height = len(lines) * TEXT * 1.4 + 6
    sheets.put(Ground(sheets.y - height, height))
    for number, words in enumerate(lines, start=1):
        sheets.put(Text(LEFT + 4, sheets.y - number * TEXT * 1.4, words, BOLD))
    sheets.y -= height


def _rows(line: PrintedLine) -> list[tuple[Column, list[str]]]:
    cells = (
        (ITEM, line.description),
        (PERIOD, line.period),
        (QUANTITY, line.quantity),
        (UNIT_PRICE, line.unit_price),
        (AMOUNT, line.amount),
    )
    return [(column, wrap(words, PLAIN, TEXT, column.width)) for column, words in cells]


def _height(rows: list[tuple[Column, list[str]]]) -> float:
    return max(len(lines) for _, lines in rows) * TEXT * 1.35 + 7


def _row(sheets: Sheets, rows: list[tuple[Column, list[str]]], height: float) -> None:
    for column, lines in rows:
        for number, words in enumerate(lines, start=1):
            y = sheets.y - number * TEXT * 1.35
            sheets.put(Text(column.right if column.is_number else column.left, y, words, from_right=column.is_number))
    sheets.y -= height
    sheets.put(Rule(sheets.y))


def _totals(sheets: Sheets, invoice: Invoice) -> None:
    """Set the net, each tax with what it was taken on, and the amount due; all on one sheet."""
    named = [("Net", show.money(invoice.net, invoice.currency))]
    for total in invoice.tax_totals:
        base = show.money(total.net, invoice.currency)
        named.append((f"{total.name} on {base}", show.money(total.tax, invoice.currency)))
    if not sheets.fits(len(named) * TEXT * 1.7 + 60):
        sheets.turn()
    sheets.y -= 8
    for name, amount in named:
        for words in wrap(name, PLAIN, TEXT, 200):
            sheets.y -= TEXT * 1.7
            sheets.put(Text(PERIOD.left, sheets.y, words, colour=QUIET))
        sheets.put(Text(RIGHT, sheets.y, amount, from_right=True))
    sheets.y -= 10
    sheets.put(Rule(sheets.y, INK, PERIOD.left))
    sheets.y -= LARGE * 1.5
    due = "Amount due" if invoice.gross >= 0 else "Amount in your favour"
    sheets.put(
        Text(PERIOD.left, sheets.y, due, BOLD, 11),
        Text(RIGHT, sheets.y, show.money(invoice.gross, invoice.currency), BOLD, LARGE, from_right=True),
    )
    sheets.y -= 24


def _payment(sheets: Sheets, invoice: Invoice, seller: dict[str, Any]) -> None:
    """Set how to pay, with a code for banking apps where one can be made; nothing where nothing is due yet."""
    details = seller["payment_details"]
    if invoice.number is None or invoice.due_on is None or invoice.gross <= 0:
        return
    code = payment_code(
        payee=seller["name"],
        payment_details=details,
        amount=invoice.gross,
        currency=invoice.currency,
        reference=invoice.number,
    )
    due = f"{show.money(invoice.gross, invoice.currency)} by {show.day(invoice.due_on)}"
    sentence = f"Please pay {due} and quote the number {invoice.number}."
    width = RIGHT - LEFT - (QR_SIZE + 20 if code else 0)
    words = [line for part in (sentence, *details.splitlines()) for line in wrap(part, PLAIN, TEXT, width)]
    if not sheets.fits(max(len(words) * TEXT * 1.4 + 24, QR_SIZE + 20 if code else 0)):
        sheets.turn()
    if code:
        sheets.put(
            Code(RIGHT - QR_SIZE, sheets.y - QR_SIZE, code),
            Text(RIGHT, sheets.y - QR_SIZE - 11, "Scan with your banking app", size=SMALL, colour=QUIET, from_right=True),
        )
    sheets.write("How to pay", font=BOLD, size=11)
    for line in words:
        sheets.write(line, width=width)


def _lines(invoice: Invoice) -> Iterator[PrintedLine]:
    """Give the lines under the names they were billed with, one query for all; what explains them stays where it is."""
    named = invoice.lines.annotate(consumer=KT("working__consumer"), plan=KT("working__plan"), number=F("subscription__number"))
    currency = invoice.currency
    for line in named.defer("working").order_by("position"):
        exact = printed_quantity(line.quantity, line.unit_price, line.net, currency)
        yield PrintedLine(
            f"{line.consumer} · {line.plan}, {line.number}",
            line.description,
            days_text(line.period_start, line.period_end - _ONE_DAY),
            f"{quantity_text(exact)} {unit_text(exact, line.unit)}",
            show.unit_price(line.unit_price, currency).removesuffix(f" {currency}"),
            show.money(line.net, currency).removesuffix(f" {currency}"),
        )


def wrap(words: str, font: str, size: float, width: float) -> list[str]:
    """Break ``words`` into lines no wider than ``width``; a word that is wider than a line is broken too, nothing is cut off."""
    lines: list[str] = []
    line = ""
    for word in words.split():
        longer = f"{line} {word}" if line else word
        if _width(longer, font, size) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        *full, line = _broken(word, font, size, width)
        lines += full
    return [*lines, line]


def _broken(word: str, font: str, size: float, width: float) -> list[str]:
    parts = [""]
    for character in word:
        if parts[-1] and _width(parts[-1] + character, font, size) > width:
            parts.append("")
        parts[-1] += character
    return parts


@lru_cache(maxsize=20_000)
def _width(words: str, font: str, size: float) -> float:
    return float(pdfmetrics.stringWidth(words, font, size))


# --- Drawing ----------------------------------------------------------------------------------------------------------------


def _draw(sheets: Sheets, invoice: Invoice, seller: dict[str, Any], *, is_draft: bool) -> bytes:
    drawn = BytesIO()
    canvas = Canvas(drawn, pagesize=A4, invariant=True, pageCompression=1)
    canvas.setTitle(f"Invoice {invoice.number}" if invoice.number else "Draft of an invoice")
    canvas.setAuthor(seller["name"])
    for number, parts in enumerate(sheets.sheets, start=1):
        if is_draft:
            _mark_as_draft(canvas)
        for part in sorted(parts, key=lambda part: not isinstance(part, Ground)):
            _draw_part(canvas, part)
        _foot(canvas, invoice, seller, number, len(sheets.sheets))
        canvas.showPage()
    canvas.save()
    return drawn.getvalue()


def _draw_part(canvas: Canvas, part: Text | Rule | Ground | Picture | Code) -> None:
    if isinstance(part, Text):
        canvas.setFont(part.font, part.size)
        canvas.setFillColor(_colour(part.colour))
        (canvas.drawRightString if part.from_right else canvas.drawString)(part.x, part.y, part.words)
    elif isinstance(part, Rule):
        canvas.setStrokeColor(_colour(part.colour))
        canvas.setLineWidth(0.6)
        canvas.line(part.left, part.y, RIGHT, part.y)
    elif isinstance(part, Ground):
        canvas.setFillColor(_colour(WASH))
        canvas.rect(LEFT, part.y, RIGHT - LEFT, part.height, stroke=0, fill=1)
    elif isinstance(part, Picture):
        canvas.drawImage(part.image, part.x, part.y, part.width, part.height)
    else:
        _draw_code(canvas, part)


def _draw_code(canvas: Canvas, part: Code) -> None:
    """Draw the code, in the error correction level M that the banks ask for, as one path of its dark runs."""
    code = QRCode(None, QRErrorCorrectLevel.M)
    code.addData(part.words)
    code.make()
    count = code.getModuleCount()
    size = QR_SIZE / count
    path = canvas.beginPath()
    for row in range(count):
        column = 0
        for is_dark, run in groupby(range(count), key=partial(code.isDark, row)):
            length = len(list(run))
            if is_dark:
                path.rect(part.x + column * size, part.y + QR_SIZE - (row + 1) * size, length * size, size)
            column += length
    canvas.setFillColor(_colour(BLACK))
    canvas.drawPath(path, stroke=0, fill=1)


def _mark_as_draft(canvas: Canvas) -> None:
    canvas.saveState()
    canvas.setFillColor(_colour(MARK))
    canvas.setFillAlpha(0.10)
    canvas.setFont(BOLD, 120)
    canvas.translate(WIDTH / 2, HEIGHT / 2)
    canvas.rotate(50)
    canvas.drawCentredString(0, -40, "DRAFT")
    canvas.restoreState()


def _foot(canvas: Canvas, invoice: Invoice, seller: dict[str, Any], number: int, total: int) -> None:
    canvas.setStrokeColor(_colour(LINE))
    canvas.setLineWidth(0.6)
    canvas.line(LEFT, 52, RIGHT, 52)
    canvas.setFont(PLAIN, SMALL)
    canvas.setFillColor(_colour(QUIET))
    tax_id = f" · VAT id {seller['tax_id']}" if seller["tax_id"] else ""
    canvas.drawString(LEFT, 40, wrap(f"{seller['name']}{tax_id}", PLAIN, SMALL, 300)[0])
    canvas.drawRightString(RIGHT, 40, f"{invoice.number or 'Draft'} · Page {number} of {total}")


@lru_cache
def _colour(code: str) -> HexColor:
    return HexColor(code)
