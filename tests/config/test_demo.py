"""`make demo` as a stranger runs it; its totals are done again by hand, from the vendor's own report."""

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from common.periods import Period
from config.demo.price_list import PRICES
from sandbox import create_app

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
GIB = Decimal(1024**3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one demonstration left what came of it."""
    folder = tmp_path_factory.mktemp("demo")
    env = {**os.environ, "CLOUDTILL_STATE": str(folder), "DJANGO_SETTINGS_MODULE": "config.settings"}
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "CLOUDTILL_DURABLE"):
        env.pop(name, None)
    done = subprocess.run([sys.executable, "-m", "config.demo"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return found


def test_the_summary_names_what_was_ordered_and_billed(summary):
    expected = ["order", "tenant_id", "login", "subscription", "usage_rows", "invoice", "net", "tax", "gross", "currency", "pdf"]

    assert all(summary[name] for name in expected)
    assert [order["order"] for order in summary["orders"]] == ["O10001", "O10002", "O10003", "O10004"]


def test_the_invoice_is_usage_times_rates_done_by_hand(folder, summary):
    lines = by_hand(report(folder, summary), summary["customer_id"])

    assert {line["item"]: Decimal(line["net"]) for line in summary["lines"]} == {item: net for item, net in lines.items() if net}
    net = sum(lines.values())
    tax = cents(net * Decimal("0.19"))
    assert (Decimal(summary["net"]), Decimal(summary["tax"]), Decimal(summary["gross"])) == (net, tax, net + tax)


def test_a_resale_is_invoiced_twice_at_twenty_percent_less_and_then_thirty_more(summary):
    resale = next(order for order in summary["orders"] if order["consumer"] == "Isebek Architekten")
    wholesale, retail = (
        next(invoice for invoice in resale["invoices"] if invoice["seller"].startswith(seller))
        for seller in ("Northwind", "Alster")
    )

    for line in wholesale["lines"]:
        msp_price = Decimal(PRICES[line["item"]][1])
        sold_on = next(other for other in retail["lines"] if other["item"] == line["item"])
        assert Decimal(line["unit_price"]) == msp_price * Decimal("0.8")
        assert Decimal(sold_on["unit_price"]) == msp_price * Decimal("0.8") * Decimal("1.3")
        assert sold_on["quantity"] == line["quantity"]


def test_who_pays_in_francs_is_invoiced_in_francs(summary):
    [invoice] = next(order for order in summary["orders"] if order["consumer"] == "Matterhorn Treuhand AG")["invoices"]

    assert invoice["currency"] == "CHF"
    assert all(Decimal(line["unit_price"]) == Decimal(PRICES[line["item"]][1]) * Decimal("0.94") for line in invoice["lines"])


def test_a_plan_of_fixed_price_is_billed_a_twelfth_of_its_year(summary):
    [invoice] = next(order for order in summary["orders"] if order["consumer"] == "Elbe Verlag GmbH")["invoices"]

    overage, subscription = sorted(invoice["lines"], key=lambda line: line["item"])
    assert (subscription["item"], subscription["net"]) == ("subscription", "16.58")  # 199.00 / 12
    assert overage["item"] == "overage"  # it uses more than its 50 GB
    above = (Decimal(overage["quantity"]) * Decimal(overage["unit_price"])).quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert (overage["net"], overage["unit_price"]) == (str(above), "0.4")
    assert Decimal(invoice["gross"]) == ((Decimal("16.58") + above) * Decimal("1.19")).quantize(Decimal("0.01"), ROUND_HALF_UP)


def test_the_pdf_shows_the_number_and_the_total(summary):
    text = " ".join(page.extract_text() for page in PdfReader(summary["pdf"]).pages)

    assert summary["invoice"] in text
    assert summary["gross"] in text.replace(",", "")


def test_nothing_is_left_running(folder):
    state = next(folder.glob("state-*"))
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout

    assert str(state) not in running


def report(folder: Path, summary: dict[str, Any]) -> list[dict[str, str]]:
    """Ask the demonstration's sandbox, now that all is over, for the month's daily usage."""
    state = next(folder.glob("state-*"))
    credentials = json.loads((state / "sandbox.json").read_text())
    client = create_app(storage_path=state / "sandbox.sqlite3", **credentials).test_client()
    token = client.post(
        "/api/2/idp/token",
        data={"grant_type": "client_credentials"},
        auth=(credentials["client_id"], credentials["client_secret"]),
    ).json["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    root = client.get(f"/api/2/clients/{credentials['client_id']}", headers=headers).json["tenant_id"]
    month = Period.parse_month(summary["period"])
    asked = {
        "result_action": "save",
        "schedule": {"type": "once"},
        "parameters": {
            "tenant_id": root,
            "level": "accounts",
            "kind": "usage_daily",
            "formats": ["csv_v2_0"],
            "period": {"start": month.start.isoformat(), "end": month.last_day.isoformat()},
        },
    }
    number = client.post("/api/2/reports", json=asked, headers=headers).json["id"]
    for _ in range(50):
        [stored] = client.get(f"/api/2/reports/{number}/stored", headers=headers).json["items"]
        if stored["status"] == "saved":
            break
    packed = client.get(f"/api/2/reports/{number}/stored/{stored['id']}", headers=headers).data
    return list(csv.DictReader(io.StringIO(gzip.decompress(packed).decode())))


def by_hand(rows: list[dict[str, str]], customer_id: str) -> dict[str, Decimal]:
    """Last day's level, or the sum of what was used up, in GiB or pieces, times the price, rounded half up to the cent."""
    levels: dict[str, dict[str, Decimal]] = defaultdict(dict)
    used_up: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        if row["tenant.customer_id"] != customer_id or row["name"] not in PRICES:
            continue
        scale = GIB if row["measurement_unit"] == "bytes" else Decimal(1)
        if row["is_range"] == "True":
            used_up[row["name"]] += Decimal(row["usage.delta.production"]) / scale
        else:
            levels[row["name"]][row["date"]] = Decimal(row["usage.absolute.production"]) / scale
    quantities = {**{item: days[max(days)] for item, days in levels.items()}, **used_up}
    return {item: cents(quantity * Decimal(PRICES[item][1])) for item, quantity in quantities.items()}


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
