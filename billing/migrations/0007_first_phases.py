"""
Subscriptions that began before there were phases get their first one: plan, quantity, term and quota as they are now. Runs that
finished went through all accounts from their start on.
"""

from decimal import Decimal

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F

GIB = 1024**3


def begin_first_phases(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    phases = apps.get_model("billing", "SubscriptionPhase").objects
    items = apps.get_model("provisioning", "VendorOfferingItem").objects.filter(usage_name="storage")
    storage_names = set(items.values_list("name", flat=True))
    quotas = dict(
        apps.get_model("provisioning", "ServiceItem")
        .objects.filter(name__in=storage_names, soft_quota__isnull=False)
        .values_list("service_id", "soft_quota")
    )
    subscriptions = apps.get_model("billing", "Subscription").objects.order_by("pk")
    phases.bulk_create(
        (
            phases.model(
                subscription=one,
                valid_from=one.started_on,
                plan_id=one.plan_id,
                plan_name=one.plan_name,
                quantity=one.quantity,
                term_months=one.term_months,
                quota_gib=None
                if one.billing_model == "pay_as_you_go" or one.service_id not in quotas
                else Decimal(quotas[one.service_id]) / GIB,
                partner_discount_percent=one.partner_discount_percent,
                retail_markup_percent=one.retail_markup_percent,
                retail_discount_percent=one.retail_discount_percent,
                created_at=one.created_at,
            )
            for one in subscriptions.iterator(chunk_size=1000)
        ),
        batch_size=1000,
    )


def tell_when_runs_looked(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    runs = apps.get_model("billing", "BillingRun").objects
    runs.filter(status="finished", computed_at__isnull=True).update(computed_at=F("started_at"))


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0006_money_in_full"),
        ("provisioning", "0004_storage_capacity"),
    ]

    operations = [
        migrations.RunPython(begin_first_phases, migrations.RunPython.noop),
        migrations.RunPython(tell_when_runs_looked, migrations.RunPython.noop),
    ]
