"""What the rules that hold drafts back look at, and what was released of it before."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.apps import apps
from django.db.models import Q

from billing.adjusting import Kind
from billing.holding import Facts, Rules
from billing.models import BillingRun, Invoice, InvoiceLine
from billing.queries.run_preview import amounts, buyers_with_unrated_use

RELEASE = "release_drafts"
"""What the history calls the release of a draft."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft of a run and what the rules look at in it."""

    pk: int
    held_for: str
    facts: Facts


def drafts_with_facts(run: BillingRun, rules: Rules, *, buyers: Sequence[int] | None = None) -> list[Draft]:
    """Return the run's drafts, or those of ``buyers``; what no rule looks at is not asked for."""
    drafts = Invoice.objects.drafts().filter(run=run)
    if buyers is not None:
        drafts = drafts.filter(buyer__in=buyers)
    month = {(row["buyer"], row["currency"]): (row["now"] or Decimal(0), row["last"]) for row in amounts(run)}
    known = _known_buyers(run) if rules.new_customers else frozenset()
    correcting = _correcting_drafts(run) if rules.adjustments else frozenset()
    unrated = buyers_with_unrated_use(run) if rules.unrated else frozenset()
    found = []
    for pk, buyer, currency, net, held_for in drafts.order_by("pk").values_list("pk", "buyer", "currency", "net", "held_for"):
        now, last = month.get((buyer, currency), (net, None))
        facts = Facts(
            currency=currency,
            net=net,
            now=now,
            last=last,
            is_new=rules.new_customers and buyer not in known,
            has_adjustments=pk in correcting,
            has_unrated=buyer in unrated,
        )
        found.append(Draft(pk, held_for, facts))
    return found


def released_reasons(drafts: Iterable[int]) -> dict[int, set[str]]:
    """
    Return for which reasons each of ``drafts`` was held and released by somebody, as the history of the invoices tells it.

    A draft that was released is not held again for the same reason; one that has changed has another.
    """
    told = apps.get_model("billing", "InvoiceEvent")._default_manager.filter(pgh_obj__in=list(drafts)).order_by("pgh_obj", "pgh_id")
    released: dict[int, set[str]] = defaultdict(set)
    held_before: dict[int, str] = {}
    for draft, held_for, context in told.values_list("pgh_obj", "held_for", "pgh_context__metadata"):
        if not held_for and held_before.get(draft) and (context or {}).get("operation") == RELEASE:
            released[draft].add(held_before[draft])
        held_before[draft] = held_for
    return released


# --- Steps ----------------------------------------------------------------------------------------------------------------


def _known_buyers(run: BillingRun) -> frozenset[int]:
    """Return the buyers that this seller issued an invoice to for an earlier month."""
    earlier = Invoice.objects.issued().filter(seller=run.seller_id, period_start__lt=run.period_start)
    return frozenset(earlier.order_by().values_list("buyer", flat=True).distinct())


def _correcting_drafts(run: BillingRun) -> frozenset[int]:
    """Return the run's drafts with a line that corrects what was billed, in this month or an earlier one."""
    lines = InvoiceLine.objects.filter(invoice__run=run, invoice__status=Invoice.Status.DRAFT)
    correcting = lines.filter(Q(working__kind__in=[Kind.DIFFERENCE, Kind.TAKEN_BACK]) | Q(period_end__lte=run.period_start))
    return frozenset(correcting.order_by().values_list("invoice", flat=True).distinct())
