"""
Quotes: what a draft would cost, sent to its buyer as a document, and what that promises.

The facts of the document are copied into the quote's row, so that it can be shown again as it was sent, whatever changed since.
Until its last day the draft is placed at the prices and with the quotas of its newest quote, as long as it is for the same.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from sequences import get_next_value

from accounts.models import Organization, User, local_date
from catalog.models import Plan
from catalog.queries.offers import SoldPrice
from common.errors import DomainError, FieldRefused
from ordering import quote_mail
from ordering.models import Order, OrderLine, Quote
from ordering.operations import refusals, selling
from ordering.queries import quoting

LONGEST_VALIDITY = 365


class NothingToQuote(DomainError):
    """There is no price to promise."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a valid quote promises for what it was made for."""

    quote: Quote
    prices: list[SoldPrice]
    module_wish: dict[str, Any]
    price_reason: str
    price_by: int | None


@transaction.atomic(durable=True)
def send_quote(*, order_id: int, sent_to: str, valid_days: int, message: str, after: str, by: User, at: datetime) -> Quote:
    """
    Quote a draft as it is: keep the facts, and send the document to ``sent_to``.

    :param message: from the person who sends it, in the mail; may be empty.
    :param after: the number of the newest quote when the form was shown, or empty. The same form sent twice gives the same quote.
    :raises NothingToQuote: it is not a draft, or priced by use.
    :raises FieldRefused: no e-mail address, or days out of 1 to 365.
    """
    order = Order.objects.locked().select_related("buyer", "consumer__parent").get(pk=order_id)
    newest = order.quotes.first()
    sent_to = _checked_address(sent_to)
    valid_until = last_day(order, valid_days=valid_days, at=at)
    facts = quoting.facts_of_draft(order_to_quote(order), valid_until=valid_until, at=at)
    if newest is not None and newest.number != after and (newest.sent_to, newest.valid_until) == (sent_to, valid_until):
        return newest
    number = f"Q{get_next_value('quote', initial_value=10001)}"
    quote = Quote.objects.create(
        order=order,
        number=number,
        facts={**facts, "number": number, "message": message, "sold": _sold(order.lines.get())},
        quoted_on=today(at),
        valid_until=valid_until,
        sent_to=sent_to,
        sent_at=at,
        sent_by=by,
    )
    quote_mail.quote_sent(quote)
    return quote


def last_day(order: Order, *, valid_days: int, at: datetime) -> date:
    """
    Return the last day of a quote that is made at ``at``.

    :raises FieldRefused: a number of days that no quote is valid for.
    """
    if not 1 <= valid_days <= LONGEST_VALIDITY:
        raise FieldRefused("valid_days", f"Enter a number of days from 1 to {LONGEST_VALIDITY}.")
    return today(at) + timedelta(days=valid_days)


def today(at: datetime) -> date:
    """Return the day where the MSP, which quotes, keeps its days."""
    return local_date(at, Organization.objects.get(kind=Organization.Kind.MSP))


def order_to_quote(order: Order) -> Order:
    """
    Return ``order``, if it can be quoted.

    :raises NothingToQuote: it is not a draft, or priced by use.
    """
    if order.status != Order.Status.DRAFT:
        raise NothingToQuote(f"Order {order} is not a draft any more; only drafts are quoted.")
    if not all(line.prices for line in order.lines.all()):
        raise NothingToQuote("Pay-as-you-go is billed by use; there is no price to quote.")
    return order


# Steps: inside the caller's transaction


def promise_of(order: Order, *, plan: Plan, sale: selling.Sale, on: date) -> Promise | None:
    """
    Return what the newest quote of ``order`` that is valid on that day promises, if it was made for this very sale.

    Somebody else's currency, another plan, term or quantity, or other licensing models, are another sale.
    """
    if not order.pk:
        return None
    for quote in order.quotes.filter(valid_until__gte=on).order_by("-pk"):
        sold = quote.facts["sold"]
        prices = [SoldPrice.from_json(price) for price in sold["prices"]]
        is_same_currency = [price.currency for price in prices] == [price.currency for price in sale.prices]
        if is_same_currency and sold["what"] == _what(plan.pk, sale.copied()):
            return Promise(quote, prices, sold["module_wish"], sold["price_reason"], sold["price_by"])
    return None


def _sold(line: OrderLine) -> dict[str, Any]:
    told = {name: getattr(line, name) for name in ("quantity", "term_months", "protection_model", "file_sync_model")}
    return {
        "what": _what(line.plan_id, told),
        "prices": line.prices,
        "module_wish": line.module_wish,
        "price_reason": line.price_reason,
        "price_by": line.price_by_id,
    }


def _what(plan: int, told: dict[str, Any]) -> list[Any]:
    return [plan, told["quantity"], told["term_months"], str(told["protection_model"]), str(told["file_sync_model"])]


def _checked_address(sent_to: str) -> str:
    try:
        return refusals.checked_email(sent_to)
    except FieldRefused as refusal:
        raise FieldRefused("sent_to", str(refusal)) from None
