"""
Taking over what is at the vendor, kind by kind: each step writes the rows that say the same as what was found there.

Steps inside the transaction of `drift.adopt`. What cannot be taken over is refused in a sentence that says what to do instead.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from common.errors import DomainError
from provisioning.models import (
    Drift,
    FileSyncModel,
    Hold,
    ProtectionModel,
    Service,
    ServiceItem,
    Tenant,
    TenantUser,
    VendorStorage,
)
from provisioning.observing import NAME_LENGTH, Offer, parent_id
from provisioning.operations import logins, services
from provisioning.operations.due import wish_again
from provisioning.planning.actions import ROLE_NAMES, edition_words
from provisioning.planning.choosing import ItemsNotAvailable
from provisioning.planning.differences import CANNOT_PLAN, Difference, differences, subject_of
from provisioning.planning.values import UNLIMITED, Item, Limit, ObservedTenant, ObservedUser, TenantWish

EMAIL_LENGTH = 254  # as long as an address can be (RFC 5321), and our column


class CannotAdopt(DomainError):
    """What is at the vendor cannot become our wish."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference with everything that was read to find it."""

    tenant: Tenant
    drift: Drift
    wish: TenantWish
    observed: ObservedTenant
    offer: Offer

    def difference(self, wish: TenantWish) -> Difference | None:
        """Return this difference as it stands between ``wish`` and what was observed; None: it is gone."""
        key = (self.drift.kind, self.drift.subject)
        return next((one for one in differences(wish, self.observed) if (one.kind, one.subject[:250]) == key), None)


def refuse_kind(drift: Drift, tenant: Tenant) -> None:
    """
    Do nothing, unless differences of this kind are never taken over.

    :raises CannotAdopt: it is so.
    """
    if drift.kind in ("set_contact", "set_language"):
        what = drift.subject or "language"
        raise CannotAdopt(
            f"Billing data are kept on the organization. Change the {what} of {tenant.organization} ({tenant.organization.number})"
            " there, or repair it."
        )
    if drift.kind == CANNOT_PLAN:
        raise CannotAdopt(
            f"There is nothing to take over. Change the service of {tenant.organization}, or have Acronis offer what it asks for."
        )
    if tenant.kind == Tenant.Kind.PARTNER and drift.kind in ("enable_item", "limit_item", "disable_item"):
        raise CannotAdopt("A reseller has everything the MSP has, without quota. Repair it.")


def adopt_difference(finding: Finding, *, at: datetime) -> str:
    """
    Write what was found into our rows. Return what was written, in a sentence.

    :raises CannotAdopt: there is no such wish.
    """
    return f"{finding.tenant.organization}: {_ADOPTIONS[finding.drift.kind](finding, at)}"


def adopt_deletion(tenant: Tenant, *, at: datetime) -> str:
    """
    End the service whose tenant was deleted at the vendor; whoever bills it ends the billing by itself.

    :raises CannotAdopt: there are live tenants below it.
    """
    if below := tenant.children.live().count():
        raise CannotAdopt(
            f"{tenant.organization} has {below} {'customer' if below == 1 else 'customers'} with a tenant below it."
            " Decide about them first, or restore it."
        )
    service = Service.objects.live().filter(tenant=tenant).first()
    if service is not None:
        services.terminate_service(service_id=service.pk, at=at)
        return f"{tenant.organization}: the service has ended."
    Tenant.objects.filter(pk=tenant.pk).update(retired_at=at)
    wish_again(tenant.pk, at=at)
    return f"{tenant.organization}: its tenant is given up here as well."


# --- Offering items -------------------------------------------------------------------------------------------------------


def _leave_off(finding: Finding, at: datetime) -> str:
    """It is to be on and is off: leave it off, or, where it is on in another storage, take that one."""
    service, item = _service(finding), _item(finding, finding.wish.items)
    elsewhere = [one for one in finding.observed.items if _is_same_elsewhere(one, item)]
    if elsewhere:
        return _choose_storage(service, item.storage_type, elsewhere[0].infra_id)
    ServiceItem.objects.update_or_create(service=service, name=item.name, defaults={"is_enabled": False})
    return f"{item.name} stays off."


