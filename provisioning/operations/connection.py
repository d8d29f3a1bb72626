"""Setting up a service manager: its data centre by a login, “Test connection” and “Get services definition”."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from common.errors import DomainError, FieldRefused
from provisioning import vendor
from provisioning.acronis.client import find_data_centre as find_data_centre_of
from provisioning.acronis.connection import data_centre_url
from provisioning.acronis.errors import AcronisError, NotFound
from provisioning.acronis.types import Infra, OfferingItem
from provisioning.models import ServiceManager, VendorOfferingItem, VendorStorage


class ConnectionFailed(DomainError):
    """The vendor cannot be reached or does not accept us; the text says why."""


def find_data_centre(*, login: str) -> str:
    """
    Ask the vendor, at `ACRONIS_ENTRY_URL`, in which data centre a login lives, and return its address. No client id is needed.

    :raises FieldRefused: no login was given, or the vendor knows none of that name.
    :raises ConnectionFailed: the vendor did not answer.
    """
    vendor.refuse_open_transaction()
    if not (login := login.strip()):
        raise FieldRefused("login", "Enter the login of any user at Acronis.")
    try:
        return find_data_centre_of(login, entry_url=settings.ACRONIS_ENTRY_URL, transport=vendor.transport, sleep=vendor.sleep)
    except NotFound:
        raise FieldRefused("login", f"Acronis knows no login {login}.") from None
    except AcronisError as error:
        raise ConnectionFailed(str(error)) from error


@transaction.atomic(durable=True)
def use_data_centre(*, service_manager_id: int, base_url: str) -> None:
    """
    Have the service manager ask at another address. What it knew of the old one is untested again.

    :raises FieldRefused: it is no web address of a data centre.
    """
    try:
        address = data_centre_url(base_url)
    except ValueError:
        raise FieldRefused("base_url", "Enter the address of a data centre, such as https://eu2-cloud.acronis.com.") from None
    manager = ServiceManager.objects.locked().get(pk=service_manager_id)
    if manager.base_url == address:
        return
    manager.base_url, manager.tested_at, manager.test_result = address, None, ""
    manager.save(update_fields=["base_url", "tested_at", "test_result"])


def test_connection(*, service_manager_id: int, at: datetime) -> str:
    """
    Sign in at the vendor and read the root tenant, below which everything is sold. Return what was found, in a sentence.

    :raises ConnectionFailed: address, client id or secret do not work. The reason is kept on the service manager.
    """
    manager = ServiceManager.objects.get(pk=service_manager_id)
    try:
        acronis = vendor.connect(manager)
        root = acronis.tenants.get(acronis.clients.get(manager.client_id).tenant_id)
    except (AcronisError, vendor.NotConnected) as error:
        _keep(manager, at, result=f"Failed: {error}")
        raise ConnectionFailed(str(error)) from error
    sentence = f"Connected to the tenant “{root.name}”."
    _keep(manager, at, result=sentence, root_tenant_id=root.id)
    return sentence


def fetch_services_definition(*, service_manager_id: int, at: datetime) -> str:
    """
    Mirror the vendor's applications, editions, offering items and storages into rows. Repeating brings them up to date; what the
    vendor no longer offers stays as a row that is not offered. Return what was found, in a sentence.

    :raises ConnectionFailed: the vendor did not answer; nothing was changed.
    :raises NotConnected: “Test connection” has not succeeded yet.
    """
    manager = ServiceManager.objects.get(pk=service_manager_id)
    root = vendor.root_tenant(manager)
    try:
        acronis = vendor.connect(manager)
        types = {application.id: application.type for application in acronis.applications.list()}
        items = [item for item in acronis.offering_items.list(root) if item.enabled]
        storages = acronis.infra.by_ids(sorted({item.infra_id for item in items if item.infra_id}))
    except AcronisError as error:
        raise ConnectionFailed(str(error)) from error
    _mirror(manager, items, types, storages, at=at)
    editions = {item.edition for item in items if item.edition}
    return f"Found {len(items)} offering items in {len(editions)} editions and {len(storages)} storages."


@transaction.atomic(durable=True)
def _mirror(
    manager: ServiceManager, items: list[OfferingItem], types: dict[str, str], storages: list[Infra], *, at: datetime
) -> None:
    ServiceManager.objects.locked().get(pk=manager.pk)  # two at once would each mark the other's rows as not offered
    manager.storages.update(is_offered=False)
    VendorStorage.objects.bulk_create(
        [
            VendorStorage(
                service_manager=manager,
                infra_id=storage.id,
                name=storage.name,
                location_id=storage.location_id or None,
                capabilities=list(storage.capabilities),
                is_offered=True,
            )
            for storage in storages
        ],
        update_conflicts=True,
        unique_fields=["service_manager", "infra_id"],
        update_fields=["name", "location_id", "capabilities", "is_offered"],
    )
    rows = {str(infra_id): pk for infra_id, pk in manager.storages.values_list("infra_id", "pk")}
    manager.offering_items.update(is_offered=False)
    VendorOfferingItem.objects.bulk_create(
        [
            VendorOfferingItem(
                service_manager=manager,
                application_id=item.application_id,
                application_type=types.get(item.application_id, ""),
                name=item.name,
                usage_name=item.usage_name,
                edition=item.edition or "",
                item_type=item.type,
                measurement_unit=item.measurement_unit,
                storage_id=rows[item.infra_id] if item.infra_id else None,
                is_offered=True,
            )
            for item in items
        ],
        update_conflicts=True,
        unique_fields=["service_manager", "name", "storage"],
        update_fields=[
            "application_id",
            "application_type",
            "usage_name",
            "edition",
            "item_type",
            "measurement_unit",
            "is_offered",
        ],
    )
    ServiceManager.objects.filter(pk=manager.pk).update(definition_fetched_at=at)


def _keep(manager: ServiceManager, at: datetime, *, result: str, root_tenant_id: str | None = None) -> None:
    facts = {"tested_at": at, "test_result": result[:500]}
    if root_tenant_id is not None:
        facts["root_tenant_id"] = root_tenant_id
    ServiceManager.objects.filter(pk=manager.pk).update(**facts)
