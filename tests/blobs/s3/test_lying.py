"""A store that does not keep what it says: nothing of it is acknowledged. SeaweedFS keeps it, so this one is ours."""

from __future__ import annotations

import asyncio
import base64
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate

import pytest

from coatcheck.blobs.base import StoreRefuses, new_blob_key
from coatcheck.domain.errors import StorageFull, Unavailable
from coatcheck.testing.content import pieces
from tests.blobs.s3.conftest import Opens
from tests.engines.seaweed import credentials

MIB = 1024 * 1024

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Liar:
    """Says what a store would say, and keeps nothing; `says` replaces the answer to «METHOD what»."""

    says: dict[str, Answer | Callable[[], Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    mark: str = ""
    size: int = 0
    crc32: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        credentials()
        part = 5 * MIB
        return f"s3://bucket/x?endpoint=http://127.0.0.1:{self.port}&region=r&part_size={part}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                method, target, _ = line.decode().split(" ", 2)
                headers = {}
                while (header := await reader.readline()) != b"\r\n":
                    name, _, value = header.decode().partition(":")
                    headers[name.lower()] = value.strip()
                if headers.get("expect"):
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                left = int(headers.get("content-length", 0))
                while left:
                    left -= len(data := await reader.read(min(left, MIB)))
                    if method == "PUT":
                        self.size += len(data)
                        self.crc32 = zlib.crc32(data, self.crc32)
                self.mark = headers.get("x-amz-meta-put", self.mark)
                what = self._named(method, target)
                self.asked.append(what)
                said = self.says.get(what) or self._truth(what)
                status, told, body = said() if callable(said) else said
                told = {"Content-Length": str(len(body)), "Date": formatdate(usegmt=True), **told}
                head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
                writer.write(f"HTTP/1.1 {status} x\r\n{head}\r\n".encode() + body)
        finally:
            writer.close()

    def _named(self, method: str, target: str) -> str:
        query = target.partition("?")[2]
        kind = "part" if "partNumber" in query else "upload" if "upload" in query else "object"
        return f"{method} {'uploads' if query == 'uploads' else kind}"

    def _truth(self, what: str) -> Answer:
        match what:
            case "POST uploads":
                return 200, {}, _xml("InitiateMultipartUploadResult", UploadId="u1")
            case "POST upload":
                return 200, {}, _xml("CompleteMultipartUploadResult", ETag="e")
            case "HEAD object":
                return 200, self.head(), b""
            case "DELETE object" | "DELETE upload":
                return 204, {}, b""
            case _:
                return 200, {"ETag": '"e"'}, b""

    def head(self, size: int | None = None, mark: str | None = None) -> dict[str, str]:
        return {
            "Content-Length": str(self.size if size is None else size),
            "x-amz-meta-put": self.mark if mark is None else mark,
            "x-amz-checksum-crc32": _sum(self.crc32),
            "x-amz-checksum-type": "FULL_OBJECT",
        }


def _sum(crc32: int) -> str:
    return base64.b64encode(crc32.to_bytes(4, "big")).decode()


def _xml(kind: str, **fields: str) -> bytes:
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return f'<?xml version="1.0" encoding="UTF-8"?><{kind}>{inside}</{kind}>'.encode()


def _error(code: str) -> bytes:
    return _xml("Error", Code=code, Message="said so")


@asynccontextmanager
async def lying() -> AsyncIterator[Liar]:
    liar = Liar()
    server = await asyncio.start_server(liar.serve, "127.0.0.1", 0)
    liar.port = server.sockets[0].getsockname()[1]
    try:
        yield liar
    finally:
        server.close()


@pytest.fixture
async def liar() -> AsyncIterator[Liar]:
    async with lying() as liar:
        yield liar


def short() -> AsyncIterator[bytes]:
    return pieces(b"coatcheck")


def long() -> AsyncIterator[bytes]:
    return pieces(*[bytes(MIB)] * 12)


@pytest.mark.parametrize("content", [short, long])
async def test_the_truth_is_taken_for_it(
    liar: Liar, opens: Opens, content: Callable[[], AsyncIterator[bytes]]
):
    assert await opens(liar.url).put(new_blob_key(), content()) in (9, 12 * MIB)
    assert "DELETE object" not in liar.asked


@pytest.mark.parametrize("content", [short, long])
@pytest.mark.parametrize("lie", ["size", "checksum", "gone", "another's"])
async def test_what_the_store_names_another_way_is_not_acknowledged(
    liar: Liar, opens: Opens, content: Callable[[], AsyncIterator[bytes]], lie: str
):
    def head() -> Answer:
        match lie:
            case "size":
                return 200, liar.head(size=liar.size - 1), b""
            case "checksum":
                return 200, liar.head() | {"x-amz-checksum-crc32": _sum(1)}, b""
            case "gone":
                return 404, {}, b""
            case _:
                return 200, liar.head(mark="0" * 32), b""

    liar.says["HEAD object"] = head
    with pytest.raises(Unavailable):
        await opens(liar.url).put(new_blob_key(), content())
    assert ("DELETE object" in liar.asked) == (lie in {"size", "checksum"})


async def test_a_store_without_checksums_is_believed_by_size(liar: Liar, opens: Opens):
    def head() -> Answer:
        return 200, {k: v for k, v in liar.head().items() if "checksum" not in k}, b""

    liar.says["HEAD object"] = head
    assert await opens(liar.url).put(new_blob_key(), short()) == 9


async def test_a_completion_that_says_200_and_then_an_error_is_one(liar: Liar, opens: Opens):
    liar.says["POST upload"] = (200, {}, _error("InternalError"))
    liar.says["HEAD object"] = (404, {}, b"")
    with pytest.raises(Unavailable):
        await opens(liar.url).put(new_blob_key(), long())
    assert liar.asked.count("POST upload") == 3
    assert "DELETE upload" in liar.asked


async def test_a_completion_that_breaks_off_in_its_answer_is_asked_about_again(
    liar: Liar, opens: Opens
):
    liar.says["POST upload"] = (200, {}, b'<?xml version="1.0"?><CompleteMultipartUpl')
    liar.says["HEAD object"] = (404, {}, b"")
    with pytest.raises(Unavailable):
        await opens(liar.url).put(new_blob_key(), long())


async def test_a_completion_whose_answer_is_lost_was_one_all_the_same(liar: Liar, opens: Opens):
    """Asked again, a store has no such upload any more, or finds the key used: by us, as the mark tells."""
    for status, code in ((404, "NoSuchUpload"), (412, "PreconditionFailed")):
        answers: list[Answer] = [
            (500, {}, _error("InternalError")),
            (status, {}, _error(code)),
        ]
        liar.size = liar.crc32 = 0
        liar.says["POST upload"] = lambda answers=answers: answers.pop(0)  # type: ignore[misc]
        assert await opens(liar.url).put(new_blob_key(), long()) == 12 * MIB
        assert answers == []
    assert "DELETE object" not in liar.asked


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (503, "SlowDown", Unavailable),
        (500, "InternalError", Unavailable),
        (400, "BadDigest", Unavailable),
        (409, "ConditionalRequestConflict", Unavailable),
        (507, "InsufficientStorage", StorageFull),
        (403, "AccessDenied", StoreRefuses),
        (403, "RequestTimeTooSkewed", StoreRefuses),
        (301, "PermanentRedirect", StoreRefuses),
        (501, "NotImplemented", Unavailable),
    ],
)
async def test_what_the_store_says_is_told_in_our_words(
    liar: Liar, opens: Opens, status: int, code: str, kind: type[Unavailable]
):
    liar.says["PUT object"] = (status, {}, _error(code))
    liar.says["HEAD object"] = (404, {}, b"")
    with pytest.raises(Unavailable) as caught:
        await opens(liar.url).put(new_blob_key(), short())
    assert type(caught.value) is kind
    assert caught.value.facts["retry_after"] > 0
    assert liar.asked.count("PUT object") == (3 if kind is Unavailable else 1)


async def test_a_store_that_sends_all_for_a_range_is_not_taken_for_the_range(
    liar: Liar, opens: Opens
):
    liar.says["GET object"] = (200, {}, b"coatcheck")
    store = opens(liar.url)
    with pytest.raises(StoreRefuses, match="ranges"):
        await anext(aiter(store.read(new_blob_key(), 4)))
    assert [piece async for piece in store.read(new_blob_key())] == [b"coatcheck"]


async def test_an_upload_takes_memory_for_three_parts_however_long_it_is(liar: Liar, opens: Opens):
    store = opens(liar.url)
    await store.put(new_blob_key(), long())
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        liar.size = liar.crc32 = 0
        await store.put(new_blob_key(), pieces(*[bytes(MIB)] * 80))
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    # The liar's own buffers and a few pieces on their way are in it too.
    assert peak < 4 * 5 * MIB
