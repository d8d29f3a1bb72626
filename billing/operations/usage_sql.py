"""
The statements that make readings of a copied report, and what must hold in every line of one.

They work on two temporary tables of `usage_loading`: `usage_line`, the file as it is, one row a line; and `usage_tenant`, the
vendor's tenants in it, which of them are ours, and the first line of each that breaks a rule. Each statement goes once over all
the lines; none is run per line.
"""

# The application of the portal itself (`euc_count`, `reseller_count`): it counts tenants and is nobody's consumption.
PLATFORM = "7459244f-68f3-3bf4-9f53-5f63ecc1d91f"

TEXTS = (
    "application.id",
    "date",
    "infra.id",
    "is_range",
    "measurement_unit",
    "name",
    "tenant.customer_id",
    "tenant.id",
    "tenant.kind",
)
NUMBERS = ("usage.absolute.production", "usage.absolute.trial", "usage.delta.production", "usage.delta.trial")
OPTIONAL = ("edition", "tenant.name")  # the vendor's own parser does without an edition
UNITS = ("", "quantity", "bytes", "seconds", "n/a")  # empty means quantity

# --- What must hold in every line ---------------------------------------------------------------------------------------

_TOO_LONG = "is too long"


def _longer(column: str, most: int) -> str:
    """Count characters only where there are bytes enough for them: that is known without reading the text."""
    return f'octet_length("{column}") > {most} AND length("{column}") > {most}'


# In the words of SQL: column, condition of the wrong, sentence.
RULES: tuple[tuple[str, str, str], ...] = (
    ("date", '"date" <> ALL (%(days)s)', "is not a day of {period}"),
    ("tenant.id", "\"tenant.id\" = ''", "is empty"),
    ("tenant.id", _longer("tenant.id", 36), _TOO_LONG),
    ("tenant.kind", "\"tenant.kind\" = ''", "is empty"),
    ("application.id", "\"application.id\" = ''", "is empty"),
    ("name", "name = ''", "is empty"),
    ("name", _longer("name", 100), _TOO_LONG),
    ("edition", _longer("edition", 50), _TOO_LONG),
    ("infra.id", _longer("infra.id", 36), _TOO_LONG),
    ("is_range", "is_range NOT IN ('True', 'False', 'true', 'false')", "is neither True nor False"),
    ("measurement_unit", "measurement_unit <> ALL (%(units)s)", "is not a unit we know"),
    *((column, f'"{column}" IS NULL', "is empty") for column in NUMBERS),
    *((column, f"\"{column}\" = 'NaN'", "is not a number") for column in NUMBERS),
    *((column, f'"{column}" < 0', "is negative") for column in NUMBERS if "absolute" in column),
)


_WRONG = " OR ".join(f"({condition})" for _, condition, _ in RULES)


def _bad_value() -> str:
    """Which rule was broken is asked of the first bad line only."""
    column, value, problem = (
        "CASE " + " ".join(f"WHEN {rule[1]} THEN {shown(rule)}" for rule in RULES) + " END"
        for shown in (
            lambda rule: f"'{rule[0]}'",
            lambda rule: f'"{rule[0]}"::text',
            lambda rule: f"'{rule[2]}'",
        )
    )
    return f"SELECT line, {column}, {value}, {problem} FROM usage_line WHERE line = %(line)s"  # noqa: S608  fixed words


FIRST_BAD_LINE = "SELECT min(first_bad_line) FROM usage_tenant"
BAD_VALUE = _bad_value()

# --- Whose lines they are -----------------------------------------------------------------------------------------------

# By the tenant's id, or, as long as we do not know the id, by the key we gave the tenant. A second tenant with our key is not
# ours: it is kept as unmapped, and shown. The same pass over the lines looks for the first that breaks a rule.
MAP_TENANTS = f"""
    CREATE TEMPORARY TABLE usage_tenant AS
    SELECT seen.id, coalesce(by_id.id, by_key.id) AS tenant_id, seen.first_bad_line
    FROM (
        SELECT "tenant.id" AS id, max("tenant.customer_id") AS key, min(line) FILTER (WHERE {_WRONG}) AS first_bad_line
        FROM usage_line GROUP BY 1
    ) seen
    LEFT JOIN provisioning_tenant by_id ON by_id.vendor_id::text = lower(seen.id) AND by_id.service_manager_id = %(manager)s
    LEFT JOIN provisioning_tenant by_key
        ON by_key.vendor_id IS NULL AND by_key.key = seen.key AND by_key.service_manager_id = %(manager)s
"""  # noqa: S608  fixed words

