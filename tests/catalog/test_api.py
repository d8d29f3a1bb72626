"""The catalogue for programs: who sees which plan at which price, pages that hold still, and a reseller's prices."""

import functools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openapi_core import OpenAPI
from openapi_core.contrib.django import DjangoOpenAPIRequest, DjangoOpenAPIResponse

from accounts import api_tokens
from accounts.models import ApiToken, Organization
from billing.models import Rate, RateCard
from catalog.models import OrderUrl, PartnerPrice, PartnerTerms, Plan, PlanPrice
from catalog.operations import partners
from config.api.views import document
from tests import factories
from tests.conftest import Personas

AT = datetime(2026, 10, 15, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _in_october() -> Iterator[None]:
    cache.clear()
    with time_machine.travel(AT, tick=False):
        yield


@dataclass
class World:
    """A fixed and a metered plan that alice's reseller sells, one only direct customers get, and a token for everybody."""

    personas: Personas
    fixed: Plan
    metered: Plan
    direct_only: Plan
    secrets: dict[str, str] = field(default_factory=dict)

    def program(self, who: str) -> Client:
        """Return a program with the token of that name; “nobody” has none."""
        return Client(headers={"Authorization": f"Bearer {self.secrets[who]}"} if who != "nobody" else {})

    def get(self, who: str, path: str) -> Any:
        return judged(self.program(who).get(f"/api/v1/{path}"))

    def patch(self, who: str, plan: Plan, **change: Any) -> Any:
        path = f"/api/v1/partner/prices/{plan.number}"
        return judged(self.program(who).patch(path, change, content_type="application/json"))


@functools.cache
def _openapi() -> OpenAPI:
    return OpenAPI.from_dict(document())


def judged(answer: Any) -> Any:
    """Return ``answer`` after holding it, and what was asked if it was accepted, against our own OpenAPI document."""
    api = _openapi()
    asked = DjangoOpenAPIRequest(answer.wsgi_request)
    if answer.status_code in (200, 201):
        api.validate_response(asked, DjangoOpenAPIResponse(answer))
    else:
        assert {"type", "errors"} == set(answer.json())
        assert str(answer.status_code) in {"405"} | {
            status for methods in document()["paths"].values() for entry in methods.values() for status in entry["responses"]
        }
    return answer


def token(organization: Organization, name: str, *scopes: str, **facts: Any) -> str:
    wanted = {"scopes": scopes or api_tokens.scopes_for(organization), "by": factories.UserFactory(), "at": AT, **facts}
    return api_tokens.create_token(organization_id=organization.pk, name=name, **wanted).secret


def rate_card(plan: Plan) -> RateCard:
    card = RateCard.objects.create(
        product_group=plan.product_group,
        month=date(2026, 10, 1),
        version=1,
        currency="EUR",
        base_currency="EUR",
        exchange_rate=Decimal(1),
        file_name="rates.xlsx",
        file_sha256="0" * 64,
        imported_at=AT,
    )
    facts = {"item": "pg_base_storage", "edition": "pck_per_gigabyte", "unit": "GiB", "aggregation": "last", "line": 2}
    Rate.objects.create(rate_card=card, cost=Decimal("0.05"), price=Decimal("0.10"), **facts)
    return card


@pytest.fixture
def world(personas: Personas) -> World:
    fixed = factories.FixedPlanFactory(name="Backup 50 GB")
    metered = factories.PlanFactory(name="Pay as you go", product_group=factories.ProductGroupFactory(name="Metered"))
    direct_only = factories.PlanFactory(name="Only direct", applicable_on_partner_website=False)
    for plan in (fixed, metered):
        factories.PartnerTermsFactory(plan=plan, reseller=personas.reseller, discount_percent=Decimal(20))
        factories.PartnerPriceFactory(plan=plan, reseller=personas.reseller, markup_percent=Decimal(30))
    rate_card(metered)
    for seller, code in ((None, "msps"), (personas.reseller, "alices"), (personas.other_reseller, "bobs")):
        for term in (1, 12):
            OrderUrl.objects.create(code=f"{code}{term}", plan=fixed, reseller=seller, term_months=term, created_at=AT)
    sibling = factories.OrganizationFactory(name="Sibling", parent=personas.reseller)
    cousin = factories.OrganizationFactory(name="Cousin", parent=personas.other_reseller)
    revoked = token(personas.reseller, "Revoked")
    api_tokens.revoke_token(token_id=ApiToken.objects.get(name="Revoked").pk, at=AT)
    expired = token(personas.reseller, "Expired", at=AT - timedelta(days=2), expires_at=AT - timedelta(days=1))
    secrets = {
        "dora": token(personas.direct_customer, "Dora"),
        "alice": token(personas.reseller, "Alice"),
        "carol": token(personas.resellers_customer, "Carol"),
        "sibling": token(sibling, "Sibling"),
        "cousin": token(cousin, "Cousin"),
        "bob": token(personas.other_reseller, "Bob"),
        "reads plans": token(personas.reseller, "Plans", "catalog:read"),
        "reads prices": token(personas.reseller, "Prices", "partner:read"),
        "writes prices": token(personas.reseller, "Writes", "partner:write"),
        "revoked": revoked,
        "expired": expired,
        "wrong": "ct_aaaaaaaa_" + "a" * 43,
    }
    return World(personas, fixed, metered, direct_only, secrets)


def results(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def history(plan: Plan) -> Any:
    return PartnerPrice.pgh_event_model.objects.filter(plan=plan).order_by("pgh_id")


def eur(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


# --- Who may what -----------------------------------------------------------------------------------------------------------

LET_IN_NOWHERE = {"nobody": 401, "wrong": 401, "revoked": 401, "expired": 401}
NO_RESELLER = {"dora": 403, "carol": 403, "sibling": 403, "cousin": 403}
READS_PLANS = {"reads plans": 200, "reads prices": 403, "writes prices": 403}
READS_PRICES = {"reads plans": 403, "reads prices": 200, "writes prices": 403}
ACCESS = {
    "plans": {"dora": 200, "alice": 200, "carol": 200, "sibling": 200, "cousin": 200, "bob": 200, **READS_PLANS},
    "plans/{fixed}": {"dora": 200, "alice": 200, "carol": 200, "sibling": 200, "cousin": 404, "bob": 404, **READS_PLANS},
    "plans/{fixed}/prices": {"dora": 200, "alice": 200, "carol": 200, "sibling": 200, "cousin": 404, "bob": 404, **READS_PLANS},
    "plans/{direct_only}": {"dora": 200, "alice": 404, "carol": 404, "sibling": 404, "cousin": 404, "bob": 404},
    "plans/{direct_only}/prices": {"dora": 200, "alice": 404, "carol": 404, "sibling": 404, "cousin": 404, "bob": 404},
    "plans/P0": {"dora": 404, "alice": 404, "carol": 404, "reads prices": 403},
    "plans/P0/prices": {"dora": 404, "alice": 404, "carol": 404, "reads prices": 403},
    "partner/prices": {"alice": 200, "bob": 200, **NO_RESELLER, **READS_PRICES},
    "partner/prices/{fixed}": {"alice": 200, "bob": 404, **NO_RESELLER, **READS_PRICES},
    "partner/prices/{direct_only}": {"alice": 404, "bob": 404, **NO_RESELLER},
}
CHANGE = {
    "partner/prices/{fixed}": {"alice": 200, "bob": 404, "writes prices": 200, "reads prices": 403, "reads plans": 403},
    "partner/prices/{direct_only}": {"alice": 404, "bob": 404, "writes prices": 404, "reads prices": 403, "reads plans": 403},
}


@pytest.mark.parametrize("path", ACCESS)
def test_each_address_is_open_to_those_it_is_for(world: World, path: str) -> None:
    expected = {**ACCESS[path], **LET_IN_NOWHERE}
    filled = path.format(fixed=world.fixed.number, direct_only=world.direct_only.number)

    assert {who: world.get(who, filled).status_code for who in expected} == expected


@pytest.mark.parametrize("path", CHANGE)
def test_a_price_is_changed_by_its_reseller_with_the_scope_for_it_only(world: World, path: str) -> None:
    expected = {**CHANGE[path], **NO_RESELLER, **LET_IN_NOWHERE}
    plan = world.fixed if "fixed" in path else world.direct_only

    assert {who: world.patch(who, plan, discount_percent="1").status_code for who in expected} == expected
    assert not PartnerPrice.objects.exclude(reseller=world.personas.reseller).exists()


def test_every_address_of_the_catalogue_in_the_document_is_in_the_tables() -> None:
    tried = {path.replace("{fixed}", "{number}").replace("{direct_only}", "{number}") for path in {*ACCESS, *CHANGE}}

    described = {path.removeprefix("/api/v1/") for path in document()["paths"]}
    assert {path for path in described if path.startswith(("plans", "partner/"))} <= tried


# --- Plans --------------------------------------------------------------------------------------------------------------------


def test_a_plan_tells_what_it_is_and_includes(world: World) -> None:
    plan = world.get("dora", f"plans/{world.fixed.number}").json()

    assert plan == {
        "number": world.fixed.number,
        "name": "Backup 50 GB",
        "summary": "",
        "description": "",
        "product": {"name": "Acronis Cyber Protect Cloud", "type": "Backup", "group": "Cyber Protect"},
        "billing_model": "postpaid_fixed",
        "quantity_is_enabled": True,
        "trial_days": None,
        "storage": {"quota_gb": 50, "overage_gb": 10},
        "url": f"http://localhost:8000/products/{world.fixed.number}/",
        "prices_url": f"http://testserver/api/v1/plans/{world.fixed.number}/prices",
    }


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"storage_quota": -1, "overage": None}, {"trial_days": None, "storage": {"quota_gb": None, "overage_gb": 0}}),
        ({"is_free_trial": True, "trial_days": 14}, {"trial_days": 14, "storage": {"quota_gb": 50, "overage_gb": 10}}),
    ],
    ids=["unlimited", "trial"],
)
def test_unlimited_storage_and_free_trials_are_told(world: World, facts: dict[str, Any], expected: dict[str, Any]) -> None:
    setting = world.fixed.module_settings  # type: ignore[attr-defined]
    for name, value in facts.items():
        setattr(setting, name, value)
    setting.save()

    plan = world.get("dora", f"plans/{world.fixed.number}").json()

    assert {name: plan[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["Backup 50 GB", "Pay as you go", "Only direct"]),
        ("q=backup", ["Backup 50 GB"]),
        ("q=GB+50", ["Backup 50 GB"]),
        ("q=", ["Backup 50 GB", "Pay as you go", "Only direct"]),
        ("q=%25", []),
        ("billing_model=pay_as_you_go", ["Pay as you go", "Only direct"]),
        ("billing_model=prepaid", []),
        ("product=acronis+cyber+protect+cloud", ["Backup 50 GB", "Pay as you go", "Only direct"]),
        ("product=Acronis", []),
        ("q=pay&billing_model=pay_as_you_go&page_size=200", ["Pay as you go"]),
    ],
)
def test_plans_are_found_by_words_billing_model_and_product(world: World, query: str, names: list[str]) -> None:
    assert [plan["name"] for plan in results(world.get("dora", f"plans?{query}"))] == names


