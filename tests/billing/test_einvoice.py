"""The e-invoice: valid by its schema, and its figures by the business rules of EN 16931."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from pypdf import PdfReader

from billing.document_facts import DocumentFacts, LineFacts, Reference, TaxFacts
from billing.documents import credit_note_pdf, invoice_pdf
from billing.einvoice import einvoice, why_not
from billing.printed import printed_quantity
from billing.rating import exact_product
from common.money import minor_unit, round_money
from tests import factories
from tests.billing.papers import VAT_7, VAT_19, Wanted, credited, issued

SCHEMA = "FACTUR-X_EN16931"
RAM = {"ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"}
SUMS = ".//ram:SpecifiedTradeSettlementHeaderMonetarySummation/ram:"
SELLER = {
    "number": "M1",
    "name": "Northwind Cloud GmbH",
    "address": ["Hafenstraße 7", "20457 Hamburg", "Germany"],
    "line1": "Hafenstraße 7",
    "line2": "",
    "postcode": "20457",
    "city": "Hamburg",
    "country": "DE",
    "tax_id": "DE129273398",
    "billing_email": "till@northwind.example",
    "payment_details": "IBAN DE02 1203 0000 0000 2020 51, BIC BYLADEM1001",
}
BUYER = {**SELLER, "number": "C1", "name": "Dora & Söhne <AG>", "country": "AT", "tax_id": "ATU57194903", "payment_details": ""}


def document(*lines: Wanted, currency: str = "EUR", category: str = "S", **facts: Any) -> DocumentFacts:
    """An issued invoice of ``lines``, taxed as invoices are: once on the nets a tax applies to."""
    printed = [_line(line, currency, category) for line in lines or (Wanted(),)]
    nets: dict[tuple[str, Decimal], Decimal] = {}
    for line in printed:
        for tax in line.taxes:
            nets[tax] = nets.get(tax, Decimal(0)) + line.net
    taxes = [TaxFacts(*tax, net, round_money(net * tax[1] / 100, currency)) for tax, net in nets.items()]
    net, tax = sum((line.net for line in printed), Decimal(0)), sum((told.tax for told in taxes), Decimal(0))
    told = {
        "kind": "invoice",
        "number": "INV-2026-00001",
        "issued_on": date(2026, 11, 2),
        "due_on": date(2026, 11, 16),
        "period": (date(2026, 10, 1), date(2026, 10, 31)),
        "currency": currency,
        "language": "en",
        "seller": SELLER,
        "buyer": BUYER,
        "lines": printed,
        "taxes": taxes,
        "net": net,
        "tax": tax,
        "gross": net + tax,
        "category": category,
        "note": "" if category == "S" else "Why there is no tax.",
    }
    return DocumentFacts(**{**told, **facts})


def _line(line: Wanted, currency: str, category: str) -> LineFacts:
    quantity, price = Decimal(line.quantity), Decimal(line.unit_price)
    net = round_money(exact_product(quantity, price), currency)
    taxes = tuple(line.taxes) if category == "S" else ()
    shown = printed_quantity(quantity, price, net, currency)
    return LineFacts("Zoe KG · Plan, S1", line.description, *line.period, shown, line.unit, price, net, taxes)


def broken_rules(xml: bytes) -> list[str]:
    """Name the arithmetic rules that ``xml`` breaks; worked out from the XML alone."""
    root = etree.fromstring(xml)
    lines = root.findall(".//ram:IncludedSupplyChainTradeLineItem", RAM)
    taxes = root.findall(".//ram:ApplicableHeaderTradeSettlement/ram:ApplicableTradeTax", RAM)
    nets = [_number(line, ".//ram:LineTotalAmount") for line in lines]
    line_total, charges = _number(root, SUMS + "LineTotalAmount"), _number(root, SUMS + "ChargeTotalAmount")
    allowances, basis = _number(root, SUMS + "AllowanceTotalAmount"), _number(root, SUMS + "TaxBasisTotalAmount")
    tax, gross = _number(root, SUMS + "TaxTotalAmount"), _number(root, SUMS + "GrandTotalAmount")
    smallest = minor_unit(root.findtext(".//ram:InvoiceCurrencyCode", namespaces=RAM))  # a yen has no cents
    prepaid, due = _number(root, SUMS + "TotalPrepaidAmount"), _number(root, SUMS + "DuePayableAmount")
    rules = {
        "BR-CO-10": line_total == sum(nets),
        "BR-CO-13": basis == line_total - allowances + charges,
        "BR-CO-14": tax == sum(_number(one, "ram:CalculatedAmount") for one in taxes),
        "BR-CO-15": gross == basis + tax,
        "BR-CO-16": due == gross - prepaid,
        "BR-CO-17": all(_is_taken_right(one, smallest) for one in taxes),
        "BR-S-08": all(_basis_of_lines(lines, one) == _number(one, "ram:BasisAmount") for one in taxes),
        "BR-27": all(_number(line, ".//ram:NetPriceProductTradePrice/ram:ChargeAmount") >= 0 for line in lines),
        "line net": all(_is_product(line, smallest) for line in lines),
        "BR-CO-18": len(taxes) >= 1,
        "BR-E-10": all(_says_why(one) for one in taxes),
    }
    return [rule for rule, holds in rules.items() if not holds]


def _number(node: Any, path: str) -> Decimal:
    return Decimal(node.findtext(path, namespaces=RAM))


def _is_taken_right(tax: Any, smallest: Decimal) -> bool:
    rate = Decimal(tax.findtext("ram:RateApplicablePercent", "0", RAM))
    exact = abs(_number(tax, "ram:BasisAmount") * rate / 100)
    return abs(abs(_number(tax, "ram:CalculatedAmount")) - exact) <= smallest / 2


def _key(node: Any) -> tuple[str, str]:
    return node.findtext("ram:CategoryCode", namespaces=RAM), node.findtext("ram:RateApplicablePercent", "", RAM)


def _basis_of_lines(lines: Any, tax: Any) -> Decimal:
    of_tax = [line for line in lines if _key(line.find(".//ram:ApplicableTradeTax", RAM)) == _key(tax)]
    return sum((_number(line, ".//ram:LineTotalAmount") for line in of_tax), Decimal(0))


def _is_product(line: Any, smallest: Decimal) -> bool:
    product = _number(line, ".//ram:BilledQuantity") * _number(line, ".//ram:NetPriceProductTradePrice/ram:ChargeAmount")
    return abs(product - _number(line, ".//ram:LineTotalAmount")) <= smallest / 2


def _says_why(tax: Any) -> bool:
    told = bool(tax.findtext("ram:ExemptionReason", "", RAM))
    return told is (tax.findtext("ram:CategoryCode", namespaces=RAM) not in ("S", "Z"))


@pytest.mark.parametrize(
    "facts",
    [
        document(),
        document(Wanted(), Wanted(quantity="3", unit="unit", unit_price="4.5", taxes=(VAT_7,)), Wanted(taxes=())),
        document(Wanted(quantity="-3", unit="unit", unit_price="4.5"), Wanted(quantity="2", unit_price="-1.5"), kind="correction"),
        document(category="AE"),
        document(category="E"),
        document(category="G", buyer={**BUYER, "country": "US", "tax_id": ""}),
        document(Wanted(taxes=()), seller={**SELLER, "tax_id": ""}),
        document(currency="JPY"),
        document(paid=Decimal("5.00")),
        document(kind="credit_note", due_on=None, reason="Billed twice", reference=Reference("INV-1", date(2026, 10, 2))),
        document(seller={**SELLER, "payment_details": "By cheque"}),
        document(buyer={key: value for key, value in BUYER.items() if key not in ("line1", "line2", "postcode", "city")}),
        document(Wanted(description="Ctrl \x00\x1f & <b>", consumer="\ufffe")),
    ],
    ids=[
        "plain", "rates", "negative", "reverse-charge", "exempt", "outside-eu", "no-vat-id", "yen", "credit-used", "credit-note",
        "cheque", "old-copy", "signs",
    ],
)  # fmt: skip
def test_an_e_invoice_is_valid_and_its_figures_hold(facts: DocumentFacts) -> None:
    xml = einvoice(facts, schema=SCHEMA)

    assert broken_rules(xml) == []
    assert xml == einvoice(facts, schema=SCHEMA)


amounts = st.decimals(min_value=Decimal("-99999"), max_value=Decimal("99999"), places=4)
prices = st.decimals(min_value=Decimal(0), max_value=Decimal("999"), places=6)


@settings(max_examples=40, deadline=None)
@given(lines=st.lists(st.tuples(amounts, prices, st.sampled_from([(VAT_19,), (VAT_7,), ()])), min_size=1, max_size=6))
def test_the_figures_hold_whatever_is_billed(lines: list[tuple[Decimal, Decimal, Any]]) -> None:
    wanted = [Wanted(str(quantity), str(price), taxes=taxes) for quantity, price, taxes in lines]

    assert broken_rules(einvoice(document(*wanted))) == []


def test_a_line_that_is_no_product_of_its_figures_is_one_unit_at_its_net() -> None:
    facts = document()
    facts = replace(facts, lines=[facts.lines[0]._replace(net=Decimal("9.87"))], net=Decimal("9.87"), gross=Decimal("11.77"))

    item = etree.fromstring(einvoice(facts))

    assert item.findtext(".//ram:BilledQuantity", namespaces=RAM) == "1"
    assert item.findtext(".//ram:NetPriceProductTradePrice/ram:ChargeAmount", namespaces=RAM) == "9.87"


def test_two_taxes_of_one_rate_are_one_tax() -> None:
    facts = document(Wanted(), Wanted(taxes=(("MwSt 19 %", Decimal(19)),)))

    taxes = etree.fromstring(einvoice(facts)).findall(".//ram:ApplicableHeaderTradeSettlement/ram:ApplicableTradeTax", RAM)

    assert [_number(tax, "ram:CalculatedAmount") for tax in taxes] == [Decimal("3.80")]


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (document(number=None), "It is a draft."),
        (document(lines=[]), "It has no lines (BR-16)."),
        (document(Wanted(taxes=(VAT_19, VAT_7))), "A line bears several taxes; EN 16931 knows one rate a line."),
        (document(currency="KWD"), "KWD has more than two decimals (BR-DEC)."),
        (document(seller={**SELLER, "tax_id": ""}), "The seller has no VAT id, which taxed and exempt lines need (BR-S-02)."),
        (
            document(category="AE", buyer={**BUYER, "tax_id": ""}),
            "The buyer has no VAT id, which reverse charge needs (BR-AE-02).",
        ),
    ],
    ids=["draft", "no-lines", "two-taxes", "three-decimals", "seller", "buyer"],
)
def test_where_the_norm_cannot_say_it_there_is_no_e_invoice(facts: DocumentFacts, reason: str) -> None:
    assert why_not(facts) == reason
    with pytest.raises(ValueError, match="^" + reason[:10]):
        einvoice(facts)


# --- Inside the PDF ---------------------------------------------------------------------------------------------------------------


def attached(pdf: bytes) -> dict[str, bytes]:
    return {name: content[0] for name, content in PdfReader(BytesIO(pdf)).attachments.items()}


@pytest.mark.django_db
def test_the_pdf_carries_the_e_invoice_as_factur_x_asks() -> None:
    paper = issued(factories.OrganizationFactory(language="de"), Wanted(), Wanted(quantity="3", unit="unit", taxes=(VAT_7,)))

    pdf = invoice_pdf(paper)

    root = PdfReader(BytesIO(pdf), strict=True).trailer["/Root"]
    metadata = root["/Metadata"].get_data().decode()  # type: ignore[index]
    (file,) = root["/AF"]  # type: ignore[index]
    assert list(attached(pdf)) == ["factur-x.xml"]
    assert broken_rules(attached(pdf)["factur-x.xml"]) == []
    assert file.get_object()["/AFRelationship"] == "/Alternative"
    assert file.get_object()["/EF"]["/F"].get_object()["/Subtype"] == "/text/xml"
    assert root["/OutputIntents"][0]["/S"] == "/GTS_PDFA1"  # type: ignore[index]
    assert 'pdfaid:part="3" pdfaid:conformance="B"' in metadata
    assert 'fx:ConformanceLevel="EN 16931"' in metadata
    assert etree.fromstring(metadata.partition("?>")[2].rpartition("<?")[0].strip()) is not None
    assert pdf.count(b"endstream") == pdf.count(b"\nendstream")
    assert invoice_pdf(paper) == pdf


@pytest.mark.django_db
def test_a_credit_note_carries_its_own_and_names_the_invoice() -> None:
    paper = issued(factories.OrganizationFactory())

    xml = attached(credit_note_pdf(credited(paper)))["factur-x.xml"]

    assert b"<ram:TypeCode>381</ram:TypeCode>" in xml
    assert f"<ram:IssuerAssignedID>{paper.number}</ram:IssuerAssignedID>".encode() in xml
    assert broken_rules(xml) == []


@pytest.mark.django_db
def test_without_an_e_invoice_the_pdf_carries_nothing() -> None:
    dinars = issued(factories.OrganizationFactory(currency="KWD"), currency="KWD")
    euros = issued(factories.OrganizationFactory())

    assert attached(invoice_pdf(dinars)) == {}
    assert attached(invoice_pdf(euros, with_einvoice=False)) == {}
