"""The partner panel: plans and prices of a reseller, worked out before they are saved, and its order URLs."""

import csv
import io
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pghistory
import pytest
import time_machine
from django.urls import reverse

from accounts.models import Membership, Organization
from billing.models import ExchangeRate
from catalog.models import OrderUrl, PartnerMarkup, PartnerPrice, PartnerTerms, Plan
from tests import factories
from tests.catalog.test_views import card
from tests.conftest import Personas

LIST, EXPORT = "/partner/plans/", "/partner/plans/export/"


@pytest.fixture(autouse=True)
def _in_october() -> Iterator[None]:
    with time_machine.travel("2026-10-15T09:00:00Z", tick=False):
        yield


@pytest.fixture
def plan(personas: Personas) -> Plan:
    """20 EUR a month and 200 a year, setup 10, overage 0.10; Alice buys 20 % cheaper and has set nothing yet."""
    plan: Plan = factories.FixedPlanFactory(number="P100", name="Backup 50")
    factories.PartnerTermsFactory(reseller=personas.reseller, plan=plan)
    return plan


def address(plan: Plan) -> str:
    return reverse("catalog:partner_plan", args=[plan.number])


def typed(**changed: str) -> dict[str, str]:
    return {"markup_kind": "percent", "markup_percent": "25", "discount_percent": "0", "is_published": "on", **changed}


def words(response: Any) -> str:
    return " ".join(response.content.decode().split())


def viewer_of(organization: Organization, role: str = Membership.Role.VIEWER) -> Membership:
    return factories.MembershipFactory(organization=organization, role=role)


# --- The list -----------------------------------------------------------------------------------------------------------


def test_the_list_shows_cost_retail_and_margin_of_the_cheapest_term(personas: Personas, plan: Plan) -> None:
    factories.PartnerPriceFactory(reseller=personas.reseller, plan=plan, markup_percent=Decimal(25))

    page = words(personas.client("alice").get(LIST))

    assert "160.00 EUR" in page  # a year: 200 less 20 %, cheaper by the month than 16.00
    assert "<strong>200.00 EUR</strong>" in page
    assert "40.00 EUR" in page
    assert "20 %" in page
    assert "Published" in page
    assert "of 2 terms" in page


def test_a_plan_priced_by_use_shows_its_margin_in_percent(personas: Personas) -> None:
    plan = factories.PlanFactory()
    factories.PartnerTermsFactory(reseller=personas.reseller, plan=plan, discount_percent=Decimal(12))
    factories.PartnerPriceFactory(reseller=personas.reseller, plan=plan, markup_percent=Decimal(30))

    page = words(personas.client("alice").get(LIST))

    assert "rate card − 12 %" in page
    assert "23.1 %" in page  # 30 of 130


def test_search_product_and_published_narrow_the_list(personas: Personas, plan: Plan) -> None:
    other = factories.FixedPlanFactory(number="P200", name="Disaster 900")
    factories.PartnerTermsFactory(reseller=personas.reseller, plan=other)
    factories.PartnerPriceFactory(reseller=personas.reseller, plan=other)
    client = personas.client("alice")

    def found(query: str) -> list[str]:
        return [row.plan.number for row in client.get(LIST + query).context["rows"]]

    assert found("") == ["P100", "P200"]
    assert found("?q=disaster") == ["P200"]
    assert found("?q=p100") == ["P100"]
    assert found("?published=yes") == ["P200"]
    assert found("?published=no") == ["P100"]
    assert found(f"?product={plan.product_group.product_id}") == ["P100", "P200"]
    assert found("?product=999999") == []
    assert "No plan matches" in words(client.get(LIST + "?q=nothing"))


def test_without_a_plan_the_list_says_how_to_begin(personas: Personas) -> None:
    assert "No plan is open to you yet" in words(personas.client("alice").get(LIST))


@pytest.mark.parametrize("reason", ["not allowed", "switched off", "draft", "archived"])
def test_plans_that_may_not_be_sold_are_not_there(personas: Personas, plan: Plan, reason: str) -> None:
    if reason == "not allowed":
        PartnerTerms.objects.update(is_allowed=False)
    elif reason == "switched off":
        Plan.objects.filter(pk=plan.pk).update(applicable_on_partner_website=False)
    else:
        Plan.objects.filter(pk=plan.pk).update(status=reason)
    client = personas.client("alice")

    assert client.get(LIST).context["rows"] == []
    assert client.get(address(plan)).status_code == 404
    assert client.post(address(plan), typed()).status_code == 404
    assert not PartnerPrice.objects.exists()


