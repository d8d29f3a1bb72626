"""
The story of `make demo`: four orders, a month of usage, invoices on two levels.

Everything people do is done through the pages, signed in as those people. What the timetable does at night is done by the commands
the timetable uses.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from config.demo.people import ALICE, BERT, DORA, ELKE, MIRA, PASSWORD, PAUL
from config.demo.price_list import filled_sheet
from config.demo.visitor import StoryFailed, Visitor
from config.processes import Stack

PATIENCE_SECONDS = 90


@dataclass(frozen=True, slots=True)
class Chapter:
    """What happened, and how long it took."""

    title: str
    outcome: str
    seconds: float


class Story:
    """
    Told on a running stack whose clock stands at ``begin``, the first day of a month that is over; ends at ``end``.

    :param folder: where rate card, PDFs and secrets of the second factors go.
    :param second_factors: staff sign in with a second factor, as the installation must be set to ask for.
    :raises StoryFailed: by `tell`, where it cannot go on.
    """

    def __init__(self, stack: Stack, *, folder: Path, begin: datetime, end: datetime, second_factors: bool = True) -> None:
        self.stack = stack
        self.folder = folder
        self.begin = begin
        self.end = end
        self.second_factors = second_factors
        self.month = begin.strftime("%Y-%m")
        self.chapters: list[Chapter] = []

    def tell(self) -> dict[str, Any]:
        """Go through the whole story and return the summary."""
        factors = self._seed()
        dora, direct = self.direct_customer_orders()
        self.await_service(dora, direct)
        alice, resold = self._reseller_orders()
        self.await_service(alice, resold)
        elke, fixed = self._order_by_url(factors.get(PAUL.email, ""))
        self.await_service(elke, fixed)
        on_behalf = self._account_manager_orders(factors.get(MIRA.email, ""))
        bert = self._rate_card(factors.get(BERT.email, ""))
        self._month_passes()
        self._billing(bert, seller="Northwind Cloud GmbH")
        self._billing(bert, seller="Alster IT GmbH")
        orders = {number: json.loads(self.stack.manage("demo_facts", number)) for number in (direct, resold, fixed, on_behalf)}
        return self._summary(dora, orders, direct)

    # --- Chapters -------------------------------------------------------------------------------------------------------

    def _seed(self) -> dict[str, str]:
        secrets = self.folder / "second_factors.json"
        wanted = ("--second-factors", str(secrets)) if self.second_factors else ()
        with self.chapter("MSP, people, plan and service manager are set up") as outcome:
            self.stack.manage("seed_demo", "--without-rate-card", *wanted)
            outcome("connected with Acronis, services definition fetched")
        factors: dict[str, str] = json.loads(secrets.read_text(encoding="utf-8")) if self.second_factors else {}
        return factors

    def direct_customer_orders(self) -> tuple[Visitor, str]:
        """Sign Dora in and take her from the shop page to a placed order; return her and its number."""
        dora = Visitor(self.stack.web_url)
        with self.chapter("Dora, a direct customer, orders in the storefront") as outcome:
            dora.sign_in(DORA.email, PASSWORD)
            self._fill_basket(dora)
            self._choose_settings(dora, protection_model="per_gigabyte", file_sync_model="per_user")
            number = self._check_out(dora, login="dora.kern", email=DORA.email)
            outcome(f"order {number}")
        return dora, number

    def _reseller_orders(self) -> tuple[Visitor, str]:
        alice = Visitor(self.stack.web_url)
        with self.chapter("Alice, a reseller, orders for a new end customer") as outcome:
            alice.sign_in(ALICE.email, PASSWORD)
            self._fill_basket(alice)
            alice.open("/basket/customer/")
            alice.submit(
                "main form:has(input[name=name])",
                name="Isebek Architekten",
                billing_email="rechnung@isebek.example",
                address_line1="Isestraße 55",
                postcode="20149",
                city="Hamburg",
            )
            alice.expect("/basket/")
            self._choose_settings(alice, protection_model="per_workload", file_sync_model="per_user")
            number = self._check_out(alice, login="isebek.admin", email="it@isebek.example")
            outcome(f"order {number} for Isebek Architekten")
        return alice, number

    def _order_by_url(self, second_factor: str) -> tuple[Visitor, str]:
        paul, elke = Visitor(self.stack.web_url), Visitor(self.stack.web_url)
        with self.chapter("Paul, product manager, copies an order URL; Elke follows it, signs in and orders") as outcome:
            paul.sign_in(PAUL.email, PASSWORD, second_factor=second_factor)
            paul.open("/bss/catalog/plan/?q=Backup")
            paul.open(str(paul.find("#result_list tbody a")["href"]))
            elke.open(urlsplit(self._order_url_for("12 months", paul)).path)
            elke.expect("/accounts/login/")
            elke.submit("form:has(input[name=password])", login=ELKE.email, password=PASSWORD)
            elke.expect("/basket/")
            elke.submit("main form:has(select[name$=term_months])", "Proceed to checkout")
            number = self._check_out(elke, login="elke.sander", email=ELKE.email)
            outcome(f"order {number}: 50 GB for 12 months")
        return elke, number

    def _order_url_for(self, term: str, product_manager: Visitor) -> str:
        for line in product_manager.browser.page.select(".pkg-urls tbody tr"):
            cells = [cell.get_text(strip=True) for cell in line.select("td")]
            if cells[:2] == ["Your own storefront", term]:
                return cells[2]
        raise StoryFailed(f"The plan's page {product_manager.path} has no order URL for {term}.")

    def _account_manager_orders(self, second_factor: str) -> str:
        mira = Visitor(self.stack.web_url)
        with self.chapter("Mira, account manager, creates an order in the BSS") as outcome:
            mira.sign_in(MIRA.email, PASSWORD, second_factor=second_factor)
            mira.open("/bss/accounts/organization/?q=Matterhorn")
            number = mira.find("#result_list tbody a").get_text(strip=True)
            mira.open(f"/bss/ordering/order/create/?consumer={number}")
            mira.submit(
                "form:has(select[name=protection_model])",
                "Place order",
                plan=mira.option("plan", "Cyber Protect pay-as-you-go"),
                protection_model="per_gigabyte",
                file_sync_model="per_workload",
                login="matterhorn.it",
                email="it@matterhorn.example",
            )
            mira.expect("/bss/ordering/order/")
            page = mira.path
            mira.open(page.replace("/change/", "/preview/"))
            actions = len(mira.browser.page.select("li"))
            if not mira.has("Create the customer tenant “Matterhorn Treuhand AG”"):
                raise StoryFailed(f"The BSS does not say what would change at Acronis: {mira.complaints()}")
            mira.open(page)
            outcome(f"{actions} actions would be taken at Acronis")
        with self.chapter("Mira executes it") as outcome:
            mira.submit("form[action$='/execute/']")
            self._wait_until(mira, page, "Completed")
            outcome("tenant, user and subscription are there")
        mira.open("/bss/ordering/order/?q=Matterhorn")
        return str(mira.find("#result_list tbody th a, #result_list tbody td a").get_text(strip=True))

    def _rate_card(self, second_factor: str) -> Visitor:
        bert = Visitor(self.stack.web_url)
        with self.chapter("Bert, billing manager, imports the rate card") as outcome:
            bert.sign_in(BERT.email, PASSWORD, second_factor=second_factor)
            bert.open("/bss/billing/ratecard/import/")
            group = bert.option("product_group", "Cyber Protect")
            sheet = self.folder / "rate-card.xlsx"
            sheet.write_bytes(filled_sheet(bert.download(f"/bss/billing/ratecard/import-sheet-format/?product_group={group}")))
            bert.submit(
                "form:has(input[type=file])",
                "",
                {"file": sheet},
                product_group=group,
                currency="EUR",
                exchange_rate="1",
                month=str(self.begin.month),
                year=str(self.begin.year),
            )
            if bert.path.endswith("/import/"):
                raise StoryFailed(f"The rate card was refused: {bert.complaints()}")
            bert.submit("form[action$='/confirm/']")
            if "/import/" in bert.path:
                raise StoryFailed(f"The rate card was not confirmed: {bert.complaints()}")
            outcome(f"for {self.month}, from the sheet the BSS offers")
        return bert

    def _month_passes(self) -> None:
        with self.chapter("A month goes by; the nightly import takes its usage") as outcome:
            _post(f"{self.stack.sandbox_url}/sandbox/clock", {"now": self.end.isoformat()})
            set_clock(Path(self.stack.env["CLOCK_FILE"]), self.end)
            said = self.stack.manage("collect_usage", "--period", self.month, "--wait")
            outcome(" ".join(said.split())[:70])

    def _billing(self, bert: Visitor, *, seller: str) -> None:
        with self.chapter(f"Bert runs billing of {seller} and issues the drafts") as outcome:
            bert.open("/bss/billing/billingrun/run/")
            bert.submit("form:has(select[name=seller])", seller=bert.option("seller", seller), month=self.month)
            bert.expect("/bss/billing/billingrun/")
            run = bert.path
            self._wait_until(bert, run, "Finished")
            if not bert.has("None: every account could be billed."):
                raise StoryFailed(f"An account of {seller} was parked, or the run was stopped: {run}")
            bert.open(run.replace("/change/", "/issue-all/"))
            bert.submit("form.bss-moves")
            self._wait_until(bert, run, "Everything is issued")
            outcome(" ".join(str(bert.find(".bss-done").text).split()))

    def _summary(self, dora: Visitor, orders: dict[str, Any], direct: str) -> dict[str, Any]:
        facts = orders[direct]
        invoice = facts["invoices"][0]
        pdf = self.folder / f"{invoice['number']}.pdf"
        with self.chapter("Dora downloads her invoice") as outcome:
            pdf.write_bytes(dora.download(f"/invoices/{invoice['number']}/pdf/"))
            outcome(f"{invoice['number']}: {invoice['gross']} {invoice['currency']}, {pdf.stat().st_size // 1024} KB")
        return {
            "order": facts["order"],
            "tenant_id": facts["tenant_id"],
            "customer_id": facts["customer_id"],
            "login": facts["login"],
            "subscription": facts["subscription"],
            "usage_rows": facts["usage_rows"],
            "invoice": invoice["number"],
            **{name: invoice[name] for name in ("net", "tax", "gross", "currency")},
            "pdf": str(pdf),
            "period": self.month,
            "lines": invoice["lines"],
            "orders": list(orders.values()),
            "chapters": [{"title": c.title, "outcome": c.outcome, "seconds": round(c.seconds, 2)} for c in self.chapters],
        }

    # --- What the chapters share ------------------------------------------------------------------------------------------

    def _fill_basket(self, visitor: Visitor) -> None:
        visitor.open("/?billing=pay_as_you_go")
        visitor.open(str(visitor.find("a[href^='/products/']")["href"]))
        visitor.submit("form[action^='/basket/add/']")
        visitor.expect("/basket/")

    def _choose_settings(self, visitor: Visitor, **settings: str) -> None:
        fields = {str(visitor.find(f"select[name$='{name}']")["name"]): value for name, value in settings.items()}
        visitor.submit("form:has(select[name$=protection_model])", "Proceed to checkout", **fields)

    def _check_out(self, visitor: Visitor, *, login: str, email: str) -> str:
        visitor.expect("/checkout/terms/")
        ticks = {str(tick["name"]): "on" for tick in visitor.browser.page.select("main input[type=checkbox]")}
        visitor.submit("main form:has(input[type=checkbox])", **ticks)
        visitor.expect("/checkout/billing/")
        visitor.submit("main form[method=post]")
        visitor.expect("/checkout/service/")
        visitor.submit("main form:has(input[name=login])", login=login, email=email)
        visitor.expect("/checkout/review/")
        visitor.submit("main form[method=post]")
        visitor.expect("/orders/")
        return visitor.path.strip("/").split("/")[-1]

    def await_service(self, visitor: Visitor, number: str) -> None:
        """Look at the order page until it says that the service is ready."""
        with self.chapter(f"Acronis is brought to agree with {number}") as outcome:
            self._wait_until(visitor, f"/orders/{number}/", "Manage Your Service")
            steps = len(visitor.browser.page.select(".timeline li"))
            outcome(f"{steps} steps on the order page, then “Manage Your Service”")

    def _wait_until(self, visitor: Visitor, path: str, text: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            visitor.open(path)
            if visitor.has(text):
                return
            if visitor.has("could not be finished"):
                raise StoryFailed(f"{path}: {visitor.complaints()}")
            self.stack.check()
            time.sleep(0.3)
        raise StoryFailed(f"{path} did not show “{text}” within {PATIENCE_SECONDS} seconds.")

    @contextmanager
    def chapter(self, title: str) -> Iterator[Any]:
        """Time a chapter; what its outcome is called with is printed beside it."""
        said: list[str] = []
        begin = time.monotonic()
        yield said.append
        self.chapters.append(Chapter(title, " ".join(said), time.monotonic() - begin))


def set_clock(file: Path, moment: datetime) -> None:
    """Set the installation's clock (setting CLOCK_FILE, see `common.clock`)."""
    scratch = file.with_suffix(".new")
    scratch.write_text(str((moment - datetime.now(UTC)).total_seconds()))
    scratch.replace(file)


def last_month(today: date) -> tuple[datetime, datetime]:
    """Return when the story begins and ends: mornings of the firsts of the month before ``today`` and of its own."""
    end = datetime(today.year, today.month, 1, 8, 0, tzinfo=UTC)
    year, month = (today.year, today.month - 1) if today.month > 1 else (today.year - 1, 12)
    return datetime(year, month, 1, 8, 0, tzinfo=UTC), end


def _post(url: str, body: dict[str, str]) -> None:
    request = Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310  our own sandbox
    with urlopen(request, timeout=10):  # noqa: S310
        pass
