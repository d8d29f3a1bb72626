"""Locks that live in the database session."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from common.locks import Busy, alone, held

WHAT = 990


@pytest.mark.django_db(transaction=True)
def test_what_one_session_holds_is_told_and_refused_to_another() -> None:
    def from_outside() -> tuple[frozenset[int], bool]:
        try:
            with alone(WHAT, 5):
                return held(WHAT), True
        except Busy:
            return held(WHAT), False
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other:
        with alone(WHAT, 5), alone(WHAT, 7), alone(WHAT + 1, 9):
            assert other.submit(from_outside).result(30) == ({5, 7}, False)
        assert other.submit(from_outside).result(30) == ({5}, True)

    assert held(WHAT) == frozenset()
