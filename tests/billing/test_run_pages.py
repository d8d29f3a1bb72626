"""Billing runs in the back office: asked for, looked at, held, issued; by each role."""

import csv
import io
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from billing.holding import Rules
from billing.models import BillingRun, Invoice, ParkedAccount, Subscription
from billing.operations import issuing, run_queue, runs
from common import clock
from common.periods import Period
from tests import factories
from tests.billing import making
from tests.billing.making import GIB, NOVEMBER_1, OCTOBER
from tests.conftest import Personas

pytestmark = pytest.mark.django_db
SEPTEMBER = Period(date(2026, 9, 1), date(2026, 10, 1))
RUN_PAGE = "admin:billing_billingrun_"


@pytest.fixture(autouse=True)
def november(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOVEMBER_1)


@pytest.fixture
def at_once(django_capture_on_commit_callbacks: Callable[..., Any]) -> Callable[..., Any]:
    """Send a form and let the worker do at once what it asked for."""

    def send(client: Client, url: str, form: dict[str, Any] | None = None) -> Any:
        with django_capture_on_commit_callbacks(execute=True):
            return client.post(url, form or {})

    return send


@pytest.fixture
def october(personas: Personas) -> Subscription:
    """dora used 100 GiB all October at 0.07 EUR: 7.00 EUR net, 8.33 EUR gross."""
    subscription = making.subscribe(personas.direct_customer, started_on=SEPTEMBER.start)
    making.use(subscription, 100 * GIB)
    making.rate_card(subscription.plan.product_group, month=SEPTEMBER.start)
    return subscription


@pytest.fixture
def run(personas: Personas, october: Subscription) -> BillingRun:
    return runs.run_billing(seller_id=personas.msp.pk, period=OCTOBER, at=NOVEMBER_1)


def address(what: str, run: BillingRun) -> str:
    return reverse(f"{RUN_PAGE}{what}", args=[run.pk])


def page_of(client: Client, run: BillingRun, what: str = "change", **query: str) -> str:
    return str(client.get(address(what, run), query).content.decode())


# --- From asking to issued ------------------------------------------------------------------------------------------------


def test_a_billing_manager_asks_for_a_month_watches_it_looks_and_issues(
    personas: Personas, october: Subscription, at_once: Callable[..., Any]
) -> None:
    client = personas.client("bert")

    asked = client.post(reverse(f"{RUN_PAGE}run"), {"seller": personas.msp.pk, "month": "2026-10"}, follow=True).content.decode()
    run = BillingRun.objects.get()
    assert (run.status, run.wished_by) == ("queued", personas.bert)
    assert "A worker begins in a moment." in asked
    assert f'hx-get="{address("progress", run)}"' in asked
    assert "Run again" not in asked

    run_queue.work_off(run.pk, at=NOVEMBER_1)
    shown = page_of(client, run)
    assert "1 of 1 account looked at, 0 parked." in shown
    assert "None: every account could be billed." in shown
    assert address("progress", run) not in shown
    assert "7.00 EUR" in shown

    sentences = page_of(client, run, "issue_all")
    assert "1 invoice of Northwind Cloud GmbH for October 2026, 8.33 EUR including VAT." in sentences
    at_once(client, address("issue_all", run))

    invoice = Invoice.objects.get()
    assert (invoice.status, invoice.gross, invoice.issued_on) == ("issued", Decimal("8.33"), date(2026, 11, 1))


def test_the_part_that_keeps_itself_up_to_date_tells_how_far_it_is_and_then_loads_the_page_anew(
    personas: Personas, run: BillingRun
) -> None:
    client = personas.client("bert")
    BillingRun.objects.update(status="running", accounts_done=40, accounts_total=100)

    working = client.get(address("progress", run))
    assert "40 of 100 accounts looked at" in working.content.decode()
    assert 'max="100" value="40"' in working.content.decode()
    assert "HX-Refresh" not in working

    BillingRun.objects.update(status="finished", issue_wished_at=NOVEMBER_1, issue_on=date(2026, 11, 1))
    assert "0 of 1 invoice issued, dated 1 Nov 2026." in client.get(address("progress", run)).content.decode()

    BillingRun.objects.update(issue_wished_at=None)
    assert client.get(address("progress", run))["HX-Refresh"] == "true"


