"""What a tenant gets of what its parent has. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from common.errors import DomainError
from provisioning.planning.values import UNLIMITED, Item, Limit


class ItemsNotAvailable(DomainError):
    """The vendor does not offer what the wish asks for (seed text, 004: “offering items not available”)."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"offering items not available: {', '.join(names)}")
        self.names = tuple(names)


@dataclass(frozen=True, slots=True)
class ItemWish:
    """What a service says about one offering item: on or off, and its limit."""

    is_enabled: bool = True
    limit: Limit = UNLIMITED


@dataclass(frozen=True, slots=True)
class CustomerChoice:
    """
    What a customer's service entitles it to.

    :param editions: application type → edition, for those that have editions; the vendor allows a customer one each.
    :param items: item name → what is said about it. Others are on if ``covers_everything``, else off.
    :param storages: storage type (backup, files_cloud, disaster_recovery) → storage ids to take, best first. Where none of them
        is offered, the first by name.
    """

    editions: Mapping[str, str]
    items: Mapping[str, ItemWish] = field(default_factory=dict)
    covers_everything: bool = True
    storages: Mapping[str, Sequence[str]] = field(default_factory=dict)


def items_for_partner(available: Iterable[Item]) -> dict[Item, Limit]:
    """Return everything the parent has: a reseller gets every service, billing mode and storage, no quota (seed text, 000)."""
    return dict.fromkeys(available, UNLIMITED)


def items_for_customer(available: Sequence[Item], choice: CustomerChoice, *, storage_names: Mapping[str, str]) -> dict[Item, Limit]:
    """
    Return what a customer gets of what its parent has: one edition per application, one storage per type.

    :param storage_names: storage id → name, of every storage that ``available`` names.
    :raises ItemsNotAvailable: the parent offers nothing of a chosen edition, or lacks an item the service asks for.
    """
    asked_for = {name for name, wish in choice.items.items() if wish.is_enabled}
    _refuse_missing(available, choice, asked_for)
    of_editions = [
        item
        for item in available
        if item.edition in ("", choice.editions.get(item.application_type, ""))
        and (item.name in asked_for or (choice.covers_everything and item.name not in choice.items))
    ]
    storages = _one_storage_per_type(of_editions, choice.storages, storage_names)
    return {
        item: choice.items.get(item.name, ItemWish()).limit
        for item in of_editions
        if not item.infra_id or item.infra_id == storages[item.storage_type]
    }


def _refuse_missing(available: Sequence[Item], choice: CustomerChoice, asked_for: set[str]) -> None:
    offered_editions = {item.edition for item in available}
    missing = [edition for edition in choice.editions.values() if edition not in offered_editions]
    offered = {item.name for item in available if item.edition in ("", choice.editions.get(item.application_type, ""))}
    missing += sorted(asked_for - offered)
    if missing:
        raise ItemsNotAvailable(missing)


def _one_storage_per_type(
    items: Iterable[Item], preferred: Mapping[str, Sequence[str]], names: Mapping[str, str]
) -> dict[str, str]:
    offered: dict[str, set[str]] = {}
    for item in items:
        if item.infra_id:
            offered.setdefault(item.storage_type, set()).add(item.infra_id)
    chosen = {}
    for storage_type, infra_ids in offered.items():
        rank = {infra_id: place for place, infra_id in enumerate(preferred.get(storage_type, ()))}
        chosen[storage_type] = min(
            infra_ids, key=lambda infra_id: (rank.get(infra_id, len(rank)), names.get(infra_id, ""), infra_id)
        )
    return chosen
