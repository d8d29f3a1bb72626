"""Forms of the back office about plans: created step by step, described, duplicated."""

from typing import Any

from django import forms
from django.http import QueryDict
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from catalog.models import Plan, Product, ProductGroup, ProductType, Venture

CHOOSES = ("product_type", "product")


class CreatePlanForm(forms.Form):
    """
    “Create a New Plan” (seed text, 004): venture, product type, product name, product group, plan name.

    What is chosen above narrows what is offered below. Where one thing alone can be meant it is chosen already.
    """

    venture = forms.ModelChoiceField(Venture.objects.order_by("name"), widget=UnfoldAdminSelectWidget)
    product_type = forms.ModelChoiceField(
        ProductType.objects.order_by("name"), label="Product Type", widget=UnfoldAdminSelectWidget
    )
    product = forms.ModelChoiceField(Product.objects.none(), label="Product Name", widget=UnfoldAdminSelectWidget)
    product_group = forms.ModelChoiceField(ProductGroup.objects.none(), label="Product Group", widget=UnfoldAdminSelectWidget)
    name = forms.CharField(
        max_length=100,
        label="Plan name",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="As buyers read it in the storefront and on invoices.",
    )

    def __init__(self, answer: QueryDict | None, *, chosen: dict[str, str]) -> None:
        """:param chosen: what stands in the fields, as ids; an answer that is only being filled in is shown, not judged."""
        self.chosen = _completed(chosen)
        super().__init__(answer, initial=self.chosen)
        product_type, product = _id(self.chosen.get("product_type")), _id(self.chosen.get("product"))
        self._offer("product", Product.objects.filter(product_type=product_type), "Choose the product type first")
        self._offer("product_group", ProductGroup.objects.filter(product=product), "Choose the product first")

    def _offer(self, name: str, rows: Any, first: str) -> None:
        field = self.fields[name]
        field.queryset = rows  # type: ignore[attr-defined]
        is_open = bool(self.chosen.get("product_type" if name == "product" else "product"))
        field.empty_label = "---------" if is_open else first  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        _check_name(self, cleaned.get("product_group"), cleaned.get("name"), None)
        return cleaned


class PlanForm(forms.ModelForm):
    """A plan's words, and where it stands in the catalogue until it is published for the first time."""

    class Meta:
        model = Plan
        fields = ("venture", "product_group", "name", "summary", "description")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        group = cleaned.get("product_group") or self.instance.product_group
        _check_name(self, group, cleaned.get("name"), self.instance.pk)
        return cleaned


class DuplicatePlanForm(forms.Form):
    name = forms.CharField(max_length=100, label="Plan name", widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}))


def _check_name(form: forms.BaseForm, group: ProductGroup | None, name: str | None, own_id: int | None) -> None:
    if group is None or not name:
        return
    if Plan.objects.filter(product_group=group, name=name).exclude(pk=own_id or 0).exists():
        form.add_error("name", f"{group} has a plan of this name already.")


def _completed(chosen: dict[str, str]) -> dict[str, str]:
    """
    Fill in what follows from what is chosen: upwards from a product group or a product, and single choices downwards.

    What does not hang together any more, because something above was changed, is dropped.
    """
    told = {name: value for name, value in chosen.items() if value}
    group = ProductGroup.objects.filter(pk=_id(told.get("product_group"))).select_related("product").first()
    product = Product.objects.filter(pk=_id(told.get("product"))).first() or (group.product if group else None)
    type_id = _id(told.get("product_type")) or (product.product_type_id if product else 0) or _only(ProductType.objects.all())
    if product is None or product.product_type_id != type_id:
        product = Product.objects.filter(pk=_only(Product.objects.filter(product_type=type_id))).first()
    product_id = product.pk if product else 0
    if group is None or group.product_id != product_id:
        group = ProductGroup.objects.filter(pk=_only(ProductGroup.objects.filter(product=product_id))).first()
    settled = {
        "venture": _id(told.get("venture")) or _only(Venture.objects.all()),
        "product_type": type_id,
        "product": product_id,
        "product_group": group.pk if group else 0,
    }
    return {**told, **{name: str(value) if value else "" for name, value in settled.items()}}


def _only(rows: Any) -> int:
    """Return the id of the one row there is, 0 where there are none or several."""
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:2])
    return ids[0] if len(ids) == 1 else 0


def _id(text: str | None) -> int:
    """Return the id that was sent, 0 (which no row has) for whatever cannot be one."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= 18 else 0
