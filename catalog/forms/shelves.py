"""Forms of the back office about ventures, products and product groups."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminFileFieldWidget,
    UnfoldBooleanSwitchWidget,
)

from catalog.models import Logo, Product, ProductGroup, Venture
from catalog.operations.logos import LogoRefused, keep_logo
from common import clock


class VentureForm(forms.ModelForm):
    """A business unit: its name, its invoice series, and what its invoices show of it."""

    logo = forms.FileField(
        required=False,
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": "image/png,image/jpeg,image/webp"}),
        help_text="PNG, JPEG or WebP, at most 500 KB and 2000 x 2000 pixels. Empty: the logo stays as it is.",
    )
    without_logo = forms.BooleanField(required=False, label="Take the logo away", widget=UnfoldBooleanSwitchWidget)

    class Meta:
        model = Venture
        fields = (
            "name",
            "invoice_series",
            "address_line1",
            "address_line2",
            "postcode",
            "city",
            "country",
            "logo",
        )

    def clean_country(self) -> str:
        country = str(self.cleaned_data["country"]).upper()
        if country and (len(country) != 2 or not (country.isascii() and country.isalpha())):
            raise forms.ValidationError("Give a country by its two letters, for example DE.")
        return country

    def clean_logo(self) -> Logo | None:
        """Return the logo the venture is to have. An uploaded one is kept here, beside its refusals; twice is once."""
        file = self.cleaned_data["logo"]
        if not isinstance(file, UploadedFile):
            return self.instance.logo
        try:
            return keep_logo(file, clock.now())
        except LogoRefused as refusal:
            raise forms.ValidationError(str(refusal)) from refusal

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("without_logo"):
            cleaned["logo"] = None
        if cleaned.get("city") and not cleaned.get("address_line1"):
            self.add_error("address_line1", "Enter the street too, or leave the whole address empty.")
        return cleaned


class ProductForm(forms.ModelForm):
    class Meta:
        model = Product
        fields = ("product_type", "name")
        labels = {"product_type": "Product Type", "name": "Product Name"}


class ProductGroupForm(forms.ModelForm):
    """A package of plans: its product, its taxes, and the module that provisions it."""

    class Meta:
        model = ProductGroup
        fields = ("product", "name", "module", "taxes", "ledger_code", "renewal_notice_days")
        labels = {"product": "Product Name", "name": "Product Group", "module": "Module name"}
        widgets = {"taxes": UnfoldAdminCheckboxSelectMultipleWidget}
        help_texts = {
            "taxes": "Any number; each is worked out on the net. None: invoices carry no tax.",
            "ledger_code": "Where your accounting books what is sold in this group. The accounting export names it.",
            "renewal_notice_days": "So many days before a prepaid term ends, the next one is invoiced. Left empty, it stays.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "renewal_notice_days" in self.fields:  # who only looks has no fields
            self.fields["renewal_notice_days"].required = False

    def clean_renewal_notice_days(self) -> int:
        days = self.cleaned_data["renewal_notice_days"]
        return self.instance.renewal_notice_days if days is None else int(days)
