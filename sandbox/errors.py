"""Refusals in the vendor's error envelope, and the platform codes they carry."""

from typing import Any

from flask import Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from sandbox.answers import answer

DOMAIN = "PlatformAccountServer"

UNAUTHENTICATED = 1000
VERSION_MISMATCH = 1001
ACCESS_DENIED = 1002
PARENT_DISABLED = 1003
NAME_CONFLICT = 1004
TENANT_NOT_FOUND = 1005
TENANT_NOT_DISABLED = 1006
MOVE_UNDER_OWN_CHILD = 1007
MOVE_WITHIN_CUSTOMER = 1008
STORAGE_IN_USE = 1009
SYNC_SHARE_EMAIL_CONFLICT = 1010
DEPROVISIONING = 1011
TENANT_LOCKED = 1012
MOVE_UNDER_DISABLED = 1013
MOVE_ITEMS_UNAVAILABLE = 1014
STORAGE_CONFLICT = 1015
STORAGE_USED_BY_CHILD = 1016
DEFAULT_STORAGE = 1017
USER_DISABLED = 1018
BACKUP_UNAVAILABLE = 1019
ITEM_UNAVAILABLE = 1021
QUOTA_EXCEEDED = 1022
DEPENDENCY = 1023
ADDRESS_FORBIDDEN = 1024
MAIL_NOT_SENT = 1025
SERVICE_UNAVAILABLE = 1026
BUSINESS_RULES = 1027
GUEST_EXISTS = 1028
STORAGE_DEPROVISIONING = 1029
SYNC_SHARE_QUOTA_EXCEEDED = 1030
LOCATION_CONFLICT = 1031
MOVE_WITHOUT_LOCKING_TENANT = 1032
INVALID_LOGIN = 1033
MFA_REQUIRED = 1037


class Refusal(Exception):
    """A request the vendor would refuse. `code` is the HTTP status unless a platform code says more."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: int | None = None,
        info: str | None = None,
        addition: list[dict[str, Any]] | None = None,
        context: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = status if code is None else code
        self.info = info
        self.addition = addition or []
        self.context = context or {}

    def envelope(self) -> dict[str, Any]:
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "details": {"info": self.info, "addition": self.addition},
                "context": self.context,
                "domain": DOMAIN,
            }
        }


class TokenRefusal(Exception):
    """A refusal of the token endpoint, whose body has the shape of OAuth instead of the envelope."""

    def __init__(self, status: int, error: str, description: str, *, reason: str) -> None:
        super().__init__(description)
        self.status = status
        self.body = {"domain": "Access", "reason": reason, "error": error, "error_description": description}


def bad_request(info: str, *, code: int = 400) -> Refusal:
    return Refusal(400, "Bad Request", code=code, info=info)


def broken_rule(message: str, **context: Any) -> Refusal:
    """A request that is well formed but not allowed by the vendor's business rules (code 1027)."""
    return Refusal(400, message, code=BUSINESS_RULES, context=context)


def unauthenticated() -> Refusal:
    """The recorded body of a missing, wrong or expired token: code 1000, not 401."""
    return Refusal(401, "An error has occurred.", code=UNAUTHENTICATED, info="", addition=[{}])


def second_factor_required() -> Refusal:
    """The recorded answer to a user who signs in with a password alone where a second factor is demanded."""
    return Refusal(401, "Multi-Factor Authentication is required", code=MFA_REQUIRED)


def forbidden(message: str = "Access is denied.") -> Refusal:
    return Refusal(403, message, code=ACCESS_DENIED)


def not_found(what: str = "Not found") -> Refusal:
    return Refusal(404, what)


def stale_version(*, sent: int, current: int, status: int = 409) -> Refusal:
    return Refusal(
        status,
        "Object version mismatch.",
        code=VERSION_MISMATCH,
        info=f"Version {sent} was sent, the current version is {current}.",
        context={"version": str(current)},
    )


def answer_refusal(refusal: Refusal) -> Response:
    return answer(refusal.envelope(), refusal.status)


def answer_token_refusal(refusal: TokenRefusal) -> Response:
    return answer(refusal.body, refusal.status)


def answer_http_error(error: HTTPException) -> Response:
    """Give the framework's own errors (404, 405, 500…) the envelope, with the HTTP status as the code."""
    status = error.code or 500
    response = answer(Refusal(status, error.name, info=error.name).envelope(), status)
    if isinstance(error, MethodNotAllowed):
        response.allow.update(error.valid_methods or ())
    return response
