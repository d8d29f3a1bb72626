"""Baskets and orders: a person's wish that moves everything below."""

import uuid
from datetime import datetime
from typing import Any, ClassVar, Self

import pghistory
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from accounts.models import Organization
from billing.models import Subscription
from catalog.models import Plan, Term, TermsDocument
from common.querysets import LockingQuerySet
from common.states import StatefulModel
from provisioning.models import FileSyncModel, ProtectionModel, Service, TenantUser

LARGEST_QUANTITY = 10_000


def largest_quantity(plan: Plan) -> int:
    """Return the largest quantity that ``plan`` is ordered with; what is metered, or sold singly, is ordered once."""
    return LARGEST_QUANTITY if plan.is_fixed and plan.quantity_is_enabled else 1


class BasketQuerySet(LockingQuerySet["Basket"]):
    def visible_to(self, user: Any) -> Self:
        """A basket belongs to the person who filled it, while that person still acts for its buyer."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(owner=user, buyer__in=Organization.objects.visible_to(user))

    def open(self) -> Self:
        return self.filter(ordered_at__isnull=True)


class Basket(models.Model):
    """What a person is about to order for one consumer. It becomes exactly one order."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="baskets")
    buyer = models.ForeignKey(Organization, models.CASCADE, related_name="baskets", help_text="Who orders and pays.")
    consumer = models.ForeignKey(
        Organization,
        models.CASCADE,
        null=True,
        related_name="+",
        help_text="Who will use it; empty until a reseller has chosen.",
    )
    terms_accepted_at = models.DateTimeField(null=True)
    billing_confirmed_at = models.DateTimeField(null=True)
    login = models.CharField("login user name", max_length=200, blank=True)
    email = models.EmailField("e-mail", blank=True)
    created_at = models.DateTimeField()
    ordered_at = models.DateTimeField(null=True, help_text="When it became an order; from then on it is never edited.")

    objects = BasketQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "buyer"], condition=Q(ordered_at__isnull=True), name="basket_one_open")
        ]

    def __str__(self) -> str:
        return str(self.key)


class BasketLine(models.Model):
    basket = models.ForeignKey(Basket, models.CASCADE, related_name="lines")
    plan = models.ForeignKey(Plan, models.CASCADE, related_name="+")
    quantity = models.PositiveIntegerField(default=1, validators=[MinValueValidator(1), MaxValueValidator(LARGEST_QUANTITY)])
    term_months = models.PositiveSmallIntegerField("term", default=Term.MONTH, choices=Term)
    protection_model = models.CharField("Protection Licensing Model", max_length=20, choices=ProtectionModel, blank=True)
    file_sync_model = models.CharField("File Sync & Share Licensing Model", max_length=20, choices=FileSyncModel, blank=True)
    told_price = models.JSONField(
        default=dict,
        blank=True,
        help_text="What one unit costs the buyer for the term, as the buyer was last told; empty where it is priced by use.",
    )

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["basket", "plan"], name="basketline_plan_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1, quantity__lte=LARGEST_QUANTITY), name="basketline_quantity_sane"),
            models.CheckConstraint(condition=Q(term_months__in=Term.values), name="basketline_term_known"),
        ]

    def __str__(self) -> str:
        return f"{self.plan}"


class OrderQuerySet(LockingQuerySet["Order"]):
    def visible_to(self, user: Any) -> Self:
        """Buyers and consumers see their orders; a reseller also those of its customers; staff all."""
        seen = Organization.objects.visible_to(user)
        return self.filter(Q(buyer__in=seen) | Q(consumer__in=seen))

    def of(self, organization: Organization) -> Self:
        """What ``organization`` ordered or uses; of a reseller also what its customers did."""
        own = Q(buyer=organization) | Q(consumer=organization)
        if organization.kind == Organization.Kind.RESELLER:
            own |= Q(consumer__parent=organization)
        return self.filter(own)

    def found_by(self, text: str) -> Self:
        """Orders whose number, reference, consumer or product holds ``text``."""
        matches = Q(number__icontains=text) | Q(purchase_order__icontains=text) | Q(consumer__name__icontains=text)
        return self.filter(matches | Q(pk__in=OrderLine.objects.filter(plan_name__icontains=text).values("order")))

    def to_execute(self) -> Self:
        """What an account manager has to look at next: placed and waiting, or failed."""
        return self.filter(status__in=[Order.Status.PLACED, Order.Status.FAILED])


