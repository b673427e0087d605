"""Doing a thing once although it is asked for twice: the work and the memory of it are one transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from coatcheck.domain.errors import ReplayMismatch
from coatcheck.domain.principal import Principal
from coatcheck.services.commands import Limits, RequestId
from coatcheck.services.contention import persistently
from coatcheck.services.ports import Clock, Facts, Transactions

T = TypeVar("T")


class Replaying:
    def __init__(self, transactions: Transactions, clock: Clock, limits: Limits) -> None:
        self._transactions = transactions
        self._clock = clock
        self._limits = limits

    async def once(
        self,
        caller: Principal,
        request: RequestId | None,
        work: Callable[[Facts, int], Awaitable[T]],
        *,
        remember: Callable[[T], dict[str, Any]],
        recall: Callable[[dict[str, Any]], T],
    ) -> T:
        """What `work` returns; for a request id that was seen before, what it returned then, with nothing done.

        `work` may be called again, when the database undid it. `remember` and `recall` turn what it returns into a
        JSON document and back. Raises ReplayMismatch where the id came with another request.
        """
        return await persistently(partial(self._once, caller, request, work, remember, recall))

    async def _once(
        self,
        caller: Principal,
        request: RequestId | None,
        work: Callable[[Facts, int], Awaitable[T]],
        remember: Callable[[T], dict[str, Any]],
        recall: Callable[[dict[str, Any]], T],
    ) -> T:
        now = self._clock.now()
        async with self._transactions.write() as facts:
            if request is None:
                return await work(facts, now)
            await facts.replays.lock(caller.id, request.endpoint, request.id)
            earlier = await facts.replays.find(caller.id, request.endpoint, request.id, now)
            if earlier:
                if earlier.fingerprint != request.fingerprint:
                    raise ReplayMismatch
                return recall(earlier.answer)
            result = await work(facts, now)
            await facts.replays.keep(
                caller.id,
                request.endpoint,
                request.id,
                fingerprint=request.fingerprint,
                answer=remember(result),
                expires_at=now + self._limits.replay,
            )
            return result
