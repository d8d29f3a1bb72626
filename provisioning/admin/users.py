"""The people at the vendor: letting staff in on their behalf, their passwords, logins and activation mails."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.decorators import display

from common import clock
from common.bss import Ledger, Move, refuse, staff
from common.errors import DomainError
from provisioning.admin.asking import id_sent, kept_nowhere, require
from provisioning.admin.panel import open_panel
from provisioning.forms.tenants import UserForm
from provisioning.models import Activation, ServiceManager, Tenant, TenantUser
from provisioning.operations import logins, users

CHANGE = "provisioning.change_tenantuser"
PANEL = "provisioning.open_panel"
PASSWORD = "provisioning.show_password"  # noqa: S105  a permission's name


@dataclass(frozen=True, slots=True)
class UserCard:
    """A user of a tenant on its page, with what these staff can do about it."""

    user: TenantUser
    access: str
    """How the person gets in, and how far that has come."""
    buttons: list[dict[str, Any]]


def _is_live(user: TenantUser) -> bool:
    return user.gone_at is None and user.tenant.retired_at is None


def _waits_for_activation(user: TenantUser) -> bool:
    return _is_live(user) and user.vendor_id is not None and not users.is_activated(user)


@admin.register(TenantUser)
class TenantUserAdmin(Ledger):
    """Users at the vendor. What can be done about one stands on its tenant's page."""

    list_display = ("login", "email", "role", "organization", "service_manager", "activated_at", "gone_at")
    list_select_related = ("tenant__organization", "service_manager")
    list_filter = ("role", "service_manager", ("gone_at", admin.EmptyFieldListFilter))
    search_fields = ("login", "email", "tenant__organization__number__iexact", "tenant__organization__name")
    search_help_text = "Login, e-mail, or the organization's number or name"
    ordering = ("-pk",)
    moves = (
        Move("reset_password", "Reset password", CHANGE, _is_live, confirm="ask_reset_password"),
        Move(
            "send_activation_mail", "Send activation mail again", CHANGE, _waits_for_activation, confirm="ask_send_activation_mail"
        ),
    )

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("check-login/", own(self.check_login_view), name=self.url_name("check_login")),
            path("<path:object_id>/panel/", own(self.panel_view), name=self.url_name("panel")),
            path("<path:object_id>/password/", own(self.password_view), name=self.url_name("password")),
            path("<path:object_id>/login/", own(self.login_view), name=self.url_name("login")),
            *super().get_urls(),
        ]

    @display(description="organization")
    def organization(self, user: TenantUser) -> str:
        return user.tenant.organization.name

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect(_page_of(self.row_or_404(request, object_id)))

    # --- Getting in ----------------------------------------------------------------------------------------------------

    def panel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Sign the browser in at the vendor on behalf of the user; a refusal is shown on the tenant's page."""
        user = self.row_or_404(request, object_id)
        require(request, PANEL)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            return open_panel(request, user)
        except DomainError as refusal:
            messages.error(request, str(refusal))
            return redirect(_page_of(user))

    def password_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the password that was generated for the user, once per click; the showing is recorded."""
        user = self.row_or_404(request, object_id)
        require(request, PASSWORD)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            password = users.show_password(tenant_user_id=user.pk, by=staff(request), at=clock.now())
        except DomainError as refusal:
            messages.error(request, str(refusal))
            return redirect(_page_of(user))
        page = self.page(
            request,
            "admin/provisioning/password.html",
            title=f"Password of {user.login}",
            original=user,
            password=password,
            back=_page_of(user),
        )
        return kept_nowhere(page)

    # --- Moves ---------------------------------------------------------------------------------------------------------

    def ask_reset_password(self, request: HttpRequest, user: TenantUser) -> list[str]:
        return [
            f"{user.login} gets a new generated password at Acronis within seconds. The present one stops working.",
            "Tell the person: Acronis sends no mail about it. “Show password” shows it to those who may see it.",
        ]

    def reset_password(self, request: HttpRequest, user: TenantUser) -> str:
        users.reset_password(tenant_user_id=user.pk, at=clock.now())
        return f"{user.login} gets a new password at Acronis within a minute."

    def ask_send_activation_mail(self, request: HttpRequest, user: TenantUser) -> list[str]:
        return [f"Acronis sends the activation mail for {user.login} to {user.email} once more."]

    def send_activation_mail(self, request: HttpRequest, user: TenantUser) -> str:
        users.ask_activation_mail_again(tenant_user_id=user.pk, at=clock.now())
        return f"Acronis is asked within a minute to write to {user.email}."

    # --- Login and e-mail ----------------------------------------------------------------------------------------------

    def login_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Change login and e-mail; a login that the vendor knows already is refused beside its field."""
        user = self.row_or_404(request, object_id)
        require(request, CHANGE)
        form = UserForm(request.POST if request.method == "POST" else None, user=user)
        if form.is_valid():
            try:
                sentence = _change(user, **form.cleaned_data)
            except DomainError as refusal:
                refuse(form, refusal)
            else:
                messages.success(request, sentence)
                return redirect(_page_of(user))
        return self.page(
            request,
            "admin/provisioning/user_form.html",
            title=f"Login and e-mail of {user.login}",
            original=user,
            form=form,
            submit="Save login and e-mail",
            back=_page_of(user),
        )

    def check_login_view(self, request: HttpRequest) -> HttpResponse:
        """Say, while somebody types, whether a login is free at a service manager."""
        require(request, CHANGE, "provisioning.change_tenant")
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        login = request.POST.get("login", "").strip()
        own = TenantUser.objects.live().filter(pk=id_sent(request.GET.get("user"))).first()
        chosen = ServiceManager.objects.filter(pk=id_sent(request.POST.get("service_manager"))).first()
        manager = chosen or (own.service_manager if own else None)
        return TemplateResponse(request, "admin/provisioning/_login_answer.html", _login_answer(login, own, manager))


