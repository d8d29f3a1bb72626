"""Changes as somebody would make them who wants them to go wrong."""

from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from billing.models import CreditNote, InvoiceLine, Payment
from billing.operations import renewals
from billing.operations.payments import reverse_payment
from catalog.models import PlanAllowance, PlanCommitment
from common.errors import DomainError
from ordering.amendment_terms import AmendmentWish
from ordering.operations import amending, amendments, execution, orders, prepayment
from tests import factories
from tests.billing.making import EDITION, SERVERS, move, rate_card, sold_at, use
from tests.billing.scenarios.scenes import bill
from tests.ordering.amend import GB, LATER, execute, subscribed
from tests.ordering.api import Programs
from tests.ordering.conftest import AT
from tests.ordering.test_amend_prepaid import go_on, invoices, order, pay, total

pytestmark = pytest.mark.django_db
TWO = AmendmentWish("quantity", quantity=2)


@pytest.fixture
def year(shop, vendor_answers):
    """A prepaid year of one unit, 200 EUR and 10 EUR once, from 1 October on; invoiced and paid."""
    vendor_answers(*[None] * 30)
    plan = shop.fixed_plan(name="Backup 50 GB", billing_model="prepaid")
    subscription = subscribed(plan, shop.personas.direct_customer, term_months=12)
    renewals.renew(subscription_id=subscription.pk, at=AT)
    for invoice in invoices(subscription):
        pay(invoice)
    return subscription


def paid_and_done(made, subscription, *, at=LATER):
    """Let a change that costs something be invoiced, paid and carried out."""
    go_on(made)
    pay(invoices(subscription)[-1])
    go_on(made, at=at)
    assert execute(made.lines.get(), at=at).status == "completed"


def lines_of(subscription):
    return InvoiceLine.objects.filter(invoice__buyer=subscription.consumer).order_by("pk")


def test_what_is_given_back_of_the_old_plan_bears_the_taxes_it_was_charged_with(shop, year):
    product = year.plan.product_group.product
    half = factories.ProductGroupFactory(product=product, name="Half", taxes=[factories.TaxFactory(name="7", percent=7)])
    other = shop.fixed_plan(name="Archive", billing_model="prepaid", product_group=half, yearly__price=600)

    _, made = order(year, "plan", plan=other)
    paid_and_done(made, year, at=LATER + timedelta(days=3))
    _, end = order(year, "cancel", ends="now", at=LATER + timedelta(days=9))
    execute(end.lines.get(), at=LATER + timedelta(days=9))

    by_tax = {19: Decimal(0), 7: Decimal(0)}
    for line in lines_of(year):
        by_tax[int(line.tax_percent)] += line.net
        assert ("Archive" in line.description) == (line.tax_percent == 7) == (line.product_group == half)
    assert by_tax[19] == 10 + round(Decimal(200) * 17 / 365, 2)  # up to 17 October
    assert by_tax[7] == round(Decimal(600) * 7 / 365, 2)  # to the 24th


def test_paid_after_the_term_it_changes_is_over_only_the_next_one_costs_more(year):
    _, made = order(year, "quantity", quantity=2)
    go_on(made)
    at = LATER + timedelta(days=360)
    renewals.renew_due(at=at)
    pay(invoices(year)[1])
    go_on(made, at=at)

    execute(made.lines.get(), at=at)

    assert total(year) == 10 + 200 + round(Decimal(200) * 9 / 366, 2) + round(Decimal(400) * 357 / 366, 2)


def test_up_and_up_and_down_again_on_one_day_costs_nothing_in_the_end(year):
    for quantity in (2, 3):
        _, made = order(year, "quantity", quantity=quantity)
        paid_and_done(made, year)
    assert total(year) == 210 + round(Decimal(400) * 351 / 365, 2)

    _, made = order(year, "quantity", quantity=1)
    execute(made.lines.get())

    assert total(year) == 210
    assert renewals.renew_due(at=LATER) == 0


def test_a_second_click_while_the_first_is_judged_is_the_first_ones_order(year, monkeypatch):
    key = uuid4()
    judged = amendments.judged
    first = {}

    def another_is_faster(*args, **facts):
        monkeypatch.setattr(amendments, "judged", judged)
        first["order"] = place(year, key)
        return judged(*args, **facts)

    seen = amendments.quote_amendment(subscription_id=year.pk, wish=TWO, reader=None, at=LATER).fingerprint
    monkeypatch.setattr(amendments, "judged", another_is_faster)
    second = place(year, key, seen)

    assert second == first["order"]


def place(subscription, key, seen="", wish=TWO):
    seen = seen or amendments.quote_amendment(subscription_id=subscription.pk, wish=wish, reader=None, at=LATER).fingerprint
    return amendments.place_amendment(
        subscription_id=subscription.pk,
        wish=wish,
        quote_seen=seen,
        reader=None,
        source="bss",
        key=key,
        by=factories.UserFactory(),
        at=LATER,
    )


def test_a_plan_by_use_says_what_its_months_include_and_cost_at_least(shop):
    subscription = subscribed(shop.plan, shop.personas.direct_customer)
    other = factories.PlanFactory(service_manager=shop.plan.service_manager)
    rate_card(other.product_group)
    PlanAllowance.objects.create(plan=other, item=SERVERS, edition=EDITION, quantity=5)
    PlanCommitment.objects.create(plan=other, currency="EUR", amount=50)

    def quoted():
        wish = AmendmentWish("plan", plan=other)
        return amendments.quote_amendment(subscription_id=subscription.pk, wish=wish, reader=subscription.consumer, at=LATER)

    first = quoted()
    PlanCommitment.objects.filter(plan=other).update(amount=90)

    assert "Each month that begins then or later includes 5 servers (Protection, per gigabyte)." in first.warnings
    assert "Each month that begins then or later costs at least 50.00 EUR, excl. VAT." in first.warnings
    assert quoted().fingerprint != first.fingerprint


