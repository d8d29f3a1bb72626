"""Who may see what stands between a seller and a buyer."""

from typing import Any, Self

from django.db.models import Q

from common.querysets import LockingQuerySet, Row


class PartiesQuerySet(LockingQuerySet[Row]):
    """Rows with a ``seller`` and a ``buyer`` that both may see from their first moment."""

    def visible_to(self, user: Any) -> Self:
        """Staff see all, everybody else what their organizations sold or bought."""
        if not user.is_authenticated:
            return self.none()
        if user.is_staff:
            return self
        own = user.own_memberships().values("organization")
        return self.filter(Q(seller__in=own) | Q(buyer__in=own))
