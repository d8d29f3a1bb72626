"""What every page's header shows."""

from functools import partial
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.acting import acting_membership


def acting(request: HttpRequest) -> dict[str, Any]:
    """Give templates the membership this person acts by."""
    return {"acting": SimpleLazyObject(partial(acting_membership, request))}  # asked for only where it is shown
