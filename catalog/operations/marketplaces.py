"""A reseller's marketplace is opened, changed and closed."""

import re
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from accounts.models import Organization
from catalog.colours import is_readable_on_white
from catalog.models import Marketplace
from catalog.operations.logos import Uploaded, keep_logo
from common.errors import DomainError, FieldRefused

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
SHORTEST_SLUG, LONGEST_SLUG = 3, 40
RESERVED = frozenset(
    {
        *("account", "accounts", "acronis", "admin", "api", "billing", "bss", "checkout", "cloudtill", "help", "home", "invoice"),
        *("login", "logos", "market", "marketplace", "msp", "official", "order", "orders", "partner", "partners", "pay", "payment"),
        *("preview", "root", "security", "settings", "shop", "sign-in", "sign-up", "signin", "signup", "static", "status", "store"),
        *("storefront", "support", "system", "test", "theme", "www"),
    }
)
"""Addresses that would look like somebody else's than a reseller's."""


class MarketplaceRefused(FieldRefused):
    """What was typed cannot be a marketplace; ``field`` is slug, title, intro, accent or logo."""


@transaction.atomic(durable=True)
def save_marketplace(
    *,
    reseller: Organization,
    slug: str,
    title: str,
    intro: str,
    accent: str,
    is_open: bool,
    shows_prices: bool,
    at: datetime,
    logo: Uploaded | None = None,
    removes_logo: bool = False,
) -> Marketplace:
    """
    Keep the one marketplace of ``reseller``, made when first saved. Repeated, nothing.

    Links to an address that is given up lead nowhere; it is free for others from then on.

    :param logo: a new one; None leaves what is there, unless ``removes_logo``.
    :raises MarketplaceRefused: the address is malformed, reserved or taken, the title is empty, or white cannot be read on the
        colour.
    :raises LogoRefused: the file is no logo that can be shown.
    """
    if reseller.kind != Organization.Kind.RESELLER:
        raise DomainError("Only resellers have a marketplace.")
    Organization.objects.locked().get(pk=reseller.pk)
    row = Marketplace.objects.filter(reseller=reseller).first() or Marketplace(reseller=reseller)
    row.slug = _checked_slug(slug, reseller)
    row.title = _checked_title(title)
    row.intro = intro.strip().replace("\r\n", "\n")
    row.accent = _checked_accent(accent)
    row.is_open, row.shows_prices = is_open, shows_prices
    if logo is not None:
        row.logo = keep_logo(logo, at)
    elif removes_logo:
        row.logo = None
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as taken:  # by another reseller, since we looked
        raise _taken() from taken
    return row


def _checked_slug(slug: str, reseller: Organization) -> str:
    wanted = slug.strip().lower()
    if not SLUG.fullmatch(wanted) or not SHORTEST_SLUG <= len(wanted) <= LONGEST_SLUG:
        raise MarketplaceRefused("slug", "Use 3 to 40 small letters, digits and single hyphens, such as alster-it.")
    msp = Organization.objects.filter(kind=Organization.Kind.MSP).values_list("name", flat=True).first() or ""
    if wanted in RESERVED or wanted == slugify(msp):
        raise MarketplaceRefused("slug", f"“{wanted}” is not yours to take. Use your own name.")
    if Marketplace.objects.filter(slug=wanted).exclude(reseller=reseller).exists():
        raise _taken()
    return wanted


def _taken() -> MarketplaceRefused:
    return MarketplaceRefused("slug", "Another marketplace has this address. Choose another one.")


def _checked_title(title: str) -> str:
    if not title.strip():
        raise MarketplaceRefused("title", "Enter a title.")
    return title.strip()


def _checked_accent(accent: str) -> str:
    wanted = accent.strip().lower()
    if not re.fullmatch(r"#[0-9a-f]{6}", wanted):
        raise MarketplaceRefused("accent", "Enter a colour like #0f766e.")
    if not is_readable_on_white(wanted):
        raise MarketplaceRefused("accent", "This colour is too pale: white words on it could not be read. Choose a darker one.")
    return wanted
