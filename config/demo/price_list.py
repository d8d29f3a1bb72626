"""What the demonstration's MSP charges, and how its billing manager fills in the import sheet."""

import io
from collections.abc import Mapping
from decimal import Decimal

from openpyxl import load_workbook

# Cost and price in EUR per unit and month, as a card names its items. What is not listed is included.
PRICES: Mapping[str, tuple[str, str]] = {
    "pg_base_storage": ("0.045", "0.07"),
    "pg_pack_adv_security": ("0.95", "1.60"),
    "pw_base_storage": ("0.012", "0.02"),
    "pw_base_workstations": ("2.75", "4.20"),
    "pw_base_servers": ("9.40", "14.00"),
    "pw_base_vms": ("4.80", "7.50"),
    "pw_base_m365_seats": ("1.05", "1.65"),
    "pw_pack_adv_security": ("0.95", "1.60"),
    "pu_base_fc_seats": ("0.85", "1.50"),
    "pu_base_fc_storage": ("0.02", "0.035"),
    "pg_base_fc_storage": ("0.04", "0.06"),
    "notarizations": ("0.10", "0.20"),
    "esignatures": ("0.45", "0.80"),
    "drives_shipped_to_cloud": ("85", "120"),
    "local_storage": ("0.005", "0.01"),
}


def filled_sheet(empty: bytes) -> bytes:
    """Return the downloaded import sheet with the price list filled in, as a billing manager would do it."""
    book = load_workbook(io.BytesIO(empty))
    sheet = book.worksheets[0]
    columns = {str(cell.value): place for place, cell in enumerate(sheet[1], start=1)}
    for row in range(2, sheet.max_row + 1):
        if prices := PRICES.get(str(sheet.cell(row, columns["Item"]).value)):
            for title, price in zip(("Cost", "Price"), prices, strict=True):
                sheet.cell(row, columns[title]).value = Decimal(price)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
