"""Subscriptions, usage, rate cards, billing runs and invoices: rows that are written once and explain every amount."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple, Self

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from accounts.models import Organization
from catalog.models import Plan, ProductGroup, Venture
from common.fields import AmountField, QuantityField, UnitPriceField
from common.periods import Period
from common.querysets import LockingQuerySet
from common.states import StatefulModel
from provisioning.models import Service, ServiceManager, Tenant, VendorReport


class SubscriptionQuerySet(LockingQuerySet["Subscription"]):
    def visible_to(self, user: Any) -> Self:
        return self.filter(consumer__in=Organization.objects.visible_to(user))

    def billable_in(self, period: Period) -> Self:
        """Subscriptions that ran on at least one day of ``period``."""
        return self.filter(started_on__lt=period.end).filter(Q(ended_on__isnull=True) | Q(ended_on__gt=period.start))


@pghistory.track()
class Subscription(StatefulModel):
    """The right to be served and billed: one per service. “Suspended” is read from the tenant's holds."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        ENDED = "ended", "Ended"

    MOVES: ClassVar = {"active": frozenset({"ended"}), "ended": frozenset()}

    number = models.CharField(max_length=20, unique=True, editable=False)
    service = models.OneToOneField(Service, models.PROTECT, related_name="subscription")
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="subscriptions")
    consumer = models.ForeignKey(Organization, models.PROTECT, related_name="subscriptions")
    plan_name = models.CharField(max_length=100, help_text="As it was when ordered.")
    billing_model = models.CharField(max_length=20)
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    quantity = models.PositiveIntegerField(default=1)
    # What it was sold at, in percent: wholesale is the MSP price less the partner discount, retail is wholesale plus the markup
    # less the retail discount.
    partner_discount_percent = models.DecimalField(max_digits=6, decimal_places=3, default=0)
    retail_markup_percent = models.DecimalField(max_digits=7, decimal_places=3, default=0)
    retail_discount_percent = models.DecimalField(max_digits=6, decimal_places=3, default=0)
    started_on = models.DateField(help_text="First day that is billed, in the MSP's time zone.")
    ended_on = models.DateField(null=True, blank=True, help_text="First day that is not billed any more.")
    order_number = models.CharField(max_length=20, help_text="The order it came from.")
    created_at = models.DateTimeField()

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=["active", "ended"]), name="subscription_status_known"),
            models.CheckConstraint(
                condition=Q(ended_on__isnull=True) | Q(ended_on__gte=F("started_on")),
                name="subscription_dates_ordered",
            ),
            models.CheckConstraint(
                condition=~Q(billing_model="pay_as_you_go") | Q(quantity=1),
                name="subscription_pay_as_you_go_quantity_1",
            ),
        ]

    def __str__(self) -> str:
        return self.number


@pghistory.track(pghistory.UpdateEvent(row=pghistory.Old))
class UsageRecord(models.Model):
    """
    A daily reading as the vendor's report gave it, in the vendor's unit (bytes, seconds, or a count).

    A later report that reads differently replaces it; what it replaced stays in the event table. `absolute` is
    the level at the day's end, `delta` what the day added. Only production usage is billed; trial usage is kept
    beside it.
    """

    # Millions of rows come in by one statement. A foreign key asks the other table once per row, which takes as long as all
    # the rest; the trigger below asks once per statement. The unique constraint serves as the tenant's index.
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="usage_records", db_constraint=False, db_index=False)
    item = models.CharField(max_length=100, help_text="Name of the offering item, or of the usage.")
    edition = models.CharField(max_length=50, blank=True)
    infra_id = models.CharField(max_length=36, blank=True)
    day = models.DateField()
    is_range = models.BooleanField(help_text="Billed by what was added, not by the level.")
    measurement_unit = models.CharField(max_length=20)
    absolute = QuantityField()
    delta = QuantityField()
    trial_absolute = QuantityField(default=0)
    trial_delta = QuantityField(default=0)
    report = models.ForeignKey(VendorReport, models.PROTECT, related_name="usage_records", db_constraint=False, db_index=False)
    report_line = models.BigIntegerField(help_text="Line of the report's file, the header being line 1.")

    class Meta:
        constraints = [
            # In this order it also finds a tenant's month. Days come in one after the other, so a block range finds a day.
            models.UniqueConstraint(fields=["tenant", "day", "item", "edition", "infra_id"], name="usagerecord_one_reading_a_day")
        ]
        indexes = [BrinIndex(fields=["day"], name="usagerecord_by_day")]
        triggers = [
            pgtrigger.Trigger(
                name="refers_to_rows",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="added"),
                func="""
                    IF EXISTS (
                        SELECT FROM (SELECT DISTINCT tenant_id, report_id FROM added) pair
                        WHERE NOT EXISTS (SELECT FROM provisioning_tenant WHERE id = pair.tenant_id FOR KEY SHARE)
                            OR NOT EXISTS (SELECT FROM provisioning_vendorreport WHERE id = pair.report_id FOR KEY SHARE)
                    ) THEN
                        RAISE EXCEPTION 'pgtrigger: usage of a tenant or report that is not there'
                            USING ERRCODE = 'foreign_key_violation';
                    END IF;
                    RETURN NULL;
                """,
            )
        ]

    def __str__(self) -> str:
        return f"{self.item} {self.day}"


