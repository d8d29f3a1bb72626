"""The mails of an order: rows in the outbox, written in the transaction that they tell of. A task sends them."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from post_office import mail

from accounts.models import Membership, Organization
from catalog.models import Plan
from common.templatetags.show import day
from ordering.models import Order, OrderLine
from ordering.module_wishes import included
from ordering.queries.holds import what_happens_next, why_it_waits
from ordering.queries.tracking import Amendment, amendment_of, due_before, line_billing, line_cost_facts, with_sign_in

ONE_DAY = timedelta(days=1)


def order_received(order: Order, lines: Sequence[OrderLine]) -> None:
    """Confirm to the person who ordered that the order, with these lines, has arrived."""
    _put_into_outbox(order, "order_received", lines=lines, subject=f"We have received your order {order.number}")


def service_ready(order: Order) -> None:
    """Tell the person who ordered that everything ordered is running."""
    _put_into_outbox(order, "service_ready", subject=f"Your service is ready: order {order.number}")


def order_completed(order: Order) -> None:
    """Tell that what was ordered is done: a new service runs, or one that runs has been changed or ended."""
    if order.lines.filter(kind=OrderLine.Kind.NEW).exists():
        service_ready(order)
    else:
        amendment_done(order)


def amendment_ordered(order: Order) -> None:
    """Confirm that a change was ordered, with what it was quoted at, and say what happens next."""
    amendment = _amendment(order)
    begins = ["We are carrying it out now."]
    _tell_of(
        order,
        subject=f"We have received your order {order.number}: {amendment.heading}",
        heading=f"We have received your order {order.number}",
        said=[
            f"{amendment.heading}.",
            *([f"The last day is {day(amendment.last_day)}."] if order.lines.get().kind == OrderLine.Kind.CANCEL else []),
            *(begins if order.status == Order.Status.EXECUTING else what_happens_next(order, order.buyer)),
            *amendment.cost_words,
        ],
    )


def amendment_done(order: Order) -> None:
    """Tell that a change was carried out, or that a service ended or is going to."""
    amendment = _amendment(order)
    line = order.lines.select_related("subscription").get()
    subscription = line.subscription
    assert subscription is not None  # orderline_amends_a_subscription
    said = [f"{line.plan_name} of {order.consumer} is changed: {amendment.heading}.", *amendment.cost_words]
    heading = "Your service is changed"
    if line.kind == OrderLine.Kind.CANCEL and subscription.ended_on is not None:
        heading = "Your service has ended"
        last = day(subscription.ended_on - ONE_DAY)
        said = [
            f"{line.plan_name} of {order.consumer} has ended; {last} is the last day that is billed.",
            "Its backups, files and users are deleted at Acronis.",
            *amendment.cost_words,
        ]
    elif line.kind == OrderLine.Kind.CANCEL and subscription.cancels_on is not None:
        heading = "Your service is going to end"
        last = day(subscription.cancels_on - ONE_DAY)
        said = [
            f"{line.plan_name} of {order.consumer} ends after {last}. Until then it runs as before, and you can take this back.",
            "Its backups, files and users are deleted at Acronis then.",
            *amendment.cost_words,
        ]
    _tell_of(order, subject=f"{heading}: order {order.number}", heading=heading, said=said, to=_who_is_told(order))


def _amendment(order: Order) -> Amendment:
    amendment = amendment_of(order.lines.get(), order=order, reader=order.buyer)
    assert amendment is not None  # these mails are of nothing else
    return amendment


def _who_is_told(order: Order) -> list[str]:
    """The person who ordered; where staff did for somebody, the buyer."""
    if order.placed_by is None or order.source == Order.Source.BSS:
        return [order.buyer.billing_email]
    return [order.placed_by.email]


def order_held(order: Order) -> None:
    """Tell the person who ordered that the order waits, what for, and who decides."""
    _tell_of(order, subject=f"Order {order.number} waits", heading="Your order waits", said=why_it_waits(order, order.buyer))


def order_approved(order: Order) -> None:
    """Tell the person who ordered that the reseller approved it, and what happens next."""
    said = [f"{order.consumer.reseller} has approved your order.", *what_happens_next(order, order.buyer)]
    _tell_of(order, subject=f"Order {order.number} is approved", heading="Your order is approved", said=said)


def order_released(order: Order) -> None:
    """Tell the person who ordered that staff let the order go on, and what happens next."""
    said = ["Your order may begin.", *what_happens_next(order, order.buyer)]
    _tell_of(order, subject=f"Order {order.number} goes on", heading="Your order goes on", said=said)


def order_goes_on(order: Order) -> None:
    """Tell the person who ordered that the order waits for nobody's decision any more, or for whose now."""
    if order.status == Order.Status.HELD:
        order_held(order)
    else:
        order_released(order)


def order_declined(order: Order, *, held_for: str) -> None:
    """Tell the person who ordered that the order was declined, by whom, and why."""
    reseller = order.consumer.reseller
    # A limit of the reseller is decided about by the MSP, of whom the reseller's customer never hears.
    decided = reseller if held_for == Order.HeldFor.APPROVAL and reseller is not None else order.buyer.parent or order.buyer
    said = [f"{decided} has declined your order.", f"The reason: {order.cancelled_because}"]
    said.append("Nothing was set up, and nothing is billed.")
    _tell_of(order, subject=f"Order {order.number} is declined", heading="Your order is declined", said=said)


