"""
The grid, through the database: what runs, renewals and advance invoices write, each net, tax and gross to the minor unit.

Fifteen combinations of day and currency, in which every billing model and term meets every day and currency; each is sold to a
direct customer and to a reseller's. Expected figures come from `figures`, which knows nothing of billing.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from accounts.models import Organization
from billing.models import ExchangeRate, Invoice, ParkedAccount, Subscription
from billing.operations.renewals import AdvanceLine, invoice_in_advance, renew_due
from catalog.models import Plan
from catalog.pricing import Level
from catalog.queries.offers import SoldPrice
from common.periods import Period
from tests import factories
from tests.billing.making import GIB, OCTOBER, move, rate_card, sold_at, subscribe, use
from tests.billing.scenarios.figures import Total, cents, chain, half_up, later, months_of_fixed_price, total
from tests.billing.scenarios.scenes import DECEMBER_1, NOVEMBER, bill, rows
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

DAYS, CURRENCIES, TERMS = (1, 15, 29, 30, 31), ("EUR", "JPY", "KWD"), (1, 12, 36)
MODELS = ("pay_as_you_go", "postpaid_fixed", "prepaid")
QUANTITY = 2
MONTHLY = {  # a month of one unit, by level
    "EUR": {Level.MSP: "19.99", Level.WHOLESALE: "17.39", Level.RETAIL: "22.85"},
    "JPY": {Level.MSP: "2999", Level.WHOLESALE: "2609", Level.RETAIL: "3427"},
    "KWD": {Level.MSP: "6.495", Level.WHOLESALE: "5.651", Level.RETAIL: "7.425"},
}
SETUP = {"EUR": "10.05", "JPY": "1505", "KWD": "3.333"}
RATES = {"EUR": "1", "JPY": "163.27", "KWD": "0.33518"}
PER_GIB = "0.0731"
PERCENTS = {
    Level.MSP: {},
    Level.WHOLESALE: {"discount": 13},
    Level.RETAIL: {"discount": 13, "markup": 37, "retail_discount": 4},
}


@dataclass(frozen=True)
class Case:
    number: int
    model: str
    term: int
    start: date
    currency: str

    @property
    def bytes_used(self) -> int:
        return 333 * GIB + 1_234_567 * self.number

    def price(self, level: Level) -> Fraction:
        """Of one unit and the term."""
        return Fraction(MONTHLY[self.currency][level]) * self.term

    def sold(self, level: Level) -> SoldPrice:
        price = Decimal(MONTHLY[self.currency][level]) * self.term
        return sold_at(str(price), level=level, currency=self.currency, setup_fee=SETUP[self.currency])

    # --- What it costs, worked out ---

    def of_use(self, level: Level) -> Decimal:
        unit_price = half_up(chain(Fraction(PER_GIB), **PERCENTS[level]) * Fraction(RATES[self.currency]), 10)
        quantity = half_up(Fraction(self.bytes_used, GIB), 10)
        return cents(Fraction(unit_price) * Fraction(quantity), self.currency)

    def setup(self) -> Decimal:
        return cents(Fraction(SETUP[self.currency]) * QUANTITY, self.currency)

    def of_month(self, level: Level, number: int) -> list[Decimal]:
        """The lines of its first calendar month, or its second: ``number`` 0 or 1."""
        if self.model == "pay_as_you_go":
            return [self.of_use(level)]
        if self.model == "prepaid":
            return []
        of_price = months_of_fixed_price(self.price(level) * QUANTITY, self.term, self.start, 2, self.currency)
        return [of_price[number], *([self.setup()] if number == 0 else [])]

    def of_term(self, level: Level) -> Decimal:
        return cents(self.price(level) * QUANTITY, self.currency)

    def terms_renewed_until(self, day: date) -> int:
        """How many terms after the first begin on ``day`` or before."""
        return sum(1 for number in range(1, 4) if later(self.start, number * self.term) <= day)


CASES = [
    Case(5 * c + d, MODELS[(d + c) % 3], TERMS[(d + 2 * c) % 3], date(2026, 10, day), currency)
    for d, day in enumerate(DAYS)
    for c, currency in enumerate(CURRENCIES)
]


def test_the_cases_bring_every_two_values_of_the_axes_together() -> None:
    axes = [("model", MODELS), ("term", TERMS), ("start", [date(2026, 10, day) for day in DAYS]), ("currency", CURRENCIES)]
    for one, values in axes:
        for other, others in axes:
            met = {(getattr(case, one), getattr(case, other)) for case in CASES}
            assert one == other or len(met) == len(values) * len(others), (one, other)


def test_every_invoice_of_the_grid_is_right_to_the_minor_unit(personas: Personas) -> None:
    msp = personas.msp
    plans = _plans()
    resellers = {currency: factories.ResellerFactory(currency=currency) for currency in CURRENCIES}
    direct = [_sell(case, plans, None) for case in CASES]
    sold_on = [_sell(case, plans, resellers[case.currency]) for case in CASES]

    for period in (OCTOBER, NOVEMBER):
        for seller in (msp, *resellers.values()):
            bill(seller, period)
    renew_due(at=DECEMBER_1)

    assert not ParkedAccount.objects.exists()
    for number, period in enumerate((OCTOBER, NOVEMBER)):
        to_direct = {one: case.of_month(Level.MSP, number) for case, one in zip(CASES, direct, strict=True)}
        assert _monthly(period, buyer__in=direct) == _totals(to_direct.items())
        to_customers = {one: case.of_month(Level.RETAIL, number) for case, one in zip(CASES, sold_on, strict=True)}
        assert _monthly(period, buyer__in=sold_on) == _totals(to_customers.items())
        to_resellers = {
            reseller: [net for case in CASES if case.currency == currency for net in case.of_month(Level.WHOLESALE, number)]
            for currency, reseller in resellers.items()
        }
        assert _monthly(period, buyer__in=to_resellers) == {
            reseller: total(nets, reseller.currency) for reseller, nets in to_resellers.items()
        }
    _check_prepaid(direct, Level.MSP)
    _check_prepaid(sold_on, Level.RETAIL)
    _check_prepaid_wholesale(resellers)

    before = rows()
    for seller in (msp, *resellers.values()):
        bill(seller, NOVEMBER)
    assert renew_due(at=DECEMBER_1) == 0
    assert rows() == before


def _plans() -> dict[str, Plan]:
    by_use = factories.PlanFactory()
    rate_card(by_use.product_group, {"pg_base_storage": (PER_GIB, "GiB", "last")})
    for currency in ("JPY", "KWD"):
        ExchangeRate.objects.create(base="EUR", quote=currency, valid_from=date(2026, 1, 1), rate=Decimal(RATES[currency]))
    return {
        "pay_as_you_go": by_use,
        "postpaid_fixed": factories.FixedPlanFactory(),
        "prepaid": factories.FixedPlanFactory(billing_model="prepaid"),
    }


def _sell(case: Case, plans: dict[str, Plan], reseller: Organization | None) -> Organization:
    """Sell ``case`` to a customer of its own, of the MSP or of ``reseller``."""
    of = {"parent": reseller} if reseller else {}
    consumer = factories.OrganizationFactory(currency=case.currency, **of)
    plan = plans[case.model]
    levels = [Level.WHOLESALE, Level.RETAIL] if reseller else [Level.MSP]
    prices = [case.sold(level) for level in levels]
    facts = {"started_on": case.start, "billing_model": case.model, "term_months": case.term}
    if case.model == "pay_as_you_go":
        percents = PERCENTS[levels[-1]]
        subscription = subscribe(
            consumer,
            plan,
            partner_discount_percent=percents.get("discount", 0),
            retail_markup_percent=percents.get("markup", 0),
            retail_discount_percent=percents.get("retail_discount", 0),
            **facts,
        )
        use(subscription, case.bytes_used, days=[OCTOBER.last_day, NOVEMBER.last_day])
        return consumer
    key = f"O{consumer.number}/1" if case.model == "prepaid" else ""
    if key:
        line = AdvanceLine(key, consumer, plan, plan.name, QUANTITY, case.term, prices)
        invoice_in_advance([line], at=datetime(2026, 10, case.start.day, 9, tzinfo=UTC), by=None)
    subscription = subscribe(consumer, plan, quantity=QUANTITY, order_key=key, **facts)
    move(subscription, *prices, valid_from=case.start)
    return consumer


def _monthly(period: Period, **which: Any) -> dict[Organization, Total]:
    invoices = Invoice.objects.filter(kind="monthly", period_start=period.start, **which).select_related("buyer")
    found = {one.buyer: Total(one.net, one.tax, one.gross) for one in invoices}
    assert len(found) == invoices.count(), "one invoice per buyer and month"
    return found


def _totals(owed: Iterable[tuple[Organization, list[Decimal]]]) -> dict[Organization, Total]:
    return {buyer: total(nets, buyer.currency) for buyer, nets in owed if nets}


def _invoices(kind: str, buyer: Organization) -> list[Total]:
    found = Invoice.objects.issued().filter(kind=kind, buyer=buyer).order_by("pk")
    return [Total(one.net, one.tax, one.gross) for one in found]


def _check_prepaid(consumers: list[Organization], level: Level) -> None:
    """Each was invoiced its first term with the setup fee, and then what begins until two weeks after 1 December."""
    for case, consumer in zip(CASES, consumers, strict=True):
        if case.model != "prepaid":
            continue
        first = total([case.of_term(level), case.setup()], case.currency)
        renewed = [case.of_term(level)] * case.terms_renewed_until(date(2026, 12, 15))
        assert _invoices("advance", consumer) == [first], case
        assert _invoices("renewal", consumer) == ([total(renewed, case.currency)] if renewed else []), case
        assert Subscription.objects.filter(consumer=consumer).count() == 1


def _check_prepaid_wholesale(resellers: dict[str, Organization]) -> None:
    for currency, reseller in resellers.items():
        of_reseller = [case for case in CASES if case.model == "prepaid" and case.currency == currency]
        firsts = [total([case.of_term(Level.WHOLESALE), case.setup()], currency) for case in of_reseller]
        assert sorted(_invoices("advance", reseller)) == sorted(firsts)
        renewed: dict[int, list[Decimal]] = defaultdict(list)
        for case in of_reseller:
            for _ in range(case.terms_renewed_until(date(2026, 12, 15))):
                renewed[case.number].append(case.of_term(Level.WHOLESALE))
        assert sorted(_invoices("renewal", reseller)) == sorted(total(nets, currency) for nets in renewed.values())
