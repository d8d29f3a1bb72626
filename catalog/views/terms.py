"""A reseller's own terms of use in its partner panel: its customers accept them instead of the MSP's."""

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import member_required
from accounts.acting import membership_of, reader_of
from accounts.models import Organization
from catalog.forms.terms import PublishTermsForm, TermsDraftForm
from catalog.models import TermsDocument
from catalog.operations import terms
from catalog.views.partner import reseller_of
from common import clock
from common.errors import DomainError, FieldRefused

READ_ONLY = "Only an administrator writes and publishes terms of use."


@member_required
@require_safe
def documents(request: HttpRequest) -> HttpResponse:
    """List the reseller's own documents with their versions, and say whose terms its customers accept."""
    reseller = reseller_of(request)
    now = clock.now()
    rows = TermsDocument.objects.filter(reseller=reseller).with_newer(now).annotate(acceptance_count=Count("acceptances"))
    context = {
        "rows": [(row, _state(row)) for row in rows.order_by("title", "-published_at", "-pk")],
        "has_own": TermsDocument.objects.in_force(now).filter(reseller=reseller).exists(),
        "may_edit": _may_edit(request),
    }
    return TemplateResponse(request, "catalog/partner_terms.html", context)


@member_required
@require_safe
def document(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a version, and what can be done with it."""
    row = _document_of(reseller_of(request), pk)
    context = {"document": row, "state": _state(row), "may_edit": _may_edit(request), "sentence": terms.IMMUTABLE}
    return TemplateResponse(request, "catalog/partner_terms_document.html", context)


@member_required
@require_safe
def preview(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a version as the reseller's customers see it at the checkout."""
    row = _document_of(reseller_of(request), pk)
    context = {"document": row, "back": _address(row), "news": [row] if row.summary else []}
    return TemplateResponse(request, "catalog/terms_preview.html", context)


@member_required
@require_http_methods(["GET", "HEAD", "POST"])
def add_document(request: HttpRequest) -> HttpResponse:
    """Begin a document, as a draft."""
    reseller = _edited(request)
    form = TermsDraftForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            row = terms.add_terms(issuer=TermsDocument.Issuer.SELLER, reseller=reseller, words=form.words(), by=reader_of(request))
        except DomainError as refusal:
            _refuse(form, refusal)
        else:
            messages.success(request, f"{row} is a draft. Nobody sees it before it is published.")
            return redirect(_address(row))
    return _form_page(request, form, title="New terms of use", submit="Save draft")


@member_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit_document(request: HttpRequest, pk: int) -> HttpResponse:
    """Change what a draft says; a published version says why it cannot be changed."""
    row = _document_of(_edited(request), pk)
    if row.published_at is not None:
        messages.error(request, terms.IMMUTABLE)
        return redirect(_address(row))
    form = TermsDraftForm(request.POST or None, document=row)
    if request.method == "POST" and form.is_valid():
        try:
            row = terms.change_terms(document_id=row.pk, words=form.words())
        except DomainError as refusal:
            _refuse(form, refusal)
        else:
            messages.success(request, f"{row} is saved.")
            return redirect(_address(row))
    return _form_page(request, form, title=f"Edit {row}", submit="Save draft", document=row)


@member_required
@require_http_methods(["GET", "HEAD", "POST"])
def publish_document(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask from when a draft counts, in the reseller's time zone, then publish it."""
    reseller = _edited(request)
    row = _document_of(reseller, pk)
    with timezone.override(ZoneInfo(reseller.time_zone)):
        form = PublishTermsForm(request.POST or None)
        is_valid = form.is_valid()
    if request.method == "POST" and is_valid:
        try:
            terms.publish_terms(document_id=row.pk, at=clock.now(), **form.cleaned_data)
        except DomainError as refusal:
            _refuse(form, refusal)
        else:
            messages.success(request, f"{row} is {'scheduled' if form.cleaned_data['publish_at'] else 'published'}.")
            return redirect(_address(row))
    intro = f"Who orders from then on accepts it first; its words never change any more. The time is that of {reseller.time_zone}."
    return _form_page(request, form, title=f"Publish {row}", submit="Publish", document=row, intro=intro)


@member_required
@require_POST
def new_version(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a draft with the words of a version and go to it; where a draft waits already, go to that."""
    reseller = _edited(request)
    row = _document_of(reseller, pk)
    today = clock.today(reseller.time_zone)
    draft = terms.new_version_of_terms(document_id=row.pk, by=reader_of(request), today=today)
    return redirect("catalog:edit_partner_terms", pk=draft.pk)


@member_required
@require_POST
def take_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a draft again of what was to be published later."""
    row = _document_of(_edited(request), pk)
    try:
        terms.take_back_terms(document_id=row.pk, at=clock.now())
    except DomainError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{row} is a draft again.")
    return redirect(_address(row))


@member_required
@require_POST
def retire(request: HttpRequest, pk: int) -> HttpResponse:
    """Let no customer be asked for a published document any more."""
    row = _document_of(_edited(request), pk)
    try:
        terms.retire_terms(document_id=row.pk, by=reader_of(request), at=clock.now())
    except DomainError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{row.title} is retired: none of your customers is asked to accept it any more.")
    return redirect(_address(row))


@member_required
@require_POST
def delete_document(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a draft."""
    row = _document_of(_edited(request), pk)
    try:
        terms.delete_terms(document_id=row.pk)
    except DomainError as refusal:
        messages.error(request, str(refusal))
        return redirect(_address(row))
    messages.success(request, f"The draft {row} is deleted.")
    return redirect("catalog:partner_terms")


def _may_edit(request: HttpRequest) -> bool:
    return membership_of(request).may_edit_billing


def _edited(request: HttpRequest) -> Organization:
    """Return the reseller acted for, in the hands of an administrator."""
    reseller = reseller_of(request)
    if not _may_edit(request):
        raise PermissionDenied(READ_ONLY)
    return reseller


def _document_of(reseller: Organization, pk: int) -> Any:
    rows = TermsDocument.objects.filter(reseller=reseller).with_newer(clock.now())
    return get_object_or_404(rows.annotate(acceptance_count=Count("acceptances")), pk=pk)


def _state(row: Any) -> dict[str, str]:
    """Return the state as a word with the tone of its pill."""
    state = row.state(clock.now())
    if row.has_newer and row.is_out(clock.now()):
        return {"word": "Replaced", "tone": "quiet", "value": "replaced"}
    tones = {
        TermsDocument.State.DRAFT: "attention",
        TermsDocument.State.SCHEDULED: "busy",
        TermsDocument.State.PUBLISHED: "good",
        TermsDocument.State.RETIRED: "quiet",
    }
    return {"word": str(state.label), "tone": tones[state], "value": str(state)}


def _address(row: TermsDocument) -> str:
    return reverse("catalog:partner_terms_document", args=[row.pk])


def _refuse(form: Form, refusal: DomainError) -> None:
    field = refusal.field if isinstance(refusal, FieldRefused) and refusal.field in form.fields else None
    form.add_error(field, str(refusal))


def _form_page(
    request: HttpRequest, form: Form, *, title: str, submit: str, document: TermsDocument | None = None, intro: str = ""
) -> HttpResponse:
    back = _address(document) if document is not None else reverse("catalog:partner_terms")
    context = {"form": form, "title": title, "submit": submit, "back": back, "intro": intro}
    return TemplateResponse(request, "catalog/partner_terms_form.html", context)
