"""Logins: what one looks like, and whether it is free."""

import re
from collections.abc import Callable, Collection, Sequence

from django.db.models.functions import Lower

from common.errors import DomainError, FieldRefused
from provisioning import vendor
from provisioning.acronis.client import Acronis
from provisioning.acronis.errors import AcronisError
from provisioning.acronis.types import LoginCheck
from provisioning.login_names import alternatives
from provisioning.models import ServiceManager, TenantUser

# The vendor's own rule: three characters at least, ASCII letters, digits and these (guide “Creating a user”).
_LOGIN = re.compile(r"[A-Za-z0-9.@_\-+:!#$%^*={}'`/?]{3,200}")


MOST_ASKED = 6
"""Logins that the vendor is asked about to suggest some: each is a call, and somebody waits."""


class CannotCheck(DomainError):
    """The vendor did not say whether the login is free."""


class LoginTaken(FieldRefused):
    """Somebody else has the login, here or at the vendor; `suggestions` names others."""

    def __init__(self, sentence: str) -> None:
        super().__init__("login", sentence)


def validate_login(login: str) -> str:
    """
    Return ``login`` without surrounding spaces.

    :raises FieldRefused: it is empty, too short or long, or has a character the vendor does not take.
    """
    login = login.strip()
    if not login:
        raise FieldRefused("login", "Enter a login user name.")
    if len(login) < 3:
        raise FieldRefused("login", "A login user name has at least 3 characters.")
    if not _LOGIN.fullmatch(login):
        raise FieldRefused(
            "login", "Use a name such as JohnDoe or an e-mail address: unaccented letters, digits and . @ _ - +, no spaces."
        )
    return login


def check_login(*, service_manager: ServiceManager, login: str, but_for: TenantUser | None = None) -> None:
    """
    Ask the vendor whether ``login`` is free; return nothing if it is.

    :param but_for: the user who is to have it: what that user has, here or at the vendor, is free for it.
    :raises LoginTaken: somebody else has it, here or anywhere on the vendor's platform.
    :raises FieldRefused: malformed, or not accepted by the vendor.
    :raises CannotCheck: the vendor did not answer. Ordering may go on; the login is checked again when it is created.
    """
    login = validate_login(login)
    ours = TenantUser.objects.live().filter(service_manager=service_manager, login__iexact=login)
    if any(user != but_for for user in ours):
        raise LoginTaken(f"{login} is taken. Choose another.")
    try:
        acronis = vendor.connect(service_manager, people_wait=True)
        answer = acronis.users.check_login(login)
        if answer is LoginCheck.TAKEN and but_for is not None and _is_login_of(but_for, login, acronis):
            return
    except (AcronisError, vendor.NotConnected) as error:
        raise CannotCheck(f"Acronis could not tell whether {login} is free: {error}") from error
    if answer is LoginCheck.TAKEN:
        raise LoginTaken(f"{login} is taken. Choose another.")
    if answer is LoginCheck.NOT_ACCEPTABLE:
        raise FieldRefused("login", f"Acronis does not accept {login} as a login user name.")


def suggestions(
    login: str,
    *,
    service_managers: Sequence[ServiceManager],
    organization: str = "",
    known: Callable[[Collection[str]], Collection[str]] = lambda logins: (),
    most: int = 3,
) -> list[str]:
    """
    Return up to ``most`` logins like ``login`` that are free at all of ``service_managers``, each asked of the vendor a moment ago.

    No transaction may be open. The vendor is asked about `MOST_ASKED` logins at most; once it does not answer, not any more: what
    it has called free by then is what there is. Nothing is reserved.

    :param organization: the name of who is to have it, which makes a login nobody else has.
    :param known: takes logins and returns, in lower case, those that are taken in a way that only the caller knows of.
    """
    likely = [one for one in alternatives(login.strip(), organization=organization) if _LOGIN.fullmatch(one)]
    lower = {one.casefold() for one in likely}
    ours = TenantUser.objects.live().filter(service_manager__in=service_managers).annotate(login_lower=Lower("login"))
    taken = {*ours.filter(login_lower__in=lower).values_list("login_lower", flat=True), *known(lower)}
    free: list[str] = []
    for one in [one for one in likely if one.casefold() not in taken][:MOST_ASKED]:
        try:
            if all(_is_free(one, service_manager) for service_manager in service_managers):
                free.append(one)
        except (AcronisError, vendor.NotConnected):
            break
        if len(free) == most:
            break
    return free


def _is_free(login: str, service_manager: ServiceManager) -> bool:
    return vendor.connect(service_manager, people_wait=True).users.check_login(login) is LoginCheck.FREE


def _is_login_of(user: TenantUser, login: str, acronis: Acronis) -> bool:
    """Whether ``user`` signs in by ``login`` at the vendor now; a change back to it takes it from nobody."""
    return user.vendor_id is not None and acronis.users.get(str(user.vendor_id)).login.casefold() == login.casefold()
