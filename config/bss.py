"""The frame of the back office: its sidebar, its dashboard, its search, and what its pages may load."""

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.db.models import Count, Q, QuerySet, Sum, Value
from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from unfold.dataclasses import SearchResult

from accounts.models import Organization, User
from billing.models import CreditNote, Invoice, ParkedAccount, RateCard, Subscription, UnmappedUsage
from catalog.models import OrderUrl, Plan, ProductGroup
from common import clock
from common.periods import add_months
from common.templatetags.show import money, month
from ordering.models import Order
from provisioning.models import Drift, Tenant, TenantUser, VendorReport

CHART_MONTHS = 12
COUNTED = 1000
FOUND_PER_KIND = 8


class BackOfficeMiddleware:
    """
    Shows the pages under /bss/ in the MSP's time zone, and lets them do what the admin theme cannot do without.

    Every other page keeps the strict content policy.
    Its Alpine evaluates the expressions in its attributes ('unsafe-eval'), and it writes its colours into a style element
    ('unsafe-inline', for styles only). It has no inline script, so scripts come from our own address and nowhere else.
    """

    DIRECTIVES = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(reverse("admin:index")):
            return self.get_response(request)
        zone = Organization.objects.filter(kind=Organization.Kind.MSP).values_list("time_zone", flat=True).first()
        with timezone.override(ZoneInfo(zone) if zone else None):
            response = self.get_response(request)
        response._csp_replace = self.DIRECTIVES  # type: ignore[attr-defined]
        return response


# --- Look -----------------------------------------------------------------------------------------------------------------

# Shades around the storefront's accent, #0f766e, which is the theme's 700.
TEAL = {
    "50": "#f0fdfa",
    "100": "#ccfbf1",
    "200": "#99f6e4",
    "300": "#5eead4",
    "400": "#2dd4bf",
    "500": "#0d9488",
    "600": "#0f766e",
    "700": "#0f766e",
    "800": "#115e59",
    "900": "#134e4a",
    "950": "#042f2e",
}


def accent(request: HttpRequest) -> dict[str, str]:
    """Return the shades of the accent colour; a copy, because the theme writes into it."""
    return dict(TEAL)


def stylesheet(request: HttpRequest) -> str:
    """Return the address of the back office's own shapes."""
    return static("bss.css")


def icon(request: HttpRequest) -> str:
    """Return the address of the icon in the browser's tab, the storefront's own."""
    return static("favicon.svg")


def acting_as(request: HttpRequest) -> list[str] | None:
    """Return what the head of each page says while these staff act as a customer's person in the storefront."""
    row = request.acting_as  # type: ignore[attr-defined]
    return [f"Acting as {row.person}", "warning"] if row is not None else None


# --- Sidebar: by work, not by model ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """A line of the sidebar: seen by whoever has ``permission``, with the number of rows that wait where ``badge`` counts them."""

    title: str
    icon: str
    url_name: str
    permission: str
    badge: str = ""

    @property
    def url(self) -> str:
        return reverse(f"admin:{self.url_name}")


def _list(title: str, icon: str, model: str, badge: str = "") -> Entry:
    app, _, name = model.partition(".")
    return Entry(title, icon, f"{app}_{name}_changelist", f"{app}.view_{name}", badge)


