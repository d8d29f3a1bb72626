"""What resellers take from their customers: every write to partner prices and markups. History keeps what they were before."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from accounts.models import Organization, local_date
from catalog.models import HIGHEST_MARKUP_PERCENT, PartnerMarkup, PartnerPrice, PartnerTerms, Plan, PlanPrice, Term
from catalog.operations import order_urls
from catalog.operations.prices import HIGHEST_PRICE
from catalog.queries import partner_prices
from catalog.queries.partner_prices import Wish
from common.errors import DomainError, FieldRefused
from common.money import minor_unit

PERCENT_DECIMALS = 3
UNIT_PRICE_DECIMALS = 10


class NotAllowed(DomainError):
    """The MSP does not let this reseller sell the plan."""


class PartnerPriceRefused(FieldRefused):
    """
    A markup or discount that cannot be meant.

    ``field`` is markup_kind, markup_percent, overage_markup_percent, discount_percent, accepts_loss or amounts; of one amount
    amount-EUR-12 or overage_amount-EUR-12: the currency and the months of the term.
    """


class MakesLoss(PartnerPriceRefused):
    """Customers would pay less than the reseller does, and nobody said that this is meant; ``field`` is accepts_loss."""


@transaction.atomic(durable=True)
def set_partner_price(
    *,
    reseller: Organization,
    plan: Plan,
    markup_kind: str,
    markup_percent: Decimal,
    overage_markup_percent: Decimal | None,
    discount_percent: Decimal,
    is_published: bool,
    amounts: Mapping[tuple[str, int], tuple[Decimal, Decimal]],
    at: datetime,
    accepts_loss: bool = False,
) -> PartnerPrice:
    """
    Let ``reseller`` take its cost plus the markup, less the discount, from its customers for ``plan`` from now on.

    ``amounts``, by currency and term in months: what is added to the price of one unit and term, and to the overage price per GB
    and month, excluding VAT. They are all there are afterwards; a term without one is not sold in that currency. With a markup by
    percent there are none. ``overage_markup_percent`` None is the same as ``markup_percent``.

    What was sold keeps the price it was sold at. Repeated, nothing.

    :raises NotAllowed: the MSP does not let this reseller sell the plan.
    :raises PartnerPriceRefused: negative, absurd, finer than can be kept or paid, a discount above 100 %, an amount on a
        pay-as-you-go plan, or one for a currency and term that the MSP has no price for.
    :raises MakesLoss: some retail price is below the cost, and ``accepts_loss`` is not said.
    """
    wish = Wish(markup_kind, markup_percent, overage_markup_percent, discount_percent, is_published, dict(amounts))
    discount = _locked_discount(reseller, plan)
    return _set(reseller, plan, wish, cost_discount=discount, at=at, accepts_loss=accepts_loss)


@transaction.atomic(durable=True)
def change_partner_price(
    *, reseller: Organization, plan: Plan, changes: Mapping[str, Any], at: datetime, accepts_loss: bool = False
) -> PartnerPrice:
    """
    Like `set_partner_price`, but what ``changes`` does not name stays as it is when it is this change's turn.

    ``changes`` has names and values of a `Wish`. A change to a markup by percent takes the amounts away.

    :raises NotAllowed: as `set_partner_price`.
    :raises PartnerPriceRefused: as `set_partner_price`.
    :raises MakesLoss: as `set_partner_price`.
    """
    discount = _locked_discount(reseller, plan)
    present = PartnerPrice.objects.filter(reseller=reseller, plan=plan).first()
    wish = replace(Wish.of(present), **changes)
    if wish.markup_kind == PartnerPrice.MarkupKind.PERCENT and "amounts" not in changes:
        wish = replace(wish, amounts={})
    return _set(reseller, plan, wish, cost_discount=discount, at=at, accepts_loss=accepts_loss)


def check(plan: Plan, wish: Wish, *, on: date) -> None:
    """
    Refuse what cannot be meant; the page that shows what a wish comes to asks the same.

    :raises PartnerPriceRefused: naming the field.
    """
    if wish.markup_kind not in PartnerPrice.MarkupKind.values:
        raise PartnerPriceRefused("markup_kind", "Mark up by percent or by amount.")
    _check_percent("markup_percent", "The markup", wish.markup_percent, HIGHEST_MARKUP_PERCENT)
    if wish.overage_markup_percent is not None:
        _check_percent("overage_markup_percent", "The markup on the overage price", wish.overage_markup_percent)
    _check_percent("discount_percent", "The discount", wish.discount_percent, Decimal(100))
    if wish.markup_kind == PartnerPrice.MarkupKind.PERCENT:
        if wish.amounts:
            raise PartnerPriceRefused("amounts", "Amounts go with a markup by amount, not with one by percent.")
        return
    if not plan.is_fixed:
        raise PartnerPriceRefused("markup_kind", "What is priced by use is marked up by percent only.")
    if wish.is_published and not wish.amounts:
        raise PartnerPriceRefused("amounts", "Enter an amount for at least one term, or nothing could be ordered.")
    _check_amounts(plan, wish, on)


def check_no_loss(plan: Plan, wish: Wish, *, reseller: Organization, cost_discount: Decimal, on: date) -> None:
    """
    Refuse to sell for less than the cost without a word about it.

    :raises MakesLoss: customers would pay less than ``reseller`` does.
    """
    losing = partner_prices.retail_rows(plan, wish, cost_discount=cost_discount, own_currency=reseller.currency, on=on)
    where = [f"{row.currency}, {Term(row.term_months).label}" for row in losing if row.makes_loss]
    if where:
        raise MakesLoss("accepts_loss", f"Your customers would pay less than you do: {'; '.join(where)}. Tick that this is meant.")
    if not plan.is_fixed and wish.loses_on_use:
        raise MakesLoss("accepts_loss", "Your customers would pay less than you do. Tick that this is meant.")


# Steps: inside the caller's transaction


def _locked_discount(reseller: Organization, plan: Plan) -> Decimal:
    """Lock what MSP and reseller agreed on the plan, so that changes of it follow each other, and return the MSP's discount."""
    terms = PartnerTerms.objects.filter(reseller=reseller, plan=plan).select_for_update(of=("self",), no_key=True).first()
    if terms is None or not terms.is_allowed or not partner_prices.allowed_plans(reseller).filter(pk=plan.pk).exists():
        raise NotAllowed(f"{plan} is not among the plans you may sell.")
    return terms.discount_percent


