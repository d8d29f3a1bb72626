"""The base of every QuerySet that is written through operations."""

from typing import Self, TypeVar

from django.db import models

Row = TypeVar("Row", bound=models.Model)


class LockingQuerySet(models.QuerySet[Row]):
    """A QuerySet whose rows can be locked in a fixed order, so that two operations never wait for each other in a ring."""

    def locked(self) -> Self:
        """Lock the rows themselves, by key, until the transaction ends; foreign keys to them stay possible."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)
