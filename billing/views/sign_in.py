"""How people get in at the vendor, from the page of their service: the panel, the password, login and e-mail address."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import buyer_required
from accounts.acting import reader_of
from accounts.models import User
from billing.models import Subscription
from billing.service_forms import SignInForm
from billing.views.services import visible_services
from common import clock
from common.errors import DomainError, FieldRefused
from provisioning.models import TenantUser
from provisioning.operations import logins, users

NEXT = {
    "login": "the login becomes {login}",
    "email": "the e-mail address becomes {email}",
    "password": "the new password is set",
}


class SeeOther(HttpResponseRedirect):
    """Go there by GET (HTTP 303), whatever was sent here."""

    status_code = 303


@buyer_required
@require_POST
def open_panel(request: HttpRequest, number: str) -> HttpResponse:
    """
    Send the browser to the vendor's panel, signed in. The address is worth a password for some minutes: it is in this answer only.
    """
    subscription, person = _found(request, number)
    try:
        url = users.panel_url(tenant_user_id=person.pk, by=_reader(request), at=clock.now())
    except DomainError as refusal:
        return _refused(request, subscription, refusal)
    answer = SeeOther(url)
    answer["Cache-Control"] = "no-store"
    answer["Referrer-Policy"] = "no-referrer"
    return answer


@buyer_required
@require_POST
@never_cache
def show_password(request: HttpRequest, number: str) -> HttpResponse:
    """Show the password we gave the user, as a fragment to HTMX and as a page to everybody else; who saw it is recorded."""
    subscription, person = _found(request, number)
    facts = {"subscription": subscription, "login": person.login}
    htmx = request.htmx  # type: ignore[attr-defined]
    try:
        facts["password"] = users.show_password(tenant_user_id=person.pk, by=_reader(request), at=clock.now())
    except DomainError as refusal:
        if not htmx:
            return _refused(request, subscription, refusal)
        facts["refusal"] = str(refusal)
    return TemplateResponse(request, "billing/_password.html" if htmx else "billing/password.html", facts)


@buyer_required
@require_http_methods(["GET", "HEAD", "POST"])
def reset_password(request: HttpRequest, number: str) -> HttpResponse:
    """Ask, then give the user a new generated password."""
    subscription, person = _found(request, number)
    if request.method != "POST":
        return TemplateResponse(request, "billing/reset_password.html", {"subscription": subscription, "person": person})
    try:
        users.reset_password(tenant_user_id=person.pk, at=clock.now())
    except DomainError as refusal:
        return _refused(request, subscription, refusal)
    messages.success(request, f"Acronis is told the new password of {person.login}. You can look at it here once it is set.")
    return _back(subscription)


@buyer_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def update_sign_in(request: HttpRequest, number: str) -> HttpResponse:
    """Change login, e-mail address and, if one is typed, the password. The vendor is asked whether the login is free."""
    subscription, person = _found(request, number)
    chosen = request.POST.get("use_login")  # one of the suggestions, where no script filled it in
    answer = request.POST if request.method == "POST" and chosen is None else None
    form = SignInForm(answer, person=person, number=number, login=chosen)
    suggestions: list[str] = []
    if form.is_bound and form.is_valid():
        try:
            unsure = _check_login(person, form.cleaned_data["login"])
            changed = users.change_sign_in(tenant_user_id=person.pk, at=clock.now(), **form.cleaned_data)
        except FieldRefused as refusal:
            suggestions = _suggestions(refusal, subscription, person, form.cleaned_data["login"])
            form.add_error(refusal.field, str(refusal))
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            if unsure:
                messages.warning(request, f"{unsure} Acronis checks it when the login is changed there.")
            _tell(request, changed, form.cleaned_data)
            return _back(subscription)
    context = {"subscription": subscription, "person": person, "form": form, "suggestions": suggestions}
    return TemplateResponse(request, "billing/update_sign_in.html", context)


@buyer_required
@require_POST
def check_login(request: HttpRequest, number: str) -> HttpResponse:
    """Say whether a login is free for the service's user, as a fragment to HTMX and as JSON to everybody else."""
    subscription, person = _found(request, number)
    login = request.POST.get("login", "").strip()
    answer: dict[str, object] = {"login": login, "suggestions": []}
    try:
        unsure = _check_login(person, login)
    except DomainError as refusal:
        others = _suggestions(refusal, subscription, person, login)
        answer |= {"free": False, "sentence": str(refusal), "suggestions": others}
    else:
        kept = f"{login} is the login there is now." if login == person.login else f"{login} is free."
        answer |= {"free": None if unsure else True, "sentence": unsure or kept}
    if request.htmx:  # type: ignore[attr-defined]
        return TemplateResponse(request, "billing/_login_answer.html", answer)
    return JsonResponse(answer)


@buyer_required
@require_POST
def ask_activation_mail(request: HttpRequest, number: str) -> HttpResponse:
    """Have the vendor send the mail once more by which the service's user sets a password."""
    subscription, person = _found(request, number)
    try:
        users.ask_activation_mail_again(tenant_user_id=person.pk, at=clock.now())
    except DomainError as refusal:
        return _refused(request, subscription, refusal)
    messages.success(request, f"We have asked Acronis to send the activation mail to {person.email} once more.")
    return _back(subscription)


def _found(request: HttpRequest, number: str) -> tuple[Subscription, TenantUser]:
    """The service and its first user; 404 where the person may not see it, or nobody is to get in yet."""
    subscription = get_object_or_404(visible_services(request), number=number)
    person = (
        TenantUser.objects.select_related("service_manager").filter(tenant=subscription.service.tenant_id).order_by("pk").first()
    )
    if person is None:
        raise Http404
    return subscription, person


def _check_login(person: TenantUser, login: str) -> str:
    """Return a sentence if the vendor cannot tell whether the login is free, else nothing. Raises FieldRefused if it is not."""
    try:
        logins.check_login(service_manager=person.service_manager, login=login, but_for=person)
    except logins.CannotCheck as silence:
        return str(silence)
    return ""


def _suggestions(refusal: DomainError, subscription: Subscription, person: TenantUser, login: str) -> list[str]:
    """Return free logins where the one that was typed is taken; none after any other refusal."""
    if not isinstance(refusal, logins.LoginTaken):
        return []
    return logins.suggestions(login, service_managers=[person.service_manager], organization=subscription.consumer.name)


def _tell(request: HttpRequest, changed: frozenset[str], values: dict[str, str]) -> None:
    steps = [words.format(**values) for name, words in NEXT.items() if name in changed]
    if steps:
        messages.success(request, f"Saved. Acronis is told now: {', '.join(steps)}.")
    else:
        messages.info(request, "Nothing was different from before.")


def _refused(request: HttpRequest, subscription: Subscription, refusal: DomainError) -> HttpResponse:
    messages.error(request, str(refusal))
    return _back(subscription)


def _back(subscription: Subscription) -> HttpResponse:
    return redirect("billing:service", number=subscription.number)


def _reader(request: HttpRequest) -> User:
    """Who looks: the vendor's door and the password are opened by a person, also where staff act as a customer."""
    return reader_of(request)
