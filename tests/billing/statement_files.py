"""Files of a bank, made for the tests."""

from collections.abc import Iterable

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.{:02d}"
IBAN = "DE02120300000000202051"


def transaction(
    *,
    amount: str = "",
    currency: str = "EUR",
    payer: str = "Dora Design GmbH",
    account: str = "DE89370400440532013000",
    reference: str | Iterable[str] = (),
    creditor_reference: str = "",
    bank_reference: str = "",
    end_to_end: str = "",
    version: int = 8,
    more: str = "",
) -> str:
    """One TxDtls; the payer's name stands where its version of the format has it."""
    references = [reference] if isinstance(reference, str) else reference
    told = "".join(f"<Ustrd>{one}</Ustrd>" for one in references)
    if creditor_reference:
        told += f"<Strd><CdtrRefInf><Ref>{creditor_reference}</Ref></CdtrRefInf></Strd>"
    name = f"<Pty><Nm>{payer}</Nm></Pty>" if version >= 8 else f"<Nm>{payer}</Nm>"
    shown = f'<Amt Ccy="{currency}">{amount}</Amt>' if amount else ""
    if version == 2 and amount:
        shown = f"<AmtDtls><TxAmt>{shown}</TxAmt></AmtDtls>"
    references_of_bank = f"<AcctSvcrRef>{bank_reference}</AcctSvcrRef>" if bank_reference else ""
    references_of_bank += f"<EndToEndId>{end_to_end}</EndToEndId>" if end_to_end else ""
    return (
        f"<TxDtls><Refs>{references_of_bank}</Refs>{shown}"
        f"<RltdPties><Dbtr>{name}</Dbtr><DbtrAcct><Id><IBAN>{account}</IBAN></Id></DbtrAcct></RltdPties>"
        f"<RmtInf>{told}</RmtInf>{more}</TxDtls>"
    )


def entry(
    *transactions: str,
    amount: str = "119.00",
    currency: str = "EUR",
    direction: str = "CRDT",
    status: str = "BOOK",
    booked_on: str = "<BookgDt><Dt>2026-11-10</Dt></BookgDt>",
    bank_reference: str = "",
    reversal: str = "",
    version: int = 8,
) -> str:
    """One Ntry."""
    state = f"<Sts><Cd>{status}</Cd></Sts>" if version >= 8 else f"<Sts>{status}</Sts>"
    taken_back = f"<RvslInd>{reversal}</RvslInd>" if reversal else ""
    own = f"<AcctSvcrRef>{bank_reference}</AcctSvcrRef>" if bank_reference else ""
    return (
        f'<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd>{taken_back}{state}{booked_on}{own}'
        f"<NtryDtls>{''.join(transactions)}</NtryDtls></Ntry>"
    )


def camt053(*entries: str, version: int = 8, namespace: str = "", account: str = IBAN) -> bytes:
    """A whole file with one statement."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Document xmlns="{namespace or NAMESPACE.format(version)}"><BkToCstmrStmt>'
        f"<GrpHdr><MsgId>1</MsgId></GrpHdr><Stmt><Id>1</Id><Acct><Id><IBAN>{account}</IBAN></Id></Acct>{''.join(entries)}</Stmt>"
        "</BkToCstmrStmt></Document>"
    ).encode()
