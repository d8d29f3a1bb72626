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


# The level of the last day: the greatest of [day as a number, level] is the last day's. Readings are put into words here, once,
# because a line keeps them and nobody reads them before somebody asks for an explanation.
_MEASURED = """
    SELECT asked.key, item, edition, infra_id, max(measurement_unit), bool_or(is_range),
        (max(ARRAY[(day - date '2000-01-01')::numeric, absolute]))[2], max(absolute), sum(absolute), sum(delta),
        string_agg('["' || to_char(day, 'YYYY-MM-DD') || '",' || trim_scale(absolute) || ',' || trim_scale(delta)
            || ',' || report_id || ',' || report_line || ']', ',')
    FROM unnest(%s::int[], %s::bigint[], %s::date[], %s::date[]) AS asked (key, tenant, first, after)
    JOIN billing_usagerecord ON tenant_id = asked.tenant AND day >= asked.first AND day < asked.after
    GROUP BY asked.key, item, edition, infra_id
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
