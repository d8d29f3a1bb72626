"""The state of an invoice as its reader sees it."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.allocating import PaymentState

register = template.Library()

# The colour only repeats what the word says.
_TONES = {
    PaymentState.UNPAID: "busy",
    PaymentState.PARTLY_PAID: "attention",
    PaymentState.PAID: "good",
    PaymentState.OVERDUE: "bad",
    PaymentState.CREDITED: "quiet",
    PaymentState.CREDIT: "good",
}


@register.filter
def payment_pill(state: PaymentState) -> SafeString:
    """Show how an invoice stands as a word on a coloured ground."""
    return format_html('<span class="pill pill-{}">{}</span>', _TONES[state], state.value.capitalize())
