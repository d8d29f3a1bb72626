"""An address that answers byte by byte, for ever, takes no worker with it."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from accounts import webhook_sender
from accounts.webhook_sender import post

HEAD = b"HTTP/1.1 500 Oh\r\nContent-Length: 100000\r\n\r\n"


@pytest.fixture
def dripping(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of somebody who says what the test is parametrized with, and then a byte at a time."""
    server = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip() -> None:
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(4096)
            connection.sendall(request.param)
            while not over.wait(0.05):
                connection.sendall(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    yield server.getsockname()[1]
    over.set()
    thread.join()
    server.close()


@pytest.mark.parametrize("dripping", [b"HTTP/1.1 200 OK\r\nX-Long: ", HEAD], indirect=True, ids=["head", "body"])
def test_who_answers_byte_by_byte_is_hung_up_on(dripping: int, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    monkeypatch.setattr(webhook_sender, "LONGEST", 0.5)
    began = time.monotonic()

    answer = post(f"http://127.0.0.1:{dripping}/hook", body=b"{}", headers={})

    assert time.monotonic() - began < 3
    assert not answer.is_taken
    assert answer.error
