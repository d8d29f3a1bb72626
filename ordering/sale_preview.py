"""What a sale would cost everybody, before it is an order: told beside the form while it is filled."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from accounts.models import Organization
from catalog.models import Plan, Term
from catalog.pricing import Level
from common.errors import DomainError
from common.templatetags.show import money
from ordering.costs import due_in_advance, of_sale
from ordering.module_wishes import Included, included
from ordering.operations.selling import OtherPrice, Sale, judged_sale
from ordering.wording import billing, cost_facts, metering


@dataclass(frozen=True, slots=True)
class SalePreview:
    """``problem`` says why it cannot be sold so; then there are no facts."""

    facts: list[tuple[str, str]] = field(default_factory=list)
    included: list[Included] = field(default_factory=list)
    billing: list[str] = field(default_factory=list)
    problem: str = ""


def previewed(
    plan: Plan,
    consumer: Organization,
    *,
    quantity: int,
    term_months: int,
    protection_model: str = "",
    file_sync_model: str = "",
    other_price: OtherPrice | None = None,
    on: date,
    keep: Callable[[Plan, Sale], Sale] | None = None,
) -> SalePreview:
    """
    Return what ``quantity`` of ``plan`` would cost the buyer, its reseller and the consumer, and what is due at once.

    :param keep: says what of a draft stays as it was set or promised, where no other price is told.
    """
    if not plan.is_fixed:
        said = metering(plan, protection=protection_model, file_sync=file_sync_model)
        facts = [("Price", "By use, as the rate card says"), ("Due now", "Nothing")]
        return SalePreview(facts, [], [*said, *billing(plan.billing_model, term_months=term_months, trial_days=None)])
    buyer = consumer.reseller or consumer
    try:
        sale = judged_sale(
            plan,
            buyer=buyer,
            consumer=consumer,
            quantity=quantity,
            term_months=term_months,
            protection_model=protection_model,
            file_sync_model=file_sync_model,
            on=on,
            other_price=other_price,
            reserves=False,
        )
    except DomainError as refusal:
        return SalePreview(problem=str(refusal))
    if keep is not None and other_price is None:
        sale = keep(plan, sale)
    trial_days = sale.module_wish.get("trial_days")
    return SalePreview(
        _facts(plan, sale, buyer, trial_days),
        included(sale.module_wish, quantity=sale.wish.quantity),
        billing(plan.billing_model, term_months=sale.term_months, trial_days=trial_days),
    )


def _facts(plan: Plan, sale: Sale, buyer: Organization, trial_days: int | None) -> list[tuple[str, str]]:
    first = sale.prices[0]
    listed = first.steps[0].amounts
    whose = Level.WHOLESALE if buyer.kind == Organization.Kind.RESELLER else None
    cost = of_sale(sale.prices, quantity=sale.wish.quantity, term_months=sale.term_months, whose=whose)
    assert cost is not None  # it has a price at each level
    due = due_in_advance(cost, billing_model=plan.billing_model, trial_days=trial_days)
    own = f"{buyer} pays"
    return [
        ("List price", f"{money(listed.price, first.currency)} per unit for {Term(sale.term_months).label}"),
        *cost_facts(cost, own=own, customer="The customer pays", margin=f"{buyer}'s margin"),
        ("Due now", f"{money(due, first.currency)} excl. VAT, by invoice" if due else "Nothing"),
    ]
