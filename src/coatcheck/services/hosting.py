"""Hosting: which host serves, where only one may: SQLite's locks, and a local folder, do not reach over a network.

The host that serves has a lease in the database and renews it. All processes under one kernel are one host. One that
was away for too long, and finds that another serves, writes nothing from then on.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Protocol

from coatcheck.domain.errors import CoatcheckError, Unavailable
from coatcheck.services.ports import Clock, Transactions
from coatcheck.services.shielding import meanwhile

log = logging.getLogger(__name__)

_NAME = "host"

#: ms. Longer than a host is busy with something else, and short enough to wait for after one has died.
LEASE = 60_000

#: Seconds.
_RENEWED_EVERY = LEASE / 1000 / 3


class Host(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def boot(self) -> str: ...
    @property
    def machine(self) -> str: ...


class AnotherServes(Unavailable):
    """Another host has the lease."""


class Hosting:
    """`alone`: whether there may be only one host. `every`: seconds between two renewals."""

    def __init__(
        self,
        transactions: Transactions,
        clock: Clock,
        host: Host,
        *,
        alone: bool,
        every: float = _RENEWED_EVERY,
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._host = host
        self._alone = alone
        self._every = every
        self._lease: str | None = None

    async def take(self) -> None:
        """Serve from this host for a while. Raises AnotherServes; and Unavailable, where nobody can know."""
        if not self._alone:
            return
        if self._transactions.halted:
            await self.look()
            self._transactions.halted = None
            log.warning("no other host serves any more: this one does again")
        lease = json.dumps(
            {
                "name": self._host.name,
                "boot": self._host.boot,
                "machine": self._host.machine,
                "until": self._clock.now() + LEASE,
            }
        )
        async with self._transactions.write() as facts:
            if not await facts.installed.add(_NAME, lease):
                self._refuse_another(await facts.installed.get(_NAME, lock=True))
                await facts.installed.put(_NAME, lease)
        self._lease = lease

    async def look(self) -> str:
        """Who serves, in words. Raises AnotherServes, and Unavailable."""
        if not self._alone:
            return "any number of hosts may serve"
        async with self._transactions.read() as facts:
            lease = await facts.installed.get(_NAME)
        self._refuse_another(lease)
        serves = lease is not None and self._clock.now() < json.loads(lease)["until"]
        return "this one serves, and no other may" if serves else "none serves now, and one may"

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """As long as the block runs. Raises AnotherServes, and Unavailable."""
        await self.take()
        try:
            async with self.renewed():
                yield
        finally:
            await self._give_up()

    def renewed(self) -> AbstractAsyncContextManager[None]:
        """What was taken is kept, as long as the block runs. Where it was lost, nothing is written until it is ours."""
        return meanwhile(self._renew(), "hosting")

    async def _renew(self) -> None:
        while self._alone:
            await asyncio.sleep(self._every)
            try:
                await self.take()
            except AnotherServes as error:
                log.error(
                    "this host has lost its lease, and writes nothing any more: %s", error.detail
                )
                self._transactions.halted = error.detail
            except Exception as error:  # whatever it was, it has to be tried again
                log.error("the lease of this host could not be renewed: %s", error)

    async def _give_up(self) -> None:
        """So that another host need not wait. Other processes of this one renew it, if there are any."""
        if self._lease is not None:
            with suppress(CoatcheckError):
                async with self._transactions.write() as facts:
                    await facts.installed.remove(_NAME, self._lease)

    def _refuse_another(self, lease: str | None) -> None:
        now = self._clock.now()
        holder = json.loads(lease) if lease else {}
        # A machine that has the same number and started anew is the one that held it.
        ours = (self._host.boot, self._host.machine)
        if not holder or holder["boot"] == ours[0] or holder["machine"] == ours[1]:
            return
        if now < holder["until"] <= now + 2 * LEASE:
            wait = (holder["until"] - now) // 1000 + 1
            raise AnotherServes(
                f"Another host, {holder['name']}, serves this database, and SQLite or a local folder has one host"
                f" alone. If it has died, its turn ends in {wait} s.",
                retry_after=wait,
            )
