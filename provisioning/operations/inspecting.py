"""
The nightly look at the vendor: everything a service manager has there, beside what should be there.

The tree is read branch by branch with the vendor's batch calls, so that their number does not grow with offering items or users,
and no more than one branch is held in memory. Each tenant is compared by the same plan that converging follows; what differs
becomes a row for somebody to decide about (`drift`). Nothing is changed at the vendor.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import User
from common.dispatch import after_commit
from common.errors import DomainError
from common.locks import alone
from provisioning import vendor
from provisioning.acronis.client import Acronis
from provisioning.acronis.errors import AcronisError, MalformedAnswer, NotFound, Unauthorized
from provisioning.acronis.types import VendorTenant
from provisioning.locks import INSPECTION
from provisioning.models import Drift, Hold, Inspection, Service, ServiceManager, Tenant, TenantUser
from provisioning.observing import DEFAULT_STORAGES, Offer, WishRows, item_of, observe, observed_tenant, observed_user, wish_of
from provisioning.planning.differences import TENANT_DELETED, Difference, cannot_plan, deleted, differences
from provisioning.planning.values import UNLIMITED, Item, Limit, ObservedTenant, ObservedUser

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]

ATTEMPTS = 5
BACKOFF = (timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1), timedelta(hours=2))
SILENCE = timedelta(minutes=15)
"""So long after its last sign a running inspection is rung for again. Its lock, not this, keeps two from running."""

TENANTS_AT_ONCE = 500
"""Rows are read and differences written for so many tenants in one go."""

LEAVES_SHARE = 100
"""
Direct customers are read in one sweep of the whole tree if they are more than one in so many of its tenants. A page of the sweep
holds the items of some 60 tenants and takes as long as a dozen small calls; a customer alone takes three.
"""


# --- Asking for one -------------------------------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def ask_inspection(*, service_manager_id: int, by: User | None, at: datetime) -> Inspection:
    """
    Have everything at the vendor inspected, by a worker. While one is open it is the same one, rung for again.

    :param by: who asked; None: the timetable.
    """
    ServiceManager.objects.locked().get(pk=service_manager_id)
    inspection = Inspection.objects.open().filter(service_manager=service_manager_id).first()
    if inspection is None:
        inspection = Inspection.objects.create(
            service_manager_id=service_manager_id, asked_by=by, started_at=at, next_try_at=at + SILENCE
        )
    after_commit("provisioning.inspect", inspection_id=inspection.pk)
    return inspection


def ask_inspections(*, at: datetime, by: User | None = None) -> list[Inspection]:
    """Have every service manager inspected that is in use and connected; see `ask_inspection`."""
    managers = ServiceManager.objects.filter(is_active=True, root_tenant_id__isnull=False).order_by("pk")
    return [ask_inspection(service_manager_id=pk, by=by, at=at) for pk in managers.values_list("pk", flat=True)]


def ring_due(*, at: datetime) -> None:
    """Ring for every inspection that is to be tried again, or whose worker has not been heard of for a while."""
    for inspection_id in Inspection.objects.due(at).values_list("pk", flat=True):
        after_commit("provisioning.inspect", inspection_id=inspection_id)


def inspect(service_manager_id: int, *, clock: Clock, by: User | None = None) -> Inspection:
    """
    Inspect one service manager here and now, and return the inspection as it ended.

    :raises Busy: a worker is at it already.
    """
    inspection = Inspection.objects.open().filter(service_manager=service_manager_id).first()
    if inspection is None:
        inspection = _new(service_manager_id, by, at=clock())
    carry_out(inspection.pk, clock=clock)
    inspection.refresh_from_db()
    return inspection


def _new(service_manager_id: int, by: User | None, *, at: datetime) -> Inspection:
    facts = {"service_manager_id": service_manager_id, "asked_by": by, "started_at": at, "next_try_at": at + SILENCE}
    try:
        with transaction.atomic():
            return Inspection.objects.create(**facts)
    except IntegrityError:  # somebody else asked in this instant
        return Inspection.objects.open().get(service_manager=service_manager_id)


# --- Carrying it out ------------------------------------------------------------------------------------------------------


def carry_out(inspection_id: int, *, clock: Clock) -> None:
    """
    Make the inspection, unless it has ended. Stopped in the middle it begins anew; a difference found again is the same row.

    A vendor that is down ends this try: the reason stays on the row, with the time of the next. A tenant or branch that the vendor
    does not let us read is skipped, and named there.

    :raises Busy: another worker is at it.
    """
    inspection = Inspection.objects.select_related(*DEFAULT_STORAGES).get(pk=inspection_id)
    with alone(INSPECTION, inspection.service_manager_id):
        inspection.refresh_from_db(fields=["status", "attempts"])
        if not inspection.is_open or not _begin(inspection, at=clock()):
            return
        try:
            look = _Look(inspection, vendor.connect(inspection.service_manager), clock)
            look.run()
        except (AcronisError, DomainError) as error:
            _record_failure(inspection, error, at=clock())
        else:
            _record_end(inspection, look.troubles, at=clock())


def _begin(inspection: Inspection, *, at: datetime) -> bool:
    """Take the first or the next try; False where there were enough."""
    inspection.attempts += 1
    if inspection.attempts > ATTEMPTS:
        inspection.move_to(Inspection.Status.FAILED)
        inspection.ended_at, inspection.next_try_at = at, None
        inspection.error = inspection.error or "Its worker was stopped again and again."
        inspection.save(update_fields=["status", "ended_at", "next_try_at", "error"])
        return False
    inspection.move_to(Inspection.Status.RUNNING)
    inspection.started_at, inspection.next_try_at = at, at + SILENCE
    inspection.tenants_total = inspection.tenants_checked = inspection.tenants_skipped = inspection.differences = 0
    inspection.save()
    return True


def _record_failure(inspection: Inspection, error: AcronisError | DomainError, *, at: datetime) -> None:
    again = isinstance(error, AcronisError) and error.retryable and inspection.attempts < ATTEMPTS
    inspection.move_to(Inspection.Status.WAITING if again else Inspection.Status.FAILED)
    inspection.error = str(error)[:1000]
    inspection.next_try_at = at + BACKOFF[inspection.attempts - 1] if again else None
    inspection.ended_at = None if again else at
    inspection.save(update_fields=["status", "error", "next_try_at", "ended_at"])


def _record_end(inspection: Inspection, troubles: list[str], *, at: datetime) -> None:
    inspection.move_to(Inspection.Status.FINISHED)
    inspection.error = " ".join(troubles)[:1000]
    inspection.ended_at, inspection.next_try_at = at, None
    inspection.save(update_fields=["status", "error", "next_try_at", "ended_at"])
    logger.info("inspected", extra={"service_manager": inspection.service_manager_id, "differences": inspection.differences})


def _is_down(error: AcronisError) -> bool:
    """Whether the vendor answers nobody now, as opposed to refusing one tenant or branch."""
    if isinstance(error, MalformedAnswer):
        return error.is_unreadable
    return error.retryable or isinstance(error, Unauthorized)


@dataclass(frozen=True, slots=True)
class _State:
    """A tenant as it stood before the vendor was read. Whatever was wished or converged since shows in ``stamp``."""

    pk: int
    vendor_id: str
    stamp: tuple[datetime, datetime | None]
    agrees: bool
    is_under_way: bool


@dataclass(slots=True)
class _Branch:
    """Tenants of ours that are at or below one tenant of the vendor's tree."""

    root: str
    tenants: list[_State] = field(default_factory=list)


