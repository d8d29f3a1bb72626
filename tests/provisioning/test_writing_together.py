"""Two people who write about one tenant at the same time: locks in one order, and nothing hung on what ends in that moment."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from provisioning.models import Service, Tenant
from provisioning.operations import services, users, wishes
from tests import factories
from tests.factories import AT

OTHER_LOGIN = {"login": "jane.right", "email": "jane@example.com"}
WRITES: dict[str, Callable[[Service, Any], Any]] = {
    "terminate": lambda service, user: services.terminate_service(service_id=service.pk, at=AT),
    "to production": lambda service, user: services.switch_to_production(service_id=service.pk, at=AT),
    "quotas": lambda service, user: services.change_quotas(service_id=service.pk, limits={}, at=AT),
    "login": lambda service, user: users.change_login(tenant_user_id=user.pk, login="jane.right", at=AT),
    "sign-in": lambda service, user: users.change_sign_in(tenant_user_id=user.pk, at=AT, **OTHER_LOGIN),
    "user": lambda service, user: users.change_user(tenant_id=service.tenant_id, role="company_admin", at=AT, **OTHER_LOGIN),
    "password": lambda service, user: users.reset_password(tenant_user_id=user.pk, at=AT),
    "mail": lambda service, user: users.ask_activation_mail_again(tenant_user_id=user.pk, at=AT),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", WRITES)
def test_the_tenant_is_locked_before_its_services_and_users(name):
    user = factories.TenantUserFactory()
    service = factories.ServiceFactory(
        tenant=user.tenant, organization=user.tenant.organization, service_manager=user.tenant.service_manager
    )

    with CaptureQueriesContext(
        connection,
    ) as asked:
        WRITES[name](service, user)

    locking = [query["sql"] for query in asked if "FOR NO KEY UPDATE" in query["sql"] or query["sql"].startswith("UPDATE")]
    assert 'FROM "provisioning_tenant"' in locking[0]


@pytest.mark.django_db(transaction=True)
def test_an_order_placed_while_the_service_ends_gets_a_tenant_of_its_own():
    ending = factories.ServiceFactory()
    wish = wishes.ServiceWish("per_gigabyte", "per_user", login="jane.new", email="jane@example.com")
    made: list[Service] = []

    def order() -> None:
        with transaction.atomic():
            consumer, manager = ending.organization, ending.service_manager
            made.append(wishes.wish_service(consumer=consumer, service_manager=manager, wish=wish, at=AT))
        connections.close_all()

    ordering = threading.Thread(target=order)
    with transaction.atomic():
        services.terminate_service(service_id=ending.pk, at=AT)
        ordering.start()
        _until_somebody_waits_for_a_row()
    ordering.join(30)

    [service] = made
    assert service.tenant_id != ending.tenant_id
    assert Tenant.objects.live().get() == service.tenant


def _until_somebody_waits_for_a_row() -> None:
    """Return when another session waits for a lock of ours."""
    for _ in range(500):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    raise AssertionError("nobody waited")
