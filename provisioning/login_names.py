"""Other logins for somebody whose login is taken: a pure rule."""

import re
import unicodedata
from collections.abc import Iterator

LONGEST = 200
_PARTS = re.compile(r"[._\-+]+")
_NUMBERS = (2, 3, 7, 11, 24, 42)
_LEGAL_FORMS = frozenset({"gmbh", "ag", "kg", "ohg", "ug", "ltd", "llc", "inc", "bv", "sa", "srl", "the"})


def alternatives(login: str, *, organization: str = "") -> list[str]:
    """
    Return logins that are like ``login``, the likeliest to please and to be free first; never ``login`` itself.

    A name is joined with that of its ``organization``, turned round, shortened, and numbered at last; an e-mail address keeps its
    host. What the vendor takes for a login stays so: only letters, digits and . _ - + are added. Logins differ in more than case.
    """
    name, at, host = login.partition("@")
    made = _of_address(name, host, _word(organization)) if at else _of_name(name, _word(organization))
    found: dict[str, str] = {}
    for one in made:
        if 3 <= len(one) <= LONGEST and one.casefold() != login.casefold():
            found.setdefault(one.casefold(), one)
    return list(found.values())


def _of_name(name: str, organization: str) -> Iterator[str]:
    if organization:
        yield f"{name}.{organization}"
    words = [word for word in _PARTS.split(name) if word]
    if len(words) > 1:
        first, last = words[0], words[-1]
        yield f"{last}.{first}"
        yield f"{first[0]}.{last}"
        yield f"{first}{last}"
    yield from (f"{name}{number}" for number in _NUMBERS)


def _of_address(name: str, host: str, organization: str) -> Iterator[str]:
    """Mails to such a login need not arrive: the vendor writes to the e-mail address that is given beside it."""
    name = name.partition("+")[0]
    yield f"{name}+acronis@{host}"
    if organization:
        yield f"{name}+{organization}@{host}"
        yield f"{name}.{organization}"
    yield from (f"{name}+{number}@{host}" for number in _NUMBERS)


def _word(organization: str) -> str:
    """Return the first word of an organization's name that says who it is, as it can stand in a login; empty without one."""
    plain = unicodedata.normalize("NFKD", organization.casefold().replace("ß", "ss")).encode("ascii", "ignore").decode()
    words = (word for word in re.split(r"[^a-z0-9]+", plain) if len(word) > 1 and word not in _LEGAL_FORMS)
    return next(words, "")[:30]
