"""“My services”: the list narrowed, sorted and exported; next invoice, history and actions of one service."""

import csv
import io
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.urls import reverse

from billing.models import Invoice, Subscription
from billing.operations.runs import run_billing
from billing.queries.next_invoice import next_invoice
from billing.queries.services import sold_to
from catalog.pricing import Level
from ordering.models import Order, OrderLine
from provisioning.models import Hold
from tests import factories
from tests.billing.making import NOVEMBER_1, OCTOBER, move, sold_at, subscribe, subscribe_fixed
from tests.billing.serving import subscribed
from tests.conftest import Personas

LIST = "/services/"
DAY = timedelta(days=1)
TODAY = datetime.fromisoformat("2026-10-15T09:00:00+00:00")


@pytest.fixture(autouse=True)
def _in_october() -> Any:
    with time_machine.travel(TODAY, tick=False):
        yield


def numbers(personas: Personas, who: str, **query: str) -> list[str]:
    response = personas.client(who).get(LIST, query)
    assert response.status_code == 200
    return [one.number for one, _ in response.context["rows"]]


def words(response: Any) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture
def three(personas: Personas) -> dict[str, Subscription]:
    """Of two customers of Alice: one runs, one is suspended, one has ended."""
    second = factories.OrganizationFactory(name="Bäckerei Berg", parent=personas.reseller)
    found = {
        "runs": subscribed(personas.resellers_customer),
        "held": subscribed(second),
        "ended": subscribed(personas.resellers_customer),
    }
    Hold.objects.create(tenant=found["held"].service.tenant, reason=Hold.Reason.DUNNING, opened_at=TODAY)
    Subscription.objects.filter(pk=found["ended"].pk).update(status="ended", ended_on=date(2026, 10, 10), plan_name="=Archive")
    return found


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, {"runs", "held", "ended"}),
        ({"state": "active"}, {"runs"}),
        ({"state": "suspended"}, {"held"}),
        ({"state": "ended"}, {"ended"}),
        ({"state": "trial"}, set()),
        ({"state": "nonsense"}, {"runs", "held", "ended"}),
        ({"q": "berg"}, {"held"}),
        ({"q": "archive", "state": "active"}, set()),
        ({"customer": "C0000"}, set()),
    ],
)
def test_the_list_is_narrowed(personas: Personas, three: dict[str, Subscription], query: dict[str, str], names: set[str]) -> None:
    assert set(numbers(personas, "alice", **query)) == {three[name].number for name in names}


def test_a_reseller_narrows_to_one_customer_and_sorts(personas: Personas, three: dict[str, Subscription]) -> None:
    of_berg = numbers(personas, "alice", customer=three["held"].consumer.number)
    by_product = numbers(personas, "alice", sort="product")

    assert of_berg == [three["held"].number]
    assert by_product[0] == three["ended"].number
    assert "All customers" not in words(personas.client("carol").get(LIST))


def test_the_export_holds_what_the_list_is_narrowed_to_and_no_formula(personas: Personas, three: dict[str, Subscription]) -> None:
    answer = personas.client("alice").get(LIST, {"export": "csv", "state": "ended"})

    (row,) = csv.DictReader(io.StringIO(answer.content.decode()))
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert (row["service"], row["state"], row["until"], row["product"]) == (
        three["ended"].number,
        "Terminated",
        "2026-10-10",
        "'=Archive",
    )


def test_nothing_found_says_how_to_find_more(personas: Personas, three: dict[str, Subscription]) -> None:
    page = words(personas.client("alice").get(LIST, {"q": "nothing", "state": "active"}))

    assert "No service matches “nothing”" in page
    assert "Show all services" in page
    assert "No service matches" not in words(personas.client("bob").get(LIST))


