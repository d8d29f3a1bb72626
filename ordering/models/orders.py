"""Orders: a person's wish that moves everything below."""

import uuid
from datetime import datetime
from typing import Any, ClassVar, Self

import pghistory
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from accounts.models import ApiToken, Organization
from billing.models import Subscription
from catalog.models import Plan, Term
from common.querysets import LockingQuerySet
from common.states import StatefulModel
from ordering.models.baskets import LARGEST_QUANTITY, Basket
from provisioning.models import FileSyncModel, ProtectionModel, Service, TenantUser


class OrderQuerySet(LockingQuerySet["Order"]):
    def visible_to(self, user: Any) -> Self:
        """Buyers and consumers see their orders; a reseller also those of its customers; staff all, and only they drafts."""
        seen = Organization.objects.visible_to(user)
        visible = self.filter(Q(buyer__in=seen) | Q(consumer__in=seen))
        return visible if user.is_authenticated and user.is_staff else visible.exclude(status=Order.Status.DRAFT)

    def of(self, organization: Organization) -> Self:
        """What ``organization`` ordered or uses; of a reseller also what its customers did. Drafts are not ordered yet."""
        own = Q(buyer=organization) | Q(consumer=organization)
        if organization.kind == Organization.Kind.RESELLER:
            own |= Q(consumer__parent=organization)
        return self.filter(own).exclude(status=Order.Status.DRAFT)

    def found_by(self, text: str) -> Self:
        """Orders whose number, reference, consumer or product holds ``text``."""
        matches = Q(number__icontains=text) | Q(purchase_order__icontains=text) | Q(consumer__name__icontains=text)
        return self.filter(matches | Q(pk__in=OrderLine.objects.filter(plan_name__icontains=text).values("order")))

    def to_approve(self) -> Self:
        """What waits for the reseller's approval."""
        return self.filter(status=Order.Status.HELD, held_for=Order.HeldFor.APPROVAL)

    def to_execute(self) -> Self:
        """What an account manager has to look at next: placed and waiting, held, or failed."""
        return self.filter(status__in=[Order.Status.PLACED, Order.Status.HELD, Order.Status.FAILED])