SECTIONS: dict[str, list[Entry]] = {
    "Orders": [
        _list("Orders to execute", "pending_actions", "ordering.ordertoexecute", "orders"),
        _list("Orders", "receipt_long", "ordering.order"),
        Entry("Create order", "add_shopping_cart", "ordering_order_create", "ordering.execute_order"),
    ],
    "Customers": [
        _list("Organizations", "apartment", "accounts.organization"),
        _list("Users", "person", "accounts.user"),
        _list("Memberships", "group", "accounts.membership"),
        _list("Invitations", "mail", "accounts.invitation"),
        _list("API tokens", "vpn_key", "accounts.apitoken"),
        _list("Webhooks", "webhook", "accounts.webhookendpoint"),
        _list("Deliveries of webhooks", "outgoing_mail", "accounts.webhookdelivery"),
        _list("Acting as customers", "supervisor_account", "accounts.actingas"),
    ],
    "Services": [
        _list("Subscriptions", "autorenew", "billing.subscription"),
        _list("Services", "cloud_done", "provisioning.service"),
        _list("Tenants", "account_tree", "provisioning.tenant"),
        _list("Differences at the vendor", "rule", "provisioning.drift", "drift"),
        _list("Inspections", "radar", "provisioning.inspection"),
        _list("Vendor actions", "history", "provisioning.vendoraction"),
        _list("Holds", "pause_circle", "provisioning.hold"),
        _list("Logins at Acronis", "badge", "provisioning.tenantuser"),
        _list("Vendor accesses", "key", "provisioning.vendoraccess"),
    ],
    # Home >> Settings >> Products/Services >> Packages (seed text, 004)
    "Products/Services": [
        Entry("Packages", "deployed_code", "catalog_packages", "catalog.view_plan"),
        _list("Product types", "category", "catalog.producttype"),
        _list("Products", "inventory_2", "catalog.product"),
        _list("Product groups", "widgets", "catalog.productgroup"),
        _list("Plans", "sell", "catalog.plan"),
        _list("Price changes", "price_change", "billing.pricechange"),
        _list("Notification & action mails", "notifications_active", "catalog.actionmail"),
        _list("Partner terms", "handshake", "catalog.partnerterms"),
        _list("Partner prices", "percent", "catalog.partnerprice"),
        _list("Taxes", "account_balance", "catalog.tax"),
        _list("Ventures", "store", "catalog.venture"),
        _list("Terms of use", "gavel", "catalog.termsdocument"),
    ],
    "Rate cards": [
        _list("Acronis rate cards", "price_check", "billing.ratecard", "rate_cards"),
        _list("Exchange rates", "currency_exchange", "billing.exchangerate"),
    ],
    "Billing": [
        _list("Billing runs", "play_circle", "billing.billingrun"),
        _list("Invoices", "request_quote", "billing.invoice", "drafts"),
        _list("Credit notes", "undo", "billing.creditnote"),
        _list("Payments", "payments", "billing.payment"),
        _list("Bank statements", "account_balance_wallet", "billing.bankstatement"),
        Entry("Open items", "hourglass_bottom", "billing_open_items", "billing.view_payment"),
        _list("Parked accounts", "report", "billing.parkedaccount", "parked"),
        _list("Usage", "monitoring", "billing.usagerecord"),
        _list("Usage estimates", "speed", "billing.usageestimate"),
        _list("Unmapped usage", "help", "billing.unmappedusage", "unmapped"),
        _list("Usage reports", "summarize", "provisioning.vendorreport", "reports"),
    ],
    "Reports": [
        _list("Reconciliation", "balance", "reconciliation.reconciliationrun"),
        _list("Discrepancies", "difference", "reconciliation.discrepancy"),
        Entry("Margins", "trending_up", "billing_subscription_margins", "billing.view_billingrun"),
        Entry("Accounting export", "table_view", "billing_invoice_accounting", "billing.export_accounting"),
    ],
    "Settings": [
        _list("Service managers", "hub", "provisioning.servicemanager"),
        _list("Groups", "admin_panel_settings", "auth.group"),
        _list("E-mail templates", "drafts", "post_office.emailtemplate"),
        _list("Outbox", "outbox", "post_office.email"),
    ],
}


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sections and lines that these staff may open, with what waits as badges."""
    allowed = {
        title: [entry for entry in entries if request.user.has_perm(entry.permission)] for title, entries in SECTIONS.items()
    }
    urls = [reverse("admin:index"), *(entry.url for entries in allowed.values() for entry in entries)]
    here = max((url for url in urls if request.path.startswith(url)), key=len, default="")
    top = {"items": [{"title": "Dashboard", "icon": "dashboard", "link": urls[0], "active": request.path == urls[0]}]}
    return [
        top,
        *(
            {"title": title, "separator": True, "items": [_line(request, entry, here) for entry in entries]}
            for title, entries in allowed.items()
            if entries
        ),
    ]


def _line(request: HttpRequest, entry: Entry, here: str) -> dict[str, Any]:
    line: dict[str, Any] = {"title": entry.title, "icon": entry.icon, "link": entry.url, "active": entry.url == here}
    if entry.badge and (waiting := needs(request).get(entry.badge, 0)):
        line |= {"badge": counted(waiting), "badge_variant": "warning"}
    return line


# --- What needs me --------------------------------------------------------------------------------------------------------


def needs(request: HttpRequest) -> dict[str, int]:
    """Count, once per request, what waits for these staff; only what they may see is counted at all."""
    if not hasattr(request, "_bss_needs"):
        request._bss_needs = {  # type: ignore[attr-defined]
            name: count() for name, (permission, count) in _COUNTS.items() if request.user.has_perm(permission)
        }
    return request._bss_needs  # type: ignore[attr-defined]


def counted(number: int) -> str:
    """Write a count that stops at a thousand."""
    return f"{number}+" if number >= COUNTED else str(number)


def missing_rate_cards(today: date) -> list[tuple[ProductGroup, date]]:
    """Return each product group on sale with the month, this one or the next, that it has no rate card for."""
    months = [today.replace(day=1), add_months(today.replace(day=1), 1)]
    groups = ProductGroup.objects.filter(plans__status=Plan.Status.PUBLISHED).distinct()
    present = set(RateCard.objects.filter(month__in=months).values_list("product_group", "month"))
    return [(group, first) for group in groups for first in months if (group.pk, first) not in present]


def _at_most(rows: QuerySet[Any]) -> int:
    return rows.order_by()[:COUNTED].count()


_COUNTS: dict[str, tuple[str, Callable[[], int]]] = {
    "orders": ("ordering.view_order", lambda: _at_most(Order.objects.to_execute())),
    "rate_cards": ("billing.view_ratecard", lambda: len(missing_rate_cards(_msp_today()))),
    "parked": ("billing.view_parkedaccount", lambda: _at_most(ParkedAccount.objects.all())),
    "drafts": ("billing.view_invoice", lambda: _at_most(_own(Invoice.objects.drafts()))),
    "unmapped": ("billing.view_unmappedusage", lambda: _at_most(UnmappedUsage.objects.all())),
    "drift": ("provisioning.view_drift", lambda: _at_most(Drift.objects.open())),
    "reports": ("provisioning.view_vendorreport", lambda: _at_most(VendorReport.objects.unresolved())),
}


def _own(invoices: QuerySet[Invoice]) -> QuerySet[Invoice]:
    """What the MSP itself sells; resellers issue their own."""
    return invoices.filter(seller__kind=Organization.Kind.MSP)


def _msp() -> Organization | None:
    return Organization.objects.filter(kind=Organization.Kind.MSP).first()


def _msp_today() -> date:
    msp = _msp()
    return clock.today(msp.time_zone if msp else "UTC")


# --- Dashboard ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Card:
    """A number on the dashboard, what it means, and where to go on."""

    value: str
    words: str
    url: str = ""
    tone: str = ""


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add to the index page what needs these staff, then the month in money."""
    msp = _msp()
    today = clock.today(msp.time_zone if msp else "UTC")
    context["due"] = [card for card in [*_order_cards(request), *_service_cards(request), *_billing_cards(request, today)] if card]
    if msp is not None and request.user.has_perm("billing.view_invoice"):
        context |= {"month": month(today), "money": _month_cards(msp, today), "chart": _chart(msp, today), "currency": msp.currency}
    return context


