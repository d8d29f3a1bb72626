"""The database of the run, the people of the house, and the vendor in process."""

import gc
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client, TransactionTestCase
from flask.testing import FlaskClient
from pytest_django import DjangoDbBlocker

from accounts.models import Membership, Organization, User
from provisioning import vendor
from provisioning.models import ServiceManager
from provisioning.operations import connection as vendor_connection
from sandbox import create_app, report_files
from sandbox.app import moment
from sandbox.storage import Storage
from tests import factories
from tests.database import FreshRows, Remembered, migrated_template
from tests.provisioning.acronis.in_process import InProcess


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Begin with the long files, so that no worker has one left when the others are done.

    A worker gets whole files, so what a module has set up is set up once. Files that start whole houses lie three others apart:
    two houses at the same moment would only wait for each other.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    by_length = sorted(files.values(), key=lambda tests: -len(tests))
    houses = [tests for tests in by_length if tests[0].get_closest_marker("process")]
    others = [tests for tests in by_length if not tests[0].get_closest_marker("process")]
    for place, tests in enumerate(houses):
        others.insert(4 * place, tests)
    items[:] = [item for tests in others for item in tests]


def pytest_collection_finish() -> None:
    """Let the garbage collector pass by all that stays for the whole run, modules, models, tests, and come less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings: None, django_db_use_migrations: bool, django_db_blocker: DjangoDbBlocker
) -> None:
    """Let the test database be copied from a migrated one instead of migrating an empty one."""
    if django_db_use_migrations:
        with django_db_blocker.unblock():
            connection.settings_dict["TEST"]["TEMPLATE"] = migrated_template()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[FreshRows | None]:
    """
    Make the test database; after a test that commits it is put back as it was.

    The fixture is the rows that it begins with, or None where we may not put them back past triggers.
    """
    with django_db_blocker.unblock():
        fresh = FreshRows() if FreshRows.can_be_restored() else None
    with pytest.MonkeyPatch.context() as patch:
        if fresh is not None:
            patch.setattr(TransactionTestCase, "_fixture_teardown", lambda test_case: fresh.restore())
        yield fresh


@dataclass(frozen=True)
class Personas:
    """alice runs a reseller with one customer, carol; bob another reseller; dora is a direct customer; mira and bert are staff."""

    msp: Organization
    alice: User
    reseller: Organization
    carol: User
    resellers_customer: Organization
    bob: User
    other_reseller: Organization
    dora: User
    direct_customer: Organization
    vic: User
    """Viewer at the direct customer."""
    stranger: User
    mira: User
    """Account manager."""
    bert: User
    """Billing manager."""
    root: User

    def client(self, name: str) -> Client:
        """Return a browser signed in as the person of that name; “nobody” is signed out."""
        client = Client()
        if name != "nobody":
            client.force_login(getattr(self, name), backend="django.contrib.auth.backends.ModelBackend")
        return client


@pytest.fixture
def personas(db: None, django_db_setup: FreshRows | None) -> Personas:
    """Everybody there is, each with the rights of the role."""
    return _people.again(django_db_setup)


def _make_people() -> Personas:
    msp = factories.msp()
    reseller = factories.ResellerFactory(name="Alster IT")
    other_reseller = factories.ResellerFactory(name="Bodensee Systems")
    customer = factories.OrganizationFactory(name="Café Carol", parent=reseller)
    direct = factories.OrganizationFactory(name="Dora Design")

    def member(first_name: str, organization: Organization, role: str = Membership.Role.ADMINISTRATOR) -> User:
        user = factories.UserFactory(first_name=first_name, email=f"{first_name.lower()}@example.com")
        factories.MembershipFactory(user=user, organization=organization, role=role)
        return user

    def staff(first_name: str, *permissions: str) -> User:
        user = factories.UserFactory(first_name=first_name, email=f"{first_name.lower()}@northwind.example", is_staff=True)
        group, _ = Group.objects.get_or_create(name=f"{first_name}'s group")
        for permission in permissions:
            app, _, codename = permission.partition(".")
            found = Permission.objects.filter(content_type__app_label=app)
            group.permissions.add(*(found if codename == "*" else found.filter(codename=codename)))
        user.groups.add(group)
        return user

    return Personas(
        msp=msp,
        alice=member("Alice", reseller),
        reseller=reseller,
        carol=member("Carol", customer),
        resellers_customer=customer,
        bob=member("Bob", other_reseller),
        other_reseller=other_reseller,
        dora=member("Dora", direct),
        direct_customer=direct,
        vic=member("Vic", direct, Membership.Role.VIEWER),
        stranger=factories.UserFactory(first_name="Stranger", email="stranger@example.com"),
        mira=staff("Mira", "ordering.*", "provisioning.*", "accounts.*", "catalog.view_plan"),
        bert=staff("Bert", "billing.*", "reconciliation.*", "catalog.view_productgroup", "accounts.view_organization"),
        root=factories.UserFactory(first_name="Root", email="root@northwind.example", is_staff=True, is_superuser=True),
    )


_people = Remembered(_make_people)


class FreshSandbox:
    """One sandbox in process for a whole run, whose storage can begin anew: its many routes are registered once."""

    now = "2026-10-01T09:00:00Z"

    def __init__(self, path: Path) -> None:
        self.app = create_app(storage_path=path, client_id="till", client_secret="s3cret", now=self.now)
        self._storage: Storage = self.app.extensions["sandbox"]
        self._fresh = sqlite3.connect(":memory:", isolation_level=None)
        self._storage.connection().backup(self._fresh)
        self._fresh.execute("DELETE FROM settings WHERE name = 'clock_shift_seconds'")

    def begin_anew(self) -> None:
        """Forget everything since the sandbox was made; the clock shows the same moment as then."""
        for work in list(report_files._works.values()):
            work.join()
        shutil.rmtree(self._storage.reports_directory, ignore_errors=True)
        self._fresh.backup(self._storage.connection())
        self._storage.start_clock(moment(self.now))


@dataclass(frozen=True)
class LocalAcronis:
    """The sandbox in process, and what a test wants of it."""

    service_manager: ServiceManager
    http: FlaskClient

    def fault(self, **rule: object) -> None:
        """Make the sandbox misbehave; see sandbox/README.md."""
        answer = self.http.post("/sandbox/faults", json=rule)
        assert answer.status_code < 300, answer.text

    def no_more_faults(self) -> None:
        self.http.delete("/sandbox/faults")

    def seen(self, what: str) -> list[dict[str, Any]]:
        """Return tenants, users, mails or calls as the sandbox has them."""
        items: list[dict[str, Any]] = self.http.get(f"/sandbox/{what}").json["items"]
        return items

    def move_clock(self, moment: str) -> None:
        answer = self.http.post("/sandbox/clock", json={"now": moment})
        assert answer.status_code < 300, answer.text


@pytest.fixture(scope="session")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> FreshSandbox:
    return FreshSandbox(tmp_path_factory.mktemp("vendor") / "sandbox.sqlite3")


@pytest.fixture
def acronis(
    db: None, django_db_setup: FreshRows | None, shared_sandbox: FreshSandbox, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LocalAcronis]:
    """A service manager whose vendor is a fresh sandbox in process: the real client, no socket."""
    monkeypatch.setattr(vendor, "transport", InProcess(shared_sandbox.app))
    monkeypatch.setattr(vendor, "sleep", lambda seconds: None)
    shared_sandbox.begin_anew()
    manager = connected_manager.again(django_db_setup)
    yield LocalAcronis(manager, shared_sandbox.app.test_client())
    vendor.forget_connections()


def _make_manager() -> ServiceManager:
    """A service manager that is connected to the sandbox and has its definition."""
    made: ServiceManager = factories.ServiceManagerFactory(
        name="Acronis sandbox", base_url="http://acronis.test", client_id="till", client_secret="s3cret", root_tenant_id=None
    )
    vendor_connection.test_connection(service_manager_id=made.pk, at=factories.AT)
    vendor_connection.fetch_services_definition(service_manager_id=made.pk, at=factories.AT)
    made.refresh_from_db()
    return made


connected_manager = Remembered(_make_manager)
