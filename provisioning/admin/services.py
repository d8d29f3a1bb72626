"""Services: what a subscription entitles a customer to at the vendor, and how that changes."""

from django.contrib import admin

from common.bss import Ledger
from provisioning.models import Service


@admin.register(Service)
class ServiceAdmin(Ledger):
    list_display = ("organization", "service_manager", "protection_model", "file_sync_model", "wished_at", "ended_at")
    list_select_related = ("organization", "service_manager")
    list_filter = ("service_manager", "protection_model", "file_sync_model", ("ended_at", admin.EmptyFieldListFilter))
    search_fields = ("organization__number__iexact", "organization__name", "subscription__number__iexact")
    search_help_text = "Organization's number or name, or subscription"
    ordering = ("-pk",)
    fields = (
        "organization",
        "service_manager",
        "tenant",
        "protection_model",
        "file_sync_model",
        "backup_storage",
        "wished_at",
        "ended_at",
    )
