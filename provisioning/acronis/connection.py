"""
The wire to one data centre: one ``httpx.Client``, its timeouts, repetitions, log lines and errors.

``client.py`` gives it a token and the resources; nothing here knows a tenant from a user.
"""

import ipaddress
import json
import logging
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from decimal import Decimal
from time import monotonic, sleep
from typing import TypeVar
from urllib.parse import quote

import httpx

from provisioning.acronis.auth import TOKEN_PATH, PasswordAuth, TokenAuth
from provisioning.acronis.circuit import Circuit
from provisioning.acronis.errors import AcronisError, MalformedAnswer, NotSent, status_error, transport_failed

logger = logging.getLogger("provisioning.acronis")
# httpx logs whole URLs at this level, and some carry logins; our own line has what is needed.
logging.getLogger("httpx").setLevel(logging.WARNING)

T = TypeVar("T")
Query = Mapping[str, str | int | bool]
Gate = Callable[[], AbstractContextManager[None]]

TIMEOUT = httpx.Timeout(connect=5.0, read=30.0, write=10.0, pool=10.0)

# The vendor's guide asks for two repetitions at most, one to two seconds apart.
ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class CallRecord:
    """
    One exchange on the wire, token requests and repetitions included, or one that was held back.

    ``milliseconds`` are those until the answer began; ``status`` is None where none came, and ``failure`` says why: the
    name of an httpx error, or of ours (``CircuitOpen``, ``TooManyCalls``) with ``was_sent`` False.
    """

    method: str
    path: str
    status: int | None
    milliseconds: float
    request_id: str
    failure: str = ""
    was_sent: bool = True


