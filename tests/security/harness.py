"""A server to be attacked, a request that it is sent, and what has to hold of it afterwards, whatever that was.

    def test_…(site: Site) -> None:
        with unharmed(site):                      # what `aftermath` checks, when the block ends
            seen = site.send(request(b"GET", b"/attachments", *site.key("campr")))
            assert seen.status == 200

Or as a row of a table: `Row(name=…, dialect=…, send=lambda site: …, expect={400})` and `run(site, row)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Literal

import psutil

from tests.e2e.server import Server
from tests.security.aftermath import Watch, unharmed
from tests.security.requests import FORM, Field, form, part, request
from tests.security.wire import PATIENCE, Connection, Exchange, Leaving, Piece

Kind = Literal["granian", "uvicorn"]
KINDS: tuple[Kind, ...] = ("granian", "uvicorn")

MIB = 1024 * 1024
#: The largest attachment of the servers here.
MAX = MIB

ENV = {
    "COATCHECK_MAX_SIZE": str(MAX),
    "COATCHECK_OPENPROJECT_MAX_SIZE": str(MAX),
    "COATCHECK_TRACKER_MAX_SIZE": str(MAX),
    "COATCHECK_MAX_CHUNK_SIZE": str(MAX),
    "COATCHECK_FIRST_BYTE_TIMEOUT": "1",
    "COATCHECK_REAP_EVERY": "3600",
    "COATCHECK_RATE_LIMITS": "off",
    "COATCHECK_WRONG_KEYS_PER_MINUTE": "0",
}

#: Where each API takes a file. Two take its bytes as they are, the others a form.
UPLOADS: Mapping[str, bytes] = {
    "campr": b"/attachments",
    "attachfast": b"/api/files",
    "tracker": b"/v3/attachments/",
    "openproject": b"/api/v3/attachments",
    "chat": b"/v1/attachments",
    "native": b"/coatcheck/v1/attachments",
}
DIALECTS = tuple(UPLOADS)
FORMS = ("attachfast", "tracker", "openproject", "chat")

#: Tenant and login of those who have keys: two of one tenant, and a stranger.
PEOPLE = {"ann": ("acme", "ann"), "ben": ("acme", "ben"), "eve": ("rival", "eve")}

_CREDENTIALS = re.compile(rb"(?i)^authorization:[ \t]*(?:[a-z]+[ \t]+)?(\S{12,})", re.M)


@dataclass
class Site:
    """One server; `secrets` is what was sent to it that its log must not hold."""

    kind: Kind
    server: Server
    secrets: set[bytes] = field(default_factory=set)

    @cached_property
    def processes(self) -> list[psutil.Process]:
        """Of the server, as they were at first: to look for them takes long, and none may be lost."""
        return [psutil.Process(pid) for pid in self.server.pids()]

    def token(self, who: str = "ann") -> bytes:
        return self.server.key(*PEOPLE[who]).encode()

    def key(self, dialect: str = "campr", who: str = "ann") -> tuple[Field, ...]:
        """The header fields that say who asks."""
        if dialect == "tracker":
            tenant = PEOPLE[who][0].encode()
            return (b"Authorization", b"OAuth " + self.token(who)), (b"X-Org-ID", tenant)
        return ((b"Authorization", b"Bearer " + self.token(who)),)

    def upload(
        self,
        dialect: str,
        data: bytes,
        *fields: Field,
        name: bytes = b"a.bin",
        who: str = "ann",
        keep_alive: bool = False,
    ) -> bytes:
        """A request that leaves a file, as it should be."""
        return self.post(
            dialect, upload_body(dialect, data, name), *fields, who=who, keep_alive=keep_alive
        )

    def post(
        self,
        dialect: str,
        body: bytes | None,
        *fields: Field,
        who: str = "ann",
        content_type: bytes | None = None,
        length: int | None = None,
        keep_alive: bool = False,
    ) -> bytes:
        """A body of the caller's own, to where the API takes files; `length` is what it says of itself."""
        usual = FORM if dialect in FORMS else b"application/octet-stream"
        return request(
            b"POST",
            UPLOADS[dialect],
            *self.key(dialect, who),
            (b"Content-Type", usual if content_type is None else content_type),
            *fields,
            body=body,
            length=length,
            keep_alive=keep_alive,
        )

    def send(
        self,
        pieces: bytes | Iterable[Piece],
        *,
        answers: int = 1,
        leaving: Leaving | None = None,
        patience: float = PATIENCE,
        head: bool = False,
    ) -> Exchange:
        """All of it over one connection, and what comes back; `answers` is after how many not to wait for more."""
        given = [pieces] if isinstance(pieces, bytes) else list(pieces)
        for each in given:
            if isinstance(each, bytes):
                self.secrets.update(_CREDENTIALS.findall(each[:65536]))
        with Connection(self.server.port) as connection:
            connection.send(given)
            if leaving:
                connection.leave(leaving)
            if leaving != "rst":
                connection.listen(answers=answers, patience=patience, head=head)
            return connection.exchange


