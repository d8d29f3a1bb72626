"""What a reader meets whose form was refused because it is too old, or was not sent from one of our pages."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from accounts.leading_back import page_before


@never_cache
def refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """
    Say in plain words what happened to a form whose token does not fit (`CSRF_FAILURE_VIEW`), and lead back to its page.

    Mostly somebody signed in or out in another tab meanwhile. Nothing of the form was carried out.
    """
    return render(request, "403_csrf.html", {"back": page_before(request)}, status=403)
