"""The real client against the local Acronis: both were written from the vendor's contract, by themselves."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask

from provisioning.acronis import (
    Acronis,
    BadRequest,
    Conflict,
    CredentialsRefused,
    EditionUnavailable,
    Forbidden,
    LoginCheck,
    MalformedAnswer,
    NotFound,
    OfferingItem,
    OfferingItemChange,
    Quota,
    QuotaVersionConflict,
    RateLimited,
    ServerFailed,
    StatusError,
    TransportFailed,
    Unauthorized,
    VendorTenant,
    external_login_url,
    find_data_centre,
)
from sandbox import create_app
from tests.provisioning.acronis.in_process import InProcess

BASE = "https://sandbox.example"
CLIENT_ID = "11111111-2222-4333-8444-555555555555"
CLIENT_SECRET = "of the sandbox"


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return create_app(
        storage_path=tmp_path / "sandbox.sqlite3",
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        now="2026-10-01T08:00:00Z",
    )


@pytest.fixture
def acronis(app: Flask) -> Iterator[Acronis]:
    with Acronis(
        BASE,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        transport=InProcess(app),
        sleep=lambda _: None,
    ) as client:
        yield client


@pytest.fixture
def root(acronis: Acronis) -> str:
    return acronis.clients.get(CLIENT_ID).tenant_id


@pytest.fixture
def fault(app: Flask) -> Callable[..., None]:
    """Spoil calls from now on; see the sandbox's faults."""

    def spoil(**rule: Any) -> None:
        assert app.test_client().post("/sandbox/faults", json=rule).status_code == 201

    return spoil


def bakery(acronis: Acronis, root: str, **wishes: Any) -> VendorTenant:
    return acronis.tenants.create(name="Bakery", parent_id=root, kind="customer", customer_id="CT-000071", **wishes)


def per_gigabyte(acronis: Acronis, root: str) -> list[OfferingItem]:
    """What a customer may be given of the edition, with one storage."""
    items = acronis.offering_items.available_for_child(root, kind="customer", edition="pck_per_gigabyte")
    items = [item for item in items if item.edition == "pck_per_gigabyte"]
    storages = sorted({item.infra_id for item in items if item.usage_name == "storage" and item.infra_id})
    return [item for item in items if item.infra_id in (None, storages[0]) and "_dr_" not in item.name]


def change(item: OfferingItem, *, quota: Quota | None = None, enabled: bool = True) -> OfferingItemChange:
    return OfferingItemChange(item.application_id, item.name, item.infra_id, enabled=enabled, quota=quota)


def test_a_customer_is_set_up_looked_at_and_closed_down(acronis: Acronis, root: str) -> None:
    tenant = bakery(acronis, root, internal_tag="tag-1", contact={"email": "ann@bakery.example"}, language="en")
    assert [hit.id for hit in acronis.tenants.search("CT-000071", under=root)] == [tenant.id]
    assert [child.id for child in acronis.tenants.by_parent(root)] == acronis.tenants.children(root) == [tenant.id]
    assert [one.internal_tag for one in acronis.tenants.by_ids([tenant.id])] == ["tag-1"]

    wanted = per_gigabyte(acronis, root)
    acronis.offering_items.set(tenant.id, [change(item) for item in wanted])
    enabled = {(item.name, item.infra_id) for item in acronis.offering_items.list(tenant.id) if item.enabled}
    assert enabled >= {(item.name, item.infra_id) for item in wanted}
    storage = next(item for item in wanted if item.usage_name == "storage")
    assert storage.infra_id is not None
    (infra,) = acronis.infra.by_ids([storage.infra_id])
    assert "backup" in infra.capabilities

    pricing = acronis.tenants.pricing(tenant.id)
    assert pricing.mode == "trial"
    pricing = acronis.tenants.set_pricing(tenant.id, version=pricing.version, mode="production", currency="EUR")
    assert (pricing.mode, pricing.currency) == ("production", "EUR")

    assert acronis.users.check_login("ann") is LoginCheck.FREE
    user = acronis.users.create(tenant_id=tenant.id, login="ann", email="ann@bakery.example", firstname="Ann")
    assert acronis.users.check_login("ann") is LoginCheck.TAKEN
    acronis.users.set_access_policies(user.id, [(tenant.id, "company_admin")])
    acronis.users.send_activation_email(user.id)
    (found,) = acronis.users.of_tenant(tenant.id)
    assert [(policy.tenant_id, policy.role_id) for policy in found.access_policies] == [(tenant.id, "company_admin")]
    assert [policy.role_id for policy in acronis.users.access_policies(user.id)] == ["company_admin"]
    assert acronis.tenants.user_ids(tenant.id) == [user.id]
    acronis.users.set_password(user.id, "a long enough password")
    assert acronis.users.get(user.id).activated

    suspended = acronis.tenants.update(tenant.id, version=acronis.tenants.get(tenant.id).version, enabled=False)
    assert not suspended.enabled
    acronis.tenants.delete(tenant.id, version=suspended.version)
    with pytest.raises(NotFound):
        acronis.tenants.get(tenant.id)