def test_what_is_not_for_sale_in_the_buyers_currency_is_not_listed(world: World) -> None:
    Organization.objects.filter(pk=world.personas.direct_customer.pk).update(currency="JPY")

    assert [plan["name"] for plan in results(world.get("dora", "plans"))] == ["Pay as you go", "Only direct"]
    assert world.get("dora", f"plans/{world.fixed.number}").status_code == 404


def test_pages_hold_still_while_plans_are_added_and_taken_away(world: World) -> None:
    numbers = [factories.PlanFactory().number for _ in range(7)]
    everything = [world.fixed.number, world.metered.number, world.direct_only.number, *numbers]

    first = world.get("dora", "plans?page_size=4").json()
    Plan.objects.filter(number__in=[everything[0], everything[5]]).update(status="archived")
    added = factories.PlanFactory().number
    second = world.program("dora").get(first["next"]).json()
    third = world.program("dora").get(second["next"]).json()
    back = world.program("dora").get(third["previous"]).json()

    seen = [[plan["number"] for plan in page["results"]] for page in (first, second, third)]
    assert seen == [everything[:4], [everything[4], *everything[6:9]], [everything[9], added]]
    assert (first["previous"], third["next"]) == (None, None)
    assert [plan["number"] for plan in back["results"]] == seen[1]


