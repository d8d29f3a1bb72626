"""The life of a service: other licensing models, other quotas, from trial to production, and its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from common.errors import DomainError, FieldRefused
from provisioning import queries, vendor
from provisioning.acronis.client import Acronis
from provisioning.acronis.errors import AcronisError, EditionUnavailable
from provisioning.models import Service, ServiceItem, Tenant
from provisioning.operations.due import wish_again
from provisioning.planning.actions import edition_words
from provisioning.planning.choosing import ItemsNotAvailable
from provisioning.planning.values import Limit

LARGEST_QUOTA = 2**53  # the vendor speaks JSON, where whole numbers are exact up to here
LARGEST_QUANTITY = 100_000


class ServiceEnded(DomainError):
    """The service was terminated; nothing about it changes any more."""


class EditionBlocked(DomainError):
    """The vendor would not switch: offering items in use have no counterpart in the other edition."""


@dataclass(frozen=True, slots=True)
class LicensingTrial:
    """What the vendor says to a change of licensing models before anything is changed."""

    steps: list[str]
    """What would be done, one sentence each."""
    warnings: list[str]
    blockers: list[str]

    @property
    def is_possible(self) -> bool:
        return not self.blockers


# --- Licensing models ---------------------------------------------------------------------------------------------------


def try_licensing(*, service_id: int, protection_model: str, file_sync_model: str) -> LicensingTrial:
    """
    Ask the vendor what changing the licensing models would do: a dry run (PerformTenantEditionSwitchCheck). Changes nothing.

    :raises AcronisError: the vendor did not answer.
    :raises DomainError: the service has ended, or is not at the vendor yet.
    """
    service = _live(service_id)
    acronis = vendor.connect(service.service_manager)
    wished = service.service_manager.edition_for(protection=protection_model, file_sync=file_sync_model)
    present = service.service_manager.edition_for(protection=service.protection_model, file_sync=service.file_sync_model)
    trial = LicensingTrial([], [], [])
    for application_type, edition in wished.items():
        if edition != present[application_type]:
            trial.steps.append(f"Switch from {edition_words(present[application_type])} to {edition_words(edition)}")
            _try_edition(service, acronis, application_type, edition, trial)
    if trial.steps:
        lost = [name for name, counterpart in _counterparts(service, set(wished.values())).items() if counterpart is None]
        trial.warnings.extend(f"{name} has no counterpart; what the service says about it is given up." for name in lost)
    return trial


def change_licensing(*, service_id: int, protection_model: str, file_sync_model: str, at: datetime) -> None:
    """
    Change the licensing models, if the vendor's dry run agrees; converged within seconds. The present ones again change nothing.

    What the service says about single offering items goes over to their counterparts; of an item that has none it is given up, as
    the dry run warned.

    :raises EditionBlocked: the dry run names offering items that stand in the way.
    :raises AcronisError: the vendor did not answer; nothing was changed.
    :raises ServiceEnded: it has been terminated.
    """
    trial = try_licensing(service_id=service_id, protection_model=protection_model, file_sync_model=file_sync_model)
    if not trial.is_possible:
        raise EditionBlocked(f"Acronis refuses the change. {' '.join(trial.blockers)}")
    # Also where both models are one edition at the vendor, and there was nothing to try: what was agreed is another model.
    _change_licensing(service_id, protection_model, file_sync_model, at=at)


@transaction.atomic(durable=True)
def _change_licensing(service_id: int, protection_model: str, file_sync_model: str, *, at: datetime) -> None:
    service = lock_live(service_id)
    if (service.protection_model, service.file_sync_model) == (protection_model, file_sync_model):
        return
    service.protection_model, service.file_sync_model, service.wished_at = protection_model, file_sync_model, at
    service.save(update_fields=["protection_model", "file_sync_model", "wished_at"])
    carry_items_over(service)
    wish_again(service.tenant_id, at=at)


def _try_edition(service: Service, acronis: Acronis, application_type: str, edition: str, trial: LicensingTrial) -> None:
    application = service.service_manager.offering_items.filter(application_type=application_type).first()
    if application is None:
        trial.blockers.append(str(ItemsNotAvailable([edition])))
        return
    try:
        warnings = acronis.tenants.check_edition(
            str(service.tenant.vendor_id), application_id=str(application.application_id), edition=edition
        )
    except EditionUnavailable as refusal:
        trial.blockers.append(str(refusal))
    except AcronisError as refusal:
        if refusal.retryable:
            raise
        trial.blockers.append(str(refusal))
    else:
        trial.warnings.extend(_spoken(warning) for warning in warnings)


def _spoken(warning: str) -> str:
    """The vendor's warnings are names such as NewFeaturesBecomeAvailable."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in warning).strip()
    return words[:1].upper() + words[1:] + "."


def carry_items_over(service: Service) -> None:
    """Rename the service's items to their counterparts in the editions it has now: the same usage, another prefix."""
    editions = service.service_manager.edition_for(protection=service.protection_model, file_sync=service.file_sync_model)
    counterparts = _counterparts(service, set(editions.values()))
    kept = {name for name, counterpart in counterparts.items() if name == counterpart}
    for item in service.items.all():
        name = counterparts[item.name]
        if name is None or (name != item.name and name in kept):
            item.delete()  # no counterpart; or the service says something about the counterpart itself, which counts
        elif name != item.name:
            kept.add(name)
            item.name = name
            item.save(update_fields=["name"])


