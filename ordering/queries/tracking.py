"""Orders after they were placed: what is missing before execution, how far they have come, what they were sold at."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import Organization
from catalog.pricing import Level
from catalog.queries.offers import SoldPrice
from ordering.amendment_quotes import EndCost, cost_words
from ordering.amendment_terms import Row, RunsUnder, compared, heading
from ordering.costs import Cost, due_in_advance, of_sale
from ordering.models import Order, OrderLine
from ordering.module_wishes import Included, included
from ordering.wording import billing, cost_facts
from provisioning import queries as provisioning
from provisioning.models import Activation, TenantUser, VendorAction

ACCOUNT_FIELDS = {"role": "Role", "login": "Login Username", "email": "Email"}


@dataclass(frozen=True)
class Missing:
    """What the vendor needs for a consumer's first user and an order does not say."""

    line: OrderLine
    field: str
    sentence: str


@dataclass(frozen=True)
class Amendment:
    """What a line changes of a subscription, at the reader's end of the chain of prices."""

    heading: str
    rows: list[Row]
    """What is not what it was, and the price."""
    costs: list[EndCost]
    """What it was quoted at, the reader's own end first; empty where it is priced by use."""
    cost_words: list[str]
    first_day: date
    """As it was quoted: the first day under what is new; of a cancellation the first that is not served."""

    @property
    def last_day(self) -> date:
        """Of a cancellation: the last day that is served."""
        return self.first_day - timedelta(days=1)


@dataclass(frozen=True)
class LineProgress:
    """How far one order line has come."""

    line: OrderLine
    steps: list[VendorAction]
    """What was done at the vendor for this order, each thing once, as it last went."""
    portal_url: str
    is_first_service: bool
    """Somebody has to get in at the vendor for the first time, because this order made the consumer's user."""
    has_password: bool
    """That somebody gets in by a password of ours, shown on the service page, and not by the vendor's activation mail."""
    cost_facts: list[tuple[str, str]]
    """What it was sold at, at the reader's end of the chain of prices; empty where it is priced by use."""
    included: list[Included]
    """The quotas of all its units, as they were sold; empty where there are none."""
    billing: list[str]
    amendment: Amendment | None = None
    """What it changes, where it is no new service."""


@dataclass(frozen=True)
class OrderProgress:
    order: Order
    lines: list[LineProgress]

    @property
    def is_moving(self) -> bool:
        return self.order.status in (Order.Status.AWAITING_PAYMENT, Order.Status.EXECUTING)

    @property
    def is_begun(self) -> bool:
        """Whether something was wished for it, so that it may stand at the vendor. What is amended was there before."""
        return any(each.line.service_id is not None and each.amendment is None for each in self.lines)

    @property
    def is_amendment(self) -> bool:
        """Whether it changes what there is, and orders nothing new."""
        return all(each.amendment is not None for each in self.lines)


def lines_without_user(order: Order) -> list[OrderLine]:
    """The lines of new services whose consumer has no user at the service manager yet, wished or real."""
    return list(_with_manager(order).filter(~Exists(_users(order)), kind=OrderLine.Kind.NEW))


def lines_with_open_details(order: Order) -> list[OrderLine]:
    """The lines that are not done and whose consumer's user the vendor has not created yet."""
    open_lines = _with_manager(order).filter(
        status__in=[OrderLine.Status.WAITING, OrderLine.Status.FAILED], kind=OrderLine.Kind.NEW
    )
    return list(open_lines.filter(~Exists(_users(order).filter(Q(vendor_id__isnull=False) | ~Q(login=OuterRef("login"))))))


def missing_before_execution(order: Order) -> list[Missing]:
    """
    Name what the vendor needs for the consumer's first user (role, login, e-mail) and the order does not say.

    A line whose consumer has a user at the service manager already needs none of them.
    """
    return [
        Missing(line, field, f"{label} is missing: Acronis needs it to create the first user of {order.consumer}.")
        for line in lines_without_user(order)
        for field, label in ACCOUNT_FIELDS.items()
        if not getattr(line, field).strip()
    ]


def order_progress(order: Order, *, reader: Organization | None = None) -> OrderProgress:
    """
    Return every line of ``order`` with what was done for it at the vendor: two queries, however many lines.

    :param reader: the organization that looks; None is staff. What was done for a reseller itself is shown to it and to staff only.
    """
    lines = list(with_sign_in(order.lines.select_related("plan__service_manager", "service__tenant__parent", "subscription")))
    tenants = {line.pk: _tenants_of(line, reader) for line in lines}
    actions = provisioning.progress(sorted({tenant for ids in tenants.values() for tenant in ids}))
    return OrderProgress(
        order=order,
        lines=[
            LineProgress(
                line=line,
                steps=[a for a in actions if a.tenant_id in tenants[line.pk] and _is_of(a, order)],
                portal_url=provisioning.portal_url(line.plan.sold_through),
                is_first_service=bool(line.login),
                has_password=line.has_password,
                cost_facts=line_cost_facts(line, order=order, reader=reader),
                included=included(line.module_wish, quantity=line.quantity),
                billing=line_billing(line),
                amendment=amendment_of(line, order=order, reader=reader),
            )
            for line in lines
        ],
    )


