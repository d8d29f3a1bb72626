"""Reports that are made later, and reports that are mailed."""

import csv
import io
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox import definitions
from tests.sandbox.conftest import Caller
from tests.sandbox.contract import hold
from tests.sandbox.test_usages_and_reports import customer

PROVIDER = definitions.PROVIDER_TENANT
PARAMETERS = {"tenant_id": PROVIDER, "level": "all_customers", "kind": "usage_summary", "hide_zero_usage": True}


def schedule(call: Caller, **changes: Any) -> dict[str, Any]:
    body = {"recipients": [], "result_action": "save", "parameters": PARAMETERS, "schedule": {"type": "monthly"}, **changes}
    asked = call("POST", "/reports", body)
    assert asked.status_code == 200, asked.text
    hold(asked)
    found: dict[str, Any] = asked.json()
    return found


def stored(call: Caller, report_id: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = call("GET", f"/reports/{report_id}/stored").json()["items"]
    return entries


def dates(call: Caller, report_id: str) -> list[set[str]]:
    """The dates in each file of a report."""
    texts = [call("GET", f"/reports/{report_id}/stored/{entry['id']}").text for entry in stored(call, report_id)]
    return [{row["date"] for row in csv.DictReader(io.StringIO(text))} for text in texts]


def mails(call: Caller) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call.http.get("/sandbox/mails").json()["items"]
    return found


@pytest.fixture
def monthly(call: Caller) -> dict[str, Any]:
    """Asked for on the first of October at eight."""
    customer(call)
    return schedule(call)


def test_monthly_report_is_made_when_the_month_is_over_and_its_usage_known(call: Caller, monthly: dict[str, Any]) -> None:
    seen = {}
    for at in ("2026-10-31T23:59:00Z", "2026-11-01T05:59:00Z", "2026-11-01T06:00:00Z", "2026-11-20T12:00:00Z"):
        call.move_clock(at)
        seen[at] = len(stored(call, monthly["id"]))

    assert list(seen.values()) == [0, 0, 1, 1]
    assert (monthly["schedule"], monthly["generation_date"]) == ({"enabled": True, "type": "monthly"}, "2026-11-01")
    assert monthly["parameters"]["period"] == {"start": "2026-10-01", "end": "2026-10-31"}
    assert stored(call, monthly["id"])[0]["created_at"] == "2026-11-01T06:00:00.000000+00:00"
    assert dates(call, monthly["id"]) == [{"2026-10-31"}]


def test_months_that_went_by_at_once_are_caught_up_one_by_one(call: Caller, monthly: dict[str, Any]) -> None:
    call.move_clock("2027-01-15T08:00:00Z")

    made = dates(call, monthly["id"])
    shown = call("GET", f"/reports/{monthly['id']}").json()

    assert made == [{"2026-10-31"}, {"2026-11-30"}, {"2026-12-31"}]
    assert (shown["generation_date"], shown["parameters"]["period"]["end"]) == ("2027-02-01", "2027-01-31")


def test_schedule_that_is_switched_off_passes_over_its_months(call: Caller, monthly: dict[str, Any]) -> None:
    path = f"/reports/{monthly['id']}"

    off = call("PUT", path, {"schedule": {"enabled": False}})
    call.move_clock("2026-12-10T08:00:00Z")
    while_off = stored(call, monthly["id"])
    on = call("PUT", path, {"schedule": {"enabled": True}})
    before = stored(call, monthly["id"])
    call.move_clock("2027-01-01T06:00:00Z")

    hold(off)
    hold(on)
    assert (off.json()["version"], on.json()["version"]) == (2, 3)
    assert (off.json()["schedule"]["enabled"], on.json()["schedule"]["enabled"]) == (False, True)
    assert while_off == before == []
    assert dates(call, monthly["id"]) == [{"2026-12-31"}]


def test_changed_selection_holds_from_the_next_month_on(call: Caller, monthly: dict[str, Any]) -> None:
    changed = call(
        "PUT", f"/reports/{monthly['id']}", {"parameters": {"kind": "usage_daily", "show_skus": "true", "tenant_id": "x"}}
    )
    call.move_clock("2026-11-01T08:00:00Z")

    made = dates(call, monthly["id"])

    parameters = changed.json()["parameters"]
    assert (parameters["kind"], parameters["show_skus"], parameters["level"]) == ("usage_daily", True, "all_customers")
    assert parameters["tenant_id"] == PROVIDER
    assert len(made[0]) == 31


def test_only_scheduled_reports_can_be_changed_and_only_in_their_present_version(call: Caller, monthly: dict[str, Any]) -> None:
    once = schedule(call, schedule={"type": "once"})

    refused = call("PUT", f"/reports/{once['id']}", {"schedule": {"enabled": False}})
    stale = call("PUT", f"/reports/{monthly['id']}", {"version": 7, "schedule": {"enabled": False}})
    wrong = call("PUT", f"/reports/{monthly['id']}", {"parameters": {"level": "everything"}})
    empty = call("PUT", f"/reports/{monthly['id']}", {"schedule": {"type": "monthly"}})
    unknown = call("PUT", f"/reports/{PROVIDER}", {"schedule": {"enabled": False}})

    assert [answer.status_code for answer in (refused, stale, wrong, empty, unknown)] == [400, 409, 400, 400, 404]
    assert stale.json()["error"]["code"] == 1001
    assert "parameters.level" in wrong.json()["error"]["details"]["info"]
    assert call("GET", f"/reports/{monthly['id']}").json() == monthly


def test_deleted_schedule_and_deleted_tenant_make_no_more_reports(call: Caller) -> None:
    tenant_id = customer(call)
    own = schedule(call, parameters={**PARAMETERS, "tenant_id": tenant_id, "level": "itself"})
    other = schedule(call)
    assert call("DELETE", f"/reports/{other['id']}", version=1).status_code == 204
    call("PUT", f"/tenants/{tenant_id}", {"version": 1, "enabled": False})
    assert call("DELETE", f"/tenants/{tenant_id}", version=2).status_code == 204

    call.move_clock("2027-01-02T08:00:00Z")

    assert stored(call, own["id"]) == []
    assert call("GET", f"/reports/{other['id']}").status_code == 404


def test_report_of_a_day_to_come_is_made_on_that_day(call: Caller) -> None:
    customer(call)
    period = {"start": "2026-10-01", "end": "2026-10-09"}
    later = schedule(
        call,
        schedule={"type": "once"},
        generation_date="2026-10-10",
        parameters={**PARAMETERS, "kind": "usage_daily", "period": period},
    )
    before = stored(call, later["id"])
    call.move_clock("2026-10-12T08:00:00Z")

    assert before == []
    assert later["generation_date"] == "2026-10-10"
    assert max(dates(call, later["id"])[0]) == "2026-10-09"
    assert len(stored(call, later["id"])) == 1


def test_report_of_a_day_to_come_may_not_be_about_days_after_it(call: Caller) -> None:
    period = {"start": "2026-10-01", "end": "2026-10-11"}
    body = {"result_action": "save", "generation_date": "2026-10-10", "parameters": {**PARAMETERS, "period": period}}

    refused = call("POST", "/reports", {**body, "schedule": {"type": "once"}})

    assert refused.status_code == 400


def test_schedule_survives_a_restart(start: Callable[..., httpx.Client]) -> None:
    call = Caller(start())
    customer(call)
    report_id = schedule(call)["id"]

    again = Caller(start(now="2026-11-03T08:00:00Z"))

    assert dates(again, report_id) == [{"2026-10-31"}]


# Mails


def test_report_that_is_sent_lies_in_the_mails_of_its_recipients(call: Caller) -> None:
    tenant_id = customer(call)
    ids = [call.user(tenant_id, login)["id"] for login in ("jane.doe", "john.doe")]
    call.move_clock("2026-11-01T08:00:00Z")

    sent = schedule(call, schedule={"type": "once"}, result_action="send", recipients=[*ids, ids[0]])
    found = mails(call)
    page = call.http.get(found[0]["link"])
    links = [part.split('"')[0] for part in page.text.split('href="') if part.startswith("/mc/report-mail/")]
    files = [call.http.get(link) for link in links]

    assert sent["recipients"] == ids
    assert sent["parameters"]["formats"] == ["html", "csv"]
    assert [(mail["kind"], mail["to"]) for mail in found] == [
        ("report", "john.doe@example.com"),
        ("report", "jane.doe@example.com"),
    ]
    assert found[0]["subject"] == "Usage report of Example Managed Services, 2026-11-01 to 2026-11-01"
    assert [entry["report_format"] for entry in stored(call, sent["id"])] == ["html", "csv"]
    assert [file.headers["Content-Type"].split(";")[0] for file in files] == ["text/html", "text/csv"]
    assert "pg_base_storage" in files[0].text
    assert "pg_base_storage" in files[1].text


def test_monthly_report_is_mailed_each_month_to_who_is_still_there(call: Caller) -> None:
    tenant_id = customer(call)
    jane, john = (call.user(tenant_id, login) for login in ("jane.doe", "john.doe"))
    report_id = schedule(call, result_action="send", recipients=[jane["id"], john["id"]])["id"]
    call.move_clock("2026-11-01T08:00:00Z")
    first = [mail["login"] for mail in mails(call)]
    call("PUT", f"/users/{john['id']}", {"version": 1, "enabled": False})
    assert call("DELETE", f"/users/{john['id']}", version=2).status_code == 204
    call.move_clock("2026-12-01T08:00:00Z")

    second = [mail["login"] for mail in mails(call)][: -len(first)]
    changed = call("PUT", f"/reports/{report_id}", {"recipients": []})

    assert (first, second) == (["john.doe", "jane.doe"], ["jane.doe"])
    assert mails(call)[0]["sent_at"] == "2026-12-01T06:00:00.000000+00:00"
    assert changed.status_code == 400


def test_link_of_a_mail_leads_to_its_own_files_only(call: Caller) -> None:
    user = call.user(customer(call), "jane.doe")
    mine = schedule(call, schedule={"type": "once"}, result_action="send", recipients=[user["id"]])
    other = schedule(call, schedule={"type": "once"})
    link = mails(call)[0]["link"]
    foreign = stored(call, other["id"])[0]["id"]

    assert call.http.get(f"{link}/{foreign}").status_code == 404
    assert call.http.get("/mc/report-mail/nonsense").status_code == 404
    assert call.http.get(link.replace("/report-mail/", "/mail/")).status_code == 404
    assert call("DELETE", f"/reports/{mine['id']}", version=1).status_code == 204
    assert "The report was deleted" in call.http.get(link).text


def test_mails_of_a_file_made_before_reports_were_mailed_are_kept(start: Callable[..., httpx.Client], tmp_path: Path) -> None:
    call = Caller(start())
    user = call.user(call.tenant("Customer"), "jane.doe")
    call("POST", f"/users/{user['id']}/send-activation-email")
    before = mails(call)
    with closing(sqlite3.connect(tmp_path / "sandbox.sqlite3")) as db:
        db.executescript(
            "CREATE TABLE older (number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL"
            " CHECK (kind IN ('activation', 'email_change')), user_id TEXT NOT NULL, sent_to TEXT NOT NULL, login TEXT NOT NULL,"
            " subject TEXT NOT NULL, sent_at TEXT NOT NULL, token TEXT NOT NULL UNIQUE, used_at TEXT);"
            "INSERT INTO older SELECT number, kind, user_id, sent_to, login, subject, sent_at, token, used_at FROM mails;"
            "DROP TABLE mails; ALTER TABLE older RENAME TO mails;"
        )

    again = Caller(start())
    schedule(again, schedule={"type": "once"}, result_action="send", recipients=[user["id"]])

    found = mails(again)
    assert [mail["kind"] for mail in found] == ["report", "activation"]
    assert found[1:] == before