def test_a_page_is_fifty_plans_unless_asked_otherwise(world: World) -> None:
    factories.PlanFactory.create_batch(55, product_group=world.metered.product_group)

    assert len(results(world.get("dora", "plans"))) == 50
    assert len(results(world.get("dora", "plans?page_size=200"))) == 58


@pytest.mark.parametrize("path", ["plans", "partner/prices"])
@pytest.mark.parametrize("by_amount", [False, True], ids=["percent", "amount"])
def test_a_long_page_asks_the_database_no_more_than_a_short_one(world: World, path: str, by_amount: bool) -> None:
    world.get("alice", path)  # the first one of the hour writes that the token is used
    counts = []

    for _ in range(2):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            counts.append((len(results(world.get("alice", path))), len(queries)))
        for plan in factories.FixedPlanFactory.create_batch(10):
            factories.PartnerTermsFactory(plan=plan, reseller=world.personas.reseller)
            price = factories.PartnerPriceFactory(plan=plan, reseller=world.personas.reseller)
            if by_amount:
                price.markups.create(currency="EUR", term_months=12, amount=Decimal(5))
                PartnerPrice.objects.filter(pk=price.pk).update(markup_kind="amount")

    (short, asked), (long, asked_again) = counts
    assert (short, long) == (2, 12)
    assert asked == asked_again
    assert asked <= 8


