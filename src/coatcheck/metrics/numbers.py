"""The numbers of one process: plain dictionaries, since each request changes ten of them.

They are changed on the event loop alone, and so need no lock.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from coatcheck.metrics.catalogue import CATALOGUE, Metric

Labels = tuple[str, ...]

_BY_NAME = {metric.name: metric for metric in CATALOGUE}


@dataclass(slots=True)
class Numbers:
    """`values` of a histogram are its buckets, each by itself, one for what is above them, and the sum."""

    values: dict[Metric, dict[Labels, float]] = field(
        default_factory=lambda: {each: {} for each in CATALOGUE if each.kind != "histogram"}
    )
    histograms: dict[Metric, dict[Labels, list[float]]] = field(
        default_factory=lambda: {each: {} for each in CATALOGUE if each.kind == "histogram"}
    )

    def add(self, metric: Metric, amount: float = 1, *labels: str) -> None:
        series = self.values[metric]
        series[labels] = series.get(labels, 0) + amount

    def put(self, metric: Metric, value: float, *labels: str) -> None:
        self.values[metric][labels] = value

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        self.observer(metric, *labels)(value)

    def observer(self, metric: Metric, *labels: str) -> Callable[[float], None]:
        """Observes the same series again and again."""
        cells = self.histograms[metric].setdefault(labels, [0.0] * (len(metric.buckets) + 2))
        buckets = metric.buckets

        def observe(value: float) -> None:
            cells[bisect_left(buckets, value)] += 1
            cells[-1] += value

        return observe

    def told(self) -> dict[str, Any]:
        """As a JSON document."""
        return {
            "values": _rows(self.values.items()),
            "histograms": _rows(self.histograms.items()),
        }

    def take(self, told: dict[str, Any], *, alive: bool) -> None:
        """Add what another worker told; of one that is gone, what it has counted."""
        for name, labels, value in told["values"]:
            metric = _BY_NAME.get(name)
            if metric is None or (metric.kind == "sum" and not alive):
                continue
            series, key = self.values[metric], tuple(labels)
            before = series.get(key, 0)
            series[key] = max(before, value) if metric.kind == "greatest" else before + value
        for name, labels, cells in told["histograms"]:
            if metric := _BY_NAME.get(name):
                kept = self.histograms[metric].setdefault(tuple(labels), [0.0] * len(cells))
                for at, cell in enumerate(cells):
                    kept[at] += cell


def _rows(series: Iterable[tuple[Metric, dict[Labels, Any]]]) -> list[Any]:
    return [
        [metric.name, list(labels), value]
        for metric, by_labels in series
        for labels, value in by_labels.items()
    ]
