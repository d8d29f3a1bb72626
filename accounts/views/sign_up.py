"""Signing up: a visitor types what is needed, confirms the e-mail address by a code, and goes on where the visit began."""

from allauth.account.utils import perform_login
from allauth.core import ratelimit
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import operations, signing_up
from accounts.access import public
from accounts.arriving import arrived_at, way_back
from accounts.arriving import forget as forget_arrival
from accounts.forms import CodeForm, SignUpForm
from accounts.models import Organization
from accounts.operations.sign_ups import AddressKnown, SignUpClosed
from accounts.signing_up import WaitingSignUp, WrongCode
from common import clock

TOO_MANY = "Too many tries from your network or for this address. Wait an hour, then try again."


@public
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    """Ask for organization and person, and mail a code. People who are signed in go on to where they wanted."""
    back = way_back(request)
    if request.user.is_authenticated:
        return redirect(back or "catalog:home")
    seller = arrived_at(request)
    if seller is None or not seller.sign_up_is_open:
        return TemplateResponse(request, "accounts/sign_up_closed.html", {"seller_asked": seller})
    form = SignUpForm(request.POST or None, initial={"country": seller.country, "currency": seller.currency})
    status = 200
    if request.method == "POST" and form.is_valid():
        waiting = WaitingSignUp(facts=form.facts(), seller=seller.number, way_back=back)
        if _send_code(request, waiting, seller):
            return redirect("accounts:confirm_sign_up")
        form.add_error(None, TOO_MANY)
        status = 429
    context = {"form": form, "seller_asked": seller, "way_back": back}
    return TemplateResponse(request, "accounts/sign_up.html", context, status=status)


@public
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm_sign_up(request: HttpRequest) -> HttpResponse:
    """Ask for the code that was mailed; the right one makes the account and signs in. ``again`` mails another."""
    waiting = signing_up.waiting_in(request)
    if request.user.is_authenticated:
        return redirect("catalog:home")
    if waiting is None:
        return redirect("accounts:sign_up")
    if request.method == "POST" and "again" in request.POST:
        return _send_again(request, waiting)
    form = CodeForm(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        if not ratelimit.consume(request, action="sign_up_code"):
            form.add_error("code", TOO_MANY)
            status = 429
        else:
            try:
                waiting.check(form.cleaned_data["code"], at=clock.now())
            except WrongCode as refusal:
                signing_up.keep(request, waiting)
                form.add_error("code", str(refusal))
            else:
                return _finish(request, waiting)
    return TemplateResponse(request, "accounts/confirm_sign_up.html", {"form": form, "waiting": waiting}, status=status)


def _finish(request: HttpRequest, waiting: WaitingSignUp) -> HttpResponse:
    seller = _seller_of(waiting)
    try:
        user = operations.sign_up(seller=seller, at=clock.now(), **waiting.facts)
    except SignUpClosed:
        signing_up.forget(request)
        return redirect("accounts:sign_up")
    except AddressKnown as refusal:
        signing_up.forget(request)
        messages.info(request, str(refusal))
        return redirect("account_login")
    signing_up.forget(request)
    forget_arrival(request)
    messages.success(request, f"{waiting.facts['organization_name']} is a customer of {seller} now.")
    answer: HttpResponse = perform_login(request, user, redirect_url=waiting.way_back or reverse("catalog:home"), signup=True)
    return answer


def _send_again(request: HttpRequest, waiting: WaitingSignUp) -> HttpResponse:
    if not waiting.may_have_another_code or not _send_code(request, waiting, _seller_of(waiting)):
        messages.error(request, "No more codes for now. Look into your mail, the spam folder too, or sign up again in an hour.")
    else:
        messages.success(request, f"A new mail is on its way to {waiting.email}. The code in the last mail counts.")
    return redirect("accounts:confirm_sign_up")


def _send_code(request: HttpRequest, waiting: WaitingSignUp, seller: Organization) -> bool:
    """Mail a code and wait for it; False where this network or this address had too many."""
    if not ratelimit.consume(request, action="sign_up", key=waiting.email.lower()):
        return False
    code = operations.send_sign_up_code(email=waiting.email, seller=seller, way_back=waiting.way_back)
    waiting.expect(code, at=clock.now())
    signing_up.keep(request, waiting)
    return True


def _seller_of(waiting: WaitingSignUp) -> Organization:
    return Organization.objects.get(number=waiting.seller)
