"""Changes of services by programs: quoted, ordered at that quote or not at all, by those who may do so in the storefront."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from billing.models import Subscription
from billing.operations.in_use import InUse
from catalog.models import Plan
from common import clock
from config.api.views import document
from ordering.models import Order, OrderLine
from ordering.operations import amendments, fitting
from tests import factories
from tests.catalog.test_api import judged
from tests.ordering.amend import GB, LATER, bigger_plan, subscribed
from tests.ordering.api import UNKNOWN, Programs, only_error
from tests.ordering.conftest import Shop

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_worker")]
TWO = {"kind": "quantity", "quantity": 2}
NOW = {"kind": "cancel", "ends": "now"}
AT_END = {"kind": "cancel", "ends": "at_end_of_term"}


@pytest.fixture
def present(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Two weeks after everything was sold."""
    cache.clear()
    monkeypatch.setattr(clock, "now", lambda: LATER)
    return LATER


@pytest.fixture
def programs(shop: Shop, present: datetime) -> Programs:
    return Programs(shop)


@pytest.fixture
def plan(shop: Shop) -> Plan:
    """50 GB and 10 above: 20 EUR a month, 200 a year; alice gets 20 % off and adds 30 %."""
    made = shop.fixed_plan(name="Backup 50 GB")
    factories.PartnerTermsFactory(reseller=shop.personas.reseller, plan=made)
    factories.PartnerPriceFactory(reseller=shop.personas.reseller, plan=made)
    return made


@pytest.fixture
def carols(shop: Shop, plan: Plan) -> Subscription:
    return subscribed(plan, shop.personas.resellers_customer)


@pytest.fixture
def doras(shop: Shop, plan: Plan) -> Subscription:
    return subscribed(plan, shop.personas.direct_customer)


