"""The frame of the back office: who gets in, what each person sees, and how much its pages ask the database."""

import json
import re
from datetime import date
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib import admin
from django.db import connection
from django.templatetags.static import static
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse
from post_office.models import Email, EmailTemplate

from accounts.models import ActingAs
from billing.models import (
    BillingRun,
    ExchangeRate,
    Invoice,
    InvoiceLine,
    ParkedAccount,
    Rate,
    RateCard,
    UnmappedUsage,
    UsageRecord,
)
from catalog.models import Plan
from common import clock
from common.periods import Period, add_months
from config import bss
from ordering.models import Basket, Order, OrderLine, OrderToExecute, TermsAcceptance
from provisioning.models import Hold, VendorAccess, VendorAction, VendorOfferingItem, VendorReport, VendorStorage
from reconciliation.models import Discrepancy, ReconciliationRun
from tests import factories
from tests.billing.by_hand import credited, issued, line
from tests.billing.making import subscribe

LISTS = sorted(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist" for model in admin.site._registry)
PAGES = [
    "admin:ordering_order_create",
    "admin:billing_ratecard_import",
    "admin:billing_ratecard_format",
    "admin:billing_billingrun_run",
    "admin:billing_creditnote_export",
    "admin:billing_invoice_accounting",
    "admin:accounts_actingas_begin",
    "admin:accounts_actingas_export",
    "admin:reconciliation_reconciliationrun_compare",
    "admin:reconciliation_discrepancy_export",
    "admin:index",
]


@pytest.mark.parametrize("person", ["nobody", "stranger", "dora", "alice", "carol", "vic"])
def test_to_everybody_but_staff_the_back_office_does_not_exist(personas, person):
    client = personas.client(person)

    for url_name in [*LISTS, *PAGES]:
        response = client.get(reverse(url_name), follow=True)
        if person == "nobody":
            assert response.redirect_chain[-1][0].startswith(reverse("account_login")), url_name
        else:
            assert response.status_code == 404, url_name


@pytest.mark.parametrize("person", ["nobody", "dora", "alice"])
def test_nobody_but_staff_sees_a_row_or_moves_one(personas, person):
    rows = _fill(personas)
    client = personas.client(person)

    for row in rows:
        url = reverse(f"admin:{_url_name(row)}_change", args=[row.pk])
        assert client.get(url).status_code == 302, url
    order = next(row for row in rows if isinstance(row, Order))
    client.post(reverse("admin:ordering_order_execute", args=[order.pk]))
    order.refresh_from_db()
    assert order.status == Order.Status.PLACED


def test_root_opens_every_list_and_every_kind_of_row(personas):
    rows = _fill(personas)
    client = personas.client("root")

    for url_name in LISTS:
        assert client.get(reverse(url_name)).status_code == 200, url_name
    for row in rows:
        url = reverse(f"admin:{_url_name(row)}_change", args=[row.pk])
        assert client.get(url, follow=True).status_code == 200, url


@pytest.mark.parametrize(
    ("person", "opens", "refused"),
    [
        ("mira", ["ordering_ordertoexecute", "accounts_organization", "catalog_plan"], ["billing_invoice", "billing_ratecard"]),
        ("bert", ["billing_invoice", "billing_ratecard", "catalog_productgroup"], ["ordering_order", "provisioning_tenant"]),
    ],
)
def test_staff_open_what_their_groups_allow(personas, person, opens, refused):
    client = personas.client(person)

    assert {client.get(reverse(f"admin:{name}_changelist")).status_code for name in opens} == {200}
    assert {client.get(reverse(f"admin:{name}_changelist")).status_code for name in refused} == {403}


def test_every_entry_of_the_sidebar_leads_somewhere(personas):
    client = personas.client("root")

    for entries in bss.SECTIONS.values():
        for entry in entries:
            assert client.get(entry.url).status_code == 200, entry.title


def test_the_sidebar_hides_what_a_person_may_not_open(personas):
    page = personas.client("bert").get(reverse("admin:index")).content.decode()

    assert "Billing runs" in page
    assert "Create order" not in page
    assert "Service managers" not in page


def test_staff_without_a_second_factor_are_sent_to_set_one_up(personas, settings):
    settings.STAFF_MFA_REQUIRED = True

    response = personas.client("mira").get(reverse("admin:index"))

    assert response.status_code == 302
    assert response["Location"] == reverse("mfa_activate_totp")


def test_the_page_of_a_row_that_is_not_there_is_not_found(personas):
    client = personas.client("root")

    for model in admin.site._registry:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[987654])
        assert client.get(url, follow=True).status_code == 404, url