# --- Prices -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "month", "year", "setup", "overage", "code"),
    [
        ("dora", "20.00", "200.00", "10.00", "0.10", "msps"),
        ("alice", "16.00", "160.00", "8.00", "0.08", "alices"),
        ("carol", "20.80", "208.00", "10.40", "0.104", "alices"),
        ("sibling", "20.80", "208.00", "10.40", "0.104", "alices"),
    ],
)
def test_everybody_reads_the_price_of_the_own_end_of_the_chain(
    world: World, who: str, month: str, year: str, setup: str, overage: str, code: str
) -> None:
    prices = world.get(who, f"plans/{world.fixed.number}/prices").json()

    assert prices == {
        "plan": world.fixed.number,
        "billing_model": "postpaid_fixed",
        "as_of": "2026-10-15",
        "offers": [
            {
                "term_months": term,
                "price": eur(price),
                "setup_fee": eur(setup),
                "overage_price": eur(overage),
                "order_url": f"http://localhost:8000/order/{code}{term}/",
            }
            for term, price in ((1, month), (12, year))
        ],
        "rate_table": None,
    }


@pytest.mark.parametrize(("who", "price"), [("dora", "0.10"), ("alice", "0.08"), ("carol", "0.104")])
def test_what_is_priced_by_use_has_a_table_of_rates(world: World, who: str, price: str) -> None:
    prices = world.get(who, f"plans/{world.metered.number}/prices").json()

    assert prices["offers"] == []
    assert prices["rate_table"] == {
        "month": "2026-10-01",
        "is_your_currency": True,
        "order_url": None,
        "rates": [
            {
                "edition": "pck_per_gigabyte",
                "edition_name": prices["rate_table"]["rates"][0]["edition_name"],
                "item": "pg_base_storage",
                "name": prices["rate_table"]["rates"][0]["name"],
                "price": eur(price),
                "per": "GiB and month",
            }
        ],
    }


def test_nothing_of_another_end_of_the_chain_is_in_an_answer(world: World) -> None:
    """Cost of the MSP 0.05, list price 20, discount 20 %, wholesale 16, markup 30 %, retail 20.80."""
    shown = {
        who: "".join(
            world.get(who, path).content.decode()
            for path in ("plans", f"plans/{world.fixed.number}/prices", f"plans/{world.metered.number}/prices")
        )
        for who in ("dora", "alice", "carol")
    }

    assert not any(word in shown["dora"] for word in ('"0.05"', '"16.00"', '"20.80"', '"0.08"', '"0.104"', "alices", "bobs"))
    assert not any(word in shown["alice"] for word in ('"0.05"', '"20.00"', '"20.80"', '"0.10"', '"0.104"', "msps", "bobs"))
    assert not any(word in shown["carol"] for word in ('"0.05"', '"20.00"', '"16.00"', '"0.10"', '"0.08"', "msps", "bobs"))


def test_an_order_url_that_is_switched_off_is_not_told(world: World) -> None:
    OrderUrl.objects.filter(code="msps12").update(is_active=False)

    offers = world.get("dora", f"plans/{world.fixed.number}/prices").json()["offers"]

    assert [offer["order_url"] for offer in offers] == ["http://localhost:8000/order/msps1/", None]


