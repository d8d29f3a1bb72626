"""Forms of the back office about reconciliation."""

from datetime import date
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from common.bss import month_choices
from common.periods import Period
from provisioning.models import ServiceManager

COMPARED_MONTHS = 18


class CompareForm(forms.Form):
    """For which service manager and month usage and invoices are compared."""

    service_manager = forms.ModelChoiceField(
        queryset=ServiceManager.objects.order_by("name"), widget=UnfoldAdminSelectWidget(), empty_label=None
    )
    month = forms.ChoiceField(widget=UnfoldAdminSelectWidget())

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["month"].choices = month_choices(today, back=COMPARED_MONTHS, ahead=0)  # type: ignore[attr-defined]
        last_month = self.fields["month"].choices[1][0]  # type: ignore[attr-defined]
        self.fields["month"].initial = last_month

    @property
    def period(self) -> Period:
        return Period.parse_month(self.cleaned_data["month"])
