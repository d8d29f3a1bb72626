"""Reads for the pages of the partner panel: the list of plans with what each brings, and the history of one price."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import Membership, Organization, User
from catalog.models import OrderUrl, PartnerPrice, Plan, PlanPrice, Product
from catalog.queries.partner_prices import RetailRow, Wish, allowed_plans, retail_row

LONGEST_HISTORY = 20


@dataclass(frozen=True, slots=True)
class PanelRow:
    """A plan in the list: what is agreed, and its prices in the reseller's own currency, shortest term first."""

    plan: Plan
    price: PartnerPrice | None
    wish: Wish
    rows: Sequence[RetailRow] = ()

    @property
    def smallest(self) -> RetailRow | None:
        """The term whose cost is least by the month."""
        return min(self.rows, key=lambda row: row.cost.price / row.term_months, default=None)

    @property
    def margin_percent(self) -> Decimal | None:
        """The margin on use, as a share of the retail price in percent, to one decimal; it is the same for every rate."""
        kept = (100 + self.wish.markup_percent) * (100 - self.wish.discount_percent)
        return round((kept - 10_000) * 100 / kept, 1) if kept else None


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a price, told in words. ``again`` are the form's values, to fill it with what was; None: cannot be told."""

    at: datetime
    who: str
    told: str
    again: dict[str, str] | None = None


def panel_plans(reseller: Organization, *, words: str = "", published: str = "", product: str = "") -> QuerySet[Plan]:
    """
    Return the plans ``reseller`` may sell, by name. ``published`` is yes, no or empty; ``product`` the id of one product.

    Every one of ``words`` must be found in the plan's number or name, or in its product's name.
    """
    plans = allowed_plans(reseller).select_related("product_group__product")
    for word in words.split():
        plans = plans.filter(Q(name__icontains=word) | Q(number__iexact=word) | Q(product_group__product__name__icontains=word))
    if product.isascii() and product.isdecimal() and len(product) <= 18:
        plans = plans.filter(product_group__product=int(product))
    if published in ("yes", "no"):
        is_published = Exists(PartnerPrice.objects.filter(plan=OuterRef("pk"), reseller=reseller, is_published=True))
        plans = plans.filter(is_published if published == "yes" else ~is_published)
    return plans.order_by("product_group__product__name", "name", "pk")


def panel_products(reseller: Organization) -> list[tuple[int, str]]:
    """Return the products of which ``reseller`` may sell a plan, by name."""
    products = Product.objects.filter(groups__plans__in=allowed_plans(reseller).order_by().values("pk"))
    return list(products.distinct().order_by("name", "pk").values_list("pk", "name"))


def panel_rows(plans: Iterable[Plan], reseller: Organization, *, on: date, currency: str | None = None) -> list[PanelRow]:
    """
    Return each of ``plans`` (from `panel_plans`) with its prices on that day: three queries, however many plans.

    :param currency: of the prices; the reseller's own unless told otherwise.
    """
    listed = list(plans)
    prices = {price.plan_id: price for price in partner_prices_of(reseller, listed)}
    costs: dict[int, list[PlanPrice]] = {}
    sold: dict[int, set[int]] = {}
    wanted = currency or reseller.currency
    in_force = PlanPrice.objects.in_force(on).filter(plan__in=listed, currency__in={wanted, reseller.currency})
    for row in in_force.order_by("plan", "term_months"):
        if row.currency == wanted:
            costs.setdefault(row.plan_id, []).append(row)
        if row.currency == reseller.currency:
            sold.setdefault(row.plan_id, set()).add(row.term_months)
    found = []
    for plan in listed:
        price = prices.get(plan.pk)
        wish = Wish.of(price)
        discount: Decimal = plan.cost_discount  # type: ignore[attr-defined]
        terms = sold.get(plan.pk, set())
        rows = [retail_row(row, wish, cost_discount=discount) for row in costs.get(plan.pk, []) if row.term_months in terms]
        found.append(PanelRow(plan, price, wish, rows))
    return found


def partner_prices_of(reseller: Organization, plans: Sequence[Plan]) -> QuerySet[PartnerPrice]:
    """Return what ``reseller`` takes for ``plans``, with its amounts: two queries."""
    return PartnerPrice.objects.filter(reseller=reseller, plan__in=plans).prefetch_related("markups")


def order_urls_of(reseller: Organization, plans: Sequence[Plan]) -> QuerySet[OrderUrl]:
    """Return the reseller's own order URLs of ``plans``, shortest term first."""
    return OrderUrl.objects.filter(reseller=reseller, plan__in=plans).order_by("plan", "term_months")


def history(price: PartnerPrice, *, reseller: Organization) -> list[Change]:
    """
    Return the latest changes of a price and its amounts, the newest first, as far as `LONGEST_HISTORY`: three queries.

    People of the reseller are named; anybody else is its seller's staff.
    """
    events: list[Any] = [
        *_events("PartnerPriceEvent").filter(pgh_obj=price)[:LONGEST_HISTORY],
        *_events("PartnerMarkupEvent").filter(partner_price=price)[:LONGEST_HISTORY],
    ]
    events.sort(key=lambda event: (event.pgh_created_at, event.pgh_id), reverse=True)
    people = _people(events, reseller)
    return [_change(event, people) for event in events[:LONGEST_HISTORY]]


def _events(model: str) -> QuerySet[Any]:
    rows: QuerySet[Any] = apps.get_model("catalog", model)._default_manager.all()
    return rows.order_by("-pgh_id").select_related("pgh_context")


def _people(events: Iterable[Any], reseller: Organization) -> dict[int, str]:
    ids = {actor for event in events if (actor := _actor(event)) is not None}
    own = Membership.objects.filter(organization=reseller, user__in=ids).values("user")
    return {user.pk: str(user) for user in User.objects.filter(pk__in=own)}


def _actor(event: Any) -> int | None:
    """Return whose hand it was: that of the member of staff where one acted as a person of the reseller."""
    context = (event.pgh_context.metadata or {}) if event.pgh_context else {}
    return context.get("staff") or context.get("user")


def _change(event: Any, people: dict[int, str]) -> Change:
    actor = _actor(event)
    who = people.get(actor, "your account manager's side") if actor is not None else ""
    if not hasattr(event, "markup_percent"):
        term = f"{event.currency}, {event.term_months} month{'' if event.term_months == 1 else 's'}"
        return Change(event.pgh_created_at, who, f"Markup for {term}: {event.amount.normalize():f} {event.currency}")
    by_percent = event.markup_kind == PartnerPrice.MarkupKind.PERCENT
    told = [f"Markup {_percent(event.markup_percent)}" if by_percent else "Markup by amount"]
    if by_percent and event.overage_markup_percent is not None:
        told.append(f"on the overage price {_percent(event.overage_markup_percent)}")
    told += [f"discount {_percent(event.discount_percent)}", "published" if event.is_published else "not published"]
    again = _again(event) if by_percent else None
    return Change(event.pgh_created_at, who, ", ".join(told), again)


def _again(event: Any) -> dict[str, str]:
    overage = event.overage_markup_percent
    return {
        "markup_kind": event.markup_kind,
        "markup_percent": _plain(event.markup_percent),
        "overage_markup_percent": "" if overage is None else _plain(overage),
        "discount_percent": _plain(event.discount_percent),
        **({"is_published": "on"} if event.is_published else {}),
    }


def _percent(number: Decimal) -> str:
    return f"{_plain(number)} %"


def _plain(number: Decimal) -> str:
    """Write a number without needless zeros."""
    return f"{number.normalize():f}"