def test_a_month_of_usage_comes_as_a_daily_report(app: Flask, acronis: Acronis, root: str) -> None:
    tenant = bakery(acronis, root)
    acronis.offering_items.set(tenant.id, [change(item) for item in per_gigabyte(acronis, root)])
    app.test_client().post("/sandbox/clock", json={"now": "2026-11-01T08:00:00Z"})

    report = acronis.reports.create(
        tenant_id=root,
        level="accounts",
        kind="usage_daily",
        period_start=date(2026, 10, 1),
        period_end=date(2026, 10, 31),
    )
    (stored,) = acronis.reports.stored(report.id)
    looks = 1
    while not stored.is_ready and looks < 100:
        time.sleep(0.02)
        (stored,) = acronis.reports.stored(report.id)
        looks += 1
    assert stored.id is not None
    rows = [row for row in acronis.reports.rows(report.id, stored.id) if row["tenant.id"] == tenant.id]
    lines = list(acronis.reports.lines(report.id, stored.id))
    acronis.reports.delete(report.id, version=report.version)

    assert {row["date"] for row in rows} >= {f"2026-10-{day:02}" for day in range(2, 32)}
    assert {row["tenant.customer_id"] for row in rows} == {"CT-000071"}
    assert lines[0].startswith("application.id,")
    assert all(usage.tenant_id == tenant.id for usage in acronis.usages.of_tenant(tenant.id))
    assert [(one.tenant_id, bool(one.usages)) for one in acronis.usages.of_tenants([tenant.id])] == [(tenant.id, True)]


def test_a_one_time_token_and_a_data_centre_are_had_for_a_login(app: Flask, acronis: Acronis, root: str) -> None:
    tenant = bakery(acronis, root)
    acronis.users.create(tenant_id=tenant.id, login="ann", email="ann@bakery.example")

    address = external_login_url(acronis.base_url, acronis.idp.one_time_token("ann"))
    data_centre = find_data_centre("ann", entry_url=BASE, transport=InProcess(app))

    assert address.startswith(f"{BASE}/api/2/idp/external-login#ott=")
    assert data_centre == BASE
    assert {"backup", "files_cloud"} <= {application.type for application in acronis.applications.list()}


def test_refusals_have_their_own_classes(acronis: Acronis, root: str) -> None:
    tenant = bakery(acronis, root)
    acronis.users.create(tenant_id=tenant.id, login="ann", email="ann@bakery.example")
    acronis.tenants.update(tenant.id, version=tenant.version, internal_tag="new")

    with pytest.raises(Conflict, match=r"another tenant has this name \(code 1004\)\. Give") as name_taken:
        bakery(acronis, root)
    with pytest.raises(Conflict):
        acronis.users.create(tenant_id=tenant.id, login="ANN", email="ann@bakery.example")
    with pytest.raises(Conflict) as stale:
        acronis.tenants.update(tenant.id, version=tenant.version, name="Other")
    with pytest.raises(BadRequest) as enabled:
        acronis.tenants.delete(tenant.id, version=acronis.tenants.get(tenant.id).version)

    assert not name_taken.value.is_stale
    assert stale.value.is_stale
    assert enabled.value.code == 1006
    assert acronis.users.check_login("a b") is LoginCheck.NOT_ACCEPTABLE


def test_a_stale_quota_is_told_apart(acronis: Acronis, root: str) -> None:
    tenant = bakery(acronis, root)
    items = per_gigabyte(acronis, root)
    acronis.offering_items.set(tenant.id, [change(item) for item in items])
    vms = next(item for item in items if item.usage_name == "vms")
    (limited,) = acronis.offering_items.set(tenant.id, [change(vms, quota=Quota(5, 0, 0))])

    with pytest.raises(QuotaVersionConflict):
        acronis.offering_items.set(tenant.id, [change(vms, quota=Quota(6, 0, 0))])

    assert limited.quota is not None
    assert (limited.quota.value, limited.quota.overage) == (5, 0)
    (unlimited,) = acronis.offering_items.set(
        tenant.id,
        [change(vms, quota=Quota(None, None, limited.quota.version))],
    )
    assert unlimited.quota == Quota(None, None, 0)


