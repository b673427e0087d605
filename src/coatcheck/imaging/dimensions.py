"""How many pixels an image says it has: read from its header while its bytes pass, and nothing decoded.

Each format has a parser below that asks for the few bytes it needs, so that nothing else is ever kept.
"""

from __future__ import annotations

from collections.abc import Generator

Dimensions = tuple[int, int]

#: Asks for (bytes to pass over, bytes wanted after them), and is sent the latter.
_Parser = Generator[tuple[int, int], bytes, Dimensions | None]

#: How far into a file its dimensions are looked for: behind the largest colour profiles, and no further.
REACH = 1024 * 1024

# A JPEG of nothing but tiny segments would keep the event loop busy: a real one has some dozens.
_STEPS = 1000

# What fits into a column. PNG and BMP allow no more either.
_MOST = 2**31 - 1


class HeaderProbe:
    """Knows PNG, JPEG, GIF, WebP and BMP. Feed it a file from its beginning, in pieces of any size.

    What it finds is what the header says, true or not; an image without a pixel has no dimensions. A picture that
    is to be shown turned (EXIF) has those it is stored with.
    """

    def __init__(self) -> None:
        self.dimensions: Dimensions | None = None
        self._parser: _Parser | None = _header()
        self._skip, self._take = next(self._parser)
        self._taken = b""
        self._left = REACH
        self._steps = _STEPS

    def feed(self, data: bytes) -> bool:
        """Whether it could do with more."""
        at, stop = 0, min(len(data), self._left)
        while self._parser and at < stop:
            passed = min(self._skip, stop - at)
            at += passed
            self._skip -= passed
            if self._skip:
                break
            piece = data[at : min(at + self._take - len(self._taken), stop)]
            at += len(piece)
            self._taken += piece
            if len(self._taken) == self._take:
                self._step(self._parser)
        self._left -= stop
        if not self._left:
            self._parser = None
        return self._parser is not None

    def _step(self, parser: _Parser) -> None:
        taken, self._taken = self._taken, b""
        self._steps -= 1
        try:
            self._skip, self._take = parser.send(taken)
        except StopIteration as stopped:
            self.dimensions = _possible(stopped.value)
            self._parser = None
        else:
            if not self._steps:
                self._parser = None


def _possible(dimensions: Dimensions | None) -> Dimensions | None:
    return dimensions if dimensions and all(0 < each <= _MOST for each in dimensions) else None


def _header() -> _Parser:
    first = yield 0, 2
    parser = _FORMATS.get(first)
    return (yield from parser()) if parser else None


def _png() -> _Parser:
    """PNG specification §11.2.2: IHDR comes first."""
    data = yield 0, 22
    if not data.startswith(b"NG\r\n\x1a\n\0\0\0\rIHDR"):
        return None
    return int.from_bytes(data[14:18]), int.from_bytes(data[18:22])


def _gif() -> _Parser:
    """GIF89a §18: the logical screen, whatever its frames say."""
    data = yield 0, 8
    if data[:4] not in (b"F87a", b"F89a"):
        return None
    return int.from_bytes(data[4:6], "little"), int.from_bytes(data[6:8], "little")


def _jpeg() -> _Parser:
    """ITU-T T.81 §B.2: segment after segment up to the frame header."""
    marker = yield 0, 2
    while marker[0] == 0xFF:
        code = marker[1]
        if code == 0xFF:  # fill bytes may come before a marker
            marker = marker[1:] + (yield 0, 1)
        elif code in _FRAMES:
            data = yield 0, 7
            return int.from_bytes(data[5:7]), int.from_bytes(data[3:5])
        elif code == 0x01 or 0xD0 <= code <= 0xD7:  # markers that stand alone
            marker = yield 0, 2
        elif code in (0xD8, 0xD9, 0xDA):  # pixels, or the end, before any frame header
            return None
        else:
            length = int.from_bytes((yield 0, 2))
            if length < 2:
                return None
            marker = yield length - 2, 2
    return None


# SOF0 to SOF15, less the three of that row which are no frame headers.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def _webp() -> _Parser:
    """RFC 9649 §2: a lossy, a lossless or an extended header."""
    data = yield 0, 28
    if data[:2] != b"FF" or data[6:10] != b"WEBP":
        return None
    chunk, body = data[10:14], data[18:28]
    if chunk == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width, height = body[6:8], body[8:10]
        return int.from_bytes(width, "little") & 0x3FFF, int.from_bytes(height, "little") & 0x3FFF
    if chunk == b"VP8L" and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8X":
        width, height = body[4:7], body[7:10]
        return int.from_bytes(width, "little") + 1, int.from_bytes(height, "little") + 1
    return None


def _bmp() -> _Parser:
    """Two letters begin many a text, hence the four reserved bytes; a negative height is counted from the top."""
    data = yield 0, 24
    if data[4:8] != bytes(4):
        return None
    version = int.from_bytes(data[12:16], "little")
    if version == 12:
        return int.from_bytes(data[16:18], "little"), int.from_bytes(data[18:20], "little")
    if version not in (40, 52, 56, 64, 108, 124):
        return None
    height = abs(int.from_bytes(data[20:24], "little", signed=True))
    return int.from_bytes(data[16:20], "little", signed=True), height


_FORMATS = {b"\x89P": _png, b"\xff\xd8": _jpeg, b"GI": _gif, b"RI": _webp, b"BM": _bmp}
