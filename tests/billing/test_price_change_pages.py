"""The pages on which prices are changed in bulk: asked, previewed, confirmed, called off."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from billing.models import PriceChange, Subscription, SubscriptionPrice
from catalog.models import Plan, PlanPrice
from common import clock
from tests import factories
from tests.billing.making import sold_at, subscribe, subscribe_fixed
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
NEW = "admin:billing_price_change"


@pytest.fixture(autouse=True)
def tenth_of_november(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: AT)


@pytest.fixture
def plan(personas: Personas) -> Plan:
    return factories.FixedPlanFactory(name="Backup 50 GB")


@pytest.fixture
def staff(personas: Personas, client: Client) -> Client:
    client.force_login(personas.root)
    return client


def asked(plan: Plan, **facts: Any) -> dict[str, Any]:
    return {
        "plans": [plan.pk],
        "kind": "percent",
        "direction": "up",
        "by": "5",
        "parts": ["price"],
        "ending": "",
        "valid_from": "2026-12-01",
        **facts,
    }


def hidden(page: str) -> Iterator[tuple[str, str]]:
    """What the preview sends when a button on it is pressed."""
    form = page[page.index('name="fingerprint"') - 4000 :]
    for tag in re.findall(r"<input[^>]*>", form):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        is_sent = "checked" in tag or 'type="hidden"' in tag
        if name and value and is_sent and name[1] != "csrfmiddlewaretoken":
            yield name[1], value[1]


def preview(staff: Client, sent: dict[str, Any]) -> tuple[str, dict[str, list[str]]]:
    page = staff.post(reverse(NEW), sent).content.decode()
    told: dict[str, list[str]] = {}
    for name, value in hidden(page):
        told.setdefault(name, []).append(value)
    return page, told


def test_prices_are_asked_for_previewed_and_confirmed(staff: Client, plan: Plan, personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer, plan=plan)
    form = staff.get(reverse(NEW), {"plans": str(plan.pk)}).content.decode()
    assert f'<option value="{plan.pk}" selected>' in form

    page, told = preview(staff, asked(plan))
    assert "20.00 EUR" in page
    assert "21.00 EUR" in page
    assert subscription.number in page
    assert "Running subscriptions keep what they were sold at." in page
    assert not PriceChange.objects.exists()

    answer = staff.post(reverse(NEW), {**told, "step": "confirm"}, follow=True)
    assert "New prices from 1 Dec 2026." in answer.content.decode()
    assert PlanPrice.objects.get(plan=plan, term_months=1, valid_from=date(2026, 12, 1)).price == Decimal(21)


def test_confirming_twice_is_one_change(staff: Client, plan: Plan) -> None:
    _, told = preview(staff, asked(plan))

    first = staff.post(reverse(NEW), {**told, "step": "confirm"})
    again = staff.post(reverse(NEW), {**told, "step": "confirm"})

    assert first.url == again.url
    assert PriceChange.objects.count() == 1


def test_who_is_unticked_keeps_its_price(staff: Client, plan: Plan, personas: Personas) -> None:
    moved = subscribe_fixed(personas.direct_customer, plan=plan)
    left = subscribe_fixed(factories.OrganizationFactory(), plan=plan)
    page, told = preview(staff, asked(plan, moves="on", moves_from="2026-12-01"))
    assert "Change 2 prices and move 2 subscriptions" in page

    staff.post(reverse(NEW), {**told, "move": [str(moved.pk)], "step": "confirm"})

    prices = SubscriptionPrice.objects.filter(valid_from=date(2026, 12, 1))
    assert [price.subscription for price in prices] == [moved]
    assert left.prices.count() == 1


def test_something_that_changed_meanwhile_is_shown_anew_and_not_done(staff: Client, plan: Plan) -> None:
    _, told = preview(staff, asked(plan))
    PlanPrice.objects.filter(plan=plan, term_months=1).update(price=22)

    page = staff.post(reverse(NEW), {**told, "step": "confirm"}).content.decode()

    assert "Something changed since this preview was made." in page
    assert "23.10 EUR" in page
    assert not PriceChange.objects.exists()


def test_back_keeps_what_was_asked(staff: Client, plan: Plan) -> None:
    _, told = preview(staff, asked(plan, by="7.5"))

    page = staff.post(reverse(NEW), {**told, "step": "edit"}).content.decode()

    assert 'value="7.5"' in page


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"plans": []}, "Choose plans, a product group, or a part of their names."),
        ({"plans": [], "words": "no such plan"}, "No plan matches."),
        ({"by": "0"}, "Enter more than 0"),
        ({"by": "-5"}, "choose up or down beside it"),
        ({"parts": []}, "Tick what is to change."),
        ({"kind": "amount"}, "An amount is in one currency; tick which."),
        ({"valid_from": "2026-11-09"}, "A price cannot change in the past"),
        ({"moves": "on", "moves_from": ""}, "Choose the day on which they move."),
        ({"moves": "on", "moves_from": "2026-11-15", "valid_from": "2026-11-10"}, "from 1 Dec 2026 on, the 1st of next month."),
        ({"currencies": ["XXX"]}, "XXX is not one of the available choices"),
    ],
    ids=["none", "no match", "zero", "negative", "no part", "amount", "past", "no day", "early", "currency"],
)
def test_what_cannot_be_meant_is_said_on_the_form(staff: Client, plan: Plan, facts: dict[str, Any], sentence: str) -> None:
    page = staff.post(reverse(NEW), asked(plan, **facts)).content.decode()

    assert sentence in page
    assert 'name="fingerprint"' not in page


def test_a_row_that_is_refused_says_why(staff: Client, plan: Plan) -> None:
    page, _ = preview(staff, asked(plan, kind="amount", direction="down", by="30", currencies=["EUR"]))

    assert "The price cannot be less than nothing." in page
    assert "Change 1 price<" in page


def test_plans_are_found_by_group_and_name(staff: Client, plan: Plan) -> None:
    metered = factories.PlanFactory(product_group=plan.product_group, name="Backup by use")

    page, _ = preview(staff, asked(plan, plans=[], product_groups=[plan.product_group_id], words="backup"))

    assert plan.number in page
    assert f"{metered} is pay-as-you-go: it has no prices to change." in page


def test_a_change_is_called_off_while_its_day_has_not_come(staff: Client, plan: Plan, personas: Personas) -> None:
    subscribe_fixed(personas.direct_customer, plan=plan)
    _, told = preview(staff, asked(plan, moves="on", moves_from="2026-12-01"))
    staff.post(reverse(NEW), {**told, "step": "confirm"})
    change = PriceChange.objects.get()
    url = reverse("admin:billing_pricechange_call_off", args=[change.pk])
    assert "Prices planned from 1 Dec 2026 are withdrawn" in staff.get(url).content.decode()

    page = staff.post(url, follow=True).content.decode()

    assert "1 subscription will not move; 2 planned prices withdrawn." in page
    assert "called off" in page
    assert "planned" not in staff.get(reverse("admin:billing_pricechange_changelist")).content.decode().split("<tbody")[1][:3000]
    assert not PlanPrice.objects.filter(valid_from=date(2026, 12, 1)).exists()


def test_one_subscription_is_moved_from_its_own_page(staff: Client, plan: Plan, personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer, sold_at("15"), plan=plan)
    url = reverse("admin:billing_subscription_move_price", args=[subscription.pk])
    page = staff.get(reverse("admin:billing_subscription_change", args=[subscription.pk])).content.decode()
    assert url in page
    assert "15.00 EUR (to a direct customer) from 1 Oct 2026" in page
    assert "15.00 EUR becomes 20.00 EUR." in staff.get(url).content.decode()

    page = staff.post(url, follow=True).content.decode()

    assert "moves to the present price on 1 Dec 2026." in page
    assert subscription.prices.get(valid_from=date(2026, 12, 1)).price == 20


def test_of_a_prepaid_subscription_the_page_says_until_when_it_keeps_its_price(staff: Client, personas: Personas) -> None:
    plan = factories.FixedPlanFactory(billing_model="prepaid")
    subscription = subscribe_fixed(personas.direct_customer, sold_at("15"), plan=plan, started_on=date(2026, 11, 5))
    Subscription.objects.filter(pk=subscription.pk).update(billing_model="prepaid")
    url = reverse("admin:billing_subscription_move_price", args=[subscription.pk])

    page = staff.get(url).content.decode()

    assert "It is prepaid: until 4 Dec 2026 it keeps the price that was invoiced for its term." in page
    assert "moves to the present price on 5 Dec 2026." in staff.post(url, follow=True).content.decode()


def test_a_subscription_that_is_billed_by_use_has_no_price_to_move(staff: Client, personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)

    page = staff.get(reverse("admin:billing_subscription_change", args=[subscription.pk])).content.decode()

    assert "Move to the present price" not in page
    assert "by the rate card of each month" in page


def test_only_who_may_change_prices_does(client: Client, plan: Plan) -> None:
    person = factories.UserFactory(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename="view_pricechange"))
    client.force_login(person)

    assert client.get(reverse(NEW)).status_code == 403
    assert client.post(reverse(NEW), asked(plan)).status_code == 403
    assert reverse(NEW) not in client.get(reverse("admin:billing_pricechange_changelist")).content.decode()


def test_selected_plans_are_chosen_already(staff: Client, plan: Plan) -> None:
    other = factories.FixedPlanFactory()
    answer = staff.post(
        reverse("admin:catalog_plan_changelist"), {"action": "change_prices", "_selected_action": [plan.pk, other.pk]}, follow=True
    )

    page = answer.content.decode()

    assert answer.redirect_chain[-1][0] == f"{reverse(NEW)}?plans={plan.pk},{other.pk}"
    assert f'<option value="{plan.pk}" selected>' in page
    assert f'<option value="{other.pk}" selected>' in page


def test_a_product_manager_changes_prices_and_calls_it_off(client: Client, plan: Plan, personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer, plan=plan)
    person = factories.UserFactory(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=["view_pricechange", "add_pricechange"]))
    client.force_login(person)
    page, told = preview(client, asked(plan))
    assert subscription.number in page
    assert reverse("admin:billing_subscription_change", args=[subscription.pk]) not in page

    client.post(reverse(NEW), {**told, "step": "confirm"})
    client.post(reverse("admin:billing_pricechange_call_off", args=[PriceChange.objects.get().pk]))

    change = PriceChange.objects.get()
    assert (change.created_by, change.withdrawn_by) == (person, person)