@dataclass(slots=True)
class _Reading:
    """What was read of a branch, of our tenants only; the keys are the vendor's ids."""

    tenants: dict[str, VendorTenant] = field(default_factory=dict)
    items: dict[str, dict[Item, Limit]] = field(default_factory=dict)
    users: dict[str, list[ObservedUser]] = field(default_factory=dict)
    alone: dict[str, ObservedTenant] = field(default_factory=dict)
    """Those that somebody moved to another branch, read one by one."""


class _Look:
    """One worker's look at one service manager, which it inspects alone."""

    def __init__(self, inspection: Inspection, acronis: Acronis, clock: Clock) -> None:
        self.inspection = inspection
        self.manager = inspection.service_manager
        self.acronis = acronis
        self.clock = clock
        self.at = inspection.started_at
        self.offer = Offer(self.manager, acronis)
        self.known: dict[Item, Item] = {}  # one object for each item, however many tenants have it
        self.troubles: list[str] = []

    def run(self) -> None:
        branches, total = _branches(self.manager)
        Inspection.objects.filter(pk=self.inspection.pk).update(tenants_total=total)
        self.inspection.tenants_total = total
        for branch in branches:
            try:
                self._inspect(branch)
            except AcronisError as error:
                if _is_down(error):
                    raise
                self._skip(branch.tenants, f"A branch of {len(branch.tenants)} tenants was left out: {error}")
            self.offer.forget(branch.root)

    def _inspect(self, branch: _Branch) -> None:
        under_way = [state for state in branch.tenants if state.is_under_way]
        if under_way:
            self._skip(under_way)
        to_look_at = [state for state in branch.tenants if not state.is_under_way]
        reading = self._read(branch.root, {state.vendor_id for state in to_look_at}) if to_look_at else _Reading()
        for start in range(0, len(to_look_at), TENANTS_AT_ONCE):
            self._compare(to_look_at[start : start + TENANTS_AT_ONCE], reading)

    # Looking

    def _read(self, root: str, wanted: set[str]) -> _Reading:
        reading = _Reading()
        try:
            self._read_branch(root, wanted, reading)
        except NotFound:  # its root was deleted, by now or long ago
            reading = _Reading()
        if missing := wanted - reading.tenants.keys():
            self._read_one_by_one([found.id for found in self.acronis.tenants.by_ids(sorted(missing))], reading)
        return reading

    def _read_branch(self, root: str, wanted: set[str], reading: _Reading) -> None:
        for tenant in self.acronis.tenants.in_subtree(root):
            if tenant.id in wanted:
                reading.tenants[tenant.id] = tenant
        for item in self.acronis.offering_items.in_subtree(root):
            if item.enabled and item.tenant_id in reading.tenants:
                limit = Limit(item.quota.value, item.quota.overage) if item.quota else UNLIMITED
                key = item_of(item)
                reading.items.setdefault(item.tenant_id, {})[self.known.setdefault(key, key)] = (
                    UNLIMITED if limit == UNLIMITED else limit
                )
        for user in self.acronis.users.in_subtree(root):
            if user.tenant_id in reading.tenants:
                reading.users.setdefault(user.tenant_id, []).append(observed_user(user, user.tenant_id))

    def _read_one_by_one(self, ids: Iterable[str], reading: _Reading) -> None:
        for vendor_id in ids:
            reading.alone[vendor_id] = observe(self.acronis.tenants.get(vendor_id), self.acronis)

    def _observed(self, vendor_id: str, reading: _Reading) -> ObservedTenant | None:
        """Return what is at the vendor; None: the tenant was deleted there."""
        found = reading.tenants.get(vendor_id)
        if found is None:
            return reading.alone.get(vendor_id)
        mode = found.pricing_mode or self.acronis.tenants.pricing(vendor_id).mode  # missing in older answers
        bare = observed_tenant(found, items=(), users=(), pricing_mode=mode)
        return replace(bare, items=reading.items.get(vendor_id, {}), users=tuple(reading.users.get(vendor_id, ())))

    # Comparing

    def _compare(self, states: list[_State], reading: _Reading) -> None:
        rows = _rows_of([state.pk for state in states], self.manager)
        found: dict[int, list[Difference]] = {}
        activated: list[str] = []
        for state in states:
            if state.pk not in rows:
                continue
            tenant, wish_rows = rows[state.pk]
            try:
                observed = self._observed(state.vendor_id, reading)
                if observed is None:
                    found[state.pk] = [deleted(tenant.vendor_name)]
                    continue
                activated += [user.id for user in observed.users if user.is_activated]
                found[state.pk] = self._differences(tenant, wish_rows, observed) if state.agrees else []
            except AcronisError as error:
                if _is_down(error):
                    raise
                self.troubles.append(f"{tenant.organization} was left out: {error}")
        _Record(self.inspection, states, found, activated, at=self.at).write(now=self.clock())

    def _differences(self, tenant: Tenant, rows: WishRows, observed: ObservedTenant) -> list[Difference]:
        try:
            wish = wish_of(tenant, self.offer, rows)
        except DomainError as refusal:  # ItemsNotAvailable, NothingWished
            return [cannot_plan(str(refusal))]
        return differences(wish, observed)

    def _skip(self, states: list[_State], trouble: str = "") -> None:
        if trouble:
            self.troubles.append(trouble)
        _advance(self.inspection, checked=len(states), skipped=len(states), now=self.clock())


