"""Free trials that began before their end was written down end after the days that the plan's module setting promises."""

from datetime import timedelta

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def promise_an_end(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    running = apps.get_model("billing", "Subscription").objects.filter(
        status="active", service__pricing_mode="trial", plan__module_settings__isnull=False
    )
    for subscription in running.select_related("plan__module_settings"):
        subscription.trial_ends_on = subscription.started_on + timedelta(days=subscription.plan.module_settings.trial_days)
        subscription.save(update_fields=["trial_ends_on"])


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0004_trial_ends_on"),
        ("catalog", "0003_settings_of_present_plans"),
    ]

    operations = [migrations.RunPython(promise_an_end, migrations.RunPython.noop)]
