"""Money spread over what is open: never above either side, and an account that adds up wherever its period begins."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.allocating import PaymentState, payment_state, spread
from billing.queries.payments import BUCKETS, bucket_of
from billing.queries.statements import Kind, Movement, run

AMOUNTS = st.integers(0, 1_000_000).map(lambda cents: Decimal(cents) / 100)
OPENS = st.lists(AMOUNTS, max_size=8)
DAYS = st.dates(date(2026, 1, 1), date(2026, 12, 31))


@given(AMOUNTS, OPENS)
def test_shares_exceed_neither_the_payment_nor_an_invoice(amount: Decimal, opens: list[Decimal]) -> None:
    shares = spread(amount, list(enumerate(opens)))

    assert sum(share for _, share in shares) == min(amount, sum(opens))
    assert all(0 < share <= opens[index] for index, share in shares)


@given(AMOUNTS, OPENS)
def test_a_later_invoice_gets_something_only_where_the_earlier_ones_are_paid(amount: Decimal, opens: list[Decimal]) -> None:
    shares = dict(spread(amount, list(enumerate(opens))))

    reached = max(shares, default=0)
    assert all(shares.get(index, Decimal(0)) == opens[index] for index in range(reached))


@given(OPENS, st.lists(AMOUNTS, max_size=8))
def test_payments_one_after_the_other_leave_what_the_account_says(opens: list[Decimal], payments: list[Decimal]) -> None:
    """What is open less what is left of the payments is the closing balance of the statement of account."""
    day = date(2026, 11, 1)
    left, credit = dict(enumerate(opens)), Decimal(0)
    for amount in payments:
        shares = spread(amount, list(left.items()))
        for index, share in shares:
            left[index] -= share
        credit += amount - sum(share for _, share in shares)
    movements = [Movement(day, Kind.INVOICE, "", amount) for amount in opens]
    movements += [Movement(day, Kind.PAYMENT, "", -amount) for amount in payments]

    assert run(movements, day, day).closing == sum(left.values()) - credit


@given(
    st.lists(st.tuples(DAYS, st.sampled_from(list(Kind)), st.integers(-100_000, 100_000).map(lambda cents: Decimal(cents) / 100))),
    DAYS,
    DAYS,
    DAYS,
)
def test_a_period_cut_in_two_ends_as_the_whole(
    told: list[tuple[date, Kind, Decimal]], first: date, middle: date, last: date
) -> None:
    first, middle, last = sorted((first, middle, last))
    movements = [Movement(day, kind, "", amount) for day, kind, amount in told]

    whole, before = run(movements, first, last), run(movements, first, middle)
    after = run(movements, middle + timedelta(days=1), last)

    assert before.closing == after.opening
    assert whole.closing == after.closing
    assert whole.closing == sum((one.amount for one in movements if one.day <= last), Decimal(0))
    assert [line.balance for line in whole.lines] == [line.balance for line in (*before.lines, *after.lines)]


@pytest.mark.parametrize(
    ("gross", "credited", "left", "is_overdue", "state"),
    [
        ("100", "0", "100", False, PaymentState.UNPAID),
        ("100", "0", "60", False, PaymentState.PARTLY_PAID),
        ("100", "40", "60", False, PaymentState.UNPAID),
        ("100", "40", "50", False, PaymentState.PARTLY_PAID),
        ("100", "0", "60", True, PaymentState.OVERDUE),
        ("100", "0", "0", True, PaymentState.PAID),
        ("100", "40", "0", False, PaymentState.PAID),
        ("100", "100", "0", True, PaymentState.CREDITED),
        ("0", "0", "0", True, PaymentState.PAID),
        ("-5", "0", "0", True, PaymentState.CREDIT),
    ],
)
def test_an_invoice_stands_as_its_amounts_say(gross: str, credited: str, left: str, is_overdue: bool, state: PaymentState) -> None:
    amounts = {"gross": Decimal(gross), "credited": Decimal(credited), "open_amount": Decimal(left)}

    assert payment_state(**amounts, is_overdue=is_overdue) == state


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (-5, "Not due"),
        (0, "Not due"),
        (1, "1–30 days"),
        (30, "1–30 days"),
        (31, "31–60 days"),
        (60, "31–60 days"),
        (61, "61–90 days"),
        (90, "61–90 days"),
        (91, "Over 90 days"),
    ],
)
def test_what_is_open_is_put_where_its_age_belongs(days: int, words: str) -> None:
    assert BUCKETS[bucket_of(days)] == words
