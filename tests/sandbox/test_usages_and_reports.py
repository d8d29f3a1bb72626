"""Usage and the reports it is billed from."""

import csv
import gzip
import io
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox import definitions
from sandbox.app import LOGIN, PASSWORD
from sandbox.definitions import BACKUP
from tests.sandbox.conftest import Caller

PROVIDER = definitions.PROVIDER_TENANT
HEADER = (
    "application.id,application.name,date,infra.backend_type,infra.id,infra.name,infra.owner_id,is_range,"
    "measurement_unit,name,pricing.currency,pricing.mode,pricing.price,pricing.total_cost,quota.value,"
    "tenant.customer_id,tenant.id,tenant.kind,tenant.name,usage.absolute.production,usage.absolute.total,"
    "usage.absolute.trial,usage.delta.production,usage.delta.total,usage.delta.trial,usage.effective.production,"
    "usage.effective.total,usage.effective.trial,edition"
)
OCTOBER = {"start": "2026-10-01", "end": "2026-10-31"}
Rows = list[dict[str, str]]


def ask(call: Caller, **changes: Any) -> httpx.Response:
    parameters = {
        "tenant_id": PROVIDER,
        "level": "all_customers",
        "kind": "usage_daily",
        "formats": ["csv_v2_0"],
        "period": OCTOBER,
        "hide_zero_usage": True,
        **changes,
    }
    return call("POST", "/reports", {"result_action": "save", "parameters": parameters, "schedule": {"type": "once"}})


def download(call: Caller, report_id: str) -> str:
    """Look until the file is saved, as every integration does."""
    for _ in range(20):
        stored = call("GET", f"/reports/{report_id}/stored").json()["items"][0]
        if stored["status"] == "saved":
            return call("GET", f"/reports/{report_id}/stored/{stored['id']}").text
    raise AssertionError("the report was never saved")


def report(call: Caller, **changes: Any) -> Rows:
    answer = ask(call, **changes)
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(download(call, answer.json()["id"]))))


def customer(call: Caller, name: str = "Customer", **more: Any) -> str:
    tenant_id = call.tenant(name, **{"customer_id": f"id of {name}", **more})
    call.equip(tenant_id)
    call.produce(tenant_id)
    return tenant_id


def total(rows: Rows, name: str, column: str) -> int:
    return sum(int(row[column]) for row in rows if row["name"] == name)


def test_fresh_tenant_shows_its_items_with_zeros(call: Caller) -> None:
    tenant_id = call.tenant("Customer")

    found = call("GET", "/tenants/usages", tenants=tenant_id).json()["items"]

    assert found[0]["tenant"] == tenant_id
    assert {usage["value"] for usage in found[0]["usages"]} == {0}
    assert {usage["offering_item"]["status"] for usage in found[0]["usages"]} == {0}


def test_usages_have_the_vendors_keys_in_the_vendors_order(call: Caller) -> None:
    usages = call("GET", f"/tenants/{customer(call)}/usages", usage_names="storage").json()["items"]
    storage = next(usage for usage in usages if usage["value"])

    assert list(storage) == [
        "tenant_uuid",
        "tenant_id",
        "type",
        "application_id",
        "name",
        "edition",
        "usage_name",
        "range_start",
        "absolute_value",
        "value",
        "measurement_unit",
        "offering_item",
        "infra_id",
    ]
    assert isinstance(storage["tenant_id"], int)
    assert storage["range_start"] == "2026-10-01T00:00:00"
    assert storage["measurement_unit"] == "bytes"
    assert storage["value"] == storage["absolute_value"] > 1024**3


def test_partner_usage_is_the_sum_of_its_customers(call: Caller) -> None:
    tenants = [customer(call, "One"), customer(call, "Two")]

    def used(tenant_id: str) -> dict[tuple[str, str | None], int]:
        found = call("GET", f"/tenants/{tenant_id}/usages").json()["items"]
        return {(usage["name"], usage.get("infra_id")): usage["value"] for usage in found}

    sums: dict[Any, int] = defaultdict(int)
    for tenant_id in tenants:
        for key, value in used(tenant_id).items():
            sums[key] += value
    assert used(PROVIDER) == dict(sums)
    assert sum(sums.values()) > 0


