"""
What may stand in the module setting “Acronis” of a plan. Pure: values in, refusals out, each one sentence for one field.

The rules are those of the seed text (004, “Module Setting”) and of the vendor, whose refusals would otherwise come with the first
order. Fields: service_manager, is_free_trial, trial_days, storage_quota, overage, protection_model, file_sync_model,
backup_storage; and per offering item ``on-<name>``, ``soft-<name>``, ``hard-<name>``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

UNLIMITED = -1
LARGEST = 1_000_000_000  # of whatever unit: what a row holds
COUNTABLE = 2**53  # the vendor speaks JSON, where whole numbers are exact up to here
LONGEST_TRIAL = 365  # days
UNITS: Mapping[str, tuple[int, str]] = {"bytes": (1024**3, "GB"), "seconds": (3600, "hours"), "quantity": (1, "pieces")}
"""The vendor's unit → how much of it one of the reader's is, and what the reader calls it. Others have no quota."""

# Usage names that work only together with others, as far as the edition has them; else the vendor refuses the tenant (code 1023).
NEEDS: Mapping[str, tuple[str, ...]] = {
    "mailboxes": ("o365_mailboxes", "o365_onedrive"),
    "gsuite_seats": ("google_mail", "google_drive"),
    "fc_seats": ("fc_storage",),
    "fc_storage": ("fc_seats",),
}
_WHOLE = re.compile(r"-?[0-9]{1,19}", re.ASCII)


class NotWhole(ValueError):
    """What was typed is no whole number; the text says so."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a value cannot stand in ``field``, in one sentence."""

    field: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Offered:
    """
    An offering item the vendor has told of. ``label`` is what people call it, ``unit`` is the vendor's (bytes, quantity, seconds;
    n/a is a feature without quota). ``storages`` are the ids of the storages that carry it; empty: it needs none.
    """

    name: str
    label: str
    unit: str = "quantity"
    application: str = "backup"
    edition: str = ""
    usage: str = ""
    is_offered: bool = True
    storages: frozenset[int] = frozenset()

    @property
    def has_quota(self) -> bool:
        return self.unit in UNITS

    @property
    def words(self) -> str:
        """What it is called by people and by the vendor."""
        return f"{self.label} ({self.name})"


@dataclass(frozen=True, slots=True)
class Location:
    """A storage for backups. ``capacity`` in GB; None: nobody has said."""

    id: int
    name: str
    capacity: int | None = None
    is_offered: bool = True


@dataclass(frozen=True, slots=True)
class Offering:
    """
    What the service provider has at one service manager, as it was mirrored.

    :param editions: application type → the editions that have offering items, with what people call them.
    :param locations: storages for backups, by id, in the order in which one of them is taken where none is chosen.
    :param default_location: id of the storage that is taken where none is chosen; None: the first that fits.
    """

    items: Mapping[str, Offered] = field(default_factory=dict)
    editions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    locations: Mapping[int, Location] = field(default_factory=dict)
    default_location: int | None = None

    def of_edition(self, editions: Mapping[str, str]) -> list[Offered]:
        """Return the items of the chosen editions, and those that belong to none."""
        return [item for item in self.items.values() if item.edition in ("", editions.get(item.application, ""))]

    def storage_item(self, edition: str) -> Offered | None:
        """Return the item that meters the backup storage of an edition: the one the Storage Quota limits."""
        return next((item for item in self.items.values() if item.edition == edition and is_storage(item)), None)


@dataclass(frozen=True, slots=True)
class ItemValues:
    """What is said about one offering item, in the reader's unit; None is unlimited, and never blocked."""

    is_enabled: bool = True
    soft: int | None = None
    hard: int | None = None


@dataclass(frozen=True, slots=True)
class Values:
    """
    What the module setting is to say. Quotas are for one unit of the plan; ``storage_quota`` -1 is unlimited.

    :param editions: application type → the vendor's edition; one that is not chosen is missing.
    :param backup_storage: id of the backup location; None: the default of the service manager.
    """

    is_fixed: bool
    is_free_trial: bool = False
    trial_days: int = 30
    storage_quota: int | None = None
    overage: int | None = None
    editions: Mapping[str, str] = field(default_factory=dict)
    backup_storage: int | None = None
    items: Mapping[str, ItemValues] = field(default_factory=dict)


