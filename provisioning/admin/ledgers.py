"""What was done and read at the vendor, who was let in there, what was stopped: rows to look things up in."""

from django.contrib import admin
from django.utils.html import format_html_join
from unfold.decorators import display

from common.bss import STATE_COLOURS, Ledger, month_filter
from provisioning.models import Hold, VendorAccess, VendorAction

ACTION_COLOURS = {**STATE_COLOURS, "interrupted": "warning"}


@admin.register(VendorAction)
class VendorActionAdmin(Ledger):
    list_display = ("started_at", "tenant_name", "sentence", "status_label", "error")
    list_display_links = ("started_at", "sentence")
    list_select_related = ("tenant__organization",)
    list_filter = ("status", month_filter("started_at"))
    search_fields = ("tenant__organization__number__iexact", "tenant__organization__name", "tenant__key__iexact")
    search_help_text = "Organization's number or name"
    ordering = ("-pk",)
    fields = ("tenant", "sentence", "details_shown", "kind", "status", "error", "started_at", "ended_at")

    @display(description="organization")
    def tenant_name(self, action: VendorAction) -> str:
        return action.tenant.organization.name

    @display(description="state", ordering="status", label=ACTION_COLOURS)
    def status_label(self, action: VendorAction) -> tuple[str, str]:
        return action.status, str(action.get_status_display())

    @display(description="in detail")
    def details_shown(self, action: VendorAction) -> str:
        return format_html_join("", "{}<br>", ((detail,) for detail in action.details)) or "The sentence says it all."


@admin.register(VendorAccess)
class VendorAccessAdmin(Ledger):
    """Who saw a generated password or went into the vendor's portal on behalf of whom."""

    list_display = ("at", "person", "kind_label", "login", "organization")
    list_select_related = ("person", "tenant_user__tenant__organization")
    list_filter = ("kind", month_filter("at"))
    search_fields = (
        "person__email",
        "tenant_user__login",
        "tenant_user__tenant__organization__number__iexact",
        "tenant_user__tenant__organization__name",
    )
    search_help_text = "Who, login, or the organization's number or name"
    ordering = ("-pk",)
    fields = ("at", "person", "kind", "tenant_user", "organization")

    @display(description="what", ordering="kind")
    def kind_label(self, access: VendorAccess) -> str:
        return str(access.get_kind_display())

    @display(description="of")
    def login(self, access: VendorAccess) -> str:
        return access.tenant_user.login

    @display(description="organization")
    def organization(self, access: VendorAccess) -> str:
        return access.tenant_user.tenant.organization.name


@admin.register(Hold)
class HoldAdmin(Ledger):
    list_display = ("tenant_name", "reason", "note", "opened_at", "released_at")
    list_select_related = ("tenant__organization",)
    list_filter = ("reason", ("released_at", admin.EmptyFieldListFilter))
    search_fields = ("tenant__organization__number__iexact", "tenant__organization__name")
    search_help_text = "Organization's number or name"
    ordering = ("-pk",)
    fields = ("tenant", "reason", "note", "opened_at", "released_at")

    @display(description="organization")
    def tenant_name(self, hold: Hold) -> str:
        return hold.tenant.organization.name
