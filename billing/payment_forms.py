"""What is asked for about payments, in the back office and in the storefront."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import forms
from django.conf import settings
from django.db.models import F
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from accounts.models import Organization
from billing.models import Payment
from billing.queries.payments import open_invoices
from billing.queries.statements import currencies_between
from common.money import currencies, round_money
from common.periods import add_months
from common.templatetags.show import day, money

METHODS = [(method.value, method.label) for method in Payment.Method if method != Payment.Method.CREDIT]
SELLERS = Organization.objects.exclude(kind=Organization.Kind.CUSTOMER).order_by(F("parent").asc(nulls_first=True), "name")
LONGEST_PERIOD = timedelta(days=3700)
OFFERED_INVOICES = 100


class PaymentForm(forms.Form):
    """Money of a buyer that is known, for a seller that is known; which of its invoices it pays can be chosen."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    amount = forms.DecimalField(max_digits=17, decimal_places=3, widget=forms.TextInput(attrs={"inputmode": "decimal"}))
    currency = forms.CharField(max_length=3, help_text="A payment pays invoices in its own currency; nothing is converted.")
    received_on = forms.DateField(label="Received on", widget=forms.DateInput(attrs={"type": "date"}))
    method = forms.ChoiceField(label="How it was paid", choices=METHODS)
    reference = forms.CharField(required=False, max_length=300, help_text="What the payer wrote.")
    note = forms.CharField(required=False, max_length=500, help_text="For yourself; the customer does not see it.")
    invoices = forms.TypedMultipleChoiceField(
        label="What it is for",
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        help_text="None ticked: what is due first.",
    )
    is_credit = forms.BooleanField(label="Keep all of it as credit for the next invoice", required=False)

    def __init__(self, *args: Any, seller: Organization, buyer: Organization, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = [
            one
            for currency in currencies_between(seller, buyer)
            for one in open_invoices(seller, buyer, currency)[:OFFERED_INVOICES]
        ]
        self.fields["invoices"].choices = [(one.pk, _offered(one)) for one in offered]  # type: ignore[attr-defined]
        self.fields["key"].initial = uuid4()
        self.fields["currency"].initial = buyer.currency
        self.fields["received_on"].initial = today.isoformat()

    def clean_currency(self) -> str:
        currency = str(self.cleaned_data["currency"]).upper()
        if currency not in currencies():
            raise forms.ValidationError("Write the currency's three letters, for example EUR.")
        return currency

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        amount, currency = told.get("amount"), told.get("currency")
        if amount is not None and currency is not None:
            if amount != round_money(amount, currency):
                self.add_error("amount", f"{currency} has fewer decimals than that.")
            else:
                told["amount"] = round_money(amount, currency)
        if told.get("is_credit") and told.get("invoices"):
            self.add_error("is_credit", "Either choose invoices, or keep all of it as credit.")
        return told

    def facts(self) -> dict[str, Any]:
        """Return what `operations.payments.record_payment` takes."""
        told = {name: value for name, value in self.cleaned_data.items() if name not in ("is_credit", "invoices")}
        chosen = [] if self.cleaned_data["is_credit"] else self.cleaned_data["invoices"] or None
        return {**told, "invoices": chosen}


class StaffPaymentForm(PaymentForm):
    """The same in the look of the back office."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"].widget = UnfoldAdminDecimalFieldWidget(attrs={"step": "any"})
        self.fields["received_on"].widget = UnfoldAdminTextInputWidget(attrs={"type": "date"})
        for name in ("currency", "reference", "note"):
            self.fields[name].widget = UnfoldAdminTextInputWidget()
        self.fields["method"].widget = UnfoldAdminSelectWidget(choices=METHODS)
        ticks = UnfoldAdminCheckboxSelectMultipleWidget()
        ticks.choices = self.fields["invoices"].choices  # type: ignore[attr-defined]
        self.fields["invoices"].widget = ticks
        self.fields["is_credit"].widget = UnfoldBooleanWidget()


class PayerForm(forms.Form):
    """Whose payment is to be recorded, and whom it was paid to."""

    buyer = forms.ModelChoiceField(
        label="Customer's number",
        queryset=Organization.objects.exclude(kind=Organization.Kind.MSP).select_related("parent"),
        to_field_name="number",
        widget=UnfoldAdminTextInputWidget(),
        help_text="For example C1001.",
        error_messages={"invalid_choice": "No customer has this number.", "required": "Enter the number of the customer."},
    )
    seller = forms.ModelChoiceField(
        label="Paid to",
        queryset=SELLERS,
        required=False,
        to_field_name="number",
        widget=UnfoldAdminSelectWidget(),
        empty_label="Whose customer it is",
    )

    @property
    def chosen_seller(self) -> Organization:
        """The seller that was chosen, else the one whose customer the buyer is."""
        seller: Organization = self.cleaned_data["seller"] or self.cleaned_data["buyer"].parent
        return seller


class ReversalForm(forms.Form):
    """Why a payment is taken back."""

    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="For example: the bank took the direct debit back.",
        error_messages={"required": "Say why; it stays with the payment."},
    )


class TakeBackForm(forms.Form):
    """The same in the storefront."""

    reason = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="For example: the bank took the direct debit back. Your customer does not see it.",
        error_messages={"required": "Say why; it stays with the payment."},
    )


class AllocationForm(forms.Form):
    """Which invoice is paid with what is left of a payment."""

    seen_rest = forms.DecimalField(max_digits=17, decimal_places=3, widget=forms.HiddenInput)
    invoice = forms.TypedChoiceField(coerce=int, empty_value=None, required=False, widget=UnfoldAdminSelectWidget())
    amount = forms.DecimalField(
        max_digits=17,
        decimal_places=3,
        required=False,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
        help_text="Empty: as much as fits.",
    )

    def __init__(self, *args: Any, payment: Payment, rest: Decimal, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        found = open_invoices(payment.seller, payment.buyer, payment.currency)[:OFFERED_INVOICES]
        choices = [("", "What is due first"), *((str(one.pk), _offered(one)) for one in found)]
        self.fields["invoice"].choices = choices  # type: ignore[attr-defined]
        self.fields["seen_rest"].initial = rest
        self.has_invoices = len(choices) > 1


class StatementUploadForm(forms.Form):
    """A file of the bank, and whose account it is."""

    seller = forms.ModelChoiceField(label="Whose account", queryset=SELLERS, widget=UnfoldAdminSelectWidget(), empty_label=None)
    file = forms.FileField(
        label="Statement",
        widget=forms.FileInput(attrs={"accept": ".csv,.xml,.txt", "class": "bss-file"}),
        error_messages={"required": "Choose the file.", "empty": "The file is empty."},
        help_text="CAMT.053 (XML) or CSV, as your bank exports it.",
    )
    currency = forms.CharField(
        label="Currency of the account",
        required=False,
        max_length=3,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Only for CSV files that do not say it.",
    )
    again = forms.BooleanField(
        label="Import rows that were left out before",
        required=False,
        widget=UnfoldBooleanWidget(),
        help_text="Reads a file that was imported already once more; what came in by it is not recorded again.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        msp = Organization.objects.filter(kind=Organization.Kind.MSP).first()
        if msp is not None:
            self.fields["seller"].initial, self.fields["currency"].initial = msp.pk, msp.currency

    def clean_currency(self) -> str:
        currency = str(self.cleaned_data["currency"]).upper()
        if currency and currency not in currencies():
            raise forms.ValidationError("Write the currency's three letters, for example EUR.")
        return currency

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > settings.UPLOAD_LIMIT_BYTES:
            limit = settings.UPLOAD_LIMIT_BYTES // (1024 * 1024)
            raise forms.ValidationError(f"The file is larger than {limit} MB. Export fewer days at once.")
        return file


class PeriodForm(forms.Form):
    """From which day to which a statement of account is, and in which currency."""

    currency = forms.ChoiceField(required=False)
    first = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, codes: list[str], today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.codes, self.today = codes, today
        self.fields["currency"].choices = [(code, code) for code in codes]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        first, last = told.get("first"), told.get("last")
        if first and last and first > last:
            self.add_error("last", "The last day comes before the first.")
        elif first and (last or self.today) - first > LONGEST_PERIOD:
            self.add_error("first", "Choose at most ten years.")
        return told

    def asked(self) -> tuple[str, date, date]:
        """Return currency, first and last day; what is missing or wrong is the last three months, in the first currency."""
        told = self.cleaned_data if self.is_valid() else {}
        last = told.get("last") or self.today
        first = told.get("first") or min(add_months(self.today.replace(day=1), -2), last)
        return told.get("currency") or self.codes[0], first, last


def _offered(invoice: Any) -> str:
    return f"{invoice.number}: {money(invoice.open_amount, invoice.currency)} open, due {day(invoice.due_on)}"
