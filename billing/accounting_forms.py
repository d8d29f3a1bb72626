"""What is asked for before the accounting export: whose documents, of which days, in which format."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.db.models import F
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import Organization
from billing.accounting_export import FORMATS, Format
from common.bss import month_choices
from common.periods import Period

MONTHS = 24
LONGEST_DAYS = 3 * 366


class AccountingExportForm(forms.Form):
    """A month, or days from and to; the days count where both are given."""

    seller = forms.ModelChoiceField(
        queryset=Organization.objects.exclude(kind=Organization.Kind.CUSTOMER).order_by(F("parent").asc(nulls_first=True), "name"),
        widget=UnfoldAdminSelectWidget(),
        empty_label=None,
        help_text="Whose documents.",
    )
    month = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget(), help_text="By the date of the documents.")
    first = forms.DateField(
        label="or days from", required=False, widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}), help_text="The first day."
    )
    last = forms.DateField(
        label="to", required=False, widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}), help_text="The last day, included."
    )
    file_format = forms.ChoiceField(label="Format", choices=FORMATS, initial=Format.COMMA.value, widget=UnfoldAdminSelectWidget())

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["month"].choices = [  # type: ignore[attr-defined]
            ("", "By days, below"),
            *month_choices(today, back=MONTHS, ahead=0),
        ]
        msp = Organization.objects.filter(kind=Organization.Kind.MSP).first()
        self.fields["seller"].initial = msp.pk if msp else None
        self.fields["month"].initial = (today.replace(day=1) - timedelta(days=1)).strftime("%Y-%m")

    def clean(self) -> dict[str, Any]:
        first, last = self.cleaned_data.get("first"), self.cleaned_data.get("last")
        if {"first", "last", "month"} & self.errors.keys():
            return self.cleaned_data
        if (first is None) != (last is None):
            self.add_error("last" if last is None else "first", "Give both days, or a month.")
        elif first and last and not 0 <= (last - first).days < LONGEST_DAYS:
            self.add_error("last", "The last day comes after the first, and at most three years after it.")
        elif not first and not self.cleaned_data.get("month"):
            self.add_error("month", "Choose a month, or give two days.")
        return self.cleaned_data

    @property
    def days(self) -> Period:
        """The days that are exported."""
        first, last = self.cleaned_data["first"], self.cleaned_data["last"]
        return Period(first, last + timedelta(days=1)) if first and last else Period.parse_month(self.cleaned_data["month"])
