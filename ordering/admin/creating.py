"""Creating an order for somebody: finding the customer, choosing what is sold to its buyer, saving a draft, placing it."""

from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from accounts.models import Organization, local_date
from common import clock
from common.bss import refuse, staff
from common.errors import DomainError
from ordering.admin.drafting import lost_price
from ordering.bss_forms import OTHER_PRICE_FIELDS, CreateOrderForm, consumer_sent
from ordering.models import Order
from ordering.operations import drafts, orders
from ordering.sale_preview import SalePreview, previewed

if TYPE_CHECKING:
    from ordering.admin.ledger import OrderLedger as Base
else:
    Base = object

EXECUTE = "ordering.execute_order"
OVERRIDE = "ordering.override_price"
SHOWN_CUSTOMERS = 20
MATCHES = 200


class CreatingPages(Base):
    """Mixed into the page of orders."""

    def creating_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("create/", own(self.create_view), name=self.url_name("create")),
            path("<path:object_id>/edit/", own(self.edit_view), name=self.url_name("edit")),
        ]

    # --- A new order ---------------------------------------------------------------------------------------------------

    def create_view(self, request: HttpRequest) -> HttpResponse:
        """Find a customer; then place an order on its behalf, which waits for “Execute”, or save it as a draft."""
        if not request.user.has_perm(EXECUTE):
            raise PermissionDenied
        if request.method != "POST":
            consumer = self._consumer_asked_for(request)
            if consumer is None:
                return self._customers_page(request)
            return self._form_page(request, self._form(request, consumer, initial=CreateOrderForm.beginning(consumer)))
        consumer = consumer_sent(request.POST.get("consumer"))
        if consumer is not None and _only_chooses(request):
            return self._form_page(request, self._form(request, consumer, initial=request.POST.dict()))
        form = self._form(request, consumer, data=request.POST)
        if form.is_valid() and (order := self._created(request, form)) is not None:
            return redirect(self.url_of(order))
        return self._form_page(request, form) if consumer else self._customers_page(request, form=form)

    def _consumer_asked_for(self, request: HttpRequest) -> Organization | None:
        found = Organization.objects.consumers().select_related("parent")
        return found.filter(number=request.GET.get("consumer", "")).first() or consumer_sent(request.GET.get("consumer"))

    def _created(self, request: HttpRequest, form: CreateOrderForm) -> Order | None:
        """Do what the pressed button says; a refusal is put beside its field."""
        told, at = form.cleaned_data, clock.now()
        try:
            if request.POST.get("do") == "draft":
                order = drafts.save_draft(
                    key=told["key"], consumer=told["consumer"], wanted=form.wanted(), by=staff(request), at=at
                )
                messages.success(request, f"Draft {order} is saved. Nothing is reserved until it is placed.")
                return order
            facts = {name: value for name, value in told.items() if name not in OTHER_PRICE_FIELDS}
            order = orders.create_order(**facts, other_price=form.other_price, by=staff(request), at=at)
        except DomainError as refusal:
            refuse(form, refusal)
            return None
        messages.success(request, f"Order {order} is placed. Check it, then execute it.")
        return order

    def _customers_page(self, request: HttpRequest, form: CreateOrderForm | None = None) -> HttpResponse:
        words = request.GET.get("find", "").strip()[:100]
        found = Organization.objects.consumers().select_related("parent")
        if words:
            by_person = found.filter(memberships__user__email__icontains=words)
            ids = [pk for some in (found.matching(words), by_person) for pk in some.values_list("pk", flat=True)[:MATCHES]]
            found = found.filter(pk__in=ids)
        customers = list(found.order_by("name", "pk")[: SHOWN_CUSTOMERS + 1])
        context: dict[str, Any] = {
            "form": form,
            "words": words,
            "customers": customers[:SHOWN_CUSTOMERS],
            "is_more": len(customers) > SHOWN_CUSTOMERS,
            "back": self.list_url(),
        }
        return self.page(request, "admin/ordering/find_customer.html", title="Create order: choose the customer", **context)

    # --- A draft -------------------------------------------------------------------------------------------------------

    def edit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Write a draft anew. Whoever may set another price may do so here, without placing it."""
        order = self.row_or_404(request, object_id)
        if not (request.user.has_perm(EXECUTE) or request.user.has_perm(OVERRIDE)):
            raise PermissionDenied
        line = order.lines.select_related("plan").first()
        if order.status != Order.Status.DRAFT or line is None:
            messages.error(request, f"Order {order} is not a draft any more and cannot be edited.")
            return redirect(self.url_of(order))
        if request.method != "POST":
            form = self._form(request, order.consumer, initial=CreateOrderForm.told_by(order, line))
            return self._form_page(request, form, draft=order)
        if _only_chooses(request):
            initial = {**CreateOrderForm.told_by(order, line), **request.POST.dict()}
            return self._form_page(request, self._form(request, order.consumer, initial=initial), draft=order)
        sent = request.POST.copy()
        sent["consumer"], sent["key"] = str(order.consumer_id), str(order.key)
        form = self._form(request, order.consumer, data=sent)
        if form.is_valid() and self._changed(request, form, order):
            return redirect(self.url_of(order))
        return self._form_page(request, form, draft=order)

    def _changed(self, request: HttpRequest, form: CreateOrderForm, order: Order) -> bool:
        try:
            lost = drafts.change_draft(
                order_id=order.pk,
                wanted=form.wanted(),
                may_override=form.may_override,
                by=staff(request),
                at=clock.now(),
            )
        except DomainError as refusal:
            refuse(form, refusal)
            return False
        messages.success(request, f"Draft {order} is saved.")
        if lost is not None:
            messages.warning(request, lost_price(lost, order=order))
        return True

    # --- The form ------------------------------------------------------------------------------------------------------

    def _form(
        self, request: HttpRequest, consumer: Organization | None, *, data: Any = None, initial: Any = None
    ) -> CreateOrderForm:
        on = local_date(clock.now(), consumer.reseller or consumer) if consumer else clock.today("UTC")
        if data is None:
            # What was chosen so far comes with the address, when only prices and terms are asked for anew.
            names = [name for name in CreateOrderForm.base_fields if name not in ("key", "consumer") and name in request.GET]
            initial = {**(initial or {}), **{name: request.GET[name] for name in names}}
        return CreateOrderForm(data, consumer=consumer, on=on, may_override=request.user.has_perm(OVERRIDE), initial=initial)

    def _form_page(self, request: HttpRequest, form: CreateOrderForm, draft: Order | None = None) -> TemplateResponse:
        plan = form.chosen_plan
        return self.page(
            request,
            "admin/ordering/create.html",
            title=f"Edit draft {draft}" if draft else "Create order",
            original=draft,
            form=form,
            draft=draft,
            customer=form.customer,
            buyer=form.buyer,
            plan=plan,
            preview=_preview(form, draft),
            here=request.path,
            back=self.url_of(draft) if draft else self.list_url(),
            kept=_other_price_kept(form, draft),
        )


def _only_chooses(request: HttpRequest) -> bool:
    """Whether only terms and prices are asked for, by a browser that runs no script."""
    return request.POST.get("do") == "choose"


def _preview(form: CreateOrderForm, draft: Order | None) -> SalePreview | None:
    """Tell what is chosen so far would cost, saved as ``draft`` where there is one; None as long as there is too little of it."""
    plan, customer = form.chosen_plan, form.customer
    if plan is None or customer is None:
        return None
    checked = CreateOrderForm(
        {name: _text(form[name].value()) for name in form.fields},
        consumer=customer,
        on=form.on,
        may_override=form.may_override,
    )
    checked.full_clean()
    wrong = [str(sentence) for name in ("quantity", *OTHER_PRICE_FIELDS) for sentence in checked.errors.get(name, [])]
    if wrong:
        return SalePreview(problem=wrong[0])
    other = checked.other_price
    told = checked.cleaned_data
    return previewed(
        plan,
        customer,
        quantity=told["quantity"],
        term_months=told.get("term_months", 1),
        protection_model=told.get("protection_model", ""),
        file_sync_model=told.get("file_sync_model", ""),
        other_price=other,
        on=form.on,
        keep=None if draft is None else partial(drafts.kept_for, draft, may_override=form.may_override, on=form.on),
    )


def _text(value: Any) -> str:
    """Return what a browser would send of ``value``."""
    return "" if value is None else str(getattr(value, "pk", value))


def _other_price_kept(form: CreateOrderForm, draft: Order | None) -> str:
    """Say to whoever may not set another price that somebody did."""
    line = draft.lines.first() if draft is not None else None
    if line is None or form.may_override or not line.price_reason:
        return ""
    reason = line.price_reason.rstrip(".")
    return f"{line.price_by} set another price: {reason}. It stays as long as plan, term and quantity do."
