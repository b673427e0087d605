"""What holds at any moment, whoever does what; and how the server is asked."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from tests import deeds
from tests.books import assert_books_balance
from tests.model.house import ROOT, USERS, House
from tests.model.reference import DAY, Thing, User, World
from tests.web.test_any_dialect_to_any import Names
from tests.web.test_tenants_apart import NEVER, places

QUOTA = 12_000

#: Into a row, and into a blob.
SIZES = st.sampled_from([1, 300, 601, 1500])
USER = st.sampled_from(USERS)
#: Which of those that there are; the least is the one that came first.
PICK = st.integers(0, 15)


class Checked(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._root = Path(tempfile.mkdtemp(prefix="coatcheck-model-"))
        self._runner = asyncio.Runner()
        self._house = House(self._root, QUOTA)
        self._world = World(limit=QUOTA, now=self._house.clock.now())
        self._names: dict[int, Names] = {}
        self._looked_for: set[int] = set()
        self._made = 0
        self._lost = False

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(work)

    @initialize()
    def open(self) -> None:
        (self._root / "0").mkdir()
        self.run(self._house.open())

    # What holds at any moment

    @invariant()
    def what_is_there_is_there_with_its_bytes_and_nothing_else_is(self) -> None:
        if not hasattr(self._house, "place"):
            return
        for user in USERS:
            listed = self._ask(user, "GET", f"{ROOT}/attachments?limit=200").json()["attachments"]
            wanted = self._world.seen_by(user)
            assert {each["id"] for each in listed} == set(wanted)
            for each in listed:
                thing = wanted[each["id"]]
                assert (each["state"] == "claimed") == thing.claimed
                assert thing.name in (None, each["name"])
                assert {shown["kind"] + "/" + shown["id"] for shown in each["containers"]} - {
                    "attachfast.site/site"
                } == thing.holders, each["containers"]
                content = self._ask(user, "GET", f"{ROOT}/attachments/{thing.id}/content")
                assert content.status_code == 200
                assert content.content == thing.data
            used = self._usage(user)
            assert used["used"] == self._world.used(user), user
            assert used["reserved"] == self._world.reserved(user), user

    @invariant()
    def what_is_gone_is_gone_everywhere(self) -> None:
        """Looked for once by every name; the lists tell whether it comes back."""
        for id in self._world.gone.keys() - self._looked_for:
            self._looked_for.add(id)
            for path in places(self._names[id]):
                answer = self._ask(self._world.gone[id].owner, "GET", path)
                assert answer.status_code == 404, (path, answer.text)

    def teardown(self) -> None:
        try:
            if hasattr(self._house, "place"):
                self.run(self._at_last())
                self.run(self._house.close())
        finally:
            self._runner.close()
            shutil.rmtree(self._root, ignore_errors=True)

    async def _at_last(self) -> None:
        """All that is not claimed goes by itself; the rest stays, and the books are closed."""
        self._house.clock.advance(9 * DAY / 1000)
        self._world.now += 9 * DAY
        self._house.age_leftovers()
        for _ in range(2):
            await self._house.sweep()
        self._world.sweep()
        for each in self._world.things.values():
            assert each.claimed or each.expires_at is None
            path = f"{ROOT}/attachments/{each.id}/content"
            assert (await self._house.ask(each.owner, "GET", path)).content == each.data
        assert await deeds.orphans(self._house.place) == []
        assert_books_balance(self._house.place, settled=True)

    # How it is asked

    def _ask(
        self, user: User, method: str, path: str, *, again: bool | int = False, **more: Any
    ) -> httpx.Response:
        """`again`: when an answer is lost this is asked a second time, and told the same; or, after it succeeded,
        this status.
        """
        answer: httpx.Response = self.run(self._house.ask(user, method, path, **more))
        if self._lost and again:
            self._lost = False
            repeated: httpx.Response = self.run(self._house.ask(user, method, path, **more))
            wanted = answer.status_code if again is True or not answer.is_success else again
            assert repeated.status_code == wanted, (answer.text, repeated.text)
            if again is True and answer.is_success:
                assert repeated.json() == answer.json()
        return answer

    def _left(
        self,
        user: User,
        answer: httpx.Response,
        data: bytes,
        lifetime: int | None,
        *,
        filed: bool = False,
    ) -> None:
        if not self._world.has_room(user, len(data)):
            assert answer.status_code in (422, 507), answer.text
            return
        assert answer.is_success, answer.text
        given = answer.headers["Location"].rstrip("/").split("/")[-1]
        self._note(user, given, data, lifetime, filed)

    def _note(self, user: User, given: str, data: bytes, lifetime: int | None, filed: bool) -> None:
        shown = self._ask(user, "GET", f"{ROOT}/attachments/{given}").json()
        now, id = self._world.now, shown["id"]
        assert id not in self._world.things
        assert id not in self._world.gone
        self._world.things[id] = Thing(
            id=id,
            public_id=shown["public_id"],
            owner=user,
            data=data,
            expires_at=None if lifetime is None else now + lifetime,
            filed=filed,
        )
        sha3 = hashlib.sha3_256(data).hexdigest()
        self._names[id] = Names(str(id), id, shown["public_id"], sha3)

    def _any(self, picks: list[int]) -> list[int]:
        """Ids of those that there are, whosoever; and one that there never was."""
        ids = sorted(self._world.things) or [NEVER.id]
        return list(dict.fromkeys(ids[pick % len(ids)] for pick in picks))

    def _usage(self, user: User) -> dict[str, int]:
        told: dict[str, int] = self._ask(user, "GET", f"{ROOT}/usage").json()["bytes"]
        return told

    def _new(self, size: int) -> bytes:
        """Bytes that nothing else has."""
        self._made += 1
        return deeds.content(size + 8, self._made)
