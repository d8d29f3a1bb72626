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
from accounts.vat_ids import check_vat_id
from common.errors import FieldRefused
from common.languages import LANGUAGES, known_language
from common.money import minor_unit, round_money

_WORDS = Locale("en")
# Letters CLDR keeps for groups of countries, outlying waters and tests; nobody has an address there.
_NO_COUNTRY = frozenset({"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"})
_WEB_ADDRESS = re.compile(r"https?:|//|www\.", re.IGNORECASE)


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
        fields = ("billing_email", "language", "address_line1", "address_line2", "postcode", "city", "country", "tax_id")
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
        self.fields["language"] = forms.ChoiceField(
            label="Language of mails and invoices", choices=LANGUAGES.items(), required=False
        )
        self.initial["language"] = known_language(self.instance.language)
        for name in ("address_line1", "city"):
            self.fields[name].required = True
        for field in self.fields.values():
            field.error_messages["required"] = f"{field.label} is missing."

    def clean_language(self) -> str:
        """Keep the present language where none was sent."""
        return self.cleaned_data["language"] or self.instance.language

    def clean(self) -> dict[str, Any]:
        """Look at the VAT id once the country is known."""
        cleaned = super().clean() or {}
        if "tax_id" in cleaned and "country" in cleaned:
            try:
                cleaned["tax_id"] = check_vat_id(cleaned["tax_id"], cleaned["country"])
            except FieldRefused as refusal:
                self.add_error(refusal.field, str(refusal))
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


class ResellersBillingInformationForm(SellersBillingInformationForm):
    """The same for a reseller: it also says whether its customers' orders wait for it."""

    class Meta(SellersBillingInformationForm.Meta):
        fields = (*SellersBillingInformationForm.Meta.fields, "approves_customer_orders")  # type: ignore[assignment]
        labels = {
            **SellersBillingInformationForm.Meta.labels,
            "approves_customer_orders": "What our customers order waits until we approve it. Turned off, orders that wait go on.",
        }


class EditCustomerForm(BillingInformationForm):
    """What a reseller knows of a customer of its own, and how it taxes what the customer buys."""

    class Meta(BillingInformationForm.Meta):
        fields = (  # type: ignore[assignment]
            "name",
            *BillingInformationForm.Meta.fields,
            "tax_treatment",
            "tax_exemption_reason",
        )
        labels = {
            **BillingInformationForm.Meta.labels,
            "name": "Name of the organization",
            "tax_treatment": "How you tax what it buys",
            "tax_exemption_reason": "Why it is exempt",
        }
        widgets: ClassVar[dict[str, forms.Widget]] = {
            **BillingInformationForm.Meta.widgets,
            "name": forms.TextInput(attrs={"autocomplete": "organization"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["tax_treatment"].required = False

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())

    def clean_tax_treatment(self) -> str:
        """Keep the present treatment where none was sent."""
        return self.cleaned_data["tax_treatment"] or self.instance.tax_treatment

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        check_exemption(self, cleaned)
        return cleaned


class CustomerWithLimitForm(EditCustomerForm):
    """A customer that is there already: its reseller also says how much it may owe."""

    class Meta(EditCustomerForm.Meta):
        fields = (*EditCustomerForm.Meta.fields, "credit_limit")  # type: ignore[assignment]
        labels = {**EditCustomerForm.Meta.labels, "credit_limit": "Credit limit"}
        help_texts = {
            **EditCustomerForm.Meta.help_texts,
            "credit_limit": "What it may owe you: unpaid invoices, and what it used since. An order above it waits for you to "
            "approve it. Leave it empty for no limit.",
        }
        widgets: ClassVar[dict[str, forms.Widget]] = {
            **EditCustomerForm.Meta.widgets,
            "credit_limit": forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["credit_limit"].label = f"Credit limit in {self.instance.currency}"
        if (limit := self.initial.get("credit_limit")) is not None:
            self.initial["credit_limit"] = round_money(limit, self.instance.currency)  # without the zeros that the database keeps

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        check_minor_unit(self, cleaned, self.instance.currency)
        return cleaned


def check_minor_unit(form: forms.ModelForm, cleaned: dict[str, Any], currency: str) -> None:
    """Refuse a credit limit finer than the currency's smallest coin, such as half a yen."""
    limit = cleaned.get("credit_limit")
    if limit is None or "credit_limit" in form.errors or limit == round_money(limit, currency):
        return
    decimals = -int(minor_unit(currency).as_tuple().exponent)
    form.add_error("credit_limit", f"{currency} has {decimals or 'no'} decimal places.")


def check_exemption(form: forms.ModelForm, cleaned: dict[str, Any]) -> None:
    """Refuse an exemption without the reason that the invoice must print (Directive 2006/112/EC Art. 226 No 11)."""
    is_exempt = cleaned.get("tax_treatment") == Organization.TaxTreatment.EXEMPT
    if is_exempt and not cleaned.get("tax_exemption_reason", "").strip() and "tax_exemption_reason" not in form.errors:
        form.add_error("tax_exemption_reason", "Say why it is exempt; the invoice has to print it.")


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
