"""
How plans and their prices stand in a spreadsheet, as resources of django-import-export.

A resource says for each column how a value is written and how a cell is read, and judges row after row. All it needs to know is
read beforehand (`Known`), so that ten thousand rows ask the database no more than ten. It writes nothing: rows that are new or
changed are collected, and `catalog.operations.plan_sheets` writes them once no row of either page is wrong.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model
from import_export.fields import Field
from import_export.resources import ModelResource
from import_export.results import RowResult

from catalog.models import Plan, PlanPrice, Term
from catalog.operations.plan_cells import Amount, Day, Months, OneOf, Switch, Text
from catalog.operations.plan_known import Known, is_new_word, module_settings_of, word_of
from catalog.operations.plans import why_no_other_billing_model, why_no_quantity
from catalog.operations.prices import NewPrice, PriceRefused, check_price
from catalog.plan_sheets import NEW, NO, PLAN_COLUMNS, PLANS, PRICE_COLUMNS, PRICES, YES, PageLines
from common.sheets import WrongCell, either

LONGEST_DESCRIPTION = 20_000
FARTHEST_YEARS = 5
SETTLED = "It is settled since the plan was published. Duplicate the plan to sell it in another way."
PAST = "A price cannot change in the past; choose today or a later day."

Change = tuple[str, str, str]
"""Column, what was there, what is to be there."""


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """What a row of the file would do. ``kind`` is new, changed or unchanged."""

    page: str
    line: int
    kind: str
    name: str
    changes: tuple[Change, ...] = ()


class _JudgingResource(ModelResource):
    """Reads the cells of a row, judges it and keeps what came of it; nothing is written."""

    page: str

    def __init__(self, *, known: Known | None = None, lines: PageLines | None = None, today: date | None = None) -> None:
        """An export needs none of them, an import all."""
        super().__init__()
        self.lines = lines or PageLines()
        if known is not None and today is not None:
            self.known, self.today = known, today
        self.judged: list[JudgedRow] = []
        self.line = 0
        self.kind, self.changes = "unchanged", list[Change]()

    def before_import_row(self, row: Any, **kwargs: Any) -> None:
        self.line = self.lines.numbers[kwargs["row_number"] - 1]
        self.kind, self.changes = "unchanged", []

    def read_cells(self, row: Any) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the value of each column that reads well, and a sentence for each that does not."""
        values: dict[str, Any] = {}
        wrong: dict[str, str] = {}
        for name, field in self.fields.items():
            try:
                values[name] = field.clean(row)
            except WrongCell as error:
                wrong[name] = str(error)
        return values, wrong

    def validate_instance(self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True) -> None:
        if import_validation_errors:
            raise ValidationError(import_validation_errors)

    def save_instance(self, instance: Any, is_create: bool, row: Any, **kwargs: Any) -> None:
        """Keep the row for the one who writes."""

    def after_import_row(self, row: Any, row_result: RowResult, **kwargs: Any) -> None:
        kinds = {"new": RowResult.IMPORT_TYPE_NEW, "changed": RowResult.IMPORT_TYPE_UPDATE}
        row_result.import_type = kinds.get(self.kind, RowResult.IMPORT_TYPE_SKIP)
        self.judged.append(JudgedRow(self.page, self.line, self.kind, self.row_name(), tuple(self.changes)))

    def row_name(self) -> str:
        raise NotImplementedError


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


class PlanResource(_JudgingResource):
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
        self._plan = Plan()

    def dehydrate_status(self, plan: Plan) -> str:
        return str(plan.get_status_display())

    def dehydrate_billing_model(self, plan: Plan) -> str:
        return str(plan.get_billing_model_display())

    def row_name(self) -> str:
        return f"{self._plan.number} {self._plan.name}".strip()

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
        self._plan = found
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
            (EDITABLE[name], "" if is_new else _written(before[name]), _written(wanted[name]))
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


