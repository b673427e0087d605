"""The answer once given to a request that carried its client's own id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Replay:
    """`fingerprint` tells the same request from another one under the same id; `answer` is a JSON document."""

    fingerprint: str
    answer: dict[str, Any]
