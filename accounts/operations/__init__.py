"""Every write to organizations and people, by the names other rooms call."""

from accounts.operations.invitations import (
    accept_invitation,
    find_invitation,
    invite_person,
    resend_invitation,
    revoke_invitation,
)
from accounts.operations.members import change_role, remove_member
from accounts.operations.organizations import (
    WrongParent,
    add_customer,
    add_member,
    add_organization,
    change_billing_information,
    change_customer,
)
from accounts.operations.sign_ups import send_sign_up_code, sign_up

__all__ = [
    "WrongParent",
    "accept_invitation",
    "add_customer",
    "add_member",
    "add_organization",
    "change_billing_information",
    "change_customer",
    "change_role",
    "find_invitation",
    "invite_person",
    "remove_member",
    "resend_invitation",
    "revoke_invitation",
    "send_sign_up_code",
    "sign_up",
]
