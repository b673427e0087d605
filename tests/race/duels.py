"""A few deeds on one attachment, at the edge of its time: small enough that a seed is as good as an interleaving.

A storm shows what many things do to each other; a duel, who has won.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from coatcheck.domain.attachment import Attachment
from coatcheck.domain.claim import ById, Wanted
from coatcheck.domain.container import ContainerRef
from coatcheck.domain.errors import NotFound
from coatcheck.domain.lifecycle import State
from coatcheck.domain.principal import Principal
from coatcheck.services.commands import ClaimAttachments, ReleaseAttachments
from tests import deeds
from tests.books import assert_books_balance
from tests.core import Core
from tests.race.counting import counted

#: Attachments that are left together: to leave one takes as long as a duel.
ROUND = 20

#: From the end of one attachment's time to that of the next, in seconds: none is swept before its turn.
APART = 1000

#: Where a duel begins, in ms from the end of the attachment's time: to the last moment of a claim, and to the first of
#: a sweep a minute later; mostly while there is something to win.
EDGES = (-100_000, -100_000, -1, -1, -1, 0, 59_999, 60_001)

CONTENT = deeds.content(40)


class Duel:
    def __init__(self, place: Core, caller: Principal, prize: Attachment, dice: random.Random):
        self._place = place
        self._services = place.services
        self._caller = caller
        self._prize = ById(prize.id)
        self._dice = dice
        self.outcomes: Counter[str] = Counter()

    async def fight(self) -> Counter[str]:
        """What came of it, by deed: how often each succeeded (claim) and failed (claim!)."""
        could = [
            ("claim", self._claim),
            ("claim", self._claim),
            ("hold", self._hold),
            ("release", self._release),
            ("delete", self._delete),
            ("sweep", self._services.reaping.sweep),
            ("sweep", self._services.reaping.sweep),
            ("time", self._time),
        ]
        chosen = [self._dice.choice(could) for _ in range(self._dice.randint(2, 4))]
        await asyncio.gather(*(counted(self._dice, self.outcomes, *each) for each in chosen))
        await self._judge()
        return self.outcomes

    async def _judge(self) -> None:
        """Of claims and deletes one has won at most, and who was told so has it."""
        won, gone = self.outcomes["claim"], self.outcomes["delete"]
        assert won + gone <= 1, f"{won} claims and {gone} deletes were told that it is theirs"
        with suppress(NotFound):
            found = await self._services.downloads.find(self._caller, self._prize)
            assert not gone, "it was deleted, and is there"
            assert found.state is State.CLAIMED or not won
            assert await deeds.bytes_of(self._place, self._caller, self._prize) == CONTENT
            return
        assert not won, "it was claimed, and is gone"

    async def _claim(self) -> None:
        """For good, by a container of its own."""
        await deeds.post(self._place, self._caller, self._prize, exclusive=True)

    async def _hold(self) -> None:
        await self._services.claims.claim(
            ClaimAttachments(
                caller=self._caller,
                ref=ContainerRef("issue", "1"),
                wanted=(Wanted(reference=self._prize),),
                exclusive=self._dice.random() < 0.5,
                lease=self._dice.choice([None, 1]),
            )
        )

    async def _release(self) -> None:
        await self._services.claims.release(
            ReleaseAttachments(
                caller=self._caller,
                ref=ContainerRef("issue", "1"),
                delete=self._dice.random() < 0.5,
            )
        )

    async def _delete(self) -> None:
        await self._services.deleting.delete(self._caller, self._prize, [State.DETACHED])

    async def _time(self) -> None:
        self._place.clock.advance(self._dice.choice([1, 59, 61]))


async def duels(
    place: Core, caller: Principal, seeds: range, before: Callable[[int], None]
) -> Counter[str]:
    """One for each seed, which `before` is told; the books are looked at between rounds."""
    seen: Counter[str] = Counter()
    for first in range(seeds.start, seeds.stop, ROUND):
        of_this_round = range(first, min(first + ROUND, seeds.stop))
        prizes = await _left(place, caller, len(of_this_round))
        for seed, prize in zip(of_this_round, prizes, strict=True):
            before(seed)
            dice = random.Random(seed)
            assert prize.expires_at is not None
            to_go = prize.expires_at + dice.choice(EDGES) - place.clock.now()
            place.clock.advance(milliseconds=max(to_go, 0))
            try:
                seen += await Duel(place, caller, prize, dice).fight()
            except AssertionError as error:
                raise AssertionError(f"in the duel of seed {seed}: {error}") from error
        assert_books_balance(place)
    place.clock.advance(3 * deeds.DAY / 1000)
    await place.services.reaping.sweep()
    await place.services.reaping.sweep()
    assert_books_balance(place, settled=True)
    return seen


async def _left(place: Core, caller: Principal, count: int) -> list[Attachment]:
    """At once, and each with a longer life than the one before."""
    return await asyncio.gather(
        *(
            deeds.deposit(place, caller, CONTENT, lifetime=(n + 1) * APART * 1000)
            for n in range(count)
        )
    )
