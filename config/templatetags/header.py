"""The header of the storefront: whose shop this is, where the reader is, for whom the reader acts, what lies in the basket."""

from django import template
from django.template.context import RequestContext
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.acting import acting_membership, own_memberships
from accounts.arriving import arrived_at
from accounts.models import Membership, Organization
from ordering import waiting
from ordering.models import BasketLine, Order
from ordering.queries.checkouts import Summary

register = template.Library()


@register.simple_tag(takes_context=True)
def seller_name(context: RequestContext) -> str:
    """Return the name over the door: a reseller's for its customers and for who came by its door, else the MSP's."""
    if not context.request.user.is_authenticated:
        seller = arrived_at(context.request)
        return seller.name if seller is not None else "Cloudtill"
    acting = acting_membership(context.request)
    if acting is not None and acting.organization.parent is not None:
        return acting.organization.parent.name
    return Organization.objects.filter(kind=Organization.Kind.MSP).values_list("name", flat=True).first() or "Cloudtill"


@register.simple_tag(takes_context=True)
def other_memberships(context: RequestContext) -> list[Membership]:
    """Return the memberships the reader could change to, by name of the organization."""
    acting = acting_membership(context.request)
    return [membership for membership in own_memberships(context.request) if membership != acting]


@register.simple_tag(takes_context=True)
def waiting_count(context: RequestContext) -> int:
    """Return how many products wait in the session of a visitor who is signed out."""
    return waiting.count(context.request.session)


@register.simple_tag(takes_context=True)
def basket_count(context: RequestContext) -> int:
    """
    Return how many products lie in the reader's open basket for the organization acted for.

    The basket's own pages have read it already; all others ask once.
    """
    shown = context.get("summary")
    if isinstance(shown, Summary):
        return len(shown.items)
    acting = acting_membership(context.request)
    if acting is None:
        return 0
    lines = BasketLine.objects.filter(basket__owner=acting.user_id, basket__buyer=acting.organization_id)
    return lines.filter(basket__ordered_at__isnull=True).count()


@register.simple_tag(takes_context=True)
def orders_to_approve(context: RequestContext) -> int:
    """Return how many orders wait for the approval of the reseller acted for; 0 to everybody else."""
    acting = acting_membership(context.request)
    if acting is None or acting.organization.kind != Organization.Kind.RESELLER:
        return 0
    return Order.objects.to_approve().filter(consumer__parent=acting.organization_id).count()


@register.simple_tag(takes_context=True)
def navigation(context: RequestContext) -> SafeString:
    """Return the links of the navigation, for a header to show twice: folded into a menu, and in a row."""
    return context.template.engine.get_template("_nav.html").render(context)  # type: ignore[union-attr]


@register.simple_tag(takes_context=True)
def nav_link(context: RequestContext, label: str, url: str, *sections: str, count: int = 0) -> SafeString:
    """
    Return a link of the navigation, marked when the page shown belongs under it, with how many wait there where some do.

    A page belongs where its path begins with the link's, or with one of ``sections`` ("/products/"); "/" only to itself.
    """
    if not url:
        return SafeString("")
    path = context.request.path
    inside = path == url or any(path.startswith(start) for start in (*sections, url) if start != "/")
    current = SafeString(' aria-current="page"') if inside else ""
    waiting = format_html('&nbsp;<span class="count">{}</span>', count) if count else ""
    return format_html('<a class="nav-item" href="{}"{}>{}{}</a>', url, current, label, waiting)
