"""The invoice as a PDF: readable, complete, the same every time."""

from decimal import Decimal
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader

from billing.documents import credit_note_pdf, invoice_pdf
from billing.documents.fonts import BOLD, PLAIN, Face
from billing.documents.sheets import TEXT, wrap
from billing.models import Invoice
from billing.operations.invoices import issue_invoice
from billing.operations.payments import record_payment
from billing.payment_code import find_iban, payment_code
from billing.printed import quantity_text, unit_text
from catalog.models import Logo, Marketplace, Venture
from catalog.operations.logos import keep_logo
from tests import factories
from tests.billing.making import NOVEMBER_1
from tests.billing.papers import ISSUED_ON, VAT_7, VAT_19, Wanted, credited, draft, issued
from tests.conftest import Personas


def pages(pdf: bytes) -> list[str]:
    return [" ".join(page.extract_text().split()) for page in PdfReader(BytesIO(pdf)).pages]


def draft_for(personas: Personas, *names: str) -> Invoice:
    """The draft for the reseller, with two lines for each of its customers ``names``."""
    servers = {"quantity": "3", "unit_price": "4.5", "unit": "unit", "description": "Servers"}
    lines = [line for name in names for line in (Wanted(consumer=name), Wanted(consumer=name, **servers))]
    return draft(personas.reseller, *lines)


def issue(draft: Invoice) -> Invoice:
    return issue_invoice(invoice_id=draft.pk, on=ISSUED_ON, by=None, at=NOVEMBER_1)


@pytest.mark.django_db
def test_an_invoice_says_everything_a_bookkeeper_asks_for(personas: Personas) -> None:
    (page,) = pages(invoice_pdf(issue(draft_for(personas, "Łódź Żeglarska & Söhne"))))

    for expected in (
        "INV-2026-00001",
        "2 Nov 2026",
        "16 Nov 2026",
        "1–31 Oct 2026",
        "Alster IT",
        "VAT id DE129273398",
        "Łódź Żeglarska & Söhne · Cyber Protect",
        "3 units 4.50 13.50",
        "142.8571 GiB 0.07 10.00",
        "VAT 19 % on 23.50 EUR 4.47 EUR",  # 4.465 half up
        "27.97 EUR",
        "IBAN DE02 1203 0000 0000 2020 51",
        "Page 1 of 1",
    ):
        assert expected in page


@pytest.mark.django_db
def test_the_same_invoice_gives_the_same_bytes(personas: Personas) -> None:
    invoice = issue(draft_for(personas, "Zoe KG"))

    first = invoice_pdf(invoice)
    personas.reseller.name = "Renamed since"
    personas.reseller.save()

    assert invoice_pdf(Invoice.objects.get(pk=invoice.pk)) == first


@pytest.mark.django_db
def test_a_draft_is_marked_and_asks_for_no_money(personas: Personas) -> None:
    (page,) = pages(invoice_pdf(draft_for(personas, "Zoe KG")))

    assert "DRAFT" in page
    assert "Draft, not issued" in page
    assert "Please pay" not in page


@pytest.mark.django_db
def test_every_page_repeats_the_head_and_counts_itself(personas: Personas) -> None:
    names = [f"{'Außergewöhnlich lange Firmierung ' * 4}{number:02}" for number in range(20)]

    found = pages(invoice_pdf(issue(draft_for(personas, *names))))

    assert len(found) > 2
    for number, page in enumerate(found, start=1):
        assert f"Page {number} of {len(found)}" in page
    assert all("Quantity Unit price" in page for page in found[:-1])
    for name in names:
        assert name in " ".join(found)


@pytest.mark.django_db
def test_the_fonts_are_inside(personas: Personas) -> None:
    reader = PdfReader(BytesIO(invoice_pdf(draft_for(personas, "Zoe KG"))))

    fonts = reader.pages[0]["/Resources"]["/Font"]  # type: ignore[index]
    own = [font.get_object() for name, font in fonts.items() if "DejaVu" in str(font.get_object()["/BaseFont"])]
    assert len(own) >= 2
    assert all("/FontFile2" in font["/FontDescriptor"].get_object() for font in own)


