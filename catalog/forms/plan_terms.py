"""The forms of a pay-as-you-go plan's Pricing page: what each month includes for free, and what it costs at least."""

from collections.abc import Sequence
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget

from catalog.forms.pricing import currency_choices
from catalog.queries.metered_items import MeteredItem

UNIT_WORDS = {"GiB": "GB", "unit": "pieces", "hour": "hours"}


class AllowanceForm(forms.Form):
    """Units of an item that every month includes. The item's value is its edition and name, which no edition has a bar in."""

    item = forms.ChoiceField(widget=UnfoldAdminSelectWidget, error_messages={"required": "Choose what is included."})
    quantity = forms.DecimalField(
        label="Included a month",
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any", "min": "0"}),
        help_text="In the unit that stands beside the item.",
        error_messages={"required": "Enter how many are included.", "invalid": "Enter a number, such as 5 or 2.5."},
    )

    def __init__(self, *args: Any, items: Sequence[MeteredItem], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(f"{one.edition}|{one.name}", f"{one.label}, in {UNIT_WORDS[one.unit]}") for one in items]
        self.fields["item"].choices = [("", "Choose…"), *choices]  # type: ignore[attr-defined]

    @property
    def facts(self) -> dict[str, Any]:
        """What the operations take, once it is valid."""
        edition, _, item = self.cleaned_data["item"].partition("|")
        return {"item": item, "edition": edition, "quantity": self.cleaned_data["quantity"]}


class CommitmentForm(forms.Form):
    """What a month costs at least, in one currency."""

    currency = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    amount = forms.DecimalField(
        label="Minimum a month",
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any", "min": "0"}),
        help_text="Excluding VAT, at your own price; a reseller's discount and markup apply to it as to what is used.",
        error_messages={"required": "Enter the amount.", "invalid": "Enter an amount, such as 50.00."},
    )

    def __init__(self, *args: Any, own_currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["currency"].choices = currency_choices([])  # type: ignore[attr-defined]
        self.fields["currency"].initial = own_currency
