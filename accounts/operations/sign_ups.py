"""
Sign-up: a visitor makes an account and an organization under whose door it came by.

Nothing is written about anybody before the e-mail address is confirmed by the code that was mailed to it: nobody takes a place
with somebody else's address, and there are no accounts half made. Until then the visitor's session holds what was typed.
"""

from datetime import datetime

from allauth.account.adapter import get_adapter
from django.db import IntegrityError, transaction
from django.utils.crypto import constant_time_compare

from accounts import emails
from accounts.models import Membership, Organization, User
from accounts.operations.organizations import add_organization
from common.errors import DomainError


class SignUpClosed(DomainError):
    """The seller adds its customers itself."""


class AddressKnown(DomainError):
    """Somebody signs in with this address. Said only to whoever has the code that was mailed to it."""


@transaction.atomic(durable=True)
def send_sign_up_code(*, email: str, seller: Organization, way_back: str) -> str:
    """
    Mail ``email`` a code that confirms it, and return the code.

    Who has an account with this address is mailed that instead, with the way to sign in to ``way_back``; the code returned is
    then in no mail. The caller cannot tell one from the other, and must not: it would tell strangers who our customers are.
    """
    code: str = get_adapter().generate_email_verification_code()
    if User.objects.of_address(email) is None:
        emails.sign_up_code(email, code=code, seller=seller)
    else:
        emails.account_exists(email, seller=seller, way_back=way_back)
    return code


@transaction.atomic(durable=True)
def sign_up(
    *,
    seller: Organization,
    organization_name: str,
    country: str,
    currency: str,
    first_name: str,
    last_name: str,
    email: str,
    password_hash: str,
    at: datetime,
) -> User:
    """
    Add an organization under ``seller`` and its first administrator, whose address is confirmed; return that person.

    What strangers order waits for a person who executes it. Submitted twice, the second time returns the same person.

    :param password_hash: of Django's making; with its random salt it also tells the second submit from a second sign-up.
    :raises SignUpClosed: the seller has closed it meanwhile.
    :raises AddressKnown: another account of this address was made meanwhile.
    """
    if not Organization.objects.filter(pk=seller.pk, sign_up_is_open=True).exclude(kind=Organization.Kind.CUSTOMER).exists():
        raise SignUpClosed(f"{seller} adds its customers itself.")
    if known := User.objects.of_address(email):
        return _same_sign_up(known, password_hash)
    try:
        with transaction.atomic():
            user = User.objects.create(email=email, password=password_hash, first_name=first_name, last_name=last_name)
    except IntegrityError:  # the other of two submits was quicker
        return _same_sign_up(User.objects.get(email__iexact=email), password_hash)
    organization = add_organization(
        kind=Organization.Kind.CUSTOMER,
        parent=seller,
        name=organization_name,
        at=at,
        country=country,
        currency=currency,
        billing_email=email,
        orders_execute_automatically=False,
    )
    Membership.objects.create(user=user, organization=organization, role=Membership.Role.ADMINISTRATOR)
    return user


# Steps: inside the caller's transaction


def _same_sign_up(known: User, password_hash: str) -> User:
    if not constant_time_compare(known.password, password_hash):
        raise AddressKnown("You have an account with this e-mail address already. Sign in with it.")
    return known