def whole_number(typed: str) -> int | None:
    """
    Read a whole number as somebody typed it, spaces around it allowed; None where nothing was typed.

    :raises NotWhole: “1.5”, “1e3”, “1,000” and everything else that is not digits, with a sign at most.
    """
    text = typed.strip()
    if not text:
        return None
    if not _WHOLE.fullmatch(text):
        raise NotWhole(f"Only whole numbers can be entered here; “{text[:20]}” is none.")
    return int(text)


def is_storage(item: Offered) -> bool:
    """Whether the Storage Quota of the module setting is the quota of this item."""
    return item.application == "backup" and item.usage == "storage" and item.unit == "bytes"


def not_available(*items: Offered) -> str:
    """Say that the service provider lacks ``items`` (seed text, 004: the error of a purchase)."""
    return f"offering items not available: {', '.join(item.words for item in items)}"


def unlimited_made_plain(values: ItemValues) -> ItemValues:
    """Return the values with -1 as what it means: no soft quota, and with it no hard one."""
    is_unlimited = values.soft == UNLIMITED
    hard = None if is_unlimited and values.hard == UNLIMITED else values.hard
    return ItemValues(values.is_enabled, None if is_unlimited else values.soft, hard)


def refusals(values: Values, offering: Offering) -> list[Refusal]:
    """Return everything that keeps ``values`` from being saved, field by field; an empty list lets them through."""
    found = [*_about_trial(values), *_about_location(values, offering)]
    if not values.is_fixed:
        return found
    found += _about_storage(values)
    found += _about_editions(values, offering)
    found += _about_capacity(values, offering)
    for name, item in values.items.items():
        found += _about_item(name, item, values, offering)
    return list({refusal.field: refusal for refusal in reversed(found)}.values())[::-1]


def location_of(values: Values, offering: Offering) -> Location | None:
    """Return the backup location a new tenant gets: the chosen one, else the default, else the first that carries the edition."""
    if values.backup_storage is not None:
        return offering.locations.get(values.backup_storage)
    item = offering.storage_item(values.editions.get("backup", ""))
    fitting = [place for place in offering.locations.values() if item is None or place.id in item.storages]
    default = [place for place in fitting if place.id == offering.default_location]
    return next(iter(default + fitting), None)


# --- Trial and location ---------------------------------------------------------------------------------------------------


def _about_trial(values: Values) -> Iterator[Refusal]:
    if not 1 <= values.trial_days <= LONGEST_TRIAL:
        yield Refusal("trial_days", f"A free trial lasts from 1 to {LONGEST_TRIAL} days.")


def _about_location(values: Values, offering: Offering) -> Iterator[Refusal]:
    if values.backup_storage is None:
        return
    place = offering.locations.get(values.backup_storage)
    if place is None:
        yield Refusal("backup_storage", "The service manager has no such backup location. Choose one of the list.")
    elif not place.is_offered:
        yield Refusal("backup_storage", f"Acronis no longer offers {place.name} to you. Choose another backup location.")
    elif values.is_fixed:
        item = offering.storage_item(values.editions.get("backup", ""))
        if item is not None and place.id not in item.storages:
            yield Refusal("backup_storage", f"{place.name} does not carry {item.words}. Choose another backup location.")


# --- Storage quota --------------------------------------------------------------------------------------------------------


def _about_storage(values: Values) -> Iterator[Refusal]:
    soft, hard = values.storage_quota, values.overage
    if soft is None:
        yield Refusal("storage_quota", "Enter the Storage Quota in GB; -1 is unlimited.")
        if hard is not None:
            yield Refusal("overage", "Overage needs a Storage Quota: no hard quota without a soft one.")
        return
    if soft < UNLIMITED:
        yield Refusal("storage_quota", "The Storage Quota cannot be less than nothing; only -1 is unlimited.")
    elif soft == UNLIMITED and hard not in (None, UNLIMITED):
        yield Refusal("overage", "An unlimited Storage Quota makes the hard quota unlimited too: leave Overage empty.")
    elif soft != UNLIMITED:
        yield from _about_amounts(soft, hard, unit="bytes", soft_field="storage_quota", hard_field="overage")