@given(words=st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=0x17F), min_size=1, max_size=200))
def test_wrapping_loses_nothing(words: str) -> None:
    lines = wrap(words, PLAIN, TEXT, 90)

    assert "".join("".join(line.split()) for line in lines) == "".join(PLAIN.readable(words).split())


def test_the_payment_code_is_what_banks_read() -> None:
    code = payment_code(
        payee="Northwind Cloud GmbH",
        payment_details="Bank of Berlin\nIBAN DE02 1203 0000 0000 2020 51, BIC BYLADEM1001",
        amount=Decimal("27.970"),
        currency="EUR",
        reference="INV-2026-00001",
    )

    assert code == ("BCD\n002\n1\nSCT\nBYLADEM1001\nNorthwind Cloud GmbH\nDE02120300000000202051\nEUR27.97\n\n\nINV-2026-00001")


@pytest.mark.parametrize(
    ("details", "currency", "amount"),
    [
        ("IBAN DE03 1203 0000 0000 2020 51", "EUR", "1"),  # wrong check digits
        ("Pay by cheque", "EUR", "1"),
        ("IBAN DE02 1203 0000 0000 2020 51", "USD", "1"),
        ("IBAN DE02 1203 0000 0000 2020 51", "EUR", "0"),
        ("IBAN DE02 1203 0000 0000 2020 51", "EUR", "-5"),
    ],
)
def test_where_no_transfer_can_be_made_there_is_no_code(details: str, currency: str, amount: str) -> None:
    assert payment_code(payee="N", payment_details=details, amount=Decimal(amount), currency=currency, reference="I") is None


@pytest.mark.parametrize("after", ["", " BIC BYLADEM1001", "\nBYLADEM1001", ", BIC BYLADEM1001"])
def test_an_iban_is_found_whatever_follows_it(after: str) -> None:
    assert find_iban(f"IBAN: DE02 1203 0000 0000 2020 51{after}") == "DE02120300000000202051"


@pytest.mark.parametrize(("quantity", "text"), [("1234.5000000000", "1,234.5"), ("3.0000000000", "3"), ("100", "100")])
def test_quantities_are_written_without_needless_zeros(quantity: str, text: str) -> None:
    assert quantity_text(Decimal(quantity)) == text


@pytest.mark.parametrize(("quantity", "unit", "text"), [("1", "unit", "unit"), ("3", "unit", "units"), ("2", "GiB", "GiB")])
def test_units_have_a_plural_where_words_do(quantity: str, unit: str, text: str) -> None:
    assert unit_text(Decimal(quantity), unit) == text


# --- In whose language, and what is taxed how ------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "country", "expected"),
    [
        (
            "de",
            "DE",
            ["Rechnung", "Fällig 16.11.2026", "1.–31. Okt. 2026", "1.234,5 Stunden 0,07 86,42", "86,42 EUR", "Deutschland"],
        ),
        ("de", "CH", ["Rechnung", "1’234.5 Stunden 0.07 86.42", "Schweiz", "Seite 1 von 1"]),
        ("en", "DE", ["Invoice", "Due 16 Nov 2026", "1,234.5 hours 0.07 86.42", "Germany", "Page 1 of 1"]),
        ("en", "US", ["Invoice", "Due Nov 16, 2026", "United States"]),
        ("fr", "FR", ["Facture", "Échéance 16 nov. 2026", "1 234,5 heures 0,07 86,42", "Allemagne"]),
        ("es", "ES", ["Factura", "1.234,5 horas", "Importe a pagar 102,84 EUR"]),
        ("it", "IT", ["Fattura", "1.234,5 ore", "Importo da pagare 102,84 EUR"]),
        ("nl", "NL", ["Factuur", "1.234,5 uur", "Te betalen 102,84 EUR"]),
        ("pt-BR", "BR", ["Invoice", "1,234.5 hours"]),
    ],
)
def test_a_document_speaks_and_counts_as_its_buyer_does(db: None, language: str, country: str, expected: list[str]) -> None:
    buyer = factories.OrganizationFactory(language=language, country=country)

    (page,) = pages(invoice_pdf(issued(buyer, Wanted(quantity="1234.5", unit="hour"))))

    for words in expected:
        assert words in page


