"""Webhooks on pages: an organization's administrators look after theirs, staff look at all and send again."""

import hashlib
import hmac
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Organization, WebhookDelivery, WebhookEndpoint
from accounts.operations import webhooks
from tests import factories
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

AT = factories.AT
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    found: list[int] = []
    monkeypatch.setattr(webhooks, "after_commit", lambda name, endpoint_id: found.append(endpoint_id))
    return found


def endpoint(organization: Organization, **facts: Any) -> WebhookEndpoint:
    wanted = {"url": f"https://hooks.example.com/{organization.number}", "secret": "whsec_s", "created_at": AT, **facts}
    return WebhookEndpoint.objects.create(organization=organization, told_of=["order.completed"], **wanted)


def delivery(where: WebhookEndpoint, status: str = "failed", **facts: Any) -> WebhookDelivery:
    waits = AT if status == "waiting" else None
    wanted = {"event": "order.completed", "payload": {"data": {"order": "O77"}}, "next_try_at": waits, "created_at": AT, **facts}
    return WebhookDelivery.objects.create(endpoint=where, status=status, error="Oh no", answered_with=500, attempts=7, **wanted)


def page(response: Any) -> str:
    assert response.status_code == 200, response.status_code
    text: str = response.content.decode()
    return text


# --- Who may ------------------------------------------------------------------------------------------------------------------

GETS = ("", "add/", "{own}/", "{own}/edit/", "{own}/secret/", "{own}/delete/", "deliveries/{delivery}/")
POSTS = ("add/", "{own}/edit/", "{own}/secret/", "{own}/delete/", "{own}/test/", "deliveries/{delivery}/again/")


@pytest.mark.parametrize(
    ("person", "list_status", "row_status"),
    [
        ("nobody", 302, 302),
        ("stranger", 403, 403),
        ("vic", 403, 403),
        ("alice", 200, 404),
        ("carol", 200, 404),
        ("bob", 200, 404),
        ("mira", 403, 403),
    ],
)
def test_webhooks_are_for_the_organizations_own_administrators(
    personas: Personas, person: str, list_status: int, row_status: int
) -> None:
    where = endpoint(personas.direct_customer)
    told = delivery(where)
    client = personas.client(person)

    for pattern in GETS:
        path = "/organization/webhooks/" + pattern.format(own=where.pk, delivery=told.pk)
        assert client.get(path).status_code == (row_status if "{" in pattern else list_status), path
    for pattern in POSTS[1:]:
        path = "/organization/webhooks/" + pattern.format(own=where.pk, delivery=told.pk)
        assert client.post(path).status_code == row_status, path
    assert WebhookEndpoint.objects.get().secret == "whsec_s"
    assert WebhookDelivery.objects.get().status == "failed"


def test_an_administrator_opens_every_page(personas: Personas) -> None:
    where = endpoint(personas.direct_customer)
    told = delivery(where)
    client = personas.client("dora")

    for pattern in GETS:
        text = page(client.get("/organization/webhooks/" + pattern.format(own=where.pk, delivery=told.pk)))
        assert "whsec_s" not in text
        assert "<script>" not in text
        assert " style=" not in text
    assert reverse("accounts:webhooks") in page(client.get("/organization/"))


# --- An organization's own ------------------------------------------------------------------------------------------------------


@pytest.fixture
def dora(personas: Personas) -> Client:
    return personas.client("dora")


