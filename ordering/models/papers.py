"""What was agreed to and what was offered: accepted terms of use, and quotes."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from catalog.models import TermsDocument
from ordering.models.baskets import Basket
from ordering.models.orders import Order


class TermsAcceptance(models.Model):
    """Who accepted which version of which terms, when and from where: at the checkout, or by a program. Never edited."""

    basket = models.ForeignKey(Basket, models.PROTECT, null=True, related_name="terms_acceptances")
    order = models.ForeignKey(
        Order, models.PROTECT, null=True, related_name="terms_acceptances", help_text="Of an order that had no basket."
    )
    document = models.ForeignKey(TermsDocument, models.PROTECT, related_name="acceptances")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", help_text="Empty: a program, by the order's token."
    )
    accepted_at = models.DateTimeField()
    address = models.GenericIPAddressField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["basket", "document"], name="termsacceptance_once"),
            models.UniqueConstraint(fields=["order", "document"], name="termsacceptance_once_an_order"),
            models.CheckConstraint(
                condition=Q(basket__isnull=False, order__isnull=True) | Q(basket__isnull=True, order__isnull=False),
                name="termsacceptance_of_basket_or_order",
            ),
        ]
        triggers = [pgtrigger.Protect(name="never_changes", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.document} by {self.person or self.order}"


class Quote(models.Model):
    """What a draft of an order would cost, as it was sent to its buyer, copied so that it can be shown again."""

    order = models.ForeignKey(Order, models.PROTECT, related_name="quotes")
    number = models.CharField(max_length=20, unique=True, editable=False)
    facts = models.JSONField(help_text="Everything that stands on the document.")
    quoted_on = models.DateField()
    valid_until = models.DateField(help_text="Last day it can be ordered at these prices.")
    sent_to = models.EmailField()
    sent_at = models.DateTimeField()
    sent_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(valid_until__gte=models.F("quoted_on")), name="quote_dates_ordered"),
        ]
        triggers = [pgtrigger.Protect(name="never_changes", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.number
