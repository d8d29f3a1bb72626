"""Runs outside the request: asked for, worked off, stopped, taken up again after their worker has died."""

import threading
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import OperationalError, connection

from accounts.models import Organization
from billing.holding import USUAL, Rules
from billing.models import BillingRun, Invoice, InvoiceLine, ParkedAccount
from billing.operations import draft_rows, hold_rules, run_queue, runs
from billing.operations.run_queue import BILLING_RUN, MOST_ATTEMPTS, RunUnderWay, Wish, queue_run, work_off
from billing.operations.runs import NotACalendarMonth, PeriodNotOver
from billing.queries.runs import is_complete, state_of
from common.locks import Busy, alone
from common.periods import Period
from tests import factories
from tests.billing.making import GIB, NOVEMBER_1, OCTOBER, rate_card, subscribe, use
from tests.conftest import Personas
from tests.killing import die, in_a_child_that_is_killed, until_free

pytestmark = pytest.mark.django_db
LAST_DAY = [date(2026, 10, 31)]


def ask(seller: Organization, *, rules: Rules | None = None, allows_unknown_cost: bool | None = None, **facts: Any) -> BillingRun:
    told = {"period": OCTOBER, "by": None, "at": NOVEMBER_1, **facts}
    return queue_run(seller_id=seller.pk, rules=rules, allows_unknown_cost=allows_unknown_cost, **told)


def three_buyers(monkeypatch: pytest.MonkeyPatch) -> list[Organization]:
    """Three buyers of the MSP that owe 7.00 EUR each, one in each batch."""
    monkeypatch.setattr(runs, "SUBSCRIPTIONS_PER_BATCH", 1)
    plan = factories.PlanFactory()
    rate_card(plan.product_group)
    buyers = factories.OrganizationFactory.create_batch(3)
    for buyer in buyers:
        use(subscribe(buyer, plan), 100 * GIB, days=LAST_DAY)
    return buyers


def nets() -> list[Decimal]:
    return list(Invoice.objects.order_by("pk").values_list("net", flat=True))


# --- Asking ---------------------------------------------------------------------------------------------------------------


