"""The look of a reseller's marketplace on the pages that its customers and its visitors see."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts import arriving
from accounts.acting import acting_membership
from accounts.models import Organization
from catalog.colours import stylesheet_version
from catalog.models import Logo, Marketplace
from catalog.queries.marketplaces import marketplace_of


@dataclass(frozen=True, slots=True)
class Brand:
    """What a page takes of a marketplace: its title and logo in the header, its colours by their own stylesheet."""

    slug: str
    title: str
    logo: Logo | None
    theme_version: str
    is_open: bool

    @classmethod
    def of(cls, marketplace: Marketplace) -> "Brand":
        return cls(
            marketplace.slug, marketplace.title, marketplace.logo, stylesheet_version(marketplace.accent), marketplace.is_open
        )


def branding(request: HttpRequest) -> dict[str, Any]:
    """Give templates ``brand``, the look of the marketplace this page belongs to; None where it has ours."""
    return {"brand": SimpleLazyObject(partial(brand_of, request))}


def brand_of(request: HttpRequest) -> Brand | None:
    """
    Return the look of the seller the reader belongs to: by the organization acted for, or by the door a visitor came.

    At most one query, once per request, whoever asks; none for people of the MSP's own side. A page of a marketplace says its
    own with `show_as`.
    """
    if not hasattr(request, "_brand"):
        seller = _seller(request)
        marketplace = None if seller is None else marketplace_of(seller)
        request._brand = None if marketplace is None else Brand.of(marketplace)  # type: ignore[attr-defined]
    return request._brand  # type: ignore[attr-defined]


def show_as(request: HttpRequest, marketplace: Marketplace) -> None:
    """Let this page look like ``marketplace``, whoever reads it."""
    request._brand = Brand.of(marketplace)  # type: ignore[attr-defined]


def _seller(request: HttpRequest) -> Organization | None:
    if request.user.is_authenticated:
        acting = acting_membership(request)
        return None if acting is None else acting.organization.reseller
    if arriving.SESSION_KEY not in request.session:
        return None
    seller = arriving.arrived_at(request)
    return seller if seller is not None and seller.kind == Organization.Kind.RESELLER else None
