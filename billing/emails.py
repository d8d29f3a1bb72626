"""The mails of billing: rows in the outbox, written in the transaction that they tell of. A task sends them."""

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from post_office import mail

from billing.models import Invoice
from common.templatetags import show


def invoice_issued(invoice: Invoice) -> None:
    """Tell the buyer's billing address that ``invoice`` has been issued, how much is due until when, and where it lies."""
    subject = f"Invoice {invoice.number} from {invoice.seller_copy['name']}"
    context = {
        "invoice": invoice,
        "seller_name": invoice.seller_copy["name"],
        "button_url": f"{settings.SITE_URL}{reverse('billing:invoice', args=[invoice.number])}",
        "button_label": "Open invoice",
        "facts": _facts(invoice),
    }
    mail.send(
        recipients=[invoice.buyer_copy["billing_email"]],
        # post_office renders what it is given as a template; the finished texts go in as values, so that a customer called
        # "{% now %}" stays a name.
        subject="{{ subject|safe }}",
        message="{{ text|safe }}",
        html_message="{{ html|safe }}",
        context={
            "subject": subject,
            "text": render_to_string("billing/emails/invoice_issued.txt", context),
            "html": render_to_string("billing/emails/invoice_issued.html", context),
        },
    )


def _facts(invoice: Invoice) -> list[tuple[str, str]]:
    taxes = [(total.name, show.money(total.tax, invoice.currency)) for total in invoice.tax_totals]
    return [
        ("Period", show.month(invoice.period_start)),
        ("Net", show.money(invoice.net, invoice.currency)),
        *taxes,
        ("Amount due", show.money(invoice.gross, invoice.currency)),
        ("Due on", show.day(invoice.due_on) if invoice.due_on else "—"),
    ]
