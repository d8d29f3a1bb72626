"""
VAT ids: whether one can be what a country gives out, and which countries' ids count in the European Union.

Plain Python: form and check digits only. Whether an id was really given out, only the tax authorities' service (VIES) can say.
"""

import re
from functools import cache
from typing import Any

from babel import Locale
from stdnum.ch import uid
from stdnum.eu import vat
from stdnum.exceptions import InvalidChecksum, ValidationError
from stdnum.util import get_cc_module

from common.errors import FieldRefused

EU = frozenset(
    {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE"}
    | {"IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"}
)
# Ids begin with the country's letters, but Greece's with EL (Directive 2006/112/EC Art. 215), and Monaco's are French (Art. 7).
_PREFIX = {"GR": "EL", "MC": "FR"}
_BETWEEN = re.compile(r"[\s.\-/]")
_ELSEWHERE = re.compile(r"[A-Z0-9+*&]{2,28}")


def check_vat_id(text: str, country: str) -> str:
    """
    Return the VAT id in ``text`` without what people write between the signs; an empty one stays empty.

    Ids of the EU are checked by form and check digits, so are those of other countries whose rules are known; of the rest only
    the length is. In the United Kingdom an id of Northern Ireland (XI) is one too. Repeated, it gives the same.

    :raises FieldRefused: ("tax_id") it cannot be an id of ``country`` (ISO 3166, two letters).
    """
    typed = _BETWEEN.sub("", text).upper()
    if not typed:
        return ""
    if country in EU or country in _PREFIX:
        return _european(typed, country)
    if country == "GB" and typed.startswith("XI"):
        return _checked(vat, typed, country)
    module = get_cc_module(country.lower(), "vat")
    if module is not None:
        return _foreign(module, typed, country)
    if not _ELSEWHERE.fullmatch(typed):
        raise FieldRefused("tax_id", "A VAT number has 2 to 28 letters and digits.")
    return typed


def is_eu_vat_id(vat_id: str, country: str) -> bool:
    """Whether ``vat_id`` is a right VAT id of ``country``, and the country is in the EU for services: Northern Ireland is not."""
    if not vat_id or vat_country(country) not in EU:
        return False
    try:
        check_vat_id(vat_id, country)
    except FieldRefused:
        return False
    return True


def vat_country(country: str) -> str:
    """Return the country whose VAT counts in ``country``: France's in Monaco, else its own."""
    return "FR" if country == "MC" else country


def vat_prefix(country: str) -> str:
    """Return the letters a VAT id of ``country`` begins with."""
    return _PREFIX.get(country, country)


def _european(typed: str, country: str) -> str:
    prefix = vat_prefix(country)
    if not typed.startswith(prefix):
        raise FieldRefused("tax_id", f"A VAT number of {_name(country)} begins with {prefix}.")
    return _checked(vat, typed, country)


def _foreign(module: Any, typed: str, country: str) -> str:
    """Check by the country's own rules; a Swiss UID needs no MWST behind it, a Japanese number keeps the T in front."""
    if country == "CH" and uid.is_valid(typed):
        return str(uid.validate(typed))
    if country == "JP":
        return "T" + _checked(module, typed.removeprefix("T"), country)
    checked = _checked(module, typed, country)
    return country + checked if country == "GB" else checked


def _checked(module: Any, typed: str, country: str) -> str:
    try:
        return str(module.validate(typed))
    except InvalidChecksum:
        sentence = "A sign of this VAT number is mistyped: its check digit does not fit."
    except ValidationError:
        sentence = f"This is not how a VAT number of {_name(country)} is written. Look for a missing or additional sign."
    raise FieldRefused("tax_id", sentence)


@cache
def _name(country: str) -> str:
    return str(Locale("en").territories.get(country, country))
