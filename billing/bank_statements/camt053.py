"""
The bank's account statement as XML: ISO 20022 camt.053, versions 001.02 to 001.13.

Read as a stream, entry by entry, without document types or entities. Only what is booked counts. Of money that came in each
transaction is an entry; a batch gives one for each of its parts where these have amounts that add up. What the bank took back, and
what came back from elsewhere, is told so that a person looks at it. Other debits are counted and left out.
"""

import io
import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from billing.bank_statements.entries import LARGEST_AMOUNT, MOST_ENTRIES, MOST_ERRORS, Entry, Keys, Statement, joined, tidy
from common.money import is_currency, round_money
from common.sheets import RowError, SheetRefused, WrongCell, refused

NAMESPACE = re.compile(r"urn:iso:std:iso:20022:tech:xsd:camt\.(?P<kind>\d{3})\.001\.(?P<version>\d{2})")
VERSIONS = range(2, 14)
_OTHER_KINDS = {
    "052": "It is a report of the running day (camt.052), which is not booked for good.",
    "054": "It is a notification of single bookings (camt.054), which may come beside the statement.",
}
_DEEPEST = 40
_NOT_A_REFERENCE = {"", "NOTPROVIDED", "NONREF", "NOT PROVIDED", "0"}
_TAKEN_BACK = "The bank took this back. Reverse the payment it belongs to."
_CAME_BACK = "Money that you had sent came back; it is no payment of a customer."
_ODD_BATCH = "The parts of this batch have no amounts that add up to it, so it is shown as one."


def read(content: bytes) -> Statement:
    """
    Return what came in by the statements of the file.

    :raises SheetRefused: it is no camt.053 of a known version, is damaged, or an entry is not right; says all that is wrong.
    """
    reading = _Reading()
    try:
        for element, account in _entries(content):
            reading.take(element, account)
    except (ParseError, DefusedXmlException, UnicodeDecodeError, LookupError, ValueError) as error:
        raise refused("The file is not the XML of a bank statement (camt.053), or it is damaged. Export it again.") from error
    if reading.errors:
        raise SheetRefused(reading.errors)
    return Statement(reading.entries, reading.left_out)


def _entries(content: bytes) -> Iterator[tuple[Element, str]]:
    """Give each entry with the account it was booked on; what was given is let go of before the next is read."""
    path: list[str] = []
    account = ""
    seen = False
    for event, element in iterparse(io.BytesIO(content), events=("start", "end"), forbid_dtd=True):
        if event == "start":
            if not path:
                _check_namespace(element.tag)
            path.append(_plain(element.tag))
            if len(path) > _DEEPEST:
                raise refused("The XML is nested deeper than any bank statement.")
            continue
        name = path.pop()
        if path[-1:] != ["Stmt"]:
            continue
        seen = True
        if name == "Acct":
            account = _text(element, "Id/IBAN") or _text(element, "Id/Othr/Id")
        elif name == "Ntry":
            yield element, account
        element.clear()
    if not seen:
        raise refused("The file holds no account statement.")


def _check_namespace(tag: str) -> None:
    """:raises SheetRefused: the document is something else than a camt.053 of a version that is known."""
    found = NAMESPACE.fullmatch(tag.partition("}")[0].removeprefix("{"))
    if found is None or _plain(tag) != "Document":
        raise refused("The file is not a bank statement in the format camt.053.")
    if found["kind"] != "053":
        why = _OTHER_KINDS.get(found["kind"], f"It is a camt.{found['kind']}.")
        raise refused(f"{why} Export the account statement, camt.053.")
    if int(found["version"]) not in VERSIONS:
        raise refused(f"Version camt.053.001.{found['version']} is not known here; 001.02 to 001.13 are.")


