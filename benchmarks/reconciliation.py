"""
How long comparing a month takes: 10,000 tenants with 10 items each, every item read on every day of the month and billed.

No yardstick: the comparison is one SQL statement already.
"""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from uuid import uuid4

from django.db import connection

from accounts.models import Organization
from common.periods import Period
from provisioning.models import ServiceManager
from reconciliation import operations

TENANTS, ITEMS = 10_000, 10
AT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))


def run() -> Iterator[dict[str, object]]:
    """Yield the measurement. Fills the database with millions of rows: give it one of its own."""
    manager = _world()
    started = time.perf_counter()
    compared = operations.compare(service_manager_id=manager.pk, period=OCTOBER, by=None, at=AT)
    took = time.perf_counter() - started
    assert compared.compared == TENANTS * ITEMS
    assert compared.discrepancies.count() == TENANTS  # one item of each tenant is billed otherwise than used
    yield {"name": "reconciliation.month_s", "value": round(took, 2), "unit": "s", "yardstick": None, "ratio": None}


def _world() -> ServiceManager:
    kind = Organization.Kind.MSP
    if not Organization.objects.filter(kind=kind).exists():
        Organization.objects.create(
            kind=kind, number="M1", name="Northwind Cloud GmbH", billing_email="till@northwind.example", created_at=AT
        )
    name = uuid4().hex[:8]
    manager = ServiceManager.objects.create(
        name=f"Reconciliation {name}", base_url="http://acronis.invalid", client_id="benchmark", client_secret=uuid4().hex
    )
    with connection.cursor() as cursor:
        for statement in _ROWS:
            cursor.execute(statement, {"manager": manager.pk, "name": name, "tenants": TENANTS, "items": ITEMS})
        cursor.execute("ANALYZE")
    return manager


