"""
What can go wrong between us and Acronis.

Every error tells three readers what they need. The account manager reads ``str(error)``: one sentence, free of
secrets. The scheduler reads ``retryable`` (the same call may succeed later) and ``retry_after`` (seconds the vendor
asked for). The caller reads ``outcome_unknown``: the request may have been carried out although no good answer came,
so look before asking again.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from provisioning.acronis.sentences import meaning_of

# Vendor statuses that say that nothing was done, so even what must be done once may be sent again.
NOTHING_DONE = frozenset({429, 503})

LONGEST_QUOTE = 300

CHECK_CREDENTIALS = "Check them in the service manager, and that the API client is enabled at Acronis."


class AcronisError(Exception):
    """Base of everything this package raises on purpose. ``path`` never has a query string."""

    def __init__(
        self,
        sentence: str,
        *,
        method: str = "",
        path: str = "",
        retryable: bool = False,
        outcome_unknown: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(sentence)
        self.method = method
        self.path = path
        self.retryable = retryable
        self.outcome_unknown = outcome_unknown
        self.retry_after = retry_after

    def __str__(self) -> str:
        return str(self.args[0])


class TransportFailed(AcronisError):
    """No answer came: the connection could not be opened, broke, or stayed silent for too long."""


class NotSent(TransportFailed):
    """We held the call back ourselves: nothing was done, and it may be made a little later."""


class CircuitOpen(NotSent):
    """Acronis has been down for some calls, and is left alone for ``retry_after`` seconds."""

    @classmethod
    def because_down(cls, method: str, path: str, *, last: str, seconds: float) -> "CircuitOpen":
        """Build it for a call that must wait for ``seconds``; ``last`` is what the calls before it got."""
        return cls(
            f"Acronis has been out of order for some time (last: {last}), so {method} {path} was not sent."
            f" Nothing has changed there; try again in {max(1, round(seconds))} seconds.",
            method=method,
            path=path,
            retryable=True,
            retry_after=seconds,
        )


class TooManyCalls(NotSent):
    """As many calls are under way as the service manager allows, and none ended while this one waited."""

    @classmethod
    def after(cls, seconds: float, *, method: str = "", path: str = "") -> "TooManyCalls":
        """Build it for a call that waited for ``seconds``."""
        question = f"{method} {path}" if method else "this one"
        return cls(
            f"Too many calls to Acronis are under way: {question} waited for {seconds:.0f} seconds and was not sent."
            " Nothing has changed there; try again in a moment.",
            method=method,
            path=path,
            retryable=True,
        )


class MalformedAnswer(AcronisError):
    """
    An answer came that is not what the contract says: not JSON, a field missing or of another type, a broken report.

    ``problem`` names it; ``is_unreadable`` if it is no JSON at all. Retryable: what speaks in Acronis' place (a proxy, a
    maintenance page) goes away.
    """

    def __init__(
        self,
        problem: str,
        *,
        method: str = "",
        path: str = "",
        outcome_unknown: bool = False,
        is_unreadable: bool = False,
    ) -> None:
        super().__init__(problem, method=method, path=path, retryable=True, outcome_unknown=outcome_unknown)
        self.problem = problem
        self.is_unreadable = is_unreadable

    def in_answer_to(self, method: str, path: str, *, outcome_unknown: bool) -> "MalformedAnswer":
        return MalformedAnswer(
            self.problem,
            method=method,
            path=path,
            outcome_unknown=outcome_unknown,
            is_unreadable=self.is_unreadable,
        )

    def __str__(self) -> str:
        question = f" to {self.method} {self.path}" if self.method else ""
        return f"Acronis' answer{question} cannot be read: {self.problem}."


class StatusError(AcronisError):
    """
    Acronis answered with an error status. ``code`` and ``vendor_message`` are the vendor's own, if it gave any.

    ``to_do`` is the part of the sentence that says what an account manager can do, empty where nothing is known.
    ``named`` are the names the vendor lists as the cause (``error.context``), offering items for example.
    """

    status: int = 0
    code: int | str | None = None
    vendor_message: str = ""
    to_do: str = ""
    named: tuple[str, ...] = ()


class BadRequest(StatusError):
    """400: Acronis does not accept the request as it is."""


class EditionUnavailable(BadRequest):
    """400 to an edition switch: its parent does not offer the tenant what it has, in the other edition."""

    # Codes under which the names in the context are items that stand in the way; under others they are something else.
    CODES = frozenset({None, 400, 1014, 1021, 1023})

    @property
    def blockers(self) -> tuple[str, ...]:
        """The names of the offering items that stand in the way."""
        return self.named

    @classmethod
    def from_refusal(cls, refusal: BadRequest, *, edition: str) -> "EditionUnavailable":
        """Build it from what Acronis answered to a switch to ``edition``."""
        error = cls(
            f"The edition cannot be changed to {edition}: offering items not available: {', '.join(refusal.named)}.",
            method=refusal.method,
            path=refusal.path,
        )
        error.status, error.code, error.vendor_message = refusal.status, refusal.code, refusal.vendor_message
        error.named = refusal.named
        error.to_do = "Turn them on for the parent, or choose another edition."
        error.args = (f"{error.args[0]} {error.to_do}",)
        return error


class Unauthorized(StatusError):
    """401, also with a new token: the API client is disabled, or its tenant is."""


class CredentialsRefused(Unauthorized):
    """The token endpoint does not accept the client id and secret."""


class Forbidden(StatusError):
    """403: outside the API client's tenant, access not granted by the customer, or locked."""


