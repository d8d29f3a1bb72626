"""The vendor's usage reports: wished, asked for, polled, read. What the rows mean is billing's business."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta

from django.db import transaction

from common.locks import Busy, alone
from common.periods import Period
from provisioning import vendor
from provisioning.acronis.errors import AcronisError, BadRequest, NotSent
from provisioning.locks import REPORT
from provisioning.models import ServiceManager, VendorReport

POLL = timedelta(seconds=2)  # as the vendor's own examples do; a report takes it a minute or two
ATTEMPTS = 10
BACKOFF = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(minutes=30))
USAGE_READY_AT = time(6)  # UTC; from one o'clock until then the vendor has no history of the day before
ASKED_ANEW_AFTER = timedelta(hours=1)
"""A report that the vendor is still making after so long is not coming any more; it takes a minute or two."""


@transaction.atomic
def wish_report(*, service_manager_id: int, period: Period, at: datetime) -> VendorReport:
    """Want the daily usage of ``period`` (whole days, UTC). While such a report is under way, wishing again returns it."""
    ServiceManager.objects.locked().get(pk=service_manager_id)
    report, _ = VendorReport.objects.open().get_or_create(
        service_manager_id=service_manager_id,
        kind="usage_daily",
        period_start=period.start,
        period_end=period.end,
        defaults={"status": VendorReport.Status.WISHED, "next_try_at": at, "created_at": at},
    )
    return report


@transaction.atomic(durable=True)
def try_again(*, report_id: int, at: datetime) -> VendorReport:
    """
    Have the days of a report collected anew, whether it failed or is loaded, and return the report that does it.

    One that is under way, or waits for its next try, is gone on with at once instead; so twice is as good as once. The old row
    stays as it is: of two reports, the later one's readings count.
    """
    old = VendorReport.objects.get(pk=report_id)
    report = wish_report(service_manager_id=old.service_manager_id, period=old.period, at=at)
    if report.next_try_at > at:
        report.next_try_at = at
        report.save(update_fields=["next_try_at"])
    return report


def advance(*, report_id: int, at: datetime) -> VendorReport:
    """
    Take the report one step further: ask the vendor for it, or look whether its file is ready. Not yet means `next_try_at` moves.

    Killed after asking, it asks again; a second report at the vendor costs nothing. A failure is kept on the row: tried again
    later, or FAILED with the sentence once that has no point.
    """
    report = VendorReport.objects.select_related("service_manager").get(pk=report_id)
    try:
        with alone(REPORT, report.pk):
            report.refresh_from_db()
            if report.status == VendorReport.Status.WISHED:
                _ask(report, at=at)
            elif report.status == VendorReport.Status.REQUESTED:
                _look(report, at=at)
    except Busy:
        return report
    except (AcronisError, vendor.NotConnected) as error:
        put_off(report, error, at=at)
    return report


def pieces(report: VendorReport, *, on_read: Callable[[int], None] = lambda size: None) -> Iterator[bytes]:
    """
    Stream the report's file (csv_v2_0, UTF-8, the header first) in pieces of any size, unpacked, without holding it.

    :param on_read: is told the size of each piece of the packed file as it comes in.
    :raises AcronisError: the download broke or the file is damaged; what came before it must be thrown away.
    :raises NotConnected: the service manager's address is not one of a data centre.
    """
    client = vendor.connect(report.service_manager)
    return client.reports.pieces(str(report.vendor_id), str(report.stored_id), on_read=on_read)


def put_off(report: VendorReport, error: AcronisError | vendor.NotConnected, *, at: datetime) -> None:
    """Keep ``error`` on the report and set its next try, or FAILED where trying again has no point any more."""
    report.error, report.stage = str(error)[:1000], ""
    if not isinstance(error, NotSent) and not _is_too_early(error, at):  # neither was a try
        report.attempts += 1
    if _is_too_early(error, at):
        report.next_try_at = datetime.combine(at.astimezone(UTC).date(), USAGE_READY_AT, tzinfo=UTC)
    elif isinstance(error, AcronisError) and error.retryable and report.attempts < ATTEMPTS:
        pause = BACKOFF[min(max(report.attempts - 1, 0), len(BACKOFF) - 1)]
        report.next_try_at = at + max(pause, timedelta(seconds=error.retry_after or 0))
    else:
        report.move_to(VendorReport.Status.FAILED)
    report.save(update_fields=["attempts", "error", "stage", "next_try_at", "status"])


def _ask(report: VendorReport, *, at: datetime) -> None:
    manager = report.service_manager
    asked = vendor.connect(manager).reports.create(
        tenant_id=vendor.root_tenant(manager),
        level="accounts",
        kind=report.kind,
        period_start=report.period_start,
        period_end=report.period_end - timedelta(days=1),  # the vendor's periods include their last day
    )
    report.vendor_id, report.requested_at = asked.id, at
    report.error, report.next_try_at = "", at + POLL
    report.move_to(VendorReport.Status.REQUESTED)
    report.save(update_fields=["vendor_id", "requested_at", "error", "next_try_at", "status"])


def _look(report: VendorReport, *, at: datetime) -> None:
    stored = vendor.connect(report.service_manager).reports.stored(str(report.vendor_id))
    if ready := next((file for file in stored if file.is_ready and file.report_format == "csv_v2_0"), None):
        report.stored_id, report.bytes_total = ready.id, ready.size
        report.bytes_read = report.rows_read = 0
        report.error, report.next_try_at = "", at
        report.move_to(VendorReport.Status.READY)
    elif any(file.has_failed for file in stored):
        _ask_anew(report, "Acronis could not make the report.", at=at)
    elif report.requested_at is not None and at - report.requested_at >= ASKED_ANEW_AFTER:
        _ask_anew(report, "Acronis did not finish the report within an hour.", at=at)
    else:
        report.next_try_at = at + POLL
    progress = ["bytes_total", "bytes_read", "rows_read"]
    report.save(update_fields=["stored_id", *progress, "attempts", "error", "next_try_at", "status"])


def _ask_anew(report: VendorReport, reason: str, *, at: datetime) -> None:
    """Have another report made in place of one that does not come; after enough of them, none."""
    report.attempts += 1
    report.error, report.next_try_at = reason, at + BACKOFF[1]
    report.move_to(VendorReport.Status.WISHED if report.attempts < ATTEMPTS else VendorReport.Status.FAILED)


def _is_too_early(error: Exception, at: datetime) -> bool:
    return isinstance(error, BadRequest) and at.astimezone(UTC).time() < USAGE_READY_AT
