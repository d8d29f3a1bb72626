"""Forms of the back office about orders."""

import re
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib.auth.backends import ModelBackend
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import Organization, User
from catalog.models import Plan, Term
from catalog.queries.offers import offers
from ordering.models import Order, OrderLine
from ordering.operations.drafts import Wanted
from ordering.operations.quotes import LONGEST_VALIDITY
from ordering.operations.refusals import HOW_MANY_SENTENCE
from ordering.operations.selling import OtherPrice
from ordering.queries.quoting import msp_price
from ordering.wording import term_label
from provisioning.models import FileSyncModel, ProtectionModel, TenantUser

CHOOSE = [("", "Choose…")]
OTHER_PRICE_FIELDS = ("price", "setup_fee", "price_reason")
MAY_NOT_OVERRIDE = "You may not sell at another price than the price list's. Ask somebody who may, and leave the draft to them."
_AMOUNT = re.compile(r"\s*([+-]?\d{1,15}(?:\.\d{1,15})?)\s*([A-Za-z]{3})?\s*")


class ServiceDetailsForm(forms.Form):
    """The consumer's first user at the vendor. What is not known yet may stay empty until the order is executed."""

    role = forms.ChoiceField(
        required=False,
        choices=[*CHOOSE, *TenantUser.Role.choices],
        widget=UnfoldAdminSelectWidget(),
        help_text="A customer's user is a company administrator.",
    )
    login = forms.CharField(
        label="Login Username",
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="A name (JohnDoe) or an e-mail address; unique on the whole Acronis platform.",
    )
    email = forms.CharField(
        label="Email",
        required=False,
        max_length=254,
        widget=UnfoldAdminEmailInputWidget(attrs={"autocomplete": "off"}),
        help_text="Acronis sends the activation mail here.",
    )

    @classmethod
    def of(cls, line: OrderLine) -> "ServiceDetailsForm":
        """Return the form with what ``line`` says already."""
        return cls(initial={"role": line.role, "login": line.login, "email": line.email})


class AmountField(forms.CharField):
    """
    An amount as people type it, perhaps with its currency behind it, which must be ``currency``; None where nothing is typed.

    How many decimals there may be, and how large it may be, the operation says.
    """

    currency = ""

    def clean(self, value: Any) -> Any:
        typed = super().clean(value)
        if not typed:
            return None
        found = _AMOUNT.fullmatch(typed)
        if found is None:
            raise forms.ValidationError("Enter an amount like 1234.50, without separators of thousands.")
        amount, currency = found.groups()
        if currency and self.currency and currency.upper() != self.currency:
            raise forms.ValidationError(f"This buyer is invoiced in {self.currency}. Enter the amount in {self.currency}.")
        return Decimal(amount)


