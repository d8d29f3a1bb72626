"""The partner panel of a reseller: what it may sell, its markup on each plan, and its order URLs."""

from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from accounts.access import member_required
from accounts.acting import membership_of
from accounts.models import Organization
from catalog.exports import price_list_csv
from catalog.forms.partner_panel import PartnerPriceForm
from catalog.models import PartnerPrice, Plan, PlanPrice
from catalog.operations import order_urls, partners
from catalog.operations.partners import MakesLoss
from catalog.queries import partner_panel, partner_prices
from catalog.queries.partner_prices import Wish
from common import clock
from common.errors import DomainError, FieldRefused

PAGE_LENGTH = 50
LONGEST_SEARCH = 100
READ_ONLY = "Only an administrator sets prices."


@member_required
@require_safe
def plans(request: HttpRequest) -> HttpResponse:
    """List what the reseller may sell; ``q``, ``product`` and ``published`` narrow it down."""
    reseller = reseller_of(request)
    wanted = _wanted(request)
    page = Paginator(partner_panel.panel_plans(reseller, **wanted), PAGE_LENGTH).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": partner_panel.panel_rows(page, reseller, on=clock.today(reseller.time_zone)),
        "products": partner_panel.panel_products(reseller),
        "wanted": wanted,
        "is_narrowed": any(wanted.values()),
    }
    return TemplateResponse(request, "catalog/partner_plans.html", context)


@member_required
@require_safe
def export_plans(request: HttpRequest) -> HttpResponse:
    """Give the reseller's own price list, of the plans that the list shows, as a file."""
    reseller = reseller_of(request)
    found = list(partner_panel.panel_plans(reseller, **_wanted(request)))
    today = clock.today(reseller.time_zone)
    by_currency = [
        partner_panel.panel_rows(found, reseller, on=today, currency=currency)
        for currency in partner_prices.customers_currencies(reseller)
    ]
    own_urls = {(row.plan_id, row.term_months): row for row in partner_panel.order_urls_of(reseller, found)}
    content = price_list_csv(by_currency, own_urls, settings.SITE_URL)
    disposition = f'attachment; filename="price-list-{reseller.number}.csv"'
    return HttpResponse(content, content_type="text/csv; charset=utf-8", headers={"Content-Disposition": disposition})


@member_required
@vary_on_headers("HX-Request")
@require_http_methods(["GET", "HEAD", "POST"])
def plan(request: HttpRequest, number: str) -> HttpResponse:
    """
    Show what a plan costs the reseller and what its customers pay, and let an administrator set it.

    A GET with the form's values works out what they come to and writes nothing; asked by HTMX, only that part is answered.
    """
    reseller = reseller_of(request)
    found = _plan_of(reseller, number)
    today = clock.today(reseller.time_zone)
    price = partner_panel.partner_prices_of(reseller, [found]).first()
    current = Wish.of(price)
    currencies = _currencies(reseller, current)
    may_edit = membership_of(request).may_edit_billing
    typed = _typed(request)
    form = _form(typed, found, current, currencies, today)
    if request.method == "POST":
        if not may_edit:
            raise PermissionDenied(READ_ONLY)
        if form.is_valid() and _saved(form, reseller, found):
            messages.success(request, _what_is_saved(found, form.wish()))
            return redirect("catalog:partner_plan", number=number)
    wish = _shown_wish(form, current, today)
    context = {
        "plan": found,
        "form": form,
        "may_edit": may_edit,
        "today": today,
        **_preview(found, wish, reseller, currencies, today),
        "is_saved": wish == current and price is not None,
    }
    if request.htmx:  # type: ignore[attr-defined]
        return TemplateResponse(request, "catalog/_partner_preview.html", context)
    changes = partner_panel.history(price, reseller=reseller) if price is not None else []
    context["changes"] = [(change, urlencode(change.again) if change.again else "") for change in changes]
    return TemplateResponse(request, "catalog/partner_plan.html", context)


@member_required
@require_safe
def plan_order_urls(request: HttpRequest, number: str) -> HttpResponse:
    """Show the reseller's own order URLs of a plan, one per term, to be copied."""
    reseller = reseller_of(request)
    found = _plan_of(reseller, number)
    price = PartnerPrice.objects.filter(reseller=reseller, plan=found).first()
    rows = [(row, settings.SITE_URL + row.path) for row in partner_panel.order_urls_of(reseller, [found])]
    context = {
        "plan": found,
        "rows": rows,
        "may_edit": membership_of(request).may_edit_billing,
        "is_published": price is not None and price.is_published,
    }
    return TemplateResponse(request, "catalog/partner_order_urls.html", context)