# What an item is called: by its offering item, as rate cards name it, even where the vendor says the name of its usage
# (`storage` for `pg_base_storage`). Reports and `/usages` go by the same names because both ask this.
ITEM_NAMES = """
    SELECT usage_name, edition, min(name) AS name FROM provisioning_vendorofferingitem
    WHERE service_manager_id = %(manager)s AND usage_name <> name
    GROUP BY usage_name, edition
"""

# The lines that are consumption. Partners' lines are sums of their customers', folders' and units' parts of them: with them
# everything would be counted twice.
_READINGS = f"""
    FROM usage_line line
    JOIN usage_tenant tenant ON tenant.id = line."tenant.id"
    LEFT JOIN ({ITEM_NAMES}) offering_item ON offering_item.usage_name = line.name AND offering_item.edition = line.edition
    WHERE line."tenant.kind" = 'customer' AND line."application.id" <> %(platform)s
"""
_ITEM = "coalesce(offering_item.name, line.name)"
_UNIT = "coalesce(nullif(line.measurement_unit, ''), 'quantity')"

_SAME = f"""coalesce(tenant.tenant_id::text, line."tenant.id"), {_ITEM}, line.edition, line."infra.id", line.date"""

COUNT_UNMAPPED = f"SELECT count(*) {_READINGS} AND tenant.tenant_id IS NULL"

# Two lines that say the same thing twice. Asked only once the database has found that there are some.
FIRST_DUPLICATE = f"SELECT min(line.line), max(line.line) {_READINGS} GROUP BY {_SAME} HAVING count(*) > 1 ORDER BY 1 LIMIT 1"

# --- What they change ---------------------------------------------------------------------------------------------------

_OURS = f"""
    SELECT tenant.tenant_id, {_ITEM} AS item, line.edition, line."infra.id" AS infra_id, line.date::date AS day,
        line.is_range::boolean AS is_range, {_UNIT} AS measurement_unit,
        line."usage.absolute.production" AS absolute, line."usage.delta.production" AS delta,
        line."usage.absolute.trial" AS trial_absolute, line."usage.delta.trial" AS trial_delta, line.line
    {_READINGS} AND tenant.tenant_id IS NOT NULL
"""

_ADD = """
    INSERT INTO billing_usagerecord (tenant_id, item, edition, infra_id, day, is_range, measurement_unit, absolute, delta,
        trial_absolute, trial_delta, report_id, report_line)
    SELECT tenant_id, item, edition, infra_id, day, is_range, measurement_unit, absolute, delta, trial_absolute, trial_delta,
        %(report)s, line
"""

# New readings go in by the order of their index, which keeps it small. Tenant and day as one number: one comparison decides
# nearly all of them.
_BY_INDEX = "tenant_id * 100000 + (day - '2000-01-01'::date), item, edition, infra_id"


def _mark(source: str, condition: str) -> str:
    """Readings of months that were over before this load leave a mark for billing. A tenant has few days; months come of those."""
    return f"""
        INSERT INTO billing_usagechange AS kept (tenant_id, month, changed_at)
        SELECT DISTINCT tenant_id, date_trunc('month', day::timestamp)::date, %(at)s::timestamptz
        FROM (SELECT DISTINCT tenant_id, day FROM {source} WHERE {condition} AND day < %(this_month)s) days
        ON CONFLICT (tenant_id, month) DO UPDATE SET changed_at = greatest(kept.changed_at, excluded.changed_at)
    """  # noqa: S608  fixed words


# Whether we have any reading of these tenants and days. Every night's report is of a day that has none yet.
HAS_READINGS = """
    SELECT EXISTS (
        SELECT FROM usage_tenant tenant JOIN billing_usagerecord kept USING (tenant_id)
        WHERE kept.day >= %(start)s AND kept.day < %(end)s
    )
"""

