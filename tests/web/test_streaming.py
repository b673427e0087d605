"""The body of a request: where it ends, how slow it may be, and JSON out of it."""

import asyncio
import contextlib
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from coatcheck.domain.errors import Incomplete, Malformed, TimedOut, TooLarge
from coatcheck.web.streaming import RequestBody, parse_json, read_bytes, read_json
from tests.web.bodies import Chunks

HANG_UP: Message = {"type": "http.disconnect"}


def chunk(data: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": data, "more_body": more}


class Sender:
    """An ASGI `receive` that brings these messages, and after the last of them nothing for ever."""

    def __init__(self, messages: Iterable[Message | float]) -> None:
        self.messages = list(messages)
        self.now = 0.0

    async def __call__(self) -> Message:
        while self.messages:
            message = self.messages.pop(0)
            if not isinstance(message, float):
                return message
            self.now += message
            await asyncio.sleep(0)
        self.now += 3600
        await asyncio.Event().wait()
        return HANG_UP


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch):
    """Makes a sender whose numbers are seconds that pass on the loop's clock."""

    def make(*messages: Message | float) -> Sender:
        sender = Sender(messages)
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: sender.now)
        return sender

    return make


async def taken(body: RequestBody) -> list[bytes]:
    return [piece async for piece in body]


async def test_a_body_is_its_chunks_without_the_empty_ones(sender) -> None:
    body = RequestBody(sender(chunk(b"ab"), chunk(b""), chunk(b"c"), chunk(b"", more=False)))
    assert await taken(body) == [b"ab", b"c"]
    assert (body.received, body.cut, body.declared) == (3, False, None)


async def test_a_message_may_lack_what_is_at_its_default(sender) -> None:
    body = RequestBody(sender({"type": "http.request"}))
    assert await taken(body) == []
    assert not body.cut


async def test_a_body_ends_quietly_when_the_sender_hangs_up(sender) -> None:
    body = RequestBody(sender(chunk(b"ab"), HANG_UP))
    assert await taken(body) == [b"ab"]
    assert body.cut


async def test_a_disconnect_that_the_framework_raises_is_a_hang_up_too() -> None:
    async def receive() -> Message:
        raise ClientDisconnect

    body = RequestBody(receive)
    assert await taken(body) == []
    assert body.cut


async def test_a_body_shorter_than_declared_is_cut_even_if_the_server_calls_it_whole(
    sender,
) -> None:
    body = RequestBody(sender(chunk(b"ab", more=False)), declared=3)
    assert await taken(body) == [b"ab"]
    assert body.cut


async def test_a_body_can_be_read_once(sender) -> None:
    body = RequestBody(sender(chunk(b"ab", more=False)))
    await taken(body)
    with pytest.raises(RuntimeError):
        await taken(body)


@pytest.mark.parametrize(
    ("value", "declared"),
    [
        ("0", 0),
        ("12", 12),
        ("", None),
        ("-1", None),
        ("1_0", None),
        ("9" * 19, 10**19 - 1),
        ("9" * 30, None),
        ("x", None),
    ],
)
async def test_the_declared_size_is_the_content_length(value: str, declared: int | None) -> None:
    headers = [(b"content-length", value.encode())]
    request = Request({"type": "http", "headers": headers}, Sender([]))
    assert RequestBody.of(request, window=5.0).declared == declared


@pytest.mark.parametrize(
    "fields",
    [
        [(b"transfer-encoding", b"gzip, chunked")],
        [(b"transfer-encoding", b"gzip"), (b"transfer-encoding", b"chunked")],
        [(b"transfer-encoding", b"chunked, chunked")],
        [(b"transfer-encoding", b"identity")],
        [(b"transfer-encoding", b"chunked"), (b"content-length", b"5")],
    ],
)
async def test_a_body_that_is_told_in_two_ways_is_refused(
    fields: list[tuple[bytes, bytes]],
) -> None:
    with pytest.raises(Malformed) as refusal:
        RequestBody.of(Request({"type": "http", "headers": fields}, Sender([])))
    assert refusal.value.facts == {"closes": True}


async def test_a_body_in_chunks_is_taken() -> None:
    headers = [(b"transfer-encoding", b"Chunked")]
    assert (
        RequestBody.of(Request({"type": "http", "headers": headers}, Sender([]))).declared is None
    )


