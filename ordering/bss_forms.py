"""Forms of the back office about orders."""

from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import admin
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import Organization
from catalog.models import Plan, Term
from common.bss import RowSelect
from ordering.models import Order, OrderLine
from ordering.operations.refusals import HOW_MANY_SENTENCE
from provisioning.models import FileSyncModel, ProtectionModel, TenantUser

CHOOSE = [("", "Choose…")]


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


class CreateOrderForm(ServiceDetailsForm):
    """An order on behalf of a direct customer or a reseller's customer. The key makes a second click the same order."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    consumer = forms.ModelChoiceField(
        label="Customer",
        queryset=Organization.objects.consumers().select_related("parent"),
        error_messages={
            "required": "Choose the customer who will use the service.",
            "invalid_choice": "Choose a direct customer or a customer of a reseller.",
        },
        help_text="Who will use it. Of a reseller's customer, the reseller is the buyer.",
    )
    plan = forms.ModelChoiceField(
        queryset=Plan.objects.filter(status=Plan.Status.PUBLISHED, service_manager__is_active=True),
        widget=UnfoldAdminSelectWidget(),
        empty_label="Choose…",
        error_messages={"required": "Choose a plan."},
    )
    term_months = forms.TypedChoiceField(
        label="Term",
        choices=Term.choices,
        coerce=int,
        initial=Term.MONTH,
        widget=UnfoldAdminSelectWidget(),
        error_messages={"required": "Choose a term."},
        help_text="Of a plan of fixed price. Pay-as-you-go has 1 month.",
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
        widget=UnfoldAdminSelectWidget(),
        help_text="Of pay-as-you-go. A plan of fixed price has the edition of its module setting.",
    )
    file_sync_model = forms.ChoiceField(
        label="File Sync & Share Licensing Model",
        required=False,
        choices=[*CHOOSE, *FileSyncModel.choices],
        widget=UnfoldAdminSelectWidget(),
        help_text="Of pay-as-you-go, like the one above.",
    )
    purchase_order = forms.CharField(
        label="Your reference",
        required=False,
        max_length=50,
        widget=UnfoldAdminTextInputWidget(),
        help_text="For example the number of a purchase order; the buyer sees it on the order.",
    )
    field_order = (
        "key",
        "consumer",
        "plan",
        "term_months",
        "quantity",
        "protection_model",
        "file_sync_model",
        "role",
        "login",
        "email",
        "purchase_order",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        widget = RowSelect(
            Order._meta.get_field("consumer"), admin.site, attrs={"class": "unfold-admin-autocomplete admin-autocomplete"}
        )
        widget.choices = self.fields["consumer"].choices  # type: ignore[attr-defined]
        self.fields["consumer"].widget = widget
        self.fields["role"].initial = TenantUser.Role.COMPANY_ADMINISTRATOR

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        plan = cleaned.get("plan")
        if plan is not None and not plan.is_fixed:
            for name, label in (("protection_model", "Protection"), ("file_sync_model", "File Sync & Share")):
                if name not in self.errors and not cleaned.get(name):
                    self.add_error(name, f"Choose a {label} Licensing Model.")
        return cleaned

    @classmethod
    def empty(cls, *, consumer_number: str = "", key: UUID | None = None) -> "CreateOrderForm":
        """Return a fresh form, for the customer of that number where there is one."""
        consumer = Organization.objects.consumers().filter(number=consumer_number).first() if consumer_number else None
        return cls(initial={"key": key or uuid4(), "consumer": consumer})
