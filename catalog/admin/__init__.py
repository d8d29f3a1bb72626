"""The catalogue in the back office: each subject has its own module; importing them registers their pages."""

from catalog.admin import action_mails, mail_templates, partners, plans, shelves, terms

__all__ = ["action_mails", "mail_templates", "partners", "plans", "shelves", "terms"]
