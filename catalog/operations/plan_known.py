"""What the rows of a sheet of plans and prices are held against, read once for all of them."""

from datetime import date
from typing import Any

from django.db.models import Q

from catalog.models import ModuleSettings, Plan, PlanPrice, Product, ProductGroup, ProductType, Venture
from catalog.operations.plan_cells import text_of
from catalog.plan_sheets import NEW, PLAN_COLUMNS, PRICE_COLUMNS, PageLines
from common.sheets import WrongCell


class Known:
    """Everything that the rows of a file are held against, read by a fixed number of queries."""

    def __init__(self, plan_lines: PageLines, price_lines: PageLines, *, is_locking: bool = False) -> None:
        """
        :param is_locking: keep the plans of the file from changing until the transaction ends.
        """
        numbers = {word_of(row[PLAN_COLUMNS.index("Number")]) for row in plan_lines.rows}
        numbers |= {word_of(row[PRICE_COLUMNS.index("Plan Number")]) for row in price_lines.rows}
        names = {word_of(row[PLAN_COLUMNS.index("Plan Name")]) for row in plan_lines.rows}
        self.ventures = {venture.name: venture for venture in Venture.objects.all()}
        self.types = {one.name: one for one in ProductType.objects.all()}
        self.products = {(one.product_type_id, one.name): one for one in Product.objects.all()}
        groups = ProductGroup.objects.select_related("product__product_type")
        self.groups = {(one.product_id, one.name): one for one in groups}
        meant = Plan.objects.filter(Q(number__in=numbers) | Q(name__in=names))
        if is_locking:
            meant = Plan.objects.locked().filter(pk__in=meant.values("pk"))
        # Each plan is one object here, whichever row means it; those of the file are told apart by being that object.
        self.plans = {plan.number: plan for plan in meant.select_related("module_settings")}
        self.plan_at = {(plan.product_group_id, plan.name): plan for plan in self.plans.values()}
        self.new_by_word: dict[str, Plan] = {}
        self.prices: dict[tuple[int, str, int], list[PlanPrice]] = {}
        self.venture_by_id = {one.pk: one for one in self.ventures.values()}
        self.group_by_id = {one.pk: one for one in self.groups.values()}
        self._read_prices()

    def _read_prices(self) -> None:
        by_id = {plan.pk: plan for plan in self.plans.values()}
        self._last_day_sold: dict[int, date] = {}
        for price in PlanPrice.objects.filter(plan__in=by_id).order_by("valid_from"):
            plan = by_id[price.plan_id]
            self.prices.setdefault((id(plan), price.currency, price.term_months), []).append(price)
            self._last_day_sold[id(plan)] = max(self._last_day_sold.get(id(plan), date.min), price.valid_until or date.max)

    def place(self, product_type: str, product: str, group: str) -> tuple[ProductGroup | None, dict[str, str]]:
        """Return the product group of those three names, or what is wrong with which of them."""
        found_type = self.types.get(product_type)
        if found_type is None:
            return None, {"product_type": _unknown(product_type, "a product type that we know")}
        found = self.products.get((found_type.pk, product))
        if found is None:
            return None, {"product": _unknown(product, f"a product of the type “{product_type}”")}
        found_group = self.groups.get((found.pk, group))
        if found_group is None:
            return None, {"product_group": _unknown(group, f"a product group of “{product}”")}
        return found_group, {}

    def has_prices(self, plan: Plan, *, today: date) -> bool:
        """Whether ``plan`` is sold at a price today or later."""
        return self._last_day_sold.get(id(plan), date.min) > today


def module_settings_of(plan: Plan) -> ModuleSettings | None:
    """Return a plan's module setting; a new one has none yet."""
    try:
        return plan.module_settings
    except ModuleSettings.DoesNotExist:
        return None


def is_new_word(word: str) -> bool:
    """Whether a number is a word of the file's own for a plan that is not there yet."""
    return word.upper().startswith(NEW)


def word_of(value: Any) -> str:
    try:
        return text_of(value)
    except WrongCell:
        return ""  # its row says so


def _unknown(name: str, what: str) -> str:
    return f"“{name:.100}” is not {what}." if name else "It is missing."
