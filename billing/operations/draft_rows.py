"""
What a draft says, compared with what it should say, and the difference written.

A step of a billing run (`runs`), after `drafts` has told what should be, inside the same transaction.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from accounts.models import Organization
from billing.measuring import readings_of
from billing.models import BillingRun, Invoice, InvoiceLine
from billing.operations.drafts import Bill, Line, of_period
from billing.rating import plain
from common.money import round_money
from common.periods import Period


def write(run: BillingRun, seller: Organization, buyers: list[int], bills: list[Bill], *, at: datetime) -> None:
    """Make the drafts of ``buyers`` say what ``bills`` say: new ones are added, others changed or, if nothing is due, removed."""
    drafts = {
        (draft.buyer_id, draft.venture_id, draft.currency): draft
        for draft in Invoice.objects.drafts().locked().filter(of_period(seller, run.period), buyer__in=buyers)
    }
    present = _draft_lines(drafts.values())
    wanted = {(bill.buyer_id, bill.venture_id, bill.currency): bill for bill in bills}
    _remove([draft for key, draft in drafts.items() if key not in wanted])
    new: list[Invoice] = []
    changed: list[Invoice] = []
    drafted: list[tuple[Invoice, Bill]] = []
    for key, bill in wanted.items():
        if (draft := drafts.get(key)) is None:
            draft = _new_draft(seller, bill, kind=Invoice.Kind.MONTHLY, period=run.period, run=run, at=at)
            new.append(draft)
        elif _is_taxed_the_same(draft, bill) and _say_the_same(bill.lines, present[draft.pk]):
            continue
        else:
            changed.append(draft)
        _total(draft, bill)
        drafted.append((draft, bill))
    _copy_drafts(new)
    if changed:
        InvoiceLine.objects.filter(invoice__in=changed).delete()
        Invoice.objects.bulk_update(changed, ["net", "tax", "gross", "taxes", "run", "tax_category", "tax_note"])
    _copy(drafted)


_COLUMNS = (
    "invoice_id",
    "position",
    "subscription_id",
    "order_key",
    "product_group_id",
    "item",
    "edition",
    "part",
    "description",
    "period_start",
    "period_end",
    "quantity",
    "unit",
    "unit_price",
    "net",
    "tax_percent",
    "readings",
    "working",
)
_COPY = f"COPY billing_invoiceline ({', '.join(_COLUMNS)}) FROM STDIN"
_DRAFT_COLUMNS = tuple(field.attname for field in Invoice._meta.concrete_fields)
_COPY_DRAFTS = f"COPY billing_invoice ({', '.join(_DRAFT_COLUMNS)}) FROM STDIN"
_NEW_KEYS = "SELECT nextval(pg_get_serial_sequence('billing_invoice', 'id')) FROM generate_series(1, %s)"


def _copy_drafts(new: list[Invoice]) -> None:
    """Write new drafts by COPY, as their lines: building a statement of so many values takes longer than the database does."""
    if not new:
        return
    with connection.cursor() as cursor:
        cursor.execute(_NEW_KEYS, [len(new)])
        for draft, (key,) in zip(new, cursor.fetchall(), strict=True):
            draft.pk = key
        with cursor.copy(_COPY_DRAFTS) as copy:
            for draft in new:
                copy.write_row([_as_column(getattr(draft, name)) for name in _DRAFT_COLUMNS])


# Made once for all lines; what is written here refers to nothing that refers back to it.
_as_json = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode


def _as_column(value: Any) -> Any:
    return _as_json(value) if isinstance(value, dict | list) else value


def _copy(drafted: list[tuple[Invoice, Bill]]) -> None:
    """Write new lines by COPY: their workings are long, and quoting them into a statement takes longer than all the rest."""
    if not drafted:
        return
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for draft, bill in drafted:
            for position, line in enumerate(bill.lines, start=1):
                *facts, working = facts_of(line)
                copy.write_row((draft.pk, position, *facts, _as_json(working)))


def _draft_lines(drafts: Iterable[Invoice]) -> dict[int, list[tuple[Any, ...]]]:
    """Return what the lines of ``drafts`` say, in their order, as `facts_of` does."""
    present: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    if ids := [draft.pk for draft in drafts]:
        rows = InvoiceLine.objects.filter(invoice__in=ids).order_by("invoice_id", "position")
        for draft, *facts in rows.values_list("invoice_id", *_COLUMNS[2:]).iterator(chunk_size=2000):
            present[draft].append(tuple(facts))
    return present


def _is_taxed_the_same(draft: Invoice, bill: Bill) -> bool:
    return (draft.tax_category, draft.tax_note) == (bill.treatment.category, bill.treatment.reason)


def _say_the_same(lines: list[Line], present: list[tuple[Any, ...]]) -> bool:
    """Say whether ``lines`` are those of the draft; in which order a line keeps its readings is the database's matter."""
    wanted = [facts_of(line) for line in lines]
    return wanted == present or [_in_order(facts) for facts in wanted] == [_in_order(facts) for facts in present]


