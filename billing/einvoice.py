"""
The e-invoice: what a document says as data, in the syntax of UN/CEFACT CII and the profile EN 16931 (Factur-X, ZUGFeRD “COMFORT”).

The terms (BT-…) and rules (BR-…) that comments name are those of EN 16931-1. Codes: UNTDID 1001 (kinds of documents), 4461 (means
of payment) and 5305 (categories of VAT), UN/ECE Recommendation 20 (units), VATEX (reasons for exemption).
"""

import re
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from xml.etree import ElementTree

from drafthorse.models.accounting import ApplicableTradeTax
from drafthorse.models.document import Document
from drafthorse.models.note import IncludedNote
from drafthorse.models.party import TaxRegistration, TradeParty
from drafthorse.models.payment import PaymentMeans, PaymentTerms
from drafthorse.models.tradelines import LineItem
from drafthorse.utils import validate_xml

from billing.document_facts import DocumentFacts, LineFacts
from billing.document_words import words_in
from billing.payment_code import find_bic, find_iban
from billing.rating import exact_product
from billing.taxing import category_of
from common.money import minor_unit, round_money

GUIDELINE: Final = "urn:cen.eu:en16931:2017"
INVOICE, CREDIT_NOTE = "380", "381"
CREDIT_TRANSFER, SEPA_CREDIT_TRANSFER = "30", "58"
_UNITS: Final = {"GiB": "E62", "unit": "C62", "hour": "HUR", "month": "MON"}
_ONE: Final = "C62"
_REASON_CODES: Final = {"AE": "VATEX-EU-AE", "G": "VATEX-EU-G", "O": "VATEX-EU-O"}
_MOST_DECIMALS = 2
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_ONE_DAY = timedelta(days=1)


def why_not(facts: DocumentFacts) -> str:
    """Say why no e-invoice can be made of a document; nothing where one can."""
    categories = {_category(facts, line) for line in facts.lines}
    checks = {
        "It is a draft.": facts.is_draft,
        "It has no lines (BR-16).": not facts.lines,
        "A line bears several taxes; EN 16931 knows one rate a line.": any(len(line.taxes) > 1 for line in facts.lines),
        f"{facts.currency} has more than two decimals (BR-DEC).": -int(minor_unit(facts.currency).as_tuple().exponent)
        > _MOST_DECIMALS,
        "The seller has no VAT id, which taxed and exempt lines need (BR-S-02).": not facts.seller["tax_id"]
        and categories != {"O"},
        "The buyer has no VAT id, which reverse charge needs (BR-AE-02).": not facts.buyer["tax_id"] and "AE" in categories,
        "Taxed lines and lines outside the tax cannot stand on one e-invoice (BR-O-11).": "O" in categories and len(categories) > 1,
    }
    return next((sentence for sentence, applies in checks.items() if applies), "")


def einvoice(facts: DocumentFacts, *, schema: str | None = None) -> bytes:
    """
    Return the XML of an issued document; the same document gives the same bytes.

    With ``schema``, the name of one of drafthorse's, it is checked against that, and refused as lxml refuses it.

    :raises ValueError: none can be made of it; `why_not` says why.
    """
    if reason := why_not(facts):
        raise ValueError(reason)
    document = Document()
    document.context.guideline_parameter.id = GUIDELINE
    _header(document, facts)
    _party(document.trade.agreement.seller, facts.seller, facts)
    _party(document.trade.agreement.buyer, facts.buyer, facts)
    for number, line in enumerate(facts.lines, start=1):
        document.trade.items.add(_line(number, line, facts))
    _settlement(document.trade.settlement, facts)
    xml = ElementTree.tostring(document.to_etree(), "utf-8", xml_declaration=True)
    if schema:
        validate_xml(xml, schema)
    return xml


def _header(document: Any, facts: DocumentFacts) -> None:
    document.header.id = facts.number
    document.header.type_code = CREDIT_NOTE if facts.kind == "credit_note" else INVOICE
    document.header.issue_date_time = facts.issued_on
    for text in (facts.reason, facts.note):
        if text:
            note = IncludedNote()
            note.content = _text(text)
            document.header.notes.add(note)


def _party(party: TradeParty, copy: dict[str, Any], facts: DocumentFacts) -> None:
    """Write the seller (BG-4) or the buyer (BG-7); a VAT id only where the categories allow one (BR-O-02)."""
    party.id = copy["number"]
    party.name = _text(copy["name"])
    lines = [copy["line1"], copy["line2"]] if "line1" in copy else copy["address"][:-1]
    lines = [_text(line) for line in lines if line]
    for field, line in zip(("line_one", "line_two", "line_three"), lines, strict=False):
        setattr(party.address, field, line)
    if copy.get("postcode"):
        party.address.postcode = _text(copy["postcode"])
    if copy.get("city"):
        party.address.city_name = _text(copy["city"])
    party.address.country_id = copy["country"]
    party.electronic_address.uri_ID = ("EM", copy["billing_email"])
    if copy["tax_id"] and not _is_outside_tax(facts):
        registration = TaxRegistration()
        registration.id = ("VA", copy["tax_id"])
        party.tax_registrations.add(registration)


