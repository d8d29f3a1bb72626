"""Orders for programs: who may place, see and move them, by the same judgements as in the storefront, each at its own prices."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from post_office.models import Email

from accounts.models import WebhookDelivery, WebhookEndpoint
from catalog.models import Plan, TermsDocument
from common import clock
from config.api.views import document
from ordering.models import Order, OrderLine, TermsAcceptance
from ordering.operations import prepayment
from ordering.queries.terms import accepted_before
from provisioning.operations import logins
from tests import factories
from tests.ordering.api import UNKNOWN, Programs, only_error
from tests.ordering.conftest import ADDRESS, AT, Shop

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rung", "every_login_is_free")]


@pytest.fixture(autouse=True)
def _uncounted() -> None:
    cache.clear()


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect the lines that are rung, nothing else; nobody answers."""
    found: list[int] = []
    for module in ("ordering.operations.orders", "ordering.operations.execution"):
        monkeypatch.setattr(f"{module}.after_commit", lambda name, line_id=None, **_: found.extend([line_id] if line_id else []))
    return found


@pytest.fixture
def programs(shop: Shop) -> Programs:
    return Programs(shop)


@pytest.fixture
def fixed(shop: Shop) -> Plan:
    """20 EUR a month, 200 a year, 10 once; alice gets 20 % off and adds 30 %."""
    plan = shop.fixed_plan()
    factories.PartnerTermsFactory(reseller=shop.personas.reseller, plan=plan)
    factories.PartnerPriceFactory(reseller=shop.personas.reseller, plan=plan)
    return plan


