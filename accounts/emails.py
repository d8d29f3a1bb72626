"""The mails of accounts: rows in the outbox, written in the transaction that they tell of. A task sends them."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from post_office import mail

from accounts.models import Invitation, Organization
from common.templatetags import show


def invitation(invitation: Invitation, *, token: str) -> None:
    """Ask the invited person to accept; the link in this mail is the only place where ``token`` stands."""
    organization = invitation.organization
    inviter = str(invitation.invited_by) if invitation.invited_by else str(_seller_of(organization))
    _put_into_outbox(
        invitation.email,
        "invitation",
        subject=f"{inviter} invites you to act for {organization}",
        seller=_seller_of(organization),
        inviter=inviter,
        organization=organization,
        button_url=f"{settings.SITE_URL}{reverse('accounts:open_invitation', args=[token])}",
        button_label="Accept the invitation",
        facts=[
            ("Organization", f"{organization} ({organization.number})"),
            ("Your role", invitation.get_role_display()),
            ("Open until", show.moment(invitation.expires_at, organization.time_zone)),
        ],
    )


def sign_up_code(email: str, *, code: str, seller: Organization) -> None:
    """Mail the code that shows that ``email`` is the visitor's own."""
    _put_into_outbox(email, "sign_up_code", subject=f"{code} is your code for {seller}", seller=seller, code=code)


def account_exists(email: str, *, seller: Organization, way_back: str) -> None:
    """Tell who signs up with an address of an account that there is one, and the way to sign in."""
    query = f"?{urlencode({'next': way_back})}" if way_back else ""
    _put_into_outbox(
        email,
        "account_exists",
        subject=f"You have an account with {seller} already",
        seller=seller,
        button_url=f"{settings.SITE_URL}{reverse('account_login')}{query}",
        button_label="Sign in",
        reset_url=f"{settings.SITE_URL}{reverse('account_reset_password')}",
    )


def _seller_of(organization: Organization) -> Organization:
    return organization.parent or organization


def _put_into_outbox(to: str, name: str, *, subject: str, seller: Organization, **context: Any) -> None:
    words = {**context, "seller_name": seller.name}
    mail.send(
        recipients=[to],
        # post_office renders what it is given as a template; the finished texts go in as values, so that an organization
        # called "{% now %}" stays a name.
        subject="{{ subject|safe }}",
        message="{{ text|safe }}",
        html_message="{{ html|safe }}",
        context={
            "subject": " ".join(subject.split()),
            "text": render_to_string(f"accounts/emails/{name}.txt", words),
            "html": render_to_string(f"accounts/emails/{name}.html", words),
        },
    )
