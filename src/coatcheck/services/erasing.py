"""Erasing: many blobs at once, where one that cannot be deleted keeps back no other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from coatcheck.blobs.base import BlobKey, BlobStore, DeletesMany, checked

#: Deletes that wait for the store at once.
_TOGETHER = 16


async def erased(blobs: BlobStore, keys: Iterable[str]) -> dict[str, Exception]:
    """What each that could not be deleted failed of; the others are durably gone."""
    failed: dict[str, Exception] = {}
    legal: list[BlobKey] = []
    for key in keys:
        try:
            legal.append(checked(key))
        except ValueError as error:
            failed[key] = error
    if isinstance(blobs, DeletesMany):
        return failed | await blobs.delete_many(legal)
    queue = iter(legal)
    async with asyncio.TaskGroup() as workers:
        for _ in range(min(_TOGETHER, len(legal))):
            workers.create_task(_work_off(blobs, queue, failed))
    return failed


async def _work_off(
    blobs: BlobStore, queue: Iterator[BlobKey], failed: dict[str, Exception]
) -> None:
    for key in queue:
        try:
            await blobs.delete(key)
        except Exception as error:
            failed[key] = error
