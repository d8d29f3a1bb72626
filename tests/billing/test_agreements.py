"""Free units and minimum amounts: copied from the plan, agreed on later, never edited."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from billing.models import Subscription, SubscriptionAllowance, SubscriptionCommitment
from billing.operations import agreements, issuing, runs
from billing.operations.phases import begin_phase
from billing.queries.paid_terms import read
from catalog.models import Plan, PlanAllowance, PlanCommitment
from common.errors import FieldRefused
from provisioning.models import VendorOfferingItem
from tests import factories
from tests.billing import making
from tests.billing.making import EDITION, GIB, NOVEMBER_1, OCTOBER, SERVERS, STORAGE

DECEMBER = date(2026, 12, 1)


def meter(subscription: Subscription, *names: str) -> None:
    """Let the vendor meter items for the subscription's plan."""
    for name in names:
        VendorOfferingItem.objects.create(
            service_manager=subscription.plan.service_manager,
            application_id=uuid4(),
            application_type="backup",
            name=name,
            usage_name=name.removeprefix("pg_base_"),
            edition=EDITION,
            item_type="count",
            measurement_unit="bytes" if name == STORAGE else "quantity",
        )


@pytest.fixture
def subscription(personas: Any) -> Subscription:
    """Dora's service by use since 1 October, of which the vendor meters storage and servers."""
    made = making.subscribe(personas.direct_customer)
    meter(made, STORAGE, SERVERS)
    return made


def allow(subscription: Subscription, quantity: str = "5", valid_from: date = DECEMBER, **changes: Any) -> SubscriptionAllowance:
    given: dict[str, Any] = {"item": SERVERS, "edition": EDITION, "by": None, "at": NOVEMBER_1, **changes}
    return agreements.set_allowance(subscription_id=subscription.pk, quantity=Decimal(quantity), valid_from=valid_from, **given)


def commit(subscription: Subscription, amount: str, valid_from: date = DECEMBER, currency: str = "EUR") -> SubscriptionCommitment:
    return agreements.set_commitment(
        subscription_id=subscription.pk, currency=currency, amount=Decimal(amount), valid_from=valid_from, by=None, at=NOVEMBER_1
    )


# --- Copied when it starts ------------------------------------------------------------------------------------------------


def test_a_subscription_begins_with_what_its_plan_includes_and_asks_for(subscription: Subscription) -> None:
    PlanAllowance.objects.create(plan=subscription.plan, item=SERVERS, edition=EDITION, quantity=5)
    for currency, amount in (("EUR", 50), ("USD", 60)):
        PlanCommitment.objects.create(plan=subscription.plan, currency=currency, amount=amount)

    for _ in range(2):
        agreements.copy_plan_terms(subscription, at=NOVEMBER_1)

    assert list(subscription.allowances.values_list("item", "edition", "quantity", "valid_from")) == [
        (SERVERS, EDITION, Decimal(5), OCTOBER.start)
    ]
    assert list(subscription.commitments.values_list("currency", "amount", "valid_from")) == [("EUR", Decimal(50), OCTOBER.start)]


@pytest.mark.parametrize(
    ("offered", "chosen"), [(("EUR", "USD", "CHF"), "USD"), (("CHF", "EUR"), "EUR"), (("JPY", "CHF"), "CHF"), ((), None)]
)
def test_the_minimum_is_in_the_currency_of_the_msps_buyer_where_the_plan_has_it(
    personas: Any, offered: tuple[str, ...], chosen: str | None
) -> None:
    personas.reseller.currency = "USD"
    personas.reseller.save(update_fields=["currency"])
    of_a_resellers_customer = making.subscribe(personas.resellers_customer)
    for currency in offered:
        PlanCommitment.objects.create(plan=of_a_resellers_customer.plan, currency=currency, amount=50)

    agreements.copy_plan_terms(of_a_resellers_customer, at=NOVEMBER_1)

    assert list(of_a_resellers_customer.commitments.values_list("currency", flat=True)) == ([chosen] if chosen else [])


# --- Negotiated later -----------------------------------------------------------------------------------------------------


def test_what_is_negotiated_is_a_new_row_and_zero_ends_it(subscription: Subscription) -> None:
    allow(subscription, "5", OCTOBER.start)
    allow(subscription, "20", DECEMBER)
    allow(subscription, "0", date(2027, 3, 1))
    commit(subscription, "50", OCTOBER.start)
    commit(subscription, "0", DECEMBER)

    assert list(subscription.allowances.values_list("quantity", flat=True)) == [5, 20, 0]
    assert list(subscription.commitments.values_list("amount", flat=True)) == [50, 0]


def test_agreed_again_it_is_the_row_there_is(subscription: Subscription) -> None:
    allowance, minimum = allow(subscription, "5"), commit(subscription, "50")

    assert allow(subscription, "5") == allow(subscription, "5", date(2027, 2, 1)) == allowance
    assert commit(subscription, "50") == commit(subscription, "50", date(2027, 2, 1)) == minimum


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"item": "tape_robot"}, "item", "is not metered by the vendor"),
        ({"edition": "fss_per_user"}, "item", "is not metered by the vendor"),
        ({"quantity": "-1"}, "quantity", "0 or more"),
        ({"quantity": "NaN"}, "quantity", "0 or more"),
        ({"quantity": "0.12345678901"}, "quantity", "more than ten decimals"),
        ({"quantity": "1e12"}, "quantity", "misplaced comma"),
        ({"quantity": "0"}, "quantity", "nothing to end"),
        ({"valid_from": date(2026, 12, 2)}, "valid_from", "first day"),
        ({"valid_from": date(2026, 9, 1)}, "valid_from", "began on 2026-10-01"),
    ],
)
def test_an_allowance_that_cannot_be_meant_is_refused(
    subscription: Subscription, changes: dict[str, Any], field: str, sentence: str
) -> None:
    with pytest.raises(FieldRefused, match=sentence) as refused:
        allow(subscription, **changes)

    assert refused.value.field == field
    assert not SubscriptionAllowance.objects.exists()


