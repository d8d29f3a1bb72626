"""Applications, storages, locations and versions: what the data centre has, read only but for the bindings."""

from typing import Any

from flask import Blueprint, Response

from sandbox import offering_items, tree
from sandbox.answers import answer, nothing
from sandbox.definitions import (
    APPLICATIONS,
    LOCATIONS,
    OFFERED_APPLICATIONS,
    PLATFORM,
    PROVIDER_TENANT,
    STORAGES,
    Application,
    Location,
    Storage,
    usage_names_of,
)
from sandbox.errors import ITEM_UNAVAILABLE, Refusal, forbidden, not_found
from sandbox.incoming import query_uuids

routes = Blueprint("catalogue", __name__)


# Applications


def _application_object(application: Application) -> dict[str, Any]:
    return {
        "id": application.id,
        "name": application.name,
        "type": application.type,
        "usages": usage_names_of(application.id),
        "api_base_url": application.api_base_url,
    }


@routes.get("/applications")
def get_applications() -> Response:
    return answer({"items": [_application_object(application) for application in APPLICATIONS.values()]})


@routes.get("/applications/<application_id>")
def get_application(application_id: str) -> Response:
    return answer(_application_object(_found(application_id)))


def _found(application_id: str) -> Application:
    if application_id not in APPLICATIONS:
        raise not_found()
    return APPLICATIONS[application_id]


@routes.get("/tenants/<tenant_id>/applications")
def get_applications_of_tenant(tenant_id: str) -> Response:
    return answer({"items": [*offering_items.applications_of(tree.find_tenant(tenant_id)), PLATFORM]})


@routes.get("/tenants/applications")
def get_applications_of_tenants() -> Response:
    rows = [tree.find_tenant(tenant_id) for tenant_id in query_uuids("tenants")]
    found = [{"tenant": row["id"], "applications": [*offering_items.applications_of(row), PLATFORM]} for row in rows]
    return answer({"items": found})


@routes.post("/applications/<application_id>/bindings/tenants/<tenant_id>")
def bind_application(application_id: str, tenant_id: str) -> Response:
    """204; switches the service on, but none of its offering items."""
    application, tenant = _found(application_id), tree.find_tenant(tenant_id)
    tree.refuse_locked(tenant)
    if application.id == PLATFORM:
        return nothing()
    if application.id not in offering_items.applications_of(tree.parent_of(tenant)):
        raise Refusal(400, "The service is not available from the parent.", code=ITEM_UNAVAILABLE)
    offering_items.bind(tenant_id, application.id)
    return nothing()


@routes.delete("/applications/<application_id>/bindings/tenants/<tenant_id>")
def unbind_application(application_id: str, tenant_id: str) -> Response:
    """204; the service's offering items go off and are no longer listed. The portal itself stays."""
    application, tenant = _found(application_id), tree.find_tenant(tenant_id)
    tree.refuse_locked(tenant)
    if application.id not in OFFERED_APPLICATIONS:
        raise forbidden(f"{application.name} cannot be removed.")
    offering_items.unbind(tenant_id, application.id)
    return nothing()


# Storages and locations


def _storage_object(storage: Storage) -> dict[str, Any]:
    return {
        "id": storage.id,
        "owner_tenant_id": PROVIDER_TENANT,
        "location_id": storage.location_id,
        "platform_owned": True,
        "name": storage.name,
        "url": storage.url,
        "capabilities": [storage.capability],
        "backend_type": storage.backend_type,
        "version": 1,
        "readonly": False,
    }


def _location_object(location: Location) -> dict[str, Any]:
    return {
        "id": location.id,
        "owner_tenant_id": PROVIDER_TENANT,
        "platform_owned": True,
        "name": location.name,
        "version": 1,
        "readonly": False,
    }


@routes.get("/infra")
def get_storages() -> Response:
    """`uuids` is required; storages that do not exist are left out."""
    found = [_storage_object(STORAGES[infra_id]) for infra_id in query_uuids("uuids") if infra_id in STORAGES]
    return answer({"items": found})


@routes.get("/infra/<infra_id>")
def get_storage(infra_id: str) -> Response:
    if infra_id not in STORAGES:
        raise not_found()
    return answer(_storage_object(STORAGES[infra_id]))


@routes.get("/tenants/<tenant_id>/infra")
def get_storages_of_tenant(tenant_id: str) -> Response:
    return answer({"infras": offering_items.storages_of(tree.find_tenant(tenant_id))})


@routes.get("/locations")
def get_locations() -> Response:
    found = [_location_object(LOCATIONS[one]) for one in query_uuids("uuids") if one in LOCATIONS]
    return answer({"items": found})


@routes.get("/locations/<location_id>")
def get_location(location_id: str) -> Response:
    if location_id not in LOCATIONS:
        raise not_found()
    return answer(_location_object(LOCATIONS[location_id]))


@routes.get("/locations/<location_id>/infra")
def get_storages_of_location(location_id: str) -> Response:
    if location_id not in LOCATIONS:
        raise not_found()
    return answer({"infras": [one.id for one in STORAGES.values() if one.location_id == location_id]})


@routes.get("/tenants/<tenant_id>/locations")
def get_locations_of_tenant(tenant_id: str) -> Response:
    ids = {STORAGES[one].location_id for one in offering_items.storages_of(tree.find_tenant(tenant_id))}
    return answer({"locations": [one for one in LOCATIONS if one in ids]})


@routes.get("/versions")
def get_versions() -> Response:
    """What the official PHP library asks first."""
    return answer({"application": {"name": "account-server", "version": "26.10.0"}})
