"""What the pages of basket and checkout ask for. Rules live in the operations; a form says them beside the field."""

from collections.abc import Iterable
from typing import Any

from babel import Locale
from django import forms
from django.http import HttpRequest, QueryDict
from django.urls import reverse

from accounts.models import Organization
from accounts.vat_ids import check_vat_id
from catalog.models import TermsDocument
from common.errors import FieldRefused
from ordering.models import LARGEST_QUANTITY, BasketLine, Order
from ordering.operations.baskets import LineSettings
from ordering.operations.refusals import HOW_MANY_SENTENCE, QUANTITY_SENTENCE
from ordering.queries.checkouts import WITHOUT_POSTCODE
from ordering.queries.items import Item
from ordering.wording import PROTECTION_DESCRIPTIONS, file_sync_description, term_label
from provisioning.models import FileSyncModel, ProtectionModel

CHOOSE = ("", "Choose…")
NO_COUNTRIES = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})  # regions and test codes in the same list
EMAIL_SENTENCE = "Enter an e-mail address like jane.doe@example.com."


def posted(request: HttpRequest) -> QueryDict | None:
    """What a form is bound to: what was sent, even if it is empty, and nothing while the page is only shown."""
    return request.POST if request.method == "POST" else None


def countries() -> list[tuple[str, str]]:
    """Return the ISO 3166 codes with their English names, by name."""
    names = Locale("en").territories
    found = [(code, name) for code, name in names.items() if len(code) == 2 and code.isalpha() and code not in NO_COUNTRIES]
    return sorted(found, key=lambda country: country[1])


class LineSettingsForm(forms.Form):
    """“Product Settings” of one basket line that is priced by use; the names of its fields begin with the line's id."""

    quantity = forms.IntegerField(
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
        help_text=QUANTITY_SENTENCE,
        error_messages={"required": QUANTITY_SENTENCE, "invalid": QUANTITY_SENTENCE},
    )
    protection_model = forms.ChoiceField(
        label="Protection Licensing Model",
        choices=[CHOOSE, *ProtectionModel.choices],
        error_messages=dict.fromkeys(("required", "invalid_choice"), "Choose a Protection Licensing Model."),
    )
    file_sync_model = forms.ChoiceField(
        label="File Sync & Share Licensing Model",
        choices=[CHOOSE, *FileSyncModel.choices],
        error_messages=dict.fromkeys(("required", "invalid_choice"), "Choose a File Sync & Share Licensing Model."),
    )

    def __init__(self, answer: QueryDict | None, *, line: BasketLine) -> None:
        initial = {
            "quantity": line.quantity,
            "protection_model": line.protection_model,
            "file_sync_model": line.file_sync_model,
        }
        super().__init__(answer, prefix=str(line.pk), initial=initial)
        self.line = line
        manager = line.plan.sold_through
        self.descriptions = {
            "protection_model": [(model.label, PROTECTION_DESCRIPTIONS[model]) for model in ProtectionModel],
            "file_sync_model": [(model.label, file_sync_description(model, manager)) for model in FileSyncModel],
        }

    def clean_quantity(self) -> int:
        quantity: int = self.cleaned_data["quantity"]
        if quantity != 1:
            raise forms.ValidationError(QUANTITY_SENTENCE)
        return quantity

    def settings(self) -> LineSettings:
        """Return what was chosen as far as it is right."""
        return LineSettings(
            quantity=self.cleaned_data.get("quantity", 1),
            protection_model=self.cleaned_data.get("protection_model", ""),
            file_sync_model=self.cleaned_data.get("file_sync_model", ""),
        )


