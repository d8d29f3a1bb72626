"""Terms of use."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce

from accounts.models import Organization
from common.querysets import LockingQuerySet


class TermsDocumentQuerySet(LockingQuerySet["TermsDocument"]):
    def published(self, at: datetime) -> Self:
        return self.filter(published_at__lte=at)

    def versions_of(self, document: "TermsDocument") -> Self:
        """All versions of the same document, drafts among them."""
        return self.filter(issuer=document.issuer, reseller=document.reseller_id, title=document.title)

    def applying_to(self, buyer: Organization, at: datetime) -> Self:
        """
        The newest published version of each document that ``buyer`` accepts, the vendor's first.

        The vendor's are for everybody. A reseller's customer accepts the reseller's own where it has published any, everybody else
        the MSP's.
        """
        published = self.published(at)
        ours = Q(issuer=TermsDocument.Issuer.SELLER, reseller__isnull=True)
        if (reseller := buyer.reseller) is not None:
            own = TermsDocument.objects.published(at).filter(reseller=reseller)
            ours = Q(reseller=reseller) | (ours & Q(~Exists(own)))
        applying = published.filter(Q(issuer=TermsDocument.Issuer.VENDOR) | ours)
        return applying.order_by("-issuer", "title", "-published_at", "-pk").distinct("issuer", "title")

    def with_newer(self, at: datetime) -> Self:
        """Each with ``has_newer``: whether at ``at`` a version published later counts in its place."""
        newer = TermsDocument.objects.published(at).alias(whose=Coalesce("reseller", 0))
        later = Q(published_at__gt=OuterRef("published_at")) | Q(published_at=OuterRef("published_at"), pk__gt=OuterRef("pk"))
        same = {"issuer": OuterRef("issuer"), "title": OuterRef("title"), "whose": Coalesce(OuterRef("reseller"), 0)}
        return self.annotate(has_newer=Exists(newer.filter(later, **same)))


class TermsDocument(models.Model):
    """
    A version of terms of use that a buyer accepts at checkout.

    Of each title the newest published version counts: the vendor's and the seller's. A reseller with terms of its own shows them to
    its customers instead of the MSP's. What is published never changes; a new version takes its place.
    """

    class Issuer(models.TextChoices):
        VENDOR = "vendor", "Vendor"
        SELLER = "seller", "Seller"

    class State(models.TextChoices):
        """Computed from the time of publication."""

        DRAFT = "draft", "Draft"
        SCHEDULED = "scheduled", "Scheduled"
        PUBLISHED = "published", "Published"

    issuer = models.CharField(max_length=10, choices=Issuer, default=Issuer.SELLER, help_text="Whose terms they are.")
    reseller = models.ForeignKey(
        Organization,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="terms_documents",
        limit_choices_to={"kind": "reseller"},
        help_text="Whose customers accept them instead of yours. Empty: your own, or the vendor's.",
    )
    title = models.CharField(max_length=200, help_text="For example Acronis Terms of Use.")
    version = models.CharField(max_length=20)
    summary = models.CharField(
        "what is new", max_length=500, blank=True, help_text="Shown to buyers who accepted an earlier version."
    )
    text = models.TextField()
    published_at = models.DateTimeField(null=True, blank=True, help_text="From when it counts. Empty: a draft that nobody sees.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, editable=False, related_name="+")

    objects = TermsDocumentQuerySet.as_manager()

    class Meta:
        ordering = ["-published_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["reseller", "title", "version"], name="termsdocument_version_unique", nulls_distinct=False
            ),
            models.CheckConstraint(condition=Q(issuer__in=["vendor", "seller"]), name="termsdocument_issuer_known"),
            models.CheckConstraint(
                condition=Q(reseller__isnull=True) | Q(issuer="seller"), name="termsdocument_the_vendors_are_for_all"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title}, version {self.version}"

    def state(self, at: datetime) -> State:
        if self.published_at is None:
            return self.State.DRAFT
        return self.State.PUBLISHED if self.published_at <= at else self.State.SCHEDULED
