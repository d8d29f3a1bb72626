"""“Generate Invoice” on the page of a subscription: what was used above its quota, asked first, invoiced once."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from billing.models import Invoice, Subscription
from common import clock
from tests.billing import making
from tests.billing.making import GIB, use
from tests.billing.test_overage import sold_with_quota
from tests.conftest import Personas

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _mid_october(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 10, 14, 12, tzinfo=UTC))


def url(subscription: Subscription, what: str = "generate_invoice") -> str:
    return reverse(f"admin:billing_subscription_{what}", args=[subscription.pk])


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def test_what_is_above_the_quota_is_told_first_and_invoiced_once(personas: Personas) -> None:
    subscription = sold_with_quota(personas)
    use(subscription, 60 * GIB, days=[date(2026, 10, 9)])
    bert = personas.client("bert")

    asked = text(bert.get(url(subscription)))
    none_yet = Invoice.objects.count()
    first, second = (text(bert.post(url(subscription), follow=True)) for _ in range(2))

    assert "10 GB above the quota × 0.50 EUR = 5.00 EUR, excluding VAT" in asked
    assert none_yet == 0
    invoice = Invoice.objects.get()
    assert (invoice.kind, invoice.status, invoice.net) == ("overage", "issued", Decimal(5))
    assert f"{invoice.number} is issued to {personas.direct_customer}" in first
    assert "Nothing was used above the quota" in second


def test_nothing_above_the_quota_is_said_before_and_after(personas: Personas) -> None:
    subscription = sold_with_quota(personas)
    bert = personas.client("bert")

    answers = [bert.get(url(subscription)), bert.post(url(subscription), follow=True)]

    assert all("Nothing was used above the quota this month" in text(answer) for answer in answers)
    assert not Invoice.objects.exists()


def test_only_who_issues_invoices_generates_one(personas: Personas) -> None:
    subscription = sold_with_quota(personas)
    personas.mira.user_permissions.add(Permission.objects.get(codename="view_subscription"))
    mira = personas.client("mira")

    page = mira.get(url(subscription, "change"))

    assert page.status_code == 200
    assert "Generate Invoice" not in text(page)
    assert mira.post(url(subscription)).status_code == 403


def test_a_subscription_by_use_has_no_quota_to_exceed(personas: Personas) -> None:
    subscription = making.subscribe(personas.direct_customer)

    page = text(personas.client("bert").get(url(subscription, "change")))

    assert "Generate Invoice" not in page
    assert "month by month, when each is over" in page