@pghistory.track()
class Order(StatefulModel):
    """What was ordered, by whom, for whom; its lines copy names and settings as they were."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        PLACED = "placed", "Waiting for execution"
        HELD = "held", "Held"
        AWAITING_PAYMENT = "awaiting_payment", "Waiting for payment"
        EXECUTING = "executing", "In progress"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    MOVES: ClassVar = {
        "draft": frozenset({"placed", "cancelled"}),
        "placed": frozenset({"held", "executing", "awaiting_payment", "cancelled"}),
        "held": frozenset({"placed", "cancelled"}),
        "awaiting_payment": frozenset({"executing", "cancelled"}),
        "executing": frozenset({"completed", "failed"}),
        "failed": frozenset({"executing", "awaiting_payment", "cancelled"}),
        "completed": frozenset(),
        "cancelled": frozenset(),
    }

    class Source(models.TextChoices):
        STOREFRONT = "storefront", "Storefront"
        BSS = "bss", "BSS"
        API = "api", "API"

    class HeldFor(models.TextChoices):
        """What an order waits for before it can be executed."""

        APPROVAL = "approval", "The reseller's approval"
        CREDIT_LIMIT = "credit_limit", "Release: over the credit limit"

    number = models.CharField(max_length=20, unique=True, editable=False)
    basket = models.OneToOneField(Basket, models.PROTECT, null=True, related_name="order")
    key = models.UUIDField(
        default=uuid.uuid4, unique=True, editable=False, help_text="Of the form it came from: sent twice, one order."
    )
    source = models.CharField(max_length=10, choices=Source)
    buyer = models.ForeignKey(Organization, models.PROTECT, related_name="orders")
    consumer = models.ForeignKey(Organization, models.PROTECT, related_name="orders_for")
    placed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="orders", help_text="Empty: a program, by its token."
    )
    api_token = models.ForeignKey(ApiToken, models.PROTECT, null=True, related_name="+", help_text="Of the program that placed it.")
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="assigned_orders",
        help_text="The member of staff who looks after it.",
    )
    status = models.CharField(max_length=20, choices=Status, default=Status.PLACED)
    held_for = models.CharField(max_length=20, choices=HeldFor, blank=True)
    held_because = models.CharField(max_length=500, blank=True, help_text="In a sentence, as buyer and staff read it.")
    let_through = ArrayField(
        models.CharField(max_length=20, choices=HeldFor),
        default=list,
        help_text="What it was held for and somebody allowed; it is not held for that again.",
    )
    cancelled_because = models.CharField(max_length=500, blank=True)
    currency = models.CharField(max_length=3)
    billing_copy = models.JSONField(default=dict, help_text="The buyer's billing information as confirmed.")
    purchase_order = models.CharField("your reference", max_length=50, blank=True)
    placed_at = models.DateTimeField()
    placed_from = models.GenericIPAddressField("placed from", null=True, help_text="Network address of the person who ordered.")
    executed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    completed_at = models.DateTimeField(null=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        permissions = [
            ("execute_order", "Can create, execute, retry and cancel orders"),
            ("release_order", "Can release orders over the credit limit"),
            ("override_price", "Can sell at another price than the price list's"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    status__in=["draft", "placed", "held", "awaiting_payment", "executing", "completed", "failed", "cancelled"]
                ),
                name="order_status_known",
            ),
            models.CheckConstraint(condition=Q(source__in=["storefront", "bss", "api"]), name="order_source_known"),
            models.CheckConstraint(
                condition=Q(status="held", held_for__in=["approval", "credit_limit"]) | (~Q(status="held") & Q(held_for="")),
                name="order_held_for_something",
            ),
            models.CheckConstraint(
                condition=Q(placed_by__isnull=False) | Q(api_token__isnull=False), name="order_placed_by_somebody"
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def placer(self) -> str:
        """Who placed it, as people read it: a person, or a program by the name of its token."""
        return str(self.placed_by or self.api_token)


class OrderToExecute(Order):
    """The account manager's queue: a proxy with its own page."""

    class Meta:
        proxy = True
        verbose_name = "order to execute"
        verbose_name_plural = "orders to execute"


class OrderLineQuerySet(LockingQuerySet["OrderLine"]):
    def unfinished(self) -> Self:
        """Lines that are, or may yet be, carried out: waiting, in progress, or failed and not given up. Drafts reserve nothing."""
        open_ones = self.filter(status__in=[OrderLine.Status.WAITING, OrderLine.Status.EXECUTING, OrderLine.Status.FAILED])
        return open_ones.exclude(order__status=Order.Status.DRAFT)

    def amendments(self) -> Self:
        """Lines that change a subscription there is."""
        return self.exclude(kind=OrderLine.Kind.NEW)

    def due(self, at: datetime) -> Self:
        """Lines to be executed now. One that a worker is on at this moment is due too; `execution` lets only one in."""
        return self.filter(status=OrderLine.Status.EXECUTING, next_try_at__lte=at)