def test_programs_are_told_what_is_due_of_a_change_and_not_of_a_new_service(shop, year):
    cost, made = order(year, "quantity", quantity=2)
    programs = Programs(shop)

    assert programs.get("dora", f"orders/{made}").json()["due_now"] == {"amount": f"{cost.due_now:.2f}", "currency": "EUR"}

    orders.cancel_order(order_id=made.pk, by=None, at=LATER)
    _, end = order(year, "cancel", ends="at_end_of_term")

    assert programs.get("dora", f"orders/{end}").json()["due_now"] == {"amount": "0.00", "currency": "EUR"}


def test_a_change_that_was_paid_and_failed_is_given_up_and_credited_when_what_it_changes_has_ended(year, monkeypatch):
    _, made = order(year, "quantity", quantity=2)
    go_on(made)
    pay(invoices(year)[-1])
    go_on(made)
    with monkeypatch.context() as patched:
        patched.setattr(execution.converging, "converge", refuse)
        assert execute(made.lines.get()).status == "failed"
    _, end = order(year, "cancel", ends="now")
    execute(end.lines.get())

    assert amendments.give_up_outlived(at=LATER) == 1
    prepayment.sweep(at=LATER)

    made.refresh_from_db()
    assert made.status == "cancelled"
    assert CreditNote.objects.get().net == invoices(year)[1].net


def refuse(*_args, **_facts):
    raise DomainError("No.")


def test_a_price_that_is_to_move_hides_nothing_of_what_a_change_adds(shop, vendor_answers):
    vendor_answers(*[None] * 9)
    dora = shop.personas.direct_customer
    subscription = subscribed(shop.fixed_plan(name="Backup 50 GB"), dora)
    move(subscription, sold_at("40"), valid_from=LATER.date() + timedelta(days=30))
    dora.credit_limit = Decimal(5)
    dora.save()

    _, made = order(subscription, "quantity", quantity=2)

    assert (made.status, "this order 20.00 EUR" in made.held_because) == ("held", True)


def test_lines_of_the_month_are_told_by_the_plan_of_their_days(shop, vendor_answers):
    vendor_answers(*[None] * 9)
    subscription = subscribed(shop.fixed_plan(name="Backup 50 GB"), shop.personas.direct_customer)
    _, made = order(subscription, "plan", plan=shop.fixed_plan(name="Archive"))
    execute(made.lines.get())

    bill(shop.personas.msp)

    told = InvoiceLine.objects.filter(item="subscription").order_by("period_start").values_list("working__plan", "description")
    assert list(told) == [("Backup 50 GB", "Backup 50 GB, 14 of 31 days"), ("Archive", "Archive, 17 of 31 days")]


def test_a_cancellation_that_waited_beyond_its_day_ends_the_service_and_begins_no_other_term(year):
    made = place(year, uuid4(), wish=AmendmentWish("cancel", ends="at_end_of_term"))
    late = LATER + timedelta(days=360)  # 10 October 2027; the term ended on the 1st
    renewals.renew_due(at=late)
    assert total(year) == 410

    orders.execute_order(order_id=made.pk, by=factories.UserFactory(), at=late)
    execute(made.lines.get(), at=late)

    year.refresh_from_db()
    assert (year.status, year.ended_on) == ("ended", date(2027, 10, 1))
    assert total(year) == 210
    assert [step.sentence.split(" “")[0] for step in amending.steps(made.lines.get(), at=late)] == ["Delete the tenant"]


def test_a_change_that_failed_waits_for_its_payment_again_where_that_was_taken_back(year, monkeypatch):
    _, made = order(year, "quantity", quantity=2)
    go_on(made)
    pay(invoices(year)[-1])
    go_on(made)
    with monkeypatch.context() as patched:
        patched.setattr(execution.converging, "converge", refuse)
        execute(made.lines.get())
    reverse_payment(payment_id=Payment.objects.latest("pk").pk, reason="Bounced", by=None, at=LATER)

    orders.retry_order(order_id=made.pk, by=None, at=LATER)
    go_on(made)
    assert made.status == "awaiting_payment"

    pay(invoices(year)[-1])
    go_on(made)
    assert execute(made.lines.get()).status == "completed"


def test_what_is_billed_above_the_quota_before_a_change_is_not_given_back_by_the_month(shop, vendor_answers):
    """Today's reading, which can be asked for, counts under the new quota."""
    vendor_answers(*[None] * 9)
    subscription = subscribed(shop.fixed_plan(name="Backup 50 GB"), shop.personas.direct_customer)
    use(subscription, 70 * GB, days=[date(2026, 10, day) for day in range(1, 15)])
    use(subscription, 90 * GB, days=[LATER.date()])

    cost, made = order(subscription, "quantity", quantity=2)
    execute(made.lines.get())
    use(subscription, 130 * GB, days=[date(2026, 10, day) for day in range(16, 32)])
    bill(shop.personas.msp)

    overage = lines_of(subscription).filter(item="overage").values_list("invoice__kind", "quantity", "net")
    assert list(overage) == [("overage", 20, cost.overage_first), ("monthly", 10, 1)]