class UnmappedUsage(models.Model):
    """A report line of a tenant that is not ours: kept and shown, never dropped."""

    service_manager = models.ForeignKey(ServiceManager, models.PROTECT, related_name="unmapped_usage")
    vendor_tenant_id = models.CharField(max_length=36)
    tenant_name = models.CharField(max_length=255, blank=True)
    item = models.CharField(max_length=100)
    edition = models.CharField(max_length=50, blank=True)
    infra_id = models.CharField(max_length=36, blank=True)
    day = models.DateField()
    measurement_unit = models.CharField(max_length=20)
    absolute = QuantityField()
    delta = QuantityField()
    report = models.ForeignKey(VendorReport, models.PROTECT, related_name="unmapped_usage")
    report_line = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "unmapped usage"
        constraints = [
            models.UniqueConstraint(
                fields=["service_manager", "vendor_tenant_id", "item", "edition", "infra_id", "day"],
                name="unmappedusage_one_reading_a_day",
            )
        ]

    def __str__(self) -> str:
        return f"{self.tenant_name}: {self.item} {self.day}"


class ExchangeRate(models.Model):
    """What one unit of `base` costs in `quote` from a date on, until the next rate of the pair."""

    base = models.CharField(max_length=3)
    quote = models.CharField(max_length=3)
    valid_from = models.DateField()
    rate = UnitPriceField(validators=[MinValueValidator(0)])

    class Meta:
        ordering = ["base", "quote", "-valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["base", "quote", "valid_from"], name="exchangerate_one_a_day"),
            models.CheckConstraint(condition=Q(rate__gt=0), name="exchangerate_positive"),
            models.CheckConstraint(condition=~Q(base=F("quote")), name="exchangerate_two_currencies"),
        ]

    def __str__(self) -> str:
        return f"1 {self.base} = {self.rate.normalize():f} {self.quote} from {self.valid_from}"


