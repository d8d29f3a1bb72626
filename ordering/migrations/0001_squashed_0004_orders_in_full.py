"""
What 0001 to 0004 make, table by table as it is in the end. A new database takes this one file; a database that has applied any of
them goes on by the files themselves. They stay as they are: what changes next is a migration after this one.
"""

import uuid

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import pgtrigger.compiler
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    replaces = [
        ("ordering", "0001_initial"),
        ("ordering", "0002_terms_and_prices"),
        ("ordering", "0003_orders_wait_for_payment"),
        ("ordering", "0004_orders_in_full"),
    ]

    initial = True

    dependencies = [
        ("accounts", "0001_squashed_0005_orders_in_full"),
        ("billing", "0001_squashed_0009_planned_ends"),
        ("catalog", "0001_squashed_0006_terms_of_vendor_and_seller"),
        ("pghistory", "0007_auto_20250421_0444"),
        ("provisioning", "0001_squashed_0005_usage_progress"),
    ]

    operations = [
        migrations.CreateModel(
            name="Basket",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("terms_accepted_at", models.DateTimeField(null=True)),
                ("billing_confirmed_at", models.DateTimeField(null=True)),
                ("login", models.CharField(blank=True, max_length=200, verbose_name="login user name")),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="e-mail")),
                ("created_at", models.DateTimeField()),
                (
                    "ordered_at",
                    models.DateTimeField(help_text="When it became an order; from then on it is never edited.", null=True),
                ),
                (
                    "buyer",
                    models.ForeignKey(
                        help_text="Who orders and pays.",
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="baskets",
                        to="accounts.organization",
                    ),
                ),
                (
                    "consumer",
                    models.ForeignKey(
                        help_text="Who will use it; empty until a reseller has chosen.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="baskets", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ordered_at__isnull", True)), fields=("owner", "buyer"), name="basket_one_open"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="BasketLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "quantity",
                    models.PositiveIntegerField(
                        default=1,
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10000)],
                    ),
                ),
                (
                    "protection_model",
                    models.CharField(
                        blank=True,
                        choices=[("per_gigabyte", "Per gigabyte"), ("per_workload", "Per workload")],
                        max_length=20,
                        verbose_name="Protection Licensing Model",
                    ),
                ),
                (
                    "file_sync_model",
                    models.CharField(
                        blank=True,
                        choices=[("per_user", "Per user"), ("per_workload", "Per workload")],
                        max_length=20,
                        verbose_name="File Sync & Share Licensing Model",
                    ),
                ),
                (
                    "basket",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="lines", to="ordering.basket"),
                ),
                ("plan", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="catalog.plan")),
                (
                    "term_months",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (1, "1 month"),
                            (3, "3 months"),
                            (6, "6 months"),
                            (12, "12 months"),
                            (24, "24 months"),
                            (36, "36 months"),
                        ],
                        default=1,
                        verbose_name="term",
                    ),
                ),
                (
                    "told_price",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="What one unit costs the buyer for the term, as the buyer was last told; empty where it is priced by use.",
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("basket", "plan"), name="basketline_plan_once"),
                    models.CheckConstraint(
                        condition=models.Q(("quantity__gte", 1), ("quantity__lte", 10000)), name="basketline_quantity_sane"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("term_months__in", [1, 3, 6, 12, 24, 36])), name="basketline_term_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.CharField(editable=False, max_length=20, unique=True)),
                (
                    "key",
                    models.UUIDField(
                        default=uuid.uuid4,
                        editable=False,
                        help_text="Of the form it came from: sent twice, one order.",
                        unique=True,
                    ),
                ),
                ("source", models.CharField(choices=[("storefront", "Storefront"), ("bss", "BSS"), ("api", "API")], max_length=10)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("placed", "Waiting for execution"),
                            ("held", "Held"),
                            ("awaiting_payment", "Waiting for payment"),
                            ("executing", "In progress"),
                            ("completed", "Completed"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="placed",
                        max_length=20,
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                ("billing_copy", models.JSONField(default=dict, help_text="The buyer's billing information as confirmed.")),
                ("purchase_order", models.CharField(blank=True, max_length=50, verbose_name="your reference")),
                ("placed_at", models.DateTimeField()),
                (
                    "placed_from",
                    models.GenericIPAddressField(
                        help_text="Network address of the person who ordered.", null=True, verbose_name="placed from"
                    ),
                ),
                ("completed_at", models.DateTimeField(null=True)),
                (
                    "basket",
                    models.OneToOneField(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="order", to="ordering.basket"
                    ),
                ),
                (
                    "buyer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="orders", to="accounts.organization"
                    ),
                ),
                (
                    "consumer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="orders_for", to="accounts.organization"
                    ),
                ),
                (
                    "executed_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "placed_by",
                    models.ForeignKey(
                        help_text="Empty: a program, by its token.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="orders",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "api_token",
                    models.ForeignKey(
                        help_text="Of the program that placed it.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.apitoken",
                    ),
                ),
                (
                    "assigned_to",
                    models.ForeignKey(
                        blank=True,
                        help_text="The member of staff who looks after it.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="assigned_orders",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("cancelled_because", models.CharField(blank=True, max_length=500)),
                (
                    "held_because",
                    models.CharField(blank=True, help_text="In a sentence, as buyer and staff read it.", max_length=500),
                ),
                (
                    "held_for",
                    models.CharField(
                        blank=True,
                        choices=[("approval", "The reseller's approval"), ("credit_limit", "Release: over the credit limit")],
                        max_length=20,
                    ),
                ),
                (
                    "let_through",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[("approval", "The reseller's approval"), ("credit_limit", "Release: over the credit limit")],
                            max_length=20,
                        ),
                        default=list,
                        help_text="What it was held for and somebody allowed; it is not held for that again.",
                        size=None,
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "permissions": [
                    ("execute_order", "Can create, execute, retry and cancel orders"),
                    ("release_order", "Can release orders over the credit limit"),
                    ("override_price", "Can sell at another price than the price list's"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                ["draft", "placed", "held", "awaiting_payment", "executing", "completed", "failed", "cancelled"],
                            )
                        ),
                        name="order_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("source__in", ["storefront", "bss", "api"])), name="order_source_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("held_for__in", ["approval", "credit_limit"]), ("status", "held")),
                            models.Q(models.Q(("status", "held"), _negated=True), ("held_for", "")),
                            _connector="OR",
                        ),
                        name="order_held_for_something",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("placed_by__isnull", False), ("api_token__isnull", False), _connector="OR"),
                        name="order_placed_by_somebody",
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "ordering_orderevent" ("api_token_id", "assigned_to_id", "basket_id", "billing_copy", "buyer_id", "cancelled_because", "completed_at", "consumer_id", "currency", "executed_by_id", "held_because", "held_for", "id", "key", "let_through", "number", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "placed_at", "placed_by_id", "placed_from", "purchase_order", "source", "status") VALUES (NEW."api_token_id", NEW."assigned_to_id", NEW."basket_id", NEW."billing_copy", NEW."buyer_id", NEW."cancelled_because", NEW."completed_at", NEW."consumer_id", NEW."currency", NEW."executed_by_id", NEW."held_because", NEW."held_for", NEW."id", NEW."key", NEW."let_through", NEW."number", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."placed_at", NEW."placed_by_id", NEW."placed_from", NEW."purchase_order", NEW."source", NEW."status"); RETURN NULL;',
                            hash="0145e39565efc207cabaf60931f5f9e01cff5a84",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_cad9e",
                            table="ordering_order",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "ordering_orderevent" ("api_token_id", "assigned_to_id", "basket_id", "billing_copy", "buyer_id", "cancelled_because", "completed_at", "consumer_id", "currency", "executed_by_id", "held_because", "held_for", "id", "key", "let_through", "number", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "placed_at", "placed_by_id", "placed_from", "purchase_order", "source", "status") VALUES (NEW."api_token_id", NEW."assigned_to_id", NEW."basket_id", NEW."billing_copy", NEW."buyer_id", NEW."cancelled_because", NEW."completed_at", NEW."consumer_id", NEW."currency", NEW."executed_by_id", NEW."held_because", NEW."held_for", NEW."id", NEW."key", NEW."let_through", NEW."number", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."placed_at", NEW."placed_by_id", NEW."placed_from", NEW."purchase_order", NEW."source", NEW."status"); RETURN NULL;',
                            hash="3a208104cfc0b6ba4289ea667e2b872a5128b856",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_fdc2d",
                            table="ordering_order",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderToExecute",
            fields=[],
            options={
                "verbose_name": "order to execute",
                "verbose_name_plural": "orders to execute",
                "proxy": True,
            },
            bases=("ordering.order",),
        ),
        migrations.CreateModel(
            name="OrderEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                ("number", models.CharField(editable=False, max_length=20)),
                (
                    "key",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, help_text="Of the form it came from: sent twice, one order."
                    ),
                ),
                ("source", models.CharField(choices=[("storefront", "Storefront"), ("bss", "BSS"), ("api", "API")], max_length=10)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("placed", "Waiting for execution"),
                            ("held", "Held"),
                            ("awaiting_payment", "Waiting for payment"),
                            ("executing", "In progress"),
                            ("completed", "Completed"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="placed",
                        max_length=20,
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                ("billing_copy", models.JSONField(default=dict, help_text="The buyer's billing information as confirmed.")),
                ("purchase_order", models.CharField(blank=True, max_length=50, verbose_name="your reference")),
                ("placed_at", models.DateTimeField()),
                (
                    "placed_from",
                    models.GenericIPAddressField(
                        help_text="Network address of the person who ordered.", null=True, verbose_name="placed from"
                    ),
                ),
                ("completed_at", models.DateTimeField(null=True)),
                (
                    "basket",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="ordering.basket",
                    ),
                ),
                (
                    "buyer",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="accounts.organization",
                    ),
                ),
                (
                    "consumer",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="accounts.organization",
                    ),
                ),
                (
                    "executed_by",
                    models.ForeignKey(
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
                        to="ordering.order",
                    ),
                ),
                (
                    "placed_by",
                    models.ForeignKey(
                        db_constraint=False,
                        help_text="Empty: a program, by its token.",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "api_token",
                    models.ForeignKey(
                        db_constraint=False,
                        help_text="Of the program that placed it.",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="accounts.apitoken",
                    ),
                ),
                (
                    "assigned_to",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        help_text="The member of staff who looks after it.",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("cancelled_because", models.CharField(blank=True, max_length=500)),
                (
                    "held_because",
                    models.CharField(blank=True, help_text="In a sentence, as buyer and staff read it.", max_length=500),
                ),
                (
                    "held_for",
                    models.CharField(
                        blank=True,
                        choices=[("approval", "The reseller's approval"), ("credit_limit", "Release: over the credit limit")],
                        max_length=20,
                    ),
                ),
                (
                    "let_through",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[("approval", "The reseller's approval"), ("credit_limit", "Release: over the credit limit")],
                            max_length=20,
                        ),
                        default=list,
                        help_text="What it was held for and somebody allowed; it is not held for that again.",
                        size=None,
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="OrderLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("new", "New service"),
                            ("quantity", "Other quantity"),
                            ("plan", "Other plan"),
                            ("term", "Other term"),
                            ("cancel", "Cancellation"),
                        ],
                        default="new",
                        max_length=10,
                    ),
                ),
                ("plan_name", models.CharField(max_length=100)),
                ("billing_model", models.CharField(max_length=20)),
                (
                    "quantity",
                    models.PositiveIntegerField(
                        default=1,
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10000)],
                    ),
                ),
                (
                    "protection_model",
                    models.CharField(
                        choices=[("per_gigabyte", "Per gigabyte"), ("per_workload", "Per workload")],
                        max_length=20,
                        verbose_name="Protection Licensing Model",
                    ),
                ),
                (
                    "file_sync_model",
                    models.CharField(
                        choices=[("per_user", "Per user"), ("per_workload", "Per workload")],
                        max_length=20,
                        verbose_name="File Sync & Share Licensing Model",
                    ),
                ),
                ("partner_discount_percent", models.DecimalField(decimal_places=3, default=0, max_digits=6)),
                ("retail_markup_percent", models.DecimalField(decimal_places=3, default=0, max_digits=7)),
                ("retail_discount_percent", models.DecimalField(decimal_places=3, default=0, max_digits=6)),
                ("login", models.CharField(blank=True, max_length=200, verbose_name="login user name")),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="e-mail")),
                (
                    "role",
                    models.CharField(
                        blank=True,
                        choices=[("company_admin", "Company administrator"), ("readonly_admin", "Read-only administrator")],
                        default="company_admin",
                        max_length=20,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("executing", "In progress"),
                            ("completed", "Completed"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("next_try_at", models.DateTimeField(null=True)),
                ("error", models.CharField(blank=True, max_length=1000)),
                (
                    "order",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="lines", to="ordering.order"),
                ),
                (
                    "plan",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="order_lines", to="catalog.plan"),
                ),
                (
                    "service",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="order_lines",
                        to="provisioning.service",
                    ),
                ),
                (
                    "subscription",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="order_lines",
                        to="billing.subscription",
                    ),
                ),
                (
                    "module_wish",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="The plan's module setting as it was sold, in the vendor's units, for quantity 1.",
                    ),
                ),
                (
                    "prices",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="What each level of the sale is invoiced at, for one unit and the term; empty where it is priced by use.",
                    ),
                ),
                (
                    "term_months",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (1, "1 month"),
                            (3, "3 months"),
                            (6, "6 months"),
                            (12, "12 months"),
                            (24, "24 months"),
                            (36, "36 months"),
                        ],
                        default=1,
                        verbose_name="term",
                    ),
                ),
                (
                    "before",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="Of an amendment: what the service was when the vendor was first told otherwise; put back where it refuses.",
                    ),
                ),
                (
                    "ends",
                    models.CharField(
                        blank=True,
                        choices=[("now", "Now"), ("at_end_of_term", "At the end of the term")],
                        help_text="Of a cancellation: when it takes effect.",
                        max_length=15,
                    ),
                ),
                (
                    "price_by",
                    models.ForeignKey(
                        help_text="Who set another price than the list's.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "price_reason",
                    models.CharField(blank=True, help_text="Why it is sold at another price than the list's.", max_length=300),
                ),
                (
                    "quote",
                    models.JSONField(
                        blank=True, default=dict, help_text="Of an amendment: what it was quoted at, as it was shown."
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "indexes": [
                    models.Index(condition=models.Q(("status", "executing")), fields=["next_try_at"], name="orderline_due")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["waiting", "executing", "completed", "failed", "cancelled"])),
                        name="orderline_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("quantity", 1), ("term_months", 1)),
                            models.Q(("billing_model", "pay_as_you_go"), _negated=True),
                            _connector="OR",
                        ),
                        name="orderline_pay_as_you_go_quantity_1",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("quantity__gte", 1), ("quantity__lte", 10000)), name="orderline_quantity_sane"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("term_months__in", [1, 3, 6, 12, 24, 36])), name="orderline_term_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("billing_model", "pay_as_you_go"),
                            models.Q(("prices", []), _negated=True),
                            ("kind", "cancel"),
                            _connector="OR",
                        ),
                        name="orderline_fixed_has_prices",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["new", "quantity", "plan", "term", "cancel"])), name="orderline_kind_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("kind", "new"), models.Q(("service__isnull", False), ("subscription__isnull", False)), _connector="OR"
                        ),
                        name="orderline_amends_a_subscription",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ends__in", ["now", "at_end_of_term"]), ("kind", "cancel")),
                            models.Q(models.Q(("kind", "cancel"), _negated=True), ("ends", "")),
                            _connector="OR",
                        ),
                        name="orderline_cancellation_says_when",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("price_by__isnull", True), ("price_reason", "")),
                            models.Q(models.Q(("price_reason", ""), _negated=True), ("price_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="orderline_other_price_has_a_reason",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(models.Q(("kind", "new"), _negated=True), ("status__in", ["waiting", "executing"])),
                        fields=("subscription",),
                        name="orderline_one_amendment_at_a_time",
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "ordering_orderlineevent" ("attempts", "before", "billing_model", "email", "ends", "error", "file_sync_model", "id", "kind", "login", "module_wish", "next_try_at", "order_id", "partner_discount_percent", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "plan_name", "price_by_id", "price_reason", "prices", "protection_model", "quantity", "quote", "retail_discount_percent", "retail_markup_percent", "role", "service_id", "status", "subscription_id", "term_months") VALUES (NEW."attempts", NEW."before", NEW."billing_model", NEW."email", NEW."ends", NEW."error", NEW."file_sync_model", NEW."id", NEW."kind", NEW."login", NEW."module_wish", NEW."next_try_at", NEW."order_id", NEW."partner_discount_percent", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."plan_id", NEW."plan_name", NEW."price_by_id", NEW."price_reason", NEW."prices", NEW."protection_model", NEW."quantity", NEW."quote", NEW."retail_discount_percent", NEW."retail_markup_percent", NEW."role", NEW."service_id", NEW."status", NEW."subscription_id", NEW."term_months"); RETURN NULL;',
                            hash="71b3a55193da49637264258ed39a537ff29e4991",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_a67e8",
                            table="ordering_orderline",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "ordering_orderlineevent" ("attempts", "before", "billing_model", "email", "ends", "error", "file_sync_model", "id", "kind", "login", "module_wish", "next_try_at", "order_id", "partner_discount_percent", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "plan_name", "price_by_id", "price_reason", "prices", "protection_model", "quantity", "quote", "retail_discount_percent", "retail_markup_percent", "role", "service_id", "status", "subscription_id", "term_months") VALUES (NEW."attempts", NEW."before", NEW."billing_model", NEW."email", NEW."ends", NEW."error", NEW."file_sync_model", NEW."id", NEW."kind", NEW."login", NEW."module_wish", NEW."next_try_at", NEW."order_id", NEW."partner_discount_percent", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."plan_id", NEW."plan_name", NEW."price_by_id", NEW."price_reason", NEW."prices", NEW."protection_model", NEW."quantity", NEW."quote", NEW."retail_discount_percent", NEW."retail_markup_percent", NEW."role", NEW."service_id", NEW."status", NEW."subscription_id", NEW."term_months"); RETURN NULL;',
                            hash="4a47cda5d9908d2a275fed417788d4ff275ae9c1",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_eac1b",
                            table="ordering_orderline",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderLineEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("new", "New service"),
                            ("quantity", "Other quantity"),
                            ("plan", "Other plan"),
                            ("term", "Other term"),
                            ("cancel", "Cancellation"),
                        ],
                        default="new",
                        max_length=10,
                    ),
                ),
                ("plan_name", models.CharField(max_length=100)),
                ("billing_model", models.CharField(max_length=20)),
                (
                    "quantity",
                    models.PositiveIntegerField(
                        default=1,
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10000)],
                    ),
                ),
                (
                    "protection_model",
                    models.CharField(
                        choices=[("per_gigabyte", "Per gigabyte"), ("per_workload", "Per workload")],
                        max_length=20,
                        verbose_name="Protection Licensing Model",
                    ),
                ),
                (
                    "file_sync_model",
                    models.CharField(
                        choices=[("per_user", "Per user"), ("per_workload", "Per workload")],
                        max_length=20,
                        verbose_name="File Sync & Share Licensing Model",
                    ),
                ),
                ("partner_discount_percent", models.DecimalField(decimal_places=3, default=0, max_digits=6)),
                ("retail_markup_percent", models.DecimalField(decimal_places=3, default=0, max_digits=7)),
                ("retail_discount_percent", models.DecimalField(decimal_places=3, default=0, max_digits=6)),
                ("login", models.CharField(blank=True, max_length=200, verbose_name="login user name")),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="e-mail")),
                (
                    "role",
                    models.CharField(
                        blank=True,
                        choices=[("company_admin", "Company administrator"), ("readonly_admin", "Read-only administrator")],
                        default="company_admin",
                        max_length=20,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("executing", "In progress"),
                            ("completed", "Completed"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("next_try_at", models.DateTimeField(null=True)),
                ("error", models.CharField(blank=True, max_length=1000)),
                (
                    "order",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="ordering.order",
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
                        to="ordering.orderline",
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="catalog.plan",
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="provisioning.service",
                    ),
                ),
                (
                    "subscription",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="billing.subscription",
                    ),
                ),
                (
                    "module_wish",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="The plan's module setting as it was sold, in the vendor's units, for quantity 1.",
                    ),
                ),
                (
                    "prices",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="What each level of the sale is invoiced at, for one unit and the term; empty where it is priced by use.",
                    ),
                ),
                (
                    "term_months",
                    models.PositiveSmallIntegerField(
                        choices=[
                            (1, "1 month"),
                            (3, "3 months"),
                            (6, "6 months"),
                            (12, "12 months"),
                            (24, "24 months"),
                            (36, "36 months"),
                        ],
                        default=1,
                        verbose_name="term",
                    ),
                ),
                (
                    "before",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="Of an amendment: what the service was when the vendor was first told otherwise; put back where it refuses.",
                    ),
                ),
                (
                    "ends",
                    models.CharField(
                        blank=True,
                        choices=[("now", "Now"), ("at_end_of_term", "At the end of the term")],
                        help_text="Of a cancellation: when it takes effect.",
                        max_length=15,
                    ),
                ),
                (
                    "price_by",
                    models.ForeignKey(
                        db_constraint=False,
                        help_text="Who set another price than the list's.",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "price_reason",
                    models.CharField(blank=True, help_text="Why it is sold at another price than the list's.", max_length=300),
                ),
                (
                    "quote",
                    models.JSONField(
                        blank=True, default=dict, help_text="Of an amendment: what it was quoted at, as it was shown."
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="TermsAcceptance",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("accepted_at", models.DateTimeField()),
                ("address", models.GenericIPAddressField(null=True)),
                (
                    "basket",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="terms_acceptances",
                        to="ordering.basket",
                    ),
                ),
                (
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="acceptances", to="catalog.termsdocument"
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        help_text="Empty: a program, by the order's token.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        help_text="Of an order that had no basket.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="terms_acceptances",
                        to="ordering.order",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("basket", "document"), name="termsacceptance_once"),
                    models.UniqueConstraint(fields=("order", "document"), name="termsacceptance_once_an_order"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("basket__isnull", False), ("order__isnull", True)),
                            models.Q(("basket__isnull", True), ("order__isnull", False)),
                            _connector="OR",
                        ),
                        name="termsacceptance_of_basket_or_order",
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="never_changes",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                            hash="ea2eebd48e52af8606b766686cf1e3e5d4608c12",
                            operation="UPDATE OR DELETE",
                            pgid="pgtrigger_never_changes_74eaf",
                            table="ordering_termsacceptance",
                            when="BEFORE",
                        ),
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Quote",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.CharField(editable=False, max_length=20, unique=True)),
                ("facts", models.JSONField(help_text="Everything that stands on the document.")),
                ("quoted_on", models.DateField()),
                ("valid_until", models.DateField(help_text="Last day it can be ordered at these prices.")),
                ("sent_to", models.EmailField(max_length=254)),
                ("sent_at", models.DateTimeField()),
                (
                    "order",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="quotes", to="ordering.order"),
                ),
                (
                    "sent_by",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("valid_until__gte", models.F("quoted_on"))), name="quote_dates_ordered"
                    )
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="never_changes",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                            hash="8086030e851c9ee1f65ec22ebe083b116e588f51",
                            operation="UPDATE OR DELETE",
                            pgid="pgtrigger_never_changes_82234",
                            table="ordering_quote",
                            when="BEFORE",
                        ),
                    )
                ],
            },
        ),
    ]
