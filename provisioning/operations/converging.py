"""
Making the vendor agree with the wish.

Observe, plan, carry out one action at a time and record each, until the plan is empty. It can be killed between any two lines and
run again, because it looks before it acts. Create, change, repair, enable, disable and delete are all this one thing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from common.errors import DomainError
from common.locks import Busy, alone
from provisioning import vendor
from provisioning.acronis.client import Acronis
from provisioning.acronis.errors import AcronisError, Conflict, NotFound, QuotaVersionConflict
from provisioning.acronis.types import OfferingItemChange, Quota, VendorTenant
from provisioning.locks import TENANT
from provisioning.models import Drift, Service, Tenant, TenantUser, VendorAction
from provisioning.observing import (
    Offer,
    facts_wish,
    find_among_children,
    find_tenant,
    numbered_name,
    observe,
    parent_id,
    users_wish,
    wish_of,
)
from provisioning.planning import actions as do
from provisioning.planning.actions import Action
from provisioning.planning.differences import TENANT_DELETED
from provisioning.planning.rules import plan
from provisioning.planning.values import UNLIMITED, Item, Limit, ObservedTenant

Clock = Callable[[], datetime]

# The first round does the work, the second sees an empty plan. More are for editions, whose items come after the switch, for
# quotas whose version is only seen when the item is on, and for lost answers and what changed in between.
ROUNDS = 6
WISHED_OF = (
    "organization",
    "parent",
    *(f"service_manager__default_{kind}_storage" for kind in ("backup", "file", "disaster_recovery")),
)
STORAGE_FIELDS = {
    "backup": "backup_storage",
    "files_cloud": "file_storage",
    "disaster_recovery": "disaster_recovery_storage",
}
STORAGE_OPEN = Q(backup_storage=None) | Q(file_storage=None) | Q(disaster_recovery_storage=None)
LONGEST_PAUSE = timedelta(hours=6)  # whatever a Retry-After says
NAME_TAKEN = 1004
BACKOFF = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=1))
MAIL_UNCONFIRMED = "Acronis did not confirm that it sent the mail. If it does not arrive, send it again from the service page."


class DoesNotSettle(DomainError):
    """The vendor took every action, yet still differs from the wish."""


class TenantDeleted(DomainError):
    """Somebody deleted the tenant at the vendor. An empty one in its place would hide that its data is gone."""


class LoginTaken(DomainError):
    """The login was free when it was checked and is not any more."""


def converge(tenant_id: int, *, clock: Clock) -> None:
    """
    Make the vendor agree with the wish of the tenant, of its parent first. Where both agree, it only looks.

    :raises Busy: another worker is on it.
    :raises AcronisError: the vendor refused or did not answer; ``retryable`` says whether to try again.
    :raises DomainError: ItemsNotAvailable, LoginTaken, TenantDeleted, DoesNotSettle, NotConnected: a person has to act.
    """
    tenant = Tenant.objects.select_related("parent").get(pk=tenant_id)
    if tenant.gone_at is not None:
        return
    if tenant.parent is not None and not tenant.parent.agrees and tenant.retired_at is None:
        converge(tenant.parent.pk, clock=clock)
    with alone(TENANT, tenant_id):
        # Read only now: converging the parent takes a while, and a wish must not be older than the moment it is taken for.
        tenant = Tenant.objects.select_related(*WISHED_OF).get(pk=tenant_id)
        if tenant.gone_at is None:
            _Convergence(tenant, vendor.connect(tenant.service_manager), clock).run()


def converge_due(tenant_id: int, *, clock: Clock) -> None:
    """Converge a tenant outside any order. A failure stays on its row, with the time of the next try where one makes sense."""
    try:
        converge(tenant_id, clock=clock)
    except Busy:
        Tenant.objects.filter(pk=tenant_id).update(next_try_at=clock() + timedelta(seconds=10))
    except (AcronisError, DomainError) as error:
        next_try_at = None
        if isinstance(error, AcronisError) and error.retryable:
            pause = BACKOFF[min(Tenant.objects.get(pk=tenant_id).attempts, len(BACKOFF) - 1)]
            asked = timedelta(seconds=error.retry_after or 0)
            next_try_at = clock() + min(max(asked, pause), LONGEST_PAUSE)
        Tenant.objects.filter(pk=tenant_id).update(
            attempts=F("attempts") + 1, last_error=str(error)[:1000], next_try_at=next_try_at
        )


class _Convergence:
    """One worker's work on one tenant, which it holds alone."""

    def __init__(self, tenant: Tenant, acronis: Acronis, clock: Clock) -> None:
        self.tenant = tenant
        self.acronis = acronis
        self.clock = clock
        self.vendor_id = ""
        self.user_ids: dict[str, str] = {}  # login, folded → id at the vendor
        self.roles: dict[str, frozenset[str]] = {}  # id at the vendor → roles on this tenant
        self.quota_versions: Mapping[Item, int] = {}
        self.told: set[Action] = set()
        self.quotas_after_enabling = False

    def run(self) -> None:
        self._close_interrupted_actions()
        wish = wish_of(self.tenant, Offer(self.tenant.service_manager, self.acronis))
        for round_number in range(1, ROUNDS + 1):
            observed = self._look()
            if observed is None and wish.is_retired:
                self._record_end()
                return
            # Users may have changed with the last round; nothing else of the wish does while this worker is alone on the tenant.
            wish = replace(wish, users=() if wish.is_retired else users_wish(self.tenant))
            actions = [action for action in plan(wish, observed) if action not in self.told]
            if not actions:
                self._keep_storages(wish.items)
                self._record_agreement()
                return
            try:
                for action in actions:
                    with self._recorded(action):
                        self._carry_out(action)
            except AcronisError as error:
                look_again = error.outcome_unknown or getattr(error, "is_stale", False)
                if not look_again or round_number == ROUNDS:
                    raise
        left = "; ".join(action.sentence for action in actions)
        raise DoesNotSettle(f"Acronis still differs from what {self.tenant.organization} should have: {left}.")

    # Looking

    def _look(self) -> ObservedTenant | None:
        try:
            found = find_tenant(self.tenant, self.acronis)
        except NotFound:
            if not self._is_gone():
                raise
            if self.tenant.retired_at is not None:
                return None
            found = self._restored()
        if found is None:
            return None
        self._recognize(found)
        observed = observe(found, self.acronis)
        self.quota_versions = observed.quota_versions
        self.user_ids = {user.login.casefold(): user.id for user in observed.users}
        self.roles = {user.id: user.roles for user in observed.users}
        for user in self.tenant.users.live():
            there = self.user_ids.get(user.login.casefold())
            if there is not None and str(user.vendor_id) not in self.roles:
                self._remember_user(user, there)
        activated = [user.id for user in observed.users if user.is_activated]
        self.tenant.users.live().filter(vendor_id__in=activated, activated_at__isnull=True).update(activated_at=self.clock())
        return observed

    def _is_gone(self) -> bool:
        """Ask once more, in another way: whatever stands between us and the vendor can answer 404, too."""
        known = self.tenant.vendor_id
        return known is not None and not any(self.acronis.tenants.by_ids([str(known)]))

    def _restored(self) -> VendorTenant:
        """
        Return the deleted tenant, brought back with its users and backups, where somebody chose to repair that difference.

        :raises TenantDeleted: nobody did.
        """
        if not self.tenant.drifts.filter(kind=TENANT_DELETED, status=Drift.Status.REPAIRING).exists():
            who = f"{self.tenant.organization} ({self.tenant.vendor_id})"
            raise TenantDeleted(
                f"The tenant of {who} is not at Acronis any more: somebody deleted it there. Have it restored, or terminate the"
                " service."
            )
        with self._recorded(do.RestoreTenant(self.tenant.vendor_name)):
            self.acronis.tenants.restore(str(self.tenant.vendor_id))
        return self.acronis.tenants.get(str(self.tenant.vendor_id))

    def _recognize(self, found: VendorTenant) -> None:
        self.vendor_id = found.id
        if str(self.tenant.vendor_id) != found.id or self.tenant.vendor_name != found.name:
            self.tenant.vendor_id, self.tenant.vendor_name = found.id, found.name
            self.tenant.save(update_fields=["vendor_id", "vendor_name"])

    # Acting

    def _carry_out(self, action: Action) -> None:
        match action:
            case do.CreateTenant():
                self._create_tenant(action)
            case do.DeleteTenant():
                self._delete_tenant()
            case do.RenameTenant():
                self._rename_tenant(action)
            case do.SetContact():
                self._tell(action, contact=dict(action.fields))
            case do.SetLanguage():
                self._tell(action, language=action.language)
            case do.SwitchEdition():
                self.acronis.tenants.switch_edition(self.vendor_id, application_id=action.application_id, edition=action.edition)
            case do.SetItems():
                self._set_items(action)
            case do.SetPricingMode():
                pricing = self.acronis.tenants.pricing(self.vendor_id)
                self.acronis.tenants.set_pricing(
                    self.vendor_id, version=pricing.version, mode=action.mode, currency=pricing.currency
                )
            case do.CreateUser():
                self._create_user(action)
            case do.ChangeLogin():
                self._change_login(action)
            case do.ChangeEmail():
                self._change_email(action)
            case do.GrantRole():
                user_id = self._user_id(action.login)
                # Roles people gave in the portal stay; of the administrators' roles we give, the vendor lets a user have one.
                others = self.roles.get(user_id, frozenset()) - set(TenantUser.Role.values)
                self.acronis.users.set_access_policies(user_id, [(self.vendor_id, role) for role in sorted(others | {action.role})])
            case do.SetPassword():
                self._set_password(action)
            case do.SendActivationMail():
                self._send_activation_mail(action)
            case do.EnableTenant() | do.DisableTenant():
                self._update_tenant(enabled=isinstance(action, do.EnableTenant))

    def _create_tenant(self, action: do.CreateTenant) -> None:
        try:
            found = self._post_tenant(action.name, action.tenant_kind)
        except Conflict as error:
            if error.code != NAME_TAKEN:
                raise
            # Ours, created by an attempt whose answer was lost; or somebody else's, and then ours takes another name.
            name = numbered_name(action.name, self.tenant.organization.number)
            found = find_among_children(self.tenant, self.acronis) or self._post_tenant(name, action.tenant_kind)
        self._recognize(found)

    def _post_tenant(self, name: str, kind: str) -> VendorTenant:
        facts = facts_wish(self.tenant)
        return self.acronis.tenants.create(
            name=name,
            parent_id=parent_id(self.tenant),
            kind=kind,
            customer_id=self.tenant.key,
            internal_tag=f"cloudtill:{self.tenant.key}",
            language=facts["language"],
            contact=facts["contact"],
        )

    def _delete_tenant(self) -> None:
        try:
            self.acronis.tenants.delete(self.vendor_id, version=self.acronis.tenants.get(self.vendor_id).version)
        except NotFound:
            return  # gone already, by an attempt whose answer was lost

    def _rename_tenant(self, action: do.RenameTenant) -> None:
        try:
            self._tell(action, name=action.name)
        except Conflict as error:
            if error.code != NAME_TAKEN:
                raise
            self._tell(action, name=numbered_name(action.name, self.tenant.organization.number))

    def _tell(self, action: Action, **fields: Any) -> None:
        """
        Change what only people read: name, contact, language. Told once: if the vendor writes it in its own way, that must not keep
        anybody from being served.
        """
        self._update_tenant(**fields)
        self.told.add(action)

    def _update_tenant(self, **fields: Any) -> None:
        version = self.acronis.tenants.get(self.vendor_id).version
        self._recognize(self.acronis.tenants.update(self.vendor_id, version=version, **fields))

    def _set_items(self, action: do.SetItems) -> None:
        """
        Turn items on and off and set quotas, in one call. An item that is off does not show the version of the quota it once had;
        where our guess is refused, items are turned on first and limited in the next round, when the version is known.
        """
        off = [self._change(item, enabled=False) for item in action.disable]
        on = [
            self._change(item, enabled=True, limit=None if self.quotas_after_enabling else limit) for item, limit in action.enable
        ]
        limits = [self._change(item, limit=limit, version=self.quota_versions.get(item, 0)) for item, limit in action.limit]
        try:
            self.acronis.offering_items.set(self.vendor_id, [*off, *on, *limits])
        except QuotaVersionConflict:
            self.quotas_after_enabling = True
            raise

    @staticmethod
    def _change(item: Item, *, enabled: bool | None = None, limit: Limit | None = None, version: int = 0) -> OfferingItemChange:
        """An item that is turned on without a quota is not given one: unlimited is what the vendor begins with."""
        wants_quota = limit is not None and (enabled is None or limit != UNLIMITED)
        return OfferingItemChange(
            application_id=item.application_id,
            name=item.name,
            infra_id=item.infra_id or None,
            enabled=enabled,
            quota=Quota(limit.soft, limit.overage, version) if limit is not None and wants_quota else None,
        )

    # Acting on users

    def _create_user(self, action: do.CreateUser) -> None:
        try:
            created = self.acronis.users.create(tenant_id=self.vendor_id, login=action.login, email=action.email)
        except Conflict:
            raise LoginTaken(f"The login {action.login} is taken at Acronis. Choose another and try again.") from None
        self.user_ids[created.login.casefold()] = created.id
        self._remember_user(self._user(action.login), created.id)

    def _change_login(self, action: do.ChangeLogin) -> None:
        user_id = str(self._user(action.login).vendor_id)
        try:
            self._update_user(user_id, login=action.login)
        except Conflict as error:
            if error.is_stale:
                raise
            raise LoginTaken(f"The login {action.login} is taken at Acronis. Choose another and try again.") from None
        self.user_ids[action.login.casefold()] = user_id

    def _change_email(self, action: do.ChangeEmail) -> None:
        self._update_user(self._user_id(action.login), contact={"email": action.email})
        self.tenant.users.live().filter(login=action.login).update(email_asked_at=self.clock())

    def _set_password(self, action: do.SetPassword) -> None:
        """Sending the same password again does no harm, so a lost answer is simply repeated."""
        user = self._user(action.login)
        self.acronis.users.set_password(self._user_id(action.login), user.password)
        # Only if it is still the password that was sent: somebody may have wished for another one meanwhile.
        self.tenant.users.live().filter(
            pk=user.pk, password_set_at__isnull=True, password_wished_at=user.password_wished_at
        ).update(password_set_at=self.clock())

    def _send_activation_mail(self, action: do.SendActivationMail) -> None:
        """
        Ask for the mail once. The vendor cannot tell whether it sent one, so the question is written down before it is put: a lost
        answer leaves it unconfirmed, for a person to repeat, and never sends a second mail.
        """
        user = self._user(action.login)
        user.activation_mail_asked_at = self.clock()
        user.save(update_fields=["activation_mail_asked_at"])
        try:
            self.acronis.users.send_activation_email(self._user_id(action.login))
        except AcronisError as error:
            if not error.outcome_unknown:
                user.activation_mail_asked_at = None
                user.save(update_fields=["activation_mail_asked_at"])
            raise
        user.activation_mail_confirmed_at = self.clock()
        user.save(update_fields=["activation_mail_confirmed_at"])

    def _update_user(self, user_id: str, **fields: Any) -> None:
        self.acronis.users.update(user_id, version=self.acronis.users.get(user_id).version, **fields)

    def _user(self, login: str) -> TenantUser:
        return self.tenant.users.live().get(login__iexact=login)

    def _user_id(self, login: str) -> str:
        return self.user_ids.get(login.casefold()) or str(self._user(login).vendor_id)

    def _remember_user(self, user: TenantUser, vendor_id: str) -> None:
        """Somebody deleted the user in the portal if it had another id: the new one has no password, and was told nothing yet."""
        forgotten: dict[str, Any] = {}
        if user.vendor_id is not None:
            forgotten = dict.fromkeys(
                ("activation_mail_asked_at", "activation_mail_confirmed_at", "activated_at", "password_set_at")
            )
        TenantUser.objects.filter(pk=user.pk).update(vendor_id=vendor_id, **forgotten)

    # Recording

    @contextmanager
    def _recorded(self, action: Action) -> Iterator[None]:
        row = VendorAction.objects.create(
            tenant=self.tenant,
            kind=action.kind,
            sentence=action.sentence[:500],
            details=list(action.details),
            started_at=self.clock(),
        )
        try:
            yield
        except (AcronisError, DomainError) as error:
            row.status, row.error, row.ended_at = VendorAction.Status.FAILED, str(error)[:1000], self.clock()
            if isinstance(action, do.SendActivationMail) and isinstance(error, AcronisError) and error.outcome_unknown:
                row.error = MAIL_UNCONFIRMED
            row.save(update_fields=["status", "error", "ended_at"])
            raise
        row.status, row.ended_at = VendorAction.Status.DONE, self.clock()
        row.save(update_fields=["status", "ended_at"])

    def _close_interrupted_actions(self) -> None:
        """A started action without an end belongs to a worker that was killed; nobody else can be at work on this tenant now."""
        self.tenant.actions.filter(status=VendorAction.Status.STARTED).update(
            status=VendorAction.Status.INTERRUPTED, ended_at=self.clock(), error="The worker was stopped before the answer came."
        )

    def _keep_storages(self, items: Iterable[Item]) -> None:
        """Write down where the data of a service lies, so that another default, chosen later, does not ask to move it."""
        service = self.tenant.services.live().filter(STORAGE_OPEN).first()
        if service is None:
            return
        infra_ids = {item.storage_type: item.infra_id for item in items if item.infra_id}
        rows = {str(row.infra_id): row for row in self.tenant.service_manager.storages.filter(infra_id__in=infra_ids.values())}
        found = {
            STORAGE_FIELDS[storage_type]: rows[infra_id]
            for storage_type, infra_id in infra_ids.items()
            if service.storages[storage_type] is None and infra_id in rows
        }
        if found:
            Service.objects.filter(pk=service.pk, wished_at=service.wished_at).update(**found)

    def _record_agreement(self) -> None:
        at = self.clock()
        agreed = Tenant.objects.filter(pk=self.tenant.pk, wished_at=self.tenant.wished_at)
        if agreed.update(converged_at=at, next_try_at=None, attempts=0, last_error=""):
            Drift.objects.open().filter(tenant=self.tenant).update(status=Drift.Status.REPAIRED, settled_at=at)

    @transaction.atomic
    def _record_end(self) -> None:
        """The vendor has the tenant no more: its users' logins are free again."""
        at = self.clock()
        Tenant.objects.filter(pk=self.tenant.pk).update(gone_at=at, converged_at=at, next_try_at=None, attempts=0, last_error="")
        self.tenant.users.live().update(gone_at=at, password=None)
        Drift.objects.open().filter(tenant=self.tenant).update(status=Drift.Status.VANISHED, settled_at=at)
