"""
How long the basket takes with 200 plans on sale, and how long placing an order takes. `catalog` measures the shop's own pages.

One client, in process, with everything a request meets: middleware, session, templates, PostgreSQL, and for an order the message
to the broker. The yardsticks are what pretix (order by API) and django-oscar (basket) took on two cores.
"""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Membership, Organization, User
from accounts.operations import add_member, add_organization
from benchmarks._pages import client_of, median, timed
from billing.models import Rate, RateCard
from catalog.models import Plan, Product, ProductGroup, ProductType, TermsDocument, Venture
from ordering.models import Basket, BasketLine, TermsAcceptance
from provisioning.models import ServiceManager

MEASURES = ("storefront.basket_ms", "storefront.place_order_ms")
PLANS = 200
ROUNDS = 60
AT = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)


def run() -> Iterator[dict[str, object]]:
    """Yield the median of each page in milliseconds, with its queries beside it."""
    plan, terms, customers = world(ROUNDS + 1)
    client, basket = client_of(customers[0][0]), basket_of(customers[0], plan, terms)
    url = reverse("ordering:basket")
    milliseconds = median([timed(lambda: client.get(url), status=200) for _ in range(ROUNDS)])
    with CaptureQueriesContext(connection) as captured:
        client.get(url)
    yield _line("storefront.basket_ms", milliseconds, 49, queries=len(captured))
    del basket
    placed = [_timed_order(customer, plan, terms) for customer in customers[1:]]
    yield _line("storefront.place_order_ms", median(placed), 127)


def _timed_order(customer: tuple[User, Organization], plan: Plan, terms: TermsDocument) -> float:
    client, basket = client_of(customer[0]), basket_of(customer, plan, terms)
    client.get(reverse("ordering:review"))
    return timed(lambda: client.post(reverse("ordering:review"), {"basket": str(basket.key)}), status=302)


def _line(name: str, milliseconds: float, yardstick: float, **more: object) -> dict[str, object]:
    ratio = round(milliseconds / yardstick, 2)
    return {"name": name, "value": milliseconds, "unit": "ms", "yardstick": yardstick, "ratio": ratio, **more}


def basket_of(customer: tuple[User, Organization], plan: Plan, terms: TermsDocument) -> Basket:
    """A basket for which every step is done."""
    user, organization = customer
    basket = Basket.objects.create(
        owner=user,
        buyer=organization,
        consumer=organization,
        terms_accepted_at=AT,
        billing_confirmed_at=AT,
        login=f"bench.{organization.number}",
        email="bench@example.com",
        created_at=AT,
    )
    BasketLine.objects.create(basket=basket, plan=plan, protection_model="per_gigabyte", file_sync_model="per_user")
    TermsAcceptance.objects.create(basket=basket, document=terms, person=user, accepted_at=AT)
    return basket


def world(customers_wanted: int) -> tuple[Plan, TermsDocument, list[tuple[User, Organization]]]:
    """200 plans on sale, one of them to order, the terms to accept, and so many customers with a person each."""
    msp = Organization.objects.filter(kind="msp").first() or add_organization(
        kind="msp", parent=None, name="MSP", at=AT, billing_email="till@example.com"
    )
    stamp = str(time.time_ns())
    manager = ServiceManager.objects.create(name=f"Bench {stamp}", base_url="http://bench.test", client_id="b", client_secret="b")  # noqa: S106
    venture = Venture.objects.create(name=f"Bench {stamp}", invoice_series=f"B{stamp[-6:]}")
    product = Product.objects.create(product_type=ProductType.objects.create(name=f"Bench {stamp}"), name="Cyber Protect")
    group = ProductGroup.objects.create(product=product, name="Cyber Protect")
    plans = Plan.objects.bulk_create(
        Plan(
            number=f"B{stamp[-8:]}{n}",
            venture=venture,
            product_group=group,
            service_manager=manager,
            name=f"Plan {n:03}",
            summary="Backup, security and file sharing.",
            status=Plan.Status.PUBLISHED,
        )
        for n in range(PLANS)
    )
    _rate_card(group)
    terms, _ = TermsDocument.objects.get_or_create(title="Terms", version="1", defaults={"text": "You agree.", "published_at": AT})
    customers = []
    for n in range(customers_wanted):
        facts = {"address_line1": "Weg 1", "postcode": "10115", "city": "Berlin", "billing_email": "b@example.com"}
        organization = add_organization(kind="customer", parent=msp, name=f"Bench {n}", at=AT, **facts)
        user = User.objects.create(email=f"bench{n}.{stamp}@example.com")
        add_member(organization=organization, user=user, role=Membership.Role.ADMINISTRATOR)
        customers.append((user, organization))
    return plans[0], terms, customers


def _rate_card(group: ProductGroup) -> None:
    card = RateCard.objects.create(
        product_group=group,
        month=date(2026, 1, 1),
        version=1,
        currency="EUR",
        base_currency="EUR",
        exchange_rate=Decimal(1),
        file_name="bench.xlsx",
        file_sha256="0" * 64,
        imported_at=AT,
    )
    names = ("pg_base_storage", "pw_base_storage", "pw_base_servers", "pw_base_vms", "pu_base_fc_seats", "notarizations")
    Rate.objects.bulk_create(
        Rate(rate_card=card, item=name, unit="unit", cost=Decimal(1), price=Decimal(2), aggregation="last", line=line)
        for line, name in enumerate(names, start=2)
    )
