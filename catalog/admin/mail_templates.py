"""E-mail templates in the back office: the words of notification & action mails, with a live preview and a test mail."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from post_office.models import EmailTemplate

from catalog.action_mail_templates import FILTERS, SAMPLES, VARIABLES, render
from catalog.forms.action_mails import MailTemplateForm, PreviewForm
from catalog.models import ActionMail
from catalog.operations import action_mails as operations
from common.bss import BssAdmin, staff


@admin.register(EmailTemplate)
class MailTemplateAdmin(BssAdmin):
    """The words of mails. Nothing is kept that would not become a mail."""

    form = MailTemplateForm
    change_form_template = "admin/post_office/mail_template.html"
    list_display = ("name", "description", "subject")
    search_fields = ("name", "description", "subject")
    search_help_text = "Name, description or subject"
    fields = ("name", "description", "subject", "content", "html_content")
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(default_template__isnull=True)

    def has_delete_permission(self, request: HttpRequest, obj: EmailTemplate | None = None) -> bool:
        """A template that a group or plan sends is not deleted; a list of many is not asked for each of its rows."""
        if not super().has_delete_permission(request, obj):
            return False
        return obj is not None and not ActionMail.objects.filter(template=obj).exists()

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("preview/", own(self.preview_view), name=self.url_name("preview")),
            path("send-test-mail/", own(self.send_test_view), name=self.url_name("send_test")),
            *super().get_urls(),
        ]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the form with a preview of what it holds now, and the variables that may be used."""
        template = kwargs.get("obj")
        form = context["adminform"].form
        extra = {
            **context,
            "preview_url": reverse(f"admin:{self.url_name('preview')}"),
            "send_test_url": reverse(f"admin:{self.url_name('send_test')}"),
            "variables": VARIABLES,
            "filters": list(FILTERS),
            "address": staff(request).email,
            "used_by": _used_by(template),
            "preview": _preview(form.data if form.is_bound else form.initial),
        }
        response: HttpResponse = super().render_change_form(request, extra, *args, **kwargs)
        return response

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Answer with the mail that the typed words would become, or with what is wrong with them. Keeps nothing."""
        if (refused := self._door(request)) is not None:
            return refused
        return TemplateResponse(request, "admin/post_office/_preview.html", {"preview": _preview(request.POST)})

    def send_test_view(self, request: HttpRequest) -> HttpResponse:
        """Send the typed words, filled with samples, to the address of the signed-in person and to nobody else."""
        if (refused := self._door(request)) is not None:
            return refused
        address = staff(request).email
        form = PreviewForm(request.POST)
        if form.is_valid():
            operations.send_test_mail(to=address, words=form.words)
            sentence, is_sent = f"On its way to {address}.", True
        else:
            sentence, is_sent = "Not sent: the words are not right yet. The preview says why.", False
        if request.htmx:  # type: ignore[attr-defined]
            return TemplateResponse(request, "admin/post_office/_sent.html", {"sentence": sentence, "is_sent": is_sent})
        messages.add_message(request, messages.SUCCESS if is_sent else messages.ERROR, sentence)
        return redirect(self.list_url())

    def _door(self, request: HttpRequest) -> HttpResponse | None:
        """Whoever may see templates may preview and test one; only by POST."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return None if request.method == "POST" else HttpResponseNotAllowed(["POST"])


def _preview(typed: Any) -> dict[str, Any]:
    """Return subject, text and HTML of the mail, or the sentences that say why there are none."""
    form = PreviewForm({name: typed.get(name) or "" for name in PreviewForm.base_fields})
    if not form.is_valid():
        return {"errors": [(form.fields[name].label or name, error) for name, errors in form.errors.items() for error in errors]}
    mail = render(form.words, SAMPLES)
    return {"subject": mail.subject, "text": mail.text, "html": mail.html}


def _used_by(template: EmailTemplate | None) -> list[tuple[str, str]]:
    if template is None:
        return []
    rows = ActionMail.objects.filter(template=template).select_related("product_group", "plan").order_by("pk")[:50]
    return [(f"{row} ({row.plan or row.product_group})", reverse("admin:catalog_actionmail_change", args=[row.pk])) for row in rows]
