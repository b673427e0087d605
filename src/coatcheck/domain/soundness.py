"""What has to be true of one attachment's record at any moment, whatever is under way: the rules of a check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from coatcheck.domain.assembly import received, whole
from coatcheck.domain.attachment import Part
from coatcheck.domain.lifecycle import VISIBLE, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An attachment's row as it is, unbelieved. `parts` lack their inline bytes; `filed`: in the tree."""

    id: int
    state: State
    size: int
    received: int
    charged: bool
    reserved: int
    filed: bool
    held: bool
    digests: Mapping[str, str]
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPart:
    """A part and where its bytes should be; `inline_size` is that of the bytes in its row."""

    id: int
    attachment_id: int
    state: State
    size: int
    blob_key: str | None
    inline_size: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Miscount:
    """What is noted of an owner or a tenant, and what its rows add up to, by name, such as used or reserved."""

    id: int
    noted: Mapping[str, int]
    counted: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A folder in the closure: depth by ancestor, its own and its parent's; None where there is no such parent."""

    id: int
    tenant_id: int
    parent_id: int | None
    above: Mapping[int, int]
    above_parent: Mapping[int, int] | None

    @property
    def sound(self) -> bool:
        """Itself at 0, and all that is above its parent one further. Holding for each folder, it rules out cycles."""
        if self.parent_id is None:
            return self.above == {self.id: 0}
        if self.above_parent is None:
            return False
        return self.above == {
            **{ancestor: depth + 1 for ancestor, depth in self.above_parent.items()},
            self.id: 0,
        }


def complaints(record: Record) -> Iterator[tuple[str, str]]:
    """(kind, sentence) for each rule that the record breaks."""
    state = record.state
    if wrong := _charge(record):
        yield "charge", wrong
    if state is State.CLAIMED and not record.held:
        yield "unheld", "is claimed, and no container holds it"
    if record.held and state not in (State.CLAIMED, State.DELETED, State.PURGING):
        # A deleted one keeps its claims until it is purged.
        yield "held", f"is held by a container, and {state}"
    if record.filed and state is not State.CLAIMED:
        yield "filed", f"is {state}, and has a place in the tree"
    if state is State.PURGED and record.parts:
        yield "parts-left", "is purged, and has parts"
    if state in VISIBLE and not (
        record.received == record.size and whole(record.parts, record.size)
    ):
        yield (
            "incomplete",
            f"is {state}, and its parts make {received(record.parts)} of {record.size} bytes",
        )
    if state is State.RECEIVING and record.received != received(record.parts):
        yield (
            "received",
            f"has {received(record.parts)} bytes in its parts, and {record.received} on record",
        )


def due(record: Record) -> tuple[bool, int] | None:
    """(charged, reserved) as the state wants them; None where either may be."""
    if record.state in VISIBLE:
        return True, 0
    if record.state is State.RECEIVING:
        return False, record.size
    if record.state is State.PURGED:
        return False, 0
    return None


def _charge(record: Record) -> str | None:
    wanted = due(record)
    if wanted is None or (record.charged, record.reserved) == wanted:
        return None
    paid = "charged" if record.charged else "not charged"
    return f"is {record.state}, {paid}, and has {record.reserved} bytes reserved"
