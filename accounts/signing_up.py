"""A sign-up that waits for its code, in the visitor's session: nothing is written about anybody before the address is confirmed."""

import re
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils.crypto import constant_time_compare, salted_hmac

from common.errors import DomainError

SESSION_KEY = "sign_up"
CODE_IS_GOOD_FOR = timedelta(minutes=15)
MOST_TRIES = 5
"""Wrong codes, before a new one has to be asked for."""
MOST_CODES = 5
"""Codes mailed for one sign-up."""


class WrongCode(DomainError):
    """What was typed is not the code, or the code is good no longer."""


@dataclass
class WaitingSignUp:
    """What was typed, of the password only its hash, and of the code that was mailed only a keyed one."""

    facts: dict[str, str]
    """The arguments of `operations.sign_up` but for seller and time."""
    seller: str
    """Number of the organization whose customer it becomes."""
    way_back: str
    code_hash: str = ""
    code_until: str = ""
    tries: int = 0
    codes: int = 0

    @property
    def email(self) -> str:
        return self.facts["email"]

    @property
    def may_have_another_code(self) -> bool:
        return self.codes < MOST_CODES

    def expect(self, code: str, *, at: datetime) -> None:
        """Wait for ``code`` from now on; those before it are good no longer."""
        self.code_hash, self.code_until = _hash_of(code), (at + CODE_IS_GOOD_FOR).isoformat()
        self.tries, self.codes = 0, self.codes + 1

    def check(self, typed: str, *, at: datetime) -> None:
        """
        Compare what was typed with the code that was mailed; spaces, dashes and case do not count.

        :raises WrongCode: it is another, it is too old, or it was tried too often.
        """
        if at >= datetime.fromisoformat(self.code_until):
            raise WrongCode("This code is too old. Ask for a new one.")
        if self.tries >= MOST_TRIES:
            raise WrongCode("Too many wrong codes. Ask for a new one.")
        if not constant_time_compare(_hash_of(typed), self.code_hash):
            self.tries += 1
            raise WrongCode("This is not the code we sent last. Look at it again.")


def keep(request: HttpRequest, waiting: WaitingSignUp) -> None:
    """Write the sign-up into the visitor's session."""
    request.session[SESSION_KEY] = asdict(waiting)


def waiting_in(request: HttpRequest) -> WaitingSignUp | None:
    """Return the sign-up that waits in the visitor's session; None where there is none."""
    kept: dict[str, Any] | None = request.session.get(SESSION_KEY)
    return WaitingSignUp(**kept) if kept else None


def forget(request: HttpRequest) -> None:
    """Let go of the sign-up in the visitor's session."""
    request.session.pop(SESSION_KEY, None)


def _hash_of(code: str) -> str:
    return salted_hmac("accounts.signing_up", re.sub(r"[\W_]", "", code).upper(), algorithm="sha256").hexdigest()
