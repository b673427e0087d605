"""What users do to a server, and what happens to it, in any order: each is held against the model at once."""

from __future__ import annotations

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.model.base import PICK, QUOTA, SIZES, USER
from tests.model.house import ROOT, USERS
from tests.model.leaving import Leaving
from tests.model.reference import LEASE, Ghost, User
from tests.web.test_tenants_apart import METHODS, NEVER, change_at, claims, places, seen

PICKS = st.lists(PICK, min_size=1, max_size=3)
CONTAINER = st.sampled_from(["ticket/1", "ticket/2", "draft/1"])

TIMES = [1, 14 * 60, 61, 3600, 3 * 3600 - 1, 3 * 3600, 3 * 3600 + 60, 24 * 3600 + 1, 24 * 3600 + 61]


class Coatcheck(Leaving):
    @rule(user=USER, picks=PICKS, container=CONTAINER, exclusive=st.booleans(), keyed=st.booleans())
    def claim(
        self, user: User, picks: list[int], container: str, exclusive: bool, keyed: bool
    ) -> None:
        ids = self._any(picks)
        kind, _, name = container.partition("/")
        self._made += 1
        answer = self._ask(
            user,
            "POST",
            f"{ROOT}/claims",
            again=True,
            json={
                "container": {"kind": kind, "id": name},
                "attachments": ids,
                "exclusive": exclusive,
            },
            headers={"Idempotency-Key": f"claim{self._made}"} if keyed else {},
        )
        if refused := self._world.why_not(user, ids, container, exclusive):
            assert answer.status_code == refused, answer.text
            return
        self._world.claim(user.tenant, ids, container)
        self._holds(answer, user.tenant, container)

    @rule(
        user=USER,
        picks=st.lists(PICK, max_size=3),
        container=CONTAINER,
        exclusive=st.booleans(),
        delete=st.booleans(),
    )
    def hold_exactly(
        self, user: User, picks: list[int], container: str, exclusive: bool, delete: bool
    ) -> None:
        """What the container holds besides is let go."""
        ids = self._any(picks)
        answer = self._ask(
            user,
            "PUT",
            f"{ROOT}/claims/{container}?delete={str(delete).lower()}",
            again=True,
            json={"attachments": ids, "exclusive": exclusive},
        )
        if refused := self._world.why_not(user, ids, container, exclusive):
            assert answer.status_code == refused, answer.text
            return
        self._world.claim(user.tenant, ids, container)
        held = self._world.containers[user.tenant, container]
        self._world.release(
            user.tenant, [id for id in held if id not in ids], container, delete=delete
        )
        held[:] = ids
        self._holds(answer, user.tenant, container)

    @rule(user=USER, container=CONTAINER, picks=st.none() | PICKS, delete=st.booleans())
    def release(self, user: User, container: str, picks: list[int] | None, delete: bool) -> None:
        ids = None if picks is None else self._any(picks)
        query = "".join(f"&attachment={id}" for id in ids or ())
        answer = self._ask(
            user, "DELETE", f"{ROOT}/claims/{container}?delete={str(delete).lower()}{query}"
        )
        held = self._world.containers.get((user.tenant, container))
        wanted = held if ids is None else ids
        if held is None or wanted is None or not set(wanted) <= set(held):
            assert answer.status_code == 404, answer.text
            return
        assert answer.status_code == 204, answer.text
        self._world.release(user.tenant, list(wanted), container, delete)

    @precondition(lambda self: self._world.things)
    @rule(user=USER, pick=PICK)
    def delete(self, user: User, pick: int) -> None:
        (id,) = self._any([pick])
        answer = self._ask(user, "DELETE", f"{ROOT}/attachments/{id}", again=404)
        thing = self._world.seen_by(user).get(id)
        if thing is None or thing.claimed:
            assert answer.status_code == (409 if thing else 404), answer.text
            return
        assert answer.status_code == 204, answer.text
        self._world.remove(id)

    @precondition(lambda self: self._world.things)
    @rule(user=USER, pick=PICK)
    def withdraw(self, user: User, pick: int) -> None:
        """Out of the site's tree, or altogether."""
        (id,) = self._any([pick])
        answer = self._ask(user, "DELETE", f"/api/files/{id}")
        thing = self._world.seen_by(user).get(id)
        if thing is None or (thing.holders and not thing.filed):
            assert answer.status_code == 404, answer.text
            return
        assert answer.status_code == 204, answer.text
        thing.filed = False
        if not thing.holders:
            self._world.remove(id)

    @precondition(lambda self: self._world.things)
    @rule(user=USER, pick=PICK)
    def rename(self, user: User, pick: int) -> None:
        (id,) = self._any([pick])
        self._made += 1
        name = f"name {self._made}.txt"
        answer = self._ask(
            user, "PATCH", f"{ROOT}/attachments/{id}", again=True, json={"name": name}
        )
        thing = self._world.seen_by(user).get(id)
        if thing is None or thing.owner != user:
            assert answer.status_code == 404, answer.text
            return
        assert answer.status_code == 200, answer.text
        thing.name = name

    @precondition(lambda self: self._world.things)
    @rule(pick=PICK, path=st.integers(0, 40), data=st.data())
    def look_at_what_is_not_yours(self, pick: int, path: int, data: st.DataObject) -> None:
        """By any name, with any method: like what never existed."""
        (id,) = self._any([pick])
        thing = self._world.things[id]
        strangers = [each for each in USERS if not thing.seen_by(each, self._world.now)]
        if thing.owner in strangers:
            strangers.remove(thing.owner)  # it was theirs, and they may be told that it is over
        stranger = data.draw(st.sampled_from(strangers))
        theirs, nothing = places(self._names[id]), places(NEVER)
        at = path % len(theirs)
        body = change_at(theirs[at])
        for method in METHODS:
            answer = self._ask(stranger, method, theirs[at], json=body)
            expected = self._ask(stranger, method, nothing[at], json=body)
            assert seen(answer) == seen(expected), (method, theirs[at])
            assert answer.status_code in (404, 405), (method, theirs[at])
        where, body = claims(self._names[id])["native"]
        answer = self._ask(stranger, "POST", where, json=body)
        where, body = claims(NEVER)["native"]
        assert seen(answer) == seen(self._ask(stranger, "POST", where, json=body))

    # What happens

    @rule(user=USER, size=SIZES)
    def crash(self, user: User, size: int) -> None:
        before = self._usage(user)["reserved"]
        self.run(self._house.crash(user, self._new(size)))
        if taken := self._usage(user)["reserved"] - before:
            assert taken <= QUOTA
            self._world.ghosts.append(Ghost(user, taken, self._world.now + LEASE))

    @rule(seconds=st.sampled_from(TIMES))
    def advance_clock(self, seconds: int) -> None:
        self._house.clock.advance(seconds)
        self._world.now += seconds * 1000

    @rule()
    def reap(self) -> None:
        self.run(self._house.sweep())
        self._world.sweep()

    @rule()
    def lose_response(self) -> None:
        """The next request that can be asked again is."""
        self._lost = True

    def _holds(self, answer: httpx.Response, tenant: str, container: str) -> None:
        assert answer.status_code == 200, answer.text
        told = [each["id"] for each in answer.json()["attachments"]]
        assert told == self._world.containers[tenant, container]
