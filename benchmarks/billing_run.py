"""
How fast a month is billed: every subscription an account of its own, 10 items each, 31 daily readings per item.

The yardstick is plain SQL that rates and totals the same rows into two bare tables, in the same run and the same database: no
working, no comparison with what is there, nothing frozen. Both must arrive at the same sum. Another size than 500 subscriptions:
BENCH_SUBSCRIPTIONS=10000.
"""

import os
import resource
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.db import connection
from django.db.models import Sum

from accounts.models import Organization
from billing.models import Invoice, Rate, RateCard, Subscription, SubscriptionPhase
from billing.models.agreements import phase_of
from billing.operations import runs
from catalog.models import Plan, Product, ProductGroup, ProductType, Tax, Venture
from common.periods import Period
from provisioning.models import FileSyncModel, ProtectionModel, Service, ServiceManager, Tenant, VendorReport

MEASURES = (
    "billing.run_invoices_per_s",
    "billing.rerun_invoices_per_s",
    "billing.run_queries",
    "billing.run_peak_mb",
)
SUBSCRIPTIONS = int(os.environ.get("BENCH_SUBSCRIPTIONS", "500"))
ITEMS = 10
FEW = 100
LANES = int(os.environ.get("BENCH_LANES", "2"))
OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
AT = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
AGGREGATIONS = ("last", "max", "average", "sum")


class QueryCounter:
    """Counts queries and keeps none: what a test would keep is the very memory that is measured."""

    def __init__(self) -> None:
        self.queries = 0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        self.queries += 1
        return execute(sql, params, many, context)


def run() -> Iterator[dict[str, object]]:
    """Yield invoices per second of a first run and of one that finds nothing to do, the queries and the memory it takes."""
    msp, plan = _world()
    _customers(msp, plan, FEW)
    _usage(plan)
    queries_of_few = _counted_run(msp)
    _clear()
    _customers(msp, plan, SUBSCRIPTIONS - FEW, first=FEW)
    _usage(plan)
    plain = _timed_plain_sql()
    before = _peak_mb()
    first = _timed_run(msp)
    peak = _peak_mb()
    _check_sums()
    again = _timed_run(msp)
    _clear()
    queries = _counted_run(msp)
    yield {
        "name": "billing.run_invoices_per_s",
        "value": round(SUBSCRIPTIONS / first, 1),
        "unit": "invoices/s",
        "yardstick": round(SUBSCRIPTIONS / plain, 1),
        "ratio": round(first / plain, 2),
        "subscriptions": SUBSCRIPTIONS,
        "lanes": LANES,
    }
    yield {
        "name": "billing.rerun_invoices_per_s",
        "value": round(SUBSCRIPTIONS / again, 1),
        "unit": "invoices/s",
        "yardstick": round(SUBSCRIPTIONS / first, 1),
        "ratio": round(again / first, 2),
    }
    yield {
        "name": "billing.run_queries",
        "value": round(queries / _batches(SUBSCRIPTIONS), 1),
        "unit": "queries a batch",
        "yardstick": float(queries_of_few),  # of a run of one batch
        "ratio": round(queries / _batches(SUBSCRIPTIONS) / queries_of_few, 2),
    }
    yield {"name": "billing.run_peak_mb", "value": round(peak), "unit": "MB", "yardstick": round(before), "ratio": None}


