"""What an account manager reads when Acronis refuses: what happened, and what to do about it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meaning:
    """
    ``happened`` ends "Acronis answered 409 to POST /tenants: …"; ``to_do`` is a sentence of its own, or empty.

    With ``is_vague`` it names no item or rule by itself, so the vendor's details (``details.info``) are added.
    """

    happened: str
    to_do: str = ""
    is_vague: bool = False


WAIT = "Wait until Acronis has finished that, then try again."
SUPPORT = "If it lasts, ask Acronis' support."
SUPPORT_NOW = "Nobody can correct that in Cloudtill: tell its operator, or ask Acronis' support."
PASSES = f"This usually passes: try again in a few minutes. {SUPPORT}"

# The vendor's platform codes (its guide, "API error codes"; 1037 from its knowledge base, 65089). Code 1000 is left out on
# purpose: it says nothing ("An error has occurred.") and comes with every 401, so the status speaks.
PLATFORM_CODES = {
    1001: Meaning("it was changed meanwhile (version mismatch)", "Try again: it is then read anew first."),
    1002: Meaning(
        "access denied",
        "Check that the tenant lets its provider in (support access) and that the API client may manage it.",
    ),
    1003: Meaning("the parent tenant is disabled", "Resume the parent first: release its holds, or enable it in the portal."),
    1004: Meaning("another tenant has this name", "Give the tenant another name."),
    1005: Meaning("the tenant was not found", "Look in the portal whether somebody deleted it or moved it away from under us."),
    1006: Meaning("an enabled tenant cannot be deleted", "Suspend it first, then try again."),
    1007: Meaning("a tenant cannot move under its own child", "Choose another parent."),
    1008: Meaning("a tenant cannot move within its customer", "Choose a partner or folder as the new parent."),
    1009: Meaning("the storage is in use", "Move or delete the backups on it first.", is_vague=True),
    1010: Meaning("another File Sync & Share user has this e-mail address", "Use another e-mail address."),
    1011: Meaning("the service is still being removed", WAIT),
    1012: Meaning("the tenant is locked by its owner", "Ask its owner to lift the lock in the portal."),
    1013: Meaning("a tenant cannot move under a disabled tenant", "Resume the new parent first, or choose another one."),
    1014: Meaning(
        "the new parent does not offer all the items of the tenant",
        "Turn the missing items on for the new parent, or off for the tenant.",
        is_vague=True,
    ),
    1015: Meaning("the storage conflicts with another one", "Leave the tenant one storage of each type.", is_vague=True),
    1016: Meaning("a child tenant still uses the storage", "Take the storage from the tenants below first."),
    1017: Meaning("the default storage cannot be turned off", "Make another storage the default in the portal first."),
    1018: Meaning("the user is disabled", "Enable the user in the portal first, or resume its tenant."),
    1019: Meaning("the backup service is not available", PASSES),
    1020: Meaning(
        "the machine was not registered by a user of this service",
        "Have a user of the tenant register the machine again.",
    ),
    1021: Meaning(
        "the offering item is not available from the parent tenant",
        "Turn it on for the parent, or choose a plan without it.",
        is_vague=True,
    ),
    1022: Meaning("the hard quota is exceeded", "Raise the quota, or have what exceeds it deleted.", is_vague=True),
    1023: Meaning("an offering item depends on another one", "Correct the plan: turn both on, or neither.", is_vague=True),
    1024: Meaning("the address is on the list of forbidden addresses", "Use another e-mail address."),
    1025: Meaning("the mail server settings are wrong", "Correct the mail server settings in the portal."),
    1026: Meaning("the service cannot be enabled", f"Turn it on for the parent first. {SUPPORT}"),
    1027: Meaning(
        "it breaks one of Acronis' business rules",
        "Check the plan: a customer has one edition per service and one storage per type, and production is for good.",
        is_vague=True,
    ),
    1028: Meaning("a guest user with this name exists", "Choose another login, or have the guest deleted in the portal."),
    1029: Meaning("the storage is still being removed", WAIT),
    1030: Meaning("the quota of File Sync & Share users is exceeded", "Raise the quota of users, or have users removed."),
    1031: Meaning("the location conflicts with another one", "Choose another location."),
    1032: Meaning(
        "the new parent is outside the tenant that holds the lock",
        "Choose a parent below that tenant, or have its owner lift the lock in the portal.",
    ),
    1033: Meaning(
        "the login is not acceptable",
        "Choose another login: three characters at least, ASCII letters, digits and signs like . @ _ - only.",
    ),
    1034: Meaning("the legal document is not published", "Publish it in the portal, or ask Acronis' support."),
    1035: Meaning("an item is blocked for legal reasons", "Choose a plan without it, or ask Acronis' support which one it is."),
    1037: Meaning(
        "multi-factor authentication is required",
        "Set up the second factor in the portal, or use an API client in the service manager: it needs none.",
    ),
}

HTTP_STATUSES = {
    400: Meaning(
        "the request was not accepted",
        f"Compare what is wished for with the tenant in Acronis' portal, correct it and try again. {SUPPORT}",
        is_vague=True,
    ),
    401: Meaning(
        "the API client's access was not accepted",
        "Check the service manager's client id and secret, and that client and tenant are enabled at Acronis.",
    ),
    403: Meaning(
        "access denied", "Check that the tenant lets its provider in (support access) and that the API client may manage it."
    ),
    404: Meaning("not found", "Look in the portal whether somebody deleted it."),
    406: Meaning("the value is not acceptable", "Correct it and try again."),
    408: Meaning("the request took too long", PASSES),
    409: Meaning(
        "it conflicts with what is there",
        "Try again: what is there is then read anew first. If it lasts, look at the tenant in Acronis' portal.",
        is_vague=True,
    ),
    415: Meaning("the kind of content was not accepted", SUPPORT_NOW),
    426: Meaning("the quota was changed meanwhile (version mismatch)", "Try again: it is then read anew first."),
    429: Meaning("too many requests", "Try again after the pause Acronis asks for."),
    500: Meaning("an error inside Acronis", PASSES),
    502: Meaning("a part of Acronis does not answer", PASSES),
    503: Meaning("Acronis is not available for the moment", PASSES),
    504: Meaning("a part of Acronis did not answer in time", PASSES),
}

UNKNOWN = Meaning(
    "an unexpected answer", f"Check the service manager's address: something other than Acronis may answer there. {SUPPORT}"
)


def meaning_of(status: int, code: int | str | None, message: str) -> Meaning:
    """The vendor's platform code in our words; else its own words; else what the status means."""
    if isinstance(code, int) and code in PLATFORM_CODES:
        known = PLATFORM_CODES[code]
        return Meaning(f"{known.happened} (code {code})", known.to_do, is_vague=known.is_vague)
    usual = HTTP_STATUSES.get(status, UNKNOWN)
    own_words = message.rstrip(".") if code != 1000 else ""
    return Meaning(own_words, usual.to_do, is_vague=usual.is_vague) if own_words else usual
