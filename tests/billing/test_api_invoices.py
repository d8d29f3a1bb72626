"""Invoices and credit notes for programs: what stands on them, how they stand, and how each amount came about."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.api.invoices import OPEN, State
from billing.models import CreditNote, Invoice, InvoiceLine
from billing.queries.explaining import explain, explain_to
from config.api.views import document
from tests.billing.by_hand import credited, issued, line
from tests.billing.making import GIB, NOVEMBER_1, STORAGE, subscribe
from tests.billing.paying import pay
from tests.billing.programs import REFUSED, Programs, eur
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

ALL_REFUSED = {"dora": 404, "alice": 404, "carol": 404, "bob": 404, "cousin": 404, **REFUSED}
WHOLESALE = {
    "level": "wholesale",
    "aggregation": "last",
    "measured": str(100 * GIB),
    "measurement_unit": "bytes",
    "divisor": str(GIB),
    "unit": "GiB",
    "quantity": "100",
    "used": "150",
    "included": "50",
    "tier": {"mode": "graduated", "from": "0", "to": "500"},
    "share": [16, 31],
    "currency": "EUR",
    "rate": {"card": "Cyber Protect 2026-10", "sentence": "Rate card of October 2026, version 1."},
    "cost": {"unit_cost": "0.0313", "currency": "EUR", "exchange_rate": "1", "amount": "3.13", "amount_currency": "EUR"},
    "steps": [
        {"step": "list_price", "amount": "0.0777", "currency": "EUR"},
        {"step": "partner_discount", "factor": "20", "amount": "0.06216", "currency": "EUR"},
    ],
}
RETAIL = {
    **{name: said for name, said in WHOLESALE.items() if name != "cost"},
    "level": "retail",
    "steps": [*WHOLESALE["steps"], {"step": "retail_markup", "factor": "50", "amount": "0.09324", "currency": "EUR"}],
}
READINGS = f'[["",["2026-10-01",{90 * GIB},0,7,3],["2026-10-02",{100 * GIB},{10 * GIB},7,4]]]'
SECRET = ("0.0313", "3.13", "0.0777", "0.06216", "partner_discount", "Rate card of")


@pytest.fixture(autouse=True)
def _on_the_twentieth() -> Iterator[None]:
    cache.clear()
    with time_machine.travel("2026-11-20T09:00:00Z", tick=False):
        yield


@dataclass
class World:
    """What the MSP invoiced alice for carol's service, what alice invoiced carol for it, and what the MSP invoiced dora."""

    personas: Personas
    programs: Programs
    to_alice: Invoice
    to_carol: Invoice
    to_dora: Invoice


@pytest.fixture
def world(personas: Personas) -> World:
    carols, doras = subscribe(personas.resellers_customer), subscribe(personas.direct_customer)
    named = {"consumer": "Café Carol", "plan": "Backup"}
    wholesale = line(carols, "6.22", working={**WHOLESALE, **named}, readings=READINGS)
    retail = line(carols, "9.32", working={**RETAIL, **named}, readings=READINGS)
    return World(
        personas,
        Programs(personas),
        issued(personas.msp, personas.reseller, [wholesale], number="INV-2026-1"),
        issued(personas.reseller, personas.resellers_customer, [retail], number="R1-2026-1"),
        issued(personas.msp, personas.direct_customer, [line(doras, "100"), line(doras, "20")], number="INV-2026-2"),
    )


# --- Who may what -------------------------------------------------------------------------------------------------------------


def test_each_address_is_open_to_those_it_is_for(world: World) -> None:
    note = credited(world.to_carol, "1", number="R1-C-1")
    everybody = {"dora": 200, "alice": 200, "carol": 200, "bob": 200, "cousin": 200, **REFUSED}
    on_carols = {**ALL_REFUSED, "alice": 200, "carol": 200}
    expected: dict[str, dict[str, int]] = {"invoices": everybody, "credit-notes": everybody}
    for rest in ("", "/pdf", "/explain"):
        expected[f"invoices/{world.to_alice.number}{rest}"] = {**ALL_REFUSED, "alice": 200}
        expected[f"invoices/{world.to_carol.number}{rest}"] = on_carols
        expected[f"invoices/{world.to_dora.number}{rest}"] = {**ALL_REFUSED, "dora": 200}
        expected[f"invoices/INV-0{rest}"] = ALL_REFUSED
    for rest in ("", "/pdf"):
        expected[f"credit-notes/{note.number}{rest}"] = on_carols
        expected[f"credit-notes/CN-0{rest}"] = ALL_REFUSED

    assert {path: world.programs.statuses(path, expected[path]) for path in expected} == expected


