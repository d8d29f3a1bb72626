"""The formats of a report: they say the same in their own ways."""

import csv
import html
import io
import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from sandbox import definitions
from sandbox.definitions import BACKUP
from tests.sandbox.conftest import Caller
from tests.sandbox.test_usages_and_reports import ask, customer

FORMATS = ["csv_v2_0", "csv", "html", "json_v1", "json_v2_0"]
GIB = 1024**3
NAME = 'Berg, Tal & <b>"Söhne"</b>'


@pytest.fixture
def priced(call: Caller) -> Caller:
    """A customer with prices, seeds that also use up things, and a month gone by."""
    for number in range(4):
        tenant_id = customer(call, NAME if number == 0 else f"Customer {number}", customer_id=f"F-{number}")
        price = {"application_id": BACKUP, "name": "pg_base_workstations", "price": "2.50"}
        call("PUT", f"/tenants/{tenant_id}/offering_items/pricing", {"items": [price]})
    call.move_clock("2026-11-01T08:00:00Z")
    return call


def files(call: Caller, **changes: Any) -> dict[str, str]:
    """One report in all formats, by format."""
    report_id = ask(call, formats=FORMATS, **changes).json()["id"]
    stored = call("GET", f"/reports/{report_id}/stored").json()["items"]
    assert [entry["report_format"] for entry in stored] == FORMATS
    assert {entry["status"] for entry in stored} == {"in_progress"}
    return {entry["report_format"]: call("GET", f"/reports/{report_id}/stored/{entry['id']}").text for entry in stored}


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_json_v2_says_what_csv_v2_says(priced: Caller) -> None:
    found = files(priced, show_skus=True)

    def flat(node: dict[str, Any], path: str = "") -> dict[str, str]:
        cells: dict[str, str] = {}
        for key, value in node.items():
            cells |= (
                flat(value, f"{path}{key}.") if isinstance(value, dict) else {f"{path}{key}": "" if value is None else str(value)}
            )
        return cells

    document = json.loads(found["json_v2_0"])
    lines = []
    for tenant in document["tenants"]:
        owner = {f"tenant.{key}": tenant[key] for key in ("id", "kind", "name", "customer_id")}
        lines += [{**flat(row), **owner} for row in tenant["rows"]]
    plain = rows_of(found["csv_v2_0"])
    for row in plain:
        if row["measurement_unit"] == "":
            row["measurement_unit"] = "quantity"
    no_storage = dict.fromkeys(("infra.backend_type", "infra.id", "infra.name", "infra.owner_id"), "")
    lines = [{**no_storage, **{key: cell for key, cell in line.items() if key != "infra"}} for line in lines]
    assert lines == plain
    assert len(plain) > 31 * 10


def test_json_tells_what_it_is_about(priced: Caller) -> None:
    found = files(priced, level="accounts", kind="usage_summary")

    for name in ("json_v1", "json_v2_0"):
        params = json.loads(found[name])["params"]
        assert (params["kind"], params["report_level"], params["report_type"]) == (5, 3, 0)
        assert (params["begin_date"], params["end_date"], params["gen_date"]) == (1790812800, 1793404800, 1793491200)
        assert params["group_id"] == priced("GET", f"/tenants/{definitions.PROVIDER_TENANT}/usages").json()["items"][0]["tenant_id"]
        assert "Example Managed Services" in params["name"]


def test_first_json_adds_up_production_and_trial(priced: Caller) -> None:
    found = files(priced)

    lines = [
        (tenant["id"], row["date"], row["name"], row["infra_id"] or "", str(row["absolute_value"]), str(row["value"]))
        for tenant in json.loads(found["json_v1"])["tenants"]
        for row in tenant["usages"]
    ]

    assert lines == [
        (row["tenant.id"], row["date"], row["name"], row["infra.id"], row["usage.absolute.total"], row["usage.effective.total"])
        for row in rows_of(found["csv_v2_0"])
    ]


def test_people_read_gibibytes_hours_and_pieces(priced: Caller) -> None:
    found = files(priced)
    plain, readable = rows_of(found["csv_v2_0"]), rows_of(found["csv"])

    per_unit = {"GiB": Decimal(GIB), "hours": Decimal(3600), "pieces": Decimal(1)}
    assert {row["unit"] for row in readable} == set(per_unit)
    for exact, row in zip(plain, readable, strict=True):
        assert (exact["tenant.name"], exact["name"], exact["date"]) == (row["tenant"], row["item"], row["date"])
        amount = Decimal(exact["usage.absolute.total"]) / per_unit[row["unit"]]
        assert abs(Decimal(row["usage"]) - amount) <= Decimal("0.000001")
    assert readable[0]["storage"] == "Backup storage Frankfurt"
    priced_row = next(row for row in readable if row["item"] == "pg_base_workstations")
    assert Decimal(priced_row["cost"]) == Decimal("2.50") * Decimal(priced_row["to_be_billed"])


def test_page_shows_every_line_and_takes_names_as_text(priced: Caller) -> None:
    found = files(priced, show_skus=True)

    page, readable = found["html"], rows_of(found["csv"])
    lines = [
        [html.unescape(cell) for cell in re.findall("<td>(.*?)</td>", line)]
        for line in page.splitlines()
        if line.startswith("<tr>")
    ]

    assert lines == [list(row.values()) for row in readable]
    assert "<b>" not in page
    assert page.startswith("<!doctype html>")
    assert page.endswith("</body></html>\n")


def test_same_format_twice_is_made_once_and_none_means_csv_v2(call: Caller) -> None:
    twice = ask(call, formats=["csv", "csv"], period={"start": "2026-10-01", "end": "2026-10-01"}).json()
    none = ask(call, formats=[], period={"start": "2026-10-01", "end": "2026-10-01"}).json()

    assert twice["parameters"]["formats"] == ["csv"]
    assert none["parameters"]["formats"] == ["csv_v2_0"]
    assert len(call("GET", f"/reports/{twice['id']}/stored").json()["items"]) == 1


def test_report_without_a_line_is_whole_in_every_format(call: Caller) -> None:
    found = files(call, period={"start": "2026-10-01", "end": "2026-10-01"})

    assert (len(rows_of(found["csv_v2_0"])), len(rows_of(found["csv"]))) == (0, 0)
    assert json.loads(found["json_v1"])["tenants"] == json.loads(found["json_v2_0"])["tenants"] == []
    assert "<tbody>" in found["html"]


def test_storage_a_partner_registered_is_named(start: Callable[..., httpx.Client]) -> None:
    call = Caller(start())
    location = call("POST", "/locations", {"name": "Basement", "owner_tenant_id": definitions.PROVIDER_TENANT}).json()
    body = {
        "owner_tenant_id": definitions.PROVIDER_TENANT,
        "location_id": location["id"],
        "name": "Own storage",
        "url": "acronis+fes://own.example:44445",
        "capabilities": ["backup"],
        "backend_type": "acronis",
    }
    made = call("POST", "/infra", body)
    assert made.status_code == 201, made.text
    tenant_id = call.tenant("Customer", customer_id="own")
    item = {"application_id": BACKUP, "name": "pg_base_storage", "infra_id": made.json()["id"], "status": 1}
    put = call("PUT", f"/tenants/{tenant_id}/offering_items", {"offering_items": [item]})
    assert put.status_code == 200, put.text
    call.move_clock("2026-10-02T08:00:00Z")

    rows = rows_of(files(call, period={"start": "2026-10-01", "end": "2026-10-01"})["csv_v2_0"])

    assert {(row["infra.name"], row["infra.owner_id"]) for row in rows} == {("Own storage", definitions.PROVIDER_TENANT)}
