"""Room: some of the disk is kept free of uploads, so that deletes, claims and sweeps can still be recorded on it."""

from __future__ import annotations

import time

from coatcheck.domain.errors import StorageFull
from coatcheck.services.ports import Disk

#: Seconds for which a look at the disk holds.
_FRESH = 1.0

#: Bytes of a long upload between two looks.
STEP = 8 * 1024 * 1024

#: Seconds after which a refused upload may come again.
_RETRY_AFTER = 60


class Room:
    """`reserve` in bytes; 0 keeps nothing free. What is no larger than `inline_max` goes to the database."""

    def __init__(self, disk: Disk, *, reserve: int, inline_max: int) -> None:
        self._disk = disk
        self._reserve = reserve
        self._inline_max = inline_max
        self._looked = -_FRESH
        self._free: dict[str, int] = {}

    def require(self, size: int | None) -> None:
        """Before so many bytes are taken in, as far as is known. Raises StorageFull where too little would be left."""
        if not self._reserve:
            return
        now = time.monotonic()
        if now - self._looked >= _FRESH:
            self._looked = now
            self._free = self._disk.free()
        inline = size is not None and size <= self._inline_max
        for name, free in self._free.items():
            # Whatever comes needs some of the database. What is small needs no more, and no store.
            if inline and name != "database":
                continue
            needed = size or 0 if inline == (name == "database") else 0
            if free - needed < self._reserve:
                raise StorageFull("The disk is nearly full.", retry_after=_RETRY_AFTER)

    def took(self, size: int) -> None:
        """So many bytes of a blob have come since its upload last looked. Raises StorageFull where it has to end."""
        if "blobs" in self._free:
            self._free["blobs"] -= size  # until the disk is looked at again
        self.require(self._inline_max + 1)

    def free(self) -> dict[str, int]:
        """Bytes that are free now where the database lies, and the blobs; neither, where that is no disk of ours."""
        return self._disk.free()

    def short(self) -> str | None:
        """What to say of it where uploads are being refused."""
        low = {name: free for name, free in self.free().items() if free < self._reserve}
        if not low:
            return None
        told = ", ".join(f"{free} bytes are free for {name}" for name, free in low.items())
        return f"uploads are refused: {told}, and {self._reserve} are kept"
