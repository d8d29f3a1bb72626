"""Forms of billing runs: whose month is billed, and which drafts are held back."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import F
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget, UnfoldBooleanWidget

from accounts.models import Organization
from billing.holding import LARGEST_AMOUNT, LARGEST_PERCENT, Rules
from common.bss import month_choices
from common.periods import Period

BILLED_MONTHS = 18
UNKNOWN_COST = (
    "An account is parked while its seller’s own cost of what it used is not known yet, so that nothing is sold below cost unseen. "
    "Ticked, it is billed all the same, in this month only."
)


class RunBillingForm(forms.Form):
    """Whose buyers are billed, and for which month."""

    seller = forms.ModelChoiceField(
        queryset=Organization.objects.exclude(kind=Organization.Kind.CUSTOMER).order_by(F("parent").asc(nulls_first=True), "name"),
        widget=UnfoldAdminSelectWidget(),
        empty_label=None,
        help_text="The MSP bills resellers and direct customers; a reseller bills its own customers.",
    )
    month = forms.ChoiceField(widget=UnfoldAdminSelectWidget())
    allows_unknown_cost = forms.BooleanField(
        label="Bill even where the seller’s own cost is unknown",
        required=False,
        widget=UnfoldBooleanWidget(),
        help_text=UNKNOWN_COST,
    )

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["month"].choices = month_choices(today, back=BILLED_MONTHS, ahead=-1)  # type: ignore[attr-defined]
        msp = Organization.objects.filter(kind=Organization.Kind.MSP).first()
        self.fields["seller"].initial = msp.pk if msp else None

    @property
    def period(self) -> Period:
        return Period.parse_month(self.cleaned_data["month"])


class HoldRulesForm(forms.Form):
    """Which drafts of a run wait for somebody to look at them. Two amounts for each currency that the run bills in."""

    change_percent = forms.DecimalField(
        label="Hold a month that differs from the last by more than, in percent",
        required=False,
        min_value=Decimal(0),
        max_value=LARGEST_PERCENT,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
        help_text="More or less. Empty: no month is held for that.",
    )
    new_customers = forms.BooleanField(
        label="Hold the first invoice of a buyer",
        required=False,
        widget=UnfoldBooleanWidget(),
        help_text="Nothing was issued to it before.",
    )
    not_positive = forms.BooleanField(label="Hold what comes to nothing or less", required=False, widget=UnfoldBooleanWidget())
    adjustments = forms.BooleanField(label="Hold what corrects an earlier invoice", required=False, widget=UnfoldBooleanWidget())
    unrated = forms.BooleanField(
        label="Hold who used something without a rate",
        required=False,
        widget=UnfoldBooleanWidget(),
        help_text="The rate card lacks the item, so it is not on the invoice.",
    )
    flag_percent = forms.DecimalField(
        label="Flag a change of at least, in percent",
        min_value=Decimal(0),
        max_value=LARGEST_PERCENT,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
        help_text="Only marks it in the preview.",
    )
    allows_unknown_cost = forms.BooleanField(
        label="Bill even where the seller’s own cost is unknown",
        required=False,
        widget=UnfoldBooleanWidget(),
        help_text=UNKNOWN_COST,
    )

    def __init__(self, *args: Any, rules: Rules, currencies: Iterable[str], allows_unknown_cost: bool, **kwargs: Any) -> None:
        told = rules.as_json()
        initial = {name: told[name] for name in self.base_fields if name in told}
        kwargs["initial"] = {**initial, "allows_unknown_cost": allows_unknown_cost}
        super().__init__(*args, **kwargs)
        self.currencies = sorted({*currencies, *rules.above, *rules.below})
        amounts = {}
        for currency in self.currencies:
            amounts[f"above_{currency}"] = _amount(f"Hold more than, net {currency}", rules.above.get(currency))
            amounts[f"below_{currency}"] = _amount(f"Hold less than, net {currency}", rules.below.get(currency))
        self.fields = {**amounts, **self.fields}  # amounts first

    @property
    def rules(self) -> Rules:
        """The rules as they were filled in; only of a valid form."""
        filled = self.cleaned_data
        return Rules(
            above=self._amounts("above"),
            below=self._amounts("below"),
            change_percent=filled["change_percent"],
            new_customers=filled["new_customers"],
            not_positive=filled["not_positive"],
            adjustments=filled["adjustments"],
            unrated=filled["unrated"],
            flag_percent=filled["flag_percent"],
        )

    def _amounts(self, side: str) -> dict[str, Decimal]:
        told = {currency: self.cleaned_data[f"{side}_{currency}"] for currency in self.currencies}
        return {currency: amount for currency, amount in told.items() if amount is not None}


def _amount(label: str, present: Decimal | None) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        required=False,
        min_value=-LARGEST_AMOUNT,
        max_value=LARGEST_AMOUNT,
        initial=present,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
    )
