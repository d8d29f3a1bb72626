"""
What 0001 to 0009 make, table by table as it is in the end. A new database takes this one file; a database that has applied any of
them goes on by the files themselves. They stay as they are: what changes next is a migration after this one.

The rows that 0005 and 0007 write are for subscriptions and runs that were there before them: a new database has none.
"""

import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import pgtrigger.compiler
from django.conf import settings
from django.db import migrations, models

import common.fields


class Migration(migrations.Migration):
    replaces = [
        ("billing", "0001_initial"),
        ("billing", "0002_subscription_prices"),
        ("billing", "0003_price_changes"),
        ("billing", "0004_trial_ends_on"),
        ("billing", "0005_trials_of_present_subscriptions"),
        ("billing", "0006_money_in_full"),
        ("billing", "0007_first_phases"),
        ("billing", "0008_lines_are_checked_by_the_statement"),
        ("billing", "0009_planned_ends"),
    ]

    initial = True

    dependencies = [
        ("accounts", "0001_squashed_0005_orders_in_full"),
        ("catalog", "0001_squashed_0006_terms_of_vendor_and_seller"),
        ("pghistory", "0007_auto_20250421_0444"),
        ("provisioning", "0001_squashed_0005_usage_progress"),
    ]

    operations = [
        migrations.CreateModel(
            name="BillingRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("period_start", models.DateField()),
                ("period_end", models.DateField(help_text="The first day after.")),
                (
                    "status",
                    models.CharField(
                        choices=[("queued", "Queued"), ("running", "Running"), ("finished", "Finished")],
                        default="running",
                        max_length=10,
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("accounts_total", models.PositiveIntegerField(default=0)),
                ("accounts_done", models.PositiveIntegerField(default=0)),
                (
                    "rate_cards",
                    models.JSONField(default=list, help_text="One sentence per product group: which card it was billed by."),
                ),
                (
                    "unrated",
                    models.JSONField(default=list, help_text="Items that were used but have no rate: [item, edition], not billed."),
                ),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="billing_runs", to="accounts.organization"
                    ),
                ),
                (
                    "allows_unknown_cost",
                    models.BooleanField(
                        default=False, help_text="Bill also where the seller does not know its own cost of it yet."
                    ),
                ),
                (
                    "computed_at",
                    models.DateTimeField(
                        help_text="When the last pass began that went through all accounts; what came before is in the drafts.",
                        null=True,
                    ),
                ),
                ("error", models.CharField(blank=True, help_text="Why the last pass did not finish.", max_length=1000)),
                ("issue_on", models.DateField(help_text="The date its invoices are to bear.", null=True)),
                (
                    "issue_wished_at",
                    models.DateTimeField(help_text="When its drafts were asked to be issued; empty once they are.", null=True),
                ),
                (
                    "issue_wished_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("rules", models.JSONField(default=dict, help_text="Which drafts are held back for a person to look at.")),
                ("wished_at", models.DateTimeField(null=True)),
                (
                    "wished_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "ordering": ["-period_start", "seller"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("seller", "period_start", "period_end"), name="billingrun_one_per_seller_and_period"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("period_end__gt", models.F("period_start"))), name="billingrun_period_ordered"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["queued", "running", "finished"])), name="billingrun_status_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ExchangeRate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("base", models.CharField(max_length=3)),
                ("quote", models.CharField(max_length=3)),
                ("valid_from", models.DateField()),
                (
                    "rate",
                    common.fields.UnitPriceField(
                        decimal_places=10, max_digits=24, validators=[django.core.validators.MinValueValidator(0)]
                    ),
                ),
            ],
            options={
                "ordering": ["base", "quote", "-valid_from"],
                "constraints": [
                    models.UniqueConstraint(fields=("base", "quote", "valid_from"), name="exchangerate_one_a_day"),
                    models.CheckConstraint(condition=models.Q(("rate__gt", 0)), name="exchangerate_positive"),
                    models.CheckConstraint(
                        condition=models.Q(("base", models.F("quote")), _negated=True), name="exchangerate_two_currencies"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Invoice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("status", models.CharField(choices=[("draft", "Draft"), ("issued", "Issued")], default="draft", max_length=10)),
                ("number", models.CharField(editable=False, max_length=40, null=True, unique=True)),
                ("currency", models.CharField(max_length=3)),
                ("period_start", models.DateField()),
                ("period_end", models.DateField(help_text="The first day after.")),
                ("issued_on", models.DateField(null=True)),
                ("due_on", models.DateField(null=True)),
                ("seller_copy", models.JSONField(default=dict, help_text="The seller as printed.")),
                ("buyer_copy", models.JSONField(default=dict, help_text="The buyer as printed.")),
                ("net", common.fields.AmountField(decimal_places=3, default=0, max_digits=17)),
                ("tax", common.fields.AmountField(decimal_places=3, default=0, max_digits=17)),
                ("gross", common.fields.AmountField(decimal_places=3, default=0, max_digits=17)),
                (
                    "taxes",
                    models.JSONField(default=list, help_text="One entry per rate: name, percent, net, tax (decimal strings)."),
                ),
                ("created_at", models.DateTimeField()),
                (
                    "buyer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="invoices_bought", to="accounts.organization"
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="invoices", to="billing.billingrun"
                    ),
                ),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="invoices_sold", to="accounts.organization"
                    ),
                ),
                (
                    "venture",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="invoices", to="catalog.venture"),
                ),
                (
                    "held_for",
                    models.CharField(
                        blank=True,
                        help_text="Why this draft is not issued before somebody has looked at it; empty: it may be.",
                        max_length=500,
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("monthly", "Month"), ("overage", "Overage"), ("advance", "In advance"), ("renewal", "Renewal")],
                        default="monthly",
                        max_length=10,
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        blank=True, help_text="Of the document; as the buyer's was when it was issued.", max_length=10
                    ),
                ),
                (
                    "tax_category",
                    models.CharField(
                        default="S",
                        help_text="UNCL5305 as EN 16931 uses it: S taxed, AE reverse charge, E exempt, G or O outside the tax.",
                        max_length=2,
                    ),
                ),
                ("tax_note", models.CharField(blank=True, help_text="Why there is no tax, as printed.", max_length=500)),
            ],
            options={
                "ordering": ["-period_start", "-pk"],
                "permissions": [("issue_invoice", "Can issue invoices")],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("status__in", ["draft", "issued"])), name="invoice_status_known"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("number__isnull", True), ("status", "draft")),
                            models.Q(
                                ("due_on__isnull", False),
                                ("issued_on__isnull", False),
                                ("number__isnull", False),
                                ("status", "issued"),
                            ),
                            _connector="OR",
                        ),
                        name="invoice_numbered_when_issued",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("gross", django.db.models.expressions.CombinedExpression(models.F("net"), "+", models.F("tax")))
                        ),
                        name="invoice_totals_add_up",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("status", "draft")),
                        fields=("seller", "buyer", "venture", "currency", "period_start", "period_end", "kind"),
                        name="invoice_one_draft",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["monthly", "overage", "advance", "renewal"])), name="invoice_kind_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status", "draft"), ("held_for", ""), _connector="OR"),
                        name="invoice_held_is_not_issued",
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="issued_is_frozen",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.\"status\" = 'issued')",
                            func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                            hash="49c98db7ab373d7f6cfa972a0724be04cfc01f28",
                            operation="UPDATE OR DELETE",
                            pgid="pgtrigger_issued_is_frozen_1fad9",
                            table="billing_invoice",
                            when="BEFORE",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "billing_invoiceevent" ("buyer_copy", "buyer_id", "created_at", "currency", "due_on", "gross", "held_for", "id", "issued_on", "kind", "language", "net", "number", "period_end", "period_start", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "run_id", "seller_copy", "seller_id", "status", "tax", "tax_category", "tax_note", "taxes", "venture_id") VALUES (NEW."buyer_copy", NEW."buyer_id", NEW."created_at", NEW."currency", NEW."due_on", NEW."gross", NEW."held_for", NEW."id", NEW."issued_on", NEW."kind", NEW."language", NEW."net", NEW."number", NEW."period_end", NEW."period_start", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."run_id", NEW."seller_copy", NEW."seller_id", NEW."status", NEW."tax", NEW."tax_category", NEW."tax_note", NEW."taxes", NEW."venture_id"); RETURN NULL;',
                            hash="08adbd4fe1175f89430599ef3c316ca48849690d",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_0c624",
                            table="billing_invoice",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "billing_invoiceevent" ("buyer_copy", "buyer_id", "created_at", "currency", "due_on", "gross", "held_for", "id", "issued_on", "kind", "language", "net", "number", "period_end", "period_start", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "run_id", "seller_copy", "seller_id", "status", "tax", "tax_category", "tax_note", "taxes", "venture_id") VALUES (NEW."buyer_copy", NEW."buyer_id", NEW."created_at", NEW."currency", NEW."due_on", NEW."gross", NEW."held_for", NEW."id", NEW."issued_on", NEW."kind", NEW."language", NEW."net", NEW."number", NEW."period_end", NEW."period_start", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."run_id", NEW."seller_copy", NEW."seller_id", NEW."status", NEW."tax", NEW."tax_category", NEW."tax_note", NEW."taxes", NEW."venture_id"); RETURN NULL;',
                            hash="377646ddc05c33e052f58af974b7fffd5ae53bb6",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_28c43",
                            table="billing_invoice",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="InvoiceEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                ("status", models.CharField(choices=[("draft", "Draft"), ("issued", "Issued")], default="draft", max_length=10)),
                ("number", models.CharField(editable=False, max_length=40, null=True)),
                ("currency", models.CharField(max_length=3)),
                ("period_start", models.DateField()),
                ("period_end", models.DateField(help_text="The first day after.")),
                ("issued_on", models.DateField(null=True)),
                ("due_on", models.DateField(null=True)),
                ("seller_copy", models.JSONField(default=dict, help_text="The seller as printed.")),
                ("buyer_copy", models.JSONField(default=dict, help_text="The buyer as printed.")),
                ("net", common.fields.AmountField(decimal_places=3, default=0, max_digits=17)),
                ("tax", common.fields.AmountField(decimal_places=3, default=0, max_digits=17)),
                ("gross", common.fields.AmountField(decimal_places=3, default=0, max_digits=17)),
                (
                    "taxes",
                    models.JSONField(default=list, help_text="One entry per rate: name, percent, net, tax (decimal strings)."),
                ),
                ("created_at", models.DateTimeField()),
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
                        to="billing.invoice",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="billing.billingrun",
                    ),
                ),
                (
                    "seller",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="accounts.organization",
                    ),
                ),
                (
                    "venture",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="catalog.venture",
                    ),
                ),
                (
                    "held_for",
                    models.CharField(
                        blank=True,
                        help_text="Why this draft is not issued before somebody has looked at it; empty: it may be.",
                        max_length=500,
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("monthly", "Month"), ("overage", "Overage"), ("advance", "In advance"), ("renewal", "Renewal")],
                        default="monthly",
                        max_length=10,
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        blank=True, help_text="Of the document; as the buyer's was when it was issued.", max_length=10
                    ),
                ),
                (
                    "tax_category",
                    models.CharField(
                        default="S",
                        help_text="UNCL5305 as EN 16931 uses it: S taxed, AE reverse charge, E exempt, G or O outside the tax.",
                        max_length=2,
                    ),
                ),
                ("tax_note", models.CharField(blank=True, help_text="Why there is no tax, as printed.", max_length=500)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ParkedAccount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reason", models.CharField(max_length=1000)),
                ("parked_at", models.DateTimeField()),
                (
                    "buyer",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="accounts.organization"),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="parked_accounts", to="billing.billingrun"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("run", "buyer"), name="parkedaccount_one_per_buyer")],
            },
        ),
        migrations.CreateModel(
            name="RateCard",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("month", models.DateField(help_text="Its first day.")),
                ("version", models.PositiveIntegerField()),
                ("currency", models.CharField(help_text="Of the costs and prices on the card.", max_length=3)),
                ("base_currency", models.CharField(help_text="The service provider's own.", max_length=3)),
                (
                    "exchange_rate",
                    common.fields.UnitPriceField(
                        decimal_places=10, help_text="What one unit of the card's currency is in the base currency.", max_digits=24
                    ),
                ),
                ("file_name", models.CharField(max_length=255)),
                ("file_sha256", models.CharField(max_length=64)),
                ("imported_at", models.DateTimeField()),
                (
                    "imported_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "product_group",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="rate_cards", to="catalog.productgroup"
                    ),
                ),
            ],
            options={
                "ordering": ["-month", "-version"],
                "constraints": [
                    models.UniqueConstraint(fields=("product_group", "month", "version"), name="ratecard_version_unique"),
                    models.CheckConstraint(condition=models.Q(("month__day", 1)), name="ratecard_month_is_a_first"),
                    models.CheckConstraint(condition=models.Q(("exchange_rate__gt", 0)), name="ratecard_exchange_rate_positive"),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="never_changes",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                            hash="05133920b46f62fc9235c9209f0ed053214564d9",
                            operation="UPDATE OR DELETE",
                            pgid="pgtrigger_never_changes_6b58c",
                            table="billing_ratecard",
                            when="BEFORE",
                        ),
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Rate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("item", models.CharField(max_length=100)),
                ("edition", models.CharField(blank=True, max_length=50)),
                ("unit", models.CharField(choices=[("GiB", "GiB"), ("unit", "Unit"), ("hour", "Hour")], max_length=10)),
                ("cost", common.fields.UnitPriceField(decimal_places=10, max_digits=24)),
                ("price", common.fields.UnitPriceField(decimal_places=10, max_digits=24)),
                (
                    "aggregation",
                    models.CharField(
                        choices=[
                            ("last", "Level on the last day"),
                            ("max", "Highest level"),
                            ("average", "Average of the daily levels"),
                            ("sum", "Sum of what the days added"),
                        ],
                        max_length=10,
                    ),
                ),
                ("line", models.PositiveIntegerField(help_text="Row of the sheet it came from.")),
                (
                    "rate_card",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="rates", to="billing.ratecard"),
                ),
                (
                    "tier_from",
                    common.fields.QuantityField(
                        decimal_places=10, default=0, help_text="The price is for what is above this quantity.", max_digits=30
                    ),
                ),
                (
                    "tier_mode",
                    models.CharField(
                        blank=True,
                        choices=[("graduated", "Graduated"), ("volume", "Volume")],
                        help_text="Empty: one price. Graduated: each tier's price for what lies in it. Volume: the tier reached prices all.",
                        max_length=10,
                    ),
                ),
                (
                    "tier_to",
                    common.fields.QuantityField(
                        decimal_places=10,
                        help_text="The price is for what is up to this quantity; empty: without end.",
                        max_digits=30,
                        null=True,
                    ),
                ),
            ],
            options={
                "ordering": ["rate_card", "line"],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("cost__gte", 0), ("price__gte", 0)), name="rate_not_negative"),
                    models.CheckConstraint(condition=models.Q(("unit__in", ["GiB", "unit", "hour"])), name="rate_unit_known"),
                    models.CheckConstraint(
                        condition=models.Q(("aggregation__in", ["last", "max", "average", "sum"])), name="rate_aggregation_known"
                    ),
                    models.UniqueConstraint(fields=("rate_card", "item", "edition", "tier_from"), name="rate_unique"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("tier_from__gte", 0),
                            models.Q(("tier_to__isnull", True), ("tier_to__gt", models.F("tier_from")), _connector="OR"),
                        ),
                        name="rate_tier_ordered",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("tier_mode__in", ["", "graduated", "volume"])), name="rate_tier_mode_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("tier_mode", ""), _negated=True),
                            models.Q(("tier_from", 0), ("tier_to__isnull", True)),
                            _connector="OR",
                        ),
                        name="rate_without_mode_has_no_tiers",
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="never_changes",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                            hash="e2740d6f1a1cd06bca0549fc31b972f81c6d81a8",
                            operation="UPDATE OR DELETE",
                            pgid="pgtrigger_never_changes_a022a",
                            table="billing_rate",
                            when="BEFORE",
                        ),
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.CharField(editable=False, max_length=20, unique=True)),
                ("plan_name", models.CharField(help_text="As it was when ordered.", max_length=100)),
                ("billing_model", models.CharField(max_length=20)),
                ("status", models.CharField(choices=[("active", "Active"), ("ended", "Ended")], default="active", max_length=10)),
                ("quantity", models.PositiveIntegerField(default=1)),
                ("partner_discount_percent", models.DecimalField(decimal_places=3, default=0, max_digits=6)),
                ("retail_markup_percent", models.DecimalField(decimal_places=3, default=0, max_digits=7)),
                ("retail_discount_percent", models.DecimalField(decimal_places=3, default=0, max_digits=6)),
                (
                    "started_on",
                    models.DateField(
                        help_text="First day, in the MSP's time zone; billed from then on, or when the free trial ends."
                    ),
                ),
                ("ended_on", models.DateField(blank=True, help_text="First day that is not billed any more.", null=True)),
                ("order_number", models.CharField(help_text="The order it came from.", max_length=20)),
                ("created_at", models.DateTimeField()),
                (
                    "consumer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="subscriptions", to="accounts.organization"
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="subscriptions", to="catalog.plan"),
                ),
                (
                    "service",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="subscription", to="provisioning.service"
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
                    "trial_ends_on",
                    models.DateField(
                        blank=True,
                        help_text="First day that is billed, in the MSP's time zone. Empty: there was no free trial.",
                        null=True,
                        verbose_name="free trial ends",
                    ),
                ),
                (
                    "order_key",
                    models.CharField(
                        blank=True, help_text="The order line that was invoiced in advance; empty where nothing was.", max_length=40
                    ),
                ),
                (
                    "cancels_on",
                    models.DateField(
                        blank=True,
                        help_text="First day it does not run any more, in the MSP's time zone: it is ended then by itself, and not renewed.",
                        null=True,
                        verbose_name="planned end",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["active", "ended"])), name="subscription_status_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("ended_on__isnull", True), ("ended_on__gte", models.F("started_on")), _connector="OR"),
                        name="subscription_dates_ordered",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("billing_model", "pay_as_you_go"), _negated=True), ("quantity", 1), _connector="OR"
                        ),
                        name="subscription_pay_as_you_go_quantity_1",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("term_months__in", [1, 3, 6, 12, 24, 36])), name="subscription_term_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("trial_ends_on__isnull", True), ("trial_ends_on__gte", models.F("started_on")), _connector="OR"
                        ),
                        name="subscription_trial_ends_after_start",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("cancels_on__isnull", True), ("cancels_on__gt", models.F("started_on")), _connector="OR"
                        ),
                        name="subscription_planned_end_later",
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "billing_subscriptionevent" ("billing_model", "cancels_on", "consumer_id", "created_at", "ended_on", "id", "number", "order_key", "order_number", "partner_discount_percent", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "plan_name", "quantity", "retail_discount_percent", "retail_markup_percent", "service_id", "started_on", "status", "term_months", "trial_ends_on") VALUES (NEW."billing_model", NEW."cancels_on", NEW."consumer_id", NEW."created_at", NEW."ended_on", NEW."id", NEW."number", NEW."order_key", NEW."order_number", NEW."partner_discount_percent", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."plan_id", NEW."plan_name", NEW."quantity", NEW."retail_discount_percent", NEW."retail_markup_percent", NEW."service_id", NEW."started_on", NEW."status", NEW."term_months", NEW."trial_ends_on"); RETURN NULL;',
                            hash="4bbd5a12712eb76ad62c47d8344fe7c416a85b9b",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_6f62d",
                            table="billing_subscription",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "billing_subscriptionevent" ("billing_model", "cancels_on", "consumer_id", "created_at", "ended_on", "id", "number", "order_key", "order_number", "partner_discount_percent", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "plan_name", "quantity", "retail_discount_percent", "retail_markup_percent", "service_id", "started_on", "status", "term_months", "trial_ends_on") VALUES (NEW."billing_model", NEW."cancels_on", NEW."consumer_id", NEW."created_at", NEW."ended_on", NEW."id", NEW."number", NEW."order_key", NEW."order_number", NEW."partner_discount_percent", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."plan_id", NEW."plan_name", NEW."quantity", NEW."retail_discount_percent", NEW."retail_markup_percent", NEW."service_id", NEW."started_on", NEW."status", NEW."term_months", NEW."trial_ends_on"); RETURN NULL;',
                            hash="b689a6bc025ae74e1af344489bb99b6912ebf7c8",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_5c2d2",
                            table="billing_subscription",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="InvoiceLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveIntegerField()),
                ("item", models.CharField(max_length=100)),
                ("edition", models.CharField(blank=True, max_length=50)),
                ("description", models.CharField(max_length=300)),
                ("period_start", models.DateField()),
                ("period_end", models.DateField(help_text="The first day after.")),
                ("quantity", common.fields.QuantityField(decimal_places=10, max_digits=30)),
                ("unit", models.CharField(max_length=10)),
                ("unit_price", common.fields.UnitPriceField(decimal_places=10, max_digits=24)),
                ("net", common.fields.AmountField(decimal_places=3, max_digits=17)),
                ("tax_percent", models.DecimalField(decimal_places=3, help_text="Sum of the group's taxes.", max_digits=6)),
                ("working", models.JSONField()),
                (
                    "invoice",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="lines", to="billing.invoice"),
                ),
                (
                    "subscription",
                    models.ForeignKey(
                        help_text="Empty on lines of an order that waits for its payment.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invoice_lines",
                        to="billing.subscription",
                    ),
                ),
                (
                    "order_key",
                    models.CharField(blank=True, help_text="The order line that was invoiced in advance.", max_length=40),
                ),
                (
                    "part",
                    models.CharField(
                        blank=True, help_text="What tells lines of one item apart: a tier, a term, a plan's days.", max_length=40
                    ),
                ),
                (
                    "product_group",
                    models.ForeignKey(
                        help_text="Whose taxes and ledger code count; empty on older lines.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.productgroup",
                    ),
                ),
                (
                    "readings",
                    models.TextField(
                        blank=True, help_text="What was measured, as billing.measuring.told writes it; empty where nothing was."
                    ),
                ),
            ],
            options={
                "ordering": ["invoice", "position"],
                "indexes": [
                    models.Index(fields=["subscription", "period_start", "item"], name="invoiceline_by_subscription"),
                    models.Index(
                        condition=models.Q(("order_key", ""), _negated=True), fields=["order_key"], name="invoiceline_by_order_key"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("invoice", "position"), name="invoiceline_position_unique"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("subscription__isnull", False), models.Q(("order_key", ""), _negated=True), _connector="OR"
                        ),
                        name="invoiceline_is_for_something",
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="frozen_with_its_invoice",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            declare="DECLARE frozen boolean;",
                            func="\n                    SELECT bool_or(status = 'issued') INTO frozen FROM billing_invoice\n                    WHERE id = OLD.invoice_id OR (TG_OP <> 'DELETE' AND id = NEW.invoice_id);\n                    IF frozen THEN\n                        RAISE EXCEPTION 'pgtrigger: lines of an issued invoice cannot be changed' USING ERRCODE = 'restrict_violation';\n                    END IF;\n                    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;\n                    RETURN NEW;\n                ",
                            hash="e89c6b68e35872f1cf9e909cbf59103da562d163",
                            operation="UPDATE OR DELETE",
                            pgid="pgtrigger_frozen_with_its_invoice_0573b",
                            table="billing_invoiceline",
                            when="BEFORE",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="none_added_to_what_is_issued",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func="\n                    IF EXISTS (\n                        SELECT FROM (SELECT DISTINCT invoice_id FROM added) line\n                        JOIN billing_invoice invoice ON invoice.id = line.invoice_id WHERE invoice.status = 'issued'\n                    ) THEN\n                        RAISE EXCEPTION 'pgtrigger: an issued invoice gets no more lines' USING ERRCODE = 'restrict_violation';\n                    END IF;\n                    RETURN NULL;\n                ",
                            hash="76437445a0849a981b1f324defe0e295e3c5879e",
                            level="STATEMENT",
                            operation="INSERT",
                            pgid="pgtrigger_none_added_to_what_is_issued_82b31",
                            referencing="REFERENCING NEW TABLE AS added ",
                            table="billing_invoiceline",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SubscriptionEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                ("number", models.CharField(editable=False, max_length=20)),
                ("plan_name", models.CharField(help_text="As it was when ordered.", max_length=100)),
                ("billing_model", models.CharField(max_length=20)),
                ("status", models.CharField(choices=[("active", "Active"), ("ended", "Ended")], default="active", max_length=10)),
                ("quantity", models.PositiveIntegerField(default=1)),
                ("partner_discount_percent", models.DecimalField(decimal_places=3, default=0, max_digits=6)),
                ("retail_markup_percent", models.DecimalField(decimal_places=3, default=0, max_digits=7)),
                ("retail_discount_percent", models.DecimalField(decimal_places=3, default=0, max_digits=6)),
                (
                    "started_on",
                    models.DateField(
                        help_text="First day, in the MSP's time zone; billed from then on, or when the free trial ends."
                    ),
                ),
                ("ended_on", models.DateField(blank=True, help_text="First day that is not billed any more.", null=True)),
                ("order_number", models.CharField(help_text="The order it came from.", max_length=20)),
                ("created_at", models.DateTimeField()),
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
                        to="billing.subscription",
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
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="provisioning.service",
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
                    "trial_ends_on",
                    models.DateField(
                        blank=True,
                        help_text="First day that is billed, in the MSP's time zone. Empty: there was no free trial.",
                        null=True,
                        verbose_name="free trial ends",
                    ),
                ),
                (
                    "order_key",
                    models.CharField(
                        blank=True, help_text="The order line that was invoiced in advance; empty where nothing was.", max_length=40
                    ),
                ),
                (
                    "cancels_on",
                    models.DateField(
                        blank=True,
                        help_text="First day it does not run any more, in the MSP's time zone: it is ended then by itself, and not renewed.",
                        null=True,
                        verbose_name="planned end",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="UnmappedUsage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("vendor_tenant_id", models.CharField(max_length=36)),
                ("tenant_name", models.CharField(blank=True, max_length=255)),
                ("item", models.CharField(max_length=100)),
                ("edition", models.CharField(blank=True, max_length=50)),
                ("infra_id", models.CharField(blank=True, max_length=36)),
                ("day", models.DateField()),
                ("measurement_unit", models.CharField(max_length=20)),
                ("absolute", common.fields.QuantityField(decimal_places=10, max_digits=30)),
                ("delta", common.fields.QuantityField(decimal_places=10, max_digits=30)),
                ("report_line", models.BigIntegerField()),
                (
                    "report",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="unmapped_usage", to="provisioning.vendorreport"
                    ),
                ),
                (
                    "service_manager",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="unmapped_usage", to="provisioning.servicemanager"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "unmapped usage",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("service_manager", "vendor_tenant_id", "item", "edition", "infra_id", "day"),
                        name="unmappedusage_one_reading_a_day",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageRecord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("item", models.CharField(help_text="Name of the offering item, or of the usage.", max_length=100)),
                ("edition", models.CharField(blank=True, max_length=50)),
                ("infra_id", models.CharField(blank=True, max_length=36)),
                ("day", models.DateField()),
                ("is_range", models.BooleanField(help_text="Billed by what was added, not by the level.")),
                ("measurement_unit", models.CharField(max_length=20)),
                ("absolute", common.fields.QuantityField(decimal_places=10, max_digits=30)),
                ("delta", common.fields.QuantityField(decimal_places=10, max_digits=30)),
                ("trial_absolute", common.fields.QuantityField(decimal_places=10, default=0, max_digits=30)),
                ("trial_delta", common.fields.QuantityField(decimal_places=10, default=0, max_digits=30)),
                ("report_line", models.BigIntegerField(help_text="Line of the report's file, the header being line 1.")),
                (
                    "report",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="usage_records",
                        to="provisioning.vendorreport",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="usage_records",
                        to="provisioning.tenant",
                    ),
                ),
            ],
            options={
                "indexes": [django.contrib.postgres.indexes.BrinIndex(fields=["day"], name="usagerecord_by_day")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "day", "item", "edition", "infra_id"), name="usagerecord_one_reading_a_day"
                    )
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="refers_to_rows",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func="\n                    IF EXISTS (\n                        SELECT FROM (SELECT DISTINCT tenant_id, report_id FROM added) pair\n                        WHERE NOT EXISTS (SELECT FROM provisioning_tenant WHERE id = pair.tenant_id FOR KEY SHARE)\n                            OR NOT EXISTS (SELECT FROM provisioning_vendorreport WHERE id = pair.report_id FOR KEY SHARE)\n                    ) THEN\n                        RAISE EXCEPTION 'pgtrigger: usage of a tenant or report that is not there'\n                            USING ERRCODE = 'foreign_key_violation';\n                    END IF;\n                    RETURN NULL;\n                ",
                            hash="d72bc2597a794c5adf7c4dbb09c39405713838f6",
                            level="STATEMENT",
                            operation="INSERT",
                            pgid="pgtrigger_refers_to_rows_d6b3f",
                            referencing="REFERENCING NEW TABLE AS added ",
                            table="billing_usagerecord",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "billing_usagerecordevent" ("absolute", "day", "delta", "edition", "id", "infra_id", "is_range", "item", "measurement_unit", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "report_id", "report_line", "tenant_id", "trial_absolute", "trial_delta") VALUES (OLD."absolute", OLD."day", OLD."delta", OLD."edition", OLD."id", OLD."infra_id", OLD."is_range", OLD."item", OLD."measurement_unit", _pgh_attach_context(), NOW(), \'update\', OLD."id", OLD."report_id", OLD."report_line", OLD."tenant_id", OLD."trial_absolute", OLD."trial_delta"); RETURN NULL;',
                            hash="ba0f0be038eab53d1aa15280e83e28ef1b7c20ec",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_0ac28",
                            table="billing_usagerecord",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageRecordEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                ("item", models.CharField(help_text="Name of the offering item, or of the usage.", max_length=100)),
                ("edition", models.CharField(blank=True, max_length=50)),
                ("infra_id", models.CharField(blank=True, max_length=36)),
                ("day", models.DateField()),
                ("is_range", models.BooleanField(help_text="Billed by what was added, not by the level.")),
                ("measurement_unit", models.CharField(max_length=20)),
                ("absolute", common.fields.QuantityField(decimal_places=10, max_digits=30)),
                ("delta", common.fields.QuantityField(decimal_places=10, max_digits=30)),
                ("trial_absolute", common.fields.QuantityField(decimal_places=10, default=0, max_digits=30)),
                ("trial_delta", common.fields.QuantityField(decimal_places=10, default=0, max_digits=30)),
                ("report_line", models.BigIntegerField(help_text="Line of the report's file, the header being line 1.")),
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
                        to="billing.usagerecord",
                    ),
                ),
                (
                    "report",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="provisioning.vendorreport",
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
            name="PriceChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "key",
                    models.UUIDField(
                        editable=False, help_text="Of the preview it was confirmed on; confirmed again, nothing.", unique=True
                    ),
                ),
                (
                    "fingerprint",
                    models.CharField(editable=False, help_text="SHA-256 of everything the preview showed.", max_length=64),
                ),
                ("words", models.CharField(max_length=300, verbose_name="change")),
                (
                    "valid_from",
                    models.DateField(help_text="Empty: no list price was changed.", null=True, verbose_name="prices from"),
                ),
                (
                    "moves_from",
                    models.DateField(help_text="Empty: no subscription was moved.", null=True, verbose_name="subscriptions from"),
                ),
                ("created_at", models.DateTimeField(verbose_name="confirmed at")),
                ("withdrawn_at", models.DateTimeField(null=True, verbose_name="called off at")),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="confirmed by",
                    ),
                ),
                (
                    "withdrawn_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="called off by",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("valid_from__isnull", False), ("moves_from__isnull", False), _connector="OR"),
                        name="pricechange_changes_something",
                    )
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="never_deleted",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                            hash="ceeee17d21d179f9d9ed97ccb675c66284ab9577",
                            operation="DELETE",
                            pgid="pgtrigger_never_deleted_441b0",
                            table="billing_pricechange",
                            when="BEFORE",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="never_changes",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."key" IS DISTINCT FROM (NEW."key") OR OLD."fingerprint" IS DISTINCT FROM (NEW."fingerprint") OR OLD."words" IS DISTINCT FROM (NEW."words") OR OLD."valid_from" IS DISTINCT FROM (NEW."valid_from") OR OLD."moves_from" IS DISTINCT FROM (NEW."moves_from") OR OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."created_by_id" IS DISTINCT FROM (NEW."created_by_id"))',
                            func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                            hash="dca24af897e8db5987dbf5761f3596d3ec7a2c45",
                            operation="UPDATE",
                            pgid="pgtrigger_never_changes_d3a96",
                            table="billing_pricechange",
                            when="BEFORE",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SubscriptionPrice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "level",
                    models.CharField(choices=[("msp", "msp"), ("wholesale", "wholesale"), ("retail", "retail")], max_length=10),
                ),
                ("currency", models.CharField(help_text="ISO 4217.", max_length=3)),
                ("price", common.fields.AmountField(decimal_places=3, max_digits=17)),
                ("setup_fee", common.fields.AmountField(decimal_places=3, default=0, max_digits=17)),
                ("overage_price", common.fields.UnitPriceField(decimal_places=10, max_digits=24, null=True)),
                (
                    "working",
                    models.JSONField(help_text="The steps from the list price to this one, as SoldPrice.as_json tells them."),
                ),
                ("valid_from", models.DateField(help_text="First day that is billed at it, in the MSP's time zone.")),
                ("created_at", models.DateTimeField()),
                ("withdrawn_at", models.DateTimeField(null=True)),
                (
                    "changed_by",
                    models.ForeignKey(
                        help_text="Who moved it; empty: as it was sold.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "subscription",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="prices", to="billing.subscription"
                    ),
                ),
                (
                    "withdrawn_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "change",
                    models.ForeignKey(
                        help_text="What moved it; empty: as it was sold.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="moves",
                        to="billing.pricechange",
                    ),
                ),
            ],
            options={
                "ordering": ["subscription", "level", "valid_from", "pk"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("withdrawn_at__isnull", True)),
                        fields=("subscription", "level", "valid_from"),
                        name="subscriptionprice_one_begins_a_day",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("level__in", ["msp", "wholesale", "retail"])), name="subscriptionprice_level_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="subscriptionprice_currency_iso"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("price__gte", 0),
                            ("setup_fee__gte", 0),
                            models.Q(("overage_price__isnull", True), ("overage_price__gte", 0), _connector="OR"),
                        ),
                        name="subscriptionprice_not_negative",
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="never_deleted",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                            hash="614b96f446de9fab8fd31f8543068fba556dd42d",
                            operation="DELETE",
                            pgid="pgtrigger_never_deleted_e8827",
                            table="billing_subscriptionprice",
                            when="BEFORE",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="never_changes",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."subscription_id" IS DISTINCT FROM (NEW."subscription_id") OR OLD."level" IS DISTINCT FROM (NEW."level") OR OLD."currency" IS DISTINCT FROM (NEW."currency") OR OLD."price" IS DISTINCT FROM (NEW."price") OR OLD."setup_fee" IS DISTINCT FROM (NEW."setup_fee") OR OLD."overage_price" IS DISTINCT FROM (NEW."overage_price") OR OLD."working" IS DISTINCT FROM (NEW."working") OR OLD."valid_from" IS DISTINCT FROM (NEW."valid_from") OR OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."changed_by_id" IS DISTINCT FROM (NEW."changed_by_id") OR OLD."change_id" IS DISTINCT FROM (NEW."change_id"))',
                            func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                            hash="67bb3f7592c8ac7ba2a2f9e7577dd2499a798779",
                            operation="UPDATE",
                            pgid="pgtrigger_never_changes_26c51",
                            table="billing_subscriptionprice",
                            when="BEFORE",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PriceChangeRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("currency", models.CharField(max_length=3)),
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
                        verbose_name="term",
                    ),
                ),
                (
                    "old_valid_from",
                    models.DateField(help_text="First day of the old price; of one that was planned, the new price's own."),
                ),
                ("old_price", common.fields.AmountField(decimal_places=3, max_digits=17)),
                ("old_setup_fee", common.fields.AmountField(decimal_places=3, max_digits=17)),
                ("old_overage_price", common.fields.UnitPriceField(decimal_places=10, max_digits=24, null=True)),
                ("new_price", common.fields.AmountField(decimal_places=3, max_digits=17)),
                ("new_setup_fee", common.fields.AmountField(decimal_places=3, max_digits=17)),
                ("new_overage_price", common.fields.UnitPriceField(decimal_places=10, max_digits=24, null=True)),
                (
                    "change",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="rows", to="billing.pricechange"),
                ),
                ("plan", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="catalog.plan")),
            ],
            options={
                "ordering": ["change", "plan__name", "plan", "currency", "term_months"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("change", "plan", "currency", "term_months"), name="pricechangerow_once_a_change"
                    )
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="never_changes",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                            hash="d32a4ce3cb6014bde7f07224bc212c7dbcc512a8",
                            operation="UPDATE OR DELETE",
                            pgid="pgtrigger_never_changes_13284",
                            table="billing_pricechangerow",
                            when="BEFORE",
                        ),
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="BankStatement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("file_name", models.CharField(max_length=255)),
                ("file_sha256", models.CharField(max_length=64)),
                ("format", models.CharField(choices=[("csv", "CSV"), ("camt053", "CAMT.053")], max_length=10)),
                ("rows", models.JSONField(help_text="Each entry of the file with what it is matched with.")),
                ("created_at", models.DateTimeField()),
                ("confirmed_at", models.DateTimeField(null=True)),
                (
                    "confirmed_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="bank_statements", to="accounts.organization"
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("format__in", ["csv", "camt053"])), name="bankstatement_format_known"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CreditNote",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.UUIDField(editable=False, help_text="Of the form it came from; sent again, nothing.", unique=True)),
                ("number", models.CharField(editable=False, max_length=40, unique=True)),
                ("issued_on", models.DateField()),
                ("currency", models.CharField(max_length=3)),
                ("net", common.fields.AmountField(decimal_places=3, max_digits=17)),
                ("tax", common.fields.AmountField(decimal_places=3, max_digits=17)),
                ("gross", common.fields.AmountField(decimal_places=3, max_digits=17)),
                (
                    "taxes",
                    models.JSONField(default=list, help_text="One entry per tax: name, percent, net, tax (decimal strings)."),
                ),
                ("reason", models.CharField(max_length=500)),
                ("bills_again", models.BooleanField(default=False, verbose_name="bill again")),
                ("seller_copy", models.JSONField(help_text="The seller as printed.")),
                ("buyer_copy", models.JSONField(help_text="The buyer as printed.")),
                ("language", models.CharField(blank=True, max_length=10)),
                ("created_at", models.DateTimeField()),
                (
                    "buyer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="credit_notes_received",
                        to="accounts.organization",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="credit_notes", to="billing.invoice"
                    ),
                ),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="credit_notes_given", to="accounts.organization"
                    ),
                ),
                (
                    "venture",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="credit_notes", to="catalog.venture"
                    ),
                ),
            ],
            options={
                "ordering": ["-issued_on", "-pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("gross", django.db.models.expressions.CombinedExpression(models.F("net"), "+", models.F("tax")))
                        ),
                        name="creditnote_totals_add_up",
                    ),
                    models.CheckConstraint(condition=models.Q(("gross__gte", 0)), name="creditnote_not_negative"),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="never_changes",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                            hash="63fbfe178eac22e18596f8ecbd9b4cd40c24930b",
                            operation="UPDATE OR DELETE",
                            pgid="pgtrigger_never_changes_7d7b5",
                            table="billing_creditnote",
                            when="BEFORE",
                        ),
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CreditNoteLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveIntegerField()),
                ("description", models.CharField(max_length=300)),
                ("quantity", common.fields.QuantityField(decimal_places=10, max_digits=30)),
                ("unit", models.CharField(max_length=10)),
                ("unit_price", common.fields.UnitPriceField(decimal_places=10, max_digits=24)),
                ("net", common.fields.AmountField(decimal_places=3, max_digits=17)),
                ("tax_percent", models.DecimalField(decimal_places=3, max_digits=6)),
                (
                    "credit_note",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="lines", to="billing.creditnote"),
                ),
                (
                    "invoice_line",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="credits", to="billing.invoiceline"
                    ),
                ),
            ],
            options={
                "ordering": ["credit_note", "position"],
                "constraints": [
                    models.UniqueConstraint(fields=("credit_note", "position"), name="creditnoteline_position_unique"),
                    models.UniqueConstraint(fields=("credit_note", "invoice_line"), name="creditnoteline_once_a_note"),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="never_changes",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                            hash="dc00f61ae0a49e1bd119955c1a35023d58553659",
                            operation="UPDATE OR DELETE",
                            pgid="pgtrigger_never_changes_742a5",
                            table="billing_creditnoteline",
                            when="BEFORE",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="never_above_what_is_left",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            declare="DECLARE billed numeric; of_invoice bigint; credited numeric;",
                            func="\n                    SELECT net, invoice_id INTO billed, of_invoice FROM billing_invoiceline WHERE id = NEW.invoice_line_id;\n                    PERFORM FROM billing_invoice WHERE id = of_invoice AND status = 'issued' FOR NO KEY UPDATE;\n                    IF NOT FOUND OR of_invoice <> (SELECT invoice_id FROM billing_creditnote WHERE id = NEW.credit_note_id) THEN\n                        RAISE EXCEPTION 'pgtrigger: a credit note credits lines of its own issued invoice'\n                            USING ERRCODE = 'restrict_violation';\n                    END IF;\n                    SELECT coalesce(sum(net), 0) + NEW.net INTO credited FROM billing_creditnoteline\n                    WHERE invoice_line_id = NEW.invoice_line_id;\n                    IF credited * sign(billed) < 0 OR abs(credited) > abs(billed) OR NEW.net * sign(billed) < 0 THEN\n                        RAISE EXCEPTION 'pgtrigger: more is credited than was billed' USING ERRCODE = 'restrict_violation';\n                    END IF;\n                    RETURN NEW;\n                ",
                            hash="2241173803dfca66f4c6edc55f5a2b96856356cc",
                            operation="INSERT",
                            pgid="pgtrigger_never_above_what_is_left_7006a",
                            table="billing_creditnoteline",
                            when="BEFORE",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Payment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.UUIDField(editable=False, help_text="Of the form it came from; sent again, nothing.", unique=True)),
                ("currency", models.CharField(max_length=3)),
                (
                    "amount",
                    common.fields.AmountField(
                        decimal_places=3, max_digits=17, validators=[django.core.validators.MinValueValidator(0)]
                    ),
                ),
                ("received_on", models.DateField()),
                (
                    "method",
                    models.CharField(
                        choices=[
                            ("bank_transfer", "Bank transfer"),
                            ("direct_debit", "Direct debit"),
                            ("card", "Card"),
                            ("cash", "Cash"),
                            ("credit", "Credit from an invoice"),
                            ("other", "Other"),
                        ],
                        default="bank_transfer",
                        max_length=20,
                    ),
                ),
                ("reference", models.CharField(blank=True, help_text="What the payer wrote.", max_length=300)),
                ("note", models.CharField(blank=True, max_length=500)),
                (
                    "bank_key",
                    models.CharField(blank=True, help_text="What the bank calls the entry; it comes in once.", max_length=100),
                ),
                ("recorded_at", models.DateTimeField()),
                ("reversed_at", models.DateTimeField(null=True)),
                ("reversal_reason", models.CharField(blank=True, max_length=500)),
                (
                    "buyer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="payments_made", to="accounts.organization"
                    ),
                ),
                (
                    "recorded_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "reversed_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "seller",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="payments_received", to="accounts.organization"
                    ),
                ),
                (
                    "source_invoice",
                    models.OneToOneField(
                        help_text="The invoice below nothing that this credit comes from.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="credit",
                        to="billing.invoice",
                    ),
                ),
                (
                    "statement",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="payments", to="billing.bankstatement"
                    ),
                ),
            ],
            options={
                "ordering": ["-received_on", "-pk"],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="payment_positive"),
                    models.CheckConstraint(condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="payment_currency_iso"),
                    models.UniqueConstraint(
                        condition=models.Q(("bank_key", ""), _negated=True),
                        fields=("seller", "bank_key"),
                        name="payment_bank_entry_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("method__in", ["bank_transfer", "direct_debit", "card", "cash", "credit", "other"])),
                        name="payment_method_known",
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="never_deleted",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                            hash="30bf546a364f9675e0c57abe78af72c0d73f5368",
                            operation="DELETE",
                            pgid="pgtrigger_never_deleted_3cd1e",
                            table="billing_payment",
                            when="BEFORE",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="never_changes",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."key" IS DISTINCT FROM (NEW."key") OR OLD."seller_id" IS DISTINCT FROM (NEW."seller_id") OR OLD."buyer_id" IS DISTINCT FROM (NEW."buyer_id") OR OLD."currency" IS DISTINCT FROM (NEW."currency") OR OLD."amount" IS DISTINCT FROM (NEW."amount") OR OLD."received_on" IS DISTINCT FROM (NEW."received_on") OR OLD."method" IS DISTINCT FROM (NEW."method") OR OLD."reference" IS DISTINCT FROM (NEW."reference") OR OLD."note" IS DISTINCT FROM (NEW."note") OR OLD."bank_key" IS DISTINCT FROM (NEW."bank_key") OR OLD."statement_id" IS DISTINCT FROM (NEW."statement_id") OR OLD."source_invoice_id" IS DISTINCT FROM (NEW."source_invoice_id") OR OLD."recorded_at" IS DISTINCT FROM (NEW."recorded_at") OR OLD."recorded_by_id" IS DISTINCT FROM (NEW."recorded_by_id"))',
                            func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                            hash="e8312d127cb3fbb8ae04920587412e87b9277fde",
                            operation="UPDATE",
                            pgid="pgtrigger_never_changes_a04ed",
                            table="billing_payment",
                            when="BEFORE",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "billing_paymentevent" ("amount", "bank_key", "buyer_id", "currency", "id", "key", "method", "note", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "received_on", "recorded_at", "recorded_by_id", "reference", "reversal_reason", "reversed_at", "reversed_by_id", "seller_id", "source_invoice_id", "statement_id") VALUES (NEW."amount", NEW."bank_key", NEW."buyer_id", NEW."currency", NEW."id", NEW."key", NEW."method", NEW."note", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."received_on", NEW."recorded_at", NEW."recorded_by_id", NEW."reference", NEW."reversal_reason", NEW."reversed_at", NEW."reversed_by_id", NEW."seller_id", NEW."source_invoice_id", NEW."statement_id"); RETURN NULL;',
                            hash="5e0632d5a3be862a760b5ed43eaa2653539624c9",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_70a39",
                            table="billing_payment",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "billing_paymentevent" ("amount", "bank_key", "buyer_id", "currency", "id", "key", "method", "note", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "received_on", "recorded_at", "recorded_by_id", "reference", "reversal_reason", "reversed_at", "reversed_by_id", "seller_id", "source_invoice_id", "statement_id") VALUES (NEW."amount", NEW."bank_key", NEW."buyer_id", NEW."currency", NEW."id", NEW."key", NEW."method", NEW."note", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."received_on", NEW."recorded_at", NEW."recorded_by_id", NEW."reference", NEW."reversal_reason", NEW."reversed_at", NEW."reversed_by_id", NEW."seller_id", NEW."source_invoice_id", NEW."statement_id"); RETURN NULL;',
                            hash="22d57e8a9fa84bd53c4d0780a40da708a9339fc1",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_5f754",
                            table="billing_payment",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PaymentAllocation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "amount",
                    common.fields.AmountField(
                        decimal_places=3, max_digits=17, validators=[django.core.validators.MinValueValidator(0)]
                    ),
                ),
                ("allocated_at", models.DateTimeField()),
                (
                    "allocated_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="allocations", to="billing.invoice"
                    ),
                ),
                (
                    "payment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="allocations", to="billing.payment"
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "constraints": [models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="paymentallocation_positive")],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="never_changes",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                            hash="c7502e723eea9941b0d90bc1a7a46b0750f08873",
                            operation="UPDATE",
                            pgid="pgtrigger_never_changes_89ebb",
                            table="billing_paymentallocation",
                            when="BEFORE",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="never_above_what_is_left",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            declare="DECLARE bill billing_invoice%ROWTYPE; paid billing_payment%ROWTYPE; used numeric;",
                            func="\n                    SELECT * INTO bill FROM billing_invoice WHERE id = NEW.invoice_id AND status = 'issued' FOR NO KEY UPDATE;\n                    SELECT * INTO paid FROM billing_payment WHERE id = NEW.payment_id AND reversed_at IS NULL FOR NO KEY UPDATE;\n                    IF bill.id IS NULL OR paid.id IS NULL\n                        OR (bill.seller_id, bill.buyer_id, bill.currency) <> (paid.seller_id, paid.buyer_id, paid.currency)\n                    THEN\n                        RAISE EXCEPTION 'pgtrigger: a payment pays issued invoices between the same two, in its own currency'\n                            USING ERRCODE = 'restrict_violation';\n                    END IF;\n                    SELECT coalesce(sum(amount), 0) INTO used FROM billing_paymentallocation WHERE payment_id = NEW.payment_id;\n                    IF used + NEW.amount > paid.amount THEN\n                        RAISE EXCEPTION 'pgtrigger: more is allocated than was paid' USING ERRCODE = 'restrict_violation';\n                    END IF;\n                    SELECT coalesce(sum(amount), 0) INTO used FROM billing_paymentallocation WHERE invoice_id = NEW.invoice_id;\n                    IF used + NEW.amount > bill.gross\n                        - (SELECT coalesce(sum(gross), 0) FROM billing_creditnote WHERE invoice_id = NEW.invoice_id)\n                    THEN\n                        RAISE EXCEPTION 'pgtrigger: more is allocated than is open' USING ERRCODE = 'restrict_violation';\n                    END IF;\n                    RETURN NEW;\n                ",
                            hash="166dec1be69491e643e711e0e2a3494ba1851fd2",
                            operation="INSERT",
                            pgid="pgtrigger_never_above_what_is_left_5e95f",
                            table="billing_paymentallocation",
                            when="BEFORE",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "billing_paymentallocationevent" ("allocated_at", "allocated_by_id", "amount", "id", "invoice_id", "payment_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."allocated_at", NEW."allocated_by_id", NEW."amount", NEW."id", NEW."invoice_id", NEW."payment_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id"); RETURN NULL;',
                            hash="05ab72cd22e07ab94bfdda3c006b6db30fb0fc79",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_41e4e",
                            table="billing_paymentallocation",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="delete_delete",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "billing_paymentallocationevent" ("allocated_at", "allocated_by_id", "amount", "id", "invoice_id", "payment_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (OLD."allocated_at", OLD."allocated_by_id", OLD."amount", OLD."id", OLD."invoice_id", OLD."payment_id", _pgh_attach_context(), NOW(), \'delete\', OLD."id"); RETURN NULL;',
                            hash="9860ad10a6b532b116759272e037fd129bc66a93",
                            operation="DELETE",
                            pgid="pgtrigger_delete_delete_c957f",
                            table="billing_paymentallocation",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PaymentAllocationEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                (
                    "amount",
                    common.fields.AmountField(
                        decimal_places=3, max_digits=17, validators=[django.core.validators.MinValueValidator(0)]
                    ),
                ),
                ("allocated_at", models.DateTimeField()),
                (
                    "allocated_by",
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
                    "invoice",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="billing.invoice",
                    ),
                ),
                (
                    "payment",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="billing.payment",
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
                        to="billing.paymentallocation",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="PaymentEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                ("key", models.UUIDField(editable=False, help_text="Of the form it came from; sent again, nothing.")),
                ("currency", models.CharField(max_length=3)),
                (
                    "amount",
                    common.fields.AmountField(
                        decimal_places=3, max_digits=17, validators=[django.core.validators.MinValueValidator(0)]
                    ),
                ),
                ("received_on", models.DateField()),
                (
                    "method",
                    models.CharField(
                        choices=[
                            ("bank_transfer", "Bank transfer"),
                            ("direct_debit", "Direct debit"),
                            ("card", "Card"),
                            ("cash", "Cash"),
                            ("credit", "Credit from an invoice"),
                            ("other", "Other"),
                        ],
                        default="bank_transfer",
                        max_length=20,
                    ),
                ),
                ("reference", models.CharField(blank=True, help_text="What the payer wrote.", max_length=300)),
                ("note", models.CharField(blank=True, max_length=500)),
                (
                    "bank_key",
                    models.CharField(blank=True, help_text="What the bank calls the entry; it comes in once.", max_length=100),
                ),
                ("recorded_at", models.DateTimeField()),
                ("reversed_at", models.DateTimeField(null=True)),
                ("reversal_reason", models.CharField(blank=True, max_length=500)),
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
                        to="billing.payment",
                    ),
                ),
                (
                    "recorded_by",
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
                    "reversed_by",
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
                    "seller",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="accounts.organization",
                    ),
                ),
                (
                    "source_invoice",
                    models.ForeignKey(
                        db_constraint=False,
                        help_text="The invoice below nothing that this credit comes from.",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="billing.invoice",
                    ),
                ),
                (
                    "statement",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="billing.bankstatement",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="RateCardDraft",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("month", models.DateField(help_text="Its first day.")),
                ("currency", models.CharField(max_length=3)),
                ("base_currency", models.CharField(max_length=3)),
                (
                    "exchange_rate",
                    common.fields.UnitPriceField(
                        decimal_places=10, help_text="One unit of the card's currency in the base currency.", max_digits=24
                    ),
                ),
                ("file_name", models.CharField(max_length=255)),
                ("file_sha256", models.CharField(max_length=64)),
                ("rows", models.JSONField()),
                ("created_at", models.DateTimeField()),
                (
                    "card",
                    models.ForeignKey(
                        help_text="What it was confirmed as.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="drafts",
                        to="billing.ratecard",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "product_group",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="rate_card_drafts", to="catalog.productgroup"
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("month__day", 1)), name="ratecarddraft_month_is_a_first"),
                    models.CheckConstraint(
                        condition=models.Q(("exchange_rate__gt", 0)), name="ratecarddraft_exchange_rate_positive"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SubscriptionAllowance",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("valid_from", models.DateField(help_text="First day it counts, in the MSP's time zone.")),
                ("created_at", models.DateTimeField()),
                ("item", models.CharField(max_length=100)),
                (
                    "edition",
                    models.CharField(blank=True, help_text="Empty: of any edition that is not named itself.", max_length=50),
                ),
                (
                    "quantity",
                    common.fields.QuantityField(
                        decimal_places=10,
                        help_text="0 ends it.",
                        max_digits=30,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="included a month",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "subscription",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="allowances", to="billing.subscription"
                    ),
                ),
            ],
            options={
                "ordering": ["subscription", "item", "edition", "valid_from"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("subscription", "item", "edition", "valid_from"), name="subscriptionallowance_one_begins_a_day"
                    ),
                    models.CheckConstraint(condition=models.Q(("quantity__gte", 0)), name="subscriptionallowance_not_negative"),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="never_changes",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                            hash="a81645293ca1a91f6f2a4f43f480dd9e3ebe5ae3",
                            operation="UPDATE OR DELETE",
                            pgid="pgtrigger_never_changes_0fec8",
                            table="billing_subscriptionallowance",
                            when="BEFORE",
                        ),
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SubscriptionCommitment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("valid_from", models.DateField(help_text="First day it counts, in the MSP's time zone.")),
                ("created_at", models.DateTimeField()),
                ("currency", models.CharField(help_text="ISO 4217.", max_length=3)),
                (
                    "amount",
                    common.fields.AmountField(
                        decimal_places=3,
                        help_text="0 ends it.",
                        max_digits=17,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="minimum a month",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "subscription",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="commitments", to="billing.subscription"
                    ),
                ),
            ],
            options={
                "ordering": ["subscription", "valid_from"],
                "constraints": [
                    models.UniqueConstraint(fields=("subscription", "valid_from"), name="subscriptioncommitment_one_begins_a_day"),
                    models.CheckConstraint(condition=models.Q(("amount__gte", 0)), name="subscriptioncommitment_not_negative"),
                    models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="subscriptioncommitment_currency_iso"
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="never_changes",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                            hash="7daaf8e74685d176ade63676f192e8df7ab09e31",
                            operation="UPDATE OR DELETE",
                            pgid="pgtrigger_never_changes_029ba",
                            table="billing_subscriptioncommitment",
                            when="BEFORE",
                        ),
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SubscriptionPhase",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("valid_from", models.DateField(help_text="First day it counts, in the MSP's time zone.")),
                ("created_at", models.DateTimeField()),
                ("plan_name", models.CharField(help_text="As it was when ordered.", max_length=100)),
                ("quantity", models.PositiveIntegerField(default=1)),
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
                    "quota_gib",
                    common.fields.QuantityField(
                        decimal_places=10,
                        help_text="Soft quota of one unit in GB (1024³ bytes); empty: unlimited, nothing is overage.",
                        max_digits=30,
                        null=True,
                        verbose_name="storage quota",
                    ),
                ),
                ("partner_discount_percent", models.DecimalField(decimal_places=3, default=0, max_digits=6)),
                ("retail_markup_percent", models.DecimalField(decimal_places=3, default=0, max_digits=7)),
                ("retail_discount_percent", models.DecimalField(decimal_places=3, default=0, max_digits=6)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("plan", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="catalog.plan")),
                (
                    "subscription",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="phases", to="billing.subscription"
                    ),
                ),
                (
                    "order_key",
                    models.CharField(
                        blank=True,
                        help_text="The order line that changed it, and that may have been invoiced in advance.",
                        max_length=40,
                    ),
                ),
            ],
            options={
                "ordering": ["subscription", "valid_from", "pk"],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("quantity__gte", 1)), name="subscriptionphase_quantity_positive"),
                    models.CheckConstraint(
                        condition=models.Q(("term_months__in", [1, 3, 6, 12, 24, 36])), name="subscriptionphase_term_known"
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="never_changes",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                            hash="e6ef7df58541f9cc47f5da82300c7cabb23b63ae",
                            operation="UPDATE OR DELETE",
                            pgid="pgtrigger_never_changes_adafd",
                            table="billing_subscriptionphase",
                            when="BEFORE",
                        ),
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("month", models.DateField(help_text="Its first day.")),
                ("changed_at", models.DateTimeField(help_text="When the last such report was loaded.")),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="usage_changes", to="provisioning.tenant"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "month"), name="usagechange_one_a_month"),
                    models.CheckConstraint(condition=models.Q(("month__day", 1)), name="usagechange_month_is_a_first"),
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageEstimate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("item", models.CharField(max_length=100)),
                ("edition", models.CharField(blank=True, max_length=50)),
                ("infra_id", models.CharField(blank=True, max_length=36)),
                ("is_range", models.BooleanField(help_text="Counted since the first of the month, instead of a level.")),
                ("measurement_unit", models.CharField(max_length=20)),
                ("absolute", common.fields.QuantityField(decimal_places=10, max_digits=30)),
                ("as_of", models.DateTimeField()),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="usage_estimates", to="provisioning.tenant"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "item", "edition", "infra_id"), name="usageestimate_one_an_item")
                ],
            },
        ),
    ]
