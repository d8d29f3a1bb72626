"""Make the staff roles."""

from typing import Any

from django.core.management.base import BaseCommand

from config.roles import ROLES, ensure_roles


class Command(BaseCommand):
    """Makes the groups of `config/roles.py`; run it after every migration, repeating is harmless."""

    help = "Make the groups account managers, product managers and billing managers with their permissions."

    def handle(self, *args: Any, **options: Any) -> None:
        ensure_roles()
        self.stdout.write(f"Roles: {', '.join(ROLES)}.")
