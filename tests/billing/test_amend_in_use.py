"""What a tenant uses now: as the vendor says, else as it was read last."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from billing.models import UsageEstimate
from billing.operations.in_use import in_use
from common.errors import DomainError
from provisioning.models import VendorOfferingItem
from tests import factories
from tests.billing.making import subscribe, use

pytestmark = pytest.mark.django_db
AT = datetime(2026, 10, 15, 9, tzinfo=UTC)
STORAGE = ("backup", "storage")


@pytest.fixture
def service():
    """A tenant that the vendor is said to have, at a service manager that knows the storage of one edition."""
    subscription = subscribe(factories.OrganizationFactory())
    VendorOfferingItem.objects.create(
        service_manager=subscription.service.service_manager,
        name="pg_base_storage",
        application_id=uuid4(),
        application_type="backup",
        usage_name="storage",
        edition="pck_per_gigabyte",
        item_type="count",
        measurement_unit="bytes",
    )
    return subscription.service


@pytest.fixture
def silence(monkeypatch):
    """A vendor that is not connected, as one that is down."""

    def not_now(service_manager, vendor_id):
        raise DomainError("Acronis does not answer.")

    monkeypatch.setattr("billing.operations.in_use._asked", not_now)


def estimate(service, amount, *, at, infra="a", item="pg_base_storage"):
    UsageEstimate.objects.create(
        tenant=service.tenant,
        item=item,
        edition="pck_per_gigabyte",
        infra_id=infra,
        is_range=False,
        measurement_unit="bytes",
        absolute=amount,
        as_of=at,
    )


def test_nothing_is_in_use_of_what_the_vendor_does_not_have(service):
    service.tenant.vendor_id = None

    found = in_use(service, at=AT)

    assert (found.amount(STORAGE), found.is_live, found.as_of) == (0, True, AT)


def test_storages_are_added_up_and_one_reading_that_is_told_twice_counts_once(service, silence):
    at = AT - timedelta(hours=2)
    estimate(service, 40, at=at)
    estimate(service, 30, at=at, infra="b")
    estimate(service, 5, at=at, item="something_else")

    found = in_use(service, at=AT)

    assert (found.amount(STORAGE), found.is_live, found.as_of) == (70, False, at)
    assert found.amount(("", "something_else")) == 5


@pytest.mark.parametrize(("day", "amount"), [(date(2026, 10, 14), 80), (date(2026, 10, 12), 40)], ids=["report", "estimate"])
def test_the_newer_of_estimate_and_report_counts(service, silence, day, amount):
    estimate(service, 40, at=AT - timedelta(hours=12))
    use(service.subscription, 80, days=[day])

    assert in_use(service, at=AT).amount(STORAGE) == amount


def test_nothing_is_known_where_nothing_was_ever_read(service, silence):
    found = in_use(service, at=AT)

    assert (dict(found.amounts), found.is_live) == ({}, False)
