"""Reports of usage: asked for, made by the vendor within minutes, then fetched as files."""

from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import closing
from datetime import date

from provisioning.acronis import report_file
from provisioning.acronis.connection import path_to
from provisioning.acronis.errors import MalformedAnswer
from provisioning.acronis.resources.base import Resource
from provisioning.acronis.types import Report, StoredReport, items_of, text


class Reports(Resource):
    """What bills are made from. A report has one file per format, which is there a minute or two after it was asked for."""

    def create(
        self,
        *,
        tenant_id: str,
        level: str,
        kind: str,
        period_start: date,
        period_end: date,
        report_format: str = "csv_v2_0",
        hide_zero_usage: bool = False,
    ) -> Report:
        """
        Ask for a report; its file is there a minute or two later, see ``stored``. Each call makes one. (CreateReport)

        :param tenant_id: about this tenant and those below it that ``level`` names.
        :param level: whose rows: ``accounts``, ``all_customers``, ``direct_partners``…
        :param kind: ``usage_daily`` or ``usage_summary``.
        :param period_start: first day, UTC.
        :param period_end: last day, included; not in the future.
        :param report_format: of the file; ``rows`` and ``table`` read ``csv_v2_0`` alone.
        :param hide_zero_usage: leave out rows without usage.
        :raises BadRequest: between 01:00 and 06:00 UTC the usage of the day before may not be there yet.
        :raises ServerFailed: it is not there though it is later than that.
        """
        body = {
            "recipients": [],
            "result_action": "save",
            "parameters": {
                "tenant_id": tenant_id,
                "level": level,
                "kind": kind,
                "formats": [report_format],
                "period": {"start": period_start.isoformat(), "end": period_end.isoformat()},
                "hide_zero_usage": hide_zero_usage,
                "show_skus": False,
            },
            "schedule": {"type": "once"},
        }
        return self._connection.ask("POST", "/reports", body=body, read=Report.from_json)

    def get(self, report_id: str) -> Report:
        """
        Return a report as it was asked for. (FetchReport)

        :param report_id: the vendor's id of the report.
        :raises NotFound: there is no such report, or it was deleted.
        """
        return self._connection.ask("GET", path_to("reports", report_id), read=Report.from_json)

    def of_tenant(self, tenant_id: str) -> list[str]:
        """
        Return the ids of the reports about a tenant. (FetchTenantReports)

        :param tenant_id: the tenant they were asked for about.
        :raises NotFound: there is no such tenant, or it is deleted.
        """
        return self._connection.ask("GET", path_to("tenants", tenant_id, "reports"), read=items_of(text))

    def stored(self, report_id: str) -> list[StoredReport]:
        """
        Return the files of a report, ready or not. (FetchStoredReports)

        :param report_id: the vendor's id of the report.
        :raises NotFound: there is no such report, or it was deleted.
        """
        path = path_to("reports", report_id, "stored")
        return self._connection.ask("GET", path, read=items_of(StoredReport.from_json))

    def rows(
        self, report_id: str, stored_id: str, *, required: Collection[str] = report_file.REQUIRED_COLUMNS
    ) -> Iterator[dict[str, str]]:
        """
        Stream the rows of a csv_v2_0 file by column name. (DownloadStoredReport)

        The download runs while the rows are taken: a caller that stops early closes the iterator.

        :param report_id: the vendor's id of the report.
        :param stored_id: the vendor's id of its file.
        :param required: the columns the file must have.
        :raises MalformedAnswer: required columns are missing, or the file is broken or ends early.
        :raises TransportFailed: the connection broke; rows given out before are good, the rest is missing.
        """
        with closing(self.table(report_id, stored_id, required=required)) as table:
            header = next(table)
            for row in table:
                yield dict(zip(header, row, strict=True))

    def table(
        self, report_id: str, stored_id: str, *, required: Collection[str] = report_file.REQUIRED_COLUMNS
    ) -> Generator[list[str], None, None]:
        """
        Stream the header and then the rows as lists, for who counts microseconds; otherwise as ``rows``.
        (DownloadStoredReport)

        :param report_id: the vendor's id of the report.
        :param stored_id: the vendor's id of its file.
        :param required: the columns the file must have.
        :raises MalformedAnswer: required columns are missing, or the file is broken or ends early.
        :raises TransportFailed: the connection broke; rows given out before are good, the rest is missing.
        """
        path = path_to("reports", report_id, "stored", stored_id)
        with self._connection.download(path) as chunks:
            try:
                yield from report_file.table(report_file.lines(report_file.unpacked(chunks)), required=required)
            except MalformedAnswer as error:
                raise error.in_answer_to("GET", path, outcome_unknown=False) from error.__cause__

    def lines(self, report_id: str, stored_id: str) -> Iterator[str]:
        """
        Stream the lines of a file as they are, unpacked, each with its end. (DownloadStoredReport)

        :param report_id: the vendor's id of the report.
        :param stored_id: the vendor's id of its file.
        :raises MalformedAnswer: the file is broken or ends early.
        :raises TransportFailed: the connection broke; lines given out before are good, the rest is missing.
        """
        path = path_to("reports", report_id, "stored", stored_id)
        with self._connection.download(path) as chunks:
            try:
                yield from report_file.lines(report_file.unpacked(chunks))
            except MalformedAnswer as error:
                raise error.in_answer_to("GET", path, outcome_unknown=False) from error.__cause__

    def pieces(self, report_id: str, stored_id: str, *, on_read: Callable[[int], None] = lambda size: None) -> Iterator[bytes]:
        """
        Stream a file as it is, unpacked, in pieces of any size up to 1 MiB. (DownloadStoredReport)

        :param report_id: the vendor's id of the report.
        :param stored_id: the vendor's id of its file.
        :param on_read: is told the size of each piece of the packed file as it comes in.
        :raises MalformedAnswer: the file's compression is broken, or it ends early.
        :raises TransportFailed: the connection broke; pieces given out before are good, the rest is missing.
        """
        path = path_to("reports", report_id, "stored", stored_id)
        with self._connection.download(path) as chunks:
            try:
                yield from report_file.unpacked(report_file.told(chunks, on_read))
            except MalformedAnswer as error:
                raise error.in_answer_to("GET", path, outcome_unknown=False) from error.__cause__

    def delete(self, report_id: str, *, version: int) -> None:
        """
        Delete a report and its files. (DeleteReport)

        :param report_id: the vendor's id of the report.
        :param version: as read; 1 for a report that was asked for once.
        :raises Conflict: with ``is_stale`` if the report changed since.
        :raises NotFound: it is gone already, perhaps by an earlier attempt whose answer was lost.
        """
        self._connection.tell("DELETE", path_to("reports", report_id), query={"version": version})
