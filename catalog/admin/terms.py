"""Terms of use in the back office."""

from django.contrib import admin
from django.http import HttpRequest

from catalog.admin.shelves import NotDeletedOnceUsed
from catalog.models import TermsDocument


@admin.register(TermsDocument)
class TermsDocumentAdmin(NotDeletedOnceUsed):
    """Versions of terms. What a buyer accepted never changes: write a new version instead."""

    list_display = ("title", "version", "published_at")
    search_fields = ("title", "version")
    fields = ("title", "version", "text", "published_at")

    def get_readonly_fields(self, request: HttpRequest, obj: TermsDocument | None = None) -> tuple[str, ...]:
        accepted = obj is not None and obj.acceptances.exists()
        return ("title", "version", "text", "published_at") if accepted else ()
