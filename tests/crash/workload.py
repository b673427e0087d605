"""One of each thing that clients do, against a server that may fail in the middle of any, and what it said yes to."""

from __future__ import annotations

import hashlib
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

import requests

from coatcheck.domain.claim import ById
from coatcheck.domain.errors import NotFound
from coatcheck.domain.lifecycle import State
from coatcheck.domain.principal import Principal
from tests import deeds
from tests.core import Core

#: Above what is kept in a row, so that it becomes a blob.
BLOB = 2000
#: Above what S3 takes in one piece.
LARGE = 11 * 1024 * 1024
#: So much that the first two parts are with it before the last has come.
IN_PARTS = 18 * 1024 * 1024


class Workload:
    """`large`: with files that an S3 store takes in parts only."""

    def __init__(self, token: str, *, large: bool = False) -> None:
        self._headers = {"Authorization": f"Bearer {token}"}
        self._large = large
        self._url = ""
        self.kept: dict[int, str] = {}
        self.claimed: set[int] = set()
        self.deleted: set[int] = set()
        self.answers: list[tuple[str, int]] = []

    def run(self, url: str, patience: float) -> None:
        """All of it. A server that gives no answer has promised nothing."""
        self._url, self._patience = url, patience
        kept = self._tried("deposit", lambda: self._deposit(BLOB))
        self._tried("small deposit", lambda: self._deposit(100))
        doomed = self._tried("another deposit", lambda: self._deposit(BLOB))
        self._tried("ranges", self._ranges)
        if kept:
            self._tried("claim", lambda: self._claim(kept))
        if doomed:
            self._tried("delete", lambda: self._delete(doomed))
        if self._large:
            self._tried("large deposit", lambda: self._deposit(LARGE))
        self._tried("cut", self._cut)

    def refused(self) -> list[tuple[str, int]]:
        """What was not answered with 2xx; 0 is no answer."""
        return [(what, status) for what, status in self.answers if not 200 <= status < 300]

    async def check(self, place: Core, caller: Principal, *, only_claimed: bool = False) -> None:
        """Whatever it was said yes to holds."""
        for id, digest in self.kept.items():
            if only_claimed and id not in self.claimed:
                continue
            content = await deeds.bytes_of(place, caller, ById(id))
            assert hashlib.sha256(content).hexdigest() == digest, id
        for id in self.claimed:
            found = await place.services.downloads.find(caller, ById(id))
            assert found.state is State.CLAIMED, id
        for id in self.deleted:
            with suppress(NotFound):
                await place.services.downloads.find(caller, ById(id))
                raise AssertionError(f"{id} was deleted, and is there")

    def _tried(self, what: str, deed: Callable[[], tuple[int, int]]) -> int:
        """The id of what it made, if it made anything."""
        try:
            status, made = deed()
        except requests.RequestException:
            status, made = 0, 0
        self.answers.append((what, status))
        return made

    def _asked(self, method: str, path: str, **options: object) -> requests.Response:
        headers = self._headers | dict(options.pop("headers", {}))  # type: ignore[call-overload]
        return requests.request(
            method,
            self._url + path,
            headers=headers,
            timeout=self._patience,
            **options,  # type: ignore[arg-type]
        )

    def _deposit(self, size: int) -> tuple[int, int]:
        content = secrets.token_bytes(size)
        answer = self._asked("POST", "/coatcheck/v1/attachments", data=content)
        return answer.status_code, self._noted(answer, content)

    def _ranges(self) -> tuple[int, int]:
        content, id = secrets.token_bytes(3000), secrets.token_hex(16)
        status = 0
        for start, stop in ((1500, 3000), (0, 1500)):
            answer = self._asked(
                "POST",
                "/attachments",
                data=content[start:stop],
                headers={
                    "Client-Request-ID": id,
                    "Content-Range": f"bytes {start}-{stop - 1}/3000",
                },
            )
            status = answer.status_code
            if not answer.ok:
                return status, 0
        name = hashlib.sha3_256(content).hexdigest()
        shown = self._asked("GET", f"/coatcheck/v1/attachments/{name}")
        return status, self._noted(shown, content)

    def _claim(self, id: int) -> tuple[int, int]:
        answer = self._asked(
            "POST",
            "/coatcheck/v1/claims",
            json={
                "container": {"kind": "draft", "id": secrets.token_hex(8)},
                "attachments": [{"id": id}],
            },
        )
        if answer.ok:
            self.claimed.add(id)
        return answer.status_code, id

    def _delete(self, id: int) -> tuple[int, int]:
        digest = self.kept.pop(id)  # from here on nobody knows
        answer = self._asked("DELETE", f"/coatcheck/v1/attachments/{id}")
        if answer.ok:
            self.deleted.add(id)
        elif answer.status_code == 404:
            self.kept[id] = digest
        return answer.status_code, id

    def _cut(self) -> tuple[int, int]:
        """The sender hangs up in the middle."""
        size = IN_PARTS if self._large else BLOB
        address = urlsplit(self._url)
        head = f"POST /coatcheck/v1/attachments HTTP/1.1\r\nHost: {address.netloc}\r\n"
        head += f"Content-Length: {size}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in self._headers.items())
        with (
            suppress(OSError),
            socket.create_connection(
                (str(address.hostname), int(address.port or 0)), timeout=self._patience
            ) as raw,
        ):
            raw.sendall(f"{head}\r\n".encode() + secrets.token_bytes(size - 100))
        return 200, 0

    def _noted(self, answer: requests.Response, content: bytes) -> int:
        if not answer.ok:
            return 0
        id = int(answer.json()["id"])
        self.kept[id] = hashlib.sha256(content).hexdigest()
        return id
