"""“Login to panel”: leaving for the vendor's portal as one of its users, without a password."""

from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from common import clock
from common.bss import staff
from provisioning.admin.asking import kept_nowhere
from provisioning.models import TenantUser
from provisioning.operations import users


def lets_out_to(response: HttpResponse, base_url: str) -> HttpResponse:
    """Let the forms of this page send the browser on to the vendor; the content policy keeps all others at home."""
    parts = urlsplit(base_url)
    response._csp_update = {"form-action": f"{parts.scheme}://{parts.netloc}"}  # type: ignore[attr-defined]
    return response


def open_panel(request: HttpRequest, user: TenantUser) -> HttpResponse:
    """
    Send the browser to the vendor, signed in as ``user``; the address works once and is kept nowhere.

    :raises CannotOpenPanel: the vendor does not let this user in now.
    """
    address = users.panel_url(tenant_user_id=user.pk, by=staff(request), at=clock.now())
    return kept_nowhere(HttpResponseRedirect(address))
