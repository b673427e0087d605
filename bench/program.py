"""A program that measures rows and says what came out: which are asked for, what goes wrong, where figures go."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NoReturn

from bench import machine, report
from bench.measuring import in_turn
from bench.outcomes import Failed, Skipped
from bench.publishing import publish
from bench.report import Finding
from bench.rows import Row
from bench.scale import FULL, SMOKE, Scale
from bench.session import Session, open_session

ROOT = Path(__file__).parent.parent
CACHE = ROOT / "bench" / ".cache"
PAGE = ROOT / "docs" / "performance.md"


@dataclass(frozen=True, kw_only=True)
class Program:
    """`about`: what it does, an empty line, and examples of how it is called."""

    name: str
    about: str
    rows: Sequence[Row]


def main(program: Program) -> int:
    asked = _asked(program)
    rows = _chosen(program.rows, asked.only)
    if asked.list:
        print("\n".join(f"{row.name:24} {row.what}" for row in rows))
        return 0
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _leave)
    # Whoever starts it in the background has this one ignored, and may send it all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if asked.read:
        result = _merged(
            program.rows, [json.loads(file.read_text(encoding="utf-8")) for file in asked.read]
        )
    else:
        result = _run(rows, asked.directory, _scale(asked), asked.pairs)
    print(f"\n{report.table(result['rows'])}")
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if asked.write_docs:
        publish(PAGE, result, program.name)
    return _judge(result["rows"], check=asked.check)


def _asked(program: Program) -> argparse.Namespace:
    about, _, examples = program.about.partition("\n\n")
    parser = argparse.ArgumentParser(
        prog=program.name,
        description=about,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--list", action="store_true", help="name the rows and measure nothing")
    add("--only", nargs="+", default=[], metavar="NAME", help="measure these rows")
    add("--pairs", type=int, default=5, help="measurements of each side (5)")
    add("--seconds", type=float, help="of one measurement under load (5)")
    add("--dir", dest="directory", type=Path, default=CACHE, help="the disk to measure on")
    add("--json", type=Path, metavar="FILE", help="write the figures there, too")
    add("--read", type=Path, nargs="+", metavar="FILE", help="take figures that were written")
    add("--check", action="store_true", help="end with 1 where a bar is missed")
    add("--write-docs", action="store_true", help="put the table into docs/performance.md")
    add("--smoke", action="store_true", help="tiny sizes: whether all rows work, not how fast")
    return parser.parse_args()


def _chosen(rows: Sequence[Row], names: Sequence[str]) -> list[Row]:
    """Leaves where a name is nobody's."""
    for name in names:
        if not any(_named(row, name) for row in rows):
            sys.exit(f"no row is called {name}; --list names them")
    return [row for row in rows if not names or any(_named(row, name) for name in names)]


def _named(row: Row, name: str) -> bool:
    return row.name.startswith(name) or fnmatch(row.name, name)


def _scale(asked: argparse.Namespace) -> Scale:
    scale = SMOKE if asked.smoke else FULL
    return replace(scale, seconds=asked.seconds) if asked.seconds else scale


def _run(rows: Sequence[Row], directory: Path, scale: Scale, pairs: int) -> dict[str, Any]:
    commit = machine.commit(ROOT)  # before, since a tree may change while it is measured
    directory.mkdir(parents=True, exist_ok=True)
    sync = machine.sync_ms(directory)
    findings: list[Finding] = []
    try:
        with open_session(directory.absolute(), scale, CACHE) as session:
            for row in rows:
                began = time.monotonic()
                findings.append(_measure(row, session, pairs))
                print(_progress(findings[-1], time.monotonic() - began), flush=True)
    except KeyboardInterrupt:
        # What was measured by then took long enough to be worth telling.
        late = rows[len(findings) :]
        findings += [report.missing(row, "interrupted", "there was no time for it") for row in late]
    return {
        "commit": commit,
        "machine": machine.machine() | {"sync_ms": sync},
        "versions": machine.versions(CACHE),
        "pairs": pairs,
        "seconds": scale.seconds,
        "rows": findings,
    }


def _measure(row: Row, session: Session, pairs: int) -> Finding:
    with session.row():
        try:
            subject = row.subject.prepare(session)
            rival = row.rival.prepare(session) if row.rival else None
            warm_up = row.warm_up and session.scale.warm_up > 0
            pairs = min(pairs, row.pairs or pairs)
            return report.measured(row, *in_turn(subject, rival, pairs, warm_up=warm_up))
        except Skipped as reason:
            return report.missing(row, "skipped", str(reason))
        except (Failed, OSError) as reason:
            return report.missing(row, "failed", "\n".join([str(reason), *session.obituaries()]))


def _progress(finding: Finding, took: float) -> str:
    if finding["outcome"] != "measured":
        return f"*** {finding['name']}: {finding['outcome'].upper()}: {finding['reason']}"
    sides = [finding["subject"], finding.get("rival")]
    figures = " against ".join(
        f"{report.number(side['median'])} {finding['unit']} ({side['title']})"
        for side in sides
        if side
    )
    return f"{finding['name']}: {figures}; it took {took:.0f} s"


def _merged(rows: Sequence[Row], results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The newest finding of every row, in the rows' order; all else is the last file's."""
    found = {
        finding["name"]: finding
        for result in results
        for finding in result["rows"]
        if finding["outcome"] != "interrupted"
    }
    return results[-1] | {"rows": [found[row.name] for row in rows if row.name in found]}


def _judge(findings: Sequence[Finding], *, check: bool) -> int:
    """The exit status; what is missing or missed is named."""
    without = {
        outcome: [finding["name"] for finding in findings if finding["outcome"] == outcome]
        for outcome in ("skipped", "failed", "interrupted")
    }
    missed = report.missed(findings)
    for what, names in {**without, "below its bar": missed}.items():
        if names:
            print(f"{what.upper()}: {', '.join(names)}", file=sys.stderr)
    if without["interrupted"]:
        return 130
    return 1 if without["failed"] or (check and missed) else 0


def _leave(*_: object) -> NoReturn:
    """As Ctrl-C does: everything that was started is ended on the way out."""
    raise KeyboardInterrupt
