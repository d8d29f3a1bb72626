"""Rate cards as their pages show them: what counts for a month, what a draft would change, which items have no rate."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from billing.card_changes import CardTerms, Comparison, compare
from billing.models import Rate, RateCard, RateCardDraft
from billing.sheets import KnownItem, SheetRow
from catalog.models import ProductGroup
from catalog.queries.metered_items import UNITS
from provisioning.models import VendorOfferingItem

# Used up and counted from the month's first day (column is_range of the vendor's reports is True); all others are levels.
USED_UP = frozenset({"compute_points", "notarizations", "esignatures", "drives_shipped_to_cloud", "drives_shipped_from_cloud"})


@dataclass(frozen=True, slots=True)
class CardPreview:
    """
    What confirming a draft would change now.

    :param compared_with: the card that counts for the month until then; None: there is none.
    :param terms_changed: currency and exchange rate as old and new words, where they differ.
    :param without_rate: what the vendor meters for the group and the draft has no rate for; it is not billed.
    :param confirmed_since: a card that was confirmed after the draft was uploaded, and is compared with now.
    """

    compared_with: RateCard | None
    comparison: Comparison
    terms_changed: tuple[str, str] | None
    without_rate: list[KnownItem]
    confirmed_since: RateCard | None

    @property
    def fingerprint(self) -> str:
        """What a confirmation says it has seen."""
        return str(self.compared_with.pk) if self.compared_with is not None else "none"


def card_in_force(product_group_id: int, month: date) -> RateCard | None:
    """Return the card that counts for ``month``: its last version, else that of the latest month before."""
    cards = RateCard.objects.filter(product_group=product_group_id, month__lte=month)
    return cards.select_related("product_group").order_by("-month", "-version").first()


def rates_of(card: RateCard) -> list[SheetRow]:
    """Return the rates of a card as rows of its sheet."""
    columns = ("line", "item", "edition", "unit", "cost", "price", "aggregation", "tier_from", "tier_to", "tier_mode")
    return [SheetRow(*row) for row in Rate.objects.filter(rate_card=card).order_by("line").values_list(*columns)]


def rows_of(draft: RateCardDraft) -> list[SheetRow]:
    """Return the rows of a draft, exactly as they were read."""
    return [_row(told) for told in draft.rows]


def rate_of(card: RateCard, row: SheetRow) -> Rate:
    """Return what ``row`` says as a rate of ``card``, not saved."""
    return Rate(
        rate_card=card,
        item=row.item,
        edition=row.edition,
        unit=row.unit,
        cost=row.cost,
        price=row.price,
        aggregation=row.aggregation,
        tier_from=row.tier_from,
        tier_to=row.tier_to,
        tier_mode=row.tier_mode,
        line=row.line,
    )


def as_json(rows: Iterable[SheetRow]) -> list[list[Any]]:
    """Return rows as a draft keeps them: plain JSON, numbers as decimal strings."""
    return [
        [
            row.line,
            row.item,
            row.edition,
            row.unit,
            f"{row.cost:f}",
            f"{row.price:f}",
            row.aggregation,
            f"{row.tier_from:f}",
            None if row.tier_to is None else f"{row.tier_to:f}",
            row.tier_mode,
        ]
        for row in rows
    ]


def terms_of(card: RateCard | RateCardDraft) -> CardTerms:
    return CardTerms(card.currency, card.exchange_rate, card.base_currency)


def preview(draft: RateCardDraft) -> CardPreview:
    """Compare a draft with the card that counts for its month now, in a handful of queries."""
    present = card_in_force(draft.product_group_id, draft.month)
    rows = rows_of(draft)
    is_newer = present is not None and present.imported_at > draft.created_at and present.pk != draft.card_id
    rated = {(row.item, row.edition) for row in rows}
    return CardPreview(
        compared_with=present,
        comparison=compared(present, rows, terms_of(draft)),
        terms_changed=_terms_changed(present, terms_of(draft)),
        without_rate=[one for one in known_items(draft.product_group) if not _is_rated(one, rated)],
        confirmed_since=present if is_newer else None,
    )


def compared(present: RateCard | None, rows: Iterable[SheetRow], terms: CardTerms) -> Comparison:
    """Compare the rows of a sheet with a card; without one, every row is new."""
    if present is None:
        return compare([], rows, old_terms=None, new_terms=terms)
    return compare(rates_of(present), rows, old_terms=terms_of(present), new_terms=terms)


def known_items(product_group: ProductGroup) -> list[KnownItem]:
    """What the vendor meters for the plans of a group, sorted; an item tied to storages is one item."""
    items = VendorOfferingItem.objects.filter(
        service_manager__plans__product_group=product_group, measurement_unit__in=UNITS
    ).values_list("edition", "name", "usage_name", "measurement_unit")
    return sorted(
        KnownItem(edition, name, usage_name, UNITS[measured], "sum" if usage_name in USED_UP else "last")
        for edition, name, usage_name, measured in items.order_by().distinct()
    )


def _row(told: list[Any]) -> SheetRow:
    line, item, edition, unit, cost, price, aggregation, begin, end, mode = told
    decimals = Decimal(cost), Decimal(price)
    return SheetRow(line, item, edition, unit, *decimals, aggregation, Decimal(begin), None if end is None else Decimal(end), mode)


def _is_rated(item: KnownItem, rated: set[tuple[str, str]]) -> bool:
    return (item.name, item.edition) in rated or (item.name, "") in rated


def _terms_changed(card: RateCard | None, terms: CardTerms) -> tuple[str, str] | None:
    if card is None or terms_of(card) == terms:
        return None
    return terms_in_words(terms_of(card)), terms_in_words(terms)


def terms_in_words(terms: CardTerms) -> str:
    """Write currency and exchange rate: EUR; or: USD, 1 USD = 0.92 EUR."""
    if terms.currency == terms.base_currency:
        return terms.currency
    return f"{terms.currency}, 1 {terms.currency} = {terms.exchange_rate.normalize():f} {terms.base_currency}"
