"""Room: some of the disk, and some of what may be open, is kept free of uploads.

So deletes, claims and sweeps can still be recorded, and what is there can still be read.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from coatcheck.domain.errors import StorageFull, Unavailable
from coatcheck.services.ports import Disk

#: Seconds for which a look at the disk holds.
_FRESH = 1.0

#: Bytes of a long upload between two looks.
STEP = 8 * 1024 * 1024

#: Seconds after which a refused upload may come again: a disk is cleared by somebody, connections end by themselves.
_RETRY_AFTER = 60
_RETRY_SOON = 5

#: Of the files and connections that may be open, how much uploads may find open.
_OPEN_AT_MOST = 0.8


class Room:
    """`reserve` in bytes; 0 keeps nothing free. What is no larger than `inline_max` goes to the database.

    `share_open` tells how much is open of what may be, 0 to 1.
    """

    def __init__(
        self,
        disk: Disk,
        *,
        reserve: int,
        inline_max: int,
        share_open: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._disk = disk
        self._reserve = reserve
        self._inline_max = inline_max
        self._share_open = share_open
        self._looked = -_FRESH
        self._free: dict[str, int] = {}
        self._open = 0.0

    def require(self, size: int | None) -> None:
        """Before so many bytes are taken in, as far as is known.

        Raises StorageFull where too little would be left, Unavailable where too much is open.
        """
        self._look()
        if self._open > _OPEN_AT_MOST:
            raise Unavailable("Too many files and connections are open.", retry_after=_RETRY_SOON)
        self._require_disk(size)

    def took(self, size: int) -> None:
        """So many bytes of a blob have come since its upload last looked. Raises StorageFull where it has to end."""
        if "blobs" in self._free:
            self._free["blobs"] -= size  # until the disk is looked at again
        self._look()
        self._require_disk(self._inline_max + 1)

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked >= _FRESH:
            self._looked = now
            self._open = self._share_open()
            self._free = self._disk.free() if self._reserve else {}

    def _require_disk(self, size: int | None) -> None:
        inline = size is not None and size <= self._inline_max
        for name, free in self._free.items():
            # Whatever comes needs some of the database. What is small needs no more, and no store.
            if inline and name != "database":
                continue
            needed = size or 0 if inline == (name == "database") else 0
            if free - needed < self._reserve:
                raise StorageFull("The disk is nearly full.", retry_after=_RETRY_AFTER)

    def free(self) -> dict[str, int]:
        """Bytes that are free now where the database lies, and the blobs; neither, where that is no disk of ours."""
        return self._disk.free()

    def short(self) -> str | None:
        """What to say of it where uploads are being refused."""
        low = {name: free for name, free in self.free().items() if free < self._reserve}
        told = [f"{free} bytes are free for {name}" for name, free in low.items()]
        if low:
            told.append(f"{self._reserve} are kept")
        if (share := self._share_open()) > _OPEN_AT_MOST:
            told.append(f"{share:.0%} of the files and connections are open that may be")
        return f"uploads are refused: {', '.join(told)}" if told else None
