"""
Invented resellers and customers, as many as asked for, so that there is something to page through, to report and to bill.

Number n is the same tenant in every sandbox: same id, name, customer id, items and therefore usage. It was created on a day of
the year before the clock's time at the start that made it. What was made before is not made again.
"""

import json
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from itertools import product
from typing import Any

from sandbox import auth, definitions, invented_names
from sandbox.answers import stamp
from sandbox.contacts import blank_contact, search_text
from sandbox.definitions import PROVIDER_TENANT, ROOT_TENANT
from sandbox.storage import Storage, milliseconds
from sandbox.tree import end_of_trial, new_details
from sandbox.users import DEFAULT_NOTIFICATIONS, new_policy

MOST = 100_000
DAYS = 365  # customers are between one and so many days old
TRIAL_EVERY = 10
CACHE_KIB = 128 * 1024  # pages kept in memory while filling; the default of 2 MiB makes it ten times slower

# What a customer has, per prefix of its editions: ten items that are metered, and the two that mailboxes need.
PROTECTION = ("storage", "workstations", "servers", "vms", "m365_seats", "m365_mailboxes", "m365_onedrive")
OF_PARTNERS = 0
SETS = {
    number: (protection, files, storage)
    for number, (protection, files, storage) in enumerate(product(("pg", "pw"), ("pu", "pg"), (0, 1)), start=1)
}


def populate(storage: Storage, *, partners: int, customers: int, password: str, at: datetime) -> None:
    """
    Make the resellers and customers that are missing up to these numbers, in one transaction.

    :param password: what every invented user signs in with.
    """
    made = {kind: int(storage.setting(f"invented_{kind}") or 0) for kind in ("partners", "customers")}
    if made["partners"] >= partners and made["customers"] >= customers:
        return
    connection = storage.connection()
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    with storage.writing() as db:
        tenants = [_partner(number, at) for number in range(made["partners"] + 1, partners + 1)]
        spread = max(partners, made["partners"])
        tenants += [_customer(number, spread, at) for number in range(made["customers"] + 1, customers + 1)]
        _free_names(db, tenants)
        _insert(db, tenants, auth.hashed_password(password))
        _age_the_provider(db, stamp(at - timedelta(days=2 * DAYS + 1)))
        storage.set_setting("invented_partners", str(spread))
        storage.set_setting("invented_customers", str(max(customers, made["customers"])))
    connection.execute("PRAGMA cache_size = -2000")


# Who they are


def _id(number: int, family: str) -> str:
    """A UUID that shows the number; rising ones are also what a database takes in fastest."""
    return f"{number:08x}-0000-4000-8000-00000000000{family}"


def _partner(number: int, at: datetime) -> dict[str, Any]:
    tenant_id = _id(number, "a")
    return {
        **invented_names.person(number, "p"),
        "id": tenant_id,
        "kind": "partner",
        "parent_id": PROVIDER_TENANT,
        "path": f"/{ROOT_TENANT}/{PROVIDER_TENANT}/{tenant_id}/",
        "level": 2,
        "name": invented_names.reseller(number),
        "customer_id": f"P-{number:05}",
        "user_id": _id(number, "b"),
        "role": "partner_admin",
        "personal_id": None,
        "item_set": OF_PARTNERS,
        **_creation(at, days=DAYS + 1 + number * 97 % DAYS),
        "is_trial": False,
    }


def _customer(number: int, partners: int, at: datetime) -> dict[str, Any]:
    """Customers go round the provider and its partners, each getting as many."""
    tenant_id, partner = _id(number, "c"), number % (partners + 1)
    parent_id = _id(partner, "a") if partner else PROVIDER_TENANT
    above = f"/{ROOT_TENANT}/{PROVIDER_TENANT}/" + (f"{parent_id}/" if partner else "")
    return {
        **invented_names.person(number, "c"),
        "id": tenant_id,
        "kind": "customer",
        "parent_id": parent_id,
        "path": f"{above}{tenant_id}/",
        "level": 3 if partner else 2,
        "name": invented_names.customer(number),
        "customer_id": f"C-{number:05}",
        "user_id": _id(number, "d"),
        "role": "company_admin",
        "personal_id": _id(number, "e"),
        "item_set": 1 + number % len(SETS),
        **_creation(at, days=1 + number * 113 % DAYS),
        "is_trial": number % TRIAL_EVERY == 0,
    }


