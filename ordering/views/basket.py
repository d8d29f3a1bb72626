"""The basket: what, for whom, with which product settings."""

from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_POST

from accounts.access import buyer_required
from accounts.models import Organization
from catalog.models import Plan
from common import clock
from common.errors import DomainError, FieldRefused
from ordering.forms import ConsumerForm, FixedLineForm, LineSettingsForm, NewCustomerForm, line_form, posted
from ordering.models import Basket, BasketLine
from ordering.models.baskets import BasketQuerySet
from ordering.operations import baskets
from ordering.operations.baskets import LineSettings
from ordering.operations.refusals import ONE_SUBSCRIPTION_SENTENCE, quantity_sentence, term_words
from ordering.queries import checkouts
from ordering.queries.items import with_included
from ordering.views.requests import MemberRequest

A_DAY = timedelta(days=1)
LineForm = LineSettingsForm | FixedLineForm


@buyer_required
def show(request: MemberRequest) -> HttpResponse:
    """Show the open basket; keep what is chosen, and go on to the checkout when all of it is right."""
    basket = open_basket(request)
    if request.method == "POST" and (basket is None or is_of_another_basket(request, basket)):
        return after_ordering(request)
    if basket is None:
        return TemplateResponse(request, "ordering/basket.html", {"basket": None})
    summary = checkouts.summary(basket, at=clock.now())
    if summary.withdrawn:
        return without_withdrawn_plans(request, basket)
    if summary.is_out_of_date:
        return with_new_prices(request, basket, "ordering:basket")
    if not summary.items:
        return TemplateResponse(request, "ordering/basket.html", {"basket": None})
    lines = [line_form(posted(request), item=item) for item in summary.items]
    consumer = _consumer_form(request, basket)
    if request.method == "POST":
        action = request.POST.get("action")
        if action == "new_customer":
            _keep_what_is_right(basket, lines)
            return redirect("ordering:new_customer")
        if action == "update" and _update(basket, lines, consumer):
            return redirect("ordering:basket")
        if action != "update" and _proceed(basket, lines, consumer):
            state = checkouts.checkout(open_basket(request) or basket, at=clock.now())
            return redirect(state.missing.url_name)
    elif any(item.is_served for item in summary.items):
        messages.error(request, f"{ONE_SUBSCRIPTION_SENTENCE} {basket.consumer} has one already, or an order for one.")
    forms = [form for form in (*lines, consumer) if form is not None]
    rows = zip(with_included(summary.items), lines, strict=True)
    context = {
        "basket": basket,
        "summary": summary,
        "lines": [(item, line, included) for (item, included), line in rows],
        "consumer_form": consumer,
        "forms": forms,
        "has_errors": any(form.errors for form in forms),
    }
    return TemplateResponse(request, "ordering/basket.html", context)


@buyer_required
@require_POST
def add(request: MemberRequest, number: str) -> HttpResponse:
    """Put a plan into the basket."""
    buyer: Organization = request.acting.organization
    plan = get_object_or_404(
        Plan.objects.for_sale_to(buyer, on=clock.today(buyer.time_zone)).select_related("service_manager"), number=number
    )
    quantity, term = (request.POST.get(name, "1").strip() for name in ("quantity", "term_months"))
    try:
        put_into_basket(
            request,
            plan=plan,
            quantity=_whole(quantity, "quantity", quantity_sentence(plan)),
            term_months=_whole(term, "term_months", "Choose one of the terms."),
        )
    except DomainError as refusal:
        messages.error(request, str(refusal))
        return redirect("catalog:plan", number=number)
    return redirect("ordering:basket")


def put_into_basket(request: MemberRequest, *, plan: Plan, quantity: int, term_months: int) -> None:
    """
    Put ``plan`` into the basket of the organization acted for. What lay in it with another term or quantity is changed, and said.

    :raises DomainError: it cannot be ordered so; see `baskets.add_plan`.
    """
    before = BasketLine.objects.filter(basket=open_basket(request), plan=plan).first()
    basket = baskets.add_plan(
        owner=request.user,
        buyer=request.acting.organization,
        plan=plan,
        quantity=quantity,
        term_months=term_months,
        at=clock.now(),
    )
    if before is None:
        return
    line = basket.lines.get(plan=plan)
    if (before.term_months, before.quantity) != (line.term_months, line.quantity):
        now = f"{term_words(line.term_months)}, quantity {line.quantity:,}"
        messages.info(request, f"{plan} was in your basket already. It is there with your new choice: {now}.")


@buyer_required
@require_POST
def remove(request: MemberRequest, number: str) -> HttpResponse:
    """Take a plan out of the basket."""
    basket = open_basket(request)
    if basket is not None:
        baskets.remove_plan(basket_id=basket.pk, plan_number=number)
    return redirect("ordering:basket")


@buyer_required
def new_customer(request: MemberRequest) -> HttpResponse:
    """Let a reseller add the end customer it orders for."""
    basket = open_basket(request)
    reseller: Organization = request.acting.organization
    if basket is None or reseller.kind != Organization.Kind.RESELLER:
        return redirect("ordering:basket")
    form = NewCustomerForm(posted(request), initial={"country": reseller.country})
    if request.method == "POST" and form.is_valid():
        try:
            baskets.add_customer(basket_id=basket.pk, at=clock.now(), **form.cleaned_data)
        except FieldRefused as refusal:
            form.add_error(refusal.field, str(refusal))
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("ordering:basket")
    return TemplateResponse(request, "ordering/new_customer.html", {"form": form})


