"""
How many invoices a second one core draws as PDF: one customer, 10 lines, each invoice with its own names and figures.

With the payment code, without it, and with code and e-invoice inside. The yardstick is reportlab bare: the same page of text lines
with a standard font, no layout, no embedded font, no code, nothing read from the database.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from io import BytesIO
from uuid import uuid4

from reportlab.pdfgen.canvas import Canvas

from accounts.models import Organization
from billing.documents import invoice_pdf
from billing.models import Invoice, InvoiceLine, Subscription
from catalog.models import Plan, Product, ProductGroup, ProductType, Venture
from provisioning.models import Service, ServiceManager, Tenant

MEASURES = ("billing.pdf_per_s", "billing.pdf_without_code_per_s", "billing.pdf_with_einvoice_per_s")
LINES = 10
ROUNDS = 60
AT = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
PRICE = Decimal("0.07")
TRANSFER, CHEQUE = "IBAN DE02 1203 0000 0000 2020 51", "By cheque"


def run() -> Iterator[dict[str, object]]:
    """Yield PDFs per second and core, database reads included."""
    bare = ROUNDS / _timed([_bare] * ROUNDS)
    for name, details, with_einvoice in (
        ("billing.pdf_per_s", TRANSFER, False),
        ("billing.pdf_without_code_per_s", CHEQUE, False),
        ("billing.pdf_with_einvoice_per_s", TRANSFER, True),
    ):
        invoices = [_invoice(details, number) for number in range(ROUNDS)]
        ours = ROUNDS / _timed([partial(invoice_pdf, invoice, with_einvoice=with_einvoice) for invoice in invoices])
        yield {
            "name": name,
            "value": round(ours, 1),
            "unit": "PDF/s",
            "yardstick": round(bare, 1),
            "ratio": round(bare / ours, 2),
        }


def _timed(draws: Sequence[Callable[[], object]]) -> float:
    draws[0]()  # fonts are read once
    started = time.process_time()
    for draw in draws:
        draw()
    return time.process_time() - started


def _bare() -> None:
    canvas = Canvas(BytesIO(), invariant=True)
    for row in range(LINES + 20):
        for column in range(5):
            canvas.drawString(57 + column * 96, 780 - row * 18, "Cloud storage 123.45")
    canvas.save()


def _invoice(payment_details: str, number: int) -> Invoice:
    """An invoice as issued, with the row itself left a draft so that it can be made at once; only what is drawn matters."""
    name = uuid4().hex[:8]
    msp = Organization.objects.filter(kind=Organization.Kind.MSP).first() or Organization.objects.create(
        kind=Organization.Kind.MSP,
        number="M1",
        name="Northwind Cloud GmbH",
        tax_id="DE129273398",
        billing_email="till@northwind.example",
        created_at=AT,
    )
    buyer = Organization.objects.create(
        kind=Organization.Kind.CUSTOMER,
        number=f"C{name}",
        parent=msp,
        name=f"Żółta Gęś {number} & Söhne",
        billing_email="b@e.example",
        created_at=AT,
    )
    manager = ServiceManager.objects.create(
        name=f"Invoice PDF {name}", base_url="http://acronis.invalid", client_id="benchmark", client_secret=uuid4().hex
    )
    product = Product.objects.create(product_type=ProductType.objects.create(name=f"Type {name}"), name="Backup")
    group = ProductGroup.objects.create(product=product, name=f"Group {name}")
    venture = Venture.objects.create(name=f"Venture {name}", invoice_series=name)
    plan = Plan.objects.create(
        number=f"P{name}", venture=venture, product_group=group, service_manager=manager, name=f"Plan {name}"
    )
    tenant = Tenant.objects.create(organization=buyer, service_manager=manager, kind="customer", key=f"bench-{name}", wished_at=AT)
    service = Service.objects.create(
        organization=buyer,
        service_manager=manager,
        tenant=tenant,
        protection_model="per_gigabyte",
        file_sync_model="per_user",
        wished_at=AT,
    )
    subscription = Subscription.objects.create(
        number=f"S{name}",
        service=service,
        plan=plan,
        consumer=buyer,
        plan_name=plan.name,
        billing_model="pay_as_you_go",
        started_on=date(2026, 10, 1),
        order_number="O1",
        created_at=AT,
    )
    copy = {**msp.billing_snapshot(), "payment_details": payment_details}
    quantities = [Decimal(1000 * number + 7 * line) / 16 for line in range(1, LINES + 1)]
    nets = [_cents(quantity * PRICE) for quantity in quantities]
    net = sum(nets, Decimal(0))
    tax = _cents(net * 19 / 100)
    invoice = Invoice.objects.create(
        seller=msp,
        buyer=buyer,
        venture=venture,
        currency="EUR",
        period_start=date(2026, 10, 1),
        period_end=date(2026, 11, 1),
        seller_copy=copy,
        buyer_copy=buyer.billing_snapshot(),
        net=net,
        tax=tax,
        gross=net + tax,
        taxes=[{"name": "VAT 19 %", "percent": "19", "net": f"{net:f}", "tax": f"{tax:f}"}],
        created_at=AT,
    )
    InvoiceLine.objects.bulk_create(
        InvoiceLine(
            invoice=invoice,
            subscription=subscription,
            position=position,
            item="pg_base_storage",
            edition="pck_per_gigabyte",
            description="Cloud storage for backups (Protection, per gigabyte)",
            period_start=date(2026, 10, 1),
            period_end=date(2026, 11, 1),
            quantity=quantity,
            unit="GiB",
            unit_price=PRICE,
            net=line_net,
            tax_percent=19,
            working={"consumer": buyer.name, "plan": plan.name, "taxes": [["VAT 19 %", "19"]]},
        )
        for position, (quantity, line_net) in enumerate(zip(quantities, nets, strict=True), start=1)
    )
    invoice.status, invoice.number = Invoice.Status.ISSUED, f"{name}-2026-00001"
    invoice.issued_on, invoice.due_on = date(2026, 11, 1), date(2026, 11, 15)
    return invoice


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