@pytest.mark.parametrize(
    ("amount", "currency", "field", "sentence"),
    [
        ("-1", "EUR", "amount", "0 or more"),
        ("1.005", "EUR", "amount", "finer than EUR"),
        ("1.5", "JPY", "amount", "finer than JPY"),
        ("50", "EURO", "currency", "no currency"),
        ("0", "EUR", "amount", "nothing to end"),
    ],
)
def test_a_minimum_that_cannot_be_meant_is_refused(
    subscription: Subscription, amount: str, currency: str, field: str, sentence: str
) -> None:
    with pytest.raises(FieldRefused, match=sentence) as refused:
        commit(subscription, amount, currency=currency)

    assert refused.value.field == field


def test_an_allowance_may_be_for_every_edition_of_an_item(subscription: Subscription) -> None:
    assert allow(subscription, edition="").edition == ""


def test_the_same_month_is_not_agreed_on_twice(subscription: Subscription) -> None:
    allow(subscription, "5")
    commit(subscription, "50")

    with pytest.raises(FieldRefused, match="From 2026-12-01 on there is 5 included already"):
        allow(subscription, "6")
    with pytest.raises(FieldRefused, match=r"a minimum of 50.00 EUR already"):
        commit(subscription, "60")


def test_a_month_that_was_invoiced_stays_as_it_was_agreed_on(subscription: Subscription) -> None:
    making.rate_card(subscription.plan.product_group)
    making.use(subscription, 100 * GIB)
    seller = subscription.consumer.parent
    assert seller is not None
    run = runs.run_billing(seller_id=seller.pk, period=OCTOBER, at=NOVEMBER_1)
    issuing.issue_here(run_id=run.pk, on=NOVEMBER_1.date(), by=None, at=NOVEMBER_1)

    with pytest.raises(FieldRefused, match=r"covers S\d+ up to 2026-11-01; choose a month"):
        allow(subscription, valid_from=OCTOBER.start)
    assert allow(subscription, valid_from=date(2026, 11, 1))


def test_what_has_a_fixed_price_and_what_has_ended_has_nothing_to_agree_on(subscription: Subscription) -> None:
    fixed = making.subscribe_fixed(factories.OrganizationFactory())
    Subscription.objects.filter(pk=subscription.pk).update(status="ended", ended_on=date(2026, 11, 5))

    with pytest.raises(FieldRefused, match="has a fixed price"):
        commit(fixed, "50")
    with pytest.raises(FieldRefused, match="ended before"):
        commit(subscription, "50")


# --- With another plan ----------------------------------------------------------------------------------------------------


def test_another_plan_brings_its_own_terms_from_the_next_month_on_and_what_was_negotiated_stays(subscription: Subscription) -> None:
    old = subscription.plan
    for item, quantity in ((SERVERS, 5), (STORAGE, 100)):
        PlanAllowance.objects.create(plan=old, item=item, edition=EDITION, quantity=quantity)
    PlanCommitment.objects.create(plan=old, currency="EUR", amount=50)
    agreements.copy_plan_terms(subscription, at=NOVEMBER_1)
    allow(subscription, "9", by=factories.UserFactory.create())  # from December on
    new = factories.PlanFactory.create(product_group=old.product_group, service_manager=old.service_manager)
    PlanAllowance.objects.create(plan=new, item=STORAGE, edition=EDITION, quantity=30)

    change(subscription, new, date(2026, 10, 15))

    assert terms_on(subscription, date(2026, 10, 1)) == ({SERVERS: 5, STORAGE: 100}, 50)
    assert terms_on(subscription, date(2026, 11, 1)) == ({STORAGE: 30}, None)
    assert terms_on(subscription, date(2026, 12, 1)) == ({SERVERS: 9, STORAGE: 30}, None)

    change(subscription, old, date(2026, 10, 15))

    assert terms_on(subscription, date(2026, 11, 1)) == ({SERVERS: 5, STORAGE: 100}, 50)
    assert terms_on(subscription, date(2026, 12, 1)) == ({SERVERS: 9, STORAGE: 100}, 50)

    change(subscription, new, date(2026, 12, 10))

    assert terms_on(subscription, date(2027, 1, 1)) == ({SERVERS: 9, STORAGE: 30}, None)


def change(subscription: Subscription, plan: Plan, day: date) -> None:
    begin_phase(subscription_id=subscription.pk, valid_from=day, plan=plan, at=NOVEMBER_1, by=None)


def terms_on(subscription: Subscription, day: date) -> tuple[dict[str, Decimal], Decimal | None]:
    """What the month includes, and costs at least, whose first billed day ``day`` is."""
    one = read(subscription)
    minimum = one.commitment_on(day)
    return {item: quantity for (item, _), quantity in one.included_on(day).items()}, minimum.amount if minimum else None
