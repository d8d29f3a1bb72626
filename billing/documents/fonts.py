"""
The two faces documents are set in, and what can be made of them once for all documents.

reportlab makes a subset of a face for every document, of the characters that document has: half of the time a document takes. What
people in western and central Europe write fits one subset of 256 characters; that one is cut, compressed and measured once for a
process and is the same in every document. What else a name contains goes to further subsets, made by reportlab for that document.
"""

import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from reportlab.pdfbase import pdfdoc, pdfmetrics
from reportlab.pdfbase.ttfonts import SUBSETN, TTFont, makeToUnicodeCMap

_FONTS = Path(__file__).parent.with_name("fonts")
# After ASCII at its own codes: what the languages of the documents write, then their neighbours.
_FURTHER = (
    "€£¥§°·–—…‘’‚“”„‹›«»•−×¡¿©®²³½¼ªº\u202f"
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿŒœ"
    "ĄąĆćČčĎďĐđĘęĚěĞğİıŁłŃńŇňŐőŘřŚśŞşŠšŤťŮůŰűŹźŻżŽž"
)
_ASCII = range(32, 127)
_PLACES = (*range(127, 256), *range(1, 32))
_SPACE = " "


class Face(TTFont):
    """A face whose first subset is the same in all documents."""

    def __init__(self, name: str, file: str) -> None:
        super().__init__(name, _FONTS / file, asciiReadable=0)
        further = [ord(character) for character in _FURTHER if ord(character) in self.face.charToGlyph]
        self._codes = {code: code for code in _ASCII} | dict(zip(further, _PLACES, strict=False))
        by_place = {place: code for code, place in self._codes.items()}
        self.subset = [by_place.get(place, 0) for place in range(256)]
        self.shared = frozenset(map(chr, self._codes))
        self._written = str.maketrans({chr(code): _literal(place) for code, place in self._codes.items()})
        self._widths = {chr(code): width for code, width in self.face.charWidths.items()}

    def begin(self, document: Any) -> str:
        """Make ready for ``document``; return how its first subset is called there."""
        state = TTFont.State(0, self)
        state.assignments = {0: 0, **self._codes}
        state.subsets = [list(self.subset)]
        state.nextCode = 256  # what comes now opens a second subset
        self.state[document] = state
        return str(self.getSubsetInternalName(0, document))

    def literal(self, words: str) -> str:
        """Return ``words``, all of them shared characters, as a PDF writes text."""
        return words.translate(self._written)

    def width(self, words: str, size: float) -> float:
        """Return how wide ``words`` are, in points; what the face lacks is as wide as its sign for that."""
        widths, missing = self._widths, self.face.defaultWidth
        return float(sum([widths.get(character, missing) for character in words]) * size / 1000)

    def readable(self, words: str) -> str:
        """Return ``words`` with a sign that says so in place of what the face has no glyph for, and plain spaces."""
        if self.shared.issuperset(words):
            return words
        known = self.face.charToGlyph
        return "".join(_SPACE if sign.isspace() else sign if ord(sign) in known else "\N{REPLACEMENT CHARACTER}" for sign in words)

    def addObjects(self, doc: Any) -> None:  # noqa: N802  reportlab's name
        """Add the shared subset as it lies ready, and what else this document needs."""
        state = self.state[doc]
        name = self.getSubsetInternalName(0, doc)[1:]
        fonts = doc.idToObject["BasicFonts"].dict
        fonts[name] = _font_of(self, doc, name, _ready(self))
        for number, subset in enumerate(state.subsets[1:], start=1):
            name = self.getSubsetInternalName(number, doc)[1:]
            fonts[name] = _font_of(self, doc, name, _cut(self, number, subset))
        del self.state[doc]


@dataclass(frozen=True, slots=True)
class Subset:
    """What a PDF contains of a subset, compressed."""

    name: str
    size: int
    """Of the font file, uncompressed."""
    file: bytes
    unicodes: bytes
    widths: bytes
    last: int


@lru_cache(maxsize=4)
def _ready(face: Face) -> Subset:
    return _cut(face, 0, face.subset)


def _cut(face: Face, number: int, subset: list[int]) -> Subset:
    name = b"".join((SUBSETN(number), b"+", face.face.name, face.face.subfontNameX)).decode("pdfdoc")
    file = face.face.makeSubset(subset)
    widths = " ".join(f"{face.face.getCharWidth(code):.10g}" for code in subset)
    unicodes = makeToUnicodeCMap(name, subset).encode()
    return Subset(name, len(file), zlib.compress(file), zlib.compress(unicodes), f"[ {widths} ]".encode(), len(subset) - 1)


def _font_of(face: Face, doc: Any, name: str, subset: Subset) -> Any:
    """Write the font object of one subset; what is compressed already is not compressed again."""
    file = _stream(subset.file, Length1=subset.size)
    descriptor = pdfdoc.PDFDictionary(
        {
            "Type": "/FontDescriptor",
            "Ascent": face.face.ascent,
            "CapHeight": face.face.capHeight,
            "Descent": face.face.descent,
            "Flags": (face.face.flags & ~32) | 4,  # symbolic: the subset has an encoding of its own
            "FontBBox": pdfdoc.PDFArray(face.face.bbox),
            "FontName": pdfdoc.PDFName(subset.name),
            "ItalicAngle": face.face.italicAngle,
            "StemV": face.face.stemV,
            "FontFile2": doc.Reference(file, f"file:{subset.name}"),
            "MissingWidth": face.face.defaultWidth,
        }
    )
    font = pdfdoc.PDFTrueTypeFont()
    font.Name, font.BaseFont = name, subset.name
    font.FirstChar, font.LastChar = 0, subset.last
    font.Widths = pdfdoc.PDFObjectReference(_literal_object(doc, subset.widths, f"widths:{subset.name}"))
    font.ToUnicode = doc.Reference(_stream(subset.unicodes), f"unicodes:{subset.name}")
    font.FontDescriptor = doc.Reference(descriptor, f"descriptor:{subset.name}")
    doc.Reference(font, name)
    return font


class _Written(pdfdoc.PDFObject):
    """An object whose text is written already."""

    __RefOnly__ = 1

    def __init__(self, text: bytes) -> None:
        self.text = text

    def format(self, _document: Any) -> bytes:
        return self.text


def _literal_object(doc: Any, text: bytes, name: str) -> str:
    doc.Reference(_Written(text), name)
    return name


def _stream(compressed: bytes, **entries: int) -> Any:
    return pdfdoc.PDFStream(pdfdoc.PDFDictionary({"Filter": pdfdoc.PDFName("FlateDecode"), **entries}), compressed, filters=[])


def _literal(code: int) -> str:
    """Return one character of a PDF's text by its code in the subset: what is not plain, as a backslash and octal digits."""
    return chr(code) if code in _ASCII and chr(code) not in "()\\" else f"\\{code:03o}"


PLAIN, BOLD = Face("Cloudtill", "DejaVuSansCondensed.ttf"), Face("Cloudtill-Bold", "DejaVuSansCondensed-Bold.ttf")
pdfmetrics.registerFont(PLAIN)
pdfmetrics.registerFont(BOLD)