def _set(
    reseller: Organization, plan: Plan, wish: Wish, *, cost_discount: Decimal, at: datetime, accepts_loss: bool
) -> PartnerPrice:
    today = local_date(at, reseller)
    check(plan, wish, on=today)
    if not accepts_loss:
        check_no_loss(plan, wish, reseller=reseller, cost_discount=cost_discount, on=today)
    price = _written(reseller, plan, wish)
    order_urls.make_order_urls(plan, on=today, at=at)
    return price


def _written(reseller: Organization, plan: Plan, wish: Wish) -> PartnerPrice:
    facts = {
        "markup_kind": wish.markup_kind,
        "markup_percent": wish.markup_percent,
        "overage_markup_percent": wish.overage_markup_percent,
        "discount_percent": wish.discount_percent,
        "is_published": wish.is_published,
    }
    price, _ = PartnerPrice.objects.update_or_create(reseller=reseller, plan=plan, defaults=facts)
    present = {(row.currency, row.term_months): row for row in price.markups.all()}
    price.markups.filter(pk__in=[row.pk for key, row in present.items() if key not in wish.amounts]).delete()
    for (currency, months), (amount, overage_amount) in sorted(wish.amounts.items()):
        row = present.get((currency, months)) or PartnerMarkup(partner_price=price, currency=currency, term_months=months)
        if row.pk is None or (row.amount, row.overage_amount) != (amount, overage_amount):
            row.amount, row.overage_amount = amount, overage_amount
            row.save()
    return price


def _check_percent(field: str, label: str, percent: Decimal, highest: Decimal = HIGHEST_MARKUP_PERCENT) -> None:
    if not percent.is_finite():
        raise PartnerPriceRefused(field, f"{label} is no number.")
    if percent < 0:
        raise PartnerPriceRefused(field, f"{label} cannot be less than nothing.")
    if percent > highest:
        raise PartnerPriceRefused(field, f"{label} cannot be more than {highest:,} %. Look for a misplaced comma.")
    if _decimals(percent) > PERCENT_DECIMALS:
        raise PartnerPriceRefused(field, f"{label} has more than three decimals.")


def _check_amounts(plan: Plan, wish: Wish, on: date) -> None:
    priced = partner_prices.priced_terms(plan, on=on)
    with_overage = _terms_with_overage(plan, on)
    for (currency, months), (amount, overage_amount) in wish.amounts.items():
        key = f"{currency}-{months}"
        if (currency, months) not in priced:
            raise PartnerPriceRefused(
                f"amount-{key}", f"{plan} has no price in {currency} for this term, so it cannot be marked up."
            )
        _check_amount(f"amount-{key}", "The markup", amount)
        if amount != amount.quantize(minor_unit(currency)):
            smallest = minor_unit(currency)
            raise PartnerPriceRefused(
                f"amount-{key}", f"The markup is finer than {currency} can be paid; its smallest amount is {smallest}."
            )
        _check_amount(f"overage_amount-{key}", "The markup on the overage price", overage_amount)
        if overage_amount and (currency, months) not in with_overage:
            raise PartnerPriceRefused(f"overage_amount-{key}", "This term has no overage price to be marked up.")
        if _decimals(overage_amount) > UNIT_PRICE_DECIMALS:
            raise PartnerPriceRefused(f"overage_amount-{key}", "The markup on the overage price has more than ten decimals.")


def _check_amount(field: str, label: str, amount: Decimal) -> None:
    if not amount.is_finite():
        raise PartnerPriceRefused(field, f"{label} is no amount.")
    if amount < 0:
        raise PartnerPriceRefused(field, f"{label} cannot be less than nothing.")
    if amount > HIGHEST_PRICE:
        raise PartnerPriceRefused(field, f"{label} cannot be more than {HIGHEST_PRICE:,}. Look for a misplaced comma.")


def _terms_with_overage(plan: Plan, on: date) -> set[tuple[str, int]]:
    rows = PlanPrice.objects.filter(plan=plan, overage_price__isnull=False).exclude(valid_until__lte=on)
    return set(rows.values_list("currency", "term_months"))


def _decimals(number: Decimal) -> int:
    return max(0, -int(number.normalize().as_tuple().exponent))
