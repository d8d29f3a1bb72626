"""How many calls to one vendor are under way at a time, whoever makes them."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from provisioning import slots
from provisioning.acronis import TooManyCalls
from provisioning.locks import CALL

MANAGER, OTHER = 7_000_001, 7_000_002


class Clock:
    """Time passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def elsewhere(db: None) -> Iterator[BaseDatabaseWrapper]:
    """Another worker's database session."""
    other = connection.copy()
    yield other
    other.close()


def take_all(session: BaseDatabaseWrapper, count: int, *, manager: int = MANAGER) -> None:
    with session.cursor() as cursor:
        for number in range(count):
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [CALL, manager * slots.MOST + number])


def slot(manager: int = MANAGER, *, limit: int = 2, patience: float = 1.0, waits: list[float] | None = None):
    clock = Clock()
    waited = (lambda seconds: None) if waits is None else waits.append
    return slots.slot(manager, limit=limit, patience=patience, waited=waited, sleep=clock.sleep, clock=clock)


def held() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid BETWEEN %s AND %s",
            [CALL, MANAGER * slots.MOST, MANAGER * slots.MOST + slots.MOST - 1],
        )
        return int(cursor.fetchone()[0])


def test_a_slot_is_held_for_the_block_and_given_back_even_if_it_fails(db):
    with slot():
        inside = held()
    with pytest.raises(ValueError, match="ours"), slot():
        raise ValueError("ours")

    assert (inside, held()) == (1, 0)


def test_the_last_free_slot_is_found_wherever_it_is(elsewhere):
    take_all(elsewhere, 7)

    for _ in range(5):
        with slot(limit=8):
            assert held() == 8


def test_when_all_are_taken_a_call_waits_and_gives_up(elsewhere):
    take_all(elsewhere, 2)
    waits: list[float] = []

    with pytest.raises(TooManyCalls) as refusal, slot(waits=waits):
        raise AssertionError("it must not come in")

    assert refusal.value.retryable
    assert not refusal.value.outcome_unknown
    assert [1.0 <= seconds <= 1.1 for seconds in waits] == [True]
    assert held() == 2


def test_a_slot_that_becomes_free_meanwhile_is_taken(elsewhere):
    take_all(elsewhere, 2)
    clock, waits = Clock(), []

    def somebody_is_done(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.now > 0.3:
            with elsewhere.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [CALL, MANAGER * slots.MOST + 1])

    with slots.slot(MANAGER, limit=2, patience=1.0, waited=waits.append, sleep=somebody_is_done, clock=clock):
        pass

    assert 0.3 < waits[0] < 0.5


def test_a_killed_workers_slots_are_free_at_once(elsewhere):
    take_all(elsewhere, 2)

    elsewhere.close()
    deadline = time.monotonic() + 10
    while held() and time.monotonic() < deadline:  # the server notices within moments
        time.sleep(0.01)

    with slot():
        assert held() == 1


def test_service_managers_do_not_wait_for_each_other(elsewhere):
    take_all(elsewhere, 2)

    with slot(OTHER):
        assert held() == 2


def test_a_raised_limit_counts_from_the_next_call_on(elsewhere):
    take_all(elsewhere, 2)

    with pytest.raises(TooManyCalls), slot(limit=2):
        pass
    with slot(limit=3):
        assert held() == 3


@pytest.mark.django_db(transaction=True)
def test_an_answer_is_not_lost_with_the_database_session():
    with slot():
        connection.connection.close()
        answer = "created"
    connection.close()

    assert answer == "created"
    assert held() == 0


@pytest.mark.django_db(transaction=True)
def test_threads_are_never_inside_at_once_in_greater_number_than_the_limit():
    lock, inside, most, failures = threading.Lock(), [0], [0], []

    def call() -> None:
        try:
            for _ in range(5):
                with slots.slot(MANAGER, limit=3, patience=30.0, waited=lambda seconds: None):
                    with lock:
                        inside[0] += 1
                        most[0] = max(most[0], inside[0])
                    time.sleep(0.005)
                    with lock:
                        inside[0] -= 1
        except BaseException as error:
            failures.append(error)
            raise
        finally:
            connection.close()

    with ExitStack() as stack:
        for _ in range(8):
            thread = threading.Thread(target=call)
            thread.start()
            stack.callback(thread.join, 60)

    assert failures == []
    assert most[0] == 3
    assert held() == 0
