"""The vendor in the back office: each subject has its own module; importing them registers their pages."""

from provisioning.admin import drift, inspections, ledgers, service_managers, services, tenants, users

__all__ = ["drift", "inspections", "ledgers", "service_managers", "services", "tenants", "users"]