def upload_body(dialect: str, data: bytes, name: bytes = b"a.bin") -> bytes:
    """The body of an upload with this content."""
    if dialect not in FORMS:
        return data
    parts = [part(data, filename=name)]
    if dialect == "openproject":
        metadata = b'{"fileName": "' + name + b'"}'
        parts.insert(0, part(metadata, b"metadata", None, content_type=b"application/json"))
    return form(*parts)


Statuses = Collection[int | None]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One request that is not as it should be, and what has to come of it.

    `expect` are the statuses that the first answer may have, None for a connection that is closed without one; `on` is
    where a server differs, and `because` says why. With `stores` each answer of 2xx leaves an attachment. `answers` is
    how many there have to be, `closes` that the connection does not outlive them. `judge` looks at the rest. What is
    `large` is deleted again, since all that is there is read after every row.
    """

    name: str
    dialect: str
    send: Callable[[Site], bytes | Iterable[Piece]]
    expect: Statuses
    on: Mapping[Kind, Statuses] = field(default_factory=dict)
    because: str = ""
    stores: bool = False
    answers: int = 1
    large: bool = False
    closes: bool = False
    head: bool = False
    leaving: Leaving | None = None
    patience: float = PATIENCE
    judge: Callable[[Site, Exchange], None] | None = None

    def __str__(self) -> str:
        return f"{self.name}, {self.dialect}"


def run(site: Site, *rows: Row) -> None:
    """Send each and see that its answer is one of those expected; and then that nothing is the worse for any."""
    with unharmed(site) as watch:
        for row in rows:
            _send(site, row, watch)


def _send(site: Site, row: Row, watch: Watch) -> None:
    expected = row.on.get(site.kind, row.expect)
    seen = site.send(
        row.send(site),
        answers=row.answers,
        leaving=row.leaving,
        patience=row.patience,
        head=row.head,
    )
    watch.saw(row.dialect, seen, may_fail={each for each in expected if each})
    if row.leaving != "rst":
        assert seen.status in expected, f"{row} {site.kind}: {seen.status}, not {expected}: {seen}"
    if seen.answers:
        assert len(seen.answers) == row.answers, f"{row}: {len(seen.answers)} answers: {seen}"
    if row.closes:
        assert seen.closed, f"{row}: the connection was left open: {seen}"
    if row.stores:
        watch.keeps += sum(200 <= each.status < 202 for each in seen.answers)
    if row.judge:
        row.judge(site, seen)
    if row.large:
        _delete(site, row.dialect, seen)
        watch.keeps -= 1


def _delete(site: Site, dialect: str, seen: Exchange) -> None:
    path = (seen.answer.header("location") or "").removeprefix("http://coatcheck.test")
    gone = site.send(request(b"DELETE", path.encode(), *site.key(dialect)))
    assert gone.status in (200, 204), gone


def by_name(rows: Iterable[Row], names: int = 1) -> list[tuple[Row, ...]]:
    """Those of one name together, and so many names: sent one after the other, and looked after once."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.name, []).append(row)
    each = list(found.values())
    return [tuple(chain(*each[at : at + names])) for at in range(0, len(each), names)]


def name_of(rows: tuple[Row, ...]) -> str:
    first, *others = dict.fromkeys(row.name for row in rows)
    return f"{first} and {len(others)} more" if others else first
