"""API tokens in the back office: which there are, and the button that ends one."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from unfold.decorators import display

from accounts import api_tokens
from accounts.models import ApiToken
from common import clock
from common.bss import Ledger, Move, link, related

_COLOURS = {"usable": "success", "expired": "default", "revoked": "default"}


class StateFilter(admin.SimpleListFilter):
    """Tokens that let somebody in now, and those that do not."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("usable", "Usable"), ("ended", "Expired or revoked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> QuerySet[ApiToken]:
        usable = ApiToken.objects.usable(clock.now())
        match self.value():
            case "usable":
                return queryset.filter(pk__in=usable.values("pk"))
            case "ended":
                return queryset.exclude(pk__in=usable.values("pk"))
        return queryset


@admin.register(ApiToken)
class ApiTokenAdmin(Ledger):
    """Tokens are made in the storefront by the organization's administrators; staff see them and can revoke them."""

    list_display = ("prefix", "name", "organization", "scope_list", "created_at", "last_used_at", "expires_at", "state_label")
    list_select_related = ("organization",)
    list_filter = (StateFilter,)
    search_fields = ("prefix__istartswith", "name", "organization__number__iexact", "organization__name")
    search_help_text = "Beginning of the token, its name, or the organization's number or name"
    ordering = ("-created_at", "-pk")
    fields = readonly_fields = (
        "name",
        "prefix",
        "organization_link",
        "scope_list",
        "state_label",
        "created_at",
        "created_by",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    moves = (
        Move(
            "revoke",
            "Revoke",
            "accounts.change_apitoken",
            lambda token: token.revoked_at is None,
            confirm="ask_revoke",
            variant="danger",
        ),
    )

    @display(description="may be used to")
    def scope_list(self, token: ApiToken) -> str:
        return ", ".join(api_tokens.uses(token))

    @display(description="state", label=_COLOURS)
    def state_label(self, token: ApiToken) -> str:
        return api_tokens.state_of(token, clock.now())

    @display(description="organization")
    def organization_link(self, token: ApiToken) -> str:
        organization = token.organization
        return link(
            reverse("admin:accounts_organization_change", args=[organization.pk]), f"{organization} ({organization.number})"
        )

    def related_lists(self, request: HttpRequest, row: ApiToken) -> list[tuple[str, str]]:
        mine = f"q={row.organization.number}"
        return related(request, "accounts.view_apitoken", "Tokens of this organization", "accounts_apitoken_changelist", mine)

    def ask_revoke(self, request: HttpRequest, token: ApiToken) -> list[str]:
        used = f"It was last used at {token.last_used_at:%d %b %Y, %H:00} UTC." if token.last_used_at else "It was never used."
        return [f"The program of {token.organization} that uses this token is let in no more. {used}", "This cannot be undone."]

    def revoke(self, request: HttpRequest, token: ApiToken) -> str:
        api_tokens.revoke_token(token_id=token.pk, at=clock.now())
        return f"{token.name} of {token.organization} is revoked."
