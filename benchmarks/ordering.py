"""
How fast the shop takes orders: the basket, the POST that places an order, and orders a second by four clients at once.

In process, with everything a request meets: middleware, session, templates, PostgreSQL, and for an order the message to the broker.
200 plans are on sale. Four clients are four processes, each with its own connection, placing one order after the other; nobody
carries the orders out meanwhile. The yardsticks are what django-oscar took in process on two cores with its own sandbox shop:
basket 49 ms, 24 orders a second; and for one order what pretix took by its API, 127 ms.

Measured in turns with django-oscar 4.2.1 (its package), over the same PostgreSQL, on two cores that others kept busy: basket 15 ms
(oscar 38), placing 46 ms (oscar 77 to 82), four clients 16 to 20 orders a second (oscar 15 to 22). The clients, PostgreSQL and the
broker share the cores, so orders a second say how much CPU time an order takes: `client_cpu_ms` and what PostgreSQL adds.
"""

import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence

from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Organization, User
from benchmarks._pages import client_of, median, timed
from benchmarks.storefront import basket_of, world
from catalog.models import Plan, TermsDocument

MEASURES = ("ordering.basket_p50_ms", "ordering.place_p50_ms", "ordering.orders_per_s")
OSCAR_BASKET_MS, OSCAR_ORDERS_PER_S, PRETIX_ORDER_MS = 49, 24, 127
ROUNDS = 60
CLIENTS = 4
ORDERS_EACH = 25


def run() -> Iterator[dict[str, object]]:
    """Yield the two medians in milliseconds, with their queries, and the orders a second of four clients."""
    plan, terms, customers = world(1 + ROUNDS + CLIENTS * ORDERS_EACH)
    first, alone, together = customers[0], customers[1 : 1 + ROUNDS], customers[1 + ROUNDS :]
    client, url = client_of(first[0]), reverse("ordering:basket")
    basket_of(first, plan, terms)
    basket = median([timed(lambda: client.get(url), status=200) for _ in range(ROUNDS)])
    with CaptureQueriesContext(connection) as captured:
        client.get(url)
    yield _milliseconds("ordering.basket_p50_ms", basket, OSCAR_BASKET_MS, limit=20, queries=len(captured))
    placed = median([_place(customer, plan, terms) for customer in alone])
    yield _milliseconds("ordering.place_p50_ms", placed, PRETIX_ORDER_MS, limit=40)
    elapsed, spent = _together(together, plan, terms)
    per_second = round(len(together) / elapsed, 1)
    ratio = round(OSCAR_ORDERS_PER_S / per_second, 2)
    yield {
        "name": "ordering.orders_per_s",
        "value": per_second,
        "unit": "orders/s",
        "yardstick": OSCAR_ORDERS_PER_S,
        "ratio": ratio,
        "clients": CLIENTS,
        "cores": os.cpu_count(),
        "client_cpu_ms": round(spent / len(together) * 1000, 1),
    }


def _place(customer: tuple[User, Organization], plan: Plan, terms: TermsDocument) -> float:
    """Return the seconds of the POST that places an order, after the review was shown."""
    client, basket = client_of(customer[0]), basket_of(customer, plan, terms)
    client.get(reverse("ordering:review"))
    return timed(lambda: client.post(reverse("ordering:review"), {"basket": str(basket.key)}), status=302)


def _together(customers: Sequence[tuple[User, Organization]], plan: Plan, terms: TermsDocument) -> tuple[float, float]:
    """
    Return the seconds `CLIENTS` processes took for one order per customer, and their CPU time in all, without PostgreSQL's.

    Baskets are filled, people signed in, and each has looked at its review before.
    """
    keys = [str(basket_of(customer, plan, terms).key) for customer in customers]
    work = [list(zip(customers, keys, strict=True))[n::CLIENTS] for n in range(CLIENTS)]
    connections.close_all()  # children open their own
    context = multiprocessing.get_context("fork")
    ready, start, spent = context.Barrier(CLIENTS + 1), context.Event(), context.Value("d", 0.0)
    children = [context.Process(target=_orders_of, args=(part, ready, start, spent)) for part in work]
    for child in children:
        child.start()
    ready.wait(120)
    begun = time.perf_counter()
    start.set()
    for child in children:
        child.join(300)
    elapsed = time.perf_counter() - begun
    if any(child.exitcode != 0 for child in children):
        raise RuntimeError("A client did not place all of its orders.")
    return elapsed, spent.value


def _orders_of(work, ready, start, spent) -> None:  # type: ignore[no-untyped-def]
    url = reverse("ordering:review")
    clients = [(client_of(customer[0]), key) for customer, key in work]
    for client, _ in clients:
        client.get(url)  # each looks at its review first; a client in process also loads the middleware on its first request
    ready.wait(120)
    start.wait(120)
    begun = time.process_time()
    for client, key in clients:
        timed(lambda: client.post(url, {"basket": key}), status=302)  # noqa: B023  called at once
    with spent.get_lock():
        spent.value += time.process_time() - begun


def _milliseconds(name: str, value: float, yardstick: float, **more: object) -> dict[str, object]:
    return {"name": name, "value": value, "unit": "ms", "yardstick": yardstick, "ratio": round(value / yardstick, 2), **more}
