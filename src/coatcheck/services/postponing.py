"""Postponing: what the wall clock has jumped over counts for nobody's time."""

from __future__ import annotations

from coatcheck.services.commands import Limits
from coatcheck.services.contention import persistently
from coatcheck.services.ports import Clock, Transactions

#: Under this name the installation knows how many ms all ends have been put off, ever.
_NAME = "postponed"

#: ms by which two that see the same jump may differ about it.
_ALIKE = 1000


class Postponing:
    """Never beyond the longest time that anything is kept for, counted from now: a clock can jump by decades."""

    def __init__(self, transactions: Transactions, clock: Clock, limits: Limits) -> None:
        self._transactions = transactions
        self._clock = clock
        self._limits = limits
        self._lease = max(limits.lease, limits.url_life + limits.url_slack)

    async def so_far(self) -> int:
        async with self._transactions.read() as facts:
            return int(await facts.installed.get(_NAME) or 0)

    async def postpone(self, jump: int, known: int) -> int:
        """Put off by `jump` ms every end that a sweep goes by. Of those who saw the same jump only one does.

        `known` is what `so_far` said before the jump: what was added since, others have done. How much was left to do.
        """
        return await persistently(lambda: self._postpone(jump, known))

    async def _postpone(self, jump: int, known: int) -> int:
        now = self._clock.now()
        async with self._transactions.write() as facts:
            await facts.installed.add(_NAME, "0")
            total = int(await facts.installed.get(_NAME, lock=True) or 0)
            missing = jump - (total - known)
            if missing < _ALIKE:
                return 0
            await facts.ends.postpone(
                missing, latest=now + self._limits.longest, latest_lease=now + self._lease
            )
            await facts.installed.put(_NAME, str(total + missing))
        return missing
