"""
How plans and their prices stand in a spreadsheet, as resources of django-import-export.

A resource says for each column how a value is written and how a cell is read, and judges row after row. All it needs to know is
read beforehand (`Known`), so that ten thousand rows ask the database no more than ten. It writes nothing: rows that are new or
changed are collected, and `catalog.operations.plan_sheets` writes them once no row of either page is wrong.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model
from import_export.resources import ModelResource
from import_export.results import RowResult

from catalog.models import Plan
from catalog.operations.plan_known import Known
from catalog.plan_sheets import NO, YES, PageLines
from common.sheets import WrongCell

Change = tuple[str, str, str]
"""Column, what was there, what is to be there."""


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """What a row of the file would do. ``kind`` is new, changed or unchanged."""

    page: str
    line: int
    kind: str
    name: str
    changes: tuple[Change, ...] = ()


class JudgingResource(ModelResource):
    """Reads the cells of a row, judges it and keeps what came of it; nothing is written."""

    page: str

    def __init__(self, *, known: Known | None = None, lines: PageLines | None = None, today: date | None = None) -> None:
        """An export needs none of them, an import all."""
        super().__init__()
        self.lines = lines or PageLines()
        if known is not None and today is not None:
            self.known, self.today = known, today
        self.judged: list[JudgedRow] = []
        self.line = 0
        self.row_name = ""  # what the preview calls the row; each resource says it as it reads one
        self.kind, self.changes = "unchanged", list[Change]()

    def before_import_row(self, row: Any, **kwargs: Any) -> None:
        self.line = self.lines.numbers[kwargs["row_number"] - 1]
        self.kind, self.changes = "unchanged", []

    def read_cells(self, row: Any) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the value of each column that reads well, and a sentence for each that does not."""
        values: dict[str, Any] = {}
        wrong: dict[str, str] = {}
        for name, field in self.fields.items():
            try:
                values[name] = field.clean(row)
            except WrongCell as error:
                wrong[name] = str(error)
        return values, wrong

    def validate_instance(self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True) -> None:
        if import_validation_errors:
            raise ValidationError(import_validation_errors)

    def save_instance(self, instance: Any, is_create: bool, row: Any, **kwargs: Any) -> None:
        """Keep the row for the one who writes."""

    def after_import_row(self, row: Any, row_result: RowResult, **kwargs: Any) -> None:
        kinds = {"new": RowResult.IMPORT_TYPE_NEW, "changed": RowResult.IMPORT_TYPE_UPDATE}
        row_result.import_type = kinds.get(self.kind, RowResult.IMPORT_TYPE_SKIP)
        self.judged.append(JudgedRow(self.page, self.line, self.kind, self.row_name, tuple(self.changes)))


def rows_of(resource: JudgingResource, queryset: Iterable[Model]) -> list[Sequence[Any]]:
    """Return what an export writes of each row, in the order of the page's columns."""
    return list(resource.export(queryset))


def written(value: Any) -> str:
    """Write a value for the preview."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return YES if value else NO
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, str) and value in Plan.BillingModel.values:
        return str(Plan.BillingModel(value).label)
    return str(value)
