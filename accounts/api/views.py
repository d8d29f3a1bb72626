"""The base of every view of the API."""

from typing import Any, ClassVar

import pghistory
from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.callers import Caller
from accounts.models import ApiToken
from common.api import check_length


class ScopedView(APIView):
    """
    A view of the API. It names a scope for each method it has, and that is its access mark; how callers are let in, counted and
    refused is in the settings.
    """

    scopes: ClassVar[dict[str, ApiToken.Scope]]
    metadata_class = None

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        view = super().as_view(**initkwargs)
        view.access = "scope:" + ",".join(sorted(set(cls.scopes.values())))  # type: ignore[attr-defined]
        return view

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """
        Let history say, of every row changed here, by which token.

        :raises BodyTooLong: before anybody reads it: Django's own limit is larger, and no error of this API.
        :raises NotFound: the path has a NUL character in it, which no text of the database has.
        """
        check_length(request)
        super().initial(request, *args, **kwargs)
        if any("\x00" in part for part in kwargs.values()):
            raise NotFound
        if self.caller.token is not None:
            pghistory.context(api_token=self.caller.token.prefix)  # where a change is tracked at all

    @property
    def caller(self) -> Caller:
        caller = self.request.auth
        assert isinstance(caller, Caller)  # HasScope saw to it
        return caller

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        """What one caller gets is not for another, nor for a cache between them."""
        final: Response = super().finalize_response(request, response, *args, **kwargs)
        final.headers.setdefault("Cache-Control", "private, no-store")
        return final


class TokenScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document writes down that a token is needed."""

    target_class = "accounts.api.callers.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "An API token of the organization, with the scope named."}


class PersonScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document writes down that being signed in is enough."""

    target_class = "accounts.api.callers.PersonAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME, "description": "Signed in."}
