"""
Making the vendor agree with the wish.

Observe, plan, carry out one action at a time and record each, until the plan is empty. It can be killed between any two lines and
run again, because it looks before it acts. Create, repair, enable and disable are all this one thing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db.models import F

from common.errors import DomainError
from common.locks import Busy, alone
from provisioning import vendor
from provisioning.acronis.client import Acronis
from provisioning.acronis.errors import AcronisError, Conflict, NotFound
from provisioning.acronis.types import OfferingItemChange, VendorTenant
from provisioning.locks import TENANT
from provisioning.models import Tenant, TenantUser, VendorAction
from provisioning.observing import find_among_children, find_tenant, observe, parent_id, tenant_name, wish_of, wished_items
from provisioning.planning import (
    Action,
    CreateTenant,
    CreateUser,
    DisableTenant,
    EnableTenant,
    GrantRole,
    ObservedTenant,
    SendActivationMail,
    SetItems,
    SetPricingMode,
    plan,
)

Clock = Callable[[], datetime]

ROUNDS = 4  # the first does the work, the second sees an empty plan; two more for what changed in between
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
    tenant = Tenant.objects.select_related("organization", "parent", "service_manager__default_backup_storage").get(pk=tenant_id)
    if tenant.parent is not None and not tenant.parent.agrees:
        converge(tenant.parent.pk, clock=clock)
        tenant.parent.refresh_from_db()
    with alone(TENANT, tenant.pk):
        tenant.refresh_from_db(fields=["vendor_id", "vendor_name", "wished_at"])
        _Convergence(tenant, vendor.connect(tenant.service_manager), clock).run()


def converge_due(tenant_id: int, *, clock: Clock) -> None:
    """Converge a tenant outside any order. A failure stays on its row, with the time of the next try where one makes sense."""
    try:
        converge(tenant_id, clock=clock)
    except Busy:
        Tenant.objects.filter(pk=tenant_id).update(next_try_at=clock() + timedelta(seconds=10))
    except (AcronisError, DomainError) as error:
        retryable = isinstance(error, AcronisError) and error.retryable
        pause = BACKOFF[min(Tenant.objects.get(pk=tenant_id).attempts, len(BACKOFF) - 1)]
        Tenant.objects.filter(pk=tenant_id).update(
            attempts=F("attempts") + 1, last_error=str(error)[:1000], next_try_at=clock() + pause if retryable else None
        )


class _Convergence:
    """One worker's work on one tenant, which it holds alone."""

    def __init__(self, tenant: Tenant, acronis: Acronis, clock: Clock) -> None:
        self.tenant = tenant
        self.acronis = acronis
        self.clock = clock
        self.vendor_id = ""
        self.users: dict[str, tuple[str, frozenset[str]]] = {}  # login → id at the vendor, and roles on this tenant

    def run(self) -> None:
        self._close_interrupted_actions()
        items = wished_items(self.tenant, self.acronis)
        for round_number in range(1, ROUNDS + 1):
            actions = plan(wish_of(self.tenant, items), self._look())
            if not actions:
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
            who = f"{self.tenant.organization} ({self.tenant.vendor_id})"
            raise TenantDeleted(f"The tenant of {who} is not at Acronis any more: somebody deleted it there.") from None
        if found is None:
            return None
        self._recognize(found)
        observed = observe(found, self.acronis)
        self.users = {user.login.casefold(): (user.id, user.roles) for user in observed.users}
        for user in self.tenant.users.filter(vendor_id__isnull=True):
            if user.login.casefold() in self.users:
                self._remember_user(user, self.users[user.login.casefold()][0])
        return observed

    def _recognize(self, found: VendorTenant) -> None:
        self.vendor_id = found.id
        if str(self.tenant.vendor_id) != found.id or self.tenant.vendor_name != found.name:
            self.tenant.vendor_id, self.tenant.vendor_name = found.id, found.name
            self.tenant.save(update_fields=["vendor_id", "vendor_name"])

    # Acting

    def _carry_out(self, action: Action) -> None:
        match action:
            case CreateTenant():
                self._create_tenant(action)
            case SetItems():
                self._set_items(action)
            case SetPricingMode():
                pricing = self.acronis.tenants.pricing(self.vendor_id)
                self.acronis.tenants.set_pricing(
                    self.vendor_id, version=pricing.version, mode=action.mode, currency=pricing.currency
                )
            case CreateUser():
                self._create_user(action)
            case GrantRole():
                user_id, roles = self.users[action.login.casefold()]
                self.acronis.users.set_access_policies(user_id, [(self.vendor_id, role) for role in sorted(roles | {action.role})])
            case SendActivationMail():
                self._send_activation_mail(action)
            case EnableTenant() | DisableTenant():
                version = self.acronis.tenants.get(self.vendor_id).version
                self.acronis.tenants.update(self.vendor_id, version=version, enabled=isinstance(action, EnableTenant))

    def _create_tenant(self, action: CreateTenant) -> None:
        try:
            found = self._post_tenant(action.name, action.tenant_kind)
        except Conflict as error:
            if error.code != NAME_TAKEN:
                raise
            # Ours, created by an attempt whose answer was lost; or somebody else's, and then ours takes another name.
            name = tenant_name(f"{action.name[:150]} ({self.tenant.organization.number})")
            found = find_among_children(self.tenant, self.acronis) or self._post_tenant(name, action.tenant_kind)
        self._recognize(found)

    def _post_tenant(self, name: str, kind: str) -> VendorTenant:
        organization = self.tenant.organization
        return self.acronis.tenants.create(
            name=name,
            parent_id=parent_id(self.tenant),
            kind=kind,
            customer_id=self.tenant.key,
            internal_tag=f"cloudtill:{self.tenant.key}",
            language=organization.language,
            contact={
                "email": organization.billing_email,
                "address1": organization.address_line1,
                "address2": organization.address_line2,
                "zipcode": organization.postcode,
                "city": organization.city,
                "country": organization.country,
            },
        )

    def _set_items(self, action: SetItems) -> None:
        changes = [
            OfferingItemChange(application_id=item.application_id, name=item.name, infra_id=item.infra_id or None, enabled=enabled)
            for items, enabled in ((action.disable, False), (action.enable, True))
            for item in items
        ]
        self.acronis.offering_items.set(self.vendor_id, changes)

    def _create_user(self, action: CreateUser) -> None:
        try:
            created = self.acronis.users.create(tenant_id=self.vendor_id, login=action.login, email=action.email)
        except Conflict:
            raise LoginTaken(f"The login {action.login} is taken at Acronis. Choose another and try again.") from None
        self.users[created.login.casefold()] = (created.id, frozenset())
        self._remember_user(self.tenant.users.get(login__iexact=action.login), created.id)

    def _remember_user(self, user: TenantUser, vendor_id: str) -> None:
        user.vendor_id = vendor_id
        user.save(update_fields=["vendor_id"])

    def _send_activation_mail(self, action: SendActivationMail) -> None:
        """
        Ask for the mail once. The vendor cannot tell whether it sent one, so the question is written down before it is put: a lost
        answer leaves it unconfirmed, for a person to repeat, and never sends a second mail.
        """
        user = self.tenant.users.get(login__iexact=action.login)
        user.activation_mail_asked_at = self.clock()
        user.save(update_fields=["activation_mail_asked_at"])
        try:
            self.acronis.users.send_activation_email(self.users[action.login.casefold()][0])
        except AcronisError as error:
            if not error.outcome_unknown:
                user.activation_mail_asked_at = None
                user.save(update_fields=["activation_mail_asked_at"])
            raise
        user.activation_mail_confirmed_at = self.clock()
        user.save(update_fields=["activation_mail_confirmed_at"])

    # Recording

    @contextmanager
    def _recorded(self, action: Action) -> Iterator[None]:
        row = VendorAction.objects.create(
            tenant=self.tenant, kind=action.kind, sentence=action.sentence[:500], started_at=self.clock()
        )
        try:
            yield
        except (AcronisError, DomainError) as error:
            row.status, row.error, row.ended_at = VendorAction.Status.FAILED, str(error)[:1000], self.clock()
            if isinstance(action, SendActivationMail) and isinstance(error, AcronisError) and error.outcome_unknown:
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

    def _record_agreement(self) -> None:
        Tenant.objects.filter(pk=self.tenant.pk, wished_at=self.tenant.wished_at).update(
            converged_at=self.clock(), next_try_at=None, attempts=0, last_error=""
        )
