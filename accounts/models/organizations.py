"""Organizations, the people who act for them, and who may see whom."""

from datetime import date, datetime
from typing import Any, ClassVar, Self

import pghistory
import pgtrigger
from babel import Locale
from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Count, F, Q, Value
from django.db.models.functions import Lower

from common.fields import AmountField
from common.querysets import LockingQuerySet


class UserManager(BaseUserManager["User"]):
    """Makes users; the address they sign in with is their e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, **{**fields, "is_staff": True, "is_superuser": True})

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)

    def of_address(self, email: str) -> "User | None":
        """Return who signs in with ``email``, whatever its case; None where nobody does. Found by the index of the constraint."""
        return self.alias(address=Lower("email")).filter(address=Lower(Value(email))).first()


class User(AbstractUser):
    """A person. Staff of the MSP work in the BSS by their groups; everybody else acts for organizations by `Membership`."""

    username = None  # type: ignore[assignment]
    email = models.EmailField("e-mail address", error_messages={"unique": "A user with this e-mail address exists already."})

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    stands_for: int | None = None
    """The id of the one organization that counts in this request, where staff act as this person; None: all of the person's."""

    objects = UserManager()  # type: ignore[misc,assignment]

    class Meta(AbstractUser.Meta):
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_unique")]

    def __str__(self) -> str:
        return self.get_full_name() or self.email

    def own_memberships(self) -> "models.QuerySet[Membership]":
        """By which this person acts; where staff act as the person, the one they act by."""
        mine = Membership.objects.filter(user=self)
        return mine if self.stands_for is None else mine.filter(organization=self.stands_for)


class OrganizationQuerySet(LockingQuerySet["Organization"]):
    def visible_to(self, user: Any) -> Self:
        """MSP staff see all, a reseller itself and its customers, a customer itself, a stranger nothing."""
        if not user.is_authenticated:
            return self.none()
        if user.is_staff:
            return self
        own = user.own_memberships().values("organization")
        return self.filter(Q(pk__in=own) | Q(parent__in=own, parent__kind=Organization.Kind.RESELLER))

    def resellers(self) -> Self:
        return self.filter(kind=Organization.Kind.RESELLER)

    def matching(self, words: str) -> Self:
        """Those whose name or billing e-mail contains ``words``, or whose number they are; all where there are none."""
        if not words:
            return self
        return self.filter(Q(name__icontains=words) | Q(number__iexact=words) | Q(billing_email__icontains=words))

    def with_people(self) -> Self:
        """Each with ``people``: how many act for it."""
        return self.annotate(people=Count("memberships"))

    def consumers(self) -> Self:
        """Those who use what is sold: direct customers and resellers' customers."""
        return self.filter(kind=Organization.Kind.CUSTOMER)


