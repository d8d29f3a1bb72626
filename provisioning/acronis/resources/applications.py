"""The vendor's services, and which of them a tenant has."""

from collections.abc import Iterable, Iterator

from provisioning.acronis.connection import Query, path_to
from provisioning.acronis.resources.base import Resource
from provisioning.acronis.types import Application, TenantApplications, in_batches, items_of, text

Applied = list[Application]  # inside Applications, ``list`` is its method
Ids = list[str]


class Applications(Resource):
    """
    Services: Protection, File Sync & Share, Notary, Physical Data Shipping, and the portal itself.

    A tenant is seldom given one here: the first offering item that is turned on turns its service on.
    """

    def list(self) -> Applied:
        """
        Return the services of the platform; their ids are the same in every data centre. (FetchApplications)

        :raises Unauthorized: the API client's access was not accepted.
        """
        return self._connection.ask("GET", "/applications", read=items_of(Application.from_json))

    def of_tenant(self, tenant_id: str) -> Ids:
        """
        Return the ids of a tenant's services; the portal is always one. (FetchAvailableTenantApplications)

        :param tenant_id: whose services.
        :raises NotFound: there is no such tenant, or it is deleted.
        """
        return self._connection.ask("GET", path_to("tenants", tenant_id, "applications"), read=items_of(text))

    def of_tenants(self, ids: Iterable[str]) -> Iterator[TenantApplications]:
        """
        Iterate over the services of many tenants, a hundred in a call. (FetchTenantsApplicationsBatch)

        :param ids: the tenants.
        :raises NotFound: one of the tenants is unknown.
        """
        for batch in in_batches(iter(ids)):
            query: Query = {"tenants": ",".join(batch)}
            yield from self._connection.ask(
                "GET", "/tenants/applications", query=query, read=items_of(TenantApplications.from_json)
            )

    def turn_on(self, tenant_id: str, application_id: str) -> None:
        """
        Give a tenant a service, without any of its offering items. Repeating does nothing. (TurnOnTenantApplication)

        :param tenant_id: who gets it.
        :param application_id: the service.
        :raises BadRequest: code 1021, the parent does not have the service.
        :raises NotFound: there is no such tenant or service.
        """
        self._connection.tell("POST", _binding(application_id, tenant_id))

    def turn_off(self, tenant_id: str, application_id: str) -> None:
        """
        Take a service from a tenant: **its data there is destroyed**, its offering items are gone. (TurnOffTenantApplication)

        :param tenant_id: who loses it.
        :param application_id: the service.
        :raises Forbidden: it is the portal itself.
        :raises NotFound: there is no such tenant or service.
        """
        self._connection.tell("DELETE", _binding(application_id, tenant_id))


def _binding(application_id: str, tenant_id: str) -> str:
    return path_to("applications", application_id, "bindings", "tenants", tenant_id)
