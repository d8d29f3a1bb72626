"""What the pages about the vendor share: its refusals as sentences, doors by permission, answers that are kept nowhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from common.errors import DomainError
from provisioning import queries
from provisioning.acronis.errors import AcronisError
from provisioning.models import Tenant

BESIDE_FORM = "beside=form"


class VendorRefused(DomainError):
    """The vendor did not do what was asked; its answer, as a sentence for the page."""


@contextmanager
def vendor_speaks() -> Iterator[None]:
    """
    Ask the vendor within the block.

    :raises VendorRefused: it refused or did not answer; the text says what and what to do.
    """
    try:
        yield
    except AcronisError as error:
        raise VendorRefused(str(error)) from error


def require(request: HttpRequest, *permissions: str) -> None:
    """
    Let pass who has any of ``permissions``.

    :raises PermissionDenied: everybody else.
    """
    if not any(request.user.has_perm(permission) for permission in permissions):
        raise PermissionDenied


def id_sent(text: str | None) -> int:
    """Return the id that was sent, 0 (which no row has) for whatever cannot be one."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= 18 else 0


def kept_nowhere(response: HttpResponse) -> HttpResponse:
    """Mark an answer that holds a password or a one-time token: no cache keeps it, and no other site learns its address."""
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response


def progress_fragment(request: HttpRequest, tenant: Tenant, url: str) -> HttpResponse:
    """
    Show what was done for ``tenant`` at the vendor; once nothing moves any more, the whole page is loaded anew.

    With ``beside=form`` the page stays, because somebody may be typing there; only its state is replaced along with the steps.
    """
    progress = queries.tenant_progress(tenant)
    is_beside_form = request.GET.get("beside") == "form"
    context = {
        "progress": progress,
        "progress_url": f"{url}?{BESIDE_FORM}" if is_beside_form else url,
        "replaces_state": is_beside_form,
    }
    response = TemplateResponse(request, "admin/provisioning/_progress.html", context)
    if not progress.is_moving and not is_beside_form:
        response["HX-Refresh"] = "true"
    return response
