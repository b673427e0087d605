"""PostgreSQL: what is set on every connection, and what a server has to be.

Writes are READ COMMITTED: each rule is one conditional statement, or rows are locked first, so that a stricter level
would add failures and no safety. Reads are REPEATABLE READ and READ ONLY: one snapshot, which waits for nobody. Whoever
locks several things does so in this order: a tenant's tree or a request id, containers, attachments, their claims.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection

from coatcheck.domain.errors import Unavailable

#: The oldest major version that is still maintained by its makers.
OLDEST = 14

READING = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

#: Notices within a minute that the other end is gone without a word: nothing else would, while an answer is awaited.
_KEEPALIVE = {
    "keepalives": 1,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds: for a connection, a statement, a lock, and a pause within a transaction. 0: no limit."""

    connect: int = 5
    statement: int = 30
    lock: int = 10
    idle: int = 60


def connect_args(url: URL, patience: Patience) -> dict[str, Any]:
    """What the URL does not say itself."""
    wanted = {
        **_KEEPALIVE,
        "connect_timeout": patience.connect,
        "application_name": "coatcheck",
        "client_encoding": "utf8",
    }
    return {name: value for name, value in wanted.items() if name not in url.query}


def preparing(patience: Patience) -> Callable[[Any, object], None]:
    """For the event of a new connection. Raises Unavailable for a server that cannot keep our promises."""

    def prepare(connection: Any, _record: object) -> None:
        connection.autocommit = True
        cursor = connection.cursor()
        try:
            cursor.execute(_PREPARE, (patience.statement, patience.lock, patience.idle))
            commit, encoding = cursor.fetchone()[:2]
        finally:
            cursor.close()
            connection.autocommit = False
        if commit not in ("on", "remote_apply"):
            raise Unavailable(
                f"PostgreSQL did not take synchronous_commit: it is {commit}, and commits could be lost."
            )
        if encoding != "UTF8":
            raise Unavailable(
                f"The database's encoding is {encoding}, and has to be UTF8: create it anew."
            )

    return prepare


# One round trip. What is better than «on» already stays: remote_apply waits for the standbys as well.
_PREPARE = """
SELECT set_config('synchronous_commit',
                  CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END,
                  false),
       current_setting('server_encoding'),
       set_config('statement_timeout', %s || 's', false),
       set_config('lock_timeout', %s || 's', false),
       set_config('idle_in_transaction_session_timeout', %s || 's', false)
"""

#: Without these a power cut loses what was answered. A connection takes care of synchronous_commit itself.
WANTED = {"fsync": "on"}

_SETTINGS = ("synchronous_commit", "fsync", "full_page_writes", "server_encoding")


async def in_force(connection: AsyncConnection) -> dict[str, str]:
    """The settings that durability hangs on, as they are on this connection."""
    columns = ", ".join(f"current_setting('{name}')" for name in _SETTINGS)
    row = (await connection.execute(text(f"SELECT {columns}"))).one()
    return dict(zip(_SETTINGS, row, strict=True))


def refusals(settings: dict[str, str]) -> list[str]:
    """Why commits on this server would not be durable; none where they are."""
    return [
        f"{name} is {settings[name]}, and not {value}"
        for name, value in WANTED.items()
        if settings[name] != value
    ]


def doubts(version: str, settings: dict[str, str]) -> list[str]:
    """What does not keep anybody from serving, and should be changed all the same."""
    found = []
    if int(version.partition(".")[0]) < OLDEST:
        found.append(f"PostgreSQL {OLDEST} or newer is advised")
    if settings["full_page_writes"] != "on":
        found.append("full_page_writes is off, which only some file systems are safe with")
    return found


def lock_number(*name: object) -> int:
    """The advisory lock of that name: 63 bits, so that two names do not share one."""
    digest = hashlib.sha256("\0".join(map(str, name)).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) >> 1