@pytest.mark.parametrize(("currency", "price", "written"), [("JPY", "1234", "1234"), ("KWD", "12.345", "12.345")])
def test_money_has_the_decimals_of_its_currency(world: World, currency: str, price: str, written: str) -> None:
    Organization.objects.filter(pk=world.personas.direct_customer.pk).update(currency=currency)
    factories.PlanPriceFactory(plan=world.fixed, currency=currency, price=Decimal(price), overage_price=None)

    (offer,) = world.get("dora", f"plans/{world.fixed.number}/prices").json()["offers"]

    assert offer["price"] == {"amount": written, "currency": currency}
    assert offer["overage_price"] is None


def test_without_a_rate_card_there_is_no_table(world: World) -> None:
    plan = factories.PlanFactory(product_group=factories.ProductGroupFactory(name="Not yet priced"))

    assert world.get("dora", f"plans/{plan.number}/prices").json()["rate_table"] is None


# --- Partner prices -----------------------------------------------------------------------------------------------------------


def test_a_reseller_reads_cost_retail_and_margin_and_no_list_price(world: World) -> None:
    (fixed, metered) = results(world.get("alice", "partner/prices"))

    assert fixed["offers"][0] == {
        "currency": "EUR",
        "term_months": 1,
        "cost": {"price": eur("16.00"), "setup_fee": eur("8.00"), "overage_price": eur("0.08")},
        "retail": {"price": eur("20.80"), "setup_fee": eur("10.40"), "overage_price": eur("0.104")},
        "margin": {"price": eur("4.80"), "setup_fee": eur("2.40"), "overage_price": eur("0.024")},
    }
    assert {name: fixed[name] for name in ("plan", "is_published", "markup_kind", "markup_percent", "markups")} == {
        "plan": world.fixed.number,
        "is_published": True,
        "markup_kind": "percent",
        "markup_percent": "30",
        "markups": [],
    }
    assert (metered["plan"], metered["offers"]) == (world.metered.number, [])
    assert '"20.00"' not in str(fixed).replace("'", '"')


def test_a_plan_that_the_reseller_has_not_priced_is_listed_unpublished_without_markup(world: World) -> None:
    PartnerPrice.objects.all().delete()

    (fixed, _) = results(world.get("alice", "partner/prices"))

    assert (fixed["is_published"], fixed["markup_percent"]) == (False, "0")
    assert fixed["offers"][0]["retail"] == fixed["offers"][0]["cost"]


def test_the_currencies_of_customers_are_told_where_the_reseller_can_be_invoiced_for_the_term(world: World) -> None:
    Organization.objects.filter(pk=world.personas.resellers_customer.pk).update(currency="CHF")
    for term in (1, 36):
        factories.PlanPriceFactory(plan=world.fixed, currency="CHF", term_months=term)
    factories.PlanPriceFactory(plan=world.fixed, currency="USD")

    (fixed, _) = results(world.get("alice", "partner/prices"))

    assert [(offer["currency"], offer["term_months"]) for offer in fixed["offers"]] == [("EUR", 1), ("EUR", 12), ("CHF", 1)]


def test_what_a_change_does_not_name_stays(world: World) -> None:
    changed = world.patch("alice", world.fixed, markup_percent="50", overage_markup_percent="12.5").json()
    world.patch("alice", world.fixed, discount_percent="10")
    read = world.get("alice", f"partner/prices/{world.fixed.number}").json()

    price = PartnerPrice.objects.get(plan=world.fixed)
    assert changed["offers"][0]["retail"]["price"] == eur("24.00")
    assert (price.markup_percent, price.overage_markup_percent, price.discount_percent, price.is_published) == (
        Decimal(50),
        Decimal("12.5"),
        Decimal(10),
        True,
    )
    assert read["offers"][0]["retail"]["price"] == eur("21.60")


def test_a_change_sent_again_changes_nothing_and_an_empty_one_neither(world: World) -> None:
    first = world.patch("alice", world.fixed, markup_percent="50").json()
    events = history(world.fixed).count()

    again = world.patch("alice", world.fixed, markup_percent="50").json()
    empty = world.patch("alice", world.fixed).json()

    assert first == again == empty
    assert history(world.fixed).count() == events


def test_history_says_which_token_changed_a_price(world: World) -> None:
    world.patch("writes prices", world.fixed, markup_percent="50")

    written = history(world.fixed).last().pgh_context.metadata
    assert written["api_token"] == ApiToken.objects.get(name="Writes").prefix


