"""Bytes of a multipart body in, events out: python-multipart's parser with its gaps filled."""

from __future__ import annotations

from collections import deque
from enum import Enum

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError

from coatcheck.domain.errors import Malformed

#: What may stand before the first and after the last boundary. Real senders put a line break there.
MAX_AROUND = 4096


class Mark(Enum):
    """Events without content: the end of a part, and the closing boundary."""

    PART_END = "part end"
    END = "end"


#: Names in lower case and values of a part's header fields, in the order given.
PartHeaders = list[tuple[str, str]]

Event = PartHeaders | bytes | Mark


class Events:
    """Feed it chunks, and take events from the left of `pending`.

    All the data of one part that one chunk brings is one event, so that a body made to look like a
    boundary at every byte costs no more awaits than another. How a body was cut into chunks shows
    in nothing but the sizes of those events.
    """

    def __init__(self, boundary: str, max_parts: int, max_headers: int) -> None:
        self.pending: deque[Event] = deque()
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        self._parts_left = max_parts
        # A body begins as if after a line break (RFC 2046 §5.1.1).
        self._preamble: bytes | None = b"\r\n"
        self._tail = b"\r\n"
        self._epilogue: int | None = None
        self._headers: PartHeaders = []
        self._field = bytearray()
        self._value = bytearray()
        self._data: list[bytes] = []
        self._parser = MultipartParser(
            boundary.encode("ascii"),
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
            max_header_count=max_headers,
        )

    def feed(self, chunk: bytes) -> None:
        """Parse one chunk. Raises Malformed."""
        if self._epilogue is not None:
            self._bound_epilogue(self._epilogue + len(chunk))
            return
        if self._preamble is not None:
            chunk = self._without_preamble(self._preamble + chunk)
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise Malformed("The form cannot be read.") from None
        self._flush()
        window = self._tail + chunk if len(chunk) < 128 or self._ended else chunk
        if self._ended:
            closing = self._delimiter + b"--"
            self._bound_epilogue(len(window) - window.index(closing) - len(closing))
        self._tail = window[-len(self._delimiter) - 2 :]

    @property
    def _ended(self) -> bool:
        return bool(self.pending) and self.pending[-1] is Mark.END

    def _without_preamble(self, seen: bytes) -> bytes:
        """The parser's own idea of a preamble depends on how the chunks were cut."""
        start = seen.find(self._delimiter)
        if start > MAX_AROUND or (start < 0 and len(seen) > MAX_AROUND + len(self._delimiter)):
            raise Malformed("The form does not begin with its boundary.")
        self._preamble = seen if start < 0 else None
        return b"" if start < 0 else seen[start + 2 :]

    def _bound_epilogue(self, size: int) -> None:
        self._epilogue = size
        if size > MAX_AROUND:
            raise Malformed("The form goes on after its end.")

    def _on_part_begin(self) -> None:
        self._parts_left -= 1
        if self._parts_left < 0:
            raise Malformed("The form has too many parts.")
        self._headers = []

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        name = self._field.decode("latin-1").lower()
        self._headers.append((name, self._value.decode("latin-1").strip(" \t")))
        self._field.clear()
        self._value.clear()

    def _on_headers_finished(self) -> None:
        self.pending.append(self._headers)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])

    def _on_part_end(self) -> None:
        self._flush()
        self.pending.append(Mark.PART_END)

    def _on_end(self) -> None:
        self.pending.append(Mark.END)

    def _flush(self) -> None:
        if self._data:
            self.pending.append(self._data[0] if len(self._data) == 1 else b"".join(self._data))
            self._data.clear()
