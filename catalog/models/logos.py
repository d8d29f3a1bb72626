"""Pictures that buyers see: logos of ventures and of marketplaces."""

from django.db import models


class Logo(models.Model):
    """
    A logo, drawn anew as PNG when it came in, so nothing else of the uploaded file is kept. Named by its content, never edited.

    It lies in the database: every web machine serves it, and a backup holds it.
    """

    sha256 = models.CharField(max_length=64, unique=True, editable=False)
    png = models.BinaryField()
    width = models.PositiveSmallIntegerField(help_text="Pixels.")
    height = models.PositiveSmallIntegerField(help_text="Pixels.")
    added_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.width} × {self.height}"
