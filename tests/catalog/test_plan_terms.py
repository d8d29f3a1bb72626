"""Free units and minimums of a plan by use: set on its Pricing page."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import Plan, PlanAllowance, PlanCommitment
from catalog.operations import agreements, plans
from common.errors import FieldRefused
from provisioning.models import VendorOfferingItem
from tests import factories

SERVERS = "pck_per_gigabyte|pg_base_servers"


@pytest.fixture
def plan(personas: Any) -> Plan:
    """A draft by use whose service manager meters servers."""
    plan = factories.PlanFactory(status="draft")
    VendorOfferingItem.objects.create(
        service_manager=plan.service_manager,
        application_id="6e6d758d-8e74-3ae3-ac84-50eb0dff12eb",
        application_type="backup",
        name="pg_base_servers",
        usage_name="servers",
        edition="pck_per_gigabyte",
        item_type="count",
        measurement_unit="quantity",
    )
    return plan


@pytest.fixture
def desk(personas: Any) -> Client:
    return personas.client("root")


def send(desk: Client, plan: Plan, **fields: str) -> Any:
    return desk.post(reverse("admin:catalog_plan_pricing", args=[plan.pk]), fields, follow=True)


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def test_what_is_included_is_set_changed_and_removed(desk: Client, plan: Plan) -> None:
    send(desk, plan, part="allowance", item=SERVERS, quantity="5")
    page = text(send(desk, plan, part="allowance", item=SERVERS, quantity="7.5"))

    row = PlanAllowance.objects.get()
    assert (row.item, row.edition, row.quantity) == ("pg_base_servers", "pck_per_gigabyte", Decimal("7.5"))
    assert "7.5 of Servers (Protection, per gigabyte) are included." in page
    assert "5 of Servers (Protection, per gigabyte) are included." in page  # what it was before stands below, with who and when

    removed = desk.post(reverse("admin:catalog_plan_not_included", args=[plan.pk]), {"row": row.pk}, follow=True)
    assert not PlanAllowance.objects.exists()
    assert "is not included any more; it was 7.5." in text(removed)


def test_a_minimum_is_set_by_currency_and_removed(desk: Client, plan: Plan) -> None:
    send(desk, plan, part="commitment", currency="EUR", amount="50")
    page = text(send(desk, plan, part="commitment", currency="JPY", amount="8000"))

    assert sorted(PlanCommitment.objects.values_list("currency", "amount")) == [("EUR", Decimal(50)), ("JPY", Decimal(8000))]
    assert "50.00 EUR" in page
    assert "8,000 JPY" in page
    row = PlanCommitment.objects.get(currency="JPY")
    assert desk.get(reverse("admin:catalog_plan_no_minimum", args=[plan.pk])).status_code == 405
    desk.post(reverse("admin:catalog_plan_no_minimum", args=[plan.pk]), {"row": row.pk})
    assert PlanCommitment.objects.get().currency == "EUR"


@pytest.mark.parametrize(
    ("fields", "form", "field"),
    [
        ({"part": "allowance", "item": "|tape_robot", "quantity": "5"}, "allowance", "item"),
        ({"part": "allowance", "item": SERVERS, "quantity": "0"}, "allowance", "quantity"),
        ({"part": "allowance", "item": SERVERS, "quantity": "-5"}, "allowance", "quantity"),
        ({"part": "allowance", "item": SERVERS, "quantity": "many"}, "allowance", "quantity"),
        (
            {"part": "commitment", "currency": "XXX", "amount": "5"},
            "commitment",
            "currency",
        ),  # the code of ISO 4217 for no currency
        ({"part": "commitment", "currency": "EUR", "amount": "0"}, "commitment", "amount"),
        ({"part": "commitment", "currency": "JPY", "amount": "1.5"}, "commitment", "amount"),
        ({"part": "commitment", "currency": "EUR", "amount": "99999999"}, "commitment", "amount"),
    ],
)
def test_what_cannot_be_meant_is_said_beside_its_field(
    desk: Client, plan: Plan, fields: dict[str, str], form: str, field: str
) -> None:
    answer = send(desk, plan, **fields)

    assert list(answer.context["terms_forms"][form].errors) == [field]
    assert not PlanAllowance.objects.exists()
    assert not PlanCommitment.objects.exists()


def test_who_may_only_look_is_refused(personas: Any, plan: Plan) -> None:
    mira = personas.client("mira")

    assert mira.post(reverse("admin:catalog_plan_pricing", args=[plan.pk]), {"part": "allowance"}).status_code == 403
    assert mira.post(reverse("admin:catalog_plan_not_included", args=[plan.pk]), {"row": 1}).status_code == 403
    assert "Include it" not in text(mira.get(reverse("admin:catalog_plan_pricing", args=[plan.pk])))


def test_a_plan_of_fixed_price_has_no_free_units_and_loses_those_it_had(plan: Plan) -> None:
    fixed = factories.FixedPlanFactory()
    agreements.set_plan_commitment(plan_id=plan.pk, currency="EUR", amount=Decimal(50))
    chosen: dict[str, Any] = {"quantity_is_enabled": False, "applicable_on_partner_website": False}

    with pytest.raises(FieldRefused, match="has a fixed price"):
        agreements.set_plan_commitment(plan_id=fixed.pk, currency="EUR", amount=Decimal(50))
    plans.set_selling_options(plan_id=plan.pk, billing_model="postpaid_fixed", today=factories.AT.date(), at=factories.AT, **chosen)

    assert not PlanCommitment.objects.exists()


def test_a_duplicate_includes_and_asks_for_the_same(plan: Plan) -> None:
    PlanAllowance.objects.create(plan=plan, item="pg_base_servers", quantity=5)
    PlanCommitment.objects.create(plan=plan, currency="EUR", amount=50)

    copy = plans.duplicate_plan(plan_id=plan.pk, name="Another", today=factories.AT.date(), by=None, at=factories.AT)

    assert (copy.allowances.get().quantity, copy.commitments.get().amount) == (5, 50)
