"""How much there is in a whole installation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """`attachments` by state; `used` and `reserved` are the bytes that owners are charged with."""

    attachments: Mapping[str, int] = field(default_factory=dict)
    used: int = 0
    reserved: int = 0
