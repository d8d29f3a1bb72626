"""Notification & Action Mails in the back office: a page for each product group and each plan."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from unfold.decorators import display

from catalog.forms.action_mails import ActionMailsForm
from catalog.models import ActionMail, Plan, ProductGroup
from catalog.operations import action_mails as operations
from catalog.queries.action_mails import settings_of
from common.bss import Ledger
from common.errors import DomainError

CHANGE = "catalog.change_actionmail"
CHANGES_SHOWN = 20
TITLE = "Notification & Action Mails"


@admin.register(ActionMail)
class ActionMailAdmin(Ledger):
    """The list of all there are. Set they are on the page of their product group or plan, where they are seen together."""

    list_display = ("owner", "action", "days_shown", "template", "is_active")
    list_display_links = ("owner",)
    list_select_related = ("product_group", "plan", "template")
    list_filter = ("action", "is_active")
    search_fields = ("product_group__name", "plan__name", "plan__number", "template__name")
    search_help_text = "Product group, plan or mail template"
    ordering = ("product_group__name", "plan__name", "days", "pk")

    @display(description="product group or plan")
    def owner(self, mail: ActionMail) -> str:
        return f"{mail.plan} ({mail.plan.number})" if mail.plan is not None else str(mail.product_group)

    @display(description="days after the due date", ordering="days")
    def days_shown(self, mail: ActionMail) -> int:
        return mail.days

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("group/<int:pk>/", own(self.group_view), name="catalog_productgroup_action_mails"),
            path("plan/<int:pk>/", own(self.plan_view), name="catalog_plan_action_mails"),
            path("plan/<int:pk>/follow-group/", own(self.follow_group_view), name="catalog_plan_follow_group"),
            *super().get_urls(),
        ]

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """Lead to the page of the group or plan, where a mail stands among the others."""
        mail: ActionMail = self.row_or_404(request, object_id)
        if mail.plan_id is not None:
            return redirect("admin:catalog_plan_action_mails", mail.plan_id)
        return redirect("admin:catalog_productgroup_action_mails", mail.product_group_id)

    # --- The two pages -------------------------------------------------------------------------------------------------

    def group_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show and set what holds for every plan of a group that has no settings of its own."""
        self._may_look(request)
        group = get_object_or_404(ProductGroup.objects.select_related("product"), pk=pk)
        here = reverse("admin:catalog_productgroup_action_mails", args=[pk])
        form = self._form(request, settings_of(group))
        if request.method == "POST" and self._saved(request, form, group):
            return HttpResponseRedirect(here)
        own = Plan.objects.filter(product_group=group, action_mails__isnull=False).distinct()
        return self._page(
            request,
            form,
            owner=group,
            owner_url=reverse("admin:catalog_productgroup_change", args=[pk]),
            plans_with_own=own[:50],
        )

    def plan_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show what holds for a plan: its group's settings, or its own, which begin as a copy of the group's."""
        self._may_look(request)
        plan = get_object_or_404(Plan.objects.select_related("product_group"), pk=pk)
        here = reverse("admin:catalog_plan_action_mails", args=[pk])
        own = settings_of(plan)
        inherited = [] if own else settings_of(plan.product_group)
        form = self._form(request, own or inherited)
        if request.method == "POST" and self._saved(request, form, plan):
            return HttpResponseRedirect(here)
        return self._page(
            request,
            form,
            owner=plan,
            plan=plan,
            owner_url=reverse("admin:catalog_plan_change", args=[pk]),
            group_url=reverse("admin:catalog_productgroup_action_mails", args=[plan.product_group_id]),
            follows_group=not own and request.method != "POST" and "own" not in request.GET,
            has_own=bool(own),
            inherited=inherited,
        )

    def follow_group_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Drop a plan's own settings, by POST."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        self._may_change(request)
        plan = get_object_or_404(Plan.objects.select_related("product_group"), pk=pk)
        if operations.follow_group(plan_id=pk):
            self.log_change(request, plan, f"{TITLE}: back to those of the product group.")
        messages.success(request, f"{plan} follows {plan.product_group}.")
        return redirect("admin:catalog_plan_action_mails", pk)

    # --- What both share -----------------------------------------------------------------------------------------------

    def _may_look(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            self._may_change(request)

    @staticmethod
    def _may_change(request: HttpRequest) -> None:
        if not request.user.has_perm(CHANGE):
            raise PermissionDenied

    @staticmethod
    def _form(request: HttpRequest, present: list[ActionMail]) -> ActionMailsForm:
        if request.method != "POST":
            return ActionMailsForm(present=present, more=1)
        post = request.POST
        if "more" not in post:
            return ActionMailsForm(post, present=present)
        # One reminder more; nothing is saved, and what was typed stays.
        total = post.get("reminder-TOTAL_FORMS", "")
        count = int(total) if total.isdecimal() and len(total) < 4 else 0
        more = post.copy()
        more["reminder-TOTAL_FORMS"] = str(count + 1)
        return ActionMailsForm(more, present=present)

    def _saved(self, request: HttpRequest, form: ActionMailsForm, owner: ProductGroup | Plan) -> bool:
        """Save what was sent, unless only one line more was asked for or something is to be put right."""
        if "more" in request.POST or not form.is_valid():
            return False
        try:
            if isinstance(owner, Plan):
                changed = operations.set_plan_action_mails(mails=form.wishes(), plan_id=owner.pk)
            else:
                changed = operations.set_group_action_mails(mails=form.wishes(), product_group_id=owner.pk)
        except DomainError as refusal:
            form.refuse(refusal)
            return False
        if changed:
            self.log_change(request, owner, f"{TITLE}: {_in_words(settings_of(owner)) or 'none'}.")
        messages.success(request, "Saved." if changed else "Nothing was changed.")
        return True

    def _page(self, request: HttpRequest, form: ActionMailsForm, *, owner: ProductGroup | Plan, **context: Any) -> HttpResponse:
        is_asked_for_more = "more" in request.POST
        return self.page(
            request,
            "admin/catalog/action_mails.html",
            form=form,
            title=f"{TITLE}: {owner}",
            owner=owner,
            history=_history(owner),
            errors=form.errors() if request.method == "POST" and not is_asked_for_more else [],
            may_change=request.user.has_perm(CHANGE),
            may_see_templates=request.user.has_perm("post_office.view_emailtemplate"),
            most_days=operations.LATEST_DAY,
            **context,
        )


def action_mails_link(request: HttpRequest, owner: ProductGroup | Plan) -> list[tuple[str, str]]:
    """Return words and address of the page of a group or plan, for those who may see it."""
    if not request.user.has_perm("catalog.view_actionmail"):
        return []
    name = "catalog_plan_action_mails" if isinstance(owner, Plan) else "catalog_productgroup_action_mails"
    return [(TITLE, reverse(f"admin:{name}", args=[owner.pk]))]


def _history(owner: ProductGroup | Plan) -> QuerySet[LogEntry]:
    """Return who set what and when, the newest first. Each row's own history is kept by the database besides."""
    entries = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(owner), object_id=str(owner.pk))
    return entries.filter(change_message__startswith=TITLE).select_related("user").order_by("-action_time", "-pk")[:CHANGES_SHOWN]


def _in_words(rows: list[ActionMail]) -> str:
    words = [f"{row}{'' if row.is_active else ' (off)'}, template “{row.template.name}”" for row in rows]
    return "; ".join(words)
