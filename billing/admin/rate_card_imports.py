"""From a sheet to a rate card: upload, preview, confirm or discard; and the empty sheet to fill in."""

import csv
import io
from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.text import slugify

from accounts.models import Organization
from billing.card_changes import CardTerms, Comparison, RateChange, bound
from billing.forms import RateCardImportForm
from billing.models import Rate, RateCardDraft
from billing.operations import rate_cards
from billing.queries import rate_cards as queries
from billing.sheets import RowsRefused, SheetRow
from catalog.models import ProductGroup
from common import clock
from common.bss import Ledger, refuse, say, staff
from common.errors import DomainError
from common.sheets import XLSX, SheetRefused, guarded
from common.templatetags.show import month, unit_price

IMPORT = "billing.add_ratecard"
SHOWN_RATES = 300
CSV_HEADER = (
    "change",
    "item",
    "edition",
    "tier from",
    "old cost",
    "new cost",
    "cost %",
    "old price",
    "new price",
    "price %",
    "other",
)
SHOWN_DRAFTS = 20


class RateCardImportPages(Ledger):
    """The pages of `RateCardAdmin` on which a card comes into being."""

    draft_pages: ClassVar[tuple[str, ...]] = ("confirm", "discard", "changes")
    """What can be done with a draft, by the names of the addresses."""

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("import/", own(self.import_view), name=self.url_name("import")),
            path("import/<int:draft_id>/", own(self.preview_view), name=self.url_name("preview")),
            path("import/<int:draft_id>/confirm/", own(self.confirm_view), name=self.url_name("confirm")),
            path("import/<int:draft_id>/discard/", own(self.discard_view), name=self.url_name("discard")),
            path("import/<int:draft_id>/changes.csv", own(self.changes_view), name=self.url_name("changes")),
            path("import-sheet-format/", own(self.format_view), name=self.url_name("format")),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show also which sheets wait to be confirmed."""
        waiting = _waiting(request) if request.user.has_perm(IMPORT) else []
        response: HttpResponse = super().changelist_view(request, {"drafts": waiting, **(extra_context or {})})
        return response

    # --- The upload ------------------------------------------------------------------------------------------------------

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Read a sheet and lead to its preview; or show every row that is not right, and keep nothing."""
        _may_import(request)
        terms = _import_terms()
        if request.method != "POST":
            group = request.GET.get("product_group", "")
            initial = {"product_group": group} if group.isdecimal() else {}
            return self._import_page(request, RateCardImportForm(initial=initial, **terms))
        form = RateCardImportForm(request.POST, request.FILES, **terms)
        if not form.is_valid():
            return self._import_page(request, form)
        try:
            draft = self._prepare(request, form)
        except RowsRefused as refusal:
            return self._import_page(request, form, **_refused_rows(form, refusal))
        except SheetRefused as refusal:
            return self._import_page(request, form, errors=refusal.errors)
        except DomainError as refusal:
            refuse(form, refusal)
            return self._import_page(request, form)
        return redirect(self._draft_url("preview", draft.pk))

    @staticmethod
    def _prepare(request: HttpRequest, form: RateCardImportForm) -> RateCardDraft:
        file = form.cleaned_data["file"]
        return rate_cards.prepare_card(
            product_group=form.cleaned_data["product_group"],
            month=form.first_day,
            currency=form.cleaned_data["currency"],
            exchange_rate=form.cleaned_data["exchange_rate"],
            file=file,
            file_name=file.name or "rate card.xlsx",
            by=staff(request),
            at=clock.now(),
        )

    def _import_page(self, request: HttpRequest, form: RateCardImportForm, **found: Any) -> HttpResponse:
        chosen = str(form["product_group"].value() or "")
        groups = list(ProductGroup.objects.values_list("pk", "name")[:200])
        back = f"{self.list_url()}?product_group={chosen}" if chosen.isdecimal() else self.list_url()
        return self.page(
            request,
            "admin/billing/import_rate_card.html",
            title="Import Acronis Rate Card",
            form=form,
            groups=groups,
            chosen_group=next((pk for pk, _ in groups if str(pk) == chosen), None),
            format_url=reverse(f"admin:{self.url_name('format')}"),
            submit="Import",
            back=back,
            unknown_count=len(found.get("unknown", ())),
            **found,
        )

    # --- The draft -------------------------------------------------------------------------------------------------------

    def preview_view(self, request: HttpRequest, draft_id: int) -> HttpResponse:
        """Show what confirming a draft would change, compared with what counts at this moment."""
        draft = self.draft_or_404(request, draft_id)
        shown = queries.preview(draft)
        compared = shown.compared_with
        return self.page(
            request,
            "admin/billing/rate_card_preview.html",
            title=f"Preview: {draft.product_group}, {month(draft.month)}",
            draft=draft,
            preview=shown,
            terms=queries.terms_in_words(queries.terms_of(draft)),
            compared_url=self.url_of(compared) if compared is not None else "",
            card_url=self.url_of(draft.card) if draft.card is not None else "",
            without_rate=shown.without_rate[:SHOWN_RATES],
            urls={name: self._draft_url(name, draft.pk) for name in self.draft_pages},
            back=f"{self.list_url()}?product_group={draft.product_group_id}",
            **comparison_facts(shown.comparison, draft.currency, compared.currency if compared is not None else ""),
        )

    def confirm_view(self, request: HttpRequest, draft_id: int) -> HttpResponse:
        """Make a draft the card of its month, as it was shown."""
        draft = self._posted_draft(request, draft_id)
        if draft is None:
            return HttpResponseNotAllowed(["POST"])
        try:
            card = rate_cards.confirm_card(
                draft_id=draft_id, compared_with=request.POST.get("compared_with", ""), by=staff(request), at=clock.now()
            )
        except DomainError as refusal:
            messages.error(request, str(refusal))
            return redirect(self._draft_url("preview", draft_id))
        messages.success(request, f"{card}: {card.rates.count()} rates. It holds from the next billing run on.")
        return redirect(self.url_of(card))

    def discard_view(self, request: HttpRequest, draft_id: int) -> HttpResponse:
        draft = self._posted_draft(request, draft_id)
        if draft is None:
            return HttpResponseNotAllowed(["POST"])

        def discard() -> str:
            rate_cards.discard_draft(draft_id=draft_id)
            return f"The sheet “{draft.file_name}” is discarded. No rate card changed."

        say(request, discard)
        return redirect(f"{self.list_url()}?product_group={draft.product_group_id}")

    def changes_view(self, request: HttpRequest, draft_id: int) -> HttpResponse:
        """Download every difference as CSV, also those the page leaves out."""
        draft = self.draft_or_404(request, draft_id)
        text = io.StringIO()
        write = csv.writer(text, lineterminator="\r\n").writerow
        write(
            (
                "change",
                "item",
                "edition",
                "tier from",
                "old cost",
                "new cost",
                "cost %",
                "old price",
                "new price",
                "price %",
                "other",
            )
        )
        for line in _csv_lines(queries.preview(draft).comparison):
            write([guarded(cell) for cell in line])
        name = f"rate-card-changes-{draft.month:%Y-%m}-{draft.pk}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8", headers=headers)

    def format_view(self, request: HttpRequest) -> HttpResponse:
        """Download the sheet to fill in for a product group; where none is named and there are several, ask for which."""
        _may_import(request)
        wanted = request.GET.get("product_group", "")
        if wanted.isdecimal() and len(wanted) <= 18:
            group = get_object_or_404(ProductGroup, pk=wanted)
        else:
            groups = list(ProductGroup.objects.all()[:2])
            if len(groups) != 1:
                messages.info(request, "Choose for which product group the import sheet format is to be.")
                return redirect(f"admin:{self.url_name('import')}")
            group = groups[0]
        file_name = f"rate-card-{slugify(group.name) or group.pk}.xlsx"
        headers = {"Content-Disposition": f'attachment; filename="{file_name}"'}
        return HttpResponse(rate_cards.sheet_format(group), content_type=XLSX, headers=headers)

    # --- Parts -----------------------------------------------------------------------------------------------------------

    def draft_or_404(self, request: HttpRequest, draft_id: int) -> RateCardDraft:
        """
        Return a draft that these staff may look at.

        :raises PermissionDenied: they may not import rate cards.
        """
        _may_import(request)
        drafts = RateCardDraft.objects.select_related("product_group", "created_by", "card__product_group")
        if (draft := drafts.filter(pk=draft_id).first()) is None:
            raise Http404
        return draft

    def _posted_draft(self, request: HttpRequest, draft_id: int) -> RateCardDraft | None:
        """Return the draft that is to be acted on; None where nothing was sent."""
        draft = self.draft_or_404(request, draft_id)
        return draft if request.method == "POST" else None

    def _draft_url(self, what: str, draft_id: int) -> str:
        return reverse(f"admin:{self.url_name(what)}", args=[draft_id])


