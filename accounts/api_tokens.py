"""
API tokens: how a program acts for an organization.

A token reads `ct_<8 signs>_<43 signs>`. The first part is what people tell tokens apart by; the whole has 256 random bits, so a
plain SHA-256 of it is as good as a password hash is for what a person would choose, and finds its row by an index. Nothing but
that hash is kept: the token is returned once, when it is made.
"""

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from django.db import transaction
from django.db.models import Q
from django.views.decorators.debug import sensitive_variables

from accounts.models import ApiToken, Organization, User
from common.errors import DomainError, FieldRefused

MOST_TOKENS = 50
"""Usable ones of one organization; whoever needs more has forgotten to revoke some."""

USE_IS_WRITTEN_EVERY = timedelta(hours=1)

_PREFIX_SIGNS = "abcdefghijkmnpqrstuvwxyz23456789"  # none that is read as another
_SHAPE = re.compile(r"ct_[a-z0-9]{8}_[A-Za-z0-9_-]{43}")
_RESELLERS_SCOPES = frozenset({ApiToken.Scope.PARTNER_READ, ApiToken.Scope.PARTNER_WRITE})


class TokenRefused(DomainError):
    """What was shown as an API token lets nobody in."""


class TooManyTokens(DomainError):
    """The organization has as many usable tokens as it may."""


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token just made. ``secret`` is the token itself, to be shown now or never."""

    row: ApiToken
    secret: str = field(repr=False)


def scopes_for(organization: Organization) -> list[ApiToken.Scope]:
    """Return the scopes that tokens of ``organization`` can have: resellers have partner prices, everybody all the rest."""
    is_reseller = organization.kind == Organization.Kind.RESELLER
    return [scope for scope in ApiToken.Scope if is_reseller or scope not in _RESELLERS_SCOPES]


def uses(token: ApiToken) -> list[str]:
    """Return in words what ``token`` may be used to do."""
    return [ApiToken.Scope(scope).label for scope in token.scopes]


def state_of(token: ApiToken, at: datetime) -> str:
    """Say in a word whether ``token`` lets anybody in at ``at``: usable, expired or revoked."""
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at is not None and token.expires_at <= at else "usable"


@transaction.atomic(durable=True)
def create_token(
    *,
    organization_id: int,
    name: str,
    scopes: Collection[str],
    by: User,
    at: datetime,
    expires_at: datetime | None = None,
) -> NewToken:
    """
    Let a program act for an organization within ``scopes`` until ``expires_at``, or until the token is revoked.

    Not repeatable: a second token of the same name is refused, so that a form sent twice makes one.

    :raises FieldRefused: a usable token has this name, no scope or one the organization cannot have, an end in the past.
    :raises TooManyTokens: the organization has `MOST_TOKENS` usable ones.
    """
    organization = Organization.objects.locked().get(pk=organization_id)
    _check_scopes(organization, scopes)
    if expires_at is not None and expires_at <= at:
        raise FieldRefused("expires_on", "The token would have expired already. Choose a later day.")
    usable = ApiToken.objects.filter(organization=organization).usable(at)
    if usable.filter(name__iexact=name).exists():
        raise FieldRefused("name", f"There is a usable token named “{name}” already. Revoke it, or choose another name.")
    if usable.count() >= MOST_TOKENS:
        raise TooManyTokens(f"{organization} has {MOST_TOKENS} usable tokens. Revoke one that is not needed any more.")
    return _made(organization=organization, name=name, scopes=sorted(scopes), created_by=by, created_at=at, expires_at=expires_at)


@transaction.atomic(durable=True)
def revoke_token(*, token_id: int, at: datetime) -> ApiToken:
    """Let a token in no more, from the next request on; this cannot be undone. Repeated, the first time counts."""
    token = ApiToken.objects.locked().get(pk=token_id)
    if token.revoked_at is None:
        token.revoked_at = at
        token.save(update_fields=["revoked_at"])
    return token


@sensitive_variables("secret")
def authenticate(secret: str, *, at: datetime) -> ApiToken:
    """
    Return the token that ``secret`` is, with its organization and that one's parent, and write its use down once an hour.

    Whoever gets a particular refusal has shown a token that was once true; all others learn nothing.

    :raises TokenRefused: it is no token of ours, or revoked, or expired.
    """
    if not _SHAPE.fullmatch(secret):
        raise TokenRefused("This is not an API token of ours.")
    tokens = ApiToken.objects.select_related("organization__parent")
    token = tokens.filter(token_hash=_hash(secret)).first()
    if token is None:
        raise TokenRefused("This is not an API token of ours.")
    if (state := state_of(token, at)) != "usable":
        raise TokenRefused(f"This API token {'was revoked' if state == 'revoked' else 'has expired'}.")
    _note_use(token, at)
    return token


def _check_scopes(organization: Organization, scopes: Collection[str]) -> None:
    if not scopes:
        raise FieldRefused("scopes", "Choose what the token may be used for.")
    if set(scopes) - set(scopes_for(organization)):
        raise FieldRefused("scopes", f"{organization} cannot have a token for that.")


@sensitive_variables("secret")
def _made(**facts: object) -> NewToken:
    prefix = "ct_" + "".join(secrets.choice(_PREFIX_SIGNS) for _ in range(8))
    secret = f"{prefix}_{secrets.token_urlsafe(32)}"
    return NewToken(ApiToken.objects.create(prefix=prefix, token_hash=_hash(secret), **facts), secret)


@sensitive_variables("secret")
def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _note_use(token: ApiToken, at: datetime) -> None:
    """Write the use where none was for an hour; of requests at the same time one writes."""
    before = at - USE_IS_WRITTEN_EVERY
    if token.last_used_at is not None and token.last_used_at > before:
        return
    unwritten = ApiToken.objects.filter(Q(last_used_at__isnull=True) | Q(last_used_at__lte=before), pk=token.pk)
    if unwritten.update(last_used_at=at):
        token.last_used_at = at