def user_cards(request: HttpRequest, tenant: Tenant) -> list[UserCard]:
    """Return the tenant's users, each with the buttons that these staff may press now."""
    users_admin: Any = admin.site._registry[TenantUser]
    people = tenant.users.order_by("pk").select_related("service_manager", "tenant")
    return [UserCard(user, _access_words(user), _buttons(request, users_admin, user)) for user in people]


def _buttons(request: HttpRequest, users_admin: TenantUserAdmin, user: TenantUser) -> list[dict[str, Any]]:
    if not _is_live(user):
        return []
    buttons: list[dict[str, Any]] = []
    if request.user.has_perm(PANEL) and user.vendor_id is not None:
        buttons.append({"label": "Login to panel", "url": users_admin.url_of(user, "panel"), "in_new_tab": True})
    if request.user.has_perm(PASSWORD) and user.password:
        buttons.append({"label": "Show password", "url": users_admin.url_of(user, "password")})
    if request.user.has_perm(CHANGE):
        buttons.append({"label": "Change login or e-mail", "url": users_admin.url_of(user, "login"), "asks_first": True})
    return [*buttons, *users_admin.offered_moves(request, user)]


def _access_words(user: TenantUser) -> str:
    if user.gone_at is not None:
        return "Deleted with the tenant"
    if user.vendor_id is None:
        return "Not at Acronis yet"
    if user.password:
        return "By a password that is kept here" if user.password_set_at else "By a password that is being set"
    if users.is_activated(user):
        return "Active"
    if user.activation == Activation.PASSWORD:
        return "By a generated password"
    if user.activation_mail_asked_at is None:
        return "The activation mail is about to be asked for"
    if user.activation_mail_confirmed_at is None:
        return "Acronis did not confirm the activation mail; if it does not arrive, send it again"
    return "Activation mail sent; not active yet"


def _change(user: TenantUser, *, login: str, email: str) -> str:
    """Change what differs, and say so."""
    is_other = login.strip().casefold() != user.login.casefold()
    warning = _unanswered(user.service_manager, login) if is_other else ""
    changed = users.change_sign_in(tenant_user_id=user.pk, login=login, email=email, at=clock.now())
    sentences = {
        "login": f"The login becomes {login.strip()} at Acronis within a minute.{warning}",
        "email": f"Acronis is told of {email}.",
    }
    return " ".join(words for what, words in sentences.items() if what in changed) or "Nothing was changed."


def _unanswered(manager: ServiceManager, login: str) -> str:
    """Refuse a login that is taken; return a warning where the vendor does not say."""
    try:
        logins.check_login(service_manager=manager, login=login)
    except logins.CannotCheck as silence:
        return f" {silence} It is found out when the login is changed."
    return ""


def _login_answer(login: str, own: TenantUser | None, manager: ServiceManager | None) -> dict[str, Any]:
    if own is not None and login.casefold() == own.login.casefold():
        return {"tone": "quiet", "sentence": f"{own.login} is the present login."}
    if manager is None:
        return {"tone": "quiet", "sentence": "Choose the service manager first."}
    try:
        logins.check_login(service_manager=manager, login=login)
    except logins.CannotCheck as silence:
        return {"tone": "quiet", "sentence": f"{silence} You can go on; it is checked again when the user is made."}
    except DomainError as refusal:
        return {"tone": "bad", "sentence": str(refusal)}
    return {"tone": "good", "sentence": f"{login} is free"}


def _page_of(user: TenantUser) -> str:
    return f"{reverse('admin:provisioning_tenant_change', args=[user.tenant_id])}#user-{user.pk}"
