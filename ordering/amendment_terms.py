"""What an amendment changes: what a subscription runs under, before and after, and how each reader is told. Plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from catalog.models import FIXED_MODELS, Plan, Term
from catalog.pricing import Level
from catalog.queries.offers import SoldPrice
from common.money import round_money
from common.templatetags.show import money, unit_price
from ordering.costs import Cost, End, of_sale
from ordering.models import OrderLine
from ordering.module_wishes import included
from provisioning.models import FileSyncModel, ProtectionModel


@dataclass(frozen=True, slots=True)
class AmendmentWish:
    """
    What somebody wants of a subscription. What is not given stays as it is.

    :param kind: an `OrderLine.Kind` but “new”.
    :param quantity: of “quantity”; of “plan” where the quantity is to change with it.
    :param plan: of “plan”.
    :param term_months: of “term”; of “plan” where the term is to change with it.
    :param ends: of “cancel”, an `OrderLine.Ends`.
    :param protection_model: of “plan” where what is metered is paid for; the licensing models of a fixed plan are its own.
    """

    kind: str
    quantity: int | None = None
    plan: Plan | None = None
    term_months: int | None = None
    ends: str = ""
    protection_model: str = ""
    file_sync_model: str = ""


@dataclass(frozen=True, slots=True)
class RunsUnder:
    """
    What a subscription runs under: copied, so that it can be told again when all of it has changed.

    :param prices: of one unit and the term, one a level of the sale; empty where it is priced by use.
    :param module_wish: what is provisioned for quantity 1, as `module_wishes.as_json` tells it.
    """

    plan_name: str
    billing_model: str
    quantity: int
    term_months: int
    prices: Sequence[SoldPrice]
    module_wish: Mapping[str, Any]
    protection_model: str
    file_sync_model: str

    @property
    def is_fixed(self) -> bool:
        return self.billing_model in FIXED_MODELS

    def cost(self, whose: Level | None) -> Cost | None:
        """Return what it costs one reader, see `costs.of_sale`; None where it is priced by use."""
        return of_sale(self.prices, quantity=self.quantity, term_months=self.term_months, whose=whose)

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "plan_name": self.plan_name,
            "billing_model": self.billing_model,
            "quantity": self.quantity,
            "term_months": self.term_months,
            "prices": [price.as_json() for price in self.prices],
            "module_wish": dict(self.module_wish),
            "protection_model": self.protection_model,
            "file_sync_model": self.file_sync_model,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "RunsUnder":
        """Return what `as_json` told."""
        return cls(**{**told, "prices": [SoldPrice.from_json(price) for price in told["prices"]]})

    @classmethod
    def of_line(cls, line: OrderLine) -> "RunsUnder":
        """Return what an order line asks for."""
        return cls(
            plan_name=line.plan_name,
            billing_model=line.billing_model,
            quantity=line.quantity,
            term_months=line.term_months,
            prices=[SoldPrice.from_json(price) for price in line.prices],
            module_wish=line.module_wish,
            protection_model=line.protection_model,
            file_sync_model=line.file_sync_model,
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a comparison, in the reader's words; empty where one side has no such thing."""

    label: str
    before: str
    after: str

    @property
    def has_changed(self) -> bool:
        return self.before != self.after


def heading(kind: str, before: RunsUnder, after: RunsUnder, *, ends: str = "") -> str:
    """Say in a few words what is asked for: Quantity 1 → 2."""
    match kind:
        case OrderLine.Kind.QUANTITY:
            return f"Quantity {before.quantity:,} → {after.quantity:,}"
        case OrderLine.Kind.PLAN:
            return f"{before.plan_name} → {after.plan_name}"
        case OrderLine.Kind.TERM:
            return f"Term {term_words(before.term_months)} → {term_words(after.term_months)}"
    return "Cancellation now" if ends == OrderLine.Ends.NOW else "Cancellation at the end of the term"


def compared(before: RunsUnder, after: RunsUnder, *, whose: Level | None, is_staff: bool = False) -> list[Row]:
    """
    Return what stands on both sides, in the order people read it: plan, quantity, term, quotas, licensing models, prices.

    :param whose: WHOLESALE for the reseller of the sale and for staff, who see both ends; else the consumer's end alone.
    :param is_staff: names the ends for somebody who is neither.
    """
    rows = [Row("Plan", before.plan_name, after.plan_name)]
    if after.is_fixed:
        rows.append(Row("Quantity", f"{before.quantity:,}", f"{after.quantity:,}"))
        rows.append(Row("Term", term_words(before.term_months), term_words(after.term_months)))
        rows += _quotas(before, after)
    models = ProtectionModel(before.protection_model), ProtectionModel(after.protection_model)
    rows.append(Row("Protection Licensing Model", *(str(model.label) for model in models)))
    shared = FileSyncModel(before.file_sync_model), FileSyncModel(after.file_sync_model)
    rows.append(Row("File Sync & Share Licensing Model", *(str(model.label) for model in shared)))
    return rows + _prices(before.cost(whose), after.cost(whose), is_staff=is_staff)


def term_words(months: int) -> str:
    """Say a term: 1 month, 12 months."""
    return str(Term(months).label)


def _quotas(before: RunsUnder, after: RunsUnder) -> list[Row]:
    """Return the quotas of all units together; what has none on either side is left out."""
    sides = [_quota_words(before), _quota_words(after)]
    labels = dict.fromkeys([*sides[1], *sides[0]])
    rows = [Row(label, *(side.get(label, "not included") for side in sides)) for label in labels]
    return [row for row in rows if row.has_changed or row.after != "unlimited"]


def _quota_words(under: RunsUnder) -> dict[str, str]:
    said = included(under.module_wish, quantity=under.quantity)
    return {one.label: f"{one.amount}, and up to {one.above} above it" if one.above else one.amount for one in said}


def _prices(before: Cost | None, after: Cost | None, *, is_staff: bool) -> list[Row]:
    if before is None or after is None:
        return []
    if after.retail is None or before.retail is None:
        return _end_rows(before.own, after.own, "Price", "Overage price")
    own, theirs = ("Reseller pays", "Customer pays") if is_staff else ("Your cost", "Your customer pays")
    return [
        *_end_rows(before.own, after.own, own, "Overage price"),
        *_end_rows(before.retail, after.retail, theirs, "Overage price for the customer"),
    ]


def _end_rows(before: End, after: End, label: str, overage: str) -> list[Row]:
    rows = [Row(label, _for_term(before), _for_term(after))]
    if (before.term_months, after.term_months) != (1, 1):
        rows.append(Row(f"{label}, per month", _per_month(before), _per_month(after)))
    prices = before.unit.overage_price, after.unit.overage_price
    if prices != (None, None):
        sides = zip(prices, (before.currency, after.currency), strict=True)
        rows.append(Row(overage, *("none" if price is None else _per_gigabyte(price, currency) for price, currency in sides)))
    return rows


def _for_term(end: End) -> str:
    return f"{money(end.price, end.currency)} for {term_words(end.term_months)}, excl. VAT"


def _per_month(end: End) -> str:
    return money(round_money(end.price / end.term_months, end.currency), end.currency)


def _per_gigabyte(price: Decimal, currency: str) -> str:
    return f"{unit_price(price, currency)} per GB and month"
