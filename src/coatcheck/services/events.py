"""What happens, told when it has happened: what metrics count, and what the audit log keeps.

Ids are those of rows. Nothing in an event is a secret; the name of a container, which a client chose, is as it came.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from coatcheck.domain.principal import Principal

#: A whole attachment in one request, a part of one, or one whose bytes the client stores itself.
Kind = Literal["whole", "part", "direct"]

#: `accepted`: a step of an upload that needs more of them. `refused`: by a rule. `broken`: the sender, the connection,
#: the database, the store or the server did not hold out.
Outcome = Literal["completed", "accepted", "refused", "broken"]


@dataclass(slots=True)
class AttemptBegun:
    dialect: str
    kind: Kind


@dataclass(slots=True, kw_only=True)
class AttemptEnded:
    """One for each that begun. `size` is that of the attachment, or of what was offered, where that is known."""

    dialect: str
    kind: Kind
    outcome: Outcome
    caller: Principal
    size: int | None
    attachment_id: int | None
    reason: str | None
    lease_lost: bool = False


@dataclass(slots=True, kw_only=True)
class Claimed:
    caller: Principal
    container: str
    attachment_ids: Sequence[int]


@dataclass(slots=True, kw_only=True)
class ClaimRefused:
    """`reasons` are a word for each attachment that was not to be had, or the one why nothing was."""

    caller: Principal
    container: str
    reasons: Sequence[str]


@dataclass(slots=True, kw_only=True)
class Released:
    """`deleted` are those that went with it, as nothing else held them."""

    caller: Principal
    container: str
    deleted: Sequence[int]


@dataclass(slots=True, kw_only=True)
class Deleted:
    caller: Principal
    attachment_id: int


@dataclass(slots=True, kw_only=True)
class Purged:
    """Bytes are gone, and their place in the quota is free again."""

    attachment_ids: Sequence[int]


@dataclass(slots=True, kw_only=True)
class Swept:
    """One sweep of the reaper, whole; what it purged is told as it goes."""

    seconds: float
    expired: Sequence[int] = ()
    lapsed: Sequence[int] = ()
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class SweepFailed:
    seconds: float


@dataclass(slots=True, kw_only=True)
class ClockJumped:
    """The wall clock was put forward by so many seconds, or back where they are less than nothing."""

    seconds: float


@dataclass(slots=True, kw_only=True)
class KeyCreated:
    key_id: int
    tenant: str
    login: str


@dataclass(slots=True, kw_only=True)
class KeyRevoked:
    key_id: int


@dataclass(slots=True, kw_only=True)
class KeyRefused:
    """Somebody at that address gave a key that is none: unknown, revoked or expired."""

    address: str


@dataclass(slots=True, kw_only=True)
class Repaired:
    """What a check put right: see Finding."""

    kind: str
    subject: str
    id: int | str
    repaired: str


Event = (
    AttemptBegun
    | AttemptEnded
    | Claimed
    | ClaimRefused
    | Released
    | Deleted
    | Purged
    | Swept
    | SweepFailed
    | ClockJumped
    | KeyCreated
    | KeyRevoked
    | KeyRefused
    | Repaired
)
