"""Who may give up a change that waits: its buyer, and the reseller of its customer; in the storefront and by programs."""

from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.test import Client
from post_office.models import Email

from accounts.models import Membership
from billing.models import CreditNote
from ordering.amendment_terms import AmendmentWish
from ordering.models import Order
from ordering.operations import amendments, prepayment
from ordering.queries.amendments import amendment_under_way
from tests import factories
from tests.ordering.amend import LATER, subscribed
from tests.ordering.api import Programs, only_error
from tests.ordering.conftest import Shop
from tests.ordering.pages import text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("every_login_is_free")]
TWO = AmendmentWish("quantity", quantity=2)


@pytest.fixture
def change(shop: Shop) -> Order:
    """Carol, whom Alice sells to, wants two of a prepaid year; it waits for the payment of that."""
    cache.clear()
    p = shop.personas
    plan = shop.fixed_plan(name="Backup 50 GB", billing_model="prepaid")
    factories.PartnerTermsFactory(reseller=p.reseller, plan=plan)
    factories.PartnerPriceFactory(reseller=p.reseller, plan=plan)
    service = subscribed(plan, p.resellers_customer, term_months=12)
    wanted: dict[str, Any] = {"subscription_id": service.pk, "wish": TWO, "reader": p.resellers_customer, "at": LATER}
    seen = amendments.quote_amendment(**wanted).fingerprint
    order = amendments.place_amendment(quote_seen=seen, source="storefront", key=uuid4(), by=p.carol, **wanted)
    assert order.status == Order.Status.AWAITING_PAYMENT
    return order


def service_of(order: Order) -> Any:
    return order.lines.get().subscription


def test_a_reseller_cancels_its_customers_change_that_waits_for_payment(shop: Shop, change: Order) -> None:
    alice = shop.personas.client("alice")
    prepayment.go_on(order_id=change.pk, at=LATER)
    offered = text_of(alice.get(f"/orders/{change}/"))

    alice.post(f"/orders/{change}/cancel/")
    prepayment.go_on(order_id=change.pk, at=LATER)

    change.refresh_from_db()
    assert f'action="/orders/{change}/cancel/"' in offered
    assert (change.status, change.cancelled_because) == ("cancelled", "Alster IT has cancelled it.")
    assert amendment_under_way(service_of(change)) is None
    credited = {note.invoice for note in CreditNote.objects.all()}
    assert {invoice.seller for invoice in credited} == {shop.personas.msp, shop.personas.reseller}
    assert credited == set(prepayment.advance_invoices(change))
    assert "Alster IT has cancelled it." in text_of(shop.personas.client("carol").get(f"/orders/{change}/"))
    told = Email.objects.get(subject=f"Order {change} is cancelled")
    assert told.to == [shop.personas.carol.email]
    assert "Alster IT has cancelled it." in told.message


def test_its_program_does_too_once_however_often_it_asks(shop: Shop, change: Order) -> None:
    programs = Programs(shop)

    first, again = (programs.post("alice", f"orders/{change}/cancel", key="k-1") for _ in range(2))

    assert first.json()["status"] == "cancelled"
    assert first.json()["cancelled_because"] == "Alster IT has cancelled it."
    assert again.json() == first.json()
    assert Email.objects.filter(subject=f"Order {change} is cancelled").count() == 1


def test_a_buyer_who_cancels_its_own_change_is_told_nothing(shop: Shop, change: Order) -> None:
    shop.personas.client("carol").post(f"/orders/{change}/cancel/")

    change.refresh_from_db()
    assert (change.status, change.cancelled_because) == ("cancelled", "")
    assert not Email.objects.filter(subject=f"Order {change} is cancelled").exists()


def test_nobody_else_cancels_it_and_a_reseller_no_new_service_of_its_customer(shop: Shop, change: Order) -> None:
    p, programs = shop.personas, Programs(shop)
    owner = factories.MembershipFactory(organization=programs.sibling, role=Membership.Role.ADMINISTRATOR).user
    first = shop.order(owner=owner, buyer=programs.sibling)
    Order.objects.filter(pk=first.pk).update(status="failed")
    first.lines.update(status="failed")
    viewer = Client()
    looks = factories.MembershipFactory(organization=p.reseller, role=Membership.Role.VIEWER).user
    viewer.force_login(looks, backend="django.contrib.auth.backends.ModelBackend")

    found = {who: programs.post(who, f"orders/{change}/cancel").status_code for who in ("bob", "dora", "sibling")}
    refused = programs.post("alice", f"orders/{first}/cancel")

    assert found == {"bob": 404, "dora": 404, "sibling": 404}
    assert (refused.status_code, only_error(refused)["code"]) == (403, "permission_denied")
    assert p.client("alice").post(f"/orders/{first}/cancel/").status_code == 403
    assert viewer.post(f"/orders/{change}/cancel/").status_code == 403
    assert p.client("bob").post(f"/orders/{change}/cancel/").status_code == 404
    change.refresh_from_db()
    assert change.status == "awaiting_payment"