def test_same_customer_id_means_the_same_usage_in_another_sandbox(start: Callable[..., httpx.Client], tmp_path: Any) -> None:
    columns = ("date", "name", "usage.absolute.production", "usage.delta.production")
    found = []
    for name in ("first", "second"):
        call = Caller(start(storage_path=tmp_path / name))
        customer(call, "Customer" if name == "first" else "Another name", customer_id="C-1")
        call.move_clock("2026-11-02T08:00:00Z")
        found.append([[row[column] for column in columns] for row in report(call)])

    assert found[0] == found[1]
    assert len(found[0]) > 31 * 5


def test_daily_report_has_a_row_per_item_and_day_and_the_exact_header(call: Caller) -> None:
    tenant_id = customer(call)
    call.move_clock("2026-11-01T08:00:00Z")

    answer = ask(call)
    text = download(call, answer.json()["id"])
    rows = list(csv.DictReader(io.StringIO(text)))

    assert text.splitlines()[0] == HEADER
    assert len(HEADER.split(",")) == 29
    storage = [row for row in rows if row["name"] == "pg_base_storage"]
    assert [row["date"] for row in storage] == [f"2026-10-{day:02}" for day in range(1, 32)]
    assert {row["tenant.id"] for row in rows} == {tenant_id}
    assert {row["tenant.customer_id"] for row in rows} == {"id of Customer"}
    assert storage[0]["infra.name"] == "Backup storage Frankfurt"
    assert (storage[0]["application.name"], storage[0]["measurement_unit"], storage[0]["is_range"]) == ("backup", "bytes", "False")
    assert {row["edition"] for row in rows} == {"pck_per_gigabyte", "fss_per_user", ""}


def test_levels_grow_and_ranges_add_up_within_the_month(call: Caller) -> None:
    for number in range(6):
        customer(call, f"Customer {number}")
    call.move_clock("2026-11-03T08:00:00Z")

    rows = report(call, period={"start": "2026-10-01", "end": "2026-11-02"})

    by_item: dict[tuple[str, str, str], Rows] = defaultdict(list)
    for row in rows:
        by_item[row["tenant.id"], row["name"], row["infra.id"]].append(row)
    ranges = 0
    for (_, name, _), days in by_item.items():
        levels = [int(row["usage.absolute.production"]) for row in days]
        if days[0]["is_range"] == "False":
            assert levels == sorted(levels), name
            assert len(days) == 33
            assert all(row["usage.effective.production"] == row["usage.absolute.production"] for row in days)
            continue
        ranges += 1
        for month in ("2026-10", "2026-11"):
            of_month = [row for row in days if row["date"].startswith(month)]
            amounts = [int(row["usage.delta.production"]) for row in of_month]
            if of_month:
                assert int(of_month[-1]["usage.absolute.production"]) == sum(amounts)
        assert all(row["usage.effective.production"] == row["usage.delta.production"] for row in days)
    assert ranges > 0


def test_report_agrees_with_usages_of_the_day(call: Caller) -> None:
    tenant_id = customer(call)
    call.move_clock("2026-10-20T08:00:00Z")

    rows = report(call, period={"start": "2026-10-20", "end": "2026-10-20"})
    usages = call("GET", f"/tenants/{tenant_id}/usages").json()["items"]

    reported = {(row["name"], row["infra.id"]): int(row["usage.absolute.total"]) for row in rows}
    assert reported == {(usage["name"], usage.get("infra_id", "")): usage["value"] for usage in usages if usage["value"]}


def test_trial_and_production_are_told_apart(call: Caller) -> None:
    on_trial = call.tenant("On trial")
    call.equip(on_trial)
    switched = call.tenant("Switched")
    call.equip(switched)
    call.move_clock("2026-11-15T08:00:00Z")
    call.produce(switched)
    call.move_clock("2026-11-20T08:00:00Z")

    rows = report(call, period={"start": "2026-10-01", "end": "2026-11-19"})

    modes = {(row["tenant.name"], row["date"][:7]): row["pricing.mode"] for row in rows if row["name"] == "pg_base_storage"}
    assert modes == {
        ("On trial", "2026-10"): "trial",
        ("On trial", "2026-11"): "trial",
        ("Switched", "2026-10"): "trial",
        ("Switched", "2026-11"): "production",
    }
    trial = [row for row in rows if row["tenant.name"] == "On trial"]
    assert total(trial, "pg_base_storage", "usage.absolute.production") == 0
    assert total(trial, "pg_base_storage", "usage.absolute.trial") > 0


