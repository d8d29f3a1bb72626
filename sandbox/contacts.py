"""The contact of a tenant or user: blank, created, merged, and as text to search in."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from sandbox.answers import stamp
from sandbox.errors import bad_request
from sandbox.incoming import EMAIL, boolean, listing, one_of, text

TEXTS = (
    "address1",
    "address2",
    "country",
    "state",
    "city",
    "zipcode",
    "phone",
    "title",
    "website",
    "industry",
    "organization_size",
    "aan",
    "fax",
    "language",
)
NAMES = ("firstname", "lastname")
TYPES = ("legal", "primary", "billing", "technical", "management")
COMPANY_BILLING = "company_billing"
LANGUAGES = frozenset(
    "bg zh zh-TW cs da nl en en-US fi fr de hu id it ja ko ms nb pl pt pt-BR ru sr es es-419 sv tr".split()  # noqa: SIM905
)


def blank_contact(*, at: datetime) -> dict[str, Any]:
    """What the vendor keeps for an object created without contact: empty e-mail and names, everything else null."""
    return {
        "id": str(uuid4()),
        "created_at": stamp(at),
        "updated_at": stamp(at),
        "types": [],
        "email": "",
        "firstname": "",
        "lastname": "",
        "email_confirmed": None,
        **dict.fromkeys(TEXTS),
    }


def merged_contact(contact: dict[str, Any], changes: Mapping[str, Any], *, at: datetime) -> dict[str, Any]:
    """
    The contact with the fields that were sent; the others stay as they are.

    :raises Refusal: 400 for a malformed e-mail address, an unknown contact type or a value that is not a text.
    """
    merged = dict(contact)
    for name in (*TEXTS, *NAMES):
        if name == "language" and changes.get(name):
            merged[name] = language(changes[name])
        elif name in changes:
            merged[name] = None if changes[name] is None else text(changes[name], f"contact.{name}")
    if changes.get("email") is not None:
        merged["email"] = _email(changes["email"])
    if changes.get("email_confirmed") is not None:
        merged["email_confirmed"] = boolean(changes["email_confirmed"], "contact.email_confirmed")
    if changes.get("types") is not None:
        types = (one_of(word, "contact.types", TYPES) for word in listing(changes["types"], "contact.types"))
        merged["types"] = list(dict.fromkeys(types))
    if merged != contact:
        merged["updated_at"] = stamp(at)
    return merged


def language(value: Any) -> str:
    """A language of the vendor's list, also in the spelling with an underscore, which its reference shows: `pt_BR`."""
    code = text(value, "language", required=True, longest=10)
    if code.replace("_", "-") not in LANGUAGES:
        raise bad_request(f"language {code!r} is not supported.")
    return code


def _email(value: Any) -> str:
    email = text(value, "contact.email", longest=254)
    if email and not EMAIL.fullmatch(email):
        raise bad_request("contact.email is not an e-mail address.")
    return email


def search_text(name: str, other: str | None, contact: Mapping[str, Any]) -> str:
    """What a search looks through, one field a line, in lower case."""
    parts = (name, other, contact.get("firstname"), contact.get("lastname"), contact.get("email"))
    return "\n".join(part for part in parts if part).casefold()
