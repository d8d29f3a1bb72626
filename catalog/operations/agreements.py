"""What a pay-as-you-go plan includes for free each month, and what a month of it costs at least."""

from decimal import Decimal

from django.db import transaction

from catalog.models import Plan, PlanAllowance, PlanCommitment
from catalog.queries.metered_items import require_metered
from common.errors import FieldRefused
from common.fields import QuantityField
from common.money import is_currency, minor_unit

HIGHEST_AMOUNT = Decimal(10_000_000)
HIGHEST_QUANTITY = Decimal(1_000_000_000)


class TermsRefused(FieldRefused):
    """What a plan cannot promise; ``field`` is item, quantity, currency or amount."""


@transaction.atomic(durable=True)
def set_plan_allowance(*, plan_id: int, item: str, edition: str, quantity: Decimal) -> PlanAllowance:
    """
    Let each month of a plan include ``quantity`` of an item at no charge, in the item's unit.

    It is for those who order from now on; running subscriptions keep what they have. Repeated, nothing.

    :param edition: empty: of any edition that has no allowance of its own.
    :raises TermsRefused: the plan is not pay-as-you-go, or the quantity cannot be meant.
    :raises FieldRefused: the vendor does not meter the item for the plan.
    """
    plan = _locked(plan_id)
    require_metered(plan, item, edition)
    check_quantity(quantity, least=Decimal("0.0000000001"))
    row, _ = PlanAllowance.objects.update_or_create(plan=plan, item=item, edition=edition, defaults={"quantity": quantity})
    return row


@transaction.atomic(durable=True)
def remove_plan_allowance(*, plan_id: int, allowance_id: int) -> None:
    """Include nothing of an item any more for those who order from now on. Repeated, nothing."""
    Plan.objects.locked().get(pk=plan_id)
    PlanAllowance.objects.filter(plan=plan_id, pk=allowance_id).delete()


@transaction.atomic(durable=True)
def set_plan_commitment(*, plan_id: int, currency: str, amount: Decimal) -> PlanCommitment:
    """
    Let each month of a plan cost at least ``amount``, excluding VAT, for those who order from now on. Repeated, nothing.

    :raises TermsRefused: the plan is not pay-as-you-go, the currency is none, or the amount cannot be meant in it.
    """
    plan = _locked(plan_id)
    if not is_currency(currency):
        raise TermsRefused("currency", f"“{currency:.10}” is no currency. Use the three letters of ISO 4217, such as EUR.")
    check_amount(amount, currency, least=minor_unit(currency))
    row, _ = PlanCommitment.objects.update_or_create(plan=plan, currency=currency, defaults={"amount": amount})
    return row


@transaction.atomic(durable=True)
def remove_plan_commitment(*, plan_id: int, commitment_id: int) -> None:
    """Ask for no minimum in a currency any more of those who order from now on. Repeated, nothing."""
    Plan.objects.locked().get(pk=plan_id)
    PlanCommitment.objects.filter(plan=plan_id, pk=commitment_id).delete()


# Steps: inside or outside the caller's transaction


def check_quantity(quantity: Decimal, *, least: Decimal) -> None:
    """:raises TermsRefused: ``quantity`` is no number, is below ``least`` or absurd, or has more than ten decimals."""
    if not quantity.is_finite() or quantity < least:
        raise TermsRefused("quantity", "Enter a quantity of 0 or more." if least == 0 else "Enter a quantity above 0.")
    if quantity > HIGHEST_QUANTITY:
        raise TermsRefused("quantity", f"The quantity cannot be more than {HIGHEST_QUANTITY:,}. Look for a misplaced comma.")
    if _decimals(quantity) > QuantityField().decimal_places:
        raise TermsRefused("quantity", "The quantity has more than ten decimals.")


def check_amount(amount: Decimal, currency: str, *, least: Decimal) -> None:
    """:raises TermsRefused: ``amount`` is no amount, is below ``least`` or absurd, or is finer than ``currency`` can be paid."""
    if not amount.is_finite() or amount < least:
        raise TermsRefused("amount", "Enter an amount of 0 or more." if least == 0 else "Enter an amount above 0.")
    if amount > HIGHEST_AMOUNT:
        raise TermsRefused("amount", f"The amount cannot be more than {HIGHEST_AMOUNT:,}. Look for a misplaced comma.")
    if amount != amount.quantize(minor_unit(currency)):
        unit = minor_unit(currency)
        raise TermsRefused("amount", f"The amount is finer than {currency} can be paid; its smallest amount is {unit}.")


def _locked(plan_id: int) -> Plan:
    """:raises TermsRefused: the plan has a fixed price."""
    plan = Plan.objects.locked().get(pk=plan_id)
    if plan.is_fixed:
        raise TermsRefused("item", f"{plan} has a fixed price; free units and a minimum are for what is billed by use.")
    return plan


def _decimals(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0
