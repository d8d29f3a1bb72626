"""
The sheets a document is set on: A4, filled from the top, drawn as the operators of PDF themselves.

What is put on a sheet is written down at once; only the foot, which counts the sheets, waits for the end. A sheet's texts are one
block, in which font and colour are named where they change: a small part of the time of drawing text by text.
"""

from functools import lru_cache
from io import BytesIO
from itertools import groupby
from typing import Any, NamedTuple

import segno
from PIL import Image
from reportlab import rl_config
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from billing.documents.fonts import BOLD, PLAIN, Face

rl_config.useA85 = 0  # text of base 85 is for channels of seven bits, and makes a document larger and slower

WIDTH, HEIGHT = A4
LEFT, RIGHT = 57.0, WIDTH - 57.0
TOP, BOTTOM = HEIGHT - 57.0, 71.0
INK, QUIET, LINE, ACCENT, WASH, MARK, BLACK = "#1b2126", "#545d66", "#d9dee2", "#0f766e", "#f6f7f8", "#f5e3e3", "#000000"
SMALL, TEXT, LARGE, HUGE = 8.0, 9.0, 14.0, 20.0
LEADING = 1.4
QR_SIZE = 92.0
_QR_MASK = 3
_MARK_SIZE = 120


class Sheet:
    """What is drawn on one sheet: grounds below, lines and shapes above them, text on top."""

    __slots__ = ("ground", "shapes", "texts")

    def __init__(self) -> None:
        self.ground: list[str] = []
        self.shapes: list[str] = []
        self.texts: list[Text] = []


class Text(NamedTuple):
    """One line of text, its baseline at ``y``."""

    x: float
    y: float
    words: str
    face: Face
    size: float
    colour: str


class Sheets:
    """The sheets that are being set, and how far down the present one is filled."""

    def __init__(self, *, title: str, author: str, language: str) -> None:
        self._file = BytesIO()
        self.canvas = Canvas(
            self._file,
            pagesize=A4,
            invariant=True,
            pageCompression=1,
            initialFontName=PLAIN.fontName,
            lang=language,
            pdfVersion=(1, 7),
        )
        self.canvas.setTitle(title)
        self.canvas.setAuthor(author)
        self.document: Any = self.canvas._doc
        self._names = {face: face.begin(self.document) for face in (PLAIN, BOLD)}
        self.sheets = [Sheet()]
        self.y = TOP

    def fits(self, height: float) -> bool:
        return self.y - height >= BOTTOM

    def turn(self) -> None:
        """Go to the next sheet."""
        self.sheets.append(Sheet())
        self.y = TOP

    def text(
        self,
        x: float,
        words: str,
        *,
        face: Face = PLAIN,
        size: float = TEXT,
        colour: str = INK,
        from_right: bool = False,
        y: float | None = None,
        sheet: Sheet | None = None,
    ) -> None:
        """Put one line of text at ``x``, or ending there ``from_right``, on the baseline ``y``: the present one if not told."""
        readable = face.readable(words)
        left = x - face.width(readable, size) if from_right else x
        (sheet or self.sheets[-1]).texts.append(Text(left, self.y if y is None else y, readable, face, size, colour))

    def write(
        self, words: str, *, x: float = LEFT, width: float = RIGHT - LEFT, face: Face = PLAIN, size: float = TEXT, colour: str = INK
    ) -> None:
        """Write a paragraph, wrapped to ``width``, and go below it."""
        for line in wrap(words, face, size, width):
            self.y -= size * LEADING
            self.text(x, line, face=face, size=size, colour=colour)

    def rule(self, *, colour: str = LINE, left: float = LEFT, y: float | None = None, sheet: Sheet | None = None) -> None:
        """Draw a thin line to the right border."""
        height = self.y if y is None else y
        (sheet or self.sheets[-1]).shapes.append(f"{_rgb(colour)} RG 0.6 w {left:.2f} {height:.2f} m {RIGHT:.2f} {height:.2f} l S")

    def ground(self, height: float) -> None:
        """Lay a quiet ground over the whole width, ``height`` points from here down."""
        self.sheets[-1].ground.append(f"{_rgb(WASH)} rg {LEFT:.2f} {self.y - height:.2f} {RIGHT - LEFT:.2f} {height:.2f} re f")

    def mark(self, words: str) -> None:
        """Write ``words`` large and pale across the middle of every sheet, below all else."""
        half = BOLD.width(words, _MARK_SIZE) / 2
        turned = f"q 0.643 0.766 -0.766 0.643 {WIDTH / 2:.2f} {HEIGHT / 2:.2f} cm {_rgb(MARK)} rg"  # by 50 degrees
        shown = f"BT {self._names[BOLD]} {_MARK_SIZE} Tf {-half:.2f} -40 Td ({BOLD.literal(words)}) Tj ET Q"
        for sheet in self.sheets:
            sheet.ground.insert(0, f"{turned} {shown}")

    def picture(self, image: ImageReader, width: float, height: float) -> None:
        """Draw ``image`` with its lower left corner at the left border, at the present height of the first sheet."""
        self.canvas.drawImage(image, LEFT, self.y, width, height)

    def code(self, words: str) -> None:
        """Draw a QR code whose upper right corner is at the right border, here."""
        left, size, path = RIGHT - QR_SIZE, 0.0, []
        rows = _qr_rows(words)
        size = QR_SIZE / len(rows)
        for number, row in enumerate(rows, start=1):
            lower = self.y - number * size
            path += [f"{left + start * size:.3f} {lower:.3f} {length * size:.3f} {size:.3f} re" for start, length in row]
        self.sheets[-1].shapes.append(f"{_rgb(BLACK)} rg {' '.join(path)} f")

    def finished(self) -> bytes:
        """Draw the sheets and return the PDF."""
        for sheet in self.sheets:
            for part in (*sheet.ground, *sheet.shapes, self._drawn(sheet.texts)):
                self.canvas.addLiteral(part)
            self.canvas.showPage()
        self.canvas.save()
        return self._file.getvalue()

    def _drawn(self, texts: list[Text]) -> str:
        parts, font, colour = ["BT"], (PLAIN, 0.0), ""
        for x, y, words, face, size, ink in texts:
            if (face, size) != font:
                font = (face, size)
                parts.append(f"{self._names[face]} {size:g} Tf")
            if ink != colour:
                colour = ink
                parts.append(f"{_rgb(ink)} rg")
            if face.shared.issuperset(words):
                parts.append(f"1 0 0 1 {x:.2f} {y:.2f} Tm ({face.literal(words)}) Tj")
            else:
                parts.append(f"1 0 0 1 {x:.2f} {y:.2f} Tm {self._in_subsets(words, face, size)}")
        return "\n".join([*parts, "ET"])

    def _in_subsets(self, words: str, face: Face, size: float) -> str:
        """Write text that has characters outside the shared subset, part by part, and return to the shared one."""
        parts = []
        for subset, codes in face.splitString(words, self.document):
            name = face.getSubsetInternalName(subset, self.document)
            parts.append(f"{name} {size:g} Tf <{codes.hex()}> Tj")
        return " ".join([*parts, f"{self._names[face]} {size:g} Tf"])


