"""The checker that other tests rest on finds what it is there to find."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from coatcheck.domain.claim import ById
from coatcheck.repositories.sqlite_driver import sqlite
from tests import deeds
from tests.books import assert_books_balance, discrepancies
from tests.core import core


async def _filled(data_dir: Path) -> None:
    """An installation with one of everything, at rest."""
    async with core(data_dir, **deeds.BLOBS_ABOVE_1000) as place:
        ann = await deeds.principal(place)
        await deeds.deposit(place, ann, b"small")
        await deeds.deposit(place, ann, deeds.content(deeds.LARGE))
        await deeds.file_away(place, ann, deeds.content(deeds.LARGE, 1), "a/b/c.bin")
        await deeds.receive(place, deeds.a_part(ann, deeds.content(2000, 2), total=5000, start=0))
        gone = await deeds.deposit(place, ann, deeds.content(deeds.LARGE, 3))
        await place.services.deleting.delete(ann, ById(gone.id), [gone.state])
        assert_books_balance(place, settled=True)


def _sql(statement: str) -> Callable[[Path], None]:
    def spoil(data_dir: Path) -> None:
        with closing(sqlite.connect(data_dir / "coatcheck.db")) as connection, connection:
            connection.execute("PRAGMA foreign_keys = OFF")
            assert connection.execute(statement).rowcount

    return spoil


def _lose_a_blob(data_dir: Path) -> None:
    next((data_dir / "blobs" / "blobs").glob("*/*")).unlink()


def _shorten_a_blob(data_dir: Path) -> None:
    path = next((data_dir / "blobs" / "blobs").glob("*/*"))
    path.write_bytes(path.read_bytes()[:-1])


def _flip_a_bit(data_dir: Path) -> None:
    for path in (data_dir / "blobs" / "blobs").glob("*/*"):
        data = path.read_bytes()
        path.write_bytes(bytes([data[0] ^ 1]) + data[1:])


def _bring_a_blob(data_dir: Path) -> None:
    (data_dir / "blobs" / "blobs" / "ab").mkdir(exist_ok=True)
    (data_dir / "blobs" / "blobs" / "ab" / ("ab" * 16)).write_bytes(b"x")


def _leave_a_temporary_file(data_dir: Path) -> None:
    (data_dir / "blobs" / "tmp" / "x").write_bytes(b"x")


SPOILERS: dict[str, Callable[[Path], None]] = {
    "quota used": _sql("UPDATE quotas SET used = used + 1"),
    "quota reserved": _sql("UPDATE quotas SET reserved = reserved + 1"),
    "quota count": _sql("UPDATE quotas SET attachments = attachments - 1"),
    "above the limit": _sql("UPDATE quotas SET limit_bytes = 10"),
    "uncharged": _sql("UPDATE attachments SET charged = 0 WHERE state = 'detached'"),
    "claimed by nothing": _sql("UPDATE attachments SET state = 'claimed' WHERE state = 'detached'"),
    "detached but held": _sql("UPDATE attachments SET state = 'detached' WHERE state = 'claimed'"),
    "half purged": _sql("UPDATE attachments SET state = 'purging' WHERE state = 'purged'"),
    "size": _sql("UPDATE attachments SET size = size + 1, received = size + 1"),
    "digest": _sql("UPDATE attachments SET sha256 = '00' WHERE sha256 IS NOT NULL"),
    "part": _sql("DELETE FROM parts WHERE inline IS NULL"),
    "inline": _sql("UPDATE parts SET inline = x'00' WHERE inline IS NOT NULL"),
    "intent": _sql("INSERT INTO intents VALUES ('x', 1, 0, 'l', 0)"),
    "closure": _sql("DELETE FROM folder_paths WHERE depth = 1"),
    "cycle": _sql("UPDATE folders SET parent_id = id"),
    "missing folder": _sql("DELETE FROM folders WHERE parent_id IS NOT NULL"),
    "lost blob": _lose_a_blob,
    "short blob": _shorten_a_blob,
    "flipped bit": _flip_a_bit,
    "extra blob": _bring_a_blob,
    "temporary file": _leave_a_temporary_file,
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_dir = tmp_path_factory.mktemp("filled") / "data"
    asyncio.run(_filled(data_dir))
    return data_dir


@pytest.mark.parametrize("what", SPOILERS)
def test_each_kind_of_damage_is_found(what: str, filled: Path, tmp_path: Path):
    shutil.copytree(filled, tmp_path / "data")
    assert discrepancies(tmp_path / "data", settled=True) == []
    SPOILERS[what](tmp_path / "data")
    assert discrepancies(tmp_path / "data", settled=True)


def test_what_is_under_way_is_no_damage(filled: Path, tmp_path: Path):
    shutil.copytree(filled, tmp_path / "data")
    SPOILERS["intent"](tmp_path / "data")
    SPOILERS["temporary file"](tmp_path / "data")
    assert_books_balance(tmp_path / "data")
    with pytest.raises(AssertionError, match="an intent is left"):
        assert_books_balance(tmp_path / "data", settled=True)


async def test_an_installation_may_be_named_instead_of_its_directory(tmp_path: Path):
    async with core(tmp_path / "data") as place:
        assert_books_balance(place, settled=True)
