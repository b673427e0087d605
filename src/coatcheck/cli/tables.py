"""How commands show many things to a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as they need to be; whatever could move a cursor is written out."""
    lines = [tuple(head), *(tuple(_shown(cell) for cell in row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip())


def moment(ms: int) -> str:
    """A time in ms since 1970 as UTC, to the second."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S}Z"


def amount(size: int) -> str:
    """Bytes in the unit that reads best."""
    value, unit = float(size), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{size} bytes" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def _shown(cell: str) -> str:
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in cell
    )