def _counterparts(service: Service, editions: set[str]) -> dict[str, str | None]:
    """Return each item the service names → what it is called in ``editions``; None: it is not there."""
    mirrored = list(service.service_manager.offering_items.values_list("name", "application_type", "usage_name", "edition"))
    usage_of = {name: (application, usage, edition) for name, application, usage, edition in mirrored}
    there = {(application, usage): name for name, application, usage, edition in mirrored if edition in editions}
    found: dict[str, str | None] = {}
    for name in service.items.values_list("name", flat=True):
        application, usage, edition = usage_of.get(name, ("", "", ""))
        found[name] = there.get((application, usage)) if edition else name
    return found


# --- Quotas -------------------------------------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def change_quotas(*, service_id: int, limits: Mapping[str, Limit], quantity: int | None = None, at: datetime) -> None:
    """
    Write the quotas of some offering items, for quantity 1 in the vendor's unit (bytes, pieces, seconds); others stay.

    :param quantity: quotas are multiplied by it (seed text, 004: quantity 1 → 2 turns 50 GB into 100 GB); None: as it is.
    :raises FieldRefused: a hard quota without a soft one, a negative or unreasonably large one; ``field`` is the item's name, or
        ``quantity``.
    :raises ItemsNotAvailable: the vendor offers no such item in the service's editions.
    :raises ServiceEnded: it has been terminated.
    """
    service = lock_live(service_id)
    if quantity is not None and not 1 <= quantity <= LARGEST_QUANTITY:
        raise FieldRefused("quantity", f"The quantity is a whole number from 1 to {LARGEST_QUANTITY:,}.")
    _check_limits(service, limits, quantity or service.quantity)
    for name, limit in limits.items():
        ServiceItem.objects.update_or_create(
            service=service, name=name, defaults={"soft_quota": limit.soft, "overage": limit.overage}
        )
    service.quantity, service.wished_at = quantity or service.quantity, at
    service.save(update_fields=["quantity", "wished_at"])
    wish_again(service.tenant_id, at=at)


def _check_limits(service: Service, limits: Mapping[str, Limit], quantity: int) -> None:
    if missing := sorted(limits.keys() - {item.name for item in queries.items_of_editions(service)}):
        raise ItemsNotAvailable(missing)
    for name, limit in limits.items():
        if limit.soft is None and limit.overage is not None:
            raise FieldRefused(name, "A hard quota needs a soft quota: unlimited soft makes hard unlimited.")
        if any(part is not None and part < 0 for part in (limit.soft, limit.overage)):
            raise FieldRefused(name, "A quota is a whole number that is not negative.")
    said = {item.name: Limit(item.soft_quota, item.overage) for item in service.items.all()} | dict(limits)
    for name, limit in said.items():
        if (limit.soft or 0) * quantity + (limit.overage or 0) * quantity > LARGEST_QUOTA:
            raise FieldRefused(name if name in limits else "quantity", "That is more than the vendor can count. Make it smaller.")


# --- Trial and end ------------------------------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def switch_to_production(*, service_id: int, at: datetime) -> None:
    """
    End the free trial: from this month on the vendor bills. There is no way back (vendor guide, pricing mode). From which day
    on the buyer is billed is for billing to see.

    :raises ServiceEnded: it has been terminated.
    """
    service = lock_live(service_id)
    if service.pricing_mode == Service.PricingMode.PRODUCTION:
        return
    service.pricing_mode, service.wished_at = Service.PricingMode.PRODUCTION, at
    service.save(update_fields=["pricing_mode", "wished_at"])
    wish_again(service.tenant_id, at=at)


# Steps: inside the caller's transaction


def terminate_service(*, service_id: int, at: datetime) -> Service:
    """
    End the service: its tenant is disabled and deleted at the vendor, with all users and backups. Ended again, nothing.

    Whoever bills it ends the billing in the same transaction.
    """
    service = lock_with_tenant(service_id)
    if service.ended_at is None:
        service.ended_at = service.wished_at = at
        service.save(update_fields=["ended_at", "wished_at"])
        service.tenant.retired_at = at
        service.tenant.save(update_fields=["retired_at"])
        wish_again(service.tenant_id, at=at)
    return service


def lock_live(service_id: int) -> Service:
    """
    Lock the tenant and its service.

    :raises ServiceEnded: it has been terminated.
    """
    service = lock_with_tenant(service_id)
    _refuse_ended(service)
    return service


def lock_with_tenant(service_id: int) -> Service:
    """Lock the tenant, then its service, as everybody does who writes both: two who meet wait for each other, and no more."""
    tenant = Tenant.objects.locked().get(services=service_id)
    service: Service = Service.objects.locked().select_related("service_manager").get(pk=service_id)
    service.tenant = tenant
    return service


def _live(service_id: int) -> Service:
    service = Service.objects.select_related("service_manager", "tenant").get(pk=service_id)
    _refuse_ended(service)
    if service.tenant.vendor_id is None:
        raise DomainError("The service is not at Acronis yet. Try again when it is set up.")
    return service


def _refuse_ended(service: Service) -> None:
    if service.ended_at is not None:
        raise ServiceEnded("The service was terminated.")
