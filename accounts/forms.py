"""What people type about their organization, their customers, their colleagues and themselves."""

import re
from datetime import date
from typing import Any, ClassVar

from babel import Locale
from babel.core import get_global
from babel.numbers import get_territory_currencies
from django import forms
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password

from accounts.models import Membership, Organization, User

_WORDS = Locale("en")
# Letters CLDR keeps for groups of countries, outlying waters and tests; nobody has an address there.
_NO_COUNTRY = frozenset({"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"})
_EU = frozenset(
    {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE"}
    | {"IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"}
)
# VAT numbers of the EU begin with the country's letters, but for Greece (VIES, which calls it EL).
_VAT_PREFIX = {"GR": "EL"}
_VAT_NUMBER = re.compile(r"[A-Z0-9+*]{2,13}")
_WEB_ADDRESS = re.compile(r"https?:|//|www\.", re.IGNORECASE)
_TAX_NUMBER = re.compile(r"[A-Z0-9+*/&]{2,28}")


def countries() -> list[tuple[str, str]]:
    """Return every country by its two letters (ISO 3166) and its English name, by name."""
    names = [(code, name) for code, name in _WORDS.territories.items() if re.fullmatch("[A-Z]{2}", code)]
    return sorted(((code, name) for code, name in names if code not in _NO_COUNTRY), key=lambda country: country[1])


def currencies() -> list[tuple[str, str]]:
    """Return every currency that is legal tender somewhere now, as "EUR: Euro", by its letters (ISO 4217)."""
    tender = {
        currency
        for territory in get_global("territory_currencies")
        for currency in get_territory_currencies(territory, start_date=date.max, end_date=date.max)
    }
    return [(code, f"{code}: {_WORDS.currencies[code]}") for code in sorted(tender) if code in _WORDS.currencies]


class BillingInformationForm(forms.ModelForm):
    """Where an organization's invoices go and what is printed on them."""

    class Meta:
        model = Organization
        fields = ("billing_email", "address_line1", "address_line2", "postcode", "city", "country", "tax_id")
        labels = {
            "billing_email": "Billing e-mail",
            "address_line1": "Street and number",
            "address_line2": "Second line",
            "postcode": "Postcode",
            "city": "City",
            "country": "Country",
            "tax_id": "VAT number",
        }
        help_texts = {"tax_id": "With its country letters, for example DE129273398."}
        widgets: ClassVar[dict[str, forms.Widget]] = {
            "billing_email": forms.EmailInput(attrs={"autocomplete": "email"}),
            "address_line1": forms.TextInput(attrs={"autocomplete": "address-line1"}),
            "address_line2": forms.TextInput(attrs={"autocomplete": "address-line2"}),
            "postcode": forms.TextInput(attrs={"autocomplete": "postal-code"}),
            "city": forms.TextInput(attrs={"autocomplete": "address-level2"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["country"] = forms.ChoiceField(label="Country", choices=countries)
        for name in ("address_line1", "city"):
            self.fields[name].required = True
        for field in self.fields.values():
            field.error_messages["required"] = f"{field.label} is missing."

    def clean_tax_id(self) -> str:
        """Take out what people write between the signs; what is left is looked at once the country is known."""
        return re.sub(r"[\s.\-]", "", self.cleaned_data["tax_id"]).upper()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        tax_id, country = cleaned.get("tax_id", ""), cleaned.get("country", "")
        if tax_id and country and (sentence := _wrong_in(tax_id, country)):
            self.add_error("tax_id", sentence)
        return cleaned

    def facts(self) -> dict[str, Any]:
        """Return what was typed, by the names of the organization's fields."""
        return {name: self.cleaned_data[name] for name in self.fields}


class SellersBillingInformationForm(BillingInformationForm):
    """The same for who issues invoices: it also says how they are to be paid."""

    class Meta(BillingInformationForm.Meta):
        fields = (*BillingInformationForm.Meta.fields, "payment_details")  # type: ignore[assignment]
        labels = {**BillingInformationForm.Meta.labels, "payment_details": "How your customers pay you"}
        help_texts = {
            **BillingInformationForm.Meta.help_texts,
            "payment_details": "Bank, IBAN and BIC. Printed on the invoices you issue.",
        }
        widgets: ClassVar[dict[str, forms.Widget]] = {
            **BillingInformationForm.Meta.widgets,
            "payment_details": forms.Textarea(attrs={"rows": 3}),
        }


class EditCustomerForm(BillingInformationForm):
    """What a reseller knows of a customer of its own."""

    class Meta(BillingInformationForm.Meta):
        fields = ("name", *BillingInformationForm.Meta.fields)  # type: ignore[assignment]
        labels = {**BillingInformationForm.Meta.labels, "name": "Name of the organization"}
        widgets: ClassVar[dict[str, forms.Widget]] = {
            **BillingInformationForm.Meta.widgets,
            "name": forms.TextInput(attrs={"autocomplete": "organization"}),
        }

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())


class CustomerForm(EditCustomerForm):
    """A reseller's new customer, and who is to look after it there."""

    class Meta(EditCustomerForm.Meta):
        fields = (*EditCustomerForm.Meta.fields, "currency")  # type: ignore[assignment]

    def __init__(self, *args: Any, reseller: Organization, may_invite: bool = False, **kwargs: Any) -> None:
        defaults = {"country": reseller.country, "currency": reseller.currency}
        super().__init__(*args, **{**kwargs, "initial": {**defaults, **kwargs.get("initial", {})}})
        self.fields["currency"] = forms.ChoiceField(
            label="Currency",
            choices=currencies,
            help_text="What you invoice this customer in. It cannot be changed later.",
            error_messages={"required": "Currency is missing."},
        )
        if may_invite:
            self.fields["administrator_email"] = forms.EmailField(
                label="Invite its first administrator",
                help_text="The person gets a mail with a link and can sign in then, order, and invite others. "
                "Leave it empty to invite somebody later.",
                required=False,
                max_length=254,
                widget=forms.EmailInput(attrs={"autocomplete": "off"}),
            )


class RoleForm(forms.Form):
    """What a person may do for the organization."""

    role = forms.ChoiceField(label="Role", choices=Membership.Role, error_messages={"required": "Choose a role."})


class InviteForm(RoleForm):
    """Whom to invite, to what."""

    email = forms.EmailField(
        label="E-mail address",
        help_text="The link goes there. Whoever opens it acts for the organization.",
        max_length=254,
        error_messages={"required": "E-mail address is missing."},
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    field_order = ("email", "role")


def no_web_address(name: str) -> None:
    """Refuse a name that leads somewhere: strangers' names stand in mails that we send."""
    if _WEB_ADDRESS.search(name):
        raise forms.ValidationError("Write the name alone, without a web address.")


class PersonForm(forms.Form):
    """Name and password of a person whose address is known; the password is looked at beside both."""

    first_name = forms.CharField(
        label="First name",
        max_length=150,
        validators=[no_web_address],
        widget=forms.TextInput(attrs={"autocomplete": "given-name"}),
    )
    last_name = forms.CharField(
        label="Last name",
        max_length=150,
        validators=[no_web_address],
        widget=forms.TextInput(attrs={"autocomplete": "family-name"}),
    )
    password = forms.CharField(
        label="Password",
        help_text="At least 12 characters, not one of the common ones, not like your name or address.",
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, email: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.address = email
        for field in self.fields.values():
            field.error_messages["required"] = f"{field.label} is missing."

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if password := cleaned.get("password"):
            names = {name: cleaned.get(name, "") for name in ("first_name", "last_name")}
            try:
                validate_password(password, User(email=cleaned.get("email", self.address), **names))
            except forms.ValidationError as refusal:
                self.add_error("password", refusal)
        return cleaned


class SignUpForm(PersonForm):
    """A visitor's organization and the visitor."""

    organization_name = forms.CharField(
        label="Name of your organization",
        max_length=200,
        validators=[no_web_address],
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    country = forms.ChoiceField(label="Country", choices=countries)
    currency = forms.ChoiceField(label="Currency", choices=currencies, help_text="What you are invoiced in.")
    email = forms.EmailField(
        label="E-mail address",
        help_text="We mail a code to it. You sign in with it, and invoices go there until you say otherwise.",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    field_order = ("organization_name", "country", "currency", "first_name", "last_name", "email", "password")

    def clean_organization_name(self) -> str:
        return " ".join(self.cleaned_data["organization_name"].split())

    def facts(self) -> dict[str, str]:
        """Return the arguments of `operations.sign_up` that are typed; of the password only its hash."""
        typed = {name: self.cleaned_data[name] for name in self.field_order if name != "password"}
        return {**typed, "password_hash": make_password(self.cleaned_data["password"])}


class CodeForm(forms.Form):
    """The code that was mailed."""

    code = forms.CharField(
        label="Code",
        max_length=40,
        error_messages={"required": "Code is missing."},
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autocapitalize": "characters", "spellcheck": "false"}),
    )


def _wrong_in(tax_id: str, country: str) -> str:
    """Say what is wrong with the form of a VAT number; nothing where it can be one. Whether it is given out is not asked."""
    if country not in _EU:
        return "" if _TAX_NUMBER.fullmatch(tax_id) else "A VAT number has 2 to 28 letters and digits."
    prefix = _VAT_PREFIX.get(country, country)
    if not tax_id.startswith(prefix):
        return f"A VAT number of {_WORDS.territories[country]} begins with {prefix}."
    if not _VAT_NUMBER.fullmatch(tax_id[2:]) or not any(sign.isdigit() for sign in tax_id):
        return f"After {prefix} a VAT number has 2 to 13 letters and digits."
    return ""
