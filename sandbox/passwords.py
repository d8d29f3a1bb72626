"""Passwords set by an integration, and the mail with which a user sets one."""

import json

from flask import Blueprint, Response

from sandbox import auth, current, mails, users
from sandbox.answers import nothing
from sandbox.errors import ADDRESS_FORBIDDEN, MAIL_NOT_SENT, USER_DISABLED, Refusal, forbidden
from sandbox.incoming import json_body, required, verbatim

routes = Blueprint("passwords", __name__)

# Mail to these domains is refused as the vendor refuses addresses of its list, or breaks as with wrong SMTP settings.
FORBIDDEN_DOMAIN = "forbidden.invalid"
BROKEN_DOMAIN = "smtp.invalid"


@routes.post("/users/<user_id>/password")
def set_password(user_id: str) -> Response:
    """204; for API clients and users of tenants below only. Also activates the user."""
    password = verbatim(required(json_body(), "password"), "password", shortest=1)
    row, caller = users.find_user(user_id), current.caller()
    if not caller.is_client or row["tenant_id"] == caller.tenant_id:
        raise forbidden("Passwords can be set by API clients, for users of tenants below.")
    users.activate(user_id, password)
    return nothing()


@routes.post("/users/<user_id>/send-activation-email")
def send_activation_email(user_id: str) -> Response:
    """
    204; a mail with a link to set a password, also to a user who has one already.

    403/1018 for a disabled user, 403/1024 for an address on the list of forbidden ones, 403/1025 when mail cannot be sent.
    """
    json_body()
    row = users.find_user(user_id)
    if not auth.is_enabled(row):
        raise Refusal(403, "The user is disabled.", code=USER_DISABLED, context={"id": user_id})
    email = json.loads(row["details"])["contact"]["email"]
    refuse_unreachable(email)
    mails.send(row, kind="activation", to=email)
    return nothing()


def is_reachable(email: str) -> bool:
    return _domain(email) not in (FORBIDDEN_DOMAIN, BROKEN_DOMAIN)


def _domain(email: str) -> str:
    return email.rpartition("@")[2].casefold()


def refuse_unreachable(email: str) -> None:
    """:raises Refusal: 403/1024 and 403/1025 for the two domains that take no mail."""
    domain = _domain(email)
    if domain == FORBIDDEN_DOMAIN:
        raise Refusal(403, "The address is in the list of forbidden addresses.", code=ADDRESS_FORBIDDEN, context={"email": email})
    if domain == BROKEN_DOMAIN:
        raise Refusal(403, "The mail was not sent: the SMTP settings are wrong.", code=MAIL_NOT_SENT)
