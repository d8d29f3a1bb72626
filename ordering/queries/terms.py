"""Terms of use as a buyer reads them: what is to be accepted, what is new since the last time, and what was accepted."""

from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q, QuerySet

from accounts.models import Organization
from catalog.models import TermsDocument
from ordering.models import Order, TermsAcceptance


@dataclass(frozen=True)
class Reading:
    """A document at the checkout."""

    document: TermsDocument
    is_accepted: bool
    """For this basket."""
    earlier: TermsAcceptance | None = None
    """When the buyer last accepted this very version, for whatever order."""
    since: TermsAcceptance | None = None
    """What the buyer accepted last, where that was an earlier version."""
    news: list[TermsDocument] = field(default_factory=list)
    """The versions published since then that say what is new, the oldest first."""

    @property
    def was_accepted(self) -> bool:
        return self.is_accepted or self.earlier is not None


def readings(documents: list[TermsDocument], *, accepted: frozenset[int], buyer: Organization, at: datetime) -> list[Reading]:
    """
    Return each of ``documents`` with what ``buyer`` knows of it; ``accepted`` are those of the basket.

    One query, and another where the buyer knows an older version only, so that it is told what is new.
    """
    titles = [document.title for document in documents]
    known = list(_acceptances_of(buyer).filter(document__title__in=titles).select_related("document", "person"))
    versions = TermsDocument.objects.published(at).filter(title__in=titles).defer("text").order_by("published_at", "pk")
    return [_reading(document, document.pk in accepted, known, versions) for document in documents]


def accepted_before(buyer: Organization, documents: list[TermsDocument]) -> dict[int, TermsAcceptance]:
    """Return by document when ``buyer`` last accepted that very version; what was never accepted is left out."""
    known = _acceptances_of(buyer).filter(document__in=documents).order_by("accepted_at", "pk")
    return {acceptance.document_id: acceptance for acceptance in known}


def acceptances_of(order: Order) -> QuerySet[TermsAcceptance]:
    """Return what was accepted with ``order``, at the checkout or by a program, the vendor's first."""
    own = Q(order=order) if order.basket_id is None else Q(order=order) | Q(basket=order.basket_id)
    found = TermsAcceptance.objects.filter(own).select_related("document__reseller", "person")
    return found.order_by("-document__issuer", "document__title")


def _acceptances_of(buyer: Organization) -> QuerySet[TermsAcceptance]:
    """Return what ``buyer`` accepted itself. What a program of somebody else once accepted in its name binds it to nothing."""
    own_program = Q(order__api_token__isnull=True) | Q(order__api_token__organization=buyer)
    return TermsAcceptance.objects.filter(Q(basket__buyer=buyer) | (Q(order__buyer=buyer) & own_program))


def _reading(
    document: TermsDocument, is_accepted: bool, known: list[TermsAcceptance], published: QuerySet[TermsDocument]
) -> Reading:
    mine = [acceptance for acceptance in known if _is_same(acceptance.document, document)]
    last = max(mine, key=lambda acceptance: (acceptance.document.published_at, acceptance.accepted_at), default=None)
    same = [acceptance for acceptance in mine if acceptance.document_id == document.pk]
    earlier = max(same, key=lambda acceptance: acceptance.accepted_at, default=None)
    if last is None or earlier is not None:
        return Reading(document, is_accepted, earlier)
    return Reading(document, is_accepted, None, last, _news(document, last.document, published))


def _news(document: TermsDocument, since: TermsDocument, published: QuerySet[TermsDocument]) -> list[TermsDocument]:
    positions = {one.pk: n for n, one in enumerate(published)}
    later = list(published)[positions.get(since.pk, -1) + 1 : positions.get(document.pk, -1) + 1]
    return [one for one in later if _is_same(one, document) and one.summary]


def _is_same(one: TermsDocument, other: TermsDocument) -> bool:
    return (one.issuer, one.reseller_id, one.title) == (other.issuer, other.reseller_id, other.title)
