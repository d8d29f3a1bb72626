"""
Invented requests to every address of the API by which programs order: whatever comes in, the answer is one that is described.

Some requests follow the description, some go against it, and some would succeed but for a few strange values, so that they get
past the first look. They are the same in each run; `FUZZ_EXAMPLES=300` in the environment asks for more of them.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import datetime
from functools import cache
from typing import Any

import pytest
import schemathesis
from django.core.cache import cache as django_cache
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, BaseSchema, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from common import clock
from config.api.views import document
from tests import factories
from tests.ordering.amend import LATER, subscribed
from tests.ordering.api import Programs
from tests.ordering.conftest import Shop
from tests.sandbox.fuzz import bend, places

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_worker", "every_login_is_free")]
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "10"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
PREFIX = "/api/v1/"
ROOMS = ("orders", "services", "terms", "logins")
OPERATIONS = [
    (path, method)
    for path, methods in document()["paths"].items()
    for method in methods
    if path.removeprefix(PREFIX).startswith(ROOMS)
]


@cache
def schema() -> BaseSchema:
    return schemathesis.openapi.from_dict(document())


class World:
    """Orders and services of a reseller's customer, a request to each address that succeeds, and the words that mean something."""

    def __init__(self, shop: Shop) -> None:
        p = shop.personas
        self.programs = Programs(shop)
        plan = shop.fixed_plan(name="Backup 50 GB")
        factories.PartnerTermsFactory(reseller=p.reseller, plan=plan)
        factories.PartnerPriceFactory(reseller=p.reseller, plan=plan)
        service = subscribed(plan, p.resellers_customer)
        order = shop.order(owner=p.alice, buyer=p.reseller, consumer=self.programs.sibling)
        order.lines.update(status="failed")
        type(order).objects.update(status="failed")
        change = {"kind": "quantity", "quantity": 2}
        quote = self.programs.post("alice", f"services/{service.number}/quote", change).json()["quote"]
        other = factories.OrganizationFactory(parent=p.reseller)
        self.sound: dict[str, Any] = {
            "logins/check": {"login": "jane.doe", "plan": plan.number},
            "orders": self.programs.wish(plan=plan, consumer=other, login="john.doe", line={"quantity": 2, "term_months": 12}),
            "orders/{number}/decline": {"reason": "No."},
            "services/{number}/quote": change,
            "services/{number}/changes": {**change, "quote": quote},
        }
        self.numbers = {"orders": [order.number], "services": [service.number]}
        self.known: dict[str, list[Any]] = {
            "plan": [plan.number, shop.plan.number],
            "consumer": [other.number, p.resellers_customer.number, p.direct_customer.number, p.reseller.number],
            "kind": ["quantity", "plan", "term", "cancel"],
            "quote": [quote],
            "accepted_terms": [[shop.terms.pk]],
            "ends": ["now", "at_end_of_term"],
            "quantity": [1, 2, 3],
            "term_months": [1, 12],
        }
        self.application = WSGIHandler()

    def send(self, case: Case, who: str) -> Any:
        """Send a request, and put back whatever it did."""
        headers = {"Authorization": f"Bearer {self.programs.secret_of(who)}"}
        before = transaction.savepoint()
        try:
            with _connected():
                return case.call(base_url="http://testserver", headers=headers, app=self.application)
        finally:
            transaction.savepoint_rollback(before)


@contextmanager
def _connected() -> Iterator[None]:
    """Keep the connection of the test, in whose transaction the world is, as Django's own test client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


@pytest.fixture
def world(shop: Shop, monkeypatch: pytest.MonkeyPatch, settings: Any) -> World:
    def now() -> datetime:
        return LATER

    django_cache.clear()
    settings.API_REQUESTS_PER_MINUTE = 10**9
    monkeypatch.setattr(clock, "now", now)
    return World(shop)


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=[f"{method} {path}" for path, method in OPERATIONS])
def test_invented_requests_are_answered_as_described(world: World, path: str, method: str) -> None:
    answered = attempt(world, path, method)

    assert answered
    assert max(answered) < 500


def attempt(world: World, path: str, method: str) -> set[int]:
    """Send some requests to one address, hold each answer against the description, and return which statuses there were."""
    answered = set()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(case=requests(schema()[path][method.upper()], world), who=st.sampled_from(["alice", "msp", "carol"]))
    def answers_as_described(case: Case, who: str) -> None:
        answer = world.send(case, who)
        answered.add(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    test: Callable[[], None] = answers_as_described
    test()
    return answered


def test_what_the_requests_are_made_from_would_succeed(world: World) -> None:
    """Else nothing gets past the first look, and the requests try nothing."""
    found = {}
    for path, body in world.sound.items():
        number = world.numbers.get(path.split("/")[0], [""])[0]
        before = transaction.savepoint()
        found[path] = world.programs.post("alice", path.format(number=number), body).status_code
        transaction.savepoint_rollback(before)

    assert found == {
        "logins/check": 200,
        "orders": 201,
        "orders/{number}/decline": 409,
        "services/{number}/quote": 200,
        "services/{number}/changes": 201,
    }


# --- Requests ---------------------------------------------------------------------------------------------------------------


@st.composite
def requests(draw: st.DrawFn, operation: APIOperation, world: World) -> Case:
    """A request by the description, one against it, or one that succeeds but for a few strange values."""
    kind = draw(st.sampled_from(("sound", GenerationMode.POSITIVE, GenerationMode.NEGATIVE)))
    case: Case = draw(_bent(operation, world)) if kind == "sound" else draw(operation.as_strategy(kind))
    numbers = world.numbers.get(operation.path.removeprefix(PREFIX).split("/")[0], [])
    if numbers and case.path_parameters and draw(st.integers(0, 4)):
        case.path_parameters["number"] = draw(st.sampled_from(numbers))
    return case


@st.composite
def _bent(draw: st.DrawFn, operation: APIOperation, world: World) -> Case:
    path = operation.path.removeprefix(PREFIX)
    parts: dict[str, Any] = {}
    if "{number}" in path:
        parts["path_parameters"] = {"number": world.numbers[path.split("/")[0]][0]}
    if operation.method.upper() == "POST":
        body = deepcopy(world.sound.get(path, {}))
        for _ in range(draw(st.integers(0, 2))):
            if found := list(places(body)):
                place, name = draw(st.sampled_from(found))
                bend(place, name, world.known, draw)
        parts |= {"body": body, "media_type": "application/json", "headers": {"Idempotency-Key": "fuzz-1"}}
    return operation.Case(**parts)
