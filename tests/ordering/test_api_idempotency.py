"""A request with an `Idempotency-Key` is done once: sent again, sent at once, and after its process was killed."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection

from accounts.models import IdempotentRequest
from accounts.operations import idempotency
from accounts.tasks import forget_old
from catalog.models import TermsDocument
from common import clock
from ordering.models import Order, OrderLine
from ordering.operations import direct_orders, gates
from provisioning.operations import logins
from tests.ordering.api import Programs, only_error
from tests.ordering.conftest import AT, Shop

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_worker", "every_login_is_free")]
KEY = "8d7f3a1c-order-17"


class Killed(BaseException):
    """What a killed process would raise, if it could."""


@pytest.fixture
def programs(shop: Shop) -> Programs:
    cache.clear()
    return Programs(shop)


@pytest.fixture
def dies(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the process die where a function of that name is reached, leaving everything as it is then; once."""

    def at(owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def die(*args: Any, **kwargs: Any) -> Any:
            monkeypatch.setattr(owner, name, original)
            raise Killed

        monkeypatch.setattr(owner, name, die)
        monkeypatch.setattr(idempotency, "give_up", lambda *_, **__: None)  # who is dead tidies nothing

    return at


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(clock, "now", lambda: AT + timedelta(seconds=seconds))


# --- Again --------------------------------------------------------------------------------------------------------------------


def test_sent_again_the_answer_is_the_same_and_nothing_is_done(programs: Programs) -> None:
    first = programs.place("dora", key=KEY)
    OrderLine.objects.update(status="completed")
    again = programs.place("dora", key=KEY)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert Order.objects.count() == 1


def test_the_order_of_the_fields_and_blanks_make_no_other_request(shop: Shop, programs: Programs) -> None:
    wish = programs.wish()
    programs.post("dora", "orders", wish, key=KEY)

    again = programs.post("dora", "orders", dict(reversed(wish.items())), key=f"  {KEY} ")

    assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("change", [{"purchase_order": "PO 8"}, {"login": "somebody.else"}])
def test_another_request_with_the_same_key_is_refused(programs: Programs, change: dict[str, str]) -> None:
    programs.place("dora", key=KEY)

    other = programs.place("dora", key=KEY, **change)

    assert (other.status_code, only_error(other)["code"]) == (422, "idempotency_key_used")
    assert Order.objects.count() == 1


def test_the_same_key_at_another_address_is_another_request(programs: Programs) -> None:
    number = programs.placed("dora", key=KEY)["number"]

    assert programs.post("dora", f"orders/{number}/cancel", key=KEY).status_code == 422


def test_a_key_is_the_organizations_own(shop: Shop, programs: Programs) -> None:
    programs.placed("dora", key=KEY)

    other = programs.place("carol", key=KEY, login="carol.cafe")

    assert other.status_code == 201
    assert Order.objects.count() == 2


def test_moves_are_done_once_too(programs: Programs) -> None:
    number = programs.placed("msp", consumer=programs.shop.personas.direct_customer)["number"]
    first = programs.post("dora", f"orders/{number}/cancel", key=KEY)
    again = programs.post("dora", f"orders/{number}/cancel", key=KEY)

    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_refusal_is_an_answer_too(shop: Shop, programs: Programs) -> None:
    first = programs.place("dora", key=KEY, accepted_terms=[])
    TermsDocument.objects.update(retired_at=AT)
    again = programs.place("dora", key=KEY, accepted_terms=[])

    assert (first.status_code, again.status_code) == (400, 400)
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"


def test_what_is_malformed_leaves_its_key_free(programs: Programs) -> None:
    malformed = programs.post("dora", "orders", {"lines": "many"}, key=KEY)

    assert malformed.status_code == 400
    assert programs.place("dora", key=KEY).status_code == 201


def test_what_broke_on_our_side_is_done_when_it_is_sent_again(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(direct_orders, "_judged", lambda *_, **__: 1 / 0)
        first = programs.place("dora", key=KEY)
    other = programs.place("dora", key=KEY, login="somebody.else")
    again = programs.place("dora", key=KEY)

    assert (first.status_code, other.status_code, again.status_code) == (500, 422, 201)
    assert "Idempotency-Replayed" not in again.headers
    assert Order.objects.count() == 1


@pytest.mark.parametrize("key", ["", " ", "ü", "a\tb", "x" * 256])
def test_a_key_is_asked_for_and_looked_at(programs: Programs, key: str) -> None:
    headers = {"Idempotency-Key": key} if key else {}
    answer = programs.client("dora").post("/api/v1/orders", programs.wish(), content_type="application/json", headers=headers)

    assert answer.status_code == 400
    assert only_error(answer)["attr"] == "Idempotency-Key"
    assert not Order.objects.exists()
    assert not IdempotentRequest.objects.exists()


def test_after_thirty_days_a_key_is_forgotten_and_means_something_new(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    programs.placed("dora", key=KEY)
    later(monkeypatch, 30 * 86400)
    forget_old()
    assert IdempotentRequest.objects.exists()
    later(monkeypatch, 30 * 86400 + 1)
    forget_old()
    assert not IdempotentRequest.objects.exists()

    same = programs.place("dora", key=KEY)
    OrderLine.objects.update(status="cancelled")
    IdempotentRequest.objects.all().delete()
    other = programs.place("dora", key=KEY, login="somebody.else")

    assert (same.status_code, other.status_code) == (201, 201)
    assert Order.objects.count() == 2  # the same request is never a second order, another one is


# --- Killed -------------------------------------------------------------------------------------------------------------------


def test_killed_before_anything_is_written_it_is_done_once_the_lease_is_over(
    programs: Programs, dies: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dies(gates, "lock_consumer")
    with pytest.raises(Killed):
        programs.place("dora", key=KEY)

    later(monkeypatch, 29.5)
    early = programs.place("dora", key=KEY)
    later(monkeypatch, 30)
    due = programs.place("dora", key=KEY)

    assert (early.status_code, early.headers["Retry-After"]) == (409, "1")
    assert only_error(early)["code"] == "in_progress"
    assert due.status_code == 201
    assert Order.objects.count() == 1


def test_killed_after_the_order_was_written_the_same_order_is_answered(
    programs: Programs, dies: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dies(idempotency, "keep")
    with pytest.raises(Killed):
        programs.place("dora", key=KEY)
    order = Order.objects.get()

    def taken(**_: Any) -> None:
        raise logins.LoginTaken("jane.doe is taken.")  # by the order itself, at the vendor by now

    monkeypatch.setattr(logins, "check_login", taken)
    later(monkeypatch, 31)
    again = programs.place("dora", key=KEY)
    once_more = programs.place("dora", key=KEY)

    assert (again.status_code, again.json()["number"]) == (201, order.number)
    assert once_more.headers["Idempotency-Replayed"] == "true"
    assert Order.objects.get() == order


def test_whoever_took_longer_than_the_lease_keeps_no_answer(programs: Programs) -> None:
    organization = programs.shop.personas.direct_customer
    asked: dict[str, Any] = {"organization": organization, "key": KEY, "fingerprint": "f"}
    slow = idempotency.claim(**asked, at=AT)
    second = idempotency.claim(**asked, at=AT + timedelta(seconds=30))
    assert isinstance(slow, idempotency.Claim)
    assert isinstance(second, idempotency.Claim)

    idempotency.keep(slow, status_code=201, body={"number": "slow"})
    idempotency.give_up(slow, at=AT)
    idempotency.keep(second, status_code=201, body={"number": "second"})

    assert idempotency.claim(**asked, at=AT) == idempotency.Answered(201, {"number": "second"})


# --- At once ------------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_sent_twice_at_once_one_is_done_and_the_other_told_to_come_back(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, go = threading.Event(), threading.Event()
    answers: list[Any] = []

    def slow(**_: Any) -> None:
        reached.set()
        assert go.wait(20)

    def first() -> None:
        try:
            answers.append(programs.place("dora", key=KEY))
        finally:
            connection.close()

    monkeypatch.setattr(logins, "check_login", slow)
    thread = threading.Thread(target=first)
    thread.start()
    assert reached.wait(20)
    second = programs.place("dora", key=KEY)
    go.set()
    thread.join(20)
    third = programs.place("dora", key=KEY)

    assert (second.status_code, second.headers["Retry-After"]) == (409, "31")
    assert (answers[0].status_code, third.status_code) == (201, 201)
    assert answers[0].json() == third.json()
    assert Order.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_orders(programs: Programs) -> None:
    answers: list[Any] = []

    def place() -> None:
        try:
            answers.append(programs.place("dora", key=KEY))
        finally:
            connection.close()

    threads = [threading.Thread(target=place) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    statuses = sorted(answer.status_code for answer in answers)
    assert len(statuses) == 6
    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    assert Order.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_programs_that_want_one_customer_served_at_once_get_one_order(shop: Shop, programs: Programs) -> None:
    answers: dict[str, Any] = {}

    def place(who: str) -> None:
        try:
            answers[who] = programs.place(who, consumer=shop.personas.resellers_customer, login=f"jane.{who}")
        finally:
            connection.close()

    threads = [threading.Thread(target=place, args=(who,)) for who in ("alice", "carol")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(answer.status_code for answer in answers.values()) == [201, 400]
    assert Order.objects.count() == 1
