"""
How long a rate card of 5,000 rows takes from the uploaded file to the preview, and from its confirmation to the stored rates.

The yardstick is openpyxl going through the cells of the same file and one bulk_create of what they say, with nothing checked.
"""

import io
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from uuid import uuid4

from django.db import transaction
from openpyxl import Workbook, load_workbook

from accounts.models import Organization
from billing.models import Rate, RateCard
from billing.operations import rate_cards
from billing.queries.rate_cards import preview
from catalog.models import Plan, Product, ProductGroup, ProductType, Venture
from provisioning.models import ServiceManager, VendorOfferingItem

ROWS = 5000
ROUNDS = 3
AT = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
MONTH, EARLIER = date(2026, 10, 1), date(2025, 10, 1)
HEADER = ("Item", "Edition", "Unit", "Cost", "Price", "Aggregation")


def run() -> Iterator[dict[str, object]]:
    """Yield the measurement. Writes rate cards, which nobody can delete: give it a database of its own."""
    group = _world()
    # Each another file, or the second would be the first card again; the cards of the yardstick are of a month of their own.
    sheets = [_sheet(price=n + 1) for n in range(ROUNDS)]
    plain = min(_timed(partial(_plain, group, sheet, version)) for version, sheet in enumerate(sheets, start=1))
    ours = min(_timed(partial(_import, group, sheet)) for sheet in sheets)
    yield {
        "name": "billing.ratecard_5000_rows_s",
        "value": round(ours, 3),
        "unit": "s",
        "yardstick": round(plain, 3),
        "ratio": round(ours / plain, 2),
    }


def _timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _import(group: ProductGroup, sheet: bytes) -> None:
    """Upload, look, confirm: all that a billing manager waits for. From the second round on every price has changed."""
    draft = rate_cards.prepare_card(
        product_group=group,
        month=MONTH,
        currency="EUR",
        exchange_rate=Decimal(1),
        file=io.BytesIO(sheet),
        file_name="card.xlsx",
        by=None,
        at=AT,
    )
    shown = preview(draft)
    card = rate_cards.confirm_card(draft_id=draft.pk, compared_with=shown.fingerprint, by=None, at=AT)
    assert card.rates.count() == ROWS


@transaction.atomic
def _plain(group: ProductGroup, sheet: bytes, version: int) -> None:
    page = load_workbook(io.BytesIO(sheet), read_only=True).worksheets[0]
    card = RateCard.objects.create(
        product_group=group,
        month=EARLIER,
        version=version,
        currency="EUR",
        base_currency="EUR",
        exchange_rate=1,
        file_name="card.xlsx",
        file_sha256="0" * 64,
        imported_at=AT,
    )
    rows = enumerate(page.iter_rows(min_row=2, values_only=True), start=2)
    rates = [
        Rate(rate_card=card, line=line, item=str(item), unit=str(unit), cost=str(cost), price=str(price), aggregation=str(how))
        for line, (item, _, unit, cost, price, how) in rows
    ]
    assert len(Rate.objects.bulk_create(rates, batch_size=1000)) == ROWS


def _sheet(*, price: int) -> bytes:
    book = Workbook(write_only=True)
    page = book.create_sheet("Rate card")
    page.append(HEADER)
    for n in range(ROWS):
        page.append((f"item_{n}", "", "unit", 0.01, price / 100, "last"))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _world() -> ProductGroup:
    """A product group with as many known items as the sheet has rows."""
    name = uuid4().hex[:8]
    kind = Organization.Kind.MSP
    if not Organization.objects.filter(kind=kind).exists():
        Organization.objects.create(
            kind=kind, number="M1", name="Northwind Cloud GmbH", billing_email="till@northwind.example", created_at=AT
        )
    manager = ServiceManager.objects.create(
        name=f"Rate cards {name}", base_url="http://acronis.invalid", client_id="benchmark", client_secret=uuid4().hex
    )
    product = Product.objects.create(product_type=ProductType.objects.create(name=f"Type {name}"), name="Backup")
    group = ProductGroup.objects.create(product=product, name=f"Group {name}")
    venture = Venture.objects.create(name=f"Venture {name}", invoice_series=name)
    Plan.objects.create(number=f"P{name}", venture=venture, product_group=group, service_manager=manager, name=f"Plan {name}")
    VendorOfferingItem.objects.bulk_create(
        VendorOfferingItem(
            service_manager=manager,
            application_id=uuid4(),
            application_type="backup",
            name=f"item_{n}",
            usage_name=f"item_{n}",
            item_type="count",
            measurement_unit="quantity",
        )
        for n in range(ROWS)
    )
    return group