def test_every_address_of_billing_in_the_document_is_tried_here() -> None:
    tried = {
        *("usage", "estimates", "invoices", "invoices/{number}", "invoices/{number}/pdf", "invoices/{number}/explain"),
        *("credit-notes", "credit-notes/{number}", "credit-notes/{number}/pdf", "payments", "statement"),
    }

    described = {path.removeprefix("/api/v1/") for path in document()["paths"]}
    of_others = ("plans", "partner/", "orders", "services/", "terms", "logins/")
    assert {path for path in described if not path.startswith(of_others)} == tried


def test_drafts_are_nobodys(world: World) -> None:
    draft = Invoice.objects.get(pk=world.to_dora.pk)
    draft.pk, draft.status, draft.number, draft.issued_on, draft.due_on = None, Invoice.Status.DRAFT, None, None, None
    draft.save(force_insert=True)

    assert [one["number"] for one in world.programs.results("dora", "invoices")] == ["INV-2026-2"]


@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ("role=both", "role"),
        ("state=late", "state"),
        ("month=2026-13", "month"),
        ("month=october", "month"),
        ("from=1.10.2026", "from"),
        ("from=2026-11-02&to=2026-11-01", "to"),
        ("buyer=C1", "buyer"),
        ("page_size=0", "page_size"),
    ],
)
def test_a_parameter_of_invoices_that_is_none_is_named(personas: Personas, query: str, attr: str) -> None:
    assert Programs(personas).refused("dora", f"invoices?{query}") == (400, attr)


# --- The list -----------------------------------------------------------------------------------------------------------------


def test_an_invoice_of_the_list_says_what_it_is_and_how_it_stands(world: World) -> None:
    credited(world.to_dora, "10")
    pay(world.personas.msp, world.personas.direct_customer, "42.80")

    (found,) = world.programs.results("dora", "invoices")

    base = "http://testserver/api/v1/invoices/INV-2026-2"
    assert found == {
        "number": "INV-2026-2",
        "kind": "monthly",
        "role": "bought",
        "seller": {"number": world.personas.msp.number, "name": world.personas.msp.name},
        "buyer": {"number": world.personas.direct_customer.number, "name": "Dora Design"},
        "period": {"from": "2026-10-01", "to": "2026-10-31"},
        "issued_on": "2026-11-02",
        "due_on": "2026-11-16",
        "state": "overdue",
        "net": eur("120.00"),
        "tax": eur("22.80"),
        "gross": eur("142.80"),
        "credited": eur("11.90"),
        "paid": eur("42.80"),
        "open": eur("88.10"),
        "url": base,
        "pdf_url": f"{base}/pdf",
        "explain_url": f"{base}/explain",
    }


def test_a_reseller_chooses_its_side(world: World) -> None:
    def numbers(who: str, query: str) -> list[tuple[str, str]]:
        return [(one["number"], one["role"]) for one in world.programs.results(who, f"invoices{query}")]

    assert numbers("alice", "") == [("INV-2026-1", "bought")]
    assert numbers("alice", "?role=sold") == [("R1-2026-1", "sold")]
    assert numbers("carol", "") == [("R1-2026-1", "bought")]
    assert numbers("carol", "?role=sold") == []


