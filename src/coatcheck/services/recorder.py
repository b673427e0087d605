"""Recorder: deposits that wait at the same moment are recorded in one transaction.

A durable commit costs the same for one row as for a hundred. While one transaction is being made durable, others
gather; the next takes them all. Each is answered only when the transaction that has it is durable.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.container import ContainerRef
from coatcheck.domain.deposit import Deposited
from coatcheck.domain.digest import SHA3_256
from coatcheck.domain.errors import CoatcheckError, Unavailable
from coatcheck.faultpoints import reach
from coatcheck.services.attempts import lease_lost
from coatcheck.services.contention import persistently
from coatcheck.services.filing import (
    SITE,
    find_or_make_folders,
    free_place,
    hold,
    living,
)
from coatcheck.services.ports import Facts, Transactions
from coatcheck.services.refusing import out_of_quota

#: Deposits in one transaction; bounds the time that the others wait.
_TOGETHER = 128


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of a deposit; `superseded` are the ids of those that made way for it, which are to be purged."""

    attachment: Attachment
    superseded: Sequence[int] = ()


_Waiting = tuple[Deposited, asyncio.Future[Recorded]]
_Refused = tuple[asyncio.Future[Recorded], CoatcheckError]


class Recorder:
    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._waiting: deque[_Waiting] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def record(self, deposited: Deposited) -> Recorded:
        """Durable when it returns. Raises QuotaExceeded, Unavailable, OutcomeUnknown."""
        future: asyncio.Future[Recorded] = asyncio.get_running_loop().create_future()
        self._waiting.append((deposited, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(_TOGETHER, len(self._waiting)))]
            await self._attempt(batch)

    async def _attempt(self, batch: Sequence[_Waiting]) -> None:
        try:
            await persistently(partial(self._record_together, batch))
        except Exception as error:
            if len(batch) == 1 or isinstance(error, Unavailable):
                _fail(batch, error)
                return
            # One of them is at fault, and must not fail the deposits of strangers: each for itself.
            for each in batch:
                await self._attempt([each])
        except BaseException:
            _fail(batch, Unavailable(retry_after=1))
            raise

    async def _record_together(self, batch: Sequence[_Waiting]) -> None:
        refused: list[_Refused] = []
        granted: list[_Waiting] = []
        async with self._transactions.write() as facts:
            # Trees, containers, quotas: each kind in one order, so that two processes never wait in a circle.
            for tenant_id in sorted({each.draft.tenant_id for each, _ in batch if each.filing}):
                await facts.folders.lock_tree(tenant_id)
            opened = await _open_containers(facts, batch, refused)
            tokens: dict[int, set[str]] = {}
            for _, theirs in groupby(sorted(opened, key=_owner), key=_owner):
                for deposited, future in await _charge(facts, list(theirs), refused):
                    granted.append((await _filed(facts, deposited, tokens), future))
            await reach("Q1")
            recorded = await _add(facts, [deposited for deposited, _ in granted]) if granted else []
            await reach("U8")
        for (_, future), each in zip(granted, recorded, strict=True):
            if not future.done():
                future.set_result(each)
        for future, refusal in refused:
            if not future.done():
                future.set_exception(refusal)


def _owner(waiting: _Waiting) -> int:
    return waiting[0].draft.owner_id


async def _open_containers(
    facts: Facts, batch: Sequence[_Waiting], refused: list[_Refused]
) -> list[_Waiting]:
    """Lock what deposits go into; those whose container is there, or that go into none."""
    opened = [waiting for waiting in batch if waiting[0].into is None]
    inside = [
        (each.draft.tenant_id, each.into, each, future) for each, future in batch if each.into
    ]
    for _, ref, deposited, future in sorted(
        inside, key=lambda one: (one[0], one[1].kind, one[1].external_id)
    ):
        try:
            await _open(facts, deposited, ref)
        except CoatcheckError as error:
            refused.append((future, error))
        else:
            opened.append((deposited, future))
    return opened


async def _charge(
    facts: Facts, theirs: Sequence[_Waiting], refused: list[_Refused]
) -> list[_Waiting]:
    """One owner: once for all deposits without an intent where there is room for them, else deposit by deposit.

    Those that are paid for.
    """
    plain = [each.draft.size for each, _ in theirs if each.intent is None]
    together = bool(plain) and await facts.quotas.charge(
        _owner(theirs[0]), sum(plain), count=len(plain)
    )
    charged = []
    for deposited, future in theirs:
        try:
            if deposited.intent or not together:
                await _settle(facts, deposited)
        except CoatcheckError as error:
            refused.append((future, error))
        else:
            charged.append((deposited, future))
    return charged


def _fail(batch: Sequence[_Waiting], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)


async def _settle(facts: Facts, deposited: Deposited) -> None:
    """Charge the owner; nothing is changed where that is refused."""
    draft, intent = deposited.draft, deposited.intent
    reserved = await facts.intents.settle(intent) if intent else 0
    if reserved is None:  # a sweep took the intent over, and with it the reservation
        raise lease_lost("upload")
    if not await facts.quotas.charge(draft.owner_id, draft.size, reserved=reserved, count=1):
        if intent:
            await facts.intents.add(replace(intent, reserved=reserved))
        raise await out_of_quota(facts, draft.owner_id)


async def _open(facts: Facts, deposited: Deposited, ref: ContainerRef) -> None:
    draft = deposited.draft
    if deposited.elsewhere:
        await facts.containers.ensure(
            tenant_id=draft.tenant_id, owner_id=draft.owner_id, ref=ref, now=draft.now
        )
    await living(facts, draft.tenant_id, ref, lock=True)


async def _filed(facts: Facts, deposited: Deposited, tokens: dict[int, set[str]]) -> Deposited:
    """With its place in the tree, if it has one; `tokens` are those given out in this transaction, by tenant."""
    if deposited.filing is None:
        return deposited
    draft = deposited.draft
    given_out = tokens.setdefault(draft.tenant_id, set())
    place = await free_place(facts, draft.tenant_id, deposited.filing, given_out)
    folder_id = await find_or_make_folders(facts, draft.tenant_id, place.folders, draft.now)
    given_out.add(place.token)
    return replace(
        deposited, draft=replace(draft, token=place.token, name=place.base, folder_id=folder_id)
    )


async def _add(facts: Facts, granted: Sequence[Deposited]) -> list[Recorded]:
    recorded = await facts.attachments.add([each.draft for each in granted])
    now = max(each.draft.now for each in granted)
    held: dict[tuple[int, int, ContainerRef], list[int]] = {}
    superseding: dict[tuple[int, str, str], Attachment] = {}
    for each, attachment in zip(granted, recorded, strict=True):
        if ref := SITE if each.filing else each.into:
            held.setdefault((attachment.tenant_id, attachment.owner_id, ref), []).append(
                attachment.id
            )
        if each.supersede:
            content = attachment.owner_id, attachment.dialect, attachment.digests[SHA3_256]
            superseding[content] = attachment  # of several in one transaction the last stays
    for (tenant_id, owner_id, ref), ids in held.items():
        await hold(facts, ref, tenant_id=tenant_id, owner_id=owner_id, attachment_ids=ids, now=now)
    superseded = {
        newest.id: await facts.attachments.supersede(newest, now) for newest in superseding.values()
    }
    return [Recorded(each, superseded.get(each.id, ())) for each in recorded]
