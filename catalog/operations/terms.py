"""The life of terms of use: drafts, publication now or later, new versions, retirement. What is published never changes."""

import logging
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from itertools import count

from django.db import transaction

from accounts.models import Organization, User
from catalog.models import TermsDocument
from common.errors import DomainError, FieldRefused

logger = logging.getLogger(__name__)

IMMUTABLE = "Published terms never change: buyers have accepted these very words. Make a new version instead."


class TermsArePublished(DomainError):
    """What is asked for is only done to drafts."""


class CannotRetire(DomainError):
    """The document is not in force, or nothing would be left to accept."""


@dataclass(frozen=True, slots=True)
class TermsWords:
    """What a version says."""

    title: str
    version: str
    text: str
    summary: str = ""
    """What is new, for buyers who accepted an earlier version."""


@transaction.atomic(durable=True)
def add_terms(*, issuer: str, reseller: Organization | None, words: TermsWords, by: User) -> TermsDocument:
    """
    Keep a draft of the vendor's terms, the MSP's, or those of ``reseller``.

    :raises FieldRefused: there is this version of this title already.
    """
    document = TermsDocument(issuer=issuer, reseller=reseller, created_by=by)
    _write(document, words)
    return document


@transaction.atomic(durable=True)
def change_terms(*, document_id: int, words: TermsWords) -> TermsDocument:
    """
    Change what a draft says.

    :raises TermsArePublished: it is no draft any more.
    :raises FieldRefused: there is this version of this title already.
    """
    document = _draft(document_id)
    _write(document, words)
    return document


@transaction.atomic(durable=True)
def new_version_of_terms(*, document_id: int, by: User, today: date) -> TermsDocument:
    """
    Make a draft with the words of an earlier version and the next version number; return the draft there is, if there is one.

    Repeated, the same draft.
    """
    earlier = TermsDocument.objects.locked().get(pk=document_id)
    versions = TermsDocument.objects.versions_of(earlier)
    draft = versions.filter(published_at__isnull=True).order_by("-pk").first()
    if draft is not None:
        return draft
    taken = set(TermsDocument.objects.filter(reseller=earlier.reseller_id, title=earlier.title).values_list("version", flat=True))
    return TermsDocument.objects.create(
        issuer=earlier.issuer,
        reseller=earlier.reseller,
        title=earlier.title,
        version=suggested_version(earlier.version, taken=taken, today=today),
        text=earlier.text,
        created_by=by,
    )


@transaction.atomic(durable=True)
def publish_terms(*, document_id: int, publish_at: datetime | None, at: datetime) -> TermsDocument:
    """
    Let a draft count from ``publish_at`` on, from now where it is None. Whoever orders from then on accepts it.

    :raises TermsArePublished: it is no draft any more.
    :raises FieldRefused: the moment is past.
    """
    document = _draft(document_id)
    if publish_at is not None and publish_at < at:
        raise FieldRefused("publish_at", "Choose a moment that is still to come, or none to publish now.")
    document.published_at = publish_at or at
    document.save(update_fields=["published_at"])
    return document


@transaction.atomic(durable=True)
def take_back_terms(*, document_id: int, at: datetime) -> TermsDocument:
    """
    Make a draft again of what was to be published later; repeated, nothing.

    :raises TermsArePublished: its moment has come.
    """
    document = TermsDocument.objects.locked().get(pk=document_id)
    if document.is_out(at):
        raise TermsArePublished(IMMUTABLE)
    document.published_at = None
    document.save(update_fields=["published_at"])
    return document


@transaction.atomic(durable=True)
def retire_terms(*, document_id: int, by: User, at: datetime) -> TermsDocument:
    """
    Let nobody be asked for a document any more, in none of its published versions; repeated, nothing.

    Whoever accepted it reads it as before. A version that is published later counts again. Where a reseller retires the last of its
    own, its customers accept the MSP's.

    :raises CannotRetire: it was never published, a newer version counts in its place, or it is the last of vendor and MSP, without
        which nobody could order.
    """
    found = TermsDocument.objects.get(pk=document_id)
    documents = list(TermsDocument.objects.locked().filter(reseller=found.reseller_id))  # two at once would each leave the other
    document = next(one for one in documents if one.pk == document_id)
    if document.state(at) == TermsDocument.State.RETIRED:
        return document
    versions = [one for one in documents if (one.issuer, one.title) == (document.issuer, document.title)]
    _check_can_retire(document, versions, documents, at=at)
    for version in versions:
        if version.is_out(at) and version.retired_at is None:
            version.retired_at = at
            version.save(update_fields=["retired_at"])
    logger.info("terms retired", extra={"terms": document.pk, "by": by.pk})
    return document


@transaction.atomic(durable=True)
def delete_terms(*, document_id: int) -> None:
    """
    Delete a draft; repeated, nothing.

    :raises TermsArePublished: it is no draft any more.
    """
    if TermsDocument.objects.filter(pk=document_id).exists():
        _draft(document_id).delete()


def suggested_version(earlier: str, *, taken: Collection[str], today: date) -> str:
    """
    Return the version that comes after ``earlier`` and is not among ``taken``.

    2026-01 → this month, or 2026-01.2 where that is taken; 3 → 4; 1.9 → 1.10; anything else gets “.2” after it.
    """
    is_month = re.fullmatch(r"\d{4}-\d{2}", earlier) is not None
    if is_month and (month := f"{today:%Y-%m}") not in taken:
        return month
    counted = None if is_month else re.fullmatch(r"(.*?)(\d+)", earlier)
    begun, number = (counted[1], int(counted[2])) if counted else (f"{earlier}.", 1)
    return next(version for n in count(number + 1) if (version := f"{begun}{n}") not in taken)


# Steps: inside the caller's transaction


def _draft(document_id: int) -> TermsDocument:
    document = TermsDocument.objects.locked().get(pk=document_id)
    if document.published_at is not None:
        raise TermsArePublished(IMMUTABLE)
    return document


def _check_can_retire(
    document: TermsDocument, versions: Collection[TermsDocument], documents: Collection[TermsDocument], *, at: datetime
) -> None:
    if not document.is_out(at) or document.published_at is None:
        raise CannotRetire("Only what is published is retired. Delete the draft instead.")
    newest = max((one for one in versions if one.is_out(at)), key=lambda one: (one.published_at or at, one.pk))
    if newest != document:
        raise CannotRetire(f"Version {newest.version} counts in its place. Retire that one.")
    left = [one for one in documents if one not in versions and one.state(at) == TermsDocument.State.PUBLISHED]
    if document.reseller_id is None and not left:
        raise CannotRetire("Nobody could order without terms of use, and these are the last. Publish others first.")


def _write(document: TermsDocument, words: TermsWords) -> None:
    same = TermsDocument.objects.filter(reseller=document.reseller_id, title=words.title, version=words.version)
    if same.exclude(pk=document.pk).exists():
        raise FieldRefused("version", f"There is a version {words.version} of {words.title} already. Give another number.")
    document.title, document.version, document.text, document.summary = words.title, words.version, words.text, words.summary
    document.save()
