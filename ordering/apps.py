from django.apps import AppConfig


class OrderingConfig(AppConfig):
    name = "ordering"
    verbose_name = "Orders"

    def ready(self) -> None:
        from billing.mailing import attach_also
        from ordering import receivers  # noqa: F401  connects them
        from ordering.quote_mail import draw

        attach_also("quote", draw)
