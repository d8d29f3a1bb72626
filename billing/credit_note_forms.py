"""What is asked for before an invoice is credited: how much of which line, why, and whether it is billed again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from django import forms
from django.forms import BoundField
from django.http import QueryDict
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminRadioSelectWidget, UnfoldAdminTextInputWidget

from billing import crediting
from billing.crediting import Credit, Creditable, CreditedLine, InvoicedLine, LineOverCredited, Units, Wish
from billing.models import Invoice
from billing.operations.credit_notes import LONGEST_REASON
from billing.printed import quantity_text, unit_text
from billing.queries.credit_notes import Origin, creditable, origins
from common.errors import DomainError, FieldRefused
from common.templatetags.show import money

WHOLE, LINES = "whole", "lines"
AGAIN, NEVER = "again", "never"
SHOWN_LINES = 200


@dataclass(frozen=True, slots=True)
class LineRow:
    """A line of the invoice as the form shows it."""

    line: InvoicedLine
    origin: Origin
    amount: BoundField
    units: BoundField


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """A line of the credit note to be, with its quantity and unit as they are printed."""

    line: InvoicedLine
    origin: Origin
    quantity: str
    credited: CreditedLine


@dataclass(frozen=True, slots=True)
class Preview:
    """The credit note to be, and what would be left of the invoice after it, tax included."""

    rows: list[PreviewRow]
    credit: Credit
    currency: str
    gross_left: Decimal


class CreditNoteForm(forms.Form):
    """
    Which part of an invoice is credited.

    Valid, it has `wishes` and `credit`; while it is being confirmed only `wishes`, as the operation judges what is left then. Of a
    long invoice the first 200 lines are asked for that match ``words``; those sent are kept, whichever they are.
    """

    scope = forms.ChoiceField(label="What is credited", widget=forms.RadioSelect, initial=WHOLE)
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        help_text="Printed on the credit note, so that the buyer knows what it is for.",
        error_messages={"required": "Say why; the reason is printed on the credit note."},
    )
    bills_again = forms.ChoiceField(
        label="Is it billed again?",
        choices=[
            (NEVER, "No. It is given back for good."),
            (AGAIN, "Yes. The next run bills it anew."),
        ],
        widget=forms.RadioSelect,
        help_text="No: later billing runs take it as billed. Yes: they bill these lines by the readings and prices they then find.",
        error_messages={"required": "Say whether it is billed again."},
    )
    key = forms.UUIDField(required=False, widget=forms.HiddenInput)
    agreed = forms.DecimalField(required=False, widget=forms.HiddenInput)

    credit: Credit

    def __init__(self, data: Any = None, *, invoice: Creditable, origins: Mapping[int, Origin], words: str = "") -> None:
        super().__init__(data)
        self.invoice = invoice
        self.origins = origins
        self.fields["scope"].choices = [  # type: ignore[attr-defined]
            (WHOLE, f"All that is left: {money(invoice.gross_left, invoice.currency)} including tax"),
            (LINES, "Some of the lines"),
        ]
        self.matching = [line for line in invoice.lines if line.net_left and _matches(line, origins[line.id], words)]
        self.lines = self._sent() if self.is_bound else self.matching[:SHOWN_LINES]
        for line in self.lines:
            self.fields[f"amount_{line.id}"] = _decimal(f"Amount of line {line.position}", line.net_left, digits=17, places=3)
            self.fields[f"units_{line.id}"] = _decimal(
                f"Quantity of line {line.position}", line.quantity_left, digits=30, places=10
            )

    @classmethod
    def of(cls, invoice: Invoice, data: Any, *, words: str = "") -> Self:
        """Return the form for ``invoice``, with what is left of it now."""
        left = creditable(invoice)
        return cls(data, invoice=left, origins=origins(invoice), words=words)

    def _sent(self) -> list[InvoicedLine]:
        sent = [line for line in self.invoice.lines if {f"amount_{line.id}", f"units_{line.id}"} & self.data.keys()]
        return sent or self.matching[:SHOWN_LINES]

    def rows(self) -> Iterator[LineRow]:
        """Give each line that is asked for with its two fields."""
        for line in self.lines:
            yield LineRow(line, self.origins[line.id], self[f"amount_{line.id}"], self[f"units_{line.id}"])

    @property
    def more(self) -> int:
        """How many lines match that the form does not ask for."""
        return max(len(self.matching) - len(self.lines), 0)

    @property
    def is_confirmed(self) -> bool:
        return self.data.get("step") == "confirm" and bool(self.data.get("key"))

    @property
    def is_billed_again(self) -> bool:
        return bool(self.cleaned_data["bills_again"] == AGAIN)

    @property
    def wishes(self) -> dict[int, Wish] | None:
        """What of which line is credited; None for all that is left."""
        if self.cleaned_data["scope"] == WHOLE:
            return None
        return {line.id: wish for line in self.lines if (wish := self._wish(line)) is not None}

    def _wish(self, line: InvoicedLine) -> Wish | None:
        amount: Decimal | None = self.cleaned_data.get(f"amount_{line.id}")
        units: Decimal | None = self.cleaned_data.get(f"units_{line.id}")
        return amount if units is None else Units(units)

    def clean(self) -> dict[str, Any]:
        for line in self.lines:
            if None not in (self.cleaned_data.get(f"amount_{line.id}"), self.cleaned_data.get(f"units_{line.id}")):
                self.add_error(f"units_{line.id}", f"Line {line.position}: give an amount or a quantity, not both.")
        named = {"scope", *(f"{what}_{line.id}" for line in self.lines for what in ("amount", "units"))}
        if not named & self.errors.keys() and not self.is_confirmed:
            try:
                self.credit = crediting.credit(self.invoice, self.wishes)
            except DomainError as refusal:
                self.refuse(refusal)
        return self.cleaned_data

    def refuse(self, refusal: DomainError) -> None:
        """Put a refusal beside the line or field it is about, else above the form."""
        field = None
        if isinstance(refusal, LineOverCredited):
            units = f"units_{refusal.line_id}"
            field = units if self.cleaned_data.get(units) is not None else f"amount_{refusal.line_id}"
        elif isinstance(refusal, FieldRefused):
            field = refusal.field
        self.add_error(field if field in self.fields else None, str(refusal))

    def preview(self) -> Preview:
        """Return what the credit note would say, as it would be printed."""
        currency = self.invoice.currency
        rows = [self._preview_row(one) for one in self.credit.lines]
        return Preview(rows, self.credit, currency, self.invoice.gross_left - self.credit.gross)

    def _preview_row(self, one: CreditedLine) -> PreviewRow:
        quantity = f"{quantity_text(one.quantity)} {unit_text(one.quantity, one.unit)}"
        return PreviewRow(one.line, self.origins[one.line.id], quantity, one)

    def sent(self) -> Iterator[tuple[str, str]]:
        """Give what was sent, for the hidden fields of the preview."""
        assert isinstance(self.data, QueryDict)  # a preview comes from a form that was sent
        for name, values in self.data.lists():
            if name in self.fields and name not in ("key", "agreed"):
                yield from ((name, value) for value in values)


class BssCreditNoteForm(CreditNoteForm):
    """The same in the look of the back office."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("scope", "bills_again"):
            choices = self.fields[name].choices  # type: ignore[attr-defined]
            self.fields[name].widget = UnfoldAdminRadioSelectWidget(choices=choices)
        self.fields["reason"].widget = UnfoldAdminTextInputWidget(attrs={"maxlength": LONGEST_REASON})
        for line in self.lines:
            for name in (f"amount_{line.id}", f"units_{line.id}"):
                self.fields[name].widget = UnfoldAdminDecimalFieldWidget(attrs=self.fields[name].widget.attrs)


def _matches(line: InvoicedLine, origin: Origin, words: str) -> bool:
    return words.casefold() in f"{line.description} {origin.consumer} {origin.subscription}".casefold()


def _decimal(label: str, left: Decimal, *, digits: int, places: int) -> forms.DecimalField:
    bounds = {"max": f"{left:f}", "min": "0"} if left > 0 else {"min": f"{left:f}", "max": "0"}
    widget = forms.NumberInput(attrs={"step": "any", "aria-label": label, "inputmode": "decimal", **bounds})
    return forms.DecimalField(label=label, required=False, max_digits=digits, decimal_places=places, widget=widget)
