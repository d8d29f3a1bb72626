"""
How often a run was begun, and when it is due again should its worker have died.

And lines that are written faster. One has some two kilobytes, just above what PostgreSQL begins to compress at, and that took half
the time of writing it: only what is above half a page is compressed from now on. Two indexes go that began like another one.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0010_ids_of_readings_in_blocks")]

    operations = [
        migrations.AddField(
            model_name="billingrun",
            name="attempts",
            field=models.PositiveSmallIntegerField(default=0, help_text="How many times a worker began it since it was asked for."),
        ),
        migrations.AddField(
            model_name="billingrun",
            name="next_try_at",
            field=models.DateTimeField(help_text="When it is taken up again should its worker have died.", null=True),
        ),
        migrations.AlterField(
            model_name="invoiceline",
            name="invoice",
            field=models.ForeignKey(db_index=False, on_delete=models.deletion.CASCADE, related_name="lines", to="billing.invoice"),
        ),
        migrations.AlterField(
            model_name="invoiceline",
            name="subscription",
            field=models.ForeignKey(
                db_index=False,
                help_text="Empty on lines of an order that waits for its payment.",
                null=True,
                on_delete=models.deletion.PROTECT,
                related_name="invoice_lines",
                to="billing.subscription",
            ),
        ),
        migrations.RunSQL(
            sql="ALTER TABLE billing_invoiceline SET (toast_tuple_target = 4080)",
            reverse_sql="ALTER TABLE billing_invoiceline RESET (toast_tuple_target)",
        ),
    ]
