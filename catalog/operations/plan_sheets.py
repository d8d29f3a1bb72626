"""
Export and import of plans and prices as a spreadsheet. An import is judged first and applied on purpose; it is all or nothing.

Both go by a fixed number of queries, however many rows there are; `catalog.operations.prices` writes the same rows one by one.
"""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet
from sequences import get_next_values
from tablib import Dataset

from accounts.models import User
from catalog.models import (
    ModuleItem,
    ModuleSettings,
    OrderUrl,
    PartnerTerms,
    Plan,
    PlanPrice,
    Product,
    ProductGroup,
    ProductType,
    Term,
    Venture,
)
from catalog.operations.judged_rows import JudgedRow, rows_of
from catalog.operations.plan_known import Known
from catalog.operations.plan_resources import BILLING_MODELS, EDITABLE, PLAN_COLUMN, PlanResource
from catalog.operations.price_resources import PRICE_COLUMN, PriceResource
from catalog.plan_sheets import COLUMNS, PLANS, PRICES, Choices, PageLines, read_book, write_book, write_csv, write_format
from common.errors import DomainError
from common.sheets import RowError, SheetRefused

ONE_IMPORT_AT_A_TIME = 6  # see common/locks.py
ROWS_AT_ONCE = 1000
USUAL_CURRENCIES = ("EUR", "USD", "GBP", "CHF")


class ImportOutdated(DomainError):
    """What the file would change is not what was shown any more."""


@dataclass(frozen=True, slots=True)
class ImportPreview:
    """What a file would do: every row with its kind, or everything that is wrong. ``digest`` tells two previews apart."""

    rows: tuple[JudgedRow, ...]
    errors: tuple[RowError, ...]
    digest: str

    @property
    def counts(self) -> dict[str, int]:
        """How many rows are new, changed, unchanged and wrong."""
        wrong = len({(error.page, error.row) for error in self.errors})
        found = {kind: sum(row.kind == kind for row in self.rows) for kind in ("new", "changed", "unchanged")}
        return {**found, "wrong": wrong}

    @property
    def changes_anything(self) -> bool:
        return any(row.kind != "unchanged" for row in self.rows)


# --- Export -------------------------------------------------------------------------------------------------------------


def export_plans(plans: QuerySet[Plan]) -> bytes:
    """Return an .xlsx of those plans and of all their prices, past and planned ones too: five queries."""
    return write_book({PLANS: _plan_rows(plans), PRICES: _price_rows(plans)})


def export_csv(plans: QuerySet[Plan], *, page: str) -> bytes:
    """Return one of the two pages as CSV."""
    return write_csv(page, _plan_rows(plans) if page == PLANS else _price_rows(plans))


def sheet_format() -> bytes:
    """Return the .xlsx to fill in, with the names of the catalogue to choose from."""
    groups = ProductGroup.objects.select_related("product__product_type").order_by(
        "product__product_type__name", "product__name", "name"
    )
    ventures = list(Venture.objects.order_by("name").values_list("name", flat=True))
    first = groups.first()
    here = (
        (first.product.product_type.name, first.product.name, first.name) if first else ("Backup", "Cyber Protect", "Backup plans")
    )
    return write_format(
        Choices(
            ventures=ventures,
            product_types=list(ProductType.objects.order_by("name").values_list("name", flat=True)),
            products=sorted(set(Product.objects.values_list("name", flat=True))),
            product_groups=list(dict.fromkeys(group.name for group in groups)),
            billing_models=list(BILLING_MODELS),
            terms=list(Term.values),
            currencies=USUAL_CURRENCIES,
            example_place=(ventures[0] if ventures else "Cloud", *here),
        )
    )


def _plan_rows(plans: QuerySet[Plan]) -> list[Sequence[Any]]:
    rows = plans.select_related("venture", "product_group__product__product_type")
    return rows_of(PlanResource(), rows)


