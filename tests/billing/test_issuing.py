"""Issuing the drafts of a run together, by a worker."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from post_office.models import Email

from billing.holding import Rules
from billing.models import BillingRun, Invoice, ParkedAccount
from billing.operations import hold_rules, invoices, issuing, run_queue
from billing.operations.invoices import DatedTooEarly, NothingToIssue
from billing.operations.issuing import ISSUING, RunNotComplete, issue_here, issue_off, queue_issuing, stop_issuing
from billing.operations.runs import run_billing
from billing.queries.runs import is_complete, state_of, totals
from common.locks import Busy, alone
from tests import factories
from tests.billing.making import GIB, NOVEMBER_1, OCTOBER, rate_card, subscribe, use
from tests.conftest import Personas
from tests.killing import die, in_a_child_that_is_killed, until_free

pytestmark = pytest.mark.django_db
ON = date(2026, 11, 2)


@pytest.fixture
def run(personas: Personas) -> BillingRun:
    """Drafts of 7.00, 14.00 and 21.00 EUR for three buyers."""
    plan = factories.PlanFactory()
    rate_card(plan.product_group)
    for number, buyer in enumerate(factories.OrganizationFactory.create_batch(3), start=1):
        use(subscribe(buyer, plan), number * 100 * GIB, days=[date(2026, 10, 31)])
    return run_billing(seller_id=personas.msp.pk, period=OCTOBER, at=NOVEMBER_1)


@pytest.fixture
def nobody_rings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The runs that were rung for; nobody comes."""
    rung: list[int] = []
    monkeypatch.setattr(issuing, "after_commit", lambda name, run_id: rung.append(run_id))
    return rung


def numbers() -> list[str | None]:
    return list(Invoice.objects.order_by("pk").values_list("number", flat=True))


