"""Readings and reports of what is used."""

from dataclasses import dataclass
from datetime import datetime

from provisioning.acronis.types.offering_items import Quota
from provisioning.acronis.types.reading import Fields

# What is used up instead of held: reports mark it `is_range`, `/usages` does not. By their usage names, which editions share.
RANGE_USAGES = frozenset({"compute_points", "notarizations", "esignatures", "drives_shipped_to_cloud", "drives_shipped_from_cloud"})


@dataclass(frozen=True, slots=True)
class Usage:
    """
    A reading of a few hours ago, for estimates; bills are made from reports.

    ``value`` counts since ``range_start``, ``absolute_value`` is the running total; they differ for what is used up,
    such as compute points. Unit: ``measurement_unit``.
    """

    tenant_id: str | None
    application_id: str
    name: str
    edition: str | None
    usage_name: str
    type: str
    measurement_unit: str
    infra_id: str | None
    range_start: datetime | None
    value: int
    absolute_value: int
    quota: Quota | None
    is_on: bool
    """Whether the tenant has the item switched on. What belongs to no offering item is counted all the same."""

    @classmethod
    def from_json(cls, value: object) -> "Usage":
        fields = Fields(value, "usage")
        reading = fields.integer("value")
        absolute = fields.integer_or_none("absolute_value")
        offering_item = fields.object_or_none("offering_item")
        item = Fields({} if offering_item is None else offering_item, "usage.offering_item")
        quota = item.object_or_none("quota")
        return cls(
            # The vendor's own tenant_id is a number of its first API; the one known elsewhere is tenant_uuid.
            tenant_id=fields.text_or_none("tenant_uuid"),
            application_id=fields.text("application_id"),
            name=fields.text("name"),
            edition=fields.text_or_none("edition"),
            usage_name=fields.text("usage_name"),
            type=fields.text("type"),
            measurement_unit=fields.text("measurement_unit"),
            infra_id=fields.text_or_none("infra_id"),
            range_start=fields.moment_or_none("range_start"),
            value=reading,
            absolute_value=reading if absolute is None else absolute,
            quota=None if quota is None else Quota.from_json(quota),
            is_on=item.truth("status", absent=True),
        )

    @property
    def is_range(self) -> bool:
        """Whether it is used up, and so counted since the first of the month instead of being a level."""
        return self.usage_name in RANGE_USAGES

    @property
    def present(self) -> int:
        """What a daily report says as ``absolute``: the level, or what was used up since the first of the month."""
        return self.value if self.is_range else self.absolute_value


@dataclass(frozen=True, slots=True)
class TenantUsages:
    """All readings of one tenant."""

    tenant_id: str
    usages: tuple[Usage, ...]

    @classmethod
    def from_json(cls, value: object) -> "TenantUsages":
        fields = Fields(value, "tenant_usages")
        return cls(tenant_id=fields.text("tenant"), usages=fields.each("usages", Usage.from_json))


@dataclass(frozen=True, slots=True)
class Report:
    """A report that was asked for. ``kind`` and ``level`` are as in ``reports.create``."""

    id: str
    version: int
    kind: str | None = None
    level: str | None = None
    tenant_id: str | None = None

    @classmethod
    def from_json(cls, value: object) -> "Report":
        fields = Fields(value, "report")
        parameters = fields.object_or_none("parameters")
        asked = Fields({} if parameters is None else parameters, "report.parameters")
        return cls(
            id=fields.text("id"),
            version=fields.integer("version"),
            kind=asked.text_or_none("kind"),
            level=asked.text_or_none("level"),
            tenant_id=asked.text_or_none("tenant_id"),
        )


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A file of a report. ``status`` goes from ``in_progress`` to ``saved`` or ``failed``; ``size``: packed bytes."""

    id: str | None
    report_format: str
    status: str
    size: int | None

    @classmethod
    def from_json(cls, value: object) -> "StoredReport":
        fields = Fields(value, "stored_report")
        return cls(
            id=fields.text_or_none("id"),
            report_format=fields.text("report_format"),
            status=fields.text("status"),
            size=fields.integer_or_none("size"),
        )

    @property
    def is_ready(self) -> bool:
        return self.status == "saved" and self.id is not None

    @property
    def has_failed(self) -> bool:
        return self.status == "failed"
