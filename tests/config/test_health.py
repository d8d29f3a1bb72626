"""What load balancers and the supervisor ask."""

import pytest
from django.core.cache import cache

pytestmark = pytest.mark.django_db


def test_a_house_that_stands_says_so(client):
    answer = client.get("/healthz")

    assert answer.status_code == 200
    assert answer.json() == {"database": "ok", "broker": "ok"}


def test_a_lost_broker_is_named(client, monkeypatch):
    def refuse(key):
        raise ConnectionError

    monkeypatch.setattr(cache, "get", refuse)

    answer = client.get("/healthz")

    assert answer.status_code == 503
    assert answer.json()["broker"] == "ConnectionError"
