"""The block of docs/performance.md that is made and not written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.report import table

BEGIN = "<!-- made by scripts/bench --write-docs: begin -->"
END = "<!-- made by scripts/bench --write-docs: end -->"


def publish(page: Path, result: dict[str, Any]) -> None:
    """Raises ValueError where the page has no place for it."""
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} lacks the line {BEGIN} or {END}")
    page.write_text(f"{before}{BEGIN}\n\n{block(result)}\n\n{END}{after}", encoding="utf-8")


def block(result: dict[str, Any]) -> str:
    machine, versions = result["machine"], result["versions"]
    took = f"{result['pairs']} pairs" if result["pairs"] != 1 else "one pair"
    where = f"{machine['cores']} cores and {machine['memory_gib']} GiB of memory"
    what = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"Commit {result['commit']}, {took} a row, on {where}.\n\n{what}.\n\n"
        f"{table(result['rows'])}"
    )
