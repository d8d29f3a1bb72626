"""
A visitor's basket: plans that wait in the session of somebody who is signed out, until a sign-in or a sign-up takes them up.

It holds codes of order URLs, which say plan, term and seller; what they cost, and whether this buyer may have them, is judged when
they are taken up, as everywhere.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from accounts.acting import own_memberships
from accounts.arriving import way_back
from accounts.models import Membership
from catalog.models import OrderUrl
from common import clock
from common.errors import DomainError
from ordering.judging import not_for, not_sold, seller_of, without_price
from ordering.operations import baskets
from ordering.operations.refusals import ONE_SUBSCRIPTION_SENTENCE

SESSION_KEY = "waiting_basket"
MOST = 10
"""Plans that one visitor can have waiting; beyond, the oldest goes."""


def put(session: SessionBase, found: OrderUrl) -> list[str]:
    """
    Let the plan of an order URL wait. What the visitor chose last counts: another term of the plan, or another plan of the same
    service manager, goes, because one consumer has one subscription there. Return a sentence for each other plan that went.
    """
    rivals = [row for row in waiting(session) if row.plan.sold_through_id == found.plan.sold_through_id]
    gone = {row.code for row in rivals}
    kept = [code for code in _codes(session) if code not in gone]
    _keep(session, [*kept, found.code][-MOST:])
    others = [row.plan for row in rivals if row.plan_id != found.plan_id]
    return [f"{ONE_SUBSCRIPTION_SENTENCE} We took {plan} out of your basket for {found.plan}." for plan in others]


def remove(session: SessionBase, code: str) -> None:
    """Let a plan wait no longer; repeated, nothing."""
    _keep(session, [one for one in _codes(session) if one != code])


def count(session: SessionBase) -> int:
    return len(_codes(session))


def waiting(session: SessionBase) -> list[OrderUrl]:
    """Return what waits, in the order it was put there; nothing is asked where nothing waits."""
    codes = _codes(session)
    if not codes:
        return []
    rows = OrderUrl.objects.select_related("plan__service_manager", "plan__product_group", "reseller__parent")
    found = {row.code: row for row in rows.filter(code__in=codes)}
    return [found[code] for code in codes if code in found]


def take_up(request: HttpRequest) -> None:
    """
    Put what waits in the session into the basket of who has just signed in, and say what went there and what could not.

    Each plan goes into the basket of the organization acted for, or of another of the person's that is a customer of its seller.
    The page that the person goes back to judges its own order URL itself.
    """
    rows = waiting(request.session)
    request.session.pop(SESSION_KEY, None)
    memberships = _acting_first(request)
    if not rows or not memberships:
        return
    back = way_back(request)
    for row in rows:
        if row.path != back:
            _take_up(request, row, memberships)


def _take_up(request: HttpRequest, found: OrderUrl, memberships: Sequence[Membership]) -> None:
    seller, acting = seller_of(found), memberships[0]
    fitting = (one for one in memberships if one.organization.parent_id == seller.pk and one.may_order)
    membership = next(fitting, acting)
    buyer = membership.organization
    sorry = not_sold(found, seller, clock.today(seller.time_zone)) or not_for(membership, memberships, seller)
    sorry = sorry or without_price(found, buyer)
    if sorry is not None:
        messages.warning(request, f"{found.plan} is not in your basket. {sorry.sentence}")
        return
    try:
        baskets.add_plan(
            owner=membership.user, buyer=buyer, plan=found.plan, quantity=1, term_months=found.term_months, at=clock.now()
        )
    except DomainError as refusal:
        messages.warning(request, f"{found.plan} is not in your basket. {refusal}")
        return
    if membership == acting:
        messages.info(request, f"{found.plan}, which you chose before you signed in, is in your basket.")
    else:
        messages.info(request, f"{found.plan} is in the basket of {buyer}. Change to it in the menu at the top.")


def _acting_first(request: HttpRequest) -> list[Membership]:
    """Return the person's memberships, first the one of the organization acted for; asked for before any page is shown."""
    chosen = request.session.get("acting_for")
    return sorted(own_memberships(request), key=lambda one: one.organization_id != chosen)


def _codes(session: SessionBase) -> list[str]:
    kept: Any = session.get(SESSION_KEY, [])
    return list(kept)


def _keep(session: SessionBase, codes: list[str]) -> None:
    if codes:
        session[SESSION_KEY] = codes
    else:
        session.pop(SESSION_KEY, None)