# The rows of a month, made by the database itself; triggers of history are left to do their work.
_ROWS = (
    """
    INSERT INTO accounts_organization (number, kind, parent_id, name, currency, country, time_zone, language, billing_email,
        address_line1, address_line2, postcode, city, tax_id, payment_terms_days, payment_details,
        orders_execute_automatically, created_at)
    SELECT %(name)s || n, 'customer', (SELECT id FROM accounts_organization WHERE kind = 'msp'), 'Customer ' || n, 'EUR', 'DE',
        'Europe/Berlin', 'en', 'billing@example.com', '', '', '', '', '', 14, '', true, now()
    FROM generate_series(1, %(tenants)s) n
    """,
    """
    INSERT INTO provisioning_tenant (organization_id, service_manager_id, kind, key, vendor_id, vendor_name, wished_at, attempts,
        last_error)
    SELECT id, %(manager)s, 'customer', 'ct-' || number, gen_random_uuid(), '', now(), 0, ''
    FROM accounts_organization WHERE number LIKE %(name)s || '%%'
    """,
    """
    INSERT INTO provisioning_service (organization_id, service_manager_id, tenant_id, protection_model, file_sync_model, wished_at)
    SELECT organization_id, service_manager_id, id, 'per_gigabyte', 'per_user', now() FROM provisioning_tenant
    WHERE service_manager_id = %(manager)s
    """,
    "INSERT INTO catalog_venture (name, invoice_series) VALUES (%(name)s, %(name)s)",
    "INSERT INTO catalog_producttype (name) VALUES (%(name)s)",
    "INSERT INTO catalog_product (product_type_id, name) SELECT id, name FROM catalog_producttype WHERE name = %(name)s",
    """
    INSERT INTO catalog_productgroup (product_id, name, module) SELECT id, name, 'acronis' FROM catalog_product
    WHERE name = %(name)s
    """,
    """
    INSERT INTO catalog_plan (number, venture_id, product_group_id, service_manager_id, name, summary, description, billing_model,
        status, applicable_on_partner_website)
    SELECT %(name)s, venture.id, product_group.id, %(manager)s, %(name)s, '', '', 'pay_as_you_go', 'published', false
    FROM catalog_venture venture, catalog_productgroup product_group
    WHERE venture.name = %(name)s AND product_group.name = %(name)s
    """,
    """
    INSERT INTO billing_subscription (number, service_id, plan_id, consumer_id, plan_name, billing_model, status, quantity,
        partner_discount_percent, retail_markup_percent, retail_discount_percent, started_on, order_number, created_at)
    SELECT %(name)s || service.id, service.id, plan.id, service.organization_id, plan.name, 'pay_as_you_go', 'active', 1, 0, 0, 0,
        '2026-09-01', '', now()
    FROM provisioning_service service JOIN catalog_plan plan ON plan.number = %(name)s
    WHERE service.service_manager_id = %(manager)s
    """,
    """
    INSERT INTO billing_ratecard (product_group_id, month, version, currency, base_currency, exchange_rate, file_name, file_sha256,
        imported_at)
    SELECT id, '2026-10-01', 1, 'EUR', 'EUR', 1, 'card.xlsx', '', now() FROM catalog_productgroup WHERE name = %(name)s
    """,
    """
    INSERT INTO billing_rate (rate_card_id, item, edition, unit, cost, price, aggregation, line)
    SELECT card.id, 'item_' || n, '', 'GiB', 1, 2, (ARRAY['last', 'max', 'average', 'sum'])[1 + n %% 4], n
    FROM billing_ratecard card JOIN catalog_productgroup product_group ON product_group.id = card.product_group_id
        AND product_group.name = %(name)s, generate_series(1, %(items)s) n
    """,
    """
    INSERT INTO provisioning_vendorreport (service_manager_id, kind, period_start, period_end, status, attempts, next_try_at, error,
        created_at)
    VALUES (%(manager)s, 'usage_daily', '2026-10-01', '2026-11-01', 'loaded', 0, now(), '', now())
    """,
    """
    INSERT INTO billing_usagerecord (tenant_id, item, edition, infra_id, day, is_range, measurement_unit, absolute, delta,
        trial_absolute, trial_delta, report_id, report_line)
    SELECT tenant.id, 'item_' || item, '', '', day::date, item %% 4 = 3, 'bytes', item * 1073741824::numeric,
        CASE WHEN day = '2026-10-31' THEN item * 1073741824::numeric ELSE 0 END, 0, 0, report.id, 2
    FROM provisioning_tenant tenant JOIN provisioning_vendorreport report ON report.service_manager_id = tenant.service_manager_id,
        generate_series(1, %(items)s) item, generate_series('2026-10-01'::date, '2026-10-31', '1 day') day
    WHERE tenant.service_manager_id = %(manager)s
    """,
    """
    INSERT INTO billing_invoice (seller_id, buyer_id, venture_id, status, currency, period_start, period_end, seller_copy,
        buyer_copy, net, tax, gross, taxes, created_at)
    SELECT (SELECT id FROM accounts_organization WHERE kind = 'msp'), organization.id, venture.id, 'draft', 'EUR', '2026-10-01',
        '2026-11-01', '{}', '{}', 0, 0, 0, '[]', now()
    FROM accounts_organization organization JOIN catalog_venture venture ON venture.name = %(name)s
    WHERE organization.number LIKE %(name)s || '%%'
    """,
    """
    INSERT INTO billing_invoiceline (invoice_id, subscription_id, position, item, edition, description, period_start, period_end,
        quantity, unit, unit_price, net, tax_percent, working)
    SELECT invoice.id, subscription.id, item, 'item_' || item, '', '', '2026-10-01', '2026-11-01',
        CASE WHEN item = 1 THEN 5 ELSE item END, 'GiB', 2, 0, 19, '{}'
    FROM billing_subscription subscription JOIN billing_invoice invoice ON invoice.buyer_id = subscription.consumer_id,
        generate_series(1, %(items)s) item
    WHERE subscription.number LIKE %(name)s || '%%'
    """,
)
