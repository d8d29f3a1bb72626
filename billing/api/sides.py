"""What all documents of this API share: who sells, who buys, on which side the caller stands, and nothing of anybody else."""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db.models import Model, QuerySet, TextChoices
from django.http import Http404
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from accounts.models import Organization
from billing.models import SubscriptionQuerySet
from billing.queries.sides import services_of, sold_or_bought

LONGEST_NUMBER = 40

Row = TypeVar("Row", bound=Model)
Rows = TypeVar("Rows", bound=QuerySet[Any])


class Role(TextChoices):
    """On which side of a document an organization stands."""

    BOUGHT = "bought", "Bought"
    SOLD = "sold", "Sold"


class PartySerializer(serializers.Serializer[Any]):
    """An organization."""

    number = serializers.CharField(help_text="What people quote.")
    name = serializers.CharField()


class TaxSerializer(serializers.Serializer[Any]):
    """One tax, taken once on the sum of the nets it applies to."""

    name = serializers.CharField()
    percent = serializers.CharField(help_text="A decimal number.")
    net = serializers.CharField(help_text="What it is taken on, a decimal number in the document's currency.")
    tax = serializers.CharField(help_text="A decimal number in the document's currency.")


def role_field() -> serializers.ChoiceField:
    """The parameter by which a reseller chooses its side."""
    words = (
        "bought: what your organization was invoiced, credited and paid. sold: the same of your customers, if you are a reseller."
    )
    return serializers.ChoiceField(required=False, choices=Role.choices, default=Role.BOUGHT.value, help_text=words)


def own_services(organization: Organization, number: str | None) -> SubscriptionQuerySet:
    """
    Return what `services_of` does, or the one of that number.

    :raises ValidationError: there is no such service, or it is somebody else's.
    """
    services = services_of(organization)
    if number is None:
        return services
    found = services.filter(number=number)
    if not found.exists():
        raise ValidationError({"service": [f"You have no service “{number}”."]}, code="unknown")
    return found


def on_side(rows: Rows, organization: Organization, role: str) -> Rows:
    """Narrow ``rows`` to those on which ``organization`` stands on the side of ``role``."""
    return rows.filter(seller=organization) if role == Role.SOLD else rows.filter(buyer=organization)


def role_of(row: Any, organization: Organization) -> str:
    return Role.SOLD.value if row.seller_id == organization.pk else Role.BOUGHT.value


def numbered(rows: QuerySet[Row], organization: Organization, number: str) -> Row:
    """
    Return the row of that number.

    :raises Http404: there is none, or ``organization`` neither sold nor bought by it.
    """
    found = sold_or_bought(rows, organization).filter(number=number).first()
    if found is None:
        raise Http404
    return found


def as_printed(organization: Organization, copy: Mapping[str, Any]) -> dict[str, str]:
    """Name a party of a document as it was named then."""
    return {"number": organization.number, "name": str(copy.get("name") or organization.name)}


def as_it_is(organization: Organization) -> dict[str, str]:
    return {"number": organization.number, "name": organization.name}
