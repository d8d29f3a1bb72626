"""Terms of use."""

from datetime import datetime
from typing import Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce

from accounts.models import Organization
from common.querysets import LockingQuerySet


class TermsDocumentQuerySet(LockingQuerySet["TermsDocument"]):
    def published(self, at: datetime) -> Self:
        return self.filter(published_at__lte=at)

    def in_force(self, at: datetime) -> Self:
        """What is published and not retired: of each title the newest of these counts."""
        return self.published(at).filter(Q(retired_at__isnull=True) | Q(retired_at__gt=at))

    def versions_of(self, document: "TermsDocument") -> Self:
        """All versions of the same document, drafts among them."""
        return self.filter(issuer=document.issuer, reseller=document.reseller_id, title=document.title)

    def applying_to(self, buyer: Organization, at: datetime) -> Self:
        """
        The newest version in force of each document that ``buyer`` accepts, the vendor's first.

        The vendor's are for everybody. A reseller's customer accepts the reseller's own where it has any in force, everybody else
        the MSP's.
        """
        in_force = self.in_force(at)
        ours = Q(issuer=TermsDocument.Issuer.SELLER, reseller__isnull=True)
        if (reseller := buyer.reseller) is not None:
            own = TermsDocument.objects.in_force(at).filter(reseller=reseller)
            ours = Q(reseller=reseller) | (ours & Q(~Exists(own)))
        applying = in_force.filter(Q(issuer=TermsDocument.Issuer.VENDOR) | ours)
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
        """Computed from the times of publication and retirement."""

        DRAFT = "draft", "Draft"
        SCHEDULED = "scheduled", "Scheduled"
        PUBLISHED = "published", "Published"
        RETIRED = "retired", "Retired"

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
    retired_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="From when nobody is asked to accept it any more. Empty: it counts."
    )
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
            models.CheckConstraint(
                condition=Q(retired_at__isnull=True) | Q(published_at__isnull=False, retired_at__gte=F("published_at")),
                name="termsdocument_retired_once_published",
            ),
        ]
        triggers = [
            # Buyers accepted these very words, on that day. What is only scheduled may become a draft again, and is edited then.
            pgtrigger.Trigger(
                name="published_never_changes",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__published_at__isnull=False),
                func="""
                    IF TG_OP = 'DELETE' THEN
                        RAISE EXCEPTION 'pgtrigger: published terms are never deleted';
                    END IF;
                    IF (NEW.id, NEW.issuer, NEW.reseller_id, NEW.title, NEW.version, NEW.summary, NEW.text, NEW.created_by_id)
                        IS DISTINCT FROM
                        (OLD.id, OLD.issuer, OLD.reseller_id, OLD.title, OLD.version, OLD.summary, OLD.text, OLD.created_by_id)
                    THEN
                        RAISE EXCEPTION 'pgtrigger: published terms never change';
                    END IF;
                    IF NEW.published_at IS DISTINCT FROM OLD.published_at AND OLD.published_at <= now() THEN
                        RAISE EXCEPTION 'pgtrigger: what is published stays so from that moment on';
                    END IF;
                    IF OLD.retired_at IS NOT NULL AND NEW.retired_at IS DISTINCT FROM OLD.retired_at THEN
                        RAISE EXCEPTION 'pgtrigger: terms that are retired stay so';
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return f"{self.title}, version {self.version}"

    def state(self, at: datetime) -> State:
        if self.published_at is None:
            return self.State.DRAFT
        if self.retired_at is not None and self.retired_at <= at:
            return self.State.RETIRED
        return self.State.PUBLISHED if self.published_at <= at else self.State.SCHEDULED

    def is_out(self, at: datetime) -> bool:
        """Say whether it was published, so that its words stay for ever."""
        return self.published_at is not None and self.published_at <= at
