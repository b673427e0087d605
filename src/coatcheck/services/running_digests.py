"""Digests of uploads that arrive in parts, carried along while the parts come, so that the last one need not wait.

A digest needs the bytes in order; a part is hashed after it is stored, behind the answer, as soon as all before it are.
The state lives in this process only: after a restart, or on another worker, it is computed from the stored parts.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from coatcheck.blobs.base import BlobStore
from coatcheck.domain.assembly import received, span_of
from coatcheck.domain.attachment import Attachment, Part, laid_out
from coatcheck.domain.digest import SHA256, Digest
from coatcheck.domain.errors import CoatcheckError, Corrupt, DigestMismatch
from coatcheck.domain.ranges import first_gap
from coatcheck.services.intake import Hashes
from coatcheck.services.ports import Transactions
from coatcheck.services.reading import Reading

#: Uploads whose state is kept; the longest idle makes way.
_KEPT = 512

#: What a dialect that reports no digest of the whole will wait for, in bytes left to hash; the rest is done by a sweep.
PATIENCE = 8 * 1024 * 1024

#: And in seconds, where there is more than this left.
_WAIT = 0.05
_SOON = 1024 * 1024


@dataclass
class _Run:
    algorithms: frozenset[str]
    hashes: Hashes = field(init=False)
    offset: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    again: bool = False
    parts: Sequence[Part] | None = None
    task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.start_over()

    def start_over(self) -> None:
        self.hashes, self.offset = Hashes(self.algorithms), 0


class RunningDigests:
    def __init__(self, transactions: Transactions, blobs: BlobStore) -> None:
        self._transactions = transactions
        self._reading = Reading(transactions, blobs)
        self._runs: OrderedDict[int, _Run] = OrderedDict()

    def advance(
        self, attachment_id: int, needed: Iterable[str], parts: Sequence[Part] | None = None
    ) -> None:
        """Hash, in the background, what has arrived without a gap: of these `parts`, if they are known to be all."""
        run = self._run(attachment_id, needed)
        run.parts = parts
        if run.task is None or run.task.done():
            run.task = asyncio.create_task(self._catch_up(attachment_id, run))
        else:
            run.again = True

    async def whole(
        self, attachment: Attachment, parts: Sequence[Part], needed: Iterable[str]
    ) -> dict[str, str]:
        """The digests of all bytes, which have arrived. Where none is needed, empty if it would take long."""
        run = self._run(attachment.id, needed)
        left = attachment.size - run.offset
        if not set(needed) and left > PATIENCE:
            return {}
        # Also what should be quick may have to wait, for a busy disk or for what is being hashed already.
        wait = _WAIT if not set(needed) and left > _SOON else None
        try:
            async with asyncio.timeout(wait), run.turn:
                await self._hash(run, parts, attachment.size)
        except TimeoutError:
            return {}
        return run.hashes.hexdigests()

    async def confirm(
        self,
        digests: dict[str, str],
        attachment: Attachment,
        parts: Sequence[Part],
        expected: Sequence[Digest],
    ) -> None:
        """Raises DigestMismatch where the whole, of which some digests are known, is not what is expected."""
        missing = {each.algorithm for each in expected} - digests.keys()
        if missing:
            digests = digests | await self.of(parts, attachment.size, missing)
        for each in expected:
            if digests[each.algorithm] != each.hex:
                raise DigestMismatch(algorithm=each.algorithm)

    async def of(
        self, parts: Sequence[Part], size: int, algorithms: Iterable[str]
    ) -> dict[str, str]:
        """Digests of a whole attachment, computed now. Raises Corrupt."""
        run = _Run(frozenset(algorithms))
        await self._hash(run, parts, size)
        if run.offset != size:
            raise Corrupt("Some parts are missing.")
        return run.hashes.hexdigests()

    def forget(self, attachment_id: int) -> None:
        run = self._runs.pop(attachment_id, None)
        if run and run.task:
            run.task.cancel()

    async def close(self) -> None:
        tasks = [run.task for run in self._runs.values() if run.task]
        for attachment_id in list(self._runs):
            self.forget(attachment_id)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _run(self, attachment_id: int, needed: Iterable[str]) -> _Run:
        run = self._runs.get(attachment_id)
        if run is None:
            run = self._runs[attachment_id] = _Run(frozenset({SHA256, *needed}))
            while len(self._runs) > _KEPT:
                self.forget(next(iter(self._runs)))
        self._runs.move_to_end(attachment_id)
        return run

    async def _catch_up(self, attachment_id: int, run: _Run) -> None:
        try:
            while True:
                run.again = False
                parts, run.parts = run.parts, None
                if parts is None:
                    async with self._transactions.read() as facts:
                        parts = await facts.attachments.parts(attachment_id)
                async with run.turn:
                    await self._hash(run, parts, _unbroken(parts))
                if not run.again:
                    return
        except CoatcheckError:
            self.forget(
                attachment_id
            )  # it was deleted meanwhile, or cannot be read: completion will tell

    async def _hash(self, run: _Run, parts: Sequence[Part], stop: int) -> None:
        """Up to `stop`. A failure to read leaves the state at a byte that is noted."""
        async with aclosing(self._reading.span(parts, run.offset, stop)) as span:
            async for data in span:
                try:
                    await run.hashes.begin(data)
                except BaseException:
                    run.start_over()  # cancelled: a thread may still be adding to the old ones
                    raise
                run.offset += len(data)


def _unbroken(parts: Sequence[Part]) -> int:
    """How many bytes have arrived without a gap."""
    if any(part.ordinal is not None for part in parts):
        ordered = sorted(parts, key=lambda part: part.ordinal or 0)
        leading = [part for number, part in enumerate(ordered, 1) if part.ordinal == number]
        return received(leading)
    spans = [span_of(part) for part in laid_out(parts)]
    return first_gap(spans, max((span.stop for span in spans), default=0))
