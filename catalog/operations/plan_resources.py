"""The page “Plans” of the spreadsheet, as a resource of django-import-export."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from import_export.fields import Field

from catalog.models import Plan
from catalog.operations.judged_rows import JudgingResource, written
from catalog.operations.plan_cells import OneOf, Switch, Text
from catalog.operations.plan_known import Known, is_new_word, module_settings_of, word_of
from catalog.operations.plans import why_no_other_billing_model, why_no_quantity
from catalog.plan_sheets import NEW, PLAN_COLUMNS, PLANS, PageLines
from common.sheets import either

LONGEST_DESCRIPTION = 20_000
SETTLED = "It is settled since the plan was published. Duplicate the plan to sell it in another way."

BILLING_MODELS = {str(label): str(value) for value, label in Plan.BillingModel.choices}
EDITABLE = {
    "venture": "Venture",
    "product_group": "Product Group",
    "name": "Plan Name",
    "summary": "Summary",
    "description": "Description",
    "billing_model": "Billing Model",
    "quantity_is_enabled": "Enable Quantity",
    "applicable_on_partner_website": "Applicable on Partner Website",
}


class PlanResource(JudgingResource):
    """The page “Plans”."""

    page = PLANS
    number = Field("number", "Number", widget=Text(longest=20))
    venture = Field("venture__name", "Venture")
    product_type = Field("product_group__product__product_type__name", "Product Type", widget=Text(longest=100, is_required=True))
    product = Field("product_group__product__name", "Product", widget=Text(longest=100, is_required=True))
    product_group = Field("product_group__name", "Product Group", widget=Text(longest=100, is_required=True))
    name = Field("name", "Plan Name", widget=Text(longest=100, is_required=True))
    summary = Field("summary", "Summary", widget=Text(longest=200))
    description = Field("description", "Description", widget=Text(longest=LONGEST_DESCRIPTION))
    billing_model = Field(
        "billing_model",
        "Billing Model",
        widget=OneOf(BILLING_MODELS, missing=f"{{}} is not a billing model; write {either(list(BILLING_MODELS))}."),
    )
    status = Field("status", "Status", widget=Text(longest=20))
    quantity_is_enabled = Field("quantity_is_enabled", "Enable Quantity", widget=Switch())
    applicable_on_partner_website = Field("applicable_on_partner_website", "Applicable on Partner Website", widget=Switch())

    class Meta:
        model = Plan
        fields = export_order = (
            "number",
            "venture",
            "product_type",
            "product",
            "product_group",
            "name",
            "summary",
            "description",
            "billing_model",
            "status",
            "quantity_is_enabled",
            "applicable_on_partner_website",
        )
        import_id_fields = ("number",)
        use_bulk = True
        skip_diff = True
        report_skipped = True

    def __init__(self, *, known: Known | None = None, lines: PageLines | None = None, today: date | None = None) -> None:
        super().__init__(known=known, lines=lines, today=today)
        ventures = known.ventures if known is not None else {}
        self.fields["venture"].widget = OneOf(ventures, missing="{} is not a venture that we know.")
        self.added: list[Plan] = []
        self.changed: list[Plan] = []
        self._line_of: dict[int, int] = {}

    def dehydrate_status(self, plan: Plan) -> str:
        return str(plan.get_status_display())

    def dehydrate_billing_model(self, plan: Plan) -> str:
        return str(plan.get_billing_model_display())

    def get_or_init_instance(self, instance_loader: Any, row: Any) -> tuple[Plan, bool]:
        """Find the plan a row means, by number or else by name in its group; a word such as NEW-1 is kept for the prices."""
        word = word_of(row["Number"])
        plan = self.known.plans.get(word)
        if plan is None and (not word or is_new_word(word)):
            group, _ = self.known.place(*(word_of(row[column]) for column in ("Product Type", "Product", "Product Group")))
            plan = self.known.plan_at.get((group.pk, word_of(row["Plan Name"]))) if group is not None else None
        found = plan if plan is not None and plan.pk is not None else Plan()
        self._repeats = is_new_word(word) and word.upper() in self.known.new_by_word
        if is_new_word(word):
            self.known.new_by_word.setdefault(word.upper(), found)
        return found, found.pk is None

    def import_instance(self, instance: Plan, row: Any, **kwargs: Any) -> None:
        values, wrong = self.read_cells(row)
        group = None
        if not wrong.keys() & {"product_type", "product", "product_group"}:
            group, unknown = self.known.place(values["product_type"], values["product"], values["product_group"])
            wrong |= unknown
        wrong = {**self._wrong_number(instance, values), **self._wrong_status(instance, values), **wrong}
        if not wrong and group is not None:
            wrong = self._take(
                instance, {name: values[name] for name in EDITABLE if name != "product_group"} | {"product_group": group}
            )
        if wrong:
            raise ValidationError({name: [sentence] for name, sentence in wrong.items()})
        self.row_name = f"{instance.number} {instance.name}".strip()

    def _wrong_number(self, plan: Plan, values: Mapping[str, Any]) -> dict[str, str]:
        word = values.get("number", "")
        if word and plan.pk is None and not is_new_word(word):
            return {"number": f"There is no plan {word}. Leave the number empty for a new plan, or write {NEW}-1."}
        if self._repeats:
            return {"number": f"{word} stands there twice."}
        if plan.pk is not None:
            first = self._line_of.setdefault(plan.pk, self.line)
            if first != self.line:
                return {"number": f"This plan stands in row {first} already."}
        return {}

    @staticmethod
    def _wrong_status(plan: Plan, values: Mapping[str, Any]) -> dict[str, str]:
        wanted = values.get("status") or ""
        present = plan.get_status_display() if plan.pk is not None else Plan.Status.DRAFT.label
        if not wanted or wanted.casefold() == str(present).casefold():
            return {}
        return {
            "status": f"The plan is {str(present).lower()}. An import neither publishes nor archives; leave this as it is or empty."
        }

    def _take(self, plan: Plan, wanted: dict[str, Any]) -> dict[str, str]:
        """Put what is wanted on the plan, or say what is wrong with which column."""
        for name in ("quantity_is_enabled", "applicable_on_partner_website"):
            if wanted[name] is None:
                wanted[name] = getattr(plan, name)
        is_new = plan.pk is None
        before = dict.fromkeys(EDITABLE) if is_new else {name: self._value(plan, name) for name in EDITABLE}
        if wrong := self._refusals(plan, before, wanted):
            return wrong
        for name, value in wanted.items():
            setattr(plan, name, value)
        self.known.plan_at[wanted["product_group"].pk, plan.name] = plan
        self.changes = [
            (EDITABLE[name], "" if is_new else written(before[name]), written(wanted[name]))
            for name in EDITABLE
            if is_new or before[name] != wanted[name]
        ]
        self.kind = "new" if is_new else "changed" if self.changes else "unchanged"
        if is_new:
            self.added.append(plan)
        elif self.changes:
            self.changed.append(plan)
        return {}

    def _value(self, plan: Plan, name: str) -> Any:
        if name == "venture":
            return self.known.venture_by_id[plan.venture_id]
        if name == "product_group":
            return self.known.group_by_id[plan.product_group_id]
        return getattr(plan, name)

    def _refusals(self, plan: Plan, before: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, str]:
        """What the forms of a plan refuse, a row refuses too."""
        wrong: dict[str, str] = {}
        group = wanted["product_group"]
        owner = self.known.plan_at.get((group.pk, wanted["name"]))
        if owner is not None and owner is not plan:
            wrong["name"] = f"{group} has a plan of this name already."
        if plan.pk is not None and plan.status != Plan.Status.DRAFT:
            wrong |= {name: SETTLED for name in ("venture", "product_group") if before[name] != wanted[name]}
        model = wanted["billing_model"]
        if plan.pk is not None and model != before["billing_model"]:
            if reason := why_no_other_billing_model(plan):
                wrong["billing_model"] = reason
            elif model == Plan.BillingModel.PAY_AS_YOU_GO and self.known.has_prices(plan, today=self.today):
                wrong["billing_model"] = "Withdraw the prices of this plan first; pay-as-you-go is priced by the rate card."
        if wanted["quantity_is_enabled"] and (reason := why_no_quantity(model, module_settings_of(plan))):
            wrong["quantity_is_enabled"] = reason
        return wrong


PLAN_COLUMN = dict(zip(PlanResource.Meta.fields, PLAN_COLUMNS, strict=True))
