"""What has to hold after any request at all: nothing kept that should not be, nothing leaked, and the server well."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.books import assert_books_balance, rows
from tests.security.envelopes import assert_told_properly
from tests.security.requests import request
from tests.security.wire import Exchange

if TYPE_CHECKING:
    from tests.security.harness import Site

#: Seconds until what a sender left behind has to be tidied up.
SETTLES_IN = 5
#: Seconds that an upload and its download may take on a server that is well.
HEALTHY = 1
#: What a request may leave in memory, in bytes: allocators keep some.
REMEMBERED = 64 * 1024 * 1024

_KEPT = "SELECT count(*) AS n FROM attachments WHERE state IN ('receiving', 'detached', 'claimed')"
_ACCOUNT = (
    "SELECT coalesce(sum(used), 0) AS used, coalesce(sum(reserved), 0) AS reserved FROM quotas"
)


@dataclass(frozen=True)
class _State:
    """Attachments that anybody may see or that are arriving, bytes used and reserved, open descriptors, memory."""

    kept: int
    used: int
    reserved: int
    files: int
    memory: int

    @classmethod
    def of(cls, site: Site) -> _State:
        data = site.server.data_dir
        account = rows(data, _ACCOUNT)[0]
        return cls(
            rows(data, _KEPT)[0]["n"],
            account["used"],
            account["reserved"],
            _open_files(site),
            sum(each.memory_info().rss for each in site.processes),
        )


class Watch:
    """Over one exchange; `keeps` is how many attachments it may leave, `opens` how many uploads in parts."""

    def __init__(self, site: Site) -> None:
        self.keeps = 0
        self.opens = 0
        self._site = site
        self._log = site.server.log.stat().st_size
        self._before = _State.of(site)

    def saw(self, dialect: str, seen: Exchange, may_fail: set[int] | None = None) -> None:
        """Answers are never failures of the server, but for statuses that are expected, and are in the API's words."""
        for answer in seen.answers:
            assert answer.status < 500 or answer.status in (may_fail or ()), f"a failure: {answer}"
            assert_told_properly(dialect, answer)

    def check(self) -> None:
        _eventually(self._is_as_before)
        _eventually(lambda: assert_books_balance(self._site.server.data_dir, settled=True))
        _assert_healthy(self._site)
        _eventually(self._has_let_go)
        self._log_is_clean()

    def _is_as_before(self) -> None:
        now, before = _State.of(self._site), self._before
        new = now.kept - before.kept
        expected = self.keeps + self.opens
        assert new == expected, f"{new} attachments are new, not {expected}"
        if self.keeps <= 0 and not self.opens:
            assert self.keeps or now.used == before.used, f"{now.used - before.used} bytes are used"
        if not self.opens:
            assert now.reserved <= before.reserved, "bytes stay reserved"

    def _has_let_go(self) -> None:
        now = _State.of(self._site)
        more = now.files - self._before.files
        assert more <= 0, f"{more} descriptors are still open: {_described(self._site)}"
        grown = now.memory - self._before.memory
        assert grown <= REMEMBERED, f"{grown} bytes more are in memory"

    def _log_is_clean(self) -> None:
        with self._site.server.log.open("rb") as log:
            log.seek(self._log)
            said = log.read()
        for secret in self._site.secrets:
            assert secret not in said, f"the log tells {secret!r}"
        for line in said.split(b"\n"):
            assert b"\r" not in line, f"a carriage return is in the log: {line!r}"
            if line:
                assert isinstance(json.loads(line), dict), f"no line of the log's own: {line!r}"


@contextmanager
def unharmed(site: Site) -> Iterator[Watch]:
    """The server is as it was before the block, and well."""
    watch = Watch(site)
    yield watch
    watch.check()


def warm_up(site: Site) -> None:
    """What a server opens once and keeps, it opens now: descriptors are compared with these."""
    for _ in range(3):
        _assert_healthy(site, patience=30)


def _eventually(check: object) -> None:
    assert callable(check)
    deadline = time.monotonic() + SETTLES_IN
    while True:
        try:
            check()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.03)
        else:
            return


def _assert_healthy(site: Site, patience: float = HEALTHY) -> None:
    """Somebody else's file goes in and comes out. Time in which this machine was busy with others does not count."""
    content = os.urandom(70_000)
    began, worked = time.monotonic(), _worked(site)
    made = site.send(site.upload("campr", content, who="ben"))
    assert made.status == 200, f"an upload after it: {made}"
    path = b"/attachments/" + made.answer.json()["attachment"]["digest"].encode()
    read = site.send(request(b"GET", path, *site.key(who="ben")))
    took, worked = time.monotonic() - began, _worked(site) - worked
    assert read.status == 200, f"a download after it: {read}"
    assert read.answer.body == content, "a download after it brought other bytes"
    assert took < patience or (worked < 0.5 and took < 10 * patience), f"it took {took:.2f} s"
    gone = site.send(request(b"DELETE", path, *site.key(who="ben")))
    assert gone.status == 204, f"a deletion after it: {gone}"


def _worked(site: Site) -> float:
    """Seconds that its processes have computed."""
    times = [each.cpu_times() for each in site.processes]
    return sum(each.user + each.system for each in times)


def _open_files(site: Site) -> int:
    return len(_described(site))


def _described(site: Site) -> list[str]:
    """What its processes have open, but for connections to the database, of which there is a pool."""
    found = []
    database = str(site.server.data_dir / "coatcheck.db")
    for process in site.processes:
        for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                where = str(descriptor.readlink())
                if not where.startswith(database):
                    found.append(where)
    return found