def test_a_markup_by_amount_names_every_term_and_a_change_to_percent_takes_the_amounts_away(world: World) -> None:
    amounts = [{"term_months": 12, "amount": eur("40.00"), "overage_amount": eur("0.025")}]

    by_amount = world.patch("alice", world.fixed, markup_kind="amount", markups=amounts).json()
    by_percent = world.patch("alice", world.fixed, markup_kind="percent").json()

    assert by_amount["markups"] == amounts
    assert [offer["retail"] and offer["retail"]["price"] for offer in by_amount["offers"]] == [None, eur("200.00")]
    assert by_amount["offers"][1]["retail"]["overage_price"] == eur("0.105")
    assert by_percent["markups"] == []
    assert by_percent["offers"][0]["retail"]["price"] == eur("20.80")


def test_a_loss_is_refused_unless_it_is_accepted(world: World) -> None:
    refused = world.patch("alice", world.fixed, discount_percent="50")
    accepted = world.patch("alice", world.fixed, discount_percent="50", accepts_loss=True)

    assert (refused.status_code, accepted.status_code) == (400, 200)
    assert refused.json()["errors"][0]["attr"] == "accepts_loss"
    assert accepted.json()["offers"][0]["margin"]["price"] == eur("-5.60")


@pytest.mark.parametrize(
    ("change", "attr"),
    [
        ({"markup_percent": 50}, "markup_percent"),
        ({"markup_percent": 12.5}, "markup_percent"),
        ({"markup_percent": "-1"}, "markup_percent"),
        ({"markup_percent": "1e3"}, "markup_percent"),
        ({"markup_percent": "NaN"}, "markup_percent"),
        ({"markup_percent": "٣"}, "markup_percent"),
        ({"markup_percent": "12.3456"}, "markup_percent"),
        ({"markup_percent": "99999999"}, "markup_percent"),
        ({"markup_percent": None}, "markup_percent"),
        ({"discount_percent": "100.001"}, "discount_percent"),
        ({"overage_markup_percent": ""}, "overage_markup_percent"),
        ({"markup_kind": "gift"}, "markup_kind"),
        ({"is_published": "perhaps"}, "is_published"),
        ({"price": "1"}, "price"),
        ({"markup_kind": "amount"}, "markups"),
        ({"markups": [{"term_months": 1, "amount": {"amount": "1.00", "currency": "EUR"}}]}, "markups"),
        ({"markup_kind": "amount", "markups": "many"}, "markups.non_field_errors"),
        ({"markup_kind": "amount", "markups": [{"term_months": 2, "amount": eur("1.00")}]}, "markups.0.term_months"),
        ({"markup_kind": "amount", "markups": [{"term_months": 1, "amount": eur("0.001")}]}, "markups.0.amount"),
        ({"markup_kind": "amount", "markups": [{"term_months": 1, "amount": eur("-1")}]}, "markups.0.amount"),
        ({"markup_kind": "amount", "markups": [{"term_months": 1, "amount": {"amount": "1"}}]}, "markups.0.amount.currency"),
        (
            {"markup_kind": "amount", "markups": [{"term_months": 1, "amount": {"amount": "1", "currency": "€"}}]},
            "markups.0.amount.currency",
        ),
        (
            {
                "markup_kind": "amount",
                "markups": [
                    {"term_months": 1, "amount": eur("1")},
                    {"term_months": 1, "amount": {"amount": "1", "currency": "QQQ"}},
                ],
            },
            "markups.1.amount",
        ),
        (
            {
                "markup_kind": "amount",
                "markups": [
                    {"term_months": 1, "amount": eur("1"), "overage_amount": {"amount": "1", "currency": "USD"}},
                ],
            },
            "markups.0.overage_amount.currency",
        ),
        (
            {"markup_kind": "amount", "markups": [{"term_months": 1, "amount": eur("1")}, {"term_months": 1, "amount": eur("2")}]},
            "markups",
        ),
    ],
    ids=lambda value: str(value)[:80] if isinstance(value, str) else None,
)
def test_what_cannot_be_meant_is_refused_at_its_field_and_nothing_is_changed(
    world: World, change: dict[str, Any], attr: str
) -> None:
    before = world.get("alice", f"partner/prices/{world.fixed.number}").json()

    answer = world.patch("alice", world.fixed, **change)

    assert answer.status_code == 400, answer.content
    assert attr in [error["attr"] for error in answer.json()["errors"]], answer.content
    assert world.get("alice", f"partner/prices/{world.fixed.number}").json() == before


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("{", "application/json", 400),
        ("[" * 20_000, "application/json", 400),
        ('{"markup_percent": ' + "9" * 5_000 + "}", "application/json", 400),
        ('{"markup_percent": NaN}', "application/json", 400),
        ("[]", "application/json", 400),
        ('"text"', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"markup_kind": "\xe4"}', "application/json; charset=latin-1", 400),
        ('{"markup_kind": "\\u0000"}', "application/json", 400),
        ('{"markup_kind": "\\ud800"}', "application/json", 400),
        ('{"markup_kind": "' + "a" * 70_000 + '"}', "application/json", 413),
        ("markup_percent=5", "application/x-www-form-urlencoded", 415),
        ("<a/>", "application/xml", 415),
    ],
    ids=["cut", "deep", "long number", "nan", "list", "text", "no utf-8", "latin-1", "nul", "surrogate", "large", "form", "xml"],
)
def test_a_body_that_is_no_change_is_an_error_and_never_our_fault(world: World, body: Any, kind: str, status: int) -> None:
    answer = world.program("alice").patch(f"/api/v1/partner/prices/{world.fixed.number}", body, content_type=kind)

    assert judged(answer).status_code == status
    assert PartnerPrice.objects.get(plan=world.fixed).markup_percent == Decimal(30)


