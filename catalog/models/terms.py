"""Terms of use."""

from django.db import models


class TermsDocument(models.Model):
    """A version of terms of use that a buyer accepts at checkout. The newest published one of each issuer counts."""

    title = models.CharField(max_length=200, help_text="For example Acronis Terms of Use.")
    version = models.CharField(max_length=20)
    text = models.TextField()
    published_at = models.DateTimeField()

    class Meta:
        ordering = ["-published_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["title", "version"], name="termsdocument_version_unique")]

    def __str__(self) -> str:
        return f"{self.title}, version {self.version}"
