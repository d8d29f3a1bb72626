"""The words and formats of documents: complete in every language, and as the buyer's country writes them."""

import re
from datetime import date
from decimal import Decimal

import pytest
from babel.numbers import format_decimal

from billing.document_formats import formats_of
from billing.document_words import _COLUMNS, _TABLE, words_in
from common.languages import LANGUAGES

PLACES = [
    ("en", "DE"),
    ("en", "US"),
    ("en", "IN"),
    ("de", "DE"),
    ("de", "CH"),
    ("de", "AT"),
    ("fr", "FR"),
    ("es", "MX"),
    ("nl", "BE"),
]


def test_every_text_is_there_in_every_language_with_the_same_places_to_fill() -> None:
    for key, texts in _TABLE.items():
        assert len(texts) == len(_COLUMNS) == len(LANGUAGES), key
        assert all(texts), key
        assert len({tuple(sorted(re.findall(r"{\w+}", text))) for text in texts}) == 1, key
        assert len({text.count("|") for text in texts}) == 1, key
    assert set(_COLUMNS) == set(LANGUAGES)


@pytest.mark.parametrize(("language", "known"), [("de-AT", "de"), ("nl_BE", "nl"), ("pt", "en"), ("", "en"), ("FR", "fr")])
def test_what_we_do_not_write_in_becomes_english(language: str, known: str) -> None:
    assert words_in(language).language == known


@pytest.mark.parametrize(("language", "country"), PLACES, ids=[f"{language}-{country}" for language, country in PLACES])
@pytest.mark.parametrize("value", ["0", "-1234.5", "12345678.90", "0.0700", "999"])
def test_numbers_are_written_as_the_locale_writes_them(language: str, country: str, value: str) -> None:
    formats = formats_of(language, country)
    decimals = len(value.partition(".")[2])

    pattern = f"{formats.locale.decimal_formats[None].pattern.partition('.')[0]}.{'0' * decimals}".rstrip(".")

    assert formats.number(Decimal(value)) == format_decimal(Decimal(value), format=pattern, locale=formats.locale)


@pytest.mark.parametrize(
    ("language", "country", "money", "day", "days"),
    [
        ("en", "DE", "1,234.50 EUR", "2 Nov 2026", "1–31 Oct 2026"),
        ("de", "DE", "1.234,50 EUR", "02.11.2026", "1.–31. Okt. 2026"),
        ("de", "CH", "1’234.50 EUR", "02.11.2026", "1.–31. Okt. 2026"),
        ("fr", "FR", "1\u202f234,50 EUR", "2 nov. 2026", "1–31 oct. 2026"),
        ("en", "XX", "1,234.50 EUR", "2 Nov 2026", "1–31 Oct 2026"),
    ],
)
def test_money_and_days_are_written_as_the_buyer_does(language: str, country: str, money: str, day: str, days: str) -> None:
    formats = formats_of(language, country)

    assert formats.money(Decimal("1234.495"), "EUR") == money
    assert formats.day(date(2026, 11, 2)) == day
    assert formats.days(date(2026, 10, 1), date(2026, 10, 31)) == days


def test_prices_and_quantities_have_no_needless_zeros() -> None:
    formats = formats_of("en", "GB")

    assert formats.unit_price(Decimal("0.0700000000"), "EUR") == "0.07"
    assert formats.unit_price(Decimal("0.0325000000"), "EUR") == "0.0325"
    assert formats.unit_price(Decimal("100.0000000000"), "JPY") == "100"
    assert formats.unit_price(Decimal("1.5"), "KWD") == "1.500"
    assert formats.quantity(Decimal("1200.0000000000")) == "1,200"