class FixedLineForm(forms.Form):
    """Term and quantity of one basket line of fixed price. Its licensing models are the plan's, so they are told, not asked."""

    term_months = forms.TypedChoiceField(
        label="Term", coerce=int, error_messages=dict.fromkeys(("required", "invalid_choice"), "Choose one of the terms.")
    )
    quantity = forms.IntegerField(
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "min": 1, "max": LARGEST_QUANTITY}),
        help_text="What is included, price and setup fee are multiplied by it.",
        error_messages={"required": HOW_MANY_SENTENCE, "invalid": HOW_MANY_SENTENCE},
    )

    def __init__(self, answer: QueryDict | None, *, item: Item) -> None:
        line = item.line
        super().__init__(answer, prefix=str(line.pk), initial={"term_months": line.term_months, "quantity": line.quantity})
        self.line = line
        self.models = licensing_facts(item)
        terms = [(offer.term_months, term_label(offer.currency, offer.term_months, offer.amounts.price)) for offer in item.offers]
        self.fields["term_months"].choices = terms  # type: ignore[attr-defined]
        if item.largest_quantity == 1:
            del self.fields["quantity"]
        else:
            self.fields["term_months"].help_text = "Prices are for one unit, excl. VAT."

    def clean_quantity(self) -> int:
        quantity: int = self.cleaned_data["quantity"]
        if not 1 <= quantity <= LARGEST_QUANTITY:
            raise forms.ValidationError(HOW_MANY_SENTENCE)
        return quantity

    def settings(self) -> LineSettings:
        """Return what was chosen as far as it is right; the rest stays as it lies in the basket."""
        given = self.cleaned_data
        kept = self.line.quantity if "quantity" in self.fields else 1
        return LineSettings(quantity=given.get("quantity", kept), term_months=given.get("term_months", self.line.term_months))


def line_form(answer: QueryDict | None, *, item: Item) -> LineSettingsForm | FixedLineForm:
    """Return the form of a basket line: what it asks depends on how its plan is priced."""
    return FixedLineForm(answer, item=item) if item.plan.is_fixed else LineSettingsForm(answer, line=item.line)


def licensing_facts(item: Item) -> list[tuple[str, str, str]]:
    """Return the licensing models that a fixed plan settles: label, model, and the description of it."""
    if not (item.protection_model and item.file_sync_model):
        return []
    protection, file_sync = ProtectionModel(item.protection_model), FileSyncModel(item.file_sync_model)
    return [
        ("Protection Licensing Model", protection.label, PROTECTION_DESCRIPTIONS[protection]),
        ("File Sync & Share Licensing Model", file_sync.label, file_sync_description(file_sync, item.plan.sold_through)),
    ]


class ConsumerForm(forms.Form):
    """For which of its customers a reseller orders."""

    consumer = forms.ModelChoiceField(
        label="Customer",
        queryset=Organization.objects.none(),
        to_field_name="number",
        empty_label=CHOOSE[1],
        help_text="Who will use the service. You are billed; you bill your customer.",
        error_messages={
            "required": "Choose the customer this is for.",
            "invalid_choice": "Choose one of your own customers.",
        },
    )

    def __init__(self, answer: QueryDict | None, *, reseller: Organization, consumer: Organization | None) -> None:
        super().__init__(answer, initial={"consumer": consumer.number if consumer else ""})
        self.fields["consumer"].queryset = reseller.children.order_by("name", "pk")  # type: ignore[attr-defined]


