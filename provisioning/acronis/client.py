"""
The client of Acronis Cyber Protect Cloud's Account Management API, version 2.

Plain Python: it knows nothing of our rows. Errors are in ``errors``, answers in ``types``, calls in ``resources``.
"""

from collections.abc import Callable
from contextlib import nullcontext
from time import sleep
from types import TracebackType
from urllib.parse import quote

import httpx

from provisioning.acronis import resources
from provisioning.acronis.auth import TOKEN_PATH, PasswordAuth, TokenAuth
from provisioning.acronis.circuit import Circuit
from provisioning.acronis.connection import TIMEOUT, CallRecord, Connection, Gate, data_centre_url
from provisioning.acronis.errors import MalformedAnswer
from provisioning.acronis.types import Fields, NewApiClient

ENTRY_URL = "https://cloud.acronis.com"


class Acronis:
    """
    A data centre, asked in the name of one API client. One object serves many threads; close it after use.

    No request is made before the first call, so building one never fails for lack of a network.

    :param base_url: address of the data centre, ``https://eu2-cloud.acronis.com``.
    :param max_wait: longest pause in seconds taken when the vendor asks for one; what is longer is raised.
    :param client_id: of the API client.
    :param client_secret: of the API client; no log line and no error shows it.
    :param timeout: in seconds, see ``connection.TIMEOUT``.
    :param max_parallel: connections open at a time.
    :param gate: gives a context manager that is entered around every exchange on the wire, for a limit across processes;
        it raises ``TooManyCalls`` to hold the call back. A download leaves it as soon as it begins.
    :param circuit: what knows whether the vendor is down; shared by clients of one vendor, one of its own if None.
    :param on_call: told of every exchange on the wire, and of calls held back, in the thread that made them.
    :raises ValueError: ``base_url`` is no web address.
    """

    def __init__(
        self,
        base_url: str,
        *,
        client_id: str,
        client_secret: str,
        transport: httpx.BaseTransport | None = None,
        timeout: httpx.Timeout | float = TIMEOUT,
        sleep: Callable[[float], None] = sleep,
        max_wait: float = 20.0,
        max_parallel: int = 8,
        gate: Gate = nullcontext,
        circuit: Circuit | None = None,
        on_call: Callable[[CallRecord], None] | None = None,
    ) -> None:
        self.base_url = data_centre_url(base_url)
        root = f"{self.base_url}/api/2"
        self._connection = Connection(
            root,
            auth=TokenAuth(root + TOKEN_PATH, client_id=client_id, client_secret=client_secret),
            transport=transport,
            timeout=timeout,
            sleep=sleep,
            max_wait=max_wait,
            max_parallel=max_parallel,
            gate=gate,
            circuit=circuit,
            on_call=on_call,
        )
        self.clients = resources.Clients(self._connection)
        self.applications = resources.Applications(self._connection)
        self.tenants = resources.Tenants(self._connection)
        self.users = resources.Users(self._connection)
        self.offering_items = resources.OfferingItems(self._connection)
        self.infra = resources.Infras(self._connection)
        self.locations = resources.Locations(self._connection)
        self.usages = resources.Usages(self._connection)
        self.reports = resources.Reports(self._connection)
        self.idp = resources.Idp(self._connection)

    def __repr__(self) -> str:
        return f"<Acronis {self.base_url}>"

    def __enter__(self) -> "Acronis":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; calls under way break off. Repeating does nothing."""
        self._connection.close()


def find_data_centre(
    login: str,
    *,
    entry_url: str = ENTRY_URL,
    transport: httpx.BaseTransport | None = None,
    sleep: Callable[[float], None] = sleep,
) -> str:
    """
    Return the address of the data centre where a login lives.

    The one call of API version 1 that is left, without a token: ``GET /api/1/accounts?login=``.

    :param login: of any user.
    :param entry_url: where the vendor tells.
    :raises NotFound: no such login.
    :raises MalformedAnswer: the address is no web address, or less safe than the one asked (http instead of https).
    """
    entry = data_centre_url(entry_url)
    connection = Connection(f"{entry}/api/1", transport=transport, sleep=sleep)
    try:
        answer = connection.ask(
            "GET", "/accounts", query={"login": login}, read=lambda value: Fields(value, "account").text("server_url")
        )
    finally:
        connection.close()
    try:
        address = data_centre_url(answer)
    except ValueError:
        address = ""
    if not address or (entry.startswith("https:") and not address.startswith("https:")):
        raise MalformedAnswer("account.server_url is not a safe web address", method="GET", path="/accounts")
    return address


def register_client(
    base_url: str,
    *,
    login: str,
    password: str,
    name: str,
    transport: httpx.BaseTransport | None = None,
    sleep: Callable[[float], None] = sleep,
) -> NewApiClient:
    """
    Make an API client for the tenant of a person, asking as that person: ``GET /users/me``, then ``POST /clients``.

    The client may do what the person may. Each call registers one; where ``outcome_unknown``, one may be there that nobody uses.

    :param base_url: address of the data centre.
    :param login: of an administrator of the tenant.
    :param password: used for these two calls and kept nowhere.
    :param name: what people are to call the client in the vendor's portal.
    :raises Unauthorized: login or password is wrong, or (code 1037) the person signs in with a second factor.
    :raises Forbidden: the person is no administrator.
    :raises ValueError: ``base_url`` is no web address.
    """
    root = f"{data_centre_url(base_url)}/api/2"
    connection = Connection(root, auth=PasswordAuth(login, password), transport=transport, sleep=sleep)
    try:
        me = resources.Users(connection).me()
        return resources.Clients(connection).create(tenant_id=me.tenant_id, name=name)
    finally:
        connection.close()


def external_login_url(base_url: str, ott: str, *, target: str = "/mc/") -> str:
    """
    Return the address that signs a browser in with a one-time token and goes on to ``target`` in the vendor's portal.

    The token is in the fragment, so it reaches no server's log.

    :param base_url: of the data centre.
    :param ott: from ``idp.one_time_token``.
    :param target: path to go on to, on the same host.
    :raises ValueError: ``base_url`` is no web address.
    """
    base = data_centre_url(base_url)
    return f"{base}/api/2/idp/external-login#ott={quote(ott, safe='')}&targetURI={quote(base + target, safe=':/')}"
