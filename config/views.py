"""What tells machines how we are."""

from collections.abc import Callable

from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from accounts.access import public


@public
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 while the database and the broker answer, else 503 and which of them does not."""
    parts = {"database": _answers(_ask_database), "broker": _answers(_ask_broker)}
    return JsonResponse(parts, status=200 if all(state == "ok" for state in parts.values()) else 503)


def _answers(ask: Callable[[], None]) -> str:
    try:
        ask()
    except Exception as error:  # whatever it is, it is the answer to “how are you”
        return type(error).__name__
    return "ok"


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_broker() -> None:
    cache.get("healthz")
