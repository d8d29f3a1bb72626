"""The pages of the switchboard, as a person uses them: read, search, page, press."""

from collections.abc import Callable

import httpx
import pytest

from sandbox import behaviour, definitions
from tests.sandbox.conftest import Caller

PAGES = ["/", "/console/tenants", "/console/users", "/console/mails", "/console/calls", "/console/faults", "/console/behaviour"]


@pytest.fixture
def crowd(start: Callable[..., httpx.Client]) -> httpx.Client:
    return start(partners=3, customers=120)


def press(http: httpx.Client, page: str, /, **typed: str) -> httpx.Response:
    return http.post(page, data=typed, headers={"Sec-Fetch-Site": "same-origin"})


@pytest.mark.parametrize("path", PAGES)
def test_pages_say_what_they_are_and_run_no_inline_script(http: httpx.Client, path: str) -> None:
    page = http.get(path)

    assert page.status_code == 200
    assert "This is not Acronis" in page.text
    assert 'aria-current="page"' in page.text
    for forbidden in ("<script", " style=", " onclick=", "<style"):
        assert forbidden not in page.text


def test_tenants_are_shown_as_a_tree_below_their_parents(call: Caller) -> None:
    reseller = call.tenant("Alster IT", kind="partner")
    call.tenant("Zebra", parent_id=reseller)
    call.tenant("Berg & Tal")

    page = call.http.get("/console/tenants").text

    names = ["Vendor root", "Example Managed Services", "Alster IT", "Zebra", "Berg &amp; Tal"]
    assert sorted(names, key=page.index) == names
    assert [page.count(f'class="depth-{depth}"') for depth in range(4)] == [1, 1, 2, 1]


def test_many_tenants_are_paged_without_loss_or_repetition(crowd: httpx.Client) -> None:
    pages = [crowd.get("/console/tenants", params={"page": number}).text for number in (1, 2, 3)]

    shown = [part.split('"')[0] for page in pages for part in page.split('href="/console/tenants/')[1:]]
    assert len(shown) == len(set(shown)) == 125
    assert 'rel="next"' in pages[0]
    assert 'rel="prev"' in pages[2]
    assert 'rel="next"' not in pages[2]


@pytest.mark.parametrize("page", ["0", "-1", "x", "9" * 30, "²", "99999"])
def test_nonsense_for_a_page_is_no_error(http: httpx.Client, page: str) -> None:
    for path in ("/console/tenants", "/console/users", "/console/calls"):
        assert http.get(path, params={"page": page}).status_code == 200


@pytest.mark.parametrize("text", ["söhne", "C-77", "info@müller.example", "%", "'"])
def test_search_finds_tenants_by_what_people_know_of_them(call: Caller, text: str) -> None:
    call.tenant("Müller & Söhne", customer_id="C-77", contact={"email": "info@müller.example"})
    call.tenant("Other")

    page = call.http.get("/console/tenants", params={"q": text}).text

    assert ("Söhne</a>" in page) is (text not in "%'")
    assert "Other</a>" not in page


def test_search_finds_a_tenant_by_its_whole_id_and_shows_where_it_hangs(call: Caller) -> None:
    reseller = call.tenant("Alster IT", kind="partner")
    tenant_id = call.tenant("Zebra", parent_id=reseller)

    page = call.http.get("/console/tenants", params={"q": tenant_id}).text

    assert "Zebra</a>" in page
    assert "below Example Managed Services / Alster IT" in page


def test_tenant_page_shows_its_place_its_users_and_its_items(call: Caller) -> None:
    reseller = call.tenant("Alster IT", kind="partner")
    tenant_id = call.tenant("Zebra", customer_id="C-1")
    call.equip(tenant_id)
    call.user(tenant_id, "jane.doe")

    page = call.http.get(f"/console/tenants/{tenant_id}").text

    for shown in ("Example Managed Services", "C-1", "jane.doe", "pg_base_servers", "Frankfurt", "unlimited"):
        assert shown in page
    assert "There is nothing below" in call.http.get(f"/console/tenants/{reseller}").text
    assert call.http.get("/console/tenants/nobody").status_code == 404
    assert call.http.get(f"/console/tenants/{definitions.ROOT_TENANT}").status_code == 200