def open_basket(request: MemberRequest) -> Basket | None:
    """Return the basket this person fills for the organization acted for, or None where none is open."""
    acting = request.acting.organization  # which is this person's own, so that what it fills for it is visible to it
    mine = Basket.objects.open().filter(owner=request.user, buyer=acting)
    basket = (mine.select_related("consumer") if acting.kind == Organization.Kind.RESELLER else mine).first()
    if basket is not None:
        basket.buyer = acting  # known already, with its parent
        if basket.consumer_id == acting.pk:
            basket.consumer = acting
    return basket


def is_of_another_basket(request: MemberRequest, basket: Basket) -> bool:
    """Whether a form was sent from a page of another basket than the open one; what does not say is of the open one."""
    return request.POST.get("basket", str(basket.key)) != str(basket.key)


def after_ordering(request: MemberRequest) -> HttpResponse:
    """
    Lead a page of a basket that is not open any more to the order it became, in another tab or before; else to the basket.
    """
    mine = Basket.objects.visible_to(request.user).filter(buyer=request.acting.organization, ordered_at__isnull=False)
    key = _uuid(request.POST.get("basket", ""))
    ordered = mine.filter(key=key).first() if key is not None else _just_ordered(mine)
    if ordered is not None:
        messages.info(request, "This basket has been ordered already; this is the order.")
        return redirect("ordering:order", number=ordered.order.number)
    if key is not None:
        messages.warning(request, "The page was of a basket that is gone. This is your basket as it is now; nothing was changed.")
    return redirect("ordering:basket")


def without_withdrawn_plans(request: MemberRequest, basket: Basket) -> HttpResponse:
    """Take out what is not sold any more, say so, and show the basket."""
    for sentence in baskets.remove_withdrawn_plans(basket_id=basket.pk, at=clock.now()):
        messages.warning(request, sentence)
    return redirect("ordering:basket")


def _just_ordered(baskets: BasketQuerySet) -> Basket | None:
    """Return the last of ``baskets`` that was ordered within the day."""
    return baskets.filter(ordered_at__gt=clock.now() - A_DAY).select_related("order").order_by("-ordered_at").first()


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _whole(text: str, field: str, sentence: str) -> int:
    """
    Read a whole number as a form sends it.

    :raises FieldRefused: it is none, or longer than any that can be meant.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise FieldRefused(field, sentence)
    return int(text)


def with_new_prices(request: MemberRequest, basket: Basket, url_name: str) -> HttpResponse:
    """Let the basket cost what it costs now, say what has changed, and show the page of that name."""
    for sentence in baskets.bring_up_to_date(basket_id=basket.pk, at=clock.now()):
        messages.warning(request, sentence)
    return redirect(url_name)


def _consumer_form(request: MemberRequest, basket: Basket) -> ConsumerForm | None:
    if basket.buyer.kind != Organization.Kind.RESELLER:
        return None
    return ConsumerForm(posted(request), reseller=basket.buyer, consumer=basket.consumer)


def _proceed(basket: Basket, lines: list[LineForm], consumer: ConsumerForm | None) -> bool:
    """Keep complete settings; False if something was refused, and then the forms say what."""
    forms = [*lines, *([consumer] if consumer is not None else [])]
    refused = [form for form in forms if not form.is_valid()]  # ask every form, so that every refusal is shown at once
    if refused:
        return False
    chosen = consumer.cleaned_data["consumer"] if consumer is not None else basket.consumer
    return _configure(basket, lines, consumer, chosen=chosen, complete=True)


def _update(basket: Basket, lines: list[LineForm], consumer: ConsumerForm | None) -> bool:
    """Keep what was chosen so far, to show what it costs; False if a term or quantity was refused, and then its form says so."""
    fixed = [form for form in lines if isinstance(form, FixedLineForm)]
    refused = [form for form in fixed if not form.is_valid()]
    if refused:
        return False
    chosen = consumer.cleaned_data["consumer"] if consumer is not None and consumer.is_valid() else None
    return _configure(basket, lines, consumer, chosen=chosen, complete=False)


def _configure(
    basket: Basket, lines: list[LineForm], consumer: ConsumerForm | None, *, chosen: Organization | None, complete: bool
) -> bool:
    try:
        baskets.configure(basket_id=basket.pk, settings=_settings(lines), consumer=chosen, complete=complete, at=clock.now())
    except FieldRefused as refusal:
        prefix, _, field = refusal.field.partition("-")
        by_line = {form.prefix: form for form in lines}
        if prefix in by_line:
            form = by_line[prefix]
            form.add_error(field if field in form.fields else None, str(refusal))
        else:
            (consumer or lines[0]).add_error("consumer" if consumer is not None else None, str(refusal))
        return False
    except DomainError as refusal:
        lines[0].add_error(None, str(refusal))
        return False
    return True


def _keep_what_is_right(basket: Basket, lines: list[LineForm]) -> None:
    """Keep what can be kept before the reader leaves the page for another."""
    baskets.configure(basket_id=basket.pk, settings=_settings(lines), consumer=None, complete=False, at=clock.now())


def _settings(lines: list[LineForm]) -> dict[int, LineSettings]:
    for form in lines:
        form.is_valid()  # what is not right is left out
    return {form.line.pk: form.settings() for form in lines}
