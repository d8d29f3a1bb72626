"""The seller as an invoice prints it: the MSP under the logo and address of a venture, a reseller under its marketplace's logo."""

from typing import Any

from babel import Locale

from accounts.models import Organization
from billing.models import Invoice
from catalog.models import Logo, Marketplace, Venture


def seller_as_printed(invoice: Invoice) -> dict[str, Any]:
    """
    Return what an invoice copies of its seller, as plain JSON.

    ``logo``, where there is one, is the name of its content (SHA-256): logos are never edited, so the copy stays what it is.
    """
    seller = invoice.seller
    told = seller.billing_snapshot()
    if seller.kind == Organization.Kind.MSP:
        logo = invoice.venture.logo
        told |= _own_address(invoice.venture)
    else:
        marketplace = Marketplace.objects.select_related("logo").filter(reseller=seller).first()
        logo = marketplace.logo if marketplace else None
    if logo is not None:
        told["logo"] = logo.sha256
    return told


def _own_address(venture: Venture) -> dict[str, Any]:
    """Return what the venture's own postal address puts in place of the MSP's; nothing where it has none."""
    address = venture_address(venture)
    if not address:
        return {}
    country = {"country": venture.country} if venture.country else {}
    return {
        "address": address,
        "line1": venture.address_line1,
        "line2": venture.address_line2,
        "postcode": venture.postcode,
        "city": venture.city,
        **country,
    }


def venture_address(venture: Venture) -> list[str]:
    """Return the venture's own postal address without empty lines; nothing where it has none and the MSP's counts."""
    if not venture.address_line1:
        return []
    country = Locale("en").territories.get(venture.country, venture.country)
    lines = [venture.address_line1, venture.address_line2, f"{venture.postcode} {venture.city}".strip(), country]
    return [line for line in lines if line]


def logo_of(seller_copy: dict[str, Any]) -> Logo | None:
    """Return the logo that a copied seller is printed with; invoices from before there were logos have none."""
    sha256 = seller_copy.get("logo")
    return Logo.objects.filter(sha256=sha256).first() if sha256 else None
