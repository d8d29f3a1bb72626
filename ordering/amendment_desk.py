"""What storefront and back office share where a subscription is changed: what can be, its quote, its order."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from accounts.models import Organization, User
from billing.models import Subscription
from common.errors import DomainError, FieldRefused
from ordering.amendment_forms import FORMS, ConfirmForm
from ordering.amendment_quotes import AmendmentQuote, cost_words
from ordering.models import Order, OrderLine
from ordering.operations import amendments
from ordering.operations.refusals import PricesChanged
from ordering.queries.amendments import choices

HEADINGS: dict[str, str] = {
    OrderLine.Kind.QUANTITY: "Upgrade Quantity",
    OrderLine.Kind.PLAN: "Upgrade Service",
    OrderLine.Kind.TERM: "Change term",
    OrderLine.Kind.CANCEL: "Cancel service",
}
"""What each page is called; the first two in the words of seed text 004."""

CONFIRM: dict[str, str] = {
    OrderLine.Kind.QUANTITY: "Order this quantity",
    OrderLine.Kind.PLAN: "Order this plan",
    OrderLine.Kind.TERM: "Order this term",
    OrderLine.Kind.CANCEL: "Cancel the service",
}


def placed_before(subscription: Subscription, answer: Mapping[str, Any]) -> Order | None:
    """Return the order that was made of the form that is sent once more: then there is nothing to quote any more."""
    confirm = ConfirmForm(answer)
    if not confirm.is_valid():
        return None
    return Order.objects.filter(key=confirm.cleaned_data["key"], lines__subscription=subscription).first()


class AmendmentDesk:
    """
    One reader's change of one thing of one subscription.

    What is wished stands in ``asked``, the query of the page or what was sent; once it is complete there is a ``quote``, or a
    refusal beside its field. Asks the vendor, so no transaction may be open.

    :param reader: the consumer or its reseller; None is staff.
    """

    def __init__(self, subscription: Subscription, kind: str, asked: Any, *, reader: Organization | None, at: datetime) -> None:
        self.subscription, self.kind, self.heading, self.label = subscription, kind, HEADINGS[kind], CONFIRM[kind]
        self._reader, self._at = reader, at
        self.choices = choices(subscription, reader=reader, at=at)
        self.can_be: bool = {
            OrderLine.Kind.QUANTITY.value: self.choices.has_quantity,
            OrderLine.Kind.PLAN.value: bool(self.choices.plans),
            OrderLine.Kind.TERM.value: bool(self.choices.terms),
            OrderLine.Kind.CANCEL.value: bool(self.choices.cancel),
        }[kind]
        self.form = FORMS[kind](asked, choices=self.choices)
        self.quote = self._quoted() if self.can_be and self.form.is_valid() else None
        self.confirm = ConfirmForm(initial={"quote_seen": self.quote.fingerprint}) if self.quote else None

    @property
    def costs(self) -> list[str]:
        """Say in sentences what the change costs its reader and, where there is a reseller between, what the customer pays."""
        if self.quote is None:
            return []
        own = cost_words(self.quote.own) if self.quote.own else []
        return own + (cost_words(self.quote.customer, customer=str(self.subscription.consumer)) if self.quote.customer else [])

    def order(self, answer: Mapping[str, Any], *, source: str, by: User, address: str | None = None) -> Order | str:
        """Order what was quoted, and return the order, or a sentence saying why not; the quote is a new one then."""
        assert self.quote is not None  # whoever orders has seen one
        confirm = ConfirmForm(answer)
        self.confirm = ConfirmForm({**answer, "quote_seen": self.quote.fingerprint})
        if not confirm.is_valid():
            return "Nothing is ordered yet."
        try:
            return amendments.place_amendment(
                subscription_id=self.subscription.pk,
                wish=self.form.wish(),
                quote_seen=confirm.cleaned_data["quote_seen"],
                reader=self._reader,
                source=source,
                key=confirm.cleaned_data["key"],
                by=by,
                at=self._at,
                address=address,
                purchase_order=confirm.cleaned_data["purchase_order"],
            )
        except PricesChanged as refusal:
            return f"{refusal} Look at the new figures and order again."
        except DomainError as refusal:
            return str(refusal)

    def _quoted(self) -> AmendmentQuote | None:
        try:
            return amendments.quote_amendment(
                subscription_id=self.subscription.pk, wish=self.form.wish(), reader=self._reader, at=self._at
            )
        except DomainError as refusal:
            field = refusal.field if isinstance(refusal, FieldRefused) and refusal.field in self.form.fields else None
            self.form.add_error(field, str(refusal))
            return None
