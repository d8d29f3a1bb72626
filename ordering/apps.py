from django.apps import AppConfig


class OrderingConfig(AppConfig):
    name = "ordering"
    verbose_name = "Orders"

    def ready(self) -> None:
        from ordering import receivers  # noqa: F401  connects them
