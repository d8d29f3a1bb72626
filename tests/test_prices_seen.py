"""
Nobody sees a price of another audience or another reseller: a table of address, reader and what is seen there.

The same two plans are sold by the MSP, by Alice's reseller and by Bob's. Each audience has amounts of its own that occur nowhere
else, so what a page tells is told by the amounts on it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client

from accounts import api_tokens
from accounts.models import Organization, User
from billing.models import Rate, RateCard, Subscription
from billing.operations.subscriptions import price_row
from catalog.models import Marketplace, OrderUrl, Plan
from catalog.queries.offers import sold_prices
from provisioning.models import VendorOfferingItem
from tests import factories
from tests.conftest import Personas
from tests.ordering.conftest import AT, Shop

LIST, A_COST, A_RETAIL, B_COST, B_RETAIL, VENDOR = "list", "Alice's cost", "Alice's price", "Bob's cost", "Bob's price", "vendor"

# Of each audience: a month, a year, a twelfth of a year, setup, a GB above the quota and month, the rate of the metered plan.
# From the list price Alice has 20 % off and adds 30 %, Bob has 15 % off and adds 40 %.
AMOUNTS = {
    LIST: "21.37 213.70 17.81 11.13 0.17 7.09",
    A_COST: "17.10 170.96 14.25 8.90 0.136 5.672",
    A_RETAIL: "22.22 222.25 18.52 11.58 0.1768 7.3736",
    B_COST: "18.16 181.65 15.14 9.46 0.1445 6.0265",
    B_RETAIL: "25.43 254.30 21.19 13.24 0.2023 8.4371",
    VENDOR: "3.23",
}
AUDIENCE_OF = {Decimal(amount): audience for audience, amounts in AMOUNTS.items() for amount in amounts.split()}
NOTHING: frozenset[str] = frozenset()


@pytest.fixture(autouse=True)
def _in_october(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    cache.clear()
    monkeypatch.setattr("ordering.operations.orders.after_commit", lambda name, **kwargs: None)
    with time_machine.travel(AT, tick=False):
        yield


@dataclass
class World:
    """Who reads, and where the priced things stand."""

    personas: Personas
    fixed: Plan
    metered: Plan
    readers: dict[str, Client] = field(default_factory=dict)

    def seen(self, path: str, **facts: Any) -> dict[str, Any]:
        """Return, by reader, whose amounts stand at ``path``; the status where nothing is answered with."""
        return {who: _seen(client, path, **facts) for who, client in self.readers.items()}


def _seen(client: Client, path: str, **facts: Any) -> Any:
    answer = client.get(path, follow=path.startswith("/order/"), **facts)
    amounts = {Decimal(number) for number in re.findall(r"\d+\.\d+", answer.content.decode())}
    audiences = frozenset(AUDIENCE_OF[amount] for amount in amounts & AUDIENCE_OF.keys())
    status = 302 if "HX-Redirect" in answer else answer.status_code  # a fragment leads its whole page to the sign-in
    assert status == 200 or not audiences
    return audiences if status == 200 else status


@pytest.fixture
def world(personas: Personas) -> World:
    fixed = factories.FixedPlanFactory(number="P100", monthly__price=Decimal("21.37"), yearly__price=Decimal("213.70"))
    fixed.prices.update(setup_fee=Decimal("11.13"), overage_price=Decimal("0.17"))
    _mirrored_storage(fixed)
    group = factories.ProductGroupFactory(name="Metered")
    metered = factories.PlanFactory(number="P200", product_group=group)
    _rate_card(metered)
    for reseller, discount, markup, slug in (
        (personas.reseller, 20, 30, "alster"),
        (personas.other_reseller, 15, 40, "bodensee"),
    ):
        for plan in (fixed, metered):
            factories.PartnerTermsFactory(plan=plan, reseller=reseller, discount_percent=Decimal(discount))
            factories.PartnerPriceFactory(plan=plan, reseller=reseller, markup_percent=Decimal(markup))
        Marketplace.objects.create(reseller=reseller, slug=slug, title=slug, shows_prices=slug == "alster")
    for code, reseller in (("msps", None), ("alices", personas.reseller), ("bobs", personas.other_reseller)):
        OrderUrl.objects.create(code=code, plan=fixed, reseller=reseller, term_months=12, created_at=AT)
    cleo = factories.MembershipFactory(organization=factories.OrganizationFactory(name="Cleo", parent=personas.other_reseller))
    anna = factories.MembershipFactory(organization=personas.reseller, role="viewer")
    readers = {who: personas.client(who) for who in ("nobody", "stranger", "mira", "dora", "vic", "alice", "carol", "bob")}
    for who, person in (("anna", anna.user), ("cleo", cleo.user)):
        readers[who] = Client()
        readers[who].force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return World(personas, fixed, metered, readers)


def _mirrored_storage(plan: Plan) -> None:
    """What the Storage Quota of an order is a quota of."""
    VendorOfferingItem.objects.create(
        service_manager=plan.sold_through,
        name="pg_base_storage",
        application_id=uuid4(),
        application_type="backup",
        usage_name="storage",
        edition="pck_per_gigabyte",
        item_type="count",
        measurement_unit="bytes",
    )


def _rate_card(plan: Plan) -> None:
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
    Rate.objects.create(rate_card=card, cost=Decimal("3.23"), price=Decimal("7.09"), **facts)


def expected(told: str, otherwise: Any) -> dict[str, Any]:
    """
    Read a row of the table: “dora vic: list; carol: 404”, and what everybody else gets.

    Audiences are joined by “+”, numbers are statuses, “-” is a page without any amount.
    """
    who = ("nobody", "stranger", "mira", "dora", "vic", "alice", "carol", "bob", "anna", "cleo")
    table = dict.fromkeys(who, otherwise)
    for part in filter(str.strip, told.split(";")):
        names, _, what = part.partition(":")
        table |= dict.fromkeys(names.split(), _what(what.strip()))
    return table


def _what(text: str) -> Any:
    if text.isdigit():
        return int(text)
    audiences = {"L": LIST, "ac": A_COST, "ar": A_RETAIL, "bc": B_COST, "br": B_RETAIL}
    return frozenset(audiences[short] for short in text.split("+") if short != "-")


OUTSIDE = "nobody: 302; stranger mira: 403; "
EVERY_BUYER = OUTSIDE + "dora vic: L; alice anna: ac+ar; carol: ar; bob: bc+br; cleo: br"
METERED = OUTSIDE + "dora vic: L; alice anna: ac; carol: ar; bob: bc; cleo: br"
PANEL = OUTSIDE + "alice anna: ac+ar; bob: bc+br"

PAGES = {
    "/": (OUTSIDE + "dora vic: L; alice anna: ac; carol: ar; bob: bc; cleo: br", 404),
    "/?q=P100&term=12": (OUTSIDE + "dora vic: L; alice anna: ac; carol: ar; bob: bc; cleo: br", 404),
    "/products/P100/": (EVERY_BUYER, 404),
    "/products/P200/": (METERED, 404),
    "/partner/plans/": (PANEL, 404),
    "/partner/plans/P100/": (PANEL, 404),
    "/partner/plans/P200/": (PANEL, 404),
    "/partner/plans/P100/order-urls/": (OUTSIDE + "alice anna bob: -", 404),
    "/partner/plans/export/": (PANEL, 404),
    "/m/alster/": ("carol: ar", frozenset({A_RETAIL})),
    "/m/alster/P100/": ("carol: ar", frozenset({A_RETAIL})),
    "/m/alster/P200/": ("carol: ar", frozenset({A_RETAIL})),
    "/m/bodensee/": ("cleo: br", NOTHING),
    "/m/bodensee/P100/": ("cleo: br", NOTHING),
    "/m/bodensee/P200/": ("cleo: br", NOTHING),
    "/api/v1/plans": ("nobody: 401; stranger mira: 403", NOTHING),
    "/api/v1/plans/P100": ("nobody: 401; stranger mira: 403", NOTHING),
    "/api/v1/plans/P100/prices": (
        "nobody: 401; stranger mira: 403; dora vic: L; alice anna: ac; carol: ar; bob: bc; cleo: br",
        404,
    ),
    "/api/v1/plans/P200/prices": (
        "nobody: 401; stranger mira: 403; dora vic: L; alice anna: ac; carol: ar; bob: bc; cleo: br",
        404,
    ),
    "/api/v1/partner/prices": ("nobody: 401; alice anna: ac+ar; bob: bc+br", 403),
    "/api/v1/partner/prices/P100": ("nobody: 401; alice anna: ac+ar; bob: bc+br", 403),
}


@pytest.mark.parametrize("path", PAGES)
def test_every_reader_sees_its_own_end_of_the_chain_and_no_other(world: World, path: str) -> None:
    told, otherwise = PAGES[path]

    assert world.seen(path) == expected(told, otherwise)


def test_what_is_worked_out_as_a_reseller_types_begins_at_its_own_cost(world: World) -> None:
    query = "?markup_kind=percent&markup_percent=30&discount_percent=0"

    seen = world.seen(f"/partner/plans/P100/{query}", headers={"HX-Request": "true"})

    assert seen == expected(OUTSIDE + "alice anna: ac+ar; bob: bc", 404)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("msps", "nobody: -; dora: L; alice: ac+ar; bob: bc+br"),
        ("alices", "nobody: -; carol: ar"),
        ("bobs", "nobody: -; cleo: br"),
    ],
)
def test_an_order_url_tells_nobody_but_its_sellers_buyers_a_price(world: World, code: str, told: str) -> None:
    assert world.seen(f"/order/{code}/") == expected(told, 403)


@pytest.mark.parametrize("market", ["alster", "bodensee"])
def test_a_closed_marketplace_tells_its_own_people_alone(world: World, market: str) -> None:
    Marketplace.objects.update(is_open=False)

    seen = world.seen(f"/m/{market}/P100/")

    own = {"alster": "alice anna carol: ar", "bodensee": "bob anna: -; cleo: br; anna: 404"}[market]
    assert seen == expected(own, 404)


# --- What was sold ----------------------------------------------------------------------------------------------------------


def _order(world: World, owner: User, buyer: Organization, consumer: Organization) -> str:
    shop = Shop(world.personas, world.fixed, factories.TermsDocumentFactory())
    return shop.order(owner=owner, buyer=buyer, consumer=consumer, login=f"user.{consumer.number}").number


def _subscription(world: World, consumer: Organization) -> Subscription:
    tenant = factories.TenantFactory(organization=consumer, service_manager=world.fixed.service_manager)
    sold = factories.SubscriptionFactory(
        service=factories.ServiceFactory(tenant=tenant),
        plan=world.fixed,
        billing_model=Plan.BillingModel.POSTPAID_FIXED,
    )
    for price in sold_prices(world.fixed, term_months=1, consumer=consumer, on=AT.date()):
        price_row(sold, price, valid_from=AT.date(), at=AT).save()
    return sold


SOLD = {
    "direct": OUTSIDE + "dora vic: L",
    "resold": OUTSIDE + "alice anna: ac+ar; carol: ar",
    "by the other reseller": OUTSIDE + "bob: bc+br; cleo: br",
}


def _consumer(world: World, sale: str) -> tuple[User, Organization, Organization]:
    """Who orders, for which buyer, for whom."""
    people = world.personas
    if sale == "direct":
        return people.dora, people.direct_customer, people.direct_customer
    if sale == "resold":
        return people.alice, people.reseller, people.resellers_customer
    return people.bob, people.other_reseller, Organization.objects.get(name="Cleo")


@pytest.mark.parametrize("sale", SOLD)
def test_an_order_tells_each_end_of_the_sale_its_own_price(world: World, sale: str) -> None:
    number = _order(world, *_consumer(world, sale))
    told = expected(SOLD[sale], 404)

    assert world.seen(f"/orders/{number}/") == told
    # What is fetched again and again while the order is carried out tells steps and no amounts.
    steps = {who: NOTHING if isinstance(what, frozenset) else what for who, what in told.items()}
    assert world.seen(f"/orders/{number}/progress/", headers={"HX-Request": "true"}) == steps


def test_lists_of_orders_and_services_tell_no_more_than_what_they_lead_to(world: World) -> None:
    for sale in SOLD:
        _order(world, *_consumer(world, sale))
        _subscription(world, _consumer(world, sale)[2])
    own = expected("dora vic: L; alice anna: ac+ar; carol: ar; bob: bc+br; cleo: br", NOTHING)

    for path in ("/orders/", "/services/", "/invoices/"):
        assert all(what <= own[who] for who, what in world.seen(path).items() if isinstance(what, frozenset))


@pytest.mark.parametrize("sale", SOLD)
def test_a_service_tells_each_end_of_the_sale_its_own_price(world: World, sale: str) -> None:
    sold = _subscription(world, _consumer(world, sale)[2])

    # What a reseller takes stands in its panel and on its orders; here it reads what it is invoiced.
    told = SOLD[sale].replace("ac+ar", "ac").replace("bc+br", "bc")
    assert world.seen(f"/services/{sold.number}/") == expected(told, 404)


# --- Programs -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("plans", "dora: -; alice: -; carol: -; bob: -; cleo: -"),
        ("plans/P100/prices", "dora: L; alice: ac; carol: ar; bob: bc; cleo: br"),
        ("plans/P200/prices", "dora: L; alice: ac; carol: ar; bob: bc; cleo: br"),
        ("partner/prices", "dora: 403; alice: ac+ar; carol: 403; bob: bc+br; cleo: 403"),
        ("partner/prices/P100", "dora: 403; alice: ac+ar; carol: 403; bob: bc+br; cleo: 403"),
    ],
)
def test_a_token_sees_what_its_organization_sees(world: World, path: str, told: str) -> None:
    people = world.personas
    owners = {
        "dora": people.direct_customer,
        "alice": people.reseller,
        "carol": people.resellers_customer,
        "bob": people.other_reseller,
        "cleo": Organization.objects.get(name="Cleo"),
    }
    world.readers = {who: _program(owner) for who, owner in owners.items()}

    assert world.seen(f"/api/v1/{path}") == {who: what for who, what in expected(told, 0).items() if who in owners}


def test_a_token_of_what_is_a_reseller_no_more_has_no_partner_prices(world: World) -> None:
    program = _program(world.personas.other_reseller)
    Organization.objects.filter(pk=world.personas.other_reseller.pk).update(kind=Organization.Kind.CUSTOMER)

    assert _seen(program, "/api/v1/partner/prices") == 403
    assert _seen(program, "/api/v1/plans/P100/prices") == {LIST}


def _program(owner: Organization) -> Client:
    made = api_tokens.create_token(
        organization_id=owner.pk, name="All", scopes=api_tokens.scopes_for(owner), by=factories.UserFactory(), at=AT
    )
    return Client(headers={"Authorization": f"Bearer {made.secret}"})


# --- The table itself -----------------------------------------------------------------------------------------------------------


def test_no_amount_belongs_to_two_audiences() -> None:
    assert len(AUDIENCE_OF) == sum(len(amounts.split()) for amounts in AMOUNTS.values())
