"""States: a table of allowed moves beside the model, and one way to move."""

from collections.abc import Mapping
from typing import ClassVar

from django.db import models

from common.errors import IllegalTransition


class StatefulModel(models.Model):
    """A row with a ``status`` that changes only along ``MOVES`` (status → the states it leads to)."""

    MOVES: ClassVar[Mapping[str, frozenset[str]]]
    status: "models.CharField[str, str]"

    class Meta:
        abstract = True

    def can_move_to(self, status: str) -> bool:
        """Say whether the present state leads to ``status``."""
        return status in self.MOVES[self.status]

    def move_to(self, status: str) -> None:
        """
        Take the new state; the caller saves the row.

        :raises IllegalTransition: the present state does not lead there.
        """
        if not self.can_move_to(status):
            labels = dict(self._meta.get_field("status").flatchoices)  # type: ignore[union-attr]
            what = self._meta.verbose_name
            raise IllegalTransition(f"This {what} is {labels[self.status]}; it cannot become {labels[status]}.")
        self.status = status
