"""What all groups of calls share."""

from collections.abc import Callable, Collection, Iterator
from typing import TypeVar

from provisioning.acronis.connection import Connection, Query
from provisioning.acronis.errors import MalformedAnswer
from provisioning.acronis.types import Page

T = TypeVar("T")


class Resource:
    """A group of calls over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _pages(self, path: str, *, read: Callable[[object], T], query: Query) -> Iterator[T]:
        """Iterate over a list. The cursor carries the filters, so a following page is asked for by cursor alone."""
        seen: set[str] = set()
        while True:
            page = self._connection.ask("GET", path, query=query, read=lambda value: Page.from_json(value, read))
            yield from page.items
            if page.after is None:
                return
            if page.after in seen:
                raise MalformedAnswer("its pages go in a circle", method="GET", path=path)
            seen.add(page.after)
            query = {"after": page.after}


def named(**filters: Collection[str]) -> Query:
    """Return the filters that name something, as the vendor wants them: separated by commas, absent for all."""
    return {key: ",".join(names) for key, names in filters.items() if names}
