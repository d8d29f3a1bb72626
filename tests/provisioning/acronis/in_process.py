"""The sandbox behind the real client, without a socket."""

import httpx
from flask import Flask


class InProcess(httpx.BaseTransport):
    """Call a WSGI application; a connection it cuts on purpose is what it would be on the wire."""

    def __init__(self, app: Flask) -> None:
        self._wsgi = httpx.WSGITransport(app=app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return self._wsgi.handle_request(request)
        except ConnectionResetError as error:
            raise httpx.ReadError(str(error), request=request) from error
