"""Suspending and resuming, against the sandbox."""

import pytest

from provisioning import vendor
from provisioning.models import Hold
from provisioning.operations import holds
from tests import factories
from tests.factories import AT
from tests.provisioning.world import LATER, converge, served

pytestmark = pytest.mark.django_db


def is_enabled(acronis, service):
    return vendor.connect(acronis.service_manager).tenants.get(str(service.tenant.vendor_id)).enabled


def test_a_hold_disables_the_tenant_and_its_release_enables_it(acronis):
    service = served(acronis)

    holds.place_hold(tenant_id=service.tenant_id, reason=Hold.Reason.MANUAL, note="Asked for", at=LATER)
    converge(service)
    was_enabled = is_enabled(acronis, service)
    holds.release_hold(tenant_id=service.tenant_id, reason=Hold.Reason.MANUAL, at=LATER)
    converge(service)

    assert not was_enabled
    assert is_enabled(acronis, service)


def test_the_tenant_runs_again_only_once_no_hold_is_open(acronis):
    service = served(acronis)
    for reason in (Hold.Reason.MANUAL, Hold.Reason.DUNNING):
        holds.place_hold(tenant_id=service.tenant_id, reason=reason, at=LATER)
    converge(service)

    holds.release_hold(tenant_id=service.tenant_id, reason=Hold.Reason.DUNNING, at=LATER)
    converge(service)

    assert not is_enabled(acronis, service)


def test_placed_twice_it_is_the_same_hold_with_its_first_note(db):
    tenant = factories.TenantFactory()

    first = holds.place_hold(tenant_id=tenant.pk, reason=Hold.Reason.MANUAL, note="first", at=AT)
    second = holds.place_hold(tenant_id=tenant.pk, reason=Hold.Reason.MANUAL, note="second", at=LATER)

    assert (second.pk, second.note, second.opened_at) == (first.pk, "first", AT)
    tenant.refresh_from_db()
    assert tenant.wished_at == AT


def test_released_twice_is_released_once(db):
    tenant = factories.TenantFactory()
    holds.place_hold(tenant_id=tenant.pk, reason=Hold.Reason.MANUAL, at=AT)

    holds.release_hold(tenant_id=tenant.pk, reason=Hold.Reason.MANUAL, at=LATER)
    holds.release_hold(tenant_id=tenant.pk, reason=Hold.Reason.MANUAL, at=LATER)

    assert Hold.objects.get().released_at == LATER


def test_a_tenant_that_is_to_be_deleted_cannot_be_suspended(db):
    tenant = factories.TenantFactory(retired_at=AT)

    with pytest.raises(holds.TenantRetired, match="was terminated"):
        holds.place_hold(tenant_id=tenant.pk, reason=Hold.Reason.MANUAL, at=LATER)

    assert not Hold.objects.exists()
