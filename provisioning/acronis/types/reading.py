"""
Reading the vendor's JSON field by field: strict about what we use, silent about the rest.

Whatever is missing or of another type raises ``MalformedAnswer`` naming the field.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from provisioning.acronis.errors import MalformedAnswer

T = TypeVar("T")


class Fields:
    """A JSON object of the vendor, read field by field. ``name`` is what errors call it."""

    def __init__(self, value: object, name: str) -> None:
        if not isinstance(value, dict):
            raise MalformedAnswer(f"{name} is not an object")
        self._values = value
        self._name = name

    def text(self, key: str) -> str:
        return self._required(key, self.text_or_none(key))

    def text_or_none(self, key: str) -> str | None:
        value = self._values.get(key)
        if value is None or isinstance(value, str):
            return value
        raise self._wrong(key, "text")

    def integer(self, key: str) -> int:
        return self._required(key, self.integer_or_none(key))

    def integer_or_none(self, key: str) -> int | None:
        value = self._values.get(key)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise self._wrong(key, "an integer")

    def truth(self, key: str, *, absent: bool | None = None) -> bool:
        """Read true or false, also as 1 or 0. ``absent`` stands for a missing or null one; None: it must be there."""
        value = self._values.get(key)
        if value is None:
            return self._required(key, absent)
        if isinstance(value, int) and value in (0, 1):
            return bool(value)
        raise self._wrong(key, "true or false")

    def moment_or_none(self, key: str) -> datetime | None:
        """Read a time as aware UTC. Some of the vendor's times have no zone; they are UTC."""
        text = self.text_or_none(key)
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise self._wrong(key, "a time") from None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

    def object_or_none(self, key: str) -> object | None:
        value: object = self._values.get(key)
        return value

    def each(self, key: str, read: Callable[[object], T]) -> tuple[T, ...]:
        """Read a list that must be there."""
        value = self._values.get(key)
        if not isinstance(value, list):
            raise self._wrong(key, "a list")
        return tuple(read(entry) for entry in value)

    def each_if_any(self, key: str, read: Callable[[object], T]) -> tuple[T, ...]:
        """Read a list that may be missing or null."""
        return () if self._values.get(key) is None else self.each(key, read)

    def _required(self, key: str, value: T | None) -> T:
        if value is None:
            raise MalformedAnswer(f"{self._name}.{key} is missing")
        return value

    def _wrong(self, key: str, expected: str) -> MalformedAnswer:
        return MalformedAnswer(f"{self._name}.{key} is not {expected}")


def text(value: object) -> str:
    """Read an entry of a list of texts."""
    if not isinstance(value, str):
        raise MalformedAnswer("an entry of a list is not text")
    return value


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list. ``after`` is the cursor of the next one, None on the last."""

    items: tuple[T, ...]
    after: str | None

    @classmethod
    def from_json(cls, value: object, read: Callable[[object], T]) -> "Page[T]":
        fields = Fields(value, "answer")
        paging = fields.object_or_none("paging")
        cursors = Fields(paging, "paging").object_or_none("cursors") if paging is not None else None
        after = Fields(cursors, "paging.cursors").text_or_none("after") if cursors is not None else None
        return cls(items=fields.each("items", read), after=after or None)


def items_of(read: Callable[[object], T]) -> Callable[[object], list[T]]:
    """Return a reader of ``{"items": [...]}``."""
    return lambda value: list(Fields(value, "answer").each("items", read))


def in_batches(ids: Iterator[str], *, size: int = 100) -> Iterator[list[str]]:
    """Cut ids into lists the vendor accepts: 100 at most in one query."""
    batch: list[str] = []
    for one in ids:
        batch.append(one)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def without_absent(values: Mapping[str, T | None]) -> dict[str, T]:
    """Leave out what is None, where the vendor tells absent from null."""
    return {key: value for key, value in values.items() if value is not None}
