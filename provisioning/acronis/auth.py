"""Who asks: an API client by its token, fetched when first needed and shared by all threads; or, to make one, a person."""

import base64
import json
import threading
import time
from collections.abc import Callable, Generator

import httpx

from provisioning.acronis.errors import MalformedAnswer, credentials_refused, status_error

TOKEN_PATH = "/idp/token"  # noqa: S105 - a path

# Seconds before its end at which a token is renewed; a token that lives for less than twice that, at half its life.
MARGIN = 120.0


class TokenAuth(httpx.Auth):
    """
    Put a bearer token on each request (client credentials grant, RequestTokens; there is no refresh token).

    A 401 means that the token was revoked or the vendor's clock differs: one new token is fetched, by the first thread
    that notices, and the request sent once more.

    :raises CredentialsRefused: from the request that needed the token.
    """

    def __init__(
        self,
        token_url: str,
        *,
        client_id: str,
        client_secret: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._token_url = token_url
        self._client_id = client_id
        self._client_secret = client_secret
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = 0.0

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return self._client_secret, self._token

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        # The generator runs in the thread that sends the request, and httpx closes it when sending fails, so the lock
        # is held while the token is fetched and always given back.
        with self._lock:
            if not self._token or self._clock() >= self._renew_at:
                yield from self._fetch_token()
            token = self._token
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request

        if response.status_code == 401:
            with self._lock:
                if self._token == token:
                    yield from self._fetch_token()
                token = self._token
            request.headers["Authorization"] = f"Bearer {token}"
            yield request

    def _fetch_token(self) -> Generator[httpx.Request, httpx.Response, None]:
        pair = base64.b64encode(f"{self._client_id}:{self._client_secret}".encode()).decode()
        response = yield httpx.Request(
            "POST",
            self._token_url,
            headers={"Authorization": f"Basic {pair}", "Accept": "application/json"},
            data={"grant_type": "client_credentials"},
            extensions={"timeout": httpx.Timeout(10.0).as_dict()},
        )
        response.read()
        if response.status_code in (400, 401, 403):
            self._token = ""
            raise credentials_refused(response, path=TOKEN_PATH)
        if not response.is_success:
            raise status_error(response, path=TOKEN_PATH, once=False, secrets=self.secrets)  # a second token does no harm
        self._token, lifetime = _read_token(response.content)
        self._renew_at = self._clock() + lifetime - min(MARGIN, lifetime / 2)


class PasswordAuth(httpx.BasicAuth):
    """
    Ask as a person, with login and password (OpenAPI, securitySchemes: basicAuth). For the calls that make an API client.

    :param login: of the person.
    :param password: of the person; no log line and no error shows it.
    """

    def __init__(self, login: str, password: str) -> None:
        super().__init__(login, password)
        pair = base64.b64encode(f"{login}:{password}".encode()).decode()
        self.secrets: tuple[str, ...] = (password, pair)
        """What must never be shown."""


def _read_token(body: bytes) -> tuple[str, float]:
    """Return the token and the seconds it lives. ``expires_in`` needs no common clock, ``expires_on`` does."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise MalformedAnswer("it is not a JSON object", method="POST", path=TOKEN_PATH, is_unreadable=True)
    token = answer.get("access_token")
    if not isinstance(token, str) or not token or not (token.isascii() and token.isprintable()):
        raise MalformedAnswer("access_token is missing or not a token", method="POST", path=TOKEN_PATH)
    expires_in, expires_on = answer.get("expires_in"), answer.get("expires_on")
    if isinstance(expires_in, int):
        return token, float(expires_in)
    if isinstance(expires_on, int):
        return token, expires_on - time.time()
    raise MalformedAnswer("neither expires_in nor expires_on is a number", method="POST", path=TOKEN_PATH)
