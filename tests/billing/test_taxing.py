"""Which VAT is put on an invoice, by seller and buyer."""

from decimal import Decimal

import pytest

from billing.taxing import Party, Treatment, category_of, treatment

GERMAN = Party("DE", "DE129273398")


@pytest.mark.parametrize(
    ("seller", "buyer", "category", "note"),
    [
        (GERMAN, Party("DE", "DE129273398"), "S", ""),
        (GERMAN, Party("AT", "ATU57194903"), "AE", "reverse_charge"),
        (GERMAN, Party("GR", "EL094259216"), "AE", "reverse_charge"),
        (GERMAN, Party("GR", "GR094259216"), "S", ""),  # not how Greece writes it
        (GERMAN, Party("AT", "ATU57194904"), "S", ""),  # check digit
        (GERMAN, Party("AT", "DE129273398"), "S", ""),  # of another country
        (GERMAN, Party("AT"), "S", ""),
        (GERMAN, Party("CH", "CHE107787577"), "G", "outside_eu"),
        (GERMAN, Party("US"), "G", "outside_eu"),
        (GERMAN, Party("GB", "XI980780684"), "G", "outside_eu"),  # Northern Ireland: in the EU for goods only
        (GERMAN, Party("MC", "FR61954506077"), "AE", "reverse_charge"),  # Monaco counts as France
        (Party("FR", "FR61954506077"), Party("MC", "FR61954506077"), "S", ""),
        (Party("CH", "CHE107787577"), GERMAN, "S", ""),
        (Party("CH"), Party("CH"), "S", ""),
    ],
    ids=lambda value: f"{value.country}-{value.vat_id or 'none'}" if isinstance(value, Party) else value or "no-note",
)
def test_the_countries_and_the_vat_id_decide(seller: Party, buyer: Party, category: str, note: str) -> None:
    found = treatment(seller, buyer)

    assert (found.category, found.note_key) == (category, note)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("taxed", Treatment("S")),
        ("reverse_charge", Treatment("AE", "reverse_charge")),
        ("exempt", Treatment("E", "exempt", "Embassy, certificate 12")),
    ],
)
@pytest.mark.parametrize("country", ["DE", "AT", "US"])
def test_what_was_chosen_for_the_buyer_goes_first(choice: str, expected: Treatment, country: str) -> None:
    assert treatment(GERMAN, Party(country, "", choice, "Embassy, certificate 12")) == expected


def test_taxes_are_charged_only_where_the_seller_owes_them() -> None:
    group = ["VAT 19 %", "Levy 1 %"]

    assert Treatment("S").taxes(group) == ("VAT 19 %", "Levy 1 %")
    assert Treatment("AE", "reverse_charge").taxes(group) == Treatment("G", "outside_eu").taxes(group) == ()


@pytest.mark.parametrize(
    ("category", "percent", "has_vat_id", "expected"),
    [
        ("S", "19", True, "S"),
        ("S", "0", True, "Z"),
        ("S", "0", False, "O"),
        ("", "7", True, "S"),  # invoices from before there were categories
        ("AE", "0", True, "AE"),
        ("E", "0", False, "E"),
        ("G", "0", True, "G"),
    ],
)
def test_each_rate_has_its_category(category: str, percent: str, has_vat_id: bool, expected: str) -> None:
    assert category_of(category, Decimal(percent), has_vat_id=has_vat_id) == expected
