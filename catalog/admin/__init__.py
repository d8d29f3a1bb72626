"""The catalogue in the back office: each subject has its own module; importing them registers their pages."""

from catalog.admin import partners, plans, shelves, terms

__all__ = ["partners", "plans", "shelves", "terms"]