def _price_rows(plans: QuerySet[Plan]) -> list[Sequence[Any]]:
    # The list's own order and joins stay where they are: what matters here is which plans it holds.
    prices = PlanPrice.objects.filter(plan__in=plans.order_by().values("pk")).select_related("plan")
    return rows_of(PriceResource(), prices.order_by("plan__number", "currency", "term_months", "valid_from"))


# --- Import -------------------------------------------------------------------------------------------------------------


def preview_import(content: bytes, *, today: date) -> ImportPreview:
    """
    Judge a file without writing anything.

    :raises SheetRefused: it cannot be read at all. What is wrong in its rows is in the preview, all of it.
    """
    return _judge(content, today=today).preview


@transaction.atomic(durable=True)
def apply_import(content: bytes, *, digest: str, by: User | None, today: date, at: datetime) -> ImportPreview:
    """
    Write what a file changes: every row, or nothing. New plans are drafts with numbers of their own; nothing is published,
    archived or deleted. Repeated, nothing is written, and the preview that comes back says so.

    :param digest: of the preview that was agreed to.
    :raises SheetRefused: a row is wrong by now.
    :raises ImportOutdated: the file would change something else than was shown.
    """
    with connection.cursor() as cursor:  # the second of two imports waits here, and then sees what the first has written
        cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [ONE_IMPORT_AT_A_TIME])
    judged = _judge(content, today=today, is_locking=True)
    preview = judged.preview
    if preview.errors:
        raise SheetRefused(preview.errors)
    if not preview.changes_anything:
        return preview
    if preview.digest != digest:
        raise ImportOutdated("The catalogue has changed since the preview. Nothing was imported; look at the changes again.")
    try:
        with transaction.atomic():
            _write(judged, by=by, today=today, at=at)
    except IntegrityError as error:  # somebody added the same plan by hand in these seconds
        raise ImportOutdated(
            "Somebody changed the same plans just now. Nothing was imported; look at the changes again."
        ) from error
    return preview


# Steps: inside the caller's transaction


@dataclass(frozen=True, slots=True)
class _Judged:
    plans: PlanResource
    prices: PriceResource
    preview: ImportPreview


def _judge(content: bytes, *, today: date, is_locking: bool = False) -> _Judged:
    book = read_book(content)
    known = Known(book[PLANS], book[PRICES], is_locking=is_locking)
    plans = PlanResource(known=known, lines=book[PLANS], today=today)
    prices = PriceResource(known=known, lines=book[PRICES], today=today)
    errors = [
        *_errors(plans, book[PLANS], PLAN_COLUMN),
        *_errors(prices, book[PRICES], PRICE_COLUMN),
    ]
    rows = (*plans.judged, *prices.judged)
    return _Judged(plans, prices, ImportPreview(rows, tuple(errors), _digest(rows)))


def _errors(resource: PlanResource | PriceResource, lines: PageLines, column_of: dict[str, str]) -> list[RowError]:
    """Judge the rows of one page; return every error with its row and column."""
    dataset = Dataset(*lines.rows, headers=COLUMNS[resource.page])
    result = resource.import_data(dataset, dry_run=True, use_transactions=False)
    for failed in (*result.base_errors, *(error for _, errors in result.row_errors() for error in errors)):
        raise failed.error  # no refusal of a row, but a bug
    return [
        RowError(lines.numbers[row.number - 1], column_of[name], str(sentence), resource.page)
        for row in result.invalid_rows
        for name, sentences in row.error_dict.items()
        for sentence in sentences
    ]


def _digest(rows: Iterable[JudgedRow]) -> str:
    changes = [(row.page, row.line, row.kind, row.name, row.changes) for row in rows if row.kind != "unchanged"]
    return hashlib.sha256(repr(changes).encode()).hexdigest()


def _write(judged: _Judged, *, by: User | None, today: date, at: datetime) -> None:
    _add_plans(judged.plans.added)
    _change_plans(judged.plans.changed)
    _write_prices(judged.prices, by=by, at=at)
    touched = {plan.pk for plan in (*judged.plans.added, *judged.plans.changed)} | {price.plan_id for price in judged.prices.added}
    touched |= {price.plan_id for price in judged.prices.ended.values()}
    _make_order_urls(touched, today=today, at=at)