def test_a_run_is_stopped_and_told_why_it_ended(personas: Personas, run: BillingRun) -> None:
    client = personas.client("bert")
    client.post(address("run_again", run))

    page = client.post(address("stop", run), follow=True).content.decode()

    assert f"Stopped by {personas.bert} after 0 of 1 accounts." in page
    assert "Stopped</span>" in page
    assert "Issue all drafts" not in page


def test_looking_at_what_would_be_issued_issues_nothing(personas: Personas, run: BillingRun) -> None:
    personas.client("bert").get(address("issue_all", run))

    assert Invoice.objects.get().status == "draft"
    assert BillingRun.objects.get().issue_wished_at is None


def test_issuing_under_way_is_shown_and_can_be_stopped(personas: Personas, run: BillingRun) -> None:
    issuing.queue_issuing(run_id=run.pk, on=date(2026, 11, 1), by=personas.bert, at=NOVEMBER_1)
    client = personas.client("bert")
    assert "Issuing</span>" in page_of(client, run)

    client.post(address("stop_issuing", run))

    assert issuing.issue_off(run.pk, at=NOVEMBER_1) == 0
    assert "Issuing was stopped by" in page_of(client, run)


def test_a_month_that_is_not_over_cannot_even_be_chosen(personas: Personas) -> None:
    page = personas.client("bert").post(reverse(f"{RUN_PAGE}run"), {"seller": personas.msp.pk, "month": "2026-11"})

    assert "month" in page.context["form"].errors
    assert not BillingRun.objects.exists()


# --- Parked accounts --------------------------------------------------------------------------------------------------------


def test_parked_accounts_are_told_with_the_reason_and_tried_again_one_or_all(
    personas: Personas, october: Subscription, at_once: Callable[..., Any]
) -> None:
    group = factories.ProductGroupFactory(name="No card")
    plan = factories.PlanFactory(product_group=group)
    zoe, ede = (factories.OrganizationFactory(name=name) for name in ("Zoe", "Ede"))
    for buyer in (zoe, ede):
        making.use(making.subscribe(buyer, plan), 100 * GIB)
    run = runs.run_billing(seller_id=personas.msp.pk, period=OCTOBER, at=NOVEMBER_1)
    client = personas.client("bert")

    page = page_of(client, run)
    assert "Try all 2 again" in page
    assert page.count("has no rate card") == 2
    still = client.post(address("try_again", run), {"buyer": zoe.pk}, follow=True).content.decode()
    assert "Zoe is still parked: “No card” has no rate card" in still

    making.rate_card(group)
    assert "Zoe is billed." in client.post(address("try_again", run), {"buyer": zoe.pk}, follow=True).content.decode()
    assert [one.buyer for one in ParkedAccount.objects.all()] == [ede]
    again = client.post(address("try_again", run), {"buyer": zoe.pk}, follow=True).content.decode()
    assert "This account is not parked any more." in again

    at_once(client, address("try_again", run))
    assert not ParkedAccount.objects.exists()
    assert Invoice.objects.filter(buyer__in=[zoe, ede], net=7).count() == 2


# --- Preview and rules ------------------------------------------------------------------------------------------------------


