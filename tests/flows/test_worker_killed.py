"""The whole house, its Celery worker killed in the middle of an order: started again, it finishes what was begun."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from config.demo.story import Story
from config.processes import Stack
from tests.database import move_in

pytestmark = pytest.mark.process

# Empty URLs: the embedded servers, whatever the environment of the tests says.
ENV = {"STAFF_MFA_REQUIRED": "false", "DATABASE_URL": "", "REDIS_URL": "", "DJANGO_SETTINGS_MODULE": "config.settings"}


@pytest.mark.django_db(transaction=True)  # its database is what the house moves in with
def test_a_killed_worker_is_started_again_and_finishes_the_order_it_had_begun(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    move_in(tmp_path / "state")
    with Stack(state=tmp_path / "state", env=ENV) as stack:
        stack.manage("seed_demo")
        ask(stack, "faults", {"path": "^/api/2/", "times": 100, "delay_s": 0.4})  # time enough to be killed in
        story = Story(stack, folder=tmp_path, begin=now, end=now, second_factors=False)
        dora, number = story.direct_customer_orders()
        while not any(call["method"] == "POST" and call["path"] == "/api/2/tenants" for call in seen(stack, "calls")):
            time.sleep(0.05)

        stack.kill("worker")
        asked_before = [call["path"] for call in seen(stack, "calls")]
        ask(stack, "faults", method="DELETE")
        stack.start("worker")
        story.await_service(dora, number)

        assert not any(path.endswith("/send-activation-email") for path in asked_before)
        assert [tenant["kind"] for tenant in seen(stack, "tenants")].count("customer") == 1
        assert [user["login"] for user in seen(stack, "users")].count("dora.kern") == 1
        assert [mail["login"] for mail in seen(stack, "mails")] == ["dora.kern"]
        facts = json.loads(stack.manage("demo_facts", number))
        assert facts["subscription"].startswith("S")


def seen(stack: Stack, what: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = ask(stack, what)["items"]
    return items


def ask(stack: Stack, what: str, body: dict[str, Any] | None = None, *, method: str | None = None) -> dict[str, Any]:
    data = json.dumps(body).encode() if body else None
    request = Request(f"{stack.sandbox_url}/sandbox/{what}", data, {"Content-Type": "application/json"}, method=method)
    with urlopen(request, timeout=10) as answer:
        return json.loads(answer.read() or "{}")
