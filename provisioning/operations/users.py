"""
The people at the vendor: how they get in, and how that changes.

Everything here but the panel and the showing of a password only writes down a wish; `converging` carries it to the vendor.
"""

import secrets
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from accounts.models import User
from common.errors import DomainError, FieldRefused
from provisioning import vendor
from provisioning.acronis.client import external_login_url
from provisioning.acronis.errors import AcronisError
from provisioning.models import Activation, Hold, Tenant, TenantUser, VendorAccess, VendorAction
from provisioning.operations.due import wish_again
from provisioning.operations.logins import LoginTaken, validate_login
from provisioning.planning.actions import ChangeEmail

PASSWORD_LENGTH = 20
SHORTEST_PASSWORD = 9  # what the vendor's portal asks for
LONGEST_PASSWORD = 128
MAIL_PAUSE = timedelta(minutes=1)  # a mail is on its way that long; a second one would only be a double click
ENDED = "The service was terminated, so nobody signs in at Acronis any more."
# Letters and digits that nobody mistakes for one another, and signs that survive being copied.
_SETS = ("ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnopqrstuvwxyz", "23456789", "-_.!+")


class UserExists(DomainError):
    """The login was created at the vendor already and is changed there, not here."""


class AccessEnded(DomainError):
    """The tenant is being deleted, or is gone, and its users with it."""


class MailOnItsWay(DomainError):
    """The vendor sent the activation mail a moment ago, or is asked to at this moment."""


class NoPassword(DomainError):
    """There is no password of ours to show."""


class CannotOpenPanel(DomainError):
    """The vendor does not let this user in now."""


@transaction.atomic
def change_user(*, tenant_id: int, login: str, email: str, role: str, at: datetime) -> None:
    """
    Correct the person who is to administer the tenant, as long as the vendor has not created that user.

    :raises FieldRefused: the login is malformed, or wished for another tenant already.
    :raises UserExists: the user is at the vendor already.
    """
    tenant = Tenant.objects.locked().get(pk=tenant_id)
    user = TenantUser.objects.locked().live().filter(tenant=tenant).first()
    if user is None:
        add_user(tenant, login=login, email=email, role=role, at=at)
    elif user.vendor_id is not None:
        raise UserExists(f"The user {user.login} exists at Acronis already.")
    else:
        user.login, user.email, user.role = validate_login(login), email, role
        _save_login(user)
    Tenant.objects.filter(pk=tenant_id).update(wished_at=at)


@transaction.atomic(durable=True)
def change_login(*, tenant_user_id: int, login: str, at: datetime) -> None:
    """
    Have the user sign in by another login from now on; the same one again changes nothing.

    :raises FieldRefused: malformed, or wished for somebody else here. Whether it is taken elsewhere on the vendor's platform is
        found out when it is changed there; `logins.check_login` asks beforehand.
    :raises AccessEnded: the service was terminated.
    """
    user = _locked(tenant_user_id)
    if _wish_login(user, login):
        wish_again(user.tenant_id, at=at)


@transaction.atomic(durable=True)
def change_email(*, tenant_user_id: int, email: str, at: datetime) -> None:
    """
    Have the vendor write to another address. An activated user has to agree by a mail there; until then the old stays. Of a user
    that is not activated, the activation mail is sent once more, to the new address.

    :raises AccessEnded: the service was terminated.
    """
    user = _locked(tenant_user_id)
    if _wish_email(user, email):
        wish_again(user.tenant_id, at=at)


@transaction.atomic(durable=True)
def change_sign_in(*, tenant_user_id: int, login: str, email: str, password: str = "", at: datetime) -> frozenset[str]:
    """
    Change login, e-mail address and password in one go: all of it, or on a refusal nothing.

    What is as it was stays untouched. Where the vendor refused the last wish, saving the same again has it tried again.

    :param password: a new one of the person's choice; empty: the present one stays.
    :return: what changed, of “login”, “email” and “password”.
    :raises FieldRefused: the login is malformed or wished for somebody else here, or the password is too short or too long.
    :raises AccessEnded: the service was terminated.
    """
    user = _locked(tenant_user_id)
    if password:
        _check_password(password)
    changed = {
        "login": _wish_login(user, login),
        "email": _wish_email(user, email),
        "password": bool(password),
    }
    if password:
        _wish_password(user, password, at=at)
    if any(changed.values()) or user.tenant.last_error:
        wish_again(user.tenant_id, at=at)
    return frozenset(name for name, is_new in changed.items() if is_new)


