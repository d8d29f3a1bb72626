"""The sandbox behind the real client, without a socket."""

from collections.abc import Iterator

import httpx
from flask import Flask


class InProcess(httpx.BaseTransport):
    """Call a WSGI application; a connection it cuts on purpose is what it would be on the wire."""

    def __init__(self, app: Flask) -> None:
        self._wsgi = httpx.WSGITransport(app=app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            response = self._wsgi.handle_request(request)
        except ConnectionResetError as error:
            raise httpx.ReadError(str(error), request=request) from error
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Body(response.stream, request)
        return response


class _Body(httpx.SyncByteStream):
    """A body that may break off while it is read."""

    def __init__(self, body: httpx.SyncByteStream, request: httpx.Request) -> None:
        self._body = body
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._body
        except ConnectionResetError as error:
            raise httpx.ReadError(str(error), request=self._request) from error

    def close(self) -> None:
        self._body.close()
