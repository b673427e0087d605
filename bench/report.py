"""What came out: a finding a row, as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bench.measuring import Series, ratio
from bench.rows import Row

Finding = dict[str, Any]

_HEAD = ("row", "what", "subject", "", "rival", "", "ratio", "bar", "aim", "verdict")


def measured(row: Row, subject: Series, rival: Series | None) -> Finding:
    """`figure` is what the bar is for: the ratio where there is a rival, else the subject's median."""
    figure = ratio(subject, rival) if rival else subject.median
    finding = _plain(row) | {
        "outcome": "measured",
        "subject": _side(row.subject.title, subject),
        "ratio": figure if rival else None,
        "bars": [_judged("", row.bar, figure)] if row.bar else [],
    }
    if rival and row.rival:
        finding["rival"] = _side(row.rival.title, rival)
    for name, bar in row.detail_bars.items():
        if name in subject.details:
            finding["bars"].append(_judged(name, bar, subject.details[name]))
    return finding


def missing(row: Row, outcome: str, reason: str) -> Finding:
    """`outcome` is skipped, failed or interrupted."""
    return _plain(row) | {"outcome": outcome, "reason": reason, "bars": []}


def missed(findings: Iterable[Finding]) -> list[str]:
    """What did not reach its bar."""
    return [
        f"{finding['name']}{': ' + bar['of'] if bar['of'] else ''}"
        for finding in findings
        for bar in finding["bars"]
        if not bar["met"]
    ]


def table(findings: Sequence[Finding]) -> str:
    """Markdown, whose columns also stand straight in a terminal."""
    lines = [_HEAD, *(line for finding in findings for line in _lines(finding))]
    widths = [max(len(line[n]) for line in lines) for n in range(len(_HEAD))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |"
        for line in lines
    )


def _plain(row: Row) -> Finding:
    return {"name": row.name, "what": row.what, "unit": row.subject.unit}


def _side(title: str, series: Series) -> dict[str, Any]:
    return {
        "title": title,
        "median": series.median,
        "samples": [sample.value for sample in series.samples],
        "details": series.details,
    }


def _judged(of: str, bar: Any, figure: float) -> dict[str, Any]:
    return {
        "of": of,
        "figure": figure,
        "bar": str(bar),
        "aim": bar.aim,
        "met": bar.met(figure),
        "reached": bar.reached(figure),
    }


def _lines(finding: Finding) -> list[tuple[str, ...]]:
    """One for the row, and one for each of its details that has a bar."""
    name, what = finding["name"], finding["what"]
    if finding["outcome"] != "measured":
        verdict = f"{finding['outcome'].upper()}: {_first_line(finding['reason'])}"
        return [(name, what, "", "", "", "", "", "", "", verdict)]
    subject, rival, unit = finding["subject"], finding.get("rival"), finding["unit"]
    main = next((bar for bar in finding["bars"] if not bar["of"]), None)
    lines: list[tuple[str, ...]] = [
        (
            name,
            what,
            subject["title"],
            f"{number(subject['median'])} {unit}",
            rival["title"] if rival else "",
            f"{number(rival['median'])} {unit}" if rival else "",
            f"{number(finding['ratio'])}×" if rival else "",
            *_verdict(main),
        )
    ]
    lines += [
        ("", f"… {bar['of']}", "", f"{number(bar['figure'])}", "", "", "", *_verdict(bar))
        for bar in finding["bars"]
        if bar["of"]
    ]
    return lines


def _verdict(bar: dict[str, Any] | None) -> tuple[str, str, str]:
    if bar is None:
        return "", "", ""
    verdict = "aim reached" if bar["reached"] else "bar met" if bar["met"] else "MISSED"
    return bar["bar"], f"{bar['aim']:,g}", verdict


def number(figure: float) -> str:
    """With as many digits as mean something."""
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"


def _first_line(reason: str) -> str:
    return reason.strip().partition("\n")[0][:160]
