"""
What Acronis answers, as values.

``from_json`` is strict about the fields we use and silent about the rest: the vendor adds fields at will, and older
captures of real answers lack some that its OpenAPI description calls required.
"""

from provisioning.acronis.types.offering_items import ItemPrice, OfferingItem, OfferingItemChange, Quota
from provisioning.acronis.types.platform import ApiClient, Application, Infra, Location, NewApiClient, TenantApplications
from provisioning.acronis.types.reading import Fields, Page, in_batches, items_of, text, without_absent
from provisioning.acronis.types.tenants import Contact, Pricing, SearchHit, TenantMfa, VendorTenant
from provisioning.acronis.types.usages import Report, StoredReport, TenantUsages, Usage
from provisioning.acronis.types.users import AccessPolicy, LoginCheck, VendorUser

__all__ = [
    "AccessPolicy",
    "ApiClient",
    "Application",
    "Contact",
    "Fields",
    "Infra",
    "ItemPrice",
    "Location",
    "LoginCheck",
    "NewApiClient",
    "OfferingItem",
    "OfferingItemChange",
    "Page",
    "Pricing",
    "Quota",
    "Report",
    "SearchHit",
    "StoredReport",
    "TenantApplications",
    "TenantMfa",
    "TenantUsages",
    "Usage",
    "VendorTenant",
    "VendorUser",
    "in_batches",
    "items_of",
    "text",
    "without_absent",
]
