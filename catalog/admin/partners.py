"""What partners may sell, in the back office."""

from django.contrib import admin

from catalog.models import PartnerPrice, PartnerTerms
from common.bss import BssAdmin


@admin.register(PartnerTerms)
class PartnerTermsAdmin(BssAdmin):
    list_display = ("plan", "reseller", "is_allowed", "discount_percent")
    list_select_related = ("plan", "reseller")
    list_filter = ("is_allowed", "plan")
    search_fields = ("reseller__number", "reseller__name", "plan__number", "plan__name")
    search_help_text = "Reseller or plan"
    autocomplete_fields = ("plan",)
    fields = ("plan", "reseller", "is_allowed", "discount_percent")
    ordering = ("plan__name", "reseller__name")


@admin.register(PartnerPrice)
class PartnerPriceAdmin(BssAdmin):
    list_display = ("plan", "reseller", "markup_percent", "discount_percent", "is_published")
    list_select_related = ("plan", "reseller")
    list_filter = ("is_published", "plan")
    search_fields = ("reseller__number", "reseller__name", "plan__number", "plan__name")
    search_help_text = "Reseller or plan"
    autocomplete_fields = ("plan",)
    fields = ("plan", "reseller", "markup_percent", "discount_percent", "is_published")
    ordering = ("plan__name", "reseller__name")