@pytest.fixture
def compared(personas: Personas, october: Subscription) -> BillingRun:
    """October beside September: dora 14.00 after 7.00, Zoe new with 7.00, Ede gone after 7.00."""
    plan = october.plan
    making.use(october, 100 * GIB, days=[date(2026, 9, 30)])
    making.use(october, 200 * GIB, days=[date(2026, 10, 31)])
    for name, day in (("Zoe", date(2026, 10, 31)), ("Ede", date(2026, 9, 30))):
        buyer = factories.OrganizationFactory(name=name, number=f"=C{name}")
        making.use(making.subscribe(buyer, plan, started_on=SEPTEMBER.start), 100 * GIB, days=[day])
    runs.run_billing(seller_id=personas.msp.pk, period=SEPTEMBER, at=NOVEMBER_1)
    return runs.run_billing(seller_id=personas.msp.pk, period=OCTOBER, at=NOVEMBER_1)


def names(answer: Any) -> list[str]:
    return [row.name for row in answer.context["pages"].object_list]


def test_the_preview_shows_every_buyer_beside_the_last_month_and_is_narrowed_and_sorted(
    personas: Personas, compared: BillingRun
) -> None:
    client, url = personas.client("bert"), address("preview", compared)

    page = client.get(url)

    assert names(page) == ["Dora Design", "Ede", "Zoe"]
    shown = page.content.decode()
    for words in ("14.00 EUR", "100.0 %", "Changed", "New", "Gone", "-7.00 EUR", "21.00 EUR"):
        assert words in shown
    for query, expected in (
        ({"flag": "gone"}, ["Ede"]),
        ({"flag": "nonsense"}, ["Dora Design", "Ede", "Zoe"]),
        ({"q": "zO"}, ["Zoe"]),
        ({"currency": "USD"}, []),
        ({"sort": "-now"}, ["Dora Design", "Zoe", "Ede"]),
        ({"sort": "difference"}, ["Ede", "Dora Design", "Zoe"]),
        ({"sort": "1; drop"}, ["Dora Design", "Ede", "Zoe"]),
        ({"page": "99"}, ["Dora Design", "Ede", "Zoe"]),
    ):
        assert names(client.get(url, query)) == expected, query


def test_what_the_preview_shows_is_a_file_too_that_no_spreadsheet_runs(personas: Personas, compared: BillingRun) -> None:
    answer = personas.client("bert").get(address("preview", compared), {"export": "csv", "sort": "name"})

    assert answer["Content-Disposition"] == 'attachment; filename="preview-M1-2026-10.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [(row["number"], row["last_month"], row["this_month"], row["difference"], row["flags"]) for row in rows] == [
        (personas.direct_customer.number, "7.00", "14.00", "7.00", "changed"),
        ("'=CEde", "7.00", "", "-7.00", "gone"),
        ("'=CZoe", "", "7.00", "7.00", "new"),
    ]


def test_a_draft_is_held_and_released_from_the_preview_which_stays_as_it_was(personas: Personas, compared: BillingRun) -> None:
    client, draft = personas.client("bert"), Invoice.objects.get(buyer__name="Zoe")

    back = client.post(address("hold", compared), {"invoice": draft.pk, "query": "flag=new&next=//evil"})

    assert back["Location"] == f"{address('preview', compared)}?flag=new"
    draft.refresh_from_db()
    assert draft.held_for == f"By hand: by {personas.bert}."
    assert "and not among them" in page_of(client, compared, "issue_all")

    client.post(address("release", compared), {"invoice": ["1x", draft.pk]})
    draft.refresh_from_db()
    assert draft.held_for == ""


