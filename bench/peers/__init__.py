"""Who is measured: each name with how a session starts that server."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from bench.peers import coatcheck, fastapi, nginx, tus

if TYPE_CHECKING:
    from bench.session import Session, Start

PEERS: dict[str, Callable[[Session], Start]] = {
    "coatcheck": lambda _: coatcheck.start,
    "coatcheck --workers 2": lambda _: partial(coatcheck.start, options=("--workers", "2")),
    "coatcheck --server uvicorn": lambda _: partial(
        coatcheck.start, options=("--server", "uvicorn")
    ),
    "nginx": lambda _: nginx.start,
    "@tus/server": lambda session: partial(
        tus.start, cache=session.cache, install=session.scale.install
    ),
    "FastAPI UploadFile": lambda _: partial(fastapi.start, app="uploadfile", field="file"),
    "FastAPI commit": lambda _: partial(fastapi.start, app="commit_per_request", field=""),
}
