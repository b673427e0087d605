"""Too much of everything: connections, silence, descriptors, uploads when a server has to stop.

A full disk, a sync that fails and power that goes are in `tests/crash`; databases and stores that go away, and
processes that are killed under load, in `tests/nodes` and `tests/race`.
"""

from __future__ import annotations

import json
import resource
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import psutil
import pytest
import requests

from tests.books import assert_books_balance
from tests.e2e.server import Server, running_server
from tests.security.aftermath import unharmed
from tests.security.asking import Asker, fresh
from tests.security.harness import ENV, KINDS, Kind, Site
from tests.security.requests import request
from tests.security.wire import Connection

#: Seconds that both servers give a head.
HEAD_TIMEOUT = 10


def _silent(site: Site, idle: int, half: int, slow: int) -> list[socket.socket]:
    """Connections that say nothing, half of a head, or a head and no body."""
    beginnings = (
        [b""] * idle
        + [b"POST /attachments HTTP/1.1\r\nHost: x\r\nX-Half: "] * half
        + [request(b"POST", b"/attachments", *site.key(), length=1000)] * slow
    )
    opened = []
    for beginning in beginnings:
        one = socket.create_connection(("127.0.0.1", site.server.port), timeout=30)
        one.sendall(beginning)
        opened.append(one)
    return opened


def _is_over(one: socket.socket) -> bool:
    """The other side has hung up, perhaps after an answer."""
    one.setblocking(False)
    try:
        while one.recv(4096):
            continue
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _outlast_silence(sites: dict[Kind, Site], idle: int, half: int, slow: int) -> None:
    with ExitStack() as stack:
        for site in sites.values():
            stack.enter_context(unharmed(site))
        opened = [
            stack.enter_context(closing(one))
            for site in sites.values()
            for one in _silent(site, idle, half, slow)
        ]
        deadline = time.monotonic() + HEAD_TIMEOUT + 20
        took = []
        while any(not _is_over(one) for one in opened):
            for site in sites.values():
                began = time.monotonic()
                assert Asker(site).get("/attachments").status == 200
                took.append(time.monotonic() - began)
            assert time.monotonic() < deadline, "silence is still listened to"
            time.sleep(0.2)
        took.sort()
        assert took[len(took) // 2] < 1, "others had to wait"


def test_connections_that_say_nothing_or_half_are_closed_and_hold_up_nobody(
    sites: dict[Kind, Site],
) -> None:
    _outlast_silence(sites, idle=100, half=100, slow=50)


def _allow_descriptors(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"THIS MACHINE ALLOWS {hard} DESCRIPTORS A PROCESS, AND {wanted} ARE NEEDED")
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@pytest.mark.thorough
def test_nor_do_thousands(sites: dict[Kind, Site]) -> None:
    _allow_descriptors(12_000)
    _outlast_silence(sites, idle=2000, half=2000, slow=500)


@pytest.mark.thorough
def test_a_body_that_trickles_is_given_up(site: Site) -> None:
    """A byte a second is less than `COATCHECK_MIN_RATE`, and half a minute is what it is measured over."""
    with unharmed(site), Connection(site.server.port) as connection:
        connection.send([request(b"POST", b"/attachments", *site.key(), length=1000)])
        for _ in range(34):
            connection.send([b"x"])
            time.sleep(1)
        connection.listen()
        assert connection.exchange.status in (408, None)
        assert connection.exchange.closed


@pytest.mark.thorough
def test_connections_beyond_any_cap_wait_or_are_refused_and_nothing_breaks(site: Site) -> None:
    """Granian serves 4096 at a time and lets more wait; uvicorn serves what the system's descriptors allow."""
    _allow_descriptors(12_000)
    with unharmed(site), ExitStack() as stack:
        for _ in range(5200):
            one = socket.socket()
            one.settimeout(5)
            try:
                one.connect(("127.0.0.1", site.server.port))
            except OSError:
                one.close()
            else:
                stack.enter_context(closing(one))


# --- servers of their own: the tests below run in this order ------------------------------------------------


@pytest.fixture(scope="module")
def spares(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Kind, Site]]:
    """Two that may be hurt, and whose limits are low; the last test stops them."""
    base = tmp_path_factory.mktemp("spares")
    low = {
        **ENV,
        "COATCHECK_QUOTA_COUNT": "3",
        "COATCHECK_QUOTA_BYTES": "1000000",
        "COATCHECK_MAX_OPEN_UPLOADS": "2",
        "COATCHECK_MAX_PARTS": "4",
        "COATCHECK_RATE_LIMITS": "on",
        "COATCHECK_FIRST_BYTE_TIMEOUT": "60",
        "COATCHECK_GRACEFUL_TIMEOUT": "4",
    }
    with ExitStack() as stack:
        yield {
            kind: Site(kind, stack.enter_context(running_server(base / kind, server=kind, env=low)))
            for kind in KINDS
        }