def _leave_on(finding: Finding, at: datetime) -> str:
    """It is to be off and is on: leave it on with its quota, or take the storage it is in."""
    service, found = _service(finding), _item(finding, finding.observed.items)
    item = _offered(finding, found)
    wished = [one for one in finding.wish.items if _is_same_elsewhere(one, item)]
    if wished and wished[0] in finding.observed.items:
        raise CannotAdopt(f"{item.name} is on in two storages, and a customer has one of each type. Turn one off at Acronis.")
    if wished:
        return _choose_storage(service, item.storage_type, item.infra_id)
    limit = _for_one(finding.observed.items[found], item, service.quantity)
    _write_item(service, item.name, limit)
    return f"{item.name} stays on, {limit.times(service.quantity).words(item.unit)}."


def _take_quota(finding: Finding, at: datetime) -> str:
    service, item = _service(finding), _item(finding, finding.observed.items)
    limit = _for_one(finding.observed.items[item], item, service.quantity)
    _write_item(service, item.name, limit)
    return f"{item.name} keeps {limit.times(service.quantity).words(item.unit)}."


def _write_item(service: Service, name: str, limit: Limit) -> None:
    if service.covers == Service.Covers.EVERYTHING and limit == UNLIMITED:
        service.items.filter(name=name).delete()  # what the service says nothing about is on without quota
        return
    facts = {"is_enabled": True, "soft_quota": limit.soft, "overage": limit.overage}
    ServiceItem.objects.update_or_create(service=service, name=name, defaults=facts)


