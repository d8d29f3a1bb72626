"""What every page's header shows."""

from functools import partial
from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.acting import acting_membership
from accounts.arriving import arrived_at


def acting(request: HttpRequest) -> dict[str, Any]:
    """Give templates the membership this person acts by, and the seller by whose door a visitor came."""
    return {  # each is asked for only where it is shown
        "acting": SimpleLazyObject(partial(acting_membership, request)),
        "arrived_at": SimpleLazyObject(partial(arrived_at, request)),
    }