def test_a_whole_branch_is_read_in_three_calls(acronis: Acronis, root: str) -> None:
    tenant = bakery(acronis, root)
    acronis.offering_items.set(tenant.id, [change(item) for item in per_gigabyte(acronis, root)])
    user = acronis.users.create(tenant_id=tenant.id, login="ann", email="ann@bakery.example")
    acronis.users.set_access_policies(user.id, [(tenant.id, "company_admin")])

    tenants = [one.id for one in acronis.tenants.in_subtree(root)]
    items = {(item.name, item.infra_id) for item in acronis.offering_items.in_subtree(root) if item.tenant_id == tenant.id}
    (ann,) = [one for one in acronis.users.in_subtree(root) if one.tenant_id == tenant.id]

    assert tenants[0] == root
    assert tenant.id in tenants
    assert items >= {(item.name, item.infra_id) for item in per_gigabyte(acronis, root)}
    assert [policy.role_id for policy in ann.access_policies] == ["company_admin"]


def test_an_edition_is_tried_and_switched_or_refused_by_name(acronis: Acronis, root: str) -> None:
    tenant = bakery(acronis, root)
    items = per_gigabyte(acronis, root)
    protection = items[0].application_id
    acronis.offering_items.set(tenant.id, [change(item) for item in items])
    vms = next(item for item in items if item.usage_name == "vms")
    parent = acronis.offering_items.list(root)
    counterpart = next(item for item in parent if item.usage_name == "vms" and item.edition == "pck_per_workload")

    assert acronis.tenants.check_edition(tenant.id, application_id=protection, edition="pck_per_workload") == []
    acronis.offering_items.set(root, [change(counterpart, enabled=False)])
    for switch in (acronis.tenants.check_edition, acronis.tenants.switch_edition):
        with pytest.raises(EditionUnavailable) as refusal:
            switch(tenant.id, application_id=protection, edition="pck_per_workload")
        assert refusal.value.blockers == (vms.name,)
    acronis.offering_items.set(root, [change(counterpart)])
    acronis.tenants.switch_edition(tenant.id, application_id=protection, edition="pck_per_workload")

    editions = {item.edition for item in acronis.offering_items.list(tenant.id) if item.enabled and item.edition}
    assert editions == {"pck_per_workload"}


def test_what_was_deleted_is_brought_back(acronis: Acronis, root: str) -> None:
    tenant = bakery(acronis, root)
    user = acronis.users.create(tenant_id=tenant.id, login="ann", email="ann@bakery.example")
    user = acronis.users.update(user.id, version=user.version, enabled=False)

    acronis.users.delete(user.id, version=user.version)
    with pytest.raises(NotFound):
        acronis.users.get(user.id)
    acronis.users.restore(user.id, enable=True)
    tenant = acronis.tenants.update(tenant.id, version=acronis.tenants.get(tenant.id).version, enabled=False)
    acronis.tenants.delete(tenant.id, version=tenant.version)
    gone = acronis.tenants.get(tenant.id, including_deleted=True)
    acronis.tenants.restore(tenant.id)

    assert gone.deleted_at is not None
    assert acronis.tenants.get(tenant.id).deleted_at is None
    assert [one.enabled for one in acronis.users.by_ids([user.id])] == [True]


def test_prices_services_places_and_a_second_factor_are_had_and_set(acronis: Acronis, root: str) -> None:
    tenant = bakery(acronis, root)
    items = per_gigabyte(acronis, root)
    protection = items[0].application_id
    acronis.applications.turn_on(tenant.id, protection)
    acronis.offering_items.set(tenant.id, [change(item) for item in items])

    price = next(one for one in acronis.offering_items.prices(tenant.id) if one.name == "pg_base_vms")
    changed = acronis.offering_items.set_prices(tenant.id, [replace(price, price=Decimal("2.50"))])
    with pytest.raises(Conflict) as stale:
        acronis.offering_items.set_prices(tenant.id, [price])
    (place,) = acronis.locations.by_ids([acronis.infra.by_ids([i.infra_id for i in items if i.infra_id])[0].location_id])
    demanded = acronis.tenants.set_mfa(tenant.id, enabled=True)

    assert [one.price for one in changed if one.name == "pg_base_vms"] == [Decimal("2.50")]
    assert stale.value.is_stale
    assert protection in acronis.applications.of_tenant(tenant.id)
    assert [one.tenant_id for one in acronis.applications.of_tenants([tenant.id])] == [tenant.id]
    assert {item.infra_id for item in items if item.infra_id} & {*acronis.infra.of_location(place.id)}
    assert acronis.locations.of_tenant(root) is not None
    assert (demanded.status, acronis.tenants.mfa(tenant.id).status) == ("enabled", "enabled")
    acronis.applications.turn_off(tenant.id, protection)
    assert protection not in acronis.applications.of_tenant(tenant.id)


