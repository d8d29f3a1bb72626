from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Home of the commands that run the whole house: up, demo, seed_demo."""

    name = "config"