def test_each_state_finds_exactly_the_invoices_that_say_it(personas: Personas) -> None:
    service = subscribe(personas.direct_customer)
    programs = Programs(personas)

    def made(number: str, net: str, due_on: date = date(2026, 12, 1)) -> Invoice:
        return issued(personas.msp, personas.direct_customer, [line(service, net)], number=number, due_on=due_on)

    def paid(amount: str, invoice: Invoice) -> None:
        pay(personas.msp, personas.direct_customer, amount, invoices=[invoice.pk])

    made("UNPAID", "100")
    made("DUE-TODAY", "100", due_on=date(2026, 11, 20))
    made("LATE", "100", due_on=date(2026, 11, 19))
    made("BELOW", "-5")
    made("FREE", "0")
    paid("19", made("PARTLY", "100"))
    paid("19", made("LATE-PARTLY", "100", due_on=date(2026, 11, 19)))
    paid("119", made("PAID", "100"))
    credited(made("CREDITED", "100"), "100", number="CN-1")
    credited(made("PARTLY-CREDITED", "100"), "40", number="CN-2")

    found = {state: programs.results("dora", f"invoices?state={state}") for state in [*State.values, OPEN]}

    assert {state: {one["number"] for one in several} for state, several in found.items()} == {
        "unpaid": {"UNPAID", "DUE-TODAY", "PARTLY-CREDITED"},
        "overdue": {"LATE", "LATE-PARTLY"},
        "in_favour": {"BELOW"},
        "paid": {"FREE", "PAID"},
        "partly_paid": {"PARTLY"},
        "credited": {"CREDITED"},
        "open": {"UNPAID", "DUE-TODAY", "PARTLY-CREDITED", "LATE", "LATE-PARTLY", "PARTLY"},
    }
    assert all(one["state"] == state for state, several in found.items() if state != OPEN for one in several)
    pages = programs.walked("dora", "invoices", size=4)
    assert [len(page) for page in pages] == [4, 4, 2]
    assert pages[0][0]["number"] == "PARTLY-CREDITED"  # the newest first


def test_invoices_are_found_by_month_and_day_of_issue_with_both_ends(world: World) -> None:
    days = {"period_start": date(2026, 9, 15), "period_end": date(2026, 10, 1), "issued_on": date(2026, 10, 2)}
    service = subscribe(world.personas.direct_customer)
    issued(world.personas.msp, world.personas.direct_customer, [line(service, "1")], number="INV-2026-0", **days)

    def numbers(query: str) -> list[str]:
        return [one["number"] for one in world.programs.results("dora", f"invoices?{query}")]

    assert numbers("month=2026-09") == ["INV-2026-0"]
    assert numbers("month=2026-10") == ["INV-2026-2"]
    assert numbers("from=2026-11-02&to=2026-11-02") == ["INV-2026-2"]
    assert numbers("from=2026-10-03&to=2026-11-01") == []
    assert numbers("to=2026-10-02") == ["INV-2026-0"]


# --- One invoice --------------------------------------------------------------------------------------------------------------


def test_an_invoice_is_told_whole(world: World) -> None:
    note = credited(world.to_dora, "10")
    payment = pay(world.personas.msp, world.personas.direct_customer, "42.80", reference="INV-2026-2", note="Ours alone")

    found = world.programs.told("dora", "invoices/INV-2026-2")

    first, second = found["lines"]
    service = InvoiceLine.objects.get(invoice=world.to_dora, position=1).subscription
    assert service is not None
    assert first == {
        "position": 1,
        "service": service.number,
        "consumer": "Dora Design",
        "plan": service.plan_name,
        "item": STORAGE,
        "edition": "",
        "description": STORAGE,
        "period": {"from": "2026-10-01", "to": "2026-10-31"},
        "quantity": "1",
        "unit": "unit",
        "unit_price": eur("100.00"),
        "net": eur("100.00"),
        "tax_percent": "19",
    }
    assert second["net"] == eur("20.00")
    assert found["taxes"] == [{"name": "VAT 19 %", "percent": "19", "net": "120", "tax": "22.80"}]
    assert (found["tax_category"], found["tax_note"]) == ("S", "")
    assert found["credit_notes"] == [{"number": note.number, "issued_on": "2026-11-05", "gross": eur("11.90")}]
    assert found["payments"] == [
        {
            "payment": str(payment.key),
            "received_on": "2026-11-18",
            "method": "bank_transfer",
            "reference": "INV-2026-2",
            "amount": eur("42.80"),
        }
    ]
    assert found["open"] == eur("88.10")
    assert "Ours alone" not in str(found)


