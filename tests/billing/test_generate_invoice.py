"""“Generate Invoice” on the page of a subscription: what was used above its quota, asked first, invoiced once."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from billing.models import Invoice, Subscription
from billing.operations.renewals import renew, renew_due
from common import clock
from tests import factories
from tests.billing import making
from tests.billing.making import GIB, sold_at, subscribe_fixed, use
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


def prepaid_for_a_month(personas: Personas) -> Subscription:
    """31 EUR a month from 1 October on, the first month invoiced."""
    plan = factories.FixedPlanFactory(billing_model="prepaid")
    subscription = subscribe_fixed(personas.direct_customer, sold_at("31"), plan=plan, started_on=date(2026, 10, 1))
    Subscription.objects.filter(pk=subscription.pk).update(billing_model="prepaid")
    renew(subscription_id=subscription.pk, at=datetime(2026, 10, 1, 9, tzinfo=UTC))
    return subscription


def test_the_next_term_is_invoiced_ahead_of_its_notice_and_once(personas: Personas) -> None:
    subscription = prepaid_for_a_month(personas)
    bert = personas.client("bert")

    before = text(bert.get(url(subscription, "change")))
    asked = text(bert.get(url(subscription, "invoice_next_term")))
    first, second = (text(bert.post(url(subscription, "invoice_next_term"), follow=True)) for _ in range(2))
    renew_due(at=datetime(2026, 10, 15, 9, tzinfo=UTC))

    assert "31 Oct 2026, its last day" in before
    assert "1 Nov 2026 to 30 Nov 2026" in asked
    invoice = Invoice.objects.order_by("pk").last()
    assert invoice is not None
    assert (invoice.kind, invoice.period_start, invoice.net) == ("renewal", date(2026, 11, 1), Decimal(31))
    assert f"{invoice.number} is issued to {personas.direct_customer}" in first
    assert "The next term is invoiced already." in second
    assert "30 Nov 2026, its last day" in second
    assert Invoice.objects.count() == 2