def test_a_client_of_our_own_making_signs_in_until_it_is_turned_off(app: Flask, acronis: Acronis, root: str) -> None:
    tenant = bakery(acronis, root)
    made = acronis.clients.create(tenant_id=tenant.id, name="Baker's own")

    with Acronis(BASE, client_id=made.client_id, client_secret=made.client_secret, transport=InProcess(app)) as bakers:
        assert bakers.tenants.get(tenant.id).name == "Bakery"
        assert bakers.clients.get(made.client_id).name == "Baker's own"
        assert not acronis.clients.update(made.client_id, enabled=False).enabled
        with pytest.raises(Unauthorized):
            bakers.tenants.get(tenant.id)
    acronis.clients.delete(made.client_id)

    assert list(acronis.clients.by_ids([made.client_id])) == []


def test_a_wrong_secret_is_refused(app: Flask) -> None:
    with (
        Acronis(BASE, client_id=CLIENT_ID, client_secret="wrong", transport=InProcess(app)) as acronis,
        pytest.raises(CredentialsRefused),
    ):
        acronis.applications.list()


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"status": 500}, ServerFailed),
        ({"status": 429, "headers": {"Retry-After": "900"}}, RateLimited),
        ({"status": 401}, Unauthorized),
        ({"status": 403}, Forbidden),
        ({"body": "<html>Maintenance</html>"}, MalformedAnswer),
        ({"reset": True}, TransportFailed),
    ],
)
def test_a_vendor_in_trouble_is_named(
    acronis: Acronis,
    root: str,
    fault: Callable[..., None],
    rule: dict[str, Any],
    expected: type[Exception],
) -> None:
    fault(path=f"/tenants/{root}$", times=10, **rule)

    with pytest.raises(expected):
        acronis.tenants.get(root)


def test_trouble_that_passes_is_not_noticed(acronis: Acronis, root: str, fault: Callable[..., None]) -> None:
    fault(path=f"/tenants/{root}$", status=502)
    fault(path=f"/tenants/{root}$", reset=True)

    assert acronis.tenants.get(root).kind == "partner"


def test_a_creation_whose_answer_is_lost_is_found_again_by_customer_id(
    acronis: Acronis,
    root: str,
    fault: Callable[..., None],
) -> None:
    fault(method="POST", path="/tenants$", lose_answer=True)

    with pytest.raises(TransportFailed) as failure:
        bakery(acronis, root)

    assert failure.value.outcome_unknown
    assert len(acronis.tenants.search("CT-000071", under=root)) == 1


def test_a_deletion_whose_answer_is_lost_ends_in_not_found(
    acronis: Acronis,
    root: str,
    fault: Callable[..., None],
) -> None:
    tenant = bakery(acronis, root)
    tenant = acronis.tenants.update(tenant.id, version=tenant.version, enabled=False)
    fault(method="DELETE", path="/tenants/", lose_answer=True)

    with pytest.raises(NotFound):
        acronis.tenants.delete(tenant.id, version=tenant.version)


def test_many_children_come_in_pages(app: Flask, acronis: Acronis, root: str) -> None:
    class SmallPages(httpx.BaseTransport):
        """Asks the sandbox for two at a time."""

        def __init__(self) -> None:
            self.wire = InProcess(app)
            self.pages = 0

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            if "parent_id" in request.url.params:
                request.url = request.url.copy_add_param("limit", 2)
            self.pages += request.url.path.endswith("/tenants")
            return self.wire.handle_request(request)

    names = {f"Customer {number}" for number in range(5)}
    for name in names:
        acronis.tenants.create(name=name, parent_id=root, kind="customer")
    wire = SmallPages()

    with Acronis(BASE, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, transport=wire) as other:
        found = [tenant.name for tenant in other.tenants.by_parent(root)]

    assert sorted(found) == sorted(names)
    assert wire.pages == 3


def test_a_stranger_tenant_is_a_refusal(acronis: Acronis, root: str) -> None:
    with pytest.raises(StatusError) as refusal:
        acronis.tenants.get("ffffffff-0000-4000-8000-000000000000")

    assert refusal.value.status in (403, 404)
