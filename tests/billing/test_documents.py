"""The invoice as a PDF: readable, complete, the same every time."""

from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader

from billing.documents import PLAIN, TEXT, invoice_pdf, wrap
from billing.models import Invoice
from billing.operations.invoices import issue_invoice
from billing.operations.runs import run_billing
from billing.payment_code import find_iban, payment_code
from billing.printed import quantity_text, unit_text
from catalog.models import Logo, Marketplace, Venture
from catalog.operations.logos import keep_logo
from tests import factories
from tests.billing.making import GIB, NOVEMBER_1, OCTOBER, SERVERS, STORAGE, STORAGE_RATE, rate_card, subscribe, use
from tests.conftest import Personas

LAST_DAY = [date(2026, 10, 31)]


def pages(pdf: bytes) -> list[str]:
    return [" ".join(page.extract_text().split()) for page in PdfReader(BytesIO(pdf)).pages]


def draft_for(personas: Personas, *names: str) -> Invoice:
    """The draft for the reseller, with two lines for each of its customers ``names``."""
    plan = factories.PlanFactory(name="Cyber Protect Cloud")
    rate_card(plan.product_group, {STORAGE: STORAGE_RATE, SERVERS: ("4.5", "unit", "max")})
    for name in names:
        subscription = subscribe(factories.OrganizationFactory(name=name, parent=personas.reseller), plan)
        use(subscription, 1000 * GIB // 7, days=LAST_DAY)
        use(subscription, 3, item=SERVERS, unit="", days=LAST_DAY)
    run_billing(seller_id=personas.msp.pk, period=OCTOBER, at=NOVEMBER_1)
    return Invoice.objects.get()


def issue(draft: Invoice) -> Invoice:
    return issue_invoice(invoice_id=draft.pk, on=date(2026, 11, 2), by=None)


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
        "Łódź Żeglarska & Söhne · Cyber Protect Cloud",
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

    assert "".join("".join(line.split()) for line in lines) == "".join(words.split())


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


# --- Whose logo and address -----------------------------------------------------------------------------------------------------


def logo(colour: str = "#0f766e", size: tuple[int, int] = (300, 100)) -> Logo:
    file = BytesIO()
    Image.new("RGBA", size, colour).save(file, "PNG")
    return keep_logo(file, NOVEMBER_1)


def pictures(pdf: bytes) -> list[tuple[int, int]]:
    return [picture.image.size for picture in PdfReader(BytesIO(pdf)).pages[0].images if picture.image is not None]


@pytest.mark.django_db
def test_the_msps_invoice_has_the_logo_and_address_of_its_venture(personas: Personas) -> None:
    draft = draft_for(personas, "Zoe KG")
    own = {"address_line1": "Speicherstadt 5", "postcode": "20457", "city": "Hamburg", "country": "DE"}
    Venture.objects.filter(pk=draft.venture_id).update(logo=logo(), **own)
    draft = Invoice.objects.get()

    assert pictures(invoice_pdf(draft)) == [(300, 100)]
    issued = issue(draft)

    pdf = invoice_pdf(issued)
    assert pictures(pdf) == [(300, 100)]
    assert "Speicherstadt 5 20457 Hamburg Germany" in pages(pdf)[0]
    assert issued.seller_copy["name"] == personas.msp.name


@pytest.mark.django_db
def test_an_issued_invoice_keeps_the_logo_and_address_it_was_issued_with(personas: Personas) -> None:
    draft = draft_for(personas, "Zoe KG")
    Venture.objects.filter(pk=draft.venture_id).update(logo=logo(), address_line1="Speicherstadt 5")
    issued = issue(Invoice.objects.get())
    before = invoice_pdf(issued)

    Venture.objects.update(logo=logo("#a61b1b"), address_line1="Elsewhere 1")

    assert invoice_pdf(Invoice.objects.get()) == before


@pytest.mark.django_db
def test_without_a_logo_and_address_the_msps_own_address_is_printed(personas: Personas) -> None:
    issued = issue(draft_for(personas, "Zoe KG"))

    assert issued.seller_copy == personas.msp.billing_snapshot()
    assert pictures(invoice_pdf(issued)) == []


@pytest.mark.django_db
def test_a_resellers_invoice_has_the_logo_of_its_marketplace_and_its_own_address(personas: Personas) -> None:
    Marketplace.objects.create(reseller=personas.reseller, slug="alster", title="Alster", logo=logo(size=(90, 90)))
    draft_for(personas, "Zoe KG")
    run_billing(seller_id=personas.reseller.pk, period=OCTOBER, at=NOVEMBER_1)
    Venture.objects.update(logo=logo(), address_line1="Speicherstadt 5")

    issued = issue(Invoice.objects.get(seller=personas.reseller))

    assert pictures(invoice_pdf(issued)) == [(90, 90)]
    assert issued.seller_copy["address"] == personas.reseller.address_lines


@pytest.mark.django_db
def test_a_logo_of_any_shape_stays_beside_the_facts(personas: Personas) -> None:
    draft = draft_for(personas, "Zoe KG")
    for size in ((600, 20), (30, 200), (1, 1)):
        Venture.objects.filter(pk=draft.venture_id).update(logo=logo(size=size))

        (page,) = pages(invoice_pdf(Invoice.objects.get()))

        assert "Draft, not issued" in page