def comparison_facts(comparison: Comparison, currency: str, old_currency: str) -> dict[str, Any]:
    """Return what `_rate_card_changes.html` shows of a comparison; long lists are cut, and say so."""
    return {
        "comparison": comparison,
        "new_rates": [_told(row, currency) for row in comparison.new[:SHOWN_RATES]],
        "changed_rates": [_told_change(one, old_currency, currency) for one in comparison.changed[:SHOWN_RATES]],
        "removed_rates": [_told(row, old_currency) for row in comparison.removed[:SHOWN_RATES]],
        "shown_rates": SHOWN_RATES,
    }


def _may_import(request: HttpRequest) -> None:
    if not request.user.has_perm(IMPORT):
        raise PermissionDenied


def _waiting(request: HttpRequest) -> QuerySet[RateCardDraft]:
    """Return the drafts that are neither confirmed nor discarded, of the chosen product group if there is one."""
    drafts = RateCardDraft.objects.filter(card=None).select_related("product_group", "created_by").defer("rows").order_by("-pk")
    group = request.GET.get("product_group", "")
    chosen = drafts.filter(product_group=int(group)) if group.isdecimal() and len(group) <= 18 else drafts
    return chosen[:SHOWN_DRAFTS]


def _refused_rows(form: RateCardImportForm, refusal: RowsRefused) -> dict[str, Any]:
    """Return what the page shows of a sheet with errors: them, and what the rows that are right would change."""
    examined = refusal.examined
    unknown = {id(error) for error in examined.unknown}
    facts: dict[str, Any] = {
        "errors": [error for error in refusal.errors if id(error) not in unknown],
        "unknown": examined.unknown,
    }
    if examined.is_cut or not examined.rows:
        return facts
    group, currency = form.cleaned_data["product_group"], form.cleaned_data["currency"]
    present = queries.card_in_force(group.pk, form.first_day)
    base_currency = present.base_currency if present is not None else currency
    terms = CardTerms(currency, form.cleaned_data["exchange_rate"], base_currency)
    found = queries.compared(present, examined.rows, terms)
    gone = [row for row in found.removed if (row.item, row.edition) not in examined.mentioned]
    known = Comparison(found.new, found.changed, gone, found.unchanged)
    old_currency = present.currency if present is not None else currency
    return {**facts, "compared_with": present, **comparison_facts(known, currency, old_currency)}


