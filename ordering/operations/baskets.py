"""Every write to a basket, from the first product to the last step before ordering."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts import operations as accounts
from accounts.models import Organization, User, local_date
from catalog.models import Plan, Term, TermsDocument
from catalog.queries.offers import Offer, offers
from common.errors import DomainError, FieldRefused
from ordering.costs import as_told
from ordering.models import Basket, BasketLine, Order, TermsAcceptance
from ordering.operations import refusals
from ordering.queries import checkouts
from ordering.queries.checkouts import Step
from ordering.queries.items import Item
from ordering.queries.terms import accepted_before
from ordering.wording import changed_price
from provisioning.models import FileSyncModel, ProtectionModel, ServiceManager, TenantUser
from provisioning.operations import logins


class NotYourCustomer(FieldRefused):
    """A reseller buys for one of its own customers, a customer for itself."""


class BasketClosed(DomainError):
    """The basket has become an order."""


@dataclass(frozen=True)
class LineSettings:
    """“Product Settings” of one line; what is not chosen yet is empty. A fixed plan settles the licensing models itself."""

    quantity: int
    protection_model: str = ""
    file_sync_model: str = ""
    term_months: int = Term.MONTH


@transaction.atomic(durable=True)
def add_plan(*, owner: User, buyer: Organization, plan: Plan, quantity: int, term_months: int = Term.MONTH, at: datetime) -> Basket:
    """
    Put ``plan`` into the open basket that ``owner`` fills for ``buyer``, opening one where there is none.

    A plan that lies in it already stays there once, with the term it was added with last. Its quantity stays too, unless more
    than 1 is asked for: 1 is what links and pages send that ask for no quantity.

    :raises NotForSale: the plan is not sold to this buyer, or the buyer is the MSP itself.
    :raises FieldRefused: a quantity the plan is not ordered with, or a term it is not sold for in the buyer's currency.
    :raises SecondSubscription: the basket has another plan of the same service manager, or the buyer is served already.
    """
    if buyer.kind == Organization.Kind.MSP:
        raise refusals.NotForSale("Orders on behalf of a customer are placed in the BSS.")
    today = local_date(at, buyer)
    if not Plan.objects.for_sale_to(buyer, on=today).filter(pk=plan.pk).exists():
        raise refusals.NotForSale(f"{plan} is not sold any more.")
    refusals.check_quantity(plan, quantity)
    sold = offers([plan], buyer, on=today).get(plan.pk, [])
    refusals.check_term(plan, term_months, sold)
    consumer = buyer if buyer.kind == Organization.Kind.CUSTOMER else None
    basket, _ = Basket.objects.get_or_create(
        owner=owner, buyer=buyer, ordered_at=None, defaults={"consumer": consumer, "created_at": at}
    )
    basket = Basket.objects.locked().get(pk=basket.pk)
    other = basket.lines.exclude(plan=plan).filter(plan__service_manager=plan.sold_through_id).select_related("plan").first()
    if other is not None:
        raise refusals.SecondSubscription(
            "plan", f"{refusals.ONE_SUBSCRIPTION_SENTENCE} Your basket has {other.plan} already; remove it to order {plan}."
        )
    if basket.consumer_id is not None:
        _check_not_served(basket, [plan.sold_through_id])
    told = next((as_told(offer.currency, offer.amounts) for offer in sold if offer.term_months == term_months), {})
    wanted = {"term_months": term_months, "told_price": told}
    again = wanted if quantity == 1 else {**wanted, "quantity": quantity}
    first = {**wanted, "quantity": quantity}
    BasketLine.objects.update_or_create(basket=basket, plan=plan, defaults=again, create_defaults=first)
    return basket


@transaction.atomic(durable=True)
def remove_plan(*, basket_id: int, plan_number: str) -> None:
    """Take a plan out of the basket; repeated, nothing."""
    basket = _open_basket(basket_id)
    basket.lines.filter(plan__number=plan_number).delete()


@transaction.atomic(durable=True)
def remove_withdrawn_plans(*, basket_id: int, at: datetime) -> list[str]:
    """Take out what is not sold to this buyer any more. Return a sentence for each line removed."""
    basket = _open_basket(basket_id)
    for_sale = Plan.objects.for_sale_to(basket.buyer, on=local_date(at, basket.buyer))
    withdrawn = list(basket.lines.exclude(plan__in=for_sale.values("pk")).select_related("plan"))
    basket.lines.filter(pk__in=[line.pk for line in withdrawn]).delete()
    return [f"{line.plan} is not sold any more. We took it out of your basket." for line in withdrawn]


@transaction.atomic(durable=True)
def bring_up_to_date(*, basket_id: int, at: datetime) -> list[str]:
    """
    Let every line cost what it costs now, and have a term and a quantity it is sold for. Return a sentence for each change.

    A term that is not sold any more becomes the shortest that is. Repeated, nothing.
    """
    basket = _open_basket(basket_id)
    sentences = []
    for item in checkouts.summary(basket, at=at).items:
        if item.is_out_of_date and item.offers:
            sentences += _brought_up_to_date(item)
    return sentences


@transaction.atomic(durable=True)
def configure(
    *, basket_id: int, settings: Mapping[int, LineSettings], consumer: Organization | None, complete: bool, at: datetime
) -> None:
    """
    Keep the product settings by line (key: the line's id) and the consumer, None where not chosen yet.

    With ``complete`` nothing may be left open, and the consumer must not be served already. Another consumer than
    before empties the service details, which were the first one's.

    :raises FieldRefused: a quantity or term that is not sold, or a missing licensing model; its field begins with the line's id.
    :raises NotYourCustomer: the consumer is not one the buyer may order for, or is missing.
    :raises SecondSubscription: the consumer has a live subscription, or an order for one, at the same service manager.
    """
    basket = _open_basket(basket_id)
    lines = list(basket.lines.select_related("plan"))
    sold = offers([line.plan for line in lines], basket.buyer, on=local_date(at, basket.buyer))
    for line in lines:
        if line.pk in settings:
            _configure_line(line, settings[line.pk], sold.get(line.plan_id, []), complete=complete)
    if consumer is not None or complete:
        _choose_consumer(basket, consumer)
    if complete:
        _check_not_served(basket, [line.plan.sold_through_id for line in lines])
        _check_retail(basket, at)


@transaction.atomic(durable=True)
def add_customer(*, basket_id: int, at: datetime, name: str, billing_email: str, **facts: Any) -> Organization:
    """
    Add an end customer of the reseller who fills the basket, and choose it as the consumer.

    Sent twice, the customer of the same name and billing e-mail is chosen again.

    :raises NotYourCustomer: the buyer is no reseller.
    :raises FieldRefused: the reseller has another customer of this name.
    """
    basket = _open_basket(basket_id)
    if basket.buyer.kind != Organization.Kind.RESELLER:
        raise NotYourCustomer("consumer", f"{basket.buyer} orders for itself.")
    Organization.objects.locked().get(pk=basket.buyer_id)  # two baskets of one reseller add their customers in turn
    customer = basket.buyer.children.filter(name__iexact=name).first()
    if customer is None:
        customer = accounts.add_organization(
            kind=Organization.Kind.CUSTOMER, parent=basket.buyer, name=name, billing_email=billing_email, at=at, **facts
        )
    elif customer.billing_email.lower() != billing_email.lower():
        raise FieldRefused("name", f"You have a customer named {customer.name} already. Choose it in the basket.")
    _choose_consumer(basket, customer)
    return customer


@transaction.atomic(durable=True)
def accept_terms(*, basket_id: int, documents: Collection[int], by: User, address: str | None, at: datetime) -> None:
    """
    Record that ``by`` accepts the newest version of every document; ``documents`` are the ids that were ticked.

    What was accepted for this basket before stays as it was.

    :raises FieldRefused: a document was not ticked; the field is ``document-<id>``.
    :raises OnlyInPerson: a member of staff acts as ``by``.
    :raises DomainError: no terms of use are published, so nothing can be ordered.
    """
    basket = _open_basket(basket_id)
    refusals.check_accepts_in_person(by)
    newest = _newest_terms(basket, at)
    for document in newest:
        if document.pk not in documents:
            raise FieldRefused(f"document-{document.pk}", f"Accept the {document.title} to go on.")
    for document in newest:
        TermsAcceptance.objects.get_or_create(
            basket=basket, document=document, defaults={"person": by, "accepted_at": at, "address": address}
        )
    basket.terms_accepted_at = at
    basket.save(update_fields=["terms_accepted_at"])


@transaction.atomic(durable=True)
def rely_on_accepted_terms(*, basket_id: int, person: User, at: datetime) -> None:
    """
    Go on with what the buyer has accepted before, where a member of staff acts as ``person``; nothing new is accepted.

    Person, time and address are those of the latest acceptance of the very same version. Repeated, nothing.

    :raises OnlyInPerson: the buyer has not accepted the newest version of a document.
    :raises DomainError: no terms of use are published, so nothing can be ordered.
    """
    basket = _open_basket(basket_id)
    newest = _newest_terms(basket, at)
    before = accepted_before(basket.buyer, newest)
    for document in newest:
        if document.pk not in before:
            raise refusals.only_in_person(person)
    for document in newest:
        earlier = before[document.pk]
        known = {"person": earlier.person, "accepted_at": earlier.accepted_at, "address": earlier.address}
        TermsAcceptance.objects.get_or_create(basket=basket, document=document, defaults=known)
    basket.terms_accepted_at = at
    basket.save(update_fields=["terms_accepted_at"])


@transaction.atomic(durable=True)
def confirm_billing_information(*, basket_id: int, at: datetime) -> None:
    """
    Record that the buyer's billing information was looked at and is right.

    :raises DomainError: something an invoice needs is missing.
    """
    basket = _open_basket(basket_id)
    if checkouts.missing_billing_fields(basket.buyer):
        raise DomainError("The billing information is not complete. An administrator of your organization can complete it.")
    basket.billing_confirmed_at = at
    basket.save(update_fields=["billing_confirmed_at"])


@transaction.atomic(durable=True)
def give_service_details(*, basket_id: int, login: str, email: str) -> None:
    """
    Keep the login and e-mail of the consumer's first user at the vendor.

    Whether the login is free at the vendor is asked by the caller before, outside any transaction.

    :raises FieldRefused: a malformed login or e-mail, or a login that one of our users or orders has.
    """
    basket = _open_basket(basket_id)
    managers = list(basket.lines.values_list("plan__service_manager", flat=True))
    basket.email = refusals.checked_email(email)
    basket.login = refusals.checked_login(login, managers)
    basket.save(update_fields=["login", "email"])


def check_login(*, service_managers: Sequence[ServiceManager], login: str, but_for: Order | None = None) -> list[str]:
    """
    Ask Acronis whether ``login`` is free at all of ``service_managers``; no transaction may be open.

    Return a sentence for each that did not answer: ordering goes on, the login is checked again when the user is created.

    :param but_for: the order that asks; its own lines and users do not count here.
    :raises LoginTaken: one of our users or orders, or anybody at the vendor, has it; `suggest_logins` names others.
    :raises FieldRefused: malformed, or not accepted by the vendor.
    """
    refusals.checked_login(login, [service_manager.pk for service_manager in service_managers], but_for=but_for)
    unanswered = []
    for service_manager in service_managers:
        try:
            logins.check_login(service_manager=service_manager, login=login, **_asked_for(but_for, service_manager))
        except logins.CannotCheck as silence:
            unanswered.append(str(silence))
    return unanswered


def suggest_logins(*, service_managers: Sequence[ServiceManager], login: str, consumer: Organization | None) -> list[str]:
    """
    Return a few logins like ``login`` that are free here, in orders and, as it said a moment ago, at the vendor.

    No transaction may be open; see `logins.suggestions` for how much the vendor is asked. Nothing is reserved.
    """
    managers = [service_manager.pk for service_manager in service_managers]
    return logins.suggestions(
        login,
        service_managers=service_managers,
        organization=consumer.name if consumer is not None else "",
        known=lambda taken: checkouts.logins_in_orders(taken, managers),
    )


def check_complete(state: checkouts.Checkout) -> None:
    """
    Refuse a basket that cannot be ordered as it is.

    :raises NotForSale: a plan was withdrawn meanwhile.
    :raises StepMissing: a step is not done.
    """
    for item in state.withdrawn:
        raise refusals.NotForSale(f"{item.plan} is not sold any more.")
    for item in state.items:
        if item.is_served:
            raise _second_subscription(state.basket)
    if state.missing is not Step.REVIEW:
        raise refusals.StepMissing(state.missing)


# Steps: inside the caller's transaction


def _newest_terms(basket: Basket, at: datetime) -> list[TermsDocument]:
    newest = list(checkouts.newest_terms(basket.buyer, at))
    if not newest:
        raise DomainError("The terms of use are not published yet. Please contact us; ordering is not possible before.")
    return newest


def _open_basket(basket_id: int) -> Basket:
    basket = Basket.objects.locked().select_related("buyer__parent", "consumer").get(pk=basket_id)
    if basket.ordered_at is not None:
        raise BasketClosed("This basket has been ordered already. You find it under Orders.")
    return basket


def _brought_up_to_date(item: Item) -> list[str]:
    line, sentences = item.line, []
    offer = item.offer or item.offers[0]
    if item.offer is None:
        before, line.term_months = refusals.term_words(line.term_months), offer.term_months
        now = f"Your basket has it for {refusals.term_words(offer.term_months)} now."
        sentences.append(f"{line.plan} is not sold for {before} any more. {now}")
    elif line.told_price and line.told_price != as_told(offer.currency, offer.amounts):
        sentences.append(
            changed_price(
                line.plan.name,
                term_months=offer.term_months,
                currency=offer.currency,
                told=line.told_price,
                unit=offer.amounts,
            )
        )
    if line.quantity > item.largest_quantity:
        line.quantity = item.largest_quantity
        sentences.append(f"{line.plan} is not sold in this quantity any more. Your basket has {line.quantity:,} of it now.")
    line.told_price = as_told(offer.currency, offer.amounts)
    line.save(update_fields=["term_months", "quantity", "told_price"])
    return sentences


def _configure_line(line: BasketLine, wanted: LineSettings, sold: Sequence[Offer], *, complete: bool) -> None:
    field = f"{line.pk}-{{}}".format
    try:
        refusals.check_quantity(line.plan, wanted.quantity)
        refusals.check_term(line.plan, wanted.term_months, sold)
    except FieldRefused as refusal:
        raise FieldRefused(field(refusal.field), str(refusal)) from None
    line.quantity, line.term_months = wanted.quantity, wanted.term_months
    if line.plan.is_fixed:
        line.told_price = next(as_told(one.currency, one.amounts) for one in sold if one.term_months == wanted.term_months)
        line.save(update_fields=["quantity", "term_months", "told_price"])
        return
    if wanted.protection_model not in ProtectionModel.values and (wanted.protection_model or complete):
        raise FieldRefused(field("protection_model"), "Choose a Protection Licensing Model.")
    if wanted.file_sync_model not in FileSyncModel.values and (wanted.file_sync_model or complete):
        raise FieldRefused(field("file_sync_model"), "Choose a File Sync & Share Licensing Model.")
    line.protection_model = wanted.protection_model
    line.file_sync_model = wanted.file_sync_model
    line.save(update_fields=["quantity", "term_months", "protection_model", "file_sync_model"])


def _asked_for(order: Order | None, service_manager: ServiceManager) -> dict[str, TenantUser]:
    """Name the user whom ``order`` has begun to make, where there is one: what login it has is free for it."""
    if order is None:
        return {}
    tenants = order.lines.filter(service__isnull=False).values("service__tenant")
    user = TenantUser.objects.live().filter(tenant__in=tenants, service_manager=service_manager).order_by("pk").first()
    return {} if user is None else {"but_for": user}


def _check_retail(basket: Basket, at: datetime) -> None:
    """A reseller's customer is invoiced in its own currency, so there must be a price in it."""
    for item in checkouts.summary(basket, at=at).items:
        if item.is_without_retail:
            assert basket.consumer is not None  # chosen a moment ago
            what = f"{item.plan}, {refusals.term_words(item.line.term_months)}"
            raise FieldRefused(
                "consumer",
                f"{basket.consumer} is invoiced in {basket.consumer.currency}, and {what}, has no price of yours in this currency.",
            )


def _choose_consumer(basket: Basket, consumer: Organization | None) -> None:
    if consumer is None:
        raise NotYourCustomer("consumer", "Choose the customer this is for.")
    is_own = consumer == basket.buyer and consumer.kind == Organization.Kind.CUSTOMER
    is_own_customer = consumer.parent_id == basket.buyer_id and basket.buyer.kind == Organization.Kind.RESELLER
    if not (is_own or is_own_customer):
        raise NotYourCustomer("consumer", "Choose one of your own customers.")
    if basket.consumer != consumer:
        basket.consumer, basket.login, basket.email = consumer, "", ""
        basket.save(update_fields=["consumer", "login", "email"])


def _check_not_served(basket: Basket, service_manager_ids: list[int]) -> None:
    assert basket.consumer is not None
    if checkouts.is_served(basket.consumer, service_manager_ids):
        raise _second_subscription(basket)


def _second_subscription(basket: Basket) -> refusals.SecondSubscription:
    sentence = f"{refusals.ONE_SUBSCRIPTION_SENTENCE} {basket.consumer} has one already, or an order for one."
    return refusals.SecondSubscription("consumer", sentence)
