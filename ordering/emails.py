"""The mails of an order: rows in the outbox, written in the transaction that they tell of. A task sends them."""

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from post_office import mail

from catalog.models import Plan
from ordering.costs import due_in_advance
from ordering.models import Order, OrderLine
from ordering.module_wishes import included
from ordering.queries.tracking import line_billing, line_cost, line_cost_facts, with_sign_in


def order_received(order: Order) -> None:
    """Confirm to the person who ordered that the order has arrived."""
    _put_into_outbox(order, "order_received", subject=f"We have received your order {order.number}")


def service_ready(order: Order) -> None:
    """Tell the person who ordered that everything ordered is running."""
    _put_into_outbox(order, "service_ready", subject=f"Your service is ready: order {order.number}")


def _put_into_outbox(order: Order, name: str, *, subject: str) -> None:
    lines = list(with_sign_in(order.lines.select_related("subscription")))
    context: dict[str, Any] = {
        "order": order,
        "lines": lines,
        "due_now": sum((_due_now(order, line) for line in lines), Decimal(0)),
        "billing": list(dict.fromkeys(sentence for line in lines for sentence in line_billing(line))),
        "is_in_advance": all(line.billing_model == Plan.BillingModel.PREPAID for line in lines),
        "seller_name": order.buyer.parent or order.buyer,
        "button_url": f"{settings.SITE_URL}{reverse('ordering:order', args=[order.number])}",
        "button_label": f"View order {order.number}",
        "facts": [("For", order.consumer), *(fact for line in lines for fact in _facts(order, line))],
    }
    if order.purchase_order:
        context["facts"].append(("Your reference", order.purchase_order))
    mail.send(
        recipients=[order.placed_by.email if order.placed_by else order.buyer.billing_email],
        # post_office renders what it is given as a template; handing the finished texts over as values keeps a customer
        # called "{% now %}" a name.
        subject="{{ subject|safe }}",
        message="{{ text|safe }}",
        html_message="{{ html|safe }}",
        context={
            "subject": subject,
            "text": render_to_string(f"ordering/emails/{name}.txt", context),
            "html": render_to_string(f"ordering/emails/{name}.html", context),
        },
    )


def _due_now(order: Order, line: OrderLine) -> Decimal:
    cost = line_cost(line, order=order, reader=order.buyer)
    return due_in_advance(cost, billing_model=line.billing_model, trial_days=line.module_wish.get("trial_days"))


def _facts(order: Order, line: OrderLine) -> list[tuple[str, str]]:
    facts = [("Product", line.plan_name)]
    # Who buys reads this mail: a reseller's customer that orders for itself never sees what its reseller pays.
    if costs := line_cost_facts(line, order=order, reader=order.buyer):
        quotas = included(line.module_wish, quantity=line.quantity)
        facts += [("Term", line.get_term_months_display()), ("Quantity", f"{line.quantity:,}")]
        facts += [(one.label, f"{one.amount}, and up to {one.above} above it" if one.above else one.amount) for one in quotas]
        facts += costs
    facts += [
        ("Protection Licensing Model", line.get_protection_model_display()),
        ("File Sync & Share Licensing Model", line.get_file_sync_model_display()),
    ]
    if line.login:
        facts.append(("Login Username", line.login))
    if line.subscription is not None:
        facts.append(("Subscription", line.subscription.number))
    return facts