def test_a_new_address_shows_its_secret_once(personas: Personas, dora: Client) -> None:
    sent = {"url": "https://hooks.example.com/till", "told_of": ["order.failed", "order.completed"]}

    made = dora.post("/organization/webhooks/add/", sent)
    again = page(dora.post("/organization/webhooks/add/", sent))

    row = WebhookEndpoint.objects.get()
    assert row.secret in page(made)
    assert "no-store" in made.headers["Cache-Control"]
    assert row.secret not in page(dora.get(f"/organization/webhooks/{row.pk}/"))
    assert "This address is told already" in again
    assert (row.organization, row.created_by) == (personas.direct_customer, personas.dora)


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"url": "http://hooks.example.com/", "told_of": ["order.failed"]}, "begins with https://"),
        ({"url": "https://10.0.0.1/", "told_of": ["order.failed"]}, "not public"),
        ({"url": "https://hooks.example.com/"}, "Choose what the address is told of."),
        ({"url": "", "told_of": ["order.failed"]}, "Address is missing."),
        ({"url": "https://hooks.example.com/", "told_of": ["order.eaten"]}, "order.eaten"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(dora: Client, sent: dict[str, Any], sentence: str) -> None:
    assert sentence in page(dora.post("/organization/webhooks/add/", sent))
    assert not WebhookEndpoint.objects.exists()


def test_an_address_is_changed_and_switched_off(personas: Personas, dora: Client) -> None:
    where = endpoint(personas.direct_customer)
    waiting = delivery(where, "waiting")

    sent = {"url": "https://hooks.example.com/new", "told_of": ["order.placed"]}
    response = dora.post(f"/organization/webhooks/{where.pk}/edit/", sent)

    where.refresh_from_db()
    waiting.refresh_from_db()
    assert response.status_code == 302
    assert (where.url, where.told_of, where.is_active) == ("https://hooks.example.com/new", ["order.placed"], False)
    assert waiting.status == "failed"


def test_a_new_secret_replaces_the_old_one(personas: Personas, dora: Client) -> None:
    where = endpoint(personas.direct_customer)

    text = page(dora.post(f"/organization/webhooks/{where.pk}/secret/"))

    where.refresh_from_db()
    assert where.secret != "whsec_s"
    assert where.secret in text


def test_a_test_event_and_a_delivery_are_sent_by_a_button(personas: Personas, dora: Client, rung: list[int]) -> None:
    where = endpoint(personas.direct_customer)
    told = delivery(where)

    dora.post(f"/organization/webhooks/{where.pk}/test/")
    dora.post(f"/organization/webhooks/deliveries/{told.pk}/again/")

    told.refresh_from_db()
    assert told.status == "waiting"
    assert WebhookDelivery.objects.filter(event="ping", status="waiting").count() == 1
    assert rung == [where.pk, where.pk]


def test_the_log_says_how_each_telling_went_and_is_narrowed(personas: Personas, dora: Client) -> None:
    where = endpoint(personas.direct_customer)
    failed, waiting = delivery(where), delivery(where, "waiting", event="order.placed")

    def listed(query: str = "") -> list[int]:
        text = page(dora.get(f"/organization/webhooks/{where.pk}/{query}"))
        return [int(pk) for pk in re.findall(r"/webhooks/deliveries/(\d+)/", text)]

    assert listed() == [waiting.pk, failed.pk]
    assert listed("?status=failed") == [failed.pk]
    assert listed("?event=order.placed") == [waiting.pk]
    assert listed("?event=order.held") == []
    assert listed("?status=eaten") == [waiting.pk, failed.pk]
    assert "O77" in page(dora.get(f"/organization/webhooks/deliveries/{failed.pk}/"))


def test_a_deleted_address_takes_its_log_along(personas: Personas, dora: Client) -> None:
    where = endpoint(personas.direct_customer)
    delivery(where)

    dora.post(f"/organization/webhooks/{where.pk}/delete/")

    assert not WebhookEndpoint.objects.exists()
    assert not WebhookDelivery.objects.exists()


# --- Back office ----------------------------------------------------------------------------------------------------------------


def test_staff_see_every_address_and_what_was_told(personas: Personas) -> None:
    where = endpoint(personas.reseller)
    told = delivery(where)
    mira = personas.client("mira")

    row = page(mira.get(reverse("admin:accounts_webhookendpoint_change", args=[where.pk])))
    log = page(mira.get(reverse("admin:accounts_webhookdelivery_changelist") + "?q=O77"))
    one = page(mira.get(reverse("admin:accounts_webhookdelivery_change", args=[told.pk])))

    assert where.url in row
    assert "whsec_s" not in row
    assert where.url in log
    assert "O77" in one
    assert "Oh no" in one


def test_staff_send_again_one_and_many(personas: Personas, rung: list[int]) -> None:
    where, off = endpoint(personas.reseller), endpoint(personas.direct_customer, is_active=False)
    rows = [delivery(where), delivery(where), delivery(off)]
    mira = personas.client("mira")

    mira.post(reverse("admin:accounts_webhookdelivery_send_again", args=[rows[0].pk]))
    sent = {"action": "send_again_selected", "_selected_action": [row.pk for row in rows]}
    text = page(mira.post(reverse("admin:accounts_webhookdelivery_changelist"), sent, follow=True))

    assert [row.status for row in WebhookDelivery.objects.order_by("pk")] == ["waiting", "waiting", "failed"]
    assert "2 deliveries are being sent again." in text
    assert "1 left out" in text
    assert rung == [where.pk, where.pk]


def test_staff_try_an_address_out_and_switch_it_off_and_on(personas: Personas) -> None:
    where = endpoint(personas.reseller)
    mira = personas.client("mira")

    mira.post(reverse("admin:accounts_webhookendpoint_send_test", args=[where.pk]))
    mira.post(reverse("admin:accounts_webhookendpoint_switch_off", args=[where.pk]))
    where.refresh_from_db()
    was_on = where.is_active
    mira.post(reverse("admin:accounts_webhookendpoint_switch_on", args=[where.pk]))
    where.refresh_from_db()

    assert (was_on, where.is_active) == (False, True)
    assert WebhookDelivery.objects.get().event == "ping"


def test_staff_add_the_msps_own_address_and_no_customers_secret_is_theirs(personas: Personas) -> None:
    mira, theirs = personas.client("mira"), endpoint(personas.reseller)
    sent = {"url": "https://hooks.northwind.example/till", "told_of": ["order.failed"]}

    made = mira.post(reverse("admin:accounts_webhookendpoint_new"), sent)
    own = WebhookEndpoint.objects.get(organization=personas.msp)
    renewed = mira.post(reverse("admin:accounts_webhookendpoint_new_secret", args=[own.pk]))
    refused = mira.post(reverse("admin:accounts_webhookendpoint_new_secret", args=[theirs.pk]))

    assert own.secret in page(made)
    own.refresh_from_db()
    assert own.secret in page(renewed)
    assert "no-store" in renewed.headers["Cache-Control"]
    assert refused.status_code == 403


@pytest.mark.parametrize("name", ["webhookendpoint_changelist", "webhookendpoint_new", "webhookdelivery_changelist"])
def test_staff_without_the_permission_and_customers_do_not_get_in(personas: Personas, name: str) -> None:
    url = reverse(f"admin:accounts_{name}")

    assert personas.client("bert").get(url).status_code == 403
    assert personas.client("dora").get(url, follow=True).status_code == 404


# --- What the readme says ---------------------------------------------------------------------------------------------------------


def test_the_example_of_the_readme_tells_a_true_delivery_from_a_forged_or_an_old_one() -> None:
    readme = (ROOT / "accounts" / "README.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(example, "README.md", "exec"), names)  # noqa: S102  our own words
    comes_from_cloudtill, body, now = names["comes_from_cloudtill"], '{"id":"1","ü":1}'.encode(), 1_790_000_000.0
    signed = hmac.new(b"whsec_s", b"1790000000." + body, hashlib.sha256).hexdigest()
    headers = {"Cloudtill-Timestamp": "1790000000", "Cloudtill-Signature": f"v1={signed}"}

    assert headers["Cloudtill-Signature"] == webhooks.signature("whsec_s", timestamp="1790000000", body=body)
    assert comes_from_cloudtill(headers, body, "whsec_s", now=now)
    assert not comes_from_cloudtill(headers, body + b" ", "whsec_s", now=now)
    assert not comes_from_cloudtill(headers, body, "whsec_other", now=now)
    assert not comes_from_cloudtill(headers, body, "whsec_s", now=now + 301)
    assert not comes_from_cloudtill({**headers, "Cloudtill-Timestamp": "1790000001"}, body, "whsec_s", now=now)
    assert not comes_from_cloudtill({}, body, "whsec_s", now=now)
