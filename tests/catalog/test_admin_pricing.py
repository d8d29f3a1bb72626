"""The Pricing page: what it shows, what it saves, and which cell a refusal stands at."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from catalog.models import ModuleSettings, OrderUrl, Plan, PlanPrice
from catalog.operations import prices
from tests import factories
from tests.conftest import Personas

TODAY = date(2026, 10, 15)
LATER = date(2027, 1, 1)


@pytest.fixture(autouse=True)
def _in_october() -> Iterator[None]:
    with time_machine.travel("2026-10-15T09:00:00Z", tick=False):
        yield


@pytest.fixture
def desk(personas: Personas) -> Client:
    return personas.client("root")


@pytest.fixture
def plan(db: None) -> Plan:
    """A draft with an overage quota and no price."""
    return factories.FixedPlanFactory(status=Plan.Status.DRAFT, monthly=None, yearly=None)


def page_of(plan: Plan, what: str = "pricing") -> str:
    return reverse(f"admin:catalog_plan_{what}", args=[plan.pk])


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def grid(**cells: str) -> dict[str, Any]:
    """What the form sends: EUR_1_price is the field EUR-1-price."""
    sent: dict[str, Any] = {"part": "prices", "currency": ["EUR"], "valid_from": "2026-10-15"}
    for name, value in cells.items():
        sent[name.replace("_", "-", 2) if name[:3].isupper() else name] = value
    return sent


def selling(**changes: str) -> dict[str, str]:
    return {"part": "selling", "billing_model": "postpaid_fixed", **changes}


def saved(plan: Plan) -> set[tuple[str, int, str, str]]:
    found = PlanPrice.objects.in_force(TODAY).filter(plan=plan)
    return {(row.currency, row.term_months, f"{row.price.normalize():f}", f"{row.setup_fee.normalize():f}") for row in found}


# --- Prices ---------------------------------------------------------------------------------------------------------------


def test_a_grid_of_prices_is_saved_with_its_order_urls(personas: Personas, desk: Client, plan: Plan) -> None:
    cells = {"EUR_1_price": "20", "EUR_1_setup_fee": "9.90", "EUR_1_overage_price": "0.10"}
    cells |= {"EUR_12_price": "200.00", "EUR_12_overage_price": "0.0825"}

    answer = desk.post(page_of(plan), grid(**cells), follow=True)

    assert saved(plan) == {("EUR", 1, "20", "9.9"), ("EUR", 12, "200", "0")}
    assert set(PlanPrice.objects.values_list("created_by", flat=True)) == {personas.root.pk}
    assert "2 prices are valid from 15 Oct 2026 on. Running subscriptions keep what they were sold at." in text(answer)
    assert sorted(OrderUrl.objects.values_list("term_months", flat=True)) == [1, 12]


def test_only_what_was_changed_becomes_a_new_price(desk: Client, plan: Plan) -> None:
    for months, price in ((1, 20), (12, 200)):
        factories.PlanPriceFactory(plan=plan, term_months=months, price=Decimal(price))
    cells = {f"EUR_{months}_{name}": value for months in (1, 12) for name, value in _shown(desk, plan, months).items()}

    desk.post(page_of(plan), grid(**{**cells, "EUR_1_price": "25", "valid_from": "2027-01-01"}))

    planned = PlanPrice.objects.get(valid_from=LATER)
    assert (planned.term_months, planned.price) == (1, Decimal(25))
    assert PlanPrice.objects.count() == 3


def _shown(desk: Client, plan: Plan, months: int) -> dict[str, str]:
    form = desk.get(page_of(plan)).context["grid"]
    return {name: form[f"EUR-{months}-{name}"].value() for name in ("price", "setup_fee", "overage_price")}


def test_the_grid_shows_amounts_as_people_type_them(desk: Client, plan: Plan) -> None:
    factories.PlanPriceFactory(plan=plan, price=Decimal(1200), setup_fee=0, overage_price=Decimal("0.0825"))

    assert _shown(desk, plan, 1) == {"price": "1200.00", "setup_fee": "0.00", "overage_price": "0.0825"}


def test_saved_as_it_is_nothing_changes(desk: Client, plan: Plan) -> None:
    factories.PlanPriceFactory(plan=plan)
    cells = {f"EUR_1_{name}": value for name, value in _shown(desk, plan, 1).items()}

    answer = desk.post(page_of(plan), grid(**cells), follow=True)

    assert "nothing was changed" in text(answer)
    assert PlanPrice.objects.count() == 1


def seen(setup_fee: str = "", price: str = "", overage: str = "") -> dict[str, str]:
    """What the page says it was shown with, in the line of one month."""
    return {"EUR-1-seen": f"{setup_fee}|{price}|{overage}"}


def two_people(plan: Plan) -> None:
    """One has the page open with 20; in the meantime another one sets 25."""
    factories.PlanPriceFactory(plan=plan, term_months=1, price=20, overage_price="0.10", valid_from=date(2026, 9, 1))
    meant = prices.NewPrice("EUR", 1, Decimal(25), overage_price=Decimal("0.10"))
    prices.set_prices(plan_id=plan.pk, prices=[meant], valid_from=TODAY, today=TODAY, by=None, at=factories.AT)


def test_a_page_that_was_open_too_long_puts_nobodys_price_back(desk: Client, plan: Plan) -> None:
    two_people(plan)
    untouched = {"EUR_1_setup_fee": "0.00", "EUR_1_price": "20.00", "EUR_1_overage_price": "0.10"}
    own = {"EUR_12_price": "200", "EUR_12_overage_price": "0.10"}

    desk.post(page_of(plan), grid(**untouched, **own) | seen("0.00", "20.00", "0.10"))

    assert saved(plan) == {("EUR", 1, "25", "0"), ("EUR", 12, "200", "0")}


def test_two_people_who_change_one_price_are_asked_before_the_second_wins(desk: Client, plan: Plan) -> None:
    two_people(plan)
    typed = grid(EUR_1_setup_fee="0.00", EUR_1_price="22", EUR_1_overage_price="0.10")

    asked = desk.post(page_of(plan), typed | seen("0.00", "20.00", "0.10"))
    still = saved(plan)
    desk.post(page_of(plan), typed | seen("0.00", "25.00", "0.10"))

    assert "now it is 25.00 EUR, setup fee 0.00 EUR, overage 0.10 EUR per GB" in text(asked)
    assert 'name="EUR-1-seen" value="0.00|25.00|0.10"' in text(asked)
    assert still == {("EUR", 1, "25", "0")}
    assert saved(plan) == {("EUR", 1, "22", "0")}


def test_a_price_withdrawn_meanwhile_is_not_sold_again_by_an_open_page(desk: Client, plan: Plan) -> None:
    untouched = {"EUR_1_setup_fee": "0.00", "EUR_1_price": "20.00", "EUR_1_overage_price": "0.10"}

    desk.post(page_of(plan), grid(**untouched) | seen("0.00", "20.00", "0.10"))
    asked = desk.post(page_of(plan), grid(**{**untouched, "EUR_1_price": "21"}) | seen("0.00", "20.00", "0.10"))

    assert saved(plan) == set()
    assert "Somebody withdrew this price while you had the page open." in text(asked)


def test_a_currency_is_added_to_the_grid(desk: Client, plan: Plan) -> None:
    shown = desk.get(page_of(plan), {"currency": "JPY"})
    assert shown.context["grid"].shown == ["EUR", "JPY"]
    sent = grid(JPY_1_price="3000", JPY_1_overage_price="15") | {"currency": ["EUR", "JPY"]}

    desk.post(page_of(plan), sent)

    assert saved(plan) == {("JPY", 1, "3000", "0")}
    assert desk.get(page_of(plan)).context["grid"].shown == ["EUR", "JPY"]


def test_what_is_no_currency_is_not_added(desk: Client, plan: Plan) -> None:
    for code in ("XXX", "DEM", "<b>", "eur", ""):
        assert desk.get(page_of(plan), {"currency": code}).context["grid"].shown == ["EUR"]


@pytest.mark.parametrize(
    ("cells", "field", "sentence"),
    [
        ({"EUR_3_price": "-1", "EUR_3_overage_price": "0.1"}, "EUR-3-price", "cannot be less than nothing"),
        ({"EUR_3_price": "99999999999", "EUR_3_overage_price": "0.1"}, "EUR-3-price", "misplaced comma"),
        ({"EUR_3_price": "12,50", "EUR_3_overage_price": "0.1"}, "EUR-3-price", "Enter an amount, such as 12.50"),
        ({"EUR_3_price": "NaN", "EUR_3_overage_price": "0.1"}, "EUR-3-price", "Enter an amount"),
        ({"EUR_3_price": "1.005", "EUR_3_overage_price": "0.1"}, "EUR-3-price", "smallest amount is 0.01"),
        ({"EUR_3_price": "9" * 400, "EUR_3_overage_price": "0.1"}, "EUR-3-price", "cannot be more than"),
        ({"EUR_3_setup_fee": "5"}, "EUR-3-price", "Enter the price too"),
        ({"EUR_3_price": "9"}, "EUR-3-overage_price", "Enter the Overage Price (/GB)"),
        ({"EUR_3_price": "9", "EUR_3_overage_price": "0.12345678901"}, "EUR-3-overage_price", "ten decimals"),
        ({"EUR_1_price": "", "EUR_1_overage_price": ""}, "EUR-1-price", "Enter a price, or withdraw it"),
        ({"valid_from": "2026-10-14"}, "valid_from", "cannot change in the past"),
        ({"valid_from": "2040-01-01"}, "valid_from", "next five years"),
        ({"valid_from": "31.12.2026"}, "valid_from", "Enter a day"),
    ],
    ids=[
        "negative", "absurd", "comma", "nan", "fine", "endless", "fee alone", "no overage", "overage decimals", "emptied",
        "past", "far", "no day",
    ],
)  # fmt: skip
def test_a_refusal_stands_at_its_cell_and_nothing_is_saved(
    desk: Client, plan: Plan, cells: dict[str, str], field: str, sentence: str
) -> None:
    factories.PlanPriceFactory(plan=plan)
    present = {"EUR_1_price": "20.00", "EUR_1_setup_fee": "10.00", "EUR_1_overage_price": "0.10"}
    good = {"EUR_6_price": "100", "EUR_6_overage_price": "0.1"}

    page = desk.post(page_of(plan), grid(**{**present, **good, **cells}))

    form = page.context["grid"]
    assert sentence in form.errors[field][0]
    assert form["EUR-6-price"].value() == "100"  # what was typed is kept
    assert PlanPrice.objects.count() == 1


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"overage": None}, "what is used above it is not blocked and not billed"),
        ({"overage": 0}, "Overage is 0: Acronis blocks at the Storage Quota"),
        ({"overage": None, "storage_quota": -1}, "The Storage Quota is -1, unlimited"),
        ({"overage": None, "storage_quota": None}, "once the module setting has an Overage quota"),
    ],
    ids=["empty", "zero", "unlimited", "not set up"],
)
def test_overage_prices_are_off_without_an_overage_quota_and_the_page_says_why(
    desk: Client, plan: Plan, settings: dict[str, Any], sentence: str
) -> None:
    ModuleSettings.objects.filter(plan=plan).update(**settings)

    shown = desk.get(page_of(plan))
    desk.post(page_of(plan), grid(EUR_1_price="20", EUR_1_overage_price="5"))

    assert shown.context["grid"].fields["EUR-1-overage_price"].disabled
    assert "Overage Price (/GB) is off." in text(shown)
    assert sentence in text(shown)
    assert PlanPrice.objects.get().overage_price is None


def test_a_price_is_withdrawn_sold_again_and_what_is_planned_cancelled(desk: Client, plan: Plan) -> None:
    row = factories.PlanPriceFactory(plan=plan)
    withdraw = f"{page_of(plan, 'withdraw_price')}?currency=EUR&term=1"

    refused = desk.post(withdraw, {"valid_until": "2026-10-01"})
    desk.post(withdraw, {"valid_until": "2026-12-01"})
    row.refresh_from_db()
    assert "in the past" in refused.context["form"].errors["valid_until"][0]
    assert row.valid_until == date(2026, 12, 1)

    desk.post(page_of(plan, "sell_again"), {"price": row.pk})
    row.refresh_from_db()
    assert row.valid_until is None

    wish = prices.NewPrice("EUR", 1, Decimal(30), overage_price=Decimal(1))
    planned = prices.set_prices(plan_id=plan.pk, prices=[wish], valid_from=LATER, today=TODAY, by=None, at=factories.AT)[0]
    desk.post(page_of(plan, "cancel_price"), {"price": planned.pk})
    assert PlanPrice.objects.get() == row


def test_planned_present_and_past_prices_are_told_with_who_and_when(personas: Personas, desk: Client, plan: Plan) -> None:
    factories.PlanPriceFactory(plan=plan, price=15, valid_from=date(2025, 1, 1), valid_until=date(2026, 1, 1))
    factories.PlanPriceFactory(plan=plan, created_by=personas.root, valid_until=LATER)
    factories.PlanPriceFactory(plan=plan, price=30, valid_from=LATER)

    shown = text(desk.get(page_of(plan)))

    assert [shown.count(f">{word}</span>") for word in ("planned", "valid", "past")] == [1, 1, 1]
    assert str(personas.root) in shown
    assert "30.00 EUR</strong> from 1 Jan 2027" in shown


def test_the_history_of_a_plan_tells_who_did_what_to_its_prices(personas: Personas, desk: Client, plan: Plan) -> None:
    desk.post(page_of(plan), selling())
    desk.post(page_of(plan), grid(EUR_1_price="20", EUR_1_overage_price="0.1"))
    desk.post(page_of(plan), grid(EUR_1_price="22", EUR_1_overage_price="0.1", valid_from="2027-01-01"))
    planned = PlanPrice.objects.get(valid_from=LATER)
    desk.post(page_of(plan, "cancel_price"), {"price": planned.pk})
    desk.post(f"{page_of(plan, 'withdraw_price')}?currency=EUR&term=1", {"valid_until": "2026-12-01"})
    desk.post(page_of(plan, "publish"))
    url = OrderUrl.objects.get()
    desk.post(reverse("admin:catalog_orderurl_switch", args=[url.pk]), {"is_active": "0"})
    desk.post(reverse("admin:catalog_orderurl_switch", args=[url.pk]), {"is_active": "0"})

    told = LogEntry.objects.filter(user=personas.root, object_id=str(plan.pk)).order_by("pk")

    assert list(told.values_list("change_message", flat=True)) == [
        "Pricing: Fixed postpaid, Enable Quantity off, Applicable on Partner Website off.",
        "Pricing: valid from 15 Oct 2026 on: 20.00 EUR for 1 month.",
        "Pricing: valid from 1 Jan 2027 on: 22.00 EUR for 1 month.",
        "Pricing: EUR, 1 month planned for 1 Jan 2027 is dropped; it was 22.00 EUR, setup fee 0.00 EUR.",
        "Pricing: EUR, 1 month is not sold any more from 1 Dec 2026 on.",
        "Published.",
        f"Order URL {url.path}: off.",
    ]


def test_prices_of_another_plan_are_not_touched_from_here(desk: Client, plan: Plan) -> None:
    other = factories.PlanPriceFactory(valid_from=LATER)

    assert desk.post(page_of(plan, "cancel_price"), {"price": other.pk}).status_code == 404
    assert desk.post(page_of(plan, "sell_again"), {"price": "x"}).status_code == 404
    assert PlanPrice.objects.filter(pk=other.pk).exists()


# --- How it is sold -------------------------------------------------------------------------------------------------------


def test_a_draft_says_how_it_is_sold(desk: Client, plan: Plan) -> None:
    desk.post(page_of(plan), selling(billing_model="prepaid", quantity_is_enabled="on", applicable_on_partner_website="on"))

    plan.refresh_from_db()
    assert (plan.billing_model, plan.quantity_is_enabled, plan.applicable_on_partner_website) == ("prepaid", True, True)


def test_the_billing_model_of_a_published_plan_stays_and_the_page_says_why(desk: Client) -> None:
    plan = factories.FixedPlanFactory()

    shown = text(desk.get(page_of(plan)))
    desk.post(page_of(plan), selling(billing_model="prepaid", quantity_is_enabled="on"))

    plan.refresh_from_db()
    assert (plan.billing_model, plan.quantity_is_enabled, plan.applicable_on_partner_website) == ("postpaid_fixed", True, False)
    assert "Duplicate the plan to sell it in another way" in shown


def test_enable_quantity_is_off_when_the_storage_quota_is_unlimited(desk: Client, plan: Plan) -> None:
    ModuleSettings.objects.filter(plan=plan).update(storage_quota=-1, overage=None)

    shown = desk.get(page_of(plan))
    desk.post(page_of(plan), selling(quantity_is_enabled="on"))

    assert shown.context["selling"].fields["quantity_is_enabled"].disabled
    assert "-1, unlimited; there is nothing to multiply" in text(shown)
    plan.refresh_from_db()
    assert not plan.quantity_is_enabled


def test_pay_as_you_go_points_at_the_rate_card(desk: Client) -> None:
    plan = factories.PlanFactory()

    shown = desk.get(page_of(plan))

    assert shown.context["grid"] is None
    assert f"{reverse('admin:billing_ratecard_changelist')}?product_group={plan.product_group_id}" in text(shown)
    assert desk.post(page_of(plan), grid(EUR_1_price="20")).status_code == 200
    assert not PlanPrice.objects.exists()


def test_a_draft_that_becomes_pay_as_you_go_is_told_what_it_loses(desk: Client, plan: Plan) -> None:
    answer = desk.post(page_of(plan), selling(billing_model="pay_as_you_go"), follow=True)
    again = desk.post(page_of(plan), selling(billing_model="pay_as_you_go"), follow=True)

    assert "The Module Setting has no quotas and no edition any more" in text(answer)
    assert "no quotas and no edition any more" not in text(again)


def test_a_billing_model_that_is_none_is_refused(desk: Client, plan: Plan) -> None:
    page = desk.post(page_of(plan), selling(billing_model="barter"))

    assert "billing_model" in page.context["selling"].errors


def test_a_plan_with_prices_is_told_to_withdraw_them_first(desk: Client, plan: Plan) -> None:
    factories.PlanPriceFactory(plan=plan)

    page = desk.post(page_of(plan), selling(billing_model="pay_as_you_go"))

    assert "Withdraw the prices" in page.context["selling"].errors["billing_model"][0]


# --- Doors ----------------------------------------------------------------------------------------------------------------


def test_who_may_only_look_sees_prices_and_no_buttons(personas: Personas, plan: Plan) -> None:
    factories.PlanPriceFactory(plan=plan)
    mira = personas.client("mira")

    shown = text(mira.get(page_of(plan)))

    assert "20.00" in shown
    assert "Save prices" not in shown
    for what, sent in [("pricing", grid(EUR_1_price="1")), ("pricing", selling()), ("cancel_price", {}), ("sell_again", {})]:
        assert mira.post(page_of(plan, what), sent).status_code == 403
    assert mira.get(f"{page_of(plan, 'withdraw_price')}?currency=EUR&term=1").status_code == 403


def test_strangers_do_not_see_prices(personas: Personas, plan: Plan) -> None:
    assert personas.client("bert").get(page_of(plan)).status_code == 403
    assert personas.client("alice").get(page_of(plan)).status_code == 302
    assert personas.client("root").get(reverse("admin:catalog_plan_pricing", args=[0])).status_code == 404


@pytest.mark.parametrize("query", ["", "?currency=EUR", "?currency=XXX&term=1", "?currency=EUR&term=2", "?currency=EUR&term=x"])
def test_withdrawing_what_is_no_price_leads_back(desk: Client, plan: Plan, query: str) -> None:
    assert desk.get(page_of(plan, "withdraw_price") + query)["Location"] == page_of(plan)
