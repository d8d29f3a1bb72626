"""
Programs written for the real service, run against `python -m sandbox` with nothing but the address of the entry host replaced.

They speak HTTP over a socket and know only what an integrator knows: that address, a client with its secret, a login with its
password. The first half is what integrators do from end to end, the second what their programs take for granted.
"""

import csv
import gzip
import io
import json
import subprocess
import sys
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator

import httpx
import pytest

from sandbox.app import CLIENT_ID, CLIENT_SECRET, LOGIN, PASSWORD
from tests.sandbox.real_program import NOBODY, Program

pytestmark = pytest.mark.process

# The vendor's constants, as programs have them in their code.
PROTECTION = "6e6d758d-8e74-3ae3-ac84-50eb0dff12eb"
GIB = 1024**3
REPORT_COLUMNS = (
    "application.id,application.name,date,infra.backend_type,infra.id,infra.name,infra.owner_id,is_range,measurement_unit,name,"
    "pricing.currency,pricing.mode,pricing.price,pricing.total_cost,quota.value,tenant.customer_id,tenant.id,tenant.kind,"
    "tenant.name,usage.absolute.production,usage.absolute.total,usage.absolute.trial,usage.delta.production,usage.delta.total,"
    "usage.delta.trial,usage.effective.production,usage.effective.total,usage.effective.trial,edition"
)


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What stands where a program says `https://cloud.acronis.com`; a few customers are older than the month that is billed."""
    data = tmp_path_factory.mktemp("real") / "sandbox.sqlite3"
    options = ("--now", "2026-11-03T08:00:00Z", "--partners", "1", "--customers", "4", "--legacy-standard")
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--data", str(data), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().rsplit(" ", 1)[1].strip()
    finally:
        process.terminate()
        process.communicate(timeout=20)


def code(answer: httpx.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.fixture(scope="module")
def program(entry: str) -> Iterator[Program]:
    found = Program(entry)
    yield found
    found.http.close()


# From end to end


def test_customer_who_pays_per_use_is_set_up_and_gets_a_password(program: Program) -> None:
    free = program.http.get("/users/check_login", params={"username": "per.use"})
    tenant_id = program.tenant("Per use Ltd", customer_id="C-1001", contact={"email": "info@example.com"}, language="de")
    on = program.switch_on(tenant_id, program.sellable("pck_per_gigabyte", "fss_per_user"))
    program.produce(tenant_id)
    user_id = program.user(tenant_id, "per.use", "company_admin")
    password = program.http.post(f"/users/{user_id}/password", json={"password": "a password long enough"})
    taken = program.http.get("/users/check_login", params={"username": "Per.Use"})

    assert (free.status_code, free.content) == (204, b"")
    assert {item["status"] for item in on} == {1}
    assert all(item["quota"] == {"value": None, "overage": None, "version": 0} for item in on if item["type"] != "feature")
    assert program.get(f"/tenants/{tenant_id}/pricing")["mode"] == "production"
    assert (password.status_code, password.content) == (204, b"")
    assert program.get(f"/users/{user_id}")["activated"] is True
    assert code(taken) == (409, 409)
    assert taken.json()["error"]["message"] == "User 'Per.Use' exists"


def test_customer_with_a_quota_is_set_up_and_invited_by_mail(program: Program) -> None:
    tenant_id = program.tenant("Quota Ltd")
    wanted = [item for item in program.sellable("pck_per_workload") if item["usage_name"] in ("storage", "servers")]
    for item in wanted:
        item["quota"] = {"value": 100 * GIB if item["usage_name"] == "storage" else 2, "overage": 0, "version": 0}
    on = program.switch_on(tenant_id, wanted)
    user_id = program.user(tenant_id, "quota.user", "company_admin")
    invited = program.http.post(f"/users/{user_id}/send-activation-email", headers={"Content-Type": "application/json"})

    assert {item["usage_name"]: (item["quota"]["value"], item["quota"]["overage"]) for item in on} == {
        "storage": (100 * GIB, 0),
        "servers": (2, 0),
    }
    assert all(item["quota"]["version"] > 0 for item in on)
    assert (invited.status_code, invited.content) == (204, b"")
    assert program.get(f"/users/{user_id}")["activated"] is False


def test_reseller_gets_every_edition_and_its_customer_one(program: Program) -> None:
    reseller = program.tenant("Reseller GmbH", kind="partner")
    offered = program.get(f"/tenants/{program.root}/offering_items/available_for_child", kind="partner", edition="*")
    program.switch_on(reseller, offered["items"])
    user_id = program.user(reseller, "reseller.admin", "partner_admin")
    customer = program.tenant("Customer of a reseller", parent_id=reseller)
    program.switch_on(customer, program.sellable("pck_per_workload", "fss_per_gigabyte", parent_id=reseller))
    second = program.sellable("pck_per_gigabyte", parent_id=reseller)
    refused = program.http.put(f"/tenants/{customer}/offering_items", json={"offering_items": second})

    held = program.get(f"/tenants/{reseller}/offering_items", edition="*", status=1)["items"]
    assert {"pck_per_gigabyte", "pck_per_workload", "fss_per_user", "fss_per_gigabyte"} <= {item["edition"] for item in held}
    assert program.get(f"/tenants/{reseller}/pricing")["mode"] == "production"
    assert program.get(f"/users/{user_id}").get("personal_tenant_id") is None
    assert code(refused) == (400, 1027)


def test_plan_is_changed_with_the_versions_that_were_read(program: Program) -> None:
    tenant_id = program.customer("Changing Ltd")
    path = f"/tenants/{tenant_id}/offering_items"
    servers = next(item for item in program.get(path, edition="*", status=1)["items"] if item["usage_name"] == "servers")
    servers["quota"] |= {"value": 5, "overage": 2}
    program.switch_on(tenant_id, [servers])
    stale = program.http.put(path, json={"offering_items": [servers]})
    again = next(item for item in program.get(path, edition="*")["items"] if item["name"] == servers["name"])
    again["quota"]["value"] = 9
    program.switch_on(tenant_id, [again])

    after = next(item for item in program.get(path, edition="*")["items"] if item["name"] == servers["name"])
    assert code(stale) == (426, 1001)
    assert (after["quota"]["value"], after["quota"]["overage"]) == (9, 2)


def test_customer_is_suspended_resumed_and_terminated(program: Program) -> None:
    tenant_id = program.customer("Leaving Ltd")
    path = f"/tenants/{tenant_id}"

    suspended = program.put(path, {"enabled": False, "version": program.get(path)["version"]})
    resumed = program.put(path, {"enabled": True, "version": suspended["version"]})
    too_early = program.http.delete(path, params={"version": resumed["version"]})
    program.put(path, {"enabled": False, "version": resumed["version"]})
    ended = program.http.delete(path, params={"version": program.get(path)["version"]})

    assert (suspended["enabled"], resumed["enabled"]) == (False, True)
    assert code(too_early) == (400, 1006)
    assert (ended.status_code, ended.content) == (204, b"")
    assert code(program.http.get(path)) == (404, 404)
    assert program.get(path, allow_deleted="true")["deleted_at"]


def test_last_month_is_billed_from_a_summary(program: Program) -> None:
    period = {"start": "2026-10-01", "end": "2026-10-31"}
    asked = {"tenant_id": program.root, "level": "accounts", "kind": "usage_summary", "formats": ["csv_v2_0"], "period": period}

    text = program.http.get(program.stored_report(asked)).text
    rows = list(csv.DictReader(io.StringIO(text)))

    customers = [row for row in rows if row["tenant.kind"] == "customer"]
    assert {row["tenant.customer_id"] for row in customers} == {"C-00001", "C-00002", "C-00003", "C-00004"}
    assert all(row["application.id"] and row["tenant.id"] and row["name"] for row in rows)
    numbers = [int(cell) for row in rows for column, cell in row.items() if column.startswith("usage.")]
    assert len(numbers) == 9 * len(rows)
    storage = [row for row in customers if row["name"].endswith("_base_storage")]
    assert all(int(row["usage.effective.total"]) > GIB and row["measurement_unit"] == "bytes" for row in storage)


# What programs take for granted


@pytest.mark.parametrize("slash", ["", "/"], ids=["without a slash", "with a slash"])
def test_base_address_may_end_with_a_slash(entry: str, slash: str) -> None:
    account = httpx.get(f"{entry}/api/1/accounts", params={"login": LOGIN}).json()
    with httpx.Client(base_url=account["server_url"] + slash) as http:
        me = http.get("api/2/users/me", auth=(LOGIN, PASSWORD))
    with httpx.Client(base_url=f"{account['server_url']}/api/2{slash}") as http:
        mine = http.get("users/me", auth=(LOGIN, PASSWORD))

    assert account == {"login": LOGIN, "id": 0, "server_url": entry}
    assert (me.status_code, mine.json()["login"]) == (200, LOGIN)


def test_token_tells_its_end_in_both_ways_and_names_its_tenant(program: Program) -> None:
    token = program.token
    claims = json.loads(urlsafe_b64decode(token["access_token"].split(".")[1] + "=="))

    assert abs(token["expires_on"] - time.time() - token["expires_in"]) < 120
    assert (token["token_type"], token["expires_in"]) == ("bearer", 7200)
    assert (claims["owner_tuid"], claims["iss"], claims["client_id"]) == (program.root, program.url, CLIENT_ID)


def test_login_and_password_are_enough_to_ask_who_one_is_and_to_make_a_client(program: Program) -> None:
    with httpx.Client(base_url=f"{program.url}/api/2", auth=(LOGIN, PASSWORD)) as http:
        me = http.get("/users/me").json()
        body = {"type": "agent", "tenant_id": me["tenant_id"], "token_endpoint_auth_method": "client_secret_basic"}
        made = http.post("/clients", json={**body, "data": {"client_name": "Till"}})
    client = made.json()
    form = {"grant_type": "client_credentials"}
    token = httpx.post(f"{program.url}/api/2/idp/token", data=form, auth=(client["client_id"], client["client_secret"]))

    assert (me["login"], me["tenant_id"]) == (LOGIN, program.root)
    assert (made.status_code, client["tenant_id"]) == (201, program.root)
    assert token.status_code == 200
    assert "client_secret" not in program.get(f"/clients/{client['client_id']}")


@pytest.mark.parametrize("path", ["/applications", "/tenants/{root}", "/tenants/{root}/offering_items?edition=*", "/nothing/here"])
def test_json_is_one_line_that_does_not_end(program: Program, path: str) -> None:
    """A shell reads one line of body with curl's status code behind it."""
    answer, content = program.exchange("GET", path.format(root=program.root))

    printed = content.decode() + str(answer.status)
    assert printed.splitlines() == [printed]
    assert json.loads(printed[:-3])
    assert answer.headers["Content-Type"] == "application/json"


