"""The way out of acting as a customer."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from accounts import acting_as, operations
from accounts.access import staff_acting_required
from common import clock


@staff_acting_required
@require_POST
def stop_acting_as(request: HttpRequest) -> HttpResponse:
    """Be oneself again, on the page of the BSS one came from; pressed in a second tab, only that page is shown."""
    row = acting_as.marked(request)
    if row is not None:
        operations.end_acting_as(acting_as_id=row.pk, at=clock.now())
        messages.success(request, f"You do not act as {row.person} any more.")
    return redirect(acting_as.stop(request))
