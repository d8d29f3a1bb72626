"""Where the pages of the checkout are, and what tests read from them."""

import re

from ordering.models import Order, OrderLine
from provisioning.models import VendorAction
from tests import factories
from tests.ordering.conftest import AT

BASKET, TERMS, BILLING = "/basket/", "/checkout/terms/", "/checkout/billing/"
SERVICE, REVIEW = "/checkout/service/", "/checkout/review/"


def text_of(response):
    assert response.status_code == 200
    return response.content.decode()


def settings_of(basket, **changes):
    line = basket.lines.get()
    answer = {"quantity": "1", "protection_model": "per_gigabyte", "file_sync_model": "per_user"}
    return {f"{line.pk}-{name}": value for name, value in {**answer, **changes}.items()}


def error_at(page, field_id):
    """The sentences beside the field of this id."""
    return re.findall(rf'class="field-error" id="{re.escape(field_id)}_error">([^<]+)<', page)


def working(order, *, status="done", error="", sentence="Create the tenant Dora Design"):
    """Let something have been done at the vendor for the order."""
    line = order.lines.get()
    if line.service is None:
        tenant = factories.TenantFactory(organization=order.consumer, service_manager=line.plan.service_manager)
        line.service = factories.ServiceFactory(tenant=tenant)
        line.save()
    VendorAction.objects.create(
        tenant=line.service.tenant, kind="create_tenant", sentence=sentence, status=status, error=error, started_at=AT, ended_at=AT
    )
    return line


def fail(order, sentence="The login jane.doe is taken at Acronis."):
    order.lines.update(status=OrderLine.Status.FAILED, error=sentence, next_try_at=None)
    Order.objects.filter(pk=order.pk).update(status=Order.Status.FAILED)
