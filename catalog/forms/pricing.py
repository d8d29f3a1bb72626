"""The forms of a plan's Pricing page: how it is sold, and its grid of prices by currency and term."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_name
from django import forms
from django.forms import BoundField
from django.http import QueryDict
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from catalog.models import ModuleSettings, Plan, PlanPrice, Term
from catalog.operations.plans import why_no_other_billing_model, why_no_quantity
from catalog.operations.prices import NewPrice, PriceRefused, check_price
from common.errors import DomainError, FieldRefused
from common.money import currencies, minor_unit
from common.templatetags.show import day, money

AMOUNTS = ("setup_fee", "price", "overage_price")
LABELS = {"setup_fee": "Setup fee", "price": "Price", "overage_price": "Overage Price (/GB)"}
NO_NUMBER = "Enter an amount, such as 12.50."


class SellingForm(forms.Form):
    """How a plan is billed and to whom it is sold. What cannot be chosen stands there with the sentence that says why."""

    billing_model = forms.ChoiceField(label="Billing Model", choices=Plan.BillingModel.choices, widget=UnfoldAdminSelectWidget)
    quantity_is_enabled = forms.BooleanField(required=False, label="Enable Quantity", widget=UnfoldBooleanSwitchWidget)
    applicable_on_partner_website = forms.BooleanField(
        required=False,
        label="Applicable on Partner Website",
        widget=UnfoldBooleanSwitchWidget,
        help_text="On: the partners you allow may sell it. Off: no partner may.",
    )

    def __init__(self, answer: QueryDict | None, *, plan: Plan, settings: ModuleSettings | None) -> None:
        shown = ("billing_model", "quantity_is_enabled", "applicable_on_partner_website")
        super().__init__(answer, initial={name: getattr(plan, name) for name in shown})
        model, quantity = self.fields["billing_model"], self.fields["quantity_is_enabled"]
        model.help_text = (
            why_no_other_billing_model(plan)
            or "Can be changed until the plan is published. Postpaid is invoiced on the 1st for the month before."
        )
        model.disabled = bool(why_no_other_billing_model(plan))
        asked = answer.get("billing_model", "") if answer is not None and not model.disabled else plan.billing_model
        reason = why_no_quantity(asked, settings)
        quantity.help_text = reason or "On: buyers may order more than one; the quotas are multiplied by the quantity."
        # A draft that leaves pay-as-you-go has to be able to say both at once.
        quantity.disabled = bool(reason)
        if reason:
            self.initial["quantity_is_enabled"] = False


@dataclass(frozen=True)
class GridLine:
    """One term of one currency: its fields, the price in force and what is planned for it."""

    term: str
    term_months: int
    setup_fee: BoundField
    price: BoundField
    overage_price: BoundField
    now: PlanPrice | None
    planned: Sequence[PlanPrice]
    seen_name: str
    seen: str


@dataclass(frozen=True)
class GridOfCurrency:
    currency: str
    name: str
    lines: Sequence[GridLine]


class PricesForm(forms.Form):
    """
    The prices of a plan, by currency and term, and the day from which the changed ones are valid.

    An empty line is a term that is not sold. ``prices`` are, once it is valid, those that differ from the ones in force.

    Each line sends along what it was shown with. Where somebody else has changed the price since, a line nobody typed into shows
    the new one, and one that was typed into is asked about: nobody's price is put back by a page that was open too long.
    """

    valid_from = forms.DateField(
        label="Valid from",
        widget=forms.DateInput(attrs={"type": "date", "class": "bss-date"}, format="%Y-%m-%d"),
        help_text="Today or later. Until then, the present prices are valid.",
        error_messages={"invalid": "Enter a day, such as 2027-01-31.", "required": "Enter the day from which they are valid."},
    )

    def __init__(
        self,
        answer: QueryDict | None,
        *,
        shown: Sequence[str],
        in_force: Mapping[tuple[str, int], PlanPrice],
        planned: Mapping[tuple[str, int], Sequence[PlanPrice]],
        has_overage_quota: bool,
        today: date,
    ) -> None:
        self.answer = answer.copy() if answer is not None else QueryDict(mutable=True)
        super().__init__(self.answer if answer is not None else None, initial={"valid_from": today})
        self.shown = list(shown)
        self.in_force = in_force
        self.planned = planned
        self.has_overage_quota = has_overage_quota
        self.today = today
        self.prices: list[NewPrice] = []
        self.overtaken: set[tuple[str, int]] = set()
        self.fields["valid_from"].widget.attrs["min"] = today.isoformat()
        for currency in self.shown:
            for term in Term:
                self._add(currency, term)
                self._compare_with_what_was_shown(currency, term)

    def _compare_with_what_was_shown(self, currency: str, term: Term) -> None:
        names = [cell(currency, term, amount) for amount in AMOUNTS]
        seen = self.answer.get(cell(currency, term, "seen"))
        present = [self.fields[name].initial or "" for name in names]
        if seen is None or seen == _in_one(present):
            return
        typed = [self.answer.get(name, "").strip() for name in names]
        if _in_one(typed) == seen:
            for name, amount in zip(names, present, strict=True):
                self.answer[name] = amount
        elif typed != present:
            self.overtaken.add((currency, int(term)))

    def _add(self, currency: str, term: Term) -> None:
        row = self.in_force.get((currency, term))
        for amount in AMOUNTS:
            is_off = amount == "overage_price" and not self.has_overage_quota
            attrs = {
                "inputmode": "decimal",
                "autocomplete": "off",
                "aria-label": f"{LABELS[amount]}, {currency}, {term.label}",
                "class": "bss-amount",
            }
            self.fields[cell(currency, term, amount)] = forms.DecimalField(
                label=f"{currency}, {term.label}: {LABELS[amount]}",
                required=False,
                initial=None
                if is_off or row is None
                else plain(getattr(row, amount), currency, is_money=amount != "overage_price"),
                disabled=is_off,
                widget=UnfoldAdminTextInputWidget(attrs=attrs),
                error_messages={"invalid": NO_NUMBER},
            )

    @property
    def grid(self) -> list[GridOfCurrency]:
        """The table of each currency, terms from short to long."""
        return [
            GridOfCurrency(currency, str(get_currency_name(currency, locale="en")), [self._line(currency, term) for term in Term])
            for currency in self.shown
        ]

    def _line(self, currency: str, term: Term) -> GridLine:
        fields = {amount: self[cell(currency, term, amount)] for amount in AMOUNTS}
        key = (currency, int(term))
        return GridLine(
            term.label,
            term.value,
            now=self.in_force.get(key),
            planned=self.planned.get(key, ()),
            seen_name=cell(currency, term, "seen"),
            seen=_in_one([field.field.initial or "" for field in fields.values()]),
            **fields,
        )

    def clean_valid_from(self) -> date:
        valid_from: date = self.cleaned_data["valid_from"]
        if valid_from < self.today:
            raise forms.ValidationError("A price cannot change in the past; choose today or a later day.")
        if valid_from > self.today + timedelta(days=5 * 366):
            raise forms.ValidationError("Choose a day within the next five years.")
        return valid_from

    def clean(self) -> dict[str, Any]:
        for currency in self.shown:
            for term in Term:
                self._read(currency, term)
        return self.cleaned_data

    def _read(self, currency: str, term: Term) -> None:
        """Add the price of one line to ``prices`` if it differs from the one in force; put what is wrong beside its cell."""
        names = {amount: cell(currency, term, amount) for amount in AMOUNTS}
        if self.errors.keys() & set(names.values()):
            return
        setup_fee, price, overage = (self.cleaned_data.get(names[amount]) for amount in AMOUNTS)
        row = self.in_force.get((currency, term))
        if (currency, int(term)) in self.overtaken:
            self.add_error(names["price"], _overtaken(row))
            return
        if price is None:
            if row is not None:
                self.add_error(names["price"], f"Sold since {day(row.valid_from)}. Enter a price, or withdraw it.")
            elif setup_fee is not None or overage is not None:
                self.add_error(names["price"], "Enter the price too, or leave the line empty.")
            return
        new = NewPrice(currency, int(term), price, setup_fee or Decimal(0), overage)
        if row is not None and (row.price, row.setup_fee, row.overage_price) == (new.price, new.setup_fee, new.overage_price):
            return
        try:
            check_price(new, has_overage_quota=self.has_overage_quota)
        except PriceRefused as refusal:
            self.add_error(names.get(refusal.field), str(refusal))
        else:
            self.prices.append(new)

    def refuse(self, refusal: DomainError) -> None:
        """Put a refusal of the operation beside the field it is about, else above the form."""
        is_ours = isinstance(refusal, FieldRefused) and refusal.field in self.fields
        self.add_error(refusal.field if is_ours else None, str(refusal))  # type: ignore[attr-defined]


class WithdrawForm(forms.Form):
    valid_until = forms.DateField(
        label="Not sold any more from",
        widget=forms.DateInput(attrs={"type": "date", "class": "bss-date"}, format="%Y-%m-%d"),
        error_messages={"invalid": "Enter a day, such as 2027-01-31.", "required": "Enter the day from which it is not sold."},
    )


def currency_choices(without: Sequence[str]) -> list[tuple[str, str]]:
    """Return every currency people can pay in, by its letters, as (USD, USD, US Dollar)."""
    return [(code, f"{code}, {get_currency_name(code, locale='en')}") for code in sorted(currencies()) if code not in without]


def _in_one(amounts: Sequence[str]) -> str:
    return "|".join(amounts)


def _overtaken(row: PlanPrice | None) -> str:
    if row is None:
        return "Somebody withdrew this price while you had the page open. Save again to sell it all the same."
    now = f"{money(row.price, row.currency)}, setup fee {money(row.setup_fee, row.currency)}"
    if row.overage_price is not None:
        now = f"{now}, overage {plain(row.overage_price, row.currency, is_money=False)} {row.currency} per GB"
    return f"Somebody changed this while you had the page open; now it is {now}. Save again to replace that by what you typed."


def cell(currency: str, term_months: int, amount: str) -> str:
    """Return the name of a field of the grid: EUR-12-price."""
    return f"{currency}-{int(term_months)}-{amount}"


def plain(amount: Decimal | None, currency: str, *, is_money: bool) -> str:
    """Write an amount as people type it: 12.50 EUR as 12.50, an overage price without needless zeros, at least the minor unit."""
    if amount is None:
        return ""
    least = -int(minor_unit(currency).as_tuple().exponent)
    if is_money:
        return f"{amount:.{least}f}"
    decimals = max(least, -int(amount.normalize().as_tuple().exponent))
    return f"{amount:.{decimals}f}"
