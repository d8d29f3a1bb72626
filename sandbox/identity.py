"""Where to find the data centre, one-time tokens and the pages they lead to."""

import base64
import secrets
import sqlite3
import time
from typing import Any

from flask import Blueprint, Response, render_template, request, session, url_for

from sandbox import auth, current, tree, users
from sandbox.answers import answer
from sandbox.errors import USER_DISABLED, Refusal, bad_request, forbidden, not_found
from sandbox.incoming import json_body, one_of, query, required, text

routes = Blueprint("identity", __name__)
routes_v1 = Blueprint("identity_v1", __name__)

OTT_SECONDS = 300


@routes_v1.get("/accounts")
def get_account() -> Response:
    """The data centre of a login, without a slash at the end; the one path of version 1 that is still served."""
    login = query("login")
    if auth.user_with_login(login) is None:
        raise not_found("Account is not found.")
    return answer({"login": login, "id": 0, "server_url": _base_url()})


def _base_url() -> str:
    return request.host_url.rstrip("/")


@routes.get("/accounts/forgot_link")
@auth.open_to_all
def get_forgot_link() -> Response:
    """Where the portal's page for a forgotten password lies; the same for every login, known or not."""
    query("login")
    return answer({"link": url_for("pages.forgot_password")})


# Signing in without a password


@routes.post("/idp/ott")
def issue_one_time_token() -> Response:
    """For API clients only; good once, for five minutes, for a user in the client's tenant or below."""
    body = json_body()
    if not current.caller().is_client:
        raise forbidden("One-time tokens are for API clients only.")
    one_of(required(body, "purpose"), "purpose", ("user_login", "verify"))
    user = _named_user(body)
    tree.find_open_tenant(user["tenant_id"])
    if not auth.may_sign_in(user):
        raise Refusal(403, "The user or a tenant above is disabled.", code=USER_DISABLED, context={"id": user["id"]})
    ott = base64.urlsafe_b64encode(b"OTT\x01" + secrets.token_bytes(36)).decode()
    current.db().execute("INSERT INTO one_time_tokens VALUES (?, ?, ?)", (ott, user["id"], time.time() + OTT_SECONDS))
    return answer({"ott": ott})


def _named_user(body: dict[str, Any]) -> sqlite3.Row:
    for name, column in (("user_id", "id"), ("login", "login_key"), ("external_id", "external_id")):
        if body.get(name):
            value = text(body[name], name)
            row: sqlite3.Row | None = (
                current.db()
                .execute(
                    f"SELECT * FROM users WHERE {column} = ? AND deleted_at IS NULL",  # noqa: S608
                    (value.casefold() if name == "login" else value,),
                )
                .fetchone()
            )
            if row is None:
                raise bad_request("The user does not exist.")
            return row
    raise bad_request("One of login, user_id and external_id is required.")


@routes.post("/idp/ott/login")
@auth.open_to_all
def sign_in_with_one_time_token() -> Response:
    """The user, and a session cookie. A token that was used or has expired is refused."""
    ott = text(required(json_body(), "ott"), "ott")
    db = current.db()
    row = db.execute("SELECT * FROM one_time_tokens WHERE ott = ?", (ott,)).fetchone()
    db.execute("DELETE FROM one_time_tokens WHERE ott = ? OR expires_on < ?", (ott, time.time()))
    if row is None or row["expires_on"] < time.time():
        raise Refusal(401, "The one-time token is not valid.")
    user = users.row_of(row["user_id"])
    if not auth.may_sign_in(user):
        raise Refusal(401, "The one-time token is not valid.")
    auth.sign_in(user["id"])
    return answer(users.user_object(user))


@routes.get("/idp/external-login")
@auth.open_to_all
def external_login_page() -> str:
    """A page that takes the token from the address, posts it and goes on to `targetURI` here."""
    return render_template("external_login.html")


@routes.get("/idp/logout")
@auth.open_to_all
def sign_out() -> str:
    """End the session; the vendor answers with a page, too, not with a redirect."""
    session.clear()
    return render_template("sign_in.html", login="", problem="")