@transaction.atomic(durable=True)
def reset_password(*, tenant_user_id: int, at: datetime) -> None:
    """
    Give the user a new generated password, at the vendor within seconds; it also activates the user (SetUserPassword).

    Repeated, there is one more new password; the last one counts.

    :raises AccessEnded: the service was terminated.
    """
    user = _locked(tenant_user_id)
    _wish_password(user, generated_password(), at=at)
    wish_again(user.tenant_id, at=at)


@transaction.atomic(durable=True)
def update_password(*, tenant_user_id: int, password: str, at: datetime) -> None:
    """
    Give the user the password somebody typed.

    :raises FieldRefused: it is shorter than the vendor's portal takes, or unreasonably long.
    :raises AccessEnded: the service was terminated.
    """
    _check_password(password)
    user = _locked(tenant_user_id)
    _wish_password(user, password, at=at)
    wish_again(user.tenant_id, at=at)


@transaction.atomic(durable=True)
def show_password(*, tenant_user_id: int, by: User, at: datetime) -> str:
    """
    Return the password we gave the user, and record who was shown it.

    :raises NoPassword: the user set one by the activation mail, or ours has not reached the vendor yet.
    :raises AccessEnded: the service was terminated.
    """
    user = _locked(tenant_user_id)
    if not user.password:
        raise NoPassword(f"We keep no password of {user.login}: it was set by the activation mail of Acronis.")
    if user.password_set_at is None:
        raise NoPassword(f"The password of {user.login} is being set at Acronis. Look again in a minute.")
    VendorAccess.objects.create(tenant_user=user, kind=VendorAccess.Kind.PASSWORD_SHOWN, person=by, at=at)
    return str(user.password)


@transaction.atomic(durable=True)
def ask_activation_mail_again(*, tenant_user_id: int, at: datetime) -> None:
    """
    Have the vendor send the activation mail once more: the reader did not get it, or we could not confirm the first.

    :raises UserExists: the user is active already and has no use for it.
    :raises MailOnItsWay: the vendor was asked for the last one less than a minute ago.
    :raises AccessEnded: the service was terminated.
    """
    user = _locked(tenant_user_id)
    if is_activated(user):
        raise UserExists(f"{user.login} is active at Acronis already. Reset the password instead.")
    last = user.activation_mail_confirmed_at or user.activation_mail_asked_at  # asked and not confirmed: it may be under way
    if last is not None and at < last + MAIL_PAUSE:
        raise MailOnItsWay(f"Acronis has just sent the mail to {user.email}. If it does not arrive, ask again in a minute.")
    user.activation = Activation.MAIL
    user.activation_mail_asked_at = user.activation_mail_confirmed_at = None
    user.save(update_fields=["activation", "activation_mail_asked_at", "activation_mail_confirmed_at"])
    wish_again(user.tenant_id, at=at)


def panel_url(*, tenant_user_id: int, by: User, at: datetime) -> str:
    """
    Return the address that signs a browser in at the vendor as this user, without a password, once.

    It holds a one-time token of the vendor (RequestOneTimeToken): send the browser there and keep it nowhere. Who asked is
    recorded.

    :raises CannotOpenPanel: the user is not there yet, the service is suspended, or the vendor refuses or does not answer.
    """
    user = TenantUser.objects.select_related("tenant__service_manager").get(pk=tenant_user_id)
    manager = user.tenant.service_manager
    if user.tenant.retired_at is not None or user.gone_at is not None:
        raise CannotOpenPanel(ENDED)
    if user.vendor_id is None:
        raise CannotOpenPanel("Acronis is still setting up the account. Try again in a minute.")
    if Hold.objects.filter(tenant=user.tenant, released_at__isnull=True).exists():
        raise CannotOpenPanel("The service is suspended, so Acronis lets nobody in.")
    try:
        # By id: a login that was changed here may not have reached the vendor yet.
        token = vendor.connect(manager, people_wait=True).idp.one_time_token(user_id=str(user.vendor_id))
    except (AcronisError, vendor.NotConnected) as error:
        raise CannotOpenPanel(f"Acronis does not let {user.login} in now: {error}") from error
    VendorAccess.objects.create(tenant_user=user, kind=VendorAccess.Kind.PANEL_OPENED, person=by, at=at)
    return external_login_url(manager.base_url, token)


