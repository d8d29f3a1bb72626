"""Every plan has a module setting, and every published one its order URLs."""

import secrets

from django.db import migrations
from django.utils import timezone


def add(apps, schema_editor):
    plan_class = apps.get_model("catalog", "Plan")
    settings = apps.get_model("catalog", "ModuleSettings")
    order_url = apps.get_model("catalog", "OrderUrl")
    terms = apps.get_model("catalog", "PartnerTerms")
    settings.objects.bulk_create(settings(plan=plan) for plan in plan_class.objects.filter(module_settings__isnull=True))
    sold = plan_class.objects.filter(billing_model="pay_as_you_go").exclude(status="draft")
    sellers = [(plan.pk, None) for plan in sold]
    allowed = terms.objects.filter(is_allowed=True, plan__in=sold, plan__applicable_on_partner_website=True)
    sellers += allowed.values_list("plan", "reseller")
    order_url.objects.bulk_create(
        order_url(code=secrets.token_hex(5), plan_id=plan, reseller_id=reseller, term_months=1, created_at=timezone.now())
        for plan, reseller in sellers
    )


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_prices_settings_and_order_urls")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