def test_asked_for_on_the_run_a_worker_issues_every_draft(
    run: BillingRun, personas: Personas, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks() as rings:
        wished = queue_issuing(run_id=run.pk, on=ON, by=personas.bert, at=NOVEMBER_1)
    assert (wished.issue_wished_by, wished.issue_on, state_of(wished).words) == (personas.bert, ON, "Issuing")
    assert numbers() == [None] * 3

    [ring] = rings
    ring()

    assert numbers() == ["INV-2026-00001", "INV-2026-00002", "INV-2026-00003"]
    assert set(Invoice.objects.values_list("issued_on", flat=True)) == {ON}
    run.refresh_from_db()
    assert (run.issue_wished_at, run.error, state_of(run).words) == (None, "", "Finished")
    [total] = totals(run)
    assert (total.drafts, total.issued, total.issued_net, total.held) == (0, 3, Decimal("42.00"), 0)


def test_what_is_held_or_parked_stays_a_draft(run: BillingRun) -> None:
    run.rules = Rules(above={"EUR": Decimal(20)}).as_json()
    run.save()
    hold_rules.apply_hold_rules(run, at=NOVEMBER_1)
    first = Invoice.objects.order_by("pk").first()
    assert first is not None
    ParkedAccount.objects.create(run=run, buyer=first.buyer, reason="No rate card.", parked_at=NOVEMBER_1)

    assert issue_here(run_id=run.pk, on=ON, by=None, at=NOVEMBER_1) == 1

    assert numbers() == [None, "INV-2026-00001", None]
    with pytest.raises(NothingToIssue):
        issue_here(run_id=run.pk, on=ON, by=None, at=NOVEMBER_1)


def test_a_run_that_did_not_go_through_issues_nothing(run: BillingRun, personas: Personas) -> None:
    run_queue.queue_run(
        seller_id=personas.msp.pk, period=OCTOBER, rules=None, allows_unknown_cost=None, by=None, at=NOVEMBER_1 + timedelta(1)
    )
    with pytest.raises(RunNotComplete):
        queue_issuing(run_id=run.pk, on=ON, by=None, at=NOVEMBER_1)

    run_queue.stop_run(run_id=run.pk, by=personas.bert, at=NOVEMBER_1)
    with pytest.raises(RunNotComplete):
        queue_issuing(run_id=run.pk, on=ON, by=None, at=NOVEMBER_1)


def test_no_invoice_bears_a_date_before_its_month_is_over(run: BillingRun) -> None:
    with pytest.raises(DatedTooEarly):
        queue_issuing(run_id=run.pk, on=date(2026, 10, 31), by=None, at=NOVEMBER_1)


def test_asked_for_twice_the_first_date_counts(run: BillingRun) -> None:
    queue_issuing(run_id=run.pk, on=ON, by=None, at=NOVEMBER_1)

    again = queue_issuing(run_id=run.pk, on=ON + timedelta(1), by=None, at=NOVEMBER_1)

    assert again.issue_on == ON


def test_one_that_is_refused_keeps_none_of_the_others(run: BillingRun, monkeypatch: pytest.MonkeyPatch) -> None:
    issue = invoices.issue_invoice
    first, second, _ = Invoice.objects.order_by("pk")

    def refusing(*, invoice_id: int, **facts: Any) -> Invoice:
        if invoice_id == first.pk:
            raise NothingToIssue("This draft has no lines.")
        if invoice_id == second.pk:
            raise ZeroDivisionError
        return issue(invoice_id=invoice_id, **facts)

    monkeypatch.setattr(invoices, "issue_invoice", refusing)
    assert issue_here(run_id=run.pk, on=ON, by=None, at=NOVEMBER_1) == 1

    run.refresh_from_db()
    assert run.error == (
        f"2 invoices were not issued. {first.buyer.name}: This draft has no lines. "
        f"{second.buyer.name}: it failed unexpectedly (ZeroDivisionError); the log says more."
    )
    assert is_complete(run)


def test_stopped_it_issues_no_more_and_asked_again_the_rest(
    run: BillingRun, personas: Personas, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuing, "LOOKED_EVERY", 1)
    queue_issuing(run_id=run.pk, on=ON, by=None, at=NOVEMBER_1)

    assert issue_off(run.pk, at=NOVEMBER_1, tell=lambda issued, total: stop_issuing(run_id=run.pk, by=personas.bert) and None) == 1

    assert numbers() == ["INV-2026-00001", None, None]
    run.refresh_from_db()
    assert run.error == f"Issuing was stopped by {personas.bert}. Issue all to go on."
    assert issue_here(run_id=run.pk, on=ON, by=None, at=NOVEMBER_1) == 2


def test_a_late_message_issues_nothing(run: BillingRun) -> None:
    assert issue_off(run.pk, at=NOVEMBER_1) == 0
    assert numbers() == [None] * 3


@pytest.mark.django_db(transaction=True)
def test_killed_between_two_invoices_the_next_worker_goes_on_without_gap_or_double(
    run: BillingRun, nobody_rings: list[int]
) -> None:
    queue_issuing(run_id=run.pk, on=ON, by=None, at=NOVEMBER_1)
    nobody_rings.clear()
    in_a_child_that_is_killed(lambda: issue_off(run.pk, at=NOVEMBER_1, tell=die))
    until_free(ISSUING, run.pk)
    assert numbers() == ["INV-2026-00001", None, None]

    with alone(ISSUING, run.pk):
        assert issuing.sweep(at=NOVEMBER_1 + timedelta(minutes=2)) == 0
    assert issuing.sweep(at=NOVEMBER_1 + timedelta(minutes=2)) == 1
    assert nobody_rings == [run.pk]
    assert issue_off(run.pk, at=NOVEMBER_1) == 2

    assert numbers() == ["INV-2026-00001", "INV-2026-00002", "INV-2026-00003"]
    assert Email.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_while_one_worker_issues_another_steps_aside(run: BillingRun, nobody_rings: list[int]) -> None:
    queue_issuing(run_id=run.pk, on=ON, by=None, at=NOVEMBER_1)

    def second() -> str:
        try:
            issue_off(run.pk, at=NOVEMBER_1)
        except Busy:
            return "stepped aside"
        finally:
            connection.close()
        return "issued"

    with alone(ISSUING, run.pk), ThreadPoolExecutor(1) as other:
        assert other.submit(second).result(30) == "stepped aside"
    assert numbers() == [None] * 3
