"""What the vendor's own customers see: the portal that stands for the vendor's, and the links in the mails."""

import json

from flask import Blueprint, render_template, request, url_for
from flask import redirect as redirect_to
from werkzeug.wrappers import Response

from sandbox import auth, current, mails, offering_items, passwords, tree, users
from sandbox.definitions import APPLICATIONS

routes = Blueprint("pages", __name__)

SHORTEST_PASSWORD = 9

Page = str | tuple[str, int] | Response


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


# A forgotten password


@routes.get("/forgot_password")
def forgot_password() -> str:
    """The page that `/accounts/forgot_link` names."""
    return render_template("forgot_password.html", login=request.args.get("login", ""), problem="", is_asked=False)


@routes.post("/forgot_password")
def ask_for_reset() -> Page:
    """
    Mail a link that sets a password to the user with this login; asking again sends another mail.

    Nothing is sent for a login nobody has, a user who may not sign in and an address that takes no mail. The page is the same
    for all of them: it tells nobody which logins exist.
    """
    login = request.form.get("login", "").strip()
    if not login:
        return render_template("forgot_password.html", login="", problem="Type your login.", is_asked=False), 400
    user = auth.user_with_login(login)
    if user is not None and auth.may_sign_in(user):
        email = json.loads(user["details"])["contact"]["email"]
        if passwords.is_reachable(email):
            mails.send(user, kind="password_reset", to=email)
    return render_template("forgot_password.html", login=login, problem="", is_asked=True)


# Links in mails


@routes.get("/mc/mail/<token>")
def follow_mail(token: str) -> Page:
    """An activation or reset link shows a form for the password; a link for a new address shows a button to confirm it."""
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
