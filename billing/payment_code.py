"""
The text of a payment QR code (“Girocode”), which banking apps in the euro area read.

Source: European Payments Council, EPC069-12, version 2.1: service tag BCD, version 002, character set 1 (UTF-8).
"""

import re
from decimal import Decimal

_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]){11,30}")
_BIC = re.compile(r"\bBIC:? ?([A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?)\b")
_LENGTHS = range(15, 35)
_MOST, _LEAST = Decimal("999999999.99"), Decimal("0.01")


def payment_code(*, payee: str, payment_details: str, amount: Decimal, currency: str, reference: str) -> str | None:
    """Return the code's text; None where the currency is not EUR, the amount cannot be transferred or there is no valid IBAN."""
    iban = find_iban(payment_details)
    if currency != "EUR" or iban is None or not _LEAST <= amount <= _MOST:
        return None
    lines = ["BCD", "002", "1", "SCT", find_bic(payment_details), payee[:70], iban, f"EUR{amount:.2f}", "", "", reference[:140]]
    return "\n".join(lines)


def find_iban(text: str) -> str | None:
    """Return the first IBAN in ``text`` whose check digits are right (ISO 13616, remainder 1 by 97), without spaces."""
    for found in _IBAN.finditer(text):
        words = found.group().split(" ")
        for end in range(len(words), 0, -1):  # what follows the IBAN may look like a part of it
            iban = "".join(words[:end])
            if len(iban) in _LENGTHS and _remainder(iban) == 1:
                return iban
    return None


def find_bic(text: str) -> str:
    """Return the first BIC in ``text`` that is called one (ISO 9362); nothing where there is none."""
    found = _BIC.search(text)
    return found.group(1) if found else ""


def _remainder(iban: str) -> int:
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97
