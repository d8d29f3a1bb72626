"""Who gets what at every URL of ordering: one table, and a URL without a row fails."""

from dataclasses import dataclass

import pytest
from django.test import Client

from accounts.models import Membership
from catalog.models import OrderUrl
from ordering import urls
from ordering.models import TermsAcceptance
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_worker", "every_login_is_free")]

WHO = ("nobody", "stranger", "other reseller", "sibling", "viewer", "consumer", "buyer", "account manager")


ANSWERS = {
    "order_url": (302, 403, 403, 302, 403, 409, 403, 403),
    "basket": (302, 403, 200, 200, 403, 200, 200, 403),
    "waiting_basket": (200, 302, 302, 302, 302, 302, 302, 302),
    "remove_from_waiting_basket": (302, 302, 302, 302, 302, 302, 302, 302),
    "add_to_basket": (302, 403, 404, 302, 403, 302, 302, 403),
    "remove_from_basket": (302, 403, 302, 302, 403, 302, 302, 403),
    "new_customer": (302, 403, 302, 302, 403, 302, 302, 403),
    "terms": (302, 403, 302, 302, 403, 302, 302, 403),
    "billing": (302, 403, 302, 302, 403, 302, 302, 403),
    "service_details": (302, 403, 302, 302, 403, 302, 302, 403),
    "review": (302, 403, 302, 302, 403, 302, 302, 403),
    "check_login": (302, 403, 200, 200, 403, 200, 200, 403),
    "approvals": (302, 403, 200, 404, 200, 404, 200, 403),
    "order_to_approve": (302, 403, 404, 404, 302, 404, 302, 403),
    "approve": (302, 403, 404, 404, 403, 404, 302, 403),
    "decline": (302, 403, 404, 404, 403, 404, 200, 403),
    "orders": (302, 403, 200, 200, 200, 200, 200, 403),
    "order": (302, 403, 404, 404, 200, 200, 200, 403),
    "progress": (302, 403, 404, 404, 302, 302, 302, 403),
    "accepted_terms": (302, 403, 404, 404, 200, 404, 200, 403),
    "retry": (302, 403, 404, 404, 403, 403, 302, 403),
    "cancel": (302, 403, 404, 404, 403, 403, 302, 403),
    "check_login_of_order": (302, 403, 404, 404, 403, 403, 200, 403),
    "change_service_details": (302, 403, 404, 404, 403, 403, 302, 403),
    "amend_quantity": (302, 403, 404, 404, 403, 200, 200, 403),
    "amend_plan": (302, 403, 404, 404, 403, 200, 200, 403),
    "amend_term": (302, 403, 404, 404, 403, 200, 200, 403),
    "cancel_service": (302, 403, 404, 404, 403, 200, 200, 403),
    "keep_service": (302, 403, 404, 404, 403, 302, 302, 403),
}
POSTED = {
    "remove_from_waiting_basket",
    "add_to_basket",
    "remove_from_basket",
    "check_login",
    "approve",
    "decline",
    "retry",
    "cancel",
    "check_login_of_order",
    "keep_service",
}


@dataclass
class World:
    """An order and a service of Café Carol, which Alice buys for; doors are (method, path) by the name of the URL."""

    clients: dict[str, Client]
    doors: dict[str, tuple[str, str]]

    def ask(self, who: str, name: str) -> int:
        method, path = self.doors[name]
        return int(getattr(self.clients[who], method)(path).status_code)


@pytest.fixture
def world(shop) -> World:
    p = shop.personas
    sibling = factories.OrganizationFactory(name="Nachbar GmbH", parent=p.reseller)

    def member(organization, role) -> Client:
        client = Client()
        person = factories.MembershipFactory(organization=organization, role=role).user
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        return client

    order = shop.order(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer)
    subscription = factories.SubscriptionFactory(
        service=factories.ServiceFactory(tenant=factories.TenantFactory(organization=p.resellers_customer)),
        consumer=p.resellers_customer,
    )
    found = OrderUrl.objects.create(code="alices", plan=shop.plan, reseller=p.reseller, term_months=1, created_at=factories.AT)
    acceptance = TermsAcceptance.objects.get(basket=order.basket)
    arguments = {"code": found.code, "number": order.number}
    special = {
        **{name: {"number": subscription.number} for name in ("amend_quantity", "amend_plan", "amend_term", "cancel_service")},
        "keep_service": {"number": subscription.number},
        "add_to_basket": {"number": shop.plan.number},
        "remove_from_basket": {"number": shop.plan.number},
    }
    doors = {}
    for pattern in urls.urlpatterns:
        path = "/" + str(pattern.pattern)
        for key, value in {**arguments, **special.get(str(pattern.name), {})}.items():
            path = path.replace(f"<str:{key}>", value).replace("<int:pk>", str(acceptance.document_id))
        doors[str(pattern.name)] = ("post" if pattern.name in POSTED else "get", path)
    clients = {
        "nobody": Client(),
        "stranger": p.client("stranger"),
        "other reseller": p.client("bob"),
        "sibling": member(sibling, Membership.Role.ADMINISTRATOR),
        "viewer": member(p.reseller, Membership.Role.VIEWER),
        "consumer": p.client("carol"),
        "buyer": p.client("alice"),
        "account manager": p.client("mira"),
    }
    return World(clients, doors)


def test_every_url_of_ordering_has_a_row() -> None:
    assert {str(pattern.name) for pattern in urls.urlpatterns} == set(ANSWERS)


@pytest.mark.parametrize("name", list(ANSWERS))
def test_each_person_gets_what_the_table_says(world: World, name: str) -> None:
    assert tuple(world.ask(who, name) for who in WHO) == ANSWERS[name]
