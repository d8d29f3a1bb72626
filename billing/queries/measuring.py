"""What the vendor metered for many subscriptions, added up where it lies: a row per item and storage leaves the database."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection

from billing.measuring import Measured
from common.periods import Period


@dataclass(frozen=True, slots=True)
class MeteredDays:
    """The days of one tenant that are to be put together; ``key`` is what the answer calls them by."""

    key: int
    tenant_id: int
    days: Period


# Tenant by tenant: what one has read in a month is put together within the processor's cache, whatever the batch. The level of the
# last day: the greatest of [day as a number, level] is the last day's. Readings are put into words here, once, because a line keeps
# them and nobody reads them before somebody asks for an explanation; a day as JSON is written the same whatever DateStyle says.
_MEASURED = """
    SELECT asked.key, found.*
    FROM unnest(%s::int[], %s::bigint[], %s::date[], %s::date[]) AS asked (key, tenant, first, after)
    CROSS JOIN LATERAL (
        SELECT item, edition, infra_id, max(measurement_unit COLLATE "C"), bool_or(is_range),
            (max(ARRAY[(day - date '2000-01-01')::numeric, absolute]))[2], max(absolute), sum(absolute), sum(delta),
            string_agg(
                format('[%%s,%%s,%%s,%%s,%%s]', to_json(day), trim_scale(absolute), trim_scale(delta), report_id, report_line), ','
            )
        FROM billing_usagerecord
        WHERE tenant_id = asked.tenant AND day >= asked.first AND day < asked.after
        GROUP BY item, edition, infra_id
    ) AS found
"""


def measured(asked: Collection[MeteredDays]) -> dict[int, list[Measured]]:
    """Return the production readings of the days asked for, put together by item, edition and storage. One query, or none."""
    found: dict[int, list[Measured]] = defaultdict(list)
    if not asked:
        return found
    columns = (
        [one.key for one in asked],
        [one.tenant_id for one in asked],
        [one.days.start for one in asked],
        [one.days.end for one in asked],
    )
    with connection.cursor() as cursor:
        cursor.execute(_MEASURED, columns)
        for key, *facts in cursor:
            found[key].append(Measured(*facts))
    return found
