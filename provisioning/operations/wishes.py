"""Writing down what should be at the vendor. `converging` makes it so."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from accounts.models import Organization
from common.dispatch import after_commit
from common.errors import DomainError, FieldRefused
from provisioning.models import Service, ServiceManager, Tenant, TenantUser, VendorStorage
from provisioning.operations.logins import validate_login


class AlreadyServed(DomainError):
    """The consumer has a live service at this service manager; the vendor's licensing allows one."""


class UserExists(DomainError):
    """The login was created at the vendor already and is changed there, not here."""


@dataclass(frozen=True, slots=True)
class ServiceWish:
    """What a customer ordered: both licensing models, and the person who will administer the tenant."""

    protection_model: str
    file_sync_model: str
    login: str = ""
    email: str = ""
    role: str = TenantUser.Role.COMPANY_ADMINISTRATOR
    backup_storage: VendorStorage | None = None


@transaction.atomic(durable=True)
def ask_activation_mail_again(*, tenant_user_id: int, at: datetime) -> None:
    """Have the vendor send the activation mail once more: the reader did not get it, or we could not confirm the first."""
    user = TenantUser.objects.locked().get(pk=tenant_user_id)
    user.activation_mail_asked_at = user.activation_mail_confirmed_at = None
    user.save(update_fields=["activation_mail_asked_at", "activation_mail_confirmed_at"])
    wish_again(user.tenant_id, at=at)


@transaction.atomic
def change_user(*, tenant_id: int, login: str, email: str, role: str, at: datetime) -> None:
    """
    Correct the person who is to administer the tenant, as long as the vendor has not created that user.

    :raises FieldRefused: the login is malformed, or wished for another tenant already.
    :raises UserExists: the user is at the vendor already.
    """
    user = TenantUser.objects.locked().filter(tenant=tenant_id).first()
    if user is None:
        _add_user(Tenant.objects.get(pk=tenant_id), login=login, email=email, role=role)
    elif user.vendor_id is not None:
        raise UserExists(f"The user {user.login} exists at Acronis already.")
    else:
        user.login, user.email, user.role = validate_login(login), email, role
        _save_login(user)
    Tenant.objects.filter(pk=tenant_id).update(wished_at=at)


# Steps: inside the caller's transaction


def wish_service(*, consumer: Organization, service_manager: ServiceManager, wish: ServiceWish, at: datetime) -> Service:
    """
    Write down that ``consumer`` is to be served: its tenant, the tenant above it, its administrator and the service.

    The consumer's tenant stands under its reseller's partner tenant, a direct customer's under the MSP's (seed text, 000).

    :raises AlreadyServed: a live service exists at this service manager.
    :raises FieldRefused: the login is malformed or taken, or there is none and the tenant has no user yet.
    """
    parent = wish_partner(reseller=consumer.reseller, service_manager=service_manager, at=at) if consumer.reseller else None
    tenant = _wish_tenant(consumer, service_manager, kind=Tenant.Kind.CUSTOMER, parent=parent, at=at)
    if Service.objects.live().filter(organization=consumer, service_manager=service_manager).exists():
        raise AlreadyServed(
            f"{consumer} already has an Acronis subscription. Only one is allowed per service manager ({service_manager})."
        )
    if not tenant.users.exists():
        _add_user(tenant, login=wish.login, email=wish.email, role=wish.role)
    return Service.objects.create(
        organization=consumer,
        service_manager=service_manager,
        tenant=tenant,
        protection_model=wish.protection_model,
        file_sync_model=wish.file_sync_model,
        backup_storage=wish.backup_storage,
        wished_at=at,
    )


def wish_partner(*, reseller: Organization, service_manager: ServiceManager, at: datetime) -> Tenant:
    """Write down that ``reseller`` has a partner tenant under the MSP's; repeated, it is the same one."""
    return _wish_tenant(reseller, service_manager, kind=Tenant.Kind.PARTNER, parent=None, at=at)


def wish_again(tenant_id: int, *, at: datetime) -> None:
    """Have the tenant converged by itself, outside any order, as soon as the transaction has committed."""
    Tenant.objects.filter(pk=tenant_id).update(wished_at=at, next_try_at=at, attempts=0, last_error="")
    after_commit("provisioning.converge", tenant_id=tenant_id)


def _wish_tenant(
    organization: Organization, service_manager: ServiceManager, *, kind: str, parent: Tenant | None, at: datetime
) -> Tenant:
    tenant, created = Tenant.objects.get_or_create(
        organization=organization,
        service_manager=service_manager,
        # One word, so that the vendor's search finds it; random, so that two installations never take each other's tenants.
        defaults={"kind": kind, "parent": parent, "key": f"{organization.number}x{secrets.token_hex(5)}", "wished_at": at},
    )
    locked = Tenant.objects.locked().get(pk=tenant.pk)
    if not created and kind == Tenant.Kind.CUSTOMER:
        locked.wished_at = at
        locked.save(update_fields=["wished_at"])
    return locked


def _add_user(tenant: Tenant, *, login: str, email: str, role: str) -> None:
    if not email:
        raise FieldRefused("email", "Enter the e-mail address that Acronis sends the activation e-mail to.")
    user = TenantUser(
        tenant=tenant, service_manager_id=tenant.service_manager_id, login=validate_login(login), email=email, role=role
    )
    _save_login(user)


def _save_login(user: TenantUser) -> None:
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        if "tenantuser_login_unique" not in str(error):
            raise
        raise FieldRefused("login", f"The login {user.login} is taken. Choose another.") from None
