"""Money in the back office: each subject has its own module; importing them registers their pages."""

from billing.admin import (
    bank_statements,
    credit_notes,
    invoices,
    payments,
    price_changes,
    rate_cards,
    runs,
    usage,
    usage_estimates,
    usage_reports,
)

__all__ = [
    "bank_statements",
    "credit_notes",
    "invoices",
    "payments",
    "price_changes",
    "rate_cards",
    "runs",
    "usage",
    "usage_estimates",
    "usage_reports",
]
