"""
The vendor's API in our words: groups of calls, the attributes of ``Acronis``.

The name in brackets is the operation in the vendor's OpenAPI description. Long lists are iterated page by page, so an
error can also come while they are iterated.

Every call may raise ``TransportFailed`` (no answer came, or nothing was sent because the vendor has been down or too many calls
are under way), ``ServerFailed``, ``RateLimited``, ``Unauthorized``, ``Forbidden`` and ``MalformedAnswer``; ``:raises`` below names
what else to expect. What the errors tell is in ``errors``.
"""

from provisioning.acronis.resources.applications import Applications
from provisioning.acronis.resources.clients import Clients
from provisioning.acronis.resources.idp import Idp
from provisioning.acronis.resources.infra import Infras, Locations
from provisioning.acronis.resources.offering_items import OfferingItems
from provisioning.acronis.resources.reports import Reports
from provisioning.acronis.resources.tenants import Tenants
from provisioning.acronis.resources.usages import Usages
from provisioning.acronis.resources.users import Users

__all__ = [
    "Applications",
    "Clients",
    "Idp",
    "Infras",
    "Locations",
    "OfferingItems",
    "Reports",
    "Tenants",
    "Usages",
    "Users",
]