# --- The next invoice -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "on"),
    [
        ({}, date(2026, 11, 1)),
        ({"trial_ends_on": date(2026, 11, 20)}, date(2026, 12, 1)),
        ({"cancels_on": date(2026, 10, 20)}, date(2026, 11, 1)),
        ({"cancels_on": date(2027, 1, 1)}, date(2026, 11, 1)),
        ({"status": "ended", "ended_on": date(2026, 10, 10)}, date(2026, 11, 1)),
        ({"status": "ended", "ended_on": date(2026, 10, 1)}, None),
    ],
)
def test_what_is_billed_afterwards_is_invoiced_on_the_first(personas: Personas, facts: dict[str, Any], on: date | None) -> None:
    subscription = subscribed(personas.direct_customer)
    for name, value in facts.items():
        setattr(subscription, name, value)
    subscription.started_on = date(2026, 9, 1)

    found = next_invoice(subscription, None, reader=personas.direct_customer, at=TODAY)

    assert (found.on if found else None) == on
    assert found is None or found.amount is None


def test_a_prepaid_term_is_invoiced_its_notice_before_it_begins_at_the_price_of_its_day(personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer, sold_at("30.00"))
    Subscription.objects.filter(pk=subscription.pk).update(billing_model="prepaid", quantity=2)
    subscription.refresh_from_db()
    sold = sold_to(personas.direct_customer, [subscription], today=TODAY.date())[subscription.pk]

    found = next_invoice(subscription, sold, reader=personas.direct_customer, at=TODAY)

    assert found is not None
    assert (found.period.start, str(found.amount), found.currency) == (date(2026, 11, 1), "60.00", "EUR")
    notice = subscription.plan.product_group.renewal_notice_days
    assert (found.period.start - found.on).days == min(notice, 17)


@pytest.mark.parametrize(
    "facts",
    [
        {"started_on": date(2026, 9, 1)},
        {"started_on": date(2026, 10, 11)},
        {"started_on": date(2026, 9, 20), "trial_ends_on": date(2026, 10, 3)},
        {"started_on": date(2026, 9, 1), "cancels_on": date(2026, 10, 21)},
        {"started_on": date(2026, 9, 1), "ended_on": date(2026, 10, 8), "status": "ended"},
    ],
    ids=["whole month", "begins", "trial ends", "is going to end", "has ended"],
)
def test_what_a_fixed_month_comes_to_is_what_the_run_invoices_each_reader(personas: Personas, facts: dict[str, Any]) -> None:
    customer, reseller = personas.resellers_customer, personas.reseller
    wholesale = sold_at("160", level=Level.WHOLESALE, setup_fee="5")
    retail = sold_at("199.90", level=Level.RETAIL, setup_fee="9")
    one = subscribe_fixed(customer, wholesale, retail, quantity=3, term_months=12, **facts)

    expected = {reader: next_invoice(one, None, reader=reader, at=TODAY) for reader in (reseller, customer)}
    for seller in (personas.msp, reseller):
        run_billing(seller_id=seller.pk, period=OCTOBER, at=NOVEMBER_1)

    for reader, found in expected.items():
        invoice = Invoice.objects.get(buyer=reader)
        assert found is not None
        assert (found.amount, found.currency) == (invoice.net, "EUR")
        assert (found.on, found.period.last_day) == (date(2026, 11, 1), max(line.period_end for line in invoice.lines.all()) - DAY)


def test_a_month_that_changes_inside_is_told_by_its_days(personas: Personas) -> None:
    one = subscribe_fixed(personas.direct_customer, sold_at("31"), started_on=date(2026, 9, 1))
    move(one, sold_at("62"), valid_from=date(2026, 10, 22))

    found = next_invoice(one, None, reader=personas.direct_customer, at=TODAY)

    assert found is not None
    assert (found.amount, found.is_overage_on_top) == (21 + 20, False)


