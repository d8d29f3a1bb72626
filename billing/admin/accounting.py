"""The accounting export in the back office: asked for, what is missing named, downloaded."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, StreamingHttpResponse

from billing.accounting_export import Format, export, missing_codes
from billing.accounting_forms import AccountingExportForm
from common.bss import BssAdmin, today

PERMISSIONS = ("billing.export_accounting", "billing.view_invoice", "billing.view_creditnote", "billing.view_payment")


class AccountingPage(BssAdmin):
    """Gives the admin of invoices the page of the export."""

    def accounting_view(self, request: HttpRequest) -> Any:
        """Ask of whom and when (GET); told both, name the accounts that are missing, or send the file."""
        if not all(request.user.has_perm(permission) for permission in PERMISSIONS):
            raise PermissionDenied
        form = AccountingExportForm(request.GET if "seller" in request.GET else None, today=today())
        asked = form.is_valid()
        if asked and "download" in request.GET:
            return _file(form)
        return self.page(
            request,
            "admin/billing/accounting.html",
            title="Accounting export",
            form=form,
            missing=missing_codes(form.cleaned_data["seller"], form.days) if asked else [],
            asked=asked,
            back=self.list_url(),
        )


def _file(form: AccountingExportForm) -> StreamingHttpResponse:
    seller, days = form.cleaned_data["seller"], form.days
    name = f"accounting-{seller.number}-{days.start}-{days.last_day}.csv"
    lines = export(seller, days, form=Format(form.cleaned_data["file_format"]))
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)
