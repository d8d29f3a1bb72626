"""What is sold: the prices at each level, the module setting and the agreements that an order line copies."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from accounts.models import Organization
from catalog.models import ModuleSettings, PartnerPrice, PartnerTerms, Plan
from catalog.pricing import Level, Override
from catalog.provisioned import wish_of_plan
from catalog.queries.offers import NoPrice, SoldPrice, offers, sold_prices
from common.errors import FieldRefused
from common.money import minor_unit
from ordering import module_wishes
from ordering.costs import fingerprint, of_sale
from ordering.models import Order
from ordering.operations import refusals
from ordering.queries import checkouts
from provisioning.models import FileSyncModel, ProtectionModel, Service, VendorOfferingItem
from provisioning.operations.wishes import ServiceWish

HIGHEST_PRICE = Decimal(1_000_000_000)


@dataclass(frozen=True, slots=True)
class OtherPrice:
    """
    What the MSP sells one unit for, and why, instead of at its price list: in the currency that its own buyer is invoiced in.

    None leaves price or setup fee as they are.
    """

    price: Decimal | None
    setup_fee: Decimal | None
    reason: str

    @property
    def override(self) -> Override:
        return Override(self.price, self.setup_fee)


# Steps: inside the caller's transaction


@dataclass(frozen=True, slots=True)
class Sale:
    """What one line is sold as: prices at each level, and what is provisioned."""

    term_months: int
    prices: list[SoldPrice]
    wish: ServiceWish
    module_wish: dict[str, Any]

    def copied(self) -> dict[str, Any]:
        """Return what the order line copies of it."""
        return {
            "quantity": self.wish.quantity,
            "term_months": self.term_months,
            "prices": [price.as_json() for price in self.prices],
            "module_wish": self.module_wish,
            "protection_model": self.wish.protection_model,
            "file_sync_model": self.wish.file_sync_model,
        }


def sale_of(
    plan: Plan,
    *,
    consumer: Organization,
    quantity: int,
    term_months: int,
    protection_model: str,
    file_sync_model: str,
    on: date,
    other_price: OtherPrice | None = None,
) -> Sale:
    """
    Return what a line of ``plan`` is sold to ``consumer`` as on that day of the buyer's. Nothing is written.

    :raises NoPrice: a fixed plan has no price for the term in a currency that the sale needs.
    :raises DomainError: the module setting of the plan is incomplete, or asks for items the service manager lacks.
    """
    wish = wish_of_plan(plan, protection_model=protection_model, file_sync_model=file_sync_model, quantity=quantity)
    found = VendorOfferingItem.objects.filter(service_manager=plan.sold_through_id, name__in=wish.items)
    is_trial = wish.pricing_mode == Service.PricingMode.TRIAL
    module_wish = module_wishes.as_json(
        wish,
        mirrored={item.name: item for item in found} if wish.items else {},
        trial_days=ModuleSettings.objects.get(plan=plan).trial_days if is_trial else None,
    )
    override = None if other_price is None else other_price.override
    prices = sold_prices(plan, term_months=term_months, consumer=consumer, on=on, override=override) if plan.is_fixed else []
    return Sale(term_months, prices, wish, module_wish)


def judged_sale(
    plan: Plan,
    *,
    buyer: Organization,
    consumer: Organization,
    quantity: int,
    term_months: int,
    protection_model: str,
    file_sync_model: str,
    on: date,
    other_price: OtherPrice | None = None,
    reserves: bool = True,
) -> Sale:
    """
    Return what `sale_of` does, if ``buyer`` may order it for ``consumer``, who is locked so that two orders are judged in turn.

    The licensing models of a fixed plan are the plan's own, whatever is asked for.

    :param reserves: False of a draft: it may be written for a consumer that is served, or has an order, until it is placed.
    :raises NotForSale: the plan is not sold to the buyer.
    :raises SecondSubscription: the consumer has a live subscription, or an order for one, at the plan's service manager.
    :raises FieldRefused: a quantity or term the plan is not sold for, no price in the customer's currency, no licensing model,
        another price that nobody can be invoiced.
    :raises DomainError: the module setting of the plan is incomplete, or asks for items the service manager lacks.
    """
    if not Plan.objects.for_sale_to(buyer, on=on).filter(pk=plan.pk).exists():
        raise refusals.NotForSale(f"{plan} is not sold to {buyer}.")
    refusals.check_quantity(plan, quantity)
    refusals.check_term(plan, term_months, offers([plan], buyer, on=on).get(plan.pk, []))
    if plan.is_fixed:
        protection_model, file_sync_model = editions_of(plan)
    if protection_model not in ProtectionModel.values:
        raise FieldRefused("protection_model", "Choose a Protection Licensing Model.")
    if file_sync_model not in FileSyncModel.values:
        raise FieldRefused("file_sync_model", "Choose a File Sync & Share Licensing Model.")
    if other_price is not None:
        check_other_price(other_price, plan=plan, currency=buyer.currency)
    if reserves and checkouts.is_served(consumer, [plan.sold_through_id]):
        sentence = f"{refusals.ONE_SUBSCRIPTION_SENTENCE} {consumer} has one already, or an order for one."
        raise refusals.SecondSubscription("consumer", sentence)
    try:
        return sale_of(
            plan,
            consumer=consumer,
            quantity=quantity,
            term_months=term_months,
            protection_model=protection_model,
            file_sync_model=file_sync_model,
            on=on,
            other_price=other_price,
        )
    except NoPrice as missing:
        raise FieldRefused("term_months", str(missing)) from None


def check_other_price(other: OtherPrice, *, plan: Plan, currency: str) -> None:
    """
    :raises FieldRefused: the plan is priced by use, nothing is overridden, no reason is given, or an amount is below nothing,
        beyond all measure or has more decimals than ``currency``.
    """
    if not plan.is_fixed:
        raise FieldRefused("price", "Pay-as-you-go is priced by its rate card; there is no price to set for one order.")
    if other.price is None and other.setup_fee is None:
        raise FieldRefused("price", "Enter the other price, or the other setup fee.")
    for field, amount in (("price", other.price), ("setup_fee", other.setup_fee)):
        if amount is None:
            continue
        if amount < 0:
            raise FieldRefused(field, "Enter an amount that is not below 0.")
        if amount >= HIGHEST_PRICE:
            raise FieldRefused(field, f"Enter an amount below {HIGHEST_PRICE:,}.")
        if amount != amount.quantize(minor_unit(currency)):
            decimals = -int(minor_unit(currency).as_tuple().exponent)
            raise FieldRefused(field, f"{currency} has {decimals or 'no'} decimals; enter an amount with no more.")
    if not other.reason.strip():
        raise FieldRefused("price_reason", "Say why it is sold at another price.")


def check_prices_seen(state: checkouts.Checkout, sales: Sequence[Sale], prices_seen: str) -> None:
    """
    Compare the ``sales`` of a basket's lines with what its buyer agreed to.

    :raises PricesChanged: what is about to be sold is not what the buyer saw.
    """
    whose = Level.WHOLESALE if state.basket.buyer.kind == Organization.Kind.RESELLER else None
    sold = []
    for item, sale in zip(state.items, sales, strict=True):
        cost = of_sale(sale.prices, quantity=sale.wish.quantity, term_months=sale.term_months, whose=whose)
        if cost is not None:
            sold.append(checkouts.price_seen(item, cost))
    if fingerprint(sold) != prices_seen:
        raise refusals.PricesChanged(
            "The prices, what is included or your basket have changed since you saw them. Nothing is ordered yet."
        )


def editions_of(plan: Plan) -> tuple[str, str]:
    """Return the licensing models of a fixed plan; both empty where it has no module setting."""
    settings = getattr(plan, "module_settings", None)
    return (settings.protection_model, settings.file_sync_model) if settings is not None else ("", "")


def agreed_terms(order: Order, plan: Plan) -> dict[str, object]:
    """What an order line copies of its plan, and of what MSP and reseller agreed; percent, zero for direct customers."""
    seller = order.consumer.reseller
    agreed = PartnerTerms.objects.filter(reseller=seller, plan=plan).first() if seller else None
    retail = PartnerPrice.objects.filter(reseller=seller, plan=plan).first() if seller else None
    return {
        "plan": plan,
        "plan_name": plan.name,
        "billing_model": plan.billing_model,
        "partner_discount_percent": agreed.discount_percent if agreed else Decimal(0),
        "retail_markup_percent": retail.markup_percent if retail else Decimal(0),
        "retail_discount_percent": retail.discount_percent if retail else Decimal(0),
    }