def test_ledgers_have_no_way_to_add_change_or_delete(personas):
    client = personas.client("root")
    ledgers = [
        "ordering_order",
        "ordering_ordertoexecute",
        "ordering_termsacceptance",
        "billing_invoice",
        "billing_creditnote",
        "billing_ratecard",
        "billing_billingrun",
        "billing_parkedaccount",
        "billing_usagerecord",
        "billing_unmappedusage",
        "billing_subscription",
        "provisioning_tenant",
        "provisioning_service",
        "provisioning_vendoraction",
        "provisioning_vendorreport",
        "provisioning_hold",
        "provisioning_tenantuser",
        "provisioning_vendoraccess",
        "reconciliation_reconciliationrun",
        "reconciliation_discrepancy",
        "accounts_actingas",
    ]

    for name in ledgers:
        assert client.get(reverse(f"admin:{name}_add")).status_code == 403, name
        assert client.post(reverse(f"admin:{name}_delete", args=[1]), {"post": "yes"}).status_code in (403, 404, 302), name


def test_scripts_of_the_back_office_come_from_us_alone(personas):
    response = personas.client("root").get(reverse("admin:index"))

    policy = response["Content-Security-Policy"]
    scripts = re.search(r"script-src ([^;]*)", policy).group(1)
    assert scripts == "'self' 'unsafe-eval'"
    assert "<script>" not in response.content.decode()


def test_times_are_those_of_the_msp(personas):
    order = _order(personas)

    page = personas.client("root").get(reverse("admin:ordering_order_change", args=[order.pk])).content.decode()

    assert f"{factories.AT:%H:%M}" == "09:00"
    assert "1 Oct 2026, 11:00 CEST" in page


def test_pages_outside_the_back_office_keep_the_strict_policy(client, db):
    policy = client.get(reverse("account_login"))["Content-Security-Policy"]

    assert "unsafe" not in policy


def _url_name(row):
    return f"{row._meta.app_label}_{row._meta.model_name}"


def _questions(client, url_name):
    with CaptureQueriesContext(connection) as questions:
        client.get(reverse(url_name))
    return len(questions)


