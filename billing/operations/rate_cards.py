"""Rate cards: what a product group's items cost and sell for in a month, imported from a sheet and never changed."""

import hashlib
from datetime import date, datetime
from decimal import Decimal
from typing import IO

from django.conf import settings
from django.db import transaction

from accounts.models import Organization, User
from billing import sheets
from billing.models import Rate, RateCard
from billing.operations.exchange_rates import require_currency, require_rate
from billing.sheets import KnownItem, Sheet
from catalog.models import ProductGroup
from common.errors import FieldRefused
from provisioning.models import VendorOfferingItem

# How the vendor's measurement units are rated; `n/a` marks features, which are not metered.
UNITS = {"bytes": "GiB", "quantity": "unit", "seconds": "hour"}

# Used up and counted from the month's first day (column is_range of the vendor's reports is True); all others are levels.
USED_UP = frozenset({"compute_points", "notarizations", "esignatures", "drives_shipped_to_cloud", "drives_shipped_from_cloud"})


def import_rate_card(
    *,
    product_group: ProductGroup,
    month: date,
    currency: str,
    exchange_rate: Decimal,
    file: IO[bytes],
    file_name: str,
    by: User | None,
    at: datetime,
) -> RateCard:
    """
    Read a filled sheet and keep it as the next version of the group's card for a month: all of it, or nothing.

    The same file with the same currency and exchange rate, again right after, gives the card there is. Two imports at once
    get two versions.

    :param month: its first day.
    :param exchange_rate: what one unit of ``currency`` is in the MSP's own currency; 1 where both are the same.
    :raises SheetRefused: with everything that is wrong in the sheet.
    :raises FieldRefused: month, currency or exchange rate is wrong.
    """
    base_currency = Organization.objects.get(kind=Organization.Kind.MSP).currency
    _check_terms(month=month, currency=currency, base_currency=base_currency, exchange_rate=exchange_rate)
    sheet = read_sheet(file, product_group=product_group)
    file.seek(0)
    card = RateCard(
        product_group=product_group,
        month=month,
        currency=currency,
        base_currency=base_currency,
        exchange_rate=exchange_rate,
        file_name=file_name[-255:],
        file_sha256=hashlib.file_digest(file, "sha256").hexdigest(),  # type: ignore[arg-type]
        imported_by=by,
        imported_at=at,
    )
    return _store(card, sheet)


def read_sheet(file: IO[bytes], *, product_group: ProductGroup) -> Sheet:
    """Read a filled sheet without keeping it. Raises as `billing.sheets.read_sheet`; files over UPLOAD_LIMIT_BYTES are refused."""
    return sheets.read_sheet(file, known_items=known_items(product_group), limit_bytes=settings.UPLOAD_LIMIT_BYTES)


def sheet_format(product_group: ProductGroup) -> bytes:
    """Return the .xlsx to fill in for a group: a row for each of its known items, lists to choose from, notes."""
    return sheets.write_format(known_items(product_group))


def known_items(product_group: ProductGroup) -> list[KnownItem]:
    """What the vendor meters for the plans of a group, sorted; an item tied to storages is one item."""
    items = VendorOfferingItem.objects.filter(
        service_manager__plans__product_group=product_group, measurement_unit__in=UNITS
    ).values_list("edition", "name", "usage_name", "measurement_unit")
    return sorted(
        KnownItem(edition, name, usage_name, UNITS[measured], "sum" if usage_name in USED_UP else "last")
        for edition, name, usage_name, measured in items.order_by().distinct()
    )


def _check_terms(*, month: date, currency: str, base_currency: str, exchange_rate: Decimal) -> None:
    if month.day != 1:
        raise FieldRefused("month", "A rate card holds for a whole month; give its first day.")
    require_currency("currency", currency)
    require_rate("exchange_rate", exchange_rate)
    if currency == base_currency and exchange_rate != 1:
        raise FieldRefused("exchange_rate", f"The card is in {base_currency}, your own currency: the exchange rate is 1.")


@transaction.atomic(durable=True)
def _store(card: RateCard, sheet: Sheet) -> RateCard:
    """Keep the card as the next version, or return the last one if it is the same."""
    ProductGroup.objects.select_for_update(no_key=True).get(pk=card.product_group_id)  # one import of a group at a time
    last = RateCard.objects.filter(product_group_id=card.product_group_id, month=card.month).order_by("-version").first()
    if last is not None and _says_the_same(last, card):
        return last
    card.version = last.version + 1 if last is not None else 1
    card.save(force_insert=True)
    Rate.objects.bulk_create(
        (
            Rate(
                rate_card=card,
                item=row.item,
                edition=row.edition,
                unit=row.unit,
                cost=row.cost,
                price=row.price,
                aggregation=row.aggregation,
                line=row.line,
            )
            for row in sheet.rows
        ),
        batch_size=1000,
    )
    return card


def _says_the_same(one: RateCard, other: RateCard) -> bool:
    def terms(card: RateCard) -> tuple[str, str, str, Decimal]:
        return card.file_sha256, card.currency, card.base_currency, card.exchange_rate

    return terms(one) == terms(other)