# Where there is none, there is nothing to compare with: every line is a new reading. Comes back as `BRING_IN` does.
ADD_ALL = f"""
    WITH added AS (
        {_ADD} FROM ({_OURS}) new ORDER BY {_BY_INDEX} RETURNING tenant_id, day
    ), marked AS (
        {_mark("added", "true")}
    )
    SELECT count(*), count(*), 0 FROM added
"""  # noqa: S608  fixed words

# All in one statement, so that the lines meet the readings we have once: which differ, which are new. A reading that a later
# report gave is not put back. Differences in trial usage alone leave no mark for billing. Comes back with how many lines are
# ours, how many changed something, and how many say again what another line said of a reading we have; of a new reading, the
# unique constraint does not let a second line in.
BRING_IN = f"""
    WITH met AS MATERIALIZED (
        SELECT new.*, kept.id AS kept_id,
            kept.id IS NULL OR (
                kept.report_id <= %(report)s AND (kept.absolute, kept.delta, kept.is_range, kept.measurement_unit)
                    IS DISTINCT FROM (new.absolute, new.delta, new.is_range, new.measurement_unit)
            ) AS changes_bills,
            kept.report_id <= %(report)s AND (kept.trial_absolute, kept.trial_delta)
                IS DISTINCT FROM (new.trial_absolute, new.trial_delta) AS changes_trial
        FROM ({_OURS}) new
        LEFT JOIN billing_usagerecord kept ON kept.tenant_id = new.tenant_id AND kept.day = new.day AND kept.item = new.item
            AND kept.edition = new.edition AND kept.infra_id = new.infra_id AND kept.day >= %(start)s AND kept.day < %(end)s
    ), corrected AS (
        UPDATE billing_usagerecord kept SET is_range = new.is_range, measurement_unit = new.measurement_unit,
            absolute = new.absolute, delta = new.delta, trial_absolute = new.trial_absolute, trial_delta = new.trial_delta,
            report_id = %(report)s, report_line = new.line
        FROM met new WHERE kept.id = new.kept_id AND (new.changes_bills OR new.changes_trial)
    ), added AS (
        {_ADD} FROM met WHERE kept_id IS NULL ORDER BY {_BY_INDEX}
    ), marked AS (
        {_mark("met", "changes_bills")}
    )
    SELECT count(*), count(*) FILTER (WHERE changes_bills OR changes_trial), count(kept_id) - count(DISTINCT kept_id) FROM met
"""  # noqa: S608  fixed words

UPSERT_UNMAPPED = f"""
    INSERT INTO billing_unmappedusage AS kept (service_manager_id, vendor_tenant_id, tenant_name, item, edition, infra_id,
        day, measurement_unit, absolute, delta, report_id, report_line)
    SELECT %(manager)s, line."tenant.id", left(line."tenant.name", 255), {_ITEM}, line.edition, line."infra.id",
        line.date::date, {_UNIT}, line."usage.absolute.production", line."usage.delta.production", %(report)s, line.line
    {_READINGS} AND tenant.tenant_id IS NULL
    ON CONFLICT (service_manager_id, vendor_tenant_id, item, edition, infra_id, day) DO UPDATE SET
        tenant_name = excluded.tenant_name, measurement_unit = excluded.measurement_unit,
        absolute = excluded.absolute, delta = excluded.delta,
        report_id = excluded.report_id, report_line = excluded.report_line
    WHERE kept.report_id <= excluded.report_id
        AND (kept.absolute, kept.delta, kept.tenant_name, kept.measurement_unit)
            IS DISTINCT FROM (excluded.absolute, excluded.delta, excluded.tenant_name, excluded.measurement_unit)
"""  # noqa: S608  fixed words

# A tenant that has become ours since: its lines are readings now.
FORGET_MAPPED = """
    DELETE FROM billing_unmappedusage kept USING usage_tenant tenant
    WHERE tenant.tenant_id IS NOT NULL AND kept.vendor_tenant_id = tenant.id AND kept.service_manager_id = %(manager)s
        AND kept.day >= %(start)s AND kept.day < %(end)s
"""