def _in_order(facts: tuple[Any, ...]) -> tuple[Any, ...]:
    *rest, readings, working = facts
    return (*rest, readings and readings_of(readings, ""), working)


def facts_of(line: Line) -> tuple[Any, ...]:
    """Return what makes a line the same as another: its columns but for the invoice and the position, in order."""
    due = line.due
    return (
        line.subscription_id,
        line.order_key,
        line.product_group_id,
        line.item,
        line.edition,
        line.part,
        line.description,
        line.days.start,
        line.days.end,
        due.quantity,
        due.unit,
        due.unit_price,
        due.net,
        line.tax_percent,
        due.readings,
        line.working,
    )


def write_one(
    *, seller: Organization, bill: Bill, kind: str, period: Period, run: BillingRun | None = None, at: datetime
) -> Invoice:
    """Write one document, a draft of ``kind`` for ``period`` with the lines of ``bill``; the caller has locked the buyer."""
    draft = _new_draft(seller, bill, kind=kind, period=period, run=run, at=at)
    _total(draft, bill)
    draft.save(force_insert=True)
    _copy([(draft, bill)])
    return draft


def _remove(drafts: list[Invoice]) -> None:
    if drafts:
        Invoice.objects.filter(pk__in=[draft.pk for draft in drafts]).delete()


def _new_draft(seller: Organization, bill: Bill, *, kind: str, period: Period, run: BillingRun | None, at: datetime) -> Invoice:
    return Invoice(
        kind=kind,
        seller=seller,
        buyer_id=bill.buyer_id,
        venture_id=bill.venture_id,
        run=run,
        currency=bill.currency,
        period_start=period.start,
        period_end=period.end,
        created_at=at,
    )


def _total(draft: Invoice, bill: Bill) -> None:
    """Set the totals: nets are sums of rounded lines, each tax is taken once on the sum of its nets (EN 16931, BG-23)."""
    draft.tax_category, draft.tax_note = bill.treatment.category, bill.treatment.reason
    draft.net = sum((line.due.net for line in bill.lines), Decimal(0))
    draft.taxes = taxes_on(((line.due.net, line.working["taxes"]) for line in bill.lines), bill.currency)
    draft.tax = sum((Decimal(tax["tax"]) for tax in draft.taxes), Decimal(0))
    draft.gross = draft.net + draft.tax


def taxes_on(lines: Iterable[tuple[Decimal, Iterable[Sequence[str]]]], currency: str) -> list[dict[str, str]]:
    """Return each tax, taken once on the sum of the nets it applies to; ``lines`` are nets with name and percent of their taxes."""
    by_tax: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for net, taxes in lines:
        for name, percent in taxes:
            by_tax[name, percent] += net
    return [
        {"name": name, "percent": percent, "net": plain(net), "tax": plain(round_money(net * Decimal(percent) / 100, currency))}
        for (name, percent), net in sorted(by_tax.items())
    ]
