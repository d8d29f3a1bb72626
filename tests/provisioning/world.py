"""What the tests of operations and pages at the vendor begin with."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Permission
from django.db import transaction
from django.test import Client
from django.urls import reverse

from provisioning.models import Service
from provisioning.operations import converging, wishes
from tests import factories
from tests.factories import AT

LATER = AT + timedelta(minutes=1)


def later() -> datetime:
    return LATER


def served(acronis: Any, consumer: Any = None, **wish: Any) -> Service:
    """Return a service that stands at the vendor; its user is jane.doe."""
    facts: dict[str, Any] = {
        "protection_model": "per_gigabyte",
        "file_sync_model": "per_user",
        "login": "jane.doe",
        "email": "jane@example.com",
        **wish,
    }
    consumer = consumer or factories.OrganizationFactory(name="Dora Design")
    with transaction.atomic():
        service = wishes.wish_service(
            consumer=consumer, service_manager=acronis.service_manager, wish=wishes.ServiceWish(**facts), at=AT
        )
    converge(service)
    return Service.objects.get(pk=service.pk)


def converge(service: Service, clock: Callable[[], datetime] = later) -> None:
    converging.converge(service.tenant_id, clock=clock)


def url(name: str, row: Any) -> str:
    return reverse(f"admin:provisioning_{row._meta.model_name}_{name}", args=[row.pk])


def staff_with(*permissions: str) -> Client:
    """Return the browser of somebody on the staff who may do exactly this."""
    person: Any = factories.UserFactory(is_staff=True)
    for permission in permissions:
        app, _, codename = permission.partition(".")
        person.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client
