"""What a reseller is about to invoice to its customers."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Membership, Organization
from billing.models import BillingRun, Invoice, ParkedAccount
from billing.operations import runs
from catalog.models import Plan
from common import clock
from tests import factories
from tests.billing import making
from tests.billing.making import GIB, NOVEMBER_1, OCTOBER
from tests.conftest import Personas

pytestmark = pytest.mark.django_db
LIST = "/invoices/to-issue/"
OCTOBERS = {"month": "2026-10"}


@pytest.fixture(autouse=True)
def november(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOVEMBER_1)


@pytest.fixture
def plan(db: None) -> Plan:
    plan: Plan = factories.PlanFactory()
    making.rate_card(plan.product_group)
    return plan


def customer_of(reseller: Organization, plan: Plan, name: str) -> Organization:
    """A customer that used 100 GiB in October: 7.70 EUR net, the price plus 10 percent."""
    customer: Organization = factories.OrganizationFactory(name=name, parent=reseller)
    making.use(making.subscribe(customer, plan, retail_markup_percent=10), 100 * GIB, days=[date(2026, 10, 31)])
    return customer


@pytest.fixture
def run(personas: Personas, plan: Plan) -> BillingRun:
    """Alster IT's October: drafts for Zoe and Ede."""
    for name in ("Zoe", "Ede"):
        customer_of(personas.reseller, plan, name)
    runs.run_billing(seller_id=personas.msp.pk, period=OCTOBER, at=NOVEMBER_1)
    return runs.run_billing(seller_id=personas.reseller.pk, period=OCTOBER, at=NOVEMBER_1)


@pytest.fixture
def at_once(django_capture_on_commit_callbacks: Callable[..., Any]) -> Callable[..., str]:
    """Send a form, let the worker do at once what it asked for, and give the page it leads to."""

    def send(client: Client, url: str, form: dict[str, Any]) -> str:
        with django_capture_on_commit_callbacks(execute=True):
            answer = client.post(url, form)
        return client.get(answer["Location"]).content.decode()

    return send


def names(answer: Any) -> list[str]:
    return [row.name for row in answer.context["page"].object_list]


def test_a_reseller_sees_its_drafts_beside_the_last_month_and_issues_them_after_asking(
    personas: Personas, run: BillingRun, at_once: Callable[..., str]
) -> None:
    client = personas.client("alice")

    listed = client.get(LIST)
    assert names(listed) == ["Ede", "Zoe"]
    shown = listed.content.decode()
    for words in ("Issue 2 invoices", "7.70 EUR", "15.40 EUR", "New", "October 2026", "September 2026"):
        assert words in shown
    asked = client.get(f"{LIST}issue/", OCTOBERS).content.decode()
    assert "18.32 EUR including VAT and are dated 1 Nov 2026" in asked
    assert set(Invoice.objects.values_list("status", flat=True)) == {"draft"}

    issued = at_once(client, f"{LIST}issue/", OCTOBERS)

    assert "Nothing to issue for October 2026" in issued
    own = Invoice.objects.filter(seller=personas.reseller)
    assert set(own.values_list("status", "issued_on")) == {("issued", date(2026, 11, 1))}
    assert Invoice.objects.get(seller=personas.msp).status == "draft"


def test_a_draft_shows_its_lines_to_its_seller(personas: Personas, run: BillingRun) -> None:
    zoe = Organization.objects.get(name="Zoe")

    page = personas.client("alice").get(f"{LIST}{zoe.number}/", OCTOBERS).content.decode()

    for words in ("Draft for Zoe, October 2026", "100 GiB", "0.077 EUR", "7.70 EUR", "VAT 19 %", "9.16 EUR"):
        assert words in page


def test_a_held_draft_is_not_issued_until_it_is_released(personas: Personas, run: BillingRun, at_once: Callable[..., str]) -> None:
    client, zoes = personas.client("alice"), Invoice.objects.get(buyer__name="Zoe")

    page = at_once(client, f"{LIST}hold/", {**OCTOBERS, "invoice": zoes.pk})
    assert "1 draft is held: released, it is issued with the others." in page
    assert "Issue 1 invoice<" in page
    at_once(client, f"{LIST}issue/", OCTOBERS)
    zoes.refresh_from_db()
    assert (zoes.status, zoes.held_for) == ("draft", f"By hand: by {personas.alice}.")

    at_once(client, f"{LIST}release/", {**OCTOBERS, "invoice": zoes.pk})
    at_once(client, f"{LIST}issue/", OCTOBERS)
    zoes.refresh_from_db()
    assert zoes.status == "issued"


def test_drafts_are_brought_up_to_date_by_asking(
    personas: Personas, run: BillingRun, plan: Plan, at_once: Callable[..., str]
) -> None:
    client = personas.client("alice")
    customer_of(personas.reseller, plan, "Late")

    client.post(f"{LIST}update/")
    waiting = client.get(LIST).content.decode()
    assert "Your drafts are brought up to date in a moment." in waiting
    assert "hx-get" in waiting
    assert "Issue 2 invoices" not in waiting
    assert "HX-Refresh" not in client.get(f"{LIST}progress/", OCTOBERS)

    shown = at_once(client, f"{LIST}update/", {})

    assert "Late" in shown
    assert "Issue 3 invoices" in shown
    assert client.get(f"{LIST}progress/", OCTOBERS)["HX-Refresh"] == "true"