@pytest.mark.django_db
def test_each_tax_is_told_with_what_it_was_taken_on(personas: Personas) -> None:
    both = Wanted(quantity="10", unit_price="1", taxes=(VAT_19, VAT_7))

    (page,) = pages(invoice_pdf(issued(personas.direct_customer, Wanted(quantity="100", unit_price="1"), both)))

    assert "VAT 19 % on 110.00 EUR 20.90 EUR" in page
    assert "VAT 7 % on 10.00 EUR 0.70 EUR" in page


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("category", "language", "note"),
    [
        ("AE", "de", "Steuerschuldnerschaft des Leistungsempfängers"),
        ("AE", "en", "Reverse charge: the buyer owes the VAT"),
        ("G", "en", "Not subject to VAT in the EU"),
        ("E", "en", "Exempt from VAT. Embassy, certificate 12"),
        ("S", "en", ""),
    ],
)
def test_what_is_not_taxed_says_why(db: None, category: str, language: str, note: str) -> None:
    buyer = factories.OrganizationFactory(language=language, tax_exemption_reason="Embassy, certificate 12")
    found = draft(buyer, category=category)

    (as_draft,), (page,) = pages(invoice_pdf(found)), pages(invoice_pdf(issue(found)))

    assert note in as_draft
    assert note in page
    assert ("VAT 19 %" in page) is (category == "S")


@pytest.mark.django_db
@pytest.mark.parametrize(("currency", "amount", "due"), [("JPY", "10 JPY", "12 JPY"), ("KWD", "10.000 KWD", "11.900 KWD")])
def test_amounts_have_the_decimals_of_their_currency_and_a_code_only_in_euros(
    db: None, currency: str, amount: str, due: str
) -> None:
    paper = issued(factories.OrganizationFactory(currency=currency), currency=currency)

    pdf = invoice_pdf(paper)

    assert f"Net {amount}" in pages(pdf)[0]
    assert f"Amount due {due}" in pages(pdf)[0]
    assert "Scan with your banking app" not in pages(pdf)[0]


@pytest.mark.django_db
def test_what_the_buyers_credit_paid_is_not_asked_for_again(personas: Personas) -> None:
    record_payment(
        seller=personas.msp,
        buyer=personas.direct_customer,
        currency="EUR",
        amount=Decimal("5.00"),
        received_on=NOVEMBER_1.date(),
        method="bank_transfer",
        reference="",
        note="",
        by=None,
        at=NOVEMBER_1,
    )

    paper = issued(personas.direct_customer)

    (page,) = pages(invoice_pdf(paper))
    assert "Total 11.90 EUR Paid from your credit -5.00 EUR" in page
    assert "Please pay 6.90 EUR" in page
    assert Invoice.objects.with_open().get(pk=paper.pk).open_amount == Decimal("6.90")


@pytest.mark.django_db
def test_a_credit_note_says_what_of_which_invoice_is_given_back_and_why(personas: Personas) -> None:
    paper = issued(personas.direct_customer)

    (page,) = pages(credit_note_pdf(credited(paper)))

    for words in (
        "Credit note Number INV-2026-00001-CN",
        "For invoice INV-2026-00001",
        "Reason: Billed by mistake",
        "Zoe KG · Cyber Protect",
        "Amount credited 11.90 EUR",
    ):
        assert words in page
    assert "Please pay" not in page


