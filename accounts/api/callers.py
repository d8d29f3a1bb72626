"""
Who may use the API, for whom, and how often.

A program shows a token (`Authorization: Bearer …`); a person who is signed in uses the session, and then every change needs the
CSRF token. Either way the request acts for exactly one organization within scopes, its `Caller`.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.views.decorators.debug import sensitive_variables
from redis.exceptions import RedisError
from rest_framework import authentication, exceptions
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts import api_tokens
from accounts.acting import acting_membership
from accounts.models import ApiToken, Membership, Organization, User
from common import clock

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which itself imports what the settings name, and that is in here

WINDOW_SECONDS = 60

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """For whom a request acts, what it may do, and by which token or person."""

    organization: Organization
    scopes: frozenset[str]
    token: ApiToken | None = None
    person: User | None = None

    @property
    def key(self) -> str:
        """What its requests are counted under."""
        if self.token is not None:
            return f"token-{self.token.pk}"
        assert self.person is not None
        return f"person-{self.person.pk}"


class TokenAuthentication(authentication.BaseAuthentication):
    """Lets a program in by its token. Needs no CSRF token: no browser sends this header by itself."""

    @sensitive_variables("header", "secret")
    def authenticate(self, request: Request) -> tuple[AnonymousUser, Caller] | None:
        header = request.headers.get("Authorization", "")
        if not header:
            return None
        scheme, _, secret = header.partition(" ")
        if scheme.lower() != "bearer":
            raise exceptions.AuthenticationFailed("Send “Authorization: Bearer” and an API token.")
        try:
            token = api_tokens.authenticate(secret.strip(), at=clock.now())
        except api_tokens.TokenRefused as refusal:
            raise exceptions.AuthenticationFailed(str(refusal)) from None
        scopes = frozenset(token.scopes) & frozenset(api_tokens.scopes_for(token.organization))
        return AnonymousUser(), Caller(token.organization, scopes, token=token)

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Cloudtill"'


class PersonAuthentication(authentication.SessionAuthentication):
    """Lets in a person who is signed in, for the organization chosen in the header of the storefront."""

    def authenticate(self, request: Request) -> tuple[User, Caller] | None:
        signed_in = super().authenticate(request)
        if signed_in is None:
            return None
        membership = acting_membership(request._request)
        if membership is None:
            raise exceptions.PermissionDenied("You do not act for an organization.")
        person: User = signed_in[0]
        return person, Caller(membership.organization, _scopes_of(membership), person=person)


def _scopes_of(membership: Membership) -> frozenset[str]:
    """What a person may do by the role, as in the storefront: only an administrator changes prices, and no viewer orders."""
    may = {ApiToken.Scope.PARTNER_WRITE: membership.may_edit_billing, ApiToken.Scope.ORDERS_WRITE: membership.may_order}
    return frozenset(scope for scope in api_tokens.scopes_for(membership.organization) if may.get(scope, True))


class HasScope(BasePermission):
    """Looks whether the caller's scopes hold the one that the view names for the method."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if not isinstance(request.auth, Caller):
            return False
        method = "GET" if request.method == "HEAD" else request.method
        needed = view.scopes.get(method)  # type: ignore[attr-defined]  # a `ScopedView`
        if needed is not None and needed not in request.auth.scopes:
            raise exceptions.PermissionDenied(f"This needs the scope {needed.value} (“{needed.label}”).", code="missing_scope")
        return True  # a method that names no scope has no handler; the answer is 405


class PerCaller(BaseThrottle):
    """
    Counts requests per caller and minute in the cache, in one number for each; more than `API_REQUESTS_PER_MINUTE` have to wait.

    Every process counts into the same number. When the minute is over, so is the wait. While the cache is lost nobody is counted:
    the API stands on the database alone, as pages do.
    """

    def allow_request(self, request: Request, view: "APIView") -> bool:
        assert isinstance(request.auth, Caller)
        self.now = clock.now()
        key = f"api-requests:{request.auth.key}:{_window(self.now)}"
        try:
            cache.add(key, 0, timeout=2 * WINDOW_SECONDS)
            return cache.incr(key) <= settings.API_REQUESTS_PER_MINUTE
        except ValueError:  # the cache lost the number between the two lines; it begins again
            return True
        except (RedisError, OSError) as lost:
            logger.warning("API requests are not counted: %s", type(lost).__name__)
            return True

    def wait(self) -> float:
        return WINDOW_SECONDS - int(self.now.timestamp()) % WINDOW_SECONDS


def _window(at: datetime) -> int:
    return int(at.timestamp()) // WINDOW_SECONDS
