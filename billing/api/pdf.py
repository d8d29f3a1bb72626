"""Documents through the API: a PDF where all is well, the one shape of errors where it is not."""

from typing import Any

from django.http import HttpResponse
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.response import Response

from accounts.api.views import ScopedView


class PdfRenderer(BaseRenderer):
    """Lets a program ask for `application/pdf`; the document itself needs no rendering."""

    media_type = "application/pdf"
    format = "pdf"
    charset = None
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        assert isinstance(data, bytes)  # errors are written as JSON
        return data


class PdfView(ScopedView):
    """A view that answers with a document. Whatever the program accepts, an error is JSON."""

    renderer_classes = (PdfRenderer, JSONRenderer)

    def document(self, content: bytes, *, number: str) -> HttpResponse:
        headers = {"Content-Disposition": f'attachment; filename="{number}.pdf"'}
        return HttpResponse(content, content_type=PdfRenderer.media_type, headers=headers)

    def handle_exception(self, exc: Exception) -> Response:
        answer: Response = super().handle_exception(exc)
        self.request.accepted_renderer, self.request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type
        return answer
