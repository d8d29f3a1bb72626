"""What holds whatever the figures: tiers, minimums, shares of a month, and every day of a life billed once. Plain values."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from billing import fixed, prepaid
from billing.fixed import DatedPrice
from billing.measuring import Measured, Reading, measured_of
from billing.queries.sold import Phase, Sold
from billing.rating import Charge, PriceChain, RateTerms, Stretch, Tariff, Tier, commitment, rate
from catalog.pricing import Level
from common.money import round_money
from common.periods import Period
from tests.billing.making import OCTOBER
from tests.billing.scenarios.figures import cents, chain, next_month

CHAIN = PriceChain("EUR", "EUR", Decimal(1), Decimal(0), Decimal(0), Decimal(0), Level.MSP)
QUANTITIES = st.decimals(min_value=0, max_value=10**7, places=10)
PRICES = st.decimals(min_value=0, max_value=1000, places=6)
BOUNDS = st.lists(st.decimals(min_value="0.1", max_value=10**6, places=3), max_size=4, unique=True).map(sorted)
LIVES = st.integers(min_value=0, max_value=400)
FIRST = date(2027, 8, 1)


def used(quantity: Decimal, *, day: date = OCTOBER.last_day) -> Measured:
    """A level of a counted item on one day."""
    return measured_of([Reading(day, quantity, quantity, 1, 2)], item="vms", edition="", measurement_unit="")


def tiers(bounds: Sequence[Decimal], prices: Sequence[Decimal]) -> tuple[Tier, ...]:
    edges = [Decimal(0), *bounds, None]
    return tuple(Tier(lower, upper, Decimal(0), price) for (lower, upper), price in zip(pairwise(edges), prices, strict=False))


def terms(mode: str, of: tuple[Tier, ...]) -> RateTerms:
    return RateTerms("vms", "", "unit", Decimal(0), of[0].price, "last", "card", "EUR", Decimal(1), "EUR", mode, of)


def cost(quantity: Decimal, rate_terms: RateTerms, stretch: Stretch | None = None) -> Fraction:
    found = rate([used(quantity)], Tariff([rate_terms], CHAIN), stretch or Stretch(OCTOBER)).charges
    assert sum((charge.quantity for charge in found), Decimal(0)) <= quantity
    return sum((Fraction(charge.net_unrounded) for charge in found), Fraction(0))


def integral(quantity: Decimal, of: Sequence[Tier]) -> Fraction:
    """Add up each tier's price for what lies in it."""
    found = Fraction(0)
    for tier in of:
        upper = quantity if tier.upper is None else min(quantity, tier.upper)
        found += max(Fraction(upper) - Fraction(tier.lower), Fraction(0)) * Fraction(tier.price)
    return found


@given(QUANTITIES, BOUNDS, st.lists(PRICES, min_size=5, max_size=5))
def test_graduated_tiers_cost_the_area_under_their_prices(quantity: Decimal, bounds: list[Decimal], prices: list[Decimal]) -> None:
    of = tiers(bounds, prices)

    assert cost(quantity, terms("graduated", of)) == integral(quantity, of)


@given(QUANTITIES, QUANTITIES, BOUNDS, st.lists(PRICES, min_size=5, max_size=5))
def test_more_use_never_costs_less_along_graduated_tiers(
    one: Decimal, other: Decimal, bounds: list[Decimal], prices: list[Decimal]
) -> None:
    graduated = terms("graduated", tiers(bounds, prices))

    assert cost(min(one, other), graduated) <= cost(max(one, other), graduated)


@given(QUANTITIES, BOUNDS, st.lists(PRICES, min_size=5, max_size=5))
def test_volume_costs_all_at_the_price_of_the_tier_that_is_reached(
    quantity: Decimal, bounds: list[Decimal], prices: list[Decimal]
) -> None:
    reached = prices[sum(1 for bound in bounds if quantity > bound)]

    assert cost(quantity, terms("volume", tiers(bounds, prices))) == Fraction(quantity) * Fraction(reached)


@given(QUANTITIES, QUANTITIES, PRICES)
def test_what_is_included_is_free_and_the_rest_is_paid(quantity: Decimal, included: Decimal, price: Decimal) -> None:
    stretch = Stretch(OCTOBER, included={("vms", ""): included})

    found = cost(quantity, terms("", (Tier(Decimal(0), None, Decimal(0), price),)), stretch)

    assert found == max(Fraction(quantity) - Fraction(included), Fraction(0)) * Fraction(price)


