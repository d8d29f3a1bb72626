"""
Which VAT a seller puts on services for a buyer, in the categories of EN 16931 (UNTDID 5305).

What we sell are services between businesses: they are taxed where the buyer has its seat (Directive 2006/112/EC Art. 44), and where
that is another country of the EU, the buyer owes the tax itself (Art. 196, “reverse charge”). Pure: plain values in and out.

| category | meant is | taxes of the product group |
|---|---|---|
| S | taxed by the seller, in its country or as it was told | charged |
| Z | the same, at a rate of nothing | charged, but nothing |
| AE | the buyer of another EU country owes the tax | not charged |
| G | the buyer has its seat outside the EU | not charged |
| E | exempt, for the reason that is printed | not charged |
| O | outside the scope of VAT: the seller has no VAT id and charges no tax | there are none |

A buyer of another EU country without a right VAT id is taken for a consumer and taxed by the seller. Northern Ireland is in the EU
for goods, not for services (Protocol on Ireland, Art. 8), so a buyer there, with XI in its VAT id, has its seat outside.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, TypeVar

from accounts.vat_ids import EU, is_eu_vat_id, vat_country

Category = Literal["S", "Z", "AE", "E", "G", "O"]
Choice = Literal["automatic", "taxed", "reverse_charge", "exempt"]
NoteKey = Literal["", "reverse_charge", "outside_eu", "exempt"]

NOTE_KEYS: Final[dict[str, NoteKey]] = {"AE": "reverse_charge", "G": "outside_eu", "E": "exempt"}
"""Which note an invoice of a category carries; the others carry none."""

_Tax = TypeVar("_Tax")


@dataclass(frozen=True, slots=True)
class Party:
    """What the tax on an invoice depends on of a seller or a buyer. Choice and reason are looked at for the buyer only."""

    country: str
    """ISO 3166, two letters."""
    vat_id: str = ""
    treatment_choice: str = "automatic"
    """One of `Choice`: as these rules say, or what was decided for this buyer."""
    exemption_reason: str = ""
    """Printed when exempt."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """How an invoice is taxed, and the note it must carry, named by its key in `document_words`."""

    category: Category
    note_key: NoteKey = ""
    reason: str = ""
    """The words of an exemption, as they were typed; empty for all else."""

    @property
    def is_taxed(self) -> bool:
        """Whether the taxes of the product group are charged."""
        return self.category == "S"

    def taxes(self, of_group: Iterable[_Tax]) -> tuple[_Tax, ...]:
        """Return those of the product group's taxes that are charged: all, or none."""
        return tuple(of_group) if self.is_taxed else ()


def treatment(seller: Party, buyer: Party) -> Treatment:
    """Say how ``seller`` taxes services for ``buyer``; what was chosen for the buyer goes before the rule of the countries."""
    if buyer.treatment_choice == "taxed":
        return Treatment("S")
    if buyer.treatment_choice == "reverse_charge":
        return Treatment("AE", "reverse_charge")
    if buyer.treatment_choice == "exempt":
        return Treatment("E", "exempt", buyer.exemption_reason)
    return _by_countries(seller, buyer)


def category_of(category: str, percent: Decimal, *, has_vat_id: bool = True) -> Category:
    """
    Return the category of one line or tax of an invoice of ``category``, taxed at ``percent``.

    What is to be taxed, but at nothing, is zero rated (Z); of a seller without a VAT id, it is no matter of VAT (O).
    """
    if category in ("AE", "E", "G"):
        return category  # type: ignore[return-value]  # mypy does not narrow a string to literals
    if percent:
        return "S"
    return "Z" if has_vat_id else "O"


def _by_countries(seller: Party, buyer: Party) -> Treatment:
    sells_from, buys_in = vat_country(seller.country), vat_country(buyer.country)
    if sells_from not in EU or sells_from == buys_in:
        return Treatment("S")
    if buys_in not in EU:
        return Treatment("G", "outside_eu")
    if is_eu_vat_id(buyer.vat_id, buyer.country):
        return Treatment("AE", "reverse_charge")
    return Treatment("S")
