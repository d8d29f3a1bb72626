"""What “My services” is asked for: words, state, customer, order of the rows; and the list as a file."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.http import QueryDict

from billing.models import Subscription
from billing.queries.services import Sold
from common.sheets import guarded
from provisioning.models import Service

LONGEST_SEARCH = 100
STATES = {"active": "Active", "trial": "Free trial", "suspended": "Suspended", "ended": "Terminated"}
ORDERS = {
    "customer": ("Customer", ("consumer__name", "-pk")),
    "product": ("Product", ("plan_name", "consumer__name", "-pk")),
    "newest": ("Newest first", ("-started_on", "-pk")),
    "oldest": ("Oldest first", ("started_on", "pk")),
}
COLUMNS = (
    "service",
    "product",
    "customer_number",
    "customer",
    "state",
    "since",
    "until",
    "protection",
    "file_sync_and_share",
    "quantity",
    "term_months",
    "unit_price_per_month",
    "currency",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request wants to see; what cannot be meant narrows nothing."""

    words: str
    state: str
    customer: str
    sort: str

    @property
    def is_narrowed(self) -> bool:
        return bool(self.words or self.state or self.customer)

    def rows(self, services: QuerySet[Subscription]) -> QuerySet[Subscription]:
        """Narrow and sort ``services``, which say ``is_suspended`` of each."""
        if self.words:
            product = Q(plan_name__icontains=self.words) | Q(number__iexact=self.words)
            services = services.filter(product | Q(consumer__name__icontains=self.words) | Q(consumer__number__iexact=self.words))
        if self.customer:
            services = services.filter(consumer__number=self.customer)
        if self.state:
            services = services.filter(_in_state(self.state))
        return services.order_by(*ORDERS[self.sort][1])


def read(query: QueryDict) -> Asked:
    """Read what the address of the page says."""
    state, sort = query.get("state", ""), query.get("sort", "")
    return Asked(
        words=query.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH],
        state=state if state in STATES else "",
        customer=query.get("customer", "").replace("\0", "").strip()[:20],
        sort=sort if sort in ORDERS else "customer",
    )


def services_csv(rows: Iterable[tuple[Subscription, Sold | None]]) -> Iterator[str]:
    """Yield the lines of a file of services, the header first. Days are the MSP's; prices are the reader's own, excl. VAT."""
    writer = csv.writer(_Line())
    yield writer.writerow(COLUMNS)
    for one, sold in rows:
        yield writer.writerow(
            [
                one.number,
                guarded(one.plan_name),
                one.consumer.number,
                guarded(one.consumer.name),
                STATES[state_of(one)],
                one.started_on.isoformat(),
                one.ends_on.isoformat() if one.ends_on else "",
                one.service.get_protection_model_display(),
                one.service.get_file_sync_model_display(),
                one.quantity,
                sold.term_months if sold else "",
                sold.per_month if sold else "",
                sold.currency if sold else "",
            ]
        )


def state_of(one: Subscription) -> str:
    """Return the key of `STATES` that ``one``, which says ``is_suspended``, is in."""
    if one.status == Subscription.Status.ENDED or one.service.ended_at is not None:
        return "ended"
    if one.is_suspended:  # type: ignore[attr-defined]
        return "suspended"
    return "trial" if one.service.pricing_mode == Service.PricingMode.TRIAL else "active"


def _in_state(state: str) -> Q:
    ended = Q(status=Subscription.Status.ENDED) | Q(service__ended_at__isnull=False)
    suspended, trial = Q(is_suspended=True), Q(service__pricing_mode=Service.PricingMode.TRIAL)
    return {
        "ended": ended,
        "suspended": ~ended & suspended,
        "trial": ~ended & ~suspended & trial,
        "active": ~ended & ~suspended & ~trial,
    }[state]


class _Line:
    """What csv writes to: gives each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line
