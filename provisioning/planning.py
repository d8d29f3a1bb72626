"""
The plan: what has to be done at the vendor so that it agrees with the wish. Pure; every case is a table in a test.

`plan(wish, observed)` compares and returns actions in the order in which the vendor accepts them. An action says in one sentence
what it does, for the account manager before and the buyer after. An empty plan means that wish and vendor agree. The same plan
is the pre-check before an order is executed.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from common.errors import DomainError

PRODUCTION = "production"
NEW_PRICING_MODE = {"customer": "trial", "partner": PRODUCTION}  # what the vendor starts a tenant in


class ItemsNotAvailable(DomainError):
    """The vendor does not offer what the wish asks for."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"offering items not available: {', '.join(names)}")
        self.names = tuple(names)


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """An offering item as the vendor keys it: application, name, and storage where the item is tied to one."""

    application_id: str
    name: str
    infra_id: str = ""


@dataclass(frozen=True, slots=True)
class AvailableItem:
    """An offering item that the parent can give to a child. An empty edition belongs to none."""

    item: Item
    application_type: str
    edition: str


@dataclass(frozen=True, slots=True)
class StorageFacts:
    """What is needed to choose a storage: its name and what it can hold (backup, files_cloud, disaster_recovery)."""

    name: str
    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UserWish:
    """The person who administers the tenant. ``mail_is_due``: nobody has asked for the activation mail yet."""

    login: str
    email: str
    role: str
    mail_is_due: bool = True


@dataclass(frozen=True, slots=True)
class TenantWish:
    """What should be at the vendor for one organization."""

    name: str
    kind: str
    items: frozenset[Item]
    user: UserWish | None = None
    pricing_mode: str = PRODUCTION
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class ObservedUser:
    """A user of the tenant as the vendor has it; ``roles`` are those on this tenant."""

    id: str
    login: str
    is_activated: bool
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class ObservedTenant:
    """What is at the vendor."""

    id: str
    is_enabled: bool
    pricing_mode: str
    items: frozenset[Item]
    users: tuple[ObservedUser, ...] = ()

    def user(self, login: str) -> ObservedUser | None:
        """Return the tenant's user with that login; the vendor tells logins apart without regard to case."""
        return next((user for user in self.users if user.login.casefold() == login.casefold()), None)


# --- Actions ------------------------------------------------------------------------------------------------------------


class Action(ABC):
    """One thing to do at the vendor."""

    __slots__ = ()

    @property
    def kind(self) -> str:
        """The name people and tests know it by: create_tenant, set_items…"""
        return re.sub(r"(?<!^)([A-Z])", r"_\1", type(self).__name__).lower()

    @property
    @abstractmethod
    def sentence(self) -> str:
        """What it does, in one sentence."""


@dataclass(frozen=True, slots=True)
class CreateTenant(Action):
    name: str
    tenant_kind: str

    @property
    def sentence(self) -> str:
        return f"Create the {self.tenant_kind} tenant “{self.name}”"


@dataclass(frozen=True, slots=True)
class SetItems(Action):
    """Turn items on and off in one call."""

    enable: tuple[Item, ...] = ()
    disable: tuple[Item, ...] = ()

    @property
    def sentence(self) -> str:
        parts = [f"{verb} {_listed(items)}" for verb, items in (("enable", self.enable), ("disable", self.disable)) if items]
        return _upper_first(" and ".join(parts))


@dataclass(frozen=True, slots=True)
class SetPricingMode(Action):
    mode: str

    @property
    def sentence(self) -> str:
        return f"Set the pricing mode to {self.mode}"


@dataclass(frozen=True, slots=True)
class CreateUser(Action):
    login: str
    email: str

    @property
    def sentence(self) -> str:
        return f"Create the user {self.login}"


@dataclass(frozen=True, slots=True)
class GrantRole(Action):
    login: str
    role: str

    @property
    def sentence(self) -> str:
        return f"Make {self.login} {ROLE_NAMES.get(self.role, self.role)}"


@dataclass(frozen=True, slots=True)
class SendActivationMail(Action):
    login: str
    email: str

    @property
    def sentence(self) -> str:
        return f"Send the activation mail to {self.email}"


