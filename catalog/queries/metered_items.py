"""What the vendor meters for a plan: the items that can be rated, included for free, or agreed upon."""

from collections.abc import Iterable
from dataclasses import dataclass

from catalog.item_names import edition_label, item_label
from catalog.models import Plan
from common.errors import FieldRefused
from provisioning.models import VendorOfferingItem

# How the vendor's measurement units are rated; `n/a` marks features, which are not metered.
UNITS = {"bytes": "GiB", "quantity": "unit", "seconds": "hour"}


@dataclass(frozen=True, slots=True, order=True)
class MeteredItem:
    """An offering item in one edition, empty where it belongs to none, and the unit of a rate card that it is counted in."""

    edition: str
    name: str
    unit: str

    @property
    def label(self) -> str:
        """Its name as people read it, with the edition where it has one."""
        name = item_label(self.name)
        return f"{name} ({edition_label(self.edition)})" if self.edition else name


def metered_items(plan: Plan) -> list[MeteredItem]:
    """Return what the service manager of ``plan`` meters, sorted; an item tied to storages is one item. A draft may have none."""
    items = VendorOfferingItem.objects.filter(service_manager=plan.service_manager_id, measurement_unit__in=UNITS)
    found = items.order_by().values_list("edition", "name", "measurement_unit").distinct()
    return sorted(MeteredItem(edition, name, UNITS[unit]) for edition, name, unit in found)


def with_any_edition(items: Iterable[MeteredItem]) -> list[MeteredItem]:
    """Return ``items`` and, before them, those of several editions once without any: what holds where no edition is named."""
    listed = list(items)
    editions: dict[tuple[str, str], set[str]] = {}
    for one in listed:
        editions.setdefault((one.name, one.unit), set()).add(one.edition)
    general = [MeteredItem("", name, unit) for (name, unit), found in editions.items() if "" not in found]
    return sorted([*general, *listed])


def require_metered(plan: Plan, item: str, edition: str) -> MeteredItem:
    """
    Return the item of that name, as it is metered for ``plan``; with an empty edition, of any.

    :raises FieldRefused: the vendor does not meter it; ``field`` is item.
    """
    found = {(one.name, one.edition): one for one in with_any_edition(metered_items(plan))}
    if (one := found.get((item, edition))) is None:
        named = f"{item_label(item)} ({edition_label(edition)})" if edition else item_label(item)
        raise FieldRefused("item", f"{named:.120} is not metered by the vendor for {plan}. Choose one of the list.")
    return one
