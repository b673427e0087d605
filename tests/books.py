"""Whether all that an installation has on record adds up: recomputed from its rows and its files, nothing else.

This is written against the tables and the directory on disk, with the driver alone, so that a mistake in
our own queries cannot hide itself.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from coatcheck.blobs.base import BlobKey
from coatcheck.blobs.memory import MemoryBlobStore
from coatcheck.repositories.sqlite_driver import sqlite
from tests.core import Place
from tests.engines import choice

VISIBLE = ("detached", "claimed")
GOING = ("expired", "deleted", "purging")


def assert_books_balance(where: Place | Path, *, settled: bool = False) -> None:
    """Raises AssertionError with everything that is wrong.

    True at any moment when no request and no sweep is running, whatever was killed before. With `settled`
    nothing may be under way either: no intents, no reservations but those of open uploads, nothing half purged,
    and no file that is not the blob of a part. `where` is an installation or its data directory.
    """
    if isinstance(where, Path):
        wrong = discrepancies(where, settled=settled)
    else:
        store = where.services.blobs
        memory = store._blobs if isinstance(store, MemoryBlobStore) else None
        wrong = discrepancies(where.settings.data_dir, settled=settled, memory=memory)
    assert not wrong, "the books do not balance:\n" + "\n".join(wrong)


def discrepancies(
    data_dir: Path, *, settled: bool = False, memory: Mapping[BlobKey, bytes] | None = None
) -> list[str]:
    """A line for each thing that is wrong. `memory`: the blobs, where they are not files."""
    with closing(_opened(data_dir)) as connection:
        blobs = choice.stored(data_dir) if memory is None else memory
        books = _Books(connection, _in_files(data_dir) if blobs is None else blobs)
        if blobs is None:
            books.leftovers = [path.name for path in (data_dir / "blobs" / "tmp").glob("*")]
        books.check(settled)
    return books.wrong


def rows(data_dir: Path, query: str) -> list[Any]:
    """What the installation's database answers, beside its own connections."""
    with closing(_opened(data_dir)) as connection:
        found: list[Any] = connection.execute(query).fetchall()
    return found


def _opened(data_dir: Path) -> Any:
    """A connection with a snapshot of the installation's database; its rows are known by their columns' names."""
    if url := choice.places_of(data_dir).get("database_url"):
        connection = psycopg.connect(
            url.replace("+psycopg", ""), row_factory=dict_row, options="-c lock_timeout=15s"
        )
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        return connection
    uri = f"file:{data_dir / 'coatcheck.db'}?mode=ro"
    opened = sqlite.connect(uri, uri=True, timeout=15)
    opened.row_factory = sqlite.Row
    opened.execute("BEGIN")
    return opened