def test_204_has_neither_body_nor_type(program: Program) -> None:
    tenant_id = program.customer("Unbound Ltd")
    answer, content = program.exchange("DELETE", f"/applications/{PROTECTION}/bindings/tenants/{tenant_id}")

    assert (answer.status, content) == (204, b"")
    assert "Content-Type" not in answer.headers
    assert answer.headers.get("Content-Length", "0") == "0"


def test_numbers_and_booleans_may_come_as_words(program: Program) -> None:
    reseller = program.tenant("Words Ltd", kind="partner", enabled="true")
    locked = program.put(f"/tenants/{reseller}", {"version": "1", "update_lock": {"enabled": "true", "owner_id": program.root}})
    disabled = program.put(f"/tenants/{reseller}", {"version": str(locked["version"]), "enabled": "false"})
    parameters = {"tenant_id": program.root, "level": "accounts", "kind": "usage_current", "formats": ["csv_v2_0"]}
    report = program.post("/reports", {"parameters": {**parameters, "show_skus": "true", "hide_zero_usage": "1"}})
    ones = program.http.get(f"/tenants/{reseller}/children", params={"include_details": 1, "allow_deleted": 0})

    assert (locked["update_lock"]["enabled"], disabled["enabled"]) == (True, False)
    assert (report["parameters"]["show_skus"], report["parameters"]["hide_zero_usage"]) == (True, True)
    assert (report["recipients"], report["version"]) == ([], 1)
    assert (ones.status_code, ones.json()) == (200, {"items": []})


