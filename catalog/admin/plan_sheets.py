"""Export and import of plans and prices, on the list of plans in the back office."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from unfold.widgets import UnfoldAdminFileFieldWidget

from catalog.kept_imports import ImportGone, KeptImport, finish, keep, kept_import, renew
from catalog.models import Plan
from catalog.operations import plan_sheets as operations
from catalog.operations.plan_sheets import ImportOutdated
from catalog.plan_sheets import PLANS, PRICES
from common import clock
from common.bss import BssAdmin, staff, today
from common.sheets import XLSX, RowError, SheetRefused, bounded, guarded

EXPORT = ("catalog.view_plan", "catalog.view_planprice")
IMPORT = ("catalog.add_plan", "catalog.change_plan", "catalog.add_planprice", "catalog.change_planprice")
ROWS_ON_A_PAGE = 50
ROWS_ARE_WRONG = "The catalogue has changed since the preview, and rows are wrong now. Nothing was imported."
KINDS = {"wrong": "Wrong", "new": "New", "changed": "Changed", "unchanged": "Unchanged"}


class PlanSheetForm(forms.Form):
    """A filled sheet."""

    file = forms.FileField(
        label="Sheet of plans and prices",
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".xlsx,.csv"}),
        error_messages={"required": "Choose the file.", "empty": "The file is empty."},
        help_text="An .xlsx file in the import sheet format, or one of its pages as .csv. First you are shown what would change.",
    )

    def clean_file(self) -> bytes:
        """Return what is in the file, if it is not too large."""
        self.file_name = str(self.cleaned_data["file"].name)
        try:
            return bounded(self.cleaned_data["file"], limit_bytes=settings.UPLOAD_LIMIT_BYTES)
        except SheetRefused as refusal:
            raise forms.ValidationError(str(refusal)) from refusal


class PlanSheetPages(BssAdmin):
    """What the list of plans can do with spreadsheets: export what it shows, import after a preview."""

    list_before_template = "admin/catalog/_plan_sheet_tools.html"

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("export/", own(self.export_view), name="catalog_plan_export"),
            path("import/", own(self.import_view), name="catalog_plan_import"),
            path("import-sheet-format/", own(self.format_view), name="catalog_plan_import_format"),
            path("import/<str:token>/", own(self.preview_view), name="catalog_plan_import_preview"),
            path("import/<str:token>/errors/", own(self.errors_view), name="catalog_plan_import_errors"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        may = {"may_export": request.user.has_perms(EXPORT), "may_import": request.user.has_perms(IMPORT)}
        return super().changelist_view(request, {**may, **(extra_context or {})})

    # --- Export --------------------------------------------------------------------------------------------------------

    def export_view(self, request: HttpRequest) -> HttpResponse:
        """Download the plans that the list shows with these filters and this search, all pages of them, and their prices."""
        if not request.user.has_perms(EXPORT):
            raise PermissionDenied
        asked = request.GET.copy()
        page = {PLANS.casefold(): PLANS, PRICES.casefold(): PRICES}.get(str(asked.pop("csv", [""])[0]).casefold())
        request.GET = asked  # type: ignore[assignment]  # the list knows its own words only
        try:
            plans: QuerySet[Plan] = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:  # as the list itself does with a filter that it does not know
            return redirect(self.list_url())
        name = f"plans-{today():%Y-%m-%d}"
        if page is not None:
            return _download(operations.export_csv(plans, page=page), f"{name}-{page.casefold()}.csv", "text/csv; charset=utf-8")
        return _download(operations.export_plans(plans), f"{name}.xlsx", XLSX)

    # --- Import --------------------------------------------------------------------------------------------------------

    def format_view(self, request: HttpRequest) -> HttpResponse:
        """Download the sheet to fill in."""
        _require_import(request)
        return _download(operations.sheet_format(), "plans-import.xlsx", XLSX)

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Take a file, look at it without writing anything, and lead to what it would change."""
        _require_import(request)
        form = PlanSheetForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            content = form.cleaned_data["file"]
            try:
                preview = operations.preview_import(content, today=today())
            except SheetRefused as refusal:
                form.add_error("file", str(refusal))
            else:
                kept = keep(content, file_name=form.file_name, preview=preview, by_id=staff(request).pk)
                return redirect("admin:catalog_plan_import_preview", kept.token)
        return self.page(
            request,
            "admin/catalog/import_plans.html",
            title="Import plans and prices",
            form=form,
            format_url=reverse("admin:catalog_plan_import_format"),
            submit="Show what would change",
            back=self.list_url(),
        )

    def preview_view(self, request: HttpRequest, token: str) -> HttpResponse:
        """Show what the file would do, page by page; apply exactly that by POST."""
        _require_import(request)
        try:
            kept = kept_import(token, by_id=staff(request).pk)
        except ImportGone as refusal:
            messages.error(request, str(refusal))
            return redirect("admin:catalog_plan_import")
        if request.method == "POST" and kept.done is None and not kept.preview.errors:
            return self._apply(request, kept)
        counts = kept.done or kept.preview.counts
        shown = request.GET.get("show", "")
        if shown not in KINDS:
            shown = next((kind for kind in KINDS if counts[kind]), "unchanged")
        rows: Sequence[Any] = kept.preview.errors
        if shown != "wrong":
            rows = [row for row in kept.preview.rows if row.kind == shown]
        return self.page(
            request,
            "admin/catalog/import_preview.html",
            title="What the import would change" if kept.done is None else "Imported",
            kept=kept,
            kinds=[(kind, words, counts[kind]) for kind, words in KINDS.items()],
            shown=shown,
            changing=counts["new"] + counts["changed"],
            rows=Paginator(rows, ROWS_ON_A_PAGE).get_page(request.GET.get("page")),
            again_url=reverse("admin:catalog_plan_import"),
            errors_url=reverse("admin:catalog_plan_import_errors", args=[token]),
            list_url=self.list_url(),
        )

    def errors_view(self, request: HttpRequest, token: str) -> HttpResponse:
        """Download everything that is wrong in the file."""
        _require_import(request)
        try:
            kept = kept_import(token, by_id=staff(request).pk)
        except ImportGone as refusal:
            messages.error(request, str(refusal))
            return redirect("admin:catalog_plan_import")
        return _download(_error_list(kept.preview.errors), "import-errors.csv", "text/csv; charset=utf-8")

    def _apply(self, request: HttpRequest, kept: KeptImport) -> HttpResponse:
        here = reverse("admin:catalog_plan_import_preview", args=[kept.token])
        day = today()
        try:
            applied = operations.apply_import(
                kept.content, digest=kept.preview.digest, by=staff(request), today=day, at=clock.now()
            )
        except (ImportOutdated, SheetRefused) as refusal:
            messages.error(request, ROWS_ARE_WRONG if isinstance(refusal, SheetRefused) else str(refusal))
            renew(kept, operations.preview_import(kept.content, today=day))
            return redirect(here)
        finish(kept, applied.counts)
        messages.success(request, _done(applied.counts))
        return redirect(here)


def _require_import(request: HttpRequest) -> None:
    if not request.user.has_perms(IMPORT):
        raise PermissionDenied


def _done(counts: dict[str, int]) -> str:
    if not counts["new"] + counts["changed"]:
        return "There was nothing to change any more."
    return f"{counts['new']:,} rows were new, {counts['changed']:,} changed, {counts['unchanged']:,} stayed as they were."


def _download(content: bytes, name: str, kind: str) -> HttpResponse:
    return HttpResponse(content, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _error_list(errors: Sequence[RowError]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(("Page", "Row", "Column", "What is wrong"))
    writer.writerows((error.page, error.row, guarded(error.column), guarded(error.sentence)) for error in errors)
    return out.getvalue().encode("utf-8-sig")
