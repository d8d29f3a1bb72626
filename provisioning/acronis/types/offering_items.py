"""Offering items, their limits and prices."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from provisioning.acronis.errors import MalformedAnswer
from provisioning.acronis.types.reading import Fields


@dataclass(frozen=True, slots=True)
class Quota:
    """
    A limit in the item's unit: bytes, pieces or seconds.

    ``value`` is the soft limit, None for none; ``overage`` what may be used above it before use is blocked, None for
    never blocked. ``version`` must go back with a change, else 426 (vendor knowledge base, article 71376).
    """

    value: int | None
    overage: int | None
    version: int

    @classmethod
    def from_json(cls, value: object) -> "Quota":
        fields = Fields(value, "quota")
        return cls(
            value=fields.integer_or_none("value"),
            overage=fields.integer_or_none("overage"),
            version=fields.integer("version"),
        )

    def to_json(self) -> dict[str, int | None]:
        return {"value": self.value, "overage": self.overage, "version": self.version}


@dataclass(frozen=True, slots=True)
class OfferingItem:
    """
    What the vendor meters for a tenant. ``name`` and ``infra_id`` together are its key within the application.

    ``tenant_id`` says whose it is, and may be missing where the call is about one tenant.
    """

    application_id: str
    name: str
    usage_name: str
    edition: str | None
    enabled: bool
    locked: bool
    type: str
    infra_id: str | None
    measurement_unit: str
    quota: Quota | None
    tenant_id: str | None = None

    @classmethod
    def from_json(cls, value: object) -> "OfferingItem":
        fields = Fields(value, "offering_item")
        quota = fields.object_or_none("quota")
        return cls(
            application_id=fields.text("application_id"),
            name=fields.text("name"),
            usage_name=fields.text("usage_name"),
            edition=fields.text_or_none("edition"),
            enabled=fields.truth("status"),
            locked=fields.truth("locked", absent=False),
            type=fields.text("type"),
            infra_id=fields.text_or_none("infra_id"),
            measurement_unit=fields.text("measurement_unit"),
            quota=None if quota is None else Quota.from_json(quota),
            tenant_id=fields.text_or_none("tenant_id"),
        )

    @classmethod
    def of_named_tenant(cls, value: object) -> "OfferingItem":
        """As ``from_json``, for lists over many tenants, where an item without its tenant is worth nothing."""
        Fields(value, "offering_item").text("tenant_id")
        return cls.from_json(value)


@dataclass(frozen=True, slots=True)
class OfferingItemChange:
    """A wish for one offering item. What is None stays as it is at the vendor."""

    application_id: str
    name: str
    infra_id: str | None = None
    enabled: bool | None = None
    quota: Quota | None = None

    def to_json(self) -> dict[str, Any]:
        change: dict[str, Any] = {"application_id": self.application_id, "name": self.name}
        if self.infra_id is not None:
            change["infra_id"] = self.infra_id
        if self.enabled is not None:
            change["status"] = int(self.enabled)
        if self.quota is not None:
            change["quota"] = self.quota.to_json()
        return change


@dataclass(frozen=True, slots=True)
class ItemPrice:
    """
    What a tenant is to pay for one unit of an item, in the currency of its pricing. The vendor only shows it.

    ``version`` must go back with a change, else it is refused as stale.
    """

    application_id: str
    name: str
    infra_id: str | None
    price: Decimal
    version: int

    @classmethod
    def from_json(cls, value: object) -> "ItemPrice":
        fields = Fields(value, "price")
        return cls(
            application_id=fields.text("application_id"),
            name=fields.text("name"),
            infra_id=fields.text_or_none("infra_id"),
            price=_amount(fields.text("price")),
            version=fields.integer("version"),
        )

    def to_json(self) -> dict[str, Any]:
        change: dict[str, Any] = {"application_id": self.application_id, "name": self.name, "price": f"{self.price:f}"}
        if self.infra_id is not None:
            change["infra_id"] = self.infra_id
        return change | {"version": self.version}


def _amount(text: str) -> Decimal:
    """Read a price, which the vendor writes as text so that no program makes a binary fraction of it."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise MalformedAnswer("price.price is not an amount")
    return amount
