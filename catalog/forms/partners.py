"""Forms of the back office about what partners may sell."""

from decimal import Decimal

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from catalog.operations.partner_terms import PartnerTermsRefused, check_discount


class AllowForm(forms.Form):
    """At which discount what is ticked, or everything found, may be sold."""

    discount_percent = forms.DecimalField(
        label="Discount on the MSP price, in percent",
        initial=Decimal(0),
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        error_messages={"invalid": "Enter a number, such as 20 or 12.5.", "required": "Enter the discount; 0 is none."},
    )
    takes_all_found = forms.BooleanField(required=False)

    def clean_discount_percent(self) -> Decimal:
        percent: Decimal = self.cleaned_data["discount_percent"]
        try:
            check_discount(percent)
        except PartnerTermsRefused as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        return percent
