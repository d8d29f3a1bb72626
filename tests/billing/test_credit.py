"""What a buyer owes and has used since, beside its credit limit."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Organization
from billing.models import Invoice, InvoiceLine
from billing.operations.issuing import issue_here
from billing.operations.runs import run_billing
from billing.queries.credit import Credit, credit_of
from tests import factories
from tests.billing.making import GIB, NOVEMBER_1, OCTOBER, STORAGE_RATE, rate_card, sold_at, subscribe, subscribe_fixed, use
from tests.billing.paying import credited, issued, pay
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

OCTOBER_31 = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
NOVEMBER_20 = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def limited(organization: Organization, limit: str | None = "1000", **facts: object) -> Organization:
    organization.credit_limit = None if limit is None else Decimal(limit)
    for name, value in facts.items():
        setattr(organization, name, value)
    organization.save()
    return organization


def of(personas: Personas, at: datetime = NOVEMBER_20) -> Credit:
    """How the direct customer stands with the MSP."""
    return credit_of(personas.direct_customer, personas.msp, at)


def test_without_a_limit_nothing_is_asked(personas: Personas) -> None:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        found = of(personas)

    assert (found, len(asked), found.allows(Decimal(10**9))) == (Credit(None, "EUR"), 0, True)


def test_unpaid_is_what_is_open_less_what_was_credited_paid_and_is_left_of_payments(personas: Personas) -> None:
    limited(personas.direct_customer)
    bill = issued(personas.msp, personas.direct_customer, "300")
    issued(personas.msp, personas.direct_customer, "50")
    issued(personas.msp, factories.OrganizationFactory(), "999")
    credited(bill, "100")
    pay(personas.msp, personas.direct_customer, "120")

    found = of(personas)

    assert (found.unpaid, found.unbilled, found.left, found.unknown) == (Decimal(130), 0, Decimal(870), "")


def test_credit_of_payments_that_is_left_counts_in_favour(personas: Personas) -> None:
    limited(personas.direct_customer)
    pay(personas.msp, personas.direct_customer, "120")

    found = of(personas)

    assert (found.unpaid, found.left) == (Decimal(-120), Decimal(1120))
    assert found.allows(Decimal(1120))
    assert not found.allows(Decimal("1120.01"))


def test_what_was_used_so_far_counts_and_what_is_used_up_to_now_alone(personas: Personas) -> None:
    limited(personas.direct_customer)
    subscription = subscribe(personas.direct_customer)
    rate_card(subscription.plan.product_group)
    use(subscription, 100 * GIB, days=[date(2026, 10, day) for day in range(1, 11)])

    found = credit_of(personas.direct_customer, personas.msp, datetime(2026, 10, 11, 9, 0, tzinfo=UTC))

    assert (found.unbilled, found.unpaid) == (Decimal("7.00"), 0)  # 100 GiB at 0.07


def test_the_price_of_a_month_counts_by_the_days_so_far(personas: Personas) -> None:
    limited(personas.direct_customer)
    subscribe_fixed(personas.direct_customer, sold_at("31", setup_fee="10"))

    found = credit_of(personas.direct_customer, personas.msp, datetime(2026, 10, 10, 12, 0, tzinfo=UTC))

    assert found.unbilled == Decimal("20.00")  # ten days of 31, and the setup fee


def test_a_month_is_unbilled_until_it_is_run_a_draft_then_unpaid_once_it_is_issued(personas: Personas) -> None:
    limited(personas.direct_customer)
    subscribe_fixed(personas.direct_customer, sold_at("31"), ended_on=OCTOBER.end, status="ended")
    seen = []

    seen.append(of(personas))
    run = run_billing(seller_id=personas.msp.pk, period=OCTOBER, at=NOVEMBER_1)
    seen.append(of(personas))
    issue_here(run_id=run.pk, on=date(2026, 11, 2), by=None, at=NOVEMBER_1)
    seen.append(of(personas))

    assert [(found.unpaid, found.unbilled) for found in seen] == [
        (0, Decimal("31.00")),
        (Decimal("36.89"), 0),  # with 19 % VAT
        (Decimal("36.89"), 0),
    ]


def test_what_was_parked_is_still_unbilled_and_what_has_no_price_is_unknown(personas: Personas) -> None:
    limited(personas.direct_customer)
    subscription = subscribe(personas.direct_customer, ended_on=OCTOBER.end, status="ended")
    use(subscription, 100 * GIB)
    run_billing(seller_id=personas.msp.pk, period=OCTOBER, at=NOVEMBER_1)

    parked = of(personas)
    rate_card(subscription.plan.product_group)
    priced = of(personas)

    assert "has no rate card for 2026-10" in parked.unknown
    assert not parked.allows(Decimal(0))
    assert (priced.unknown, priced.unbilled) == ("", Decimal("7.00"))


def test_use_without_a_rate_is_unknown(personas: Personas) -> None:
    limited(personas.direct_customer)
    subscription = subscribe(personas.direct_customer)
    rate_card(subscription.plan.product_group, {"pg_base_servers": STORAGE_RATE})
    use(subscription, GIB)

    found = credit_of(personas.direct_customer, personas.msp, OCTOBER_31)

    assert "was used and has no rate." in found.unknown


def test_another_currency_is_never_added(personas: Personas) -> None:
    limited(personas.direct_customer)
    issued(personas.msp, personas.direct_customer, "5", currency="USD")

    found = of(personas)

    assert (found.unpaid, found.unknown) == (0, "What Dora Design owes in USD cannot be compared with a limit in EUR.")


@pytest.mark.parametrize(("currency", "amount", "fits"), [("JPY", "1000", "0"), ("KWD", "999.999", "0.001")])
def test_a_limit_is_exact_in_currencies_with_other_minor_units(personas: Personas, currency: str, amount: str, fits: str) -> None:
    limited(personas.direct_customer, currency=currency)
    issued(personas.msp, personas.direct_customer, amount, currency=currency)

    found = of(personas)

    assert (found.left, found.allows(Decimal(fits)), found.allows(Decimal(fits) + Decimal("0.001"))) == (Decimal(fits), True, False)


def test_a_reseller_owes_the_msp_wholesale_and_its_customer_owes_it_retail(personas: Personas) -> None:
    limited(personas.reseller)
    limited(personas.resellers_customer)
    group = factories.ProductGroupFactory()
    rate_card(group)
    plan = factories.PlanFactory(product_group=group)
    phase = {"first_phase__partner_discount_percent": Decimal(20), "first_phase__retail_markup_percent": Decimal(50)}
    use(subscribe(personas.resellers_customer, plan, **phase), 100 * GIB)

    wholesale = credit_of(personas.reseller, personas.msp, OCTOBER_31)
    retail = credit_of(personas.resellers_customer, personas.reseller, OCTOBER_31)

    assert (wholesale.unbilled, retail.unbilled) == (Decimal("5.60"), Decimal("8.40"))


def test_an_invoice_in_advance_counts_once_its_service_began(personas: Personas) -> None:
    limited(personas.direct_customer)
    issued(personas.msp, personas.direct_customer, "200")
    plan = factories.FixedPlanFactory(billing_model="prepaid")
    draft = Invoice.objects.create(
        seller=personas.msp,
        buyer=personas.direct_customer,
        venture=plan.venture,
        kind=Invoice.Kind.ADVANCE,
        currency="EUR",
        period_start=date(2026, 11, 20),
        period_end=date(2026, 12, 20),
        net=Decimal(100),
        gross=Decimal(100),
        created_at=NOVEMBER_20,
    )
    InvoiceLine.objects.create(
        invoice=draft,
        order_key="O1/1",
        product_group=plan.product_group,
        position=1,
        item="subscription",
        part="term:1",
        description="A term",
        period_start=date(2026, 11, 20),
        period_end=date(2026, 12, 20),
        quantity=1,
        unit="unit",
        unit_price=100,
        net=100,
        tax_percent=0,
        working={},
    )

    before = of(personas).unpaid
    subscribe(personas.direct_customer, plan, billing_model="prepaid", order_key="O1/1", started_on=date(2026, 11, 20))

    assert (before, of(personas).unpaid) == (Decimal(200), Decimal(300))


def test_the_number_of_queries_does_not_grow_with_services(personas: Personas) -> None:
    limited(personas.reseller)
    group = factories.ProductGroupFactory()
    rate_card(group)
    plan = factories.PlanFactory(product_group=group)

    def asked(services: int) -> int:
        for _ in range(services):
            customer = factories.OrganizationFactory(parent=personas.reseller)
            use(subscribe(customer, plan), GIB, days=[date(2026, 10, 30)])
        with CaptureQueriesContext(connection) as queries:
            credit_of(personas.reseller, personas.msp, OCTOBER_31)
        return len(queries)

    assert asked(1) == asked(3)
