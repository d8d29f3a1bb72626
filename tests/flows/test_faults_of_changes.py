"""
Every call of every change to a service that runs, spoilt: converged again, the vendor has what is wished, and nothing twice.

As with new customers the calls are those that a clean change is seen to make.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from provisioning import vendor
from provisioning.models import FileSyncModel, Hold, ProtectionModel, Tenant
from provisioning.operations import converging, holds, services, users
from provisioning.planning.values import GIB, Limit
from tests.flows.ordering_from import faults_of_sentence
from tests.flows.wire import Call, Sandbox, calls_of
from tests.provisioning.served import LATER, MUCH_LATER, Served, served

pytestmark = pytest.mark.django_db

AFTERWARDS = LATER + timedelta(hours=1)
NOW = AFTERWARDS + timedelta(hours=1)

OF_WRITING: dict[str, dict[str, Any]] = {
    "409": {"status": 409},
    "500": {"status": 500},
    "reset": {"reset": True},
    "lost": {"lose_answer": True},
}
OF_READING: dict[str, dict[str, Any]] = {"503": {"status": 503}}  # reading changes nothing, so its faults are alike


Change = Callable[[Served], None]
Claim = Callable[[Served], bool]


# --- The changes, and what is wrong if they did not come true ------------------------------------------------------------


def hold(it: Served) -> None:
    holds.place_hold(tenant_id=it.tenant.pk, reason=Hold.Reason.MANUAL, at=LATER)


def release(it: Served) -> None:
    hold(it)
    converging.converge(it.tenant.pk, clock=lambda: LATER)
    holds.release_hold(tenant_id=it.tenant.pk, reason=Hold.Reason.MANUAL, at=AFTERWARDS)


def change_quota(it: Served) -> None:
    limits = {"pg_base_storage": Limit(100 * GIB, 10 * GIB), "pu_base_fc_seats": Limit(5)}
    services.change_quotas(service_id=it.service.pk, limits=limits, at=LATER)


def change_quota_again(it: Served) -> None:
    change_quota(it)
    converging.converge(it.tenant.pk, clock=lambda: LATER)
    services.change_quotas(service_id=it.service.pk, limits={"pg_base_storage": Limit(50 * GIB)}, at=AFTERWARDS)


def change_edition(it: Served) -> None:
    services.change_licensing(
        service_id=it.service.pk,
        protection_model=ProtectionModel.PER_WORKLOAD,
        file_sync_model=FileSyncModel.PER_USER,
        at=LATER,
    )


def retire(it: Served) -> None:
    with transaction.atomic():
        services.terminate_service(service_id=it.service.pk, at=LATER)


def change_login(it: Served) -> None:
    user = it.tenant.users.get()
    users.change_login(tenant_user_id=user.pk, login=f"new.{user.login}", at=LATER)


def change_email(it: Served) -> None:
    users.change_email(tenant_user_id=it.tenant.users.get().pk, email="new@example.com", at=LATER)


def reset_password(it: Served) -> None:
    users.reset_password(tenant_user_id=it.tenant.users.get().pk, at=LATER)


def is_disabled(it: Served) -> bool:
    return not it.at_vendor.enabled


def is_enabled(it: Served) -> bool:
    return it.at_vendor.enabled


def has_quotas(it: Served) -> bool:
    return (it.quotas["pg_base_storage"], it.quotas["pu_base_fc_seats"]) == ((100 * GIB, 10 * GIB), (5, None))


def has_second_quotas(it: Served) -> bool:
    return (it.quotas["pg_base_storage"], it.quotas["pu_base_fc_seats"]) == ((50 * GIB, None), (5, None))


def has_edition(it: Served) -> bool:
    names = set(it.quotas)
    return "pw_base_storage" in names and not any(name.startswith("pg_") for name in names) and "pu_base_fc_seats" in names


def is_gone(it: Served) -> bool:
    it.tenant.refresh_from_db()
    return it.tenant.gone_at is not None and not list(vendor.connect(it.manager).tenants.by_ids([str(it.tenant.vendor_id)]))


def has_login(it: Served) -> bool:
    return [user.login for user in it.users] == [it.tenant.users.get().login]


def has_email(it: Served) -> bool:
    return [user.contact.email for user in it.users] == ["new@example.com"]


def has_password(it: Served) -> bool:
    user = it.tenant.users.get()
    return user.password_set_at is not None and len(user.password or "") == users.PASSWORD_LENGTH and it.users[0].activated


CHANGES: Mapping[str, tuple[Change, Claim]] = {
    "hold": (hold, is_disabled),
    "release": (release, is_enabled),
    "quota": (change_quota, has_quotas),
    "second quota": (change_quota_again, has_second_quotas),
    "edition": (change_edition, has_edition),
    "retire": (retire, is_gone),
    "login": (change_login, has_login),
    "e-mail": (change_email, has_email),
    "password": (reset_password, has_password),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_fault_during_a_change_is_told_and_converged_again_the_wish_is_true(name, manager, sandbox):
    change, came_true = CHANGES[name]
    calls = calls_of_a_clean_change(served(manager), change, came_true, sandbox)
    wrong = [
        f"{call}, {fault}: {what}"
        for call in calls
        for fault, rule in (OF_READING if call.method == "GET" else OF_WRITING).items()
        for what in faults_in_the_end(call, rule, served(manager), change, came_true, sandbox)
    ]

    assert len(calls) >= 3
    assert not wrong, "\n".join(wrong)


def calls_of_a_clean_change(it: Served, change: Change, came_true: Claim, sandbox: Sandbox) -> list[Call]:
    change(it)
    sandbox.forget_calls()
    converging.converge_due(it.tenant.pk, clock=lambda: NOW)
    calls = calls_of(sandbox.seen("calls"))
    assert faults_of(it, came_true, sandbox) == []
    return calls


def faults_in_the_end(
    call: Call,
    rule: dict[str, Any],
    it: Served,
    change: Change,
    came_true: Claim,
    sandbox: Sandbox,
) -> list[str]:
    """Converge while ``call`` is spoilt, then again without the fault. Return what is wrong after either."""
    change(it)
    sandbox.fault(**call.rule(rule, times=None))
    converging.converge_due(it.tenant.pk, clock=lambda: NOW)
    sandbox.no_more_faults()
    vendor.forget_connections()
    it.tenant.refresh_from_db()
    wrong = faults_of_wait(it.tenant, at=NOW)
    converging.converge_due(it.tenant.pk, clock=lambda: MUCH_LATER)
    return wrong + faults_of(it, came_true, sandbox)


def faults_of_wait(tenant: Tenant, *, at: datetime) -> list[str]:
    """Return what is wrong with a tenant's row after a try: it agrees, or says why not; what passes is tried again."""
    if tenant.agrees:
        return [f"agrees, yet says {tenant.last_error}"] if tenant.last_error else []
    wrong = faults_of_sentence(f"{tenant.last_error} Wait.") if tenant.last_error else ["no sentence"]
    return wrong if tenant.next_try_at is None or tenant.next_try_at > at else [*wrong, "waits for nothing"]