def _add_plans(plans: Sequence[Plan]) -> None:
    if not plans:
        return
    numbers = get_next_values(len(plans), "plan", initial_value=1001)
    for plan, number in zip(plans, numbers, strict=True):
        plan.number = f"P{number}"
    Plan.objects.bulk_create(plans, batch_size=ROWS_AT_ONCE)
    ModuleSettings.objects.bulk_create((ModuleSettings(plan=plan) for plan in plans), batch_size=ROWS_AT_ONCE)


def _change_plans(plans: Sequence[Plan]) -> None:
    Plan.objects.bulk_update(plans, list(EDITABLE), batch_size=ROWS_AT_ONCE)
    # What pay-as-you-go does not have; for plans that were so already there is nothing to drop.
    by_use = [plan.pk for plan in plans if not plan.is_fixed]
    nothing: dict[str, Any] = {"storage_quota": None, "overage": None, "protection_model": "", "file_sync_model": ""}
    ModuleSettings.objects.filter(plan__in=by_use, storage_quota__isnull=False).update(**nothing)
    quotas = Q(soft_quota__isnull=False) | Q(overage__isnull=False)
    ModuleItem.objects.filter(quotas, settings__plan__in=by_use).update(soft_quota=None, overage=None)


def _write_prices(prices: PriceResource, *, by: User | None, at: datetime) -> None:
    """End before adding: of a plan, currency and term only one price has an open end."""
    by_end: dict[date | None, list[int]] = {}
    for pk, row in prices.ended.items():
        by_end.setdefault(row.valid_until, []).append(pk)
    for end, keys in by_end.items():
        PlanPrice.objects.filter(pk__in=keys).update(valid_until=end)
    for row in (*prices.corrected.values(), *prices.added):
        row.created_at, row.created_by = at, by
    told = ["setup_fee", "price", "overage_price", "created_at", "created_by"]
    PlanPrice.objects.bulk_update(prices.corrected.values(), told, batch_size=ROWS_AT_ONCE)
    PlanPrice.objects.bulk_create(prices.added, batch_size=ROWS_AT_ONCE)


def _make_order_urls(plan_ids: Iterable[int], *, today: date, at: datetime) -> None:
    """Make the order URLs that those plans have not got yet, as `catalog.operations.order_urls` does for one."""
    plans = Plan.objects.filter(pk__in=list(plan_ids), service_manager__isnull=False)
    terms: dict[int, set[int]] = {plan.pk: set() if plan.is_fixed else {Term.MONTH} for plan in plans}
    sold = PlanPrice.objects.filter(Q(valid_until__isnull=True) | Q(valid_until__gt=today), plan__in=terms)
    for plan_id, term in sold.values_list("plan", "term_months").distinct().order_by():
        terms[plan_id].add(term)
    sellers: dict[int, list[int | None]] = {plan.pk: [None] for plan in plans}
    allowed = PartnerTerms.objects.filter(
        plan__in=[plan.pk for plan in plans if plan.applicable_on_partner_website], is_allowed=True
    )
    for plan_id, reseller in allowed.values_list("plan", "reseller"):
        sellers[plan_id].append(reseller)
    present = set(OrderUrl.objects.filter(plan__in=terms).values_list("plan", "reseller", "term_months"))
    wanted = ((plan_id, seller, term) for plan_id in terms for seller in sellers[plan_id] for term in terms[plan_id])
    OrderUrl.objects.bulk_create(
        [
            OrderUrl(code=secrets.token_hex(5), plan_id=plan_id, reseller_id=seller, term_months=term, created_at=at)
            for plan_id, seller, term in wanted
            if (plan_id, seller, term) not in present
        ],
        batch_size=ROWS_AT_ONCE,
        ignore_conflicts=True,
    )