@pghistory.track()
class OrderLine(StatefulModel):
    """One thing ordered, and how far its execution has come. The row knows what is due; a lost message costs seconds."""

    class Kind(models.TextChoices):
        NEW = "new", "New service"
        QUANTITY = "quantity", "Other quantity"
        PLAN = "plan", "Other plan"
        TERM = "term", "Other term"
        CANCEL = "cancel", "Cancellation"

    class Ends(models.TextChoices):
        """When a cancellation takes effect."""

        NOW = "now", "Now"
        AT_END_OF_TERM = "at_end_of_term", "At the end of the term"

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        EXECUTING = "executing", "In progress"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    MOVES: ClassVar = {
        "waiting": frozenset({"executing", "cancelled"}),
        "executing": frozenset({"completed", "failed"}),
        "failed": frozenset({"executing", "cancelled"}),
        "completed": frozenset(),
        "cancelled": frozenset(),
    }

    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.NEW)
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="order_lines")
    plan_name = models.CharField(max_length=100)
    billing_model = models.CharField(max_length=20)
    quantity = models.PositiveIntegerField(default=1, validators=[MinValueValidator(1), MaxValueValidator(LARGEST_QUANTITY)])
    term_months = models.PositiveSmallIntegerField("term", default=Term.MONTH, choices=Term)
    prices = models.JSONField(
        default=list,
        blank=True,
        help_text="What each level of the sale is invoiced at, for one unit and the term; empty where it is priced by use.",
    )
    module_wish = models.JSONField(
        default=dict, blank=True, help_text="The plan's module setting as it was sold, in the vendor's units, for quantity 1."
    )
    protection_model = models.CharField("Protection Licensing Model", max_length=20, choices=ProtectionModel)
    file_sync_model = models.CharField("File Sync & Share Licensing Model", max_length=20, choices=FileSyncModel)
    price_reason = models.CharField(max_length=300, blank=True, help_text="Why it is sold at another price than the list's.")
    price_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", help_text="Who set another price than the list's."
    )
    quote = models.JSONField(default=dict, blank=True, help_text="Of an amendment: what it was quoted at, as it was shown.")
    before = models.JSONField(
        default=dict,
        blank=True,
        help_text="Of an amendment: what the service was when the vendor was first told otherwise; put back where it refuses.",
    )
    ends = models.CharField(max_length=15, choices=Ends, blank=True, help_text="Of a cancellation: when it takes effect.")
    partner_discount_percent = models.DecimalField(max_digits=6, decimal_places=3, default=0)
    retail_markup_percent = models.DecimalField(max_digits=7, decimal_places=3, default=0)
    retail_discount_percent = models.DecimalField(max_digits=6, decimal_places=3, default=0)
    login = models.CharField("login user name", max_length=200, blank=True)
    email = models.EmailField("e-mail", blank=True)
    role = models.CharField(max_length=20, choices=TenantUser.Role, default=TenantUser.Role.COMPANY_ADMINISTRATOR, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=1000, blank=True)
    service = models.ForeignKey(Service, models.PROTECT, null=True, related_name="order_lines")
    subscription = models.ForeignKey(Subscription, models.PROTECT, null=True, related_name="order_lines")

    objects = OrderLineQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["next_try_at"], condition=Q(status="executing"), name="orderline_due")]
        constraints = [
            models.CheckConstraint(
                condition=Q(quantity=1, term_months=1) | ~Q(billing_model="pay_as_you_go"),
                name="orderline_pay_as_you_go_quantity_1",
            ),
            models.CheckConstraint(condition=Q(quantity__gte=1, quantity__lte=LARGEST_QUANTITY), name="orderline_quantity_sane"),
            models.CheckConstraint(condition=Q(term_months__in=Term.values), name="orderline_term_known"),
            # What is sold at a fixed price says which, or it could never be invoiced.
            models.CheckConstraint(
                condition=Q(billing_model="pay_as_you_go") | ~Q(prices=[]) | Q(kind="cancel"), name="orderline_fixed_has_prices"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["waiting", "executing", "completed", "failed", "cancelled"]),
                name="orderline_status_known",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["new", "quantity", "plan", "term", "cancel"]), name="orderline_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(kind="new") | Q(subscription__isnull=False, service__isnull=False),
                name="orderline_amends_a_subscription",
            ),
            models.CheckConstraint(
                condition=Q(kind="cancel", ends__in=["now", "at_end_of_term"]) | (~Q(kind="cancel") & Q(ends="")),
                name="orderline_cancellation_says_when",
            ),
            models.CheckConstraint(
                condition=Q(price_reason="", price_by__isnull=True) | (~Q(price_reason="") & Q(price_by__isnull=False)),
                name="orderline_other_price_has_a_reason",
            ),
            # Two changes of one subscription under way would each put back what the other one did.
            models.UniqueConstraint(
                fields=["subscription"],
                condition=~Q(kind="new") & Q(status__in=["waiting", "executing"]),
                name="orderline_one_amendment_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return self.plan_name
