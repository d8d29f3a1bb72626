"""A scripted vendor on the other side of the real client."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from provisioning.acronis import Acronis

SECRET = "k3ep-me-qu1et"
BASE = "https://eu2-cloud.example"

Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class ScriptedVendor(httpx.BaseTransport):
    """
    Gives the answers it was told to, in order, for each method and path; the last one for ever.

    Tokens are ``token-1``, ``token-2``… unless a script says otherwise. ``asked`` holds every request that came.
    """

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.sleeps: list[float] = []
        self._script: dict[tuple[str, str], deque[Answer]] = {}
        self._tokens = 0
        self._lock = threading.Lock()

    def answers(self, method: str, path: str, *answers: Answer) -> None:
        self._script[method, path] = deque(answers)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        # A copy, because a second attempt after a 401 writes its token into the same request.
        asked = httpx.Request(request.method, request.url, headers=request.headers.copy(), content=request.read())
        path = request.url.path.removeprefix("/api/2")
        with self._lock:
            self.asked.append(asked)
            answers = self._script.get((request.method, path))
            if answers is None and path == "/idp/token":
                self._tokens += 1
                return token(f"token-{self._tokens}")
            if answers is None:
                raise AssertionError(f"unexpected request {request.method} {path}")
            answer = answers[0] if len(answers) == 1 else answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else httpx.Response(**_parts(answer))

    def requests(self, method: str, path: str) -> list[httpx.Request]:
        return [one for one in self.asked if (one.method, one.url.path.removeprefix("/api/2")) == (method, path)]


def _parts(answer: httpx.Response) -> dict[str, Any]:
    """An answer given twice must be two objects: httpx writes into them."""
    return {"status_code": answer.status_code, "headers": answer.headers, "content": answer.content}


class Wire(httpx.SyncByteStream):
    """A body in pieces as they come over the wire, which may break off with an error."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self._pieces = pieces
        self.taken = 0
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.taken += 1
            if isinstance(piece, Exception):
                raise piece
            yield piece

    def close(self) -> None:
        self.closed = True


def token(value: str, *, expires_in: int = 7200) -> httpx.Response:
    return httpx.Response(200, json={"access_token": value, "token_type": "bearer", "expires_in": expires_in})


def envelope(status: int, code: int | str, message: str, **headers: str) -> httpx.Response:
    error: dict[str, Any] = {
        "code": code,
        "message": message,
        "details": {"info": None, "addition": []},
        "domain": "Platform",
    }
    return httpx.Response(status, json={"error": error}, headers=headers)


def tenant_json(**changes: Any) -> dict[str, Any]:
    """What a real answer to CreateTenant had in 2020: fewer fields than the description calls required."""
    return {
        "id": "aaaaaaaa-0000-4000-8000-000000000001",
        "version": 1,
        "name": "Bakery",
        "kind": "customer",
        "parent_id": "aaaaaaaa-0000-4000-8000-000000000000",
        "enabled": True,
        "customer_id": None,
        "internal_tag": None,
        "language": "en",
        "contact": {"email": "", "firstname": "", "lastname": "", "phone": None},
        "update_lock": {"enabled": False, "owner_id": None},
        "ancestral_access": True,
        **changes,
    }


def user_json(**changes: Any) -> dict[str, Any]:
    return {
        "id": "bbbbbbbb-0000-4000-8000-000000000001",
        "version": 1,
        "tenant_id": "aaaaaaaa-0000-4000-8000-000000000001",
        "login": "ann@bakery.example",
        "enabled": True,
        "activated": False,
        "contact": {"email": "ann@bakery.example", "firstname": "Ann", "lastname": "Baker"},
        "language": "en",
        "personal_tenant_id": None,
        **changes,
    }


@pytest.fixture
def vendor() -> ScriptedVendor:
    return ScriptedVendor()


@pytest.fixture
def acronis(vendor: ScriptedVendor) -> Iterator[Acronis]:
    with Acronis(
        BASE,
        client_id="our-client",
        client_secret=SECRET,
        transport=vendor,
        sleep=vendor.sleeps.append,
    ) as client:
        yield client
