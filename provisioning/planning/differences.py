"""The plan taken apart: one difference for everything that somebody can decide about on its own. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from provisioning.planning import actions
from provisioning.planning.rules import plan
from provisioning.planning.values import PRODUCTION, Item, ObservedTenant, ObservedUser, TenantWish

TENANT_DELETED = "tenant_deleted"
"""The vendor does not have the tenant any more. The plan never makes it anew, so it is told apart by hand."""

CANNOT_PLAN = "cannot_plan"
"""What the tenant should have cannot even be said: the vendor does not offer it, or nobody ordered anything."""

SET_PRICING_MODE = "set_pricing_mode"

KIND_NAMES: Mapping[str, str] = {
    "enable_item": "Item off",
    "disable_item": "Item on",
    "limit_item": "Quota",
    "switch_edition": "Edition",
    SET_PRICING_MODE: "Pricing mode",
    "enable_tenant": "Disabled",
    "disable_tenant": "Enabled",
    "rename_tenant": "Name",
    "set_contact": "Contact",
    "set_language": "Language",
    "change_login": "Login",
    "change_email": "E-mail address",
    "create_user": "User gone",
    "grant_role": "Role",
    TENANT_DELETED: "Tenant deleted",
    CANNOT_PLAN: "Not to be had",
}
"""What each kind of difference is called."""


@dataclass(frozen=True, slots=True)
class Difference:
    """
    What differs. ``kind`` and ``subject`` tell it from the tenant's others and stay the same when it is found again; ``sentence``
    is what putting it right would do.
    """

    kind: str
    subject: str
    sentence: str
    wished: str
    found: str


def differences(wish: TenantWish, observed: ObservedTenant) -> list[Difference]:
    """
    Return what differs at the vendor from ``wish``, each thing once; empty where both agree.

    What we have not told the vendor yet (a mail or password that is due) is no difference: nobody changed anything there.
    """
    found = [difference for action in plan(wish, observed) for difference in _taken_apart(action, wish, observed)]
    if wish.pricing_mode != PRODUCTION and observed.pricing_mode == PRODUCTION and not wish.is_retired:
        # Not in the plan, because nothing can be done about it; yet the vendor bills what we give away.
        sentence = "Nothing: from production there is no way back to the trial"
        found.append(Difference(SET_PRICING_MODE, "", sentence, wish.pricing_mode, PRODUCTION))
    return found


def deleted(name: str) -> Difference:
    """Return the difference of a tenant that the vendor does not have any more."""
    return Difference(TENANT_DELETED, "", actions.RestoreTenant(name).sentence, "there", "deleted")


def cannot_plan(reason: str) -> Difference:
    """Return the difference of a tenant whose wish cannot be said; ``reason`` is its sentence."""
    return Difference(CANNOT_PLAN, "", reason, "", "")


def subject_of(item: Item) -> str:
    """Return what a difference about ``item`` is filed under."""
    return f"{item.name}@{item.infra_id}" if item.infra_id else item.name


def _taken_apart(action: actions.Action, wish: TenantWish, observed: ObservedTenant) -> Iterator[Difference]:
    kind, sentence = action.kind, action.sentence
    match action:
        case actions.SetItems():
            yield from _of_items(action, observed)
        case actions.SwitchEdition():
            wished, found = (actions.edition_words(edition) for edition in (action.edition, action.instead_of))
            yield Difference(kind, action.application_id, sentence, wished, found)
        case actions.RenameTenant():
            yield Difference(kind, "", sentence, action.name, observed.name)
        case actions.SetContact():
            for name, value in action.fields:
                yield Difference(kind, name, f"Set the contact's {name}", value, observed.contact.get(name, ""))
        case actions.SetLanguage():
            yield Difference(kind, "", sentence, action.language, observed.language)
        case actions.SetPricingMode():
            yield Difference(kind, "", sentence, action.mode, observed.pricing_mode)
        case actions.EnableTenant():
            yield Difference(kind, "", sentence, "enabled", "disabled")
        case actions.DisableTenant():
            yield Difference(kind, "", sentence, "disabled", "enabled")
        case actions.CreateUser():
            yield Difference(kind, action.login, sentence, action.login, "no such user")
        case actions.ChangeLogin():
            yield Difference(kind, action.login, sentence, action.login, action.instead_of)
        case actions.ChangeEmail() if (user := _found_user(action.login, wish, observed)) is not None:
            yield Difference(kind, action.login, sentence, action.email, user.email)
        case actions.GrantRole() if (user := _found_user(action.login, wish, observed)) is not None:
            role = actions.ROLE_NAMES.get(action.role, action.role)
            yield Difference(kind, action.login, sentence, role, ", ".join(sorted(user.roles)) or "no role")


def _of_items(action: actions.SetItems, observed: ObservedTenant) -> Iterator[Difference]:
    for (item, limit), words in zip(action.enable, action.enabled_words(), strict=True):
        yield Difference("enable_item", subject_of(item), f"Enable {words}", f"on, {limit.words(item.unit)}", "off")
    for (item, limit), words in zip(action.limit, action.limited_words(), strict=True):
        found = observed.items[item].words(item.unit)
        yield Difference("limit_item", subject_of(item), f"Set {words}", limit.words(item.unit), found)
    for item in action.disable:
        found = f"on, {observed.items[item].words(item.unit)}"
        yield Difference("disable_item", subject_of(item), f"Disable {item.name}", "off", found)


def _found_user(login: str, wish: TenantWish, observed: ObservedTenant) -> ObservedUser | None:
    wished = next(user for user in wish.users if user.login == login)
    return observed.user(wished)
