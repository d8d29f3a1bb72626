"""What is done when Django tells of a sign-out, whichever of its doors was used."""

from typing import Any

from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest

from accounts import acting_as, operations
from common import clock


@receiver(user_logged_out, dispatch_uid="accounts.end_acting_as")
def stop_acting_as(sender: Any, request: HttpRequest | None = None, **_ignored: Any) -> None:
    """Who signs out does not act as anybody any more."""
    row = acting_as.marked(request) if request is not None and hasattr(request, "session") else None
    if row is not None:
        operations.end_acting_as(acting_as_id=row.pk, at=clock.now())
