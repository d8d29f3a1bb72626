"""
Deciding about what differs at the vendor: put it right there, or take it over here.

Repairing carries the wish to the vendor, for everything of the tenant that differs, because converging knows nothing smaller.
Adopting changes the wish of one thing so that it says what is there, and touches nothing at the vendor.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts.models import User
from common.errors import DomainError
from common.locks import alone
from provisioning import vendor
from provisioning.acronis.errors import AcronisError, NotFound
from provisioning.locks import TENANT
from provisioning.models import Drift, Tenant
from provisioning.observing import WISH_RELATED, Offer, find_tenant, observe, wish_of
from provisioning.operations import adopting
from provisioning.operations.adopting import CannotAdopt, Finding
from provisioning.operations.due import wish_again
from provisioning.planning.differences import SET_PRICING_MODE, TENANT_DELETED, Difference, deleted
from provisioning.planning.values import PRODUCTION, ObservedTenant

Clock = Callable[[], datetime]


class CannotRepair(DomainError):
    """The vendor lets nobody put this right, or something else has to be put right first."""


# --- Repairing ------------------------------------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def repair(*, drift_id: int, by: User, at: datetime) -> str:
    """
    Have the vendor put right what differs at this tenant, within seconds; a deleted tenant is restored first. Return what happens
    now, in a sentence. Decided again, it is tried again.

    Converging repairs all of the tenant, so its other open differences are decided along with this one.

    :raises IllegalTransition: it is settled already.
    :raises CannotRepair: there is no way back from production; the reseller's tenant was deleted, too; the tenant is to be deleted.
    """
    tenant = _locked_tenant(drift_id)
    drift = Drift.objects.locked().get(pk=drift_id)
    _refuse_hopeless(drift, tenant)
    _decide(drift, by=by, at=at)
    for other in tenant.drifts.open().exclude(pk=drift.pk).exclude(kind=TENANT_DELETED).locked():
        if not _is_for_good(other):
            _decide(other, by=by, at=at)
    wish_again(tenant.pk, at=at)
    return f"{tenant.organization}: Acronis is told to put it right. What does not work is said in this list."


def repaired_along(drift: Drift) -> list[str]:
    """Return what repairing does, one sentence each: `drift` first, then what else differs at its tenant."""
    others = drift.tenant.drifts.open().exclude(pk=drift.pk).exclude(kind=TENANT_DELETED).order_by("pk")
    return [drift.sentence, *(other.sentence for other in others if not _is_for_good(other))]


def _decide(drift: Drift, *, by: User, at: datetime) -> None:
    if drift.status != Drift.Status.REPAIRING:
        drift.move_to(Drift.Status.REPAIRING)
    drift.decided_by, drift.decided_at = by, at
    drift.save(update_fields=["status", "decided_by", "decided_at"])


def _refuse_hopeless(drift: Drift, tenant: Tenant) -> None:
    if tenant.retired_at is not None:
        raise CannotRepair(f"The service of {tenant.organization} was terminated; its tenant is being deleted.")
    if _is_for_good(drift):
        raise CannotRepair("Acronis has no way back from production to the free trial. Adopt it, and the service is billed.")
    above = tenant.parent
    if drift.kind == TENANT_DELETED and above is not None and above.drifts.open().filter(kind=TENANT_DELETED).exists():
        raise CannotRepair(f"The tenant of {above.organization}, above it, was deleted too. Restore that one; it brings this back.")


def _is_for_good(drift: Drift) -> bool:
    return drift.kind == SET_PRICING_MODE and drift.found == PRODUCTION


# --- Adopting -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sight:
    """What one look at the vendor shows of a tenant; ``difference`` is None where the one in question is gone."""

    difference: Difference | None
    finding: Finding | None = None


def adopt(*, drift_id: int, by: User, clock: Clock) -> str:
    """
    Make what is at the vendor our wish. The vendor is asked again first, so what is taken over is what is there now. Return what
    was done, in a sentence.

    :raises IllegalTransition: it is settled already.
    :raises CannotAdopt: it cannot be taken over, or the vendor does not answer; the sentence says why.
    :raises Busy: a worker is on the tenant.
    """
    drift = Drift.objects.select_related("tenant").get(pk=drift_id)
    with alone(TENANT, drift.tenant_id):
        tenant = _tenant(drift.tenant_id)
        _refuse_under_way(tenant)
        adopting.refuse_kind(drift, tenant)
        try:
            sight = _look(tenant, drift)
        except AcronisError as error:
            raise CannotAdopt(f"What is there now could not be read. {error}") from error
        return _take_over(drift_id, tenant, sight, by=by, at=clock())


def _look(tenant: Tenant, drift: Drift) -> _Sight:
    """Ask the vendor about one tenant. No transaction is open."""
    acronis = vendor.connect(tenant.service_manager, people_wait=True)
    observed: ObservedTenant | None = None
    try:
        found = find_tenant(tenant, acronis)
        observed = observe(found, acronis) if found is not None else None
    except NotFound:
        pass_on_deletion(drift, tenant)
        return _Sight(deleted(tenant.vendor_name))
    if observed is None or drift.kind == TENANT_DELETED:
        return _Sight(None)
    offer = Offer(tenant.service_manager, acronis)
    finding = Finding(tenant=tenant, drift=drift, wish=wish_of(tenant, offer), observed=observed, offer=offer)
    return _Sight(finding.difference(finding.wish), finding)


def pass_on_deletion(drift: Drift, tenant: Tenant) -> None:
    """
    Do nothing where the deletion of the tenant is what is being decided about.

    :raises CannotAdopt: it is not; then nothing else about the tenant can be decided.
    """
    if drift.kind != TENANT_DELETED:
        raise CannotAdopt(
            f"The tenant of {tenant.organization} was deleted at Acronis meanwhile. Inspect again and decide about that."
        )


@transaction.atomic(durable=True)
def _take_over(drift_id: int, seen: Tenant, sight: _Sight, *, by: User, at: datetime) -> str:
    tenant = _locked_tenant(drift_id)
    drift = Drift.objects.locked().get(pk=drift_id)
    if tenant.wished_at != seen.wished_at:
        raise CannotAdopt(f"What {tenant.organization} should have was changed in this moment. Look again.")
    if sight.difference is None:
        drift.move_to(Drift.Status.VANISHED)
        drift.settled_at = at
        drift.save(update_fields=["status", "settled_at"])
        return f"{tenant.organization}: both agree about this by now. Nothing had to be adopted."
    drift.move_to(Drift.Status.ADOPTED)
    drift.decided_by, drift.decided_at, drift.settled_at, drift.found = by, at, at, sight.difference.found[:500]
    drift.save(update_fields=["status", "decided_by", "decided_at", "settled_at", "found"])
    if sight.finding is None:
        return adopting.adopt_deletion(tenant, at=at)
    sentence = adopting.adopt_difference(sight.finding, at=at)
    _refuse_if_it_still_differs(sight.finding)
    _keep_agreement(tenant, at=at)
    return sentence


def _refuse_if_it_still_differs(finding: Finding) -> None:
    """The same plan is the judge: if it would undo what was just taken over, the wish cannot say what is there."""
    wish = wish_of(_tenant(finding.tenant.pk), finding.offer)  # what the parent can give is known, so nobody is asked
    if (left := finding.difference(wish)) is not None:
        raise CannotAdopt(
            f"What is at Acronis ({left.found}) cannot be wished for here: it would still differ. Repair it, or change the service."
        )


def _keep_agreement(tenant: Tenant, *, at: datetime) -> None:
    """
    An agreeing tenant goes on agreeing: nothing is to be done, and converging would undo its other differences, which wait for
    somebody. One that does not agree is being carried to the vendor anyway, and may agree by this.
    """
    if tenant.agrees:
        Tenant.objects.filter(pk=tenant.pk).update(wished_at=at, converged_at=at)
    else:
        wish_again(tenant.pk, at=at)


def _refuse_under_way(tenant: Tenant) -> None:
    changed_at = tenant.organization.facts_changed_at
    if (tenant.next_try_at is not None and not tenant.last_error) or (changed_at is not None and changed_at > tenant.wished_at):
        raise CannotAdopt(f"What {tenant.organization} should have is being carried out at Acronis. Try again in a minute.")


# --- Rows -----------------------------------------------------------------------------------------------------------------


def _tenant(tenant_id: int) -> Tenant:
    return Tenant.objects.select_related(*WISH_RELATED).get(pk=tenant_id)


def _locked_tenant(drift_id: int) -> Tenant:
    """Tenants are locked before their differences, here as in `inspecting`."""
    tenant: Tenant = Tenant.objects.select_related("organization", "parent__organization").locked().get(drifts=drift_id)
    return tenant
