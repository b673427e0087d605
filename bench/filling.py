"""Databases that are full before a server sees them: rows put straight into the project's tables."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Row,
    String,
    Table,
    case,
    cast,
    create_engine,
    func,
    insert,
    literal,
    select,
    update,
)

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

#: One attachment in ten is in each of these.
_STATES = [*[State.CLAIMED] * 5, *[State.DETACHED] * 4, State.PURGED]
_DIALECTS = ("native", "campr", "tracker", "openproject", "chat")

#: One attachment in so many is the one owner's whose key is used.
_OURS = 5
#: Attachments that a container holds at most.
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
        connection.exec_driver_sql("PRAGMA cache_size = -1000000")
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
    """By statements that SQLite carries out by itself: a million rows take seconds and not minutes."""
    now = time.time_ns() // 1_000_000
    first, number = _owners(connection, max(2, min(500, rows // 100)), now)
    counted = select(literal(1).label("n")).cte("counted", recursive=True)
    counted = counted.union_all(select(counted.c.n + 1).where(counted.c.n < rows))
    n = counted.c.n
    # Spread evenly, and the same in each database: 7919 is a prime.
    state = _one_of([State.DETACHED] if expired else _STATES, n * 7919)
    created = now - _DAY + n * _DAY // (rows + 1)
    _insert(
        connection,
        attachments,
        id=n,
        public_id=func.printf("%016d", n),
        tenant_id=literal(first.tenant_id),
        owner_id=case((n % _OURS == 0, first.id), else_=first.id + n // 7 * 31 % number),
        dialect=_one_of(_DIALECTS, n // _OURS),
        state=state,
        name=func.printf("attachment-%d.bin", n),
        media_type=literal("application/octet-stream"),
        size=literal(_SIZE),
        received=literal(_SIZE),
        charged=state != State.PURGED.value,
        sha256=_random_hex(),
        sha3_256=_random_hex(),
        created_at=created,
        updated_at=created,
        expires_at=case((state == State.DETACHED.value, now - _DAY if expired else now + _DAY)),
    )
    each = attachments.c
    present = each.state != State.PURGED.value
    claimed = each.state == State.CLAIMED.value
    _insert(
        connection,
        parts,
        present,
        attachment_id=each.id,
        start=literal(0),
        size=each.size,
        sha256=each.sha256,
        inline=func.randomblob(_SIZE),
    )
    # Neighbours share a container, also where none of them is claimed: it is empty then.
    container = (each.id - 1) // _HELD + 1
    _insert(
        connection,
        containers,
        each.id % _HELD == 1,
        id=container,
        tenant_id=each.tenant_id,
        owner_id=each.owner_id,
        kind=literal("ticket"),
        external_id=cast(container, String),
        version=literal(1),
        body=literal({}, JSON),
        created_at=each.created_at,
        updated_at=each.created_at,
    )
    _insert(
        connection,
        claims,
        claimed,
        container_id=container,
        attachment_id=each.id,
        position=each.id % _HELD,
        created_at=each.created_at,
    )
    kept = select(func.count()).where(each.owner_id == quotas.c.owner_id, each.charged)
    held = kept.scalar_subquery()
    connection.execute(update(quotas).values(used=held * _SIZE, attachments=held))


def _insert(
    connection: Connection, table: Table, *where: ColumnElement[bool], **columns: ColumnElement[Any]
) -> None:
    connection.execute(
        insert(table).from_select(list(columns), select(*columns.values()).where(*where))
    )


def _one_of(values: Sequence[str], chance: ColumnElement[int]) -> ColumnElement[str]:
    return case({n: str(value) for n, value in enumerate(values)}, value=chance % len(values))


def _random_hex() -> ColumnElement[str]:
    return func.lower(func.hex(func.randomblob(32)))


def _owners(connection: Connection, number: int, now: int) -> tuple[Row[Any], int]:
    """The one with the key, and how many there are: their ids follow one another."""
    first = connection.execute(select(principals)).one()
    others = range(first.id + 1, first.id + number)
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
            for id in others
        ],
    )
    connection.execute(insert(quotas), [{"owner_id": id} for id in others])
    return first, number