def order_cancelled(order: Order) -> None:
    """Tell the person who ordered that somebody else cancelled the order, and who that was."""
    said = [order.cancelled_because, "Nothing was changed. What was invoiced for it is credited."]
    _tell_of(order, subject=f"Order {order.number} is cancelled", heading="Your order is cancelled", said=said)


def decision_wanted(order: Order) -> None:
    """
    Tell whoever decides about a held order: the reseller's buyers and administrators, or staff.

    Staff is who the order is assigned to, else the MSP's billing address. A reseller whose own limit holds its customer's order is
    told as well.
    """
    reseller = order.consumer.reseller
    if order.held_for == Order.HeldFor.APPROVAL:
        assert reseller is not None  # nobody else approves
        _ask_reseller(order, reseller, "ordering:order_to_approve", subject=f"Order {order.number} waits for your approval")
        return
    if reseller is not None and order.buyer_id == order.consumer_id:
        _ask_reseller(order, reseller, "ordering:order", subject=f"Order {order.number} of your customer waits")
    debtor = reseller or order.consumer
    staff = order.assigned_to.email if order.assigned_to else (debtor.parent or debtor).billing_email
    _tell_of(
        order,
        subject=f"Order {order.number} is held for the credit limit of {debtor}",
        heading=f"Order {order.number} is held",
        said=why_it_waits(order, None),
        to=[staff],
        reader=None,
        button_url=f"{settings.SITE_URL}{reverse('admin:ordering_order_change', args=[order.pk])}",
    )


def _ask_reseller(order: Order, reseller: Organization, page: str, *, subject: str) -> None:
    able = reseller.memberships.filter(role__in=[Membership.Role.BUYER, Membership.Role.ADMINISTRATOR], user__is_active=True)
    people = list(able.order_by("pk").values_list("user__email", flat=True))
    _tell_of(
        order,
        subject=subject,
        heading=f"{order.consumer} has ordered",
        said=why_it_waits(order, reseller),
        to=people or [reseller.billing_email],
        reader=reseller,
        button_url=f"{settings.SITE_URL}{reverse(page, args=[order.number])}",
    )


def _tell_of(order: Order, *, subject: str, heading: str, said: list[str], **to_whom: Any) -> None:
    _put_into_outbox(order, "order_news", subject=subject, heading=heading, said=said, **to_whom)


_BUYER = object()
"""Stands for the buyer of the order where no other reader is named; None is staff."""


def _put_into_outbox(
    order: Order,
    name: str,
    *,
    subject: str,
    lines: Sequence[OrderLine] | None = None,
    to: list[str] | None = None,
    reader: Any = _BUYER,
    **more: Any,
) -> None:
    # Unless another reader is named, who buys reads it: a reseller's customer that orders for itself never sees what that one pays.
    reader = order.buyer if reader is _BUYER else reader
    if lines is None:
        rows = order.lines.select_related("subscription")
        lines = list(with_sign_in(rows) if name == "service_ready" else rows)  # the one mail that says how to sign in
    context: dict[str, Any] = {
        "order": order,
        "lines": lines,
        "due_now": sum((due_before(line, order=order, reader=order.buyer) for line in lines), Decimal(0)),
        "billing": list(dict.fromkeys(sentence for line in lines for sentence in line_billing(line))),
        "is_in_advance": all(line.billing_model == Plan.BillingModel.PREPAID for line in lines),
        "seller_name": order.buyer.parent or order.buyer,
        "next": what_happens_next(order, reader),
        "button_url": f"{settings.SITE_URL}{reverse('ordering:order', args=[order.number])}",
        "button_label": f"View order {order.number}",
        "facts": [("For", order.consumer), *(fact for line in lines for fact in _facts(order, line, reader))],
        **more,
    }
    if order.purchase_order:
        context["facts"].append(("Your reference", order.purchase_order))
    mail.send(
        recipients=to or [order.placed_by.email if order.placed_by else order.buyer.billing_email],
        # post_office renders what it is given as a template; handing the finished texts over as values keeps a customer
        # called "{% now %}" a name.
        subject="{{ subject|safe }}",
        message="{{ text|safe }}",
        html_message="{{ html|safe }}",
        context={
            "subject": " ".join(subject.split()),  # names are typed by people; a header has one line
            "text": render_to_string(f"ordering/emails/{name}.txt", context),
            "html": render_to_string(f"ordering/emails/{name}.html", context),
        },
    )


def _facts(order: Order, line: OrderLine, reader: Organization | None) -> list[tuple[str, str]]:
    if (amendment := amendment_of(line, order=order, reader=reader)) is not None:
        changed = [(row.label, f"{row.before} → {row.after}") for row in amendment.rows if row.label != "Plan"]
        return [("Product", line.plan_name), *changed, ("Subscription", f"{line.subscription}")]
    facts = [("Product", line.plan_name)]
    if costs := line_cost_facts(line, order=order, reader=reader):
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