@pytest.mark.parametrize("accept", ["application/pdf", "*/*", "application/json"])
def test_the_document_is_a_pdf_and_its_refusals_are_json(world: World, accept: str) -> None:
    client, headers = world.programs.client("dora"), {"Accept": accept}

    answer = client.get("/api/v1/invoices/INV-2026-2/pdf", headers=headers)
    refusal = client.get("/api/v1/invoices/INV-2026-1/pdf", headers=headers)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="INV-2026-2.pdf"'
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.content.startswith(b"%PDF-")
    assert refusal.status_code == 404
    assert refusal.headers["Content-Type"] == "application/json"
    assert refusal.json()["errors"][0]["code"] == "not_found"


# --- Explain --------------------------------------------------------------------------------------------------------------------


def test_a_reseller_follows_what_it_buys_and_what_it_sells_and_nobody_is_told_the_cost(world: World) -> None:
    (bought,), (sold,) = (world.programs.results("alice", f"invoices/{number}/explain") for number in ("INV-2026-1", "R1-2026-1"))

    assert [(one["step"], one["factor"], one["price"]["amount"]) for one in bought["prices"]] == [
        ("list_price", None, "0.0777"),
        ("partner_discount", "20", "0.06216"),
    ]
    assert [one["step"] for one in sold["prices"]] == ["list_price", "partner_discount", "retail_markup"]
    assert bought["rate_card"] == "Rate card of October 2026, version 1."
    assert bought["net"] == eur("6.22")
    for told in (bought, sold):
        assert "0.0313" not in str(told)
        assert "3.13" not in str(told)


def test_a_resellers_customer_is_told_the_quantity_and_no_price_before_its_own(world: World) -> None:
    (found,) = world.programs.results("carol", "invoices/R1-2026-1/explain")

    assert (found["prices"], found["rate_card"], found["net"]) == ([], "", eur("9.32"))
    assert not [word for word in SECRET if word in str(found)]
    assert found["working"] == {
        "aggregation": "last",
        "measured": str(100 * GIB),
        "measurement_unit": "bytes",
        "divisor": str(GIB),
        "share": {"part": 16, "whole": 31},
        "used": "150",
        "included": "50",
        "tier": {"mode": "graduated", "above": "0", "up_to": "500"},
        "overage": None,
        "minimum": None,
        "fixed": None,
        "quantity": "100",
    }
    assert {"label": "Less what is included", "words": "150 GiB − 50 GiB free of charge = 100 GiB"} in found["facts"]
    assert found["readings"] == [
        {"day": "2026-10-01", "measured": str(90 * GIB), "quantity": "90", "storage": "", "report": 7, "report_line": 3},
        {"day": "2026-10-02", "measured": str(100 * GIB), "quantity": "100", "storage": "", "report": 7, "report_line": 4},
    ]


@pytest.mark.parametrize(
    ("reader", "organization"), [("alice", "reseller"), ("carol", "resellers_customer"), ("dora", "direct_customer")]
)
def test_a_program_is_told_what_the_pages_tell_who_acts_for_the_same(world: World, reader: str, organization: str) -> None:
    person, whole = getattr(world.personas, reader), getattr(world.personas, organization)

    for row in InvoiceLine.objects.select_related("invoice__seller"):
        assert explain_to(row, whole) == explain(row, person)


