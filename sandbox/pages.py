"""What a person sees: tenants, users and mails, the portal that stands for the vendor's, and the links in the mails."""

import json
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask import redirect as redirect_to
from werkzeug.wrappers import Response

from sandbox import auth, current, mails, offering_items, tree, users
from sandbox.definitions import APPLICATIONS

routes = Blueprint("pages", __name__)

ROWS_SHOWN = 200
SHORTEST_PASSWORD = 9

Page = str | tuple[str, int] | Response


# Rows, for the pages and for their JSON twins


def tenant_rows(limit: int = -1) -> list[dict[str, Any]]:
    """Tenants, newest first, without deleted and personal ones."""
    rows = current.db().execute(
        "SELECT t.*, p.name AS parent_name,"
        " (SELECT count(*) FROM offering_items o WHERE o.tenant_id = t.id AND o.status = 1) AS items"
        " FROM tenants t JOIN tenants p ON p.id = t.parent_id WHERE t.deleted_at IS NULL AND t.owner_id IS NULL"
        " ORDER BY t.number DESC LIMIT ?",
        (limit,),
    )
    names = ("id", "parent_id", "parent_name", "kind", "name", "customer_id", "internal_tag", "items", "created_at")
    return [
        {
            **{name: row[name] for name in names},
            "enabled": bool(row["enabled"]),
            "pricing_mode": tree.pricing_mode(row, current.now()),
        }
        for row in rows
    ]


def user_rows(limit: int = -1) -> list[dict[str, Any]]:
    """Users, newest first, without deleted ones."""
    rows = current.db().execute(
        "SELECT u.id, u.tenant_id, t.name AS tenant_name, u.login, u.activated, u.enabled, u.created_at, u.details,"
        " (SELECT group_concat(role_id) FROM access_policies a WHERE a.user_id = u.id) AS roles"
        " FROM users u JOIN tenants t ON t.id = u.tenant_id WHERE u.deleted_at IS NULL ORDER BY u.number DESC LIMIT ?",
        (limit,),
    )
    names = ("id", "tenant_id", "tenant_name", "login", "created_at")
    return [
        {
            **{name: row[name] for name in names},
            "email": json.loads(row["details"])["contact"]["email"],
            "roles": (row["roles"] or "").split(",") if row["roles"] else [],
            "activated": bool(row["activated"]),
            "enabled": bool(row["enabled"]),
        }
        for row in rows
    ]


def mail_rows(limit: int = -1) -> list[dict[str, Any]]:
    """Mails, newest first, each with its link."""
    rows = current.db().execute("SELECT * FROM mails ORDER BY number DESC LIMIT ?", (limit,))
    return [
        {
            "kind": row["kind"],
            "to": row["sent_to"],
            "login": row["login"],
            "subject": row["subject"],
            "sent_at": row["sent_at"],
            "used_at": row["used_at"],
            "link": url_for("pages.follow_mail", token=row["token"], _external=True),
        }
        for row in rows
    ]


@routes.get("/")
def overview() -> str:
    count = current.db().execute(
        "SELECT (SELECT count(*) FROM tenants WHERE deleted_at IS NULL AND owner_id IS NULL) AS tenants,"
        " (SELECT count(*) FROM users WHERE deleted_at IS NULL) AS users, (SELECT count(*) FROM mails) AS mails"
    )
    return render_template(
        "overview.html",
        now=current.now(),
        shown=ROWS_SHOWN,
        count=count.fetchone(),
        tenants=tenant_rows(ROWS_SHOWN),
        users=user_rows(ROWS_SHOWN),
        mails=mail_rows(ROWS_SHOWN),
    )


# The portal


@routes.get("/mc/")
def portal() -> Page:
    """Who is signed in, for which tenant, and its services."""
    user = auth.signed_in_user()
    if user is None:
        return redirect_to(url_for("pages.portal_sign_in"))
    tenant = tree.row_of(user["tenant_id"])
    services = [APPLICATIONS[one].name for one in offering_items.applications_of(tenant)]
    roles = current.db().execute("SELECT role_id FROM access_policies WHERE user_id = ?", (user["id"],))
    return render_template(
        "portal.html",
        user=users.user_object(user),
        tenant=tenant,
        services=services,
        roles=[row["role_id"] for row in roles],
    )


@routes.get("/mc/login")
def portal_sign_in() -> str:
    return render_template("sign_in.html", login=request.args.get("login", ""), problem="")


@routes.post("/mc/login")
def sign_in_to_portal() -> Page:
    login, password = request.form.get("login", ""), request.form.get("password", "")
    user = auth.user_with_password(login, password)
    if user is None:
        problem = "This login and password do not go together, or the account is disabled."
        return render_template("sign_in.html", login=login, problem=problem), 401
    auth.sign_in(user["id"])
    return redirect_to(url_for("pages.portal"))


# Links in mails


@routes.get("/mc/mail/<token>")
def follow_mail(token: str) -> Page:
    """An activation link shows a form for the password; a link for a new address shows a button to confirm it."""
    mail = mails.find(token)
    if mail is None:
        return render_template("link_used.html"), 404
    return render_template("mail_link.html", mail=mail, problem="", shortest=SHORTEST_PASSWORD)


@routes.post("/mc/mail/<token>")
def answer_mail(token: str) -> Page:
    mail = mails.find(token)
    if mail is None:
        return render_template("link_used.html"), 404
    if mail["kind"] == "email_change":
        users.confirm_email(mail["user_id"], mail["sent_to"])
        mails.mark_used(token)
        return redirect_to(url_for("pages.portal"))
    password = request.form.get("password", "")
    if len(password) < SHORTEST_PASSWORD:
        problem = f"A password needs at least {SHORTEST_PASSWORD} characters."
        page = render_template("mail_link.html", mail=mail, problem=problem, shortest=SHORTEST_PASSWORD)
        return page, 400
    users.activate(mail["user_id"], password)
    mails.mark_used(token)
    user = users.row_of(mail["user_id"])
    if auth.may_sign_in(user):
        auth.sign_in(user["id"])
    return redirect_to(url_for("pages.portal"))
