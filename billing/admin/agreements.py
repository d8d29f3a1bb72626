"""What a subscription by use includes each month and costs at least: looked at, and agreed anew from a month on."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path

from billing.agreement_forms import AgreedAllowanceForm, AgreedCommitmentForm
from billing.models import Subscription
from billing.operations import agreements
from billing.queries import agreements as queries
from catalog.models import Plan
from common import clock
from common.bss import Ledger, refuse, staff, today
from common.errors import DomainError
from common.templatetags.show import day, money, quantity

PERMISSIONS = {"allowance": "billing.add_subscriptionallowance", "commitment": "billing.add_subscriptioncommitment"}
UNITS = {"GiB": " GB", "hour": " hours"}


class AgreementPages(Ledger):
    """The page of `SubscriptionAdmin` about agreements. Rows are never edited, so what is sent is shown once more before."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.agreements_view)
        return [path("<path:object_id>/agreements/", view, name=self.url_name("agreements")), *super().get_urls()]

    def agreements_link(self, row: Subscription) -> list[tuple[str, str]]:
        """Return the link to the page, of what is billed by use."""
        return [("Free units and minimum", self.url_of(row, "agreements"))] if _is_by_use(row) else []

    def agreements_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what is agreed and, to those who may, the forms; sent once it is shown again, sent with “confirm” it is agreed."""
        subscription: Subscription = self.row_or_404(request, object_id)
        if not _is_by_use(subscription):
            raise Http404
        part = request.POST.get("part", "") if request.method == "POST" else ""
        if request.method == "POST" and not request.user.has_perm(PERMISSIONS.get(part, "")):
            raise PermissionDenied
        forms = _forms(request, subscription, part)
        form = forms.get(part)
        if form is None or not form.is_valid():
            return self._agreements_page(request, subscription, forms)
        if request.POST.get("step") != "confirm":
            return self._agreements_page(request, subscription, forms, asked=_in_words(subscription, part, form.facts), part=part)
        try:
            _agree(request, subscription, part, form.facts)
        except DomainError as refusal:
            refuse(form, refusal)
            return self._agreements_page(request, subscription, forms)
        messages.success(request, f"Agreed: {_in_words(subscription, part, form.facts)}")
        return redirect(self.url_of(subscription, "agreements"))

    def _agreements_page(
        self, request: HttpRequest, subscription: Subscription, forms: dict[str, Any], *, asked: str = "", part: str = ""
    ) -> HttpResponse:
        sent = [(name, value) for name, value in request.POST.items() if name not in ("csrfmiddlewaretoken", "step")]
        return self.page(
            request,
            "admin/billing/agreements.html",
            title=f"Free units and minimum of {subscription}",
            original=subscription,
            subscription=subscription,
            allowances=[
                (one, f"{quantity(one.row.quantity)}{UNITS.get(one.item.unit, '')}")
                for one in queries.allowances(subscription, on=today())
            ],
            commitments=queries.commitments(subscription, on=today()),
            forms={name: form for name, form in forms.items() if request.user.has_perm(PERMISSIONS[name])},
            asked=asked,
            sent=sent if asked else [],
            part=part,
            back=self.url_of(subscription),
        )


def _is_by_use(subscription: Subscription) -> bool:
    return subscription.billing_model == Plan.BillingModel.PAY_AS_YOU_GO


def _forms(request: HttpRequest, subscription: Subscription, part: str) -> dict[str, Any]:
    months = [(one.isoformat(), day(one)) for one in queries.open_months(subscription, today=today())]
    buyer = subscription.consumer.reseller or subscription.consumer

    def sent(name: str) -> Any:
        return request.POST if part == name else None

    given: dict[str, Any] = {"months": months, "today": today()}
    items = queries.items_of(subscription)
    return {
        "allowance": AgreedAllowanceForm(sent("allowance"), items=items, auto_id="allowance_%s", **given),
        "commitment": AgreedCommitmentForm(sent("commitment"), own_currency=buyer.currency, auto_id="commitment_%s", **given),
    }


def _agree(request: HttpRequest, subscription: Subscription, part: str, facts: dict[str, Any]) -> None:
    given = {"subscription_id": subscription.pk, "by": staff(request), "at": clock.now(), **facts}
    if part == "allowance":
        agreements.set_allowance(**given)
    else:
        agreements.set_commitment(**given)


def _in_words(subscription: Subscription, part: str, facts: dict[str, Any]) -> str:
    """Say what would be agreed, for somebody to read once more."""
    begins = f"from {day(facts['valid_from'])} on"
    if part == "commitment":
        if facts["amount"] == 0:
            return f"{subscription} has no minimum {begins}."
        return f"{subscription} costs at least {money(facts['amount'], facts['currency'])} a month, excluding VAT, {begins}."
    item = next(one for one in queries.items_of(subscription) if (one.name, one.edition) == (facts["item"], facts["edition"]))
    if facts["quantity"] == 0:
        return f"{subscription} includes no {item.label} {begins}."
    return f"{subscription} includes {quantity(facts['quantity'])}{UNITS.get(item.unit, '')} of {item.label} a month {begins}."