def amendment_of(line: OrderLine, *, order: Order, reader: Organization | None) -> Amendment | None:
    """Say what ``line`` changes, as far as the reader may know what it costs; None where it is a new service."""
    if line.kind == OrderLine.Kind.NEW:
        return None
    before, after = RunsUnder.from_json(line.quote["before"]), RunsUnder.of_line(line)
    level = _reader_level(order, reader)
    is_staff = reader is None or reader.kind == Organization.Kind.MSP
    costs = [EndCost.from_json(told) for told in line.quote["costs"]]
    if level is None:
        costs = costs[-1:]  # the consumer's own end is the last of the chain
    whose = ["", f"{order.consumer}"] if not is_staff or len(costs) == 1 else [f"{order.consumer.reseller}", f"{order.consumer}"]
    ends = line.kind == OrderLine.Kind.CANCEL
    return Amendment(
        heading=heading(line.kind, before, after, ends=line.ends),
        rows=[row for row in compared(before, after, whose=level, is_staff=is_staff) if row.has_changed and not ends],
        costs=costs,
        cost_words=[
            words
            for cost, whom in zip(costs, whose, strict=False)
            for words in cost_words(cost, customer=whom, is_done=line.status == OrderLine.Status.COMPLETED)
        ],
        first_day=date.fromisoformat(line.quote["first_day"]),
    )


def line_cost_facts(line: OrderLine, *, order: Order, reader: Organization | None) -> list[tuple[str, str]]:
    """
    Say what ``line`` was sold at, as far as the reader may know: a customer never sees what its reseller pays.

    :param order: the line's, with its consumer and the consumer's parent.
    :param reader: the organization that looks; None is staff.
    """
    level = _reader_level(order, reader)
    cost = line_cost(line, order=order, reader=reader)
    if cost is None:
        return []
    if level is Level.WHOLESALE and reader != order.consumer.reseller:
        return cost_facts(cost, own="Reseller pays", customer="Customer pays", margin="Reseller's margin")
    return cost_facts(cost)


def line_cost(line: OrderLine, *, order: Order, reader: Organization | None) -> Cost | None:
    """Return what ``line`` was sold at as far as ``reader`` may know; None where it is priced by use."""
    sold = [SoldPrice.from_json(price) for price in line.prices]
    return of_sale(sold, quantity=line.quantity, term_months=line.term_months, whose=_reader_level(order, reader))


def due_before(line: OrderLine, *, order: Order, reader: Organization | None) -> Decimal:
    """Return what ``line`` costs its reader before it is carried out, excl. VAT; of a change what it was quoted at."""
    if (amendment := amendment_of(line, order=order, reader=reader)) is not None:
        return amendment.costs[0].due_now if amendment.costs else Decimal(0)
    cost = line_cost(line, order=order, reader=reader)
    return due_in_advance(cost, billing_model=line.billing_model, trial_days=line.module_wish.get("trial_days"))


def line_billing(line: OrderLine) -> list[str]:
    """Say when ``line`` is billed, as it was sold."""
    return billing(line.billing_model, term_months=line.term_months, trial_days=line.module_wish.get("trial_days"))


def with_sign_in(lines: QuerySet[OrderLine]) -> QuerySet[Any]:
    """Add to each line whether its user gets in at the vendor by a password of ours (`has_password`)."""
    users = TenantUser.objects.filter(tenant=OuterRef("service__tenant"), activation=Activation.PASSWORD)
    return lines.annotate(has_password=Exists(users.filter(login=OuterRef("login"))))


def _is_of(action: VendorAction, order: Order) -> bool:
    """Whether something was done while the order was under way; what was done later is of other orders."""
    return action.started_at >= order.placed_at and (order.completed_at is None or action.started_at <= order.completed_at)


def _with_manager(order: Order) -> QuerySet[OrderLine]:
    return order.lines.select_related("plan__service_manager", "service")


def _users(order: Order) -> QuerySet[TenantUser]:
    users = TenantUser.objects.live().filter(tenant__organization=order.consumer_id)
    return users.filter(service_manager=OuterRef("plan__service_manager"))


def _reader_level(order: Order, reader: Organization | None) -> Level | None:
    """Whose end of the chain of prices ``reader`` sees: a reseller its own and its customer's, as staff do; a customer its own."""
    reseller = order.consumer.reseller
    is_above = reader is None or reader.kind == Organization.Kind.MSP or reader == reseller
    return Level.WHOLESALE if reseller is not None and is_above else None


def _tenants_of(line: OrderLine, reader: Organization | None) -> list[int]:
    """The consumer's tenant and, where the reader may know, its reseller's: the vendor needs the parent first."""
    if line.service is None:
        return []
    tenant = line.service.tenant
    if tenant.parent is not None and (reader is None or tenant.parent.organization_id == reader.pk):
        return [tenant.parent.pk, tenant.pk]
    return [tenant.pk]