def _creation(now: datetime, *, days: int) -> dict[str, Any]:
    """So many days ago, in office hours, whatever the clock shows at the start; the same moment for all of a day."""
    at = (now - timedelta(days=days)).replace(hour=8 + days % 9, minute=0, second=0, microsecond=0)
    return {"at": at, "created_at": _stamp(at)}


_stamp = cache(stamp)


def _free_names(db: sqlite3.Connection, tenants: list[dict[str, Any]]) -> None:
    """Somebody may have given a name or a login of ours to a tenant or user of his own: ours then shows its number too."""
    names = {row["name_key"] for row in db.execute("SELECT name_key FROM tenants WHERE deleted_at IS NULL AND owner_id IS NULL")}
    logins = {row["login_key"] for row in db.execute("SELECT login_key FROM users WHERE deleted_at IS NULL")}
    for tenant in tenants:
        if tenant["name"].casefold() in names:
            tenant["name"] += f" ({tenant['customer_id']})"
        if tenant["login"] in logins:
            tenant["login"] += ".invented"


# Into the file


def _insert(db: sqlite3.Connection, tenants: list[dict[str, Any]], password_hash: str) -> None:
    db.executemany(_INSERT_TENANT, map(_tenant_row, tenants))
    db.executemany(_INSERT_TENANT, (_personal_row(tenant) for tenant in tenants if tenant["personal_id"]))
    db.executemany(_INSERT_USER, (_user_row(tenant, password_hash) for tenant in tenants))
    db.executemany(_INSERT_POLICY, map(_policy_row, tenants))
    _insert_items(db, tenants)


def _insert_items(db: sqlite3.Connection, tenants: list[dict[str, Any]]) -> None:
    """Some 120,000 rows for 10,000 customers: the database multiplies tenants by sets itself."""
    db.execute("CREATE TEMP TABLE made (tenant_id, item_set, at)")
    db.execute("CREATE TEMP TABLE item_sets (item_set, application_id, name, infra_id)")
    db.executemany("INSERT INTO made VALUES (:id, :item_set, :created_at)", tenants)
    sets = (
        (place, definitions.ITEMS[name].application_id, name, infra)
        for place in (OF_PARTNERS, *SETS)
        for name, infra in _item_set(place)
    )
    db.executemany("INSERT INTO item_sets VALUES (?, ?, ?, ?)", sets)
    db.execute(
        "INSERT INTO offering_items (tenant_id, name, infra_id, status, quota_version, enabled_at, updated_at)"
        " SELECT m.tenant_id, s.name, s.infra_id, 1, 0, m.at, m.at FROM made m CROSS JOIN item_sets s ON s.item_set = m.item_set"
        " ORDER BY m.rowid, s.rowid"
    )
    db.execute(
        "INSERT INTO bindings (tenant_id, application_id, bound) SELECT m.tenant_id, s.application_id, 1 FROM made m"
        " CROSS JOIN (SELECT DISTINCT item_set, application_id FROM item_sets) s ON s.item_set = m.item_set"
    )
    db.execute("DROP TABLE made")
    db.execute("DROP TABLE item_sets")


_INSERT_TENANT = (
    "INSERT INTO tenants (id, parent_id, path, level, kind, name, name_key, customer_id, internal_tag, enabled, owner_id,"
    " pricing_mode, production_from, currency, pricing_version, version, created_at, updated_at, deleted_at, details, search_text)"
    " VALUES (:id, :parent_id, :path, :level, :kind, :name, :name_key, :customer_id, NULL, 1, :owner_id, :pricing_mode,"
    " :production_from, 'EUR', :pricing_version, 1, :created_at, :created_at, NULL,"
    " :details, :search_text)"
)
_INSERT_USER = (
    "INSERT INTO users (id, tenant_id, login, login_key, password_hash, activated, enabled, personal_tenant_id, external_id,"
    " version, created_at, updated_at, deleted_at, details, search_text)"
    " VALUES (:id, :tenant_id, :login, :login, :password_hash, 1, 1, :personal_id, NULL, 1, :created_at, :created_at, NULL,"
    " :details, :search_text)"
)


_INSERT_POLICY = (
    "INSERT INTO access_policies (id, user_id, tenant_id, role_id, details) VALUES (:id, :user_id, :tenant_id, :role_id, :details)"
)