def _order_cards(request: HttpRequest) -> list[Card]:
    if not request.user.has_perm("ordering.view_order"):
        return []
    states = Order.objects.to_execute().aggregate(
        placed=Count("pk", filter=Q(status=Order.Status.PLACED)),
        held=Count("pk", filter=Q(status=Order.Status.HELD)),
        failed=Count("pk", filter=Q(status=Order.Status.FAILED)),
    )
    waiting = Order.objects.filter(status=Order.Status.EXECUTING, lines__status="executing").exclude(lines__error="")
    queue, orders = reverse("admin:ordering_ordertoexecute_changelist"), reverse("admin:ordering_order_changelist")
    return [
        *_card(states["placed"], "order to execute", "orders to execute", f"{queue}?tab=placed", "is-due"),
        *_card(states["held"], "order held", "orders held", f"{queue}?tab=held", "is-due"),
        *_card(states["failed"], "order failed", "orders failed", f"{queue}?tab=failed", "is-bad"),
        *_card(
            _at_most(waiting.distinct()),
            "order waiting for Acronis; it is tried again",
            "orders waiting for Acronis; they are tried again",
            f"{orders}?status__exact=executing",
            "is-due",
        ),
    ]


def _service_cards(request: HttpRequest) -> list[Card]:
    cards: list[Card] = []
    if request.user.has_perm("provisioning.view_tenant"):
        unconfirmed = TenantUser.objects.filter(activation_mail_asked_at__isnull=False, activation_mail_confirmed_at__isnull=True)
        tenants = reverse("admin:provisioning_tenant_changelist")
        words = ("activation mail not confirmed", "activation mails not confirmed")
        cards += _card(_at_most(unconfirmed), *words, f"{tenants}?mail=unconfirmed", "is-due")
        failing = _at_most(Tenant.objects.exclude(last_error=""))
        cards += _card(failing, "tenant failing at Acronis", "tenants failing at Acronis", f"{tenants}?trouble=failing", "is-bad")
    drift = reverse("admin:provisioning_drift_changelist")
    cards += _card(needs(request).get("drift", 0), "difference at the vendor", "differences at the vendor", drift, "is-due")
    reports = reverse("admin:provisioning_vendorreport_changelist")
    failed = needs(request).get("reports", 0)
    return cards + _card(failed, "usage report failed", "usage reports failed", f"{reports}?state=unresolved", "is-bad")


