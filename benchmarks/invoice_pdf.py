"""
How many invoices a second one core draws as PDF: one customer, 10 lines, with and without the payment code.

The yardstick is reportlab bare: the same page of text lines with a standard font, no layout, no embedded font, no code.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from uuid import uuid4

from reportlab.pdfgen.canvas import Canvas

from accounts.models import Organization
from billing.documents import invoice_pdf
from billing.models import Invoice, InvoiceLine, Subscription
from catalog.models import Plan, Product, ProductGroup, ProductType, Venture
from provisioning.models import Service, ServiceManager, Tenant

MEASURES = ("billing.invoice_pdf_per_s", "billing.invoice_pdf_without_code_per_s")
LINES = 10
ROUNDS = 30
AT = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)


def run() -> Iterator[dict[str, object]]:
    """Yield PDFs per second and core, database reads included."""
    bare = ROUNDS / _timed(_bare)
    for name, details in (
        ("billing.invoice_pdf_per_s", "IBAN DE02 1203 0000 0000 2020 51"),
        ("billing.invoice_pdf_without_code_per_s", "By cheque"),
    ):
        invoice = _invoice(details)
        ours = ROUNDS / _timed(lambda invoice=invoice: invoice_pdf(invoice))
        yield {
            "name": name,
            "value": round(ours, 1),
            "unit": "PDF/s",
            "yardstick": round(bare, 1),
            "ratio": round(bare / ours, 2),
        }


def _timed(draw: Callable[[], object]) -> float:
    draw()  # fonts are read once
    started = time.process_time()
    for _ in range(ROUNDS):
        draw()
    return time.process_time() - started


def _bare() -> None:
    canvas = Canvas(BytesIO(), invariant=True)
    for row in range(LINES + 20):
        for column in range(5):
            canvas.drawString(57 + column * 96, 780 - row * 18, "Cloud storage 123.45")
    canvas.save()


def _invoice(payment_details: str) -> Invoice:
    """An invoice as issued, with the row itself left a draft so that it can be made at once; only what is drawn matters."""
    name = uuid4().hex[:8]
    msp = Organization.objects.filter(kind=Organization.Kind.MSP).first() or Organization.objects.create(
        kind=Organization.Kind.MSP, number="M1", name="Northwind Cloud GmbH", billing_email="till@northwind.example", created_at=AT
    )
    buyer = Organization.objects.create(
        kind=Organization.Kind.CUSTOMER,
        number=f"C{name}",
        parent=msp,
        name="Żółta Gęś & Söhne",
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
    invoice = Invoice.objects.create(
        seller=msp,
        buyer=buyer,
        venture=venture,
        currency="EUR",
        period_start=date(2026, 10, 1),
        period_end=date(2026, 11, 1),
        seller_copy=copy,
        buyer_copy=buyer.billing_snapshot(),
        net=Decimal("86.10"),
        tax=Decimal("16.36"),
        gross=Decimal("102.46"),
        taxes=[{"name": "VAT 19 %", "percent": "19", "net": "86.1", "tax": "16.36"}],
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
            quantity=Decimal(123),
            unit="GiB",
            unit_price=Decimal("0.07"),
            net=Decimal("8.61"),
            tax_percent=19,
            working={"consumer": buyer.name, "plan": plan.name},
        )
        for position in range(1, LINES + 1)
    )
    invoice.status, invoice.number = Invoice.Status.ISSUED, f"{name}-2026-00001"
    invoice.issued_on, invoice.due_on = date(2026, 11, 1), date(2026, 11, 15)
    return invoice