async def test_what_is_to_be_done_at_the_end_is_done_only_there(sender) -> None:
    seen = []

    async def at_end() -> None:
        seen.append(body.received)

    body = RequestBody(sender(chunk(b"ab"), chunk(b"c", more=False)), at_end=at_end)
    await taken(body)
    assert seen == [3]
    body = RequestBody(sender(chunk(b"ab"), HANG_UP), at_end=at_end)
    await taken(body)
    assert seen == [3]


async def test_a_sender_that_never_begins_is_timed_out(sender) -> None:
    with pytest.raises(TimedOut):
        await taken(RequestBody(sender(), first_byte=10))


async def test_a_sender_that_stops_is_timed_out_after_a_window(sender) -> None:
    body = RequestBody(sender(9.0, chunk(b"a")), first_byte=10, window=10)
    with pytest.raises(TimedOut) as refusal:
        await taken(body)
    assert refusal.value.facts == {"received": 1, "what": "min_rate", "limit": 1024}


async def test_a_sender_of_one_byte_a_second_is_timed_out(sender) -> None:
    drip = [each for _ in range(60) for each in (1.0, chunk(b"x"))]
    waiting = sender(*drip)
    with pytest.raises(TimedOut):
        await taken(RequestBody(waiting, min_rate=1024, window=30))
    assert waiting.now <= 35


async def test_without_a_lowest_rate_a_sender_may_rest_for_hours(sender) -> None:
    body = RequestBody(
        sender(chunk(b"a"), 20 * 3600.0, chunk(b"b", more=False)), min_rate=0, window=30
    )
    assert b"".join(await taken(body)) == b"ab"


async def test_a_slow_but_steady_sender_is_served(sender) -> None:
    steady = [each for _ in range(60) for each in (10.0, chunk(bytes(20_480)))]
    body = RequestBody(sender(*steady, chunk(b"", more=False)), min_rate=1024, window=30)
    assert sum(map(len, await taken(body))) == 60 * 20_480


async def test_time_that_we_take_ourselves_is_not_held_against_the_sender(sender) -> None:
    waiting = sender(*[chunk(b"x")] * 5, chunk(b"", more=False))
    async for _ in RequestBody(waiting, window=30):
        waiting.now += 3600


async def test_bytes_are_read_up_to_a_limit_and_no_further() -> None:
    assert await read_bytes(Chunks([b"ab", b"c"]), 3) == b"abc"
    endless = Chunks([b"ab"] * 1000)
    with pytest.raises(TooLarge) as refusal:
        await read_bytes(endless, 3)
    assert refusal.value.facts == {"limit": 3}
    assert endless.taken == 4


async def test_a_cut_body_is_incomplete() -> None:
    with pytest.raises(Incomplete):
        await read_json(Chunks([b"{}"], hang_up=True), 100)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a": [1, -2.5, "\xc3\xa9", null, true]}', {"a": [1, -2.5, "é", None, True]}),
        (b" null\n", None),
        (b"[]", []),
        (b'"\\ud83d\\ude00"', "😀"),
        (b"9223372036854775807", 2**63 - 1),
        (b"-0", 0),
        (b"1e3", 1000.0),
    ],
)
async def test_json_of_any_kind_is_read(data: bytes, value: object) -> None:
    assert await read_json(Chunks([data[:3], data[3:]]), 100) == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"{x}",
        b"{",
        b'"a',
        b"[1,]",
        b"{} {}",
        b"{}x",
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        b"\xff\xfe",
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e400",
        b"[-1e999]",
        b"9223372036854775808",
        b"1" * 5000,
        b"-" + b"1" * 30,
        b"[" * 100_000,
        b"[" * 65 + b"]" * 65,
        b'{"a":' * 400 + b"1" + b"}" * 400,
        b'{"a": 1, "a": 2}',
        b'"\\ud800"',
        b'{"\\udfff": 1}',
        b'[["\\ud800.png"]]',
        b'"a\\u0000b"',
        b"'a'",
        b"True",
    ],
)
def test_what_readers_would_not_agree_on_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse_json(data)


def test_json_may_be_nested_sixty_four_deep() -> None:
    parse_json(b"[" * 64 + b"]" * 64)
    parse_json(b"[" * 64 + b"1" + b"]" * 64)


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_json_or_malformed(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        parse_json(data)