def test_keys_nobody_knows_are_ignored(program: Program) -> None:
    tenant_id = program.tenant("Extra keys Ltd", color="blue", tenant_id=NOBODY)
    renamed = program.put(f"/tenants/{tenant_id}", {"version": 1, "tenant_id": tenant_id, "internal_tag": "order 7", "mood": {}})
    servers = next(item for item in program.sellable("pck_per_workload") if item["usage_name"] == "servers")
    extra = {"tenant_id": NOBODY, "locked": False, "measurement_unit": "quantity", "edition": "pck_per_workload"}
    body = {"offering_items": [{**servers, **extra}], "page": 1}
    put = program.put(f"/tenants/{tenant_id}/offering_items", body, edition="*")

    assert renamed["internal_tag"] == "order 7"
    assert [(item["name"], item["tenant_id"], item["status"]) for item in put["items"]] == [("pw_base_servers", tenant_id, 1)]


def test_whole_lists_may_be_sent_back_as_they_were_read(program: Program) -> None:
    tenant_id = program.customer("Echo Ltd")
    user_id = program.user(tenant_id, "echo.user", "company_admin")

    roles = program.get(f"/users/{user_id}/access_policies")
    roles_again = program.put(f"/users/{user_id}/access_policies", roles)
    items = program.get(f"/tenants/{tenant_id}/offering_items", edition="*")
    body = json.loads(json.dumps(items).replace('"items":', '"offering_items":', 1))  # as a shell script does it, with sed
    items_again = program.put(f"/tenants/{tenant_id}/offering_items", body)
    pricing = program.get(f"/tenants/{tenant_id}/pricing")
    pricing_again = program.put(f"/tenants/{tenant_id}/pricing", pricing)

    assert {"timestamp", "items"} == set(roles)
    assert [one["role_id"] for one in roles_again["items"]] == ["company_admin"]
    assert {item["name"]: item["status"] for item in items_again["items"]} == {
        item["name"]: item["status"] for item in items["items"]
    }
    assert (pricing_again["mode"], pricing_again["version"] > pricing["version"]) == ("trial", True)


