"""What a bank statement says of one payment that came in, whatever the format of its file."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

MOST_ENTRIES = 2_000  # recorded in one transaction while somebody waits: some 10 ms each
MOST_ERRORS = 100
LARGEST_AMOUNT = Decimal("99999999999999")  # what the column holds
LONGEST = {"payer": 200, "account": 40, "reference": 1000, "remark": 300}
_BLANKS = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One booking of a statement that a person should look at: money that came in, or that the bank took back.

    ``row`` is the line of a CSV file, or the number of the entry in a CAMT file, both from 1 on. ``bank_key`` is the same whenever
    the same booking is read again, so nothing is recorded twice. ``remark`` says what is special; where ``is_payment`` is false,
    why nothing may be recorded for it.
    """

    row: int
    booked_on: date
    amount: Decimal
    currency: str
    payer: str
    account: str
    reference: str
    bank_key: str
    remark: str = ""
    is_payment: bool = True

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON; the amount is a decimal string."""
        return {
            "row": self.row,
            "booked_on": self.booked_on.isoformat(),
            "amount": f"{self.amount:f}",
            "currency": self.currency,
            "payer": self.payer,
            "account": self.account,
            "reference": self.reference,
            "bank_key": self.bank_key,
            "remark": self.remark,
            "is_payment": self.is_payment,
        }

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "Entry":
        """Return what `as_json` gave."""
        return cls(
            row=told["row"],
            booked_on=date.fromisoformat(told["booked_on"]),
            amount=Decimal(told["amount"]),
            currency=told["currency"],
            payer=told["payer"],
            account=told["account"],
            reference=told["reference"],
            bank_key=told["bank_key"],
            remark=told["remark"],
            is_payment=told["is_payment"],
        )


@dataclass(frozen=True, slots=True)
class Statement:
    """What was read from a file; ``left_out`` counts the bookings that are no concern of the till: money that went out."""

    entries: list[Entry]
    left_out: int


@dataclass(slots=True)
class Keys:
    """
    Gives each booking of one file its key: made of the bank's own reference where it has one, else of everything it says.

    Bookings that say the very same are told apart by counting: the second of a day is the second whenever the day is read again.
    """

    seen: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def key(self, *parts: object) -> str:
        """Return the key of a booking that is told by ``parts``, as 64 hexadecimal digits."""
        told = tuple(str(part) for part in parts)
        self.seen[told] += 1
        count = self.seen[told]
        return hashlib.sha256("\x1f".join((*told, str(count)) if count > 1 else told).encode()).hexdigest()


def tidy(text: str | None, name: str) -> str:
    """Return ``text`` in one line without needless blanks and control characters, no longer than the field ``name`` may be."""
    printable = "".join(character if character.isprintable() else " " for character in text or "")
    return _BLANKS.sub(" ", printable).strip()[: LONGEST[name]]


def joined(texts: Iterable[str | None]) -> str:
    """Return the texts that say something as one, each once, in their order."""
    told = (text.strip() for text in texts if text and text.strip())
    return " ".join(dict.fromkeys(told))
