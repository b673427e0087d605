"""A finding, and how it is asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    state: State
    says: str


#: ms that clocks may differ.
SLACK = 60_000

Question = Callable[[], Awaitable[Finding]]
