"""Reconciliation in the back office."""

import csv
import io

import pytest
from django.urls import reverse

from common import clock
from reconciliation.models import Discrepancy, ReconciliationRun
from tests import factories
from tests.billing import making
from tests.billing.making import GIB, NOVEMBER_1

COMPARE = "admin:reconciliation_reconciliationrun_compare"
EXPORT = "admin:reconciliation_discrepancy_export"


@pytest.fixture(autouse=True)
def november(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOVEMBER_1)


@pytest.fixture
def unbilled(personas):
    """Usage of October that nobody invoiced."""
    subscription = making.subscribe(personas.direct_customer)
    making.use(subscription, 100 * GIB)
    making.rate_card(subscription.plan.product_group)
    return subscription


def compared(personas, subscription):
    manager = subscription.service.service_manager
    return personas.client("bert").post(reverse(COMPARE), {"service_manager": manager.pk, "month": "2026-10"}, follow=True)


def test_comparing_finds_what_was_used_and_not_billed(personas, unbilled):
    answer = compared(personas, unbilled)

    run = ReconciliationRun.objects.get()
    assert (run.started_by, run.started_at) == (personas.bert, NOVEMBER_1)
    assert "Used, not billed" in answer.content.decode()


def test_a_months_discrepancies_are_exported_as_they_are_filtered(personas, unbilled):
    compared(personas, unbilled)
    run = ReconciliationRun.objects.get()
    Discrepancy.objects.create(run=run, kind="unmapped_tenant", tenant_name="=cmd|' /C calc'!A0", item="storage", unit="GiB")
    client = personas.client("bert")

    def exported(query):
        content = b"".join(client.get(reverse(EXPORT), query).streaming_content).decode()
        return list(csv.DictReader(io.StringIO(content)))

    everything = exported({"run__id__exact": run.pk})
    unmapped = exported({"kind__exact": "unmapped_tenant"})

    assert {row["Kind"] for row in everything} == {"Used, not billed", "Tenant at the vendor that is not ours"}
    assert [row["Tenant at the vendor"] for row in unmapped] == ["'=cmd|' /C calc'!A0"]


def test_discrepancies_are_found_by_organization(personas, unbilled):
    compared(personas, unbilled)

    page = personas.client("bert").get(reverse("admin:reconciliation_discrepancy_changelist"), {"q": "Dora"})

    assert {row.organization for row in page.context["cl"].result_list} == {personas.direct_customer}


@pytest.mark.parametrize("changes", [{"month": "2027-01"}, {"month": "nonsense"}, {"service_manager": "0"}])
def test_what_cannot_be_compared_is_said_beside_its_field(personas, unbilled, changes):
    form = {"service_manager": unbilled.service.service_manager.pk, "month": "2026-10", **changes}

    page = personas.client("bert").post(reverse(COMPARE), form)

    assert set(page.context["form"].errors) == set(changes)
    assert not ReconciliationRun.objects.exists()


def test_staff_without_the_permission_do_not_compare_or_export(personas):
    factories.ServiceManagerFactory()
    client = personas.client("mira")

    assert client.get(reverse(COMPARE)).status_code == 403
    assert client.get(reverse(EXPORT)).status_code == 403