def _fill(personas):
    """Make one more row of every kind, and return them."""
    order = _order(personas, number=f"O9{Order.objects.count():04d}")
    subscription = factories.SubscriptionFactory()
    tenant, manager = subscription.service.tenant, subscription.service.service_manager
    line = OrderLine.objects.create(
        order=order,
        plan=subscription.plan,
        plan_name=subscription.plan_name,
        billing_model="pay_as_you_go",
        protection_model="per_gigabyte",
        file_sync_model="per_user",
    )
    days = {"period_start": date(2026, 9, 1), "period_end": date(2026, 10, 1)}
    seller = factories.ResellerFactory()
    run = BillingRun.objects.create(seller=seller, started_at=factories.AT, **days)
    invoice = _draft(personas, seller=seller, buyer=subscription.consumer, run=run)
    report = VendorReport.objects.create(
        service_manager=manager, status="loaded", next_try_at=factories.AT, created_at=factories.AT, **days
    )
    reading = {"item": "storage", "day": date(2026, 9, 3), "measurement_unit": "bytes", "absolute": 5, "delta": 1, "report_line": 2}
    card = RateCard.objects.create(
        product_group=subscription.plan.product_group,
        month=date(2026, 10, 1),
        version=RateCard.objects.count() + 1,
        currency="EUR",
        base_currency="EUR",
        exchange_rate=1,
        imported_at=factories.AT,
    )
    Rate.objects.create(rate_card=card, item="storage", unit="GiB", cost=1, price=2, aggregation="last", line=2)
    compared = ReconciliationRun.objects.create(service_manager=manager, started_at=factories.AT, **days)
    basket = Basket.objects.create(owner=personas.dora, buyer=seller, ordered_at=factories.AT, created_at=factories.AT)
    storage = VendorStorage.objects.create(service_manager=manager, infra_id=uuid4(), name="Frankfurt")
    return [
        order,
        OrderToExecute.objects.get(pk=order.pk),
        subscription,
        subscription.service,
        subscription.plan,
        subscription.plan.product_group,
        tenant,
        manager,
        seller,
        invoice,
        run,
        card,
        report,
        compared,
        factories.TenantUserFactory(tenant=tenant).tenant,
        factories.PartnerTermsFactory(plan=subscription.plan, reseller=seller),
        factories.PartnerPriceFactory(plan=subscription.plan, reseller=seller),
        factories.MembershipFactory(organization=subscription.consumer),
        ActingAs.objects.create(
            staff=personas.mira, person=personas.dora, organization=personas.direct_customer, reason="x", began_at=factories.AT
        ),
        factories.TermsDocumentFactory(),
        InvoiceLine.objects.create(
            invoice=invoice,
            subscription=subscription,
            position=1,
            item="storage",
            description="Storage",
            quantity=5,
            unit="GiB",
            unit_price=2,
            net=10,
            tax_percent=19,
            working={},
            **days,
        ).invoice,
        ParkedAccount.objects.create(run=run, buyer=subscription.consumer, reason="No rate card.", parked_at=factories.AT),
        UsageRecord.objects.create(tenant=tenant, report=report, is_range=False, **reading),
        UnmappedUsage.objects.create(service_manager=manager, vendor_tenant_id="x", report=report, **reading),
        VendorAction.objects.create(tenant=tenant, kind="create", sentence="Create the tenant.", started_at=factories.AT),
        Hold.objects.create(tenant=tenant, reason="manual", opened_at=factories.AT),
        factories.TenantUserFactory(tenant=tenant),
        VendorAccess.objects.create(
            tenant_user=factories.TenantUserFactory(tenant=tenant),
            kind="panel_opened",
            person=personas.mira,
            at=factories.AT,
        ),
        VendorOfferingItem.objects.create(
            service_manager=manager,
            application_id=uuid4(),
            application_type="backup",
            name="pg_base_storage",
            usage_name="storage",
            item_type="infra",
            measurement_unit="bytes",
            storage=storage,
        ),
        Discrepancy.objects.create(run=compared, kind="quantity", organization=seller, item="storage", unit="GiB"),
        TermsAcceptance.objects.create(
            basket=basket, document=factories.TermsDocumentFactory(), person=personas.dora, accepted_at=factories.AT
        ),
        ExchangeRate.objects.create(base="USD", quote="EUR", valid_from=date(2026, 1, ExchangeRate.objects.count() + 1), rate=1),
        Email.objects.create(to=["a@example.com"], from_email="b@example.com", subject="Hello", message="Text", status=0),
        EmailTemplate.objects.create(name=f"template {EmailTemplate.objects.count()}", subject="Hello", content="Text"),
        line.order,
    ]


def _order(personas, **facts):
    facts = {"status": Order.Status.PLACED, "number": f"O{Order.objects.count() + 1}", **facts}
    return Order.objects.create(
        source=Order.Source.BSS,
        buyer=personas.direct_customer,
        consumer=personas.direct_customer,
        placed_by=personas.mira,
        currency="EUR",
        placed_at=factories.AT,
        **facts,
    )


def _run(personas):
    return BillingRun.objects.create(
        seller=personas.msp, period_start=date(2026, 9, 1), period_end=date(2026, 10, 1), started_at=factories.AT
    )


def _draft(personas, **facts):
    return Invoice.objects.create(
        **{
            "seller": personas.msp,
            "buyer": personas.direct_customer,
            "venture": factories.VentureFactory(),
            "currency": "EUR",
            "period_start": date(2026, 9, 1),
            "period_end": date(2026, 10, 1),
            "net": Decimal("10.00"),
            "tax": Decimal("1.90"),
            "gross": Decimal("11.90"),
            "created_at": factories.AT,
            **facts,
        }
    )


def test_the_dashboard_says_what_needs_somebody(personas):
    _order(personas)
    _order(personas, status=Order.Status.FAILED)
    run = _run(personas)
    _draft(personas, run=run)
    ParkedAccount.objects.create(run=run, buyer=personas.direct_customer, reason="No rate card.", parked_at=factories.AT)

    page = personas.client("root").get(reverse("admin:index")).content.decode()

    for words in ("order to execute", "order failed", "draft to issue", "parked account", "10.00 EUR"):
        assert words in page