def _batches(subscriptions: int) -> int:
    return -(-subscriptions // runs.SUBSCRIPTIONS_PER_BATCH)


def _timed_run(msp: Organization) -> float:
    started = time.perf_counter()
    runs.run_billing(seller_id=msp.pk, period=OCTOBER, at=AT, lanes=LANES)
    return time.perf_counter() - started


def _counted_run(msp: Organization) -> int:
    """Run in one lane, whose connection is ours, and return the number of queries."""
    counter = QueryCounter()
    with connection.execute_wrapper(counter):
        runs.run_billing(seller_id=msp.pk, period=OCTOBER, at=AT)
    return counter.queries


def _clear() -> None:
    """Take the drafts away, so that the next run is a first one again."""
    Invoice.objects.all().delete()


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# --- The yardstick ----------------------------------------------------------------------------------------------------------

_PLAIN_LINES = """
    CREATE TEMPORARY TABLE plain_line AS
    WITH daily AS (
        SELECT tenant_id, item, edition, day, sum(absolute) AS level, sum(delta) AS added
        FROM billing_usagerecord WHERE day >= '2026-10-01' AND day < '2026-11-01' GROUP BY 1, 2, 3, 4
    ), measured AS (
        SELECT tenant_id, item, edition, (array_agg(level ORDER BY day DESC))[1] AS last, max(level) AS max,
            sum(level) / 31 AS average, sum(added) AS sum
        FROM daily GROUP BY 1, 2, 3
    ), charged AS (
        SELECT service.organization_id AS buyer_id, rate.item,
            round(CASE rate.aggregation WHEN 'last' THEN last WHEN 'max' THEN max WHEN 'average' THEN average ELSE sum END
                / CASE rate.unit WHEN 'GiB' THEN 1073741824 ELSE 1 END, 10) AS quantity,
            rate.price
        FROM measured JOIN billing_rate rate ON rate.item = measured.item
        JOIN provisioning_service service ON service.tenant_id = measured.tenant_id
    )
    SELECT buyer_id, item, quantity, price, round(quantity * price, 2) AS net FROM charged WHERE quantity <> 0
"""
_PLAIN_INVOICES = """
    CREATE TEMPORARY TABLE plain_invoice AS
    SELECT buyer_id, sum(net) AS net, round(sum(net) * 0.19, 2) AS tax, sum(net) + round(sum(net) * 0.19, 2) AS gross
    FROM plain_line GROUP BY buyer_id
"""


def _timed_plain_sql() -> float:
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(_PLAIN_LINES)
        cursor.execute(_PLAIN_INVOICES)
    return time.perf_counter() - started


def _check_sums() -> None:
    """Refuse to compare two things that are not the same."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), sum(gross) FROM plain_invoice")
        plain = cursor.fetchone()
    billed = (Invoice.objects.count(), Invoice.objects.aggregate(total=Sum("gross"))["total"])
    if plain != billed:
        raise AssertionError(f"Plain SQL says {plain}, the run {billed}.")


# --- The rows ---------------------------------------------------------------------------------------------------------------


def _world() -> tuple[Organization, Plan]:
    name = uuid4().hex[:8]
    msp = Organization.objects.filter(kind=Organization.Kind.MSP).first() or Organization.objects.create(
        kind=Organization.Kind.MSP, number="M1", name="Northwind Cloud GmbH", billing_email="till@northwind.example", created_at=AT
    )
    manager = ServiceManager.objects.create(
        name=f"Billing run {name}", base_url="http://acronis.invalid", client_id="benchmark", client_secret=uuid4().hex
    )
    product = Product.objects.create(product_type=ProductType.objects.create(name=f"Type {name}"), name="Backup")
    group = ProductGroup.objects.create(product=product, name=f"Group {name}")
    group.taxes.add(Tax.objects.get_or_create(name="VAT 19 %", defaults={"percent": 19})[0])
    venture = Venture.objects.create(name=f"Venture {name}", invoice_series=name)
    plan = Plan.objects.create(
        number=f"P{name}", venture=venture, product_group=group, service_manager=manager, name=f"Plan {name}"
    )
    card = RateCard.objects.create(
        product_group=group, month=OCTOBER.start, version=1, currency="EUR", base_currency="EUR", exchange_rate=1, imported_at=AT
    )
    Rate.objects.bulk_create(
        Rate(
            rate_card=card,
            item=f"pg_base_item_{n}",
            unit="GiB" if n % 2 else "unit",
            cost=Decimal("0.03"),
            price=Decimal("0.07") + n,
            aggregation=AGGREGATIONS[n % 4],
            line=n + 2,
        )
        for n in range(ITEMS)
    )
    return msp, plan


_USAGE = """
    INSERT INTO billing_usagerecord (tenant_id, item, edition, infra_id, day, is_range, measurement_unit, absolute, delta,
        trial_absolute, trial_delta, report_id, report_line)
    SELECT tenant.id, 'pg_base_item_' || item, 'pck_per_gigabyte', '', day, item %% 4 = 3,
        CASE item %% 2 WHEN 1 THEN 'bytes' ELSE '' END,
        CASE item %% 2 WHEN 1 THEN 107374182400 + tenant.id * 1000003 ELSE 3 + tenant.id %% 50 END + extract(day FROM day),
        extract(day FROM day) * 1048576, 0, 0, %(report)s, row_number() OVER ()
    FROM provisioning_tenant tenant, generate_series(0, %(items)s - 1) item,
        generate_series(date '2026-10-01', date '2026-10-31', interval '1 day') day
    WHERE tenant.service_manager_id = %(manager)s
        AND NOT EXISTS (SELECT FROM billing_usagerecord present WHERE present.tenant_id = tenant.id)
"""


def _customers(msp: Organization, plan: Plan, count: int, *, first: int = 0) -> None:
    """Add ``count`` direct customers, each with a tenant, a service and a subscription that has run since January."""
    manager = plan.service_manager
    buyers = Organization.objects.bulk_create(
        Organization(
            number=f"{plan.number}-{n}",
            kind=Organization.Kind.CUSTOMER,
            parent=msp,
            name=f"Customer {n}",
            billing_email="b@example.com",
            created_at=AT,
        )
        for n in range(first, first + count)
    )
    tenants = Tenant.objects.bulk_create(
        Tenant(organization=buyer, service_manager=manager, kind=Tenant.Kind.CUSTOMER, key=f"bench-{buyer.pk}", wished_at=AT)
        for buyer in buyers
    )
    services = Service.objects.bulk_create(
        Service(
            organization=tenant.organization,
            service_manager=manager,
            tenant=tenant,
            protection_model=ProtectionModel.PER_GIGABYTE,
            file_sync_model=FileSyncModel.PER_USER,
            wished_at=AT,
        )
        for tenant in tenants
    )
    subscriptions = Subscription.objects.bulk_create(
        Subscription(
            number=f"B{service.pk}",
            service=service,
            plan=plan,
            consumer=service.organization,
            plan_name=plan.name,
            billing_model=plan.billing_model,
            started_on=date(2026, 1, 1),
            order_number="O1",
            created_at=AT,
        )
        for service in services
    )
    SubscriptionPhase.objects.bulk_create(map(phase_of, subscriptions))


def _usage(plan: Plan) -> None:
    """Write a month of readings of every tenant, and let the database know how much it is, as its own clerk would by night."""
    report = VendorReport.objects.create(
        service_manager=plan.service_manager,
        period_start=OCTOBER.start,
        period_end=OCTOBER.end,
        status=VendorReport.Status.LOADED,
        next_try_at=AT,
        created_at=AT,
    )
    with connection.cursor() as cursor:
        cursor.execute(_USAGE, {"report": report.pk, "items": ITEMS, "manager": plan.service_manager_id})
        cursor.execute("ANALYZE")
