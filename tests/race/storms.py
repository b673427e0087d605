"""Everything at once: claims, deletes, expiries, sweeps, parts and cuts, over a few attachments."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.claim import ById, Wanted
from coatcheck.domain.container import ContainerRef
from coatcheck.domain.errors import CoatcheckError, NotFound
from coatcheck.domain.lifecycle import VISIBLE, State
from coatcheck.domain.principal import Principal
from coatcheck.services.commands import ClaimAttachments, ReleaseAttachments
from coatcheck.testing.bodies import Cut
from tests import deeds
from tests.books import assert_books_balance
from tests.core import Core
from tests.race.counting import counted

#: As long as an attachment lives in here before it expires, in seconds.
LIFE = 1000


class Storm:
    """One round on a place: some attachments, then many deeds on them at once, in an order that the loop decides."""

    def __init__(self, place: Core, caller: Principal, seed: int) -> None:
        self._place = place
        self._services = place.services
        self._caller = caller
        self._dice = random.Random(seed)
        self._seed = seed
        self._made: list[Attachment] = []
        self.outcomes: Counter[str] = Counter()

    async def rage(self) -> Counter[str]:
        """What came of it, by deed: how often each succeeded (claim) and failed (claim!)."""
        dice = self._dice
        for n in range(dice.randint(1, 3)):
            size = dice.choice([10, 1500])
            self._made.append(
                await deeds.deposit(
                    self._place,
                    self._caller,
                    deeds.content(size, self._seed + n),
                    lifetime=LIFE * 1000,
                )
            )
        # To the last moment of a claim, to the first of a sweep, or somewhere.
        self._place.clock.advance(dice.choice([0, LIFE - 1, LIFE, LIFE + 59, LIFE + 61]))
        chosen = [dice.choice(self._deeds()) for _ in range(dice.randint(3, 9))]
        await asyncio.gather(*(counted(self._dice, self.outcomes, *each) for each in chosen))
        return self.outcomes

    async def check(self) -> None:
        """What holds at any moment, and once all is swept."""
        assert_books_balance(self._place)
        for each in self._made:
            try:
                found = await self._services.downloads.find(self._caller, ById(each.id))
            except CoatcheckError:
                continue
            content = await deeds.bytes_of(self._place, self._caller, ById(each.id))
            assert len(content) == found.size

    async def calm(self) -> None:
        """All that it made goes, so that the next rounds stay quick."""
        for each in self._made:
            with suppress(NotFound):
                await self._services.deleting.delete(self._caller, ById(each.id), list(VISIBLE))

    def _deeds(self) -> list[tuple[str, Callable[[], Awaitable[object]]]]:
        return [
            ("claim", self._claim),
            ("claim", self._claim),
            ("claim together", self._claim_together),
            ("hold", self._hold),
            ("release", self._release),
            ("delete", self._delete),
            ("delete", self._delete),
            ("sweep", self._services.reaping.sweep),
            ("sweep", self._services.reaping.sweep),
            ("time", self._time),
            ("read", self._read),
            ("parts", self._parts),
            ("cut", self._cut),
        ]

    def _one(self) -> Attachment:
        return self._dice.choice(self._made)

    async def _claim(self) -> None:
        """Whoever has it exclusively has its bytes."""
        wanted = self._one()
        await deeds.post(self._place, self._caller, wanted, exclusive=True)

    async def _claim_together(self) -> None:
        await deeds.post(
            self._place, self._caller, *self._made, exclusive=self._dice.random() < 0.5
        )

    async def _hold(self) -> None:
        wanted = (Wanted(reference=ById(self._one().id)),)
        lease = self._dice.choice([None, 1, LIFE * 1000])
        await self._services.claims.claim(
            ClaimAttachments(
                caller=self._caller,
                ref=ContainerRef("issue", str(self._dice.randint(1, 2))),
                wanted=wanted,
                exclusive=self._dice.random() < 0.5,
                lease=lease,
            )
        )

    async def _release(self) -> None:
        await self._services.claims.release(
            ReleaseAttachments(
                caller=self._caller,
                ref=ContainerRef("issue", str(self._dice.randint(1, 2))),
                delete=self._dice.random() < 0.5,
            )
        )

    async def _delete(self) -> None:
        states = [State.DETACHED] if self._dice.random() < 0.7 else [State.DETACHED, State.CLAIMED]
        await self._services.deleting.delete(self._caller, ById(self._one().id), states)

    async def _time(self) -> None:
        self._place.clock.advance(self._dice.choice([1, 59, 61, LIFE]))

    async def _read(self) -> None:
        """Found, and then purged while it is being read: that is an error, and never other bytes."""
        found = await self._services.downloads.find(self._caller, ById(self._one().id))
        assert found.size in (10, 1500)

    async def _parts(self) -> None:
        data, key = deeds.content(3000, self._seed), f"storm{self._dice.randint(1, 2)}.{self._seed}"
        spans = [(0, 1500), (1000, 2500), (2500, 3000)]
        for start, stop in self._dice.sample(spans, 3):
            await deeds.receive(
                self._place,
                deeds.a_part(self._caller, data[start:stop], key=key, total=3000, start=start),
            )

    async def _cut(self) -> None:
        body = Cut(deeds.content(1500), self._dice.randint(0, 1499), 500)
        await deeds.deposit(self._place, self._caller, body)


async def storms(
    place: Core, caller: Principal, seeds: range, before: Callable[[int], None]
) -> Counter[str]:
    """Many rounds, each checked; `before` is told the seed of each."""
    seen: Counter[str] = Counter()
    for seed in seeds:
        before(seed)
        storm = Storm(place, caller, seed)
        try:
            seen += await storm.rage()
            await storm.check()
        except AssertionError as error:
            raise AssertionError(f"in the round of seed {seed}: {error}") from error
        await storm.calm()
        if seed % 10 == 9:
            await clear(place)
    await clear(place)
    return seen


async def clear(place: Core) -> None:
    """What is not claimed goes by itself, and then the books are closed."""
    place.clock.advance(2 * deeds.DAY / 1000 + 61)
    await place.services.reaping.sweep()
    await place.services.reaping.sweep()
    assert await deeds.orphans(place) == []
    assert_books_balance(place, settled=True)
