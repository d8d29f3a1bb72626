"""Where somebody goes on who was stopped on the way: signed out meanwhile, or with a form that is too old."""

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect

SIGNED_OUT = "You were signed out meanwhile. Sign in and you are back on the page; what you had just sent was not kept."


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """
    Lead somebody who is signed out to the sign-in, and from there back to the page.

    What was sent is lost with the session that it belonged to: that is said, and the way back leads to the page it was sent from,
    because its own address may be one that is only posted to. A fragment of a page leads the whole page there.
    """
    if getattr(request, "htmx", False):
        current = request.htmx.current_url_abs_path or "/"  # type: ignore[attr-defined]
        return HttpResponseClientRedirect(redirect_to_login(current, resolve_url(settings.LOGIN_URL)).url)
    if request.method in ("GET", "HEAD"):
        return redirect_to_login(request.get_full_path(), resolve_url(settings.LOGIN_URL))
    messages.warning(request, SIGNED_OUT)
    return redirect_to_login(page_before(request) or "/", resolve_url(settings.LOGIN_URL))


def page_before(request: HttpRequest) -> str:
    """Return the path, with its query, of our own page that a form was sent from; empty where the browser does not tell."""
    before = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(before, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    parts = urlsplit(before)
    return f"{parts.path}?{parts.query}" if is_ours and parts.query else parts.path if is_ours else ""