def _billing_cards(request: HttpRequest, today: date) -> list[Card]:
    waiting = needs(request)
    parked, drafts = waiting.get("parked", 0), waiting.get("drafts", 0)
    unmapped, no_card = waiting.get("unmapped", 0), waiting.get("rate_cards", 0)
    cards = [
        *_card(parked, "parked account", "parked accounts", reverse("admin:billing_parkedaccount_changelist"), "is-bad"),
        *_card(
            drafts,
            "draft to issue",
            "drafts to issue",
            reverse("admin:billing_invoice_changelist") + "?status__exact=draft",
            "is-due",
        ),
        *_card(
            unmapped, "unmapped usage line", "unmapped usage lines", reverse("admin:billing_unmappedusage_changelist"), "is-due"
        ),
    ]
    if no_card:
        missing = missing_rate_cards(today)
        words = ", ".join(f"{group} {month(first)}" for group, first in missing[:3]) + (" …" if len(missing) > 3 else "")
        url = reverse("admin:billing_ratecard_changelist")
        cards.append(Card(counted(no_card), f"rate card missing: {words}", url, "is-bad" if missing[0][1] <= today else "is-due"))
    return cards


def _card(number: int, one: str, many: str, url: str, tone: str) -> list[Card]:
    return [Card(counted(number), one if number == 1 else many, url, tone)] if number else []


def _month_cards(msp: Organization, today: date) -> list[Card]:
    """What the MSP invoiced this month less what it credited in it, and what lies in drafts, per currency, excluding tax."""
    mine = Invoice.objects.filter(seller=msp).order_by()
    first = today.replace(day=1)
    this_month = {"issued_on__gte": first, "issued_on__lt": add_months(first, 1)}
    credit_notes = CreditNote.objects.filter(seller=msp, **this_month).order_by()
    return [
        *_invoiced(mine.issued().filter(**this_month), credit_notes),
        *_sums(mine.drafts(), "in drafts, excl. VAT", "draft"),
        *_overdue(mine, today),
    ]


def _overdue(invoices: QuerySet[Invoice], today: date) -> list[Card]:
    """What is left to pay of invoices whose day has passed, per currency, with tax; nothing where all is paid."""
    due = Invoice.objects.filter(pk__in=invoices.values("pk")).unpaid().filter(due_on__lt=today)
    sums = due.values("currency").annotate(left=Sum("open_amount"), count=Count("pk")).order_by("currency")
    url = reverse("admin:billing_invoice_changelist") + "?is=overdue"
    overdue = [(money(row["left"], row["currency"]), row["count"]) for row in sums]
    return [Card(left, f"overdue, {count} invoice{'' if count == 1 else 's'}", url, "is-due") for left, count in overdue]


def _invoiced(invoices: QuerySet[Invoice], credit_notes: QuerySet[CreditNote]) -> list[Card]:
    """A month may give back more than it invoices: credit notes count when they are issued, whatever month their invoice is of."""
    billed = invoices.values_list("currency").annotate(amount=Sum("net"), plus=Count("pk"), minus=Value(0))
    given = credit_notes.values_list("currency").annotate(amount=-Sum("net"), plus=Value(0), minus=Count("pk"))
    nets: dict[str, Decimal] = defaultdict(Decimal)
    numbers: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for currency, amount, invoiced, credited in billed.union(given, all=True):
        nets[currency] += amount
        numbers[currency][0] += invoiced
        numbers[currency][1] += credited
    words, url = "invoiced, excl. VAT", reverse("admin:billing_invoice_changelist") + "?status__exact=issued"
    cards = [Card(money(nets[one], one), f"{words}, {_documents(*numbers[one])}", url) for one in sorted(nets)]
    return cards or [Card("0", words, url)]


