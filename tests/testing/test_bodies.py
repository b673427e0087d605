from __future__ import annotations

import asyncio

from coatcheck.testing.bodies import Body, Cut, Stalled, Whole

CONTENT = b"0123456789"


async def read(body: Body) -> bytes:
    return b"".join([piece async for piece in body])


async def test_a_whole_body_comes_in_pieces_and_is_not_cut():
    body = Whole(CONTENT, piece=4)
    assert [piece async for piece in body] == [b"0123", b"4567", b"89"]
    assert not body.cut


async def test_a_cut_body_ends_quietly_and_says_so_only_then():
    body = Cut(CONTENT, after=6, piece=4)
    pieces = aiter(body)
    assert await anext(pieces) == b"0123"
    assert not body.cut
    assert [piece async for piece in pieces] == [b"45"]
    assert body.cut


async def test_a_body_may_be_cut_before_its_first_byte():
    body = Cut(CONTENT, after=0)
    assert await read(body) == b""
    assert body.cut


async def test_a_stalled_body_waits_until_it_is_resumed():
    body = Stalled(CONTENT, after=6)
    reading = asyncio.create_task(read(body))
    await body.silent.wait()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not reading.done()
    body.resume()
    assert await reading == CONTENT
    assert not body.cut


async def test_a_stalled_body_may_end_by_hanging_up():
    body = Stalled(CONTENT, after=6)
    reading = asyncio.create_task(read(body))
    await body.silent.wait()
    body.hang_up()
    assert await reading == b"012345"
    assert body.cut
