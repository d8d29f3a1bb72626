"""Order URLs: an address per plan, term and seller that fills the visitor's basket."""

from django.db import models
from django.db.models import Q

from accounts.models import Organization
from catalog.models.prices import Term
from common.querysets import LockingQuerySet


class OrderUrl(models.Model):
    """
    “Unique URLs per plan per billing frequency” (seed text, 004), for the MSP's storefront or for a partner's.

    Made when settings and price are saved, and kept: what was printed somewhere always leads here, if only to a sentence.
    """

    code = models.CharField(max_length=20, unique=True, editable=False, help_text="The last part of its address.")
    plan = models.ForeignKey("catalog.Plan", models.CASCADE, related_name="order_urls")
    reseller = models.ForeignKey(
        Organization, models.CASCADE, null=True, blank=True, related_name="order_urls", help_text="Empty: the MSP's own storefront."
    )
    term_months = models.PositiveSmallIntegerField("term", choices=Term)
    is_active = models.BooleanField("on", default=True, help_text="Off: who follows it is told that it is not in use.")
    created_at = models.DateTimeField()

    objects = LockingQuerySet.as_manager()

    class Meta:
        verbose_name = "order URL"
        ordering = ["plan", "reseller", "term_months"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "reseller", "term_months"], nulls_distinct=False, name="orderurl_unique"),
            models.CheckConstraint(condition=Q(term_months__in=Term.values), name="orderurl_term_known"),
        ]

    def __str__(self) -> str:
        return self.path

    @property
    def path(self) -> str:
        return f"/order/{self.code}/"