def _documents(invoices: int, credit_notes: int) -> str:
    less = f" less {credit_notes} credit note{'' if credit_notes == 1 else 's'}" if credit_notes else ""
    return f"{invoices} invoice{'' if invoices == 1 else 's'}{less}"


def _sums(invoices: QuerySet[Invoice], words: str, state: str) -> list[Card]:
    url = reverse("admin:billing_invoice_changelist") + f"?status__exact={state}"
    sums = list(invoices.values("currency").annotate(net=Sum("net"), count=Count("pk")).order_by("currency"))
    if not sums:
        return [Card("0", words, url)]
    return [
        Card(money(row["net"], row["currency"]), f"{words}, {row['count']} invoice{'' if row['count'] == 1 else 's'}", url)
        for row in sums
    ]


def _chart(msp: Organization, today: date) -> str:
    """Return what the MSP invoiced net per month of service in its own currency, less credit notes, as Chart.js reads it."""
    months = [add_months(today.replace(day=1), n) for n in range(1 - CHART_MONTHS, 1)]
    issued = Invoice.objects.issued().filter(seller=msp, currency=msp.currency, period_start__gte=months[0]).order_by()
    given = CreditNote.objects.filter(invoice__in=issued.values("pk")).order_by()
    billed = issued.values_list("period_start").annotate(amount=Sum("net"))
    nets: dict[date, Decimal] = defaultdict(Decimal)
    for start, amount in billed.union(given.values_list("invoice__period_start").annotate(amount=-Sum("net")), all=True):
        nets[start.replace(day=1)] += amount
    values = [f"{nets[first]:f}" for first in months]
    label = f"Invoiced net, {msp.currency}"
    dataset = {"label": label, "data": values, "backgroundColor": "var(--color-primary-700)"}
    return json.dumps({"labels": [first.strftime("%b %Y") for first in months], "datasets": [dataset]})


# --- Search: by the numbers and names people quote ------------------------------------------------------------------------


def find(request: HttpRequest, term: str) -> list[SearchResult]:
    """Find what people quote by number, name, address or order URL; at most eight of each kind, only what may be seen."""
    term = term.strip()
    if len(term) < 2:
        return []
    finders: list[tuple[str, str, QuerySet[Any]]] = [
        ("Order", "ordering.order", Order.objects.filter(number__istartswith=term)),
        ("Organization", "accounts.organization", _organizations(term)),
        ("Plan", "catalog.plan", _plans(term)),
        ("Subscription", "billing.subscription", Subscription.objects.filter(number__istartswith=term)),
        ("Invoice", "billing.invoice", Invoice.objects.filter(number__istartswith=term)),
        ("User", "accounts.user", User.objects.filter(email__icontains=term)),
        ("Login at Acronis", "provisioning.tenantuser", TenantUser.objects.live().filter(login__icontains=term)),
        (
            "Tenant",
            "provisioning.tenant",
            Tenant.objects.filter(vendor_name__icontains=term).select_related("organization", "service_manager"),
        ),
    ]
    return [
        SearchResult(title=str(row), description=kind, link=_page_of(model, row.pk), icon="search")
        for kind, model, rows in finders
        if request.user.has_perm(_view_permission(model))
        for row in rows[:FOUND_PER_KIND]
    ]


def _organizations(term: str) -> QuerySet[Organization]:
    return Organization.objects.filter(Q(number__istartswith=term) | Q(name__icontains=term) | Q(billing_email__icontains=term))


def _plans(term: str) -> QuerySet[Plan]:
    """Plans by number or name, and those that an order URL leads to, by its code or its whole address."""
    code = term.rstrip("/").rpartition("/")[2] or term
    by_url = OrderUrl.objects.filter(code__istartswith=code).values("plan")
    return Plan.objects.filter(Q(number__istartswith=term) | Q(name__icontains=term) | Q(pk__in=by_url))


def _page_of(model: str, pk: int) -> str:
    return reverse(f"admin:{model.replace('.', '_')}_change", args=[pk])


def _view_permission(model: str) -> str:
    app, _, name = model.partition(".")
    return f"{app}.view_{name}"