class CreateOrderForm(ServiceDetailsForm):
    """An order on behalf of a direct customer or a reseller's customer. The key makes a second click the same order."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    consumer = forms.ModelChoiceField(
        label="Customer",
        queryset=Organization.objects.consumers().select_related("parent"),
        widget=forms.HiddenInput,
        error_messages={
            "required": "Choose the customer who will use the service.",
            "invalid_choice": "Choose a direct customer or a customer of a reseller.",
        },
    )
    plan = forms.ModelChoiceField(
        queryset=Plan.objects.none(),
        widget=UnfoldAdminSelectWidget(),
        empty_label="Choose…",
        error_messages={"required": "Choose a plan.", "invalid_choice": "Choose a plan that is sold to this customer's buyer."},
    )
    term_months = forms.TypedChoiceField(
        label="Term",
        choices=Term.choices,
        coerce=int,
        required=False,
        initial=Term.MONTH,
        widget=UnfoldAdminSelectWidget(),
    )
    quantity = forms.IntegerField(
        initial=1,
        widget=UnfoldAdminIntegerFieldWidget(),
        error_messages={"required": HOW_MANY_SENTENCE, "invalid": HOW_MANY_SENTENCE},
        help_text="More than 1 only of plans with “Enable Quantity”. Pay-as-you-go is billed by use, so its quantity is 1.",
    )
    protection_model = forms.ChoiceField(
        label="Protection Licensing Model",
        required=False,
        choices=[*CHOOSE, *ProtectionModel.choices],
        widget=UnfoldAdminSelectWidget(attrs={"hx-preserve": "true"}),
        help_text="Of pay-as-you-go. A plan of fixed price has the edition of its module setting.",
    )
    file_sync_model = forms.ChoiceField(
        label="File Sync & Share Licensing Model",
        required=False,
        choices=[*CHOOSE, *FileSyncModel.choices],
        widget=UnfoldAdminSelectWidget(attrs={"hx-preserve": "true"}),
        help_text="Of pay-as-you-go, like the one above.",
    )
    price = AmountField(label="Other price", required=False, max_length=40, widget=UnfoldAdminTextInputWidget())
    setup_fee = AmountField(label="Other setup fee", required=False, max_length=40, widget=UnfoldAdminTextInputWidget())
    price_reason = forms.CharField(
        label="Why another price",
        required=False,
        max_length=300,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Kept with the order; the buyer does not see it.",
    )
    purchase_order = forms.CharField(
        label="Your reference",
        required=False,
        max_length=50,
        widget=UnfoldAdminTextInputWidget(),
        help_text="The buyer's, for example the number of a purchase order; it stands on the order and on quotes.",
    )

    def __init__(self, data: Any = None, *, consumer: Organization | None, on: date, may_override: bool, **kwargs: Any) -> None:
        """
        :param consumer: who is ordered for; None where nobody, or nobody known, is chosen.
        :param on: the day whose prices and plans count.
        """
        super().__init__(data, **kwargs)
        self.customer = consumer
        self.buyer = None if consumer is None else consumer.reseller or consumer
        self.may_override = may_override
        self.on = on
        if not may_override:
            for name in OTHER_PRICE_FIELDS:
                del self.fields[name]
        self.fields["role"].initial = TenantUser.Role.COMPANY_ADMINISTRATOR
        if self.buyer is not None:
            self._offer_to(self.buyer)

    def _offer_to(self, buyer: Organization) -> None:
        """Offer what is sold to ``buyer``, and of a chosen plan the terms that are."""
        fields: dict[str, Any] = self.fields
        fields["plan"].queryset = Plan.objects.for_sale_to(buyer, on=self.on).order_by("name", "pk")
        per = "Per unit for the whole term" if self.chosen_plan is None else "Per unit"
        if self.may_override:
            for name, words in (("price", f"{per}, in {buyer.currency}."), ("setup_fee", f"Once per unit, in {buyer.currency}.")):
                fields[name].currency = buyer.currency
                fields[name].help_text = f"{words} What you invoice {buyer}. Empty: as the price list says."
        if (plan := self.chosen_plan) is not None and plan.is_fixed:
            sold = offers([plan], buyer, on=self.on).get(plan.pk, [])
            chosen = str(self.get_initial_for_field(fields["term_months"], "term_months"))
            if not self.is_bound and sold and chosen not in {str(one.term_months) for one in sold}:
                self.initial["term_months"] = sold[0].term_months
            fields["term_months"].widget.choices = [
                (one.term_months, term_label(one.currency, one.term_months, one.amounts.price)) for one in sold
            ]

    @property
    def chosen_plan(self) -> Plan | None:
        """Return the plan that is chosen so far, if it is one that can be."""
        value = self["plan"].value()
        pk = value.pk if isinstance(value, Plan) else _as_id(value)
        queryset: Any = self.fields["plan"].queryset  # type: ignore[attr-defined]
        found: Plan | None = queryset.select_related("service_manager").filter(pk=pk).first() if pk else None
        return found

    def clean_term_months(self) -> int:
        """Where no term is sent, as of pay-as-you-go, it is a month."""
        return self.cleaned_data["term_months"] or int(Term.MONTH)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        plan = cleaned.get("plan")
        if plan is not None and not plan.is_fixed:
            for name, label in (("protection_model", "Protection"), ("file_sync_model", "File Sync & Share")):
                if name not in self.errors and not cleaned.get(name):
                    self.add_error(name, f"Choose a {label} Licensing Model.")
        if not self.may_override and any(str(self.data.get(name, "")).strip() for name in OTHER_PRICE_FIELDS):
            self.add_error(None, MAY_NOT_OVERRIDE)
        return cleaned

    @property
    def other_price(self) -> OtherPrice | None:
        """Return what is sold at another price than the list's, as it was typed."""
        told = [self.cleaned_data.get(name) for name in OTHER_PRICE_FIELDS]
        price, setup_fee, reason = told
        return OtherPrice(price, setup_fee, reason or "") if any(one not in (None, "") for one in told) else None

    def wanted(self) -> Wanted:
        """Return what is to be ordered."""
        names = [name for name in Wanted.__dataclass_fields__ if name != "other_price"]
        return Wanted(**{name: self.cleaned_data[name] for name in names}, other_price=self.other_price)

    @classmethod
    def told_by(cls, order: Order, line: OrderLine) -> dict[str, Any]:
        """Return what the form of a draft begins with."""
        told = {name: getattr(line, name) for name in ("plan", "term_months", "quantity", "login", "email", "role")}
        told |= {"protection_model": line.protection_model, "file_sync_model": line.file_sync_model}
        told |= {"key": order.key, "consumer": order.consumer, "purchase_order": order.purchase_order}
        if line.price_reason:
            amounts = msp_price(line).amounts
            told |= {"price": f"{amounts.price:f}", "setup_fee": f"{amounts.setup_fee:f}", "price_reason": line.price_reason}
        return told

    @classmethod
    def beginning(cls, consumer: Organization | None) -> dict[str, Any]:
        """Return what a fresh form begins with."""
        return {"key": uuid4(), "consumer": consumer, "quantity": 1, "term_months": int(Term.MONTH)}


