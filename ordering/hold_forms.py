"""What is asked of whoever decides about a held order."""

from django import forms

from ordering.models import Order


class DeclineForm(forms.Form):
    """Why an order is declined."""

    reason = forms.CharField(
        label="Why you decline it",
        help_text="Your customer reads this in a mail and on the page of the order.",
        max_length=Order._meta.get_field("cancelled_because").max_length,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say why; your customer reads it."},
    )
