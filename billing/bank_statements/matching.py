"""
Whose payment is it, and for which invoices?

What is certain is one thing only: the number of an invoice in the reference. Everything else is a suggestion that a person agrees
to, or a choice that a person makes; nothing is guessed silently.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from billing.bank_statements.entries import Entry

_LEGAL_FORMS = frozenset(
    {
        *("ag", "eg", "ek", "ev", "gbr", "gesmbh", "gmbh", "kg", "kgaa", "mbh", "ohg", "se", "ug"),
        *("bv", "co", "company", "corp", "inc", "limited", "llc", "llp", "ltd", "nv", "plc", "sa", "sarl", "sas", "spa", "srl"),
        *("and", "und"),
    }
)
_SHORTEST_NAME = 4
_HEAD = 3  # how many characters of a number are looked at first, before whole numbers are
MOST_CANDIDATES = 20


class Kind(StrEnum):
    """How sure it is whose payment it is."""

    EXACT = "exact"
    SUGGESTED = "suggested"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Open:
    """An issued invoice and what is still open on it; nothing, where it is paid."""

    id: int
    number: str
    buyer_id: int
    currency: str
    open_amount: Decimal
    due_on: date


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who may have paid."""

    id: int
    number: str
    name: str


@dataclass(frozen=True, slots=True)
class Match:
    """
    To whom a payment belongs. ``invoices`` are ids, in the order they are to be paid.

    Of a suggestion it is what is suggested. Where a person has to choose, ``buyer_id`` is None unless only the invoices are
    unclear, and ``candidates`` are ids of the invoices it may be for. ``why`` is a sentence for the person.
    """

    kind: Kind
    buyer_id: int | None = None
    invoices: tuple[int, ...] = ()
    candidates: tuple[int, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Found:
    """The number of an invoice or a buyer in a reference; not clean where a letter stands right before or behind it."""

    start: int
    end: int
    id: int
    is_clean: bool


class Matcher:
    """Matches the entries of a statement with what one seller invoiced; made once, asked for every entry."""

    def __init__(self, invoices: Iterable[Open], buyers: Iterable[Buyer]) -> None:
        self._invoices = {invoice.id: invoice for invoice in invoices}
        self._buyers = {buyer.id: buyer for buyer in buyers}
        self._numbers = _Numbers({invoice.number: invoice.id for invoice in self._invoices.values()})
        self._buyer_numbers = _Numbers({buyer.number: buyer.id for buyer in self._buyers.values()})
        self._open_by_amount: dict[tuple[str, Decimal], list[Open]] = defaultdict(list)
        self._open_by_buyer: dict[int, list[Open]] = defaultdict(list)
        for invoice in sorted(self._invoices.values(), key=lambda one: (one.due_on, one.id)):
            if invoice.open_amount > 0:
                self._open_by_amount[invoice.currency, invoice.open_amount].append(invoice)
                self._open_by_buyer[invoice.buyer_id].append(invoice)
        self._names = {buyer.id: _name(buyer.name) for buyer in self._buyers.values()}
        self._by_word: dict[str, set[int]] = defaultdict(set)
        for buyer_id, words in self._names.items():
            for word in words:
                self._by_word[word].add(buyer_id)
        self._by_rarest: dict[str, set[int]] = defaultdict(set)
        for buyer_id, words in self._names.items():
            if words:
                self._by_rarest[min(words, key=lambda word: len(self._by_word[word]))].add(buyer_id)

    def match(self, entry: Entry) -> Match:
        """Return whose payment ``entry`` is, as far as it can be known."""
        found = self._numbers.found_in(entry.reference)
        if found:
            return self._by_numbers(entry, found)
        return self._by_buyer_number(entry) or self._by_amount_and_name(entry)

    # --- By what stands in the reference --------------------------------------------------------------------------------

    def _by_numbers(self, entry: Entry, found: list[_Found]) -> Match:
        named = [self._invoices[one.id] for one in found]
        buyers = {invoice.buyer_id for invoice in named}
        ids = tuple(invoice.id for invoice in named)
        if len(buyers) > 1:
            told = _listed(invoice.number for invoice in named)
            return Match(Kind.AMBIGUOUS, candidates=ids, why=f"{told} are of different customers.")
        buyer_id = named[0].buyer_id
        payable = [one for one in named if one.open_amount > 0 and one.currency == entry.currency]
        if not payable:
            return Match(Kind.AMBIGUOUS, buyer_id, candidates=self._candidates(buyer_id, entry), why=_why_not(named, entry))
        clean = all(one.is_clean for one in found)
        left_out = [one for one in named if one not in payable]
        why = f"The reference names {_listed(invoice.number for invoice in payable)}."
        if left_out:
            why = f"{why} {_why_not(left_out, entry)}"
        kind = Kind.EXACT if clean and not left_out else Kind.SUGGESTED
        return Match(kind, buyer_id, tuple(invoice.id for invoice in payable), why=why)

    def _by_buyer_number(self, entry: Entry) -> Match | None:
        found = {one.id for one in self._buyer_numbers.found_in(entry.reference) if one.is_clean}
        if len(found) != 1:
            return None
        (buyer_id,) = found
        why = f"The reference names the customer, {self._buyers[buyer_id].number}, but no invoice."
        return self._of_buyer(buyer_id, entry, why)

    # --- By amount and name -----------------------------------------------------------------------------------------------

    def _by_amount_and_name(self, entry: Entry) -> Match:
        name = _name(entry.payer)
        same_amount = self._open_by_amount.get((entry.currency, entry.amount), [])
        fitting = [one for one in same_amount if _is_like(name, self._names[one.buyer_id])]
        if len(fitting) == 1:
            why = f"Amount and payer fit {fitting[0].number}, the only such invoice."
            return Match(Kind.SUGGESTED, fitting[0].buyer_id, (fitting[0].id,), why=why)
        if len(fitting) > 1:
            buyers = {one.buyer_id for one in fitting}
            of_one = next(iter(buyers)) if len(buyers) == 1 else None
            ids = tuple(one.id for one in fitting[:MOST_CANDIDATES])
            return Match(Kind.AMBIGUOUS, of_one, candidates=ids, why=f"Amount and payer fit {len(fitting)} invoices.")
        alike = self._alike(name)
        if len(alike) == 1:
            return self._of_buyer(alike[0], entry, f"The payer's name is like {self._buyers[alike[0]].name}.")
        if len(alike) > 1:
            return Match(Kind.AMBIGUOUS, why=f"The payer's name is like that of {len(alike)} customers.")
        if same_amount:
            ids = tuple(one.id for one in same_amount[:MOST_CANDIDATES])
            return Match(Kind.AMBIGUOUS, candidates=ids, why="Only the amount fits.")
        return Match(Kind.UNKNOWN, why="Neither reference, nor payer, nor amount says whose it is.")

    def _alike(self, name: frozenset[str]) -> list[int]:
        """
        Return the buyers of like names.

        Compared are only those whose rarest word stands in ``name``, and those in whose names its own rarest word stands; whoever
        is alike is one of them.
        """
        within = {buyer_id for word in name for buyer_id in self._by_rarest.get(word, ())}
        around = min((self._by_word.get(word, set()) for word in name), key=len, default=set())
        return sorted(buyer_id for buyer_id in within | around if _is_like(name, self._names[buyer_id]))

    def _of_buyer(self, buyer_id: int, entry: Entry, why: str) -> Match:
        """Suggest the buyer's invoices where the amount says which: one of them, or all together; else let a person choose."""
        of_buyer = [one for one in self._open_by_buyer[buyer_id] if one.currency == entry.currency]
        same = [one for one in of_buyer if one.open_amount == entry.amount]
        if len(same) == 1:
            return Match(Kind.SUGGESTED, buyer_id, (same[0].id,), why=f"{why} The amount fits {same[0].number}.")
        if of_buyer and sum(one.open_amount for one in of_buyer) == entry.amount:
            ids = tuple(one.id for one in of_buyer)
            return Match(
                Kind.SUGGESTED, buyer_id, ids, why=f"{why} It is all that is open, {_listed(one.number for one in of_buyer)}."
            )
        return Match(
            Kind.AMBIGUOUS, buyer_id, candidates=self._candidates(buyer_id, entry), why=f"{why} The amount fits no invoice."
        )

    def _candidates(self, buyer_id: int, entry: Entry) -> tuple[int, ...]:
        of_buyer = (one.id for one in self._open_by_buyer[buyer_id] if one.currency == entry.currency)
        return tuple(list(of_buyer)[:MOST_CANDIDATES])


class _Numbers:
    """Finds numbers in what people write: case, blanks and separators do not matter, the digits on both sides do."""

    def __init__(self, numbers: dict[str, int]) -> None:
        self._ids: dict[str, list[int]] = defaultdict(list)
        for number, row_id in numbers.items():
            if bare := _bare(number):
                self._ids[bare].append(row_id)
        self._lengths = sorted({len(bare) for bare in self._ids}, reverse=True)
        self._head = min(_HEAD, min(self._lengths, default=_HEAD))
        self._heads = {bare[: self._head] for bare in self._ids}

    def found_in(self, text: str) -> list[_Found]:
        """Return what is found, each once, in the order of the text. Of two that overlap the longer one counts."""
        characters = [(one.upper(), at) for at, one in enumerate(text) if one.isalnum() and one.isascii()]
        bare = "".join(character for character, _ in characters)
        found: dict[int, _Found] = {}
        start = 0
        while start < len(bare):
            step = 1
            if bare[start : start + self._head] not in self._heads:
                start += step
                continue
            for length in (one for one in self._lengths if start + one <= len(bare)):
                ids = self._ids.get(bare[start : start + length])
                if ids is None or not _may_end(characters, start, start + length):
                    continue
                is_clean = len(ids) == 1 and not _goes_on(characters, start, start + length)
                is_clean = is_clean and not self._has_shorter(bare, characters, start, length)
                for row_id in ids:
                    found.setdefault(row_id, _Found(start, start + length, row_id, is_clean))
                step = length
                break
            start += step
        return list(found.values())

    def _has_shorter(self, bare: str, characters: list[tuple[str, int]], start: int, length: int) -> bool:
        """Whether what stands there may be a shorter number too, with something else behind it: 2026-00012 3 beside 2026-000123."""
        shorter = (one for one in self._lengths if one < length)
        return any(bare[start : start + one] in self._ids and _may_end(characters, start, start + one) for one in shorter)


def _may_end(characters: list[tuple[str, int]], start: int, end: int) -> bool:
    """Whether no digit goes on right before or behind: 2026-00012 is not 2026-0001 with something behind it."""
    for inside, outside in ((start, start - 1), (end - 1, end)):
        if not 0 <= outside < len(characters):
            continue
        touches = abs(characters[outside][1] - characters[inside][1]) == 1
        if touches and characters[outside][0].isdigit() and characters[inside][0].isdigit():
            return False
    return True


def _goes_on(characters: list[tuple[str, int]], start: int, end: int) -> bool:
    """Whether a word goes on right before or behind it, so that it may be a part of something else."""
    before = start > 0 and characters[start][1] - characters[start - 1][1] == 1
    behind = end < len(characters) and characters[end][1] - characters[end - 1][1] == 1
    return before or behind


def _bare(text: str) -> str:
    """Return letters and digits alone, in capitals."""
    return "".join(character for character in text.upper() if character.isalnum() and character.isascii())


def _name(name: str) -> frozenset[str]:
    """Return the words of a name that tell people and firms apart: without accents, legal forms and single letters."""
    spelled = name.casefold()
    for written, meant in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ø", "oe"), ("æ", "ae")):
        spelled = spelled.replace(written, meant)
    plain = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", plain.replace(".", ""))
    return frozenset(word for word in words if word not in _LEGAL_FORMS and len(word) > 1)


def _is_like(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether all words of the shorter name stand in the longer one, and are more than a syllable."""
    shorter, longer = sorted((one, other), key=len)
    return sum(map(len, shorter)) >= _SHORTEST_NAME and shorter <= longer


def _why_not(invoices: Iterable[Open], entry: Entry) -> str:
    told = []
    for invoice in invoices:
        if invoice.open_amount <= 0:
            told.append(f"{invoice.number} is paid already.")
        else:
            told.append(f"{invoice.number} is in {invoice.currency}, the payment in {entry.currency}.")
    return " ".join(told)


def _listed(words: Iterable[str]) -> str:
    told = list(words)
    return " and ".join(filter(None, [", ".join(told[:-1]), *told[-1:]]))
