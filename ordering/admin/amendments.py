"""Changing a subscription on behalf of its customer: what can be, what it costs, and its order."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from billing.models import Subscription
from common import clock
from common.bss import BssAdmin, say, staff
from ordering.amendment_desk import HEADINGS, AmendmentDesk, placed_before
from ordering.models import Order
from ordering.operations import amendments
from ordering.queries.amendments import amendments_of, choices

EXECUTE = "ordering.execute_order"
WIDGETS = {"IntegerField": UnfoldAdminIntegerFieldWidget, "CharField": UnfoldAdminTextInputWidget}


class AmendmentPages(BssAdmin):
    """Gives the admin of orders the pages that change a subscription."""

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("change/<str:number>/", own(self.changes_view), name=self.url_name("changes")),
            path("change/<str:number>/keep/", own(self.keep_view), name=self.url_name("keep")),
            path("change/<str:number>/<str:kind>/", own(self.amend_view), name=self.url_name("amend")),
            *super().get_urls(),
        ]

    def changes_view(self, request: HttpRequest, number: str) -> HttpResponse:
        """Show what can be changed of a subscription, and what was."""
        subscription = _subscription(request, number)
        found = choices(subscription, reader=None, at=clock.now())
        return self._page(
            request,
            subscription,
            "admin/ordering/changes.html",
            title=f"Change {subscription}",
            choices=found,
            changes=[(HEADINGS[kind], self._url(subscription, kind)) for kind in HEADINGS],
            keep_url=reverse(f"admin:{self.url_name('keep')}", args=[subscription.number]) if found.planned_end else "",
            lines=amendments_of(subscription),
        )

    def amend_view(self, request: HttpRequest, number: str, kind: str) -> HttpResponse:
        """Quote a change and, sent, place its order. It waits for “Execute” as every order of the back office does."""
        subscription = _subscription(request, number)
        if kind not in HEADINGS:
            raise Http404
        if request.method == "POST" and (order := placed_before(subscription, request.POST.dict())) is not None:
            return redirect(self.url_of(order))
        asked = request.POST if request.method == "POST" else request.GET
        desk = AmendmentDesk(subscription, kind, asked, reader=None, at=clock.now())
        if request.method == "POST" and desk.quote is not None:
            answer = desk.order(request.POST.dict(), source=Order.Source.BSS, by=staff(request))
            if isinstance(answer, Order):
                messages.success(request, f"Order {answer} is placed. Check it, then execute it.")
                return redirect(self.url_of(answer))
            messages.error(request, answer)
        for form in filter(None, (desk.form, desk.confirm)):
            _dress(form)
        title = f"{desk.heading}: {subscription}"
        return self._page(request, subscription, "admin/ordering/amend.html", title=title, desk=desk)

    def keep_view(self, request: HttpRequest, number: str) -> HttpResponse:
        """Take a planned end back."""
        subscription = _subscription(request, number)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])

        def keep() -> str:
            amendments.take_back_cancellation(subscription_id=subscription.pk, by=staff(request), at=clock.now())
            return f"The cancellation is taken back: {subscription} goes on."

        say(request, keep)
        return redirect(f"admin:{self.url_name('changes')}", number)

    def _page(self, request: HttpRequest, subscription: Subscription, template: str, **context: Any) -> HttpResponse:
        back = reverse("admin:billing_subscription_change", args=[subscription.pk])
        changes_url = reverse(f"admin:{self.url_name('changes')}", args=[subscription.number])
        return self.page(request, template, subscription=subscription, back=back, changes_url=changes_url, **context)

    def _url(self, subscription: Subscription, kind: str) -> str:
        return reverse(f"admin:{self.url_name('amend')}", args=[subscription.number, kind])


def _subscription(request: HttpRequest, number: str) -> Subscription:
    if not request.user.has_perm(EXECUTE):
        raise PermissionDenied
    related = ("consumer__parent", "plan__product_group", "plan__service_manager", "service__service_manager", "service__tenant")
    return get_object_or_404(Subscription.objects.select_related(*related), number=number)


def _dress(form: Any) -> None:
    """Give the fields of a form the back office's look."""
    for field in form.fields.values():
        if field.widget.is_hidden:
            continue
        if hasattr(field, "choices"):
            is_radio = field.widget.input_type == "radio"
            field.widget = (UnfoldAdminRadioSelectWidget if is_radio else UnfoldAdminSelectWidget)(choices=field.choices)
        elif type(field).__name__ in WIDGETS:
            field.widget = WIDGETS[type(field).__name__](attrs=field.widget.attrs)
