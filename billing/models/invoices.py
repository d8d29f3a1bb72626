"""Billing runs and what they make: invoices and their lines, written once and explained for ever."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple, Self

import pghistory
import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce, Greatest

from accounts.models import Organization
from billing.measuring import readings_of
from billing.models.subscriptions import Subscription
from catalog.models import ProductGroup, Venture
from common.fields import AmountField, QuantityField, UnitPriceField
from common.periods import Period
from common.querysets import LockingQuerySet
from common.states import StatefulModel

_NOTHING = Value(Decimal(0), AmountField())


class BillingRun(StatefulModel):
    """What one seller's buyers owe for a month: computed, compared with what is billed, the difference written to drafts."""

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        FINISHED = "finished", "Finished"

    MOVES: ClassVar = {
        "queued": frozenset({"running", "finished"}),
        "running": frozenset({"finished", "queued"}),
        "finished": frozenset({"running", "queued"}),
    }

    seller = models.ForeignKey(Organization, models.PROTECT, related_name="billing_runs")
    period_start = models.DateField()
    period_end = models.DateField(help_text="The first day after.")
    status = models.CharField(max_length=10, choices=Status, default=Status.RUNNING)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    accounts_total = models.PositiveIntegerField(default=0)
    accounts_done = models.PositiveIntegerField(default=0)
    rate_cards = models.JSONField(default=list, help_text="One sentence per product group: which card it was billed by.")
    unrated = models.JSONField(default=list, help_text="Items that were used but have no rate: [item, edition], not billed.")
    computed_at = models.DateTimeField(
        null=True, help_text="When the last pass began that went through all accounts; what came before is in the drafts."
    )
    rules = models.JSONField(default=dict, help_text="Which drafts are held back for a person to look at.")
    allows_unknown_cost = models.BooleanField(
        default=False, help_text="Bill also where the seller does not know its own cost of it yet."
    )
    wished_at = models.DateTimeField(null=True)
    wished_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    issue_wished_at = models.DateTimeField(null=True, help_text="When its drafts were asked to be issued; empty once they are.")
    issue_wished_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    issue_on = models.DateField(null=True, help_text="The date its invoices are to bear.")
    error = models.CharField(max_length=1000, blank=True, help_text="Why the last pass did not finish.")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="How many times a worker began it since it was asked for.")
    next_try_at = models.DateTimeField(null=True, help_text="When it is taken up again should its worker have died.")

    objects = LockingQuerySet.as_manager()

    class Meta:
        ordering = ["-period_start", "seller"]
        constraints = [
            models.UniqueConstraint(fields=["seller", "period_start", "period_end"], name="billingrun_one_per_seller_and_period"),
            models.CheckConstraint(condition=Q(status__in=["queued", "running", "finished"]), name="billingrun_status_known"),
            models.CheckConstraint(condition=Q(period_end__gt=F("period_start")), name="billingrun_period_ordered"),
        ]

    def __str__(self) -> str:
        return f"{self.seller} {self.period}"

    @property
    def period(self) -> Period:
        return Period(self.period_start, self.period_end)


class ParkedAccount(models.Model):
    """A buyer that a billing run could not bill, and why. Gone once a later run bills it."""

    run = models.ForeignKey(BillingRun, models.CASCADE, related_name="parked_accounts")
    buyer = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    reason = models.CharField(max_length=1000)
    parked_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "buyer"], name="parkedaccount_one_per_buyer")]

    def __str__(self) -> str:
        return f"{self.buyer}: {self.reason}"


class InvoiceQuerySet(LockingQuerySet["Invoice"]):
    def visible_to(self, user: Any) -> Self:
        """Buyers see what was issued to them; a reseller also what it issued, and its own drafts."""
        if not user.is_authenticated:
            return self.none()
        if user.is_staff:
            return self
        own = user.own_memberships().values("organization")
        return self.filter(Q(seller__in=own) | Q(buyer__in=own, status=Invoice.Status.ISSUED))

    def drafts(self) -> Self:
        return self.filter(status=Invoice.Status.DRAFT)

    def issued(self) -> Self:
        return self.filter(status=Invoice.Status.ISSUED)

    def with_open(self) -> Self:
        """
        Annotate what was ``credited``, what of payments is ``allocated``, and the ``open_amount`` that is left to pay.

        Of a negative invoice nothing is open: it becomes a credit when it is issued.
        """
        from billing.models.credit_notes import CreditNote  # its rows point at invoices
        from billing.models.payments import PaymentAllocation

        credited = CreditNote.objects.filter(invoice=OuterRef("pk")).order_by().values("invoice").values(total=Sum("gross"))
        allocated = (
            PaymentAllocation.objects.filter(invoice=OuterRef("pk")).order_by().values("invoice").values(total=Sum("amount"))
        )
        return self.annotate(
            credited=Coalesce(Subquery(credited), _NOTHING), allocated=Coalesce(Subquery(allocated), _NOTHING)
        ).annotate(open_amount=Greatest(F("gross") - F("credited") - F("allocated"), _NOTHING, output_field=AmountField()))

    def unpaid(self) -> Self:
        """Issued invoices of which something is open; annotated as `with_open` does."""
        return self.issued().with_open().filter(open_amount__gt=0)


