"""Whom the history of a row names: the person, and the member of staff who acted as that person."""

from collections.abc import Iterable
from typing import Any

from accounts.models import User


def actors_of(events: Iterable[Any]) -> dict[Any, str]:
    """
    Return who brought about each of ``events`` (rows of a pghistory event model, their contexts loaded), by their keys.

    “Mira Stein as Dora Winter” where a member of staff acted as a customer's person. Events that nobody brought about, such as a
    task's, are left out. One query.
    """
    contexts = {event.pk: event.pgh_context.metadata or {} for event in events if event.pgh_context}
    ids = {context[key] for context in contexts.values() for key in ("user", "staff") if context.get(key)}
    people = User.objects.in_bulk(ids) if ids else {}
    named = {pk: _named(people.get(context.get("user")), people.get(context.get("staff"))) for pk, context in contexts.items()}
    return {pk: words for pk, words in named.items() if words}


def _named(person: User | None, staff: User | None) -> str:
    if person is None or staff is None:
        return str(person or staff or "")
    return f"{staff} as {person}"
