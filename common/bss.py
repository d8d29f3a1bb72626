"""What the pages of the back office share: ledgers nobody edits by hand, moves as buttons, pages of forms, cheap paging."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import DateTimeField, Model, QuerySet
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.text import capfirst
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from common import clock
from common.errors import DomainError, FieldRefused
from common.periods import Period, add_months

COUNTED_ROWS = 10_000
FILTERED_MONTHS = 18

# The colour only repeats what the word says; keys are states of every kind of row.
STATE_COLOURS = {
    "active": "success",
    "completed": "success",
    "done": "success",
    "finished": "success",
    "issued": "success",
    "loaded": "success",
    "published": "success",
    "executing": "info",
    "requested": "info",
    "running": "info",
    "started": "info",
    "ready": "info",
    "draft": "warning",
    "held": "warning",
    "placed": "warning",
    "awaiting_payment": "warning",
    "waiting": "warning",
    "wished": "warning",
    "failed": "danger",
    "archived": "default",
    "cancelled": "default",
    "ended": "default",
}


class CheapPaginator(Paginator):  # type: ignore[type-arg]
    """Counts at most 10,000 rows, so that a list of millions opens as fast as a short one; filters reach the rest."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if isinstance(rows, QuerySet):
            return rows[:COUNTED_ROWS].count()
        return len(rows)


class StrictChangeList(ChangeList):
    """Answers a page number past the end with the last page, and does not offer to show all where all is shown."""

    page_num: int
    full_result_count: int | None

    def get_results(self, request: HttpRequest) -> None:
        paginator = self.model_admin.get_paginator(request, self.queryset, self.list_per_page)
        self.page_num = max(1, min(self.page_num, paginator.num_pages))
        super().get_results(request)
        if not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count


@dataclass(frozen=True)
class Move:
    """
    A button on a row's page that calls one operation.

    ``name`` is a method of the row's admin taking the request and the row; it returns the sentence to show, or raises
    `DomainError`. Where ``confirm`` names another method, its sentences are shown and agreed to first.
    """

    name: str
    label: str
    permission: str
    is_offered: Callable[[Any], bool] = lambda row: True
    confirm: str = ""
    variant: str = "default"


class RowSelect(AutocompleteSelect):
    """
    Chooses a row by typing; shows nothing chosen where something other than an id was sent.

    Django's own looks the row up before the field has looked at the value, and answers 500.
    """

    def optgroups(
        self, name: str, value: Sequence[str], attr: Any = None
    ) -> list[tuple[str | None, list[dict[str, Any]], int | None]]:
        # An empty value stays: it is the line that says nothing is chosen. 18 digits always fit a bigint.
        ids = [one for one in value if one == "" or (one.isascii() and one.isdecimal() and len(one) <= 18)]
        return super().optgroups(name, ids, attr)


class RowSelects:
    """Gives every autocomplete field of an admin or inline a `RowSelect`."""

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):  # type: ignore[attr-defined]
            kwargs.setdefault("widget", RowSelect(db_field, self.admin_site, using=kwargs.get("using")))  # type: ignore[attr-defined]
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]


