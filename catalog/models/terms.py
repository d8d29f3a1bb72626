"""Terms of use."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import Organization


class TermsDocument(models.Model):
    """
    A version of terms of use that a buyer accepts at checkout.

    Of each title the newest published version counts: the vendor's and the seller's. A reseller with terms of its own shows them to
    its customers instead of the MSP's. What is published never changes; a new version takes its place.
    """

    class Issuer(models.TextChoices):
        VENDOR = "vendor", "Vendor"
        SELLER = "seller", "Seller"

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
