"""Every write to organizations and people, by the names other rooms call."""

from accounts.operations.acting_as import MayNotActAs, begin_acting_as, end_acting_as
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
    "MayNotActAs",
    "WrongParent",
    "accept_invitation",
    "add_customer",
    "add_member",
    "add_organization",
    "begin_acting_as",
    "change_billing_information",
    "change_customer",
    "change_role",
    "end_acting_as",
    "find_invitation",
    "invite_person",
    "remove_member",
    "resend_invitation",
    "revoke_invitation",
    "send_sign_up_code",
    "sign_up",
]
