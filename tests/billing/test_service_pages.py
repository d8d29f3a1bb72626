"""What people see of the services they use."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse

from billing.models import Subscription
from provisioning.models import Hold, TenantUser, VendorAction
from tests import factories
from tests.conftest import Personas


@pytest.fixture
def direct(personas: Personas) -> Subscription:
    """Dora's subscription, with a person at the vendor."""
    return subscribed(personas.direct_customer)


def subscribed(organization: Any, **facts: Any) -> Subscription:
    tenant = factories.TenantFactory(organization=organization)
    factories.TenantUserFactory(tenant=tenant, **facts)
    service = factories.ServiceFactory(tenant=tenant)
    return factories.SubscriptionFactory(service=service, consumer=organization)


def page(personas: Personas, who: str, subscription: Subscription) -> str:
    response = personas.client(who).get(reverse("billing:service", args=[subscription.number]))
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize(
    ("who", "answers"),
    [
        ("dora", (200, 404)),
        ("vic", (200, 404)),
        ("alice", (404, 200)),
        ("carol", (404, 200)),
        ("bob", (404, 404)),
        ("stranger", (403, 403)),
        ("bert", (403, 403)),
        ("nobody", (302, 302)),
    ],
)
def test_a_service_is_shown_to_who_uses_it_and_its_reseller(
    personas: Personas, direct: Subscription, who: str, answers: tuple[int, int]
) -> None:
    resold = subscribed(personas.resellers_customer)
    client = personas.client(who)

    found = tuple(client.get(reverse("billing:service", args=[s.number])).status_code for s in (direct, resold))

    assert found == answers


@pytest.mark.parametrize(
    ("who", "names"), [("dora", {"Dora Design"}), ("alice", {"Café Carol"}), ("carol", {"Café Carol"}), ("bob", set())]
)
def test_the_list_holds_ones_own_services(personas: Personas, direct: Subscription, who: str, names: set[str]) -> None:
    subscribed(personas.resellers_customer)

    rows = personas.client(who).get(reverse("billing:services")).context["page"]

    assert {row.consumer.name for row in rows} == names


def test_the_list_is_searched_by_customer_number(personas: Personas) -> None:
    other = factories.OrganizationFactory(parent=personas.reseller)
    wanted, _ = subscribed(personas.resellers_customer), subscribed(other)

    rows = personas.client("alice").get(reverse("billing:services"), {"q": personas.resellers_customer.number}).context["page"]

    assert [row.number for row in rows] == [wanted.number]


@pytest.mark.parametrize(("query", "sentence"), [("", "You use no service yet"), ("?q=moon", "No service matches “moon”")])
def test_an_empty_list_says_how_to_begin(personas: Personas, query: str, sentence: str) -> None:
    assert sentence in personas.client("dora").get(reverse("billing:services") + query).content.decode()


def test_the_list_asks_few_questions_however_long_it_is(personas: Personas, django_assert_max_num_queries: Any) -> None:
    for _ in range(10):
        subscribed(factories.OrganizationFactory(parent=personas.reseller))
    client = personas.client("alice")

    with django_assert_max_num_queries(8):
        client.get(reverse("billing:services"))


def test_a_service_says_how_it_is_licensed_and_where_to_sign_in(personas: Personas, direct: Subscription) -> None:
    shown = page(personas, "dora", direct)

    assert "Per gigabyte" in shown
    assert "Per user" in shown
    assert str(direct.service.tenant.vendor_id) in shown
    assert 'href="http://acronis.test/mc/"' in shown
    assert "1 Oct 2026" in shown


def test_a_held_service_is_called_suspended_with_the_reason(personas: Personas, direct: Subscription) -> None:
    tenant = direct.service.tenant
    Hold.objects.create(tenant=tenant, reason=Hold.Reason.DUNNING, opened_at=factories.AT)
    Hold.objects.create(
        tenant=tenant, reason=Hold.Reason.MANUAL, opened_at=factories.AT, released_at=factories.AT + timedelta(days=1)
    )

    shown = page(personas, "dora", direct)

    assert "Suspended</span>" in shown
    assert "invoice overdue" in shown
    assert "stopped by hand" not in shown


@pytest.mark.parametrize(
    ("asked", "confirmed", "sentence"),
    [
        (False, False, "Not asked for yet"),
        (True, False, "We could not confirm that Acronis sent it."),
        (True, True, "Sent by Acronis on 1 Oct 2026, 11:00 CEST"),
    ],
)
def test_the_page_says_how_far_the_activation_mail_came(personas: Personas, asked: bool, confirmed: bool, sentence: str) -> None:
    subscription = subscribed(
        personas.direct_customer,
        vendor_id=uuid4(),
        activation_mail_asked_at=factories.AT if asked else None,
        activation_mail_confirmed_at=factories.AT if confirmed else None,
    )

    assert sentence in page(personas, "dora", subscription)


def test_what_was_done_at_the_vendor_is_told_step_by_step(personas: Personas, direct: Subscription) -> None:
    VendorAction.objects.create(
        tenant=direct.service.tenant, kind="create_tenant", sentence="Create the tenant", status="done", started_at=factories.AT
    )
    VendorAction.objects.create(
        tenant=direct.service.tenant,
        kind="create_user",
        sentence="Create the user <jane>",
        status="failed",
        error="Acronis did not answer.",
        started_at=factories.AT,
    )

    shown = page(personas, "dora", direct)

    assert "Create the tenant" in shown
    assert "Create the user &lt;jane&gt;" in shown
    assert "It failed: Acronis did not answer." in shown


# --- The activation mail, once more -----------------------------------------------------------------------------------------


def test_a_buyer_has_the_activation_mail_sent_once_more(personas: Personas) -> None:
    subscription = subscribed(personas.direct_customer, vendor_id=uuid4(), activation_mail_asked_at=factories.AT)
    url = reverse("billing:ask_activation_mail", args=[subscription.number])

    response = personas.client("dora").post(url, follow=True)

    person = TenantUser.objects.get(tenant=subscription.service.tenant)
    assert person.activation_mail_asked_at is None  # to be asked for again
    assert "asked Acronis to send the activation mail to jane@example.com once more" in response.content.decode()


@pytest.mark.parametrize(("who", "status"), [("vic", 403), ("bob", 404), ("alice", 404), ("stranger", 403), ("nobody", 302)])
def test_nobody_else_has_the_activation_mail_sent(personas: Personas, who: str, status: int) -> None:
    subscription = subscribed(personas.direct_customer, vendor_id=uuid4(), activation_mail_asked_at=factories.AT)

    response = personas.client(who).post(reverse("billing:ask_activation_mail", args=[subscription.number]))

    assert response.status_code == status
    assert TenantUser.objects.get(tenant=subscription.service.tenant).activation_mail_asked_at == factories.AT
