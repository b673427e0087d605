"""Databases that are full before a server sees them: rows put straight into the project's tables."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, create_engine, insert, select, update

from bench.session import Session
from coatcheck.bootstrap import open_services
from coatcheck.domain.lifecycle import State
from coatcheck.repositories import schema
from coatcheck.repositories.tables import (
    attachments,
    claims,
    containers,
    parts,
    principals,
    quotas,
)
from coatcheck.settings import Settings

_DAY = 24 * 3600 * 1000
_BATCH = 10_000

#: Of every hundred attachments: how many are in which state.
_STATES = {State.CLAIMED: 50, State.DETACHED: 40, State.PURGED: 10}
_DIALECTS = ("native", "campr", "tracker", "openproject", "chat")

#: One attachment in so many is the one owner's whose key is used.
_OURS = 5
#: Attachments that a container holds.
_HELD = 3
_SIZE = 200


@dataclass(frozen=True)
class Filled:
    """`key` is that of the owner of a fifth of it."""

    directory: Path
    key: str


def filled(session: Session, rows: int) -> Filled:
    """A data directory with so many attachments; the same for the whole run."""
    directory = session.directory / f"filled-{rows}"
    key_file = directory / "key"
    if not key_file.exists():
        key_file.write_text(fill(directory, rows), encoding="utf-8")
    return Filled(directory, key_file.read_text(encoding="utf-8"))


def fill(directory: Path, rows: int, *, expired: bool = False) -> str:
    """A new data directory; a key of its largest owner. With `expired` all wait for a sweep, else none does."""
    settings = Settings(data_dir=directory, blobs_url="memory:")
    key = asyncio.run(_set_up(settings))
    engine = create_engine(f"sqlite:///{directory / 'coatcheck.db'}")
    with engine.connect() as connection:
        # Nobody reads it before it is whole, and a run that breaks off throws it away.
        connection.exec_driver_sql("PRAGMA synchronous = OFF")
        connection.exec_driver_sql("PRAGMA journal_mode = MEMORY")
        _insert_all(connection, rows, expired=expired)
        connection.commit()
        assert not connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    engine.dispose()
    return key


async def _set_up(settings: Settings) -> str:
    settings.data_dir.mkdir(parents=True)
    await schema.upgrade(settings.effective_database_url)
    async with open_services(settings) as services:
        return await services.keys.create(tenant="default", login="user-0")


def _insert_all(connection: Connection, rows: int, *, expired: bool) -> None:
    now = time.time_ns() // 1_000_000
    owners, tenant = _owners(connection, max(2, min(500, rows // 100)), now)
    chance = random.Random(rows)  # the same database each time
    states = [State.DETACHED] if expired else [s for s, n in _STATES.items() for _ in range(n)]
    end = now - _DAY if expired else now + _DAY

    def attachment(id: int) -> dict[str, Any]:
        state = chance.choice(states)
        created = now - _DAY + id * _DAY // (rows + 1)
        return {
            "id": id,
            "public_id": f"{id:016}",
            "tenant_id": tenant,
            "owner_id": owners[0] if id % _OURS == 0 else chance.choice(owners),
            "dialect": _DIALECTS[id % len(_DIALECTS)],
            "state": state.value,
            "name": f"attachment-{id}.bin",
            "media_type": "application/octet-stream",
            "size": _SIZE,
            "received": _SIZE,
            "charged": state is not State.PURGED,
            "sha256": f"{chance.getrandbits(256):064x}",
            "sha3_256": f"{chance.getrandbits(256):064x}",
            "created_at": created,
            "updated_at": created,
            "expires_at": end if state is State.DETACHED else None,
        }

    kept: Counter[int] = Counter()
    for made in _batches(map(attachment, range(1, rows + 1))):
        connection.execute(insert(attachments), made)
        present = [each for each in made if each["state"] != State.PURGED]
        kept.update(each["owner_id"] for each in present)
        connection.execute(insert(parts), [_part(each) for each in present])
        claimed = [each for each in present if each["state"] == State.CLAIMED]
        if claimed:
            connection.execute(insert(containers), [_container(e) for e in claimed[::_HELD]])
            connection.execute(insert(claims), list(_claims(claimed)))
    connection.execute(
        update(quotas)
        .where(quotas.c.owner_id == bindparam("owner"))
        .values(used=bindparam("bytes"), attachments=bindparam("number")),
        [{"owner": id, "bytes": n * _SIZE, "number": n} for id, n in kept.items()],
    )


def _owners(connection: Connection, number: int, now: int) -> tuple[list[int], int]:
    """The ids of so many owners, the first the one with a key; and their tenant."""
    first = connection.execute(select(principals)).one()
    ids = [first.id, *range(first.id + 1, first.id + number)]
    connection.execute(
        insert(principals),
        [
            {
                "id": id,
                "tenant_id": first.tenant_id,
                "login": f"user-{id}",
                "display": f"User {id}",
                "created_at": now,
            }
            for id in ids[1:]
        ],
    )
    connection.execute(insert(quotas), [{"owner_id": id} for id in ids[1:]])
    return ids, first.tenant_id


def _part(attachment: dict[str, Any]) -> dict[str, Any]:
    return {
        "attachment_id": attachment["id"],
        "start": 0,
        "size": _SIZE,
        "sha256": attachment["sha256"],
        "inline": attachment["public_id"].encode() * (_SIZE // 16 + 1),
    }


def _container(first: dict[str, Any]) -> dict[str, Any]:
    """Named after the first that it holds."""
    return {
        "id": first["id"],
        "tenant_id": first["tenant_id"],
        "owner_id": first["owner_id"],
        "kind": "ticket",
        "external_id": str(first["id"]),
        "version": 1,
        "body": {},
        "created_at": first["created_at"],
        "updated_at": first["created_at"],
    }


def _claims(claimed: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for n, each in enumerate(claimed):
        yield {
            "container_id": claimed[n - n % _HELD]["id"],
            "attachment_id": each["id"],
            "position": n % _HELD,
            "created_at": each["created_at"],
        }


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    rest = iter(rows)
    while batch := list(islice(rest, _BATCH)):
        yield batch
