"""Tenants: the vendor's tree, from the provider down to single customers and their units."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from provisioning.acronis.connection import Query, path_to
from provisioning.acronis.errors import BadRequest, EditionUnavailable
from provisioning.acronis.resources.base import Resource
from provisioning.acronis.types import (
    Fields,
    Pricing,
    SearchHit,
    TenantMfa,
    VendorTenant,
    in_batches,
    items_of,
    text,
    without_absent,
)


class Tenants(Resource):
    """Nodes of the vendor's tree. What changes one sends back the ``version`` it was read with."""

    def get(self, tenant_id: str, *, including_deleted: bool = False) -> VendorTenant:
        """
        Return a tenant. (FetchTenant)

        :param tenant_id: the vendor's id.
        :param including_deleted: return it also if it is deleted (then with ``deleted_at``), to restore it perhaps.
        :raises NotFound: there is no such tenant, or it is deleted.
        """
        query: Query = {"allow_deleted": True} if including_deleted else {}
        return self._connection.ask("GET", path_to("tenants", tenant_id), query=query, read=VendorTenant.from_json)

    def by_parent(self, parent_id: str) -> Iterator[VendorTenant]:
        """
        Iterate over the direct children of a tenant. (FetchTenantsBatch)

        :param parent_id: the tenant above.
        :raises NotFound: there is no such tenant, or it is deleted.
        """
        return self._pages("/tenants", query={"parent_id": parent_id}, read=VendorTenant.from_json)

    def by_ids(self, ids: Iterable[str]) -> Iterator[VendorTenant]:
        """
        Iterate over tenants by id, a hundred in a call; unknown and deleted ones are missing. (FetchTenantsBatch)

        :param ids: the vendor's ids.
        :raises BadRequest: an id is not a UUID.
        """
        for batch in in_batches(iter(ids)):
            yield from self._pages("/tenants", query={"uuids": ",".join(batch)}, read=VendorTenant.from_json)

    def in_subtree(self, root_id: str) -> Iterator[VendorTenant]:
        """
        Iterate over a tenant and all below it, parents before children, a few thousand in a call. (FetchTenantsBatch)

        :param root_id: the tenant to begin with; it comes first.
        :raises NotFound: there is no such tenant, or it is deleted.
        """
        query: Query = {"subtree_root_id": root_id, "lod": "full"}
        return self._pages("/tenants", query=query, read=VendorTenant.from_json)

    def search(self, text: str, *, under: str, limit: int = 100) -> list[SearchHit]:
        """
        Find tenants and users below a tenant by name, customer id, login or e-mail, by the beginnings of words and
        without regard to case, so a hit is no exact match yet. (Search)

        :param text: three characters at least.
        :param under: the tenant to search below.
        :param limit: how many hits, 300 at most.
        :raises BadRequest: the text is too short or the limit too large.
        """
        query: Query = {"tenant": under, "text": text, "limit": limit}
        return self._connection.ask("GET", "/search", query=query, read=items_of(SearchHit.from_json))

    def create(
        self,
        *,
        name: str,
        parent_id: str,
        kind: str,
        customer_id: str | None = None,
        internal_tag: str | None = None,
        contact: Mapping[str, str] | None = None,
        language: str | None = None,
    ) -> VendorTenant:
        """
        Create a tenant: a customer starts as trial, a partner as production. (CreateTenant)

        The vendor has no idempotency key: where ``outcome_unknown``, search by customer id before creating again.

        :param name: unique under the parent, at least.
        :param parent_id: the tenant it is to be under.
        :param kind: ``partner``, ``folder``, ``customer`` or ``unit``.
        :param customer_id: our own key, found by ``search`` and repeated in every report row.
        :param internal_tag: free text of ours, 256 characters at most.
        :param contact: fields of ``Contact`` by name.
        :param language: of portal and mails, ``de`` for example; the vendor's default is ``en``.
        :raises Conflict: the name is taken under this parent.
        :raises BadRequest: code 1003, the parent is disabled, or a value is not accepted.
        """
        body = without_absent(
            {
                "name": name,
                "parent_id": parent_id,
                "kind": kind,
                "customer_id": customer_id,
                "internal_tag": internal_tag,
                "contact": contact,
                "language": language,
            }
        )
        return self._connection.ask("POST", "/tenants", body=body, read=VendorTenant.from_json)

    def update(self, tenant_id: str, *, version: int, **fields: Any) -> VendorTenant:
        """
        Change some fields; ``enabled=False`` suspends, though the vendor goes on billing. (UpdateTenant)

        :param tenant_id: the vendor's id.
        :param version: as last read.
        :param fields: the vendor's field names with their new values; ``contact`` is merged field by field.
        :raises Conflict: with ``is_stale`` if the tenant changed since ``version`` was read, else the name is taken.
        :raises NotFound: there is no such tenant, or it is deleted.
        """
        body = {"version": version, **fields}
        return self._connection.ask("PUT", path_to("tenants", tenant_id), body=body, read=VendorTenant.from_json)

    def delete(self, tenant_id: str, *, version: int) -> None:
        """
        Delete a disabled tenant with all below it, users and backups included. (DeleteTenant)

        :param tenant_id: the vendor's id.
        :param version: as last read, after it was disabled.
        :raises BadRequest: code 1006, the tenant is enabled.
        :raises Conflict: with ``is_stale`` if the tenant changed since ``version`` was read.
        :raises NotFound: it is gone already, perhaps by an earlier attempt whose answer was lost.
        """
        self._connection.tell("DELETE", path_to("tenants", tenant_id), query={"version": version})

    def restore(self, tenant_id: str, *, force: bool = False) -> None:
        """
        Bring back a deleted tenant with all that was below it, for as long as the vendor keeps it. (RestoreDeletedTenant)

        :param tenant_id: the vendor's id.
        :param force: also if its name was given away meanwhile; the vendor then adds something to it.
        :raises Conflict: its name or a login was given away meanwhile.
        :raises NotFound: there is no such tenant, or it is past restoring.
        """
        self._connection.tell("POST", path_to("tenants", tenant_id, "restore"), query={"force": force})

    def pricing(self, tenant_id: str) -> Pricing:
        """
        Return how the vendor charges a tenant. (FetchTenantPricingSettings)

        :param tenant_id: the vendor's id.
        :raises NotFound: there is no such tenant, or it is deleted.
        """
        return self._connection.ask("GET", path_to("tenants", tenant_id, "pricing"), read=Pricing.from_json)

    def set_pricing(self, tenant_id: str, *, version: int, mode: str, currency: str | None) -> Pricing:
        """
        Set how the vendor charges a tenant. From trial to production is for good. (UpdateTenantPricingSettings)

        :param tenant_id: the vendor's id.
        :param version: of the pricing, as last read.
        :param mode: ``trial``, ``production`` or ``suspended``.
        :param currency: of item prices, ISO 4217; None for none. The vendor knows a dozen.
        :raises Conflict: with ``is_stale`` if the pricing changed since ``version`` was read.
        :raises BadRequest: code 1027, from production back to trial for example.
        :raises NotFound: there is no such tenant, or it is deleted.
        """
        body = {"version": version, "mode": mode, "currency": currency}
        path = path_to("tenants", tenant_id, "pricing")
        return self._connection.ask("PUT", path, body=body, read=Pricing.from_json)

    def check_edition(self, tenant_id: str, *, application_id: str, edition: str) -> list[str]:
        """
        Try what switching the edition of a service would do, changing nothing. (PerformTenantEditionSwitchCheck)

        :param tenant_id: the vendor's id.
        :param application_id: the service; only Protection and File Sync & Share have editions.
        :param edition: the edition to change to, ``pck_per_workload`` for example.
        :returns: the vendor's warnings, such as ``NewFeaturesBecomeAvailable``; none of them stops the switch.
        :raises EditionUnavailable: items the tenant has do not exist in that edition, or its parent does not offer them.
        :raises BadRequest: refused for another reason, the edition is unknown for example.
        :raises NotFound: there is no such tenant.
        """
        path = path_to("tenants", tenant_id, "edition")
        query = {"target_edition": edition, "application_id": application_id}
        with _edition_refusals(edition):
            return self._connection.ask("GET", path, query=query, read=_warnings)

    def switch_edition(self, tenant_id: str, *, application_id: str, edition: str) -> list[str]:
        """
        Switch a service to another edition; quotas go over to the counterparts of the items. (SwitchTenantEdition)

        Switching to the edition the tenant has already changes nothing, so it may be repeated.

        :param tenant_id: the vendor's id.
        :param application_id: the service; only Protection and File Sync & Share have editions.
        :param edition: the edition to change to, ``pck_per_workload`` for example.
        :returns: the vendor's warnings, if it gives any: its reference answers with the items, its guide with warnings.
        :raises EditionUnavailable: items the tenant has do not exist in that edition, or its parent does not offer them.
        :raises BadRequest: refused for another reason, the edition is unknown for example.
        :raises NotFound: there is no such tenant.
        """
        path = path_to("tenants", tenant_id, "edition")
        body = {"target_edition": edition, "application_id": application_id}
        with _edition_refusals(edition):
            return self._connection.ask("PUT", path, body=body, read=_warnings)

    def mfa(self, tenant_id: str) -> TenantMfa:
        """
        Return whether a tenant's users need a second factor, and how many have one. (FetchTenantMFAStatus)

        :param tenant_id: the vendor's id; folders and units have their parent's.
        :raises NotFound: there is no such tenant, or it is deleted.
        """
        return self._connection.ask("GET", path_to("tenants", tenant_id, "mfa", "status"), read=TenantMfa.from_json)

    def set_mfa(self, tenant_id: str, *, enabled: bool) -> TenantMfa:
        """
        Ask every user of a tenant for a second factor, or stop asking. Repeating does nothing. (ManageTenantMFAStatus)

        Turning it on stops every user until they have set one up; API clients are not asked.

        :param tenant_id: the vendor's id; not of a folder or unit.
        :param enabled: whether they are asked.
        :raises BadRequest: it is a folder or unit.
        :raises NotFound: there is no such tenant, or it is deleted.
        """
        path = path_to("tenants", tenant_id, "mfa", "status")
        return self._connection.ask("PUT", path, body={"enabled": enabled}, read=TenantMfa.from_json)

    def user_ids(self, tenant_id: str) -> list[str]:
        """
        Return the ids of a tenant's own users. (FetchTenantUsers)

        :param tenant_id: the vendor's id.
        :raises NotFound: there is no such tenant, or it is deleted.
        """
        return self._connection.ask("GET", path_to("tenants", tenant_id, "users"), read=items_of(text))

    def children(self, tenant_id: str) -> list[str]:
        """
        Return the ids of a tenant's direct children. (FetchTenantChildren)

        :param tenant_id: the vendor's id.
        :raises NotFound: there is no such tenant, or it is deleted.
        """
        return list(self._pages(path_to("tenants", tenant_id, "children"), query={}, read=text))


@contextmanager
def _edition_refusals(edition: str) -> Iterator[None]:
    try:
        yield
    except BadRequest as refusal:
        if refusal.named and refusal.code in EditionUnavailable.CODES:
            raise EditionUnavailable.from_refusal(refusal, edition=edition) from refusal
        raise


def _warnings(value: object) -> list[str]:
    return [warning for warning in Fields(value, "answer").each_if_any("warnings", text) if warning]
