"""A usage report as it comes over the wire: gzip, then UTF-8, then CSV. Read piece by piece, in flat memory."""

import codecs
import csv
import io
import itertools
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator

from provisioning.acronis.errors import MalformedAnswer

GZIP_MAGIC = b"\x1f\x8b"

# A small file may unpack to a huge one; memory holds this many bytes of it at a time.
PIECE = 1 << 20
LONGEST_LINE = 1 << 20

# Columns of format csv_v2_0 that no bill can be made without. ``edition`` may be missing (the vendor's own parser
# allows it), others are for people.
REQUIRED_COLUMNS = (
    "application.id",
    "date",
    "infra.id",
    "measurement_unit",
    "name",
    "tenant.customer_id",
    "tenant.id",
    "tenant.kind",
    "usage.absolute.production",
    "usage.absolute.total",
    "usage.absolute.trial",
    "usage.delta.production",
    "usage.delta.total",
    "usage.delta.trial",
    "usage.effective.production",
    "usage.effective.total",
    "usage.effective.trial",
)


def table(lines: Iterable[str], *, required: Collection[str]) -> Iterator[list[str]]:
    """
    Yield the header row, then every row, each as long as the header.

    :raises MalformedAnswer: required columns are missing, a row is longer or shorter, or it is not CSV.
    """
    rows = csv.reader(lines, strict=True)
    try:
        header = next(rows, [])
        if missing := sorted(set(required) - set(header)):
            raise MalformedAnswer(f"the report lacks the columns {', '.join(missing)}")
        if len(set(header)) != len(header):
            raise MalformedAnswer("the report has two columns of one name")
        yield header
        width = len(header)
        for row in rows:
            if len(row) != width:
                raise MalformedAnswer(f"line {rows.line_num} of the report has {len(row)} values instead of {width}")
            yield row
    except csv.Error as error:
        raise MalformedAnswer(f"line {rows.line_num} of the report is not CSV ({error})") from error


def lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of a UTF-8 text, each with its end, given its bytes in pieces of any size."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    pending = ""
    try:
        for chunk in itertools.chain(chunks, [None]):
            pending += decoder.decode(chunk or b"", final=chunk is None)
            end = pending.rfind("\n") + 1
            yield from io.StringIO(pending[:end], newline="\n")
            pending = pending[end:]
            if len(pending) > LONGEST_LINE:
                raise MalformedAnswer("a line of the report is longer than 1 MiB")
    except UnicodeDecodeError as error:
        raise MalformedAnswer("the report is not UTF-8 text") from error
    if pending:
        yield pending


def told(chunks: Iterable[bytes], on_read: Callable[[int], None]) -> Iterator[bytes]:
    """Pass the pieces on, telling ``on_read`` the size of each."""
    for chunk in chunks:
        on_read(len(chunk))
        yield chunk


def unpacked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """
    Yield the bytes of a file, gzip or not: its first bytes decide, because ``Content-Encoding`` is sent by some of the
    vendor's servers and not by others.

    :raises MalformedAnswer: the gzip data is broken or ends early.
    """
    start = b""
    for chunk in chunks:
        start += chunk
        if len(start) >= len(GZIP_MAGIC):
            break
    whole = itertools.chain([start], chunks)
    return _gunzip(whole) if start.startswith(GZIP_MAGIC) else whole


def _gunzip(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what a gzip file of one or more members holds, at most ``PIECE`` bytes at a time."""
    member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        for chunk in chunks:
            packed = chunk
            while packed:
                if member.eof:
                    member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
                yield member.decompress(packed, PIECE)
                packed = member.unused_data if member.eof else member.unconsumed_tail
        while not member.eof and (rest := member.decompress(member.unconsumed_tail, PIECE)):
            yield rest
    except zlib.error as error:
        raise MalformedAnswer("the report's compression is broken") from error
    if not member.eof:
        raise MalformedAnswer("the report ends early")