@pytest.mark.parametrize(
    ("expected", "ask"),
    [
        ((404, 404), lambda program: program.http.get(f"/tenants/{NOBODY}")),
        ((405, 405), lambda program: program.http.put("/applications", json={})),
        ((415, 415), lambda program: program.http.post("/tenants", content="name=x", headers={"Content-Type": "text/plain"})),
        ((400, 400), lambda program: program.http.post("/tenants", json={})),
        ((406, 406), lambda program: program.http.get("/users/check_login", params={"username": "ü"})),
        ((409, 409), lambda program: program.http.get("/users/check_login", params={"username": LOGIN})),
        ((401, 1000), lambda program: program.http.get("/applications", headers={"Authorization": "Bearer spoilt"})),
        ((409, 1001), lambda program: program.http.put(f"/tenants/{program.tenant('Stale Ltd')}", json={"version": 7})),
        (
            (409, 1004),
            lambda program: program.http.post(
                "/tenants",
                json={"name": program.get(f"/tenants/{program.root}")["name"], "kind": "customer", "parent_id": program.root},
            ),
        ),
    ],
    ids=["not found", "method", "type", "malformed", "login", "taken", "token", "version", "name"],
)
def test_code_is_the_status_unless_the_platform_has_one(
    program: Program, expected: tuple[int, int], ask: Callable[[Program], httpx.Response]
) -> None:
    answer = ask(program)

    assert code(answer) == expected
    assert {"code", "message", "details", "context", "domain"} == set(answer.json()["error"])


def test_items_carry_null_for_storage_and_edition(program: Program) -> None:
    tenant_id = program.customer("Null Ltd")
    lists = {
        "own": program.get(f"/tenants/{tenant_id}/offering_items", edition="*")["items"],
        "available": program.get(f"/tenants/{program.root}/offering_items/available_for_child", edition="*")["items"],
        "batch": program.get("/tenants/offering_items", subtree_root_tenant_id=program.root)["items"],
    }

    for items in lists.values():
        assert all("infra_id" in item and "edition" in item for item in items)
        assert {item["type"] for item in items if item["infra_id"] is None} == {"count", "feature"}
    assert "local_storage" in {item["name"] for item in lists["own"] if item["edition"] is None}


def test_storages_are_named_by_their_ids_and_tell_what_they_can(program: Program) -> None:
    offered = program.get(f"/tenants/{program.root}/offering_items/available_for_child", edition="*")["items"]
    ids = sorted({item["infra_id"] for item in offered if item["infra_id"]})

    found = program.get("/infra", uuids=",".join(ids))["items"]

    assert sorted(one["id"] for one in found) == ids
    assert {tuple(one["capabilities"]) for one in found} == {("backup",), ("files_cloud",), ("disaster_recovery",)}
    assert all(one["name"] and one["url"] and one["location_id"] for one in found)


def test_stored_report_is_listed_at_once_and_comes_decoded_or_as_gzip(program: Program) -> None:
    asked = {"tenant_id": program.root, "level": "accounts", "kind": "usage_current", "formats": ["csv_v2_0"]}
    report = program.post("/reports", {"parameters": asked})
    first = program.get(f"/reports/{report['id']}/stored")["items"]
    path = program.stored_report(asked)

    decoded = program.http.get(path)
    plain, raw = program.exchange("GET", path)
    with program.http.stream("GET", path) as answer:
        streamed = b"".join(answer.iter_raw())

    assert [(one["report_format"], one["status"]) for one in first] == [("csv_v2_0", "in_progress")]
    assert decoded.text.partition("\n")[0] == REPORT_COLUMNS
    assert (plain.status, plain.headers["Content-Encoding"]) == (200, "gzip")
    assert plain.headers["Content-Type"] == "application/octet-stream"
    assert gzip.decompress(raw) == gzip.decompress(streamed) == decoded.content