class _Record:
    """Writes down what was found of some tenants: new rows, rows found again, rows whose difference is gone."""

    def __init__(
        self,
        inspection: Inspection,
        states: list[_State],
        found: Mapping[int, list[Difference]],
        activated: list[str],
        *,
        at: datetime,
    ) -> None:
        self.inspection = inspection
        self.states = {state.pk: state for state in states}
        self.found = found
        self.activated = activated
        self.at = at

    @transaction.atomic(durable=True)
    def write(self, *, now: datetime) -> None:
        unchanged = self._unchanged()
        self._write(unchanged)
        users = TenantUser.objects.live().filter(tenant__in=self.states, vendor_id__in=self.activated, activated_at__isnull=True)
        users.update(activated_at=self.at)
        compared = [pk for pk in unchanged if self.states[pk].agrees or self.found[pk]]
        _advance(
            self.inspection,
            checked=len(self.states),
            skipped=len(self.states) - len(compared),
            differences=sum(len(self.found[pk]) for pk in unchanged),
            now=now,
        )

    def _unchanged(self) -> set[int]:
        """Lock the tenants; those that somebody touched while the vendor was read are compared the next night."""
        rows = Tenant.objects.live().filter(pk__in=self.found).locked()
        now = {pk: (wished_at, converged_at) for pk, wished_at, converged_at, due_at in _stamps(rows) if due_at is None}
        return {pk for pk, stamp in now.items() if stamp == self.states[pk].stamp}

    def _write(self, tenants: set[int]) -> None:
        wanted = {(pk, one.kind, one.subject[:250]): one for pk in tenants for one in self.found[pk]}
        gone, again, changed = [], [], []
        for row in Drift.objects.open().filter(tenant__in=tenants).locked():
            difference = wanted.pop((row.tenant_id, row.kind, row.subject), None)
            if difference is not None:
                again.append(row.pk)
                if (row.sentence, row.wished, row.found) != _words(difference):
                    changed.append(_written(row, difference, at=self.at))
            elif self.states[row.tenant_id].agrees or row.kind == TENANT_DELETED:
                row.move_to(Drift.Status.VANISHED)
                row.settled_at = self.at
                gone.append(row)
        new = [
            _written(Drift(tenant_id=pk, kind=kind, subject=subject, first_seen_at=self.at), difference, at=self.at)
            for (pk, kind, subject), difference in wanted.items()
        ]
        Drift.objects.filter(pk__in=again).update(last_seen_at=self.at)
        Drift.objects.bulk_update(changed, ["sentence", "wished", "found"])
        Drift.objects.bulk_update(gone, ["status", "settled_at"])
        Drift.objects.bulk_create(new)


