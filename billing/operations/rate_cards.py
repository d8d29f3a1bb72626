"""
Rate cards: what a product group's items cost and sell for in a month. Uploaded, looked at, confirmed, and never changed.

A sheet that is uploaded becomes a draft, which nothing is rated by. Confirmed, it is the next version of the group's card for its
month. Whoever confirms says which card the comparison was made with: if another one was confirmed meanwhile, the draft asks again.
"""

import hashlib
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import IO

from django.conf import settings
from django.db import transaction

from accounts.models import Organization, User
from billing import sheet_format as empty_sheet
from billing import sheets
from billing.models import Rate, RateCard, RateCardDraft
from billing.operations.exchange_rates import require_currency, require_rate
from billing.queries.rate_cards import as_json, card_in_force, known_items, rate_of, rows_of
from billing.sheets import Sheet, SheetRow
from catalog.models import ProductGroup
from common.errors import DomainError, FieldRefused


class DraftGone(DomainError):
    """The draft was discarded, or never was there."""


class DraftOutdated(DomainError):
    """What the draft was compared with is not what counts any more; its comparison is to be looked at again."""


class DraftIsCard(DomainError):
    """The draft was confirmed and cannot be discarded."""


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
    Read a filled sheet and keep it as the next version of the group's card for a month, unseen: all of it, or nothing.

    The same file with the same currency and exchange rate, again right after, gives the card there is. Two imports at once
    get two versions.

    :param month: its first day.
    :param exchange_rate: what one unit of ``currency`` is in the MSP's own currency; 1 where both are the same.
    :raises SheetRefused: with everything that is wrong in the sheet.
    :raises FieldRefused: month, currency or exchange rate is wrong.
    """
    draft, rows = read_draft(product_group, month, currency, exchange_rate, file, file_name, by=by, at=at)
    return _import(draft, rows, by=by, at=at)


def prepare_card(
    *,
    product_group: ProductGroup,
    month: date,
    currency: str,
    exchange_rate: Decimal,
    file: IO[bytes],
    file_name: str,
    by: User | None,
    at: datetime,
) -> RateCardDraft:
    """
    Read a filled sheet and keep it as a draft, to be looked at and then confirmed or discarded. Nothing is rated by it.

    The same file for the same month, uploaded again by the same person, is the draft there is. Refuses as `import_rate_card`.
    """
    draft, rows = read_draft(product_group, month, currency, exchange_rate, file, file_name, by=by, at=at)
    return _keep_draft(draft, rows)


@transaction.atomic(durable=True)
def confirm_card(*, draft_id: int, compared_with: str, by: User | None, at: datetime) -> RateCard:
    """
    Make a draft the next version of the card of its month. Confirmed twice, it is the same card.

    :param compared_with: the `fingerprint` of the preview that was looked at.
    :raises DraftGone: it was discarded.
    :raises DraftOutdated: another card was confirmed since that preview, or the MSP's currency is another one.
    """
    draft = RateCardDraft.objects.filter(pk=draft_id).first()
    if draft is None:
        raise DraftGone("This draft was discarded. Upload the sheet again.")
    _lock_group(draft.product_group_id)
    draft = RateCardDraft.objects.locked().filter(pk=draft_id).select_related("card").first()
    if draft is None:
        raise DraftGone("This draft was discarded. Upload the sheet again.")
    if draft.card is not None:
        return draft.card
    _check_is_as_shown(draft, compared_with)
    draft.card = _next_version(draft, rows_of(draft), by=by, at=at)
    draft.save(update_fields=["card"])
    return draft.card


@transaction.atomic(durable=True)
def discard_draft(*, draft_id: int) -> None:
    """
    Drop a draft. Repeated, nothing.

    :raises DraftIsCard: it was confirmed; a card is never taken back.
    """
    draft = RateCardDraft.objects.locked().filter(pk=draft_id).select_related("card").first()
    if draft is None:
        return
    if draft.card is not None:
        raise DraftIsCard(f"It was confirmed as {draft.card}, which stays. Import a correction as the next version.")
    draft.delete()


def read_draft(
    product_group: ProductGroup,
    month: date,
    currency: str,
    exchange_rate: Decimal,
    file: IO[bytes],
    file_name: str,
    *,
    by: User | None,
    at: datetime,
) -> tuple[RateCardDraft, list[SheetRow]]:
    """Return the draft of a sheet, not saved and without rows, and its rows: what an import would store. Refuses as one."""
    base_currency = check_terms(month=month, currency=currency, exchange_rate=exchange_rate)
    sheet = read_sheet(file, product_group=product_group)
    file.seek(0)
    draft = RateCardDraft(
        product_group=product_group,
        month=month,
        currency=currency,
        base_currency=base_currency,
        exchange_rate=exchange_rate,
        file_name=file_name[-255:],
        file_sha256=hashlib.file_digest(file, "sha256").hexdigest(),  # type: ignore[arg-type]
        created_by=by,
        created_at=at,
    )
    return draft, sheet.rows


def read_sheet(file: IO[bytes], *, product_group: ProductGroup) -> Sheet:
    """Read a filled sheet without keeping it. Raises as `billing.sheets.read_sheet`; files over UPLOAD_LIMIT_BYTES are refused."""
    return sheets.read_sheet(file, known_items=known_items(product_group), limit_bytes=settings.UPLOAD_LIMIT_BYTES)


def sheet_format(product_group: ProductGroup) -> bytes:
    """Return the .xlsx to fill in for a group: a row for each of its known items, lists to choose from, an example, notes."""
    return empty_sheet.write_format(known_items(product_group))


def check_terms(*, month: date, currency: str, exchange_rate: Decimal) -> str:
    """
    Return the MSP's own currency, once month, currency and exchange rate of a card are known to be right.

    :raises FieldRefused: one of them is wrong.
    """
    base_currency = Organization.objects.get(kind=Organization.Kind.MSP).currency
    if month.day != 1:
        raise FieldRefused("month", "A rate card holds for a whole month; give its first day.")
    require_currency("currency", currency)
    require_rate("exchange_rate", exchange_rate)
    if currency == base_currency and exchange_rate != 1:
        raise FieldRefused("exchange_rate", f"The card is in {base_currency}, your own currency: the exchange rate is 1.")
    return base_currency


@transaction.atomic(durable=True)
def _import(draft: RateCardDraft, rows: Iterable[SheetRow], *, by: User | None, at: datetime) -> RateCard:
    _lock_group(draft.product_group_id)
    return _next_version(draft, rows, by=by, at=at)


@transaction.atomic(durable=True)
def _keep_draft(draft: RateCardDraft, rows: Iterable[SheetRow]) -> RateCardDraft:
    """Save a draft, or return the same one, if its person has uploaded it before."""
    _lock_group(draft.product_group_id)
    same = RateCardDraft.objects.filter(
        product_group=draft.product_group_id, month=draft.month, created_by=draft.created_by_id, card=None
    )
    if (found := next((one for one in same if _says_the_same(one, draft)), None)) is not None:
        return found
    draft.rows = as_json(rows)
    draft.save(force_insert=True)
    return draft


# Steps: inside the caller's transaction


def _lock_group(product_group_id: int) -> None:
    """Let one person at a time change the cards of a group."""
    ProductGroup.objects.select_for_update(no_key=True).get(pk=product_group_id)


def _check_is_as_shown(draft: RateCardDraft, compared_with: str) -> None:
    """:raises DraftOutdated: the comparison that was looked at is not that of now."""
    present = card_in_force(draft.product_group_id, draft.month)
    if compared_with != (str(present.pk) if present is not None else "none"):
        who = f" by {present.imported_by}" if present is not None and present.imported_by is not None else ""
        told = f"{present} was confirmed{who} meanwhile" if present is not None else "It was compared with another card"
        raise DraftOutdated(f"{told}. Nothing was stored. Look at what would change now, then confirm again.")
    base_currency = Organization.objects.get(kind=Organization.Kind.MSP).currency
    if draft.base_currency != base_currency:
        told = f"Your base currency is {base_currency} now; it was {draft.base_currency} when this sheet was uploaded."
        raise DraftOutdated(f"{told} Upload it again.")


def _next_version(draft: RateCardDraft, rows: Iterable[SheetRow], *, by: User | None, at: datetime) -> RateCard:
    """Keep a draft as the next version of its month, or return the last one if it says the same. Its group is locked."""
    last = RateCard.objects.filter(product_group=draft.product_group_id, month=draft.month).order_by("-version").first()
    if last is not None and _says_the_same(last, draft):
        return last
    card = RateCard.objects.create(
        product_group=draft.product_group,
        month=draft.month,
        version=last.version + 1 if last is not None else 1,
        currency=draft.currency,
        base_currency=draft.base_currency,
        exchange_rate=draft.exchange_rate,
        file_name=draft.file_name,
        file_sha256=draft.file_sha256,
        imported_by=by,
        imported_at=at,
    )
    Rate.objects.bulk_create((rate_of(card, row) for row in rows), batch_size=1000)
    return card


def _says_the_same(one: RateCard | RateCardDraft, other: RateCardDraft) -> bool:
    def terms(card: RateCard | RateCardDraft) -> tuple[str, str, str, Decimal]:
        return card.file_sha256, card.currency, card.base_currency, card.exchange_rate

    return terms(one) == terms(other)
