"""“Acronis” on a reseller's organization: its partner tenant, and “Save & synchronize”."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse

from accounts.models import Organization
from common import clock
from common.bss import BssAdmin, refuse
from common.errors import DomainError
from provisioning import queries
from provisioning.admin.asking import BESIDE_FORM, id_sent, require, vendor_speaks
from provisioning.forms.tenants import SynchronizeForm
from provisioning.models import ServiceManager, Tenant
from provisioning.operations import partners, preview

SYNCHRONIZE = "provisioning.change_tenant"


class SynchronizationPages(BssAdmin):
    """Gives the tenants' part of the back office a page per reseller."""

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [path("reseller/<str:number>/", own(self.reseller_view), name=self.url_name("reseller")), *super().get_urls()]

    def reseller_view(self, request: HttpRequest, number: str) -> HttpResponse:
        """Show and write where the reseller's tenant stands and who administers it; before that, on demand, what it would do."""
        require(request, SYNCHRONIZE)
        reseller = get_object_or_404(Organization, kind=Organization.Kind.RESELLER, number=number)
        sent = request.POST if request.method == "POST" else None
        chosen = request.POST.get("service_manager") if sent is not None else request.GET.get("service_manager")
        form = SynchronizeForm(sent, reseller=reseller, manager=_manager(reseller, chosen))
        plan: dict[str, Any] = {}
        if form.is_valid():
            try:
                if "preview" in request.POST:
                    plan = {"steps": _steps(reseller, form.cleaned_data), "is_asked": True}
                else:
                    partners.synchronize_reseller(reseller=reseller, at=clock.now(), **form.cleaned_data)
                    messages.success(request, "Saved. The steps at Acronis are shown here as they are taken.")
                    return redirect(f"{request.path}?service_manager={form.cleaned_data['service_manager'].pk}")
            except DomainError as refusal:
                refuse(form, refusal)
        return self.page(
            request,
            "admin/provisioning/reseller.html",
            title=f"{reseller.name} at Acronis",
            reseller=reseller,
            form=form,
            tenants=[_shown(tenant) for tenant in _tenants(reseller)],
            back=reverse("admin:accounts_organization_change", args=[reseller.pk]),
            **plan,
        )


def _steps(reseller: Organization, wish: dict[str, Any]) -> list[preview.Step]:
    with vendor_speaks():
        return preview.steps_of_synchronization(reseller=reseller, **wish)


def _tenants(reseller: Organization) -> list[Tenant]:
    return list(reseller.tenants.live().select_related("organization", "service_manager", "parent").order_by("pk"))


def _shown(tenant: Tenant) -> dict[str, Any]:
    return {
        "progress": queries.tenant_progress(tenant),
        "url": reverse("admin:provisioning_tenant_change", args=[tenant.pk]),
        "progress_url": reverse("admin:provisioning_tenant_progress", args=[tenant.pk]) + f"?{BESIDE_FORM}",
    }


def _manager(reseller: Organization, chosen: str | None) -> ServiceManager | None:
    """The service manager that was chosen, else the one that has the reseller's tenant, else the only one there is."""
    active = ServiceManager.objects.filter(is_active=True)
    if chosen:
        return active.filter(pk=id_sent(chosen)).first()
    if tenants := _tenants(reseller):
        return tenants[0].service_manager
    first_two = list(active[:2])
    return first_two[0] if len(first_two) == 1 else None