class SendQuoteForm(forms.Form):
    """To whom a quote goes, and until when its prices hold."""

    sent_to = forms.EmailField(label="Recipient", max_length=254, widget=UnfoldAdminEmailInputWidget())
    valid_days = forms.IntegerField(
        label="Valid for, days",
        min_value=1,
        max_value=LONGEST_VALIDITY,
        initial=30,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text="Until then the draft can be placed at these prices, whatever the price list says.",
    )
    message = forms.CharField(
        required=False, max_length=2000, widget=UnfoldAdminTextareaWidget(), help_text="Stands in the mail, above the facts."
    )
    after = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput)


class AssignForm(forms.Form):
    """Who looks after an order."""

    to = forms.ModelChoiceField(
        label="Assign to",
        queryset=User.objects.none(),
        required=False,
        empty_label="Nobody",
        widget=UnfoldAdminSelectWidget(),
        help_text="Members of staff who may execute orders.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].queryset = who_may_execute()  # type: ignore[attr-defined]


class ReasonForm(forms.Form):
    """Why an order is declined or given up."""

    reason = forms.CharField(max_length=500, widget=UnfoldAdminTextareaWidget(), help_text="Whoever ordered reads it.")


def who_may_execute() -> Any:
    """Return the members of staff who may execute orders, by name."""
    able = ModelBackend().with_perm("ordering.execute_order")
    return able.filter(is_staff=True).order_by("first_name", "last_name", "email")


def _as_id(value: Any) -> int | None:
    """Return what was sent as an id, where it can be one; 18 digits always fit a bigint."""
    text = str(value or "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None


def consumer_sent(value: Any) -> Organization | None:
    """Return the customer of the id that a form sent; None where it names none."""
    pk = _as_id(value)
    return Organization.objects.consumers().select_related("parent").filter(pk=pk).first() if pk else None
