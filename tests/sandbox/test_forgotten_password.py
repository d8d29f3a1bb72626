"""The page behind `/accounts/forgot_link`: a mail with a link that sets a new password."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from tests.sandbox.conftest import Caller

OLD, NEW = "the old password", "the new password"


def user_with_password(call: Caller, login: str) -> dict[str, Any]:
    user = call.user(call.tenant(f"Customer of {login}"), login)
    assert call("POST", f"/users/{user['id']}/password", {"password": OLD}).status_code == 204
    return user


def mails(call: Caller) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call.http.get("/sandbox/mails").json()["items"]
    return found


def signs_in(http: httpx.Client, login: str, password: str) -> bool:
    return http.post("/mc/login", data={"login": login, "password": password}).status_code == 302


def test_link_of_the_mail_sets_a_new_password_once(call: Caller) -> None:
    user_with_password(call, "jane.doe")
    page = call.http.get("/api/2/accounts/forgot_link", params={"login": "jane.doe"}).json()["link"]

    form = call.http.get(page)
    asked = call.http.post(page, data={"login": " Jane.Doe "})
    mail = mails(call)[0]
    short = call.http.post(mail["link"], data={"password": "short"})
    shown = call.http.get(mail["link"])
    done = call.http.post(mail["link"], data={"password": NEW})

    assert (form.status_code, asked.status_code) == (200, 200)
    assert 'name="login"' in form.text
    assert (mail["kind"], mail["to"], mail["subject"]) == ("password_reset", "jane.doe@example.com", "Reset your password")
    assert "jane.doe" in shown.text
    assert (short.status_code, done.headers["Location"]) == (400, "/mc/")
    assert call.http.post(mail["link"], data={"password": OLD}).status_code == 404
    assert (signs_in(call.http, "jane.doe", NEW), signs_in(call.http, "jane.doe", OLD)) == (True, False)


def test_page_says_the_same_of_every_login_and_writes_to_nobody_who_may_not_sign_in(call: Caller) -> None:
    disabled, unreachable = user_with_password(call, "disabled.user"), user_with_password(call, "forbidden.user")
    user_with_password(call, "known.user")
    call("PUT", f"/users/{disabled['id']}", {"version": 1, "enabled": False})
    moved = call("PUT", f"/users/{unreachable['id']}", {"version": 1, "contact": {"email": "x@forbidden.invalid"}})
    call.http.post(mails(call)[0]["link"])  # the new address is confirmed
    before = len(mails(call))

    told = {
        login: call.http.post("/forgot_password", data={"login": login}).text.replace(login, "LOGIN")
        for login in ("known.user", "disabled.user", "forbidden.user", "nobody")
    }

    assert moved.status_code == 200
    assert len(set(told.values())) == 1
    assert [mail["login"] for mail in mails(call)[:-before]] == ["known.user"]


def test_form_without_a_login_is_shown_again_with_the_problem(http: httpx.Client) -> None:
    answer = http.post("/forgot_password", data={"login": "  "})

    assert answer.status_code == 400
    assert 'role="alert">Type your login.' in answer.text


def test_pages_are_reached_from_the_sign_in_and_run_no_script(http: httpx.Client) -> None:
    sign_in, page = http.get("/mc/login").text, http.get("/forgot_password", params={"login": '"><script>'}).text

    assert 'href="/forgot_password"' in sign_in
    assert "<script" not in page


def test_mails_of_a_file_made_before_passwords_could_be_forgotten_are_kept(
    start: Callable[..., httpx.Client], tmp_path: Path
) -> None:
    call = Caller(start())
    user = user_with_password(call, "jane.doe")
    call("POST", f"/users/{user['id']}/send-activation-email")
    before = mails(call)
    with closing(sqlite3.connect(tmp_path / "sandbox.sqlite3")) as db:
        (made,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'mails'").fetchone()
        older = made.replace("'password_reset', ", "").replace("mails", "older", 1)
        db.execute(older)
        db.executescript("INSERT INTO older SELECT * FROM mails; DROP TABLE mails; ALTER TABLE older RENAME TO mails;")

    again = Caller(start())
    again.http.post("/forgot_password", data={"login": "jane.doe"})

    found = mails(again)
    assert "password_reset" not in older
    assert [mail["kind"] for mail in found] == ["password_reset", "activation"]
    assert found[1:] == before
