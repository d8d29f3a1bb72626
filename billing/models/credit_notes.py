"""Credit notes: what a seller gives back of an issued invoice, whole or by line, and never more than is left of it."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.models import Organization
from billing.models.invoices import Invoice, InvoiceLine, TaxTotal, tax_totals_of
from billing.models.parties import PartiesQuerySet
from catalog.models import Venture
from common.fields import AmountField, QuantityField, UnitPriceField


class CreditNote(models.Model):
    """
    Amounts are positive: what the buyer gets back. Numbered and frozen from its first moment; a mistake is invoiced anew.

    With ``bills_again`` the next billing run bills the credited lines once more, as it finds them; without, they are given away.
    """

    key = models.UUIDField(unique=True, editable=False, help_text="Of the form it came from; sent again, nothing.")
    seller = models.ForeignKey(Organization, models.PROTECT, related_name="credit_notes_given")
    buyer = models.ForeignKey(Organization, models.PROTECT, related_name="credit_notes_received")
    venture = models.ForeignKey(Venture, models.PROTECT, related_name="credit_notes")
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="credit_notes")
    number = models.CharField(max_length=40, unique=True, editable=False)
    issued_on = models.DateField()
    currency = models.CharField(max_length=3)
    net = AmountField()
    tax = AmountField()
    gross = AmountField()
    taxes = models.JSONField(default=list, help_text="One entry per tax: name, percent, net, tax (decimal strings).")
    reason = models.CharField(max_length=500)
    bills_again = models.BooleanField("bill again", default=False)
    seller_copy = models.JSONField(help_text="The seller as printed.")
    buyer_copy = models.JSONField(help_text="The buyer as printed.")
    language = models.CharField(max_length=10, blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    objects = PartiesQuerySet.as_manager()

    class Meta:
        ordering = ["-issued_on", "-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(gross=F("net") + F("tax")), name="creditnote_totals_add_up"),
            models.CheckConstraint(condition=Q(gross__gte=0), name="creditnote_not_negative"),
        ]
        triggers = [pgtrigger.Protect(name="never_changes", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.number

    @property
    def tax_totals(self) -> list[TaxTotal]:
        """Return `taxes` as numbers."""
        return tax_totals_of(self.taxes)


class CreditNoteLine(models.Model):
    """What is credited of one line of the invoice: of a line below nothing, an amount below nothing."""

    credit_note = models.ForeignKey(CreditNote, models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    invoice_line = models.ForeignKey(InvoiceLine, models.PROTECT, related_name="credits")
    description = models.CharField(max_length=300)
    quantity = QuantityField()
    unit = models.CharField(max_length=10)
    unit_price = UnitPriceField()
    net = AmountField()
    tax_percent = models.DecimalField(max_digits=6, decimal_places=3)

    class Meta:
        ordering = ["credit_note", "position"]
        constraints = [
            models.UniqueConstraint(fields=["credit_note", "position"], name="creditnoteline_position_unique"),
            models.UniqueConstraint(fields=["credit_note", "invoice_line"], name="creditnoteline_once_a_note"),
        ]
        triggers = [
            pgtrigger.Protect(name="never_changes", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="never_above_what_is_left",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("billed", "numeric"), ("of_invoice", "bigint"), ("credited", "numeric")],
                func="""
                    SELECT net, invoice_id INTO billed, of_invoice FROM billing_invoiceline WHERE id = NEW.invoice_line_id;
                    PERFORM FROM billing_invoice WHERE id = of_invoice AND status = 'issued' FOR NO KEY UPDATE;
                    IF NOT FOUND OR of_invoice <> (SELECT invoice_id FROM billing_creditnote WHERE id = NEW.credit_note_id) THEN
                        RAISE EXCEPTION 'pgtrigger: a credit note credits lines of its own issued invoice'
                            USING ERRCODE = 'restrict_violation';
                    END IF;
                    SELECT coalesce(sum(net), 0) + NEW.net INTO credited FROM billing_creditnoteline
                    WHERE invoice_line_id = NEW.invoice_line_id;
                    IF credited * sign(billed) < 0 OR abs(credited) > abs(billed) OR NEW.net * sign(billed) < 0 THEN
                        RAISE EXCEPTION 'pgtrigger: more is credited than was billed' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.description
