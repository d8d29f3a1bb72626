"""Forms of the back office about usage."""

from datetime import date, timedelta
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from provisioning.models import ServiceManager


class CollectUsageForm(forms.Form):
    """Which days' usage is to be read from the vendor, and from which service manager. The operation judges the days."""

    first_day = forms.DateField(
        label="From",
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
        help_text="Days are the vendor's: they begin at midnight UTC.",
    )
    last_day = forms.DateField(
        label="To",
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
        help_text="Included. Today's usage is read, too, but only tomorrow's report has all of it.",
    )
    service_manager = forms.ModelChoiceField(
        queryset=ServiceManager.objects.filter(root_tenant_id__isnull=False).order_by("name"),
        required=False,
        empty_label="Each that is in use",
        widget=UnfoldAdminSelectWidget(),
    )

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("first_day", "last_day"):
            self.fields[name].initial = (today - timedelta(days=1)).isoformat()
            self.fields[name].widget.attrs["max"] = today.isoformat()
