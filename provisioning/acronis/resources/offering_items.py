"""Offering items: what a tenant may use, how much of it, and at what price."""

from collections.abc import Collection, Iterator, Sequence

from provisioning.acronis.connection import Query, path_to
from provisioning.acronis.resources.base import Resource
from provisioning.acronis.types import ItemPrice, OfferingItem, OfferingItemChange, items_of

Items = list[OfferingItem]  # inside OfferingItems, ``list`` is its method
Prices = list[ItemPrice]


class OfferingItems(Resource):
    """What the vendor meters, per tenant. A child can have only what its parent has."""

    def list(self, tenant_id: str, *, edition: str = "*") -> Items:
        """
        Return a tenant's items, also those it could have but that are off. (FetchTenantOfferingItems)

        :param tenant_id: whose.
        :param edition: only of this edition, and what has none; ``*`` for all.
        :raises NotFound: there is no such tenant, or it is deleted.
        """
        path = path_to("tenants", tenant_id, "offering_items")
        return Items(self._pages(path, query={"edition": edition}, read=OfferingItem.from_json))

    def in_subtree(self, root_id: str) -> Iterator[OfferingItem]:
        """
        Iterate over the items of a tenant and of all below it, in all editions, a few thousand in a call; each item's
        ``tenant_id`` says whose it is. (FetchTenantOfferingItemsBatch)

        :param root_id: the tenant to begin with.
        :raises NotFound: there is no such tenant, or it is deleted.
        :raises MalformedAnswer: an item does not say whose it is.
        """
        query: Query = {"subtree_root_tenant_id": root_id}
        return self._pages("/tenants/offering_items", query=query, read=OfferingItem.of_named_tenant)

    def available_for_child(self, parent_id: str, *, kind: str, edition: str | Collection[str] = "*") -> Items:
        """
        Return what a new child of this kind could be given, every storage included though a customer may have only
        one of each type. (FetchOfferingItemsAvailableForTenantChild)

        :param parent_id: the tenant the child is to be under.
        :param kind: of the child: ``partner``, ``folder``, ``customer`` or ``unit``.
        :param edition: only of this edition or of these, and what has none; ``*`` for all. Several cost one call, too.
        :raises NotFound: there is no such parent, or it is deleted.
        """
        editions = {edition} if isinstance(edition, str) else {*edition}
        asked = next(iter(editions)) if len(editions) == 1 else "*"
        path = path_to("tenants", parent_id, "offering_items", "available_for_child")
        found = Items(self._pages(path, query={"kind": kind, "edition": asked}, read=OfferingItem.from_json))
        return found if "*" in editions else [item for item in found if item.edition in (None, *editions)]

    def set(self, tenant_id: str, items: Sequence[OfferingItemChange], *, check_usage: bool = False) -> Items:
        """
        Turn items on or off and set quotas; items not named stay. Returns the named ones. (SetTenantOfferingItems)

        :param tenant_id: whose.
        :param items: what to change; quotas in the item's unit: bytes, pieces or seconds.
        :param check_usage: refuse to turn off what has usage.
        :raises QuotaVersionConflict: a quota changed since its version was read.
        :raises BadRequest: an item is not available from the parent, or depends on one that is off.
        :raises NotFound: there is no such tenant, or it is deleted.
        """
        body = {"offering_items": [item.to_json() for item in items], "check_usage": check_usage}
        path = path_to("tenants", tenant_id, "offering_items")
        return self._connection.ask("PUT", path, body=body, read=items_of(OfferingItem.from_json))

    def prices(self, tenant_id: str) -> Prices:
        """
        Return what a tenant's items cost one unit of, in the currency of ``tenants.pricing``. Units are the item's: bytes,
        pieces or seconds. (FetchTenantOfferingItemsPrices)

        :param tenant_id: whose.
        :raises NotFound: there is no such tenant, or it is deleted.
        """
        path = path_to("tenants", tenant_id, "offering_items", "pricing")
        return self._connection.ask("GET", path, read=items_of(ItemPrice.from_json))

    def set_prices(self, tenant_id: str, prices: Sequence[ItemPrice]) -> Prices:
        """
        Change what items cost; those not named stay. Returns them all. (UpdateTenantOfferingItemsPrices)

        :param tenant_id: whose.
        :param prices: as read, with another ``price`` per unit: the version goes back with it.
        :raises Conflict: with ``is_stale`` if a price changed since it was read.
        :raises BadRequest: a price is below zero.
        :raises NotFound: there is no such tenant, or it is deleted.
        """
        body = {"items": [price.to_json() for price in prices]}
        path = path_to("tenants", tenant_id, "offering_items", "pricing")
        return self._connection.ask("PUT", path, body=body, read=items_of(ItemPrice.from_json))
