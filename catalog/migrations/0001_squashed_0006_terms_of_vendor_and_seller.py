"""
What 0001 to 0006 make, table by table as it is in the end. A new database takes this one file; a database that has applied any of
them goes on by the files themselves. They stay as they are: what changes next is a migration after this one.

Of the rows that they write, a new database gets the mail templates. The rest mends what was there before.
"""

from decimal import Decimal
from importlib import import_module

import django.core.validators
import django.db.models.deletion
import pgtrigger.compiler
from django.conf import settings
from django.db import migrations, models

import common.fields

# The words are where they were written first; a name that begins with a digit cannot be imported by statement.
add_mail_templates = import_module("catalog.migrations.0004_action_mail_templates").add


class Migration(migrations.Migration):
    replaces = [
        ("catalog", "0001_initial"),
        ("catalog", "0002_prices_settings_and_order_urls"),
        ("catalog", "0003_settings_of_present_plans"),
        ("catalog", "0004_action_mail_templates"),
        ("catalog", "0005_agreements_and_ledger_codes"),
        ("catalog", "0006_terms_of_vendor_and_seller"),
    ]

    initial = True

    dependencies = [
        ("accounts", "0001_squashed_0005_orders_in_full"),
        ("pghistory", "0007_auto_20250421_0444"),
        ("post_office", "0014_alter_email_recipient_delivery_status_and_more"),
        ("provisioning", "0001_squashed_0005_usage_progress"),
    ]

    operations = [
        migrations.CreateModel(
            name="ProductType",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, unique=True)),
            ],
        ),
        migrations.CreateModel(
            name="Product",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                (
                    "product_type",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="products", to="catalog.producttype"
                    ),
                ),
            ],
            options={
                "ordering": ["name", "pk"],
                "constraints": [models.UniqueConstraint(fields=("product_type", "name"), name="product_name_unique")],
            },
        ),
        migrations.CreateModel(
            name="Logo",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sha256", models.CharField(editable=False, max_length=64, unique=True)),
                ("png", models.BinaryField()),
                ("width", models.PositiveSmallIntegerField(help_text="Pixels.")),
                ("height", models.PositiveSmallIntegerField(help_text="Pixels.")),
                ("added_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Venture",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, unique=True)),
                (
                    "invoice_series",
                    models.SlugField(
                        default="INV", help_text="Begins every invoice number, for example INV.", max_length=10, unique=True
                    ),
                ),
                (
                    "address_line1",
                    models.CharField(
                        blank=True,
                        help_text="Printed on its invoices; empty: the address of the MSP.",
                        max_length=200,
                        verbose_name="address",
                    ),
                ),
                ("address_line2", models.CharField(blank=True, max_length=200, verbose_name="address, second line")),
                ("city", models.CharField(blank=True, max_length=100)),
                ("country", models.CharField(blank=True, help_text="ISO 3166, two letters.", max_length=2)),
                ("postcode", models.CharField(blank=True, max_length=20)),
                (
                    "logo",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="catalog.logo"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Tax",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(help_text="As invoices print it, for example VAT 19 %.", max_length=50, unique=True)),
                (
                    "percent",
                    models.DecimalField(
                        decimal_places=3,
                        max_digits=6,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal("0")),
                            django.core.validators.MaxValueValidator(Decimal("100")),
                        ],
                    ),
                ),
                (
                    "ledger_code",
                    models.CharField(blank=True, help_text="In your accounting.", max_length=20, verbose_name="tax account"),
                ),
            ],
            options={
                "verbose_name_plural": "taxes",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("percent__gte", 0), ("percent__lte", 100)), name="tax_percent_sane")
                ],
            },
        ),
        migrations.CreateModel(
            name="ProductGroup",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                (
                    "module",
                    models.CharField(
                        choices=[("acronis", "Acronis")], default="acronis", max_length=20, verbose_name="module name"
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="groups", to="catalog.product"),
                ),
                ("taxes", models.ManyToManyField(blank=True, to="catalog.tax")),
                (
                    "ledger_code",
                    models.CharField(blank=True, help_text="In your accounting.", max_length=20, verbose_name="revenue account"),
                ),
                (
                    "renewal_notice_days",
                    models.PositiveSmallIntegerField(
                        default=14,
                        help_text="Prepaid services are invoiced anew so many days before their term ends.",
                        validators=[django.core.validators.MaxValueValidator(90)],
                        verbose_name="renewal invoice",
                    ),
                ),
            ],
            options={
                "ordering": ["name", "pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("product", "name"), name="productgroup_name_unique"),
                    models.CheckConstraint(condition=models.Q(("module__in", ["acronis"])), name="productgroup_module_known"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Plan",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.CharField(editable=False, max_length=20, unique=True)),
                ("name", models.CharField(max_length=100, verbose_name="plan name")),
                ("summary", models.CharField(blank=True, help_text="One line under the name in the storefront.", max_length=200)),
                ("description", models.TextField(blank=True)),
                (
                    "billing_model",
                    models.CharField(
                        choices=[
                            ("prepaid", "Prepaid"),
                            ("postpaid_fixed", "Fixed postpaid"),
                            ("pay_as_you_go", "Pay-as-you-go postpaid"),
                        ],
                        default="pay_as_you_go",
                        max_length=20,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("draft", "Draft"), ("published", "Published"), ("archived", "Archived")],
                        default="draft",
                        max_length=10,
                    ),
                ),
                (
                    "applicable_on_partner_website",
                    models.BooleanField(
                        default=False, help_text="On: partners you allow may sell it.", verbose_name="Applicable on Partner Website"
                    ),
                ),
                (
                    "service_manager",
                    models.ForeignKey(
                        blank=True,
                        help_text="Chosen in the module setting; empty until then.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="plans",
                        to="provisioning.servicemanager",
                    ),
                ),
                (
                    "product_group",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="plans", to="catalog.productgroup"),
                ),
                (
                    "venture",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="plans", to="catalog.venture"),
                ),
                (
                    "quantity_is_enabled",
                    models.BooleanField(
                        default=False,
                        help_text="On: buyers may order more than one; quotas are multiplied by the quantity.",
                        verbose_name="Enable Quantity",
                    ),
                ),
            ],
            options={
                "ordering": ["name", "pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("product_group", "name"), name="plan_name_unique"),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["draft", "published", "archived"])), name="plan_status_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("billing_model__in", ["prepaid", "postpaid_fixed", "pay_as_you_go"])),
                        name="plan_billing_model_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("billing_model", "pay_as_you_go"), ("quantity_is_enabled", True), _negated=True),
                        name="plan_pay_as_you_go_quantity_1",
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "catalog_planevent" ("applicable_on_partner_website", "billing_model", "description", "id", "name", "number", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "product_group_id", "quantity_is_enabled", "service_manager_id", "status", "summary", "venture_id") VALUES (NEW."applicable_on_partner_website", NEW."billing_model", NEW."description", NEW."id", NEW."name", NEW."number", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."product_group_id", NEW."quantity_is_enabled", NEW."service_manager_id", NEW."status", NEW."summary", NEW."venture_id"); RETURN NULL;',
                            hash="0cfc32be021aca54c8a604f57697cd95630cbb21",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_2a406",
                            table="catalog_plan",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "catalog_planevent" ("applicable_on_partner_website", "billing_model", "description", "id", "name", "number", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "product_group_id", "quantity_is_enabled", "service_manager_id", "status", "summary", "venture_id") VALUES (NEW."applicable_on_partner_website", NEW."billing_model", NEW."description", NEW."id", NEW."name", NEW."number", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."product_group_id", NEW."quantity_is_enabled", NEW."service_manager_id", NEW."status", NEW."summary", NEW."venture_id"); RETURN NULL;',
                            hash="05ae1a63258b0e28c2733a4bf226c9999c0c5412",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_3d50e",
                            table="catalog_plan",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TermsDocument",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(help_text="For example Acronis Terms of Use.", max_length=200)),
                ("version", models.CharField(max_length=20)),
                ("text", models.TextField()),
                (
                    "published_at",
                    models.DateTimeField(blank=True, help_text="From when it counts. Empty: a draft that nobody sees.", null=True),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "issuer",
                    models.CharField(
                        choices=[("vendor", "Vendor"), ("seller", "Seller")],
                        default="seller",
                        help_text="Whose terms they are.",
                        max_length=10,
                    ),
                ),
                (
                    "reseller",
                    models.ForeignKey(
                        blank=True,
                        help_text="Whose customers accept them instead of yours. Empty: your own, or the vendor's.",
                        limit_choices_to={"kind": "reseller"},
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="terms_documents",
                        to="accounts.organization",
                    ),
                ),
                (
                    "summary",
                    models.CharField(
                        blank=True,
                        help_text="Shown to buyers who accepted an earlier version.",
                        max_length=500,
                        verbose_name="what is new",
                    ),
                ),
            ],
            options={
                "ordering": ["-published_at", "-pk"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("reseller", "title", "version"), name="termsdocument_version_unique", nulls_distinct=False
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("issuer__in", ["vendor", "seller"])), name="termsdocument_issuer_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reseller__isnull", True), ("issuer", "seller"), _connector="OR"),
                        name="termsdocument_the_vendors_are_for_all",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PlanEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                ("number", models.CharField(editable=False, max_length=20)),
                ("name", models.CharField(max_length=100, verbose_name="plan name")),
                ("summary", models.CharField(blank=True, help_text="One line under the name in the storefront.", max_length=200)),
                ("description", models.TextField(blank=True)),
                (
                    "billing_model",
                    models.CharField(
                        choices=[
                            ("prepaid", "Prepaid"),
                            ("postpaid_fixed", "Fixed postpaid"),
                            ("pay_as_you_go", "Pay-as-you-go postpaid"),
                        ],
                        default="pay_as_you_go",
                        max_length=20,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("draft", "Draft"), ("published", "Published"), ("archived", "Archived")],
                        default="draft",
                        max_length=10,
                    ),
                ),
                (
                    "applicable_on_partner_website",
                    models.BooleanField(
                        default=False, help_text="On: partners you allow may sell it.", verbose_name="Applicable on Partner Website"
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
                        to="catalog.plan",
                    ),
                ),
                (
                    "service_manager",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        help_text="Chosen in the module setting; empty until then.",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="provisioning.servicemanager",
                    ),
                ),
                (
                    "product_group",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="catalog.productgroup",
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
                    "quantity_is_enabled",
                    models.BooleanField(
                        default=False,
                        help_text="On: buyers may order more than one; quotas are multiplied by the quantity.",
                        verbose_name="Enable Quantity",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="PartnerTerms",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("is_allowed", models.BooleanField(default=True, verbose_name="allowed to sell")),
                (
                    "discount_percent",
                    models.DecimalField(
                        decimal_places=3,
                        default=Decimal("0"),
                        max_digits=6,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal("0")),
                            django.core.validators.MaxValueValidator(Decimal("100")),
                        ],
                    ),
                ),
                (
                    "reseller",
                    models.ForeignKey(
                        limit_choices_to={"kind": "reseller"},
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="partner_terms",
                        to="accounts.organization",
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="partner_terms", to="catalog.plan"),
                ),
            ],
            options={
                "verbose_name_plural": "partner terms",
                "constraints": [
                    models.UniqueConstraint(fields=("reseller", "plan"), name="partnerterms_unique"),
                    models.CheckConstraint(
                        condition=models.Q(("discount_percent__gte", 0), ("discount_percent__lte", 100)),
                        name="partnerterms_discount_sane",
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "catalog_partnertermsevent" ("discount_percent", "id", "is_allowed", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "reseller_id") VALUES (NEW."discount_percent", NEW."id", NEW."is_allowed", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."plan_id", NEW."reseller_id"); RETURN NULL;',
                            hash="5df954f6904b9b05e6fa6a554a2c8830a546fc7c",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_1df28",
                            table="catalog_partnerterms",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "catalog_partnertermsevent" ("discount_percent", "id", "is_allowed", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "reseller_id") VALUES (NEW."discount_percent", NEW."id", NEW."is_allowed", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."plan_id", NEW."reseller_id"); RETURN NULL;',
                            hash="a5388ac7da15a53a30c6f998c7d3d99facbb35e2",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_7232b",
                            table="catalog_partnerterms",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PartnerPrice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "markup_percent",
                    models.DecimalField(
                        decimal_places=3,
                        default=Decimal("0"),
                        max_digits=7,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal("0")),
                            django.core.validators.MaxValueValidator(Decimal("1000")),
                        ],
                    ),
                ),
                (
                    "discount_percent",
                    models.DecimalField(
                        decimal_places=3,
                        default=Decimal("0"),
                        max_digits=6,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal("0")),
                            django.core.validators.MaxValueValidator(Decimal("100")),
                        ],
                    ),
                ),
                ("is_published", models.BooleanField(default=True)),
                (
                    "reseller",
                    models.ForeignKey(
                        limit_choices_to={"kind": "reseller"},
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="partner_prices",
                        to="accounts.organization",
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="partner_prices", to="catalog.plan"
                    ),
                ),
                (
                    "markup_kind",
                    models.CharField(
                        choices=[("percent", "Percent"), ("amount", "Amount")],
                        default="percent",
                        help_text="Amounts stand per currency and term.",
                        max_length=10,
                        verbose_name="markup by",
                    ),
                ),
                (
                    "overage_markup_percent",
                    models.DecimalField(
                        blank=True,
                        decimal_places=3,
                        help_text="On the overage price; empty: the same markup.",
                        max_digits=7,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal("0")),
                            django.core.validators.MaxValueValidator(Decimal("1000")),
                        ],
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("reseller", "plan"), name="partnerprice_unique"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("discount_percent__gte", 0),
                            ("discount_percent__lte", 100),
                            ("markup_percent__gte", 0),
                            models.Q(("overage_markup_percent__isnull", True), ("overage_markup_percent__gte", 0), _connector="OR"),
                        ),
                        name="partnerprice_sane",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("markup_kind__in", ["percent", "amount"])), name="partnerprice_markup_kind_known"
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "catalog_partnerpriceevent" ("discount_percent", "id", "is_published", "markup_kind", "markup_percent", "overage_markup_percent", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "reseller_id") VALUES (NEW."discount_percent", NEW."id", NEW."is_published", NEW."markup_kind", NEW."markup_percent", NEW."overage_markup_percent", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."plan_id", NEW."reseller_id"); RETURN NULL;',
                            hash="3b5de1cfa580ba4e9638a1b2920a8392cc263852",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_99196",
                            table="catalog_partnerprice",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "catalog_partnerpriceevent" ("discount_percent", "id", "is_published", "markup_kind", "markup_percent", "overage_markup_percent", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "reseller_id") VALUES (NEW."discount_percent", NEW."id", NEW."is_published", NEW."markup_kind", NEW."markup_percent", NEW."overage_markup_percent", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."plan_id", NEW."reseller_id"); RETURN NULL;',
                            hash="a758b4f256dc251648a7b5e186c6cac2d727ff44",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_bdd27",
                            table="catalog_partnerprice",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ActionMail",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "action",
                    models.CharField(
                        choices=[("reminder", "Reminder"), ("suspension", "Suspension"), ("termination", "Termination")],
                        max_length=15,
                    ),
                ),
                (
                    "days",
                    models.PositiveSmallIntegerField(
                        help_text="After the invoice was due. Suspension and termination count from the same day.",
                        validators=[django.core.validators.MaxValueValidator(365)],
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="on")),
                (
                    "plan",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="action_mails",
                        to="catalog.plan",
                    ),
                ),
                (
                    "product_group",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="action_mails",
                        to="catalog.productgroup",
                    ),
                ),
                (
                    "template",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="post_office.emailtemplate",
                        verbose_name="mail template",
                    ),
                ),
            ],
            options={
                "verbose_name": "notification & action mail",
                "ordering": ["days", "pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("product_group__isnull", True), ("plan__isnull", True), _connector="XOR"),
                        name="actionmail_of_a_group_or_a_plan",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("action__in", ["reminder", "suspension", "termination"])),
                        name="actionmail_action_known",
                    ),
                    models.UniqueConstraint(
                        fields=("product_group", "plan", "action", "days"), name="actionmail_once_a_day", nulls_distinct=False
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("action", "reminder"), _negated=True),
                        fields=("product_group", "plan", "action"),
                        name="actionmail_one_suspension_one_termination",
                        nulls_distinct=False,
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "catalog_actionmailevent" ("action", "days", "id", "is_active", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "product_group_id", "template_id") VALUES (NEW."action", NEW."days", NEW."id", NEW."is_active", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."plan_id", NEW."product_group_id", NEW."template_id"); RETURN NULL;',
                            hash="836e3c7f4409cc7d24fcd0a9e4ac1e50871b947f",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_adec6",
                            table="catalog_actionmail",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "catalog_actionmailevent" ("action", "days", "id", "is_active", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "product_group_id", "template_id") VALUES (NEW."action", NEW."days", NEW."id", NEW."is_active", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."plan_id", NEW."product_group_id", NEW."template_id"); RETURN NULL;',
                            hash="2ffb912537be8ab2e386e7cdea3786895d95144b",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_40e43",
                            table="catalog_actionmail",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ActionMailEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                (
                    "action",
                    models.CharField(
                        choices=[("reminder", "Reminder"), ("suspension", "Suspension"), ("termination", "Termination")],
                        max_length=15,
                    ),
                ),
                (
                    "days",
                    models.PositiveSmallIntegerField(
                        help_text="After the invoice was due. Suspension and termination count from the same day.",
                        validators=[django.core.validators.MaxValueValidator(365)],
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="on")),
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
                        to="catalog.actionmail",
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="catalog.plan",
                    ),
                ),
                (
                    "product_group",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="catalog.productgroup",
                    ),
                ),
                (
                    "template",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="post_office.emailtemplate",
                        verbose_name="mail template",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Marketplace",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "slug",
                    models.SlugField(
                        help_text="The last part of its address: letters, digits, hyphens.",
                        max_length=40,
                        unique=True,
                        verbose_name="address",
                    ),
                ),
                ("title", models.CharField(help_text="Stands at the top, beside the logo.", max_length=100)),
                ("intro", models.TextField(blank=True, max_length=2000, verbose_name="introduction")),
                (
                    "accent",
                    models.CharField(
                        default="#0f766e",
                        help_text="Of buttons and links; dark enough to be read on white.",
                        max_length=7,
                        validators=[django.core.validators.RegexValidator("\\A#[0-9a-f]{6}\\Z", "Enter a colour like #0f766e.")],
                        verbose_name="colour",
                    ),
                ),
                (
                    "is_open",
                    models.BooleanField(
                        default=True, help_text="Off: only your own customers, signed in, see it.", verbose_name="open to visitors"
                    ),
                ),
                (
                    "shows_prices",
                    models.BooleanField(
                        default=False,
                        help_text="Off: a visitor sees what you sell, and prices after signing in.",
                        verbose_name="prices for everybody",
                    ),
                ),
                (
                    "logo",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="catalog.logo"
                    ),
                ),
                (
                    "reseller",
                    models.OneToOneField(
                        limit_choices_to={"kind": "reseller"},
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="marketplace",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("accent__regex", "^#[0-9a-f]{6}$")), name="marketplace_accent_is_a_colour"
                    )
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "catalog_marketplaceevent" ("accent", "id", "intro", "is_open", "logo_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reseller_id", "shows_prices", "slug", "title") VALUES (NEW."accent", NEW."id", NEW."intro", NEW."is_open", NEW."logo_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."reseller_id", NEW."shows_prices", NEW."slug", NEW."title"); RETURN NULL;',
                            hash="d10f716dbdca68bf16fa9fc98c32d805e14dd225",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_33f21",
                            table="catalog_marketplace",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "catalog_marketplaceevent" ("accent", "id", "intro", "is_open", "logo_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reseller_id", "shows_prices", "slug", "title") VALUES (NEW."accent", NEW."id", NEW."intro", NEW."is_open", NEW."logo_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."reseller_id", NEW."shows_prices", NEW."slug", NEW."title"); RETURN NULL;',
                            hash="aa2cd7d65674617ef09d6820e220182718e89a7c",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_e3b43",
                            table="catalog_marketplace",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MarketplaceEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                (
                    "slug",
                    models.SlugField(
                        db_index=False,
                        help_text="The last part of its address: letters, digits, hyphens.",
                        max_length=40,
                        verbose_name="address",
                    ),
                ),
                ("title", models.CharField(help_text="Stands at the top, beside the logo.", max_length=100)),
                ("intro", models.TextField(blank=True, max_length=2000, verbose_name="introduction")),
                (
                    "accent",
                    models.CharField(
                        default="#0f766e",
                        help_text="Of buttons and links; dark enough to be read on white.",
                        max_length=7,
                        validators=[django.core.validators.RegexValidator("\\A#[0-9a-f]{6}\\Z", "Enter a colour like #0f766e.")],
                        verbose_name="colour",
                    ),
                ),
                (
                    "is_open",
                    models.BooleanField(
                        default=True, help_text="Off: only your own customers, signed in, see it.", verbose_name="open to visitors"
                    ),
                ),
                (
                    "shows_prices",
                    models.BooleanField(
                        default=False,
                        help_text="Off: a visitor sees what you sell, and prices after signing in.",
                        verbose_name="prices for everybody",
                    ),
                ),
                (
                    "logo",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="catalog.logo",
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
                        to="catalog.marketplace",
                    ),
                ),
                (
                    "reseller",
                    models.ForeignKey(
                        db_constraint=False,
                        limit_choices_to={"kind": "reseller"},
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ModuleSettings",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "is_free_trial",
                    models.BooleanField(
                        default=False,
                        help_text="Yes: nothing is billed, and the vendor counts it as a trial.",
                        verbose_name="Free Trial",
                    ),
                ),
                (
                    "trial_days",
                    models.PositiveSmallIntegerField(
                        default=30,
                        help_text="How long a free trial lasts.",
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(365)],
                    ),
                ),
                (
                    "storage_quota",
                    models.IntegerField(
                        blank=True,
                        help_text="Soft quota in GB; -1 is unlimited.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(-1),
                            django.core.validators.MaxValueValidator(1000000000),
                        ],
                        verbose_name="Storage Quota",
                    ),
                ),
                (
                    "overage",
                    models.IntegerField(
                        blank=True,
                        help_text="Hard quota in GB: what may be used above the storage quota before use is blocked.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(1000000000),
                        ],
                        verbose_name="Overage",
                    ),
                ),
                (
                    "protection_model",
                    models.CharField(
                        blank=True,
                        choices=[("per_gigabyte", "Per gigabyte"), ("per_workload", "Per workload")],
                        max_length=20,
                        verbose_name="Edition",
                    ),
                ),
                (
                    "file_sync_model",
                    models.CharField(
                        blank=True,
                        choices=[("per_user", "Per user"), ("per_workload", "Per workload")],
                        max_length=20,
                        verbose_name="File Sync & Share edition",
                    ),
                ),
                (
                    "backup_storage",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: the default of the service manager.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="provisioning.vendorstorage",
                        verbose_name="Backup Location",
                    ),
                ),
                (
                    "plan",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="module_settings", to="catalog.plan"
                    ),
                ),
            ],
            options={
                "verbose_name": "module setting",
                "verbose_name_plural": "module settings",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("storage_quota__isnull", True), ("storage_quota__gte", -1), _connector="OR"),
                        name="modulesettings_storage_quota_sane",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("overage__isnull", True),
                            models.Q(("overage__gte", 0), ("storage_quota__gte", 0), ("storage_quota__isnull", False)),
                            _connector="OR",
                        ),
                        name="modulesettings_no_hard_without_soft",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("protection_model__in", ["", "per_gigabyte", "per_workload"]),
                            ("file_sync_model__in", ["", "per_user", "per_workload"]),
                        ),
                        name="modulesettings_editions_known",
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "catalog_modulesettingsevent" ("backup_storage_id", "file_sync_model", "id", "is_free_trial", "overage", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "protection_model", "storage_quota", "trial_days") VALUES (NEW."backup_storage_id", NEW."file_sync_model", NEW."id", NEW."is_free_trial", NEW."overage", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."plan_id", NEW."protection_model", NEW."storage_quota", NEW."trial_days"); RETURN NULL;',
                            hash="515345e7754241c193d0b4385089c671beb4d048",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_12b7a",
                            table="catalog_modulesettings",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "catalog_modulesettingsevent" ("backup_storage_id", "file_sync_model", "id", "is_free_trial", "overage", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "protection_model", "storage_quota", "trial_days") VALUES (NEW."backup_storage_id", NEW."file_sync_model", NEW."id", NEW."is_free_trial", NEW."overage", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."plan_id", NEW."protection_model", NEW."storage_quota", NEW."trial_days"); RETURN NULL;',
                            hash="f4ed6254e0458fb6a5cf608bd760c82ccd85ffd7",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_cb929",
                            table="catalog_modulesettings",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ModuleItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(
                        help_text="As the vendor names it, for example pg_base_servers.",
                        max_length=100,
                        verbose_name="offering item",
                    ),
                ),
                ("is_enabled", models.BooleanField(default=True, verbose_name="on")),
                (
                    "soft_quota",
                    models.IntegerField(
                        blank=True,
                        help_text="Empty: unlimited.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(1000000000),
                        ],
                        verbose_name="Soft Quota",
                    ),
                ),
                (
                    "overage",
                    models.IntegerField(
                        blank=True,
                        help_text="What may be used above the soft quota before use is blocked. Empty: never blocked.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(1000000000),
                        ],
                        verbose_name="Hard Quota",
                    ),
                ),
                (
                    "settings",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="items", to="catalog.modulesettings"
                    ),
                ),
            ],
            options={
                "ordering": ["name", "pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("settings", "name"), name="moduleitem_unique"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("overage__isnull", True), models.Q(("overage__gte", 0), ("soft_quota__isnull", False)), _connector="OR"
                        ),
                        name="moduleitem_no_hard_without_soft",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("soft_quota__isnull", True), ("soft_quota__gte", 0), _connector="OR"),
                        name="moduleitem_soft_not_negative",
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "catalog_moduleitemevent" ("id", "is_enabled", "name", "overage", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "settings_id", "soft_quota") VALUES (NEW."id", NEW."is_enabled", NEW."name", NEW."overage", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."settings_id", NEW."soft_quota"); RETURN NULL;',
                            hash="cfcb44302ac51479d0e688a0febbd66e8b557824",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_f28d3",
                            table="catalog_moduleitem",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "catalog_moduleitemevent" ("id", "is_enabled", "name", "overage", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "settings_id", "soft_quota") VALUES (NEW."id", NEW."is_enabled", NEW."name", NEW."overage", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."settings_id", NEW."soft_quota"); RETURN NULL;',
                            hash="673bc15a95803736a505d880d383d5499ff3fc6e",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_5f3e3",
                            table="catalog_moduleitem",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ModuleItemEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                (
                    "name",
                    models.CharField(
                        help_text="As the vendor names it, for example pg_base_servers.",
                        max_length=100,
                        verbose_name="offering item",
                    ),
                ),
                ("is_enabled", models.BooleanField(default=True, verbose_name="on")),
                (
                    "soft_quota",
                    models.IntegerField(
                        blank=True,
                        help_text="Empty: unlimited.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(1000000000),
                        ],
                        verbose_name="Soft Quota",
                    ),
                ),
                (
                    "overage",
                    models.IntegerField(
                        blank=True,
                        help_text="What may be used above the soft quota before use is blocked. Empty: never blocked.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(1000000000),
                        ],
                        verbose_name="Hard Quota",
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
                        to="catalog.moduleitem",
                    ),
                ),
                (
                    "settings",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="catalog.modulesettings",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ModuleSettingsEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                (
                    "is_free_trial",
                    models.BooleanField(
                        default=False,
                        help_text="Yes: nothing is billed, and the vendor counts it as a trial.",
                        verbose_name="Free Trial",
                    ),
                ),
                (
                    "trial_days",
                    models.PositiveSmallIntegerField(
                        default=30,
                        help_text="How long a free trial lasts.",
                        validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(365)],
                    ),
                ),
                (
                    "storage_quota",
                    models.IntegerField(
                        blank=True,
                        help_text="Soft quota in GB; -1 is unlimited.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(-1),
                            django.core.validators.MaxValueValidator(1000000000),
                        ],
                        verbose_name="Storage Quota",
                    ),
                ),
                (
                    "overage",
                    models.IntegerField(
                        blank=True,
                        help_text="Hard quota in GB: what may be used above the storage quota before use is blocked.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(1000000000),
                        ],
                        verbose_name="Overage",
                    ),
                ),
                (
                    "protection_model",
                    models.CharField(
                        blank=True,
                        choices=[("per_gigabyte", "Per gigabyte"), ("per_workload", "Per workload")],
                        max_length=20,
                        verbose_name="Edition",
                    ),
                ),
                (
                    "file_sync_model",
                    models.CharField(
                        blank=True,
                        choices=[("per_user", "Per user"), ("per_workload", "Per workload")],
                        max_length=20,
                        verbose_name="File Sync & Share edition",
                    ),
                ),
                (
                    "backup_storage",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        help_text="Empty: the default of the service manager.",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="provisioning.vendorstorage",
                        verbose_name="Backup Location",
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
                        to="catalog.modulesettings",
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
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="OrderUrl",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("code", models.CharField(editable=False, help_text="The last part of its address.", max_length=20, unique=True)),
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
                    "is_active",
                    models.BooleanField(
                        default=True, help_text="Off: who follows it is told that it is not in use.", verbose_name="on"
                    ),
                ),
                ("created_at", models.DateTimeField()),
                (
                    "plan",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="order_urls", to="catalog.plan"),
                ),
                (
                    "reseller",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: the MSP's own storefront.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="order_urls",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "verbose_name": "order URL",
                "ordering": ["plan", "reseller", "term_months"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("plan", "reseller", "term_months"), name="orderurl_unique", nulls_distinct=False
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("term_months__in", [1, 3, 6, 12, 24, 36])), name="orderurl_term_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PartnerMarkup",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("currency", models.CharField(help_text="ISO 4217.", max_length=3)),
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
                    "amount",
                    common.fields.AmountField(
                        decimal_places=3,
                        help_text="Per unit, for the whole term.",
                        max_digits=17,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                (
                    "overage_amount",
                    common.fields.UnitPriceField(
                        decimal_places=10,
                        default=0,
                        help_text="Per GB above the quota, and month.",
                        max_digits=24,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                (
                    "partner_price",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="markups", to="catalog.partnerprice"
                    ),
                ),
            ],
            options={
                "ordering": ["currency", "term_months"],
                "constraints": [
                    models.UniqueConstraint(fields=("partner_price", "currency", "term_months"), name="partnermarkup_unique"),
                    models.CheckConstraint(
                        condition=models.Q(("amount__gte", 0), ("overage_amount__gte", 0)), name="partnermarkup_not_negative"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("term_months__in", [1, 3, 6, 12, 24, 36])), name="partnermarkup_term_known"
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "catalog_partnermarkupevent" ("amount", "currency", "id", "overage_amount", "partner_price_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "term_months") VALUES (NEW."amount", NEW."currency", NEW."id", NEW."overage_amount", NEW."partner_price_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."term_months"); RETURN NULL;',
                            hash="9b625761bf1f1591aac8dec3344ed4006721f225",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_7d469",
                            table="catalog_partnermarkup",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "catalog_partnermarkupevent" ("amount", "currency", "id", "overage_amount", "partner_price_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "term_months") VALUES (NEW."amount", NEW."currency", NEW."id", NEW."overage_amount", NEW."partner_price_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."term_months"); RETURN NULL;',
                            hash="93f514b915da84570843cacb1fff6551742bf2cf",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_8783a",
                            table="catalog_partnermarkup",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PartnerMarkupEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                ("currency", models.CharField(help_text="ISO 4217.", max_length=3)),
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
                    "amount",
                    common.fields.AmountField(
                        decimal_places=3,
                        help_text="Per unit, for the whole term.",
                        max_digits=17,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                (
                    "overage_amount",
                    common.fields.UnitPriceField(
                        decimal_places=10,
                        default=0,
                        help_text="Per GB above the quota, and month.",
                        max_digits=24,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                (
                    "partner_price",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="catalog.partnerprice",
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
                        to="catalog.partnermarkup",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="PartnerPriceEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                (
                    "markup_kind",
                    models.CharField(
                        choices=[("percent", "Percent"), ("amount", "Amount")],
                        default="percent",
                        help_text="Amounts stand per currency and term.",
                        max_length=10,
                        verbose_name="markup by",
                    ),
                ),
                (
                    "markup_percent",
                    models.DecimalField(
                        decimal_places=3,
                        default=Decimal("0"),
                        max_digits=7,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal("0")),
                            django.core.validators.MaxValueValidator(Decimal("1000")),
                        ],
                    ),
                ),
                (
                    "overage_markup_percent",
                    models.DecimalField(
                        blank=True,
                        decimal_places=3,
                        help_text="On the overage price; empty: the same markup.",
                        max_digits=7,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal("0")),
                            django.core.validators.MaxValueValidator(Decimal("1000")),
                        ],
                    ),
                ),
                (
                    "discount_percent",
                    models.DecimalField(
                        decimal_places=3,
                        default=Decimal("0"),
                        max_digits=6,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal("0")),
                            django.core.validators.MaxValueValidator(Decimal("100")),
                        ],
                    ),
                ),
                ("is_published", models.BooleanField(default=True)),
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
                        to="catalog.partnerprice",
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
                    "reseller",
                    models.ForeignKey(
                        db_constraint=False,
                        limit_choices_to={"kind": "reseller"},
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="PartnerTermsEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                ("is_allowed", models.BooleanField(default=True, verbose_name="allowed to sell")),
                (
                    "discount_percent",
                    models.DecimalField(
                        decimal_places=3,
                        default=Decimal("0"),
                        max_digits=6,
                        validators=[
                            django.core.validators.MinValueValidator(Decimal("0")),
                            django.core.validators.MaxValueValidator(Decimal("100")),
                        ],
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
                        to="catalog.partnerterms",
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
                    "reseller",
                    models.ForeignKey(
                        db_constraint=False,
                        limit_choices_to={"kind": "reseller"},
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to="accounts.organization",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="PlanPrice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("currency", models.CharField(help_text="ISO 4217.", max_length=3)),
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
                    "setup_fee",
                    common.fields.AmountField(
                        decimal_places=3,
                        default=0,
                        help_text="Once, per unit.",
                        max_digits=17,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                (
                    "price",
                    common.fields.AmountField(
                        decimal_places=3,
                        help_text="Per unit, for the whole term.",
                        max_digits=17,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                (
                    "overage_price",
                    common.fields.UnitPriceField(
                        blank=True,
                        decimal_places=10,
                        help_text="Per GB (1024³ bytes) above the storage quota, and month. Only where the module setting has an overage quota.",
                        max_digits=24,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="Overage Price (/GB)",
                    ),
                ),
                ("valid_from", models.DateField()),
                (
                    "valid_until",
                    models.DateField(
                        blank=True, help_text="The first day it is not valid any more; empty: until further notice.", null=True
                    ),
                ),
                ("created_at", models.DateTimeField()),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("plan", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="prices", to="catalog.plan")),
            ],
            options={
                "ordering": ["plan", "currency", "term_months", "valid_from"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("plan", "currency", "term_months", "valid_from"), name="planprice_one_begins_a_day"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("valid_until__isnull", True)),
                        fields=("plan", "currency", "term_months"),
                        name="planprice_one_open_end",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("valid_until__isnull", True), ("valid_until__gt", models.F("valid_from")), _connector="OR"
                        ),
                        name="planprice_period_ordered",
                    ),
                    models.CheckConstraint(condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="planprice_currency_iso"),
                    models.CheckConstraint(
                        condition=models.Q(("term_months__in", [1, 3, 6, 12, 24, 36])), name="planprice_term_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("price__gte", 0),
                            ("setup_fee__gte", 0),
                            models.Q(("overage_price__isnull", True), ("overage_price__gte", 0), _connector="OR"),
                        ),
                        name="planprice_not_negative",
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "catalog_planpriceevent" ("created_at", "created_by_id", "currency", "id", "overage_price", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "price", "setup_fee", "term_months", "valid_from", "valid_until") VALUES (NEW."created_at", NEW."created_by_id", NEW."currency", NEW."id", NEW."overage_price", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."plan_id", NEW."price", NEW."setup_fee", NEW."term_months", NEW."valid_from", NEW."valid_until"); RETURN NULL;',
                            hash="68fc71ac21db5e08039762af98ad57d0a596dd1f",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_e1361",
                            table="catalog_planprice",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "catalog_planpriceevent" ("created_at", "created_by_id", "currency", "id", "overage_price", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "price", "setup_fee", "term_months", "valid_from", "valid_until") VALUES (NEW."created_at", NEW."created_by_id", NEW."currency", NEW."id", NEW."overage_price", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."plan_id", NEW."price", NEW."setup_fee", NEW."term_months", NEW."valid_from", NEW."valid_until"); RETURN NULL;',
                            hash="50dba21c3b9415a03dfaa2d6d923e21f4d0d8823",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_cd186",
                            table="catalog_planprice",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PlanPriceEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                ("currency", models.CharField(help_text="ISO 4217.", max_length=3)),
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
                    "setup_fee",
                    common.fields.AmountField(
                        decimal_places=3,
                        default=0,
                        help_text="Once, per unit.",
                        max_digits=17,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                (
                    "price",
                    common.fields.AmountField(
                        decimal_places=3,
                        help_text="Per unit, for the whole term.",
                        max_digits=17,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                (
                    "overage_price",
                    common.fields.UnitPriceField(
                        blank=True,
                        decimal_places=10,
                        help_text="Per GB (1024³ bytes) above the storage quota, and month. Only where the module setting has an overage quota.",
                        max_digits=24,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="Overage Price (/GB)",
                    ),
                ),
                ("valid_from", models.DateField()),
                (
                    "valid_until",
                    models.DateField(
                        blank=True, help_text="The first day it is not valid any more; empty: until further notice.", null=True
                    ),
                ),
                ("created_at", models.DateTimeField()),
                (
                    "created_by",
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
                        to="catalog.planprice",
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
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="PlanAllowance",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("item", models.CharField(help_text="As the vendor's reports name it.", max_length=100)),
                (
                    "edition",
                    models.CharField(blank=True, help_text="Empty: of any edition that is not named itself.", max_length=50),
                ),
                (
                    "quantity",
                    common.fields.QuantityField(
                        decimal_places=10,
                        max_digits=30,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="included a month",
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="allowances", to="catalog.plan"),
                ),
            ],
            options={
                "ordering": ["plan", "item", "edition"],
                "constraints": [
                    models.UniqueConstraint(fields=("plan", "item", "edition"), name="planallowance_one_an_item"),
                    models.CheckConstraint(condition=models.Q(("quantity__gt", 0)), name="planallowance_positive"),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "catalog_planallowanceevent" ("edition", "id", "item", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "quantity") VALUES (NEW."edition", NEW."id", NEW."item", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."plan_id", NEW."quantity"); RETURN NULL;',
                            hash="3a04a7db55dd1a9288c4d3c4fa973d5e9daa3a92",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_3defc",
                            table="catalog_planallowance",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "catalog_planallowanceevent" ("edition", "id", "item", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id", "quantity") VALUES (NEW."edition", NEW."id", NEW."item", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."plan_id", NEW."quantity"); RETURN NULL;',
                            hash="81db6af30bb5651c7de4bb30122d8eb751532e80",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_8d62f",
                            table="catalog_planallowance",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PlanAllowanceEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                ("item", models.CharField(help_text="As the vendor's reports name it.", max_length=100)),
                (
                    "edition",
                    models.CharField(blank=True, help_text="Empty: of any edition that is not named itself.", max_length=50),
                ),
                (
                    "quantity",
                    common.fields.QuantityField(
                        decimal_places=10,
                        max_digits=30,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="included a month",
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
                        to="catalog.planallowance",
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
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="PlanCommitment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("currency", models.CharField(help_text="ISO 4217.", max_length=3)),
                (
                    "amount",
                    common.fields.AmountField(
                        decimal_places=3,
                        max_digits=17,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="minimum a month",
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="commitments", to="catalog.plan"),
                ),
            ],
            options={
                "ordering": ["plan", "currency"],
                "constraints": [
                    models.UniqueConstraint(fields=("plan", "currency"), name="plancommitment_one_a_currency"),
                    models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="plancommitment_positive"),
                    models.CheckConstraint(
                        condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="plancommitment_currency_iso"
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "catalog_plancommitmentevent" ("amount", "currency", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id") VALUES (NEW."amount", NEW."currency", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."plan_id"); RETURN NULL;',
                            hash="037b8047a2d6441f2a6d1df8671d7d3fa72ab206",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_bee7b",
                            table="catalog_plancommitment",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "catalog_plancommitmentevent" ("amount", "currency", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "plan_id") VALUES (NEW."amount", NEW."currency", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."plan_id"); RETURN NULL;',
                            hash="50d6eb3fa8c4732becb4b3bb1d5522a415c966e0",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_06dff",
                            table="catalog_plancommitment",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PlanCommitmentEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                ("currency", models.CharField(help_text="ISO 4217.", max_length=3)),
                (
                    "amount",
                    common.fields.AmountField(
                        decimal_places=3,
                        max_digits=17,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="minimum a month",
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
                        to="catalog.plancommitment",
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
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.RunPython(add_mail_templates, migrations.RunPython.noop),
    ]