class _Books:
    def __init__(self, connection: Any, blobs: Mapping[BlobKey, bytes | Path]) -> None:
        self._connection = connection
        self.wrong: list[str] = []
        self.attachments = self._rows("SELECT * FROM attachments ORDER BY id")
        self.parts: dict[int, list[Any]] = defaultdict(list)
        for part in self._rows("SELECT * FROM parts ORDER BY coalesce(ordinal, start), id"):
            self.parts[part["attachment_id"]].append(part)
        self.intents = self._rows("SELECT * FROM intents")
        self.claims = self._rows("SELECT * FROM claims")
        self.blobs = blobs
        self.leftovers: list[str] = []

    def check(self, settled: bool) -> None:
        self._database()
        self._quotas()
        self._tallies()
        self._states()
        self._claims()
        self._files()
        for row in self.attachments:
            if row["state"] in VISIBLE:
                self._content(row)
        self._folders()
        if settled:
            self._nothing_under_way()

    def _rows(self, query: str) -> list[Any]:
        rows: list[Any] = self._connection.execute(query).fetchall()
        return rows

    def _is(self, good: object, message: str) -> None:
        if not good:
            self.wrong.append(message)

    def _database(self) -> None:
        if not isinstance(self._connection, sqlite.Connection):
            return  # PostgreSQL looks after itself, and lets no reference dangle
        (verdict,) = self._connection.execute("PRAGMA integrity_check").fetchone()
        self._is(verdict == "ok", f"the database is damaged: {verdict}")
        for row in self._rows("PRAGMA foreign_key_check"):
            self.wrong.append(f"a dangling reference: {tuple(row)}")

    def _quotas(self) -> None:
        for quota in self._rows("SELECT * FROM quotas"):
            owner = quota["owner_id"]
            mine = [row for row in self.attachments if row["owner_id"] == owner]
            used = sum(row["size"] for row in mine if row["charged"])
            reserved = sum(row["reserved"] for row in mine)
            reserved += sum(row["reserved"] for row in self.intents if row["owner_id"] == owner)
            count = sum(row["state"] != "purged" for row in mine)
            for name, counted in (("used", used), ("reserved", reserved), ("attachments", count)):
                self._is(
                    quota[name] == counted,
                    f"owner {owner}: {name} is {quota[name]}, and by the rows {counted}",
                )
            if quota["limit_bytes"]:
                self._is(
                    used + reserved <= quota["limit_bytes"],
                    f"owner {owner}: {used} + {reserved} is above the limit",
                )

    def _tallies(self) -> None:
        tallied: dict[tuple[str, int], tuple[int, int]] = defaultdict(lambda: (0, 0))
        counted = tallied.copy()
        for row in self._rows("SELECT * FROM tallies"):
            number, size = tallied[row["what"], row["whose"]]
            sums = number + row["attachments"], size + row["bytes"]
            tallied[row["what"], row["whose"]] = sums
        for row in self.attachments:
            for what, whose, counts in (
                ("detached", row["owner_id"], row["state"] == "detached"),
                ("filed", row["tenant_id"], row["token"] is not None),
            ):
                if counts:
                    number, size = counted[what, whose]
                    counted[what, whose] = number + 1, size + row["size"]
        for what, whose in tallied.keys() | counted.keys():
            self._is(
                tallied[what, whose] == counted[what, whose],
                f"{what} of {whose} is {tallied[what, whose]}, and by the rows {counted[what, whose]}",
            )

    def _states(self) -> None:
        for row in self.attachments:
            name, state = f"attachment {row['id']} ({row['state']})", row["state"]
            if state in VISIBLE:
                self._is(row["charged"], f"{name} is not charged")
                self._is(row["reserved"] == 0, f"{name} has bytes reserved")
            if state == "receiving":
                self._is(not row["charged"], f"{name} is charged")
                self._is(row["reserved"] == row["size"], f"{name} has not reserved its size")
            if state == "purged":
                self._is(not row["charged"] and not row["reserved"], f"{name} is still paid for")
                self._is(not self.parts[row["id"]], f"{name} has parts")
            if state != "claimed":
                self._is(
                    row["token"] is None and row["folder_id"] is None, f"{name} is in the tree"
                )

    def _claims(self) -> None:
        states = {row["id"]: row["state"] for row in self.attachments}
        held = {row["attachment_id"] for row in self.claims}
        for id, state in states.items():
            if state == "claimed":
                self._is(id in held, f"attachment {id} is claimed, and nothing holds it")
            if id in held:
                # A deleted one keeps its claims until it is purged.
                self._is(
                    state in ("claimed", "deleted", "purging"),
                    f"attachment {id} is held, and {state}",
                )
        for container, places in _grouped(self.claims, "container_id", "position").items():
            self._is(
                len(set(places)) == len(places), f"container {container}: two claims at one place"
            )

    def _files(self) -> None:
        named = {part["blob_key"]: part for parts in self.parts.values() for part in parts}
        intended = {row["blob_key"] for row in self.intents}
        self._is(
            not named.keys() & intended, f"recorded and intended: {named.keys() & intended or ''}"
        )
        for key in self.blobs.keys() - named.keys() - intended:
            self.wrong.append(f"blob {key} belongs to nothing")
        going = {row["id"] for row in self.attachments if row["state"] in GOING}
        for key, part in named.items():
            if key is None:
                self._is(len(part["inline"]) == part["size"], f"part {part['id']} is not its size")
            elif key in self.blobs:
                size = len(_bytes(self.blobs[key]))
                self._is(size == part["size"], f"blob {key} has {size} bytes, not {part['size']}")
            else:
                self._is(part["attachment_id"] in going, f"blob {key} is missing")

    def _content(self, row: Any) -> None:
        """What a reader would get: every byte once, and the digests that are on record."""
        content = bytearray()
        for part in self.parts[row["id"]]:
            data = part["inline"]
            if data is None:
                if part["blob_key"] not in self.blobs:
                    return  # said already
                data = _bytes(self.blobs[part["blob_key"]])
            name = f"attachment {row['id']} ({row['state']}), part {part['id']}"
            known = part["sha256"] or _hash("sha256", data)  # nobody has hashed what came past us
            self._is(_hash("sha256", data) == known, f"{name}: other bytes than recorded")
            at = len(content) if part["ordinal"] is not None else part["start"]
            self._is(at <= len(content), f"{name}: a gap before it")
            shared = content[at : at + len(data)]
            self._is(shared == data[: len(shared)], f"{name}: disagrees with another part")
            content += data[len(shared) :]
        self._is(
            len(content) == row["size"] == row["received"],
            f"attachment {row['id']} has {len(content)} bytes of {row['size']}",
        )
        for algorithm in ("sha256", "sha3_256", "md5"):
            if row[algorithm] is not None:
                self._is(
                    _hash(algorithm, content) == row[algorithm],
                    f"attachment {row['id']}: wrong {algorithm} on record",
                )

    def _folders(self) -> None:
        parents = {row["id"]: row["parent_id"] for row in self._rows("SELECT * FROM folders")}
        closure = {
            (row["ancestor_id"], row["descendant_id"], row["depth"])
            for row in self._rows("SELECT * FROM folder_paths")
        }
        recomputed = set()
        for folder in parents:
            at: Any = folder
            depth = 0
            while at is not None and depth <= len(parents):
                recomputed.add((at, folder, depth))
                at, depth = parents[at], depth + 1
            self._is(at is None, f"folder {folder} is within itself")
        self._is(closure == recomputed, f"the closure is wrong: {closure ^ recomputed}")

    def _nothing_under_way(self) -> None:
        for row in self.intents:
            self.wrong.append(f"an intent is left: {row['blob_key']}")
        for name in self.leftovers:
            self.wrong.append(f"a half-written file is left: {name}")
        for row in self.attachments:
            self._is(row["state"] not in GOING, f"attachment {row['id']} is still {row['state']}")


def _grouped(rows: list[Any], by: str, what: str) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        found[row[by]].append(row[what])
    return found


def _in_files(data_dir: Path) -> dict[BlobKey, Path]:
    return {BlobKey(path.name): path for path in (data_dir / "blobs" / "blobs").glob("??/*")}


def _bytes(blob: bytes | Path) -> bytes:
    return blob if isinstance(blob, bytes) else blob.read_bytes()


def _hash(algorithm: str, data: bytes | bytearray) -> str:
    return hashlib.new(algorithm, data).hexdigest()
