"""The forms of a subscription's agreements: what each month includes, and costs at least, from a month on."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget

from catalog.forms.plan_terms import AllowanceForm, CommitmentForm
from catalog.queries.metered_items import MeteredItem

Months = Sequence[tuple[str, str]]


class FromMonth(forms.Form):
    """From which month on something holds, of those that nothing was invoiced for yet."""

    valid_from = forms.TypedChoiceField(
        label="From", coerce=date.fromisoformat, widget=UnfoldAdminSelectWidget, error_messages={"required": "Choose a month."}
    )

    def offer(self, months: Months, today: date) -> None:
        """Offer ``months``; the next that begins is chosen unless another is."""
        self.fields["valid_from"].choices = months  # type: ignore[attr-defined]
        self.fields["valid_from"].initial = next((one for one, _ in months if one > today.isoformat()), None)


class AgreedAllowanceForm(FromMonth, AllowanceForm):
    field_order = ("item", "quantity", "valid_from")

    def __init__(self, *args: Any, items: Sequence[MeteredItem], months: Months, today: date, **kwargs: Any) -> None:
        super().__init__(*args, items=items, **kwargs)
        self.offer(months, today)
        self.fields["quantity"].help_text = "In the unit that stands beside the item; 0 ends what is agreed."

    @property
    def facts(self) -> dict[str, Any]:
        return {**super().facts, "valid_from": self.cleaned_data["valid_from"]}


class AgreedCommitmentForm(FromMonth, CommitmentForm):
    field_order = ("currency", "amount", "valid_from")

    def __init__(self, *args: Any, own_currency: str, months: Months, today: date, **kwargs: Any) -> None:
        super().__init__(*args, own_currency=own_currency, **kwargs)
        self.offer(months, today)
        self.fields["amount"].help_text = f"{self.fields['amount'].help_text} 0 ends what is agreed."

    @property
    def facts(self) -> dict[str, Any]:
        return dict(self.cleaned_data)