@pytest.mark.parametrize("kind", KINDS)
def test_limits_are_of_each_owner_and_not_of_an_address(
    spares: dict[Kind, Site], kind: Kind
) -> None:
    site = spares[kind]
    ann, ben = (Asker(site, who, may_fail=frozenset({507})) for who in ("ann", "ben"))
    made = [ann.left(fresh())["id"] for _ in range(3)]
    refused = ann.ask("POST", "/coatcheck/v1/attachments", body=fresh())
    assert (refused.status, refused.json()["code"]) == (507, "quota_exceeded")
    ben.deleted(ben.left(fresh())["id"])
    for each in made:
        ann.deleted(each)
    # Unfinished uploads of one owner, and parts of one upload.
    assert [ann.chunk(1, b"x", total=9, key=f"k{n}").status for n in range(3)] == [202, 202, 422]
    assert [ann.chunk(n, b"x", total=9, key="k0").status for n in (2, 3, 4, 5)] == [202] * 3 + [422]
    assert ben.chunk(1, b"hello", total=5, key="k9").status == 201
    # Requests: of one who asks too often, in the API that has such a limit.
    statuses = [ann.ask("POST", "/posts", json={}).status for _ in range(60)]
    assert statuses[-1] == 429
    assert ben.ask("POST", "/posts", json={}).status == 400


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_without_descriptors_serves_again_when_it_has_some(
    spares: dict[Kind, Site], kind: Kind
) -> None:
    site = spares[kind]
    worker = psutil.Process(site.server.pids()[-1])
    before = worker.rlimit(psutil.RLIMIT_NOFILE)
    worker.rlimit(psutil.RLIMIT_NOFILE, (worker.num_fds() + 8, before[1]))
    try:
        with ExitStack() as stack:
            for _ in range(40):
                one = socket.create_connection(("127.0.0.1", site.server.port), timeout=10)
                stack.enter_context(closing(one))
                one.sendall(b"GET /-/health HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.5)
    finally:
        worker.rlimit(psutil.RLIMIT_NOFILE, before)
    deadline = time.monotonic() + 20
    while True:
        try:
            answer = requests.get(f"{site.server.url}/-/ready", timeout=5)
            if answer.status_code == 200:
                break
        except requests.RequestException:
            pass
        assert time.monotonic() < deadline, site.server.said()[-2000:]
    assert worker.is_running(), "the worker was lost"
    ben = Asker(site, "ben")
    ben.deleted(ben.left(fresh())["id"])


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionError:
        return False
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_of_twenty_uploads_at_the_stop_signal_those_in_time_are_kept_and_the_others_told(
    spares: dict[Kind, Site], kind: Kind
) -> None:
    site = spares[kind]
    server: Server = site.server
    connections: list[Connection] = []
    with ExitStack() as stack:
        for number in range(20):
            connection = stack.enter_context(Connection(server.port))
            who = ("ben", "eve")[number % 2]
            head = request(b"POST", b"/attachments", *site.key(who=who), length=40)
            connection.send([head, b"%020d" % number])
            connections.append(connection)
        time.sleep(0.5)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        while _listens(server.port):
            assert time.monotonic() < began + 3, "the port is still open"
            time.sleep(0.05)
        finishing = connections[:4]
        for connection in finishing:
            connection.send([bytes(20)])
        for connection in connections:
            connection.listen(patience=20)
        assert [each.exchange.status for each in finishing] == [200] * 4
        assert {each.exchange.status for each in connections[4:]} == {503}
        for each in connections[4:]:
            (error,) = json.loads(each.exchange.answer.body)["errors"]
            assert set(error) == {"id", "code", "description"}
        assert server.process.wait(30) == 0
        assert time.monotonic() - began < 35
    assert_books_balance(server.data_dir)
