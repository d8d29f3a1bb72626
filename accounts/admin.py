"""Customers and people in the back office, the mails they get, and its door."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account import admin as allauth_admin
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa import admin as allauth_mfa_admin
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from post_office import admin as post_office_admin
from post_office.models import STATUS, Attachment, Email, EmailTemplate, Log
from sequences import admin as sequences_admin
from sequences.models import Sequence
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm

import accounts.invitation_admin
import accounts.token_admin
import accounts.webhook_admin  # noqa: F401  register their pages
from accounts import acting_as, operations
from accounts.acting_as_admin import latest_of
from accounts.bss_forms import OrganizationForm, PersonAddForm, PersonForm
from accounts.models import Membership, Organization, User
from common import clock
from common.bss import BssAdmin, Ledger, RowSelects, related

# Importing these registers their pages; what is not for the back office leaves again, the rest comes back in its look.
_THEIRS = (allauth_admin, allauth_mfa_admin, auth_admin, post_office_admin, sequences_admin)
for model in (EmailAddress, Authenticator, Sequence, Group, Email, EmailTemplate, Attachment, Log):
    if admin.site.is_registered(model):
        admin.site.unregister(model)

KEYS = re.compile(r"(/invitations/|/password/reset/key/)[^/\s]+")
KIND_COLOURS = {"msp": "primary", "reseller": "info", "customer": "default"}


def _back_office_door(login: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Send the signed-out to the sign-in page with its second factor; to everybody but staff the back office does not exist."""
    secured = secure_admin_login(login)

    @wraps(login)
    def door(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated and not (request.user.is_staff and request.user.is_active):
            raise Http404
        return secured(request, *args, **kwargs)

    return door


admin.site.index_title = "Dashboard"
admin.site.login = _back_office_door(admin.site.login)  # type: ignore[method-assign]


class ResellerFilter(admin.SimpleListFilter):
    """Customers by whom they belong to."""

    title = "belongs to"
    parameter_name = "parent"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        parents = Organization.objects.exclude(kind=Organization.Kind.CUSTOMER).order_by("kind", "name")
        return [(organization.number, organization.name) for organization in parents[:300]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(parent__number=self.value()) if self.value() else queryset


class MembershipInline(RowSelects, TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ("user",)
    verbose_name_plural = "people who act for it"


@admin.register(Organization)
class OrganizationAdmin(BssAdmin):
    form = OrganizationForm
    list_display = ("number", "name", "kind_label", "parent", "city", "billing_email", "currency")
    list_display_links = ("number", "name")
    list_select_related = ("parent",)
    list_filter = ("kind", ResellerFilter)
    search_fields = ("number", "name", "billing_email", "memberships__user__email")
    search_help_text = "Number, name or e-mail"
    ordering = ("name", "pk")
    inlines = (MembershipInline,)
    change_form_outer_after_template = "admin/accounts/_acted_as.html"
    change_form_before_template = "admin/accounts/_credit.html"
    fieldsets = (
        (None, {"fields": ("number", ("kind", "parent"), "name")}),
        (
            "Billing",
            {"fields": ("billing_email", ("currency", "payment_terms_days"), "credit_limit", "payment_details", "ledger_code")},
        ),
        ("Tax", {"fields": ("tax_id", "tax_treatment", "tax_exemption_reason")}),
        ("Address", {"fields": ("address_line1", "address_line2", ("postcode", "city"), "country")}),
        (
            "How it works with us",
            {"fields": (("time_zone", "language"), "orders_execute_automatically", "approves_customer_orders", "sign_up_is_open")},
        ),
    )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show below the form when staff acted as its people."""
        shown = {"acted_as": latest_of(request, self.row_or_404(request, object_id)), **(extra_context or {})}
        return super().change_view(request, object_id, form_url, shown)

    @display(description="kind", ordering="kind", label=KIND_COLOURS)
    def kind_label(self, organization: Organization) -> tuple[str, str]:
        return organization.kind, str(organization.get_kind_display())

    def get_exclude(self, request: HttpRequest, obj: Organization | None = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        kind = Organization.Kind(obj.kind)
        return {
            Organization.Kind.MSP: ("credit_limit", "approves_customer_orders"),
            Organization.Kind.RESELLER: (),
            Organization.Kind.CUSTOMER: ("sign_up_is_open", "approves_customer_orders"),
        }[kind]

    def get_fieldsets(self, request: HttpRequest, obj: Organization | None = None) -> list[tuple[str | None, dict[str, Any]]]:
        """Show what a kind of organization has: the MSP buys nothing, under customers nobody signs up or orders."""
        hidden = self.get_exclude(request, obj)
        return [
            (title, {**options, "fields": tuple(field for field in options["fields"] if field not in hidden)})
            for title, options in self.fieldsets
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Organization | None = None) -> tuple[str, ...]:
        return ("number",) if obj is None else ("number", "kind", "parent")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Organization, form: Any, change: bool) -> None:
        """Save the facts; a new organization gets its number from the operation that gives them out."""
        if change:
            obj.facts_changed_at = clock.now()
            super().save_model(request, obj, form, change)
            return
        facts = {name: value for name, value in form.cleaned_data.items() if name not in ("kind", "parent", "name")}
        added = operations.add_organization(kind=obj.kind, parent=obj.parent, name=obj.name, at=clock.now(), **facts)
        obj.__dict__.update(added.__dict__)

    def offered_moves(self, request: HttpRequest, row: Organization) -> list[dict[str, str | bool]]:
        moves = super().offered_moves(request, row)
        if row.kind == Organization.Kind.RESELLER and request.user.has_perm("provisioning.change_tenant"):
            url = reverse("admin:provisioning_tenant_reseller", args=[row.number])
            moves.append({"label": "Acronis", "url": url, "variant": "default", "asks_first": True})
        if row.kind == Organization.Kind.RESELLER and request.user.has_perm("catalog.view_partnerterms"):
            url = reverse("admin:catalog_partnerterms_of_reseller", args=[row.pk])
            moves.append({"label": "Plans it may sell", "url": url, "variant": "default", "asks_first": True})
        return moves

    def related_lists(self, request: HttpRequest, row: Organization) -> list[tuple[str, str]]:
        mine = f"q={row.number}"
        act_as = acting_as.begin_link(request, row) if row.kind != Organization.Kind.MSP else []
        create = related(request, "ordering.execute_order", "Create order", "ordering_order_create", f"consumer={row.number}")
        return [
            *act_as,
            *(create if row.kind == Organization.Kind.CUSTOMER else []),
            *related(request, "ordering.view_order", "Orders", "ordering_order_changelist", mine),
            *related(request, "billing.view_subscription", "Subscriptions", "billing_subscription_changelist", mine),
            *related(request, "provisioning.view_tenant", "Tenants", "provisioning_tenant_changelist", mine),
            *related(request, "billing.view_invoice", "Invoices", "billing_invoice_changelist", mine),
            *related(request, "billing.view_payment", "Payments", "billing_payment_changelist", mine),
            *related(request, "billing.view_payment", "Open items", "billing_open_items", f"buyer={row.number}"),
            *related(request, "billing.add_payment", "Record payment", "billing_payment_record", f"buyer={row.number}"),
            *related(request, "accounts.view_invitation", "Invitations", "accounts_invitation_changelist", mine),
            *related(request, "accounts.add_invitation", "Invite a person", "accounts_invitation_add", f"organization={row.pk}"),
            *related(request, "accounts.view_actingas", "When staff acted as its people", "accounts_actingas_changelist", mine),
        ]


class PersonMembershipInline(RowSelects, TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ("organization",)
    verbose_name_plural = "acts for"


@admin.register(User)
class PersonAdmin(BssAdmin, UserAdmin):
    """People. Only a superuser makes staff, gives groups, or touches those who have them."""

    form = PersonForm
    add_form = PersonAddForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "first_name", "last_name", "is_staff", "is_active", "last_login")
    list_filter = ("is_staff", "is_active", "groups")
    search_fields = ("email", "first_name", "last_name", "memberships__organization__number", "memberships__organization__name")
    search_help_text = "E-mail, name, or the organization's number or name"
    ordering = ("email",)
    filter_horizontal = ()
    inlines = (PersonMembershipInline,)
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", ("first_name", "last_name"), "password", "is_active")}),
        ("Back office", {"fields": (("is_staff", "is_superuser"), "groups")}),
        ("Dates", {"fields": (("last_login", "date_joined"),)}),
    )
    add_fieldsets = ((None, {"fields": ("email", ("first_name", "last_name"), "usable_password", "password1", "password2")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        return self.readonly_fields if request.user.is_superuser else (*self.readonly_fields, "is_staff", "is_superuser", "groups")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        if isinstance(obj, User) and (obj.is_staff or obj.is_superuser) and not request.user.is_superuser:
            return False  # whoever may set a colleague's password would have the colleague's rights
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # documents name people for ever; switch “active” off instead


@admin.register(Membership)
class MembershipAdmin(BssAdmin):
    list_display = ("user", "organization", "role")
    list_select_related = ("user", "organization")
    list_filter = ("role",)
    search_fields = ("user__email", "user__last_name", "organization__number", "organization__name")
    search_help_text = "E-mail, last name, or the organization's number or name"
    autocomplete_fields = ("user", "organization")
    ordering = ("organization__name", "user__email")


@admin.register(Group)
class StaffGroupAdmin(BssAdmin, GroupAdmin):
    """What staff may do, by the work they have."""

    list_display = ("name",)
    search_fields = ("name",)


class SendingInline(TabularInline):
    model = Log
    fields = readonly_fields = ("date", "status", "message")
    extra = 0
    max_num = 0
    can_delete = False
    verbose_name_plural = "tries"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # whoever may open the mail may see how its sending went


@admin.register(Email)
class OutboxAdmin(Ledger):
    """Every mail that left or waits. A failed one is tried again by itself."""

    change_form_template = "admin/change_form.html"  # post_office brings one that links to its own pages
    list_display = ("created", "recipients", "subject_line", "status_label")
    list_filter = ("status",)
    list_select_related = ("template",)
    search_fields = ("to", "subject")
    search_help_text = "Address or subject"
    ordering = ("-created", "-pk")
    inlines = (SendingInline,)
    fields = readonly_fields = ("created", "recipients", "subject_line", "status_label", "scheduled_time", "text")

    @display(description="to")
    def recipients(self, email: Email) -> str:
        return ", ".join(email.to)

    @display(description="subject")
    def subject_line(self, email: Email) -> str:
        return str(email.email_message().subject if email.template_id else email.subject)

    @display(description="state", label={"sent": "success", "failed": "danger", "queued": "info", "requeued": "warning"})
    def status_label(self, email: Email) -> str:
        return {STATUS.sent: "sent", STATUS.failed: "failed", STATUS.requeued: "requeued"}.get(email.status, "queued")

    @display(description="text")
    def text(self, email: Email) -> str:
        """Show the mail without the keys that would let its reader in: in links of invitations and of forgotten passwords."""
        return KEYS.sub(r"\1…", str(email.email_message().body))
