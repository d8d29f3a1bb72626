"""Where an organization wants to be told of what."""

from typing import Any

from django import forms

from accounts.models import WebhookDelivery, WebhookEndpoint
from accounts.token_forms import Scopes

LONGEST_ADDRESS = 500


class WebhookForm(forms.Form):
    """An address, and the events it is told of."""

    url = forms.CharField(
        label="Address",
        max_length=LONGEST_ADDRESS,
        help_text="Of your program, reachable from the internet by https.",
        widget=forms.URLInput(attrs={"placeholder": "https://hooks.example.com/cloudtill", "autocomplete": "off"}),
        error_messages={"required": "Address is missing."},
    )
    told_of = forms.MultipleChoiceField(
        label="What it is told of",
        choices=WebhookEndpoint.Event.choices,
        widget=Scopes,
        error_messages={"required": "Choose what the address is told of."},
    )


class WebhookChangeForm(WebhookForm):
    """… and whether it is told at all."""

    is_active = forms.BooleanField(label="On: it is told", required=False)

    @classmethod
    def of(cls, endpoint: WebhookEndpoint, sent: Any) -> "WebhookChangeForm":
        return cls(sent, initial={"url": endpoint.url, "told_of": endpoint.told_of, "is_active": endpoint.is_active})


class DeliveryFilterForm(forms.Form):
    """Which deliveries of a log."""

    status = forms.ChoiceField(label="State", required=False, choices=[("", "All"), *WebhookDelivery.Status.choices])
    event = forms.ChoiceField(label="Event", required=False, choices=[("", "All"), *WebhookEndpoint.Event.choices])
