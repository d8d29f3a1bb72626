"""Who may order by an order URL: why not, in sentences, for the page it leads to and for what a visitor had waiting."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Q

from accounts.models import Membership, Organization
from catalog.models import OrderUrl, PartnerPrice, Plan, PlanPrice
from catalog.queries.partner_prices import allowed_plans
from common import clock

CONFLICT, FORBIDDEN, GONE = 409, 403, 410


@dataclass(frozen=True, slots=True)
class Sorry:
    """Why nothing was put into the basket, and what the visitor can do: a page with its status and one link on."""

    status: int
    title: str
    sentence: str
    advice: str
    label: str = "Go to the products"
    url_name: str = "catalog:home"


def seller_of(found: OrderUrl) -> Organization:
    """Return whose order URL it is: the reseller's, or the MSP's."""
    return found.reseller or Organization.objects.get(kind=Organization.Kind.MSP)


def not_sold(found: OrderUrl, seller: Organization, today: date) -> Sorry | None:
    """Say why nobody at all can order by this order URL of ``seller``; None where it is good."""
    if not found.is_active:
        return _gone("This order URL is not in use any more", f"{seller} has switched it off.")
    if not _sells(found, seller):
        return _gone("This plan is not sold any more", f"{seller} does not sell what this order URL was for.")
    prices = PlanPrice.objects.in_force(today).filter(plan=found.plan_id, term_months=found.term_months)
    if found.plan.is_fixed and not prices.exists():
        term = found.get_term_months_display()
        return _gone("This term is not sold any more", f"{seller} sells {found.plan} no longer for {term}.")
    return None


def _sells(found: OrderUrl, seller: Organization) -> bool:
    plan = found.plan
    if plan.status != Plan.Status.PUBLISHED or not plan.sold_through.is_active:
        return False
    if found.reseller_id is None:
        return True
    is_published = PartnerPrice.objects.filter(plan=plan, reseller=seller, is_published=True).exists()
    return is_published and allowed_plans(seller).filter(pk=plan.pk).exists()


def _gone(title: str, sentence: str) -> Sorry:
    return Sorry(GONE, title, sentence, "See what is sold now, or ask whom you have the link from.")


def not_for(membership: Membership, memberships: Sequence[Membership], seller: Organization) -> Sorry | None:
    """
    Say why an order URL of ``seller`` is not for the organization acted for, or not for the person's role in it.

    :param memberships: all of the person's: another of them may be the one the order URL is for.
    """
    organization = membership.organization
    if organization.parent_id == seller.pk:
        if membership.may_order:
            return None
        advice = f"Ask a buyer or an administrator of {organization} to open the order URL, or to change your role."
        return Sorry(FORBIDDEN, "Your role lets you look, not order", f"You are a viewer at {organization}.", advice)
    if organization.pk == seller.pk:
        advice = "Give it to your customers. To order on behalf of one, open the plan under Products and choose the customer."
        return Sorry(FORBIDDEN, "This is one of your own order URLs", f"Customers of {organization} order by it.", advice)
    if other := _fitting(memberships, seller):
        advice = f"You also act for {other}: change to it in the menu at the top, then open the order URL again."
    else:
        advice = "Your own seller's products are under Products."
    sentence = f"You act for {organization}, which is no customer of the seller whose order URL this is."
    return Sorry(FORBIDDEN, "This order URL is for somebody else's customers", sentence, advice)


def _fitting(memberships: Sequence[Membership], seller: Organization) -> Organization | None:
    """Another organization that this person orders for, and whose seller it is."""
    fitting = (one.organization for one in memberships if one.organization.parent_id == seller.pk and one.may_order)
    return next(fitting, None)


def without_price(found: OrderUrl, buyer: Organization) -> Sorry | None:
    """Say why this buyer in particular cannot order the plan: it has no price in the buyer's currency, or is not sold to it."""
    today = clock.today(buyer.time_zone)
    plans = Plan.objects.filter(pk=found.plan_id)
    if plans.for_sale_to(buyer, on=today).priced_for(buyer, term_months=found.term_months, on=today).exists():
        return None
    priced_in = Q(currency=buyer.currency, term_months=found.term_months)
    if found.plan.is_fixed and not PlanPrice.objects.in_force(today).filter(priced_in, plan=found.plan_id).exists():
        sentence = f"{found.plan} has no price in {buyer.currency}, the currency {buyer} is invoiced in, for this term."
    else:
        sentence = f"{found.plan} is not sold to {buyer} for this term."
    advice = "Ask your seller for an offer, or choose another plan or term under Products."
    return Sorry(CONFLICT, "There is no price for you here", sentence, advice)
