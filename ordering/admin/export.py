"""The list of orders as a file, as it is filtered and searched."""

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import URLPattern, path

from ordering.orders_csv import orders_csv

if TYPE_CHECKING:
    from ordering.admin.ledger import OrderLedger as Base
else:
    Base = object


class OrdersAsFile(Base):
    """Mixed into lists of orders."""

    def file_urls(self) -> list[URLPattern]:
        return [path("export/", self.admin_site.admin_view(self.export_view), name=self.url_name("export"))]

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        """Send the list as CSV, a row per line of an order; all of it, streamed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = self.listed(request)
        headers = {"Content-Disposition": 'attachment; filename="orders.csv"'}
        return StreamingHttpResponse(orders_csv(found), content_type="text/csv; charset=utf-8", headers=headers)