def eur(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


# --- Who may what -----------------------------------------------------------------------------------------------------------

CALLERS = ("alice", "carol", "sibling", "bob", "dora", "msp", "reads", "writes")
READING = dict(zip(CALLERS, (200, 200, 404, 404, 404, 200, 200, 403), strict=True))
LISTING = {**dict.fromkeys(CALLERS, 200), "writes": 403}
BUYING = dict(zip(CALLERS, (200, 403, 404, 404, 404, 200, 403, 200), strict=True))
DECIDING = dict(zip(CALLERS, (409, 403, 404, 404, 404, 409, 403, 409), strict=True))
PLACING = dict(zip(CALLERS, (201, 201, 400, 400, 400, 201, 403, 201), strict=True))
ACCESS: dict[str, tuple[str, dict[str, int]]] = {
    "orders": ("get", LISTING),
    "orders/{number}": ("get", READING),
    "orders/{number}/execute": ("post", BUYING),
    "orders/{number}/cancel": ("post", BUYING),
    "orders/{number}/approve": ("post", DECIDING),
    "orders/{number}/decline": ("post", DECIDING),
    "terms": ("get", LISTING),
    "logins/check": ("post", {**dict.fromkeys(CALLERS, 200), "bob": 400, "reads": 403}),
}
BODIES = {"decline": {"reason": "No."}, "check": {"login": "jane.doe", "plan": "{plan}"}}


@pytest.mark.parametrize("path", ACCESS)
def test_each_address_is_open_to_those_it_is_for(shop: Shop, programs: Programs, path: str) -> None:
    p = shop.personas
    method, callers = ACCESS[path]
    found = {}
    for who in {**callers, **UNKNOWN}:
        OrderLine.objects.update(status="cancelled")
        order = shop.order(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer, login=f"jane.{who.replace(' ', '')}")
        if "cancel" in path or "execute" in path:
            order.lines.update(status="failed")
            Order.objects.filter(pk=order.pk).update(status="failed")
        body = {name: text.format(plan=shop.plan.number) for name, text in BODIES.get(path.rsplit("/")[-1], {}).items()}
        filled = path.format(number=order.number)
        answer = programs.get(who, filled) if method == "get" else programs.post(who, filled, body)
        found[who] = answer.status_code

    assert found == {**callers, **UNKNOWN}


@pytest.mark.parametrize("who", PLACING | UNKNOWN)
def test_an_order_for_a_resellers_customer_is_placed_by_the_two_of_them_and_the_msp(
    shop: Shop, programs: Programs, who: str
) -> None:
    answer = programs.place(who, consumer=shop.personas.resellers_customer)

    assert answer.status_code == {**PLACING, **UNKNOWN}[who], answer.content
    assert Order.objects.exists() == (answer.status_code == 201)


def test_every_address_of_orders_in_the_document_is_in_the_table() -> None:
    described = {path.removeprefix("/api/v1/") for path in document()["paths"]}

    assert {path for path in described if path.startswith(("orders", "terms", "logins"))} == set(ACCESS)


def test_a_token_that_has_run_out_is_told_so(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: AT + timedelta(days=1))

    assert only_error(programs.place("expired"))["detail"] == "This API token has expired."


@pytest.mark.parametrize(("who", "status"), [("dora", 201), ("vic", 403), ("stranger", 403)])
def test_who_is_signed_in_orders_as_the_role_allows(shop: Shop, programs: Programs, who: str, status: int) -> None:
    client = shop.personas.client(who)

    answer = client.post("/api/v1/orders", programs.wish(), content_type="application/json", headers={"Idempotency-Key": "k"})

    assert answer.status_code == status
    if status == 201:
        assert Order.objects.get().placed_by == shop.personas.dora


# --- Placing ------------------------------------------------------------------------------------------------------------------


def test_an_order_of_a_program_is_carried_out_by_itself(shop: Shop, programs: Programs, rung: list[int]) -> None:
    told = programs.placed("dora", purchase_order="PO 7")

    order = Order.objects.get()
    line = order.lines.get()
    assert (order.status, order.source, order.placed_by, order.api_token.name) == ("executing", "api", None, "dora")  # type: ignore[union-attr]
    assert (order.buyer, order.consumer) == (shop.personas.direct_customer, shop.personas.direct_customer)
    assert order.placed_from == "127.0.0.1"
    assert (line.login, line.email, line.role) == ("jane.doe", "jane@example.com", "company_admin")
    assert rung == [line.pk]
    acceptance = TermsAcceptance.objects.get()
    assert (acceptance.order, acceptance.basket, acceptance.document, acceptance.person) == (order, None, shop.terms, None)
    assert [mail.to for mail in Email.objects.all()] == [[shop.personas.direct_customer.billing_email]]
    assert told == {
        "number": order.number,
        "status": "executing",
        "held_for": None,
        "held_because": [],
        "cancelled_because": "",
        "source": "api",
        "buyer": {"number": order.buyer.number, "name": "Dora Design"},
        "consumer": {"number": order.buyer.number, "name": "Dora Design"},
        "purchase_order": "PO 7",
        "placed_at": "2026-10-01T12:00:00Z",
        "completed_at": None,
        "due_now": eur("0.00"),
        "lines": [
            {
                "kind": "new",
                "status": "executing",
                "error": "",
                "plan": shop.plan.number,
                "plan_name": shop.plan.name,
                "billing_model": "pay_as_you_go",
                "quantity": 1,
                "term_months": 1,
                "protection_model": "per_gigabyte",
                "file_sync_model": "per_user",
                "login": "jane.doe",
                "email": "jane@example.com",
                "cost": None,
                "retail": None,
                "service": None,
            }
        ],
        "url": f"http://testserver/api/v1/orders/{order.number}",
        "page_url": f"http://localhost:8000/orders/{order.number}/",
        "invoices": [],
    }


def test_each_reader_sees_the_prices_at_its_own_end(shop: Shop, programs: Programs, fixed: Plan) -> None:
    wanted = {"plan": fixed, "consumer": shop.personas.resellers_customer, "line": {"quantity": 2, "term_months": 12}}

    told = programs.placed("alice", **wanted)

    wholesale = {"price": eur("160.00"), "setup_fee": eur("8.00"), "overage_price": eur("0.08")}
    retail = {"price": eur("208.00"), "setup_fee": eur("10.40"), "overage_price": eur("0.104")}
    number = told["number"]
    (to_alice,) = programs.get("alice", f"orders/{number}").json()["lines"]
    (to_carol,) = programs.get("carol", f"orders/{number}").json()["lines"]
    (to_msp,) = programs.get("msp", f"orders/{number}").json()["lines"]
    assert (to_alice["cost"], to_alice["retail"], to_alice["quantity"]) == (wholesale, retail, 2)
    assert (to_carol["cost"], to_carol["retail"]) == (retail, None)
    assert (to_msp["cost"], to_msp["retail"]) == (wholesale, retail)
    assert "160.00" not in programs.get("carol", f"orders/{number}").content.decode()


def test_what_a_program_of_the_msp_places_waits_for_its_execution(shop: Shop, programs: Programs, rung: list[int]) -> None:
    told = programs.placed("msp", consumer=shop.personas.resellers_customer)

    assert (told["status"], told["buyer"]["number"]) == ("placed", shop.personas.reseller.number)
    assert rung == []
    assert programs.post("alice", f"orders/{told['number']}/execute").status_code == 200  # its orders execute by themselves


def test_an_order_of_who_has_it_executed_by_hand_waits_for_staff(shop: Shop, programs: Programs) -> None:
    customer = shop.personas.direct_customer
    customer.orders_execute_automatically = False
    customer.save()

    told = programs.placed("dora")

    refused = programs.post("dora", f"orders/{told['number']}/execute")
    assert told["status"] == "placed"
    assert (refused.status_code, only_error(refused)["detail"]) == (403, "Our staff execute this order.")
    assert programs.post("msp", f"orders/{told['number']}/execute").json()["status"] == "executing"


def test_an_order_over_the_credit_limit_is_held_and_not_lost(shop: Shop, programs: Programs, fixed: Plan) -> None:
    customer = shop.personas.direct_customer
    customer.credit_limit = Decimal(5)
    customer.save()

    told = programs.placed("dora", plan=fixed)

    assert (told["status"], told["held_for"]) == ("held", "credit_limit")
    assert "credit limit" in told["held_because"][0]
    refused = programs.post("dora", f"orders/{told['number']}/execute")
    assert refused.status_code == 409


def test_a_reseller_approves_or_declines_what_its_customer_ordered(shop: Shop, programs: Programs) -> None:
    reseller = shop.personas.reseller
    reseller.approves_customer_orders = True
    reseller.save()
    first, second = programs.placed("carol"), programs.placed("sibling", login="jane.second")

    assert (first["status"], first["held_for"]) == ("held", "approval")
    assert programs.post("carol", f"orders/{first['number']}/approve").status_code == 403
    assert programs.post("alice", f"orders/{first['number']}/approve").json()["status"] == "executing"
    declined = programs.post("alice", f"orders/{second['number']}/decline", {"reason": "Too dear."}).json()
    assert (declined["status"], declined["cancelled_because"]) == ("cancelled", "Too dear.")


def test_a_prepaid_order_tells_what_is_due_and_which_invoice_is_to_be_paid(shop: Shop, programs: Programs) -> None:
    told = programs.placed("dora", plan=shop.fixed_plan(billing_model="prepaid"), line={"term_months": 12})
    order = Order.objects.get()
    prepayment.go_on(order_id=order.pk, at=AT)

    (invoice,) = programs.get("dora", f"orders/{order.number}").json()["invoices"]

    assert (told["status"], told["due_now"]) == ("awaiting_payment", eur("210.00"))
    assert (invoice["state"], invoice["open"]) == ("unpaid", eur("249.90"))
    assert programs.get("dora", f"invoices/{invoice['number']}").status_code == 200


def test_several_lines_are_one_order(shop: Shop, programs: Programs) -> None:
    other = factories.PlanFactory()
    lines = [
        {"plan": plan.number, "protection_model": "per_workload", "file_sync_model": "per_user"} for plan in (shop.plan, other)
    ]

    told = programs.placed("dora", lines=lines)

    assert [(line["plan"], line["login"]) for line in told["lines"]] == [
        (shop.plan.number, "jane.doe"),
        (other.number, "jane.doe"),
    ]


def test_who_has_a_user_already_needs_no_login(shop: Shop, programs: Programs) -> None:
    tenant = factories.TenantFactory(organization=shop.personas.direct_customer, service_manager=shop.plan.service_manager)
    factories.TenantUserFactory(tenant=tenant)

    told = programs.placed("dora", login=None, email=None)

    assert [(line["login"], line["email"]) for line in told["lines"]] == [("", "")]


def test_a_login_that_the_vendor_calls_taken_is_refused(shop: Shop, programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(**_: Any) -> None:
        raise logins.LoginTaken("jane.doe is taken. Choose another.")

    monkeypatch.setattr(logins, "check_login", taken)

    answer = programs.place("dora")

    assert (answer.status_code, only_error(answer)["attr"]) == (400, "login")
    assert not Order.objects.exists()


def test_where_the_vendor_does_not_answer_it_is_ordered_and_checked_later(
    shop: Shop, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(**_: Any) -> None:
        raise logins.CannotCheck("Acronis could not tell.")

    monkeypatch.setattr(logins, "check_login", silent)

    assert programs.place("dora").status_code == 201


# --- What is refused --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "attr"),
    [
        ({"lines": None}, "lines"),
        ({"lines": []}, "lines.non_field_errors"),
        ({"lines": [{}]}, "lines.0.plan"),
        ({"line": {"plan": "P0"}}, "lines.0.plan"),
        ({"line": {"quantity": 0}}, "lines.0.quantity"),
        ({"line": {"quantity": 2}}, "lines.0.quantity"),
        ({"line": {"quantity": 1.5}}, "lines.0.quantity"),
        ({"line": {"term_months": 12}}, "lines.0.term_months"),
        ({"line": {"term_months": 5}}, "lines.0.term_months"),
        ({"line": {"protection_model": "per_moon"}}, "lines.0.protection_model"),
        ({"line": {"price": "1"}}, "lines.0.price"),
        ({"line": {"expected_price": {"price": "1.00", "currency": "EUR"}}}, "lines.0.expected_price"),
        ({"line": {"expected_price": {"price": 1.5, "currency": "EUR"}}}, "lines.0.expected_price.price"),
        ({"accepted_terms": None}, "accepted_terms"),
        ({"accepted_terms": []}, "accepted_terms"),
        ({"accepted_terms": [987654]}, "accepted_terms"),
        ({"accepted_terms": [2**70]}, "accepted_terms.0"),
        ({"login": None}, "login"),
        ({"login": "j"}, "login"),
        ({"login": "jané doe"}, "login"),
        ({"email": None}, "email"),
        ({"email": "nobody"}, "email"),
        ({"purchase_order": "x" * 51}, "purchase_order"),
        ({"consumer": "R0"}, None),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_ordered(programs: Programs, changes: dict[str, Any], attr: str | None) -> None:
    wish = programs.wish(**{name: value for name, value in changes.items() if name != "consumer"})
    if "consumer" in changes:
        wish, attr = {**wish, "consumer": changes["consumer"]}, "consumer"

    answer = programs.post("dora", "orders", wish)

    assert answer.status_code == 400, answer.content
    assert only_error(answer)["attr"] == attr
    assert not Order.objects.exists()


def test_a_reseller_says_which_of_its_customers_will_use_it(shop: Shop, programs: Programs) -> None:
    for consumer in (None, shop.personas.reseller, shop.personas.direct_customer, shop.personas.msp):
        answer = programs.place("alice", consumer=consumer)

        assert (answer.status_code, only_error(answer)["attr"]) == (400, "consumer")


def test_all_newest_terms_are_accepted_and_the_missing_ones_named(shop: Shop, programs: Programs) -> None:
    newer = TermsDocument.objects.create(title=shop.terms.title, version="2026-09", text="New.", published_at=AT)
    second = TermsDocument.objects.create(title="Northwind Terms", version="3", text="Ours.", published_at=AT)
    TermsDocument.objects.create(title="A draft", version="1", text="Later.")

    answer = programs.place("dora", accepted_terms=[shop.terms.pk, second.pk])

    listed = programs.get("dora", "terms").json()["results"]
    assert only_error(answer)["attr"] == "accepted_terms"
    assert str(newer.pk) in only_error(answer)["detail"]
    assert str(second) not in only_error(answer)["detail"]
    assert {one["id"] for one in listed} == {newer.pk, second.pk}
    assert programs.place("dora", accepted_terms=[newer.pk, second.pk]).status_code == 201
    assert TermsAcceptance.objects.count() == 2


def test_a_program_of_the_msp_accepts_no_terms_in_the_buyers_name(shop: Shop, programs: Programs) -> None:
    wanted = {"consumer": shop.personas.direct_customer}

    refused = programs.place("msp", accepted_terms=[shop.terms.pk], **wanted)
    told = programs.placed("msp", **wanted)

    assert (refused.status_code, only_error(refused)["attr"]) == (400, "accepted_terms")
    assert Order.objects.get().api_token.organization == shop.personas.msp  # type: ignore[union-attr]
    assert told["status"] == "placed"
    assert not TermsAcceptance.objects.exists()


def test_what_the_msp_once_accepted_for_a_buyer_is_not_the_buyers_acceptance(shop: Shop, programs: Programs) -> None:
    programs.placed("msp", consumer=shop.personas.direct_customer)
    TermsAcceptance.objects.create(order=Order.objects.get(), document=shop.terms, accepted_at=AT)
    before = accepted_before(shop.personas.direct_customer, [shop.terms])
    Order.objects.update(status="cancelled")
    OrderLine.objects.update(status="cancelled")

    programs.placed("dora")

    assert before == {}
    assert set(accepted_before(shop.personas.direct_customer, [shop.terms])) == {shop.terms.pk}


def test_a_second_subscription_at_one_service_manager_is_refused(shop: Shop, programs: Programs, fixed: Plan) -> None:
    wish = programs.wish()
    both = programs.post("dora", "orders", {**wish, "lines": [*wish["lines"], {"plan": fixed.number}]})
    programs.placed("dora")
    second = programs.place("dora", login="other.login")

    assert only_error(both)["attr"] == "lines.1.plan"
    assert (second.status_code, only_error(second)["attr"]) == (400, "consumer")
    assert Order.objects.count() == 1


def test_another_price_than_expected_orders_nothing_and_says_todays(shop: Shop, programs: Programs, fixed: Plan) -> None:
    def expecting(who: str, **expected: str) -> Any:
        wanted = {"plan": fixed, "line": {"term_months": 12, "expected_price": {"currency": "EUR", **expected}}}
        alices = {"consumer": shop.personas.resellers_customer, "login": "jane.second"}
        return programs.place(who, **wanted, **(alices if who == "alice" else {}))

    refused = expecting("dora", price="199.99")

    assert only_error(refused)["attr"] == "lines.0.expected_price"
    assert "200.00" in only_error(refused)["detail"]
    assert only_error(expecting("dora", price="200", setup_fee="9"))["attr"] == "lines.0.expected_price"
    assert only_error(expecting("dora", price="200", currency="USD"))["attr"] == "lines.0.expected_price"
    assert not Order.objects.exists()
    assert expecting("dora", price="200.00", setup_fee="10").status_code == 201
    assert expecting("alice", price="160.00").status_code == 201


def test_who_cannot_be_invoiced_orders_nothing(shop: Shop, programs: Programs) -> None:
    shop.personas.direct_customer.address_line1 = ""
    shop.personas.direct_customer.save()

    answer = programs.place("dora")

    assert (answer.status_code, only_error(answer)["code"]) == (409, "refused")
    assert "billing information" in only_error(answer)["detail"]


def test_a_plan_that_is_not_sold_to_one_is_as_unknown_as_one_there_is_not(shop: Shop, programs: Programs) -> None:
    hidden = factories.PlanFactory(name="Secret", status=Plan.Status.DRAFT)

    answers = [programs.place("dora", line={"plan": number}) for number in (hidden.number, "P0")]

    assert [only_error(answer)["attr"] for answer in answers] == ["lines.0.plan"] * 2
    assert "Secret" not in answers[0].content.decode()


# --- Moving -------------------------------------------------------------------------------------------------------------------


def test_a_buyer_tries_again_what_failed_and_cancels_what_waits(shop: Shop, programs: Programs, rung: list[int]) -> None:
    order = shop.order()
    order.lines.update(status="failed", error="Acronis is down.")
    Order.objects.update(status="failed")

    again = programs.post("dora", f"orders/{order.number}/execute").json()
    twice = programs.post("dora", f"orders/{order.number}/execute").json()
    late = programs.post("dora", f"orders/{order.number}/cancel")

    assert again["status"] == twice["status"] == "executing"
    assert len(rung) == 2
    assert (late.status_code, only_error(late)["code"]) == (409, "refused")


def test_a_cancelled_order_stays_cancelled(shop: Shop, programs: Programs) -> None:
    told = programs.placed("msp", consumer=shop.personas.direct_customer)

    assert programs.post("dora", f"orders/{told['number']}/cancel").json()["status"] == "cancelled"
    assert programs.post("dora", f"orders/{told['number']}/cancel").json()["status"] == "cancelled"
    assert programs.post("dora", f"orders/{told['number']}/execute").status_code == 409


def test_an_order_without_what_the_vendor_needs_is_not_executed(shop: Shop, programs: Programs) -> None:
    told = programs.placed("msp", consumer=shop.personas.direct_customer)
    OrderLine.objects.update(login="")

    answer = programs.post("msp", f"orders/{told['number']}/execute")

    assert answer.status_code == 409
    assert "Login Username is missing" in only_error(answer)["detail"]


# --- Reading ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [2, 1, 0]),
        ("status=executing", [2, 1, 0]),
        ("status=completed", []),
        ("consumer={consumer}", [1]),
        ("number={number}", [0]),
        ("purchase_order=PO+1", [1]),
        ("purchase_order=PO", []),
        ("kind=new", [2, 1, 0]),
        ("kind=cancel", []),
        ("placed_after=2026-10-02T12:00:00Z", [2, 1]),
        ("placed_before=2026-10-02T12:00:00Z", [0]),
    ],
)
def test_orders_are_found_by_what_programs_know_of_them(
    shop: Shop, programs: Programs, query: str, found: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    customers = [shop.personas.resellers_customer, programs.sibling, factories.OrganizationFactory(parent=shop.personas.reseller)]
    numbers = []
    for n, customer in enumerate(customers):
        told = programs.placed("alice", consumer=customer, login=f"jane.{n}", purchase_order=f"PO {n}")
        numbers.append(told["number"])
        Order.objects.filter(number=told["number"]).update(placed_at=AT + timedelta(days=n))

    filled = query.format(consumer=customers[1].number, number=numbers[0])
    answer = programs.get("alice", f"orders?{filled}")

    assert [numbers.index(one["number"]) for one in answer.json()["results"]] == found


@pytest.mark.parametrize(
    ("query", "attr"),
    [("status=eaten", "status"), ("placed_after=yesterday", "placed_after"), ("kind=gift", "kind"), ("cursor=x", "cursor")],
)
def test_a_parameter_of_orders_that_is_none_is_named(programs: Programs, query: str, attr: str) -> None:
    answer = programs.get("dora", f"orders?{query}")

    assert (answer.status_code, only_error(answer)["attr"]) == (400, attr)


def test_drafts_are_the_msps_alone(shop: Shop, programs: Programs) -> None:
    told = programs.placed("msp", consumer=shop.personas.direct_customer)
    Order.objects.update(status="draft")

    assert programs.get("dora", f"orders/{told['number']}").status_code == 404
    assert programs.get("dora", "orders").json()["results"] == []
    assert programs.get("msp", f"orders/{told['number']}").status_code == 200


def test_a_list_reads_no_more_with_more_orders(shop: Shop, programs: Programs, fixed: Plan) -> None:
    def questions() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert programs.get("alice", "orders").status_code == 200
        return len(asked)

    programs.placed("alice", plan=fixed, consumer=shop.personas.resellers_customer)
    programs.get("alice", "orders")
    before = questions()
    for n in range(3):
        customer = factories.OrganizationFactory(parent=shop.personas.reseller)
        programs.placed("alice", plan=fixed, consumer=customer, login=f"jane.{n}")

    assert questions() == before
    assert before <= 8


# --- Logins -------------------------------------------------------------------------------------------------------------------


def checked(programs: Programs, login: str) -> dict[str, Any]:
    answer = programs.post("dora", "logins/check", {"login": login, "plan": programs.shop.plan.number})
    assert answer.status_code == 200, answer.content
    told: dict[str, Any] = answer.json()
    return told


def test_a_free_login_is_available(programs: Programs) -> None:
    assert checked(programs, "jane.doe") == {
        "login": "jane.doe",
        "available": True,
        "because": "",
        "checked": True,
        "suggestions": [],
    }


def test_a_login_of_another_order_is_taken_and_others_are_suggested(
    shop: Shop, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.order(login="jane.doe")
    monkeypatch.setattr(logins, "_is_free", lambda login, service_manager: True)

    told = checked(programs, "Jane.Doe")

    assert not told["available"]
    assert "taken" in told["because"]
    assert told["suggestions"]
    assert "jane.doe" not in [one.lower() for one in told["suggestions"]]


def test_a_login_that_cannot_be_one_is_not_available(programs: Programs) -> None:
    told = checked(programs, "jané doe")

    assert not told["available"]
    assert "unaccented" in told["because"]


def test_a_login_the_vendor_says_nothing_about_is_not_checked(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(**_: Any) -> None:
        raise logins.CannotCheck("Acronis could not tell.")

    monkeypatch.setattr(logins, "check_login", silent)

    told = checked(programs, "jane.doe")

    assert (told["available"], told["checked"]) == (True, False)


# --- Who is told ----------------------------------------------------------------------------------------------------------------


def test_programs_are_told_of_orders_without_a_price_or_an_address(shop: Shop, programs: Programs, fixed: Plan) -> None:
    for organization in (shop.personas.reseller, shop.personas.resellers_customer, shop.personas.other_reseller):
        WebhookEndpoint.objects.create(
            organization=organization,
            url="https://hooks.example.com/",
            secret="whsec_s",
            told_of=list(WebhookEndpoint.Event.values),
            created_at=AT,
        )

    told = programs.placed("alice", plan=fixed, consumer=shop.personas.resellers_customer, purchase_order="Secret 7")

    found = WebhookDelivery.objects.filter(event="order.placed")
    assert {delivery.endpoint.organization for delivery in found} == {shop.personas.reseller, shop.personas.resellers_customer}
    said = found[0].payload
    assert said["data"]["order"] == told["number"]
    assert [line["plan"] for line in said["data"]["lines"]] == [fixed.number]
    assert not any(word in str(said) for word in ("160", "208", "EUR", "jane", "Secret", ADDRESS))
