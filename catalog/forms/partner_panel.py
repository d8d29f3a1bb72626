"""Forms of the partner panel: what a reseller takes for a plan, and its marketplace."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from accounts.models import Organization
from catalog.models import Marketplace, PartnerPrice, Plan, Term
from catalog.operations import partners
from catalog.operations.partners import PartnerPriceRefused
from catalog.queries.partner_prices import Wish
from common.errors import FieldRefused


class _Percent(forms.DecimalField):
    """A percentage; left empty, it is nothing."""

    def to_python(self, value: Any) -> Any:
        return super().to_python(value) or Decimal(0)


def _number_box() -> forms.TextInput:
    return forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})


class PartnerPriceForm(forms.Form):
    """
    Markup, discount and publishing of one plan. Amounts have a field per currency and term, amount-EUR-12 and so on.

    :param priced: the currencies and terms that can be marked up by amount here, each with whether it has an overage price.
    """

    markup_kind = forms.ChoiceField(label="Mark up by", choices=PartnerPrice.MarkupKind.choices, widget=forms.RadioSelect)
    markup_percent = _Percent(
        label="Markup", help_text="In percent of your cost: your customers pay product cost + markup.", widget=_number_box()
    )
    overage_markup_percent = forms.DecimalField(
        label="Markup on the Overage Price (/GB)",
        help_text="In percent; empty: the same markup.",
        widget=_number_box(),
        required=False,
    )
    discount_percent = _Percent(label="Discount", help_text="In percent of what cost and markup come to.", widget=_number_box())
    is_published = forms.BooleanField(label="Published: your customers see and order it", required=False)
    accepts_loss = forms.BooleanField(label="It is meant: customers may pay less than I do", required=False)

    def __init__(
        self, typed: Any, *, plan: Plan, current: Wish, priced: Mapping[tuple[str, int], bool], shows_overage: bool
    ) -> None:
        super().__init__(typed, initial=_initial(current))
        self.plan, self.current, self.priced = plan, current, priced
        self.amount_keys = list(priced) if plan.is_fixed else []
        for key in self.amount_keys:
            self._add_amount_fields(key, current, has_overage=priced[key])
        if not plan.is_fixed:
            del self.fields["markup_kind"]
        if not shows_overage:
            del self.fields["overage_markup_percent"]

    def amount_rows(self) -> list[dict[str, Any]]:
        """Return the fields of each currency and term, for the page."""
        return [
            {
                "currency": currency,
                "term": Term(months).label,
                "amount": self[f"amount-{currency}-{months}"],
                "overage": self[f"overage_amount-{currency}-{months}"] if self.priced[currency, months] else None,
            }
            for currency, months in self.amount_keys
        ]

    def wish(self) -> Wish:
        """Return what is typed, once the form is valid; amounts that this page does not show stay as they are."""
        typed = self.cleaned_data
        kind = typed.get("markup_kind") or PartnerPrice.MarkupKind.PERCENT
        by_percent = kind == PartnerPrice.MarkupKind.PERCENT
        return Wish(
            markup_kind=kind,
            markup_percent=typed["markup_percent"] if by_percent else self.current.markup_percent,
            overage_markup_percent=typed.get("overage_markup_percent"),
            discount_percent=typed["discount_percent"],
            is_published=typed["is_published"],
            amounts={} if by_percent else self._amounts(),
        )

    def refuse(self, refusal: FieldRefused) -> None:
        """Show a refusal at its field, or above the form where the page has no such field."""
        self.add_error(refusal.field if refusal.field in self.fields else None, str(refusal))

    def refuse_by_rules(self, wish: Wish, *, on: date) -> bool:
        """Ask the rules about ``wish``; return whether they had to refuse."""
        try:
            partners.check(self.plan, wish, on=on)
        except PartnerPriceRefused as refusal:
            self.refuse(refusal)
            return True
        return False

    def _add_amount_fields(self, key: tuple[str, int], current: Wish, *, has_overage: bool) -> None:
        currency, months = key
        amount, overage = current.amounts.get(key, (None, None))
        where = f"{currency}, {Term(months).label}"
        for name, value, label in (("amount", amount, "Markup"), ("overage_amount", overage, "Markup on the Overage Price (/GB)")):
            if name == "overage_amount" and not has_overage:
                continue
            field = forms.DecimalField(label=f"{label}, {where}", widget=_number_box(), required=False)
            field.initial = None if value is None else f"{value.normalize():f}"
            self.fields[f"{name}-{currency}-{months}"] = field

    def _amounts(self) -> dict[tuple[str, int], tuple[Decimal, Decimal]]:
        amounts = {key: amounts for key, amounts in self.current.amounts.items() if key not in self.priced}
        for currency, months in self.amount_keys:
            amount = self.cleaned_data[f"amount-{currency}-{months}"]
            overage = self.cleaned_data.get(f"overage_amount-{currency}-{months}")
            if amount is not None or overage is not None:
                amounts[currency, months] = (_number(amount), _number(overage))
        return amounts


class MarketplaceForm(forms.Form):
    """A reseller's marketplace. The rules about address, colour and logo are the operation's."""

    slug = forms.CharField(
        label="Address", max_length=40, help_text="The last part of its address: small letters, digits, hyphens."
    )
    title = forms.CharField(max_length=100, help_text="Stands at the top, beside the logo.")
    intro = forms.CharField(
        label="Introduction", max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 4}), help_text="Plain text."
    )
    accent = forms.CharField(
        label="Colour",
        max_length=7,
        widget=forms.TextInput(attrs={"type": "color"}),
        help_text="Of buttons and links; dark enough to be read on white.",
    )
    logo = forms.FileField(
        required=False,
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
        help_text="PNG, JPEG or WebP, at most 500 KB and 2000 pixels a side.",
    )
    removes_logo = forms.BooleanField(label="Show no logo", required=False)
    is_open = forms.BooleanField(label="Open: everybody who knows the address can look", required=False)
    shows_prices = forms.BooleanField(label="Show prices to everybody, not only to your customers once signed in", required=False)

    def __init__(self, typed: Any, files: Any, *, reseller: Organization, marketplace: Marketplace | None) -> None:
        shown = ("slug", "title", "intro", "accent", "is_open", "shows_prices")
        row = marketplace or Marketplace(reseller=reseller, title=reseller.name)
        super().__init__(typed, files, initial={name: getattr(row, name) for name in shown})
        if marketplace is None or marketplace.logo_id is None:
            del self.fields["removes_logo"]

    def facts(self) -> dict[str, Any]:
        """Return what the operation takes, once the form is valid."""
        facts = {name: self.cleaned_data[name] for name in ("slug", "title", "intro", "accent", "is_open", "shows_prices")}
        logo: UploadedFile | None = self.cleaned_data.get("logo")
        return {**facts, "logo": logo, "removes_logo": self.cleaned_data.get("removes_logo", False)}


def _initial(current: Wish) -> dict[str, Any]:
    overage = current.overage_markup_percent
    return {
        "markup_kind": current.markup_kind,
        "markup_percent": f"{current.markup_percent.normalize():f}",
        "overage_markup_percent": None if overage is None else f"{overage.normalize():f}",
        "discount_percent": f"{current.discount_percent.normalize():f}",
        "is_published": current.is_published,
    }


def _number(typed: Decimal | None) -> Decimal:
    return Decimal(0) if typed is None else typed
