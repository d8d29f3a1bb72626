"""The page “Prices” of the spreadsheet, as a resource of django-import-export."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from import_export.fields import Field

from catalog.models import Plan, PlanPrice, Term
from catalog.operations.judged_rows import JudgingResource, written
from catalog.operations.plan_cells import Amount, Day, Months, Text
from catalog.operations.plan_known import Known, module_settings_of
from catalog.operations.prices import NewPrice, PriceRefused, check_price
from catalog.plan_sheets import PRICE_COLUMNS, PRICES, PageLines

FARTHEST_YEARS = 5
PAST = "A price cannot change in the past; choose today or a later day."


class PriceResource(JudgingResource):
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
        self.row_name = f"{plan.number or 'New'} {plan.name}, {currency}, {Term(term).label}"
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
                (PRICE_COLUMN[name], written(getattr(before, name)), written(amount))
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
                (PRICE_COLUMN[name], written(getattr(before, name)) if before else "", written(amount))
                for name, amount in amounts.items()
            ),
            ("Valid From", "", written(day)),
            ("Valid Until", "", written(until or after)),
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
        self.changes.append(("Valid Until", written(row.valid_until), written(day)))
        self.kind = "changed"
        self._set_end(row, day)

    def _set_end(self, row: PlanPrice, day: date | None) -> None:
        row.valid_until = day
        if row.pk is not None:
            self.ended[row.pk] = row


PRICE_COLUMN = dict(zip(PriceResource.Meta.fields, PRICE_COLUMNS, strict=True))
