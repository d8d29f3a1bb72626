"""The capacity of a backup location, which the vendor does not tell."""

from typing import Any

import pytest

from provisioning.models import VendorStorage
from provisioning.operations import connection
from tests.factories import AT
from tests.provisioning.world import staff_with, url

LOOK, SET_UP = "provisioning.view_vendorstorage", "provisioning.change_servicemanager"


@pytest.fixture
def zurich(acronis: Any) -> VendorStorage:
    return VendorStorage.objects.get(name="Backup storage Zurich")


def test_whoever_sets_up_the_integration_enters_the_capacity(zurich: VendorStorage) -> None:
    answer = staff_with(LOOK, SET_UP).post(url("change", zurich), {"capacity": "10000"}, follow=True)

    assert answer.status_code == 200
    zurich.refresh_from_db()
    assert (zurich.capacity, zurich.name) == (10_000, "Backup storage Zurich")


@pytest.mark.parametrize("typed", ["0", "-5", "1.5", "1e3", "99999999999"])
def test_capacity_that_cannot_be_is_refused(zurich: VendorStorage, typed: str) -> None:
    answer = staff_with(LOOK, SET_UP).post(url("change", zurich), {"capacity": typed})

    assert answer.status_code == 200
    zurich.refresh_from_db()
    assert zurich.capacity is None


def test_whoever_may_only_look_changes_nothing(zurich: VendorStorage) -> None:
    browser = staff_with(LOOK)

    assert browser.get(url("change", zurich)).status_code == 200
    assert browser.post(url("change", zurich), {"capacity": "10000"}).status_code == 403
    assert staff_with().get(url("change", zurich)).status_code == 403


def test_capacity_stays_when_the_services_definition_is_read_again(acronis: Any, zurich: VendorStorage) -> None:
    VendorStorage.objects.filter(pk=zurich.pk).update(capacity=500)

    connection.fetch_services_definition(service_manager_id=acronis.service_manager.pk, at=AT)

    zurich.refresh_from_db()
    assert zurich.capacity == 500


def test_page_of_the_service_manager_leads_to_its_storages(acronis: Any, zurich: VendorStorage) -> None:
    page = staff_with(LOOK, SET_UP, "provisioning.view_servicemanager").get(url("change", acronis.service_manager))

    assert url("change", zurich) in page.text
