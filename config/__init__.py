"""Loads the Celery app with Django, so that `after_commit` finds its broker."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
