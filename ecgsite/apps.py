"""App configurations of the project itself."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.core.checks import Tags, register


class SiteConfig(AppConfig):
    """System checks and the commands that run the whole thing."""

    name = "ecgsite"

    def ready(self) -> None:
        from .checks import check_demo_accounts, check_time_limits

        register(check_demo_accounts, Tags.database)
        register(check_time_limits)


class IsolineAdminConfig(AdminConfig):
    default_site = "ecgsite.admin.IsolineAdminSite"
