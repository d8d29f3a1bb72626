"""What carries out order lines, and what rings those that are due."""

from typing import Any

from celery import shared_task

from common import clock
from ordering.operations import amendments, execution, gates, prepayment


@shared_task(name="ordering.execute_line", soft_time_limit=540, time_limit=600)
def execute_line(*, line_id: int, **_ignored: Any) -> None:
    """Carry out one order line. Rung twice, or redelivered after its worker was killed, it goes on where it stood."""
    execution.execute_line(line_id=line_id, clock=clock.now)


@shared_task(name="ordering.sweep", time_limit=60)
def sweep(**_ignored: Any) -> None:
    """Ring every order line that is due."""
    execution.sweep(at=clock.now())


@shared_task(name="ordering.go_on_with_payment", time_limit=120)
def go_on_with_payment(*, order_id: int, **_ignored: Any) -> None:
    """Invoice an order that is paid first, execute it once that is done, or credit it where it was cancelled."""
    prepayment.go_on(order_id=order_id, at=clock.now())


@shared_task(name="ordering.release_what_fits", time_limit=300)
def release_what_fits(**_ignored: Any) -> None:
    """Let held orders go on that nothing holds any more."""
    gates.release_what_fits(at=clock.now())


@shared_task(name="ordering.sweep_payments", time_limit=300)
def sweep_payments(**_ignored: Any) -> None:
    """Go on with every order that waits for a payment, or give it up where what it was to change has ended."""
    amendments.give_up_outlived(at=clock.now())
    prepayment.sweep(at=clock.now())
