"""The month's billing from the command line and by beat."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import pytest
import time_machine
from celery import current_app
from django.core.management import CommandError, call_command

from billing.models import BillingRun, Invoice
from billing.operations import run_queue
from common.locks import Busy
from tests.billing.making import GIB, rate_card, subscribe, use
from tests.conftest import Personas

pytestmark = pytest.mark.django_db


@pytest.fixture
def used(personas: Personas) -> Personas:
    """Personas, of whom the reseller's customer has used 100 GiB in October."""
    subscription = subscribe(personas.resellers_customer, retail_markup_percent=10)
    rate_card(subscription.plan.product_group)
    use(subscription, 100 * GIB, days=[date(2026, 10, 31)])
    return personas


def test_a_month_is_billed_and_issued_for_all_sellers(used: Personas, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("bill", period="2026-10", on=date(2026, 11, 1))
    call_command("issue", period="2026-10", on=date(2026, 11, 2))

    numbers = Invoice.objects.order_by("number").values_list("number", "issued_on")
    assert list(numbers) == [
        ("INV-2026-00001", date(2026, 11, 2)),
        (f"{used.reseller.number}-2026-00001", date(2026, 11, 2)),
    ]
    told = capsys.readouterr().out
    assert "Alster IT 2026-10: 1 of 1 accounts." in told
    assert "1 drafts of 8.33 EUR gross in all." in told
    assert "Alster IT 2026-10: 1 invoices issued." in told


def test_one_seller_alone_can_be_billed(used: Personas) -> None:
    call_command("bill", period="2026-10", seller=used.reseller.number, on=date(2026, 11, 1))

    assert [run.seller for run in BillingRun.objects.all()] == [used.reseller]


@pytest.mark.parametrize(
    ("command", "options", "sentence"),
    [
        ("bill", {"period": "2026-13"}, "is not a month"),
        ("bill", {"period": "2026-10", "on": date(2026, 10, 31)}, "is not over yet"),
        ("bill", {"period": "2026-10", "seller": "X1"}, "No MSP or reseller has the number X1"),
        ("bill", {"period": "2026-10", "hold_above": ["10 EUR"]}, "“10 EUR” is not a currency and an amount"),
        ("bill", {"period": "2026-10", "hold_change": "much"}, "“much” is not a number"),
        ("issue", {"period": "2026-10"}, "has not been billed"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(used: Personas, command: str, options: dict[str, object], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        call_command(command, **options)


def test_rules_are_told_on_the_command_line_and_stay_the_sellers(used: Personas, capsys: pytest.CaptureFixture[str]) -> None:
    facts = {"period": "2026-10", "seller": used.reseller.number, "on": date(2026, 11, 1)}

    call_command("bill", **facts, hold_above=["EUR=5", "USD=7.50"], hold=["new_customers"], allow_unknown_cost=True)
    call_command("bill", **facts)
    call_command("issue", period="2026-10", on=date(2026, 11, 2))

    told = capsys.readouterr().out
    assert told.count("Held: Café Carol: Net 7.70 EUR is more than 5.00 EUR. It is the first invoice of this buyer.") == 2
    assert "0 invoices issued.\n  1 drafts are held." in told
    run = BillingRun.objects.get()
    assert (run.rules["above"], run.allows_unknown_cost) == ({"EUR": "5", "USD": "7.50"}, True)

    call_command("bill", **facts, hold_nothing=True)
    assert not Invoice.objects.get().held_for


def test_a_run_that_a_worker_is_at_is_not_run_by_hand(used: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def busy(what: int, key: int) -> Iterator[None]:
        raise Busy("Another worker is on it at this moment.")
        yield

    monkeypatch.setattr(run_queue, "alone", busy)

    with pytest.raises(CommandError, match="Another worker is on it"):
        call_command("bill", period="2026-10", on=date(2026, 11, 1))


@pytest.mark.parametrize("command", ["bill", "issue"])
@pytest.mark.parametrize("day", ["2026-02-30", "yesterday", "9999-12-31", "0001-01-01"])
def test_a_malformed_day_on_the_command_line_is_told_in_a_sentence(command: str, day: str) -> None:
    with pytest.raises(CommandError, match=f"“{day}” is not a day; write it as YYYY-MM-DD"):
        call_command(command, "--period=2026-10", f"--on={day}")


def test_beat_bills_the_month_before_for_everybody(used: Personas, django_capture_on_commit_callbacks: Any) -> None:
    begin = datetime(2026, 11, 1, 7, 30, tzinfo=UTC)
    with time_machine.travel(begin, tick=False), django_capture_on_commit_callbacks(execute=True):
        current_app.tasks["billing.bill_last_month"].delay()

    assert [(run.seller, str(run.period)) for run in BillingRun.objects.order_by("pk")] == [
        (used.msp, "2026-10"),
        (used.reseller, "2026-10"),
    ]
    assert Invoice.objects.count() == 2
