"""Terms, the prices an order was placed at, and the module setting it is provisioned with."""

import django.core.validators
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0001_initial"),
        ("catalog", "0003_settings_of_present_plans"),
        ("ordering", "0001_initial"),
        ("provisioning", "0003_inspection_in_steps"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="orderline",
            name="insert_insert",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="orderline",
            name="update_update",
        ),
        migrations.RemoveConstraint(
            model_name="orderline",
            name="orderline_pay_as_you_go_quantity_1",
        ),
        migrations.AddField(
            model_name="basketline",
            name="term_months",
            field=models.PositiveSmallIntegerField(
                choices=[(1, "1 month"), (3, "3 months"), (6, "6 months"), (12, "12 months"), (24, "24 months"), (36, "36 months")],
                default=1,
                verbose_name="term",
            ),
        ),
        migrations.AddField(
            model_name="basketline",
            name="told_price",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="What one unit costs the buyer for the term, as the buyer was last told; empty where it is priced by use.",
            ),
        ),
        migrations.AddField(
            model_name="orderline",
            name="module_wish",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="The plan's module setting as it was sold, in the vendor's units, for quantity 1.",
            ),
        ),
        migrations.AddField(
            model_name="orderline",
            name="prices",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="What each level of the sale is invoiced at, for one unit and the term; empty where it is priced by use.",
            ),
        ),
        migrations.AddField(
            model_name="orderline",
            name="term_months",
            field=models.PositiveSmallIntegerField(
                choices=[(1, "1 month"), (3, "3 months"), (6, "6 months"), (12, "12 months"), (24, "24 months"), (36, "36 months")],
                default=1,
                verbose_name="term",
            ),
        ),
        migrations.AddField(
            model_name="orderlineevent",
            name="module_wish",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="The plan's module setting as it was sold, in the vendor's units, for quantity 1.",
            ),
        ),
        migrations.AddField(
            model_name="orderlineevent",
            name="prices",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="What each level of the sale is invoiced at, for one unit and the term; empty where it is priced by use.",
            ),
        ),
        migrations.AddField(
            model_name="orderlineevent",
            name="term_months",
            field=models.PositiveSmallIntegerField(
                choices=[(1, "1 month"), (3, "3 months"), (6, "6 months"), (12, "12 months"), (24, "24 months"), (36, "36 months")],
                default=1,
                verbose_name="term",
            ),
        ),
        migrations.AlterField(
            model_name="basketline",
            name="quantity",
            field=models.PositiveIntegerField(
                default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10000)]
            ),
        ),
        migrations.AlterField(
            model_name="orderline",
            name="quantity",
            field=models.PositiveIntegerField(
                default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10000)]
            ),
        ),
        migrations.AlterField(
            model_name="orderlineevent",
            name="quantity",
            field=models.PositiveIntegerField(
                default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10000)]
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="orderline",
            trigger=pgtrigger.compiler.Trigger(
                name="insert_insert",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='INSERT INTO "ordering_orderlineevent" ("attempts", "billing_model", "email", "error", "file_sync_model", "id", "kind", "login", "module_wish", "next_try_at", "order_id", "partner_discount_percent", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "plan_name", "prices", "protection_model", "quantity", "retail_discount_percent", "retail_markup_percent", "role", "service_id", "status", "subscription_id", "term_months") VALUES (NEW."attempts", NEW."billing_model", NEW."email", NEW."error", NEW."file_sync_model", NEW."id", NEW."kind", NEW."login", NEW."module_wish", NEW."next_try_at", NEW."order_id", NEW."partner_discount_percent", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."plan_id", NEW."plan_name", NEW."prices", NEW."protection_model", NEW."quantity", NEW."retail_discount_percent", NEW."retail_markup_percent", NEW."role", NEW."service_id", NEW."status", NEW."subscription_id", NEW."term_months"); RETURN NULL;',
                    hash="30c2d8e351ec62f5daa2c4f56a2ea9645b4624e7",
                    operation="INSERT",
                    pgid="pgtrigger_insert_insert_a67e8",
                    table="ordering_orderline",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="orderline",
            trigger=pgtrigger.compiler.Trigger(
                name="update_update",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                    func='INSERT INTO "ordering_orderlineevent" ("attempts", "billing_model", "email", "error", "file_sync_model", "id", "kind", "login", "module_wish", "next_try_at", "order_id", "partner_discount_percent", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "plan_name", "prices", "protection_model", "quantity", "retail_discount_percent", "retail_markup_percent", "role", "service_id", "status", "subscription_id", "term_months") VALUES (NEW."attempts", NEW."billing_model", NEW."email", NEW."error", NEW."file_sync_model", NEW."id", NEW."kind", NEW."login", NEW."module_wish", NEW."next_try_at", NEW."order_id", NEW."partner_discount_percent", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."plan_id", NEW."plan_name", NEW."prices", NEW."protection_model", NEW."quantity", NEW."retail_discount_percent", NEW."retail_markup_percent", NEW."role", NEW."service_id", NEW."status", NEW."subscription_id", NEW."term_months"); RETURN NULL;',
                    hash="e26bba887b5a8f4de903762922c9bddfabed6475",
                    operation="UPDATE",
                    pgid="pgtrigger_update_update_eac1b",
                    table="ordering_orderline",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="basketline",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gte", 1), ("quantity__lte", 10000)), name="basketline_quantity_sane"
            ),
        ),
        migrations.AddConstraint(
            model_name="basketline",
            constraint=models.CheckConstraint(
                condition=models.Q(("term_months__in", [1, 3, 6, 12, 24, 36])), name="basketline_term_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("quantity", 1), ("term_months", 1)),
                    models.Q(("billing_model", "pay_as_you_go"), _negated=True),
                    _connector="OR",
                ),
                name="orderline_pay_as_you_go_quantity_1",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gte", 1), ("quantity__lte", 10000)), name="orderline_quantity_sane"
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(("term_months__in", [1, 3, 6, 12, 24, 36])), name="orderline_term_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="orderline",
            constraint=models.CheckConstraint(
                condition=models.Q(("billing_model", "pay_as_you_go"), models.Q(("prices", []), _negated=True), _connector="OR"),
                name="orderline_fixed_has_prices",
            ),
        ),
    ]
