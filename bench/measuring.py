"""Measuring: two sides in turn, medians, and the ratio of each pair."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Protocol

from bench.session import Session


@dataclass(frozen=True)
class Sample:
    """One measurement; `details` are figures that came with it, by name."""

    value: float
    details: Mapping[str, float] = field(default_factory=dict)


Measure = Callable[[], Sample]


class Workload(Protocol):
    """Something to be done, and in which unit it is told how it went."""

    @property
    def unit(self) -> str: ...

    @property
    def title(self) -> str:
        """Who did it."""
        ...

    def prepare(self, session: Session) -> Measure:
        """Everything that is not measured. The session ends what it opens. Raises Skipped, Failed."""
        ...


@dataclass(frozen=True)
class Series:
    """The samples of one side, in their order."""

    samples: list[Sample]

    @property
    def median(self) -> float:
        return median(sample.value for sample in self.samples)

    @property
    def details(self) -> dict[str, float]:
        """The median of each; those that only some samples have are left out."""
        names = self.samples[0].details.keys()
        return {
            name: median(sample.details[name] for sample in self.samples)
            for name in names
            if all(name in sample.details for sample in self.samples)
        }


def in_turn(
    subject: Measure, rival: Measure | None, pairs: int, *, warm_up: bool
) -> tuple[Series, Series | None]:
    """A B A B …, so that what changes on the machine meanwhile falls on both."""
    if warm_up:
        for measure in (subject, rival):
            if measure:
                measure()
    ours: list[Sample] = []
    theirs: list[Sample] = []
    for _ in range(pairs):
        ours.append(subject())
        if rival:
            theirs.append(rival())
    return Series(ours), Series(theirs) if rival else None


def ratio(subject: Series, rival: Series) -> float:
    """The median of the pairs' own ratios: a slow minute is in both halves of a pair."""
    return median(
        ours.value / theirs.value if theirs.value else float("inf")
        for ours, theirs in zip(subject.samples, rival.samples, strict=True)
    )
