"""What a pay-as-you-go plan includes and asks for at least: the second half of its Pricing page."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse

from accounts.models import Organization
from catalog.forms.plan_terms import AllowanceForm, CommitmentForm
from catalog.models import Plan, PlanAllowance, PlanCommitment
from catalog.operations import agreements
from catalog.queries.metered_items import MeteredItem, metered_items, with_any_edition
from common.bss import BssAdmin, refuse
from common.errors import DomainError
from common.templatetags.show import money, quantity

PREFIX = "Each month: "
SHOWN_CHANGES = 50


class PlanTermsPages(BssAdmin):
    """The part of `PlanAdmin` about free units and minimum amounts; `PricingPages` shows it."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("<path:object_id>/pricing/not-included/", view(self.remove_allowance_view), name="catalog_plan_not_included"),
            path("<path:object_id>/pricing/no-minimum/", view(self.remove_commitment_view), name="catalog_plan_no_minimum"),
        ]
        return [*own, *super().get_urls()]

    def terms_forms(self, request: HttpRequest, plan: Plan) -> dict[str, Form]:
        """Return the forms of a plan by use, by the part of the page they are; none where it has a fixed price."""
        if plan.is_fixed:
            return {}
        part = request.POST.get("part", "") if request.method == "POST" else ""
        own = Organization.objects.get(kind=Organization.Kind.MSP).currency
        items = with_any_edition(metered_items(plan))
        return {
            "allowance": AllowanceForm(request.POST if part == "allowance" else None, items=items),
            "commitment": CommitmentForm(request.POST if part == "commitment" else None, own_currency=own),
        }

    def save_terms(self, request: HttpRequest, plan: Plan, forms: dict[str, Form]) -> bool:
        """Save the part that was sent; False where none was, or it is not right."""
        part = request.POST.get("part", "")
        form = forms.get(part)
        if request.method != "POST" or form is None or not form.is_valid():
            return False
        try:
            sentence = self._save_allowance(plan, form) if isinstance(form, AllowanceForm) else self._save_commitment(plan, form)
        except DomainError as refusal:
            refuse(form, refusal)
            return False
        self._told(request, plan, sentence)
        return True

    def terms_facts(self, plan: Plan, forms: dict[str, Form]) -> dict[str, Any]:
        """Return what the page shows of free units and minimums, and who changed them."""
        if not forms:
            return {}
        labels = {(one.name, one.edition): one for one in with_any_edition(metered_items(plan))}
        entries = LogEntry.objects.filter(content_type=get_content_type_for_model(plan), object_id=str(plan.pk))
        changes = entries.filter(change_message__startswith=PREFIX).select_related("user").order_by("-pk")
        return {
            "terms_forms": forms,
            "allowances": [(row, *_in_words(row, labels)) for row in PlanAllowance.objects.filter(plan=plan)],
            "commitments": PlanCommitment.objects.filter(plan=plan),
            "terms_changes": [(entry, entry.change_message.removeprefix(PREFIX)) for entry in changes[:SHOWN_CHANGES]],
        }

    def remove_allowance_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Include something no more for those who order from now on."""

        def remove(plan: Plan, pk: int) -> str:
            row = get_object_or_404(PlanAllowance, plan=plan, pk=pk)
            label, _ = _in_words(row, {(one.name, one.edition): one for one in with_any_edition(metered_items(plan))})
            agreements.remove_plan_allowance(plan_id=plan.pk, allowance_id=row.pk)
            return f"{label} is not included any more; it was {quantity(row.quantity)}."

        return self._removed(request, object_id, remove)

    def remove_commitment_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for no minimum in a currency any more of those who order from now on."""

        def remove(plan: Plan, pk: int) -> str:
            row = get_object_or_404(PlanCommitment, plan=plan, pk=pk)
            agreements.remove_plan_commitment(plan_id=plan.pk, commitment_id=row.pk)
            return f"there is no minimum in {row.currency} any more; it was {money(row.amount, row.currency)}."

        return self._removed(request, object_id, remove)

    def _removed(self, request: HttpRequest, object_id: str, remove: Callable[[Plan, int], str]) -> HttpResponse:
        plan: Plan = self.row_or_404(request, object_id)
        if not self.has_change_permission(request, plan):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        text = request.POST.get("row", "")
        pk = int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else 0
        self._told(request, plan, remove(plan, pk))
        return redirect(reverse("admin:catalog_plan_pricing", args=[plan.pk]))

    def _save_allowance(self, plan: Plan, form: AllowanceForm) -> str:
        row = agreements.set_plan_allowance(plan_id=plan.pk, **form.facts)
        label, amount = _in_words(row, {(one.name, one.edition): one for one in with_any_edition(metered_items(plan))})
        return f"{amount} of {label} {'is' if row.quantity == 1 else 'are'} included."

    def _save_commitment(self, plan: Plan, form: Form) -> str:
        row = agreements.set_plan_commitment(plan_id=plan.pk, **form.cleaned_data)
        return f"at least {money(row.amount, row.currency)} {'is' if row.amount == 1 else 'are'} billed."

    def _told(self, request: HttpRequest, plan: Plan, sentence: str) -> None:
        self.log_change(request, plan, f"{PREFIX}{sentence}")
        messages.success(request, f"{PREFIX}{sentence} It is for those who order from now on.")


def _in_words(row: PlanAllowance, known: dict[tuple[str, str], MeteredItem]) -> tuple[str, str]:
    """Return the item as people read it, and the quantity with its unit; one that is metered no more keeps its name."""
    item = known.get((row.item, row.edition)) or MeteredItem(row.edition, row.item, "unit")
    unit = {"GiB": " GB", "hour": " hours"}.get(item.unit, "")
    return item.label, f"{quantity(row.quantity)}{unit}"