def test_the_list_asks_no_more_queries_for_more_plans(
    personas: Personas, plan: Plan, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for number in range(12):
        more = factories.FixedPlanFactory(number=f"P3{number:02}")
        factories.PartnerTermsFactory(reseller=personas.reseller, plan=more)
        price = factories.PartnerPriceFactory(reseller=personas.reseller, plan=more, markup_kind="amount")
        PartnerMarkup.objects.create(partner_price=price, currency="EUR", term_months=12, amount=Decimal(5))
    client = personas.client("alice")

    with django_assert_max_num_queries(14):
        client.get(LIST)


# --- Who may ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["dora", "carol"])
def test_the_panel_does_not_exist_for_customers(personas: Personas, plan: Plan, who: str) -> None:
    client = personas.client(who)

    for path in (LIST, EXPORT, address(plan), "/partner/marketplace/", f"{address(plan)}order-urls/"):
        assert client.get(path).status_code == 404


def test_another_reseller_finds_nothing_of_it(personas: Personas, plan: Plan) -> None:
    factories.PartnerPriceFactory(reseller=personas.reseller, plan=plan, markup_percent=Decimal(25))
    client = personas.client("bob")

    assert client.get(address(plan)).status_code == 404
    assert client.post(address(plan), typed(markup_percent="1")).status_code == 404
    assert "P100" not in words(client.get(LIST)) + words(client.get(EXPORT))
    assert PartnerPrice.objects.get().markup_percent == Decimal(25)


def test_resellers_see_their_own_prices_of_the_same_plan_only(personas: Personas, plan: Plan) -> None:
    factories.PartnerTermsFactory(reseller=personas.other_reseller, plan=plan, discount_percent=Decimal(15))
    factories.PartnerPriceFactory(reseller=personas.reseller, plan=plan, markup_percent=Decimal("33.25"))
    factories.PartnerPriceFactory(reseller=personas.other_reseller, plan=plan, markup_percent=Decimal("47.5"))

    for who, own, foreign in (("alice", ("33.25", "16.00", "21.32"), "47.5"), ("bob", ("47.5", "17.00", "25.08"), "33.25")):
        page = words(personas.client(who).get(address(plan)))
        assert all(number in page for number in own)
        assert foreign not in page
        assert "20.00 EUR" not in page  # the MSP's list price


@pytest.mark.parametrize("role", [Membership.Role.VIEWER, Membership.Role.BUYER])
def test_others_than_administrators_look_and_change_nothing(personas: Personas, client: Any, plan: Plan, role: str) -> None:
    factories.PartnerPriceFactory(reseller=personas.reseller, plan=plan)
    client.force_login(viewer_of(personas.reseller, role).user, backend="django.contrib.auth.backends.ModelBackend")

    shown = client.get(address(plan))
    refused = client.post(address(plan), typed(markup_percent="99"))

    assert "an administrator of Alster IT sets them" in words(shown)
    assert "20.80 EUR" in words(shown)  # 16 + 30 %
    assert 'name="markup_percent"' not in shown.content.decode()
    assert refused.status_code == 403
    assert "Only an administrator sets prices." in words(refused)
    assert PartnerPrice.objects.get().markup_percent == Decimal(30)


# --- One plan -----------------------------------------------------------------------------------------------------------


def test_a_price_is_saved_and_its_customer_pays_it(personas: Personas, plan: Plan) -> None:
    response = personas.client("alice").post(
        address(plan), typed(markup_percent="30", overage_markup_percent="50", discount_percent="5"), follow=True
    )

    row = PartnerPrice.objects.get()
    assert (row.markup_percent, row.overage_markup_percent, row.discount_percent) == (Decimal(30), Decimal(50), Decimal(5))
    assert row.is_published
    assert "is saved" in words(response)
    assert "19.76 EUR" in words(personas.client("carol").get(reverse("catalog:plan", args=[plan.number])))


def test_amounts_are_saved_per_currency_and_term(personas: Personas, plan: Plan) -> None:
    factories.PlanPriceFactory(plan=plan, currency="CHF", price=Decimal(22))
    Organization.objects.filter(pk=personas.resellers_customer.pk).update(currency="CHF")
    amounts = {"amount-EUR-1": "4.50", "overage_amount-EUR-1": "0.05", "amount-CHF-1": "5"}

    personas.client("alice").post(address(plan), typed(markup_kind="amount", **amounts))

    rows = PartnerMarkup.objects.values_list("currency", "term_months", "amount", "overage_amount")
    assert sorted(rows) == [("CHF", 1, Decimal(5), Decimal(0)), ("EUR", 1, Decimal("4.50"), Decimal("0.05"))]


def test_amounts_in_currencies_that_the_page_does_not_show_stay(personas: Personas, plan: Plan) -> None:
    factories.PlanPriceFactory(plan=plan, currency="EUR", term_months=36, price=Decimal(500), valid_from="2026-12-01")
    price = factories.PartnerPriceFactory(reseller=personas.reseller, plan=plan, markup_kind="amount")
    PartnerMarkup.objects.create(partner_price=price, currency="EUR", term_months=36, amount=Decimal(90))

    personas.client("alice").post(address(plan), typed(markup_kind="amount", **{"amount-EUR-12": "40"}))

    assert sorted(PartnerMarkup.objects.values_list("term_months", "amount")) == [(12, Decimal(40)), (36, Decimal(90))]


def test_working_out_shows_the_result_and_writes_nothing(personas: Personas, plan: Plan) -> None:
    client = personas.client("alice")

    page = client.get(address(plan), typed(markup_percent="50"))
    part = client.get(address(plan), typed(markup_percent="50"), headers={"HX-Request": "true"})

    for response in (page, part):
        assert "24.00 EUR" in words(response)
        assert "8.00 EUR" in words(response)
        assert "33.3 %" in words(response)
    assert "<html" in page.content.decode()
    assert part.content.decode().strip().startswith("<section")
    assert not PartnerPrice.objects.exists()


def test_what_cannot_be_worked_out_says_why(personas: Personas, plan: Plan) -> None:
    client = personas.client("alice")

    for values, sentence in (
        ({"markup_percent": "-1"}, "cannot be less than nothing"),
        ({"markup_percent": "1001"}, "Look for a misplaced comma"),
        ({"markup_percent": "abc"}, "Enter a number"),
        ({"discount_percent": "101"}, "cannot be more than 100"),
    ):
        part = client.get(address(plan), typed(**values), headers={"HX-Request": "true"})
        assert part.status_code == 200
        assert sentence in words(part)
        saved = client.post(address(plan), typed(**values))
        assert sentence in words(saved)
    assert not PartnerPrice.objects.exists()


def test_a_loss_is_saved_only_when_it_is_ticked(personas: Personas, plan: Plan) -> None:
    client = personas.client("alice")
    losing = typed(markup_percent="10", discount_percent="20")

    refused = client.post(address(plan), losing)
    assert "Your customers would pay less than you do" in words(refused)
    assert 'name="accepts_loss"' in refused.content.decode()
    assert not PartnerPrice.objects.exists()

    client.post(address(plan), {**losing, "accepts_loss": "on"})
    assert PartnerPrice.objects.get().discount_percent == Decimal(20)


def test_rates_are_worked_out_for_what_is_priced_by_use(personas: Personas) -> None:
    plan = factories.PlanFactory(number="P300")
    factories.PartnerTermsFactory(reseller=personas.reseller, plan=plan, discount_percent=Decimal(20))
    card(plan, price="10")  # the first rate is 12
    Organization.objects.filter(pk=personas.resellers_customer.pk).update(currency="CHF")
    ExchangeRate.objects.create(base="EUR", quote="CHF", rate=Decimal("0.5"), valid_from="2026-01-01")

    page = words(personas.client("alice").get(address(plan), typed(markup_percent="25", discount_percent="0")))

    assert "9.60 EUR" in page
    assert "<strong>12.00 EUR</strong>" in page
    assert "2.40 EUR" in page
    assert "4.80 CHF" in page
    assert "<strong>6.00 CHF</strong>" in page
    assert "7.77" not in page  # the vendor's cost
    assert 'name="markup_kind"' not in page


def test_without_rates_the_page_says_so(personas: Personas) -> None:
    plan = factories.PlanFactory()
    factories.PartnerTermsFactory(reseller=personas.reseller, plan=plan)

    assert "There are no rates in EUR for this month yet" in words(personas.client("alice").get(address(plan)))


def test_a_customers_currency_without_a_price_is_pointed_out(personas: Personas, plan: Plan) -> None:
    Organization.objects.filter(pk=personas.resellers_customer.pk).update(currency="USD")

    assert "Nothing is sold in USD" in words(personas.client("alice").get(address(plan)))


def test_history_names_own_people_and_fills_the_form_again(personas: Personas, plan: Plan) -> None:
    client = personas.client("alice")
    client.post(address(plan), typed(markup_percent="25"))
    client.post(address(plan), typed(markup_percent="30", discount_percent="2.5"))
    with pghistory.context(user=personas.mira.pk):
        PartnerPrice.objects.update(markup_percent=Decimal(40), discount_percent=Decimal(0), is_published=False)

    response = client.get(address(plan))
    changes = response.context["changes"]

    assert [change.told for change, _ in changes] == [
        "Markup 40 %, discount 0 %, not published",
        "Markup 30 %, discount 2.5 %, published",
        "Markup 25 %, discount 0 %, published",
    ]
    assert [change.who for change, _ in changes] == ["your account manager's side", str(personas.alice), str(personas.alice)]
    again = client.get(f"{address(plan)}?{changes[2][1]}")
    assert again.context["form"]["markup_percent"].value() == "25"
    assert "20.00 EUR" in words(again)
    assert PartnerPrice.objects.get().markup_percent == Decimal(40)


def test_the_page_of_a_plan_asks_few_queries(
    personas: Personas, plan: Plan, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    client = personas.client("alice")
    client.post(address(plan), typed())

    with django_assert_max_num_queries(22):
        client.get(address(plan))
    with django_assert_max_num_queries(12):
        client.get(address(plan), typed(), headers={"HX-Request": "true"})


# --- Export, order URLs -------------------------------------------------------------------------------------------------


def test_the_price_list_is_exported(personas: Personas, plan: Plan) -> None:
    factories.PlanPriceFactory(plan=plan, currency="CHF", price=Decimal(30))
    Organization.objects.filter(pk=personas.resellers_customer.pk).update(currency="CHF")
    by_use = factories.PlanFactory(number="P900", name="=HYPERLINK")
    factories.PartnerTermsFactory(reseller=personas.reseller, plan=by_use)
    client = personas.client("alice")
    client.post(address(plan), typed(markup_percent="25"))
    code = OrderUrl.objects.get(reseller=personas.reseller, plan=plan, term_months=12).code

    response = client.get(EXPORT)
    rows = {
        (row["Number"], row["Currency"], row["Term, months"]): row for row in csv.DictReader(io.StringIO(response.content.decode()))
    }

    assert set(rows) == {("P100", "EUR", "1"), ("P100", "EUR", "12"), ("P100", "CHF", "1"), ("P900", "", "1")}
    year = rows["P100", "EUR", "12"]
    assert (year["Cost"], year["Retail price"], year["Margin"], year["Margin, percent"]) == ("160.00", "200.00", "40.00", "20.0")
    assert year["Order URL"] == f"http://localhost:8000/order/{code}/"
    assert rows["P100", "CHF", "1"]["Retail price"] == "30.00"
    assert rows["P900", "", "1"]["Plan"] == "'=HYPERLINK"
    assert "attachment" in response["Content-Disposition"]


def test_order_urls_are_shown_and_switched_by_administrators_only(personas: Personas, client: Any, plan: Plan) -> None:
    alice = personas.client("alice")
    alice.post(address(plan), typed())
    row = OrderUrl.objects.get(reseller=personas.reseller, plan=plan, term_months=1)
    switch = reverse("catalog:switch_partner_order_url", args=[plan.number, row.code])

    assert f"http://localhost:8000/order/{row.code}/" in words(alice.get(f"{address(plan)}order-urls/"))
    assert "out of use" in words(alice.post(switch, follow=True))
    row.refresh_from_db()
    assert not row.is_active
    alice.post(switch, {"is_active": "on"})
    row.refresh_from_db()
    assert row.is_active

    client.force_login(viewer_of(personas.reseller).user, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(f"{address(plan)}order-urls/").status_code == 200
    assert client.post(switch).status_code == 403
    assert personas.client("bob").post(switch).status_code == 404


def test_order_urls_of_others_cannot_be_switched(personas: Personas, plan: Plan) -> None:
    msps = OrderUrl.objects.create(code="msps0", plan=plan, term_months=1, created_at=factories.AT)
    bobs = OrderUrl.objects.create(
        code="bobs0", plan=plan, term_months=1, reseller=personas.other_reseller, created_at=factories.AT
    )
    alice = personas.client("alice")

    for row in (msps, bobs):
        assert alice.post(reverse("catalog:switch_partner_order_url", args=[plan.number, row.code])).status_code == 404
        row.refresh_from_db()
        assert row.is_active
