"""Early answers: sent at once, and ended when the rest of the body was read, or enough of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from coatcheck.web import lingering
from coatcheck.web.draining import Draining
from coatcheck.web.lingering import Lingers

REFUSAL = b'{"code": 401}'


def scope(**fields: str) -> Scope:
    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    return {"type": "http", "headers": headers}


SENDING = scope(content_length="300")


async def refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 401, "headers": []})
    await send({"type": "http.response.body", "body": REFUSAL})


class Exchange:
    """One request, its pieces as they come, and in what order it and its answer were seen."""

    def __init__(self, pieces: Iterable[bytes], *, then: bool = False, app: Any = refuse) -> None:
        """After the pieces the body ends, or with `then` the sender has more, and says nothing."""
        self.seen: list[str] = []
        self.body = b""
        self.ended = False
        self.draining = Draining()
        self._pieces = list(pieces)
        self._then = then
        self._app = app

    async def run(self, scope: Scope = SENDING) -> None:
        await Lingers(self._app, self.draining)(scope, self._receive, self._send)

    async def _receive(self) -> Message:
        await asyncio.sleep(0)
        if not self._pieces:
            await asyncio.Event().wait()
        self.seen.append("read")
        piece = self._pieces.pop(0)
        more = bool(self._pieces) or self._then
        return {"type": "http.request", "body": piece, "more_body": more}

    async def _send(self, message: Message) -> None:
        assert not self.ended
        if message["type"] == "http.response.body":
            self.body += message["body"]
            self.ended = not message.get("more_body", False)
        self.seen.append("ended" if self.ended else "sent")


async def test_the_answer_goes_out_at_once_and_ends_when_the_body_has() -> None:
    exchange = Exchange([b"x" * 100] * 3)
    await exchange.run()
    assert exchange.seen == ["sent", "sent", "read", "read", "read", "ended"]
    assert exchange.body == REFUSAL


@pytest.mark.parametrize(
    "asked",
    [scope(), scope(content_length="0"), scope(content_length="300", expect="100-continue")],
    ids=["no body", "an empty one", "one that waits to be asked for"],
)
async def test_where_nothing_comes_nothing_is_waited_for(asked: Scope) -> None:
    exchange = Exchange([], then=True)
    await exchange.run(asked)
    assert exchange.seen == ["sent", "ended"]
    assert exchange.body == REFUSAL


async def test_what_was_read_to_its_end_is_answered_as_it_is() -> None:
    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["more_body"]:
            continue
        await refuse(scope, receive, send)

    exchange = Exchange([b"x"] * 2, app=reads)
    await exchange.run()
    assert exchange.seen == ["read", "read", "sent", "ended"]


async def test_the_rest_of_one_that_was_asked_for_is_read_too() -> None:
    async def reads_some(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await refuse(scope, receive, send)

    exchange = Exchange([b"x"] * 2, app=reads_some)
    await exchange.run(scope(transfer_encoding="chunked", expect="100-continue"))
    assert exchange.seen == ["read", "sent", "sent", "read", "ended"]


async def test_of_a_large_body_a_mebibyte_is_read() -> None:
    exchange = Exchange([bytes(65536)] * 100)
    await exchange.run(scope(content_length="6553600"))
    assert exchange.seen.count("read") == 16
    assert exchange.ended


async def test_who_stops_sending_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "PAUSE", 0.05)
    exchange = Exchange([b"x"], then=True)
    await asyncio.wait_for(exchange.run(), 2)
    assert exchange.seen[-2:] == ["read", "ended"]


async def test_nor_is_who_goes_on_and_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "SECONDS", 0.05)
    exchange = Exchange([b""] * 20_000)
    await asyncio.wait_for(exchange.run(), 2)
    assert exchange.ended
    assert exchange.seen.count("read") < 20_000


async def test_nor_is_who_was_too_slow() -> None:
    async def gives_up(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 408, "headers": []})
        await send({"type": "http.response.body", "body": REFUSAL})

    exchange = Exchange([b"x"], then=True, app=gives_up)
    await exchange.run()
    assert exchange.seen == ["read", "sent", "ended"]


async def test_nor_anybody_when_the_server_stops() -> None:
    exchange = Exchange([], then=True)
    running = asyncio.create_task(exchange.run())
    while not exchange.seen:
        await asyncio.sleep(0)
    exchange.draining.begin(0)
    await asyncio.wait_for(running, 2)
    assert exchange.ended


async def test_an_answer_without_a_body_waits_for_the_end_as_well() -> None:
    async def empty(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    exchange = Exchange([b"x"], app=empty)
    await exchange.run()
    assert exchange.seen[-2:] == ["read", "ended"]
    assert exchange.body == b""
