"""How much room the file systems have on which we keep things."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


class Disk:
    """`places` are directories by the name of what lies in them; one that is not there yet counts as its parent."""

    def __init__(self, places: Mapping[str, Path]) -> None:
        self._places = dict(places)

    def free(self) -> dict[str, int]:
        """Bytes that we may still write, by name; without those that cannot be looked at now."""
        found = {}
        for name, place in self._places.items():
            try:
                system = os.statvfs(_nearest(place))
            except OSError:
                continue  # what is wrong there, whoever writes to it will be told
            found[name] = system.f_bavail * system.f_frsize
        return found


def _nearest(place: Path) -> Path:
    return next(path for path in (place, *place.parents) if path.exists())
