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

from common.errors import DomainError
from common.locks import Busy, alone
from provisioning import vendor
from provisioning.acronis.client import Acronis
from provisioning.acronis.errors import AcronisError, Conflict, NotFound, QuotaVersionConflict
from provisioning.acronis.types import OfferingItemChange, Quota, VendorTenant
from provisioning.locks import TENANT
from provisioning.models import Drift, Service, Tenant, VendorAction
from provisioning.observing import (
    WISH_RELATED,
    Offer,
    WishRows,
    facts_wish,
    find_among_children,
    find_tenant,
    numbered_name,
    observe,
    parent_id,
    wish_of,
)
from provisioning.operations.converging_users import TenantUsers, WishChanged
from provisioning.planning import actions as do
from provisioning.planning.actions import Action
from provisioning.planning.differences import TENANT_DELETED
from provisioning.planning.rules import plan
from provisioning.planning.values import UNLIMITED, Item, Limit, ObservedTenant

Clock = Callable[[], datetime]

# The first round does the work, the second sees an empty plan. More are for editions, whose items come after the switch, for
# quotas whose version is only seen when the item is on, and for lost answers and what changed in between.
ROUNDS = 6
LONGEST_PAUSE = timedelta(hours=6)  # whatever a Retry-After says
NAME_TAKEN = 1004
BACKOFF = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=1))
BUSY_PAUSE = timedelta(seconds=10)
UNEXPECTED = "Something went wrong on our side. It is tried again by itself."
MAIL_UNCONFIRMED = "Acronis did not confirm that it sent the mail. If it does not arrive, send it again from the service page."


class DoesNotSettle(DomainError):
    """The vendor took every action, yet still differs from the wish."""


class TenantDeleted(DomainError):
    """Somebody deleted the tenant at the vendor. An empty one in its place would hide that its data is gone."""


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
        tenant = Tenant.objects.select_related(*WISH_RELATED).get(pk=tenant_id)
        if tenant.gone_at is None:
            _Convergence(tenant, vendor.connect(tenant.service_manager), clock).run()


def converge_due(tenant_id: int, *, clock: Clock) -> None:
    """
    Converge a tenant outside any order. A failure stays on its row, with the time of the next try where one makes sense.

    The failure of a wish that has been replaced meanwhile is not recorded: the new one is due already.
    """
    wished_at = Tenant.objects.values_list("wished_at", flat=True).get(pk=tenant_id)
    try:
        converge(tenant_id, clock=clock)
    except Busy:
        Tenant.objects.filter(pk=tenant_id, gone_at__isnull=True).update(next_try_at=clock() + BUSY_PAUSE)
    except (AcronisError, DomainError) as error:
        tries_again = isinstance(error, AcronisError) and error.retryable
        pause = timedelta(seconds=getattr(error, "retry_after", None) or 0) if tries_again else None
        _record_failure(tenant_id, wished_at, str(error), pause=pause, at=clock())
    except Exception:
        _record_failure(tenant_id, wished_at, UNEXPECTED, pause=timedelta(0), at=clock())
        raise


def _record_failure(tenant_id: int, wished_at: datetime, sentence: str, *, pause: timedelta | None, at: datetime) -> None:
    """Keep why the wish of ``wished_at`` failed. ``pause`` is the shortest until the next try; None: a person has to act first."""
    failed = Tenant.objects.filter(pk=tenant_id, wished_at=wished_at, gone_at__isnull=True)
    for attempts in failed.values_list("attempts", flat=True):
        longest = None if pause is None else max(pause, BACKOFF[min(attempts, len(BACKOFF) - 1)])
        next_try_at = None if longest is None else at + min(longest, LONGEST_PAUSE)
        failed.update(attempts=attempts + 1, last_error=sentence[:1000], next_try_at=next_try_at)


def _wants_another_look(error: AcronisError | WishChanged) -> bool:
    """Whether looking again tells what to do next: the answer was lost, or what it was decided by is out of date."""
    return isinstance(error, WishChanged) or error.outcome_unknown or getattr(error, "is_stale", False)


class _Convergence:
    """One worker's work on one tenant, which it holds alone."""

    def __init__(self, tenant: Tenant, acronis: Acronis, clock: Clock) -> None:
        self.tenant = tenant
        self.acronis = acronis
        self.clock = clock
        self.vendor_id = ""
        self.users = TenantUsers(tenant, acronis, clock)
        self.quota_versions: Mapping[Item, int] = {}
        self.told: set[Action] = set()
        self.quotas_after_enabling = False

    def run(self) -> None:
        self._close_interrupted_actions()
        offer = Offer(self.tenant.service_manager, self.acronis)
        rows = WishRows.of(self.tenant, users=())  # these are read anew with every look
        wish = wish_of(self.tenant, offer, rows)
        for round_number in range(1, ROUNDS + 1):
            observed = self._look()
            if observed is None and wish.is_retired:
                self._record_end()
                return
            # Users change with every round. Whatever else is wished for meanwhile has the tenant converged again after this.
            wish = replace(wish, users=() if wish.is_retired else self.users.read(observed.users if observed else ()))
            actions = [action for action in plan(wish, observed) if action not in self.told]
            if not actions:
                self._keep_storages(rows.service, offer, wish.items)
                self._record_agreement()
                return
            try:
                for action in actions:
                    with self._recorded(action):
                        self._carry_out(action)
            except (AcronisError, WishChanged) as error:
                if round_number == ROUNDS or not _wants_another_look(error):
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
            case do.EnableTenant() | do.DisableTenant():
                self._update_tenant(enabled=isinstance(action, do.EnableTenant))
            case _:
                self.users.carry_out(action, self.vendor_id)

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

    @staticmethod
    def _keep_storages(service: Service | None, offer: Offer, items: Iterable[Item]) -> None:
        """Write down where the data of a service lies, so that another default, chosen later, does not ask to move it."""
        if service is None or all(service.storages.values()):
            return
        infra_ids = {item.storage_type: item.infra_id for item in items if item.infra_id}
        found = {
            Service.STORAGE_FIELDS[storage_type]: offer.storages[infra_id]
            for storage_type, infra_id in infra_ids.items()
            if service.storages[storage_type] is None and infra_id in offer.storages
        }
        if found:
            Service.objects.filter(pk=service.pk, wished_at=service.wished_at).update(**found)

    @transaction.atomic
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