def test_summary_is_the_end_of_the_daily_report_and_the_sum_of_its_changes(call: Caller) -> None:
    customer(call)
    call.move_clock("2026-11-01T08:00:00Z")

    daily, summary = report(call), report(call, kind="usage_summary")

    for row in summary:
        days = [day for day in daily if (day["name"], day["infra.id"]) == (row["name"], row["infra.id"])]
        changes = sum(int(day["usage.delta.production"]) for day in days)
        assert row["usage.delta.production"] == str(changes)
        assert row["usage.absolute.production"] == days[-1]["usage.absolute.production"]
    assert len(summary) == len({(row["name"], row["infra.id"]) for row in daily})


def test_zero_rows_are_hidden_on_demand_only(call: Caller) -> None:
    customer(call)
    call.move_clock("2026-10-02T08:00:00Z")
    period = {"start": "2026-10-01", "end": "2026-10-01"}

    hidden, shown = report(call, period=period), report(call, period=period, hide_zero_usage=False)

    assert {row["name"] for row in hidden} < {row["name"] for row in shown}
    assert "pg_base_mobiles" in {row["name"] for row in shown}
    assert all(int(row["usage.absolute.total"]) for row in hidden)


def test_levels_choose_tenants_and_partners_add_up(call: Caller) -> None:
    partner = call.tenant("Partner", "partner")
    call("PUT", f"/tenants/{partner}/offering_items", {"offering_items": call.offered()})
    below = call.tenant("Below", parent_id=partner)
    call.equip(below, parent_id=partner)
    call.produce(below)
    customer(call, "Direct")
    call.move_clock("2026-10-02T08:00:00Z")
    period = {"start": "2026-10-01", "end": "2026-10-01"}

    seen = {
        level: {row["tenant.name"] for row in report(call, period=period, level=level)}
        for level in ("itself", "direct_partners", "all_partners", "all_customers", "accounts")
    }
    rows = report(call, period=period, level="accounts")

    provider = "Example Managed Services"
    assert seen["itself"] == {provider}
    assert seen["direct_partners"] == {"Partner", "Direct"}
    assert seen["all_partners"] == {"Partner"}
    assert seen["all_customers"] == {"Below", "Direct"}
    assert seen["accounts"] == {provider, "Partner", "Below", "Direct"}
    of = {name: [row for row in rows if row["tenant.name"] == name] for name in seen["accounts"]}
    column = "usage.absolute.production"
    parts = total(of["Below"], "pg_base_storage", column) + total(of["Direct"], "pg_base_storage", column)
    assert total(of[provider], "pg_base_storage", column) == parts > 0
    assert total(of[provider], "euc_count", column) == 2
    assert total(of[provider], "reseller_count", column) == 1


def test_suspended_tenants_go_on_using_and_deleted_ones_end(call: Caller) -> None:
    suspended, deleted = customer(call, "Suspended"), customer(call, "Deleted")
    call.move_clock("2026-10-10T08:00:00Z")
    for tenant_id in (suspended, deleted):
        call("PUT", f"/tenants/{tenant_id}", {"version": 1, "enabled": False})
    call("DELETE", f"/tenants/{deleted}", version=2)
    call.move_clock("2026-11-01T08:00:00Z")

    rows = report(call)

    days = {
        name: max(row["date"] for row in rows if row["tenant.name"] == name and row["name"] == "pg_base_storage")
        for name in ("Suspended", "Deleted")
    }
    assert days == {"Suspended": "2026-10-31", "Deleted": "2026-10-10"}


