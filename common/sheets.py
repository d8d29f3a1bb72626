"""
Spreadsheets from and for people: a file is looked at before openpyxl sees it, a cell before it is believed.

Nothing in a file from a person's computer is trusted: neither its size, packing and XML nor what its cells claim to be. What is
wrong is told in sentences by page, row and column. What we write is safe to open: no text of ours is taken for a formula.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from common.errors import DomainError

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
UNPACKED_LIMIT = 20 * 1024 * 1024
MOST_PARTS = 500
LONGEST_CELL = 32_767  # what Excel keeps in one
# What spreadsheets take for the beginning of a formula, some of them only in CSV files; apostrophes before it are ours or look so.
GUARDED = re.compile(r"'*[=+\-@\t\r]")


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong in one cell; without `column` it is the row's, and with row 0 the file's. `page` where there are several."""

    row: int
    column: str
    sentence: str
    page: str = ""

    def __str__(self) -> str:
        if not self.row:
            return self.sentence
        where = f"Row {self.row}, {self.column}" if self.column else f"Row {self.row}"
        return f"{self.page}: {where}: {self.sentence}" if self.page else f"{where}: {self.sentence}"


class SheetRefused(DomainError):
    """The sheet cannot be taken; `errors` says all that is wrong with it, in the order of the rows."""

    def __init__(self, errors: Sequence[RowError]) -> None:
        self.errors = list(errors)
        shown = " ".join(str(error) for error in self.errors[:3])
        more = len(self.errors) - 3
        super().__init__(f"{shown} And {more} more." if more > 0 else shown)


class WrongCell(ValueError):
    """A cell is not right; the text is the sentence for the person."""


# --- Files --------------------------------------------------------------------------------------------------------------


def refused(sentence: str) -> SheetRefused:
    """Return the refusal of a whole file."""
    return SheetRefused([RowError(0, "", sentence)])


def bounded(file: IO[bytes], *, limit_bytes: int) -> bytes:
    """
    Return the whole file from its first byte.

    :raises SheetRefused: it is empty, or larger than ``limit_bytes``.
    """
    file.seek(0)
    content = file.read(limit_bytes + 1)
    if not content:
        raise refused("The file is empty.")
    if len(content) > limit_bytes:
        raise refused(f"The file is larger than {limit_bytes / 1024 / 1024:.3g} MiB.")
    return content


def checked_workbook(content: bytes, *, what: str, unpacked_limit: int = UNPACKED_LIMIT) -> IO[bytes]:
    """
    Return an .xlsx for openpyxl, once its unpacked size and its XML are known to be harmless.

    :param what: the thing it is to hold, for the sentence: “a rate card”.
    :raises SheetRefused: it is no workbook, is damaged, unpacks to too much, or holds what Excel never writes.
    """
    packed = io.BytesIO(content)
    try:
        with zipfile.ZipFile(packed) as archive:
            _check_parts(archive, what=what, unpacked_limit=unpacked_limit)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError, zlib.error) as error:
        raise refused("The file is not an Excel workbook (.xlsx), or it is damaged. Save it again as “Excel workbook”.") from error
    packed.seek(0)
    return packed


def damaged() -> SheetRefused:
    """Return the refusal of a workbook that openpyxl stumbled over, wherever it did."""
    return refused("The workbook is damaged: it could not be read to its end. Save it again as “Excel workbook”.")


def _check_parts(archive: zipfile.ZipFile, *, what: str, unpacked_limit: int) -> None:
    """
    Refuse a zip bomb and a document type.

    A part cannot unpack to more than the archive says: zipfile stops there. Excel writes no document type; with one, a few
    bytes of XML can stand for gigabytes or for another file.
    """
    parts = archive.infolist()
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > unpacked_limit:
        raise refused(f"The workbook unpacks to far more than {what} needs.")
    for part in parts:
        xml = archive.read(part)
        if any("<!DOCTYPE".encode(encoding) in xml for encoding in ("utf-8", "utf-16-le", "utf-16-be")):
            raise refused("The workbook holds a document type definition, which Excel never writes.")


# --- Cells that are read ------------------------------------------------------------------------------------------------


def is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def refuse_formula(value: str) -> None:
    """:raises WrongCell: the text is a formula."""
    if value.startswith("="):
        raise WrongCell("It is a formula. Paste its value instead.")


def shown(value: Any) -> str:
    """Return a cell's value for a sentence, cut where it is long."""
    words = {"ArrayFormula": "A formula", "DataTableFormula": "A formula", "datetime": "A date", "time": "A time"}
    return words.get(type(value).__name__, f"“{value!s:.50}”")


def either(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def unguarded(text: str) -> str:
    """Take off the apostrophe that `guarded` puts before what could be a formula."""
    return text[1:] if text.startswith("'") and GUARDED.match(text) else text


# --- Cells that are written ---------------------------------------------------------------------------------------------


def guarded(text: str) -> str:
    """
    Return text that no spreadsheet takes for a formula, in .xlsx or .csv: an apostrophe stands before what could begin one.

    Characters that a workbook cannot hold are left out, and what is longer than a cell is cut.
    """
    clean = ILLEGAL_CHARACTERS_RE.sub("", text)[: LONGEST_CELL - 1]
    # An apostrophe of one's own before such a character gets a second one, so that reading gives back what was written.
    return f"'{clean}" if GUARDED.match(clean) else clean


def heading(page: Any, title: str) -> Any:
    """Return a cell of the header, for a page that is only written."""
    cell = WriteOnlyCell(page, value=title)
    cell.font, cell.fill = Font(bold=True), HEADING_FILL
    return cell


HEADING_FILL = PatternFill("solid", fgColor="DDE6EE")


def dress_heading(page: Worksheet, widths: Sequence[int]) -> None:
    """Set the widths of the columns, mark the first row as the header and keep it in sight."""
    for column, (cell, width) in enumerate(zip(page[1], widths, strict=True), start=1):
        page.column_dimensions[get_column_letter(column)].width = width
        cell.font, cell.fill = Font(bold=True), HEADING_FILL
    page.freeze_panes = "A2"


def write_notes(page: Worksheet, notes: Sequence[str]) -> None:
    """Write one paragraph per row, the first as a title."""
    for note in notes:
        page.append((note,))
    page.column_dimensions["A"].width = 110
    page["A1"].font = Font(bold=True)
    for row in page.iter_rows():
        row[0].alignment = Alignment(wrap_text=True, vertical="top")


def watch(page: Worksheet, rule: DataValidation, column: str, sentence: str, *, rows: int) -> None:
    """Let Excel check what is typed into a column, and say ``sentence`` where it is not right."""
    rule.showErrorMessage, rule.errorTitle, rule.error = True, page.title, sentence
    rule.add(f"{column}2:{column}{rows + 1}")
    page.add_data_validation(rule)