class Connection:
    """
    Ask the API below ``root`` (``https://eu2-cloud.acronis.com/api/2``) and read its answers. Threads may share it.

    GET, PUT and DELETE are repeated on 408, 429, 5xx and transport failures; POST, and what is asked with ``once``, only
    where nothing can have been done: the connection was never opened, or the status is 429 or 503. A lost answer to a DELETE
    can therefore end in ``NotFound``, and one to a PUT in a stale version: the caller reads again, as it does anyway.

    :param max_wait: longest pause in seconds taken at the vendor's wish (Retry-After); what is longer is raised.
    :param max_parallel: connections open at a time.
    :param gate: entered around every exchange, see ``Acronis``.
    :param circuit: asked before every call; one of its own if None.
    """

    def __init__(
        self,
        root: str,
        *,
        auth: TokenAuth | PasswordAuth | None = None,
        transport: httpx.BaseTransport | None = None,
        timeout: httpx.Timeout | float = TIMEOUT,
        sleep: Callable[[float], None] = sleep,
        max_wait: float = 20.0,
        max_parallel: int = 8,
        gate: Gate = nullcontext,
        circuit: Circuit | None = None,
        on_call: Callable[[CallRecord], None] | None = None,
    ) -> None:
        self.root = root
        self._gate = gate
        self._circuit = Circuit() if circuit is None else circuit
        self._auth = auth
        self._sleep = sleep
        self._max_wait = max_wait
        self._on_call = on_call
        self._http = httpx.Client(
            auth=auth,
            transport=transport,
            timeout=timeout,
            limits=httpx.Limits(max_connections=max_parallel, max_keepalive_connections=max_parallel),
            headers={"User-Agent": "Cloudtill", "Accept": "application/json"},
            event_hooks={"request": [_start_clock], "response": [self._answered]},
            # Redirects are never followed, so credentials go to no other host; a proxy of the environment is for the
            # vendor, not for a sandbox on this machine.
            trust_env=not _is_loopback(root),
        )

    def close(self) -> None:
        self._http.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        read: Callable[[object], T],
        query: Query | None = None,
        body: object = None,
        secrets: tuple[str, ...] = (),
        once: bool = False,
    ) -> T:
        """
        Send a request and return its JSON answer as ``read`` understands it. Numbers with a fraction come as Decimal.

        :param secrets: values in ``body`` that no log line and no error may show.
        :param once: carried out twice, it would do more than once, as every POST may: after a lost answer it is not repeated.
        :raises AcronisError: see ``errors``.
        """
        once = once or method == "POST"
        with self._call(method, path):
            response = self._send(method, path, query=query, body=body, secrets=secrets, once=once)
            try:
                return read(_parse(response.content))
            except MalformedAnswer as error:
                raise error.in_answer_to(method, path, outcome_unknown=once) from None

    def tell(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: object = None,
        secrets: tuple[str, ...] = (),
    ) -> None:
        """Send a request whose success has no content (204). A page in its place is not a success."""
        once = method == "POST"
        with self._call(method, path):
            response = self._send(method, path, query=query, body=body, secrets=secrets, once=once)
            if response.content.strip():
                try:
                    _parse(response.content)
                except MalformedAnswer as error:
                    raise error.in_answer_to(method, path, outcome_unknown=once) from None

    @contextmanager
    def download(self, path: str) -> Iterator[Iterator[bytes]]:
        """
        Open a file as an iterator of its bytes as they came over the wire, still compressed.

        The gate is left as soon as the answer begins: who reads it slowly keeps nobody else waiting.

        :raises TransportFailed: also in the middle; nothing is repeated once bytes were given out.
        """
        with self._call("GET", path):
            response = self._send("GET", path, query=None, body=None, secrets=(), once=False, stream=True)
        try:
            yield self._chunks(response, path)
        finally:
            response.close()

    def _chunks(self, response: httpx.Response, path: str) -> Iterator[bytes]:
        try:
            yield from response.iter_raw()
        except httpx.TransportError as error:
            raise transport_failed(error, method="GET", path=path, harmless=True) from error

    @contextmanager
    def _call(self, method: str, path: str) -> Iterator[None]:
        """One call, from the circuit's permission to the read answer. What was held back is recorded like an exchange."""
        try:
            with self._circuit.call(method, path):
                yield
        except NotSent as error:
            error.method, error.path = method, path  # a gate does not know them
            self._record(CallRecord(method, path, None, 0.0, "", type(error).__name__, was_sent=False))
            raise

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Query | None,
        body: object,
        secrets: tuple[str, ...],
        once: bool,
        stream: bool = False,
    ) -> httpx.Response:
        """Send, again if that is safe and useful, and return the successful response."""
        attempt = 0
        while True:
            attempt += 1
            request = self._http.build_request(method, self.root + path, params=query, json=body)
            if stream:
                request.headers["Accept"] = "*/*"
                request.headers["Accept-Encoding"] = "gzip"
            try:
                return self._send_once(request, path, secrets=secrets, once=once, stream=stream)
            except AcronisError as error:
                pause = self._pause_before_next(error, attempt)
                if pause is None:
                    raise
                logger.info("%s Again in %.1f s.", error, pause)
            self._sleep(pause)

    def _send_once(
        self,
        request: httpx.Request,
        path: str,
        *,
        secrets: tuple[str, ...],
        once: bool,
        stream: bool,
    ) -> httpx.Response:
        try:
            with self._gate():
                response = self._http.send(request, stream=stream)
                if not response.is_success:
                    response.read()
        except httpx.TransportError as error:
            self._unanswered(error)
            if error.request is not request:  # it was the token's, and ours was not sent
                raise transport_failed(error, method="POST", path=TOKEN_PATH, harmless=True) from error
            raise transport_failed(error, method=request.method, path=path, harmless=not once) from error
        except httpx.DecodingError as error:
            raise MalformedAnswer(
                "its compression is broken",
                method=request.method,
                path=path,
                outcome_unknown=once,
                is_unreadable=True,
            ) from error
        if response.is_success:
            return response
        known = self._auth.secrets if self._auth else ()
        raise status_error(response, path=path, once=once, secrets=(*known, *secrets))

    def _pause_before_next(self, error: AcronisError, attempt: int) -> float | None:
        """Return the seconds to wait before the next attempt, or None if the error is final."""
        # A malformed answer is left to the caller's schedule: what makes it lasts longer than our pauses. What was held back
        # has waited already.
        if not error.retryable or error.outcome_unknown or isinstance(error, (MalformedAnswer, NotSent)):
            return None
        if attempt >= ATTEMPTS:
            return None
        if error.retry_after is not None:
            return error.retry_after if error.retry_after <= self._max_wait else None
        return float(2**attempt * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the load, keeps no secret

    def _answered(self, response: httpx.Response) -> None:
        request_id = response.headers.get("X-Request-Id", "")[:80]
        self._record(self._exchange(response.request, status=response.status_code, request_id=request_id))

    def _unanswered(self, error: httpx.TransportError) -> None:
        if not isinstance(error, httpx.PoolTimeout):  # held back, not sent; see _call
            self._record(self._exchange(error.request, status=None, failure=type(error).__name__))

    def _exchange(self, request: httpx.Request, *, status: int | None, request_id: str = "", failure: str = "") -> CallRecord:
        milliseconds = (monotonic() - request.extensions.get("started", monotonic())) * 1000
        path = str(request.url.copy_with(query=None)).removeprefix(self.root)
        return CallRecord(request.method, path, status, milliseconds, request_id, failure)

    def _record(self, record: CallRecord) -> None:
        logger.info(
            "%s %s: %s, %.0f ms%s",
            record.method,
            record.path,
            record.status or record.failure,
            record.milliseconds,
            f", request {record.request_id}" if record.request_id else "",
            extra={
                "vendor_status": record.status,
                "vendor_ms": round(record.milliseconds),
                "vendor_request_id": record.request_id,
            },
        )
        if self._on_call is not None:
            self._on_call(record)


def path_to(*parts: str) -> str:
    """Join the parts of a path, each quoted, so that an id typed by a person cannot reach another resource."""
    for part in parts:
        if part in ("", ".", ".."):
            raise ValueError(f"{part!r} is no part of a path")
    return "/" + "/".join(quote(part, safe="") for part in parts)


def data_centre_url(text: str) -> str:
    """
    Return a data centre's address without a trailing slash or the API's own path.

    :raises ValueError: not an http(s) address of a host.
    """
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL as error:
        raise ValueError(f"{text!r} is not a web address") from error
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise ValueError(f"{text!r} is not the web address of a data centre")
    return str(url).rstrip("/").removesuffix("/api/2")


def _parse(content: bytes) -> object:
    try:
        return json.loads(content, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise MalformedAnswer("it is not JSON", is_unreadable=True) from None


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


def _start_clock(request: httpx.Request) -> None:
    request.extensions["started"] = monotonic()


def _is_loopback(root: str) -> bool:
    host = httpx.URL(root).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
