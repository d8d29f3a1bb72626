"""Reseller synchronization: “Save & synchronize” on the organization in the back office."""

from contextlib import suppress
from datetime import datetime

from django.db import transaction

from accounts.models import Organization
from common.errors import FieldRefused
from provisioning.models import ServiceManager, Tenant, TenantUser
from provisioning.operations import logins, users, wishes
from provisioning.operations.due import wish_again


def synchronize_reseller(
    *,
    reseller: Organization,
    service_manager: ServiceManager,
    parent: Tenant | None,
    role: str,
    login: str,
    email: str,
    at: datetime,
) -> Tenant:
    """
    Write down the reseller's partner tenant and the person who administers it, and have both made at the vendor at once.

    Repeated, it is the same tenant. The person can be corrected until the vendor has made the user, the parent until it has made
    the tenant. A reseller without a login gets the tenant alone. If the vendor does not say whether the login is free, it is found
    out when the user is made.

    :param parent: the partner tenant to stand under; None is the MSP's.
    :raises FieldRefused: the organization is no reseller, the parent cannot have it, the login or e-mail is missing, malformed or
        taken.
    :raises UserExists: the vendor has made the user already; login, e-mail and role are changed on the tenant's page.
    """
    if reseller.kind != Organization.Kind.RESELLER:
        raise FieldRefused("service_manager", f"{reseller} is no reseller; a customer's tenant is made by its order.")
    if login and login.strip().casefold() not in _own_logins(reseller, service_manager):
        with suppress(logins.CannotCheck):
            logins.check_login(service_manager=service_manager, login=login)
    return _write_down(reseller, service_manager, parent, role=role, login=login, email=email, at=at)


@transaction.atomic(durable=True)
def _write_down(
    reseller: Organization,
    service_manager: ServiceManager,
    parent: Tenant | None,
    *,
    role: str,
    login: str,
    email: str,
    at: datetime,
) -> Tenant:
    tenant = wishes.wish_partner(reseller=reseller, service_manager=service_manager, at=at)
    _place_under(tenant, parent)
    if login or email:
        _wish_person(tenant, login=login, email=email, role=role, at=at)
    wish_again(tenant.pk, at=at)
    return tenant


def _own_logins(reseller: Organization, service_manager: ServiceManager) -> set[str]:
    users = TenantUser.objects.live().filter(tenant__organization=reseller, service_manager=service_manager)
    return {login.casefold() for login in users.values_list("login", flat=True)}


# Steps: inside the caller's transaction


def _place_under(tenant: Tenant, parent: Tenant | None) -> None:
    if tenant.parent == parent:
        return
    if tenant.vendor_id is not None:
        raise FieldRefused("parent", "The tenant stands at Acronis already. Move it there; its place here follows from that.")
    if parent is not None and not _can_hold(parent, tenant):
        raise FieldRefused("parent", f"{parent} cannot hold this tenant. Choose a partner tenant that is not below it.")
    tenant.parent = parent
    tenant.save(update_fields=["parent"])


def _can_hold(parent: Tenant, tenant: Tenant) -> bool:
    """A partner tenant of the same service manager that is neither the tenant itself nor below it."""
    above: Tenant | None = parent
    while above is not None:
        if above == tenant:
            return False
        above = above.parent
    is_live_partner = parent.kind == Tenant.Kind.PARTNER and parent.retired_at is None
    return is_live_partner and parent.service_manager_id == tenant.service_manager_id


def _wish_person(tenant: Tenant, *, login: str, email: str, role: str, at: datetime) -> None:
    user = tenant.users.live().order_by("pk").first()
    if user is not None and (user.login.casefold(), user.email, user.role) == (login.strip().casefold(), email, role):
        return  # the same again
    if not email:
        raise FieldRefused("email", "Enter the e-mail address that Acronis sends the activation e-mail to.")
    users.change_user(tenant_id=tenant.pk, login=login, email=email, role=role, at=at)