def test_a_run_that_is_asked_for_waits_on_its_row_and_a_worker_does_it(
    personas: Personas, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    three_buyers(monkeypatch)

    with django_capture_on_commit_callbacks() as rings:
        run = ask(personas.msp, by=personas.bert)
    assert (run.status, run.wished_by, run.wished_at, run.rules) == ("queued", personas.bert, NOVEMBER_1, USUAL.as_json())
    assert not Invoice.objects.exists()

    [ring] = rings
    ring()  # the eager worker of the tests

    run.refresh_from_db()
    assert (run.status, run.accounts_done, run.accounts_total, run.error) == ("finished", 3, 3, "")
    assert is_complete(run)
    assert nets() == [Decimal("7.00")] * 3


def test_asked_for_twice_it_is_one_run(personas: Personas) -> None:
    assert ask(personas.msp) == ask(personas.msp)


@pytest.mark.parametrize(
    ("facts", "refusal"),
    [
        ({"period": Period(date(2026, 10, 1), date(2026, 10, 15))}, NotACalendarMonth),
        ({"period": Period(date(2026, 11, 1), date(2026, 12, 1))}, PeriodNotOver),
    ],
)
def test_a_month_that_cannot_be_billed_is_refused_at_once(personas: Personas, facts: dict[str, Any], refusal: type) -> None:
    with pytest.raises(refusal):
        ask(personas.msp, **facts)

    assert not BillingRun.objects.exists()


def test_rules_are_remembered_from_the_sellers_last_run_and_what_was_allowed_is_not(personas: Personas) -> None:
    september, rules = Period(date(2026, 9, 1), date(2026, 10, 1)), Rules(change_percent=Decimal(50))
    ask(personas.msp, period=september, rules=rules, allows_unknown_cost=True)

    again, october = ask(personas.msp, period=september), ask(personas.msp)

    assert (again.rules, again.allows_unknown_cost) == (rules.as_json(), True)
    assert (october.rules, october.allows_unknown_cost) == (rules.as_json(), False)
    assert ask(personas.reseller).rules == USUAL.as_json()


def test_the_timetable_asks_for_the_last_month_of_every_seller(personas: Personas) -> None:
    subscribe(personas.resellers_customer)

    asked = run_queue.queue_last_month(at=NOVEMBER_1)

    assert [(run.seller, run.period, run.status, run.wished_by) for run in asked] == [
        (personas.msp, OCTOBER, "queued", None),
        (personas.reseller, OCTOBER, "queued", None),
    ]


# --- Working it off -------------------------------------------------------------------------------------------------------


def test_a_run_that_is_done_is_not_done_again_by_a_late_message(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    run = work_off(ask(personas.msp).pk, at=NOVEMBER_1)

    work_off(run.pk, at=NOVEMBER_1 + timedelta(hours=1))

    run.refresh_from_db()
    assert run.started_at == NOVEMBER_1


def test_how_far_it_is_stands_on_the_row_after_each_batch(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    three_buyers(monkeypatch)
    run = ask(personas.msp)
    seen = []

    def look(done: int, total: int) -> None:
        present = BillingRun.objects.get(pk=run.pk)
        seen.append((done, total, present.accounts_done, present.accounts_total, present.status))

    work_off(run.pk, at=NOVEMBER_1, tell=look)

    assert seen == [(n, 3, n, 3, "running") for n in (1, 2, 3)]


def test_stopped_it_ends_after_the_batch_and_run_again_it_goes_on(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    three_buyers(monkeypatch)
    run = ask(personas.msp)

    def stop(done: int, total: int) -> None:
        run_queue.stop_run(run_id=run.pk, by=personas.bert, at=NOVEMBER_1)

    stopped = work_off(run.pk, at=NOVEMBER_1, tell=stop)
    assert (stopped.status, stopped.accounts_done, is_complete(stopped)) == ("finished", 1, False)
    assert stopped.error == f"Stopped by {personas.bert} after 1 of 3 accounts. Run it again to go on."
    assert state_of(stopped).words == "Stopped"
    assert nets() == [Decimal("7.00")]

    ended = work_off(ask(personas.msp).pk, at=NOVEMBER_1)

    assert (ended.error, is_complete(ended)) == ("", True)
    assert nets() == [Decimal("7.00")] * 3


def test_stopped_before_it_began_it_does_not_begin(personas: Personas) -> None:
    run = ask(personas.msp)
    run_queue.stop_run(run_id=run.pk, by=personas.bert, at=NOVEMBER_1)

    stopped = work_off(run.pk, at=NOVEMBER_1)

    assert (stopped.status, stopped.computed_at) == ("finished", None)


def test_asked_for_anew_while_it_is_worked_on_it_begins_anew(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *_ = three_buyers(monkeypatch)
    run = ask(personas.msp)
    batches = []

    def late_usage(done: int, total: int) -> None:
        batches.append(done)
        if len(batches) == 1:
            use(first.subscriptions.get(), 200 * GIB, days=LAST_DAY)
            ask(personas.msp, rules=Rules(above={"EUR": Decimal(10)}), at=NOVEMBER_1 + timedelta(seconds=1))

    ended = work_off(run.pk, at=NOVEMBER_1, tell=late_usage)

    assert batches == [1, 1, 2, 3]
    assert (ended.status, ended.error) == ("finished", "")
    assert [(one.net, bool(one.held_for)) for one in Invoice.objects.order_by("buyer")] == [
        (Decimal("14.00"), True),
        (Decimal("7.00"), False),
        (Decimal("7.00"), False),
    ]


def test_asked_for_anew_in_its_last_moment_it_begins_anew(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    three_buyers(monkeypatch)
    run = ask(personas.msp)
    apply, passes = hold_rules.apply_hold_rules, []

    def asked_at_the_end(*args: Any, **kwargs: Any) -> int:
        passes.append(1)
        if len(passes) == 1:
            ask(personas.msp, at=NOVEMBER_1 + timedelta(seconds=1))
        return apply(*args, **kwargs)

    monkeypatch.setattr(hold_rules, "apply_hold_rules", asked_at_the_end)
    ended = work_off(run.pk, at=NOVEMBER_1)

    assert len(passes) == 2
    assert is_complete(ended)


def test_what_goes_wrong_is_told_on_the_row(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(hold_rules, "apply_hold_rules", broken)

    run = work_off(ask(personas.msp).pk, at=NOVEMBER_1)

    assert (run.status, is_complete(run)) == ("finished", False)
    assert run.error == "It failed unexpectedly (ZeroDivisionError); the log of 2026-11-01 09:00 says more."


def test_a_month_that_is_not_over_for_the_worker_is_told_too(personas: Personas) -> None:
    run = ask(personas.msp)

    ended = work_off(run.pk, at=NOVEMBER_1 - timedelta(days=1))

    assert (ended.status, "is not over yet" in ended.error) == ("finished", True)


def test_a_second_run_writes_nothing(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    three_buyers(monkeypatch)
    work_off(ask(personas.msp, rules=Rules(above={"EUR": Decimal(5)})).pk, at=NOVEMBER_1)
    before = snapshot(with_keys=True)

    work_off(ask(personas.msp).pk, at=NOVEMBER_1 + timedelta(hours=1))

    assert snapshot(with_keys=True) == before


# --- Workers that die, and two at once ------------------------------------------------------------------------------------------


def snapshot(*, with_keys: bool = False) -> list[tuple[Any, ...]]:
    """Everything a run writes: invoices, lines, parked accounts."""
    keys = ["pk"] if with_keys else []
    facts = ["buyer", "venture", "kind", "status", "currency", "net", "tax", "gross", "taxes", "held_for", "created_at"]
    said = ["position", "item", "edition", "part", "description", "period_start", "period_end", "quantity", "unit", "unit_price"]
    invoices = Invoice.objects.order_by("buyer", "venture", "currency").values_list(*keys, *facts)
    lines = InvoiceLine.objects.order_by("invoice__buyer", "position")
    parked = ParkedAccount.objects.order_by("buyer").values_list("buyer", "reason", "parked_at")
    return [*invoices, *lines.values_list(*keys, "subscription", *said, "net", "tax_percent", "working", "readings"), *parked]


@pytest.fixture
def nobody_rings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The runs that were rung for; nobody comes."""
    rung: list[int] = []
    monkeypatch.setattr(run_queue, "after_commit", lambda name, run_id: rung.append(run_id))
    return rung


RULES = Rules(above={"EUR": Decimal(5)})


@pytest.mark.django_db(transaction=True)
def test_killed_anywhere_and_resumed_it_is_as_if_undisturbed(
    personas: Personas, monkeypatch: pytest.MonkeyPatch, nobody_rings: list[int]
) -> None:
    """At four points: after a batch, inside the transaction of the second, while drafts are held, and before it is finished."""
    _, parked, _ = three_buyers(monkeypatch)
    without_card = factories.PlanFactory(product_group=factories.ProductGroupFactory(name="No card yet"))
    fourth = factories.OrganizationFactory()
    use(subscribe(fourth, without_card), GIB, days=LAST_DAY)
    undisturbed = work_off(ask(personas.msp, rules=RULES).pk, at=NOVEMBER_1)
    expected = snapshot()
    assert [bool(held) for held in Invoice.objects.values_list("held_for", flat=True)] == [True] * 3
    assert ParkedAccount.objects.get().buyer == fourth
    Invoice.objects.all().delete()
    undisturbed.delete()
    write = draft_rows.write

    def in_the_second_batch(*args: Any, **kwargs: Any) -> None:
        write(*args, **kwargs)
        if args[2] == [parked.pk]:
            die()

    def killed_at(point: str, run: BillingRun) -> None:
        if point == "in a batch":
            draft_rows.write = in_the_second_batch
        elif point == "while holding":
            hold_rules._write = die
        elif point == "before finishing":
            runs._finish = die
        work_off(run.pk, at=NOVEMBER_1, tell=die if point == "after a batch" else None)

    for point in ("after a batch", "in a batch", "while holding", "before finishing"):
        run = ask(personas.msp, rules=RULES)
        in_a_child_that_is_killed(lambda point=point, run=run: killed_at(point, run))
        until_free(BILLING_RUN, run.pk)
        run.refresh_from_db()
        assert run.status == "running", point
        assert run_queue.sweep(at=NOVEMBER_1 + timedelta(minutes=2)) == 1

        run = work_off(run.pk, at=NOVEMBER_1)

        assert (run.status, run.error) == ("finished", ""), point
        assert snapshot() == expected, point
        Invoice.objects.all().delete()
        run.delete()


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_make_one_result(personas: Personas, monkeypatch: pytest.MonkeyPatch, nobody_rings: list[int]) -> None:
    three_buyers(monkeypatch)
    run = ask(personas.msp)
    ends: list[str] = []
    both_ready = threading.Barrier(2)

    def work() -> None:
        try:
            both_ready.wait(timeout=30)
            ends.append(work_off(run.pk, at=NOVEMBER_1).status)
        except Busy:
            ends.append("stepped aside")
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert set(ends) <= {"finished", "stepped aside"}
    assert "finished" in ends
    assert nets() == [Decimal("7.00")] * 3


@pytest.mark.django_db(transaction=True)
def test_the_sweep_rings_for_what_nobody_is_at(personas: Personas, nobody_rings: list[int]) -> None:
    run, later = ask(personas.msp), NOVEMBER_1 + timedelta(minutes=2)
    nobody_rings.clear()

    assert run_queue.sweep(at=NOVEMBER_1) == 0  # its message is still on the way
    with alone(BILLING_RUN, run.pk):
        assert run_queue.sweep(at=later) == 0
    assert run_queue.sweep(at=later) == 1
    assert nobody_rings == [run.pk]

    work_off(run.pk, at=NOVEMBER_1)
    assert run_queue.sweep(at=later) == 0


def test_a_run_that_kills_its_workers_waits_longer_each_time_and_is_then_left_to_a_person(
    personas: Personas, monkeypatch: pytest.MonkeyPatch, nobody_rings: list[int]
) -> None:
    three_buyers(monkeypatch)
    run, at, waits = ask(personas.msp), NOVEMBER_1 + timedelta(minutes=2), []
    bill = runs.run_billing

    def killed(*args: Any, **kwargs: Any) -> None:
        raise OperationalError

    monkeypatch.setattr(runs, "run_billing", killed)
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(OperationalError):
            work_off(run.pk, at=at)
        run.refresh_from_db()
        assert run_queue.sweep(at=run.next_try_at - timedelta(seconds=1)) == 0
        assert run_queue.sweep(at=run.next_try_at) == 1
        waits.append((run.next_try_at - at) // timedelta(minutes=1))
        at = run.next_try_at
    given_up = work_off(run.pk, at=at)

    assert waits == [1, 4, 16, 64, 1]
    assert (given_up.status, state_of(given_up).words) == ("finished", "Stopped")
    assert given_up.error.startswith("5 workers began it and none came to its end")
    assert run_queue.sweep(at=at + timedelta(days=1)) == 0

    monkeypatch.setattr(runs, "run_billing", bill)
    ended = work_off(ask(personas.msp).pk, at=at)

    assert (ended.error, ended.attempts, is_complete(ended)) == ("", 1, True)


def test_a_resellers_run_waits_for_the_msps_own_and_follows_at_once(
    personas: Personas, django_capture_on_commit_callbacks: Any
) -> None:
    subscription = subscribe(personas.resellers_customer)
    rate_card(subscription.plan.product_group)
    use(subscription, 100 * GIB, days=LAST_DAY)
    msps, resellers = run_queue.queue_last_month(at=NOVEMBER_1)

    assert work_off(resellers.pk, at=NOVEMBER_1).status == "queued"
    with pytest.raises(RunUnderWay):
        run_queue.run_here(
            seller_id=personas.reseller.pk, period=OCTOBER, wish=Wish(), by=None, at=NOVEMBER_1, tell=lambda done, total: None
        )
    with django_capture_on_commit_callbacks(execute=True):
        work_off(msps.pk, at=NOVEMBER_1)

    resellers.refresh_from_db()
    assert is_complete(resellers)
    assert not ParkedAccount.objects.exists()
    assert Invoice.objects.filter(seller=personas.reseller).exists()


def test_a_resellers_run_does_not_wait_where_unknown_cost_is_allowed(personas: Personas) -> None:
    subscribe(personas.resellers_customer)
    ask(personas.msp)

    assert work_off(ask(personas.reseller, allows_unknown_cost=True).pk, at=NOVEMBER_1).status == "finished"


# --- Parked accounts, rules -------------------------------------------------------------------------------------------------


def test_one_parked_account_is_tried_again_alone(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    without_card = factories.ProductGroupFactory(name="No card yet")
    subscription = subscribe(personas.direct_customer, factories.PlanFactory(product_group=without_card))
    use(subscription, 100 * GIB, days=LAST_DAY)
    run = work_off(ask(personas.msp, rules=RULES).pk, at=NOVEMBER_1)
    assert ParkedAccount.objects.get().buyer == personas.direct_customer
    rate_card(without_card)

    run_queue.try_again(run_id=run.pk, buyer_id=personas.direct_customer.pk, at=NOVEMBER_1)

    assert not ParkedAccount.objects.exists()
    draft = Invoice.objects.get()
    assert (draft.net, draft.held_for) == (Decimal("7.00"), "Net 7.00 EUR is more than 5.00 EUR.")


def test_while_a_run_is_under_way_no_account_is_tried_alone(personas: Personas) -> None:
    run = ask(personas.msp)

    with pytest.raises(RunUnderWay):
        run_queue.try_again(run_id=run.pk, buyer_id=personas.direct_customer.pk, at=NOVEMBER_1)


def test_new_rules_hold_and_let_go_without_another_run(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    three_buyers(monkeypatch)
    run = work_off(ask(personas.msp, rules=RULES).pk, at=NOVEMBER_1)

    run_queue.set_rules(run_id=run.pk, rules=Rules(above={"EUR": Decimal(10)}), by=personas.bert, at=NOVEMBER_1)

    assert set(Invoice.objects.values_list("held_for", flat=True)) == {""}
    run.refresh_from_db()
    assert (run.status, run.rules["above"]) == ("finished", {"EUR": "10"})


def test_new_rules_of_a_run_under_way_begin_it_anew(personas: Personas) -> None:
    run = ask(personas.msp)

    run_queue.set_rules(run_id=run.pk, rules=RULES, by=personas.bert, at=NOVEMBER_1 + timedelta(seconds=5))

    run.refresh_from_db()
    assert (run.status, run.rules, run.wished_by) == ("queued", RULES.as_json(), personas.bert)


def test_run_here_tells_how_far_it_is(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    three_buyers(monkeypatch)
    told: list[tuple[int, int]] = []

    run = run_queue.run_here(
        seller_id=personas.msp.pk,
        period=OCTOBER,
        wish=Wish(),
        by=None,
        at=NOVEMBER_1,
        tell=lambda done, total: told.append((done, total)),
    )

    assert told == [(1, 3), (2, 3), (3, 3)]
    assert is_complete(run)