@dataclass(frozen=True, slots=True)
class EnableTenant(Action):
    @property
    def sentence(self) -> str:
        return "Enable the tenant"


@dataclass(frozen=True, slots=True)
class DisableTenant(Action):
    @property
    def sentence(self) -> str:
        return "Disable the tenant"


ROLE_NAMES: Mapping[str, str] = {"company_admin": "company administrator", "readonly_admin": "read-only administrator"}


# --- The rules ----------------------------------------------------------------------------------------------------------


def plan(wish: TenantWish, observed: ObservedTenant | None) -> list[Action]:
    """
    Return what has to be done so that the vendor agrees with ``wish``, in order; empty where it agrees.

    Users and roles the wish does not name are left alone: people add them in the vendor's portal.
    """
    actions: list[Action] = []
    if observed is None:
        actions.append(CreateTenant(name=wish.name, tenant_kind=wish.kind))
        observed = ObservedTenant(id="", is_enabled=True, pricing_mode=NEW_PRICING_MODE[wish.kind], items=frozenset())
    if wish.items != observed.items:
        actions.append(SetItems(tuple(sorted(wish.items - observed.items)), tuple(sorted(observed.items - wish.items))))
    if wish.pricing_mode != observed.pricing_mode and observed.pricing_mode != PRODUCTION:  # there is no way back from it
        actions.append(SetPricingMode(wish.pricing_mode))
    if wish.user is not None:
        actions += _plan_user(wish.user, observed.user(wish.user.login))
    if wish.enabled != observed.is_enabled:
        actions.append(EnableTenant() if wish.enabled else DisableTenant())
    return actions


def _plan_user(wish: UserWish, observed: ObservedUser | None) -> list[Action]:
    actions: list[Action] = []
    if observed is None:
        actions.append(CreateUser(wish.login, wish.email))
    if observed is None or wish.role not in observed.roles:
        actions.append(GrantRole(wish.login, wish.role))
    if wish.mail_is_due and not (observed is not None and observed.is_activated):
        actions.append(SendActivationMail(wish.login, wish.email))
    return actions


def items_for_partner(available: Iterable[AvailableItem]) -> frozenset[Item]:
    """Return everything the parent has: a reseller gets all services, every billing mode, all storages (seed text, 000)."""
    return frozenset(entry.item for entry in available)


def items_for_customer(
    available: Sequence[AvailableItem],
    *,
    editions: Mapping[str, str],
    storages: Mapping[str, StorageFacts],
    preferred: Sequence[str] = (),
) -> frozenset[Item]:
    """
    Return what a customer gets: everything the parent has, in one edition per application, on one storage per type.

    :param editions: application type → edition, for those that have editions (vendor rule: one per customer).
    :param storages: storage id → facts, of every storage that ``available`` names.
    :param preferred: storage ids to take first, best first; otherwise the first by name.
    :raises ItemsNotAvailable: the parent offers nothing of a chosen edition.
    """
    missing = [edition for edition in editions.values() if all(entry.edition != edition for entry in available)]
    if missing:
        raise ItemsNotAvailable(missing)
    of_editions = [entry for entry in available if entry.edition in ("", editions.get(entry.application_type, ""))]
    chosen = _one_storage_per_type({entry.item.infra_id for entry in of_editions} - {""}, storages, preferred)
    return frozenset(entry.item for entry in of_editions if entry.item.infra_id in chosen | {""})


def _one_storage_per_type(offered: set[str], storages: Mapping[str, StorageFacts], preferred: Sequence[str]) -> set[str]:
    rank = {infra_id: place for place, infra_id in enumerate(preferred)}
    best_first = sorted(offered, key=lambda infra_id: (rank.get(infra_id, len(rank)), storages[infra_id].name, infra_id))
    chosen: dict[str, str] = {}
    for infra_id in best_first:
        for capability in storages[infra_id].capabilities:
            chosen.setdefault(capability, infra_id)
    return set(chosen.values())


# --- Words --------------------------------------------------------------------------------------------------------------

LISTED = 4


def _listed(items: Sequence[Item]) -> str:
    names = list(dict.fromkeys(item.name for item in items))
    return ", ".join(names) if len(names) <= LISTED else f"{len(names)} offering items"


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]
