"""The doorbell: a message that says work is due. The row, not the message, knows what is to be done."""

from functools import partial
from typing import Any

from celery import signature
from django.db import transaction


def after_commit(name: str, **kwargs: Any) -> None:
    """
    Ring the Celery task ``name`` when the present transaction has committed, at once where there is none.

    By name, so that operations import no tasks. A lost message costs a minute: a sweep rings what is due.
    """
    transaction.on_commit(partial(signature(name, kwargs=kwargs).apply_async), robust=True)