def _line(number: int, line: LineFacts, facts: DocumentFacts) -> LineItem:
    """
    Write one line (BG-25): quantity × price is its net, the price never below nothing (BR-27).

    A line whose printed figures do not give its net, the difference to something billed before, is one unit at its net.
    """
    quantity, price, unit = line.quantity, line.unit_price, _UNITS.get(line.unit, _ONE)
    if round_money(exact_product(quantity, price), facts.currency) != line.net:
        quantity, price, unit = Decimal(1), line.net, _ONE
    if price < 0:
        quantity, price = -quantity, -price
    item = LineItem()
    item.document.line_id = str(number)
    item.product.name = _text(line.description)
    item.product.description = _text(line.heading)
    item.agreement.net.amount = _plain(price)
    item.delivery.billed_quantity = (_plain(quantity), unit)
    item.settlement.trade_tax.type_code = "VAT"
    category = _category(facts, line)
    item.settlement.trade_tax.category_code = category
    if category != "O":  # BR-O-05
        item.settlement.trade_tax.rate_applicable_percent = _plain(_rate(line))
    item.settlement.period.start = line.period_start
    item.settlement.period.end = line.period_end - _ONE_DAY
    item.settlement.monetary_summation.total_amount = _amount(line.net)
    return item


def _settlement(settlement: Any, facts: DocumentFacts) -> None:
    settlement.payment_reference = facts.number
    settlement.currency_code = facts.currency
    _payment(settlement, facts)
    for tax in _breakdown(facts):
        settlement.trade_tax.add(tax)
    settlement.period.start, settlement.period.end = facts.period
    if facts.reference:
        settlement.invoice_referenced_document.issuer_assigned_id = facts.reference.number
        settlement.invoice_referenced_document.issue_date_time = facts.reference.issued_on
    sums = settlement.monetary_summation
    sums.line_total = _amount(facts.net)
    sums.charge_total = sums.allowance_total = _amount(Decimal(0))
    sums.tax_basis_total = (_amount(facts.net), None)
    sums.tax_total = (_amount(facts.tax), facts.currency)
    sums.grand_total = (_amount(facts.gross), None)
    sums.prepaid_total = _amount(facts.paid)
    sums.due_amount = _amount(facts.due)


def _payment(settlement: Any, facts: DocumentFacts) -> None:
    """Write until when (BT-9) and where to (BG-16) is to be paid; of a credit note neither."""
    if facts.kind == "credit_note":
        return
    details = facts.seller["payment_details"]
    if iban := find_iban(details):
        means = PaymentMeans()
        means.type_code = SEPA_CREDIT_TRANSFER if facts.currency == "EUR" else CREDIT_TRANSFER
        means.payee_account.iban = iban
        means.payee_account.account_name = _text(facts.seller["name"])
        if bic := find_bic(details):
            means.payee_institution.bic = bic
        settlement.payment_means.add(means)
    if facts.due_on:
        terms = PaymentTerms()
        terms.due = facts.due_on
        settlement.terms.add(terms)


def _breakdown(facts: DocumentFacts) -> Iterable[ApplicableTradeTax]:
    """Give the taxes by category and rate (BG-23); taxes of one rate are one, whatever their names."""
    nets: dict[tuple[str, Decimal], Decimal] = {}
    for line in facts.lines:
        key = (_category(facts, line), _rate(line))
        nets[key] = nets.get(key, Decimal(0)) + line.net
    for (category, rate), net in sorted(nets.items()):
        tax = ApplicableTradeTax()
        amount = sum((told.tax for told in facts.taxes if told.percent == rate), Decimal(0)) if category == "S" else Decimal(0)
        tax.calculated_amount = _amount(amount)
        tax.type_code = "VAT"
        tax.basis_amount = _amount(net)
        tax.category_code = category
        if category not in ("S", "Z"):
            tax.exemption_reason = _text(facts.note) or words_in(facts.language)["outside_tax"]
            if category in _REASON_CODES:
                tax.exemption_reason_code = _REASON_CODES[category]
        if category != "O":
            tax.rate_applicable_percent = _plain(rate)
        yield tax


def _category(facts: DocumentFacts, line: LineFacts) -> str:
    return category_of(facts.category, _rate(line), has_vat_id=bool(facts.seller["tax_id"]))


def _rate(line: LineFacts) -> Decimal:
    return sum((percent for _, percent in line.taxes), Decimal(0)).normalize()


def _is_outside_tax(facts: DocumentFacts) -> bool:
    return any(_category(facts, line) == "O" for line in facts.lines)


def _amount(amount: Decimal) -> str:
    """Write an amount with two decimals, as all of the profile have (BR-DEC)."""
    return f"{amount:.2f}"


def _plain(number: Decimal) -> str:
    """Write a quantity, price or rate without needless zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _text(words: str) -> str:
    """Take out what XML cannot hold."""
    return _UNPRINTABLE.sub("", words)
