"""Every write to organizations and people."""

from datetime import datetime
from typing import Any

from django.db import transaction
from sequences import get_next_value

from accounts.models import Membership, Organization, User
from common.errors import DomainError

_PREFIX = {Organization.Kind.MSP: "M", Organization.Kind.RESELLER: "R", Organization.Kind.CUSTOMER: "C"}

_PARENTS: dict[Organization.Kind, set[str | None]] = {
    Organization.Kind.MSP: {None},
    Organization.Kind.RESELLER: {Organization.Kind.MSP},
    Organization.Kind.CUSTOMER: {Organization.Kind.MSP, Organization.Kind.RESELLER},
}


class WrongParent(DomainError):
    """An organization was to stand under one that cannot have it."""


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


@transaction.atomic
def add_member(*, organization: Organization, user: User, role: str) -> Membership:
    """Let ``user`` act for ``organization``; repeated, it changes the role."""
    membership, _ = Membership.objects.update_or_create(organization=organization, user=user, defaults={"role": role})
    return membership


@transaction.atomic
def change_billing_information(*, organization: Organization, at: datetime, **facts: Any) -> None:
    """Write the billing address, e-mail and VAT id; the next invoice copies them, issued ones stay, the vendor is told."""
    row = Organization.objects.locked().get(pk=organization.pk)
    for name, value in facts.items():
        setattr(row, name, value)
    row.facts_changed_at = at
    row.save(update_fields=[*facts, "facts_changed_at"])
