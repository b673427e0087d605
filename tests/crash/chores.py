"""A fixed round of what clients do, in process, where anything may be refused once: what was said yes to is kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests import deeds
from tests.kit import Installation

ROOT = "/coatcheck/v1"

#: In a row, and in a blob.
SMALL, LARGE = 100, 1500

#: How a server says that it cannot now.
REFUSALS = (503, 507)

#: How attach.fast says that all chunks are there, and that the file has to be made of them another time.
NOT_YET = (500, "Failed to create final file: ")


@dataclass
class Chores:
    """One round. Each request that is refused is asked again, and has to be granted then.

    `round` makes its bytes, keys and names its own.
    """

    house: Installation
    client: httpx.AsyncClient
    round: int
    refused: list[str] = field(default_factory=list)
    kept: dict[int, bytes] = field(default_factory=dict)
    gone: list[int] = field(default_factory=list)

    async def run(self) -> None:
        small, large = self._bytes(SMALL), self._bytes(LARGE)
        first = await self._leave("small", small, "key-small")
        second = await self._leave("large", large, "key-large")
        doomed = await self._leave("without a key", self._bytes(LARGE + 1), None)
        await self._file()
        await self._chunks()
        ticket = {"container": {"kind": "ticket", "id": f"{self.round}"}}
        wanted = {**ticket, "attachments": [first, second]}
        held = await self._done("claim", "POST", f"{ROOT}/claims", json=wanted)
        assert [each["id"] for each in held.json()["attachments"]] == [first, second]
        await self._read(second)
        await self._done("list", "GET", f"{ROOT}/attachments?limit=200")
        await self._done("name", "PATCH", f"{ROOT}/attachments/{first}", json={"name": "b.txt"})
        del self.kept[doomed]
        await self._done("delete", "DELETE", f"{ROOT}/attachments/{doomed}", again=404)
        self.gone.append(doomed)
        path = f"{ROOT}/claims/ticket/{self.round}?delete=true&attachment={first}"
        del self.kept[first]
        await self._done("release", "DELETE", path, again=404)
        self.gone.append(first)

    async def check(self) -> None:
        """Nothing of what was said yes to is lost, and nothing comes back."""
        for id, data in self.kept.items():
            answer = await self.client.get(f"{ROOT}/attachments/{id}/content")
            assert (answer.status_code, answer.content == data) == (200, True), id
        for id in self.gone:
            answer = await self.client.get(f"{ROOT}/attachments/{id}")
            assert answer.status_code == 404, id

    async def clear(self) -> None:
        """So that rounds do not grow. What a refused request left behind all the same is whole, and goes too."""
        sent = {hashlib.sha256(data).hexdigest() for data in self._sent}
        await self.client.delete(f"{ROOT}/claims/ticket/{self.round}?delete=true")
        listed = (await self.client.get(f"{ROOT}/attachments?limit=200")).json()["attachments"]
        extra = [each for each in listed if each["id"] not in self.kept]
        assert len(extra) <= bool(self.refused), "one answer was lost, and more than one thing kept"
        for each in extra:
            assert each["digests"]["sha256"] in sent
        for each in listed:
            where = (
                f"/api/files/{each['id']}" if each["token"] else f"{ROOT}/attachments/{each['id']}"
            )
            assert (await self.client.delete(where)).status_code == 204

    async def _leave(self, what: str, data: bytes, key: str | None) -> int:
        headers = {"Idempotency-Key": f"{key}-{self.round}"} if key else {}
        path = f"{ROOT}/attachments"
        answer = await self._done(what, "POST", path, content=data, headers=headers)
        return self._keep(answer.json()["id"], data)

    async def _file(self) -> None:
        data = self._bytes(LARGE + 2)
        form = {"file": ("a.bin", data, "application/octet-stream")}
        self._keep((await self._done("file", "POST", "/api/files", files=form)).json()["id"], data)

    async def _chunks(self) -> None:
        data = self._bytes(LARGE + 3)
        await self._chunk(2, data[1000:], len(data))
        answer = await self._chunk(1, data[:1000], len(data))
        assert answer.status_code == 201
        self._keep(int(answer.headers["Location"].split("/")[-1]), data)

    async def _chunk(self, number: int, piece: bytes, total: int) -> httpx.Response:
        return await self._done(
            f"chunk {number}",
            "POST",
            "/api/large_files",
            data={"chunk": number, "total_size": total, "key": f"a{self.round}.bin"},
            files={"file": ("blob", piece, "application/octet-stream")},
        )

    async def _read(self, id: int) -> None:
        """The whole, or less than was announced: never other bytes, and never fewer that pass for all."""
        path = f"{ROOT}/attachments/{id}/content"
        answer = await self.client.get(path)
        if answer.status_code == 200 and int(answer.headers["Content-Length"]) > len(
            answer.content
        ):
            self.refused.append("read")
            answer = await self.client.get(path)
        elif answer.status_code != 200:
            answer = await self._done("read", "GET", path, first=answer)
        assert answer.content == self.kept[id]

    async def _done(
        self,
        what: str,
        method: str,
        path: str,
        *,
        again: int | None = None,
        first: httpx.Response | None = None,
        **more: Any,
    ) -> httpx.Response:
        """`again`: what a second request may be told, where the first was carried out and its answer lost."""
        answer = first or await self.client.request(method, path, **more)
        if answer.is_success:
            return answer
        status, words = NOT_YET
        not_yet = answer.status_code == status and words in answer.text
        assert not_yet or answer.status_code in REFUSALS, (what, answer.status_code, answer.text)
        if answer.status_code == 503:
            assert answer.headers["Retry-After"], what
        self.refused.append(what)
        repeated = await self.client.request(method, path, **more)
        assert repeated.is_success or repeated.status_code == again, (what, repeated.text)
        return repeated

    def _keep(self, id: int, data: bytes) -> int:
        self.kept[id] = data
        return id

    def _bytes(self, size: int) -> bytes:
        data = deeds.content(size, 10_000 * self.round + size)
        self._sent.append(data)
        return data

    def __post_init__(self) -> None:
        self._sent: list[bytes] = []
