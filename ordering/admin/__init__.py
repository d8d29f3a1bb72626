"""Orders in the back office: each subject has its own module; importing them registers their pages."""

from ordering.admin import acceptances, orders, queue

__all__ = ["acceptances", "orders", "queue"]
