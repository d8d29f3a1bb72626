"""Invitations in the back office: who is invited to what, and the staff's own way to invite, send again and revoke."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from accounts import operations
from accounts.models import Invitation
from accounts.operations.invitations import AlreadyMember, refuse_member, send_invitation
from common import clock
from common.bss import BssAdmin, Move, refuse, related, staff

_COLOURS = {"open": "info", "expired": "warning", "accepted": "success", "revoked": "default"}


class StateFilter(admin.SimpleListFilter):
    """Invitations that wait for an answer, and those that are over."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("expired", "Expired"), ("answered", "Accepted or revoked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> QuerySet[Invitation]:
        unanswered = Q(accepted_at__isnull=True, revoked_at__isnull=True)
        match self.value():
            case "open":
                return queryset.filter(unanswered, expires_at__gt=clock.now())
            case "expired":
                return queryset.filter(unanswered, expires_at__lte=clock.now())
            case "answered":
                return queryset.exclude(unanswered)
        return queryset


class InvitationForm(forms.ModelForm):
    """Whom to invite to what; inviting somebody again sends a new link."""

    class Meta:
        model = Invitation
        fields = ("organization", "email", "role")

    def validate_constraints(self) -> None:
        """Leave the one unanswered invitation per address to the operation, which sends it again."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("organization") and cleaned.get("email"):
            try:
                refuse_member(cleaned["organization"], cleaned["email"])
            except AlreadyMember as refusal:
                refuse(self, refusal)
        return cleaned


@admin.register(Invitation)
class InvitationAdmin(BssAdmin):
    """Sent by administrators of an organization or of its reseller in the storefront, or by staff here."""

    form = InvitationForm
    actions = None
    list_display = ("email", "organization", "role_word", "sent_at", "expires_at", "invited_by", "state_label")
    list_select_related = ("organization", "invited_by")
    list_filter = (StateFilter,)
    search_fields = ("email", "organization__number__iexact", "organization__name")
    search_help_text = "E-mail address, or the organization's number or name"
    autocomplete_fields = ("organization",)
    ordering = ("-sent_at", "-pk")
    add_fieldsets = ((None, {"fields": ("organization", "email", "role")}),)
    fieldsets = (
        (None, {"fields": ("organization", "email", "role_word", "state_label")}),
        ("Dates", {"fields": (("sent_at", "expires_at"), ("accepted_at", "revoked_at"), "invited_by")}),
    )
    moves = (
        Move("send_again", "Send again", "accounts.add_invitation", lambda row: row.accepted_at is None and row.revoked_at is None),
        Move(
            "revoke",
            "Revoke",
            "accounts.add_invitation",
            lambda row: row.accepted_at is None and row.revoked_at is None,
            variant="danger",
        ),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Invitation | None = None) -> Any:
        return self.add_fieldsets if obj is None else self.fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Invitation | None = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        dates = ("sent_at", "expires_at", "accepted_at", "revoked_at")
        return ("organization", "email", "role_word", "state_label", *dates, "invited_by")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Invitation, form: Any, change: bool) -> None:
        """Send the invitation, in the form's transaction; there is nothing else to save, for an invitation is not changed here."""
        sent = send_invitation(obj.organization, email=obj.email, role=obj.role, by=staff(request), at=clock.now())
        obj.__dict__.update(sent.__dict__)

    @display(description="role")
    def role_word(self, invitation: Invitation) -> str:
        return invitation.get_role_display().partition(":")[0]

    @display(description="state", label=_COLOURS)
    def state_label(self, invitation: Invitation) -> str:
        if invitation.accepted_at is not None:
            return "accepted"
        if invitation.revoked_at is not None:
            return "revoked"
        return "open" if invitation.is_open(clock.now()) else "expired"

    def related_lists(self, request: HttpRequest, row: Invitation) -> list[tuple[str, str]]:
        mine = f"q={row.organization.number}"
        return related(
            request, "accounts.view_invitation", "Invitations of this organization", "accounts_invitation_changelist", mine
        )

    def send_again(self, request: HttpRequest, invitation: Invitation) -> str:
        operations.resend_invitation(
            organization=invitation.organization, invitation_id=invitation.pk, by=staff(request), at=clock.now()
        )
        return f"A new link is on its way to {invitation.email}. The old one does not work any more."

    def revoke(self, request: HttpRequest, invitation: Invitation) -> str:
        operations.revoke_invitation(organization=invitation.organization, invitation_id=invitation.pk, at=clock.now())
        return f"The invitation of {invitation.email} is revoked. Its link does not work any more."