def test_one_time_token_opens_a_session_by_cookie_until_the_logout(program: Program) -> None:
    user_id = program.user(program.customer("Panel Ltd"), "panel.user", "company_admin")
    program.http.post(f"/users/{user_id}/password", json={"password": "a password long enough"})
    ott = program.post("/idp/ott", {"purpose": "user_login", "login": "panel.user"})["ott"]

    with httpx.Client(base_url=f"{program.url}/api/2") as browser:
        stranger = browser.get("/users/me")
        signed_in = browser.post("/idp/ott/login", json={"ott": ott}, headers={"X-Acronis-API": "1"})
        me = browser.get("/users/me")
        left = browser.get("/idp/logout")
        gone = browser.get("/users/me")
        again = browser.post("/idp/ott/login", json={"ott": ott})

    assert code(stranger) == (401, 1000)
    assert (signed_in.status_code, signed_in.json()["id"]) == (200, user_id)
    assert (me.json()["login"], me.json()["tenant_kind"]) == ("panel.user", "customer")
    assert (left.status_code, left.headers["Content-Type"].partition(";")[0]) == (200, "text/html")
    assert (gone.status_code, again.status_code) == (401, 401)


def test_fresh_tenant_has_its_usages_with_zeros_already(program: Program) -> None:
    tenant_id = program.customer("Fresh Ltd")

    batch = program.get("/tenants/usages", tenants=f"{tenant_id},{program.root}")["items"]

    assert [one["tenant"] for one in batch] == [tenant_id, program.root]
    fresh = batch[0]["usages"]
    assert {"pw_base_servers", "pw_base_storage"} <= {usage["name"] for usage in fresh}
    assert {usage["tenant_uuid"] for usage in fresh} == {tenant_id}
    assert all(isinstance(usage["tenant_id"], int) and usage["absolute_value"] is not None for usage in fresh)
    assert {usage["range_start"] for usage in fresh} == {"2026-11-01T00:00:00"}


def test_items_of_a_service_that_was_removed_are_hidden(program: Program) -> None:
    tenant_id = program.customer("Hidden Ltd")
    binding = f"/applications/{PROTECTION}/bindings/tenants/{tenant_id}"

    def shown() -> tuple[bool, bool]:
        items = program.get(f"/tenants/{tenant_id}/offering_items", edition="*")["items"]
        services = program.get(f"/tenants/{tenant_id}/applications")["items"]
        return PROTECTION in {item["application_id"] for item in items}, PROTECTION in services

    before = shown()
    removed = program.http.delete(binding)
    after = shown()
    bound = program.http.post(binding)

    assert (removed.status_code, bound.status_code) == (204, 204)
    assert (before, after, shown()) == ((True, True), (False, False), (True, True))


def test_legacy_edition_is_what_a_list_without_an_edition_shows(program: Program) -> None:
    """The vendor's own samples switch on `vms` without ever naming an edition."""
    tenant_id = program.tenant("Old samples Ltd")
    offered = program.get(f"/tenants/{program.root}/offering_items/available_for_child")["items"]
    vms = next(item for item in offered if item["name"] == "vms")
    program.switch_on(tenant_id, [vms])

    shown = program.get(f"/tenants/{tenant_id}/offering_items", status=1)["items"]

    assert {item["edition"] for item in offered} == {"standard", None}
    assert [(item["name"], item["edition"]) for item in shown] == [("vms", "standard")]


def test_versions_and_editions_answer_the_php_library(program: Program) -> None:
    version = program.get("/versions")["application"]
    editions = program.get("/editions")["items"]

    assert version["name"]
    assert int(version["version"].partition(".")[0]) > 0
    assert {"standard", "pck_per_gigabyte", "pck_per_workload", "fss_per_user"} <= {edition["name"] for edition in editions}


def test_spent_token_is_refused_once_and_a_new_one_goes_on(program: Program) -> None:
    basic = (CLIENT_ID, CLIENT_SECRET)
    with httpx.Client(base_url=f"{program.url}/api/2") as http:
        tokens = [http.post("/idp/token", data={"grant_type": "client_credentials"}, auth=basic).json() for _ in range(2)]
        http.post("/idp/revoke_token", data={"token": tokens[0]["access_token"]}, auth=basic)

        spent, fresh = (http.get("/applications", headers={"Authorization": f"Bearer {one['access_token']}"}) for one in tokens)

    assert (code(spent), fresh.status_code) == ((401, 1000), 200)
