"""What is asked for before prices are changed in bulk."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from billing.queries.price_changes import Wish, earliest_move
from billing.repricing import ENDINGS, Change, Kind, Part
from catalog.models import Plan, PlanPrice, ProductGroup, Term
from common.errors import FieldRefused
from common.money import currencies

KINDS = [(Kind.PERCENT.value, "By percent"), (Kind.AMOUNT.value, "By an amount")]
DIRECTIONS = [("up", "Up"), ("down", "Down")]
PARTS = [
    (Part.PRICE.value, "Price"),
    (Part.SETUP_FEE.value, "Setup fee"),
    (Part.OVERAGE_PRICE.value, "Overage Price (/GB)"),
]
LARGEST = Decimal(10_000_000)


class PriceChangeForm(forms.Form):
    """Which prices are changed, how and from when, and whether running subscriptions follow."""

    plans = forms.ModelMultipleChoiceField(
        queryset=Plan.objects.exclude(status=Plan.Status.ARCHIVED).order_by("name"),
        required=False,
        widget=UnfoldAdminSelectMultipleWidget(attrs={"size": 8}),
        help_text="Choose plans here, or all of a product group or name below.",
    )
    product_groups = forms.ModelMultipleChoiceField(
        queryset=ProductGroup.objects.order_by("name"), required=False, widget=UnfoldAdminSelectMultipleWidget(attrs={"size": 4})
    )
    words = forms.CharField(
        label="Plan name or number contains", required=False, max_length=100, widget=UnfoldAdminTextInputWidget()
    )
    currencies = forms.MultipleChoiceField(
        required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget(), help_text="None ticked: every currency."
    )
    terms = forms.TypedMultipleChoiceField(
        choices=Term.choices,
        coerce=int,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="None ticked: every term.",
    )
    kind = forms.ChoiceField(label="Change", choices=KINDS, widget=UnfoldAdminSelectWidget())
    direction = forms.ChoiceField(choices=DIRECTIONS, widget=UnfoldAdminSelectWidget())
    by = forms.DecimalField(
        label="By how much",
        max_digits=17,
        decimal_places=6,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any"}),
        help_text="Percent, or an amount in the one currency that is ticked. Prices are changed per unit and term.",
    )
    parts = forms.MultipleChoiceField(
        label="What changes",
        choices=PARTS,
        initial=[Part.PRICE.value],
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        error_messages={"required": "Tick what is to change."},
    )
    ending = forms.ChoiceField(
        label="Rounding",
        choices=[("", "To the smallest coin"), *((ending, f"To end in {ending.removeprefix('0')}") for ending in ENDINGS)],
        required=False,
        widget=UnfoldAdminSelectWidget(),
        help_text="In a currency without decimals an ending is the last two digits: .90 is 90. Overage prices take no ending.",
    )
    valid_from = forms.DateField(
        label="Valid from",
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
        help_text="Who orders from this day on pays the new price.",
    )
    moves = forms.BooleanField(
        label="Move running subscriptions too",
        required=False,
        widget=UnfoldBooleanWidget(),
        help_text="Else they keep what they were sold at. The preview lists them, and each can be left out there.",
    )
    moves_from = forms.DateField(
        label="Subscriptions move on",
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
    )

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        priced = PlanPrice.objects.order_by("currency").values_list("currency", flat=True).distinct()
        sent = self.data.getlist("currencies") if self.is_bound else []  # type: ignore[attr-defined]
        offered = [*priced, *(code for code in sent if code in currencies() and code not in set(priced))]
        self.fields["currencies"].choices = [(code, code) for code in offered]  # type: ignore[attr-defined]
        first = earliest_move(today)
        self.fields["valid_from"].initial = self.fields["moves_from"].initial = first.isoformat()
        self.fields["moves_from"].help_text = f"{first:%-d %B %Y}, the 1st of next month, at the earliest."

    def clean_by(self) -> Decimal:
        by: Decimal = self.cleaned_data["by"]
        if not 0 < by <= LARGEST:
            raise forms.ValidationError(f"Enter more than 0 and at most {LARGEST:,}; choose up or down beside it.")
        return by

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        if not (told.get("plans") or told.get("product_groups") or told.get("words", "").strip()):
            self.add_error("plans", "Choose plans, a product group, or a part of their names.")
        if told.get("kind") == Kind.AMOUNT and len(told.get("currencies") or []) != 1:
            self.add_error("currencies", "An amount is in one currency; tick which.")
        if told.get("moves") and told.get("moves_from") is None and "moves_from" not in self.errors:
            self.add_error("moves_from", "Choose the day on which they move.")
        return told

    def wish(self, *, left: frozenset[int] = frozenset()) -> Wish:
        """
        Return what was asked for.

        :raises FieldRefused: no plan is meant by it.
        """
        told = self.cleaned_data
        plans = tuple(self._plans().values_list("pk", flat=True))
        if not plans:
            raise FieldRefused("plans", "No plan matches. Choose other plans or another part of their names.")
        by = -told["by"] if told["direction"] == "down" else told["by"]
        return Wish(
            plans=plans,
            currencies=tuple(sorted(told["currencies"])),
            terms=tuple(sorted(told["terms"])),
            change=Change(Kind(told["kind"]), by, frozenset(map(Part, told["parts"])), told["ending"]),
            valid_from=told["valid_from"],
            moves_from=told["moves_from"] if told["moves"] else None,
            left=left,
        )

    def sent(self) -> Iterator[tuple[str, str]]:
        """Give what was sent, field by field, for the next page to send again."""
        for name in self.fields:
            for value in self.data.getlist(name):  # type: ignore[attr-defined]
                yield name, value

    def _plans(self) -> Any:
        """Return the plans that were chosen; without any, those of the product groups whose names fit."""
        told = self.cleaned_data
        plans = Plan.objects.exclude(status=Plan.Status.ARCHIVED).order_by("pk")
        if told["plans"]:
            return plans.filter(pk__in=told["plans"])
        if told["product_groups"]:
            plans = plans.filter(product_group__in=told["product_groups"])
        words = told["words"].strip()
        return plans.filter(name__icontains=words) | plans.filter(number__iexact=words) if words else plans
