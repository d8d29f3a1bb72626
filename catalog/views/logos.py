"""Logos, as everybody may see them: on marketplaces, in mails, on invoices."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from accounts.access import public
from catalog.models import Logo

A_YEAR = 31_536_000  # seconds


@public
@require_safe
def logo(request: HttpRequest, sha256: str) -> HttpResponse:
    """Serve one logo. Its name is its content, so whoever has it once never needs to ask again."""
    found = get_object_or_404(Logo.objects.only("png"), sha256=sha256)
    answer = HttpResponse(bytes(found.png), content_type="image/png")
    answer["Cache-Control"] = f"public, max-age={A_YEAR}, immutable"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
