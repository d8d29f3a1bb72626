"""What the pages that change a subscription ask for. Each form gives a wish; whether it can be is the quote's to say."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from django import forms

from common.templatetags.show import day
from ordering.amendment_terms import AmendmentWish, term_words
from ordering.forms import CHOOSE
from ordering.models import LARGEST_QUANTITY, OrderLine
from ordering.operations.refusals import HOW_MANY_SENTENCE
from ordering.queries.amendments import Choices, PlanChoice, TermChoice
from ordering.wording import term_label
from provisioning.models import FileSyncModel, ProtectionModel


class AmendmentForm(forms.Form):
    """A wish about one subscription. Sent by GET: to look at what something costs changes nothing."""

    kind: str
    needs: Sequence[str]
    """The fields without which nothing is asked for yet."""

    def __init__(self, asked: Any, *, choices: Choices) -> None:
        self.choices = choices
        is_asked = all(asked.get(name) for name in self.needs)
        super().__init__(asked if is_asked else None, initial=self.initially(asked))
        self.set_up()

    def initially(self, asked: Any) -> dict[str, Any]:
        """Return what the fields show before anything is asked for."""
        return {}

    def set_up(self) -> None:
        """Offer what there is to choose."""

    def wish(self) -> AmendmentWish:
        """Return the wish of a valid form."""
        return AmendmentWish(self.kind, **self.cleaned_data)

    def sent(self) -> list[tuple[str, Any]]:
        """Return names and values of what was asked for, to be sent along with the order."""
        return [(name, self[name].value()) for name in self.fields]


def how_many() -> forms.IntegerField:
    """Ask for a quantity."""
    return forms.IntegerField(
        label="New quantity",
        min_value=1,
        max_value=LARGEST_QUANTITY,
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "min": 1, "max": LARGEST_QUANTITY}),
        help_text="What is included and the price are multiplied by it.",
        error_messages=dict.fromkeys(("required", "invalid", "min_value", "max_value"), HOW_MANY_SENTENCE),
    )


class QuantityForm(AmendmentForm):
    """“Upgrade Quantity” (seed text 004, Upgrade/Downgrade quantity)."""

    kind = OrderLine.Kind.QUANTITY
    needs = ("quantity",)

    quantity = how_many()

    def initially(self, asked: Any) -> dict[str, Any]:
        return {"quantity": self.choices.present.quantity}


class PlanForm(AmendmentForm):
    """“Upgrade Service” (seed text 004): another plan, and what has to be chosen anew with it."""

    kind = OrderLine.Kind.PLAN
    needs = ("plan",)

    plan = forms.ChoiceField(
        label="New plan",
        error_messages={"required": "Choose a plan.", "invalid_choice": "This plan is not one the service can be changed to."},
    )
    term_months = forms.TypedChoiceField(
        label="Term",
        coerce=int,
        error_messages=dict.fromkeys(("required", "invalid_choice"), "Choose one of its terms."),
    )
    quantity = how_many()
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

    def __init__(self, asked: Any, *, choices: Choices) -> None:
        self.chosen: PlanChoice | None = next((one for one in choices.plans if one.plan.number == asked.get("plan")), None)
        if self.chosen is not None:
            asked = {**self._present(choices, self.chosen), **asked.dict()}
        super().__init__(asked, choices=choices)

    def set_up(self) -> None:
        self.fields["plan"].choices = [(one.plan.number, one.plan.name) for one in self.choices.plans]  # type: ignore[attr-defined]
        if self.chosen is None or not self.chosen.terms:
            del self.fields["term_months"]
        else:
            self.fields["term_months"].choices = term_choices(self.chosen.terms)  # type: ignore[attr-defined]
        if self.chosen is None or self.chosen.largest_quantity == 1:
            del self.fields["quantity"]
        if self.chosen is None or self.chosen.plan.is_fixed:
            del self.fields["protection_model"], self.fields["file_sync_model"]

    def wish(self) -> AmendmentWish:
        assert self.chosen is not None  # or the form were not valid
        given = self.cleaned_data
        return AmendmentWish(
            self.kind,
            plan=self.chosen.plan,
            quantity=given.get("quantity") or (1 if self.chosen.plan.is_fixed else None),
            term_months=given.get("term_months"),
            protection_model=given.get("protection_model", ""),
            file_sync_model=given.get("file_sync_model", ""),
        )

    @staticmethod
    def _present(choices: Choices, chosen: PlanChoice) -> dict[str, Any]:
        """What a plan is asked for with until something else is chosen: as it runs now, as far as the plan has that."""
        present = choices.present
        terms = [term.months for term in chosen.terms]
        return {
            "term_months": str(present.term_months if present.term_months in terms else min(terms, default=1)),
            "quantity": str(min(present.quantity, chosen.largest_quantity)),
            "protection_model": present.protection_model,
            "file_sync_model": present.file_sync_model,
        }


class TermForm(AmendmentForm):
    """Another term of the same plan."""

    kind = OrderLine.Kind.TERM
    needs = ("term_months",)

    term_months = forms.TypedChoiceField(
        label="New term", coerce=int, error_messages=dict.fromkeys(("required", "invalid_choice"), "Choose one of the terms.")
    )

    def set_up(self) -> None:
        present = term_words(self.choices.present.term_months)
        self.fields["term_months"].choices = term_choices(self.choices.terms)  # type: ignore[attr-defined]
        self.fields["term_months"].help_text = f"It runs for {present} now. Prices are for one unit, excl. VAT."


class CancelForm(AmendmentForm):
    """The end of the service: now, or when its term ends."""

    kind = OrderLine.Kind.CANCEL
    needs = ("ends",)

    ends = forms.ChoiceField(
        label="When it ends",
        widget=forms.RadioSelect,
        error_messages=dict.fromkeys(("required", "invalid_choice"), "Choose when the service ends."),
    )

    def set_up(self) -> None:
        self.fields["ends"].choices = [  # type: ignore[attr-defined]
            (one.ends, f"{one.label}: its last day is {day(one.last_day)}") for one in self.choices.cancel
        ]


FORMS: dict[str, type[AmendmentForm]] = {form.kind: form for form in (QuantityForm, PlanForm, TermForm, CancelForm)}


class ConfirmForm(forms.Form):
    """Agrees to a quote. The key makes a second click the same order."""

    key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
    quote_seen = forms.CharField(widget=forms.HiddenInput, max_length=64)
    purchase_order = forms.CharField(
        label="Your reference",
        required=False,
        max_length=50,
        help_text="For example the number of your purchase order. It stands on the order.",
    )


def term_choices(terms: Sequence[TermChoice]) -> list[tuple[str, str]]:
    """Return the terms with the price of one unit, the shortest first."""
    return [(str(term.months), term_label(term.currency, term.months, term.price)) for term in terms]