def faults_of(it: Served, came_true: Claim, sandbox: Sandbox) -> list[str]:
    it.tenant.refresh_from_db()
    number = it.tenant.organization.number
    wrong = [] if it.tenant.agrees and not it.tenant.last_error else [f"does not agree: {it.tenant.last_error}"]
    wrong += [] if came_true(it) else ["did not come true"]
    tenants = [found for found in sandbox.seen("tenants") if (found["customer_id"] or "").startswith(f"{number}x")]
    if len(tenants) != (0 if it.tenant.gone_at else 1):
        wrong.append(f"{len(tenants)} tenants")
    if not it.tenant.gone_at and len(it.users) != 1:
        wrong.append(f"users: {it.users}")
    return wrong + faults_of_mails(it, sandbox)


def faults_of_mails(it: Served, sandbox: Sandbox) -> list[str]:
    """One activation mail to each address it was asked for, and no second; the last may be unconfirmed, which people see."""
    number = it.tenant.organization.number.lower()
    sent = sorted(mail["to"] for mail in sandbox.seen("mails") if mail["login"].endswith(f"jane.{number}"))
    user = it.tenant.users.get()
    wished = sorted({"jane@example.com", user.email})
    if sent == wished or (user.activation_mail_confirmed_at is None and sent == ["jane@example.com"]):
        return []
    return [f"mails to {sent}"]