def test_the_dashboard_takes_what_was_credited_off_what_was_invoiced(personas, monkeypatch):
    monkeypatch.setattr(clock, "today", lambda zone: date(2026, 11, 20))
    invoice = issued(personas.msp, personas.direct_customer, [line(subscribe(personas.direct_customer), "100.00")], number="INV-1")
    credited(invoice, "30.00")

    response = personas.client("root").get(reverse("admin:index"))

    cards = {card.words: card.value for card in response.context["money"]}
    assert cards["invoiced, excl. VAT, 1 invoice less 1 credit note"] == "70.00 EUR"
    chart = json.loads(response.context["chart"])
    assert Decimal(dict(zip(chart["labels"], chart["datasets"][0]["data"], strict=True))["Oct 2026"]) == 70


def test_the_dashboard_counts_a_credit_note_in_its_own_month_where_nothing_was_invoiced(personas, monkeypatch):
    monkeypatch.setattr(clock, "today", lambda zone: date(2026, 11, 20))
    before = {"issued_on": date(2026, 10, 20), "due_on": date(2026, 11, 3)}
    sold = [line(subscribe(personas.direct_customer), "100.00")]
    credited(issued(personas.msp, personas.direct_customer, sold, number="INV-1", **before), "30.00")

    cards = personas.client("root").get(reverse("admin:index")).context["money"]

    assert cards[0].value == "-30.00 EUR"
    assert cards[0].words == "invoiced, excl. VAT, 0 invoices less 1 credit note"


def test_the_dashboard_counts_an_order_that_waits_for_acronis_once_and_only_while_it_waits(personas):
    order = _order(personas, status=Order.Status.EXECUTING)
    plan = factories.PlanFactory()
    facts = {"plan": plan, "plan_name": plan.name, "protection_model": "per_gigabyte", "file_sync_model": "per_user"}
    line = OrderLine.objects.create(order=order, billing_model="pay_as_you_go", status="executing", **facts)
    index = reverse("admin:index")

    calm = personas.client("mira").get(index).content.decode()
    OrderLine.objects.filter(pk=line.pk).update(error="Acronis answered 503.")
    waiting = personas.client("mira").get(index).content.decode()

    assert "waiting for Acronis" not in calm
    assert "order waiting for Acronis; it is tried again" in waiting


def test_the_dashboard_names_the_months_without_a_rate_card(personas):
    plan = factories.PlanFactory()
    first = clock.today("Europe/Berlin").replace(day=1)
    facts = {"version": 1, "currency": "EUR", "base_currency": "EUR", "exchange_rate": 1, "imported_at": factories.AT}
    RateCard.objects.create(product_group=plan.product_group, month=first, **facts)

    missing = bss.missing_rate_cards(first)

    assert missing == [(plan.product_group, add_months(first, 1))]


def test_a_group_with_nothing_on_sale_needs_no_rate_card(db):
    factories.PlanFactory(status=Plan.Status.DRAFT)

    assert bss.missing_rate_cards(date(2026, 10, 1)) == []


def test_the_dashboard_shows_staff_only_what_they_may_see(personas):
    _order(personas)
    _draft(personas, run=_run(personas))

    page = personas.client("mira").get(reverse("admin:index")).content.decode()

    assert "order to execute" in page
    assert "draft to issue" not in page
    assert "10.00 EUR" not in page


def test_the_dashboard_asks_the_same_number_of_questions_however_much_there_is(personas, django_assert_max_num_queries):
    for number in range(6):
        _order(personas, number=f"O{number}")
        _draft(personas, buyer=factories.OrganizationFactory())
        factories.PlanFactory()
    client = personas.client("root")

    with django_assert_max_num_queries(24):
        client.get(reverse("admin:index"))


def test_a_list_asks_the_same_number_of_questions_however_long_it_is(personas):
    _fill(personas)
    client = personas.client("root")
    few = {url_name: _questions(client, url_name) for url_name in LISTS}

    for _ in range(3):
        _fill(personas)

    many = {url_name: _questions(client, url_name) for url_name in LISTS}
    assert many == few
    assert max(few.values()) <= 20


