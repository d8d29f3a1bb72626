"""Sold services for the tests of pages: rows alone, or carried out by the sandbox."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db import transaction

from accounts.models import Organization
from billing.models import Subscription
from common import clock
from provisioning.models import Activation, FileSyncModel, ProtectionModel, Service, TenantUser
from provisioning.operations import converging, wishes
from tests import factories
from tests.conftest import LocalAcronis

WISH = wishes.ServiceWish(ProtectionModel.PER_GIGABYTE, FileSyncModel.PER_USER, login="jane.doe", email="jane@example.com")


def subscribed(organization: Organization, **facts: Any) -> Subscription:
    """A service of rows alone, that nobody told a vendor about."""
    tenant = factories.TenantFactory(organization=organization, converged_at=factories.AT)
    factories.TenantUserFactory(tenant=tenant, **facts)
    return sold(factories.ServiceFactory(tenant=tenant))


def served(acronis: LocalAcronis, consumer: Organization, *, activation: str = Activation.MAIL) -> Subscription:
    """A service that stands at the sandbox, since an hour."""
    with transaction.atomic():
        service = wishes.wish_service(
            consumer=consumer,
            service_manager=acronis.service_manager,
            wish=replace(WISH, activation=activation),
            at=clock.now() - timedelta(hours=1),
        )
    converging.converge(service.tenant_id, clock=lambda: clock.now() - timedelta(minutes=59))
    return sold(service)


def sold(service: Service) -> Subscription:
    return factories.SubscriptionFactory(service=service, consumer=service.organization)


def person_of(subscription: Subscription) -> TenantUser:
    return TenantUser.objects.select_related("tenant").get(tenant=subscription.service.tenant_id)
