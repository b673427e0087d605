"""What a check of the whole installation has found: one thing that is not as it should be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """`DAMAGE`: bytes are lost or not what was stored. `WRONG`: the records contradict each other.
    `LEFTOVER`: nothing is harmed, and something takes room that nobody needs.
    """

    DAMAGE = "damage"
    WRONG = "wrong"
    LEFTOVER = "leftover"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`kind` is a stable word, `subject` and `id` name a row or a blob, `says` is a sentence for a person.

    `repaired` says what was done about it; None where nothing was.
    """

    kind: str
    severity: Severity
    subject: str
    id: int | str
    says: str
    repaired: str | None = None
