"""For whom a program orders."""

from rest_framework.exceptions import ValidationError

from accounts.models import Organization


def consumer_of(own: Organization, number: str | None) -> Organization:
    """
    Return the organization of that number, if ``own`` may order for it; without a number a customer itself.

    :raises ValidationError: there is none, it is somebody else's, or a seller does not say which.
    """
    if number is None:
        if own.kind != Organization.Kind.CUSTOMER:
            raise ValidationError({"consumer": ["Say which customer will use it."]}, code="required")
        return own
    consumers = Organization.objects.consumers().select_related("parent")
    if own.kind != Organization.Kind.MSP:
        consumers = consumers.filter(pk=own.pk) | consumers.filter(parent=own)
    found = consumers.filter(number=number).first()
    if found is None:
        raise ValidationError({"consumer": [f"You have no customer “{number}”."]}, code="unknown")
    return found
