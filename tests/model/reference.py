"""What a server should know, in dictionaries: every attachment, what holds it, and what its owner pays for."""

from __future__ import annotations

from dataclasses import dataclass, field

HOUR = 3600 * 1000
DAY = 24 * HOUR

#: In ms: how far an attachment's time has to be past before a sweep takes it.
GRACE = 60 * 1000

#: In ms: how long what a crash left behind is kept.
LEASE = 15 * 60 * 1000


@dataclass(frozen=True, order=True)
class User:
    tenant: str
    login: str


@dataclass
class Thing:
    """An attachment. `expires_at` in ms; None never."""

    id: int
    public_id: str
    owner: User
    data: bytes
    expires_at: int | None
    filed: bool = False
    holders: set[str] = field(default_factory=set)
    name: str | None = None

    @property
    def claimed(self) -> bool:
        return self.filed or bool(self.holders)

    def over(self, now: int) -> bool:
        return not self.claimed and self.expires_at is not None and self.expires_at <= now

    def seen_by(self, user: User, now: int) -> bool:
        if self.claimed:
            return user.tenant == self.owner.tenant
        return user == self.owner and not self.over(now)


@dataclass
class Upload:
    """One in parts. `data` is what it will be; `there` are the numbers of the parts that have come."""

    owner: User
    key: str
    data: bytes
    cuts: tuple[int, ...]
    expires_at: int
    there: set[int] = field(default_factory=set)

    def span(self, part: int) -> tuple[int, int]:
        bounds = (0, *self.cuts, len(self.data))
        return bounds[part], bounds[part + 1]

    @property
    def complete(self) -> bool:
        return len(self.there) == len(self.cuts) + 1


@dataclass
class Ghost:
    """What a request that a crash ended has reserved."""

    owner: User
    size: int
    until: int


@dataclass
class World:
    limit: int
    now: int
    things: dict[int, Thing] = field(default_factory=dict)
    gone: dict[int, Thing] = field(default_factory=dict)
    containers: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    ghosts: list[Ghost] = field(default_factory=list)

    def seen_by(self, user: User) -> dict[int, Thing]:
        return {id: each for id, each in self.things.items() if each.seen_by(user, self.now)}

    def used(self, user: User) -> int:
        """Paid for until it is swept, though it may be over."""
        return sum(len(each.data) for each in self.things.values() if each.owner == user)

    def reserved(self, user: User) -> int:
        begun = [len(each.data) for each in self.uploads.values() if each.owner == user]
        return sum(begun) + sum(each.size for each in self.ghosts if each.owner == user)

    def has_room(self, user: User, size: int) -> bool:
        return self.used(user) + self.reserved(user) + size <= self.limit

    def held(self, tenant: str, container: str) -> list[Thing]:
        return [self.things[id] for id in self.containers.get((tenant, container), [])]

    def why_not(self, user: User, ids: list[int], container: str, exclusive: bool) -> int | None:
        """The status with which a claim is refused."""
        seen = self.seen_by(user)
        if not all(id in seen for id in ids):
            return 404
        new = [seen[id] for id in ids if container not in seen[id].holders]
        return 409 if exclusive and any(each.holders for each in new) else None

    def claim(self, tenant: str, ids: list[int], container: str) -> None:
        held = self.containers.setdefault((tenant, container), [])
        held += [id for id in ids if id not in held]
        for id in ids:
            self.things[id].holders.add(container)
            self.things[id].expires_at = None

    def release(self, tenant: str, ids: list[int], container: str, delete: bool) -> None:
        held = self.containers[tenant, container]
        for id in ids:
            held.remove(id)
            thing = self.things[id]
            thing.holders.remove(container)
            if thing.claimed:
                continue
            thing.expires_at = self.now + DAY
            if delete:
                self.remove(id)

    def remove(self, id: int) -> None:
        self.gone[id] = self.things.pop(id)

    def sweep(self) -> None:
        for id, each in list(self.things.items()):
            if each.over(self.now - GRACE - 1):
                self.remove(id)
        self.uploads = {
            key: each for key, each in self.uploads.items() if each.expires_at >= self.now - GRACE
        }
        self.ghosts = [each for each in self.ghosts if each.until >= self.now]