def test_who_could_not_be_billed_is_told_with_the_reason(personas: Personas, run: BillingRun) -> None:
    ParkedAccount.objects.create(
        run=run, buyer=Organization.objects.get(name="Zoe"), reason="There is no exchange rate.", parked_at=NOVEMBER_1
    )

    page = personas.client("alice").get(LIST).content.decode()

    assert "There is no exchange rate." in page
    assert "Issue 1 invoice<" in page


def test_the_list_is_narrowed_by_customer_flag_and_month(personas: Personas, run: BillingRun) -> None:
    client = personas.client("alice")

    assert names(client.get(LIST, {"q": "zo"})) == ["Zoe"]
    assert names(client.get(LIST, {"flag": "gone"})) == []
    assert names(client.get(LIST, {"month": "2026-10"})) == ["Ede", "Zoe"]
    assert names(client.get(LIST, {"month": "nonsense", "page": "x"})) == ["Ede", "Zoe"]


def test_before_anything_is_billed_the_page_says_what_it_is_for(personas: Personas) -> None:
    page = personas.client("alice").get(LIST).content.decode()

    assert "No month is billed yet" in page
    assert "Update drafts of October 2026" in page


def test_a_draft_that_is_not_to_be_issued_is_refused_in_a_sentence(personas: Personas, run: BillingRun) -> None:
    Invoice.objects.filter(seller=personas.reseller).update(held_for="Wait.")
    client = personas.client("alice")

    assert "there is none, or all are held" in client.get(f"{LIST}issue/", OCTOBERS).content.decode()
    assert "No draft of this run may be issued" in client.post(f"{LIST}issue/", OCTOBERS, follow=True).content.decode()


# --- Who may ------------------------------------------------------------------------------------------------------------------

WHO = ("nobody", "alice", "bob", "carol", "dora", "mira", "stranger")
LOOKS = {"": (302, 200, 200, 404, 404, 403, 403), "progress/": (302, 200, 404, 404, 404, 403, 403)}
DRAFT = (302, 200, 404, 404, 404, 403, 403)
MOVES = (302, 302, 404, 404, 404, 403, 403)


@pytest.mark.parametrize("n", range(len(WHO)), ids=WHO)
def test_each_door_answers_each_person(personas: Personas, run: BillingRun, n: int) -> None:
    client, zoe = personas.client(WHO[n]), Organization.objects.get(name="Zoe")

    for path, answers in LOOKS.items():
        assert client.get(f"{LIST}{path}", OCTOBERS).status_code == answers[n], path
    assert client.get(f"{LIST}{zoe.number}/", OCTOBERS).status_code == DRAFT[n]
    assert client.get(f"{LIST}issue/", OCTOBERS).status_code == DRAFT[n]
    for path in ("hold/", "release/", "issue/"):
        assert client.post(f"{LIST}{path}", OCTOBERS).status_code == MOVES[n], path
    if WHO[n] != "alice":
        assert BillingRun.objects.get(pk=run.pk).issue_wished_at is None


@pytest.mark.parametrize("role", [Membership.Role.VIEWER, Membership.Role.BUYER])
def test_only_an_administrator_moves_anything(personas: Personas, run: BillingRun, role: str) -> None:
    personas.alice.memberships.update(role=role)
    client = personas.client("alice")

    listed = client.get(LIST)
    assert listed.status_code == 200
    for words in ("Issue 2 invoices", ">Hold", "Update drafts"):
        assert words not in listed.content.decode()
    for path in ("issue/", "hold/", "release/", "update/"):
        assert client.post(f"{LIST}{path}", {**OCTOBERS, "invoice": Invoice.objects.first().pk}).status_code == 403, path  # type: ignore[union-attr]
    assert client.get(f"{LIST}issue/", OCTOBERS).status_code == 403


def test_a_reseller_holds_no_draft_of_anothers(personas: Personas, run: BillingRun, plan: Plan) -> None:
    customer_of(personas.other_reseller, plan, "Bobs")
    runs.run_billing(seller_id=personas.msp.pk, period=OCTOBER, at=NOVEMBER_1)
    runs.run_billing(seller_id=personas.other_reseller.pk, period=OCTOBER, at=NOVEMBER_1)
    others = list(Invoice.objects.exclude(seller=personas.reseller).values_list("pk", flat=True))
    assert len(others) == 3

    personas.client("alice").post(f"{LIST}hold/", {**OCTOBERS, "invoice": others})

    assert not Invoice.objects.exclude(held_for="").exists()


def test_a_draft_of_another_seller_is_not_found(personas: Personas, run: BillingRun, plan: Plan) -> None:
    bobs = customer_of(personas.other_reseller, plan, "Bobs")
    runs.run_billing(seller_id=personas.other_reseller.pk, period=OCTOBER, at=NOVEMBER_1)

    for number in (bobs.number, personas.reseller.number, "C0", "a\0b"):
        assert personas.client("alice").get(f"{LIST}{number}/", OCTOBERS).status_code == 404, number
    assert personas.client("alice").get(f"{LIST}progress/", {"month": "2026-13"}).status_code == 404


def test_the_amounts_of_a_large_list_are_asked_for_at_once(
    personas: Personas, run: BillingRun, plan: Plan, django_assert_max_num_queries: Any
) -> None:
    client = personas.client("alice")
    for number in range(5):
        customer_of(personas.reseller, plan, f"Customer {number}")
    runs.run_billing(seller_id=personas.reseller.pk, period=OCTOBER, at=NOVEMBER_1)

    with django_assert_max_num_queries(18):
        listed = client.get(LIST)

    assert len(names(listed)) == 7
    assert listed.context["sums"][0].now == Decimal("53.90")
    assert reverse("billing:issue_drafts") in listed.content.decode()
