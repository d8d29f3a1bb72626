"""Terms of use in the back office: drafts, their preview, publication now or later, and the versions that were published."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from unfold.decorators import display

from catalog.forms.terms import BssPublishTermsForm, BssTermsDraftForm
from catalog.models import TermsDocument
from catalog.operations import terms
from common import clock
from common.bss import BssAdmin, Move, refuse, related, staff, today
from common.errors import DomainError

ADD, CHANGE, DELETE = "catalog.add_termsdocument", "catalog.change_termsdocument", "catalog.delete_termsdocument"
_COLOURS = {"draft": "warning", "scheduled": "info", "published": "success", "replaced": "default", "retired": "default"}


class IssuerFilter(admin.SimpleListFilter):
    """Documents by whose they are."""

    title = "whose"
    parameter_name = "whose"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("vendor", "The vendor's"), ("ours", "Ours"), ("resellers", "Resellers' own")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[TermsDocument]) -> QuerySet[TermsDocument]:
        match self.value():
            case "vendor":
                return queryset.filter(issuer=TermsDocument.Issuer.VENDOR)
            case "ours":
                return queryset.filter(issuer=TermsDocument.Issuer.SELLER, reseller__isnull=True)
            case "resellers":
                return queryset.filter(reseller__isnull=False)
        return queryset


class StateFilter(admin.SimpleListFilter):
    """Documents by how far they are."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("draft", "Draft"),
            ("scheduled", "Scheduled"),
            ("in_force", "Published, the newest"),
            ("replaced", "Replaced"),
            ("retired", "Retired"),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        now = clock.now()
        replaced = TermsDocument.objects.published(now).with_newer(now).filter(Q(has_newer=True)).values("pk")
        match self.value():
            case "draft":
                return queryset.filter(published_at__isnull=True)
            case "scheduled":
                return queryset.filter(published_at__gt=now)
            case "in_force":
                return queryset.in_force(now).exclude(pk__in=replaced)
            case "replaced":
                return queryset.filter(pk__in=replaced)
            case "retired":
                return queryset.filter(retired_at__lte=now).exclude(pk__in=replaced)
        return queryset


def _is_ours(document: TermsDocument) -> bool:
    return document.reseller_id is None


def _is_our_draft(document: TermsDocument) -> bool:
    return _is_ours(document) and document.published_at is None


def _is_scheduled(document: TermsDocument) -> bool:
    return _is_ours(document) and document.state(clock.now()) == TermsDocument.State.SCHEDULED


def _is_in_force(document: Any) -> bool:
    counts = document.state(clock.now()) == TermsDocument.State.PUBLISHED and not document.has_newer
    return _is_ours(document) and counts