def _written(row: Drift, difference: Difference, *, at: datetime) -> Drift:
    row.sentence, row.wished, row.found = _words(difference)
    row.last_seen_at = at
    return row


def _words(difference: Difference) -> tuple[str, str, str]:
    """Return what differs as far as the columns reach."""
    return difference.sentence[:1000], difference.wished[:500], difference.found[:500]


def _advance(inspection: Inspection, *, checked: int, skipped: int, differences: int = 0, now: datetime) -> None:
    """Let the row show how far the inspection is, and that its worker lives."""
    inspection.tenants_checked += checked
    inspection.tenants_skipped += skipped
    inspection.differences += differences
    inspection.next_try_at = now + SILENCE
    inspection.save(update_fields=["tenants_checked", "tenants_skipped", "differences", "next_try_at"])


# --- Rows -----------------------------------------------------------------------------------------------------------------


def _stamps(rows: Iterable[Tenant]) -> Iterator[tuple[int, datetime, datetime | None, datetime | None]]:
    return ((row.pk, row.wished_at, row.converged_at, row.next_try_at) for row in rows)


def _branches(manager: ServiceManager) -> tuple[list[_Branch], int]:
    """
    Return the branches to read, and how many tenants they hold: each partner directly under the root with all below it, and the
    direct customers; those in one sweep of the whole tree, unless they are so few in a large one that asking for each is cheaper.
    """
    facts = ("pk", "parent_id", "kind", "vendor_id", "wished_at", "converged_at", "next_try_at", "organization__facts_changed_at")
    rows = list(Tenant.objects.live().filter(service_manager=manager).order_by("pk").values_list(*facts))
    parents: dict[int, int | None] = {pk: parent for pk, parent, *_ in rows}
    ids: dict[int, UUID | None] = {row[0]: row[3] for row in rows}
    partners: dict[int, _Branch] = {}
    leaves: list[_State] = []
    for pk, parent, kind, vendor_id, *moments in rows:
        top = _top(pk, parents)
        if vendor_id is None or ids.get(top) is None:
            continue
        state = _state(pk, vendor_id, *moments)
        if parent is None and kind == Tenant.Kind.CUSTOMER:
            leaves.append(state)
        else:
            partners.setdefault(top, _Branch(str(ids[top]))).tenants.append(state)
    total = sum(len(branch.tenants) for branch in partners.values()) + len(leaves)
    if len(leaves) * LEAVES_SHARE > total:
        direct = [_Branch(vendor.root_tenant(manager), leaves)]
    else:
        direct = [_Branch(state.vendor_id, [state]) for state in leaves]
    return [branch for branch in (*direct, *partners.values()) if branch.tenants], total


