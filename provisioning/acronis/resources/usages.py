"""Readings of what tenants use, a few hours old; bills are made from reports."""

from collections.abc import Collection, Iterable, Iterator

from provisioning.acronis.connection import Query, path_to
from provisioning.acronis.resources.base import Resource, named
from provisioning.acronis.types import TenantUsages, Usage, in_batches, items_of


class Usages(Resource):
    """Present readings. The vendor renews them every five to six hours."""

    def of_tenant(self, tenant_id: str, *, usage_names: Collection[str] = (), editions: Collection[str] = ()) -> list[Usage]:
        """
        Return a tenant's readings, each in its own unit: bytes, pieces or seconds. (FetchTenantUsages)

        :param tenant_id: whose; for a partner, the sum of all below it.
        :param usage_names: only these, ``storage`` for example; all if empty.
        :param editions: only of these editions, and what has none; all if empty.
        :raises NotFound: there is no such tenant, or it is deleted.
        """
        path = path_to("tenants", tenant_id, "usages")
        query = named(usage_names=usage_names, editions=editions)
        return self._connection.ask("GET", path, query=query, read=items_of(Usage.from_json))

    def of_tenants(
        self, ids: Iterable[str], *, usage_names: Collection[str] = (), editions: Collection[str] = ()
    ) -> Iterator[TenantUsages]:
        """
        Iterate over the readings of many tenants, a hundred in a call. (FetchTenantsUsagesBatch)

        :param ids: the tenants.
        :param usage_names: only these, ``storage`` for example; all if empty.
        :param editions: only of these editions, and what has none; all if empty.
        :raises NotFound: one of the tenants is unknown.
        """
        filters = named(usage_names=usage_names, editions=editions)
        for batch in in_batches(iter(ids)):
            query: Query = {"tenants": ",".join(batch), **filters}
            yield from self._connection.ask("GET", "/tenants/usages", query=query, read=items_of(TenantUsages.from_json))
