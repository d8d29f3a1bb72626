"""
Whether what is in use fits into what is to be sold instead: asked before a change is quoted, ordered and carried out.

No transaction may be open: the vendor is asked what is in use.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.operations.in_use import InUse, UsageKey, in_use, usage_keys
from common.errors import FieldRefused
from common.templatetags.show import moment
from ordering import module_wishes
from ordering.amendment_terms import RunsUnder
from ordering.queries.amendments import msp
from provisioning.models import Service
from provisioning.planning.values import Limit, amount_words


class BelowUse(FieldRefused):
    """More is in use than the new quota allows; the text has the figures."""


@dataclass(frozen=True, slots=True)
class _Quota:
    """All units of one offering item; None is unlimited."""

    label: str
    unit: str
    limit: Limit

    @property
    def most(self) -> int | None:
        """How much can be in use: with what may be used above the soft quota where there is a hard one."""
        return None if self.limit.soft is None else self.limit.soft + (self.limit.overage or 0)


def check_fits(service: Service, after: RunsUnder, *, field: str, at: datetime, only_live: bool = False) -> list[str]:
    """
    Return what is to be said of what is in use: that it is above the new soft quota, or only known from an earlier reading.

    What does not become less than the service has now, whoever set that, is not looked at: nobody is kept from more because even
    that would not be enough.

    :param field: what of the form is refused.
    :param only_live: what was read earlier does not do; a vendor that does not answer is asked again later.
    :raises AcronisError: where it does not do, and the vendor did not answer.
    :raises BelowUse: an offering item has less than what is in use, or is not included any more and is in use.
    """
    keys = usage_keys(service.service_manager)
    had = _quotas(module_wishes.of_service(service), service.quantity, keys)
    gets = _quotas(after.module_wish, after.quantity, keys)
    shrinking = {key: quota for key, quota in had.items() if _is_less(gets.get(key), quota, after)}
    if not shrinking:
        return []
    used = in_use(service, at=at, only_live=only_live)
    refusals = [_refusal(used, key, quota, gets.get(key), after) for key, quota in shrinking.items()]
    if any(refusals):
        known = "" if used.is_live else f" This is as of {moment(used.as_of, msp().time_zone)}: Acronis does not answer now."
        raise BelowUse(field, f"{' '.join(filter(None, refusals))} Use less first, or choose more.{known}")
    warnings = [_above(used, key, gets[key]) for key in shrinking if key in gets]
    if not used.is_live:
        warnings.append("Acronis does not answer at the moment; what is in use is looked at again before anything is changed.")
    return [warning for warning in warnings if warning]


def _quotas(told: Mapping[str, Any], quantity: int, keys: Mapping[str, UsageKey]) -> dict[UsageKey, _Quota]:
    """Return the quota of everything that is metered and on, by what is counted."""
    found: dict[UsageKey, _Quota] = {}
    items: Mapping[str, Any] = told.get("items", {})
    for name, item in items.items():
        if item["is_enabled"] and item["unit"] not in ("", "n/a"):
            limit = Limit(item["soft"], item["overage"]).times(quantity)
            label = module_wishes.included_item(name, limit, unit=item["unit"], application=item["application"]).label
            found[keys.get(name, ("", name))] = _Quota(label, item["unit"], limit)
    return found


def _is_less(gets: _Quota | None, had: _Quota, after: RunsUnder) -> bool:
    if gets is None:
        return after.module_wish.get("covers") != Service.Covers.EVERYTHING
    if gets.most is None:
        return False
    return had.most is None or gets.most < had.most or (gets.limit.soft or 0) < (had.limit.soft or 0)


def _refusal(used: InUse, key: UsageKey, had: _Quota, gets: _Quota | None, after: RunsUnder) -> str:
    amount = used.amount(key)
    what = f"{_words(amount, had.unit)} of {had.label} are in use;"
    units = f"{after.quantity:,} × {after.plan_name}"
    if gets is None:
        return f"{what} {units} does not include it." if amount else ""
    if gets.most is None or amount <= gets.most:
        return ""
    above = f", and {amount_words(gets.limit.overage, gets.unit)} above it" if gets.limit.overage else ""
    return f"{what} {units} has {amount_words(gets.limit.soft or 0, gets.unit)}{above}."


def _above(used: InUse, key: UsageKey, gets: _Quota) -> str:
    """Say that more is in use than the soft quota, which is allowed and billed."""
    soft, amount = gets.limit.soft, used.amount(key)
    if soft is None or amount <= soft:
        return ""
    return f"{_words(amount - soft, gets.unit)} of {gets.label} are in use above the new quota; they are billed as overage."


def _words(amount: Decimal, unit: str) -> str:
    return amount_words(int(amount), unit)