def _tenant_row(tenant: dict[str, Any]) -> dict[str, Any]:
    is_customer = tenant["kind"] != "partner"
    return {
        **tenant,
        "name_key": tenant["name"].casefold(),
        "owner_id": None,
        "pricing_mode": "trial" if tenant["is_trial"] else "production",
        "production_from": _production_from(tenant["at"], tenant["is_trial"]) if is_customer else None,
        "pricing_version": milliseconds(tenant["at"]),
        "details": _tenant_details(tenant["at"]) % _person_of(tenant, family="1"),
        "search_text": search_text(tenant["name"], tenant["customer_id"], tenant),
    }


def _personal_row(tenant: dict[str, Any]) -> dict[str, Any]:
    """The unit of the customer's user, as `tree.insert_personal_tenant` makes it."""
    personal_id = tenant["personal_id"]
    return {
        **tenant,
        "id": personal_id,
        "parent_id": tenant["id"],
        "path": f"{tenant['path']}{personal_id}/",
        "level": tenant["level"] + 1,
        "kind": "unit",
        "name": tenant["login"],
        "name_key": tenant["login"],
        "customer_id": None,
        "owner_id": tenant["user_id"],
        "pricing_mode": "trial" if tenant["is_trial"] else "production",
        "production_from": _production_from(tenant["at"], tenant["is_trial"]),
        "pricing_version": milliseconds(tenant["at"]),
        "details": _personal_details(tenant["at"]),
        "search_text": tenant["login"],
    }


def _user_row(tenant: dict[str, Any], password_hash: str) -> dict[str, Any]:
    return {
        **tenant,
        "id": tenant["user_id"],
        "tenant_id": tenant["id"],
        "password_hash": password_hash,
        "details": _user_details(tenant["at"]) % _person_of(tenant, family="2"),
        "search_text": search_text(tenant["login"], None, tenant),
    }


def _policy_row(tenant: dict[str, Any]) -> dict[str, Any]:
    user_id = tenant["user_id"]
    policy = new_policy(user_id, tenant["id"], tenant["role"], issuer_id=user_id, at=tenant["created_at"])
    return {**policy, "user_id": user_id, "details": json.dumps(policy)}


# What tenants of the same moment share; moments are few. Writing JSON anew for each tenant would take longer than the database.

BLANKS = {"id": "%s", "email": "%s", "firstname": "%s", "lastname": "%s"}  # filled by `_person_of`


@cache
def _tenant_details(at: datetime) -> str:
    return json.dumps({**new_details(at=at), "contact": {**blank_contact(at=at), **BLANKS}})


@cache
def _personal_details(at: datetime) -> str:
    return json.dumps(new_details(at=at))


@cache
def _user_details(at: datetime) -> str:
    contact = {**blank_contact(at=at), **BLANKS}
    return json.dumps({"contact": contact, "language": "en", "business_types": [], "notifications": DEFAULT_NOTIFICATIONS})


@cache
def _production_from(at: datetime, is_trial: bool) -> str:
    return stamp(end_of_trial(at) if is_trial else at)


def _person_of(tenant: dict[str, Any], *, family: str) -> tuple[str, ...]:
    """In the order in which a contact has them; plain letters, so they need no quoting in JSON."""
    return f"{tenant['id'][:35]}{family}", tenant["email"], tenant["firstname"], tenant["lastname"]


def _item_set(place: int) -> Iterator[tuple[str, str]]:
    """Names and storages of a set of items; a partner has everything but the legacy edition."""
    if place == OF_PARTNERS:
        for item in definitions.ITEMS.values():
            if item.edition != definitions.LEGACY_EDITION:
                yield from ((item.name, infra_id) for infra_id in definitions.storages_for(item))
        return
    protection, files, storage = SETS[place]
    names = [f"{protection}_base_{stem}" for stem in PROTECTION] + [f"{protection}_pack_adv_security"]
    for name in (*names, f"{files}_base_fc_storage", f"{files}_base_fc_seats", "local_storage", "notarizations"):
        storages = definitions.storages_for(definitions.ITEMS[name])
        yield name, storages[storage % len(storages)]


def _age_the_provider(db: sqlite3.Connection, at: str) -> None:
    """Provider and root must be older than their customers, or their reports of months past would lack them."""
    above = (ROOT_TENANT, PROVIDER_TENANT)
    db.execute("UPDATE tenants SET created_at = ? WHERE id IN (?, ?) AND created_at > ?", (at, *above, at))
    db.execute("UPDATE offering_items SET enabled_at = ? WHERE tenant_id IN (?, ?) AND enabled_at > ?", (at, *above, at))
