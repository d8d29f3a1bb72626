"""
Comparing a month: what the vendor metered, what we kept of it, what we invoiced. It writes what differs and repairs nothing.

The quantities are worked out by the database, in one statement and by none of billing's code: a mistake in rating shows here.
"""

import logging
from datetime import datetime

from django.db import connection, transaction

from accounts.models import User
from common.errors import DomainError
from common.periods import Period
from provisioning.models import ServiceManager
from reconciliation.models import ReconciliationRun

logger = logging.getLogger(__name__)


@transaction.atomic(durable=True)
def compare(*, service_manager_id: int, period: Period, by: User | None, at: datetime) -> ReconciliationRun:
    """
    Compare usage and the MSP's invoices, issued and drafts, of a calendar month, by tenant, item and edition.

    Usage is aggregated as the rate card says, over the days the tenant was subscribed, in the unit that is billed. Usage of a
    tenant that had no subscription in the month counts whole. Items that no rate is for are no discrepancy unless they were
    billed. Comparing again makes a new run.

    :raises DomainError: ``period`` is not a calendar month.
    """
    if period != Period.month_of(period.start):
        raise DomainError(f"Invoices are for calendar months; {period} is none.")
    run = ReconciliationRun.objects.create(
        service_manager=ServiceManager.objects.get(pk=service_manager_id),
        period_start=period.start,
        period_end=period.end,
        started_by=by,
        started_at=at,
    )
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '128MB'")
        cursor.execute(
            _COMPARE, {"run": run.pk, "manager": service_manager_id, "first": period.start, "end": period.end, "days": period.days}
        )
        run.compared, found = cursor.fetchone()
    run.save(update_fields=["compared"])
    logger.info("month compared", extra={"run": run.pk, "compared": run.compared, "discrepancies": found})
    return run


# Multiplied out to forty decimals before it is rounded, so that nothing is rounded twice; the unit in which it is billed.
_DIVISOR = "CASE {unit} WHEN 'GiB' THEN 1073741824 WHEN 'hour' THEN 3600 ELSE 1 END"
_UNIT_OF_MEASURE = "CASE measurement_unit WHEN 'bytes' THEN 'GiB' WHEN 'seconds' THEN 'hour' ELSE 'unit' END"

