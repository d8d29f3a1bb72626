"""The things that can be done at the vendor. Each says in one sentence what it does, before it is done and after."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provisioning.planning.values import UNLIMITED, Item, Limit

LISTED = 4  # so many offering items are named in a sentence; more are counted, and listed as details

ROLE_NAMES: Mapping[str, str] = {"company_admin": "company administrator", "readonly_admin": "read-only administrator"}
EDITION_NAMES: Mapping[str, str] = {
    "pck_per_gigabyte": "Protection per gigabyte",
    "pck_per_workload": "Protection per workload",
    "fss_per_user": "File Sync & Share per user",
    "fss_per_gigabyte": "File Sync & Share per gigabyte",
}


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

    @property
    def details(self) -> tuple[str, ...]:
        """What it does piece by piece, where the sentence only counts."""
        return ()


@dataclass(frozen=True, slots=True)
class CreateTenant(Action):
    name: str
    tenant_kind: str

    @property
    def sentence(self) -> str:
        return f"Create the {self.tenant_kind} tenant “{self.name}”"


@dataclass(frozen=True, slots=True)
class DeleteTenant(Action):
    name: str

    @property
    def sentence(self) -> str:
        return f"Delete the tenant “{self.name}” with all its users and backups"


@dataclass(frozen=True, slots=True)
class RestoreTenant(Action):
    """Bring back a tenant that was deleted. In no plan: a person decides it, see `differences.TENANT_DELETED`."""

    name: str

    @property
    def sentence(self) -> str:
        return f"Restore the deleted tenant “{self.name}” with all its users and backups"


@dataclass(frozen=True, slots=True)
class RenameTenant(Action):
    name: str

    @property
    def sentence(self) -> str:
        return f"Rename the tenant to “{self.name}”"


@dataclass(frozen=True, slots=True)
class SetContact(Action):
    """Bring the tenant's contact in line with the organization's billing data."""

    fields: tuple[tuple[str, str], ...]

    @property
    def sentence(self) -> str:
        return f"Set the contact's {', '.join(name for name, _ in self.fields)}"

    @property
    def details(self) -> tuple[str, ...]:
        return tuple(f"{name}: {value}" for name, value in self.fields)


@dataclass(frozen=True, slots=True)
class SetLanguage(Action):
    language: str

    @property
    def sentence(self) -> str:
        return f"Set the language to {self.language}"


@dataclass(frozen=True, slots=True)
class SwitchEdition(Action):
    """Exchange every item of one edition for its counterpart in another; quotas go along."""

    application_id: str
    edition: str
    instead_of: str

    @property
    def sentence(self) -> str:
        return f"Switch from {edition_words(self.instead_of)} to {edition_words(self.edition)}"


@dataclass(frozen=True, slots=True)
class SetItems(Action):
    """Turn items on and off and set quotas, in one call."""

    enable: tuple[tuple[Item, Limit], ...] = ()
    limit: tuple[tuple[Item, Limit], ...] = ()
    disable: tuple[Item, ...] = ()

    @property
    def sentence(self) -> str:
        groups = [("enable", self.enabled_words()), ("set", self.limited_words()), ("disable", self.disabled_words())]
        parts = [f"{verb} {_listed(words)}" for verb, words in groups if words]
        return _upper_first(" and ".join(parts))

    @property
    def details(self) -> tuple[str, ...]:
        return (
            *(f"enable {words}" for words in self.enabled_words()),
            *(f"set {words}" for words in self.limited_words()),
            *(f"disable {words}" for words in self.disabled_words()),
        )

    def enabled_words(self) -> list[str]:
        return [item.name if limit == UNLIMITED else f"{item.name}, {limit.words(item.unit)}" for item, limit in self.enable]

    def limited_words(self) -> list[str]:
        return [f"{item.name} to {limit.words(item.unit)}" for item, limit in self.limit]

    def disabled_words(self) -> list[str]:
        return [item.name for item in self.disable]


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
class ChangeLogin(Action):
    login: str
    instead_of: str

    @property
    def sentence(self) -> str:
        return f"Change the login {self.instead_of} to {self.login}"


@dataclass(frozen=True, slots=True)
class ChangeEmail(Action):
    login: str
    email: str

    @property
    def sentence(self) -> str:
        return f"Change the e-mail address of {self.login} to {self.email}"


@dataclass(frozen=True, slots=True)
class GrantRole(Action):
    login: str
    role: str

    @property
    def sentence(self) -> str:
        return f"Make {self.login} {ROLE_NAMES.get(self.role, self.role)}"


@dataclass(frozen=True, slots=True)
class SetPassword(Action):
    """The password itself is in no action, so that it is in no sentence and no log."""

    login: str

    @property
    def sentence(self) -> str:
        return f"Set the password of {self.login}"


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


def edition_words(edition: str) -> str:
    """Return what people call an edition."""
    return EDITION_NAMES.get(edition, edition)


def _listed(words: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(words))
    return "; ".join(distinct) if len(distinct) <= LISTED else f"{len(distinct)} offering items"


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]