@admin.register(TermsDocument)
class TermsDocumentAdmin(BssAdmin):
    """Versions of terms. What is published never changes. Those of resellers are shown; their administrators write them."""

    page_template = "admin/catalog/terms.html"
    actions = None
    list_display = ("title", "version", "whose", "state_label", "published_at", "accepted")
    list_select_related = ("reseller",)
    list_filter = (IssuerFilter, StateFilter)
    search_fields = ("title", "version", "reseller__name", "reseller__number__iexact")
    search_help_text = "Title, version, or the reseller's name or number"
    ordering = ("-issuer", "reseller__name", "title", "-published_at", "-pk")
    moves = (
        Move("take_back", "Make it a draft again", CHANGE, _is_scheduled),
        Move("retire", "Retire", CHANGE, _is_in_force, confirm="ask_retire", variant="danger"),
        Move("delete_draft", "Delete draft", DELETE, _is_our_draft, confirm="ask_delete_draft", variant="danger"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).with_newer(clock.now()).annotate(acceptance_count=Count("acceptances"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # a draft is deleted by its own button, which asks first

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("<int:object_id>/edit/", own(self.edit_view), name=self.url_name("edit")),
            path("<int:object_id>/preview/", own(self.preview_view), name=self.url_name("preview")),
            path("<int:object_id>/publish/", own(self.publish_view), name=self.url_name("publish")),
            path("<int:object_id>/new-version/", own(self.new_version_view), name=self.url_name("new_version")),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": "Terms of use", **(extra_context or {})})

    # --- The list ------------------------------------------------------------------------------------------------------------

    @display(description="whose", ordering="issuer")
    def whose(self, document: TermsDocument) -> str:
        return str(document.reseller or {"vendor": "The vendor's", "seller": "Ours"}[document.issuer])

    @display(description="state", label=_COLOURS)
    def state_label(self, document: Any) -> str:
        state = document.state(clock.now())
        return "replaced" if document.has_newer and document.is_out(clock.now()) else str(state)

    @display(description="accepted", ordering="acceptance_count")
    def accepted(self, document: Any) -> str:
        return f"{document.acceptance_count:,}"

    # --- A version's page ----------------------------------------------------------------------------------------------------

    def page_facts(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        versions = TermsDocument.objects.versions_of(row).annotate(acceptance_count=Count("acceptances"))
        return {
            "document": row,
            "whose": self.whose(row),
            "state": self.state_label(row),
            "versions": versions.order_by("-published_at", "-pk"),
            "sentence": terms.IMMUTABLE if row.is_out(clock.now()) else "",
        }

    def offered_moves(self, request: HttpRequest, row: TermsDocument) -> list[dict[str, str | bool]]:
        doors = [("preview", "Preview", "catalog.view_termsdocument", True, "default")]
        if _is_our_draft(row):
            doors += [("edit", "Edit", CHANGE, True, "default"), ("publish", "Publish", CHANGE, True, "primary")]
        elif _is_ours(row):
            doors.append(("new_version", "New version", ADD, False, "default"))
        own: list[dict[str, str | bool]] = [
            {"label": label, "url": self.url_of(row, name), "variant": variant, "asks_first": is_page}
            for name, label, permission, is_page, variant in doors
            if request.user.has_perm(permission)
        ]
        return [*own, *super().offered_moves(request, row)]

    def related_lists(self, request: HttpRequest, row: TermsDocument) -> list[tuple[str, str]]:
        mine = f"document__id__exact={row.pk}"
        return related(request, "ordering.view_termsacceptance", "Acceptances", "ordering_termsacceptance_changelist", mine)

    def preview_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Show the version as a buyer sees it at the checkout."""
        document = self.row_or_404(request, str(object_id))
        news = [document] if document.summary else []
        context = {"document": document, "news": news, "back": self.url_of(document), "is_bss": True}
        return TemplateResponse(request, "catalog/terms_preview.html", context)

    # --- Writing -------------------------------------------------------------------------------------------------------------

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Begin a document of the vendor or of the MSP, as a draft."""
        if not request.user.has_perm(ADD):
            raise PermissionDenied
        form = BssTermsDraftForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                issuer = form.cleaned_data["issuer"]
                document = terms.add_terms(issuer=issuer, reseller=None, words=form.words(), by=staff(request))
            except DomainError as refusal:
                refuse(form, refusal)
            else:
                messages.success(request, f"{document} is a draft. Nobody sees it before it is published.")
                return redirect(self.url_of(document))
        return self._form_page(request, form, title="New terms of use", submit="Save draft", back=self.list_url())

    def edit_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Change what a draft says; a published version says why it cannot be changed."""
        document = self._ours_or_404(request, object_id)
        if document.published_at is not None:
            messages.error(request, terms.IMMUTABLE)
            return redirect(self.url_of(document))
        form = BssTermsDraftForm(request.POST or None, document=document)
        if request.method == "POST" and form.is_valid():
            try:
                document = terms.change_terms(document_id=document.pk, words=form.words())
            except DomainError as refusal:
                refuse(form, refusal)
            else:
                messages.success(request, f"{document} is saved.")
                return redirect(self.url_of(document))
        return self._form_page(request, form, title=f"Edit {document}", submit="Save draft", back=self.url_of(document))

    def publish_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Ask from when a draft counts, then publish it."""
        document = self._ours_or_404(request, object_id)
        form = BssPublishTermsForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                terms.publish_terms(document_id=document.pk, at=clock.now(), **form.cleaned_data)
            except DomainError as refusal:
                refuse(form, refusal)
            else:
                messages.success(request, f"{document} is {'scheduled' if form.cleaned_data['publish_at'] else 'published'}.")
                return redirect(self.url_of(document))
        intro = "Who orders from then on accepts it first, and its words never change any more."
        return self._form_page(
            request, form, title=f"Publish {document}", submit="Publish", back=self.url_of(document), intro=intro
        )

    def new_version_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Make a draft with the words of this version and go to it, by POST; where a draft waits already, go to that."""
        if not request.user.has_perm(ADD):
            raise PermissionDenied
        document = self._ours_or_404(request, object_id, permission=ADD)
        if request.method != "POST":
            return redirect(self.url_of(document))
        draft = terms.new_version_of_terms(document_id=document.pk, by=staff(request), today=today())
        return redirect(self.url_of(draft, "edit"))

    def ask_delete_draft(self, request: HttpRequest, document: TermsDocument) -> list[str]:
        return [f"The draft {document} is deleted. This cannot be undone."]

    def delete_draft(self, request: HttpRequest, document: TermsDocument) -> str:
        terms.delete_terms(document_id=document.pk)
        return f"The draft {document} is deleted."

    def take_back(self, request: HttpRequest, document: TermsDocument) -> str:
        terms.take_back_terms(document_id=document.pk, at=clock.now())
        return f"{document} is a draft again."

    def ask_retire(self, request: HttpRequest, document: Any) -> list[str]:
        later = TermsDocument.objects.versions_of(document).filter(published_at__gt=clock.now()).order_by("published_at").first()
        return [
            f"Nobody is asked to accept {document.title} any more. This cannot be undone, but a new version can be published.",
            f"The {document.acceptance_count:,} acceptances stay, and whoever accepted it can read it as before.",
            *([f"Version {later.version} is scheduled and counts from its moment on."] if later else []),
        ]

    def retire(self, request: HttpRequest, document: TermsDocument) -> str:
        terms.retire_terms(document_id=document.pk, by=staff(request), at=clock.now())
        return f"{document.title} is retired: nobody is asked to accept it any more."

    def _ours_or_404(self, request: HttpRequest, object_id: int, *, permission: str = CHANGE) -> Any:
        """
        Return the vendor's or the MSP's document that is to be changed.

        :raises PermissionDenied: these staff may not, or it is a reseller's, whose administrators write it.
        """
        document = self.row_or_404(request, str(object_id))
        if not (request.user.has_perm(permission) and _is_ours(document)):
            raise PermissionDenied
        return document

    def _form_page(self, request: HttpRequest, form: Any, *, title: str, submit: str, back: str, intro: str = "") -> HttpResponse:
        facts = {"form": form, "submit": submit, "back": back, "intro": intro}
        return self.page(request, "admin/bss/form_page.html", title=title, **facts)
