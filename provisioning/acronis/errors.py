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

# The vendor's platform codes (its guide, "API error codes"), as the end of "Acronis answered 409 to POST /tenants: …".
PLATFORM_CODES = {
    1001: "it was changed meanwhile (version mismatch)",
    1002: "access denied",
    1003: "the parent tenant is disabled",
    1004: "tenant name conflict",
    1005: "the tenant was not found",
    1006: "an enabled tenant cannot be deleted",
    1007: "a tenant cannot move under its own child",
    1008: "a tenant cannot move within its customer",
    1009: "the storage is in use",
    1010: "another File Sync & Share user has this e-mail address",
    1011: "the service is still being removed",
    1012: "the tenant is locked by its owner",
    1013: "a tenant cannot move under a disabled tenant",
    1014: "the new parent does not offer all the items of the tenant",
    1015: "the storage conflicts with another one",
    1016: "a child tenant still uses the storage",
    1017: "the default storage cannot be turned off",
    1018: "the user is disabled",
    1019: "the backup service is not available",
    1020: "the machine was not registered by a user of this service",
    1021: "the offering item is not available from the parent tenant",
    1022: "the hard quota is exceeded",
    1023: "an offering item depends on another one",
    1024: "the address is on the list of forbidden addresses",
    1025: "the mail server settings are wrong",
    1026: "the service cannot be enabled",
    1027: "it breaks one of Acronis' business rules",
    1028: "a guest user with this name exists",
    1029: "the storage is still being removed",
    1030: "the quota of File Sync & Share users is exceeded",
    1031: "the location conflicts with another one",
    1032: "the new parent is outside the tenant that holds the lock",
    1033: "the login is not acceptable",
    1034: "the legal document is not published",
    1035: "an item is blocked for legal reasons",
    1037: "multi-factor authentication is required",
}

# Codes that name no item or rule by themselves: the vendor's details ("details.info") are added to the sentence.
VAGUE_CODES = frozenset({1009, 1014, 1015, 1021, 1022, 1023, 1027})

HTTP_STATUSES = {
    400: "the request was not accepted",
    401: "the API client's access was not accepted",
    403: "access denied",
    404: "not found",
    406: "the value is not acceptable",
    408: "the request took too long",
    409: "it conflicts with what is there",
    415: "the kind of content was not accepted",
    426: "the quota was changed meanwhile (version mismatch)",
    429: "too many requests",
    500: "an error inside Acronis",
    502: "a part of Acronis does not answer",
    503: "Acronis is not available for the moment",
    504: "a part of Acronis did not answer in time",
}

# Vendor statuses that say that nothing was done, so even a POST may be sent again.
NOTHING_DONE = frozenset({429, 503})

LONGEST_QUOTE = 300


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


class MalformedAnswer(AcronisError):
    """
    An answer came that is not what the contract says: not JSON, a field missing or of another type, a broken report.

    ``problem`` names it. Retryable: what speaks in Acronis' place (a proxy, a maintenance page) goes away.
    """

    def __init__(self, problem: str, *, method: str = "", path: str = "", outcome_unknown: bool = False) -> None:
        super().__init__(problem, method=method, path=path, retryable=True, outcome_unknown=outcome_unknown)
        self.problem = problem

    def in_answer_to(self, method: str, path: str, *, outcome_unknown: bool) -> "MalformedAnswer":
        return MalformedAnswer(self.problem, method=method, path=path, outcome_unknown=outcome_unknown)

    def __str__(self) -> str:
        question = f" to {self.method} {self.path}" if self.method else ""
        return f"Acronis' answer{question} cannot be read: {self.problem}."


class StatusError(AcronisError):
    """
    Acronis answered with an error status. ``code`` and ``vendor_message`` are the vendor's own, if it gave any.

    ``named`` are the names the vendor lists as the cause (``error.context``), offering items for example.
    """

    status: int = 0
    code: int | str | None = None
    vendor_message: str = ""
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


def status_error(response: httpx.Response, *, path: str, secrets: Iterable[str] = ()) -> StatusError:
    """
    Build the error for a response of status 300 or more, whose body has been read.

    :param secrets: what must not appear even if the vendor repeats it.
    """
    method, status, secrets = response.request.method, response.status_code, tuple(secrets)
    code, message, details, named = _vendor_words(response.content)
    message, details = without_secrets(message, secrets), without_secrets(details, secrets)
    sentence = f"Acronis answered {status} to {method} {path}: {_reason(status, code, message)}."
    if code in VAGUE_CODES and details and details != message:
        sentence += f" It says: {details.rstrip('.')}."
    error = _class_for(status)(
        sentence,
        method=method,
        path=path,
        retryable=status in (408, 429) or status >= 500,
        outcome_unknown=method == "POST" and (status == 408 or status >= 500) and status not in NOTHING_DONE,
        retry_after=retry_after(response.headers.get("Retry-After", ""), now=datetime.now(UTC)),
    )
    error.status, error.code, error.vendor_message = status, code, message
    error.named = tuple(without_secrets(name, secrets) for name in named)
    return error


def credentials_refused(response: httpx.Response, *, path: str) -> CredentialsRefused:
    """Build the error for a refused client id and secret. The vendor's own words are not repeated."""
    error = CredentialsRefused(
        f"Acronis answered {response.status_code} to POST {path}: the client id and secret were not accepted.",
        method="POST",
        path=path,
    )
    error.status = response.status_code
    return error


def transport_failed(error: httpx.TransportError, *, method: str, path: str, harmless: bool) -> TransportFailed:
    """Build the error for a request that got no answer. A ``harmless`` one may be sent again whatever became of it."""
    question = f"{method} {path}"
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)):
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


def _reason(status: int, code: int | str | None, message: str) -> str:
    """The vendor's platform code in our words; else its own words; else what the status means."""
    # Code 1000 ("An error has occurred.") says nothing and also comes with every 401.
    known = PLATFORM_CODES.get(code) if isinstance(code, int) else None
    own_words = message.rstrip(".") if code != 1000 else ""
    reason = known or own_words or HTTP_STATUSES.get(status, "an unexpected answer")
    return f"{reason} (code {code})" if known else reason


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
