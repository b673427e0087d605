"""Where in a long list a page lies: beside an item that the client has seen, so that nothing is skipped or doubled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Mark:
    """An item's place in a list that runs from newest to oldest."""

    created_at: int
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The first `limit` items; or those older than `after`, newer than `before`, or the last ones (`tail`)."""

    limit: int
    after: Mark | None = None
    before: Mark | None = None
    tail: bool = False

    def of(self, total: int) -> Window:
        """The same in a list of so many: its last page has what is left over after full ones."""
        return replace(self, limit=total % self.limit or self.limit) if self.tail else self


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`newer` and `older` tell whether there is more on either side."""

    items: list[T]
    newer: bool
    older: bool


@dataclass(frozen=True, slots=True)
class CountedPage(Page[T]):
    """`total` counts the whole list, which costs more than a page: for those who have to tell it."""

    total: int
