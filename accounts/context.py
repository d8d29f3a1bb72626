"""What every page's header shows."""

from typing import Any

from django.http import HttpRequest

from accounts.acting import acting_membership


def acting(request: HttpRequest) -> dict[str, Any]:
    """Give templates the membership this person acts by."""
    return {"acting": acting_membership(request)}
