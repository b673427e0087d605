"""Requests written out by hand, right in every way that a test does not choose to get wrong."""

from __future__ import annotations

from collections.abc import Iterable

#: Of every form.
BOUNDARY = b"XBX"
FORM = b"multipart/form-data; boundary=" + BOUNDARY

Field = tuple[bytes, bytes]


def request(
    method: bytes,
    target: bytes,
    *fields: Field,
    body: bytes | None = None,
    length: int | None = None,
    host: bytes = b"coatcheck.test",
    keep_alive: bool = False,
    framed: bool = True,
) -> bytes:
    """With Content-Length where there is a body, or as `length` says, unless the fields say it (`framed`).

    The connection ends with it, unless told.
    """
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: " + host]
    lines += [name + b": " + value for name, value in fields]
    if length is None and body is not None and framed:
        length = len(body)
    if length is not None:
        lines.append(b"Content-Length: %d" % length)
    if not keep_alive:
        lines.append(b"Connection: close")
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")


def chunked(data: bytes, size: int = 64 * 1024) -> bytes:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in pieces) + b"0\r\n\r\n"


def part(
    data: bytes,
    name: bytes = b"file",
    filename: bytes | None = b"a.bin",
    *extra: bytes,
    content_type: bytes | None = None,
) -> bytes:
    """One part of a form, its boundary before it; `extra` are more lines of its head."""
    disposition = b'Content-Disposition: form-data; name="' + name + b'"'
    if filename is not None:
        disposition += b'; filename="' + filename + b'"'
    lines = [b"--" + BOUNDARY, disposition, *extra]
    if content_type is not None:
        lines.append(b"Content-Type: " + content_type)
    return b"\r\n".join(lines) + b"\r\n\r\n" + data + b"\r\n"


def form(*parts: bytes) -> bytes:
    """The parts, and the boundary that ends them."""
    return b"".join(parts) + b"--" + BOUNDARY + b"--\r\n"


def joined(lines: Iterable[bytes]) -> bytes:
    return b"".join(each + b"\r\n" for each in lines)
