"""Notification & action mails: when a customer who does not pay is reminded, suspended and terminated, and by which mail."""

import pghistory
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from post_office.models import EmailTemplate


@pghistory.track()
class ActionMail(models.Model):
    """What happens how many days after an invoice was due, for a product group or, instead of that, for one plan."""

    class Action(models.TextChoices):
        REMINDER = "reminder", "Reminder"
        SUSPENSION = "suspension", "Suspension"
        TERMINATION = "termination", "Termination"

    product_group = models.ForeignKey("catalog.ProductGroup", models.CASCADE, null=True, blank=True, related_name="action_mails")
    plan = models.ForeignKey("catalog.Plan", models.CASCADE, null=True, blank=True, related_name="action_mails")
    action = models.CharField(max_length=15, choices=Action)
    days = models.PositiveSmallIntegerField(
        validators=[MaxValueValidator(365)],
        help_text="After the invoice was due. Suspension and termination count from the same day.",
    )
    template = models.ForeignKey(EmailTemplate, models.PROTECT, verbose_name="mail template", related_name="+")
    is_active = models.BooleanField("on", default=True)

    class Meta:
        verbose_name = "notification & action mail"
        ordering = ["days", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(product_group__isnull=True) ^ Q(plan__isnull=True), name="actionmail_of_a_group_or_a_plan"
            ),
            models.CheckConstraint(
                condition=Q(action__in=["reminder", "suspension", "termination"]), name="actionmail_action_known"
            ),
            models.UniqueConstraint(
                fields=["product_group", "plan", "action", "days"], nulls_distinct=False, name="actionmail_once_a_day"
            ),
            models.UniqueConstraint(
                fields=["product_group", "plan", "action"],
                condition=~Q(action="reminder"),
                nulls_distinct=False,
                name="actionmail_one_suspension_one_termination",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()} after {self.days} days"
