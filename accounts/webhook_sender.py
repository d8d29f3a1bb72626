"""
How a webhook leaves the house: one POST to an address that a customer typed, so every address is suspect.

Beside the vendor client this is the only module that speaks HTTP. Nothing here knows of deliveries or rows.
"""

import ipaddress
import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

import httpx
from django.conf import settings

from common.errors import DomainError

TIMEOUT = 10
"""Seconds for each step: finding the host, connecting, sending, waiting for the answer, reading the beginning of it."""
LONGEST = 30
"""Seconds for all of it. Whoever answers byte by byte, each within its `TIMEOUT`, is hung up on."""
MOST_LOOKUPS = 8
"""How many names a process looks up at once. A lookup cannot be broken off, only left alone, and must not be left in any number."""
LONGEST_ERROR = 500
FIRST_FREE_PORT, LAST_PORT = 1024, 65_535
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")

transport: httpx.BaseTransport | None = None
"""Of tests; None: the network."""
_lookups = threading.BoundedSemaphore(MOST_LOOKUPS)


class AddressRefused(DomainError):
    """Nothing is sent to this address."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``status`` is None where nobody answered; ``error`` is empty where it was taken."""

    status: int | None
    error: str = ""

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def checked_address(url: str) -> httpx.URL:
    """
    Return ``url`` as an address to send to, if that may be done as far as its text says.

    The network is not asked: names are resolved when something is sent, each time.

    :raises AddressRefused: it is no https address, names a person, a port of other services, or a host that is not public.
    """
    if any(character.isspace() or not character.isprintable() for character in url):
        raise AddressRefused("The address has blanks in it.")
    try:
        address = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise AddressRefused("This is no web address.") from None
    if address.scheme != "https" and not (address.scheme == "http" and settings.WEBHOOKS_ALLOW_PRIVATE):
        raise AddressRefused("Use an address that begins with https://.")
    if not address.raw_host:
        raise AddressRefused("The address names no host.")
    if address.userinfo:
        raise AddressRefused("Leave user name and password out of the address; every delivery is signed.")
    if address.fragment:
        raise AddressRefused("Leave out what stands behind the # sign; it is never sent.")
    if address.port is not None and not FIRST_FREE_PORT <= address.port <= LAST_PORT:  # None is the usual one, written or not
        raise AddressRefused(f"Leave the port out, or use one from {FIRST_FREE_PORT} on.")
    host = address.raw_host.decode()
    if _is_literal(host):
        _check_public(host)
    return address


def post(url: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
    """
    Send ``body`` to ``url`` and return what came back. Never raises for what the other side does.

    The connection goes to the very address that was found to be public; a name cannot mean another host a moment later. Redirects
    are answers like any other, and no proxy of the environment stands between.
    """
    ends_at = monotonic() + LONGEST
    try:
        address = checked_address(url)
        host = address.raw_host.decode()
        target = address.copy_with(host=_resolved(host, _port(address)))
    except AddressRefused as refusal:
        return Answer(None, str(refusal))
    # The certificate has to be that of the name, whatever it was resolved to.
    facts = {"headers": {**headers, "Host": address.netloc.decode()}, "extensions": {"sni_hostname": host}}
    try:
        with (
            httpx.Client(transport=transport, timeout=TIMEOUT, follow_redirects=False, trust_env=False) as client,
            _hung_up_after(ends_at - monotonic(), client),
            client.stream("POST", target, content=body, **facts) as response,  # type: ignore[arg-type]
        ):
            return _judged(response, ends_at)
    except httpx.TimeoutException:
        return Answer(None, f"Nobody answered within {TIMEOUT} seconds.")
    except (httpx.HTTPError, httpx.StreamError, OSError, RuntimeError) as error:
        if monotonic() >= ends_at:
            return Answer(None, f"The answer was not there after {LONGEST} seconds.")
        return Answer(None, f"It could not be reached: {error}"[:LONGEST_ERROR])


@contextmanager
def _hung_up_after(seconds: float, client: httpx.Client) -> Iterator[None]:
    """Close the connections of ``client`` after so long: a timeout of httpx begins anew with every byte that comes."""
    timer = threading.Timer(seconds, client.close)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _judged(response: httpx.Response, ends_at: float) -> Answer:
    """Keep the beginning of what was said where it was not taken; whoever answers without end is not listened to for long."""
    if 200 <= response.status_code < 300:
        return Answer(response.status_code)
    said = b""
    for part in response.iter_raw(chunk_size=1024):
        said += part
        if len(said) >= 4 * LONGEST_ERROR or monotonic() > ends_at:
            break
    words = " ".join(said.decode("utf-8", errors="replace").replace("\x00", "").split())
    return Answer(response.status_code, words[:LONGEST_ERROR] or f"It answered {response.status_code}.")


def _port(address: httpx.URL) -> int:
    return address.port or (443 if address.scheme == "https" else 80)


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _resolved(host: str, port: int) -> str:
    """
    Return the first address of ``host``, all of which must be public.

    :raises AddressRefused: there is none, one that is not, or nobody said so in time.
    """
    try:
        found = _looked_up(host, port)
    except TimeoutError:  # an OSError too
        raise AddressRefused(f"Nobody said within {TIMEOUT} seconds where {host} is.") from None
    except (OSError, UnicodeError):
        raise AddressRefused(f"Nobody knows where {host} is.") from None
    for address in found:
        _check_public(address)
    return found[0]


def _looked_up(host: str, port: int) -> list[str]:
    """
    Return the addresses of ``host`` as the resolver names them.

    It is asked on a thread of its own: no limit of time can be set for it, and who sends must not wait for one that is silent.

    :raises TimeoutError: nobody said so within `TIMEOUT`, or too many lookups are without an answer already.
    :raises OSError: the name is unknown; `UnicodeError`: it is none.
    """
    ends_at = monotonic() + TIMEOUT
    if not _lookups.acquire(timeout=TIMEOUT):
        raise TimeoutError
    answer: Future[list[str]] = Future()

    def look_up() -> None:
        try:
            answer.set_result([str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except BaseException as error:  # whatever it is, it belongs to who waits
            answer.set_exception(error)
        finally:
            _lookups.release()

    threading.Thread(target=look_up, name="webhook-lookup", daemon=True).start()  # a daemon: it keeps no process from ending
    return answer.result(timeout=max(0.0, ends_at - monotonic()))


def _check_public(host: str) -> None:
    """
    :raises AddressRefused: ``host``, an address in figures, leads into a network of somebody's own: this one, perhaps.
    """
    if settings.WEBHOOKS_ALLOW_PRIVATE:
        return
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    is_public = address.is_global and not address.is_multicast
    if isinstance(address, ipaddress.IPv6Address):  # one that only carries an IPv4 address may lead anywhere
        is_public = is_public and address in _GLOBAL_UNICAST and address.sixtofour is None and address.teredo is None
    if not is_public:
        raise AddressRefused("The address leads to a network that is not public.")