class PriceResource(_JudgingResource):
    """The page “Prices”. A row says from which day on one currency and term of a plan costs what."""

    page = PRICES
    plan = Field("plan__number", "Plan Number", widget=Text(longest=20, is_required=True))
    currency = Field("currency", "Currency", widget=Text(longest=3, is_required=True))
    term_months = Field("term_months", "Term", widget=Months())
    setup_fee = Field("setup_fee", "Setup Fee", widget=Amount(empty=Decimal(0)))
    price = Field("price", "Price", widget=Amount(is_required=True))
    overage_price = Field("overage_price", "Overage Price (/GB)", widget=Amount())
    valid_from = Field("valid_from", "Valid From", widget=Day())
    valid_until = Field("valid_until", "Valid Until", widget=Day())

    class Meta:
        model = PlanPrice
        fields = export_order = (
            "plan",
            "currency",
            "term_months",
            "setup_fee",
            "price",
            "overage_price",
            "valid_from",
            "valid_until",
        )
        import_id_fields = ("plan", "currency", "term_months", "valid_from")
        use_bulk = True
        skip_diff = True
        report_skipped = True
        force_init_instance = True

    def __init__(self, *, known: Known | None = None, lines: PageLines | None = None, today: date | None = None) -> None:
        super().__init__(known=known, lines=lines, today=today)
        self.added: list[PlanPrice] = []
        self.ended: dict[int, PlanPrice] = {}
        self.corrected: dict[int, PlanPrice] = {}
        self._line_of: dict[tuple[int, str, int, date], int] = {}
        self._name = ""

    def row_name(self) -> str:
        return self._name

    def import_instance(self, instance: PlanPrice, row: Any, **kwargs: Any) -> None:
        values, wrong = self.read_cells(row)
        plan = self._plan(values.get("plan", ""))
        if "plan" in values and plan is None:
            wrong["plan"] = f"There is no plan {values['plan']}."
        if plan is not None and not plan.is_fixed:
            wrong["plan"] = f"{plan} is pay-as-you-go; its prices are on the rate card."
        if not wrong and plan is not None:
            try:
                self._take(plan, values)
            except PriceRefused as refusal:
                wrong[refusal.field] = str(refusal)
        if wrong:
            raise ValidationError({name: [sentence] for name, sentence in wrong.items()})

    def _plan(self, word: str) -> Plan | None:
        return self.known.plans.get(word) or self.known.new_by_word.get(word.upper())

    def _take(self, plan: Plan, values: Mapping[str, Any]) -> None:
        """Put a price among those of its plan, currency and term, as `catalog.operations.prices.write_prices` does one by one."""
        currency, term = values["currency"].upper(), values["term_months"]
        new = NewPrice(currency, term, values["price"], values["setup_fee"], values["overage_price"])
        settings = module_settings_of(plan)
        check_price(new, has_overage_quota=settings is not None and settings.has_overage_quota)
        day = values["valid_from"] or self.today
        first = self._line_of.setdefault((id(plan), currency, term, day), self.line)
        if first != self.line:
            raise PriceRefused("valid_from", f"Row {first} sets a price for this plan, currency, term and day already.")
        self._name = f"{plan.number or 'New'} {plan.name}, {currency}, {Term(term).label}"
        rows = self.known.prices.setdefault((id(plan), currency, term), [])
        self._place(plan, new, rows, day=day, until=values["valid_until"])

    def _place(self, plan: Plan, new: NewPrice, rows: list[PlanPrice], *, day: date, until: date | None) -> None:
        amounts = {"setup_fee": new.setup_fee, "price": new.price, "overage_price": new.overage_price}
        before = next((row for row in rows if row.valid_from <= day and (row.valid_until is None or row.valid_until > day)), None)
        after = next((row.valid_from for row in rows if row.valid_from > day), None)
        self._check_end(day, until, after)
        if before is not None and all(getattr(before, name) == amount for name, amount in amounts.items()):
            self._end(before, until or after)
            return
        self._check_day(day)
        if before is not None and before.valid_from == day:
            self.changes += [
                (PRICE_COLUMN[name], _written(getattr(before, name)), _written(amount))
                for name, amount in amounts.items()
                if getattr(before, name) != amount
            ]
            for name, amount in amounts.items():
                setattr(before, name, amount)
            self.kind = "changed"
            if before.pk is not None:
                self.corrected[before.pk] = before
            self._end(before, until or after)
            return
        if before is not None:
            self._set_end(before, day)
        added = PlanPrice(
            plan=plan, currency=new.currency, term_months=new.term_months, valid_from=day, valid_until=until or after, **amounts
        )
        rows.append(added)
        rows.sort(key=lambda row: row.valid_from)
        self.added.append(added)
        self.kind = "new"
        self.changes = [
            *(
                (PRICE_COLUMN[name], _written(getattr(before, name)) if before else "", _written(amount))
                for name, amount in amounts.items()
            ),
            ("Valid From", "", _written(day)),
            ("Valid Until", "", _written(until or after)),
        ]

    def _check_day(self, day: date) -> None:
        if day < self.today:
            raise PriceRefused("valid_from", PAST)
        if day > date(self.today.year + FARTHEST_YEARS, 12, 31):
            raise PriceRefused("valid_from", "Choose a day within the next five years.")

    @staticmethod
    def _check_end(day: date, until: date | None, after: date | None) -> None:
        if until is None:
            return
        if until <= day:
            raise PriceRefused("valid_until", "It must lie after the day the price begins.")
        if after is not None and until > after:
            raise PriceRefused("valid_until", f"The next price begins on {after}; this one cannot be valid longer.")

    def _end(self, row: PlanPrice, day: date | None) -> None:
        """Let a price that stays end on ``day``."""
        if row.valid_until == day:
            return
        if (day is not None and day < self.today) or (row.valid_until is not None and row.valid_until < self.today):
            raise PriceRefused("valid_until", PAST)
        self.changes.append(("Valid Until", _written(row.valid_until), _written(day)))
        self.kind = "changed"
        self._set_end(row, day)

    def _set_end(self, row: PlanPrice, day: date | None) -> None:
        row.valid_until = day
        if row.pk is not None:
            self.ended[row.pk] = row


PRICE_COLUMN = dict(zip(PriceResource.Meta.fields, PRICE_COLUMNS, strict=True))
PLAN_COLUMN = dict(zip(PlanResource.Meta.fields, PLAN_COLUMNS, strict=True))


def rows_of(resource: _JudgingResource, queryset: Iterable[Model]) -> list[Sequence[Any]]:
    """Return what an export writes of each row, in the order of the page's columns."""
    return list(resource.export(queryset))


def _written(value: Any) -> str:
    """Write a value for the preview."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return YES if value else NO
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, str) and value in Plan.BillingModel.values:
        return str(Plan.BillingModel(value).label)
    return str(value)
