"""What a figure has to reach: the bar, and the aim beyond it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Bar(Protocol):
    @property
    def bar(self) -> float: ...

    @property
    def aim(self) -> float: ...

    def met(self, figure: float) -> bool: ...

    def reached(self, figure: float) -> bool:
        """Whether it is as good as the aim."""
        ...


@dataclass(frozen=True)
class AtLeast:
    bar: float
    aim: float

    def met(self, figure: float) -> bool:
        return figure >= self.bar

    def reached(self, figure: float) -> bool:
        return figure >= self.aim

    def __str__(self) -> str:
        return f"≥ {self.bar:,g}"


@dataclass(frozen=True)
class AtMost:
    bar: float
    aim: float

    def met(self, figure: float) -> bool:
        return figure <= self.bar

    def reached(self, figure: float) -> bool:
        return figure <= self.aim

    def __str__(self) -> str:
        return f"≤ {self.bar:,g}"