class TaxTotal(NamedTuple):
    """One tax of an invoice: taken once on the sum of the nets it applies to."""

    name: str
    percent: Decimal
    net: Decimal
    tax: Decimal


def tax_totals_of(taxes: list[dict[str, str]]) -> list[TaxTotal]:
    """Return the taxes of a document as numbers."""
    return [TaxTotal(tax["name"], Decimal(tax["percent"]), Decimal(tax["net"]), Decimal(tax["tax"])) for tax in taxes]


@pghistory.track()
class Invoice(StatefulModel):
    """What a buyer owes a seller for a period. Issuing numbers it and freezes it; a trigger refuses every later change."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        ISSUED = "issued", "Issued"

    class Kind(models.TextChoices):
        MONTHLY = "monthly", "Month"
        OVERAGE = "overage", "Overage"
        ADVANCE = "advance", "In advance"
        RENEWAL = "renewal", "Renewal"

    MOVES: ClassVar = {"draft": frozenset({"issued"}), "issued": frozenset()}

    kind = models.CharField(max_length=10, choices=Kind, default=Kind.MONTHLY)
    seller = models.ForeignKey(Organization, models.PROTECT, related_name="invoices_sold")
    buyer = models.ForeignKey(Organization, models.PROTECT, related_name="invoices_bought")
    venture = models.ForeignKey(Venture, models.PROTECT, related_name="invoices")
    run = models.ForeignKey(BillingRun, models.PROTECT, null=True, related_name="invoices")
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    number = models.CharField(max_length=40, null=True, unique=True, editable=False)  # noqa: DJ001  a draft has none
    currency = models.CharField(max_length=3)
    period_start = models.DateField()
    period_end = models.DateField(help_text="The first day after.")
    issued_on = models.DateField(null=True)
    due_on = models.DateField(null=True)
    seller_copy = models.JSONField(default=dict, help_text="The seller as printed.")
    buyer_copy = models.JSONField(default=dict, help_text="The buyer as printed.")
    net = AmountField(default=0)
    tax = AmountField(default=0)
    gross = AmountField(default=0)
    taxes = models.JSONField(default=list, help_text="One entry per rate: name, percent, net, tax (decimal strings).")
    tax_category = models.CharField(
        max_length=2,
        default="S",
        help_text="UNCL5305 as EN 16931 uses it: S taxed, AE reverse charge, E exempt, G or O outside the tax.",
    )
    tax_note = models.CharField(max_length=500, blank=True, help_text="Why there is no tax, as printed.")
    language = models.CharField(max_length=10, blank=True, help_text="Of the document; as the buyer's was when it was issued.")
    held_for = models.CharField(
        max_length=500, blank=True, help_text="Why this draft is not issued before somebody has looked at it; empty: it may be."
    )
    created_at = models.DateTimeField()

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        ordering = ["-period_start", "-pk"]
        permissions = [
            ("issue_invoice", "Can issue invoices"),
            ("export_accounting", "Can export all documents for the accounting"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["seller", "buyer", "venture", "currency", "period_start", "period_end", "kind"],
                condition=Q(status="draft"),
                name="invoice_one_draft",
            ),
            models.CheckConstraint(condition=Q(status__in=["draft", "issued"]), name="invoice_status_known"),
            models.CheckConstraint(
                condition=Q(status="draft", number__isnull=True)
                | Q(status="issued", number__isnull=False, issued_on__isnull=False, due_on__isnull=False),
                name="invoice_numbered_when_issued",
            ),
            models.CheckConstraint(condition=Q(gross=F("net") + F("tax")), name="invoice_totals_add_up"),
            models.CheckConstraint(condition=Q(kind__in=["monthly", "overage", "advance", "renewal"]), name="invoice_kind_known"),
            models.CheckConstraint(condition=Q(status="draft") | Q(held_for=""), name="invoice_held_is_not_issued"),
        ]
        triggers = [
            pgtrigger.Protect(
                name="issued_is_frozen",
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__status="issued"),
            )
        ]

    def __str__(self) -> str:
        return self.number or f"Draft for {self.buyer}"

    @property
    def period(self) -> Period:
        return Period(self.period_start, self.period_end)

    @property
    def tax_totals(self) -> list[TaxTotal]:
        """Return `taxes` as numbers."""
        return tax_totals_of(self.taxes)


class InvoiceLine(models.Model):
    """
    One amount of an invoice with everything it was made from.

    `working` holds the readings used, the rate and the chain of prices as decimal strings; the page that explains
    an amount reads only this. A later correction is a new line of a later invoice, never an edit.
    """

    # Lines are written by the hundred thousand; the unique constraint and the index below find those of an invoice and of a
    # subscription.
    invoice = models.ForeignKey(Invoice, models.CASCADE, related_name="lines", db_index=False)
    subscription = models.ForeignKey(
        Subscription,
        models.PROTECT,
        null=True,
        related_name="invoice_lines",
        db_index=False,
        help_text="Empty on lines of an order that waits for its payment.",
    )
    order_key = models.CharField(max_length=40, blank=True, help_text="The order line that was invoiced in advance.")
    product_group = models.ForeignKey(
        ProductGroup,
        models.PROTECT,
        null=True,
        related_name="+",
        help_text="Whose taxes and ledger code count; empty on older lines.",
    )
    position = models.PositiveIntegerField()
    item = models.CharField(max_length=100)
    edition = models.CharField(max_length=50, blank=True)
    part = models.CharField(
        max_length=40, blank=True, help_text="What tells lines of one item apart: a tier, a term, a plan's days."
    )
    description = models.CharField(max_length=300)
    period_start = models.DateField()
    period_end = models.DateField(help_text="The first day after.")
    quantity = QuantityField()
    unit = models.CharField(max_length=10)
    unit_price = UnitPriceField()
    net = AmountField()
    tax_percent = models.DecimalField(max_digits=6, decimal_places=3, help_text="Sum of the group's taxes.")
    working = models.JSONField()
    readings = models.TextField(
        blank=True,
        help_text="What was measured, as billing.measuring.told writes it; empty where nothing was.",
    )

    class Meta:
        ordering = ["invoice", "position"]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "position"], name="invoiceline_position_unique"),
            models.CheckConstraint(condition=Q(subscription__isnull=False) | ~Q(order_key=""), name="invoiceline_is_for_something"),
        ]
        indexes = [
            models.Index(fields=["subscription", "period_start", "item"], name="invoiceline_by_subscription"),
            models.Index(fields=["order_key"], condition=~Q(order_key=""), name="invoiceline_by_order_key"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="frozen_with_its_invoice",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                declare=[("frozen", "boolean")],
                func="""
                    SELECT bool_or(status = 'issued') INTO frozen FROM billing_invoice
                    WHERE id = OLD.invoice_id OR (TG_OP <> 'DELETE' AND id = NEW.invoice_id);
                    IF frozen THEN
                        RAISE EXCEPTION 'pgtrigger: lines of an issued invoice cannot be changed' USING ERRCODE = 'restrict_violation';
                    END IF;
                    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
                    RETURN NEW;
                """,  # noqa: E501
            ),
            # A run adds lines by the thousand; asking once a statement is a tenth of the work of asking once a row.
            pgtrigger.Trigger(
                name="none_added_to_what_is_issued",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="added"),
                func="""
                    IF EXISTS (
                        SELECT FROM (SELECT DISTINCT invoice_id FROM added) line
                        JOIN billing_invoice invoice ON invoice.id = line.invoice_id WHERE invoice.status = 'issued'
                    ) THEN
                        RAISE EXCEPTION 'pgtrigger: an issued invoice gets no more lines' USING ERRCODE = 'restrict_violation';
                    END IF;
                    RETURN NULL;
                """,
            ),
        ]

    def __str__(self) -> str:
        return self.description

    @property
    def readings_used(self) -> list[list[Any]]:
        """The readings it was made from, by day and storage; older lines keep them in their working."""
        return (
            readings_of(self.readings, self.working.get("aggregation", "")) if self.readings else self.working.get("readings", [])
        )

    @property
    def last_day(self) -> date:
        """The last day that is billed; what people write as “to”."""
        return self.period_end - timedelta(days=1)