class NotFound(StatusError):
    """404: never was, or is deleted."""


class NotAcceptable(StatusError):
    """406: a malformed login."""


class Conflict(StatusError):
    """409: a name or login is taken, or the version sent is stale."""

    @property
    def is_stale(self) -> bool:
        """Whether somebody else changed the object since it was read: read again and decide again."""
        return self.code == 1001


class QuotaVersionConflict(StatusError):
    """426: a quota was changed since it was read (vendor knowledge base, 71376). Read again and decide again."""

    is_stale = True


class RateLimited(StatusError):
    """429, and the vendor wants a longer pause than we are ready to sleep: schedule the work after ``retry_after``."""


class ServerFailed(StatusError):
    """5xx, also after the repetitions."""


STATUS_ERRORS: dict[int, type[StatusError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    406: NotAcceptable,
    409: Conflict,
    426: QuotaVersionConflict,
    429: RateLimited,
}


def status_error(response: httpx.Response, *, path: str, once: bool, secrets: Iterable[str] = ()) -> StatusError:
    """
    Build the error for a response of status 300 or more, whose body has been read.

    :param once: the request must not be carried out twice, so whether it was matters.
    :param secrets: what must not appear even if the vendor repeats it.
    """
    method, status, secrets = response.request.method, response.status_code, tuple(secrets)
    code, message, details, named = _vendor_words(response.content)
    message, details = without_secrets(message, secrets), without_secrets(details, secrets)
    meaning = meaning_of(status, code, message)
    sentence = f"Acronis answered {status} to {method} {path}: {meaning.happened}."
    if meaning.is_vague and details and details != message:
        sentence += f" It says: {details.rstrip('.')}."
    if meaning.to_do:
        sentence += f" {meaning.to_do}"
    error = _class_for(status)(
        sentence,
        method=method,
        path=path,
        retryable=status in (408, 429) or status >= 500,
        outcome_unknown=once and (status == 408 or status >= 500) and status not in NOTHING_DONE,
        retry_after=retry_after(response.headers.get("Retry-After", ""), now=datetime.now(UTC)),
    )
    error.status, error.code, error.vendor_message, error.to_do = status, code, message, meaning.to_do
    error.named = tuple(without_secrets(name, secrets) for name in named)
    return error


def credentials_refused(response: httpx.Response, *, path: str) -> CredentialsRefused:
    """Build the error for a refused client id and secret. The vendor's own words are not repeated."""
    error = CredentialsRefused(
        f"Acronis answered {response.status_code} to POST {path}: the client id and secret were not accepted. {CHECK_CREDENTIALS}",
        method="POST",
        path=path,
    )
    error.status, error.to_do = response.status_code, CHECK_CREDENTIALS
    return error


def transport_failed(error: httpx.TransportError, *, method: str, path: str, harmless: bool) -> TransportFailed:
    """Build the error for a request that got no answer. A ``harmless`` one may be sent again whatever became of it."""
    question = f"{method} {path}"
    if isinstance(error, httpx.PoolTimeout):
        return TooManyCalls.after(error.request.extensions.get("timeout", {}).get("pool") or 0, method=method, path=path)
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        return TransportFailed(
            f"Acronis could not be reached for {question}.",
            method=method,
            path=path,
            retryable=True,
        )
    if isinstance(error, httpx.TimeoutException):
        sentence = f"Acronis did not answer {question} in time."
    else:
        sentence = f"The connection to Acronis broke during {question}."
    return TransportFailed(sentence, method=method, path=path, retryable=True, outcome_unknown=not harmless)


def retry_after(header: str, *, now: datetime) -> float | None:
    """Read a Retry-After header (RFC 9110, 10.2.3: seconds or an HTTP date) as seconds from now, if there is one."""
    header = header.strip()
    if header.isascii() and header.isdigit():
        return float(header[:9])
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return max(0.0, (moment - now).total_seconds())


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return text


def _class_for(status: int) -> type[StatusError]:
    return ServerFailed if status >= 500 else STATUS_ERRORS.get(status, StatusError)


def _vendor_words(body: bytes) -> tuple[int | str | None, str, str, tuple[str, ...]]:
    """Take code, message, details and named causes out of the vendor's error envelope, or of the other shape for tokens."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None, "", "", ()
    envelope = answer.get("error") if isinstance(answer, dict) else None
    if isinstance(envelope, dict):
        details = envelope.get("details")
        info = details.get("info") if isinstance(details, dict) else None
        return (
            _code(envelope.get("code")),
            _one_line(envelope.get("message")),
            _one_line(info),
            _names_in(envelope.get("context")),
        )
    if isinstance(envelope, str):
        return envelope[:80], _one_line(answer.get("error_description")), "", ()
    return None, "", "", ()


def _names_in(context: object) -> tuple[str, ...]:
    """
    Return the names in the lists of an error's context, each once, in the vendor's order.

    The contract says that unavailable items are listed there, but not how: entries are taken as names or as objects with one.
    """
    lists = [value for value in context.values() if isinstance(value, list)] if isinstance(context, dict) else []
    entries = [entry.get("name") if isinstance(entry, dict) else entry for one in lists for entry in one]
    return tuple(dict.fromkeys(name for name in map(_one_line, entries) if name))


def _code(value: object) -> int | str | None:
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else value[:80]
    return value if isinstance(value, int) else None


def _one_line(value: object) -> str:
    return " ".join(value.split())[:LONGEST_QUOTE] if isinstance(value, str) else ""
