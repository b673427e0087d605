"""What an owner uses of what it may."""

from __future__ import annotations

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
