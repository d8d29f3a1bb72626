"""The part of converging that is about people: making the tenant's users at the vendor, and letting them in."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from common.errors import DomainError
from provisioning.acronis.client import Acronis
from provisioning.acronis.errors import AcronisError, Conflict
from provisioning.models import Tenant, TenantUser
from provisioning.observing import user_wish
from provisioning.planning import actions as do
from provisioning.planning.actions import Action
from provisioning.planning.values import ObservedUser, UserWish


class LoginTaken(DomainError):
    """The login was free when it was checked and is not any more."""


class WishChanged(DomainError):
    """Somebody wished for something else while this was carried out; the next look plans anew."""


class TenantUsers:
    """
    The users of one tenant, which one worker holds alone: our rows as they were at the last look, and what the vendor has.

    People may change the rows meanwhile. So every write here is for the row that was read, by its key, and what says that
    something has been sent is written only where the row still asks for that.
    """

    def __init__(self, tenant: Tenant, acronis: Acronis, clock: Callable[[], datetime]) -> None:
        self.tenant = tenant
        self.acronis = acronis
        self.clock = clock
        self.rows: dict[str, TenantUser] = {}  # by login, folded
        self.there: Mapping[str, ObservedUser] = {}  # by id at the vendor

    def read(self, found: Iterable[ObservedUser]) -> tuple[UserWish, ...]:
        """Read the rows, put down what ``found``, the users at the vendor, says about them, and return what is wished for."""
        rows = list(self.tenant.users.live().order_by("pk"))
        self.rows = {row.login.casefold(): row for row in rows}
        self.there = {user.id: user for user in found}
        by_login = {user.login.casefold(): user.id for user in found}
        for login, row in self.rows.items():
            if login in by_login and str(row.vendor_id) not in self.there:
                self._remember(row, by_login[login])
        self._remember_activated(rows)
        return tuple(user_wish(row) for row in rows)

    def carry_out(self, action: Action, tenant_id: str) -> None:
        """
        Do at the vendor what is about a user; other actions are none of its business.

        :param tenant_id: the tenant's id at the vendor.
        :raises LoginTaken: somebody else has the login by now.
        :raises WishChanged: the row asks for something else by now.
        """
        match action:
            case do.CreateUser():
                self._create(action, tenant_id)
            case do.ChangeLogin():
                self._change_login(action)
            case do.ChangeEmail():
                self._change_email(action)
            case do.GrantRole():
                self._grant_role(action, tenant_id)
            case do.SetPassword():
                self._set_password(action)
            case do.SendActivationMail():
                self._send_activation_mail(action)

    def _create(self, action: do.CreateUser, tenant_id: str) -> None:
        try:
            created = self.acronis.users.create(tenant_id=tenant_id, login=action.login, email=action.email)
        except Conflict:
            raise LoginTaken(f"The login {action.login} is taken at Acronis. Choose another and try again.") from None
        self._remember(self._row(action.login), created.id)

    def _change_login(self, action: do.ChangeLogin) -> None:
        try:
            self._update(self._vendor_id(action.login), login=action.login)
        except Conflict as error:
            if error.is_stale:
                raise
            raise LoginTaken(f"The login {action.login} is taken at Acronis. Choose another and try again.") from None

    def _change_email(self, action: do.ChangeEmail) -> None:
        """
        Change the address, once: an activated user gets a mail about it, and nothing at the vendor shows that it was sent. So this
        is written down first, as for the activation mail, and a lost answer leaves it to a person to save the address again. What
        is changed of a user who is not activated shows at the next look, and is done again if it was not.
        """
        user_id, asked_at = self._vendor_id(action.login), self.clock()
        due = self._own(action.login).filter(email_asked_at__isnull=True, email=action.email)
        if not due.update(email_asked_at=asked_at):
            raise WishChanged(f"The address is not to be {action.email} any more.")
        try:
            self._update(user_id, contact={"email": action.email})
        except AcronisError as error:
            if not (error.outcome_unknown and user_id in self.there and self.there[user_id].is_activated):
                self._own(action.login).filter(email_asked_at=asked_at).update(email_asked_at=None)
            raise

    def _grant_role(self, action: do.GrantRole, tenant_id: str) -> None:
        """Roles people gave in the portal stay; of the administrators' roles we give, the vendor lets a user have one."""
        user_id = self._vendor_id(action.login)
        given = self.there[user_id].roles if user_id in self.there else frozenset()
        others = given - set(TenantUser.Role.values)
        self.acronis.users.set_access_policies(user_id, [(tenant_id, role) for role in sorted(others | {action.role})])

    def _set_password(self, action: do.SetPassword) -> None:
        """Sending the same password again does no harm, so a lost answer is simply repeated."""
        row = self._row(action.login)
        self.acronis.users.set_password(self._vendor_id(action.login), row.password)
        # Only if it is still the password that was sent: somebody may have wished for another one meanwhile.
        as_sent = self._own(action.login).filter(password_set_at__isnull=True, password_wished_at=row.password_wished_at)
        as_sent.update(password_set_at=self.clock())

    def _send_activation_mail(self, action: do.SendActivationMail) -> None:
        """
        Ask for the mail once. The vendor cannot tell whether it sent one, so the question is written down before it is put: a lost
        answer leaves it unconfirmed, for a person to repeat, and never sends a second mail.
        """
        asked_at = self.clock()
        due = self._own(action.login).filter(activation_mail_asked_at__isnull=True, email=action.email)
        if not due.update(activation_mail_asked_at=asked_at):
            raise WishChanged(f"The activation mail is not to go to {action.email} any more.")
        asked = self._own(action.login).filter(activation_mail_asked_at=asked_at)
        try:
            self.acronis.users.send_activation_email(self._vendor_id(action.login))
        except AcronisError as error:
            if not error.outcome_unknown:
                asked.update(activation_mail_asked_at=None)
            raise
        asked.update(activation_mail_confirmed_at=self.clock())

    def _update(self, user_id: str, **fields: Any) -> None:
        self.acronis.users.update(user_id, version=self.acronis.users.get(user_id).version, **fields)

    def _row(self, login: str) -> TenantUser:
        return self.rows[login.casefold()]

    def _own(self, login: str) -> Any:
        """The row itself as it is now, found by its key: its login may be another one meanwhile."""
        return self.tenant.users.live().filter(pk=self._row(login).pk)

    def _vendor_id(self, login: str) -> str:
        return str(self._row(login).vendor_id)

    def _remember(self, row: TenantUser, vendor_id: str) -> None:
        """Somebody deleted the user in the portal if it had another id: the new one has no password, and was told nothing yet."""
        told = ("activation_mail_asked_at", "activation_mail_confirmed_at", "activated_at", "password_set_at")
        facts: dict[str, Any] = {"vendor_id": vendor_id}
        if row.vendor_id is not None:
            facts |= dict.fromkeys(told)
        for name, value in facts.items():
            setattr(row, name, value)
        TenantUser.objects.filter(pk=row.pk).update(**facts)

    def _remember_activated(self, rows: Iterable[TenantUser]) -> None:
        active = {user.id for user in self.there.values() if user.is_activated}
        news = [row.pk for row in rows if row.activated_at is None and str(row.vendor_id) in active]
        if news:
            TenantUser.objects.filter(pk__in=news).update(activated_at=self.clock())
