"""A reseller's customers as a file for people and spreadsheets."""

import csv
from collections.abc import Iterable, Iterator

from accounts.models import OrganizationQuerySet

COLUMNS = (
    "Number",
    "Name",
    "Billing e-mail",
    "Address",
    "Address, second line",
    "Postcode",
    "City",
    "Country",
    "VAT number",
    "Currency",
    "People",
    "Since",
)


class _Line:
    """What csv writes to: gives each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def customers_csv(rows: OrganizationQuerySet) -> Iterator[str]:
    """Yield the lines of ``rows`` (with their people counted), the header first, each with its end. Dates are UTC."""
    writer = csv.writer(_Line())
    yield writer.writerow(COLUMNS)
    for row in rows.iterator(2000):
        address = (row.address_line1, row.address_line2, row.postcode, row.city, row.country)
        words = (row.number, row.name, row.billing_email, *address, row.tax_id, row.currency)
        yield writer.writerow([*_harmless(words), row.people, f"{row.created_at:%Y-%m-%d}"])  # type: ignore[attr-defined]


def _harmless(cells: Iterable[str]) -> list[str]:
    """Keep a spreadsheet from taking what a stranger typed at sign-up for a formula."""
    return [f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell for cell in cells]