_COMPARE = f"""
WITH
-- Who was subscribed on which days of the month, but for free trials, and whose rate card counts. A tenant without any in the month
-- is looked at by the cards of its service manager's plans: nobody pays for it.
subscribed AS (
    SELECT service.tenant_id, plan.product_group_id, subscription.billing_model,
        greatest(subscription.started_on, subscription.trial_ends_on, %(first)s::date) AS first_day,
        least(coalesce(subscription.ended_on, %(end)s::date), %(end)s::date) AS end_day
    FROM billing_subscription subscription
    JOIN provisioning_service service ON service.id = subscription.service_id
    JOIN catalog_plan plan ON plan.id = subscription.plan_id
    WHERE service.service_manager_id = %(manager)s AND subscription.started_on < %(end)s
        AND (subscription.trial_ends_on IS NULL OR subscription.trial_ends_on < %(end)s)
        AND (
            subscription.ended_on IS NULL
            OR subscription.ended_on > greatest(subscription.started_on, subscription.trial_ends_on, %(first)s)
        )
),
-- What a plan of fixed price uses is paid by its price, not by the reading.
looked_at AS (
    SELECT tenant_id, product_group_id, first_day, end_day FROM subscribed WHERE billing_model = 'pay_as_you_go'
    UNION ALL
    SELECT tenant.id, (SELECT min(product_group_id) FROM catalog_plan WHERE service_manager_id = %(manager)s), %(first)s, %(end)s
    FROM provisioning_tenant tenant
    WHERE tenant.service_manager_id = %(manager)s AND tenant.id NOT IN (SELECT tenant_id FROM subscribed)
),
card AS (
    SELECT DISTINCT ON (product_group_id) id, product_group_id FROM billing_ratecard
    WHERE month <= %(first)s ORDER BY product_group_id, month DESC, version DESC
),
rate AS (
    SELECT card.product_group_id, rate.item, rate.edition, rate.unit, rate.aggregation
    FROM card JOIN billing_rate rate ON rate.rate_card_id = card.id
),
-- All storages of an item together, day by day, then the month. Tenant by tenant: small sorts instead of one that spills to disk.
month AS (
    SELECT looked_at.tenant_id, looked_at.product_group_id, looked_at.end_day - looked_at.first_day AS days, read.*
    FROM looked_at CROSS JOIN LATERAL (
        SELECT item, edition, bool_or(is_range) AS is_range, min(measurement_unit) AS measurement_unit,
            (array_agg(absolute ORDER BY day DESC))[1] AS last, max(absolute) AS max, sum(absolute) AS total, sum(delta) AS added
        FROM (
            SELECT item, edition, day, sum(absolute) AS absolute, sum(delta) AS delta, bool_or(is_range) AS is_range,
                min(measurement_unit) AS measurement_unit
            FROM billing_usagerecord
            WHERE tenant_id = looked_at.tenant_id AND day >= looked_at.first_day AND day < looked_at.end_day
            GROUP BY item, edition, day
        ) day
        GROUP BY item, edition
    ) read
),
rated AS (
    SELECT month.*, own.unit IS NOT NULL OR every.unit IS NOT NULL AS is_rated,
        coalesce(own.unit, every.unit, {_UNIT_OF_MEASURE}) AS unit,
        coalesce(own.aggregation, every.aggregation, CASE WHEN is_range THEN 'sum' ELSE 'last' END) AS aggregation
    FROM month
    LEFT JOIN rate own ON own.product_group_id = month.product_group_id AND own.item = month.item AND own.edition = month.edition
    LEFT JOIN rate every ON every.product_group_id = month.product_group_id AND every.item = month.item AND every.edition = ''
),
used AS (
    SELECT tenant_id, item, edition, min(unit) AS unit, bool_or(is_rated) AS is_rated,
        sum(round(greatest(CASE aggregation
            WHEN 'last' THEN last WHEN 'max' THEN max WHEN 'sum' THEN added ELSE total::numeric(80, 40) / days
        END, 0)::numeric(80, 40) / {_DIVISOR.format(unit="unit")}, 10)) AS quantity
    FROM rated GROUP BY tenant_id, item, edition
),
billed AS (
    SELECT service.tenant_id, line.item, line.edition, min(line.unit) AS unit, sum(line.quantity) AS quantity
    FROM billing_invoiceline line
    JOIN billing_invoice invoice ON invoice.id = line.invoice_id
    JOIN accounts_organization seller ON seller.id = invoice.seller_id AND seller.kind = 'msp'
    JOIN billing_subscription subscription ON subscription.id = line.subscription_id
    JOIN provisioning_service service ON service.id = subscription.service_id
    WHERE service.service_manager_id = %(manager)s AND line.period_start >= %(first)s AND line.period_start < %(end)s
        AND subscription.billing_model = 'pay_as_you_go'
    GROUP BY service.tenant_id, line.item, line.edition
),
pair AS (
    SELECT coalesce(used.tenant_id, billed.tenant_id) AS tenant_id, coalesce(used.item, billed.item) AS item,
        coalesce(used.edition, billed.edition) AS edition, coalesce(billed.unit, used.unit) AS unit,
        coalesce(used.is_rated, false) AS is_rated, used.quantity AS used, billed.quantity AS billed
    FROM used FULL JOIN billed USING (tenant_id, item, edition)
),
unmapped_day AS (
    SELECT vendor_tenant_id, max(tenant_name) AS tenant_name, item, edition, day, {_UNIT_OF_MEASURE} AS unit,
        sum(absolute) AS absolute
    FROM billing_unmappedusage
    WHERE service_manager_id = %(manager)s AND day >= %(first)s AND day < %(end)s
    GROUP BY vendor_tenant_id, item, edition, day, measurement_unit
),
-- Of tenants that are not ours, what is there at the end; no card says more.
unmapped AS (
    SELECT DISTINCT ON (vendor_tenant_id, item, edition) vendor_tenant_id, tenant_name, item, edition, unit,
        round(absolute::numeric(80, 40) / {_DIVISOR.format(unit="unit")}, 10) AS used
    FROM unmapped_day ORDER BY vendor_tenant_id, item, edition, day DESC
),
difference AS (
    SELECT CASE
            WHEN coalesce(billed, 0) = 0 THEN 'not_billed'
            WHEN coalesce(used, 0) = 0 THEN 'billed_without_usage'
            ELSE 'quantity'
        END AS kind, tenant.organization_id, coalesce(tenant.vendor_id::text, left(tenant.key, 36)) AS vendor_tenant_id,
        coalesce(nullif(tenant.vendor_name, ''), organization.name) AS tenant_name, item, edition, unit, used, billed
    FROM pair
    JOIN provisioning_tenant tenant ON tenant.id = pair.tenant_id
    JOIN accounts_organization organization ON organization.id = tenant.organization_id
    WHERE coalesce(used, 0) <> coalesce(billed, 0) AND (is_rated OR coalesce(billed, 0) <> 0)
    UNION ALL
    SELECT 'unmapped_tenant', NULL, vendor_tenant_id, tenant_name, item, edition, unit, used, NULL FROM unmapped WHERE used <> 0
),
kept AS (
    INSERT INTO reconciliation_discrepancy (run_id, kind, organization_id, vendor_tenant_id, tenant_name, item, edition, unit, used,
        billed)
    SELECT %(run)s, kind, organization_id, vendor_tenant_id, tenant_name, item, edition, unit, used, billed FROM difference
    RETURNING 1
)
SELECT (SELECT count(*) FROM pair) + (SELECT count(*) FROM unmapped), (SELECT count(*) FROM kept)
"""  # noqa: S608  fixed words
