"""What partners may sell, in the back office: one by one, or many partners of a plan, or many plans of a partner, at once."""

from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from unfold.admin import TabularInline

from accounts.models import Organization
from catalog.forms.partners import AllowForm
from catalog.models import PartnerMarkup, PartnerPrice, PartnerTerms, Plan
from catalog.operations import partner_terms
from catalog.operations.order_urls import make_order_urls
from common import clock
from common.bss import BssAdmin, Ledger, LedgerInline, say, today

ROWS_A_PAGE = 100
LONGEST_SEARCH = 100
ALLOW = ("catalog.add_partnerterms", "catalog.change_partnerterms")


@dataclass(frozen=True, slots=True)
class TermsLine:
    """A reseller of a plan, or a plan of a reseller, with what is agreed now; ``terms`` None where nothing is."""

    pk: int
    number: str
    name: str
    url: str
    terms: PartnerTerms | None
    note: str = ""


@admin.register(PartnerTerms)
class PartnerTermsAdmin(BssAdmin):
    list_display = ("plan", "reseller", "is_allowed", "discount_percent")
    list_select_related = ("plan", "reseller")
    list_filter = ("is_allowed", "plan")
    search_fields = ("reseller__number", "reseller__name", "plan__number", "plan__name")
    search_help_text = "Reseller or plan"
    autocomplete_fields = ("plan",)
    fields = ("plan", "reseller", "is_allowed", "discount_percent")
    ordering = ("plan__name", "reseller__name")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("of-plan/<int:plan_id>/", view(self.of_plan_view), name="catalog_plan_partners"),
            path("of-reseller/<int:reseller_id>/", view(self.of_reseller_view), name="catalog_partnerterms_of_reseller"),
            *super().get_urls(),
        ]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "reseller":
            kwargs["queryset"] = Organization.objects.filter(kind=Organization.Kind.RESELLER).order_by("name")
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None and hasattr(field.widget, "can_add_related"):
            field.widget.can_add_related = False  # plans and resellers are added on pages of their own
        return field

    def save_model(self, request: HttpRequest, obj: PartnerTerms, form: Any, change: bool) -> None:
        """Save the terms; the partner's order URLs come with them."""
        super().save_model(request, obj, form, change)
        make_order_urls(obj.plan, on=today(), at=clock.now())

    def of_plan_view(self, request: HttpRequest, plan_id: int) -> HttpResponse:
        """Allow a plan for many partners at one discount, or take it from them."""
        plan = get_object_or_404(Plan, pk=plan_id)
        words = _words(request)
        resellers = _narrowed(Organization.objects.filter(kind=Organization.Kind.RESELLER).order_by("name", "pk"), words)
        change = partial(_change, plans=Plan.objects.filter(pk=plan.pk), resellers=resellers, ticks="resellers")
        terms = {one.reseller_id: one for one in PartnerTerms.objects.filter(plan=plan)}

        def line(reseller: Organization) -> TermsLine:
            url = reverse("admin:accounts_organization_change", args=[reseller.pk])
            return TermsLine(reseller.pk, reseller.number, reseller.name, url, terms.get(reseller.pk))

        note = "" if plan.applicable_on_partner_website else _NOT_APPLICABLE
        facts = {
            "title": f"Partners that may sell {plan}",
            "what": "partner",
            "note": note,
            "back": reverse("admin:catalog_plan_change", args=[plan.pk]),
            "empty": "There is no reseller yet. Add one under Organizations.",
        }
        return self._answer(request, resellers, words, line, change, facts)

    def of_reseller_view(self, request: HttpRequest, reseller_id: int) -> HttpResponse:
        """Allow many plans for one partner at one discount, or take them from it."""
        reseller = get_object_or_404(Organization, pk=reseller_id, kind=Organization.Kind.RESELLER)
        words = _words(request)
        plans = _narrowed(Plan.objects.exclude(status=Plan.Status.ARCHIVED).order_by("name", "pk"), words)
        change = partial(_change, plans=plans, resellers=Organization.objects.filter(pk=reseller.pk), ticks="plans")
        terms = {one.plan_id: one for one in PartnerTerms.objects.filter(reseller=reseller)}

        def line(plan: Plan) -> TermsLine:
            url = reverse("admin:catalog_plan_change", args=[plan.pk])
            note = "" if plan.applicable_on_partner_website else "Applicable on Partner Website is off"
            return TermsLine(plan.pk, plan.number, plan.name, url, terms.get(plan.pk), note)

        facts = {
            "title": f"Plans that {reseller.name} may sell",
            "what": "plan",
            "note": "",
            "back": reverse("admin:accounts_organization_change", args=[reseller.pk]),
            "empty": "There is no plan yet. Create one under Packages.",
        }
        return self._answer(request, plans, words, line, change, facts)

    def _answer(
        self, request: HttpRequest, rows: QuerySet[Any], words: str, line: Any, change: Any, facts: dict[str, Any]
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        may_change = all(request.user.has_perm(permission) for permission in ALLOW)
        form = AllowForm(request.POST if request.method == "POST" else None)
        if request.method == "POST":
            if not may_change:
                raise PermissionDenied
            takes_away = "disallow" in request.POST
            if takes_away or form.is_valid():
                say(request, partial(change, request, form, takes_away=takes_away))
                return redirect(request.get_full_path())
        page = Paginator(rows, ROWS_A_PAGE).get_page(request.GET.get("page"))
        ticked = {*request.POST.getlist("row")}
        return self.page(
            request,
            "admin/catalog/partners.html",
            form=form,
            words=words,
            query=urlencode({"q": words}) if words else "",
            page_of_rows=page,
            lines=[line(row) for row in page],
            ticked=ticked,
            may_change=may_change,
            **facts,
        )


_NOT_APPLICABLE = "“Applicable on Partner Website” is off, so no partner sells this plan yet. Allowing it here switches it on."


def _change(
    request: HttpRequest,
    form: AllowForm,
    *,
    plans: QuerySet[Plan],
    resellers: QuerySet[Organization],
    ticks: str,
    takes_away: bool,
) -> str:
    """Allow or disallow what is ticked, or all that was found; return the sentence to show."""
    takes_all = request.POST.get("takes_all_found") == "on"
    ids = [int(one) for one in request.POST.getlist("row") if one.isascii() and one.isdecimal() and len(one) <= 18]
    if not takes_all and not ids:
        raise partner_terms.PartnerTermsRefused("row", f"Nothing was changed: tick the {ticks} first.")
    if not takes_all:
        plans = plans.filter(pk__in=ids) if ticks == "plans" else plans
        resellers = resellers.filter(pk__in=ids) if ticks == "resellers" else resellers
    plan_ids, reseller_ids = list(plans.values_list("pk", flat=True)), list(resellers.values_list("pk", flat=True))
    if takes_away:
        return _told(partner_terms.disallow_partners(plan_ids=plan_ids, reseller_ids=reseller_ids), "not allowed any more")
    changed = partner_terms.allow_partners(
        plan_ids=plan_ids,
        reseller_ids=reseller_ids,
        discount_percent=form.cleaned_data["discount_percent"],
        makes_applicable=ticks == "resellers",
        today=today(),
        at=clock.now(),
    )
    return _told(changed, "saved, with their order URLs")


def _told(count: int, what: str) -> str:
    if not count:
        return "Nothing had to be changed: it was so already."
    return f"1 agreement is {what}." if count == 1 else f"{count} agreements are {what}."


def _words(request: HttpRequest) -> str:
    return request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]


def _narrowed(rows: QuerySet[Any], words: str) -> QuerySet[Any]:
    for word in words.split():
        rows = rows.filter(Q(number__istartswith=word) | Q(name__icontains=word))
    return rows


class PartnerMarkupInline(LedgerInline, TabularInline):
    model = PartnerMarkup
    fields = ("currency", "term_months", "amount", "overage_amount")


@admin.register(PartnerPrice)
class PartnerPriceAdmin(Ledger):
    """What partners take from their customers. They set it themselves, in their panel; staff only look."""

    list_display = ("plan", "reseller", "markup_kind", "markup_percent", "discount_percent", "is_published")
    list_select_related = ("plan", "reseller")
    list_filter = ("is_published", "plan")
    search_fields = ("reseller__number", "reseller__name", "plan__number", "plan__name")
    search_help_text = "Reseller or plan"
    fields = (
        "plan",
        "reseller",
        "markup_kind",
        "markup_percent",
        "overage_markup_percent",
        "discount_percent",
        "is_published",
    )
    ordering = ("plan__name", "reseller__name")
    inlines = (PartnerMarkupInline,)
