"""Orders that programs place: no basket and no steps, but the same judgements as at the checkout, all at once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from accounts.models import ApiToken, Organization, User, local_date
from catalog.models import Plan, TermsDocument
from catalog.pricing import Level
from common.errors import DomainError, FieldRefused
from common.templatetags.show import money
from ordering import emails, notifications
from ordering.costs import of_sale
from ordering.models import Order, OrderLine, TermsAcceptance
from ordering.operations import baskets, gates, orders, refusals, selling
from ordering.queries import checkouts

NOT_IN_THE_BUYERS_NAME = (
    "Only the buyer accepts terms of use; a token of the MSP does not accept them in its name. Leave this out: the order is placed "
    "as one of the back office is, and says which token placed it."
)


@dataclass(frozen=True, slots=True)
class Placer:
    """Who places an order: a program by its token or a person, for an organization, from a network address."""

    organization: Organization
    token: ApiToken | None
    person: User | None
    address: str | None


@dataclass(frozen=True, slots=True)
class Expected:
    """What one unit is expected to cost the buyer, excl. VAT; what is None is not compared."""

    currency: str
    price: Decimal | None = None
    setup_fee: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """One line of an order. ``plan`` is None where the number that was sent names none."""

    plan_number: str
    plan: Plan | None
    quantity: int
    term_months: int
    protection_model: str = ""
    file_sync_model: str = ""
    expected: Expected | None = None


def place_order(
    *,
    key: UUID,
    placer: Placer,
    consumer: Organization,
    lines: Sequence[Wanted],
    login: str = "",
    email: str = "",
    accepted_terms: Collection[int] = (),
    purchase_order: str = "",
    at: datetime,
) -> Order:
    """
    Place an order for ``consumer``, and let it go on as an order of the storefront does. The same ``key`` twice: the same order.

    What the MSP's own program places waits for `execute_order`, as in the back office, and accepts no terms, as nothing does there:
    only the buyer binds itself, when it next orders. Login and e-mail are looked at only where
    the consumer has no user at a service manager yet; the vendor is asked whether the login is free, outside any transaction. Where
    it does not answer, ordering goes on: it is asked again when the user is created.

    :param accepted_terms: the ids of the documents that the buyer accepts; none of the MSP's program.
    :raises FieldRefused: the field is a path in what was sent, such as ``lines.0.quantity``: a consumer the placer may not order
        for, terms that were not accepted, or that the MSP would accept in its buyer's name, a plan, term or quantity that is not
        sold, a missing licensing model, a second subscription, another price than expected, a login that is malformed or taken, no
        e-mail.
    :raises DomainError: the buyer's billing information is not complete, or no terms of use are published.
    """
    if (order := Order.objects.filter(key=key).first()) is not None:
        return order
    buyer_of(placer.organization, consumer)
    awaited = checkouts.without_user(consumer, [line.plan for line in lines if line.plan is not None])
    if awaited:
        refusals.checked_email(email)
        try:
            baskets.check_login(service_managers=awaited, login=login)
        except DomainError:
            # Perhaps by this very request: its first sender's lease ran out while the vendor was asked.
            if (order := Order.objects.filter(key=key).first()) is not None:
                return order
            raise
    return _place(
        key=key,
        placer=placer,
        consumer=consumer,
        lines=lines,
        login=login,
        email=email,
        accepted_terms=accepted_terms,
        purchase_order=purchase_order,
        at=at,
    )


@transaction.atomic(durable=True)
def _place(
    *,
    key: UUID,
    placer: Placer,
    consumer: Organization,
    lines: Sequence[Wanted],
    login: str,
    email: str,
    accepted_terms: Collection[int],
    purchase_order: str,
    at: datetime,
) -> Order:
    gates.lock_consumer(consumer)  # two orders for one consumer are judged one after the other
    if (order := Order.objects.filter(key=key).first()) is not None:
        return order
    buyer = buyer_of(placer.organization, consumer)
    if checkouts.missing_billing_fields(buyer):
        raise DomainError(f"The billing information of {buyer} is not complete. An administrator completes it in the storefront.")
    terms = _checked_terms(accepted_terms, buyer=buyer, placer=placer, at=at)
    sales = _judged(lines, buyer=buyer, consumer=consumer, at=at)
    awaited = {manager.pk for manager in checkouts.without_user(consumer, [plan for plan, _ in sales])}
    details = _details(awaited, login=login, email=email)

    order = orders.new_order(
        key=key,
        buyer=buyer,
        consumer=consumer,
        source=Order.Source.API,
        placed_by=placer.person,
        api_token=placer.token,
        placed_at=at,
        placed_from=placer.address,
        purchase_order=purchase_order,
    )
    written = [
        OrderLine.objects.create(
            order=order,
            **selling.agreed_terms(order, plan),
            **sale.copied(),
            **(details if plan.sold_through_id in awaited else {}),
        )
        for plan, sale in sales
    ]
    accepted = {"order": order, "person": placer.person, "accepted_at": at, "address": placer.address}
    TermsAcceptance.objects.bulk_create([TermsAcceptance(document=document, **accepted) for document in terms])
    notifications.order_placed(order, at=at)
    if placer.organization.kind != Organization.Kind.MSP:
        gates.receive(order, by=placer.person, at=at)
        emails.order_received(order, written)  # which says what happens next
    return order


def buyer_of(organization: Organization, consumer: Organization) -> Organization:
    """
    Return who pays for what ``organization`` orders for ``consumer``: a reseller for its customer, a customer for itself.

    :raises NotYourCustomer: it may not order for that one.
    """
    if consumer.kind == Organization.Kind.CUSTOMER:
        if organization.kind == Organization.Kind.MSP:
            return consumer.reseller or consumer
        if organization == consumer or organization == consumer.reseller:
            return organization
    raise baskets.NotYourCustomer("consumer", "Orders are for your own organization, or for one of your own customers.")


# Steps: inside the caller's transaction


def _checked_terms(accepted: Collection[int], *, buyer: Organization, placer: Placer, at: datetime) -> list[TermsDocument]:
    """Return what the placer accepts for the buyer, which it can only where it is the buyer: nobody contracts with himself."""
    if placer.organization.kind == Organization.Kind.MSP:
        if accepted:
            raise FieldRefused("accepted_terms", NOT_IN_THE_BUYERS_NAME)
        return []
    if placer.person is not None:
        refusals.check_accepts_in_person(placer.person)
    newest = list(checkouts.newest_terms(buyer, at))
    if not newest:
        raise DomainError("The terms of use are not published yet. Please contact us; ordering is not possible before.")
    if missing := [document for document in newest if document.pk not in accepted]:
        named = ", ".join(f"{document.pk} ({document})" for document in missing)
        raise FieldRefused("accepted_terms", f"Accept the newest terms of use: {named}. GET /api/v1/terms shows what they say.")
    return newest


def _judged(
    lines: Sequence[Wanted], *, buyer: Organization, consumer: Organization, at: datetime
) -> list[tuple[Plan, selling.Sale]]:
    """Judge each line; the field of a refusal says which one."""
    sales: list[tuple[Plan, selling.Sale]] = []
    for position, line in enumerate(lines):
        field = f"lines.{position}.{{}}".format
        unknown = FieldRefused(field("plan"), f"There is no plan {line.plan_number} for sale to {buyer}.")
        if line.plan is None:
            raise unknown
        if any(plan.sold_through_id == line.plan.sold_through_id for plan, _ in sales):
            raise refusals.SecondSubscription(field("plan"), refusals.ONE_SUBSCRIPTION_SENTENCE)
        try:
            sale = selling.judged_sale(
                line.plan,
                buyer=buyer,
                consumer=consumer,
                quantity=line.quantity,
                term_months=line.term_months,
                protection_model=line.protection_model,
                file_sync_model=line.file_sync_model,
                on=local_date(at, buyer),
            )
        except refusals.NotForSale:
            raise unknown from None
        except FieldRefused as refusal:
            raise FieldRefused(refusal.field if refusal.field == "consumer" else field(refusal.field), str(refusal)) from None
        if line.expected is not None:
            _check_expected(line.expected, sale, buyer=buyer, field=field("expected_price"))
        sales.append((line.plan, sale))
    return sales


def _check_expected(expected: Expected, sale: selling.Sale, *, buyer: Organization, field: str) -> None:
    whose = Level.WHOLESALE if buyer.kind == Organization.Kind.RESELLER else None
    cost = of_sale(sale.prices, quantity=1, term_months=sale.term_months, whose=whose)
    if cost is None:
        raise FieldRefused(field, "It is priced by use, and has no price to expect.")
    unit, currency = cost.own.unit, cost.own.currency
    is_same = expected.price in (None, unit.price) and expected.setup_fee in (None, unit.setup_fee)
    if expected.currency != currency or not is_same:
        now = f"{money(unit.price, currency)} and once {money(unit.setup_fee, currency)}"
        raise FieldRefused(field, f"One unit costs {now}. Nothing is ordered.")


def _details(awaited: Collection[int], *, login: str, email: str) -> dict[str, str]:
    """Return login and e-mail of the consumer's first user; nothing where it has one everywhere."""
    if not awaited:
        return {}
    return {"login": refusals.checked_login(login, list(awaited)), "email": refusals.checked_email(email)}