def test_every_list_can_be_searched_and_survives_nonsense(personas):
    _fill(personas)
    client = personas.client("root")

    for url_name in LISTS:
        for query in ({"q": "C1001 häß'%\""}, {"p": "99"}, {"p": "x"}, {"month": "2026-10"}, {"month": "nonsense"}):
            response = client.get(reverse(url_name), query, follow=True)
            assert response.status_code == 200, (url_name, query)


@pytest.mark.parametrize("term", ["O7", "Dora Design", "dora@example.com", "dora.kern"])
def test_the_search_finds_by_what_people_quote(personas, term):
    _order(personas, number="O7001")
    factories.TenantUserFactory(login="Dora.Kern")

    found = personas.client("root").get(reverse("admin:search"), {"s": term, "extended": "1"}).content.decode()

    assert "/change/" in found


def test_the_search_finds_only_what_may_be_seen(personas):
    _order(personas, number="O7001")

    found = personas.client("bert").get(reverse("admin:search"), {"s": "O7001", "extended": "1"}).content.decode()

    assert "O7001" not in found


def test_the_chart_adds_up_invoices_of_a_month(personas):
    today = clock.today("Europe/Berlin")
    period = Period.month_of(today)
    for number, net in (("INV-1", "10.00"), ("INV-2", "5.50")):
        _draft(
            personas,
            status=Invoice.Status.ISSUED,
            number=number,
            issued_on=today,
            due_on=today,
            period_start=period.start,
            period_end=period.end,
            net=Decimal(net),
            tax=Decimal(0),
            gross=Decimal(net),
        )

    chart = personas.client("root").get(reverse("admin:index")).context["chart"]

    assert '"15.500"' in chart or '"15.50"' in chart


def test_nothing_of_the_second_factor_or_the_sequences_is_shown(db):
    for name in ("mfa_authenticator", "sequences_sequence", "account_emailaddress"):
        with pytest.raises(NoReverseMatch):
            reverse(f"admin:{name}_changelist")


@pytest.mark.parametrize("value", ["abc", "'", "²", "9" * 30])
@pytest.mark.parametrize(
    ("page", "field"),
    [
        ("catalog_productgroup_add", "product"),
        ("catalog_partnerterms_add", "plan"),
        ("accounts_membership_add", "user"),
        ("accounts_membership_add", "organization"),
    ],
)
def test_an_invented_row_is_refused_beside_its_field(personas, page, field, value):
    answer = personas.client("root").post(reverse(f"admin:{page}"), {field: value})

    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors[field]


def test_an_invented_person_is_refused_in_the_rows_of_an_organization(personas):
    rows = {"memberships-TOTAL_FORMS": "1", "memberships-INITIAL_FORMS": "0", "memberships-0-user": "abc"}

    answer = personas.client("root").post(reverse("admin:accounts_organization_add"), {"kind": "customer", "name": "N", **rows})

    assert answer.status_code == 200
    assert "user" in answer.context["inline_admin_formsets"][0].formset.errors[0]


def test_a_list_is_titled_by_what_it_holds_and_an_empty_one_says_so(personas):
    client = personas.client("mira")
    address = reverse("admin:provisioning_hold_changelist")

    empty = client.get(address).content.decode()
    unmatched = client.get(f"{address}?q=nobody").content.decode()

    assert "<title> Holds | Cloudtill BSS</title>" in " ".join(empty.split())
    assert "No holds here" in empty
    assert "No holds match" in unmatched
    assert "Show all holds" in unmatched


def test_the_tab_shows_the_icon_of_the_house(personas):
    page = personas.client("mira").get(reverse("admin:index")).content.decode()

    assert static("favicon.svg") in page


def test_a_subscription_tells_that_its_service_is_suspended(personas):
    subscription = factories.SubscriptionFactory()
    Hold.objects.create(tenant=subscription.service.tenant, reason=Hold.Reason.DUNNING, opened_at=factories.AT)

    page = personas.client("root").get(reverse("admin:billing_subscription_change", args=[subscription.pk])).content.decode()

    assert "Active, service suspended: invoice overdue" in page
    assert "Pay-as-you-go postpaid" in page