def test_overage_is_said_to_come_on_top_and_a_price_that_is_missing_is_not_guessed(personas: Personas) -> None:
    price = sold_at("20", overage_price="0.10")
    priced = subscribe_fixed(personas.direct_customer, price, first_phase__quota_gib=Decimal(50))
    bare = subscribe(factories.OrganizationFactory(), factories.FixedPlanFactory(), billing_model="postpaid_fixed")

    on_top = next_invoice(priced, None, reader=personas.direct_customer, at=TODAY)
    unknown = next_invoice(bare, None, reader=bare.consumer, at=TODAY)

    assert on_top is not None
    assert unknown is not None
    assert (on_top.is_overage_on_top, unknown.amount) == (True, None)
    page = words(personas.client("dora").get(f"{LIST}{priced.number}/"))
    assert "20.00 EUR expected, excl. VAT; what is used above the quota comes on top." in page


# --- History and actions --------------------------------------------------------------------------------------------------


def line(subscription: Subscription, **facts: Any) -> OrderLine:
    order = Order.objects.create(
        number=f"O{20000 + Order.objects.count()}",
        buyer=subscription.consumer,
        consumer=subscription.consumer,
        currency="EUR",
        placed_by=factories.UserFactory(first_name="Dora", last_name="Kern"),
        placed_at=TODAY,
        **{"source": Order.Source.STOREFRONT, **facts.pop("order", {})},
    )
    common = {
        "plan": subscription.plan,
        "plan_name": "Cyber Protect",
        "billing_model": subscription.billing_model,
        "protection_model": "per_gigabyte",
        "file_sync_model": "per_user",
    }
    return OrderLine.objects.create(order=order, subscription=subscription, service=subscription.service, **{**common, **facts})


def test_the_history_tells_what_was_ordered_changed_and_suspended_when_and_by_whom(personas: Personas) -> None:
    subscription = subscribed(personas.direct_customer)
    first = line(subscription, status="completed", plan_name="Cyber Protect")
    line(subscription, kind="plan", plan_name="Archive", status="failed")
    line(subscription, kind="cancel", ends="at_end_of_term", status="completed", order={"source": Order.Source.BSS})
    hold = Hold.objects.create(tenant=subscription.service.tenant, reason=Hold.Reason.DUNNING, opened_at=TODAY)
    Hold.objects.filter(pk=hold.pk).update(released_at=TODAY)

    page = words(personas.client("dora").get(reverse("billing:service", args=[subscription.number])))

    assert f'Ordered Cyber Protect by Dora Kern, <a href="/orders/{first.order.number}/">' in page
    assert "Changed to Archive (failed; nothing has changed) by Dora Kern" in page
    assert "Cancelled at the end of the term by our staff" in page
    assert "Suspended: invoice overdue" in page
    assert "Suspension lifted: invoice overdue" in page


@pytest.mark.parametrize(
    ("facts", "offered"),
    [
        ({}, {"reset", "sign-in", "plan", "cancel"}),
        ({"billing_model": "postpaid_fixed"}, {"reset", "sign-in", "plan", "term", "cancel"}),
        ({"cancels_on": date(2026, 12, 1)}, {"reset", "sign-in", "cancel"}),
        ({"status": "ended", "ended_on": date(2026, 10, 1)}, set()),
    ],
)
def test_actions_are_offered_where_they_make_sense(personas: Personas, facts: dict[str, Any], offered: set[str]) -> None:
    subscription = subscribed(personas.direct_customer)
    Subscription.objects.filter(pk=subscription.pk).update(**facts)
    base = f"/services/{subscription.number}/"
    ways = {
        "reset": reverse("billing:reset_password", args=[subscription.number]),
        "sign-in": reverse("billing:update_sign_in", args=[subscription.number]),
        "quantity": f"{base}quantity/",
        "plan": f"{base}plan/",
        "term": f"{base}term/",
        "cancel": f"{base}cancel/",
    }

    menu = words(personas.client("dora").get(base)).partition('aria-label="Actions for this service"')[2].partition("</nav>")[0]

    assert {name for name, way in ways.items() if f'href="{way}"' in menu} == offered
    assert 'aria-label="Actions for this service"' not in words(personas.client("vic").get(base))