class BillingForm(forms.Form):
    """What an invoice needs of the organization it is sent to."""

    billing_email = forms.EmailField(
        label="Billing e-mail",
        help_text="Invoices go here.",
        max_length=254,
        error_messages={"required": EMAIL_SENTENCE, "invalid": EMAIL_SENTENCE},
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    address_line1 = forms.CharField(
        label="Address",
        max_length=200,
        error_messages={"required": "Enter street and number."},
        widget=forms.TextInput(attrs={"autocomplete": "address-line1"}),
    )
    address_line2 = forms.CharField(
        label="Address, second line",
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "address-line2"}),
    )
    postcode = forms.CharField(
        max_length=20,
        error_messages={"required": "Enter the postcode."},
        widget=forms.TextInput(attrs={"autocomplete": "postal-code"}),
    )
    city = forms.CharField(
        max_length=100,
        error_messages={"required": "Enter the city."},
        widget=forms.TextInput(attrs={"autocomplete": "address-level2"}),
    )
    country = forms.ChoiceField(choices=countries, error_messages={"required": "Choose the country."})
    tax_id = forms.CharField(label="VAT id", max_length=30, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.has_error("postcode", code="required") and cleaned.get("country") in WITHOUT_POSTCODE:
            del self.errors["postcode"]
            cleaned["postcode"] = ""
        if "tax_id" in cleaned and "country" in cleaned:
            try:
                cleaned["tax_id"] = check_vat_id(cleaned["tax_id"], cleaned["country"])
            except FieldRefused as refusal:
                self.add_error(refusal.field, str(refusal))
        return cleaned


class NewCustomerForm(BillingForm):
    """A reseller's new end customer."""

    name = forms.CharField(
        label="Company name",
        max_length=200,
        error_messages={"required": "Enter the name of your customer."},
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    field_order = ["name", "billing_email"]


class TermsForm(forms.Form):
    """One tick for each document."""

    def __init__(self, answer: QueryDict | None, *, documents: Iterable[TermsDocument], accepted: frozenset[int]) -> None:
        super().__init__(answer)
        self.documents = list(documents)
        for document in self.documents:
            self.fields[f"document-{document.pk}"] = forms.BooleanField(
                label=f"I have read and accept the {document.title}, version {document.version}",
                initial=document.pk in accepted,
                error_messages={"required": f"Accept the {document.title} to go on."},
            )

    @property
    def ticked(self) -> list[int]:
        return [document.pk for document in self.documents if self.cleaned_data.get(f"document-{document.pk}")]


class ServiceDetailsForm(forms.Form):
    """The first user of the consumer at the vendor."""

    login = forms.CharField(
        label="Login Username",
        max_length=200,
        help_text="A username such as JohnDoe, or an e-mail address. It must be unique at Acronis.",
        error_messages={"required": "Enter a login user name."},
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
                "aria-describedby": "id_login_helptext login-answer",
                "hx-trigger": "input changed delay:500ms",
                "hx-target": "#login-answer",
                "hx-indicator": "#login-busy",
                "hx-params": "login",
                "hx-sync": "this:replace",
            }
        ),
    )
    email = forms.CharField(
        label="Email",
        max_length=254,
        help_text="Acronis sends the activation email here.",
        error_messages={"required": EMAIL_SENTENCE},
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    def __init__(self, answer: QueryDict | None, *, initial: dict[str, str], order: Order | None = None) -> None:
        """
        :param order: whose details are mended; without one they are those of the open basket.
        """
        super().__init__(answer, initial=initial)
        check = reverse("ordering:check_login") if order is None else reverse("ordering:check_login_of_order", args=[order.number])
        self.fields["login"].widget.attrs["hx-post"] = check

    def expect_generated_password(self) -> None:
        """Say what the address is for where no activation mail is sent, because we generate the password."""
        words = "Acronis writes here about the account. We generate the password; the page of the service shows it."
        self.fields["email"].help_text = words


class ReviewForm(forms.Form):
    """The last look before ordering."""

    basket = forms.UUIDField(widget=forms.HiddenInput)
    prices_seen = forms.CharField(
        widget=forms.HiddenInput, required=False, max_length=64, help_text="What the page showed; see `Summary.prices_seen`."
    )
    settings_seen = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)
    purchase_order = forms.CharField(
        label="Your reference", max_length=50, required=False, help_text="For example a purchase order number."
    )


class OrderFilterForm(forms.Form):
    """How the list of orders is narrowed."""

    q = forms.CharField(
        label="Search",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "Number, customer, product or reference"}),
    )
    status = forms.ChoiceField(
        label="State",
        required=False,
        choices=[("", "All states"), *[choice for choice in Order.Status.choices if choice[0] != Order.Status.DRAFT]],
    )