def test_item_that_was_switched_off_is_reported_until_that_day(call: Caller) -> None:
    tenant_id = customer(call)
    call.move_clock("2026-10-10T08:00:00Z")
    off = {"application_id": BACKUP, "name": "pg_base_workstations", "status": 0}
    call("PUT", f"/tenants/{tenant_id}/offering_items", {"offering_items": [off]})
    call.move_clock("2026-11-01T08:00:00Z")

    rows = [row for row in report(call) if row["name"] == "pg_base_workstations"]

    assert [row["date"] for row in rows] == [f"2026-10-{day:02}" for day in range(1, 11)]


def test_names_with_commas_and_quotes_survive_the_csv(call: Caller) -> None:
    name = 'Berg, Tal & "Söhne"'
    customer(call, name)
    call.move_clock("2026-10-02T08:00:00Z")

    rows = report(call, period={"start": "2026-10-01", "end": "2026-10-01"})

    assert {row["tenant.name"] for row in rows} == {name}


def test_priced_items_carry_price_currency_and_cost(call: Caller) -> None:
    tenant_id = customer(call)
    price = {"application_id": BACKUP, "name": "pg_base_workstations", "price": "2.50"}
    call("PUT", f"/tenants/{tenant_id}/offering_items/pricing", {"items": [price]})
    call.move_clock("2026-10-02T08:00:00Z")

    rows = report(call, period={"start": "2026-10-01", "end": "2026-10-01"}, show_skus=True)

    row = next(row for row in rows if row["name"] == "pg_base_workstations")
    assert (row["pricing.currency"], row["pricing.price"], row["sku"]) == ("EUR", "2.50", "SBDCMSENS")
    assert float(row["pricing.total_cost"]) == 2.5 * int(row["usage.effective.production"])
    assert {row["pricing.price"] for row in rows if row["name"] != "pg_base_workstations"} == {""}


def test_report_is_in_progress_at_first_and_a_gzip_file_when_saved(call: Caller) -> None:
    customer(call)
    call.move_clock("2026-11-01T08:00:00Z")
    answer = ask(call).json()

    first = call("GET", f"/reports/{answer['id']}/stored").json()["items"]
    second = call("GET", f"/reports/{answer['id']}/stored").json()["items"]
    with call.http.stream("GET", f"/api/2/reports/{answer['id']}/stored/{first[0]['id']}", headers=call.headers) as response:
        raw = b"".join(response.iter_raw())

    assert (answer["version"], answer["recipients"]) == (1, [])
    assert [entry["status"] for entry in (*first, *second)] == ["in_progress", "saved"]
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert len(raw) == second[0]["size"]
    assert gzip.decompress(raw).decode().startswith(HEADER + "\n")
    assert call("GET", f"/tenants/{PROVIDER}/reports").json()["items"] == [answer["id"]]
    assert call("DELETE", f"/reports/{answer['id']}", version=1).status_code == 204
    assert call("GET", f"/reports/{answer['id']}").status_code == 404


def test_report_left_unfinished_is_made_after_a_restart(start: Callable[..., httpx.Client]) -> None:
    call = Caller(start())
    customer(call)
    call.move_clock("2026-11-01T08:00:00Z")
    report_id = ask(call).json()["id"]

    again = Caller(start(now=None))

    assert download(again, report_id).startswith(HEADER)


