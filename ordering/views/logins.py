"""Logins on their way: whether one is free while it is typed, and others where it is taken."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse, JsonResponse, QueryDict
from django.template.response import TemplateResponse
from django.views.decorators.http import require_POST

from accounts.access import buyer_required
from accounts.models import Organization
from common import clock
from common.errors import DomainError
from ordering.forms import posted
from ordering.models import Order
from ordering.operations import baskets
from ordering.queries import checkouts
from ordering.views.basket import open_basket
from ordering.views.requests import MemberRequest
from provisioning.models import ServiceManager
from provisioning.operations.logins import LoginTaken

LONGEST_LOGIN = 200


@buyer_required
@require_POST
def check_login(request: MemberRequest) -> HttpResponse:
    """Say whether a login is free for the open basket, as a fragment to HTMX and as JSON to everybody else."""
    basket = open_basket(request)
    if basket is None:
        return answer_about(request, [], None)
    return answer_about(request, awaiting(checkouts.summary(basket, at=clock.now())), basket.consumer)


def awaiting(summary: checkouts.Summary) -> list[ServiceManager]:
    """Return the service managers at which the consumer's first user is to be created."""
    return [item.plan.sold_through for item in summary.items if item.needs_user]


def posted_details(request: MemberRequest) -> QueryDict | None:
    """What a form of service details is bound to: nothing where the page is only shown, or a suggestion was taken up."""
    return None if "use_login" in request.POST else posted(request)


def taken_up(request: MemberRequest) -> dict[str, str]:
    """Return the suggestion that was pressed where no script filled it in, with the e-mail address as typed; empty without one."""
    if "use_login" not in request.POST:
        return {}
    return {"login": request.POST["use_login"][:LONGEST_LOGIN], "email": request.POST.get("email", "")}


def suggestions_after(
    refusal: DomainError, details: dict[str, Any], managers: Sequence[ServiceManager], consumer: Organization | None
) -> list[str]:
    """Return free logins where the one that was typed is taken; none after any other refusal."""
    if not isinstance(refusal, LoginTaken):
        return []
    return baskets.suggest_logins(service_managers=managers, login=details["login"], consumer=consumer)


def answer_about(
    request: MemberRequest, managers: Sequence[ServiceManager], consumer: Organization | None, *, but_for: Order | None = None
) -> HttpResponse:
    """Say whether the login that was sent is free at ``managers`` for ``consumer``; ``but_for`` is the order that asks."""
    login = request.POST.get("login", "").strip()
    answer: dict[str, Any] = {"login": login, "suggestions": []}
    try:
        unanswered = baskets.check_login(service_managers=managers, login=login, but_for=but_for)
    except DomainError as refusal:
        others = suggestions_after(refusal, answer, managers, consumer)
        answer |= {"free": False, "sentence": str(refusal), "suggestions": others}
    else:
        # None: nobody said no, yet the vendor did not answer, or there is nobody to ask for an empty basket.
        free = None if unanswered or not managers else True
        answer |= {"free": free, "sentence": " ".join(unanswered) or (f"{login} is free." if free else "")}
    if request.htmx:
        return TemplateResponse(request, "ordering/_login_answer.html", answer)
    return JsonResponse(answer)