@lru_cache(maxsize=20_000)  # the same items stand on every invoice
def wrap(words: str, face: Face, size: float, width: float) -> tuple[str, ...]:
    """Break ``words`` into lines no wider than ``width``; a word that is wider than a line is broken too, nothing is cut off."""
    words = face.readable(words)
    if face.width(words, size) <= width and "  " not in words:
        return (words.strip(),)
    lines: list[str] = []
    line = ""
    for word in words.split():
        longer = f"{line} {word}" if line else word
        if face.width(longer, size) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        *full, line = _broken(word, face, size, width)
        lines += full
    return (*lines, line)


def _broken(word: str, face: Face, size: float, width: float) -> list[str]:
    parts = [""]
    for character in word:
        if parts[-1] and face.width(parts[-1] + character, size) > width:
            parts.append("")
        parts[-1] += character
    return parts


@lru_cache(maxsize=64)
def picture_of(sha256: str, png: bytes) -> ImageReader:
    """Read a logo once for all its documents; what is see-through becomes the white of the paper."""
    picture = Image.open(BytesIO(png)).convert("RGBA")
    paper = Image.new("RGB", picture.size, "white")
    paper.paste(picture, mask=picture.getchannel("A"))
    return ImageReader(paper)


@lru_cache
def _rgb(colour: str) -> str:
    return " ".join(f"{int(colour[place : place + 2], 16) / 255:.3f}" for place in (1, 3, 5))


def _qr_rows(words: str) -> list[list[tuple[int, int]]]:
    """
    Return the dark runs, start and length, of each row of a QR code in error correction level M, which the banks ask for.

    The mask is always the same: readers take any, and trying all eight takes six times as long as the rest.
    """
    code = segno.make(words, error="m", boost_error=False, micro=False, encoding="utf-8", mask=_QR_MASK)
    rows = []
    for row in code.matrix:
        runs, column = [], 0
        for is_dark, modules in groupby(row):
            length = len(list(modules))
            if is_dark:
                runs.append((column, length))
            column += length
        rows.append(runs)
    return rows
