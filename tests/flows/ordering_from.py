"""An order of a customer of its own, carried out as the worker would, and what must be true in the end."""

import re
from datetime import datetime, timedelta

from accounts.models import Organization, User
from billing.models import Subscription
from catalog.models import Plan
from ordering.models import Order, OrderLine
from ordering.operations import execution, orders
from provisioning import vendor
from provisioning.models import TenantUser, VendorAction
from provisioning.operations import converging
from tests import factories
from tests.flows.wire import Sandbox

SECRETS = ("s3cret", "Bearer", "Basic ")
# What a sentence for people never has: our own objects, Python's words, the vendor's JSON or HTML.
UNSPOKEN = re.compile(r"[<>{}\[\]\\]|\bNone\b|\bTrue\b|\bFalse\b|Traceback|[a-z]Error\b|Exception|\bobject at\b|\n")
# A sentence that names what to do has one of these.
ADVICE = re.compile(
    r"\b(tr(?:y|ies) again|retry|check|choose|look|wait|ask|use|give|turn|correct|raise|resume|suspend|release|send it again)\b",
    re.IGNORECASE,
)


def order_line(plan: Plan, placed_by: User, *, consumer: Organization | None = None, login: str = "") -> OrderLine:
    """Return the line of an order in progress, as `execute_order` leaves it, of a customer of its own."""
    consumer = consumer or factories.OrganizationFactory()
    order = Order.objects.create(
        number=f"O{consumer.number}",
        source=Order.Source.BSS,
        buyer=consumer.reseller or consumer,
        consumer=consumer,
        placed_by=placed_by,
        status=Order.Status.EXECUTING,
        currency="EUR",
        placed_at=factories.AT,
    )
    return OrderLine.objects.create(
        order=order,
        plan=plan,
        plan_name=plan.name,
        billing_model=plan.billing_model,
        protection_model="per_gigabyte",
        file_sync_model="per_user",
        login=login or f"jane.{consumer.number.lower()}",
        email=f"jane@{consumer.number.lower()}.example",
        status=OrderLine.Status.EXECUTING,
        next_try_at=factories.AT,
    )


def work(line: OrderLine, *, at: datetime) -> None:
    """Do what the task does once, as a worker that has just been started."""
    vendor.forget_connections()
    execution.execute_line(line_id=line.pk, clock=lambda: at)
    line.refresh_from_db()
    line.order.refresh_from_db()


def work_until_settled(line: OrderLine, *, at: datetime, tries: int = execution.MAX_ATTEMPTS) -> datetime:
    """Work, each time when the pause is over, until the line is completed or failed. Return when that was."""
    for _ in range(tries):
        work(line, at=at)
        if line.next_try_at is None:
            break
        at = line.next_try_at
    return at


def retry_until_settled(line: OrderLine, *, by: User, at: datetime) -> None:
    """Press “Retry” if the order failed, and work until the line is settled."""
    at += timedelta(hours=1)
    if line.status == OrderLine.Status.FAILED:
        orders.retry_order(order_id=line.order_id, by=by, at=at)
    at = max(at, line.next_try_at or at)
    work_until_settled(line, at=at)


def faults_of_sentence(sentence: str) -> list[str]:
    """Return what is wrong with a sentence that people read."""
    wrong = []
    if not sentence.strip():
        wrong.append("no sentence")
    if any(secret in sentence for secret in SECRETS):
        wrong.append(f"a secret: {sentence}")
    if UNSPOKEN.search(sentence):
        wrong.append(f"not for people: {sentence}")
    if not ADVICE.search(sentence):
        wrong.append(f"nothing to do: {sentence}")
    return wrong


def faults_of_state(line: OrderLine, *, at: datetime) -> list[str]:
    """Return what is wrong with a line after a try: it is completed, or failed or waiting with a sentence."""
    match line.status, line.order.status:
        case "completed", "completed":
            return [f"completed with {line.error}"] if line.error or line.next_try_at else []
        case "failed", "failed":
            return [*faults_of_sentence(line.error), *(["still due"] if line.next_try_at else [])]
        case "executing", "executing":
            waits = line.next_try_at is not None and line.next_try_at > at
            # The page adds when it is tried again, which is what to do: nothing.
            return [*faults_of_sentence(f"{line.error} Wait."), *([] if waits else ["waits for nothing"])]
    return [f"line {line.status}, order {line.order.status}"]


def faults_of_result(line: OrderLine, sandbox: Sandbox, *, mail_may_be_unconfirmed: bool) -> list[str]:
    """Return what is wrong in the end: exactly one of everything, at the vendor and here, and nothing left over."""
    if line.status != OrderLine.Status.COMPLETED:
        return [f"not completed but {line.status}: {line.error}"]
    assert line.service is not None
    tenant, wrong = line.service.tenant, []
    tenant.refresh_from_db()
    user = TenantUser.objects.get(tenant=tenant)
    tenants = [found for found in sandbox.seen("tenants") if tenant.organization.number in (found["customer_id"] or "")]
    if [found["id"] for found in tenants] != [str(tenant.vendor_id)]:
        wrong.append(f"tenants: {tenants}")
    elif tenants[0]["pricing_mode"] != "production" or not tenants[0]["enabled"] or tenants[0]["name"] != tenant.organization.name:
        wrong.append(f"tenant: {tenants}")
    users = [found for found in sandbox.seen("users") if found["tenant_id"] == str(tenant.vendor_id)]
    if [(found["id"], found["login"], found["roles"]) for found in users] != [(str(user.vendor_id), line.login, ["company_admin"])]:
        wrong.append(f"users: {users}")
    if Subscription.objects.filter(consumer=line.order.consumer).count() != 1:
        wrong.append("subscriptions")
    if not tenant.agrees:
        wrong.append("the tenant does not agree")
    if open_actions := tenant.actions.filter(status=VendorAction.Status.STARTED).count():
        wrong.append(f"{open_actions} actions without an end")
    return wrong + faults_of_mail(user, sandbox, may_be_unconfirmed=mail_may_be_unconfirmed)


def faults_of_mail(user: TenantUser, sandbox: Sandbox, *, may_be_unconfirmed: bool) -> list[str]:
    """Return what is wrong with the activation mail: exactly one, or shown as unconfirmed and then at most one."""
    mails = sum(mail["login"] == user.login for mail in sandbox.seen("mails"))
    if user.activation_mail_confirmed_at is not None:
        return [] if mails == 1 else [f"{mails} mails, confirmed"]
    told = user.tenant.actions.filter(kind="send_activation_mail", status="failed", error=converging.MAIL_UNCONFIRMED).exists()
    if may_be_unconfirmed and user.activation_mail_asked_at is not None and told and mails <= 1:
        return []
    return [f"{mails} mails, unconfirmed, asked at {user.activation_mail_asked_at}, told {told}"]