@pghistory.track()
class Order(StatefulModel):
    """What was ordered, by whom, for whom; its lines copy names and settings as they were."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        PLACED = "placed", "Waiting for execution"
        AWAITING_PAYMENT = "awaiting_payment", "Waiting for payment"
        EXECUTING = "executing", "In progress"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    MOVES: ClassVar = {
        "draft": frozenset({"placed", "cancelled"}),
        "placed": frozenset({"executing", "awaiting_payment", "cancelled"}),
        "awaiting_payment": frozenset({"executing", "cancelled"}),
        "executing": frozenset({"completed", "failed"}),
        "failed": frozenset({"executing", "cancelled"}),
        "completed": frozenset(),
        "cancelled": frozenset(),
    }

    class Source(models.TextChoices):
        STOREFRONT = "storefront", "Storefront"
        BSS = "bss", "BSS"

    number = models.CharField(max_length=20, unique=True, editable=False)
    basket = models.OneToOneField(Basket, models.PROTECT, null=True, related_name="order")
    key = models.UUIDField(
        default=uuid.uuid4, unique=True, editable=False, help_text="Of the form it came from: sent twice, one order."
    )
    source = models.CharField(max_length=10, choices=Source)
    buyer = models.ForeignKey(Organization, models.PROTECT, related_name="orders")
    consumer = models.ForeignKey(Organization, models.PROTECT, related_name="orders_for")
    placed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="orders")
    status = models.CharField(max_length=20, choices=Status, default=Status.PLACED)
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
        permissions = [("execute_order", "Can execute, retry and cancel orders")]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["draft", "placed", "awaiting_payment", "executing", "completed", "failed", "cancelled"]),
                name="order_status_known",
            ),
            models.CheckConstraint(condition=Q(source__in=["storefront", "bss"]), name="order_source_known"),
        ]

    def __str__(self) -> str:
        return self.number


class OrderToExecute(Order):
    """The account manager's queue: a proxy with its own page."""

    class Meta:
        proxy = True
        verbose_name = "order to execute"
        verbose_name_plural = "orders to execute"


class OrderLineQuerySet(LockingQuerySet["OrderLine"]):
    def unfinished(self) -> Self:
        """Lines that are, or may yet be, carried out: waiting, in progress, or failed and not given up."""
        return self.filter(status__in=[OrderLine.Status.WAITING, OrderLine.Status.EXECUTING, OrderLine.Status.FAILED])

    def due(self, at: datetime) -> Self:
        """Lines to be executed now. One that a worker is on at this moment is due too; `execution` lets only one in."""
        return self.filter(status=OrderLine.Status.EXECUTING, next_try_at__lte=at)


@pghistory.track()
class OrderLine(StatefulModel):
    """One thing ordered, and how far its execution has come. The row knows what is due; a lost message costs seconds."""

    class Kind(models.TextChoices):
        NEW = "new", "New service"

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
            models.CheckConstraint(condition=Q(billing_model="pay_as_you_go") | ~Q(prices=[]), name="orderline_fixed_has_prices"),
            models.CheckConstraint(
                condition=Q(status__in=["waiting", "executing", "completed", "failed", "cancelled"]),
                name="orderline_status_known",
            ),
            models.CheckConstraint(condition=Q(kind__in=["new"]), name="orderline_kind_known"),
        ]

    def __str__(self) -> str:
        return self.plan_name


class TermsAcceptance(models.Model):
    """Who accepted which version of which terms, when and from where. Never edited."""

    basket = models.ForeignKey(Basket, models.PROTECT, related_name="terms_acceptances")
    document = models.ForeignKey(TermsDocument, models.PROTECT, related_name="acceptances")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    accepted_at = models.DateTimeField()
    address = models.GenericIPAddressField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["basket", "document"], name="termsacceptance_once")]

    def __str__(self) -> str:
        return f"{self.document} by {self.person}"
