"""Whether what several were told of one attachment could have been told by one that does one thing at a time.

The search of Wing and Gong: some deed that began before any other that is left had ended came first; try each. A deed
whose answer nobody saw may have happened at any time after it began, or never.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

ABSENT, DETACHED, GONE = "absent", "detached", "gone"

#: The caller saw no answer.
UNKNOWN = "unknown"


def claimed(container: str) -> str:
    return f"claimed by {container}"


@dataclass(frozen=True)
class Deed:
    """`told` is "ok", why it was refused, what a reader saw, or UNKNOWN. `end` is infinite where there was none."""

    what: str
    start: float
    end: float = math.inf
    told: str = "ok"
    container: str = ""

    def after(self, state: str) -> str | None:
        """The state that this leaves, begun in that one; None where it would have been told something else."""
        match self.what, self.told:
            case "deposit", "ok" | "unknown":
                return DETACHED if state == ABSENT else None
            case "deposit", "claimed":
                return claimed(self.container) if state == ABSENT else None
            case "claim", "ok" | "unknown":
                return claimed(self.container) if state == DETACHED else None
            case "claim", "claimed":
                return state if state.startswith("claimed") else None
            case "claim" | "read", "gone":
                return state if state in (ABSENT, GONE) else None
            case "delete", "ok" | "unknown":
                return GONE if state == DETACHED else None
            case "delete", "gone":
                return None if state == DETACHED else state
            case "read", "claimed":
                return state if state.startswith("claimed") else None
            case "read", seen:
                return state if state == seen else None
        raise ValueError(f"{self.what} is never told {self.told}")


def is_linearizable(deeds: Iterable[Deed], begun: str = ABSENT) -> bool:
    """`begun` is the state before all of them."""
    return _from(tuple(sorted(deeds, key=lambda each: each.start)), begun, set())


def _from(left: Sequence[Deed], state: str, seen: set[tuple[Sequence[Deed], str]]) -> bool:
    if all(each.told == UNKNOWN for each in left):
        return True
    if (left, state) in seen:
        return False
    seen.add((left, state))
    first_end = min(each.end for each in left)
    for at, each in enumerate(left):
        if each.start > first_end:
            break
        then = each.after(state)
        if then is not None and _from((*left[:at], *left[at + 1 :]), then, seen):
            return True
    return False