def test_users_mails_and_calls_are_searched(call: Caller) -> None:
    tenant_id = call.tenant("Customer")
    for login in ("jane.doe", "john.roe"):
        user = call.user(tenant_id, login)
        call("POST", f"/users/{user['id']}/send-activation-email")

    users = call.http.get("/console/users", params={"q": "JANE"}).text
    mails = call.http.get("/console/mails", params={"q": "john"}).text
    calls = call.http.get("/console/calls", params={"q": "204"}).text

    assert "jane.doe" in users
    assert "john.roe" not in users
    assert "john.roe" in mails
    assert "jane.doe" not in mails
    assert calls.count("/send-activation-email") == 2
    assert "/api/2/idp/token" not in calls


@pytest.mark.parametrize(("step", "shown"), [("day", "2 Oct 2026, 08:"), ("week", "8 Oct 2026, 08:"), ("month", "1 Nov 2026, 00:")])
def test_clock_moves_by_a_step(http: httpx.Client, step: str, shown: str) -> None:
    answer = press(http, "/console/clock", step=step)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert f"<strong>{shown}" in http.get("/").text


def test_clock_moves_to_a_typed_time_but_never_back_nor_out_of_reach(http: httpx.Client) -> None:
    forward = press(http, "/console/clock", now="2026-12-24T18:00")
    refused = [press(http, "/console/clock", now=typed) for typed in ("2026-01-01T00:00", "soon", "", "9999-12-31T23:59")]

    assert forward.status_code == 303
    assert [answer.status_code for answer in refused] == [400] * 4
    assert "only moves forward" in refused[0].text
    assert "24 Dec 2026, 18:00" in http.get("/").text
    assert http.post("/sandbox/clock", json={"now": "9999-12-31T23:59:59Z"}).status_code == 400


def test_fault_is_added_seen_and_removed_on_the_page(call: Caller) -> None:
    added = press(call.http, "/console/faults", kind="too_many", method="GET", path="^/api/2/applications$", nth="2", times="1")
    shown = call.http.get("/console/faults").text
    statuses = [call("GET", "/applications").status_code for _ in range(3)]

    assert added.status_code == 303
    assert "^/api/2/applications$" in shown
    assert statuses == [200, 429, 200]

    press(call.http, "/console/faults", kind="unavailable", path=".*")
    rule = call.http.get("/sandbox/faults").json()["items"][0]
    assert rule["times_left"] is None
    assert call.http.get("/").status_code == 200  # the way back is never spoilt
    assert press(call.http, f"/console/faults/{rule['id']}/remove").status_code == 303
    assert press(call.http, f"/console/faults/{rule['id']}/remove").status_code == 303
    assert call("GET", "/applications").status_code == 200


def test_all_faults_are_cleared_by_one_button(call: Caller) -> None:
    for kind in ("reset", "lose_answer", "truncate", "garbage", "html"):
        press(call.http, "/console/faults", kind=kind, path="^/api/2/", times="3")
    waiting = len(call.http.get("/sandbox/faults").json()["items"])

    press(call.http, "/console/faults/clear")

    assert waiting == 5
    assert "No fault is waiting" in call.http.get("/console/faults").text


@pytest.mark.parametrize(
    ("typed", "named"),
    [({"path": "("}, "path"), ({"probability": "often"}, "probability"), ({"times": "0"}, "times"), ({"kind": "slow"}, "delay_s")],
)
def test_fault_that_means_nothing_is_refused_and_what_was_typed_is_kept(
    http: httpx.Client, typed: dict[str, str], named: str
) -> None:
    answer = press(http, "/console/faults", **{"kind": "reset", "path": "/kept-as-typed", **typed})

    assert answer.status_code == 400
    assert named in answer.text.split('role="alert">')[1].split("<")[0]
    assert f'value="{typed.get("path", "/kept-as-typed")}"' in answer.text
    assert http.get("/sandbox/faults").json()["items"] == []


def test_pages_of_other_sites_cannot_press_the_buttons(http: httpx.Client) -> None:
    answer = http.post("/console/faults", data={"kind": "reset"}, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert http.get("/sandbox/faults").json()["items"] == []


def test_page_and_readme_tell_the_same_of_what_is_confirmed_and_what_assumed(http: httpx.Client) -> None:
    known, readme = behaviour.known(), behaviour.README.read_text(encoding="utf-8")
    page = http.get("/console/behaviour").text

    assert behaviour.readme_with_list(readme) == readme, "run python -m sandbox.behaviour"
    assert page.count("<li>") == len(known.confirmed) + len(known.assumed) + len(known.limits)
    used = {key.split(" ")[0] for one in known.confirmed for key in one.source.split(", ")}
    assert used == set(known.sources)
    assert not any(one.source for one in (*known.assumed, *known.limits))
