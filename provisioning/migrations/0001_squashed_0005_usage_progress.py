"""
What 0001 to 0005 make, table by table as it is in the end. A new database takes this one file; a database that has applied any of
them goes on by the files themselves. They stay as they are: what changes next is a migration after this one.
"""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import encrypted_fields.fields
import pgtrigger.compiler
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    replaces = [
        ("provisioning", "0001_initial"),
        ("provisioning", "0002_vendor_in_full"),
        ("provisioning", "0003_inspection_in_steps"),
        ("provisioning", "0004_storage_capacity"),
        ("provisioning", "0005_usage_progress"),
    ]

    initial = True

    dependencies = [
        ("accounts", "0001_squashed_0005_orders_in_full"),
        ("pghistory", "0007_auto_20250421_0444"),
    ]

    operations = [
        migrations.CreateModel(
            name="ServiceManager",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, unique=True)),
                ("base_url", models.URLField(help_text="For example https://eu2-cloud.acronis.com", verbose_name="data centre")),
                ("client_id", models.CharField(max_length=100, verbose_name="client id")),
                ("client_secret", encrypted_fields.fields.EncryptedCharField(max_length=500, verbose_name="client secret")),
                (
                    "root_tenant_id",
                    models.UUIDField(blank=True, editable=False, help_text="Read from the vendor by “Test connection”.", null=True),
                ),
                (
                    "vendor_currency",
                    models.CharField(default="EUR", help_text="ISO 4217; what the vendor invoices you in.", max_length=3),
                ),
                (
                    "fss_per_workload_edition",
                    models.CharField(
                        default="fss_per_gigabyte",
                        help_text="The vendor has no edition of that name; this one is switched on and metered instead.",
                        max_length=50,
                        verbose_name="edition for File Sync & Share “per workload”",
                    ),
                ),
                ("is_active", models.BooleanField(default=True, help_text="Off: nothing new is sold through it.")),
                ("tested_at", models.DateTimeField(editable=False, null=True)),
                ("test_result", models.CharField(blank=True, editable=False, max_length=500)),
                ("definition_fetched_at", models.DateTimeField(editable=False, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="VendorStorage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("infra_id", models.UUIDField()),
                ("name", models.CharField(max_length=200)),
                ("location_id", models.UUIDField(null=True)),
                ("capabilities", models.JSONField(default=list, help_text="backup, files_cloud, disaster_recovery…")),
                ("is_offered", models.BooleanField(default=True, help_text="Off once the vendor no longer lists it.")),
                (
                    "service_manager",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="storages", to="provisioning.servicemanager"
                    ),
                ),
                (
                    "capacity",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="What it holds, in GB. The vendor does not tell; you may. Plans then cannot promise more. Empty: not known.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(1000000000),
                        ],
                        verbose_name="capacity (GB)",
                    ),
                ),
            ],
            options={
                "ordering": ["name", "pk"],
                "constraints": [models.UniqueConstraint(fields=("service_manager", "infra_id"), name="vendorstorage_unique")],
            },
        ),
        migrations.AddField(
            model_name="servicemanager",
            name="default_backup_storage",
            field=models.ForeignKey(
                blank=True,
                help_text="Empty: the first by name.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="provisioning.vendorstorage",
            ),
        ),
        migrations.AddField(
            model_name="servicemanager",
            name="activation",
            field=models.CharField(
                choices=[("mail", "By the activation mail of Acronis"), ("password", "By a password we generate")],
                default="mail",
                help_text="For users made from now on.",
                max_length=10,
                verbose_name="new users get in",
            ),
        ),
        migrations.AddField(
            model_name="servicemanager",
            name="default_disaster_recovery_storage",
            field=models.ForeignKey(
                blank=True,
                help_text="Empty: the first by name.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="provisioning.vendorstorage",
            ),
        ),
        migrations.AddField(
            model_name="servicemanager",
            name="default_file_storage",
            field=models.ForeignKey(
                blank=True,
                help_text="Empty: the first by name.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="provisioning.vendorstorage",
                verbose_name="default File Sync & Share storage",
            ),
        ),
        migrations.AddField(
            model_name="servicemanager",
            name="max_parallel_calls",
            field=models.PositiveSmallIntegerField(
                default=8,
                help_text="How many questions may be under way at the vendor at once, over all workers.",
                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(64)],
                verbose_name="calls at a time",
            ),
        ),
        migrations.AddField(
            model_name="servicemanager",
            name="estimates_at",
            field=models.DateTimeField(editable=False, help_text="When the present estimates were read to their end.", null=True),
        ),
        migrations.AddField(
            model_name="servicemanager",
            name="estimates_error",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="Why the last try did not get to its end.",
                max_length=500,
            ),
        ),
        migrations.AddField(
            model_name="servicemanager",
            name="estimates_wished_at",
            field=models.DateTimeField(
                editable=False, help_text="Somebody waits for new estimates since then; empty once the vendor was asked.", null=True
            ),
        ),
        migrations.CreateModel(
            name="Tenant",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("partner", "Partner"), ("customer", "Customer")], max_length=10)),
                (
                    "key",
                    models.CharField(
                        editable=False,
                        help_text="Sent as customer id; by it the vendor's search finds the tenant again.",
                        max_length=60,
                        unique=True,
                    ),
                ),
                ("vendor_id", models.UUIDField(editable=False, null=True, unique=True, verbose_name="tenant id")),
                ("vendor_name", models.CharField(blank=True, editable=False, max_length=255, verbose_name="name at the vendor")),
                ("wished_at", models.DateTimeField(help_text="When the wish last changed.")),
                (
                    "converged_at",
                    models.DateTimeField(help_text="When the vendor was last seen to agree with the wish.", null=True),
                ),
                (
                    "next_try_at",
                    models.DateTimeField(editable=False, help_text="When to converge outside an order; empty: not due.", null=True),
                ),
                ("attempts", models.PositiveIntegerField(default=0, editable=False)),
                ("last_error", models.CharField(blank=True, editable=False, max_length=1000)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="tenants", to="accounts.organization"
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: the root tenant.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="children",
                        to="provisioning.tenant",
                    ),
                ),
                (
                    "service_manager",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="tenants", to="provisioning.servicemanager"
                    ),
                ),
                (
                    "gone_at",
                    models.DateTimeField(
                        blank=True, editable=False, help_text="When the vendor was seen to have it no more.", null=True
                    ),
                ),
                (
                    "retired_at",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        help_text="Since when the tenant is to be deleted at the vendor, with all its data.",
                        null=True,
                    ),
                ),
                (
                    "wished_name",
                    models.CharField(
                        blank=True,
                        help_text="Empty: the organization's name.",
                        max_length=200,
                        verbose_name="name to have at the vendor",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("kind__in", ["partner", "customer"])), name="tenant_kind_known"),
                    models.UniqueConstraint(
                        condition=models.Q(("retired_at__isnull", True)),
                        fields=("organization", "service_manager"),
                        name="tenant_one_live_per_organization",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("gone_at__isnull", True), ("retired_at__isnull", False), _connector="OR"),
                        name="tenant_gone_only_if_retired",
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "provisioning_tenantevent" ("attempts", "converged_at", "gone_at", "id", "key", "kind", "last_error", "next_try_at", "organization_id", "parent_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "retired_at", "service_manager_id", "vendor_id", "vendor_name", "wished_at", "wished_name") VALUES (NEW."attempts", NEW."converged_at", NEW."gone_at", NEW."id", NEW."key", NEW."kind", NEW."last_error", NEW."next_try_at", NEW."organization_id", NEW."parent_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."retired_at", NEW."service_manager_id", NEW."vendor_id", NEW."vendor_name", NEW."wished_at", NEW."wished_name"); RETURN NULL;',
                            hash="3f3e30cc6d73291d05645572171f64b1b01fa4bf",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_b6286",
                            table="provisioning_tenant",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "provisioning_tenantevent" ("attempts", "converged_at", "gone_at", "id", "key", "kind", "last_error", "next_try_at", "organization_id", "parent_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "retired_at", "service_manager_id", "vendor_id", "vendor_name", "wished_at", "wished_name") VALUES (NEW."attempts", NEW."converged_at", NEW."gone_at", NEW."id", NEW."key", NEW."kind", NEW."last_error", NEW."next_try_at", NEW."organization_id", NEW."parent_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."retired_at", NEW."service_manager_id", NEW."vendor_id", NEW."vendor_name", NEW."wished_at", NEW."wished_name"); RETURN NULL;',
                            hash="53a4cbb710f255fa471de7a7f6b6e70fb2db4af5",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_21bd1",
                            table="provisioning_tenant",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("manual", "Stopped by hand"),
                            ("dunning", "Invoice overdue"),
                            ("credit_limit", "Credit limit exceeded"),
                            ("trial_ended", "Trial ended"),
                        ],
                        max_length=20,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=500)),
                ("opened_at", models.DateTimeField()),
                ("released_at", models.DateTimeField(blank=True, null=True)),
                (
                    "tenant",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="holds", to="provisioning.tenant"),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("reason__in", ["manual", "dunning", "credit_limit", "trial_ended"])),
                        name="hold_reason_known",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("released_at__isnull", True)), fields=("tenant", "reason"), name="hold_one_open"
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "provisioning_holdevent" ("id", "note", "opened_at", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "released_at", "tenant_id") VALUES (NEW."id", NEW."note", NEW."opened_at", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."reason", NEW."released_at", NEW."tenant_id"); RETURN NULL;',
                            hash="7a0fb0449415f83f1855a904c3f2fd082f2258f9",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_f77a6",
                            table="provisioning_hold",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "provisioning_holdevent" ("id", "note", "opened_at", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "released_at", "tenant_id") VALUES (NEW."id", NEW."note", NEW."opened_at", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."reason", NEW."released_at", NEW."tenant_id"); RETURN NULL;',
                            hash="7dd197358dfc946a0bf7b9467ea8757dddd94b2c",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_257f6",
                            table="provisioning_hold",
                            when="AFTER",
                        ),
                    ),
                ],
                "permissions": [("place_hold", "Can suspend and resume services by hand")],
            },
        ),
        migrations.CreateModel(
            name="Service",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "protection_model",
                    models.CharField(
                        choices=[("per_gigabyte", "Per gigabyte"), ("per_workload", "Per workload")],
                        max_length=20,
                        verbose_name="Protection licensing model",
                    ),
                ),
                (
                    "file_sync_model",
                    models.CharField(
                        choices=[("per_user", "Per user"), ("per_workload", "Per workload")],
                        max_length=20,
                        verbose_name="File Sync & Share licensing model",
                    ),
                ),
                ("wished_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="services", to="accounts.organization"
                    ),
                ),
                (
                    "service_manager",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="services", to="provisioning.servicemanager"
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="services", to="provisioning.tenant"
                    ),
                ),
                (
                    "backup_storage",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: the default.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="provisioning.vendorstorage",
                    ),
                ),
                (
                    "covers",
                    models.CharField(
                        choices=[("everything", "Everything the provider has"), ("chosen", "The chosen offering items")],
                        default="everything",
                        max_length=10,
                    ),
                ),
                (
                    "disaster_recovery_storage",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: the default.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="provisioning.vendorstorage",
                    ),
                ),
                (
                    "file_storage",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: the default.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="provisioning.vendorstorage",
                        verbose_name="File Sync & Share storage",
                    ),
                ),
                (
                    "pricing_mode",
                    models.CharField(
                        choices=[("trial", "Free trial"), ("production", "Production")], default="production", max_length=10
                    ),
                ),
                ("quantity", models.PositiveIntegerField(default=1, help_text="Quotas are multiplied by it.")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=("organization", "service_manager"),
                        name="service_one_live",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("protection_model__in", ["per_gigabyte", "per_workload"])),
                        name="service_protection_model_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("file_sync_model__in", ["per_user", "per_workload"])),
                        name="service_file_sync_model_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("covers__in", ["everything", "chosen"])), name="service_covers_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("pricing_mode__in", ["trial", "production"])), name="service_pricing_mode_known"
                    ),
                    models.CheckConstraint(condition=models.Q(("quantity__gte", 1)), name="service_quantity_positive"),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "provisioning_serviceevent" ("backup_storage_id", "covers", "disaster_recovery_storage_id", "ended_at", "file_storage_id", "file_sync_model", "id", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "pricing_mode", "protection_model", "quantity", "service_manager_id", "tenant_id", "wished_at") VALUES (NEW."backup_storage_id", NEW."covers", NEW."disaster_recovery_storage_id", NEW."ended_at", NEW."file_storage_id", NEW."file_sync_model", NEW."id", NEW."organization_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."pricing_mode", NEW."protection_model", NEW."quantity", NEW."service_manager_id", NEW."tenant_id", NEW."wished_at"); RETURN NULL;',
                            hash="9a57c21142d71aca1829b3192711b599a58792fa",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_d0ad5",
                            table="provisioning_service",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "provisioning_serviceevent" ("backup_storage_id", "covers", "disaster_recovery_storage_id", "ended_at", "file_storage_id", "file_sync_model", "id", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "pricing_mode", "protection_model", "quantity", "service_manager_id", "tenant_id", "wished_at") VALUES (NEW."backup_storage_id", NEW."covers", NEW."disaster_recovery_storage_id", NEW."ended_at", NEW."file_storage_id", NEW."file_sync_model", NEW."id", NEW."organization_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."pricing_mode", NEW."protection_model", NEW."quantity", NEW."service_manager_id", NEW."tenant_id", NEW."wished_at"); RETURN NULL;',
                            hash="1182c07e848566f0a12bbb285b8212b046d95744",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_4429a",
                            table="provisioning_service",
                            when="AFTER",
                        ),
                    ),
                ],
                "permissions": [("terminate_service", "Can terminate services; the vendor deletes their data")],
            },
        ),
        migrations.CreateModel(
            name="HoldEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("manual", "Stopped by hand"),
                            ("dunning", "Invoice overdue"),
                            ("credit_limit", "Credit limit exceeded"),
                            ("trial_ended", "Trial ended"),
                        ],
                        max_length=20,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=500)),
                ("opened_at", models.DateTimeField()),
                ("released_at", models.DateTimeField(blank=True, null=True)),
                (
                    "pgh_context",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="pghistory.context",
                    ),
                ),
                (
                    "pgh_obj",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="events",
                        to="provisioning.hold",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="provisioning.tenant",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="TenantEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                ("kind", models.CharField(choices=[("partner", "Partner"), ("customer", "Customer")], max_length=10)),
                (
                    "key",
                    models.CharField(
                        editable=False,
                        help_text="Sent as customer id; by it the vendor's search finds the tenant again.",
                        max_length=60,
                    ),
                ),
                ("vendor_id", models.UUIDField(editable=False, null=True, verbose_name="tenant id")),
                ("vendor_name", models.CharField(blank=True, editable=False, max_length=255, verbose_name="name at the vendor")),
                ("wished_at", models.DateTimeField(help_text="When the wish last changed.")),
                (
                    "converged_at",
                    models.DateTimeField(help_text="When the vendor was last seen to agree with the wish.", null=True),
                ),
                (
                    "next_try_at",
                    models.DateTimeField(editable=False, help_text="When to converge outside an order; empty: not due.", null=True),
                ),
                ("attempts", models.PositiveIntegerField(default=0, editable=False)),
                ("last_error", models.CharField(blank=True, editable=False, max_length=1000)),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="accounts.organization",
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        help_text="Empty: the root tenant.",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="provisioning.tenant",
                    ),
                ),
                (
                    "pgh_context",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="pghistory.context",
                    ),
                ),
                (
                    "pgh_obj",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="events",
                        to="provisioning.tenant",
                    ),
                ),
                (
                    "service_manager",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="provisioning.servicemanager",
                    ),
                ),
                (
                    "gone_at",
                    models.DateTimeField(
                        blank=True, editable=False, help_text="When the vendor was seen to have it no more.", null=True
                    ),
                ),
                (
                    "retired_at",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        help_text="Since when the tenant is to be deleted at the vendor, with all its data.",
                        null=True,
                    ),
                ),
                (
                    "wished_name",
                    models.CharField(
                        blank=True,
                        help_text="Empty: the organization's name.",
                        max_length=200,
                        verbose_name="name to have at the vendor",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="TenantUser",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("login", models.CharField(max_length=200, verbose_name="login user name")),
                (
                    "email",
                    models.EmailField(
                        help_text="The vendor sends the activation mail here.", max_length=254, verbose_name="e-mail"
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[("company_admin", "Company administrator"), ("readonly_admin", "Read-only administrator")],
                        max_length=20,
                    ),
                ),
                ("vendor_id", models.UUIDField(editable=False, null=True, unique=True)),
                (
                    "activation_mail_asked_at",
                    models.DateTimeField(
                        editable=False,
                        help_text="Written just before the vendor is asked, so that a lost answer never sends a second mail.",
                        null=True,
                    ),
                ),
                (
                    "activation_mail_confirmed_at",
                    models.DateTimeField(editable=False, help_text="When the vendor said it was queued.", null=True),
                ),
                (
                    "service_manager",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="provisioning.servicemanager"
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="users", to="provisioning.tenant"),
                ),
                (
                    "activated_at",
                    models.DateTimeField(
                        editable=False, help_text="When the vendor was first seen to have the user activated.", null=True
                    ),
                ),
                (
                    "activation",
                    models.CharField(
                        choices=[("mail", "By the activation mail of Acronis"), ("password", "By a password we generate")],
                        default="mail",
                        max_length=10,
                    ),
                ),
                (
                    "email_asked_at",
                    models.DateTimeField(
                        editable=False,
                        help_text="When the vendor was asked to change the e-mail address; of an activated user it waits for the person's consent.",
                        null=True,
                    ),
                ),
                (
                    "gone_at",
                    models.DateTimeField(
                        editable=False, help_text="When the user was gone at the vendor, with its tenant.", null=True
                    ),
                ),
                ("password", encrypted_fields.fields.EncryptedCharField(editable=False, max_length=500, null=True)),
                (
                    "password_set_at",
                    models.DateTimeField(
                        editable=False, help_text="When the vendor took the password; empty while one waits to be sent.", null=True
                    ),
                ),
                ("password_wished_at", models.DateTimeField(editable=False, null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["company_admin", "readonly_admin"])), name="tenantuser_role_known"
                    ),
                    models.UniqueConstraint(
                        models.F("service_manager"),
                        django.db.models.functions.text.Lower("login"),
                        condition=models.Q(("gone_at__isnull", True)),
                        name="tenantuser_login_unique",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("activation__in", ["mail", "password"])), name="tenantuser_activation_known"
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "provisioning_tenantuserevent" ("activated_at", "activation", "activation_mail_asked_at", "activation_mail_confirmed_at", "email", "email_asked_at", "gone_at", "id", "login", "password_set_at", "password_wished_at", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "role", "service_manager_id", "tenant_id", "vendor_id") VALUES (NEW."activated_at", NEW."activation", NEW."activation_mail_asked_at", NEW."activation_mail_confirmed_at", NEW."email", NEW."email_asked_at", NEW."gone_at", NEW."id", NEW."login", NEW."password_set_at", NEW."password_wished_at", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."role", NEW."service_manager_id", NEW."tenant_id", NEW."vendor_id"); RETURN NULL;',
                            hash="dde7c7032584bc3591ea9ed2aca4e5340bf3b13e",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_ba5bb",
                            table="provisioning_tenantuser",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition='WHEN (OLD."activated_at" IS DISTINCT FROM (NEW."activated_at") OR OLD."activation" IS DISTINCT FROM (NEW."activation") OR OLD."activation_mail_asked_at" IS DISTINCT FROM (NEW."activation_mail_asked_at") OR OLD."activation_mail_confirmed_at" IS DISTINCT FROM (NEW."activation_mail_confirmed_at") OR OLD."email" IS DISTINCT FROM (NEW."email") OR OLD."email_asked_at" IS DISTINCT FROM (NEW."email_asked_at") OR OLD."gone_at" IS DISTINCT FROM (NEW."gone_at") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."login" IS DISTINCT FROM (NEW."login") OR OLD."password_set_at" IS DISTINCT FROM (NEW."password_set_at") OR OLD."password_wished_at" IS DISTINCT FROM (NEW."password_wished_at") OR OLD."role" IS DISTINCT FROM (NEW."role") OR OLD."service_manager_id" IS DISTINCT FROM (NEW."service_manager_id") OR OLD."tenant_id" IS DISTINCT FROM (NEW."tenant_id") OR OLD."vendor_id" IS DISTINCT FROM (NEW."vendor_id"))',
                            func='INSERT INTO "provisioning_tenantuserevent" ("activated_at", "activation", "activation_mail_asked_at", "activation_mail_confirmed_at", "email", "email_asked_at", "gone_at", "id", "login", "password_set_at", "password_wished_at", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "role", "service_manager_id", "tenant_id", "vendor_id") VALUES (NEW."activated_at", NEW."activation", NEW."activation_mail_asked_at", NEW."activation_mail_confirmed_at", NEW."email", NEW."email_asked_at", NEW."gone_at", NEW."id", NEW."login", NEW."password_set_at", NEW."password_wished_at", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."role", NEW."service_manager_id", NEW."tenant_id", NEW."vendor_id"); RETURN NULL;',
                            hash="e2f73dab752f27176596a2d63c3599c827e8c7e2",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_384f5",
                            table="provisioning_tenantuser",
                            when="AFTER",
                        ),
                    ),
                ],
                "permissions": [
                    ("show_password", "Can see generated passwords; each showing is recorded"),
                    ("open_panel", "Can sign in at the vendor as this user; each time is recorded"),
                ],
            },
        ),
        migrations.CreateModel(
            name="TenantUserEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                ("login", models.CharField(max_length=200, verbose_name="login user name")),
                (
                    "email",
                    models.EmailField(
                        help_text="The vendor sends the activation mail here.", max_length=254, verbose_name="e-mail"
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[("company_admin", "Company administrator"), ("readonly_admin", "Read-only administrator")],
                        max_length=20,
                    ),
                ),
                ("vendor_id", models.UUIDField(editable=False, null=True)),
                (
                    "activation_mail_asked_at",
                    models.DateTimeField(
                        editable=False,
                        help_text="Written just before the vendor is asked, so that a lost answer never sends a second mail.",
                        null=True,
                    ),
                ),
                (
                    "activation_mail_confirmed_at",
                    models.DateTimeField(editable=False, help_text="When the vendor said it was queued.", null=True),
                ),
                (
                    "pgh_context",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="pghistory.context",
                    ),
                ),
                (
                    "pgh_obj",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="events",
                        to="provisioning.tenantuser",
                    ),
                ),
                (
                    "service_manager",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="provisioning.servicemanager",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="provisioning.tenant",
                    ),
                ),
                (
                    "activated_at",
                    models.DateTimeField(
                        editable=False, help_text="When the vendor was first seen to have the user activated.", null=True
                    ),
                ),
                (
                    "activation",
                    models.CharField(
                        choices=[("mail", "By the activation mail of Acronis"), ("password", "By a password we generate")],
                        default="mail",
                        max_length=10,
                    ),
                ),
                (
                    "email_asked_at",
                    models.DateTimeField(
                        editable=False,
                        help_text="When the vendor was asked to change the e-mail address; of an activated user it waits for the person's consent.",
                        null=True,
                    ),
                ),
                (
                    "gone_at",
                    models.DateTimeField(
                        editable=False, help_text="When the user was gone at the vendor, with its tenant.", null=True
                    ),
                ),
                (
                    "password_set_at",
                    models.DateTimeField(
                        editable=False, help_text="When the vendor took the password; empty while one waits to be sent.", null=True
                    ),
                ),
                ("password_wished_at", models.DateTimeField(editable=False, null=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="VendorAction",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=40)),
                ("sentence", models.CharField(max_length=500)),
                (
                    "status",
                    models.CharField(
                        choices=[("started", "Started"), ("done", "Done"), ("failed", "Failed"), ("interrupted", "Interrupted")],
                        default="started",
                        max_length=12,
                    ),
                ),
                ("error", models.CharField(blank=True, max_length=1000)),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="actions", to="provisioning.tenant"
                    ),
                ),
                ("details", models.JSONField(default=list, help_text="One sentence per offering item, where there are several.")),
            ],
            options={
                "ordering": ["pk"],
                "indexes": [models.Index(fields=["tenant", "started_at"], name="vendoraction_by_tenant")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["started", "done", "failed", "interrupted"])),
                        name="vendoraction_status_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="VendorReport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(default="usage_daily", max_length=30)),
                ("period_start", models.DateField()),
                ("period_end", models.DateField(help_text="The first day after.")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("wished", "Wished"),
                            ("requested", "Asked for"),
                            ("ready", "Ready to load"),
                            ("loaded", "Loaded"),
                            ("failed", "Failed"),
                        ],
                        default="wished",
                        max_length=10,
                    ),
                ),
                ("vendor_id", models.UUIDField(null=True)),
                ("stored_id", models.UUIDField(null=True)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("next_try_at", models.DateTimeField()),
                ("error", models.CharField(blank=True, max_length=1000)),
                ("rows_loaded", models.BigIntegerField(null=True, validators=[django.core.validators.MinValueValidator(0)])),
                ("created_at", models.DateTimeField()),
                ("loaded_at", models.DateTimeField(null=True)),
                (
                    "service_manager",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="reports", to="provisioning.servicemanager"
                    ),
                ),
                ("bytes_read", models.BigIntegerField(db_default=0, default=0, help_text="Of the packed file.")),
                ("bytes_total", models.BigIntegerField(help_text="Size of the packed file, as the vendor tells it.", null=True)),
                ("requested_at", models.DateTimeField(help_text="When the vendor was last asked to make it.", null=True)),
                ("rows_read", models.BigIntegerField(db_default=0, default=0, help_text="Lines of the file, without its header.")),
                ("seen_at", models.DateTimeField(null=True, verbose_name="last sign of the worker")),
                (
                    "stage",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("reading", "Reading the file"),
                            ("checking", "Checking its lines"),
                            ("adding", "Adding its readings"),
                        ],
                        db_default="",
                        default="",
                        max_length=10,
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status__in", ["wished", "requested", "ready"])),
                        fields=("service_manager", "kind", "period_start", "period_end"),
                        name="vendorreport_one_open",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["wished", "requested", "ready", "loaded", "failed"])),
                        name="vendorreport_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("period_end__gt", models.F("period_start"))), name="vendorreport_period_ordered"
                    ),
                ],
                "permissions": [("collect_usage", "Can have usage collected and estimates refreshed")],
            },
        ),
        migrations.CreateModel(
            name="VendorOfferingItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("application_id", models.UUIDField()),
                ("application_type", models.CharField(max_length=50)),
                (
                    "name",
                    models.CharField(help_text="With the prefix of its edition, for example pg_base_storage.", max_length=100),
                ),
                ("usage_name", models.CharField(max_length=100)),
                ("edition", models.CharField(blank=True, help_text="Empty: belongs to no edition.", max_length=50)),
                ("item_type", models.CharField(max_length=10)),
                ("measurement_unit", models.CharField(help_text="bytes, quantity, seconds or n/a", max_length=20)),
                ("is_offered", models.BooleanField(default=True, help_text="Off once the vendor no longer offers it.")),
                (
                    "service_manager",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="offering_items", to="provisioning.servicemanager"
                    ),
                ),
                (
                    "storage",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="offering_items",
                        to="provisioning.vendorstorage",
                    ),
                ),
            ],
            options={
                "ordering": ["application_type", "edition", "name", "pk"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("service_manager", "name", "storage"), name="vendorofferingitem_unique", nulls_distinct=False
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ServiceEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                (
                    "protection_model",
                    models.CharField(
                        choices=[("per_gigabyte", "Per gigabyte"), ("per_workload", "Per workload")],
                        max_length=20,
                        verbose_name="Protection licensing model",
                    ),
                ),
                (
                    "file_sync_model",
                    models.CharField(
                        choices=[("per_user", "Per user"), ("per_workload", "Per workload")],
                        max_length=20,
                        verbose_name="File Sync & Share licensing model",
                    ),
                ),
                ("wished_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="accounts.organization",
                    ),
                ),
                (
                    "pgh_context",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="pghistory.context",
                    ),
                ),
                (
                    "pgh_obj",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="events",
                        to="provisioning.service",
                    ),
                ),
                (
                    "service_manager",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="provisioning.servicemanager",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="provisioning.tenant",
                    ),
                ),
                (
                    "backup_storage",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        help_text="Empty: the default.",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="provisioning.vendorstorage",
                    ),
                ),
                (
                    "covers",
                    models.CharField(
                        choices=[("everything", "Everything the provider has"), ("chosen", "The chosen offering items")],
                        default="everything",
                        max_length=10,
                    ),
                ),
                (
                    "disaster_recovery_storage",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        help_text="Empty: the default.",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="provisioning.vendorstorage",
                    ),
                ),
                (
                    "file_storage",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        help_text="Empty: the default.",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="provisioning.vendorstorage",
                        verbose_name="File Sync & Share storage",
                    ),
                ),
                (
                    "pricing_mode",
                    models.CharField(
                        choices=[("trial", "Free trial"), ("production", "Production")], default="production", max_length=10
                    ),
                ),
                ("quantity", models.PositiveIntegerField(default=1, help_text="Quotas are multiplied by it.")),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Drift",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=40)),
                (
                    "subject",
                    models.CharField(blank=True, help_text="The offering item with its storage, or the login.", max_length=250),
                ),
                ("sentence", models.CharField(max_length=1000, verbose_name="repair does")),
                ("wished", models.CharField(blank=True, max_length=500)),
                ("found", models.CharField(blank=True, max_length=500, verbose_name="at the vendor")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "To be decided"),
                            ("repairing", "Being repaired"),
                            ("repaired", "Repaired"),
                            ("adopted", "Adopted"),
                            ("vanished", "Gone by itself"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("first_seen_at", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField()),
                (
                    "decided_at",
                    models.DateTimeField(blank=True, help_text="When somebody chose to repair or to adopt it.", null=True),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="drifts", to="provisioning.tenant"),
                ),
                (
                    "settled_at",
                    models.DateTimeField(blank=True, help_text="When it was repaired, adopted, or gone by itself.", null=True),
                ),
            ],
            options={
                "verbose_name": "difference",
                "verbose_name_plural": "differences",
                "ordering": ["-pk"],
                "permissions": [("decide_drift", "Can repair or adopt differences")],
                "indexes": [models.Index(fields=["last_seen_at"], name="drift_by_last_seen")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status__in", ["open", "repairing"])),
                        fields=("tenant", "kind", "subject"),
                        name="drift_one_open",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["open", "repairing", "repaired", "adopted", "vanished"])),
                        name="drift_status_known",
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "provisioning_driftevent" ("decided_at", "decided_by_id", "first_seen_at", "found", "id", "kind", "last_seen_at", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "sentence", "settled_at", "status", "subject", "tenant_id", "wished") VALUES (NEW."decided_at", NEW."decided_by_id", NEW."first_seen_at", NEW."found", NEW."id", NEW."kind", NEW."last_seen_at", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."sentence", NEW."settled_at", NEW."status", NEW."subject", NEW."tenant_id", NEW."wished"); RETURN NULL;',
                            hash="a413084600af1ec59ec3e5b830cc5c3fc0d2e483",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_42358",
                            table="provisioning_drift",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "provisioning_driftevent" ("decided_at", "decided_by_id", "first_seen_at", "found", "id", "kind", "last_seen_at", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "sentence", "settled_at", "status", "subject", "tenant_id", "wished") VALUES (NEW."decided_at", NEW."decided_by_id", NEW."first_seen_at", NEW."found", NEW."id", NEW."kind", NEW."last_seen_at", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."sentence", NEW."settled_at", NEW."status", NEW."subject", NEW."tenant_id", NEW."wished"); RETURN NULL;',
                            hash="68c55aa546bc7a7920939c424e1516a7cab41e4d",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_ae15c",
                            table="provisioning_drift",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DriftEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                ("kind", models.CharField(max_length=40)),
                (
                    "subject",
                    models.CharField(blank=True, help_text="The offering item with its storage, or the login.", max_length=250),
                ),
                ("sentence", models.CharField(max_length=1000, verbose_name="repair does")),
                ("wished", models.CharField(blank=True, max_length=500)),
                ("found", models.CharField(blank=True, max_length=500, verbose_name="at the vendor")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "To be decided"),
                            ("repairing", "Being repaired"),
                            ("repaired", "Repaired"),
                            ("adopted", "Adopted"),
                            ("vanished", "Gone by itself"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("first_seen_at", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField()),
                (
                    "decided_at",
                    models.DateTimeField(blank=True, help_text="When somebody chose to repair or to adopt it.", null=True),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "pgh_context",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="pghistory.context",
                    ),
                ),
                (
                    "pgh_obj",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="events",
                        to="provisioning.drift",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="provisioning.tenant",
                    ),
                ),
                (
                    "settled_at",
                    models.DateTimeField(blank=True, help_text="When it was repaired, adopted, or gone by itself.", null=True),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Inspection",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("started_at", models.DateTimeField(help_text="When it was asked for or, once it runs, when it last began.")),
                ("ended_at", models.DateTimeField(null=True)),
                ("tenants_total", models.PositiveIntegerField(default=0)),
                ("tenants_checked", models.PositiveIntegerField(default=0)),
                ("differences", models.PositiveIntegerField(default=0)),
                ("error", models.CharField(blank=True, max_length=1000)),
                (
                    "service_manager",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="inspections", to="provisioning.servicemanager"
                    ),
                ),
                (
                    "asked_by",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: the timetable.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                (
                    "next_try_at",
                    models.DateTimeField(help_text="When to begin, also again; pushed ahead while a worker is on it.", null=True),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("waiting", "Waiting"), ("running", "Under way"), ("finished", "Finished"), ("failed", "Failed")],
                        default="waiting",
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                (
                    "tenants_skipped",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="Of those checked: their wish is still being carried out, or the vendor did not let us look.",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status__in", ["waiting", "running"])),
                        fields=("service_manager",),
                        name="inspection_one_open",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["waiting", "running", "finished", "failed"])),
                        name="inspection_status_known",
                    ),
                ],
                "permissions": [("inspect_vendor", "Can have the vendor inspected")],
            },
        ),
        migrations.CreateModel(
            name="ServiceItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(
                        help_text="With the prefix of its edition, for example pg_base_storage.",
                        max_length=100,
                        verbose_name="offering item",
                    ),
                ),
                ("is_enabled", models.BooleanField(default=True, verbose_name="on")),
                ("soft_quota", models.BigIntegerField(blank=True, help_text="Empty: unlimited.", null=True)),
                (
                    "overage",
                    models.BigIntegerField(
                        blank=True,
                        help_text="What may be used above the soft quota before use is blocked. Empty: never blocked.",
                        null=True,
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="items", to="provisioning.service"),
                ),
            ],
            options={
                "ordering": ["name", "pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("service", "name"), name="serviceitem_unique"),
                    models.CheckConstraint(
                        condition=models.Q(("overage__isnull", True), ("soft_quota__isnull", False), _connector="OR"),
                        name="serviceitem_no_hard_without_soft",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("soft_quota__isnull", True), ("soft_quota__gte", 0), _connector="OR"),
                            models.Q(("overage__isnull", True), ("overage__gte", 0), _connector="OR"),
                        ),
                        name="serviceitem_quotas_not_negative",
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "provisioning_serviceitemevent" ("id", "is_enabled", "name", "overage", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "service_id", "soft_quota") VALUES (NEW."id", NEW."is_enabled", NEW."name", NEW."overage", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."service_id", NEW."soft_quota"); RETURN NULL;',
                            hash="88e7daec434da29c2fc486cf9c96e5412cc90135",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_470d2",
                            table="provisioning_serviceitem",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "provisioning_serviceitemevent" ("id", "is_enabled", "name", "overage", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "service_id", "soft_quota") VALUES (NEW."id", NEW."is_enabled", NEW."name", NEW."overage", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."service_id", NEW."soft_quota"); RETURN NULL;',
                            hash="8648b0348b6f01f358010286cb0c133c0476de24",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_21075",
                            table="provisioning_serviceitem",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ServiceItemEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                (
                    "name",
                    models.CharField(
                        help_text="With the prefix of its edition, for example pg_base_storage.",
                        max_length=100,
                        verbose_name="offering item",
                    ),
                ),
                ("is_enabled", models.BooleanField(default=True, verbose_name="on")),
                ("soft_quota", models.BigIntegerField(blank=True, help_text="Empty: unlimited.", null=True)),
                (
                    "overage",
                    models.BigIntegerField(
                        blank=True,
                        help_text="What may be used above the soft quota before use is blocked. Empty: never blocked.",
                        null=True,
                    ),
                ),
                (
                    "pgh_context",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="pghistory.context",
                    ),
                ),
                (
                    "pgh_obj",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="events",
                        to="provisioning.serviceitem",
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="provisioning.service",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="VendorAccess",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("password_shown", "Saw the password"), ("panel_opened", "Opened the panel")], max_length=20
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "person",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL),
                ),
                (
                    "tenant_user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="accesses", to="provisioning.tenantuser"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "vendor accesses",
                "ordering": ["-pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["password_shown", "panel_opened"])), name="vendoraccess_kind_known"
                    )
                ],
            },
        ),
    ]
