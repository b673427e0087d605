"""The blocks of docs/performance.md that are made and not written: one for each program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.report import table


def publish(page: Path, result: dict[str, Any], program: str) -> None:
    """Raises ValueError where the page has no place for it."""
    text = page.read_text(encoding="utf-8")
    first, last = mark(program, "begin"), mark(program, "end")
    before, begin, rest = text.partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise ValueError(f"{page} lacks the line {first} or {last}")
    page.write_text(f"{before}{first}\n\n{block(result)}\n\n{last}{after}", encoding="utf-8")


def mark(program: str, which: str) -> str:
    return f"<!-- made by {program} --write-docs: {which} -->"


def block(result: dict[str, Any]) -> str:
    machine, versions = result["machine"], result["versions"]
    took = f"{result['pairs']} pairs" if result["pairs"] != 1 else "one pair"
    where = (
        f"{machine['cores']} cores and {machine['memory_gib']} GiB of memory;"
        f" its disk takes {machine['sync_ms']} ms to sync 4 KiB"
    )
    what = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"Commit {result['commit']}, {took} a row, on {where}.\n\n{what}.\n\n"
        f"{table(result['rows'])}"
    )
