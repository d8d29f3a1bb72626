"""Storages and the places that hold them."""

from collections.abc import Iterable

from provisioning.acronis.connection import Query, path_to
from provisioning.acronis.resources.base import Resource
from provisioning.acronis.types import Fields, Infra, Location, in_batches, items_of, text


class Infras(Resource):
    """Storages and disaster recovery sites. Which of them a tenant may use, its offering items say."""

    def by_ids(self, ids: Iterable[str]) -> list[Infra]:
        """
        Return storages and disaster recovery sites, a hundred in a call; unknown ones are missing. (FetchInfrastructuresBatch)

        :param ids: their ids, as offering items have them.
        :raises BadRequest: an id is not a UUID.
        """
        return [
            infra
            for batch in in_batches(iter(ids))
            for infra in self._connection.ask("GET", "/infra", query={"uuids": ",".join(batch)}, read=items_of(Infra.from_json))
        ]

    def of_location(self, location_id: str) -> list[str]:
        """
        Return the ids of what stands in one place. (FetchLocationInfrastructures)

        :param location_id: the place.
        :raises NotFound: there is no such place.
        """
        path = path_to("locations", location_id, "infra")
        return self._connection.ask("GET", path, read=lambda value: list(Fields(value, "answer").each("infras", text)))


class Locations(Resource):
    """Places that hold storages."""

    def by_ids(self, ids: Iterable[str]) -> list[Location]:
        """
        Return places, a hundred in a call; unknown ones are missing. (FetchInfrastructuresLocationsBatch)

        :param ids: their ids, as storages have them.
        :raises BadRequest: an id is not a UUID.
        """
        found: list[Location] = []
        for batch in in_batches(iter(ids)):
            query: Query = {"uuids": ",".join(batch)}
            found += self._connection.ask("GET", "/locations", query=query, read=items_of(Location.from_json))
        return found

    def of_tenant(self, tenant_id: str) -> list[str]:
        """
        Return the ids of the places a tenant owns, not of those it may use. (FetchTenantInfrastructureLocations)

        :param tenant_id: the owner.
        :raises NotFound: there is no such tenant, or it is deleted.
        """
        path = path_to("tenants", tenant_id, "locations")
        return self._connection.ask("GET", path, read=lambda value: list(Fields(value, "answer").each("locations", text)))
