"""How long somebody may be waited for, in many short waits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Patience:
    """Seconds that are used up by waiting alone. One timer serves thousands of waits: each of its own costs more than
    most messages do.
    """

    def __init__(self, left: float) -> None:
        self.left = left
        self._since = 0.0
        self._task: asyncio.Task[object] | None = None  # that waits now
        self._cancelling: int | None = None  # before we cancelled it
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around a wait. Raises TimeoutError in the middle of it when no patience is left."""
        self._since = self._loop.time()
        self._task = asyncio.current_task()
        if self._timer is None:
            self._timer = self._loop.call_later(self.left, self._look)
        try:
            yield
        except asyncio.CancelledError:
            before, self._cancelling = self._cancelling, None
            # Ours, unless somebody else cancelled the task as well.
            if before is not None and self._task and self._task.uncancel() <= before:
                raise TimeoutError from None
            raise
        finally:
            self._task = None
            self.left -= self._loop.time() - self._since

    def end(self) -> None:
        """Nobody is waited for any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = None
        if self._task is None:
            return  # the next wait sets it again
        left = self.left - (self._loop.time() - self._since)
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self._cancelling = self._task.cancelling()
            self._task.cancel()