class BssAdmin(RowSelects, ModelAdmin):
    """
    One kind of row in the back office: its list, its page, and what can be done there.

    Use cases own their transaction, and the change form already holds one; so every move has a POST address of its own
    (``<row>/<move>/``) instead of being part of saving.
    """

    moves: ClassVar[tuple[Move, ...]] = ()
    page_template: ClassVar[str] = ""
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    compressed_fields = True
    warn_unsaved_form = True
    change_form_outer_before_template = "admin/bss/moves.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return StrictChangeList

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                f"<path:object_id>/{move.name.replace('_', '-')}/",
                self.admin_site.admin_view(partial(self.move_view, move=move)),
                name=self.url_name(move.name),
            )
            for move in self.moves
        ]
        return [*own, *super().get_urls()]

    # --- Where things are ----------------------------------------------------------------------------------------------

    def url_name(self, what: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{what}"

    def url_of(self, row: Model, what: str = "change") -> str:
        """Return the address of ``row``'s page, or of one of its moves."""
        return reverse(f"admin:{self.url_name(what)}", args=[row.pk])

    def list_url(self) -> str:
        return reverse(f"admin:{self.url_name('changelist')}")

    def listed(self, request: HttpRequest) -> Any:
        """
        Return all rows that the list shows with the filters and the search of the address, for a file of them.

        :raises Http404: a filter is unknown, or has a value that it cannot have; the list itself is shown without it then.
        """
        try:
            return self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters as refusal:
            raise Http404 from refusal

    def row_or_404(self, request: HttpRequest, object_id: str) -> Any:
        """
        Return the row whose page is asked for.

        :raises PermissionDenied: these staff may not see rows of this kind.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        return row

    # --- The list ----------------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Title the list by what it holds; Django's own title asks to select something."""
        title = capfirst(str(self.opts.verbose_name_plural))
        response: HttpResponse = super().changelist_view(request, {"title": title, **(extra_context or {})})
        return response

    # --- A row's page ----------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.row_or_404(request, object_id)
        extra = {
            "moves": self.offered_moves(request, row),
            "related": self.related_lists(request, row),
            **(extra_context or {}),
        }
        if not self.page_template:
            response: HttpResponse = super().change_view(request, object_id, form_url, extra)
            return response
        return self.page(
            request, self.page_template, title=str(row), original=row, row=row, **extra, **self.page_facts(request, row)
        )

    def related_lists(self, request: HttpRequest, row: Any) -> list[tuple[str, str]]:
        """Return what belongs to ``row`` elsewhere, as words and addresses; only what these staff may see."""
        return []

    def page_facts(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Return what ``page_template`` shows of ``row`` besides the row itself."""
        return {}

    def page(self, request: HttpRequest, template: str, *, title: str, status: int = 200, **context: Any) -> TemplateResponse:
        """Answer with a page of the back office: its frame, then ``template``."""
        request.current_app = self.admin_site.name
        frame = {**self.admin_site.each_context(request), "title": title, "opts": self.opts, "model_admin": self}
        return TemplateResponse(request, template, {**frame, **context}, status=status)

    # --- Moves -----------------------------------------------------------------------------------------------------------

    def offered_moves(self, request: HttpRequest, row: Any) -> list[dict[str, str | bool]]:
        """Return the buttons ``row`` has for these staff now."""
        return [
            {
                "label": move.label,
                "url": self.url_of(row, move.name),
                "variant": move.variant,
                "asks_first": bool(move.confirm),
            }
            for move in self.moves
            if move.is_offered(row) and request.user.has_perm(move.permission)
        ]

    def move_view(self, request: HttpRequest, object_id: str, *, move: Move) -> HttpResponse:
        """Do ``move``, once, by POST; a GET shows what is to be agreed to, where the move asks first."""
        row = self.row_or_404(request, object_id)
        if not request.user.has_perm(move.permission):
            raise PermissionDenied
        if request.method == "GET" and move.confirm:
            sentences = getattr(self, move.confirm)(request, row)
            return self.page(
                request,
                "admin/bss/confirm.html",
                title=f"{move.label}: {row}",
                original=row,
                move=move,
                sentences=sentences,
                back=self.url_of(row),
            )
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        say(request, partial(getattr(self, move.name), request, row))
        return redirect(self.url_of(row))


class Ledger(BssAdmin):
    """Rows that operations write and nobody edits: no add, no change, no delete, and a list that does not count millions."""

    actions = None
    paginator = CheapPaginator
    show_full_result_count = False
    warn_unsaved_form = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class LedgerInline:
    """Mixed into an inline whose rows are shown and not touched."""

    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = False
    hide_title = True
    ordering: tuple[str, ...] = ("pk",)  # what is paged must be ordered
    per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def say(request: HttpRequest, use_case: Callable[[], str]) -> bool:
    """Run ``use_case`` and show its sentence, or its refusal, on the next page; tell whether it went through."""
    try:
        sentence = use_case()
    except DomainError as refusal:
        messages.error(request, str(refusal))
        return False
    messages.success(request, sentence)
    return True


def today() -> date:
    """Return today's date where the MSP keeps its days: the pages of the back office are shown in its time zone."""
    return timezone.localdate(clock.now())


def staff(request: HttpRequest) -> Any:
    """Return who is signed in; the pages of the back office are open to users alone, never to an anonymous visitor."""
    return request.user


def refuse(form: BaseForm, refusal: DomainError) -> None:
    """Put a refusal beside its field where the form has it, else above the form."""
    field = refusal.field if isinstance(refusal, FieldRefused) and refusal.field in form.fields else None
    form.add_error(field, str(refusal))


def related(request: HttpRequest, permission: str, words: str, url_name: str, query: str = "") -> list[tuple[str, str]]:
    """Return the words and address of one related list, or nothing where ``permission`` is missing."""
    if not request.user.has_perm(permission):
        return []
    return [(words, reverse(f"admin:{url_name}") + (f"?{query}" if query else ""))]


def link(url: str, words: str) -> str:
    """Write a link in the back office's colours."""
    return format_html('<a class="bss-link" href="{}">{}</a>', url, words)


def figure(written: str) -> str:
    """Show an amount or quantity in a list: right-aligned, in figures of one width, never broken over two lines."""
    return format_html('<span class="bss-num">{}</span>', written)


def month_choices(around: date, *, back: int, ahead: int) -> list[tuple[str, str]]:
    """Return months as (2026-10, October 2026), the newest first, from ``ahead`` months after ``around`` to ``back`` before."""
    first = around.replace(day=1)
    months = (add_months(first, n) for n in range(ahead, -back - 1, -1))
    return [(month.strftime("%Y-%m"), month.strftime("%B %Y")) for month in months]


class MonthFilter(admin.SimpleListFilter):
    """Rows of one month, chosen from the last 18 and the next; asks the database nothing to say which there are."""

    title = "month"
    parameter_name = "month"
    field: ClassVar[str]

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterator[tuple[str, str]]:
        yield from month_choices(today(), back=FILTERED_MONTHS, ahead=1)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        try:
            period = Period.parse_month(str(self.value()))
        except DomainError:
            return queryset.none()
        start, end = period.start, period.end
        if isinstance(queryset.model._meta.get_field(self.field), DateTimeField):
            start, end = (datetime.combine(day, time.min, UTC) for day in (start, end))
        return queryset.filter(**{f"{self.field}__gte": start, f"{self.field}__lt": end})


def month_filter(field: str) -> type[MonthFilter]:
    """Return a filter by the month that the date ``field`` lies in."""
    return type("MonthFilter", (MonthFilter,), {"field": field})