# --- Faces --------------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_names_in_other_scripts_are_readable_too(personas: Personas) -> None:
    paper = issued(factories.OrganizationFactory(name="Дом и Ω-Центр (Київ) \\o/"))

    (page,) = pages(invoice_pdf(paper))

    assert "Дом и Ω-Центр (Київ) \\o/" in page


@pytest.mark.parametrize("face", [PLAIN, BOLD], ids=["plain", "bold"])
def test_the_shared_subset_holds_what_the_languages_of_documents_write(face: Face) -> None:
    from billing.document_words import _TABLE

    written = {sign for texts in _TABLE.values() for text in texts for sign in text}

    assert written <= face.shared
    assert len(face.shared) <= 255
    assert face.width("Wide", 10) == pytest.approx(face.stringWidth("Wide", 10))


# --- Whose logo and address -----------------------------------------------------------------------------------------------------


def logo(colour: str = "#0f766e", size: tuple[int, int] = (300, 100)) -> Logo:
    file = BytesIO()
    Image.new("RGBA", size, colour).save(file, "PNG")
    return keep_logo(file, NOVEMBER_1)


def pictures(pdf: bytes) -> list[tuple[int, int]]:
    return [picture.image.size for picture in PdfReader(BytesIO(pdf)).pages[0].images if picture.image is not None]


@pytest.mark.django_db
def test_the_msps_invoice_has_the_logo_and_address_of_its_venture(personas: Personas) -> None:
    found = draft_for(personas, "Zoe KG")
    own = {"address_line1": "Speicherstadt 5", "postcode": "20457", "city": "Hamburg", "country": "DE"}
    Venture.objects.filter(pk=found.venture_id).update(logo=logo(), **own)
    found = Invoice.objects.get()

    assert pictures(invoice_pdf(found)) == [(300, 100)]
    paper = issue(found)

    pdf = invoice_pdf(paper)
    assert pictures(pdf) == [(300, 100)]
    assert "Speicherstadt 5 20457 Hamburg Germany" in pages(pdf)[0]
    assert paper.seller_copy["name"] == personas.msp.name


@pytest.mark.django_db
def test_an_issued_invoice_keeps_the_logo_and_address_it_was_issued_with(personas: Personas) -> None:
    found = draft_for(personas, "Zoe KG")
    Venture.objects.filter(pk=found.venture_id).update(logo=logo(), address_line1="Speicherstadt 5")
    before = invoice_pdf(issue(Invoice.objects.get()))

    Venture.objects.update(logo=logo("#a61b1b"), address_line1="Elsewhere 1")

    assert invoice_pdf(Invoice.objects.get()) == before


@pytest.mark.django_db
def test_without_a_logo_and_address_the_msps_own_address_is_printed(personas: Personas) -> None:
    paper = issue(draft_for(personas, "Zoe KG"))

    assert paper.seller_copy == personas.msp.billing_snapshot()
    assert pictures(invoice_pdf(paper)) == []


@pytest.mark.django_db
def test_a_resellers_invoice_has_the_logo_of_its_marketplace_and_its_own_address(personas: Personas) -> None:
    Marketplace.objects.create(reseller=personas.reseller, slug="alster", title="Alster", logo=logo(size=(90, 90)))
    theirs = draft(personas.resellers_customer, seller=personas.reseller)
    Venture.objects.update(logo=logo(), address_line1="Speicherstadt 5")

    paper = issue(theirs)

    assert pictures(invoice_pdf(paper)) == [(90, 90)]
    assert paper.seller_copy["address"] == personas.reseller.address_lines


@pytest.mark.django_db
def test_a_logo_of_any_shape_stays_beside_the_facts(personas: Personas) -> None:
    found = draft_for(personas, "Zoe KG")
    for size in ((600, 20), (30, 200), (1, 1)):
        Venture.objects.filter(pk=found.venture_id).update(logo=logo(size=size))

        (page,) = pages(invoice_pdf(Invoice.objects.get()))

        assert "Draft, not issued" in page
