"""Invoices that are made for one subscription when somebody asks, from its page: what is above the quota, and the next term."""

from datetime import timedelta

from django.http import HttpRequest

from billing.models import Invoice, Subscription
from billing.operations.overage import Moment, OverageDue, bill_overage, overage_due
from billing.operations.renewals import renew
from billing.queries.open_overage import OverageNotBilled
from billing.queries.paid_terms import paid_until, term_to_come
from catalog.models import Plan
from common import clock
from common.bss import BssAdmin, Move, staff
from common.templatetags.show import day, money, quantity, unit_price

ALL_INVOICED = "The next term is invoiced already."
NOTHING_ABOVE = "Nothing was used above the quota this month that is not invoiced already."


class InvoiceMoves(BssAdmin):
    """Gives the admin of subscriptions “Generate Invoice” (seed text 004, “Billing of over-consumed quota”)."""

    GENERATE = Move(
        "generate_invoice",
        "Generate Invoice",
        "billing.issue_invoice",
        lambda subscription: (
            subscription.status == Subscription.Status.ACTIVE and subscription.billing_model != Plan.BillingModel.PAY_AS_YOU_GO
        ),
        confirm="ask_generate_invoice",
    )

    NEXT_TERM = Move(
        "invoice_next_term",
        "Invoice next term now",
        "billing.issue_invoice",
        lambda subscription: _next_term_is_open(subscription),
        confirm="ask_invoice_next_term",
    )

    def ask_generate_invoice(self, request: HttpRequest, subscription: Subscription) -> list[str]:
        """Tell what would be invoiced, line by line, or why nothing."""
        try:
            found = overage_due(subscription_id=subscription.pk, at=clock.now())
        except OverageNotBilled as refusal:
            return [str(refusal)]
        sentences = [sentence for due in found for sentence in _told(due)]
        if not sentences:
            return [NOTHING_ABOVE]
        return [
            f"What {subscription.consumer} used above the quota this month, up to the last reading, is invoiced now.",
            *sentences,
            "What exceeds the quota later this month is invoiced later; nothing is invoiced twice.",
        ]

    def generate_invoice(self, request: HttpRequest, subscription: Subscription) -> str:
        """
        Invoice what was used above the quota this month.

        :raises OverageNotBilled: a price is missing.
        """
        moment = Moment.GENERATE_INVOICE
        issued = bill_overage(subscription_id=subscription.pk, moment=moment, at=clock.now(), by=staff(request))
        return in_words(issued) or NOTHING_ABOVE

    def ask_invoice_next_term(self, request: HttpRequest, subscription: Subscription) -> list[str]:
        """Tell which term would be invoiced, and to whom."""
        term = term_to_come(subscription, at=clock.now())
        if term is None or not _next_term_is_open(subscription):
            return [ALL_INVOICED]
        return [
            f"{subscription.plan_name} of {subscription.consumer}, {day(term.start)} to {day(term.last_day)},"
            f" is invoiced at the price it is sold at then, and due as any invoice.",
            "Without this, it is invoiced by itself as many days before it begins as its product group says.",
        ]

    def invoice_next_term(self, request: HttpRequest, subscription: Subscription) -> str:
        """
        Invoice the term that begins next. Repeated, nothing.

        :raises FixedPriceMissing: or `SoldInTwoCurrencies`: it cannot be invoiced.
        """
        issued = renew(subscription_id=subscription.pk, at=clock.now(), by=staff(request), next_term=True)
        return in_words(issued) or ALL_INVOICED


def in_words(issued: list[Invoice]) -> str:
    """Say which invoices were issued, to whom and over how much; nothing where there are none."""
    return " ".join(
        f"{one.number} is issued to {one.buyer}: {money(one.gross, one.currency)} including VAT, due {day(one.due_on)}."
        for one in issued
        if one.due_on is not None
    )


def invoiced_until(subscription: Subscription) -> str:
    """Say up to which day terms are invoiced; what is not prepaid is invoiced when its month is over."""
    if subscription.billing_model != Plan.BillingModel.PREPAID:
        return "month by month, when each is over"
    until = paid_until(subscription)
    return f"{day(until - timedelta(days=1))}, its last day" if until else "no term is invoiced yet"


def _next_term_is_open(subscription: Subscription) -> bool:
    term = term_to_come(subscription, at=clock.now())
    until = paid_until(subscription)
    return term is not None and (until is None or until <= term.start)


def _told(due: OverageDue) -> list[str]:
    return [
        f"{due.seller.name} invoices {due.buyer.name}: {quantity(line.due.quantity)} GB above the quota"
        f" × {unit_price(line.due.unit_price, bill.currency)} = {money(line.due.net, bill.currency)}, excluding VAT."
        for bill in due.bills
        for line in bill.lines
    ]
