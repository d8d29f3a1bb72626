"""Free units and minimums of a subscription in the back office: shown once more, then agreed."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from billing.models import Subscription, SubscriptionAllowance, SubscriptionCommitment
from common import clock
from tests.billing import making
from tests.billing.making import NOVEMBER_1
from tests.billing.test_agreements import meter

ALLOWANCE = {"part": "allowance", "item": "pck_per_gigabyte|pg_base_servers", "quantity": "5", "valid_from": "2026-12-01"}
MINIMUM = {"part": "commitment", "currency": "EUR", "amount": "50", "valid_from": "2026-12-01"}


@pytest.fixture(autouse=True)
def november(monkeypatch: Any) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOVEMBER_1)


@pytest.fixture
def subscription(personas: Any) -> Subscription:
    made = making.subscribe(personas.direct_customer)
    meter(made, "pg_base_servers")
    return made


def url(subscription: Subscription) -> str:
    return reverse("admin:billing_subscription_agreements", args=[subscription.pk])


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def test_what_is_sent_is_shown_once_more_and_then_agreed(personas: Any, subscription: Subscription) -> None:
    bert = personas.client("bert")

    asked = text(bert.post(url(subscription), ALLOWANCE))

    assert f"{subscription} includes 5 of Servers (Protection, per gigabyte) a month from 1 Dec 2026 on." in asked
    assert not SubscriptionAllowance.objects.exists()
    for given in (ALLOWANCE, MINIMUM):
        agreed = text(bert.post(url(subscription), {**given, "step": "confirm"}, follow=True))
    row = SubscriptionAllowance.objects.get()
    assert (row.item, row.quantity, row.valid_from, row.created_by) == (
        "pg_base_servers",
        Decimal(5),
        date(2026, 12, 1),
        personas.bert,
    )
    assert SubscriptionCommitment.objects.get().amount == 50
    assert "costs at least 50.00 EUR a month" in agreed
    assert agreed.count(">planned<") == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"quantity": "-1"}, "quantity"), ({"valid_from": "2026-12-05"}, "valid_from"), ({"valid_from": "soon"}, "valid_from")],
)
def test_what_cannot_be_meant_is_said_beside_its_field(
    personas: Any, subscription: Subscription, changes: dict[str, str], field: str
) -> None:
    answer = personas.client("bert").post(url(subscription), {**ALLOWANCE, **changes, "step": "confirm"})

    assert list(answer.context["forms"]["allowance"].errors) == [field]
    assert not SubscriptionAllowance.objects.exists()


def test_only_who_may_agree_sees_the_forms(personas: Any, subscription: Subscription) -> None:
    mira = personas.client("mira")

    assert mira.get(url(subscription)).status_code == 403
    permissions = personas.bert.groups.get().permissions
    permissions.remove(*permissions.filter(codename__startswith="add_subscription"))
    bert = personas.client("bert")
    assert "Look at it" not in text(bert.get(url(subscription)))
    assert bert.post(url(subscription), {**ALLOWANCE, "step": "confirm"}).status_code == 403
    assert bert.post(url(subscription), {"part": "nothing"}).status_code == 403


def test_a_subscription_by_use_leads_there_and_one_of_fixed_price_does_not(personas: Any, subscription: Subscription) -> None:
    fixed = making.subscribe_fixed(personas.resellers_customer)
    bert = personas.client("bert")

    assert url(subscription) in text(bert.get(reverse("admin:billing_subscription_change", args=[subscription.pk])))
    assert url(fixed) not in text(bert.get(reverse("admin:billing_subscription_change", args=[fixed.pk])))
    assert bert.get(url(fixed)).status_code == 404
