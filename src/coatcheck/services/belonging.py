"""Belonging: a database and a blob store are a pair. Each bears the same mark, so that the wrong folder is noticed.

A folder whose disk is not mounted looks like an empty store: without this, sweeps would take every blob for deleted.
"""

from __future__ import annotations

import secrets

from coatcheck.blobs.base import BlobStore, Marked, StoreRefuses
from coatcheck.services.ports import Transactions

#: The name of the database's mark; while a first start is at it, «new:» stands before the mark.
MARK = "store_id"
_NEW = "new:"


class Belonging:
    def __init__(self, transactions: Transactions, blobs: BlobStore) -> None:
        self._transactions = transactions
        self._blobs = blobs

    async def check(self) -> None:
        """Before anything is stored or swept; the first time marks both. Raises StoreRefuses where they differ."""
        if not isinstance(self._blobs, Marked):
            return
        noted, found = await self._marks(self._blobs)
        if noted != found:
            # Another node that starts for the first time too may have marked both between our two looks.
            noted, found = await self._marks(self._blobs)
        if why := _difference(noted, found):
            raise StoreRefuses(
                f"{why} If they do belong together, say so once: `coatcheck blobs adopt`."
            )

    async def look(self) -> str:
        """Why they are no pair, or "" where they are one or will be; nothing is marked. Raises Unavailable."""
        if not isinstance(self._blobs, Marked):
            return ""
        async with self._transactions.read() as facts:
            noted = await facts.installed.get(MARK)
        found = await self._blobs.marker()
        return _difference(noted.removeprefix(_NEW) if noted and found else noted, found)

    async def _marks(self, blobs: Marked) -> tuple[str | None, str | None]:
        """That of the database and that of the store; both are new ones where neither had any."""
        async with self._transactions.read() as facts:
            noted = await facts.installed.get(MARK)
        found = await blobs.marker()
        if noted is None and found is None:
            async with self._transactions.write() as facts:
                await facts.installed.add(MARK, _NEW + secrets.token_hex(16))
                noted = await facts.installed.get(MARK)
        if noted is not None and noted.startswith(_NEW):
            # Whoever is at it too, or died at it, has or had the same mark from the database.
            noted = noted.removeprefix(_NEW)
            found = await blobs.mark(noted)
            if found == noted:
                async with self._transactions.write() as facts:
                    await facts.installed.put(MARK, noted)
        return noted, found

    async def adopt(self) -> bool:
        """From now on they are a pair, whatever they were. False for a store that bears no mark."""
        if not isinstance(self._blobs, Marked):
            return False
        async with self._transactions.write() as facts:
            noted = await facts.installed.get(MARK, lock=True)
            mark = (noted or secrets.token_hex(16)).removeprefix(_NEW)
            await facts.installed.put(MARK, mark)
        await self._blobs.mark(mark, anew=True)
        return True


def _difference(noted: str | None, found: str | None) -> str:
    """In words; "" where there is none, or nothing was marked to the end yet."""
    if noted == found or (found is None and noted is not None and noted.startswith(_NEW)):
        return ""
    if found is None:
        return "The blob store is not the one of this database: it bears no mark. Is its folder mounted?"
    if noted is None:
        return "The blob store belongs to another database: this one is new. Is its address right?"
    return "The blob store belongs to another database."
