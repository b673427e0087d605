"""Request bodies as a server meets them: whole, cut off, stalled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol


class Body(Protocol):
    """Bytes of a request as they come in. It ends quietly when the sender hung up: then `cut` is True."""

    cut: bool

    def __aiter__(self) -> AsyncIterator[bytes]: ...


class Whole:
    """Everything that was promised, in pieces of `piece` bytes."""

    def __init__(self, content: bytes, piece: int = 64 * 1024) -> None:
        self.cut = False
        self._content = content
        self._piece = piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in _pieces(self._content, self._piece):
            await asyncio.sleep(0)
            yield piece


class Cut:
    """The sender hangs up after `after` bytes."""

    def __init__(self, content: bytes, after: int, piece: int = 64 * 1024) -> None:
        self.cut = False
        self._content = content[:after]
        self._piece = piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in _pieces(self._content, self._piece):
            await asyncio.sleep(0)
            yield piece
        self.cut = True


class Stalled:
    """The sender falls silent after `after` bytes, until `resume` or `hang_up`.

    `await body.silent.wait()` returns as soon as whoever reads the body waits for more.
    """

    def __init__(self, content: bytes, after: int, piece: int = 64 * 1024) -> None:
        self.cut = False
        self.silent = asyncio.Event()
        self._content = content
        self._after = after
        self._piece = piece
        self._go_on = asyncio.Event()
        self._hung_up = False

    def resume(self) -> None:
        """The rest comes after all."""
        self._go_on.set()

    def hang_up(self) -> None:
        """Nothing more comes, and the body ends quietly."""
        self._hung_up = True
        self._go_on.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in _pieces(self._content[: self._after], self._piece):
            yield piece
        self.silent.set()
        await self._go_on.wait()
        if self._hung_up:
            self.cut = True
            return
        for piece in _pieces(self._content[self._after :], self._piece):
            yield piece


def _pieces(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]
