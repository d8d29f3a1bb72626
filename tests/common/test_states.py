"""Moves between states."""

import pytest

from billing.models import Invoice, Subscription
from common.errors import IllegalTransition
from ordering.models import Order, OrderLine
from provisioning.models import VendorReport

STATEFUL = [Order, OrderLine, Subscription, Invoice, VendorReport]


@pytest.mark.parametrize("model", STATEFUL, ids=lambda model: model.__name__)
def test_every_state_has_its_moves_and_leads_only_to_states_there_are(model):
    states = set(model.Status.values)

    assert set(model.MOVES) == states
    assert {there for moves in model.MOVES.values() for there in moves} <= states


@pytest.mark.parametrize("model", STATEFUL, ids=lambda model: model.__name__)
def test_only_the_moves_of_the_table_are_taken(model):
    for here, allowed in model.MOVES.items():
        for there in model.Status.values:
            row = model(status=here)
            if there in allowed:
                row.move_to(there)
                assert row.status == there
            else:
                with pytest.raises(IllegalTransition):
                    row.move_to(there)
                assert row.status == here


def test_a_refused_move_says_what_the_row_is_and_cannot_become():
    with pytest.raises(IllegalTransition, match=r"This order is Completed; it cannot become Cancelled\."):
        Order(status=Order.Status.COMPLETED).move_to(Order.Status.CANCELLED)
