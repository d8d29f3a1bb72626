"""A plan's “own account” at the vendor: from a login and password, or from an API client, to a service manager that is ready."""

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from common.errors import DomainError, FieldRefused
from provisioning import vendor
from provisioning.acronis.client import Acronis, register_client
from provisioning.acronis.connection import data_centre_url
from provisioning.acronis.errors import AcronisError, Forbidden, Unauthorized
from provisioning.models import ServiceManager
from provisioning.operations import connection

CLIENT_NAME = "Cloudtill"  # what the API client is called in the vendor's portal
SECOND_FACTOR = 1037  # the vendor's code for an account that does not sign in by password alone


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A service manager that was just made: what was done for it, a sentence each, and what went wrong after that, if anything."""

    service_manager: ServiceManager
    done: tuple[str, ...]
    problem: str = ""


def connect_person(*, name: str, base_url: str, username: str, password: str, vendor_currency: str, at: datetime) -> NewAccount:
    """
    Make a service manager for the tenant of a person at the vendor: find the data centre, make an API client, test it, and get the
    services definition. The password goes to the vendor alone and is kept nowhere; what is kept is the API client.

    :param base_url: of the data centre; empty: the vendor is asked where the login lives.
    :raises FieldRefused: ``field`` is name, base_url, username or password. Nothing was made.
    :raises DomainError: the vendor did not answer. Nothing was made here.
    """
    vendor.refuse_open_transaction()
    _refuse_taken_name(name)
    if not username.strip():
        raise FieldRefused("username", "Enter the username of an administrator at Acronis.")
    if not password:
        raise FieldRefused("password", "Enter the password of that user.")
    address = _address(base_url or _found(username))
    try:
        client = register_client(
            address,
            login=username.strip(),
            password=password,
            name=CLIENT_NAME,
            transport=vendor.transport,
            sleep=vendor.sleep,
        )
    except Unauthorized as error:
        if error.code == SECOND_FACTOR:
            raise FieldRefused("username", "This user signs in with a second factor. Enter an API client instead.") from None
        raise FieldRefused("password", f"{address} does not accept this username and password.") from None
    except Forbidden:
        raise FieldRefused("username", f"{username.strip()} is no administrator at Acronis and cannot make API clients.") from None
    except AcronisError as error:
        raise DomainError(str(error)) from error
    try:
        manager = _kept(name, address, client.client_id, client.client_secret, vendor_currency)
    except FieldRefused:
        _withdraw(address, client.client_id, client.client_secret)
        raise
    return _ready(manager, f"Made the API client “{CLIENT_NAME}” at {address}; the password was not kept.", at=at)


def connect_client(
    *, name: str, base_url: str, client_id: str, client_secret: str, vendor_currency: str, at: datetime
) -> NewAccount:
    """
    Make a service manager of an API client that is there, test it, and get the services definition.

    :raises FieldRefused: ``field`` is name, base_url, client_id or client_secret. Nothing was made.
    """
    vendor.refuse_open_transaction()
    _refuse_taken_name(name)
    if not base_url.strip():
        raise FieldRefused("base_url", "Enter the data centre, or find it by a login: an API client lives in one of them.")
    address, client_id = _address(base_url), client_id.strip()
    if not client_id:
        raise FieldRefused("client_id", "Enter the client id.")
    if not client_secret.strip():
        raise FieldRefused("client_secret", "Enter the client secret the vendor gave you.")
    same = ServiceManager.objects.filter(base_url=address, client_id=client_id).first()
    if same is not None:
        raise FieldRefused("client_id", f"The service manager {same} uses this API client. Choose it instead.")
    manager = _kept(name, address, client_id, client_secret.strip(), vendor_currency)
    return _ready(manager, f"Kept the API client of {address}.", at=at)


def _refuse_taken_name(name: str) -> None:
    if ServiceManager.objects.filter(name=name).exists():
        raise FieldRefused("name", f"There is a service manager {name} already. Choose it, or another name.")


def _found(username: str) -> str:
    try:
        return connection.find_data_centre(login=username)
    except FieldRefused as refusal:
        raise FieldRefused("username", str(refusal)) from None


def _address(base_url: str) -> str:
    try:
        return data_centre_url(base_url)
    except ValueError:
        raise FieldRefused("base_url", "Enter the address of a data centre, such as https://eu2-cloud.acronis.com.") from None


def _kept(name: str, address: str, client_id: str, client_secret: str, currency: str) -> ServiceManager:
    try:
        with transaction.atomic():
            return ServiceManager.objects.create(
                name=name, base_url=address, client_id=client_id, client_secret=client_secret, vendor_currency=currency
            )
    except IntegrityError:  # somebody used the name in the moment after we looked
        raise FieldRefused("name", f"There is a service manager {name} already. Choose it, or another name.") from None


def _ready(manager: ServiceManager, first: str, *, at: datetime) -> NewAccount:
    """Test the connection and get the services definition; what fails is said, and can be done again from the service manager."""
    done = [first]
    try:
        done.append(connection.test_connection(service_manager_id=manager.pk, at=at))
        done.append(connection.fetch_services_definition(service_manager_id=manager.pk, at=at))
    except DomainError as refusal:
        return NewAccount(manager, tuple(done), str(refusal))
    manager.refresh_from_db()
    return NewAccount(manager, tuple(done))


def _withdraw(address: str, client_id: str, client_secret: str) -> None:
    """Take back an API client that nothing will use; one that stays because the vendor does not answer opens nothing."""
    with Acronis(
        address, client_id=client_id, client_secret=client_secret, transport=vendor.transport, sleep=vendor.sleep
    ) as acronis:
        try:
            acronis.clients.delete(client_id)
        except AcronisError:
            return
