"""What an owner uses of what it may."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Bytes stored and set aside, and the number of attachments; a limit of None is no limit."""

    used: int
    reserved: int
    attachments: int
    limit_bytes: int | None
    limit_count: int | None

    @property
    def available(self) -> int | None:
        """Bytes that may still be deposited; None is without limit."""
        if self.limit_bytes is None:
            return None
        return max(0, self.limit_bytes - self.used - self.reserved)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """What an owner gets back: bytes stored, bytes set aside, and places."""

    owner_id: int
    used: int = 0
    reserved: int = 0
    count: int = 0


def by_owner(refunds: Iterable[Refund]) -> list[Refund]:
    """One for each owner, by their ids: two who give back at once do so in one order."""
    sums: dict[int, tuple[int, int, int]] = {}
    for each in refunds:
        used, reserved, count = sums.get(each.owner_id, (0, 0, 0))
        sums[each.owner_id] = used + each.used, reserved + each.reserved, count + each.count
    return [
        Refund(owner_id=owner, used=used, reserved=reserved, count=count)
        for owner, (used, reserved, count) in sorted(sums.items())
    ]