def _told(row: SheetRow, currency: str) -> dict[str, Any]:
    return {
        "row": row,
        "tier": tier_words(row),
        "cost": unit_price(row.cost, currency),
        "price": unit_price(row.price, currency),
    }


def _told_change(change: RateChange, old_currency: str, currency: str) -> dict[str, Any]:
    return {
        "row": change.new,
        "tier": tier_words(change.new),
        "old": _told(change.old, old_currency),
        "new": _told(change.new, currency),
        "cost_percent": _percent(change.cost_percent),
        "price_percent": _percent(change.price_percent),
        "is_cheaper_than_cost": change.new.price < change.new.cost,
        "other": change.other_words,
    }


def tier_words(row: SheetRow | Rate) -> str:
    """Say for which quantities a rate is: 10 to 50, graduated; empty where it is for every one."""
    return f"{row.tier_from.normalize():f} to {bound(row.tier_to)}, {row.tier_mode}" if row.tier_mode else ""


def _percent(percent: Any) -> str:
    if percent is None:
        return "not comparable"
    return f"{percent:+,.2f} %" if percent else "same"


def _csv_lines(comparison: Comparison) -> list[list[str]]:
    return [
        *(_csv_line("new", None, row) for row in comparison.new),
        *(_csv_line("changed", one.old, one.new, one) for one in comparison.changed),
        *(_csv_line("removed", row, None) for row in comparison.removed),
    ]


def _csv_line(what: str, old: SheetRow | None, new: SheetRow | None, change: RateChange | None = None) -> list[str]:
    row = new or old
    assert row is not None
    other = "; ".join(f"{name} {before} → {after}" for name, before, after in change.other_words) if change else ""
    percents = (change.cost_percent, change.price_percent) if change else (None, None)
    return [
        what,
        row.item,
        row.edition,
        f"{row.tier_from.normalize():f}" if row.tier_mode else "",
        _number(old.cost) if old else "",
        _number(new.cost) if new else "",
        "" if percents[0] is None else str(percents[0]),
        _number(old.price) if old else "",
        _number(new.price) if new else "",
        "" if percents[1] is None else str(percents[1]),
        other,
    ]


def _number(number: Any) -> str:
    return f"{number.normalize():f}"


def _import_terms() -> dict[str, Any]:
    """What the import form has to know: the MSP's currency and the date where it keeps its days."""
    msp = Organization.objects.get(kind=Organization.Kind.MSP)
    return {"base_currency": msp.currency, "today": clock.today(msp.time_zone)}
