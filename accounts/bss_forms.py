"""Forms of the back office about organizations and people."""

from collections.abc import Iterable
from typing import Any
from zoneinfo import available_timezones

from babel.numbers import list_currencies
from django import forms
from unfold.forms import UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.forms import check_exemption, check_minor_unit
from accounts.models import Membership, Organization, User
from accounts.vat_ids import check_vat_id
from common.errors import FieldRefused
from common.languages import LANGUAGES, known_language
from common.money import round_money


class OrganizationForm(forms.ModelForm):
    """An organization's facts. Kind and parent are chosen once, when it is added."""

    class Meta:
        model = Organization
        fields = (
            "kind",
            "parent",
            "name",
            "currency",
            "country",
            "time_zone",
            "language",
            "billing_email",
            "address_line1",
            "address_line2",
            "postcode",
            "city",
            "tax_id",
            "tax_treatment",
            "tax_exemption_reason",
            "ledger_code",
            "payment_terms_days",
            "payment_details",
            "orders_execute_automatically",
            "sign_up_is_open",
            "credit_limit",
            "approves_customer_orders",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "language" in self.fields:  # who may only look has no field
            self.fields["language"].widget = UnfoldAdminSelectWidget(choices=list(LANGUAGES.items()))
            self.initial["language"] = known_language(self.instance.language)
        if "credit_limit" in self.fields and self.instance.credit_limit is not None:
            # without the zeros that the database keeps
            self.initial["credit_limit"] = round_money(self.instance.credit_limit, self.instance.currency)
        if "kind" in self.fields:
            self.fields["kind"].choices = self._kinds()  # type: ignore[attr-defined]
        if "parent" in self.fields:
            parents = [Organization.Kind.MSP, Organization.Kind.RESELLER]
            self.fields["parent"].queryset = Organization.objects.filter(kind__in=parents)  # type: ignore[attr-defined]
            self.fields["parent"].label = "Belongs to"
            self.fields["parent"].help_text = "A direct customer and a reseller belong to the MSP, an end customer to its reseller."

    @staticmethod
    def _kinds() -> list[tuple[str, str]]:
        has_msp = Organization.objects.filter(kind=Organization.Kind.MSP).exists()
        kinds = [Organization.Kind.CUSTOMER, Organization.Kind.RESELLER] if has_msp else [Organization.Kind.MSP]
        return [(kind.value, str(kind.label)) for kind in kinds]

    def clean_currency(self) -> str:
        currency = str(self.cleaned_data["currency"]).upper()
        if currency not in list_currencies():
            raise forms.ValidationError("Give a currency by its three letters, for example EUR.")
        return currency

    def clean_country(self) -> str:
        country = str(self.cleaned_data["country"]).upper()
        if len(country) != 2 or not country.isalpha():
            raise forms.ValidationError("Give a country by its two letters, for example DE.")
        return country

    def clean_language(self) -> str:
        language = str(self.cleaned_data["language"])
        if language not in LANGUAGES:
            raise forms.ValidationError("Choose one of the languages.")
        return language

    def clean_time_zone(self) -> str:
        time_zone = str(self.cleaned_data["time_zone"])
        if time_zone not in available_timezones():
            raise forms.ValidationError("Give a time zone by its name, for example Europe/Berlin.")
        return time_zone

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        self._check_parent(cleaned)
        self._check_vat_id(cleaned)
        check_exemption(self, cleaned)
        check_minor_unit(self, cleaned, cleaned.get("currency", self.instance.currency))
        return cleaned

    def _check_vat_id(self, cleaned: dict[str, Any]) -> None:
        """Look at the VAT id once the country is known."""
        if "tax_id" not in cleaned or "country" not in cleaned:
            return
        try:
            cleaned["tax_id"] = check_vat_id(cleaned["tax_id"], cleaned["country"])
        except FieldRefused as refusal:
            self.add_error(refusal.field, str(refusal))

    def _check_parent(self, cleaned: dict[str, Any]) -> None:
        if "parent" not in self.fields or "kind" not in cleaned or "parent" in self.errors:
            return
        kind, parent = cleaned["kind"], cleaned.get("parent")
        if kind == Organization.Kind.MSP:
            if parent is not None:
                self.add_error("parent", "The MSP belongs to nobody.")
        elif parent is None:
            self.add_error("parent", "Say to whom it belongs.")
        elif kind == Organization.Kind.RESELLER and parent.kind != Organization.Kind.MSP:
            self.add_error("parent", "A reseller belongs to the MSP.")


class _UniqueEmail:
    """Refuses an e-mail address that another user signs in with, whatever its case."""

    cleaned_data: dict[str, Any]
    instance: User

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"])
        if User.objects.filter(email__iexact=email).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError("A user with this e-mail address exists already.")
        return email


class PersonAddForm(_UniqueEmail, UserCreationForm):
    class Meta:
        model = User
        fields = ("email", "first_name", "last_name")


class PersonForm(_UniqueEmail, UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"


class ActAsForm(forms.Form):
    """As whom a member of staff acts, and why."""

    person = forms.TypedChoiceField(
        coerce=int, widget=UnfoldAdminRadioSelectWidget(), error_messages={"required": "Choose as whom you act."}
    )
    reason = forms.CharField(
        max_length=300,
        widget=UnfoldAdminTextInputWidget(),
        help_text="For example the number of the ticket. It is recorded.",
        error_messages={"required": "Say why you act as this person; it is recorded."},
    )

    def __init__(self, *args: Any, people: Iterable[Membership], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(row.user_id, f"{row.user} ({row.user.email}), {row.get_role_display().partition(':')[0]}") for row in people]
        field = self.fields["person"]
        field.choices = field.widget.choices = choices  # type: ignore[attr-defined]
        if len(choices) == 1:
            self.initial.setdefault("person", choices[0][0])
