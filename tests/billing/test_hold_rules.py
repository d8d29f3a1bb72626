"""Drafts that are held back and released again."""

from datetime import date
from decimal import Decimal

import pytest

from billing.holding import BY_HAND, Rules
from billing.models import BillingRun, Invoice
from billing.operations.hold_rules import NotADraft, apply_hold_rules, hold_draft, release_drafts
from billing.operations.invoices import issue_invoice
from billing.operations.runs import run_billing
from tests.billing.making import GIB, NOVEMBER_1, OCTOBER, rate_card, subscribe, use
from tests.conftest import Personas

pytestmark = pytest.mark.django_db
REASON = "Net 7.00 EUR is more than 5.00 EUR."


def hold_above(run: BillingRun, amount: str) -> int:
    run.rules = Rules(above={"EUR": Decimal(amount)}).as_json()
    run.save()
    return apply_hold_rules(run, at=NOVEMBER_1)


@pytest.fixture
def run(personas: Personas) -> BillingRun:
    """dora's draft of 7.00 EUR."""
    subscription = subscribe(personas.direct_customer)
    rate_card(subscription.plan.product_group)
    use(subscription, 100 * GIB, days=[date(2026, 10, 31)])
    return run_billing(seller_id=personas.msp.pk, period=OCTOBER, at=NOVEMBER_1)


def held_for() -> str:
    return Invoice.objects.get().held_for


def test_a_draft_outside_the_rules_is_held_until_it_is_inside(run: BillingRun) -> None:
    assert (hold_above(run, "5"), held_for()) == (1, REASON)
    assert hold_above(run, "5") == 0

    assert (hold_above(run, "7"), held_for()) == (1, "")


def test_what_somebody_released_is_held_again_only_for_another_reason(run: BillingRun, personas: Personas) -> None:
    hold_above(run, "5")

    assert release_drafts(run_id=run.pk, by=personas.bert) == 1
    assert release_drafts(run_id=run.pk, by=personas.bert) == 0
    assert (hold_above(run, "5"), held_for()) == (0, "")

    use(run.seller.children.get(pk=personas.direct_customer.pk).subscriptions.get(), 200 * GIB, days=[date(2026, 10, 31)])
    run_billing(seller_id=personas.msp.pk, period=OCTOBER, at=NOVEMBER_1)
    assert held_for() == "Net 14.00 EUR is more than 5.00 EUR."


def test_what_the_rules_let_go_is_held_again_by_the_same_rules(run: BillingRun) -> None:
    hold_above(run, "5")
    hold_above(run, "7")

    assert (hold_above(run, "5"), held_for()) == (1, REASON)


def test_a_run_that_finds_use_without_a_rate_holds_the_draft_at_once(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    rate_card(subscription.plan.product_group)
    use(subscription, 100 * GIB, days=[date(2026, 10, 31)])
    use(subscription, GIB, item="total_storage", edition="", days=[date(2026, 10, 31)])
    BillingRun.objects.create(
        seller=personas.msp,
        period_start=OCTOBER.start,
        period_end=OCTOBER.end,
        started_at=NOVEMBER_1,
        rules=Rules(unrated=True).as_json(),
    )

    run_billing(seller_id=personas.msp.pk, period=OCTOBER, at=NOVEMBER_1)

    assert held_for() == "Something was used that the rate card has no rate for."


def test_rules_that_hold_nothing_let_go_what_rules_held_but_nothing_held_by_hand(run: BillingRun, personas: Personas) -> None:
    hold_above(run, "5")
    run.rules = {}

    assert (apply_hold_rules(run, at=NOVEMBER_1), held_for()) == (1, "")

    hold_draft(invoice_id=Invoice.objects.get().pk, reason="Wait.", by=personas.bert)
    assert (apply_hold_rules(run, at=NOVEMBER_1), held_for()) == (0, f"{BY_HAND}Wait.")


def test_what_is_held_by_hand_the_rules_leave_alone(run: BillingRun, personas: Personas) -> None:
    hold_draft(invoice_id=Invoice.objects.get().pk, reason="Dora wants to talk first.", by=personas.bert)

    assert hold_above(run, "5") == 0
    assert held_for() == f"{BY_HAND}Dora wants to talk first."
    assert release_drafts(run_id=run.pk, invoices=[0], by=personas.bert) == 0
    assert release_drafts(run_id=run.pk, invoices=[Invoice.objects.get().pk], by=personas.bert) == 1
    assert held_for() == ""


def test_an_issued_invoice_is_neither_held_by_hand_nor_by_rules(run: BillingRun, personas: Personas) -> None:
    invoice = issue_invoice(invoice_id=Invoice.objects.get().pk, on=date(2026, 11, 1), by=None)

    with pytest.raises(NotADraft, match=f"Invoice {invoice.number} is issued"):
        hold_draft(invoice_id=invoice.pk, reason="Too late.", by=personas.bert)

    assert (hold_above(run, "5"), held_for()) == (0, "")