@pytest.mark.parametrize(
    ("changes", "at", "says"),
    [
        ({"period": {"start": "2026-10-01", "end": "2026-11-03"}}, "2026-11-02T08:00:00Z", "must not lie in the future"),
        ({"period": {"start": "2026-10-02", "end": "2026-10-01"}}, "2026-11-02T08:00:00Z", "ends before it starts"),
        ({"period": {"start": "2026-10-01", "end": "2026-11-01"}}, "2026-11-02T01:00:00Z", "not ready yet"),
        ({"period": {"start": "2026-10-01", "end": "2026-11-01"}}, "2026-11-02T05:59:00Z", "not ready yet"),
        ({"period": {"start": "yesterday", "end": "2026-11-01"}}, "2026-11-02T08:00:00Z", "parameters.period.start"),
        ({"period": {"start": "2026-10-01"}}, "2026-11-02T08:00:00Z", "parameters.period.end"),
        ({"period": {"start": "2026-W40-1", "end": "2026-11-01"}}, "2026-11-02T08:00:00Z", "parameters.period.start"),
        ({"period": {"start": 20261001, "end": "2026-11-01"}}, "2026-11-02T08:00:00Z", "parameters.period.start"),
        ({"period": "October"}, "2026-11-02T08:00:00Z", "parameters.period"),
        ({"level": "everything"}, "2026-11-02T08:00:00Z", "parameters.level"),
        ({"level": None}, "2026-11-02T08:00:00Z", "parameters.level"),
        ({"kind": "usage_hourly"}, "2026-11-02T08:00:00Z", "parameters.kind"),
        ({"kind": ["usage_daily"]}, "2026-11-02T08:00:00Z", "parameters.kind"),
        ({"formats": ["csv_v2_0", "pdf"]}, "2026-11-02T08:00:00Z", "parameters.formats"),
        ({"formats": "csv"}, "2026-11-02T08:00:00Z", "parameters.formats"),
        ({"formats": [{"csv": 1}]}, "2026-11-02T08:00:00Z", "parameters.formats"),
        ({"hide_zero_usage": "perhaps"}, "2026-11-02T08:00:00Z", "parameters.hide_zero_usage"),
        ({"show_skus": 7}, "2026-11-02T08:00:00Z", "parameters.show_skus"),
        ({"tenant_id": "the provider"}, "2026-11-02T08:00:00Z", "parameters.tenant_id"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_reports_that_cannot_be_made_are_refused(call: Caller, changes: dict[str, Any], at: str, says: str) -> None:
    call.move_clock(at)

    refused = ask(call, **changes)

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, 400)
    assert says in refused.json()["error"]["details"]["info"]
    assert call("GET", f"/tenants/{PROVIDER}/reports").json()["items"] == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"result_action": "print"}, "result_action"),
        ({"schedule": {"type": "weekly"}}, "schedule.type"),
        ({"schedule": "monthly"}, "schedule"),
        ({"schedule": {"type": "monthly", "enabled": "sometimes"}}, "schedule.enabled"),
        ({"recipients": "everybody"}, "recipients"),
        ({"recipients": ["jane.doe"]}, "recipients"),
        ({"recipients": ["00000000-0000-4000-8000-000000000000"]}, "there is no user 00000000-0000-4000-8000-000000000000"),
        ({"result_action": "send", "recipients": []}, "recipients must name at least one user"),
        ({"generation_date": "2026-09-30"}, "generation_date must not lie in the past"),
        ({"generation_date": "soon"}, "generation_date must be a date"),
        ({"parameters": None}, "parameters is required"),
        ({"parameters": []}, "parameters must be an object"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_a_report_is_wrapped_in_is_checked_too(call: Caller, changes: dict[str, Any], says: str) -> None:
    parameters = {"tenant_id": PROVIDER, "level": "accounts", "kind": "usage_current"}
    body = {"result_action": "save", "parameters": parameters, "schedule": {"type": "once"}, **changes}

    refused = call("POST", "/reports", body)

    assert refused.status_code == 400
    assert says in refused.json()["error"]["details"]["info"]


def test_report_needs_a_token_and_a_tenant_one_may_see(call: Caller) -> None:
    outside = ask(call, tenant_id=definitions.ROOT_TENANT)
    unknown = ask(call, tenant_id=BACKUP)
    basic = call.http.post("/api/2/reports", json={}, auth=(LOGIN, PASSWORD))

    assert (outside.status_code, outside.json()["error"]["code"]) == (403, 1002)
    assert unknown.status_code == 404
    assert basic.status_code == 401


def test_report_that_fails_says_so_and_has_no_file(call: Caller) -> None:
    customer(call)
    assert call.http.post("/sandbox/reports/failures", json={"times": 1}).json() == {"times": 1}
    failing = ask(call, period={"start": "2026-10-01", "end": "2026-10-01"}).json()["id"]
    call("GET", f"/reports/{failing}/stored")
    for _ in range(20):
        entry = call("GET", f"/reports/{failing}/stored").json()["items"][0]
        if entry["status"] != "in_progress":
            break

    fine = report(call, period={"start": "2026-10-01", "end": "2026-10-01"})

    assert entry["status"] == "failed"
    assert "size" not in entry
    assert call("GET", f"/reports/{failing}/stored/{entry['id']}").status_code == 404
    assert fine != []
    assert call.http.get("/sandbox/reports/failures").json() == {"times": 0}
    for wrong in (-1, 1001, "many", None):
        assert call.http.post("/sandbox/reports/failures", json={"times": wrong}).status_code == 400


def test_deleted_report_takes_its_files_along(start: Callable[..., httpx.Client], tmp_path: Path) -> None:
    call = Caller(start())
    customer(call)
    report_id = ask(call, formats=["csv_v2_0", "html"], period={"start": "2026-10-01", "end": "2026-10-01"}).json()["id"]
    for entry in call("GET", f"/reports/{report_id}/stored").json()["items"]:
        assert call("GET", f"/reports/{report_id}/stored/{entry['id']}").status_code == 200
    files = tmp_path / "sandbox.sqlite3-reports"
    before = len(list(files.iterdir()))

    stale = call("DELETE", f"/reports/{report_id}", version=2)
    gone = call("DELETE", f"/reports/{report_id}", version=1)

    assert (stale.status_code, stale.json()["error"]["code"], gone.status_code) == (409, 1001, 204)
    assert (before, list(files.iterdir())) == (2, [])
    assert call("DELETE", f"/reports/{report_id}", version=1).status_code == 404


def test_older_days_are_reported_even_while_yesterday_is_counted(call: Caller) -> None:
    call.move_clock("2026-11-02T03:00:00Z")

    assert ask(call).status_code == 200


def test_report_of_the_month_so_far_needs_no_period(call: Caller) -> None:
    call.move_clock("2026-10-15T08:00:00Z")

    answer = ask(call, kind="usage_current", period=None).json()

    assert answer["parameters"]["period"] == {"start": "2026-10-01", "end": "2026-10-14"}


def test_report_of_the_population_agrees_with_its_usages_day_by_day(start: Callable[..., httpx.Client]) -> None:
    call = Caller(start(partners=2, customers=9))
    seen: dict[str, dict[tuple[str, str, str], int]] = {}
    for day in ("2026-10-02", "2026-10-03", "2026-10-31"):
        call.move_clock(f"{day}T08:00:00Z")
        tenants = call("GET", "/tenants", subtree_root_id=PROVIDER, lod="basic").json()["items"]
        ids = [tenant["id"] for tenant in tenants if tenant["kind"] == "customer"]
        found = call("GET", "/tenants/usages", tenants=",".join(ids)).json()["items"]
        seen[day] = {
            (one["tenant"], usage["name"], usage.get("infra_id", "")): usage["value"]
            for one in found
            for usage in one["usages"]
            if usage["value"]
        }
    call.move_clock("2026-11-01T08:00:00Z")

    rows = report(call)

    reported: dict[str, dict[tuple[str, str, str], int]] = defaultdict(dict)
    for row in rows:
        if used := int(row["usage.absolute.total"]):
            reported[row["date"]][row["tenant.id"], row["name"], row["infra.id"]] = used
    assert {day: reported[day] for day in seen} == seen
    assert all(len(found) > 9 * 5 for found in seen.values())


def test_breakdown_has_a_row_per_month(call: Caller) -> None:
    customer(call)
    call.move_clock("2026-12-01T08:00:00Z")
    period = {"start": "2026-10-10", "end": "2026-11-20"}

    daily, months = report(call, period=period), report(call, kind="usage_breakdown", period=period)

    storage = [row for row in months if row["name"] == "pg_base_storage"]
    assert [row["date"] for row in storage] == ["2026-10-31", "2026-11-20"]
    for row in months:
        days = [
            day
            for day in daily
            if (day["name"], day["infra.id"], day["date"][:7]) == (row["name"], row["infra.id"], row["date"][:7])
        ]
        assert int(row["usage.delta.production"]) == sum(int(day["usage.delta.production"]) for day in days)
        if days[-1]["date"] == row["date"]:
            assert row["usage.absolute.production"] == days[-1]["usage.absolute.production"]
