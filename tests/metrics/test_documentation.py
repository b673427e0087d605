"""The dashboard and the table in the documentation know the metrics that there are, and no others."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from coatcheck.metrics.catalogue import CATALOGUE

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana.json").read_text(encoding="utf-8"))
NAMES = {metric.name for metric in CATALOGUE}


def base(name: str) -> str:
    """Of a series of a histogram, the metric."""
    return name if name in NAMES else re.sub(r"_(bucket|count|sum)$", "", name)


def queries(panel: dict[str, Any]) -> list[str]:
    return [target["expr"] for target in panel.get("targets", [])]


def test_the_dashboard_is_one_and_its_panels_ask_for_metrics_that_there_are() -> None:
    assert DASHBOARD["title"]
    assert DASHBOARD["uid"]
    assert DASHBOARD["schemaVersion"] >= 36
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["title"]
        assert {"h", "w", "x", "y"} == panel["gridPos"].keys()
        for query in queries(panel):
            asked = {base(name) for name in re.findall(r"coatcheck_\w+", query)}
            assert asked, query
            assert asked <= NAMES, query
            assert query.count("(") == query.count(")")
            assert all(label_of(query) <= labels(name) for name in asked), query


def labels(name: str) -> set[str]:
    (metric,) = (each for each in CATALOGUE if each.name == name)
    return {*metric.labels, "le", "instance"}


def label_of(query: str) -> set[str]:
    grouped = re.findall(r"by \(([^)]*)\)", query)
    return {label.strip() for group in grouped for label in group.split(",")}


def test_every_metric_is_in_the_documentation_with_its_labels() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = text.partition("\n### Metrics\n")[2].partition("\n### ")[0]
    rows = dict(re.findall(r"(?m)^\| `(coatcheck_\w+)` \| ([^|]*) \|", section))
    assert rows.keys() == NAMES
    for metric in CATALOGUE:
        assert re.findall(r"`(\w+)`", rows[metric.name]) == list(metric.labels), metric.name


def test_counters_and_only_counters_are_called_total() -> None:
    for metric in CATALOGUE:
        assert metric.name.endswith("_total") == (metric.kind == "counter")
