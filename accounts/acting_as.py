"""
“Act as this customer” in a session: whom a member of staff acts as now, and what stays closed meanwhile.

The session remains that of the member of staff, who is signed in with a second factor. A mark in it says which time of acting goes
on, and outside the BSS the middleware lets the person stand in `request.user`. So stopping cannot lose a sign-in, nor make one.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.http import HttpRequest
from django.urls import reverse

from accounts.models import ActingAs, Organization
from accounts.queries.acting_as import MAY_ACT
from common.bss import related

MARK = "acting_as"
_SIGN_IN = frozenset({SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY, "_session_expiry", "_messages", MARK})
"""What in a session belongs to the sign-in itself; all else is the storefront's, one person's and not another's."""


@dataclass(frozen=True, slots=True)
class ClosedDoor:
    """Pages that staff do not enter as somebody else: those whose URL name matches ``names``."""

    names: str
    sentence: str
    permission: str = ""
    """With it staff enter all the same; they may do it in the BSS, too."""


_ALONE = "Only {person} does this."
CLOSED = (
    ClosedDoor(r"(account|mfa|socialaccount|usersessions)_(?!logout$).*", f"{_ALONE} Passwords and sign-in are nobody else's."),
    ClosedDoor(r"accounts:.*(token|webhook).*", f"{_ALONE} You see API tokens and webhooks of customers in the BSS."),
    ClosedDoor(r"accounts:(people|invite|.*member|.*invitation)", f"{_ALONE} You look after the people of customers in the BSS."),
    ClosedDoor(r"accounts:act_for", "You act for {organization} alone. Stop, then begin again for the other organization."),
    ClosedDoor(r"billing:open_panel", f"{_ALONE} You may not open panels of customers.", "provisioning.open_panel"),
    ClosedDoor(r"billing:show_password", f"{_ALONE} You may not see passwords of customers.", "provisioning.show_password"),
    ClosedDoor(
        r"billing:(reset_password|update_sign_in)",
        f"{_ALONE} You may not change how customers sign in at Acronis.",
        "provisioning.change_tenantuser",
    ),
)


def closed_because(row: ActingAs, url_name: str) -> str:
    """Return the sentence that says why the page of this URL name is closed while ``row`` goes on; empty where it is open."""
    for door in CLOSED:
        if re.fullmatch(door.names, url_name) and not (door.permission and row.staff.has_perm(door.permission)):
            return door.sentence.format(person=row.person, organization=row.organization)
    return ""


def begin_link(request: HttpRequest, organization: Organization) -> list[tuple[str, str]]:
    """Return the link of a page in the BSS that begins acting for ``organization`` and comes back there; none where one may not."""
    query = urlencode({"organization": organization.number, "back": request.path})
    return related(request, MAY_ACT, "Act as this customer", "accounts_actingas_begin", query)


def start(request: HttpRequest, row: ActingAs, *, back: str) -> None:
    """
    Let this session act as ``row`` says. Its key changes, and what lay in it besides the sign-in waits until `stop`.

    :param back: the path in the BSS that stopping leads to.
    """
    session = request.session
    waiting = {key: session.pop(key) for key in set(session.keys()) - _SIGN_IN}
    session[MARK] = {"id": row.pk, "back": back, "waiting": waiting}
    session.cycle_key()


def stop(request: HttpRequest) -> str:
    """
    Let this session be the member of staff's alone again, as it was, under a new key; what was put in meanwhile is dropped.

    Return the path to go back to. Without a mark nothing changes.
    """
    session = request.session
    mark = session.pop(MARK, None)
    if mark is None:
        return reverse("admin:index")
    for key in set(session.keys()) - _SIGN_IN:
        del session[key]
    session.update(mark["waiting"])
    session.cycle_key()
    return str(mark["back"])


def marked(request: HttpRequest) -> ActingAs | None:
    """Return the time of acting that this session is marked with, whether it goes on or not; with its people and organization."""
    mark = request.session.get(MARK)
    if mark is None:
        return None
    return ActingAs.objects.select_related("staff", "person", "organization__parent").get(pk=mark["id"])
