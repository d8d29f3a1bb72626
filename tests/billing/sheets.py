"""Rate card sheets as people would upload them."""

import io
from collections.abc import Sequence
from typing import Any

from openpyxl import Workbook

from billing.sheets import KnownItem

STORAGE = KnownItem("pck_per_gigabyte", "pg_base_storage", "storage", "GiB", "last")
SERVERS = KnownItem("pck_per_gigabyte", "pg_base_servers", "servers", "unit", "last")
SEATS = KnownItem("fss_per_user", "pu_base_fc_seats", "fc_seats", "unit", "last")
POINTS = KnownItem("pck_per_gigabyte", "pg_base_adv_dr_compute_points", "compute_points", "hour", "sum")
NOTARIZATIONS = KnownItem("", "notarizations", "notarizations", "unit", "sum")
KNOWN_ITEMS = (STORAGE, SERVERS, SEATS, POINTS, NOTARIZATIONS)

PLAIN_HEADER = ("Item", "Edition", "Unit", "Cost", "Price", "Aggregation")
STORAGE_ROW = ("pg_base_storage", "pck_per_gigabyte", "GiB", 0.03, 0.07, "last")


def workbook(rows: Sequence[Sequence[Any]], *, header: Sequence[Any] = PLAIN_HEADER, title: str = "Rate card") -> bytes:
    """Return an .xlsx with a header and rows, each cell as given."""
    book = Workbook()
    page = book.active
    page.title = title
    for row in (header, *rows):
        page.append(list(row))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()