def _for_one(limit: Limit, item: Item, quantity: int) -> Limit:
    """Return the limit of one piece, which the service's quantity multiplies again."""
    if any(part is not None and part % quantity for part in (limit.soft, limit.overage)):
        raise CannotAdopt(
            f"{item.name} has {limit.words(item.unit)} at Acronis, which the service's quantity of {quantity} does not divide."
            " Change quantity and quotas of the service, or repair it."
        )
    return Limit(*(None if part is None else part // quantity for part in (limit.soft, limit.overage)))


def _choose_storage(service: Service, storage_type: str, infra_id: str) -> str:
    storage = VendorStorage.objects.filter(service_manager=service.service_manager_id, infra_id=infra_id).first()
    if storage is None:
        raise CannotAdopt("Its storage is not known here. Use “Get services definition” of the service manager first.")
    field = Service.STORAGE_FIELDS[storage_type]
    setattr(service, field, storage)
    service.save(update_fields=[field])
    return f"it keeps {storage}."


def _offered(finding: Finding, found: Item) -> Item:
    """Return the item as its parent offers it, which knows the application's type."""
    available = finding.offer.items(parent=parent_id(finding.tenant), kind=finding.tenant.kind)
    item = next((one for one in available if one == found), None)
    if item is None:
        raise ItemsNotAvailable([found.name])
    return item


def _is_same_elsewhere(one: Item, item: Item) -> bool:
    return (one.application_id, one.name) == (item.application_id, item.name) and one.infra_id != item.infra_id


def _item(finding: Finding, items: Mapping[Item, Limit]) -> Item:
    return next(item for item in items if subject_of(item)[:250] == finding.drift.subject)


# --- Edition, pricing mode, holds -----------------------------------------------------------------------------------------


def _take_edition(finding: Finding, at: datetime) -> str:
    service = _service(finding)
    there = {item.edition for item in finding.observed.items if item.application_id == finding.drift.subject and item.edition}
    application_type = next(item.application_type for item in finding.wish.items if item.application_id == finding.drift.subject)
    for protection in ProtectionModel.values:
        for file_sync in FileSyncModel.values:
            chosen = service.service_manager.edition_for(protection=protection, file_sync=file_sync)
            if {chosen.get(application_type, "")} != there:
                continue
            if application_type == "backup":
                service.protection_model = protection
            else:
                service.file_sync_model = file_sync
            service.save(update_fields=["protection_model", "file_sync_model"])
            services.carry_items_over(service)
            return f"the service has {edition_words(chosen[application_type])} now."
    names = ", ".join(edition_words(edition) for edition in sorted(there))
    raise CannotAdopt(f"There is no licensing model for {names}. Repair it.")


def _take_pricing_mode(finding: Finding, at: datetime) -> str:
    if finding.observed.pricing_mode != Service.PricingMode.PRODUCTION:
        raise CannotAdopt(
            f"A service that is billed does not become {finding.observed.pricing_mode}. Repair it; terminate the service to end it."
        )
    service = _service(finding)
    service.pricing_mode = Service.PricingMode.PRODUCTION
    service.save(update_fields=["pricing_mode"])
    return "the free trial is over; the service is in production."


def _hold(finding: Finding, at: datetime) -> str:
    note = "Found disabled at Acronis, and adopted."
    Hold.objects.get_or_create(
        tenant=finding.tenant,
        reason=Hold.Reason.MANUAL,
        released_at__isnull=True,
        defaults={"note": note, "opened_at": at},
    )
    return "it stays suspended, by a hold."


def _release(finding: Finding, at: datetime) -> str:
    held = Hold.objects.filter(tenant=finding.tenant, released_at__isnull=True)
    if others := [hold.get_reason_display() for hold in held.exclude(reason=Hold.Reason.MANUAL).order_by("pk")]:
        raise CannotAdopt(
            f"It is suspended because of: {', '.join(others)}. Only what opened this hold releases it; repair it until then."
        )
    held.update(released_at=at)
    return "it runs again; the hold is released."


def _take_name(finding: Finding, at: datetime) -> str:
    if len(finding.observed.name) > NAME_LENGTH:
        raise CannotAdopt(f"Its name at Acronis has more than {NAME_LENGTH} characters. Shorten it there, or repair it.")
    finding.tenant.wished_name = finding.observed.name
    finding.tenant.save(update_fields=["wished_name"])
    return f"its tenant is called “{finding.observed.name}”."


# --- Users ----------------------------------------------------------------------------------------------------------------


def _take_login(finding: Finding, at: datetime) -> str:
    user, found = _user(finding), _found_user(finding)
    user.login = logins.validate_login(found.login)
    try:
        with transaction.atomic():
            user.save(update_fields=["login"])
    except IntegrityError as error:
        if "tenantuser_login_unique" not in str(error):
            raise
        raise CannotAdopt(f"The login {found.login} is wished for somebody else here.") from None
    return f"the login is {user.login}."


def _take_email(finding: Finding, at: datetime) -> str:
    user, found = _user(finding), _found_user(finding)
    if not 0 < len(found.email) <= EMAIL_LENGTH:
        raise CannotAdopt(f"{user.login} has no e-mail address at Acronis that can be kept here. Repair it.")
    user.email, user.email_asked_at = found.email, at
    user.save(update_fields=["email", "email_asked_at"])
    return f"the e-mail address of {user.login} is {user.email}."


def _forget_user(finding: Finding, at: datetime) -> str:
    user = _user(finding)
    user.gone_at, user.password = at, None
    user.save(update_fields=["gone_at", "password"])
    return f"the user {user.login} is forgotten."


def _take_role(finding: Finding, at: datetime) -> str:
    user, found = _user(finding), _found_user(finding)
    known = sorted(found.roles & set(TenantUser.Role.values))
    if not known:
        there = ", ".join(sorted(found.roles)) or "no role"
        roles = " or ".join(ROLE_NAMES.values())
        raise CannotAdopt(f"{user.login} has {there} at Acronis; here a user is {roles}. Repair it.")
    user.role = known[0]
    user.save(update_fields=["role"])
    return f"{user.login} is {ROLE_NAMES[user.role]}."


def _user(finding: Finding) -> TenantUser:
    user: TenantUser = finding.tenant.users.live().get(login=finding.drift.subject)
    return user


def _found_user(finding: Finding) -> ObservedUser:
    wished = next(user for user in finding.wish.users if user.login == finding.drift.subject)
    found = finding.observed.user(wished)
    if found is None:
        raise CannotAdopt(f"The user {wished.login} is not at Acronis any more. Inspect again and decide about that.")
    return found


# --- The service ----------------------------------------------------------------------------------------------------------


def _service(finding: Finding) -> Service:
    service: Service = Service.objects.live().locked().select_related("service_manager").get(tenant=finding.tenant)
    return service


_ADOPTIONS: dict[str, Callable[[Finding, datetime], str]] = {
    "enable_item": _leave_off,
    "disable_item": _leave_on,
    "limit_item": _take_quota,
    "switch_edition": _take_edition,
    "set_pricing_mode": _take_pricing_mode,
    "enable_tenant": _hold,
    "disable_tenant": _release,
    "rename_tenant": _take_name,
    "change_login": _take_login,
    "change_email": _take_email,
    "create_user": _forget_user,
    "grant_role": _take_role,
}
