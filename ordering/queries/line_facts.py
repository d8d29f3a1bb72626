"""What a line of an order says to staff, as labels and words, so that two states of it can be told apart in sentences."""

from collections.abc import Mapping

from ordering.models import Order, OrderLine
from ordering.module_wishes import Included, included
from ordering.queries import tracking


def line_facts(line: OrderLine, *, order: Order) -> dict[str, str]:
    """Return what ``line``, which need not be stored, is sold as: product, costs at each end, what is included, who gets in."""
    trial_days = line.module_wish.get("trial_days")
    user = [words for words in (line.login, line.email, line.get_role_display() if line.login or line.email else "") if words]
    told = {
        "Product": line.plan_name,
        "Term": line.get_term_months_display(),
        "Quantity": f"{line.quantity:,}",
        **dict(tracking.line_cost_facts(line, order=order, reader=None)),
        "Another price": line.price_reason,
        "Free trial": f"{trial_days} days" if trial_days else "",
        **{quota.label: _words(quota) for quota in included(line.module_wish, quantity=line.quantity)},
        "Protection": line.get_protection_model_display(),
        "File Sync & Share": line.get_file_sync_model_display(),
        "First user": ", ".join(user),
        "Reference": order.purchase_order,
    }
    return {label: words for label, words in told.items() if words}


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Say what of ``before`` is not so ``now``, one sentence each."""
    labels = [*now, *(label for label in before if label not in now)]
    return [_difference(label, before.get(label), now.get(label)) for label in labels if before.get(label) != now.get(label)]


def _difference(label: str, before: str | None, now: str | None) -> str:
    if before is None:
        return f"{label}: {now}, which was not there before."
    return f"{label}: {now} instead of {before}." if now is not None else f"{label}: nothing instead of {before}."


def _words(quota: Included) -> str:
    return f"{quota.amount}, and up to {quota.above} above it" if quota.above else quota.amount
