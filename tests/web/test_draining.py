"""Draining: requests in hand may end, and those that do not are told so in time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from starlette.types import Message, Receive, Scope, Send

from coatcheck.domain.errors import Unavailable
from coatcheck.web.draining import Draining, Drains
from tests.kit import installation

SCOPE: Scope = {"type": "http"}


async def silence() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def nowhere(_message: Message) -> None:
    pass


async def until_waiting(draining: Draining) -> None:
    while not draining._waiting:
        await asyncio.sleep(0)


async def reads(_scope: Scope, receive: Receive, _send: Send) -> None:
    await receive()


async def test_a_request_that_still_waits_for_its_body_at_the_end_is_unavailable() -> None:
    draining = Draining()
    request = asyncio.create_task(Drains(reads, draining)(SCOPE, silence, nowhere))
    await until_waiting(draining)

    draining.begin(0)

    with pytest.raises(Unavailable, match="stopping"):
        await request


async def test_the_body_goes_on_until_the_end() -> None:
    draining = Draining()
    draining.begin(3600)
    pieces: asyncio.Queue[Message] = asyncio.Queue()
    request = asyncio.create_task(Drains(reads, draining)(SCOPE, pieces.get, nowhere))
    await until_waiting(draining)

    pieces.put_nowait({"type": "http.request", "body": b"x", "more_body": False})

    await request


async def test_a_request_that_is_cancelled_by_others_stays_cancelled() -> None:
    draining = Draining()
    request = asyncio.create_task(Drains(reads, draining)(SCOPE, silence, nowhere))
    await until_waiting(draining)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request


async def test_a_deadline_of_the_request_is_still_its_own() -> None:
    async def impatient(_scope: Scope, receive: Receive, _send: Send) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await receive()
        with pytest.raises(Unavailable):
            async with asyncio.timeout(60):
                await receive()

    draining = Draining()
    request = asyncio.create_task(Drains(impatient, draining)(SCOPE, silence, nowhere))
    await asyncio.sleep(0.01)
    await until_waiting(draining)
    draining.begin(0)
    await request


async def test_an_answer_under_way_sees_the_client_hang_up() -> None:
    """It is too late for an error."""
    seen: list[Message] = []

    async def answers(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        seen.append(await receive())

    draining = Draining()
    request = asyncio.create_task(Drains(answers, draining)(SCOPE, silence, nowhere))
    await until_waiting(draining)
    draining.begin(0)
    await request
    assert seen == [{"type": "http.disconnect"}]


async def test_a_request_that_does_not_wait_for_its_body_is_left_to_finish() -> None:
    draining = Draining()
    finished = asyncio.Event()

    async def works(_scope: Scope, _receive: Receive, _send: Send) -> None:
        await finished.wait()

    request = asyncio.create_task(Drains(works, draining)(SCOPE, silence, nowhere))
    draining.begin(0)
    await asyncio.sleep(0.01)
    assert not request.done()
    finished.set()
    await request


async def test_a_server_that_is_stopping_is_not_ready_and_says_so(tmp_path: Path) -> None:
    async with installation(tmp_path, dialects=()) as place, place.anonymous() as client:
        assert (await client.get("/-/ready")).status_code == 200
        place.app.state.draining.begin(3600)
        answer = await client.get("/-/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["server"] == "stopping"
