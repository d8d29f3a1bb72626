"""Writes to organizations: who is added under whom, and the facts they are invoiced with."""

from datetime import datetime
from typing import Any

from django.db import transaction
from sequences import get_next_value

from accounts.models import Membership, Organization, User
from accounts.operations.invitations import send_invitation
from common.errors import DomainError, FieldRefused

_PREFIX = {Organization.Kind.MSP: "M", Organization.Kind.RESELLER: "R", Organization.Kind.CUSTOMER: "C"}

_PARENTS: dict[Organization.Kind, set[str | None]] = {
    Organization.Kind.MSP: {None},
    Organization.Kind.RESELLER: {Organization.Kind.MSP},
    Organization.Kind.CUSTOMER: {Organization.Kind.MSP, Organization.Kind.RESELLER},
}


class WrongParent(DomainError):
    """An organization was to stand under one that cannot have it."""


class NameTaken(FieldRefused):
    """A reseller has a customer of this name already."""


@transaction.atomic
def add_organization(*, kind: str, parent: Organization | None, name: str, at: datetime, **facts: Any) -> Organization:
    """
    Add a reseller or customer under ``parent`` (None only for the MSP itself) with a number of its own.

    Currency, country, time zone and language come from the parent where ``facts`` does not say otherwise.

    :raises WrongParent: resellers stand under the MSP, customers under the MSP or a reseller.
    """
    allowed = _PARENTS[Organization.Kind(kind)]
    if (parent.kind if parent else None) not in allowed:
        raise WrongParent(f"A {Organization.Kind(kind).label.lower()} cannot stand under {parent or 'nobody'}.")
    inherited = {} if parent is None else {name: getattr(parent, name) for name in ("currency", "country", "time_zone", "language")}
    number = f"{_PREFIX[Organization.Kind(kind)]}{get_next_value('organization', initial_value=1001)}"
    return Organization.objects.create(**{**inherited, **facts}, kind=kind, parent=parent, name=name, number=number, created_at=at)


@transaction.atomic(durable=True)
def add_customer(
    *, reseller: Organization, name: str, by: User, at: datetime, administrator_email: str = "", **facts: Any
) -> Organization:
    """
    Add a customer under ``reseller``, and invite its first administrator where an address is given.

    :raises NameTaken: the reseller has a customer of this name: a form that was sent twice adds one.
    """
    Organization.objects.locked().get(pk=reseller.pk)  # two forms of one reseller add in turn
    _refuse_taken(name, reseller=reseller)
    customer = add_organization(kind=Organization.Kind.CUSTOMER, parent=reseller, name=name, at=at, **facts)
    if administrator_email:
        send_invitation(customer, email=administrator_email, role=Membership.Role.ADMINISTRATOR, by=by, at=at)
    return customer


@transaction.atomic(durable=True)
def change_customer(*, customer: Organization, name: str, at: datetime, **facts: Any) -> None:
    """
    Write what a reseller knows of its customer; the next invoice copies it, issued ones stay, the vendor is told.

    :raises NameTaken: another customer of the reseller has this name.
    """
    assert customer.parent is not None  # customers stand under somebody
    Organization.objects.locked().get(pk=customer.parent.pk)
    _refuse_taken(name, reseller=customer.parent, but=customer)
    _write_facts(customer, {"name": name, **facts}, at=at)


@transaction.atomic
def add_member(*, organization: Organization, user: User, role: str) -> Membership:
    """Let ``user`` act for ``organization``; repeated, it changes the role."""
    membership, _ = Membership.objects.update_or_create(organization=organization, user=user, defaults={"role": role})
    return membership


@transaction.atomic
def change_billing_information(*, organization: Organization, at: datetime, **facts: Any) -> None:
    """Write the billing address, e-mail and VAT id; the next invoice copies them, issued ones stay, the vendor is told."""
    _write_facts(organization, facts, at=at)


# Steps: inside the caller's transaction


def _refuse_taken(name: str, *, reseller: Organization, but: Organization | None = None) -> None:
    twins = Organization.objects.filter(parent=reseller, name__iexact=name)
    if twin := (twins.exclude(pk=but.pk) if but else twins).first():
        raise NameTaken("name", f"You have a customer of this name already: {twin.number}.")


def _write_facts(organization: Organization, facts: dict[str, Any], *, at: datetime) -> None:
    row = Organization.objects.locked().get(pk=organization.pk)
    for name, value in facts.items():
        setattr(row, name, value)
    row.facts_changed_at = at
    row.save(update_fields=[*facts, "facts_changed_at"])