@pytest.fixture
def in_use(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let so many GB of storage be in use."""

    def use(gigabytes: int) -> None:
        found = InUse({("backup", "storage"): Decimal(gigabytes * GB)}, LATER - timedelta(hours=1), True)
        monkeypatch.setattr(fitting, "in_use", lambda service, *, at, only_live: found)

    return use


def quoted(programs: Programs, who: str, service: Subscription, change: dict[str, Any]) -> dict[str, Any]:
    answer = programs.post(who, f"services/{service.number}/quote", change)
    assert answer.status_code == 200, answer.content
    told: dict[str, Any] = answer.json()
    return told


def changed(programs: Programs, who: str, service: Subscription, change: dict[str, Any], *, key: str = "", **facts: Any) -> Any:
    """Order a change at the quote of this moment."""
    quote = quoted(programs, who, service, change)["quote"]
    return programs.post(who, f"services/{service.number}/changes", {**change, "quote": quote, **facts}, key=key)


def eur(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


# --- Who may what -----------------------------------------------------------------------------------------------------------

CALLERS = ("alice", "carol", "sibling", "bob", "dora", "msp", "reads", "writes")
CHANGING = dict(zip(CALLERS, (200, 200, 404, 404, 404, 200, 403, 200), strict=True))
ORDERING = dict(zip(CALLERS, (201, 201, 404, 404, 404, 201, 403, 201), strict=True))
ACCESS = {"services/{number}/quote": CHANGING, "services/{number}/changes": ORDERING, "services/{number}/keep": CHANGING}


@pytest.mark.parametrize("path", ACCESS)
def test_each_address_is_open_to_those_it_is_for(programs: Programs, carols: Subscription, path: str) -> None:
    wanted = {**ACCESS[path], **UNKNOWN}
    found = {}
    for who in wanted:
        OrderLine.objects.update(status="cancelled")  # one change at a time
        body: dict[str, Any] = {} if path.endswith("keep") else dict(TWO)
        if path.endswith("changes"):
            asking = who if wanted[who] == 201 else "alice"
            body["quote"] = quoted(programs, asking, carols, TWO)["quote"]
        found[who] = programs.post(who, path.format(number=carols.number), body).status_code

    assert found == wanted


def test_every_address_of_services_in_the_document_is_in_the_table() -> None:
    described = {path.removeprefix("/api/v1/") for path in document()["paths"]}

    assert {path for path in described if path.startswith("services")} == set(ACCESS)


def test_who_is_signed_in_changes_what_the_role_allows(shop: Shop, carols: Subscription, present: datetime) -> None:
    wanted = {"alice": 200, "carol": 200, "vic": 403, "bob": 404, "stranger": 403}
    found = {}
    for who in wanted:
        client: Client = shop.personas.client(who)
        answer = client.post(f"/api/v1/services/{carols.number}/quote", TWO, content_type="application/json")
        found[who] = judged(answer).status_code

    assert found == wanted


# --- The quote --------------------------------------------------------------------------------------------------------------


def test_a_quote_tells_what_becomes_of_quota_and_price_and_orders_nothing(programs: Programs, doras: Subscription) -> None:
    told = quoted(programs, "dora", doras, TWO)

    assert (told["heading"], told["first_day"]) == ("Quantity 1 → 2", "2026-10-15")
    assert (told["before"]["quantity"], told["after"]["quantity"]) == (1, 2)
    assert {row["label"]: row["after"] for row in told["changes"]} == {
        "Quantity": "2",
        "Cloud storage": "100 GB, and up to 20 GB above it",
        "Price": "40.00 EUR for 1 month, excl. VAT",
    }
    assert [part["amount"] for part in told["cost"]["parts"]] == [eur("9.03"), eur("21.94"), eur("10.00")]
    assert (told["cost"]["due_now"], told["cost"]["next_invoice_on"]) == (eur("0.00"), "2026-11-01")
    assert told["retail"] is None
    assert not Order.objects.exists()


def test_each_reader_is_quoted_its_own_end_of_the_sale(programs: Programs, carols: Subscription) -> None:
    to_alice, to_carol, to_msp = (quoted(programs, who, carols, TWO) for who in ("alice", "carol", "msp"))

    assert (to_alice["after"]["cost"]["price"], to_alice["after"]["retail"]["price"]) == (eur("16.00"), eur("20.80"))
    assert (to_carol["after"]["cost"]["price"], to_carol["after"]["retail"]) == (eur("20.80"), None)
    assert to_carol["cost"] == to_alice["retail"]
    assert (to_msp["cost"], to_msp["retail"]) == (to_alice["cost"], to_alice["retail"])
    assert "16.00" not in str(to_carol)


def test_less_than_what_is_in_use_is_refused_with_the_figures(
    programs: Programs, shop: Shop, plan: Plan, in_use: Callable[[int], None]
) -> None:
    two = subscribed(plan, shop.personas.direct_customer, quantity=2)
    in_use(75)

    answer = programs.post("dora", f"services/{two.number}/quote", {"kind": "quantity", "quantity": 1})

    assert (answer.status_code, only_error(answer)["attr"]) == (400, "quantity")
    assert "75 GB of Cloud storage are in use" in only_error(answer)["detail"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "kind"),
    ({"kind": "new"}, "kind"),
    ({"kind": "quantity"}, "quantity"),
    ({"kind": "quantity", "quantity": 0}, "quantity"),
    ({"kind": "quantity", "quantity": 1}, "quantity"),
    ({"kind": "quantity", "quantity": 10_001}, "quantity"),
    ({"kind": "quantity", "quantity": "two"}, "quantity"),
    ({**TWO, "ends": "now"}, "ends"),
    ({**TWO, "price": "1.00"}, "price"),
    ({**TWO, "quote": "x"}, "quote"),
    ({"kind": "plan"}, "plan"),
    ({"kind": "plan", "plan": "P0"}, "plan"),
    ({"kind": "plan", "plan": "own"}, "plan"),
    ({"kind": "plan", "plan": "draft"}, "plan"),
    ({"kind": "plan", "plan": "by use"}, "plan"),
    ({"kind": "plan", "plan": "bigger", "term_months": 6}, "term_months"),
    ({"kind": "plan", "plan": "bigger", "ends": "now"}, "ends"),
    ({"kind": "term", "term_months": 1}, "term_months"),
    ({"kind": "term", "term_months": 24}, "term_months"),
    ({"kind": "term", "term_months": 5}, "term_months"),
    ({"kind": "cancel"}, "ends"),
    ({"kind": "cancel", "ends": "someday"}, "ends"),
]


def test_what_is_wrong_is_named(shop: Shop, programs: Programs, doras: Subscription) -> None:
    draft = shop.fixed_plan(name="Secret", status=Plan.Status.DRAFT)
    plans = {"own": doras.plan, "draft": draft, "by use": shop.plan, "bigger": bigger_plan(shop)}
    named = []
    for change, _ in WRONG:
        filled = {name: plans[value].number if value in plans else value for name, value in change.items()}
        answer = programs.post("dora", f"services/{doras.number}/quote", filled)
        assert answer.status_code == 400, (change, answer.content)
        assert "Secret" not in answer.content.decode()
        named.append((change, only_error(answer)["attr"]))

    assert named == WRONG


def test_what_has_ended_is_changed_no_more(programs: Programs, doras: Subscription) -> None:
    Subscription.objects.update(status="ended", ended_on=LATER.date())

    answer = programs.post("dora", f"services/{doras.number}/quote", TWO)

    assert (answer.status_code, only_error(answer)["code"]) == (409, "refused")


# --- The order --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (TWO, "quantity"),
        ({"kind": "plan", "plan": "{bigger}"}, "plan"),
        ({"kind": "term", "term_months": 12}, "term"),
        (NOW, "cancel"),
    ],
    ids=["quantity", "plan", "term", "cancel"],
)
def test_each_kind_of_change_is_ordered_at_its_quote(
    shop: Shop, programs: Programs, doras: Subscription, change: dict[str, Any], kind: str
) -> None:
    bigger = bigger_plan(shop)
    filled = {name: bigger.number if value == "{bigger}" else value for name, value in change.items()}

    answer = changed(programs, "dora", doras, filled, purchase_order="PO 8")

    assert answer.status_code == 201, answer.content
    (line,) = answer.json()["lines"]
    assert (line["kind"], line["status"], line["service"]) == (kind, "executing", doras.number)
    order = Order.objects.get()
    assert (order.source, order.placed_by, order.purchase_order, order.placed_from) == ("api", None, "PO 8", "127.0.0.1")
    assert order.api_token is not None
    assert order.api_token.name == "dora"


def test_a_quote_that_is_another_now_orders_nothing(programs: Programs, doras: Subscription, plan: Plan, monkeypatch: Any) -> None:
    old = quoted(programs, "dora", doras, TWO)["quote"]
    monkeypatch.setattr(clock, "now", lambda: LATER + timedelta(days=1))  # another day, other days of the month

    answer = programs.post("dora", f"services/{doras.number}/changes", {**TWO, "quote": old})

    assert (answer.status_code, only_error(answer)["code"]) == (409, "quote_changed")
    assert not Order.objects.exists()
    assert changed(programs, "dora", doras, TWO).status_code == 201


def test_the_quote_of_one_change_orders_no_other(programs: Programs, doras: Subscription) -> None:
    two = quoted(programs, "dora", doras, TWO)["quote"]

    answer = programs.post("dora", f"services/{doras.number}/changes", {"kind": "quantity", "quantity": 3, "quote": two})

    assert only_error(answer)["code"] == "quote_changed"
    assert not Order.objects.exists()


def test_a_change_needs_its_quote(programs: Programs, doras: Subscription) -> None:
    answer = programs.post("dora", f"services/{doras.number}/changes", TWO)

    assert (answer.status_code, only_error(answer)["attr"]) == (400, "quote")


def test_one_change_at_a_time(programs: Programs, doras: Subscription) -> None:
    assert changed(programs, "dora", doras, TWO).status_code == 201

    second = programs.post("dora", f"services/{doras.number}/quote", NOW)

    assert second.status_code == 409
    assert "already" in only_error(second)["detail"]


def test_sent_again_the_answer_is_the_same_and_one_change_is_ordered(programs: Programs, doras: Subscription) -> None:
    body = {**TWO, "quote": quoted(programs, "dora", doras, TWO)["quote"]}
    path = f"services/{doras.number}/changes"

    first, again = (programs.post("dora", path, body, key="k-1") for _ in range(2))
    other = programs.post("dora", path, {**body, "quantity": 3}, key="k-1")

    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (other.status_code, only_error(other)["code"]) == (422, "idempotency_key_used")
    assert Order.objects.count() == 1


def test_after_a_killed_process_the_same_request_finds_the_change_it_ordered(
    programs: Programs, doras: Subscription, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    bigger = bigger_plan(shop)
    change = {"kind": "plan", "plan": bigger.number}
    body = {**change, "quote": quoted(programs, "dora", doras, change)["quote"]}
    path = f"services/{doras.number}/changes"
    with monkeypatch.context() as broken:
        broken.setattr("ordering.api.changes.told", lambda *_, **__: 1 / 0)  # the order is made, its answer is not
        assert programs.post("dora", path, body, key="k-1").status_code == 500
    Plan.objects.filter(pk=bigger.pk).update(status="archived")  # what was ordered is not sold any more

    again = programs.post("dora", path, body, key="k-1")

    assert again.status_code == 201, again.content
    assert again.json()["number"] == Order.objects.get().number


def test_what_a_program_of_the_msp_changes_waits_for_its_execution(programs: Programs, carols: Subscription) -> None:
    told = changed(programs, "msp", carols, TWO).json()

    assert (told["status"], told["buyer"]["name"]) == ("placed", "Alster IT")
    assert programs.post("msp", f"orders/{told['number']}/execute").json()["status"] == "executing"


def test_a_prepaid_change_is_paid_first_and_can_be_cancelled(
    shop: Shop, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ordering.operations.orders.after_commit", lambda name, **_: None)  # nobody invoices meanwhile
    service = subscribed(shop.fixed_plan(billing_model="prepaid"), shop.personas.direct_customer, term_months=12)

    quote = quoted(programs, "dora", service, TWO)
    told = changed(programs, "dora", service, TWO).json()

    assert Decimal(quote["cost"]["due_now"]["amount"]) > 0
    assert (told["status"], told["due_now"]) == ("awaiting_payment", quote["cost"]["due_now"])
    assert programs.post("dora", f"orders/{told['number']}/cancel").json()["status"] == "cancelled"


# --- Going on after all -----------------------------------------------------------------------------------------------------


def test_a_planned_end_is_taken_back_and_taking_it_back_twice_is_once(programs: Programs, doras: Subscription) -> None:
    Subscription.objects.update(cancels_on=LATER.date() + timedelta(days=17))
    path = f"services/{doras.number}/keep"

    first, again = programs.post("dora", path), programs.post("dora", path)

    assert first.json() == again.json() == {"service": doras.number, "status": "active", "cancels_on": None}
    doras.refresh_from_db()
    assert doras.cancels_on is None


def test_what_has_ended_goes_on_no_more(programs: Programs, doras: Subscription) -> None:
    Subscription.objects.update(status="ended", ended_on=LATER.date())

    answer = programs.post("dora", f"services/{doras.number}/keep")

    assert (answer.status_code, only_error(answer)["code"]) == (409, "refused")


def test_a_planned_end_can_be_made_one_now(programs: Programs, doras: Subscription) -> None:
    Subscription.objects.update(cancels_on=LATER.date() + timedelta(days=17))

    assert changed(programs, "dora", doras, NOW).status_code == 201
    assert OrderLine.objects.get().ends == "now"


def test_the_rules_are_those_of_the_storefront(programs: Programs, doras: Subscription, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: Any, **__: Any) -> Any:
        raise amendments.AmendmentRefused("Not on Sundays.")

    monkeypatch.setattr(amendments, "judged", refuses)

    answer = programs.post("dora", f"services/{doras.number}/quote", TWO)

    assert (answer.status_code, only_error(answer)["detail"]) == (409, "Not on Sundays.")