class RateCard(models.Model):
    """What a product group's items cost and sell for in a month. Never edited; a correction is a new version."""

    product_group = models.ForeignKey(ProductGroup, models.PROTECT, related_name="rate_cards")
    month = models.DateField(help_text="Its first day.")
    version = models.PositiveIntegerField()
    currency = models.CharField(max_length=3, help_text="Of the costs and prices on the card.")
    base_currency = models.CharField(max_length=3, help_text="The service provider's own.")
    exchange_rate = UnitPriceField(help_text="What one unit of the card's currency is in the base currency.")
    file_name = models.CharField(max_length=255)
    file_sha256 = models.CharField(max_length=64)
    imported_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    imported_at = models.DateTimeField()

    class Meta:
        ordering = ["-month", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["product_group", "month", "version"], name="ratecard_version_unique"),
            models.CheckConstraint(condition=Q(month__day=1), name="ratecard_month_is_a_first"),
            models.CheckConstraint(condition=Q(exchange_rate__gt=0), name="ratecard_exchange_rate_positive"),
        ]
        triggers = [pgtrigger.Protect(name="never_changes", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.product_group} {self.month:%Y-%m}, version {self.version}"


class Rate(models.Model):
    """One line of a rate card."""

    class Unit(models.TextChoices):
        GIB = "GiB", "GiB"
        UNIT = "unit", "Unit"
        HOUR = "hour", "Hour"

    class Aggregation(models.TextChoices):
        LAST = "last", "Level on the last day"
        MAX = "max", "Highest level"
        AVERAGE = "average", "Average of the daily levels"
        SUM = "sum", "Sum of what the days added"

    rate_card = models.ForeignKey(RateCard, models.CASCADE, related_name="rates")
    item = models.CharField(max_length=100)
    edition = models.CharField(max_length=50, blank=True)
    unit = models.CharField(max_length=10, choices=Unit)
    cost = UnitPriceField()
    price = UnitPriceField()
    aggregation = models.CharField(max_length=10, choices=Aggregation)
    line = models.PositiveIntegerField(help_text="Row of the sheet it came from.")

    class Meta:
        ordering = ["rate_card", "line"]
        constraints = [
            models.UniqueConstraint(fields=["rate_card", "item", "edition"], name="rate_unique"),
            models.CheckConstraint(condition=Q(cost__gte=0, price__gte=0), name="rate_not_negative"),
            models.CheckConstraint(condition=Q(unit__in=["GiB", "unit", "hour"]), name="rate_unit_known"),
            models.CheckConstraint(condition=Q(aggregation__in=["last", "max", "average", "sum"]), name="rate_aggregation_known"),
        ]
        triggers = [pgtrigger.Protect(name="never_changes", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.item


class BillingRun(StatefulModel):
    """What one seller's buyers owe for a month: computed, compared with what is billed, the difference written to drafts."""

    class Status(models.TextChoices):
        RUNNING = "running", "Running"
        FINISHED = "finished", "Finished"

    MOVES: ClassVar = {"running": frozenset({"finished"}), "finished": frozenset({"running"})}

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

    objects = LockingQuerySet.as_manager()

    class Meta:
        ordering = ["-period_start", "seller"]
        constraints = [
            models.UniqueConstraint(fields=["seller", "period_start", "period_end"], name="billingrun_one_per_seller_and_period"),
            models.CheckConstraint(condition=Q(status__in=["running", "finished"]), name="billingrun_status_known"),
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
        own = Organization.objects.filter(memberships__user=user)
        return self.filter(Q(seller__in=own) | Q(buyer__in=own, status=Invoice.Status.ISSUED))

    def drafts(self) -> Self:
        return self.filter(status=Invoice.Status.DRAFT)

    def issued(self) -> Self:
        return self.filter(status=Invoice.Status.ISSUED)


class TaxTotal(NamedTuple):
    """One tax of an invoice: taken once on the sum of the nets it applies to."""

    name: str
    percent: Decimal
    net: Decimal
    tax: Decimal


@pghistory.track()
class Invoice(StatefulModel):
    """What a buyer owes a seller for a period. Issuing numbers it and freezes it; a trigger refuses every later change."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        ISSUED = "issued", "Issued"

    MOVES: ClassVar = {"draft": frozenset({"issued"}), "issued": frozenset()}

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
    created_at = models.DateTimeField()

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        ordering = ["-period_start", "-pk"]
        permissions = [("issue_invoice", "Can issue invoices")]
        constraints = [
            models.UniqueConstraint(
                fields=["seller", "buyer", "venture", "currency", "period_start", "period_end"],
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
        return [TaxTotal(tax["name"], Decimal(tax["percent"]), Decimal(tax["net"]), Decimal(tax["tax"])) for tax in self.taxes]


class InvoiceLine(models.Model):
    """
    One amount of an invoice with everything it was made from.

    `working` holds the readings used, the rate and the chain of prices as decimal strings; the page that explains
    an amount reads only this. A later correction is a new line of a later invoice, never an edit.
    """

    invoice = models.ForeignKey(Invoice, models.CASCADE, related_name="lines")
    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="invoice_lines")
    position = models.PositiveIntegerField()
    item = models.CharField(max_length=100)
    edition = models.CharField(max_length=50, blank=True)
    description = models.CharField(max_length=300)
    period_start = models.DateField()
    period_end = models.DateField(help_text="The first day after.")
    quantity = QuantityField()
    unit = models.CharField(max_length=10)
    unit_price = UnitPriceField()
    net = AmountField()
    tax_percent = models.DecimalField(max_digits=6, decimal_places=3, help_text="Sum of the group's taxes.")
    working = models.JSONField()

    class Meta:
        ordering = ["invoice", "position"]
        constraints = [models.UniqueConstraint(fields=["invoice", "position"], name="invoiceline_position_unique")]
        indexes = [models.Index(fields=["subscription", "period_start", "item"], name="invoiceline_by_subscription")]
        triggers = [
            pgtrigger.Trigger(
                name="frozen_with_its_invoice",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                declare=[("frozen", "boolean")],
                func="""
                    SELECT bool_or(status = 'issued') INTO frozen FROM billing_invoice
                    WHERE (TG_OP <> 'INSERT' AND id = OLD.invoice_id) OR (TG_OP <> 'DELETE' AND id = NEW.invoice_id);
                    IF frozen THEN
                        RAISE EXCEPTION 'pgtrigger: lines of an issued invoice cannot be changed' USING ERRCODE = 'restrict_violation';
                    END IF;
                    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
                    RETURN NEW;
                """,  # noqa: E501
            )
        ]

    def __str__(self) -> str:
        return self.description

    @property
    def last_day(self) -> date:
        """The last day that is billed; what people write as “to”."""
        return self.period_end - timedelta(days=1)
