"""
How long a sheet of 10,000 prices takes from the uploaded file to the stored rows: looked at for the preview, then applied.

The yardstick is openpyxl going through the cells of the same file and nothing else. Besides: the same sheet with 300 wrong rows,
which is looked at only, and the most memory that took.
"""

import io
import resource
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

from openpyxl import Workbook, load_workbook

from catalog.models import Plan, PlanPrice, Product, ProductGroup, ProductType, Venture
from catalog.operations import plan_sheets
from catalog.plan_sheets import PLAN_COLUMNS, PLANS, PRICE_COLUMNS, PRICES

PLAN_ROWS = 2_000
PRICE_ROWS = 8_000
WRONG_ROWS = 300
AT = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
TODAY = date(2026, 10, 1)


def run() -> Iterator[dict[str, object]]:
    """Yield the measurements. Adds plans and prices: give it a database of its own."""
    place = _place()
    good, bad = _sheet(place, "Good", wrong=0), _sheet(place, "Bad", wrong=WRONG_ROWS)
    plain = _timed(lambda: _plain(good))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    looked = _timed(lambda: _look(bad))
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    ours = _timed(lambda: _import(good))
    yield {
        "name": "catalog.sheet_10000_rows_s",
        "value": round(ours, 3),
        "unit": "s",
        "yardstick": round(plain, 3),
        "ratio": round(ours / plain, 2),
    }
    yield {"name": "catalog.sheet_300_wrong_rows_s", "value": round(looked, 3), "unit": "s"}
    yield {"name": "catalog.sheet_memory_mib", "value": round(memory, 1), "unit": "MiB"}


def _timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _look(sheet: bytes) -> None:
    preview = plan_sheets.preview_import(sheet, today=TODAY)
    assert preview.counts["wrong"] == WRONG_ROWS


def _import(sheet: bytes) -> None:
    preview = plan_sheets.preview_import(sheet, today=TODAY)
    assert not preview.errors
    plans, prices = Plan.objects.count(), PlanPrice.objects.count()
    plan_sheets.apply_import(sheet, digest=preview.digest, by=None, today=TODAY, at=AT)
    assert (Plan.objects.count() - plans, PlanPrice.objects.count() - prices) == (PLAN_ROWS, PRICE_ROWS)


def _plain(sheet: bytes) -> None:
    book = load_workbook(io.BytesIO(sheet), read_only=True)
    rows = sum(1 for page in book.worksheets for _ in page.iter_rows(values_only=True))
    assert rows == PLAN_ROWS + PRICE_ROWS + 2


def _sheet(place: tuple[str, str, str, str], name: str, *, wrong: int) -> bytes:
    book = Workbook(write_only=True)
    plans, prices = book.create_sheet(PLANS), book.create_sheet(PRICES)
    plans.append(PLAN_COLUMNS)
    prices.append(PRICE_COLUMNS)
    for n in range(PLAN_ROWS):
        row: tuple[Any, ...] = (f"NEW-{n}", *place, f"{name} {n}", "Backup", "", "Fixed postpaid", "", "Yes", "No")
        plans.append(row)
    terms = (1, 3, 12, 24)
    for n in range(PRICE_ROWS):
        price = -1 if n < wrong else round(20 + n / 100, 2)
        prices.append((f"NEW-{n // len(terms)}", "EUR", terms[n % len(terms)], 0, price, None, None, None))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _place() -> tuple[str, str, str, str]:
    """Make a venture and a product group of their own; return their names as a row has them."""
    name = uuid4().hex[:8]
    venture = Venture.objects.create(name=f"Venture {name}", invoice_series=name)
    product_type = ProductType.objects.create(name=f"Type {name}")
    product = Product.objects.create(product_type=product_type, name="Backup")
    group = ProductGroup.objects.create(product=product, name=f"Group {name}")
    return venture.name, product_type.name, product.name, group.name
