"""Forms of the back office about money."""

from datetime import date
from decimal import Decimal
from typing import Any

import moneyed
from django import forms
from django.conf import settings
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from catalog.models import ProductGroup

MONTH_NAMES = [(str(number), date(2000, number, 1).strftime("%B")) for number in range(1, 13)]


class RateCardImportForm(forms.Form):
    """A month's rate card from an Excel file. The base currency is the service provider's and only shown."""

    product_group = forms.ModelChoiceField(
        queryset=ProductGroup.objects.all(),
        widget=UnfoldAdminSelectWidget(),
        empty_label="Choose…",
        error_messages={"required": "Choose a product group."},
    )
    base_currency = forms.CharField(
        label="Service Provider base currency", required=False, disabled=True, widget=UnfoldAdminTextInputWidget()
    )
    currency = forms.ChoiceField(
        label="Acronis Rate Card Currency",
        widget=UnfoldAdminSelectWidget(),
        help_text="What the costs and prices in the file are in.",
    )
    exchange_rate = forms.DecimalField(
        max_digits=24,
        decimal_places=10,
        initial=Decimal(1),
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
        help_text="What one unit of the card's currency is in the base currency; 1 if both are the same.",
    )
    month = forms.TypedChoiceField(choices=MONTH_NAMES, coerce=int, widget=UnfoldAdminSelectWidget())
    year = forms.TypedChoiceField(coerce=int, widget=UnfoldAdminSelectWidget())
    file = forms.FileField(
        label="Rate Card Excel File",
        widget=forms.FileInput(attrs={"accept": ".xlsx", "class": "bss-file"}),
        error_messages={"required": "Choose the file.", "empty": "The file is empty."},
        help_text="An .xlsx file in the import sheet format.",
    )

    def __init__(self, *args: Any, base_currency: str, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["base_currency"].initial = base_currency
        self.fields["currency"].choices = _currencies()  # type: ignore[attr-defined]
        self.fields["currency"].initial = base_currency
        years = range(today.year + 1, today.year - 4, -1)
        self.fields["year"].choices = [(str(year), str(year)) for year in years]  # type: ignore[attr-defined]
        self.fields["month"].initial, self.fields["year"].initial = str(today.month), str(today.year)

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > settings.UPLOAD_LIMIT_BYTES:
            limit = settings.UPLOAD_LIMIT_BYTES // (1024 * 1024)
            raise forms.ValidationError(f"The file is larger than {limit} MB; a rate card is far smaller.")
        return file

    @property
    def first_day(self) -> date:
        """The first day of the chosen month."""
        return date(self.cleaned_data["year"], self.cleaned_data["month"], 1)


class ExchangeRateForm(forms.Form):
    """What one unit of a currency costs in another from a day on. The operation judges currencies and rate."""

    base = forms.CharField(
        label="One unit of", max_length=3, widget=UnfoldAdminTextInputWidget(), help_text="Three letters, for example USD."
    )
    quote = forms.CharField(
        label="Costs in", max_length=3, widget=UnfoldAdminTextInputWidget(), help_text="Three letters, for example EUR."
    )
    rate = forms.DecimalField(max_digits=24, decimal_places=10, widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}))
    valid_from = forms.DateField(widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}))

    def clean_base(self) -> str:
        return str(self.cleaned_data["base"]).upper()

    def clean_quote(self) -> str:
        return str(self.cleaned_data["quote"]).upper()


class HoldForm(forms.Form):
    """Why a draft is not to be issued yet."""

    reason = forms.CharField(
        max_length=400,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Shown to whoever issues the run.",
        error_messages={"required": "Say why, for whoever is to release it."},
    )


def _currencies() -> list[tuple[str, str]]:
    usual = ("EUR", "USD", "GBP", "CHF")
    codes = [*usual, *sorted(code for code in moneyed.CURRENCIES if code not in usual)]
    return [(code, f"{code}, {moneyed.CURRENCIES[code].name}") for code in codes]
