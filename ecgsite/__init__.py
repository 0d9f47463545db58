"""The Django project: settings, addresses, the Celery application and the checks at start."""

from .celery import app as celery_app

__all__ = ("celery_app",)
