"""Integrations with the vendor, and what the vendor offers there."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from unfold.admin import TabularInline
from unfold.decorators import display

from common import clock
from common.bss import BssAdmin, Ledger, LedgerInline, Move, link, refuse, related
from common.errors import DomainError
from provisioning.admin.asking import require
from provisioning.forms.service_managers import DataCentreForm, ServiceManagerForm
from provisioning.models import ServiceManager, VendorOfferingItem, VendorStorage
from provisioning.operations import connection

CHANGE = "provisioning.change_servicemanager"
CAPABILITY_WORDS = {"backup": "Backups", "files_cloud": "File Sync & Share", "disaster_recovery": "Disaster recovery"}


class StorageInline(LedgerInline, TabularInline):
    model = VendorStorage
    fields = readonly_fields = ("page", "infra_id", "capability_names", "capacity", "is_offered")
    ordering = ("name", "pk")
    verbose_name_plural = "storages (backup locations)"

    @display(description="name")
    def page(self, storage: VendorStorage) -> str:
        return link(reverse("admin:provisioning_vendorstorage_change", args=[storage.pk]), storage.name)

    @display(description="holds")
    def capability_names(self, storage: VendorStorage) -> str:
        return _capability_names(storage)


def _capability_names(storage: VendorStorage) -> str:
    return ", ".join(CAPABILITY_WORDS.get(capability, capability) for capability in storage.capabilities)


@admin.register(VendorStorage)
class VendorStorageAdmin(BssAdmin):
    """A backup location. All of it comes from the vendor but its capacity, which the vendor does not tell."""

    list_display = ("name", "service_manager", "capability_names", "capacity", "is_offered")
    list_select_related = ("service_manager",)
    list_filter = ("service_manager", "is_offered")
    search_fields = ("name",)
    fields = ("name", "service_manager", "infra_id", "capability_names", "is_offered", "capacity")
    readonly_fields = ("name", "service_manager", "infra_id", "capability_names", "is_offered")

    @display(description="holds")
    def capability_names(self, storage: VendorStorage) -> str:
        return _capability_names(storage)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever sets up the integration says how large its storages are."""
        return request.user.has_perm(CHANGE)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ServiceManager)
class ServiceManagerAdmin(BssAdmin):
    form = ServiceManagerForm
    list_display = ("name", "base_url", "vendor_currency", "is_active", "tested_at", "test_result")
    search_fields = ("name", "base_url")
    ordering = ("name",)
    inlines = (StorageInline,)
    readonly_fields = ("root_tenant_id", "tested_at", "test_result", "definition_fetched_at", "offering_items")
    fieldsets = (
        (None, {"fields": ("name", "base_url", "client_id", "client_secret", "is_active")}),
        ("What it sells", {"fields": ("vendor_currency", "fss_per_workload_edition", "activation")}),
        (
            "Where data lies",
            {"fields": ("default_backup_storage", "default_file_storage", "default_disaster_recovery_storage")},
        ),
        (
            "Connection",
            {
                "fields": (
                    "max_parallel_calls",
                    ("root_tenant_id", "tested_at"),
                    "test_result",
                    "definition_fetched_at",
                    "offering_items",
                )
            },
        ),
    )
    add_fieldsets = (*fieldsets[:1], (None, {"fields": ("vendor_currency",)}))
    moves = (
        Move("test_connection", "Test connection", CHANGE, variant="primary"),
        Move(
            "fetch_services_definition",
            "Get services definition",
            CHANGE,
            lambda manager: manager.root_tenant_id is not None,
        ),
    )

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("find-data-centre/", own(self.find_view), name=self.url_name("find")),
            path("<path:object_id>/find-data-centre/", own(self.find_view), name=self.url_name("find_again")),
            *super().get_urls(),
        ]

    def offered_moves(self, request: HttpRequest, row: Any) -> list[dict[str, str | bool]]:
        moves = super().offered_moves(request, row)
        if request.user.has_perm(CHANGE):
            url = self.url_of(row, "find_again")
            moves.append({"label": "Find the data centre", "url": url, "variant": "default", "asks_first": True})
        return moves

    @display(description="offering items")
    def offering_items(self, manager: ServiceManager) -> str:
        counts = manager.offering_items.filter(is_offered=True).aggregate(
            items=Count("pk"),
            editions=Count("edition", distinct=True, filter=~Q(edition="")),
            apps=Count("application_type", distinct=True),
        )
        if not counts["items"]:
            return "None yet. “Get services definition” reads them from the vendor."
        return f"{counts['items']} (editions: {counts['editions']}, applications: {counts['apps']})"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def test_connection(self, request: HttpRequest, manager: ServiceManager) -> str:
        return connection.test_connection(service_manager_id=manager.pk, at=clock.now())

    def fetch_services_definition(self, request: HttpRequest, manager: ServiceManager) -> str:
        return connection.fetch_services_definition(service_manager_id=manager.pk, at=clock.now())

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave the secret out for whoever may only look: read-only values are written in full, and this one is never shown."""
        if obj is None or self.has_change_permission(request, obj):
            return super().get_fieldsets(request, obj)
        return [
            (title, {**options, "fields": tuple(name for name in options["fields"] if name != "client_secret")})
            for title, options in super().get_fieldsets(request, obj)
        ]

    # --- The data centre by a login ------------------------------------------------------------------------------------

    def find_view(self, request: HttpRequest, object_id: str = "") -> HttpResponse:
        """
        Ask the vendor where a login lives. Of a service manager that is there the address is changed once that was agreed to; for
        a new one the form to add it opens with the address filled in.
        """
        manager = self.row_or_404(request, object_id) if object_id else None
        require(request, CHANGE if manager else "provisioning.add_servicemanager")
        form = DataCentreForm(request.POST if request.method == "POST" else None)
        found = ""
        if form.is_valid():
            try:
                found = connection.find_data_centre(login=form.cleaned_data["login"])
                if manager is None:
                    return redirect(reverse(f"admin:{self.url_name('add')}") + f"?{urlencode({'base_url': found})}")
                if request.POST.get("confirm") == found:
                    connection.use_data_centre(service_manager_id=manager.pk, base_url=found)
                    messages.success(request, f"The data centre is {found}. Test the connection now.")
                    return redirect(self.url_of(manager))
            except DomainError as refusal:
                refuse(form, refusal)
        return self.page(
            request,
            "admin/provisioning/data_centre.html",
            title="Find the data centre",
            original=manager,
            form=form,
            found=found,
            back=self.url_of(manager) if manager else self.list_url(),
        )

    def related_lists(self, request: HttpRequest, row: ServiceManager) -> list[tuple[str, str]]:
        mine = f"service_manager__id__exact={row.pk}"
        return [
            *related(
                request,
                "provisioning.view_vendorofferingitem",
                "Offering items",
                "provisioning_vendorofferingitem_changelist",
                mine,
            ),
            *related(request, "provisioning.view_tenant", "Tenants", "provisioning_tenant_changelist", mine),
            *related(request, "provisioning.view_vendorreport", "Usage reports", "provisioning_vendorreport_changelist", mine),
        ]


@admin.register(VendorOfferingItem)
class VendorOfferingItemAdmin(Ledger):
    list_display = ("name", "application_type", "edition", "usage_name", "measurement_unit", "storage", "is_offered")
    list_select_related = ("storage",)
    list_filter = ("service_manager", "application_type", "is_offered")
    search_fields = ("name", "usage_name", "edition")
    fields = ("service_manager", *list_display)
