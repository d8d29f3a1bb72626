"""
Uploaded sheets that wait to be confirmed, on the server under a token for an hour: what is confirmed is what was shown.

They lie in the cache that all web servers share. Nothing is lost with it but the wait: who finds it gone uploads the file again.
"""

import hashlib
import secrets
from dataclasses import dataclass, replace

from django.core.cache import cache

from catalog.operations.plan_sheets import ImportPreview
from common.errors import DomainError

KEPT_SECONDS = 3600


class ImportGone(DomainError):
    """There is no such upload, or not any more, or it is somebody else's."""


@dataclass(frozen=True, slots=True)
class KeptImport:
    """A file with what it would do. ``done`` holds the counts once it was applied."""

    token: str
    by_id: int
    file_name: str
    content: bytes
    sha256: str
    preview: ImportPreview
    done: dict[str, int] | None = None


def keep(content: bytes, *, file_name: str, preview: ImportPreview, by_id: int) -> KeptImport:
    """Keep a file for an hour."""
    sha256 = hashlib.sha256(content).hexdigest()
    kept = KeptImport(secrets.token_urlsafe(24), by_id, file_name[-100:], content, sha256, preview)
    cache.set(_key(kept.token), kept, KEPT_SECONDS)
    return kept


def kept_import(token: str, *, by_id: int) -> KeptImport:
    """
    Return what was kept for that person.

    :raises ImportGone: it is not there, is somebody else's, or is not the file any more that was kept.
    """
    kept = cache.get(_key(token))
    if not isinstance(kept, KeptImport) or kept.by_id != by_id or hashlib.sha256(kept.content).hexdigest() != kept.sha256:
        raise ImportGone("This upload is no longer kept; files wait for an hour. Upload it again.")
    return kept


def finish(kept: KeptImport, counts: dict[str, int]) -> None:
    """Remember that a file was applied, so that a second click shows the same; the file itself goes."""
    sha256 = hashlib.sha256(b"").hexdigest()
    cache.set(_key(kept.token), replace(kept, content=b"", sha256=sha256, done=counts), KEPT_SECONDS)


def renew(kept: KeptImport, preview: ImportPreview) -> None:
    """Put a newer preview in the place of the one that was shown."""
    cache.set(_key(kept.token), replace(kept, preview=preview), KEPT_SECONDS)


def _key(token: str) -> str:
    # A token from an address is anybody's text; a cache key has a length and no spaces.
    return f"plan-import-{hashlib.sha256(token.encode()).hexdigest()}"
