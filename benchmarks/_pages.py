"""What benchmarks of pages share: a signed-in browser in process, and how long an answer takes."""

import statistics
import time
from collections.abc import Callable

from django.http import HttpResponse
from django.test import Client

from accounts.models import User


def client_of(user: User) -> Client:
    client = Client(SERVER_NAME="localhost")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def timed(ask: Callable[[], HttpResponse], *, status: int) -> float:
    """Return the seconds an answer took; it must be the expected one."""
    started = time.perf_counter()
    answer = ask()
    elapsed = time.perf_counter() - started
    if answer.status_code != status:
        raise RuntimeError(f"Answered {answer.status_code} instead of {status}.")
    return elapsed


def median(seconds: list[float]) -> float:
    """Return the median in milliseconds; the first three rounds load templates."""
    return round(statistics.median(seconds[3:]) * 1000, 1)
