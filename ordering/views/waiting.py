"""The basket of a visitor who is signed out: what waits, and the ways in."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.access import public
from ordering import waiting


@public
@never_cache
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show what waits in the visitor's session; who is signed in has a basket."""
    if request.user.is_authenticated:
        return redirect("ordering:basket")
    return TemplateResponse(request, "ordering/waiting_basket.html", {"rows": waiting.waiting(request.session)})


@public
@require_POST
def remove(request: HttpRequest, code: str) -> HttpResponse:
    """Let a plan wait no longer."""
    waiting.remove(request.session, code)
    return redirect("ordering:waiting_basket")
