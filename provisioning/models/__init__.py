"""What should be at the vendor, what the vendor offers, what we did about it, and where the two differ."""

from provisioning.models.drift import Drift, Inspection
from provisioning.models.ledger import VendorAccess, VendorAction, VendorReport
from provisioning.models.service_managers import (
    Activation,
    FileSyncModel,
    ProtectionModel,
    ServiceManager,
    VendorOfferingItem,
    VendorStorage,
)
from provisioning.models.tenants import Hold, Service, ServiceItem, Tenant, TenantUser

__all__ = [
    "Activation",
    "Drift",
    "FileSyncModel",
    "Hold",
    "Inspection",
    "ProtectionModel",
    "Service",
    "ServiceItem",
    "ServiceManager",
    "Tenant",
    "TenantUser",
    "VendorAccess",
    "VendorAction",
    "VendorOfferingItem",
    "VendorReport",
    "VendorStorage",
]
