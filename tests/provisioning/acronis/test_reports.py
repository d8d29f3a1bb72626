import csv
import gzip
import io
import random
import tracemalloc
from collections.abc import Iterator

import httpx
import pytest

from provisioning.acronis import Acronis, MalformedAnswer, NotFound, TransportFailed
from provisioning.acronis.report_file import REQUIRED_COLUMNS, lines, unpacked
from tests.provisioning.acronis.conftest import ScriptedVendor, Wire

PATH = "/reports/r1/stored/s1"
COLUMNS = [*REQUIRED_COLUMNS, "tenant.name", "edition"]


def as_csv(*names: str, columns: list[str] = COLUMNS) -> bytes:
    """A report with one row for each tenant name."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for name in names:
        writer.writerow(name if column == "tenant.name" else column.upper() for column in columns)
    return text.getvalue().encode()


def serve(vendor: ScriptedVendor, *pieces: bytes | Exception, **headers: str) -> Wire:
    wire = Wire(*pieces)
    vendor.answers("GET", PATH, lambda _: httpx.Response(200, headers=headers, stream=wire))
    return wire


def names(acronis: Acronis) -> list[str]:
    return [row["tenant.name"] for row in acronis.reports.rows("r1", "s1")]


def in_pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("headers", [{"Content-Encoding": "gzip"}, {}])
@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_gzip_is_unpacked_whether_or_not_the_headers_say_so(
    vendor: ScriptedVendor, acronis: Acronis, headers: dict[str, str], size: int
) -> None:
    wire = serve(vendor, *in_pieces(gzip.compress(as_csv("Bäckerei", 'Say "hi", Ltd', "Two\nlines")), size), **headers)

    rows = list(acronis.reports.rows("r1", "s1"))

    assert [row["tenant.name"] for row in rows] == ["Bäckerei", 'Say "hi", Ltd', "Two\nlines"]
    assert list(rows[0]) == COLUMNS
    assert rows[0]["usage.delta.total"] == "USAGE.DELTA.TOTAL"
    assert wire.closed
    assert vendor.asked[-1].headers["Accept-Encoding"] == "gzip"


def test_a_plain_file_with_mark_and_carriage_returns_is_read_too(vendor: ScriptedVendor, acronis: Acronis) -> None:
    serve(vendor, b"\xef\xbb\xbf" + as_csv("Bakery").replace(b"\n", b"\r\n"))

    assert names(acronis) == ["Bakery"]


def test_a_file_of_two_gzip_members_is_one_report(vendor: ScriptedVendor, acronis: Acronis) -> None:
    data = as_csv("One", "Two")
    serve(vendor, gzip.compress(data[:50]) + gzip.compress(data[50:]))

    assert names(acronis) == ["One", "Two"]


def test_rows_come_while_the_file_still_does(vendor: ScriptedVendor, acronis: Acronis) -> None:
    plain = as_csv(*[f"Tenant {number}" for number in range(1000)])
    wire = serve(vendor, *in_pieces(plain, 1000))

    rows = acronis.reports.rows("r1", "s1")
    first = next(rows)
    taken = wire.taken
    assert isinstance(rows, Iterator)
    rows.close()  # type: ignore[attr-defined]

    assert first["tenant.name"] == "Tenant 0"
    assert taken < 5
    assert wire.closed


def test_memory_stays_flat_however_much_a_small_file_unpacks_to() -> None:
    packed = gzip.compress(b"0123456789,abcdef\n" * 1_000_000)
    assert len(packed) < 100_000

    tracemalloc.start()
    count = sum(1 for _ in lines(unpacked(iter([packed]))))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert count == 1_000_000
    assert peak < 10_000_000


def test_lines_are_given_as_they_are(vendor: ScriptedVendor, acronis: Acronis) -> None:
    serve(vendor, gzip.compress(b"a,b\r\nc\x0b\xe2\x80\xa8,d\nlast"))

    assert list(acronis.reports.lines("r1", "s1")) == ["a,b\r\n", "c\x0b\u2028,d\n", "last"]


def test_text_and_gzip_cut_anywhere_give_the_same_lines() -> None:
    chance = random.Random(4)
    text = "".join(chance.choice("aé€😀,\n") for _ in range(2000))
    packed = gzip.compress(text.encode())

    for size in (1, 2, 3, 5, 11, 997):
        assert "".join(lines(unpacked(iter(in_pieces(packed, size))))) == text
        assert all(line.endswith("\n") for line in list(lines(iter(in_pieces(text.encode(), size))))[:-1])


# What can be wrong with a file


def test_missing_columns_are_named(vendor: ScriptedVendor, acronis: Acronis) -> None:
    columns = [column for column in COLUMNS if column not in ("tenant.id", "usage.delta.total")]
    serve(vendor, as_csv("Bakery", columns=columns))

    with pytest.raises(MalformedAnswer) as failure:
        names(acronis)

    assert str(failure.value) == (
        f"Acronis' answer to GET {PATH} cannot be read: the report lacks the columns tenant.id, usage.delta.total."
    )
    assert failure.value.retryable


def test_a_caller_may_ask_for_other_columns(vendor: ScriptedVendor, acronis: Acronis) -> None:
    serve(vendor, b"id,sku\n1,SBDAMSENS\n")

    assert list(acronis.reports.rows("r1", "s1", required=("sku",))) == [{"id": "1", "sku": "SBDAMSENS"}]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "lacks the columns application.id, "),
        (b"<html>Sign in</html>", "lacks the columns application.id, "),
        (as_csv("Bakery") + b"one,two\n", "line 3 of the report has 2 values instead of 19"),
        (as_csv("Bakery") + b'"open\n', "line 3 of the report is not CSV"),
        (as_csv("B\u00e4cker").replace("ä".encode(), b"\xe4"), "the report is not UTF-8 text"),
        (as_csv("Bakery") + b"x" * (3 << 20), "a line of the report is longer than 1 MiB"),
        (as_csv("Bakery", columns=[*COLUMNS, "edition"]), "the report has two columns of one name"),
        (gzip.compress(as_csv("Bakery"), mtime=0)[:-9], "the report ends early"),
        (gzip.compress(as_csv("Bakery"), mtime=0)[:20], "the report ends early"),
        (gzip.compress(as_csv("Bakery"), mtime=0)[:-8] + b"wrongsum", "the report's compression is broken"),
        (gzip.compress(as_csv("Bakery"), mtime=0) + b"more", "the report's compression is broken"),
    ],
)
def test_a_broken_file_is_refused_with_the_reason(
    vendor: ScriptedVendor,
    acronis: Acronis,
    content: bytes,
    problem: str,
) -> None:
    wire = serve(vendor, *in_pieces(content, 1000))

    with pytest.raises(MalformedAnswer, match=problem) as failure:
        names(acronis)

    assert failure.value.path == PATH
    assert wire.closed


@pytest.mark.parametrize(
    "error",
    [httpx.ReadError("reset"), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("cut")],
)
def test_a_connection_that_breaks_in_the_middle_is_not_the_end_of_the_report(
    vendor: ScriptedVendor, acronis: Acronis, error: Exception
) -> None:
    wire = serve(vendor, as_csv("One"), error)
    rows = acronis.reports.rows("r1", "s1")

    assert next(rows)["tenant.name"] == "One"
    with pytest.raises(TransportFailed) as failure:
        next(rows)

    assert failure.value.retryable
    assert wire.closed


def test_a_download_is_asked_for_again_before_it_began(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers(
        "GET",
        PATH,
        httpx.Response(401),
        httpx.Response(503),
        lambda _: httpx.Response(200, stream=Wire(gzip.compress(as_csv("Bakery")))),
    )

    assert names(acronis) == ["Bakery"]
    assert len(vendor.requests("POST", "/idp/token")) == 2


def test_a_file_that_is_gone_is_not_found(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("GET", PATH, httpx.Response(404))

    with pytest.raises(NotFound):
        names(acronis)
