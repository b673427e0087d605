"""Workers of one server tell each other their numbers, each in a file of its own, so that whichever is asked knows all.

A file is replaced every second, and stays when its worker is gone: what that has counted still counts.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from coatcheck.metrics.numbers import Numbers

_SUFFIX = ".json"


class Sharing:
    """`directory` belongs to one server, and begins empty with it; None: there is one worker."""

    def __init__(self, numbers: Numbers, directory: Path | None) -> None:
        self._numbers = numbers
        self._directory = directory
        self._own = f"{os.getpid()}-{secrets.token_hex(4)}"

    def write(self) -> None:
        """Raises OSError."""
        if self._directory is None:
            return
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self._directory / f"{self._own}.new"
        fresh.write_text(json.dumps(self._numbers.told()), encoding="ascii")
        fresh.replace(self._directory / f"{self._own}{_SUFFIX}")

    def all(self) -> Numbers:
        """Of all workers together: our own as they are, those of the others as they last told."""
        together = Numbers()
        together.take(self._numbers.told(), alive=True)
        for file in self._directory.glob(f"*{_SUFFIX}") if self._directory else ():
            if file.stem != self._own:
                told = json.loads(file.read_text(encoding="ascii"))
                together.take(told, alive=_lives(int(file.stem.partition("-")[0])))
        return together


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
