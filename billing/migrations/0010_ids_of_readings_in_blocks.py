"""
Readings come in by hundreds of thousands in one statement, and a number asked for alone is a note in the write-ahead log for each
thirty-two of them. A session takes a thousand at a time now; what it does not use is left out.

And exporting to the accounting is a permission of its own: who may look at an invoice may not carry away all of them.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("billing", "0009_planned_ends")]

    operations = [
        migrations.RunSQL(
            sql="ALTER TABLE billing_usagerecord ALTER COLUMN id SET CACHE 1000",
            reverse_sql="ALTER TABLE billing_usagerecord ALTER COLUMN id SET CACHE 1",
        ),
        migrations.AlterModelOptions(
            name="invoice",
            options={
                "ordering": ["-period_start", "-pk"],
                "permissions": [
                    ("issue_invoice", "Can issue invoices"),
                    ("export_accounting", "Can export all documents for the accounting"),
                ],
            },
        ),
    ]