def _top(pk: int, parents: Mapping[int, int | None]) -> int:
    while (parent := parents.get(pk)) is not None:
        pk = parent
    return pk


def _state(
    pk: int,
    vendor_id: UUID,
    wished_at: datetime,
    converged_at: datetime | None,
    next_try_at: datetime | None,
    facts_changed_at: datetime | None,
) -> _State:
    is_outdated = facts_changed_at is not None and facts_changed_at > wished_at
    return _State(
        pk=pk,
        vendor_id=str(vendor_id),
        stamp=(wished_at, converged_at),
        agrees=converged_at is not None and converged_at >= wished_at,
        is_under_way=next_try_at is not None or is_outdated,
    )


def _rows_of(pks: list[int], manager: ServiceManager) -> dict[int, tuple[Tenant, WishRows]]:
    """Read what says what the tenants should have, in a handful of queries however many they are."""
    tenants = Tenant.objects.filter(pk__in=pks).select_related("organization", "parent")
    held = set(Hold.objects.filter(tenant__in=pks, released_at__isnull=True).values_list("tenant_id", flat=True))
    users: dict[int, list[TenantUser]] = {}
    for user in TenantUser.objects.live().filter(tenant__in=pks).order_by("pk"):
        users.setdefault(user.tenant_id, []).append(user)
    storages = ("backup_storage", "file_storage", "disaster_recovery_storage")
    services: dict[int, Service] = {}
    for service in (
        Service.objects.live().filter(tenant__in=pks).select_related(*storages).prefetch_related("items").order_by("-pk")
    ):
        service.service_manager = manager
        services[service.tenant_id] = service
    found = {}
    for tenant in tenants:
        tenant.service_manager = manager
        rows = WishRows(is_held=tenant.pk in held, users=users.get(tenant.pk, []), service=services.get(tenant.pk))
        found[tenant.pk] = (tenant, rows)
    return found
