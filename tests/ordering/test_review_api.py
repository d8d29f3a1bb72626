"""Bodies that no program of good will sends."""

import json
from typing import Any

import pytest
from django.core.cache import cache

from accounts.models import IdempotentRequest
from common.api import LONGEST_BODY
from ordering.models import Order
from ordering.operations import baskets
from tests.ordering.api import Programs
from tests.ordering.conftest import AT, Shop

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_worker", "every_login_is_free")]

PATHS = ("orders", "orders/O1/cancel", "orders/O1/decline", "logins/check")


@pytest.fixture
def programs(shop: Shop) -> Programs:
    cache.clear()
    return Programs(shop)


@pytest.mark.parametrize("length", [LONGEST_BODY + 1, 3_000_000])
def test_a_body_that_is_too_long_is_refused_whatever_reads_it_first(programs: Programs, length: int) -> None:
    body = json.dumps({"purchase_order": "x" * length})
    client = programs.client("dora")

    statuses = {client.post(f"/api/v1/{path}", body, content_type="application/json").status_code for path in PATHS}

    assert statuses == {413}


@pytest.mark.parametrize(
    "change",
    [
        {"login": "a\0b"},
        {"login": "\ud800"},
        {"purchase_order": "\0"},
        {"lines": []},
        {"accepted_terms": [1] * 5000},
        {"accepted_terms": [-1]},
        {"consumer": "\0"},
        {"nobody": 1},
    ],
    ids=["nul login", "half login", "nul reference", "no lines", "many terms", "odd terms", "nul consumer", "unknown"],
)
def test_what_is_malformed_is_refused_orders_nothing_and_uses_up_no_key(programs: Programs, change: dict[str, object]) -> None:
    body = json.dumps({**programs.wish(), **change})

    refused = programs.client("dora").post(
        "/api/v1/orders", body, content_type="application/json", headers={"Idempotency-Key": "k"}
    )

    assert refused.status_code == 400
    assert not Order.objects.exists()
    assert not IdempotentRequest.objects.exists()


@pytest.mark.parametrize(
    "text", ['"quantity": 1e400', '"quantity": NaN', f'"quantity": {"9" * 6000}', '"expected_price": {"price": "NaN"}']
)
def test_numbers_that_are_none_are_refused(programs: Programs, text: str) -> None:
    body = json.dumps(programs.wish()).replace('"plan"', f'{text}, "plan"')

    refused = programs.client("dora").post(
        "/api/v1/orders", body, content_type="application/json", headers={"Idempotency-Key": "k"}
    )

    assert (refused.status_code, Order.objects.count()) == (400, 0)


def test_a_request_that_two_workers_do_is_not_refused_for_the_login_it_took_itself(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = baskets.check_login
    told: list[str] = []

    def slow(**facts: Any) -> Any:
        monkeypatch.setattr(baskets, "check_login", check)
        IdempotentRequest.objects.update(leased_until=AT)  # it ran out while Acronis was asked
        told.append(programs.place("dora", key="k").json()["number"])
        return check(**facts)

    monkeypatch.setattr(baskets, "check_login", slow)

    answer = programs.place("dora", key="k")

    assert (answer.status_code, answer.json()["number"]) == (201, told[0])
    assert programs.place("dora", key="k").json()["number"] == told[0]
    assert Order.objects.count() == 1
