"""The steps from the basket to the order, one subject per page."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse

from accounts import operations as accounts
from accounts.access import buyer_required
from accounts.models import Organization
from common import clock
from common.errors import DomainError, FieldRefused
from ordering.forms import BillingForm, ReviewForm, ServiceDetailsForm, TermsForm, posted
from ordering.models import Basket
from ordering.operations import baskets, orders
from ordering.operations.refusals import NotForSale, PricesChanged, SecondSubscription, SettingsChanged, StepMissing
from ordering.queries import checkouts
from ordering.queries.checkouts import Checkout, Step
from ordering.queries.items import with_included
from ordering.queries.terms import Reading, readings
from ordering.views.basket import after_ordering, is_of_another_basket, open_basket, with_new_prices, without_withdrawn_plans
from ordering.views.logins import awaiting, posted_details, suggestions_after, taken_up
from ordering.views.requests import MemberRequest, address_of
from provisioning.models import Activation

BILLING_FIELDS = list(BillingForm.base_fields)


def step_of_checkout(step: Step) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Let the view in when every step before is done, and give it the state of the checkout; else go where something is missing."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def guarded(request: MemberRequest) -> HttpResponse:
            basket = open_basket(request)
            if basket is None or is_of_another_basket(request, basket):
                return after_ordering(request)
            state = checkouts.checkout(basket, at=clock.now(), with_text=step is Step.TERMS)
            if state.withdrawn:
                return without_withdrawn_plans(request, basket)
            if state.is_out_of_date:
                return with_new_prices(request, basket, step.url_name)
            if not state.is_reachable(step):
                return redirect(state.missing.url_name)
            return view(request, state)

        return buyer_required(guarded)

    return decorate


@step_of_checkout(Step.TERMS)
def terms(request: MemberRequest, state: Checkout) -> HttpResponse:
    """1: the terms of use, each accepted by a tick. Staff who act as the buyer's person accept nothing."""
    if request.acting_as is not None:
        return _terms_while_acting(request, state)
    form = TermsForm(posted(request), documents=state.terms, accepted=state.accepted_terms)
    if request.method == "POST" and form.is_valid():
        try:
            baskets.accept_terms(
                basket_id=state.basket.pk, documents=form.ticked, by=request.user, address=address_of(request), at=clock.now()
            )
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            return _go_on(request)
    ticks = [(reading, form[f"document-{reading.document.pk}"]) for reading in _readings(state)]
    return TemplateResponse(request, "ordering/terms.html", {**_context(state, Step.TERMS, form), "rows": ticks})


@step_of_checkout(Step.BILLING)
def billing(request: MemberRequest, state: Checkout) -> HttpResponse:
    """2: the billing information, shown for confirmation; administrators may change it."""
    buyer = state.basket.buyer
    may_edit: bool = request.acting.may_edit_billing
    missing = checkouts.missing_billing_fields(buyer)
    form = None
    if request.method == "POST" and request.POST.get("action") == "save":
        if not may_edit:
            raise PermissionDenied("Only an administrator of your organization changes its billing information.")
        form = BillingForm(request.POST)
        if form.is_valid():
            accounts.change_billing_information(organization=buyer, at=clock.now(), **form.cleaned_data)
            return redirect("ordering:billing")
    elif request.method == "POST" and not missing:
        baskets.confirm_billing_information(basket_id=state.basket.pk, at=clock.now())
        return _go_on(request)
    elif may_edit and (missing or "edit" in request.GET):
        form = BillingForm(initial={name: getattr(buyer, name) for name in BILLING_FIELDS})
    context = {**_context(state, Step.BILLING, form), "may_edit": may_edit, "is_complete": not missing}
    return TemplateResponse(request, "ordering/billing.html", context)


@step_of_checkout(Step.SERVICE_DETAILS)
def service_details(request: MemberRequest, state: Checkout) -> HttpResponse:
    """3: the consumer's first user at the vendor, only where there is none yet."""
    managers = awaiting(state)
    consumer = state.basket.consumer
    form = ServiceDetailsForm(posted_details(request), initial=_first_user(request, state.basket))
    if all(manager.activation == Activation.PASSWORD for manager in managers):
        form.expect_generated_password()
    suggestions: list[str] = []
    if form.is_bound and form.is_valid() and request.POST.get("consumer") not in (None, consumer and consumer.number):
        form.add_error(None, f"In another tab you chose {consumer} meanwhile. Check that login and e-mail are for {consumer}.")
    elif form.is_bound and form.is_valid():
        try:
            unanswered = baskets.check_login(service_managers=managers, login=form.cleaned_data["login"])
            baskets.give_service_details(basket_id=state.basket.pk, **form.cleaned_data)
        except FieldRefused as refusal:
            suggestions = suggestions_after(refusal, form.cleaned_data, managers, consumer)
            form.add_error(refusal.field, str(refusal))
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            for sentence in unanswered:
                messages.warning(request, f"{sentence} You can go on; it is checked again when the user is created.")
            return _go_on(request)
    context = {**_context(state, Step.SERVICE_DETAILS, form), "suggestions": suggestions}
    return TemplateResponse(request, "ordering/service_details.html", context)


