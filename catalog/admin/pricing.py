"""The Pricing page of a plan: how it is sold, its prices by currency and term, and what they were and will be."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.datastructures import MultiValueDict

from accounts.models import Organization
from catalog.admin.plan_terms import PlanTermsPages
from catalog.forms.pricing import PricesForm, SellingForm, WithdrawForm, currency_choices
from catalog.models import UNLIMITED_STORAGE, ModuleSettings, Plan, PlanPrice, Term
from catalog.operations import plans, prices
from common import clock
from common.bss import refuse, related, say, staff, today
from common.errors import DomainError
from common.money import is_currency
from common.templatetags.show import day, money

SHOWN_HISTORY = 200
MOST_CURRENCIES = 12
PRICE_CHANGE = "billing.add_pricechange"
_RATE_CARDS = ("Acronis rate card", "billing_ratecard_changelist")


class PricingPages(PlanTermsPages):
    """The pages of `PlanAdmin` about what a plan costs."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("<path:object_id>/pricing/", view(self.pricing_view), name="catalog_plan_pricing"),
            path("<path:object_id>/pricing/withdraw/", view(self.withdraw_view), name="catalog_plan_withdraw_price"),
            path("<path:object_id>/pricing/cancel/", view(self.cancel_planned_view), name="catalog_plan_cancel_price"),
            path("<path:object_id>/pricing/sell-again/", view(self.sell_again_view), name="catalog_plan_sell_again"),
        ]
        return [*own, *super().get_urls()]

    def pricing_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show and change how a plan is sold and what it costs; ``currency`` in the address adds a currency to the grid."""
        plan = self.row_or_404(request, object_id)
        if request.method == "POST" and not self.has_change_permission(request, plan):
            raise PermissionDenied
        settings = ModuleSettings.objects.filter(plan=plan).first()
        is_selling = request.method == "POST" and request.POST.get("part") == "selling"
        terms = self.terms_forms(request, plan)
        is_prices = request.method == "POST" and not is_selling and request.POST.get("part") not in terms
        selling = SellingForm(request.POST if is_selling else None, plan=plan, settings=settings)
        grid = self._grid(request, plan, settings, answers=is_prices) if plan.is_fixed else None
        if is_selling and selling.is_valid() and self._save_selling(request, plan, selling):
            return redirect(self._pricing_url(plan))
        if is_prices and grid is not None and grid.is_valid() and self._save_prices(request, plan, grid):
            return redirect(self._pricing_url(plan))
        if self.save_terms(request, plan, terms):
            return redirect(self._pricing_url(plan))
        facts = {**self._facts(request, plan, settings, selling, grid), **self.terms_facts(plan, terms)}
        return self.page(request, "admin/catalog/pricing.html", title=f"Pricing of {plan}", **facts)

    def withdraw_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask from which day a currency and term is not sold any more."""
        plan = self._changed_plan(request, object_id)
        currency, term_months = request.GET.get("currency", ""), request.GET.get("term", "")
        if not is_currency(currency) or term_months not in {str(term.value) for term in Term}:
            return redirect(self._pricing_url(plan))
        what = f"{currency}, {Term(int(term_months)).label}"
        form = WithdrawForm(request.POST if request.method == "POST" else None, initial={"valid_until": today()})
        if form.is_valid():
            withdraw = partial(
                prices.withdraw_price,
                plan_id=plan.pk,
                currency=currency,
                term_months=int(term_months),
                valid_until=form.cleaned_data["valid_until"],
                today=today(),
            )
            try:
                withdraw()
            except DomainError as refusal:
                refuse(form, refusal)
            else:
                sentence = f"{what} is not sold any more from {day(form.cleaned_data['valid_until'])} on."
                self.log_change(request, plan, f"Pricing: {sentence}")
                messages.success(request, sentence)
                return redirect(self._pricing_url(plan))
        return self.page(
            request,
            "admin/bss/form_page.html",
            title=f"Withdraw {what} of {plan}",
            original=plan,
            form=form,
            submit="Withdraw the price",
            back=self._pricing_url(plan),
            intro="From that day on nobody can order it; prices planned for later are dropped. What was sold keeps its price.",
        )

    def cancel_planned_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Drop a price that is not valid yet."""
        plan = self._changed_plan(request, object_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = get_object_or_404(PlanPrice, plan=plan, pk=_id_sent(request))

        def cancel() -> str:
            prices.cancel_planned_price(plan_id=plan.pk, price_id=row.pk, today=today())
            what = f"{row.currency}, {row.get_term_months_display()}"
            was = f"{money(row.price, row.currency)}, setup fee {money(row.setup_fee, row.currency)}"
            self.log_change(request, plan, f"Pricing: {what} planned for {day(row.valid_from)} is dropped; it was {was}.")
            return f"The price planned for {day(row.valid_from)} ({what}) is dropped."

        say(request, cancel)
        return redirect(self._pricing_url(plan))

    def sell_again_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take back that a price ends."""
        plan = self._changed_plan(request, object_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = get_object_or_404(PlanPrice, plan=plan, pk=_id_sent(request))
        again = prices.NewPrice(row.currency, row.term_months, row.price, row.setup_fee, row.overage_price)

        def sell_again() -> str:
            facts = {"today": today(), "by": staff(request), "at": clock.now()}
            prices.set_prices(plan_id=plan.pk, prices=[again], valid_from=today(), **facts)
            sentence = f"{row.currency}, {row.get_term_months_display()} is sold until further notice."
            self.log_change(request, plan, f"Pricing: {sentence}")
            return sentence

        say(request, sell_again)
        return redirect(self._pricing_url(plan))

    # --- Parts -----------------------------------------------------------------------------------------------------------

    def _grid(self, request: HttpRequest, plan: Plan, settings: ModuleSettings | None, *, answers: bool) -> PricesForm:
        rows = list(PlanPrice.objects.filter(plan=plan).order_by("valid_from"))
        planned: defaultdict[tuple[str, int], list[PlanPrice]] = defaultdict(list)
        for row in rows:
            if row.valid_from > today():
                planned[row.currency, row.term_months].append(row)
        in_force = {(row.currency, row.term_months): row for row in rows if _is_in_force(row)}
        asked: MultiValueDict[str, str] = request.POST if answers else request.GET
        shown = _currencies([key[0] for key in (*in_force, *planned)], asked.getlist("currency"))
        return PricesForm(
            request.POST if answers else None,
            shown=shown,
            in_force=in_force,
            planned=planned,
            has_overage_quota=settings is not None and settings.has_overage_quota,
            today=today(),
        )

    def _save_selling(self, request: HttpRequest, plan: Plan, form: SellingForm) -> bool:
        had_quotas = ModuleSettings.objects.filter(plan=plan, storage_quota__isnull=False).exists()
        try:
            plans.set_selling_options(plan_id=plan.pk, **form.cleaned_data, today=today(), at=clock.now())
        except DomainError as refusal:
            refuse(form, refusal)
            return False
        self.log_change(request, plan, f"Pricing: {_selling_in_words(form.cleaned_data)}.")
        messages.success(request, f"How {plan} is sold is saved.")
        if had_quotas and form.cleaned_data["billing_model"] == Plan.BillingModel.PAY_AS_YOU_GO:
            messages.warning(request, "The Module Setting has no quotas and no edition any more: pay-as-you-go has none.")
        return True

    def _save_prices(self, request: HttpRequest, plan: Plan, form: PricesForm) -> bool:
        valid_from = form.cleaned_data["valid_from"]
        try:
            changed = prices.set_prices(
                plan_id=plan.pk,
                prices=form.prices,
                valid_from=valid_from,
                today=today(),
                by=staff(request),
                at=clock.now(),
            )
        except DomainError as refusal:
            form.refuse(refusal)
            return False
        if not changed:
            messages.info(request, "No price differs from what is valid now; nothing was changed.")
        else:
            count = "1 price is" if len(changed) == 1 else f"{len(changed)} prices are"
            self.log_change(request, plan, f"Pricing: valid from {day(valid_from)} on: {_prices_in_words(changed)}.")
            messages.success(
                request, f"{count} valid from {day(valid_from)} on. Running subscriptions keep what they were sold at."
            )
        return True

    def _facts(
        self,
        request: HttpRequest,
        plan: Plan,
        settings: ModuleSettings | None,
        selling: SellingForm,
        grid: PricesForm | None,
    ) -> dict[str, Any]:
        history = PlanPrice.objects.filter(plan=plan).select_related("created_by")
        return {
            "original": plan,
            "plan": plan,
            "selling": selling,
            "grid": grid,
            "has_overage_quota": settings is not None and settings.has_overage_quota,
            "no_overage_because": _no_overage_because(settings),
            "other_currencies": currency_choices(grid.shown) if grid is not None else [],
            "history": history.order_by("-valid_from", "currency", "term_months")[:SHOWN_HISTORY],
            "shown_history": SHOWN_HISTORY,
            "today": today(),
            "may_change": self.has_change_permission(request, plan),
            "price_changes": related(request, PRICE_CHANGE, "price change", "billing_price_change", f"plans={plan.pk}"),
            "module_setting_url": reverse("admin:catalog_plan_module_setting", args=[plan.pk]),
            "rate_cards": related(request, "billing.view_ratecard", *_RATE_CARDS, f"product_group={plan.product_group_id}"),
            "back": self.url_of(plan),
        }

    def _changed_plan(self, request: HttpRequest, object_id: str) -> Plan:
        plan: Plan = self.row_or_404(request, object_id)
        if not self.has_change_permission(request, plan):
            raise PermissionDenied
        return plan

    def _pricing_url(self, plan: Plan) -> str:
        return reverse("admin:catalog_plan_pricing", args=[plan.pk])


def _selling_in_words(chosen: Mapping[str, Any]) -> str:
    switches = {"quantity_is_enabled": "Enable Quantity", "applicable_on_partner_website": "Applicable on Partner Website"}
    words = [f"{label} {'on' if chosen[name] else 'off'}" for name, label in switches.items()]
    return ", ".join([str(Plan.BillingModel(chosen["billing_model"]).label), *words])


def _prices_in_words(rows: Sequence[PlanPrice]) -> str:
    return "; ".join(f"{money(row.price, row.currency)} for {row.get_term_months_display()}" for row in rows)


def _no_overage_because(settings: ModuleSettings | None) -> str:
    """Say what happens to use above the storage quota where no Overage Price is asked for; empty where one is."""
    if settings is None or settings.storage_quota is None:
        return "It is asked for once the module setting has an Overage quota."
    if settings.storage_quota == UNLIMITED_STORAGE:
        return "The Storage Quota is -1, unlimited: nothing is above it."
    if settings.overage is None:
        return (
            "Overage is empty, so Acronis only warns at the Storage Quota; what is used above it is not blocked and not billed. "
            "Enter an Overage to bill it, or 0 to block it."
        )
    return "" if settings.has_overage_quota else "Overage is 0: Acronis blocks at the Storage Quota, so nothing is used above it."


def _is_in_force(row: PlanPrice) -> bool:
    return row.valid_from <= today() and (row.valid_until is None or row.valid_until > today())


def _currencies(priced: Sequence[str], asked: Sequence[str]) -> list[str]:
    """Return the currencies of the grid: the MSP's own first, then those that have prices, then those asked for."""
    own = list(Organization.objects.filter(kind=Organization.Kind.MSP).values_list("currency", flat=True))
    added = [code for code in asked if is_currency(code)]
    return list(dict.fromkeys([*own, *sorted(priced), *added]))[: max(MOST_CURRENCIES, len({*own, *priced}))]


def _id_sent(request: HttpRequest) -> int:
    text = request.POST.get("price", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else 0
