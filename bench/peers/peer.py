"""A server under test, and how it takes what it is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.processes import Child


@dataclass(frozen=True, kw_only=True)
class Upload:
    """How a body is sent. In `path`, {n} stands for something new each time."""

    path: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    #: The name of the field of a multipart form; empty: the body is the bytes themselves.
    field: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`headers` by lower-case name."""

    status: int
    seconds: float
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Peer:
    """`uploads` tells by name how a body of so many bytes is sent; each peer has one called «raw» or «form»."""

    name: str
    url: str
    child: Child
    directory: Path
    uploads: Mapping[str, Callable[[int], Upload]]
    #: Undo an upload, so that the next finds the disk as this one did.
    forget: Callable[[Answer], None]
    headers: Mapping[str, str] = field(default_factory=dict)
