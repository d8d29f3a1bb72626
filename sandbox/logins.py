"""What is acceptable as a login and free, and which passwords were seen in a data breach."""

import re
from hashlib import sha1

from flask import Blueprint, Response, request

from sandbox import auth, current
from sandbox.answers import answer, nothing
from sandbox.errors import GUEST_EXISTS, INVALID_LOGIN, Refusal, bad_request
from sandbox.incoming import json_body, required, text

routes = Blueprint("logins", __name__)

LOGIN = re.compile(r"[A-Za-z0-9.@_\-+:!#$%^*={}'`/?]{3,}")
SHA1 = re.compile(r"[0-9a-fA-F]{40}")
LEAKED_PASSWORDS = ("123456", "12345678", "password", "qwerty", "letmein", "iloveyou", "admin", "welcome")
LEAKED_HASHES = frozenset(sha1(word.encode(), usedforsecurity=False).hexdigest() for word in LEAKED_PASSWORDS)


def refuse_malformed_login(login: str, *, status: int) -> None:
    if not LOGIN.fullmatch(login):
        raise Refusal(
            status,
            "Login is not acceptable.",
            code=status if status == 406 else INVALID_LOGIN,
            info="A login has at least 3 characters: ASCII letters, digits and .@_-+:!#$%^*={}'`/?",
        )


def refuse_taken_login(login: str, *, but: str = "") -> None:
    """Logins are unique over the whole platform, compared without case; 1028 tells that a guest has it."""
    taken = (
        current.db()
        .execute("SELECT id FROM users WHERE login_key = ? AND id <> ? AND deleted_at IS NULL", (login.casefold(), but))
        .fetchone()
    )
    if taken is None:
        return
    guest = current.db().execute("SELECT 1 FROM access_policies WHERE user_id = ? AND role_id = 'sync_share_guest'", (taken["id"],))
    raise Refusal(409, f"User '{login}' exists", code=GUEST_EXISTS if guest.fetchone() else 409)


@routes.get("/users/check_login")
def check_login() -> Response:
    """204 free, 409 taken, 406 malformed."""
    login = request.args.get("username", "").strip()
    refuse_malformed_login(login, status=406)
    refuse_taken_login(login)
    return nothing()


@routes.post("/users/check_password")
@auth.open_to_all
def check_password() -> Response:
    """Was a password, sent as the SHA-1 of it in hexadecimal, seen in a data breach? The sandbox knows a handful."""
    digest = text(required(json_body(), "password"), "password")
    if not SHA1.fullmatch(digest):
        raise bad_request("password must be a SHA-1 of 40 hexadecimal digits.")
    return answer({"compromised": digest.lower() in LEAKED_HASHES})