def test_rules_hold_drafts_at_once_and_all_held_are_released_after_asking(personas: Personas, compared: BillingRun) -> None:
    client = personas.client("bert")
    form = client.get(address("rules", compared)).context["form"]
    assert list(form.fields)[:2] == ["above_EUR", "below_EUR"]

    filled = {"above_EUR": "10", "change_percent": "", "flag_percent": "30", "new_customers": "on"}
    page = client.post(address("rules", compared), filled, follow=True).content.decode()

    assert "The rules are applied: 2 drafts are held." in page
    held = dict(Invoice.objects.filter(run=compared).values_list("buyer__name", "held_for"))
    assert held == {
        "Dora Design": "Net 14.00 EUR is more than 10.00 EUR. It is the first invoice of this buyer.",
        "Zoe": "It is the first invoice of this buyer.",
    }
    assert "2 drafts are held." in page_of(client, compared, "release_all")

    client.post(address("release_all", compared))
    assert not Invoice.objects.exclude(held_for="").exists()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"above_EUR": "much"}, "above_EUR"), ({"change_percent": "-1"}, "change_percent"), ({"flag_percent": ""}, "flag_percent")],
)
def test_what_is_no_rule_is_refused_beside_its_field(
    personas: Personas, run: BillingRun, wrong: dict[str, str], field: str
) -> None:
    page = personas.client("bert").post(address("rules", run), {"flag_percent": "30", **wrong})

    assert field in page.context["form"].errors
    assert Rules.from_json(BillingRun.objects.get().rules) == Rules()


def test_allowing_unknown_cost_bills_the_month_again(personas: Personas, run: BillingRun, at_once: Callable[..., Any]) -> None:
    at_once(personas.client("bert"), address("rules", run), {"flag_percent": "30", "allows_unknown_cost": "on"})

    run.refresh_from_db()
    assert (run.allows_unknown_cost, run.status) == (True, "finished")


# --- Who may ------------------------------------------------------------------------------------------------------------------

LOOKS = ("change", "preview", "progress")
FORMS = {"rules": "get", "issue_all": "get", "release_all": "get"}
MOVES = ("run_again", "stop", "stop_issuing", "issue_all", "release_all", "try_again", "hold", "release", "rules")


@pytest.mark.parametrize("person", ["nobody", "dora", "alice", "mira"])
def test_who_does_not_bill_gets_to_no_page_and_moves_nothing(personas: Personas, run: BillingRun, person: str) -> None:
    client = personas.client(person)

    for what in (*LOOKS, *FORMS):
        assert client.get(address(what, run)).status_code in (302, 403), what
    for what in MOVES:
        assert client.post(address(what, run)).status_code in (302, 403), what
    assert client.post(reverse(f"{RUN_PAGE}run"), {"seller": personas.msp.pk, "month": "2026-09"}).status_code in (302, 403)

    run.refresh_from_db()
    assert (run.status, run.issue_wished_at, BillingRun.objects.count()) == ("finished", None, 1)


def test_who_may_only_look_moves_nothing(personas: Personas, run: BillingRun) -> None:
    permissions = personas.bert.groups.get().permissions
    permissions.remove(*permissions.filter(codename__in=["issue_invoice", "add_billingrun"]))
    client = personas.client("bert")

    for what in LOOKS:
        assert client.get(address(what, run)).status_code == 200, what
    for what in (*MOVES,):
        assert client.post(address(what, run), {"invoice": Invoice.objects.get().pk}).status_code == 403, what
    assert client.get(reverse(f"{RUN_PAGE}run")).status_code == 403
    assert client.get(address("rules", run)).status_code == 403
    shown = page_of(client, run) + page_of(client, run, "preview")
    for label in ("Issue all", "Run again", "Rules for holding", ">Hold</button>"):
        assert label not in shown
    assert Invoice.objects.get().status == "draft"


@pytest.mark.parametrize("what", ["hold", "release", "try_again", "run_again", "stop"])
def test_nothing_is_moved_by_looking(personas: Personas, run: BillingRun, what: str) -> None:
    assert personas.client("root").get(address(what, run)).status_code == 405


def test_the_list_tells_the_state_of_each_run(personas: Personas, run: BillingRun) -> None:
    run_queue.queue_run(
        seller_id=personas.reseller.pk, period=OCTOBER, rules=None, allows_unknown_cost=None, by=None, at=NOVEMBER_1
    )

    page = personas.client("bert").get(reverse(f"{RUN_PAGE}changelist")).content.decode()

    assert "Queued" in page
    assert "Finished" in page
