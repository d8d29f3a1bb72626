"""
The plan: what has to be done at the vendor so that it agrees with the wish. Pure; every case is a table in a test.

`plan(wish, observed)` compares and returns actions in the order in which the vendor accepts them. An empty plan means that wish and
vendor agree. The same plan is the pre-check before an order is executed, and piece by piece the nightly list of differences.
"""

from collections.abc import Iterable

from provisioning.planning.actions import (
    Action,
    ChangeEmail,
    ChangeLogin,
    CreateTenant,
    CreateUser,
    DeleteTenant,
    DisableTenant,
    EnableTenant,
    GrantRole,
    RenameTenant,
    SendActivationMail,
    SetContact,
    SetItems,
    SetLanguage,
    SetPassword,
    SetPricingMode,
    SwitchEdition,
)
from provisioning.planning.values import PRODUCTION, Item, ObservedTenant, ObservedUser, TenantWish, UserWish

NEW_PRICING_MODE = {"customer": "trial", "partner": PRODUCTION}  # what the vendor starts a tenant in


def plan(wish: TenantWish, observed: ObservedTenant | None) -> list[Action]:
    """
    Return what has to be done so that the vendor agrees with ``wish``, in order; empty where it agrees.

    Users and roles the wish does not name are left alone: people add them in the vendor's portal. Where an edition is switched,
    the items of its application come in the next plan, made of what the switch leads to.
    """
    if wish.is_retired:
        return _plan_retirement(observed)
    actions: list[Action] = []
    if observed is None:
        actions.append(CreateTenant(name=wish.name, tenant_kind=wish.kind))
        observed, disable_last = _just_created(wish), not wish.enabled
    else:
        # First: of a disabled tenant the vendor may refuse the rest, and a refusal of the rest must not delay a suspension.
        actions += _plan_running(wish, observed)
        disable_last = False
    actions += _plan_facts(wish, observed)
    actions += _plan_items(wish, observed)
    if wish.pricing_mode != observed.pricing_mode and observed.pricing_mode != PRODUCTION:  # there is no way back from it
        actions.append(SetPricingMode(wish.pricing_mode))
    for user in wish.users:
        actions += _plan_user(user, observed.user(user))
    if disable_last:
        actions.append(DisableTenant())
    return actions


def _plan_running(wish: TenantWish, observed: ObservedTenant) -> list[Action]:
    if wish.enabled == observed.is_enabled:
        return []
    return [EnableTenant() if wish.enabled else DisableTenant()]


def _just_created(wish: TenantWish) -> ObservedTenant:
    return ObservedTenant(
        id="",
        is_enabled=True,
        pricing_mode=NEW_PRICING_MODE[wish.kind],
        name=wish.name,
        language=wish.language,
        contact=wish.contact,
    )


def _plan_retirement(observed: ObservedTenant | None) -> list[Action]:
    """The vendor deletes only what is disabled (its code 1006)."""
    if observed is None:
        return []
    delete = DeleteTenant(observed.name)
    return [DisableTenant(), delete] if observed.is_enabled else [delete]


def _plan_facts(wish: TenantWish, observed: ObservedTenant) -> list[Action]:
    actions: list[Action] = []
    if observed.name not in (wish.name, *wish.other_names):
        actions.append(RenameTenant(wish.name))
    contact = tuple((name, value) for name, value in wish.contact.items() if value and observed.contact.get(name, "") != value)
    if contact:
        actions.append(SetContact(contact))
    if wish.language and wish.language != observed.language:
        actions.append(SetLanguage(wish.language))
    return actions


def _plan_items(wish: TenantWish, observed: ObservedTenant) -> list[Action]:
    switches = _edition_switches(wish, observed)
    switched = {switch.application_id for switch in switches}
    wanted = {item: limit for item, limit in wish.items.items() if item.application_id not in switched}
    there = {item: limit for item, limit in observed.items.items() if item.application_id not in switched}
    change = SetItems(
        enable=tuple((item, wanted[item]) for item in sorted(wanted.keys() - there.keys())),
        limit=tuple((item, wanted[item]) for item in sorted(wanted.keys() & there.keys()) if wanted[item] != there[item]),
        disable=tuple(sorted(there.keys() - wanted.keys())),
    )
    return [*switches, *([change] if change != SetItems() else [])]


def _edition_switches(wish: TenantWish, observed: ObservedTenant) -> list[SwitchEdition]:
    """A customer has one edition per application; where another is there, the vendor's own switch keeps data and quotas."""
    if wish.kind != "customer":
        return []
    wanted, there = _editions(wish.items), _editions(observed.items)
    return [
        SwitchEdition(application_id, edition=min(wanted[application_id]), instead_of=min(there[application_id]))
        for application_id in sorted(wanted.keys() & there.keys())
        if len(wanted[application_id]) == 1 and not wanted[application_id] & there[application_id]
    ]


def _editions(items: Iterable[Item]) -> dict[str, set[str]]:
    editions: dict[str, set[str]] = {}
    for item in items:
        if item.edition:
            editions.setdefault(item.application_id, set()).add(item.edition)
    return editions


def _plan_user(wish: UserWish, observed: ObservedUser | None) -> list[Action]:
    actions: list[Action] = []
    if observed is None:
        actions.append(CreateUser(wish.login, wish.email))
    else:
        if observed.login.casefold() != wish.login.casefold():
            actions.append(ChangeLogin(wish.login, instead_of=observed.login))
        if observed.email != wish.email and wish.email_is_due:
            actions.append(ChangeEmail(wish.login, wish.email))
    if observed is None or wish.role not in observed.roles:
        actions.append(GrantRole(wish.login, wish.role))
    if wish.password_is_due:
        actions.append(SetPassword(wish.login))
    elif wish.mail_is_due and not (observed is not None and observed.is_activated):
        actions.append(SendActivationMail(wish.login, wish.email))
    return actions
