"""Applications, their bindings and their versions."""

from typing import Any

from flask import Blueprint, Response

from sandbox import item_changes, offering_items, tree
from sandbox.answers import answer, nothing
from sandbox.definitions import (
    APPLICATIONS,
    OFFERED_APPLICATIONS,
    PLATFORM,
    Application,
    usage_names_of,
)
from sandbox.errors import SERVICE_UNAVAILABLE, Refusal, forbidden, not_found
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
    return answer(_application_object(find_application(application_id)))


def find_application(application_id: str) -> Application:
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
    """204; switches the service on, but none of its offering items. 403/1026 for a service the parent does not have."""
    application, tenant = find_application(application_id), tree.find_tenant(tenant_id)
    tree.refuse_change(tenant)
    if application.id == PLATFORM:
        return nothing()
    if application.id not in offering_items.applications_of(tree.parent_of(tenant)):
        raise Refusal(
            403,
            "The service cannot be enabled: the parent does not have it.",
            code=SERVICE_UNAVAILABLE,
            context={"application_id": application.id},
        )
    item_changes.bind(tenant_id, application.id)
    return nothing()


@routes.delete("/applications/<application_id>/bindings/tenants/<tenant_id>")
def unbind_application(application_id: str, tenant_id: str) -> Response:
    """204; the service's offering items go off and are no longer listed. The portal itself stays."""
    application, tenant = find_application(application_id), tree.find_tenant(tenant_id)
    tree.refuse_change(tenant)
    if application.id not in OFFERED_APPLICATIONS:
        raise forbidden(f"{application.name} cannot be removed.")
    item_changes.unbind(tenant_id, application.id)
    return nothing()


@routes.get("/versions")
def get_versions() -> Response:
    """What the official PHP library asks first."""
    return answer({"application": {"name": "account-server", "version": "26.10.0"}})
