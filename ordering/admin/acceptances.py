"""Who accepted which terms of use."""

from django.contrib import admin

from common.bss import Ledger, month_filter
from ordering.models import TermsAcceptance


@admin.register(TermsAcceptance)
class TermsAcceptanceAdmin(Ledger):
    list_display = ("accepted_at", "person", "document", "address")
    list_select_related = ("person", "document")
    list_filter = ("document", month_filter("accepted_at"))
    search_fields = ("person__email", "basket__order__number__iexact")
    search_help_text = "E-mail or order"
    ordering = ("-pk",)
    fields = ("person", "document", "accepted_at", "address")
