"""A reseller's customers, and when staff acted as whom, as files for people and spreadsheets."""

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from accounts.models import ActingAsQuerySet, OrganizationQuerySet

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

ACTING_AS_COLUMNS = ("Began", "Over", "Staff", "Staff e-mail", "Person", "Person e-mail", "Number", "Organization", "Why", "From")


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


def acting_as_csv(rows: ActingAsQuerySet, *, at: datetime) -> Iterator[str]:
    """
    Yield the lines of ``rows`` (staff, person and organization loaded), the header first. Moments are UTC, to the second.

    “Over” is empty while it goes on at ``at``.
    """
    writer = csv.writer(_Line())
    yield writer.writerow(ACTING_AS_COLUMNS)
    for row in rows.iterator(2000):
        until = row.until(at)
        moments = [f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if moment else "" for moment in (row.began_at, until)]
        people = (str(row.staff), row.staff.email, str(row.person), row.person.email)
        words = (*people, row.organization.number, row.organization.name, row.reason, row.address or "")
        yield writer.writerow([*moments, *_harmless(words)])


def _harmless(cells: Iterable[str]) -> list[str]:
    """Keep a spreadsheet from taking what a stranger typed at sign-up for a formula."""
    return [f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell for cell in cells]
