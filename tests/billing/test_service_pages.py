"""What people see of the services they use."""

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse

from billing.models import Subscription
from catalog.pricing import Level
from provisioning.models import Hold, Service, ServiceItem, Tenant, TenantUser, VendorAccess, VendorAction, VendorOfferingItem
from tests import factories
from tests.billing.making import move, sold_at
from tests.billing.serving import subscribed
from tests.conftest import Personas


@pytest.fixture
def direct(personas: Personas) -> Subscription:
    """Dora's subscription, with a person at the vendor."""
    return subscribed(personas.direct_customer)


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
    assert "Suspended by us" not in shown  # that hold is released: it is in the history


@pytest.mark.parametrize(
    ("asked", "confirmed", "sentence"),
    [
        (False, False, "The mail was not asked for yet"),
        (True, False, "We could not confirm that Acronis sent the mail."),
        (True, True, "Mail sent by Acronis on 1 Oct 2026, 11:00 CEST"),
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


def test_each_item_an_action_touched_unfolds_under_its_sentence(personas: Personas, direct: Subscription) -> None:
    VendorAction.objects.create(
        tenant=direct.service.tenant,
        kind="set_items",
        sentence="Enable 2 offering items",
        details=["enable pw_base_servers, soft quota 10", "enable <vms>"],
        status="done",
        started_at=factories.AT,
    )

    shown = page(personas, "dora", direct)

    assert "<summary>2 details</summary>" in shown
    assert "<li>enable Servers, soft quota 10</li><li>enable &lt;vms&gt;</li>" in shown


def test_quotas_are_told_in_words_for_the_quantity(personas: Personas, direct: Subscription) -> None:
    Service.objects.update(quantity=2)
    for name, unit in (("pg_base_storage", "bytes"), ("pg_base_servers", "quantity")):
        VendorOfferingItem.objects.create(
            service_manager=direct.service.service_manager,
            application_id=uuid4(),
            application_type="backup",
            name=name,
            usage_name=name,
            item_type="count",
            measurement_unit=unit,
        )
    items = direct.service.items
    items.create(name="pg_base_storage", soft_quota=50 * 1024**3, overage=10 * 1024**3)
    items.create(name="pg_base_servers", soft_quota=0)
    items.create(name="pg_base_vms", is_enabled=False)

    shown = page(personas, "dora", direct)

    assert "<dt>Cloud storage</dt><dd>Soft quota 100 GB, hard at 120 GB</dd>" in shown
    assert "<dt>Servers</dt><dd>Soft quota 0</dd>" in shown
    assert "<dt>Virtual machines</dt><dd>Off</dd>" in shown
    assert "<dt>Quantity</dt><dd>2</dd>" in shown
    assert "None: you pay for what is used" not in shown


@pytest.mark.parametrize(
    ("tenant", "service", "pill", "sentence"),
    [
        ({}, {"pricing_mode": "trial"}, "Free trial", "What is used during it is not billed."),
        ({"retired_at": factories.AT}, {"ended_at": factories.AT}, "Being terminated", "this cannot be undone"),
        (
            {"retired_at": factories.AT, "gone_at": factories.AT},
            {"ended_at": factories.AT},
            "Terminated",
            "Acronis deleted the tenant with all users and backups on 1 Oct 2026, 11:00 CEST.",
        ),
    ],
)
def test_trial_and_end_are_told_in_plain_words(
    personas: Personas, direct: Subscription, tenant: dict[str, Any], service: dict[str, Any], pill: str, sentence: str
) -> None:
    Tenant.objects.update(**tenant)
    Service.objects.update(**service)

    shown = page(personas, "dora", direct)

    assert f"{pill}</span>" in shown
    assert sentence in " ".join(shown.split())
    assert f"{pill}</span>" in personas.client("dora").get(reverse("billing:services")).content.decode()


def test_a_long_history_is_folded_and_asks_no_more_questions(
    personas: Personas, direct: Subscription, django_assert_max_num_queries: Any
) -> None:
    tenant, person = direct.service.tenant, TenantUser.objects.get()
    for number in range(60):
        VendorAction.objects.create(
            tenant=tenant, kind="set_items", sentence=f"Step {number}", status="done", started_at=factories.AT
        )
        VendorAccess.objects.create(tenant_user=person, kind="panel_opened", person=personas.dora, at=factories.AT)
        ServiceItem.objects.create(service=direct.service, name=f"item_{number}", soft_quota=number)
    client = personas.client("dora")

    with django_assert_max_num_queries(16):
        shown = client.get(reverse("billing:service", args=[direct.number])).content.decode()

    assert "40 earlier steps" in shown
    assert shown.count("opened the panel") == 20


# --- Sold at a fixed price ------------------------------------------------------------------------------------------------------


@pytest.fixture
def resold_at_a_fixed_price(personas: Personas) -> Subscription:
    """Carol's subscription for a year, two units: 240 EUR to the reseller, 300 EUR to her, 330 EUR from next year on."""
    wholesale, retail = sold_at("240", level=Level.WHOLESALE), sold_at("300", level=Level.RETAIL)
    facts = {"billing_model": "postpaid_fixed", "term_months": 12, "quantity": 2}
    subscription = subscribed(personas.resellers_customer)
    Subscription.objects.filter(pk=subscription.pk).update(**facts)
    move(subscription, wholesale, retail, valid_from=subscription.started_on)
    move(subscription, sold_at("330", level=Level.RETAIL), valid_from=date(2099, 1, 1))
    subscription.refresh_from_db()
    return subscription


def test_a_customer_sees_term_quantity_and_what_it_pays_a_month(personas: Personas, resold_at_a_fixed_price: Subscription) -> None:
    shown = " ".join(page(personas, "carol", resold_at_a_fixed_price).split())

    assert "<dt>Term</dt><dd>12 months</dd>" in shown
    assert "<dt>Quantity</dt><dd>2</dd>" in shown
    assert "25.00 EUR per unit and month, which is 300.00 EUR for 12 months, excl. VAT." in shown
    assert "From 1 Jan 2099: 27.50 EUR per unit and month." in shown
    assert "20.00 EUR" not in shown


def test_its_reseller_sees_what_it_pays_itself(personas: Personas, resold_at_a_fixed_price: Subscription) -> None:
    shown = " ".join(page(personas, "alice", resold_at_a_fixed_price).split())

    assert "20.00 EUR per unit and month, which is 240.00 EUR for 12 months, excl. VAT." in shown
    assert "25.00 EUR" not in shown


@pytest.mark.parametrize(("who", "price", "hidden"), [("carol", "25.00 EUR", "20.00 EUR"), ("alice", "20.00 EUR", "25.00 EUR")])
def test_the_list_shows_price_and_term_at_the_readers_end(
    personas: Personas, resold_at_a_fixed_price: Subscription, who: str, price: str, hidden: str
) -> None:
    shown = " ".join(personas.client(who).get(reverse("billing:services")).content.decode().split())

    assert f'2 × <span class="nowrap">{price}</span> per month, term 12 months' in shown
    assert hidden not in shown


def test_what_is_billed_by_use_says_so_in_the_list(personas: Personas, direct: Subscription) -> None:
    assert "What is used" in personas.client("dora").get(reverse("billing:services")).content.decode()


def test_fixed_prices_are_read_at_once_however_long_the_list_is(
    personas: Personas, resold_at_a_fixed_price: Subscription, django_assert_max_num_queries: Any
) -> None:
    for _ in range(5):
        other = subscribed(factories.OrganizationFactory(parent=personas.reseller))
        Subscription.objects.filter(pk=other.pk).update(billing_model="postpaid_fixed")
        move(other, sold_at("10", level=Level.WHOLESALE), valid_from=other.started_on)
    client = personas.client("alice")

    with django_assert_max_num_queries(9):
        client.get(reverse("billing:services"))