@pytest.mark.parametrize(
    ("working", "name", "expected"),
    [
        (
            {"overage": {"quota": "50", "day": "2026-10-12", "highest": "62.5", "above": "12.5", "billed_above": "10"}},
            "overage",
            {"quota": "50", "day": "2026-10-12", "highest": "62.5", "above": "12.5", "billed_before": "10"},
        ),
        (
            {"commitment": {"minimum": "50", "billed": "30", "days": 15, "days_of_month": 30}},
            "minimum",
            {"minimum": "50", "charged": "30", "days": 15, "days_of_month": 30},
        ),
        (
            {"price_from": "2026-10-01", "units": 2, "days": 9, "days_of_term": 9, "term": ["2026-10-01", "2027-10-01"]},
            "fixed",
            {
                "units": 2,
                "days": 9,
                "of_days": 9,
                "price_from": "2026-10-01",
                "term_months": None,
                "term_number": None,
                "term_from": "2026-10-01",
                "term_to": "2027-09-30",
            },
        ),
        ({"readings": [], "from_the_future": {"a": [1]}, "tier": {}, "term": []}, "tier", None),
    ],
    ids=["overage", "minimum", "term", "of another age"],
)
def test_each_kind_of_working_is_told_as_numbers(
    personas: Personas, working: dict[str, Any], name: str, expected: dict[str, Any] | None
) -> None:
    row = line(subscribe(personas.direct_customer), "1", working=working)
    issued(personas.msp, personas.direct_customer, [row], number="INV-1")

    (found,) = Programs(personas).results("dora", "invoices/INV-1/explain")

    assert found["working"][name] == expected


def test_lines_are_explained_in_their_order_page_by_page_or_one_alone(personas: Personas) -> None:
    service = subscribe(personas.direct_customer)
    issued(personas.msp, personas.direct_customer, [line(service, str(net)) for net in range(1, 6)], number="INV-1")
    programs = Programs(personas)

    pages = programs.walked("dora", "invoices/INV-1/explain", size=2)

    assert [[one["position"] for one in page] for page in pages] == [[1, 2], [3, 4], [5]]
    assert [one["net"] for one in programs.results("dora", "invoices/INV-1/explain?position=4")] == [eur("4.00")]
    assert programs.results("dora", "invoices/INV-1/explain?position=9") == []
    assert programs.refused("dora", "invoices/INV-1/explain?position=last") == (400, "position")


# --- Credit notes -------------------------------------------------------------------------------------------------------------


def test_a_credit_note_is_listed_and_told_whole(world: World) -> None:
    note = credited(world.to_carol, "1", number="R1-C-1")
    credited(world.to_dora, "10", number="CN-2")

    (listed,) = world.programs.results("carol", "credit-notes")
    whole = world.programs.told("carol", "credit-notes/R1-C-1")

    assert {name: whole[name] for name in listed} == listed
    assert (listed["invoice"], listed["role"], listed["gross"]) == ("R1-2026-1", "bought", eur("1.19"))
    assert (listed["reason"], listed["bills_again"]) == ("Agreed on the phone", False)
    (row,) = whole["lines"]
    assert (row["invoice_position"], row["consumer"], row["net"]) == (1, "Café Carol", eur("1.00"))
    assert world.programs.results("alice", "credit-notes") == []
    assert [one["number"] for one in world.programs.results("alice", "credit-notes?role=sold")] == [note.number]
    assert world.programs.results("carol", "credit-notes?invoice=INV-2026-2") == []
    assert world.programs.results("carol", "credit-notes?from=2026-11-06") == []
    assert world.programs.refused("carol", "credit-notes?to=november") == (400, "to")


# --- How much is asked of the database --------------------------------------------------------------------------------------------


def test_more_invoices_lines_and_payments_ask_no_more_of_the_database(world: World) -> None:
    programs, personas = world.programs, world.personas
    credited(world.to_dora, "1", number="CN-1")
    pay(personas.msp, personas.direct_customer, "1")
    of_one = "invoices/INV-2026-2"
    paths = ("invoices", "invoices?state=overdue", of_one, f"{of_one}/explain", "credit-notes", "payments", "statement")

    def asked() -> dict[str, int]:
        counted = {}
        for path in paths:
            programs.get("dora", path)
            with CaptureQueriesContext(connection) as captured:
                assert programs.get("dora", path).status_code == 200
            counted[path] = len(captured)
        return counted

    few = asked()
    service = subscribe(personas.direct_customer)
    for number in range(2, 5):
        invoice = issued(
            personas.msp, personas.direct_customer, [line(service, "9"), line(service, "9")], number=f"INV-2026-{number}0"
        )
        credited(invoice, "1", number=f"CN-{number}")
        pay(personas.msp, personas.direct_customer, "50")

    assert asked() == few
    assert max(few.values()) <= 8
    assert CreditNote.objects.filter(created_at=NOVEMBER_1).count() == 4