@buyer_required
def review(request: MemberRequest) -> HttpResponse:
    """The last look; “Checkout” places the order. Sent twice, it shows the same order."""
    return _place_order(request) if request.method == "POST" else _review(request)


@step_of_checkout(Step.REVIEW)
def _review(request: MemberRequest, state: Checkout) -> HttpResponse:
    lines = with_included(state.items)
    form = ReviewForm(initial={"basket": state.basket.key, "prices_seen": state.prices_seen, "settings_seen": state.settings_seen})
    context = {**_context(state, Step.REVIEW, form), "lines": lines}
    return TemplateResponse(request, "ordering/review.html", context)


def _place_order(request: MemberRequest) -> HttpResponse:
    form = ReviewForm(request.POST)
    if not form.is_valid():
        for errors in form.errors.get_json_data().values():
            messages.error(request, " ".join(error["message"] for error in errors))
        return redirect("ordering:review")
    mine = Basket.objects.filter(owner=request.user, buyer=request.acting.organization)  # which is this person's own
    basket = get_object_or_404(mine.only("pk"), key=form.cleaned_data["basket"])
    try:
        order = orders.submit_order(
            basket_id=basket.pk,
            by=request.user,
            address=address_of(request),
            at=clock.now(),
            purchase_order=form.cleaned_data["purchase_order"],
            prices_seen=form.cleaned_data["prices_seen"],
            settings_seen=form.cleaned_data["settings_seen"],
        )
    except NotForSale:
        return without_withdrawn_plans(request, basket)
    except PricesChanged as refusal:
        messages.error(request, str(refusal))
        return with_new_prices(request, basket, "ordering:review")
    except SettingsChanged as refusal:
        messages.warning(request, str(refusal))
        return redirect("ordering:review")
    except SecondSubscription:
        return redirect("ordering:basket")  # which says so
    except StepMissing as refusal:
        messages.error(request, str(refusal))
        return redirect(refusal.step.url_name)
    except FieldRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("ordering:service_details")
    except DomainError as refusal:  # what the plan provisions, or its price, is not complete any more
        messages.error(request, str(refusal))
        return redirect("ordering:basket")
    return redirect("ordering:order", number=order.number)


def _terms_while_acting(request: MemberRequest, state: Checkout) -> HttpResponse:
    """Show the terms, and go on with what the buyer has accepted before; there is nothing to tick."""
    if request.method == "POST":
        try:
            baskets.rely_on_accepted_terms(basket_id=state.basket.pk, person=request.user, at=clock.now())
        except DomainError as refusal:
            messages.error(request, str(refusal))
            return redirect("ordering:terms")
        return _go_on(request)
    found = _readings(state)
    facts = {"rows": [(reading, None) for reading in found], "may_go_on": all(reading.was_accepted for reading in found)}
    return TemplateResponse(request, "ordering/terms_while_acting.html", {**_context(state, Step.TERMS, None), **facts})


def _readings(state: Checkout) -> list[Reading]:
    return readings(list(state.terms), accepted=state.accepted_terms, buyer=state.basket.buyer, at=clock.now())


def _go_on(request: MemberRequest) -> HttpResponse:
    """Go to the first step that is missing now; after a change on the way back, that is the review again."""
    basket = open_basket(request)
    if basket is None:
        return redirect("ordering:basket")
    return redirect(checkouts.checkout(basket, at=clock.now()).missing.url_name)


def _context(state: Checkout, step: Step, form: Any) -> dict[str, Any]:
    steps = [{"step": each, "is_done": state.is_done(each), "is_current": each is step} for each in state.steps]
    return {"summary": state, "basket": state.basket, "form": form, "steps": steps, "step": step}


def _first_user(request: MemberRequest, basket: Basket) -> dict[str, str]:
    """The suggestion just taken up; else what was typed before; else to a customer its own e-mail address as a suggestion."""
    own = basket.buyer.kind == Organization.Kind.CUSTOMER
    before = {"login": basket.login, "email": basket.email or (request.user.email if own else "")}
    return {**before, **taken_up(request)}