@member_required
@require_POST
def switch_order_url(request: HttpRequest, number: str, code: str) -> HttpResponse:
    """Switch one of the reseller's own order URLs on or off, as ``is_active`` says."""
    reseller = reseller_of(request)
    found = _plan_of(reseller, number)
    if not membership_of(request).may_edit_billing:
        raise PermissionDenied("Only an administrator switches order URLs.")
    row = get_object_or_404(partner_panel.order_urls_of(reseller, [found]), code=code)
    changed = order_urls.switch_order_url(order_url_id=row.pk, is_active=request.POST.get("is_active") == "on")
    state = "in use again" if changed.is_active else "out of use; who follows it is told so"
    messages.success(request, f"The order URL for {changed.get_term_months_display()} is {state}.")
    return redirect("catalog:partner_order_urls", number=number)


def reseller_of(request: HttpRequest) -> Organization:
    """Return the reseller acted for; to everybody else the partner panel does not exist."""
    organization = membership_of(request).organization
    if organization.kind != Organization.Kind.RESELLER:
        raise Http404
    return organization


def _plan_of(reseller: Organization, number: str) -> Plan:
    rows = partner_prices.allowed_plans(reseller).select_related("product_group__product", "service_manager", "module_settings")
    return get_object_or_404(rows, number=number)


def _wanted(request: HttpRequest) -> dict[str, str]:
    asked = {name: request.GET.get(name, "").strip()[:LONGEST_SEARCH] for name in ("q", "product", "published")}
    return {"words": asked["q"], "product": asked["product"], "published": asked["published"]}


def _currencies(reseller: Organization, current: Wish) -> list[str]:
    """The reseller's own, its customers', and those it has amounts in already."""
    return list(dict.fromkeys([*partner_prices.customers_currencies(reseller), *sorted(key[0] for key in current.amounts)]))


def _typed(request: HttpRequest) -> Any:
    """What is to be worked out or saved: the form as it was sent, in the body or in the query; None where nothing was."""
    if request.method == "POST":
        return request.POST
    return request.GET if "discount_percent" in request.GET else None


def _form(typed: Any, plan: Plan, current: Wish, currencies: list[str], today: date) -> PartnerPriceForm:
    rows: list[PlanPrice] = []
    if plan.is_fixed:
        rows = list(PlanPrice.objects.in_force(today).filter(plan=plan, currency__in=currencies))
    ordered = sorted(rows, key=lambda row: (currencies.index(row.currency), row.term_months))
    own = {row.term_months for row in ordered if row.currency == currencies[0]}
    priced = {(row.currency, row.term_months): row.overage_price is not None for row in ordered if row.term_months in own}
    return PartnerPriceForm(typed, plan=plan, current=current, priced=priced, shows_overage=any(priced.values()))


def _saved(form: PartnerPriceForm, reseller: Organization, plan: Plan) -> bool:
    """Set the price; False where it was refused, and then the form says why."""
    wish = form.wish()
    try:
        partners.set_partner_price(
            reseller=reseller,
            plan=plan,
            markup_kind=wish.markup_kind,
            markup_percent=wish.markup_percent,
            overage_markup_percent=wish.overage_markup_percent,
            discount_percent=wish.discount_percent,
            is_published=wish.is_published,
            amounts=wish.amounts,
            accepts_loss=form.cleaned_data["accepts_loss"],
            at=clock.now(),
        )
    except FieldRefused as refusal:
        form.refuse(refusal)
    except DomainError as refusal:
        form.add_error(None, str(refusal))
    else:
        return True
    return False


def _what_is_saved(plan: Plan, wish: Wish) -> str:
    if wish.is_published:
        return f"{plan} is saved. Your customers order it at these prices from now on; what is running keeps its own."
    return f"{plan} is saved. It is not published, so your customers do not see it."


def _shown_wish(form: PartnerPriceForm, current: Wish, today: date) -> Wish | None:
    """What the table is worked out for: what is typed, or what is agreed; None where what is typed cannot be meant."""
    if not form.is_bound:
        return current
    if not form.is_valid():
        refused = {field for field, errors in form.errors.items() if errors}
        return form.wish() if refused == {"accepts_loss"} else None
    wish = form.wish()
    return None if form.refuse_by_rules(wish, on=today) else wish


def _preview(plan: Plan, wish: Wish | None, reseller: Organization, currencies: list[str], today: date) -> dict[str, Any]:
    """What ``wish`` comes to: a table per currency, and whether any of it is a loss."""
    if wish is None:
        return {"wish": None}
    discount = plan.cost_discount  # type: ignore[attr-defined]
    everywhere = partner_prices.retail_rows(plan, wish, cost_discount=discount, own_currency=reseller.currency, on=today)
    rows = [row for row in everywhere if row.currency in currencies]
    tables = [(currency, [row for row in rows if row.currency == currency]) for currency in currencies]
    try:
        partners.check_no_loss(plan, wish, reseller=reseller, cost_discount=discount, on=today)
    except MakesLoss as refusal:
        loss = str(refusal)
    else:
        loss = ""
    return {"wish": wish, "tables": tables, "loss": loss, "reseller": reseller}