@given(QUANTITIES, QUANTITIES, BOUNDS, st.lists(PRICES, min_size=5, max_size=5), st.integers(1, 30))
def test_a_month_cut_in_two_at_the_same_rates_costs_what_it_does_whole(
    quantity: Decimal, included: Decimal, bounds: list[Decimal], prices: list[Decimal], cut: int
) -> None:
    graduated = terms("graduated", tiers(bounds, prices))
    free = {("vms", ""): included}
    middle = OCTOBER.start + timedelta(days=cut)
    parts = [Period(OCTOBER.start, middle), Period(middle, OCTOBER.end)]

    cut_in_two = sum(cost(quantity, graduated, Stretch(part, Fraction(part.days, 31), free)) for part in parts)

    # Quantities and bounds are brought to ten decimals: so much of the dearest price may lie between.
    assert abs(cut_in_two - cost(quantity, graduated, Stretch(OCTOBER, included=free))) <= Fraction(1, 10**9) * 10 * 1000


@given(
    st.lists(st.decimals(min_value=0, max_value=1000, places=4), max_size=4),
    st.decimals(min_value="0.01", max_value=5000, places=2),
    st.integers(1, 31),
    st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_with_the_minimum_a_month_costs_the_larger_of_the_two(
    nets: list[Decimal], amount: Decimal, days: int, currency: str
) -> None:
    along = PriceChain("EUR", currency, Decimal("1.37"), Decimal(10), Decimal(25), Decimal(0), Level.RETAIL)
    billed = [Charge("x", "", Decimal(1), "unit", net, net, None, {}) for net in nets]

    found = commitment(amount, "EUR", along, billed, days, 31)

    least = cents(chain(Fraction(amount), discount=10, markup=25) * Fraction("1.37") * days / 31, currency)
    lines = sum((round_money(net, currency) for net in nets), Decimal(0))
    assert lines + (round_money(found.net_unrounded, currency) if found else 0) == max(least, lines)


# --- Every day once -----------------------------------------------------------------------------------------------------------


def sold(model: str, changes: Sequence[int], trial: int | None, ended: int | None) -> Sold:
    """A life that begins on FIRST, changes after so many days each, and ends after ``ended``."""
    days = sorted({0, *changes})
    phases = [
        Phase(FIRST + timedelta(days=day), "Plan", 1, number + 1, 1, None, Decimal(0), Decimal(0), Decimal(0))
        for number, day in enumerate(days)
    ]
    return Sold(
        pk=1,
        number="S1",
        billing_model=model,
        tenant_id=1,
        service_manager_id=1,
        consumer_id=1,
        consumer_name="C",
        buyer_id=1,
        venture_id=1,
        started_on=FIRST,
        charged_from=FIRST + timedelta(days=trial or 0),
        ends_on=None if ended is None else FIRST + timedelta(days=ended),
        order_key="",
        phases=phases,
    )


def prices_of(one: Sold) -> list[DatedPrice]:
    return [
        DatedPrice(phase.valid_from, "EUR", Decimal(1000), Decimal(0), quantity=phase.quantity, term_months=phase.term_months)
        for phase in one.phases
    ]


def expected_days(one: Sold, until: date) -> Counter[date]:
    end = min(one.ends_on or until, until)
    return Counter(one.charged_from + timedelta(days=n) for n in range(max((end - one.charged_from).days, 0)))


def charged_days(charges: Sequence[fixed.FixedCharge]) -> Counter[date]:
    found: Counter[date] = Counter()
    for one in charges:
        start, end = map(date.fromisoformat, one.charge.working["period"])
        found.update(Period(start, end))
    return found


CHANGES = st.lists(LIVES, max_size=5)


@settings(deadline=None)
@given(CHANGES, st.none() | st.integers(0, 60), st.none() | LIVES)
def test_months_bill_every_day_of_a_life_once(changes: list[int], trial: int | None, ended: int | None) -> None:
    one = sold("postpaid_fixed", changes, trial, ended)
    at_prices = fixed.Terms(one.charged_from, "msp", prices_of(one))
    by_price: Counter[date] = Counter()
    by_phase: Counter[date] = Counter()

    month, until = Period.month_of(FIRST), date(2028, 11, 1)
    while month.start < until:
        if (part := one.billed_part(month)) is not None:
            by_price += charged_days(fixed.charges(at_prices, part))
            for _, days in one.by_phase(part):
                by_phase.update(days)
        month = Period.month_of(next_month(month.start))

    assert by_price == by_phase == expected_days(one, until)


@settings(deadline=None)
@given(CHANGES, st.lists(st.sampled_from([1, 3, 6, 12, 24, 36]), min_size=6, max_size=6), st.none() | LIVES, st.integers(1, 31))
def test_prepaid_terms_bill_every_day_of_a_life_once(changes: list[int], lengths: list[int], ended: int | None, first: int) -> None:
    one = sold("prepaid", changes, first - 1, ended)
    prices = [
        DatedPrice(price.valid_from, "EUR", price.price, price.setup_fee, quantity=price.quantity, term_months=length)
        for price, length in zip(prices_of(one), lengths, strict=False)
    ]
    until = FIRST + timedelta(days=500)

    found: Counter[date] = Counter()
    for term in prepaid.terms(prices, one.charged_from, until):
        found += charged_days(prepaid.charges(term, prices, level="msp", ended_on=one.ends_on or until))

    assert found == expected_days(one, until)
