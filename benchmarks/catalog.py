"""
How long the shop takes to list and show plans: 200 fixed plans, each with prices in 3 currencies for 4 terms, all on sale.

One client, in process, with everything a request meets: middleware, session, templates, PostgreSQL. Each page is asked for by a
direct customer, a reseller and a reseller's customer; the slowest of the three counts. The yardsticks are what pretix (shop page)
and django-oscar (product page) took on two cores.
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
from catalog.models import (
    ModuleSettings,
    PartnerPrice,
    PartnerTerms,
    Plan,
    PlanPrice,
    Product,
    ProductGroup,
    ProductType,
    Venture,
)
from provisioning.models import ServiceManager

MEASURES = ("catalog.list_p50_ms", "catalog.product_p50_ms", "catalog.queries_per_page")
PLANS = 200
ROUNDS = 60
CURRENCIES = ("EUR", "CHF", "JPY")
TERMS = (1, 6, 12, 36)
AT = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)


def run() -> Iterator[dict[str, object]]:
    """Yield the median of both pages in milliseconds and the most queries any of them asks."""
    plan, people = _world()
    pages = {
        "list": (reverse("catalog:home"), 138),
        "product": (reverse("catalog:plan", args=[plan.number]), 90),
    }
    queries: dict[str, int] = {}
    for name, (url, yardstick) in pages.items():
        by_person = {}
        for who, user in people.items():
            client = client_of(user)
            by_person[who] = median([timed(lambda url=url, client=client: client.get(url), status=200) for _ in range(ROUNDS)])
            with CaptureQueriesContext(connection) as captured:
                client.get(url)
            queries[f"{name}, {who}"] = len(captured)
        slowest = max(by_person.values())
        ratio = round(slowest / yardstick, 2)
        measured = {"name": f"catalog.{name}_p50_ms", "value": slowest, "unit": "ms", "yardstick": yardstick, "ratio": ratio}
        yield {**measured, "by_reader": by_person}
    yield {"name": "catalog.queries_per_page", "value": max(queries.values()), "unit": "queries", "by_page": queries}


def _world() -> tuple[Plan, dict[str, User]]:
    stamp = str(time.time_ns())
    msp = Organization.objects.filter(kind="msp").first() or add_organization(
        kind="msp", parent=None, name="MSP", at=AT, billing_email="till@example.com"
    )
    reseller = _organization("reseller", msp, stamp)
    readers = {
        "direct customer": _organization("customer", msp, stamp),
        "reseller": reseller,
        "reseller's customer": _organization("customer", reseller, stamp),
    }
    people = {}
    for who, organization in readers.items():
        people[who] = User.objects.create(email=f"{organization.number}.{stamp}@example.com")
        add_member(organization=organization, user=people[who], role=Membership.Role.ADMINISTRATOR)
    plans = _plans(stamp)
    PartnerTerms.objects.bulk_create(PartnerTerms(reseller=reseller, plan=plan, discount_percent=Decimal(20)) for plan in plans)
    PartnerPrice.objects.bulk_create(PartnerPrice(reseller=reseller, plan=plan, markup_percent=Decimal(30)) for plan in plans)
    return plans[0], people


def _organization(kind: str, parent: Organization, stamp: str) -> Organization:
    return add_organization(kind=kind, parent=parent, name=f"Bench {kind} {stamp}", at=AT, billing_email="b@example.com")


def _plans(stamp: str) -> list[Plan]:
    Plan.objects.filter(status=Plan.Status.PUBLISHED).update(status=Plan.Status.ARCHIVED)  # of other benchmarks in the same run
    secret = {"client_id": "b", "client_secret": "b"}
    manager = ServiceManager.objects.create(name=f"Bench {stamp}", base_url="http://bench.test", **secret)
    venture = Venture.objects.create(name=f"Bench {stamp}", invoice_series=f"C{stamp[-6:]}")
    product = Product.objects.create(product_type=ProductType.objects.create(name=f"Bench {stamp}"), name="Cyber Protect")
    group = ProductGroup.objects.create(product=product, name="Cyber Protect")
    plans = Plan.objects.bulk_create(
        Plan(
            number=f"C{stamp[-8:]}{n}",
            venture=venture,
            product_group=group,
            service_manager=manager,
            name=f"Backup {n:03} GB",
            summary="Backup with quota, at a fixed price.",
            billing_model=Plan.BillingModel.POSTPAID_FIXED,
            status=Plan.Status.PUBLISHED,
            applicable_on_partner_website=True,
            quantity_is_enabled=True,
        )
        for n in range(PLANS)
    )
    ModuleSettings.objects.bulk_create(
        ModuleSettings(plan=plan, storage_quota=50, overage=10, protection_model="per_gigabyte", file_sync_model="per_user")
        for plan in plans
    )
    PlanPrice.objects.bulk_create(
        PlanPrice(
            plan=plan,
            currency=currency,
            term_months=term,
            price=Decimal(20 * term),
            setup_fee=Decimal(10),
            overage_price=Decimal("0.1"),
            valid_from=date(2026, 1, 1),
            created_at=AT,
        )
        for plan in plans
        for currency in CURRENCIES
        for term in TERMS
    )
    return plans
