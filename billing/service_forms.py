"""What the pages of a service ask for. Rules live in the operations; a form says them beside the field."""

from typing import Any

from django import forms
from django.http import QueryDict
from django.urls import reverse

from provisioning.models import TenantUser
from provisioning.operations.users import LONGEST_PASSWORD, SHORTEST_PASSWORD

EMAIL_SENTENCE = "Enter an e-mail address like jane.doe@example.com."


class SignInForm(forms.Form):
    """“Update username/password” of a service's user at the vendor."""

    login = forms.CharField(
        label="Username",
        max_length=200,
        help_text="A username such as JohnDoe, or an e-mail address. It must be unique at Acronis.",
        error_messages={"required": "Enter a login user name."},
    )
    email = forms.EmailField(
        label="Email",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        error_messages={"required": EMAIL_SENTENCE, "invalid": EMAIL_SENTENCE},
    )
    password = forms.CharField(
        label="New password",
        required=False,
        strip=False,
        min_length=SHORTEST_PASSWORD,
        max_length=LONGEST_PASSWORD,
        help_text=f"Leave it empty to keep the present one. At least {SHORTEST_PASSWORD} characters.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        error_messages={
            "min_length": f"A password has at least {SHORTEST_PASSWORD} characters.",
            "max_length": f"A password has at most {LONGEST_PASSWORD} characters.",
        },
    )

    def __init__(self, answer: QueryDict | None, *, person: TenantUser, number: str, login: str | None = None) -> None:
        """
        :param login: what to offer instead of the login there is.
        """
        super().__init__(answer, initial={"login": person.login if login is None else login[:200], "email": person.email})
        self.fields["login"].widget.attrs |= _live_check(number)
        self.fields["email"].help_text = _email_hint(person)


def _live_check(number: str) -> dict[str, Any]:
    return {
        "autocomplete": "off",
        "autocapitalize": "none",
        "spellcheck": "false",
        "aria-describedby": "id_login_helptext login-answer",
        "hx-post": reverse("billing:check_login", args=[number]),
        "hx-trigger": "input changed delay:500ms",
        "hx-target": "#login-answer",
        "hx-indicator": "#login-busy",
        "hx-params": "login",
        "hx-sync": "this:replace",
    }


def _email_hint(person: TenantUser) -> str:
    if person.activated_at is not None:
        return "Acronis sends a mail to the new address; it counts once somebody agrees there."
    return "Acronis sends the activation mail here, again if you change it."
