"""Forms of the back office about tenants and the people at the vendor."""

from typing import Any

from django import forms
from django.http import QueryDict
from django.urls import reverse
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import Organization
from provisioning.models import ServiceManager, Tenant, TenantUser

EMAIL_SENTENCE = "Enter an e-mail address like jane.doe@example.com."
LOGIN_HINT = "A name (JohnDoe) or an e-mail address; unique on the whole Acronis platform."


def login_widget(check_url: str) -> UnfoldAdminTextInputWidget:
    """Return a text field that asks ``check_url`` while somebody types whether the login is free; it never blocks typing."""
    return UnfoldAdminTextInputWidget(
        attrs={
            "autocomplete": "off",
            "autocapitalize": "none",
            "spellcheck": "false",
            "aria-describedby": "login-answer",
            "hx-post": check_url,
            "hx-trigger": "input changed delay:500ms",
            "hx-target": "#login-answer",
            "hx-indicator": "#login-busy",
            "hx-params": "login,service_manager,csrfmiddlewaretoken",
            "hx-sync": "this:replace",
        }
    )


class SuspendForm(forms.Form):
    """Why a tenant is stopped by hand."""

    note = forms.CharField(
        label="Why",
        max_length=500,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="For your colleagues; the customer does not see it.",
        error_messages={"required": "Say why, so that a colleague knows when to resume it."},
    )


class UserForm(forms.Form):
    """A user's login and e-mail address at the vendor."""

    login = forms.CharField(
        label="Login Username", max_length=200, help_text=LOGIN_HINT, error_messages={"required": "Enter a login user name."}
    )
    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        widget=UnfoldAdminEmailInputWidget(attrs={"autocomplete": "off"}),
        error_messages={"required": EMAIL_SENTENCE, "invalid": EMAIL_SENTENCE},
    )

    def __init__(self, answer: QueryDict | None, *, user: TenantUser) -> None:
        super().__init__(answer, initial={"login": user.login, "email": user.email})
        check_url = f"{reverse('admin:provisioning_tenantuser_check_login')}?user={user.pk}"
        self.fields["login"].widget = login_widget(check_url)
        self.fields["email"].help_text = (
            "Acronis asks the person by mail to agree; until then the old address stays."
            if user.activated_at is not None
            else "Acronis sends the activation mail here."
        )


class SynchronizeForm(forms.Form):
    """“Save & synchronize”: where a reseller's partner tenant stands, and who administers it."""

    service_manager = forms.ModelChoiceField(
        queryset=ServiceManager.objects.filter(is_active=True).order_by("name"),
        widget=UnfoldAdminSelectWidget(),
        empty_label="Choose…",
        error_messages={
            "required": "Choose the service manager that provisions.",
            "invalid_choice": "Choose one of the service managers that are switched on.",
        },
    )
    parent = forms.ModelChoiceField(
        queryset=Tenant.objects.none(),
        required=False,
        widget=UnfoldAdminSelectWidget(),
        empty_label="Empty: your own tenant, the MSP's",
        help_text="The partner tenant that the reseller's stands under.",
        error_messages={"invalid_choice": "Choose a partner tenant, or leave it empty."},
    )
    role = forms.ChoiceField(choices=TenantUser.Role.choices, widget=UnfoldAdminSelectWidget())
    login = forms.CharField(
        required=False, max_length=200, help_text=f"{LOGIN_HINT} Leave it empty to make the tenant without a user."
    )
    email = forms.EmailField(
        label="E-mail",
        required=False,
        max_length=254,
        widget=UnfoldAdminEmailInputWidget(attrs={"autocomplete": "off"}),
        help_text="Acronis sends the activation mail here.",
        error_messages={"invalid": EMAIL_SENTENCE},
    )

    def __init__(self, answer: QueryDict | None, *, reseller: Organization, manager: ServiceManager | None) -> None:
        tenant = _tenant_of(reseller, manager)
        user = tenant.users.live().order_by("pk").first() if tenant else None
        initial: dict[str, Any] = {
            "service_manager": manager,
            "parent": tenant.parent_id if tenant else None,
            "role": user.role if user else TenantUser.Role.READ_ONLY_ADMINISTRATOR,
            "login": user.login if user else "",
            "email": user.email if user else "",
        }
        super().__init__(answer, initial=initial)
        self.fields["login"].widget = login_widget(
            reverse("admin:provisioning_tenantuser_check_login") + (f"?user={user.pk}" if user else "")
        )
        partners = Tenant.objects.live().filter(kind=Tenant.Kind.PARTNER).exclude(organization=reseller)
        self.fields["parent"].queryset = partners.select_related(  # type: ignore[attr-defined]
            "organization", "service_manager"
        ).order_by("organization__name", "pk")
        if user is not None and user.vendor_id is not None:
            for name in ("role", "login", "email"):
                self.fields[name].disabled = True
                self.fields[name].help_text = ""
            self.fields["login"].help_text = "Acronis has this user already. Change it on the tenant's page."


def _tenant_of(reseller: Organization, manager: ServiceManager | None) -> Tenant | None:
    return Tenant.objects.live().filter(organization=reseller, service_manager=manager).first() if manager else None