def is_activated(user: TenantUser) -> bool:
    """Whether the person can sign in at the vendor already; a password of ours activates, too (SetUserPassword)."""
    return user.activated_at is not None or user.password_set_at is not None


def generated_password() -> str:
    """Return a password of 20 characters, at least one of each set, from the system's source of randomness."""
    drawn = [secrets.choice(signs) for signs in _SETS]
    drawn += [secrets.choice("".join(_SETS)) for _ in range(PASSWORD_LENGTH - len(_SETS))]
    secrets.SystemRandom().shuffle(drawn)
    return "".join(drawn)


# Steps: inside the caller's transaction


def add_user(tenant: Tenant, *, login: str, email: str, role: str, at: datetime, activation: str = "") -> TenantUser:
    """
    Write down a user of the tenant.

    :param activation: by mail or by a generated password; empty: as the service manager says.
    :raises FieldRefused: there is no e-mail address, or the login is malformed or taken here.
    """
    if not email:
        raise FieldRefused("email", "Enter the e-mail address that Acronis sends the activation e-mail to.")
    user = TenantUser(
        tenant=tenant,
        service_manager_id=tenant.service_manager_id,
        login=validate_login(login),
        email=email,
        role=role,
        activation=activation or tenant.service_manager.activation,
    )
    if user.activation == Activation.PASSWORD:
        user.password, user.password_wished_at = generated_password(), at
    _save_login(user)
    return user


def _locked(tenant_user_id: int) -> TenantUser:
    tenant = Tenant.objects.locked().get(users=tenant_user_id)  # before its users, see `services`
    user: TenantUser = TenantUser.objects.locked().get(pk=tenant_user_id)
    user.tenant = tenant
    if user.gone_at is not None or user.tenant.retired_at is not None:
        raise AccessEnded(ENDED)
    return user


def _wish_login(user: TenantUser, login: str) -> bool:
    """Tell whether it is another login than before."""
    login = validate_login(login)
    if login == user.login:
        return False
    user.login = login
    _save_login(user)
    return True


def _is_email_unconfirmed(user: TenantUser) -> bool:
    """Whether the change of the address was asked for, and the answer lost: the ledger does not say that it was done."""
    if user.email_asked_at is None:
        return False
    asked = user.tenant.actions.filter(sentence=ChangeEmail(user.login, user.email).sentence[:500]).last()
    return asked is not None and asked.status != VendorAction.Status.DONE


def _wish_email(user: TenantUser, email: str) -> bool:
    """
    Tell whether it is another address than before, or one the vendor never confirmed that it was asked for. An activation mail
    that went to the old one is of no use any more.
    """
    if email == user.email and not _is_email_unconfirmed(user):
        return False
    user.email, user.email_asked_at = email, None
    if not is_activated(user):
        user.activation_mail_asked_at = user.activation_mail_confirmed_at = None
    user.save(update_fields=["email", "email_asked_at", "activation_mail_asked_at", "activation_mail_confirmed_at"])
    return True


def _check_password(password: str) -> None:
    if len(password) < SHORTEST_PASSWORD:
        raise FieldRefused("password", f"A password has at least {SHORTEST_PASSWORD} characters.")
    if len(password) > LONGEST_PASSWORD:
        raise FieldRefused("password", f"A password has at most {LONGEST_PASSWORD} characters.")
    if password != password.strip():  # sign-in forms cut those off, and then nobody gets in
        raise FieldRefused("password", "A password neither begins nor ends with a space.")


def _wish_password(user: TenantUser, password: str, *, at: datetime) -> None:
    user.password, user.password_wished_at, user.password_set_at = password, at, None
    user.save(update_fields=["password", "password_wished_at", "password_set_at"])


def _save_login(user: TenantUser) -> None:
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        if "tenantuser_login_unique" not in str(error):
            raise
        raise LoginTaken(f"The login {user.login} is taken. Choose another.") from None