def _about_capacity(values: Values, offering: Offering) -> Iterator[Refusal]:
    soft, hard, place = values.storage_quota, values.overage, location_of(values, offering)
    if soft is None or soft < 0 or place is None or place.capacity is None:
        return
    if soft > place.capacity:
        yield Refusal("storage_quota", f"{place.name} holds {place.capacity:,} GB; the Storage Quota cannot be more.")
    elif soft + (hard or 0) > place.capacity:
        most = place.capacity - soft
        yield Refusal("overage", f"{place.name} holds {place.capacity:,} GB; beside the Storage Quota that leaves {most:,} GB.")


# --- Editions -------------------------------------------------------------------------------------------------------------


EDITION_FIELDS = {"backup": "protection_model", "files_cloud": "file_sync_model"}


def _about_editions(values: Values, offering: Offering) -> Iterator[Refusal]:
    for application, name in EDITION_FIELDS.items():
        edition = values.editions.get(application, "")
        offered = {item.edition for item in offering.items.values() if item.is_offered and item.application == application}
        if not edition:
            yield Refusal(name, "Choose the edition.")
        elif edition not in offered:
            words = offering.editions.get(application, {}).get(edition, edition)
            yield Refusal(name, f"You are not offered {words} at Acronis. Choose an edition of the list.")
        elif application == "backup" and offering.storage_item(edition) is None:
            yield Refusal(name, f"{edition} has no backup storage at Acronis. Choose another edition.")


# --- Offering items -------------------------------------------------------------------------------------------------------


def _about_item(name: str, item: ItemValues, values: Values, offering: Offering) -> Iterator[Refusal]:
    offered = offering.items.get(name)
    if offered is None:
        yield Refusal(f"on-{name}", not_available(Offered(name=name, label=name)))
        return
    if item.is_enabled:
        yield from _about_availability(offered, values, offering)
    if not offered.has_quota:
        if item.soft is not None or item.hard is not None:
            yield Refusal(f"soft-{name}", f"{offered.label} is on or off; it has no quota.")
        return
    if item.soft is None:
        if item.hard is not None:
            yield Refusal(f"hard-{name}", "A hard quota needs a soft quota: unlimited soft makes hard unlimited.")
        return
    yield from _about_amounts(item.soft, item.hard, unit=offered.unit, soft_field=f"soft-{name}", hard_field=f"hard-{name}")


def _about_availability(offered: Offered, values: Values, offering: Offering) -> Iterator[Refusal]:
    mine = values.editions.get(offered.application, "")
    if not offered.is_offered or offered.edition not in ("", mine):
        yield Refusal(f"on-{offered.name}", not_available(offered))
        return
    others = {other.usage: other for other in offering.of_edition(values.editions) if other.edition == offered.edition}
    for usage in NEEDS.get(offered.usage, ()):
        needed = others.get(usage)
        if needed is not None and not values.items.get(needed.name, ItemValues(is_enabled=False)).is_enabled:
            yield Refusal(f"on-{offered.name}", f"{offered.label} works only together with {needed.label}. Tick both, or neither.")


def _about_amounts(soft: int, hard: int | None, *, unit: str, soft_field: str, hard_field: str) -> Iterator[Refusal]:
    size, word = UNITS[unit]
    most = min(LARGEST, COUNTABLE // size)
    if soft < 0:
        yield Refusal(soft_field, "A soft quota cannot be less than nothing; only -1 is unlimited.")
    elif soft > most:
        yield Refusal(soft_field, f"That is more than Acronis can count. Enter {most:,} {word} or less.")
    if hard is None:
        return
    if hard < 0:
        yield Refusal(hard_field, "A hard quota cannot be less than nothing; leave it empty to block nothing.")
    elif hard > most or soft + hard > most >= soft:
        yield Refusal(hard_field, f"Together with the soft quota that is more than Acronis can count, {most:,} {word}.")
