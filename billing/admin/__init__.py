"""Money in the back office: each subject has its own module; importing them registers their pages."""

from billing.admin import invoices, price_changes, rate_cards, runs, usage

__all__ = ["invoices", "price_changes", "rate_cards", "runs", "usage"]