@pghistory.track()
class Organization(models.Model):
    """The MSP, a reseller under it, or a customer under the MSP (direct) or under a reseller; no deeper."""

    class Kind(models.TextChoices):
        MSP = "msp", "MSP"
        RESELLER = "reseller", "Reseller"
        CUSTOMER = "customer", "Customer"

    class TaxTreatment(models.TextChoices):
        AUTOMATIC = "automatic", "Automatic, by country and VAT id"
        TAXED = "taxed", "Always taxed"
        REVERSE_CHARGE = "reverse_charge", "Reverse charge"
        EXEMPT = "exempt", "Exempt"

    number = models.CharField(max_length=20, unique=True, editable=False, help_text="What people quote; given once.")
    kind = models.CharField(max_length=10, choices=Kind)
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    name = models.CharField(max_length=200)
    currency = models.CharField(max_length=3, default="EUR", help_text="ISO 4217; what this organization is invoiced in.")
    country = models.CharField(max_length=2, default="DE", help_text="ISO 3166, two letters.")
    time_zone = models.CharField(
        max_length=50, default="Europe/Berlin", help_text="Where its days begin, for example Europe/Berlin."
    )
    language = models.CharField(max_length=10, default="en", help_text="Language of mails and invoices.")
    billing_email = models.EmailField("billing e-mail", help_text="Invoices go here.")
    address_line1 = models.CharField("address", max_length=200, blank=True)
    address_line2 = models.CharField("address, second line", max_length=200, blank=True)
    postcode = models.CharField(max_length=20, blank=True)
    city = models.CharField(max_length=100, blank=True)
    tax_id = models.CharField("VAT id", max_length=30, blank=True)
    tax_treatment = models.CharField(
        max_length=20,
        choices=TaxTreatment,
        default=TaxTreatment.AUTOMATIC,
        help_text="How what it buys is taxed; automatic goes by the countries and the VAT id.",
    )
    tax_exemption_reason = models.CharField(
        max_length=300, blank=True, help_text="Printed on its invoices where it is exempt, for example the law that says so."
    )
    ledger_code = models.CharField(
        "debtor account", max_length=20, blank=True, help_text="In your accounting; empty: its number here."
    )
    payment_terms_days = models.PositiveSmallIntegerField(default=14, validators=[MaxValueValidator(365)])
    payment_details = models.TextField(
        blank=True, help_text="How buyers pay this seller: bank, IBAN, BIC. Printed on its invoices."
    )
    sign_up_is_open = models.BooleanField(
        "visitors may sign up",
        default=True,
        help_text="As its customers, by themselves. What they order waits until a person executes it.",
    )
    orders_execute_automatically = models.BooleanField(default=True, help_text="Off: an account manager executes each order.")
    credit_limit = AmountField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="What it may owe its seller, in its currency: unpaid invoices and what was used since. Orders above it are held."
        " Empty: unlimited.",
    )
    approves_customer_orders = models.BooleanField(
        "approves its customers' orders", default=False, help_text="Of a reseller: what its customers order waits for its approval."
    )
    created_at = models.DateTimeField()
    facts_changed_at = models.DateTimeField(
        null=True, editable=False, help_text="When name, address, language or billing e-mail last changed; the vendor is told."
    )

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(F("kind"), condition=Q(kind="msp"), name="organization_one_msp"),
            models.CheckConstraint(condition=Q(kind__in=["msp", "reseller", "customer"]), name="organization_kind_known"),
            models.CheckConstraint(
                condition=Q(kind="msp", parent__isnull=True) | (~Q(kind="msp") & Q(parent__isnull=False)),
                name="organization_parent_but_for_the_msp",
            ),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="organization_currency_iso"),
            models.CheckConstraint(
                condition=Q(tax_treatment__in=["automatic", "taxed", "reverse_charge", "exempt"]),
                name="organization_tax_treatment_known",
            ),
            models.CheckConstraint(
                condition=Q(credit_limit__isnull=True) | Q(credit_limit__gte=0), name="organization_credit_limit_not_negative"
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="parent_is_of_the_right_kind",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("parent_id", "kind"),
                declare=[("parent_kind", "text")],
                func="""
                    SELECT kind INTO parent_kind FROM accounts_organization WHERE id = NEW.parent_id;
                    IF NEW.kind = 'reseller' AND parent_kind <> 'msp' THEN
                        RAISE EXCEPTION 'a reseller belongs to the MSP' USING ERRCODE = 'check_violation';
                    END IF;
                    IF NEW.kind = 'customer' AND parent_kind NOT IN ('msp', 'reseller') THEN
                        RAISE EXCEPTION 'a customer belongs to the MSP or to a reseller' USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def reseller(self) -> "Organization | None":
        """The reseller this customer belongs to; None for all others."""
        if self.kind == self.Kind.CUSTOMER and self.parent is not None and self.parent.kind == self.Kind.RESELLER:
            return self.parent
        return None

    @property
    def address_lines(self) -> list[str]:
        """The postal address as it is printed, without empty lines."""
        country = Locale("en").territories.get(self.country, self.country)
        lines = [self.address_line1, self.address_line2, f"{self.postcode} {self.city}".strip(), country]
        return [line for line in lines if line]

    def billing_snapshot(self) -> dict[str, Any]:
        """What an order or an invoice copies of this organization, as plain JSON."""
        return {
            "number": self.number,
            "name": self.name,
            "address": self.address_lines,
            "line1": self.address_line1,
            "line2": self.address_line2,
            "postcode": self.postcode,
            "city": self.city,
            "country": self.country,
            "language": self.language,
            "currency": self.currency,
            "tax_id": self.tax_id,
            "billing_email": self.billing_email,
            "payment_details": self.payment_details,
        }


@pghistory.track()
class Membership(models.Model):
    """What a person may do for an organization."""

    class Role(models.TextChoices):
        VIEWER = "viewer", "Viewer: sees everything, changes nothing"
        BUYER = "buyer", "Buyer: orders and manages services"
        ADMINISTRATOR = "administrator", "Administrator: also billing information"

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=15, choices=Role, default=Role.BUYER)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "organization"], name="membership_unique"),
            models.CheckConstraint(condition=Q(role__in=["viewer", "buyer", "administrator"]), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} for {self.organization}"

    @property
    def may_order(self) -> bool:
        return self.role in (self.Role.BUYER, self.Role.ADMINISTRATOR)

    @property
    def may_edit_billing(self) -> bool:
        return self.role == self.Role.ADMINISTRATOR

    @property
    def may_manage_people(self) -> bool:
        return self.role == self.Role.ADMINISTRATOR


class InvitationQuerySet(LockingQuerySet["Invitation"]):
    def open(self, at: datetime) -> Self:
        """Those that can still be accepted at ``at``."""
        return self.unanswered().filter(expires_at__gt=at)

    def unanswered(self) -> Self:
        """Neither accepted nor revoked; among them those whose time ran out, which can be sent again."""
        return self.filter(accepted_at__isnull=True, revoked_at__isnull=True)


@pghistory.track(exclude=["token_hash"])
class Invitation(models.Model):
    """Asks a person by mail to act for an organization. Of the link only a hash is kept; the newest mail's link counts."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="invitations")
    email = models.EmailField("e-mail address")
    role = models.CharField(max_length=15, choices=Membership.Role, default=Membership.Role.BUYER)
    token_hash = models.CharField(
        max_length=64, unique=True, editable=False, help_text="SHA-256 of what stands in the link, in hex."
    )
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-sent_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                F("organization"),
                Lower("email"),
                condition=Q(accepted_at__isnull=True, revoked_at__isnull=True),
                name="invitation_one_open",
            ),
            models.CheckConstraint(condition=Q(role__in=["viewer", "buyer", "administrator"]), name="invitation_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.email} for {self.organization}"

    def is_open(self, at: datetime) -> bool:
        """Whether it can still be accepted at ``at``."""
        return self.accepted_at is None and self.revoked_at is None and self.expires_at > at


def local_date(moment: datetime, organization: Organization) -> date:
    """Return the date of ``moment`` where ``organization`` keeps its days."""
    from zoneinfo import ZoneInfo

    return moment.astimezone(ZoneInfo(organization.time_zone)).date()
