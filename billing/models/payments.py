"""Payments: what came in, and which invoices it pays."""

from typing import Self

import pghistory
import pgtrigger
from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from accounts.models import Organization
from billing.models.invoices import Invoice
from billing.models.parties import PartiesQuerySet
from common.fields import AmountField
from common.querysets import LockingQuerySet


class BankStatement(models.Model):
    """A file of the bank with its rows and what each was matched with; confirmed once, its rows are payments."""

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        CAMT053 = "camt053", "CAMT.053"

    seller = models.ForeignKey(Organization, models.PROTECT, related_name="bank_statements")
    file_name = models.CharField(max_length=255)
    file_sha256 = models.CharField(max_length=64)
    format = models.CharField(max_length=10, choices=Format)
    rows = models.JSONField(help_text="Each entry of the file with what it is matched with.")
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    confirmed_at = models.DateTimeField(null=True)
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    objects = LockingQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [models.CheckConstraint(condition=Q(format__in=["csv", "camt053"]), name="bankstatement_format_known")]

    def __str__(self) -> str:
        return self.file_name


class PaymentQuerySet(PartiesQuerySet["Payment"]):
    def standing(self) -> Self:
        """Payments that were not taken back."""
        return self.filter(reversed_at__isnull=True)

    def with_rest(self) -> Self:
        """Annotate what is ``allocated`` to invoices and the ``rest`` that is kept as credit; nothing of a reversed one."""
        allocated = (
            PaymentAllocation.objects.filter(payment=OuterRef("pk")).order_by().values("payment").values(total=Sum("amount"))
        )
        nothing = Value(0, AmountField())
        rest = models.Case(
            models.When(reversed_at__isnull=True, then=F("amount") - F("allocated")), default=nothing, output_field=AmountField()
        )
        return self.annotate(allocated=Coalesce(Subquery(allocated), nothing)).annotate(rest=rest)


@pghistory.track()
class Payment(models.Model):
    """
    Money a buyer paid a seller, or a credit from an invoice below nothing. What is not allocated to invoices is kept as credit.

    Never edited: a mistake is reversed, with the reason, and entered anew.
    """

    class Method(models.TextChoices):
        BANK_TRANSFER = "bank_transfer", "Bank transfer"
        DIRECT_DEBIT = "direct_debit", "Direct debit"
        CARD = "card", "Card"
        CASH = "cash", "Cash"
        CREDIT = "credit", "Credit from an invoice"
        OTHER = "other", "Other"

    key = models.UUIDField(unique=True, editable=False, help_text="Of the form it came from; sent again, nothing.")
    seller = models.ForeignKey(Organization, models.PROTECT, related_name="payments_received")
    buyer = models.ForeignKey(Organization, models.PROTECT, related_name="payments_made")
    currency = models.CharField(max_length=3)
    amount = AmountField(validators=[MinValueValidator(0)])
    received_on = models.DateField()
    method = models.CharField(max_length=20, choices=Method, default=Method.BANK_TRANSFER)
    reference = models.CharField(max_length=300, blank=True, help_text="What the payer wrote.")
    note = models.CharField(max_length=500, blank=True)
    bank_key = models.CharField(max_length=100, blank=True, help_text="What the bank calls the entry; it comes in once.")
    statement = models.ForeignKey(BankStatement, models.PROTECT, null=True, related_name="payments")
    source_invoice = models.OneToOneField(
        Invoice,
        models.PROTECT,
        null=True,
        related_name="credit",
        help_text="The invoice below nothing that this credit comes from.",
    )
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    reversed_at = models.DateTimeField(null=True)
    reversed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    reversal_reason = models.CharField(max_length=500, blank=True)

    objects = PaymentQuerySet.as_manager()

    class Meta:
        ordering = ["-received_on", "-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="payment_positive"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="payment_currency_iso"),
            models.UniqueConstraint(fields=["seller", "bank_key"], condition=~Q(bank_key=""), name="payment_bank_entry_once"),
            models.CheckConstraint(
                condition=Q(method__in=["bank_transfer", "direct_debit", "card", "cash", "credit", "other"]),
                name="payment_method_known",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="never_changes", exclude=["reversed_at", "reversed_by", "reversal_reason"]),
        ]

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} {self.currency} of {self.received_on}"


@pghistory.track(pghistory.InsertEvent(), pghistory.DeleteEvent())
class PaymentAllocation(models.Model):
    """Which part of a payment pays which invoice. Never above what either has left; taken back by deleting it."""

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="allocations")
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="allocations")
    amount = AmountField(validators=[MinValueValidator(0)])
    allocated_at = models.DateTimeField()
    allocated_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["pk"]
        constraints = [models.CheckConstraint(condition=Q(amount__gt=0), name="paymentallocation_positive")]
        triggers = [
            pgtrigger.Protect(name="never_changes", operation=pgtrigger.Update),
            pgtrigger.Trigger(
                name="never_above_what_is_left",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("bill", "billing_invoice%ROWTYPE"), ("paid", "billing_payment%ROWTYPE"), ("used", "numeric")],
                func="""
                    SELECT * INTO bill FROM billing_invoice WHERE id = NEW.invoice_id AND status = 'issued' FOR NO KEY UPDATE;
                    SELECT * INTO paid FROM billing_payment WHERE id = NEW.payment_id AND reversed_at IS NULL FOR NO KEY UPDATE;
                    IF bill.id IS NULL OR paid.id IS NULL
                        OR (bill.seller_id, bill.buyer_id, bill.currency) <> (paid.seller_id, paid.buyer_id, paid.currency)
                    THEN
                        RAISE EXCEPTION 'pgtrigger: a payment pays issued invoices between the same two, in its own currency'
                            USING ERRCODE = 'restrict_violation';
                    END IF;
                    SELECT coalesce(sum(amount), 0) INTO used FROM billing_paymentallocation WHERE payment_id = NEW.payment_id;
                    IF used + NEW.amount > paid.amount THEN
                        RAISE EXCEPTION 'pgtrigger: more is allocated than was paid' USING ERRCODE = 'restrict_violation';
                    END IF;
                    SELECT coalesce(sum(amount), 0) INTO used FROM billing_paymentallocation WHERE invoice_id = NEW.invoice_id;
                    IF used + NEW.amount > bill.gross
                        - (SELECT coalesce(sum(gross), 0) FROM billing_creditnote WHERE invoice_id = NEW.invoice_id)
                    THEN
                        RAISE EXCEPTION 'pgtrigger: more is allocated than is open' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} for {self.invoice_id}"
