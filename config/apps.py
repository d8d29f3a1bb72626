from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class ConfigConfig(AppConfig):
    """Home of the commands that run the whole house: up, demo, seed_demo."""

    name = "config"

    def ready(self) -> None:
        """Register every task, so that a message by name finds it in every process and in tests."""
        autodiscover_modules("tasks")
