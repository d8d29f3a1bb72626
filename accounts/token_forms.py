"""What an administrator says about a new API token."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from accounts.api_tokens import scopes_for
from accounts.models import Organization

LONGEST_LIFE_YEARS = 10


class Scopes(forms.CheckboxSelectMultiple):
    """Boxes in a group that the error summary can lead to."""

    def id_for_label(self, id_: str, index: str | None = None) -> str:
        return super().id_for_label(id_, index) or id_


class TokenForm(forms.Form):
    """A token's name, what it may be used for, and its last day."""

    name = forms.CharField(label="Name", max_length=100, help_text="What it is for, for example Website.")
    scopes = forms.MultipleChoiceField(label="What it may be used for", widget=Scopes)
    expires_on = forms.DateField(
        label="Last day",
        required=False,
        help_text="It works to the end of this day. Empty: until you revoke it.",
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )

    def __init__(self, *args: Any, organization: Organization, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.organization, self.today = organization, today
        self.fields["scopes"].choices = [(scope.value, scope.label) for scope in scopes_for(organization)]  # type: ignore[attr-defined]
        self.fields["name"].error_messages["required"] = "Name is missing."
        self.fields["scopes"].error_messages["required"] = "Choose what the token may be used for."

    def clean_expires_on(self) -> date | None:
        last: date | None = self.cleaned_data["expires_on"]
        if last is None:
            return None
        if last < self.today:
            raise forms.ValidationError("The token would have expired already. Choose a later day.")
        if last.year > self.today.year + LONGEST_LIFE_YEARS:
            raise forms.ValidationError(f"Choose a day within {LONGEST_LIFE_YEARS} years, or leave it empty.")
        return last

    def facts(self) -> dict[str, Any]:
        """Return what was said as `create_token` takes it: the end of the last day, where the organization keeps its days."""
        last: date | None = self.cleaned_data["expires_on"]
        zone = ZoneInfo(self.organization.time_zone)
        end = None if last is None else datetime.combine(last + timedelta(days=1), time.min, zone)
        return {"name": self.cleaned_data["name"], "scopes": self.cleaned_data["scopes"], "expires_at": end}
