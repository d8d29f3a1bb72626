"""Bank statements: chosen, previewed row by row, corrected, confirmed; and what was imported before."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, Func, IntegerField, QuerySet
from django.db.models.fields.json import KeyTransform
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import URLPattern, path
from unfold.decorators import display

from billing.models import BankStatement
from billing.operations import bank_statements
from billing.operations.bank_statements import Wish
from billing.payment_forms import StatementUploadForm
from billing.queries.bank_statements import Preview, chosen_value, preview
from common import clock
from common.bss import Ledger, Move, month_filter, related, staff
from common.errors import DomainError
from common.sheets import RowError, SheetRefused
from common.templatetags.show import moment, money

IMPORT = "billing.add_bankstatement"
ROWS_PER_PAGE = 50


def _waits(statement: BankStatement) -> bool:
    return statement.confirmed_at is None


@admin.register(BankStatement)
class BankStatementAdmin(Ledger):
    """What came in by the bank. A file is confirmed once; an entry of the bank comes in once, whatever files it stands in."""

    page_template = "admin/billing/bank_statement.html"
    list_display = ("file_name", "state", "seller", "format", "entries", "payments", "created_by", "created_at")
    list_select_related = ("seller", "created_by")
    list_filter = (month_filter("created_at"),)
    list_before_template = "admin/billing/_bank_statement_tools.html"
    search_fields = ("file_name", "seller__number__iexact", "seller__name")
    search_help_text = "File, or whose account"
    ordering = ("-pk",)
    moves = (Move("discard", "Throw away", IMPORT, _waits, confirm="ask_discard"),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        entries = Func(KeyTransform("entries", "rows"), function="jsonb_array_length", output_field=IntegerField())
        counted = super().get_queryset(request).annotate(payment_total=Count("payments"), entry_total=entries)
        return counted.defer("rows")  # thousands of entries, of which the list shows none

    @display(description="state", label={"imported": "success", "waits for you": "warning"})
    def state(self, statement: BankStatement) -> tuple[str, str]:
        word = "waits for you" if _waits(statement) else "imported"
        return word, word

    @display(description="entries")
    def entries(self, statement: Any) -> int:
        return int(statement.entry_total)

    @display(description="payments", ordering="payment_total")
    def payments(self, statement: Any) -> int:
        return int(statement.payment_total)

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("import/", own(self.import_view), name="billing_bankstatement_import"),
            path("<path:object_id>/choose/", own(self.choose_view), name="billing_bankstatement_choose"),
            path("<path:object_id>/confirm/", own(self.confirm_view), name="billing_bankstatement_confirm"),
            *super().get_urls(),
        ]

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for a file (GET); read it, and go to its preview."""
        if not request.user.has_perm(IMPORT):
            raise PermissionDenied
        sent = request.method == "POST"
        form = StatementUploadForm(request.POST, request.FILES) if sent else StatementUploadForm()
        errors: list[RowError] = []
        before: BankStatement | None = None
        if sent and form.is_valid():
            try:
                return redirect(self.url_of(self._read(request, form)))
            except SheetRefused as refusal:
                errors = refusal.errors
            except bank_statements.AlreadyImported as refusal:
                before = refusal.statement
        return self.page(
            request,
            "admin/billing/bank_statement_import.html",
            title="Import bank statement",
            form=form,
            errors=errors,
            before=before,
            submit="Preview",
            back=self.list_url(),
        )

    def _read(self, request: HttpRequest, form: StatementUploadForm) -> BankStatement:
        told = form.cleaned_data
        return bank_statements.read_statement(
            seller=told["seller"],
            content=told["file"].read(),
            file_name=told["file"].name,
            currency=told["currency"],
            again=told["again"],
            by=staff(request),
            at=clock.now(),
        )

    # --- Preview -----------------------------------------------------------------------------------------------------------

    def page_facts(self, request: HttpRequest, row: BankStatement) -> dict[str, Any]:
        return self._facts(request, row, {}, {})

    def _facts(
        self, request: HttpRequest, statement: BankStatement, sentences: dict[int, str], typed: dict[int, str]
    ) -> dict[str, Any]:
        shown = preview(statement)
        is_open = _waits(statement) and request.user.has_perm(IMPORT)
        only_undecided = is_open and request.GET.get("rows") == "undecided"
        rows = [row for row in shown.rows if row.is_undecided or row.index in sentences] if only_undecided else shown.rows
        page = Paginator(rows, ROWS_PER_PAGE).get_page(request.GET.get("page"))
        return {
            "statement": statement,
            "preview": shown,
            "page": page,
            "rows": [(row, chosen_value(row), typed.get(row.index, ""), sentences.get(row.index, "")) for row in page],
            "is_open": is_open,
            "only_undecided": only_undecided,
            "totals": _totals(shown),
            "payments": statement.payments.count(),
        }

    def related_lists(self, request: HttpRequest, row: BankStatement) -> list[tuple[str, str]]:
        if _waits(row):
            return []
        return related(
            request, "billing.view_payment", "Its payments", "billing_payment_changelist", f"statement__id__exact={row.pk}"
        )

    def choose_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Keep what was chosen for the rows of a page; what cannot be is said beside them, and nothing of the page is kept."""
        row = self._own(request, object_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        wishes = _wishes(request)
        try:
            bank_statements.choose(statement_id=row.pk, wishes=wishes)
        except bank_statements.ChoiceRefused as refusal:
            typed = {index: wish.typed for index, wish in wishes.items()}
            facts = self._facts(request, row, refusal.sentences, typed)
            return self.page(
                request,
                self.page_template,
                title=str(row),
                original=row,
                problem=str(refusal),
                moves=self.offered_moves(request, row),
                **facts,
            )
        except DomainError as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, "Your choices are saved. Nothing is recorded yet.")
        query = request.GET.urlencode()
        return redirect(f"{self.url_of(row)}?{query}" if query else self.url_of(row))

    def confirm_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Record what the preview showed; a GET says what would be recorded."""
        row = self._own(request, object_id)
        if request.method == "POST":
            try:
                done = bank_statements.confirm(
                    statement_id=row.pk, fingerprint=request.POST.get("fingerprint", ""), by=staff(request), at=clock.now()
                )
            except DomainError as refusal:
                messages.error(request, str(refusal))
            else:
                count = done.payments.count()
                messages.success(request, f"{count} {'payment is' if count == 1 else 'payments are'} recorded.")
            return redirect(self.url_of(row))
        if not _waits(row):
            return redirect(self.url_of(row))
        shown = preview(row)
        return self.page(
            request,
            "admin/billing/bank_statement_confirm.html",
            title=f"Import {row}",
            original=row,
            preview=shown,
            totals=_totals(shown),
            credit=[one for one in shown.recorded if one.rest],
            back=self.url_of(row),
        )

    def ask_discard(self, request: HttpRequest, row: BankStatement) -> list[str]:
        return [
            f"{row}, chosen on {moment(row.created_at)}, is thrown away with what was chosen for its rows. Nothing was recorded."
        ]

    def discard(self, request: HttpRequest, row: BankStatement) -> str:
        bank_statements.discard(statement_id=row.pk)
        return f"{row} is thrown away."

    def move_view(self, request: HttpRequest, object_id: str, *, move: Move) -> HttpResponse:
        """After throwing a statement away there is no page of it to go back to."""
        answer = super().move_view(request, object_id, move=move)
        gone = request.method == "POST" and not BankStatement.objects.filter(pk=object_id).exists()
        return redirect(self.list_url()) if gone else answer

    def _own(self, request: HttpRequest, object_id: str) -> BankStatement:
        row: BankStatement = self.row_or_404(request, object_id)
        if not request.user.has_perm(IMPORT):
            raise PermissionDenied
        return row


def _wishes(request: HttpRequest) -> dict[int, Wish]:
    found = {}
    for name, value in request.POST.items():
        kind, _, number = name.partition("-")
        if kind == "choice" and number.isdecimal() and len(number) < 7:
            found[int(number)] = Wish(str(value), request.POST.get(f"typed-{number}", ""))
    return found


def _totals(shown: Preview) -> str:
    return " and ".join(money(amount, currency) for currency, amount in shown.totals().items())
