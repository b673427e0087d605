"""A database and a store are a pair: the wrong folder is refused, and a first start that died is taken up."""

from __future__ import annotations

import asyncio
from pathlib import Path
from unittest import mock

import pytest

from coatcheck.blobs.base import Marked
from coatcheck.blobs.filesystem import open_filesystem
from coatcheck.domain.errors import Unavailable
from coatcheck.domain.principal import Principal
from coatcheck.services.belonging import Belonging
from coatcheck.testing.content import listed
from tests import deeds
from tests.core import Core, core


@pytest.mark.folder
async def test_the_first_start_marks_both_and_later_ones_find_them_a_pair(place: Core):
    await asyncio.gather(*(place.services.belonging.check() for _ in range(5)))
    (mark,) = {(place.settings.data_dir / "blobs" / "store-id").read_text().strip()}
    assert len(mark) == 32
    await place.services.belonging.check()
    assert await listed(place.services.blobs) == []
    assert list((place.settings.data_dir / "blobs" / "tmp").iterdir()) == []


@pytest.mark.folder
async def test_an_empty_folder_in_the_place_of_the_store_is_refused(tmp_path: Path):
    async with core(tmp_path / "data") as place:
        await place.services.belonging.check()
    (tmp_path / "data" / "blobs").rename(tmp_path / "unmounted")
    async with core(tmp_path / "data") as place:
        with pytest.raises(Unavailable, match=r"bears no mark\. Is its folder mounted"):
            await place.services.belonging.check()
        assert not (tmp_path / "data" / "blobs" / "store-id").exists()


@pytest.mark.sqlite
async def test_a_new_database_on_an_old_store_is_refused(tmp_path: Path):
    async with core(tmp_path / "data") as place:
        await place.services.belonging.check()
    (tmp_path / "data" / "coatcheck.db").unlink()
    async with core(tmp_path / "data") as place:
        with pytest.raises(Unavailable, match="this one is new"):
            await place.services.belonging.check()


@pytest.mark.folder
async def test_the_store_of_another_database_is_refused_until_it_is_adopted(tmp_path: Path):
    for name in ("one", "other"):
        async with core(tmp_path / name) as place:
            await place.services.belonging.check()
    elsewhere = (tmp_path / "other" / "blobs").as_uri()
    async with core(tmp_path / "one", blobs_url=elsewhere) as place:
        with pytest.raises(Unavailable, match="belongs to another database"):
            await place.services.belonging.check()
        assert await place.services.belonging.adopt()
        await place.services.belonging.check()
    async with core(tmp_path / "one") as place:
        await place.services.belonging.check()  # the mark went along; the old folder has it too


async def test_a_first_start_that_died_in_between_is_taken_up(tmp_path: Path):
    class Dies(BaseException):
        pass

    async with core(tmp_path / "data") as place:
        store = open_filesystem((tmp_path / "data" / "blobs").as_uri())

        async def die(_marker: str, *, anew: bool = False) -> str:
            raise Dies

        store.mark = die  # type: ignore[assignment]
        with pytest.raises(Dies):
            await Belonging(place.services.transactions, store).check()
        await place.services.belonging.check()
        await place.services.belonging.check()


async def test_a_store_in_memory_belongs_to_whoever_has_it(tmp_path: Path, ann: Principal):
    async with core(tmp_path / "other", blobs_url="memory:") as place:
        await place.services.belonging.check()
        assert not await place.services.belonging.adopt()
        assert await deeds.findings(place) == []


@pytest.mark.folder
@pytest.mark.parametrize("first", ["the database", "the store"])
async def test_of_two_that_start_for_the_first_time_none_is_refused(first: str, place: Core):
    """Whichever the slower one has looked at before the other marked both."""
    blobs, transactions = place.services.blobs, place.services.transactions
    assert isinstance(blobs, Marked)
    other = Belonging(transactions, blobs)
    look = blobs.marker

    async def interrupted() -> str | None:
        patched.stop()
        found = await look() if first == "the store" else None
        await other.check()
        return found if first == "the store" else await look()

    patched = mock.patch.object(blobs, "marker", interrupted)
    patched.start()
    await Belonging(transactions, blobs).check()
    assert await look() is not None
