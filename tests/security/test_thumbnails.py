"""Pictures that are traps: they are kept like any file, and whatever becomes of their thumbnails, all is well."""

from __future__ import annotations

import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psutil
import pytest

from tests import pictures
from tests.security.aftermath import unharmed
from tests.security.asking import Asker, fresh
from tests.security.harness import Kind, Site
from tests.security.requests import part


@pytest.fixture
def site(sites: dict[Kind, Site]) -> Site:
    """The one server, which has made its first thumbnail: what it opens for that, it keeps."""
    site = sites["granian"]
    ann = Asker(site)
    made = ann.sent("/v2/attachments", part(pictures.picture("png"), filename=b"a.png")).json()
    assert ann.get(f"/v2/thumbnails/{made['id']}").status == 200
    ann.deleted(int(made["id"]))
    return site


def _png(width: int, height: int, *chunks: bytes) -> bytes:
    return pictures.png_header(width, height) + b"".join(chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _traps(port: int) -> dict[str, bytes]:
    """`port` is where those that would fetch something would go."""
    address = f"http://127.0.0.1:{port}/x"
    jpeg, png = pictures.picture("jpeg"), pictures.picture("png")
    bomb = zlib.compress(bytes(20_000_000), 9)
    return {
        "flood.png": _png(60_000, 60_000, _chunk(b"IDAT", bomb), _chunk(b"IEND", b"")),
        "largest.png": _png(2**31 - 1, 2**31 - 1),
        "empty.png": _png(0, 0),
        "moving.png": pictures.moving("PNG"),
        "moving.gif": pictures.moving("GIF") + b"\x21\xf9\x04\0\1\0\0\0\x2c" * 100_000,
        "wide.gif": pictures.gif_header(65535, 65535),
        "loop.tiff": b"II*\0\x08\0\0\0\0\0\x08\0\0\0",
        "profile.png": _png(10, 10, _chunk(b"iCCP", b"x\0\0" + bomb)),
        "text.png": _png(10, 10, _chunk(b"zTXt", b"x\0\0" + bomb)),
        "cut.jpg": jpeg[: len(jpeg) // 2],
        "cut.png": png[:-30],
        "noise.jpg": b"\xff\xd8\xff" + fresh(50_000),
        "magick.png": f"push graphic-context\nimage over 0,0 0,0 '{address}'\n".encode(),
        "magick.mvg": f"push graphic-context\nimage over 0,0 0,0 '{address}'\n".encode(),
        "magick.msl": f'<image><read filename="{address}"/></image>'.encode(),
        "page.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/tmp/x) (w) file\n",
        "page.ps": b"%!PS\n%pipe%touch /tmp/x\n",
        "page.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "page.pdf": b"%PDF-1.7\n1 0 obj<</S/URI/URI(" + address.encode() + b")>>endobj\n",
        "drawing.svg": f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{address}"/></svg>'.encode(),
        "entity.svg": f'<!DOCTYPE x [<!ENTITY e SYSTEM "{address}">]><svg>&e;</svg>'.encode(),
    }


@contextmanager
def somebody_who_listens() -> Iterator[tuple[int, list[object]]]:
    """A port, and who has called at it."""
    calls: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def listen() -> None:
            while True:
                try:
                    calls.append(listener.accept())
                except OSError:
                    return

        threading.Thread(target=listen, daemon=True).start()
        yield listener.getsockname()[1], calls


def test_a_trap_is_kept_like_any_file_and_springs_for_nobody(site: Site) -> None:
    ann = Asker(site)
    with unharmed(site), somebody_who_listens() as (port, calls):
        programs: set[str] = set()
        for name, trap in _traps(port).items():
            answer = ann.sent("/v2/attachments", part(trap, filename=name.encode()))
            assert answer.status == 201, (name, answer)
            made = answer.json()
            shown = ann.get(f"/v2/thumbnails/{made['id']}")
            assert shown.status == 404, (name, shown)
            children = psutil.Process(site.server.process.pid).children(recursive=True)
            programs |= {child.name() for child in children}
            assert ann.get(f"/v2/attachments/{made['id']}/x").body == trap, name
            ann.deleted(int(made["id"]))
        assert calls == []
        assert not programs & {"convert", "magick", "gs", "rsvg-convert", "sh", "bash"}, programs


def test_a_picture_whose_first_frame_is_honest_may_be_shown_small(site: Site) -> None:
    """So that the test above is about traps, and not about a server without thumbnails."""
    ann = Asker(site)
    with unharmed(site):
        data = pictures.picture("jpeg-large-header", (640, 480))
        made = ann.sent("/v2/attachments", part(data, filename=b"a.jpg")).json()
        shown = ann.get(f"/v2/thumbnails/{made['id']}")
        assert shown.status == 200
        assert len(shown.body) < len(data)
        assert shown.header("x-content-type-options") == "nosniff"
        assert b"Exif" not in shown.body
        ann.deleted(int(made["id"]))


@pytest.mark.thorough
def test_a_hundred_thumbnails_at_once_leave_room_for_uploads(site: Site) -> None:
    """Few are made at a time, in processes of their own; an upload meanwhile does not wait for them."""
    ann = Asker(site, may_fail=frozenset({503}))
    with unharmed(site):
        made = [
            ann.sent("/v2/attachments", part(pictures.noise((300, 300)), filename=b"a.jpg")).json()
            for _ in range(100)
        ]
        processes, at_rest = list[int](), len(site.server.pids())
        with ThreadPoolExecutor(100) as threads:
            asked = [threads.submit(ann.get, f"/v2/thumbnails/{each['id']}") for each in made]
            took = []
            while not all(each.done() for each in asked):
                began = time.monotonic()
                ann.deleted(ann.left(fresh())["id"])
                took.append(time.monotonic() - began)
                processes.append(len(site.server.pids()))
        assert {each.result().status for each in asked} <= {200, 503}
        assert max(processes) - at_rest <= 4
        took.sort()
        assert took[len(took) // 2] < 1
        for each in made:
            ann.deleted(int(each["id"]))