class _Reading:
    """Gathers entries and errors of a file; numbers entries from 1 on, as they stand in it."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.errors: list[RowError] = []
        self.left_out = 0
        self._row = 0
        self._keys = Keys()

    def take(self, element: Element, account: str) -> None:
        """Take one ``Ntry`` of ``account``."""
        self._row += 1
        try:
            found = list(self._read(element, account))
        except WrongCell as wrong:
            self.errors.append(RowError(self._row, "", str(wrong)))
        else:
            self.entries += found
        if len(self.entries) > MOST_ENTRIES:
            raise refused(f"The file holds more than {MOST_ENTRIES:,} bookings. Export fewer days at once.")
        if len(self.errors) >= MOST_ERRORS:
            raise SheetRefused(self.errors)

    def _read(self, entry: Element, account: str) -> Iterator[Entry]:
        if (_text(entry, "Sts/Cd") or _text(entry, "Sts")) != "BOOK":
            self.left_out += 1
            return
        direction = _text(entry, "CdtDbtInd")
        if direction not in ("CRDT", "DBIT"):
            raise WrongCell("CdtDbtInd is neither CRDT nor DBIT.")
        amount, currency = _amount(entry.find("{*}Amt"))
        parts = entry.findall("{*}NtryDtls/{*}TxDtls")
        is_reversal = _text(entry, "RvslInd") in ("true", "1")
        came_back = any(part.find("{*}RtrInf") is not None for part in parts)
        if direction == "DBIT" and not is_reversal and not came_back:
            self.left_out += 1
            return
        remark = ""
        if is_reversal or came_back:
            remark = _TAKEN_BACK if direction == "DBIT" else _CAME_BACK
        booked_on = _day(entry, "BookgDt") or _day(entry, "ValDt")
        if booked_on is None:
            raise WrongCell("The entry has neither a booking date nor a value date.")
        split = None if remark else _split(parts, amount, currency)
        if split is None and len(parts) > 1 and not remark:
            remark = _ODD_BATCH
        if amount == 0:
            self.left_out += 1
            return
        for number, (share, details) in enumerate(split or [(amount, parts)]):
            told = _told(details, entry)
            bank_reference = _bank_reference(entry, details, number, is_part=split is not None)
            if bank_reference:
                key = self._keys.key("reference", account, bank_reference, booked_on, share, currency)
            else:
                key = self._keys.key("entry", account, booked_on, share, currency, *told.values(), _end_to_end(details))
            is_payment = remark in ("", _ODD_BATCH)
            yield Entry(self._row, booked_on, share, currency, **told, bank_key=key, remark=remark, is_payment=is_payment)


def _split(parts: list[Element], amount: Decimal, currency: str) -> list[tuple[Decimal, list[Element]]] | None:
    """Return the parts of a batch with their amounts, or None where it is none or the parts do not add up to ``amount``."""
    if len(parts) < 2:
        return None
    split: list[tuple[Decimal, list[Element]]] = []
    for part in parts:
        found = part.find("{*}Amt")
        told = _amount(part.find("{*}AmtDtls/{*}TxAmt/{*}Amt") if found is None else found, is_needed=False)
        if told is None or told[1] != currency or told[0] == 0:
            return None
        split.append((told[0], [part]))
    return split if sum((share for share, _ in split), Decimal(0)) == amount else None


def _told(details: list[Element], entry: Element) -> dict[str, str]:
    """Return payer, account and reference of a transaction; of several that are told as one, all that they say."""
    payers, accounts, references = [], [], []
    for one in details:
        payers.append(
            _text(one, "RltdPties/Dbtr/Nm") or _text(one, "RltdPties/Dbtr/Pty/Nm") or _text(one, "RltdPties/UltmtDbtr/Nm")
        )
        accounts.append(_text(one, "RltdPties/DbtrAcct/Id/IBAN") or _text(one, "RltdPties/DbtrAcct/Id/Othr/Id"))
        for words in ("RmtInf/Strd/CdtrRefInf/Ref", "RmtInf/Strd/RfrdDocInf/Nb", "RmtInf/Strd/AddtlRmtInf", "RmtInf/Ustrd"):
            references += [found.text for found in one.findall("/".join(f"{{*}}{name}" for name in words.split("/")))]
        references.append(_end_to_end([one]))
    if not any(references):
        references = [_text(entry, "AddtlNtryInf")]
    return {
        "payer": tidy(joined(payers), "payer"),
        "account": tidy(joined(accounts), "account"),
        "reference": tidy(joined(references), "reference"),
    }


def _bank_reference(entry: Element, details: list[Element], number: int, *, is_part: bool) -> str:
    """Return the bank's own reference of a transaction; of a part without one its entry's, and which part it is."""
    of_entry = _reference(entry, "AcctSvcrRef")
    of_part = _reference(details[0], "Refs/AcctSvcrRef") if len(details) == 1 else ""
    if is_part and of_part == of_entry:
        of_part = ""
    if is_part:
        return of_part or (f"{of_entry}/{number + 1}" if of_entry else "")
    return of_entry or of_part


def _end_to_end(details: list[Element]) -> str:
    return joined(_reference(one, "Refs/EndToEndId") for one in details)


def _reference(element: Element, path: str) -> str:
    found = _text(element, path)
    return "" if found.upper() in _NOT_A_REFERENCE else found


def _amount(element: Element | None, *, is_needed: bool = True) -> Any:
    """
    Return an amount and its currency.

    :raises WrongCell: it is missing though needed, or is not an amount.
    """
    if element is None:
        if not is_needed:
            return None
        raise WrongCell("The entry has no amount.")
    written, currency = (element.text or "").strip(), element.get("Ccy", "")
    try:
        amount = Decimal(written)
    except InvalidOperation:
        raise WrongCell(f"“{written:.30}” is not an amount.") from None
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", written) or amount > LARGEST_AMOUNT:
        raise WrongCell(f"“{written:.30}” is not an amount.")
    if not is_currency(currency):
        raise WrongCell(f"“{currency:.10}” is not a currency.")
    if amount != round_money(amount, currency):
        raise WrongCell(f"{written:.30} has more decimals than {currency}.")
    return round_money(amount, currency), currency


def _day(entry: Element, name: str) -> date | None:
    """:raises WrongCell: there is a date, but it is none."""
    written = _text(entry, f"{name}/Dt") or _text(entry, f"{name}/DtTm")
    if not written:
        return None
    try:
        # The bank's own calendar day: a time is not moved to another zone.
        found = datetime.fromisoformat(written).date()
    except ValueError:
        raise WrongCell(f"“{written:.30}” is not a date.") from None
    if not 2000 <= found.year < 2100:
        raise WrongCell(f"“{written:.30}” is not a date of this century.")
    return found


def _text(element: Element, path: str) -> str:
    """Return the text at ``path`` in whatever namespace, without blanks around it; empty where there is none."""
    found = element.find("/".join(f"{{*}}{name}" for name in path.split("/")))
    return "" if found is None or found.text is None else found.text.strip()


def _plain(tag: str) -> str:
    return tag.rpartition("}")[2]