def test_a_person_changes_a_price_with_the_csrf_token_only(world: World) -> None:
    path, change = f"/api/v1/partner/prices/{world.fixed.number}", {"markup_percent": "40"}
    strict, relaxed = Client(enforce_csrf_checks=True), world.personas.client("alice")
    strict.force_login(world.personas.alice, backend="django.contrib.auth.backends.ModelBackend")

    answers = [client.patch(path, change, content_type="application/json") for client in (strict, relaxed)]

    assert [answer.status_code for answer in answers] == [403, 200]
    assert "CSRF" in answers[0].json()["errors"][0]["detail"]


@pytest.mark.parametrize("role", ["viewer", "buyer"])
def test_only_an_administrator_changes_a_price_by_api_as_in_the_panel(world: World, role: str) -> None:
    person, client = factories.MembershipFactory(organization=world.personas.reseller, role=role).user, Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    path = f"/api/v1/partner/prices/{world.fixed.number}"

    changed = client.patch(path, {"markup_percent": "40"}, content_type="application/json")
    typed = client.post(f"/partner/plans/{world.fixed.number}/", {"markup_percent": "40", "discount_percent": "0"})

    assert (client.get(path).status_code, changed.status_code, typed.status_code) == (200, 403, 403)
    assert "partner:write" in changed.json()["errors"][0]["detail"]
    assert PartnerPrice.objects.get(plan=world.fixed, reseller=world.personas.reseller).markup_percent == Decimal(30)


def test_a_plan_taken_away_from_the_reseller_is_not_there_any_more(world: World) -> None:
    PartnerTerms.objects.filter(plan=world.fixed).update(is_allowed=False)

    assert [price["plan"] for price in results(world.get("alice", "partner/prices"))] == [world.metered.number]
    assert world.patch("alice", world.fixed, markup_percent="1").status_code == 404
    assert PlanPrice.objects.filter(plan=world.fixed).exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_changes_at_once_neither_undoes_the_other(personas: Personas) -> None:
    plan = factories.FixedPlanFactory()
    terms = factories.PartnerTermsFactory(plan=plan, reseller=personas.reseller)
    price = factories.PartnerPriceFactory(plan=plan, reseller=personas.reseller, markup_percent=Decimal(30))

    def other_change() -> None:
        try:
            changes = {"discount_percent": Decimal(10)}
            partners.change_partner_price(reseller=personas.reseller, plan=plan, changes=changes, at=AT)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            PartnerTerms.objects.select_for_update().get(pk=terms.pk)
            waiting = pool.submit(other_change)
            wait([waiting], timeout=0.5)
            had_to_wait = not waiting.done()
            PartnerPrice.objects.filter(pk=price.pk).update(markup_percent=Decimal(50))
        waiting.result(timeout=10)

    price.refresh_from_db()
    assert had_to_wait
    assert (price.markup_percent, price.discount_percent) == (Decimal(50), Decimal(10))
