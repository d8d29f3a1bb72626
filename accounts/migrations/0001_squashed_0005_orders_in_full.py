"""
What 0001 to 0005 make, table by table as it is in the end. A new database takes this one file; a database that has applied any of
them goes on by the files themselves. They stay as they are: what changes next is a migration after this one.
"""

import uuid

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import encrypted_fields.fields
import pgtrigger.compiler
from django.conf import settings
from django.db import migrations, models

import common.fields


class Migration(migrations.Migration):
    replaces = [
        ("accounts", "0001_initial"),
        ("accounts", "0002_facts_changed_at"),
        ("accounts", "0003_api_tokens_and_invitations"),
        ("accounts", "0004_tax_treatment_and_scopes"),
        ("accounts", "0005_orders_in_full"),
    ]

    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("pghistory", "0007_auto_20250421_0444"),
    ]

    operations = [
        migrations.CreateModel(
            name="User",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                ("first_name", models.CharField(blank=True, max_length=150, verbose_name="first name")),
                ("last_name", models.CharField(blank=True, max_length=150, verbose_name="last name")),
                (
                    "is_staff",
                    models.BooleanField(
                        default=False,
                        help_text="Designates whether the user can log into this admin site.",
                        verbose_name="staff status",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Designates whether this user should be treated as active. Unselect this instead of deleting accounts.",
                        verbose_name="active",
                    ),
                ),
                ("date_joined", models.DateTimeField(default=django.utils.timezone.now, verbose_name="date joined")),
                (
                    "email",
                    models.EmailField(
                        error_messages={"unique": "A user with this e-mail address exists already."},
                        max_length=254,
                        verbose_name="e-mail address",
                    ),
                ),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "verbose_name": "user",
                "verbose_name_plural": "users",
                "abstract": False,
                "constraints": [models.UniqueConstraint(django.db.models.functions.text.Lower("email"), name="user_email_unique")],
            },
        ),
        migrations.CreateModel(
            name="Organization",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "number",
                    models.CharField(editable=False, help_text="What people quote; given once.", max_length=20, unique=True),
                ),
                (
                    "kind",
                    models.CharField(choices=[("msp", "MSP"), ("reseller", "Reseller"), ("customer", "Customer")], max_length=10),
                ),
                ("name", models.CharField(max_length=200)),
                (
                    "currency",
                    models.CharField(default="EUR", help_text="ISO 4217; what this organization is invoiced in.", max_length=3),
                ),
                ("country", models.CharField(default="DE", help_text="ISO 3166, two letters.", max_length=2)),
                (
                    "time_zone",
                    models.CharField(
                        default="Europe/Berlin", help_text="Where its days begin, for example Europe/Berlin.", max_length=50
                    ),
                ),
                ("language", models.CharField(default="en", help_text="Language of mails and invoices.", max_length=10)),
                ("billing_email", models.EmailField(help_text="Invoices go here.", max_length=254, verbose_name="billing e-mail")),
                ("address_line1", models.CharField(blank=True, max_length=200, verbose_name="address")),
                ("address_line2", models.CharField(blank=True, max_length=200, verbose_name="address, second line")),
                ("postcode", models.CharField(blank=True, max_length=20)),
                ("city", models.CharField(blank=True, max_length=100)),
                ("tax_id", models.CharField(blank=True, max_length=30, verbose_name="VAT id")),
                (
                    "payment_terms_days",
                    models.PositiveSmallIntegerField(default=14, validators=[django.core.validators.MaxValueValidator(365)]),
                ),
                (
                    "payment_details",
                    models.TextField(blank=True, help_text="How buyers pay this seller: bank, IBAN, BIC. Printed on its invoices."),
                ),
                (
                    "orders_execute_automatically",
                    models.BooleanField(default=True, help_text="Off: an account manager executes each order."),
                ),
                ("created_at", models.DateTimeField()),
                (
                    "parent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="children",
                        to="accounts.organization",
                    ),
                ),
                (
                    "facts_changed_at",
                    models.DateTimeField(
                        editable=False,
                        help_text="When name, address, language or billing e-mail last changed; the vendor is told.",
                        null=True,
                    ),
                ),
                (
                    "sign_up_is_open",
                    models.BooleanField(
                        default=True,
                        help_text="As its customers, by themselves. What they order waits until a person executes it.",
                        verbose_name="visitors may sign up",
                    ),
                ),
                (
                    "ledger_code",
                    models.CharField(
                        blank=True,
                        help_text="In your accounting; empty: its number here.",
                        max_length=20,
                        verbose_name="debtor account",
                    ),
                ),
                (
                    "tax_exemption_reason",
                    models.CharField(
                        blank=True,
                        help_text="Printed on its invoices where it is exempt, for example the law that says so.",
                        max_length=300,
                    ),
                ),
                (
                    "tax_treatment",
                    models.CharField(
                        choices=[
                            ("automatic", "Automatic, by country and VAT id"),
                            ("taxed", "Always taxed"),
                            ("reverse_charge", "Reverse charge"),
                            ("exempt", "Exempt"),
                        ],
                        default="automatic",
                        help_text="How what it buys is taxed; automatic goes by the countries and the VAT id.",
                        max_length=20,
                    ),
                ),
                (
                    "approves_customer_orders",
                    models.BooleanField(
                        default=False,
                        help_text="Of a reseller: what its customers order waits for its approval.",
                        verbose_name="approves its customers' orders",
                    ),
                ),
                (
                    "credit_limit",
                    common.fields.AmountField(
                        blank=True,
                        decimal_places=3,
                        help_text="What it may owe its seller, in its currency: unpaid invoices and what was used since. Orders above it are held. Empty: unlimited.",
                        max_digits=17,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
            ],
            options={
                "ordering": ["name", "pk"],
                "constraints": [
                    models.UniqueConstraint(models.F("kind"), condition=models.Q(("kind", "msp")), name="organization_one_msp"),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["msp", "reseller", "customer"])), name="organization_kind_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "msp"), ("parent__isnull", True)),
                            models.Q(models.Q(("kind", "msp"), _negated=True), ("parent__isnull", False)),
                            _connector="OR",
                        ),
                        name="organization_parent_but_for_the_msp",
                    ),
                    models.CheckConstraint(condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="organization_currency_iso"),
                    models.CheckConstraint(
                        condition=models.Q(("tax_treatment__in", ["automatic", "taxed", "reverse_charge", "exempt"])),
                        name="organization_tax_treatment_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("credit_limit__isnull", True), ("credit_limit__gte", 0), _connector="OR"),
                        name="organization_credit_limit_not_negative",
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="parent_is_of_the_right_kind",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            declare="DECLARE parent_kind text;",
                            func="\n                    SELECT kind INTO parent_kind FROM accounts_organization WHERE id = NEW.parent_id;\n                    IF NEW.kind = 'reseller' AND parent_kind <> 'msp' THEN\n                        RAISE EXCEPTION 'a reseller belongs to the MSP' USING ERRCODE = 'check_violation';\n                    END IF;\n                    IF NEW.kind = 'customer' AND parent_kind NOT IN ('msp', 'reseller') THEN\n                        RAISE EXCEPTION 'a customer belongs to the MSP or to a reseller' USING ERRCODE = 'check_violation';\n                    END IF;\n                    RETURN NEW;\n                ",
                            hash="8d8e2ee44ea0aa9ce8fa8287bef800e34ebd20a8",
                            operation='INSERT OR UPDATE OF "parent_id", "kind"',
                            pgid="pgtrigger_parent_is_of_the_right_kind_c1ea4",
                            table="accounts_organization",
                            when="BEFORE",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "accounts_organizationevent" ("address_line1", "address_line2", "approves_customer_orders", "billing_email", "city", "country", "created_at", "credit_limit", "currency", "facts_changed_at", "id", "kind", "language", "ledger_code", "name", "number", "orders_execute_automatically", "parent_id", "payment_details", "payment_terms_days", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "postcode", "sign_up_is_open", "tax_exemption_reason", "tax_id", "tax_treatment", "time_zone") VALUES (NEW."address_line1", NEW."address_line2", NEW."approves_customer_orders", NEW."billing_email", NEW."city", NEW."country", NEW."created_at", NEW."credit_limit", NEW."currency", NEW."facts_changed_at", NEW."id", NEW."kind", NEW."language", NEW."ledger_code", NEW."name", NEW."number", NEW."orders_execute_automatically", NEW."parent_id", NEW."payment_details", NEW."payment_terms_days", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."postcode", NEW."sign_up_is_open", NEW."tax_exemption_reason", NEW."tax_id", NEW."tax_treatment", NEW."time_zone"); RETURN NULL;',
                            hash="b4a10f261df35e6245b1cd557121af29a0ccd744",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_6d17a",
                            table="accounts_organization",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "accounts_organizationevent" ("address_line1", "address_line2", "approves_customer_orders", "billing_email", "city", "country", "created_at", "credit_limit", "currency", "facts_changed_at", "id", "kind", "language", "ledger_code", "name", "number", "orders_execute_automatically", "parent_id", "payment_details", "payment_terms_days", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "postcode", "sign_up_is_open", "tax_exemption_reason", "tax_id", "tax_treatment", "time_zone") VALUES (NEW."address_line1", NEW."address_line2", NEW."approves_customer_orders", NEW."billing_email", NEW."city", NEW."country", NEW."created_at", NEW."credit_limit", NEW."currency", NEW."facts_changed_at", NEW."id", NEW."kind", NEW."language", NEW."ledger_code", NEW."name", NEW."number", NEW."orders_execute_automatically", NEW."parent_id", NEW."payment_details", NEW."payment_terms_days", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."postcode", NEW."sign_up_is_open", NEW."tax_exemption_reason", NEW."tax_id", NEW."tax_treatment", NEW."time_zone"); RETURN NULL;',
                            hash="8b76b10ec2a702fcf98716fdb612c82a43345534",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_df7c2",
                            table="accounts_organization",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("viewer", "Viewer: sees everything, changes nothing"),
                            ("buyer", "Buyer: orders and manages services"),
                            ("administrator", "Administrator: also billing information"),
                        ],
                        default="buyer",
                        max_length=15,
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="memberships", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="memberships", to="accounts.organization"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["viewer", "buyer", "administrator"])), name="membership_role_known"
                    ),
                    models.UniqueConstraint(fields=("user", "organization"), name="membership_unique"),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "accounts_membershipevent" ("id", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "role", "user_id") VALUES (NEW."id", NEW."organization_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."role", NEW."user_id"); RETURN NULL;',
                            hash="2012992077b838df9b6d77dce8c3b1b2d4d379b1",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_fc05a",
                            table="accounts_membership",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition="WHEN (OLD.* IS DISTINCT FROM NEW.*)",
                            func='INSERT INTO "accounts_membershipevent" ("id", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "role", "user_id") VALUES (NEW."id", NEW."organization_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."role", NEW."user_id"); RETURN NULL;',
                            hash="e4d3c4bb224534a962c9e50dd72573bef6a55ba4",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_20ab5",
                            table="accounts_membership",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MembershipEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("viewer", "Viewer: sees everything, changes nothing"),
                            ("buyer", "Buyer: orders and manages services"),
                            ("administrator", "Administrator: also billing information"),
                        ],
                        default="buyer",
                        max_length=15,
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
                        to="accounts.membership",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        related_query_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
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
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="OrganizationEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                ("number", models.CharField(editable=False, help_text="What people quote; given once.", max_length=20)),
                (
                    "kind",
                    models.CharField(choices=[("msp", "MSP"), ("reseller", "Reseller"), ("customer", "Customer")], max_length=10),
                ),
                ("name", models.CharField(max_length=200)),
                (
                    "currency",
                    models.CharField(default="EUR", help_text="ISO 4217; what this organization is invoiced in.", max_length=3),
                ),
                ("country", models.CharField(default="DE", help_text="ISO 3166, two letters.", max_length=2)),
                (
                    "time_zone",
                    models.CharField(
                        default="Europe/Berlin", help_text="Where its days begin, for example Europe/Berlin.", max_length=50
                    ),
                ),
                ("language", models.CharField(default="en", help_text="Language of mails and invoices.", max_length=10)),
                ("billing_email", models.EmailField(help_text="Invoices go here.", max_length=254, verbose_name="billing e-mail")),
                ("address_line1", models.CharField(blank=True, max_length=200, verbose_name="address")),
                ("address_line2", models.CharField(blank=True, max_length=200, verbose_name="address, second line")),
                ("postcode", models.CharField(blank=True, max_length=20)),
                ("city", models.CharField(blank=True, max_length=100)),
                ("tax_id", models.CharField(blank=True, max_length=30, verbose_name="VAT id")),
                (
                    "payment_terms_days",
                    models.PositiveSmallIntegerField(default=14, validators=[django.core.validators.MaxValueValidator(365)]),
                ),
                (
                    "payment_details",
                    models.TextField(blank=True, help_text="How buyers pay this seller: bank, IBAN, BIC. Printed on its invoices."),
                ),
                (
                    "orders_execute_automatically",
                    models.BooleanField(default=True, help_text="Off: an account manager executes each order."),
                ),
                ("created_at", models.DateTimeField()),
                (
                    "parent",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
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
                        to="accounts.organization",
                    ),
                ),
                (
                    "facts_changed_at",
                    models.DateTimeField(
                        editable=False,
                        help_text="When name, address, language or billing e-mail last changed; the vendor is told.",
                        null=True,
                    ),
                ),
                (
                    "sign_up_is_open",
                    models.BooleanField(
                        default=True,
                        help_text="As its customers, by themselves. What they order waits until a person executes it.",
                        verbose_name="visitors may sign up",
                    ),
                ),
                (
                    "ledger_code",
                    models.CharField(
                        blank=True,
                        help_text="In your accounting; empty: its number here.",
                        max_length=20,
                        verbose_name="debtor account",
                    ),
                ),
                (
                    "tax_exemption_reason",
                    models.CharField(
                        blank=True,
                        help_text="Printed on its invoices where it is exempt, for example the law that says so.",
                        max_length=300,
                    ),
                ),
                (
                    "tax_treatment",
                    models.CharField(
                        choices=[
                            ("automatic", "Automatic, by country and VAT id"),
                            ("taxed", "Always taxed"),
                            ("reverse_charge", "Reverse charge"),
                            ("exempt", "Exempt"),
                        ],
                        default="automatic",
                        help_text="How what it buys is taxed; automatic goes by the countries and the VAT id.",
                        max_length=20,
                    ),
                ),
                (
                    "approves_customer_orders",
                    models.BooleanField(
                        default=False,
                        help_text="Of a reseller: what its customers order waits for its approval.",
                        verbose_name="approves its customers' orders",
                    ),
                ),
                (
                    "credit_limit",
                    common.fields.AmountField(
                        blank=True,
                        decimal_places=3,
                        help_text="What it may owe its seller, in its currency: unpaid invoices and what was used since. Orders above it are held. Empty: unlimited.",
                        max_digits=17,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(help_text="What it is for, for example Website.", max_length=100)),
                (
                    "prefix",
                    models.CharField(
                        editable=False,
                        help_text="How the token begins; people tell tokens apart by it.",
                        max_length=12,
                        unique=True,
                    ),
                ),
                (
                    "token_hash",
                    models.CharField(editable=False, help_text="SHA-256 of the whole token, in hex.", max_length=64, unique=True),
                ),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("catalog:read", "Read plans and prices"),
                                ("partner:read", "Read partner prices"),
                                ("partner:write", "Change partner prices"),
                                ("usage:read", "Read usage and estimates"),
                                ("invoices:read", "Read invoices, credit notes and payments"),
                                ("orders:read", "Read orders"),
                                ("orders:write", "Place, execute and cancel orders, and check logins"),
                            ],
                            max_length=30,
                        ),
                        help_text="What it may be used for.",
                        size=None,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(blank=True, help_text="Empty: until it is revoked.", null=True)),
                ("last_used_at", models.DateTimeField(editable=False, help_text="To the hour.", null=True)),
                ("revoked_at", models.DateTimeField(editable=False, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="api_tokens", to="accounts.organization"
                    ),
                ),
            ],
            options={
                "verbose_name": "API token",
                "ordering": ["-created_at", "-pk"],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "accounts_apitokenevent" ("created_at", "created_by_id", "expires_at", "id", "name", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "prefix", "revoked_at", "scopes") VALUES (NEW."created_at", NEW."created_by_id", NEW."expires_at", NEW."id", NEW."name", NEW."organization_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."prefix", NEW."revoked_at", NEW."scopes"); RETURN NULL;',
                            hash="542f09f2e79aa0c6a534ac8f417cd1ae3b847b26",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_01b7d",
                            table="accounts_apitoken",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition='WHEN (OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."created_by_id" IS DISTINCT FROM (NEW."created_by_id") OR OLD."expires_at" IS DISTINCT FROM (NEW."expires_at") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."organization_id" IS DISTINCT FROM (NEW."organization_id") OR OLD."prefix" IS DISTINCT FROM (NEW."prefix") OR OLD."revoked_at" IS DISTINCT FROM (NEW."revoked_at") OR OLD."scopes" IS DISTINCT FROM (NEW."scopes"))',
                            func='INSERT INTO "accounts_apitokenevent" ("created_at", "created_by_id", "expires_at", "id", "name", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "prefix", "revoked_at", "scopes") VALUES (NEW."created_at", NEW."created_by_id", NEW."expires_at", NEW."id", NEW."name", NEW."organization_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."prefix", NEW."revoked_at", NEW."scopes"); RETURN NULL;',
                            hash="bd54596bc12ab92c5f8ec661d359bdc02107b6bb",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_df53b",
                            table="accounts_apitoken",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiTokenEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                ("name", models.CharField(help_text="What it is for, for example Website.", max_length=100)),
                (
                    "prefix",
                    models.CharField(
                        editable=False, help_text="How the token begins; people tell tokens apart by it.", max_length=12
                    ),
                ),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("catalog:read", "Read plans and prices"),
                                ("partner:read", "Read partner prices"),
                                ("partner:write", "Change partner prices"),
                                ("usage:read", "Read usage and estimates"),
                                ("invoices:read", "Read invoices, credit notes and payments"),
                                ("orders:read", "Read orders"),
                                ("orders:write", "Place, execute and cancel orders, and check logins"),
                            ],
                            max_length=30,
                        ),
                        help_text="What it may be used for.",
                        size=None,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(blank=True, help_text="Empty: until it is revoked.", null=True)),
                ("revoked_at", models.DateTimeField(editable=False, null=True)),
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
                        to="accounts.apitoken",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("email", models.EmailField(max_length=254, verbose_name="e-mail address")),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("viewer", "Viewer: sees everything, changes nothing"),
                            ("buyer", "Buyer: orders and manages services"),
                            ("administrator", "Administrator: also billing information"),
                        ],
                        default="buyer",
                        max_length=15,
                    ),
                ),
                (
                    "token_hash",
                    models.CharField(
                        editable=False, help_text="SHA-256 of what stands in the link, in hex.", max_length=64, unique=True
                    ),
                ),
                ("sent_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("accepted_at", models.DateTimeField(editable=False, null=True)),
                ("revoked_at", models.DateTimeField(editable=False, null=True)),
                (
                    "invited_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="invitations", to="accounts.organization"
                    ),
                ),
            ],
            options={
                "ordering": ["-sent_at", "-pk"],
                "constraints": [
                    models.UniqueConstraint(
                        models.F("organization"),
                        django.db.models.functions.text.Lower("email"),
                        condition=models.Q(("accepted_at__isnull", True), ("revoked_at__isnull", True)),
                        name="invitation_one_open",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["viewer", "buyer", "administrator"])), name="invitation_role_known"
                    ),
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "accounts_invitationevent" ("accepted_at", "email", "expires_at", "id", "invited_by_id", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "revoked_at", "role", "sent_at") VALUES (NEW."accepted_at", NEW."email", NEW."expires_at", NEW."id", NEW."invited_by_id", NEW."organization_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."revoked_at", NEW."role", NEW."sent_at"); RETURN NULL;',
                            hash="580bdda751d412522de0af5ef111fe9fd6acb2fc",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_8c354",
                            table="accounts_invitation",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition='WHEN (OLD."accepted_at" IS DISTINCT FROM (NEW."accepted_at") OR OLD."email" IS DISTINCT FROM (NEW."email") OR OLD."expires_at" IS DISTINCT FROM (NEW."expires_at") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."invited_by_id" IS DISTINCT FROM (NEW."invited_by_id") OR OLD."organization_id" IS DISTINCT FROM (NEW."organization_id") OR OLD."revoked_at" IS DISTINCT FROM (NEW."revoked_at") OR OLD."role" IS DISTINCT FROM (NEW."role") OR OLD."sent_at" IS DISTINCT FROM (NEW."sent_at"))',
                            func='INSERT INTO "accounts_invitationevent" ("accepted_at", "email", "expires_at", "id", "invited_by_id", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "revoked_at", "role", "sent_at") VALUES (NEW."accepted_at", NEW."email", NEW."expires_at", NEW."id", NEW."invited_by_id", NEW."organization_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."revoked_at", NEW."role", NEW."sent_at"); RETURN NULL;',
                            hash="fabe0b58c275a490f2ac65ae82d21c2ba9af4a34",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_4e12d",
                            table="accounts_invitation",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="InvitationEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                ("email", models.EmailField(max_length=254, verbose_name="e-mail address")),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("viewer", "Viewer: sees everything, changes nothing"),
                            ("buyer", "Buyer: orders and manages services"),
                            ("administrator", "Administrator: also billing information"),
                        ],
                        default="buyer",
                        max_length=15,
                    ),
                ),
                ("sent_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("accepted_at", models.DateTimeField(editable=False, null=True)),
                ("revoked_at", models.DateTimeField(editable=False, null=True)),
                (
                    "invited_by",
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
                        to="accounts.invitation",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ActingAs",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reason", models.CharField(max_length=300)),
                ("address", models.GenericIPAddressField(null=True)),
                ("began_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(help_text="Empty: still going on, or its session ran out.", null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        help_text="For whom the person acted.",
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organization",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="acted_as_by", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "staff",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="acted_as", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "verbose_name": "time as a customer",
                "verbose_name_plural": "times as a customer",
                "ordering": ["-pk"],
                "permissions": [("act_as_customer", "Can act as a customer in the storefront; each time is recorded")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ended_at__isnull", True), ("ended_at__gte", models.F("began_at")), _connector="OR"),
                        name="actingas_times_ordered",
                    )
                ],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="never_deleted",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                            hash="c7ceeb59e7df871d1c649e52a2b46dff5a0ba1b0",
                            operation="DELETE",
                            pgid="pgtrigger_never_deleted_bee96",
                            table="accounts_actingas",
                            when="BEFORE",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="never_changes",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."staff_id" IS DISTINCT FROM (NEW."staff_id") OR OLD."person_id" IS DISTINCT FROM (NEW."person_id") OR OLD."organization_id" IS DISTINCT FROM (NEW."organization_id") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."address" IS DISTINCT FROM (NEW."address") OR OLD."began_at" IS DISTINCT FROM (NEW."began_at"))',
                            func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                            hash="24d3d758cc40670a01b9dff42e627c8431ec3174",
                            operation="UPDATE",
                            pgid="pgtrigger_never_changes_27552",
                            table="accounts_actingas",
                            when="BEFORE",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="IdempotentRequest",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=255)),
                ("fingerprint", models.CharField(help_text="SHA-256 of method, path and body, in hex.", max_length=64)),
                ("leased_until", models.DateTimeField(help_text="Empty once it is answered.", null=True)),
                ("status_code", models.PositiveSmallIntegerField(null=True)),
                ("answer", models.JSONField(null=True)),
                ("created_at", models.DateTimeField()),
                (
                    "organization",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.organization"),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("organization", "key"), name="idempotentrequest_key_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("leased_until__isnull", True), ("status_code__isnull", False)),
                            models.Q(("leased_until__isnull", False), ("status_code__isnull", True)),
                            _connector="OR",
                        ),
                        name="idempotentrequest_leased_or_answered",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WebhookEndpoint",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("url", models.URLField(max_length=500, verbose_name="address")),
                (
                    "secret",
                    encrypted_fields.fields.EncryptedCharField(
                        editable=False, help_text="Signs every delivery; shown once.", max_length=200
                    ),
                ),
                (
                    "told_of",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("order.placed", "Order placed"),
                                ("order.held", "Order held"),
                                ("order.completed", "Order completed"),
                                ("order.failed", "Order failed"),
                                ("order.cancelled", "Order cancelled"),
                                ("subscription.started", "Subscription started"),
                                ("subscription.changed", "Subscription changed: quantity, plan or term"),
                                ("subscription.cancellation_planned", "Subscription's end planned or taken back"),
                                ("subscription.ended", "Subscription ended"),
                            ],
                            max_length=50,
                        ),
                        help_text="What it is told of.",
                        size=None,
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True, help_text="Off: nothing is sent, and nothing kept for later.", verbose_name="on"
                    ),
                ),
                ("created_at", models.DateTimeField()),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="webhook_endpoints", to="accounts.organization"
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "triggers": [
                    pgtrigger.compiler.Trigger(
                        name="insert_insert",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            func='INSERT INTO "accounts_webhookendpointevent" ("created_at", "created_by_id", "id", "is_active", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "told_of", "url") VALUES (NEW."created_at", NEW."created_by_id", NEW."id", NEW."is_active", NEW."organization_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."told_of", NEW."url"); RETURN NULL;',
                            hash="9b6a1fd6f5d65f6602aa975c15c43bba48791d79",
                            operation="INSERT",
                            pgid="pgtrigger_insert_insert_ca5e8",
                            table="accounts_webhookendpoint",
                            when="AFTER",
                        ),
                    ),
                    pgtrigger.compiler.Trigger(
                        name="update_update",
                        sql=pgtrigger.compiler.UpsertTriggerSql(
                            condition='WHEN (OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."created_by_id" IS DISTINCT FROM (NEW."created_by_id") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."is_active" IS DISTINCT FROM (NEW."is_active") OR OLD."organization_id" IS DISTINCT FROM (NEW."organization_id") OR OLD."told_of" IS DISTINCT FROM (NEW."told_of") OR OLD."url" IS DISTINCT FROM (NEW."url"))',
                            func='INSERT INTO "accounts_webhookendpointevent" ("created_at", "created_by_id", "id", "is_active", "organization_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "told_of", "url") VALUES (NEW."created_at", NEW."created_by_id", NEW."id", NEW."is_active", NEW."organization_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."told_of", NEW."url"); RETURN NULL;',
                            hash="5e2961bf1dd9100b3dedf50775fb2baefb1ca99a",
                            operation="UPDATE",
                            pgid="pgtrigger_update_update_fbd22",
                            table="accounts_webhookendpoint",
                            when="AFTER",
                        ),
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WebhookDelivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event_id", models.UUIDField(default=uuid.uuid4, help_text="The same however often it is sent.")),
                (
                    "event",
                    models.CharField(
                        choices=[
                            ("order.placed", "Order placed"),
                            ("order.held", "Order held"),
                            ("order.completed", "Order completed"),
                            ("order.failed", "Order failed"),
                            ("order.cancelled", "Order cancelled"),
                            ("subscription.started", "Subscription started"),
                            ("subscription.changed", "Subscription changed: quantity, plan or term"),
                            ("subscription.cancellation_planned", "Subscription's end planned or taken back"),
                            ("subscription.ended", "Subscription ended"),
                        ],
                        max_length=50,
                    ),
                ),
                ("payload", models.JSONField()),
                (
                    "status",
                    models.CharField(
                        choices=[("waiting", "Waiting"), ("delivered", "Delivered"), ("failed", "Given up")],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("next_try_at", models.DateTimeField(null=True)),
                ("answered_with", models.PositiveSmallIntegerField(null=True, verbose_name="HTTP status")),
                ("error", models.CharField(blank=True, max_length=500)),
                ("created_at", models.DateTimeField()),
                ("delivered_at", models.DateTimeField(null=True)),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="accounts.webhookendpoint"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "webhook deliveries",
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(condition=models.Q(("status", "waiting")), fields=["next_try_at"], name="webhookdelivery_due")
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("endpoint", "event_id"), name="webhookdelivery_event_once"),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["waiting", "delivered", "failed"])), name="webhookdelivery_status_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WebhookEndpointEvent",
            fields=[
                ("pgh_id", models.AutoField(primary_key=True, serialize=False)),
                ("pgh_created_at", models.DateTimeField(auto_now_add=True)),
                ("pgh_label", models.TextField(help_text="The event label.")),
                ("id", models.BigIntegerField()),
                ("url", models.URLField(max_length=500, verbose_name="address")),
                (
                    "told_of",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(
                            choices=[
                                ("order.placed", "Order placed"),
                                ("order.held", "Order held"),
                                ("order.completed", "Order completed"),
                                ("order.failed", "Order failed"),
                                ("order.cancelled", "Order cancelled"),
                                ("subscription.started", "Subscription started"),
                                ("subscription.changed", "Subscription changed: quantity, plan or term"),
                                ("subscription.cancellation_planned", "Subscription's end planned or taken back"),
                                ("subscription.ended", "Subscription ended"),
                            ],
                            max_length=50,
                        ),
                        help_text="What it is told of.",
                        size=None,
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True, help_text="Off: nothing is sent, and nothing kept for later.", verbose_name="on"
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
                        to="accounts.webhookendpoint",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
    ]
